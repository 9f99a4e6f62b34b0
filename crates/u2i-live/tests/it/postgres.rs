//! What only a store on a server does.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use postgres::config::Host;
use postgres::{Client, Config, NoTls};
use u2i_live::{EventLog as _, LiveStore as _, PostgresStore, open, open_log};
use u2i_schema::ErrorKind;

use crate::event;
use crate::places::{Place, SERVER};

fn client(place: &Place) -> Client {
    Client::connect(&place.address, NoTls).unwrap()
}

#[test]
fn services_that_start_at_once_make_one_schema_and_share_it() {
    let Some(place) = Place::server() else { return };
    let n = 8;
    let begin = Barrier::new(n);
    let stores: Vec<PostgresStore> = std::thread::scope(|scope| {
        let start = |_| {
            let (place, begin) = (&place, &begin);
            scope.spawn(move || {
                begin.wait();
                PostgresStore::open(&place.address, 2).unwrap()
            })
        };
        let starting: Vec<_> = (0..n).map(start).collect();
        starting.into_iter().map(|store| store.join().unwrap()).collect()
    });
    let before = stores[1].revision().unwrap();
    stores[0].append(&[event("1", "u", "i", 1)]).unwrap();
    assert_eq!(stores[1].append(&[event("1", "u", "i", 1)]).unwrap().duplicates, 1);
    stores[0].set_hidden(&["h".to_owned()]).unwrap();
    assert_ne!(stores[1].revision().unwrap(), before);
    assert_eq!(stores[1].hidden().unwrap(), ["h"]);
    stores[2].forget_user("u").unwrap();
    // One salt for all: the mark of one is that of the other.
    assert_eq!(stores[3].is_forgotten(&["u"]).unwrap(), [true]);
    assert!(stores[3].forgotten().unwrap().contains("u"));
    assert!(stores[3].recent(&["u"], 5).unwrap()[0].is_empty());
}

#[test]
fn replicas_that_append_the_same_events_in_other_orders_end() {
    let Some(place) = Place::server() else { return };
    let stores = [place.open(), place.open()];
    let n = 300;
    let accepted: usize = std::thread::scope(|scope| {
        let appending = stores.iter().enumerate().flat_map(|(way, store)| {
            (0..3).map(move |_| {
                scope.spawn(move || {
                    let mut events: Vec<_> = (0..n).map(|i| event(&i.to_string(), "u", "i", i)).collect();
                    if way == 1 {
                        events.reverse();
                    }
                    events.chunks(60).map(|some| store.append(some).unwrap().accepted).sum::<usize>()
                })
            })
        });
        let appending: Vec<_> = appending.collect();
        appending.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(stores[0].n_events(None).unwrap(), n as u64);
    assert!(accepted <= n as usize, "{accepted}");
}

#[test]
fn a_schema_of_a_newer_version_or_of_something_else_is_refused() {
    let Some(place) = Place::server() else { return };
    // To read one back makes none.
    let error = open_log(&place.address).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().ends_with("is no store of events: it has no tables of one"), "{error}");
    drop(place.open());
    client(&place).batch_execute("UPDATE u2i_state SET schema = 2").unwrap();
    for error in [open(&place.address, 1).err().unwrap(), open_log(&place.address).err().unwrap()] {
        assert_eq!(error.kind(), ErrorKind::Mixture, "{error}");
        assert!(
            error
                .to_string()
                .ends_with("has schema 2, and this version reads up to 1; a newer version wrote it")
        );
    }
    for script in ["CREATE TABLE u2i_events (x int)", "CREATE TABLE u2i_state (x int)"] {
        let Some(place) = Place::server() else { return };
        client(&place).batch_execute(script).unwrap();
        let error = open(&place.address, 1).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{script}: {error}");
    }
    // What is missing later is told, too.
    let Some(place) = Place::server() else { return };
    let store = place.open();
    client(&place).batch_execute("DROP TABLE u2i_hidden").unwrap();
    assert_eq!(store.hidden().unwrap_err().kind(), ErrorKind::Integrity);
}

#[test]
fn what_is_acknowledged_is_on_the_servers_disk_also_where_it_is_set_to_wait_less() {
    let Some(place) = Place::server() else { return };
    drop(place.open());
    // What a connection of the store does is seen from a trigger.
    let script = "CREATE TABLE seen (setting text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
        CREATE TRIGGER see AFTER INSERT ON u2i_events EXECUTE FUNCTION see();";
    client(&place).batch_execute(script).unwrap();
    for setting in ["off", "on", "local"] {
        let address = format!("{}%20-csynchronous_commit%3D{setting}", place.address);
        open(&address, 1).unwrap().append(&[event(setting, "u", "i", 1)]).unwrap();
    }
    let rows = client(&place).query("SELECT setting FROM seen", &[]).unwrap();
    let seen: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(seen, ["on", "on", "local"]);
}

#[test]
fn a_statement_that_takes_too_long_is_an_error() {
    let Some(place) = Place::server() else { return };
    let store = place.open();
    let mut other = client(&place);
    let mut holding = other.transaction().unwrap();
    holding.batch_execute("LOCK TABLE u2i_hidden IN ACCESS EXCLUSIVE MODE").unwrap();
    let begin = Instant::now();
    let error = store.hidden().unwrap_err();
    assert!(error.to_string().contains("statement timeout"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(30));
    holding.rollback().unwrap();
    assert!(store.hidden().unwrap().is_empty());
}

#[test]
fn backups_are_the_servers_business() {
    let Some(place) = Place::server() else { return };
    let store = place.open();
    let error = store.backup(&place.beside("backup")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().ends_with("is on a server, which is copied by pg_dump"), "{error}");
}

/// A way to the server that can be cut.
struct Way {
    address: String,
    is_open: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

enum Far {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Far {
    fn connect(config: &Config) -> io::Result<Self> {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match &config.get_hosts()[0] {
            Host::Tcp(host) => TcpStream::connect((&host[..], port)).map(Far::Tcp),
            #[cfg(unix)]
            Host::Unix(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{port}"));
                std::os::unix::net::UnixStream::connect(socket).map(Far::Unix)
            }
        }
    }

    fn both(self) -> io::Result<(Box<dyn Read + Send>, Box<dyn Write + Send>)> {
        match self {
            Far::Tcp(stream) => Ok((Box::new(stream.try_clone()?), Box::new(stream))),
            #[cfg(unix)]
            Far::Unix(stream) => Ok((Box::new(stream.try_clone()?), Box::new(stream))),
        }
    }
}

impl Way {
    fn to(place: &Place) -> Self {
        let config: Config = std::env::var(SERVER).unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let user = config.get_user().map_or_else(|| "postgres".to_owned(), str::to_owned);
        let password = config.get_password().map(|own| format!(":{}", String::from_utf8_lossy(own)));
        let (_, options) = place.address.split_once('?').unwrap();
        let database = config.get_dbname().unwrap_or(&user).to_owned();
        let address = format!(
            "postgres://{user}{}@127.0.0.1:{port}/{database}?{options}",
            password.unwrap_or_default()
        );
        let is_open = Arc::new(AtomicBool::new(true));
        let streams: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (open, kept) = (Arc::clone(&is_open), Arc::clone(&streams));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if !open.load(Ordering::SeqCst) {
                    continue;
                }
                kept.lock().unwrap().push(near.try_clone().unwrap());
                let (mut from_far, mut to_far) = Far::connect(&config).unwrap().both().unwrap();
                let (mut from_near, mut to_near) = (near.try_clone().unwrap(), near);
                std::thread::spawn(move || io::copy(&mut from_near, &mut to_far));
                std::thread::spawn(move || {
                    let copied = io::copy(&mut from_far, &mut to_near);
                    let _ = to_near.shutdown(Shutdown::Both);
                    copied
                });
            }
        });
        Way { address, is_open, streams }
    }

    fn cut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }
}

