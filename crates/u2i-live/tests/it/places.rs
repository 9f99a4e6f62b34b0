//! Where the stores of a test are.

use std::path::PathBuf;

use tempfile::TempDir;
use u2i_live::{LiveStore, open};

/// Names the server: `postgres://…`, as `scripts/postgres.sh` prints it.
#[cfg(feature = "postgres")]
pub const SERVER: &str = "U2I_POSTGRES_URL";

/// A place for one store, which nothing else uses.
pub struct Place {
    pub address: String,
    folder: TempDir,
}

impl Place {
    /// A file that is not there yet, in a folder of its own.
    pub fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Place { address: folder.path().join("events.db").display().to_string(), folder }
    }

    /// An empty schema of the server, or `None` after saying that there is no server.
    #[cfg(feature = "postgres")]
    #[track_caller]
    pub fn server() -> Option<Self> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let Ok(url) = std::env::var(SERVER) else {
            crate::skipped::skip(&format!("{SERVER} is not set; scripts/postgres.sh starts a server"));
            return None;
        };
        let schema = format!("u2i_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).unwrap();
        let sign = if url.contains('?') { '&' } else { '?' };
        let address = format!("{url}{sign}options=-csearch_path%3D{schema}");
        Some(Place { address, folder: tempfile::tempdir().unwrap() })
    }

    pub fn open(&self) -> Box<dyn LiveStore> {
        open(&self.address, 4).unwrap()
    }

    /// A file in a folder that is removed with this.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Runs `check` on an empty place for each kind of store that there is.
#[track_caller]
pub fn on_each(check: impl Fn(&Place)) {
    check(&Place::file());
    #[cfg(feature = "postgres")]
    if let Some(place) = Place::server() {
        check(&place);
    }
}
