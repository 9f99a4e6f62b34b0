//! The one thread that writes to a store in SQLite. What waits for it is one transaction, and so one sync of the disk.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::fault::failed;
use crate::forgotten::{Mark, Salt};
use crate::{Appended, LiveError, NewEvent};

/// Events of one transaction, unless a single call has more: what the first of them waits for is bounded.
const MAX_EVENTS: usize = 10_000;

/// What is asked of the thread.
enum Job {
    Append(Append),
    Other(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// Events of one call.
struct Append {
    events: Vec<Marked>,
    reply: SyncSender<Result<Appended, LiveError>>,
}

/// An event, and what it and its user go by in indexes.
struct Marked {
    event: NewEvent,
    mark: Mark,
    user: Mark,
}

/// Gives jobs to the thread, which ends when this is dropped.
pub(super) struct Writer {
    /// `None` only while it is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    store: String,
    salt: Salt,
}

impl Writer {
    /// Starts the thread, which owns the connection.
    pub fn start(connection: Connection, store: &str, salt: Salt) -> Result<Self, LiveError> {
        let (jobs, asked) = channel();
        let name = store.to_owned();
        let thread = Builder::new().name("u2i-live".to_owned()).spawn(move || run(connection, &asked, &name));
        let thread = thread.map_err(|error| LiveError::Database {
            store: store.to_owned(),
            action: "start a thread",
            message: error.to_string(),
        })?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread), store: store.to_owned(), salt })
    }

    pub fn append(&self, events: &[NewEvent]) -> Result<Appended, LiveError> {
        let marked = |event: &NewEvent| Marked {
            event: event.clone(),
            mark: self.salt.mark(&event.event_id),
            user: self.salt.mark(&event.user),
        };
        let events = events.iter().map(marked).collect();
        self.ask(|reply| Job::Append(Append { events, reply }))
    }

    /// Does `work` on the thread, between transactions.
    pub fn work<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LiveError> {
        let store = self.store.clone();
        self.ask(|reply| {
            Job::Other(Box::new(move |connection| {
                // Whoever asked may be gone.
                let _ = reply.send(work(connection).map_err(failed(&store, action)));
            }))
        })
    }

    fn ask<T>(&self, job: impl FnOnce(SyncSender<Result<T, LiveError>>) -> Job) -> Result<T, LiveError> {
        let closed = || LiveError::Closed { store: self.store.clone() };
        let (reply, answer) = sync_channel(1);
        self.jobs.as_ref().and_then(|jobs| jobs.send(job(reply)).ok()).ok_or_else(closed)?;
        answer.recv().unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Only a bug of ours panics there, and it was told by then.
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, asked: &Receiver<Job>, store: &str) {
    while let Ok(job) = asked.recv() {
        let first = match job {
            Job::Append(append) => append,
            Job::Other(work) => {
                work(&mut connection);
                continue;
            }
        };
        let (together, other) = gather(first, asked);
        match commit(&mut connection, &together) {
            Ok(appended) => {
                for (append, appended) in together.into_iter().zip(appended) {
                    let _ = append.reply.send(Ok(appended));
                }
            }
            Err(error) => {
                let error = failed(store, "append events")(error);
                for append in together {
                    let _ = append.reply.send(Err(error.clone()));
                }
            }
        }
        if let Some(work) = other {
            work(&mut connection);
        }
    }
}

/// The calls that wait already, up to the first that asks for something else.
#[expect(clippy::type_complexity, reason = "the second is the content of a job")]
fn gather(
    first: Append,
    asked: &Receiver<Job>,
) -> (Vec<Append>, Option<Box<dyn FnOnce(&mut Connection) + Send>>) {
    let mut n_events = first.events.len();
    let mut together = vec![first];
    while n_events < MAX_EVENTS {
        match asked.try_recv() {
            Ok(Job::Append(append)) => {
                n_events += append.events.len();
                together.push(append);
            }
            Ok(Job::Other(work)) => return (together, Some(work)),
            Err(_) => break,
        }
    }
    (together, None)
}

/// One transaction for all.
fn commit(connection: &mut Connection, together: &[Append]) -> rusqlite::Result<Vec<Appended>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let appended = together
        .iter()
        .map(|append| insert(&transaction, &append.events))
        .collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(appended)
}

fn insert(transaction: &Transaction<'_>, events: &[Marked]) -> rusqlite::Result<Appended> {
    let mut known = transaction.prepare_cached("SELECT EXISTS (SELECT 1 FROM events WHERE mark = ?1)")?;
    let mut inserted = transaction.prepare_cached(
        "INSERT INTO events (mark, event_id, user, item_id, time_s, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut appended = Appended::default();
    for Marked { event, mark, user } in events {
        let was_there: bool = known.query_row([mark], |row| row.get(0))?;
        if !was_there {
            let user = user_of(transaction, user, &event.user)?;
            inserted.execute((mark, &event.event_id, user, &event.item, event.time_s, &event.kind))?;
        }
        appended.push(was_there);
    }
    Ok(appended)
}

/// The row of a user, which is made if there is none, and gets its id again if the user was forgotten.
fn user_of(transaction: &Transaction<'_>, mark: &Mark, id: &str) -> rusqlite::Result<i64> {
    let mut known =
        transaction.prepare_cached("SELECT user, forgotten, user_id FROM users WHERE mark = ?1")?;
    let found: Option<(i64, bool, String)> =
        known.query_row([mark], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    match found {
        None => {
            let sql = "INSERT INTO users (mark, user_id, forgotten) VALUES (?1, ?2, 0)";
            transaction.prepare_cached(sql)?.insert((mark, id))
        }
        Some((user, is_forgotten, kept)) => {
            if is_forgotten && kept != id {
                // As long as what stands there, so that the row stays in its place.
                let sql = "UPDATE users SET user_id = ?2 WHERE user = ?1";
                transaction.prepare_cached(sql)?.execute((user, id))?;
            }
            Ok(user)
        }
    }
}