#[test]
fn while_the_server_is_away_appending_is_an_error_and_afterwards_it_works() {
    let Some(place) = Place::server() else { return };
    let way = Way::to(&place);
    let store = open(&way.address, 3).unwrap();
    store.append(&[event("before", "u", "i", 1)]).unwrap();
    way.cut();
    let error = store.append(&[event("meanwhile", "u", "i", 2)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Files, "{error}");
    assert_eq!(store.check().unwrap_err().kind(), ErrorKind::Files);
    assert_eq!(open(&way.address, 1).err().unwrap().kind(), ErrorKind::Files);
    way.mend();
    let appended = store.append(&[event("before", "u", "i", 1), event("after", "u", "i", 3)]).unwrap();
    assert_eq!(appended.was_there, [true, false]);
    store.check().unwrap();
    let mut kept = Vec::new();
    store
        .export(None, &mut |event| {
            kept.push(event.event_id);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(kept, ["before", "after"]);
}

/// As after a restart: every connection of the pool is from before it.
#[test]
fn connections_that_the_server_ended_are_replaced_without_a_word() {
    let Some(place) = Place::server() else { return };
    let address = format!("{}&application_name=to_be_ended", place.address);
    let store = PostgresStore::open(&address, 4).unwrap();
    let begin = Barrier::new(4);
    std::thread::scope(|scope| {
        for i in 0..4 {
            let (store, begin) = (&store, &begin);
            scope.spawn(move || {
                begin.wait();
                store.append(&[event(&i.to_string(), "u", "i", i)]).unwrap();
            });
        }
    });
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to_be_ended'";
    assert!(!client(&place).query(end, &[]).unwrap().is_empty());
    let more: Vec<_> = (10..20).map(|i| event(&i.to_string(), "u", "i", i)).collect();
    assert_eq!(store.append(&more).unwrap().accepted, 10);
    assert_eq!(store.n_events(None).unwrap(), 14);
}

#[test]
fn no_error_shows_the_password() {
    // Nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let address = format!("postgres://me:hunter2@127.0.0.1:{port}/events");
    let error = open(&address, 1).err().unwrap();
    let wanted = format!("postgres://127.0.0.1:{port}/events: cannot connect: ");
    assert!(error.to_string().starts_with(&wanted), "{error}");
    assert_eq!(error.kind(), ErrorKind::Files);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}
