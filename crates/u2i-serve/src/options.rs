use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::auth::Token;

/// What a service is told when it starts.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The folder of the bundle. It may be a link, and another bundle may take its place.
    pub bundle: PathBuf,
    /// Where to listen.
    pub addr: SocketAddr,
    /// The store of events: the path of a SQLite file, or an address `postgres://…`; `None` to take no events.
    pub events: Option<String>,
    /// What callers must know. Without one the address must be of this machine only.
    pub token: Option<Token>,
    /// Whether a new bundle in the folder is taken by itself.
    pub watch: bool,
    /// A second bundle that answers, too, for comparison.
    pub shadow: Option<PathBuf>,
    /// Threads that encode and search.
    pub threads: NonZeroUsize,
    /// The kinds of events that count in histories; `None` for all.
    pub kinds: Option<Vec<String>>,
    /// How long events are kept; `None` for ever.
    pub keep_events: Option<Duration>,
    /// What one client may take.
    pub limits: Limits,
}

impl ServeOptions {
    /// Whether other services may write to the store of events.
    pub(crate) fn shares_events(&self) -> bool {
        self.events.as_deref().is_some_and(|address| address.starts_with("postgres"))
    }

    /// The bundle at `bundle`, on port 8080 of this machine, without events, with a thread for each core.
    pub fn new(bundle: impl Into<PathBuf>) -> Self {
        ServeOptions {
            bundle: bundle.into(),
            addr: SocketAddr::from(([127, 0, 0, 1], 8080)),
            events: None,
            token: None,
            watch: false,
            shadow: None,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            kinds: None,
            keep_events: None,
            limits: Limits::default(),
        }
    }
}

/// What clients may take of the service's time and memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones are told to come again.
    pub connections: usize,
    /// Requests that wait for a thread; further ones are told to come again.
    pub waiting: usize,
    /// Time for the header of a request, and between two requests of a connection.
    pub header: Duration,
    /// Time for the body of a request, and for a client to take what it was answered.
    pub body: Duration,
    /// Time that requests under way are given when the service is told to stop.
    pub drain: Duration,
    /// Bytes in the body of one request.
    pub one_bytes: usize,
    /// Bytes in the body of a batch of requests or events.
    pub batch_bytes: usize,
    /// Bodies larger than that of one request that are read at once: they bound memory.
    pub large_bodies: usize,
    /// Entries of a batch.
    pub batch: usize,
    /// The longest list that may be asked for.
    pub k: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4096,
            waiting: 256,
            header: Duration::from_secs(5),
            body: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            one_bytes: 64 << 10,
            batch_bytes: 4 << 20,
            large_bodies: 16,
            batch: 1000,
            k: 1000,
        }
    }
}
