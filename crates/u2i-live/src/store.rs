use std::ops::ControlFlow;
use std::path::Path;

use crate::{Appended, ForgottenUsers, HourCount, LiveError, LiveEvent, NewEvent, Revision};

/// What can be read back of a store, also while a service writes to it.
///
/// # Errors
///
/// Of all methods: [`Database`](LiveError::Database) if it cannot be read, [`NotAStore`](LiveError::NotAStore) if it is
/// damaged.
pub trait EventLog {
    /// The store in words, without a password.
    fn name(&self) -> &str;

    /// How many events there are that happened at `since_s` (Unix seconds) or later, or in all.
    fn n_events(&self, since_s: Option<i64>) -> Result<u64, LiveError>;

    /// Hands over the events that happened at `since_s` or later, or all, in the order in which they arrived, until there
    /// is none or `each` breaks. Returns how many were handed over.
    ///
    /// No lock is held meanwhile: events that are appended during the call may be among them, and users who are forgotten
    /// during the call, too.
    fn export(
        &self,
        since_s: Option<i64>,
        each: &mut dyn FnMut(NewEvent) -> ControlFlow<()>,
    ) -> Result<u64, LiveError>;

    /// Writes a whole store to one file, which takes the place of one that is there. Nothing of users who were forgotten
    /// is in it. Opened as a store it is the one of the moment at which it began.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; whatever was at its place stays. [`NoBackup`](LiveError::NoBackup) for PostgreSQL,
    /// of which `pg_dump` makes a copy.
    fn backup(&self, to: &Path) -> Result<(), LiveError>;
}

/// The events that arrive while a recommender serves, and what else it must not lose.
///
/// Every method may be called from several threads at once and blocks until it is done.
///
/// # Errors
///
/// Of all methods: as of [`EventLog`]; what writes, also [`Closed`](LiveError::Closed). After an error nothing was changed,
/// or, if the connection to a server was lost at that very moment, all: appending again is safe.
pub trait LiveStore: EventLog + Send + Sync {
    /// Keeps the events, all or none of them, and returns when they outlast a power cut. An event whose `event_id` is there
    /// is the one that is there. Calls of several threads at once share one transaction.
    ///
    /// # Errors
    ///
    /// [`Text`](LiveError::Text) names an empty text, one longer than [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES) or one
    /// with a NUL.
    fn append(&self, events: &[NewEvent]) -> Result<Appended, LiveError>;

    /// The newest `n` events of each user, oldest first by (`time_s`, arrival).
    fn recent(&self, users: &[&str], n: usize) -> Result<Vec<Vec<LiveEvent>>, LiveError>;

    /// Events of each item and kind in each hour, of those that happened at `time_s` (Unix seconds) or later; in no order.
    fn counts_since(&self, time_s: i64) -> Result<Vec<HourCount>, LiveError>;

    /// Removes all events of a user and the user's id, at once and for good, and remembers by a hash that the user is
    /// forgotten. Returns the number of events that were removed. Events of the user that come later count anew.
    ///
    /// In SQLite, the file holds the id no more when this returns, and nothing else of the user but for that hash; what is
    /// kept of a store larger than 64 MiB is said in [the crate's documentation](crate#forgetting). PostgreSQL
    /// gives the room to others when it vacuums.
    ///
    /// # Errors
    ///
    /// [`InUse`](LiveError::InUse) if another program reads an old state of the file for longer than 10 seconds: the events
    /// are removed then, but the log still holds them, and calling again clears it.
    fn forget_user(&self, user: &str) -> Result<u64, LiveError>;

    /// Whether each of these users was ever forgotten, so that what else is known of them must not be used.
    fn is_forgotten(&self, users: &[&str]) -> Result<Vec<bool>, LiveError>;

    /// All users that were ever forgotten, as hashes, to be asked without the store.
    fn forgotten(&self) -> Result<ForgottenUsers, LiveError>;

    /// The hidden items, sorted.
    fn hidden(&self) -> Result<Vec<String>, LiveError>;

    /// Hides these items and no others, durably.
    ///
    /// # Errors
    ///
    /// [`Text`](LiveError::Text) names an id that cannot be kept.
    fn set_hidden(&self, items: &[String]) -> Result<(), LiveError>;

    /// Changes whenever hidden items were set or a user was forgotten, also by another process.
    fn revision(&self) -> Result<Revision, LiveError>;

    /// Removes the events that happened before `before_s` (Unix seconds), some thousands at a time so that others can
    /// append between, and returns how many.
    fn expire(&self, before_s: i64) -> Result<u64, LiveError>;

    /// Returns if the store can be read and written to.
    fn check(&self) -> Result<(), LiveError>;
}
