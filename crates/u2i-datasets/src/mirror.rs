//! Where data sets are downloaded from, and what may go wrong.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use u2i_schema::ErrorKind;

use crate::known::{KnownSet, Part};

/// Where data sets are downloaded from, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The address that files are at as `<base_url>/<data set>/<file>`; `None` for whoever publishes a data set.
    pub base_url: Option<String>,
    /// Proxy to use, such as `http://proxy:3128`.
    pub proxy: Option<String>,
    /// How long to wait for the name to be resolved, and again for a connection.
    pub connect_timeout: Duration,
    /// How long a server may send nothing.
    pub timeout: Duration,
}

impl Mirror {
    /// Whoever publishes a data set: 5 seconds to connect, a minute without an answer.
    pub fn publishers() -> Self {
        Mirror {
            base_url: None,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
        }
    }

    pub(crate) fn url(&self, set: &KnownSet, part: &Part) -> String {
        match &self.base_url {
            Some(base_url) => {
                format!("{}/{}/{}", base_url.trim_end_matches('/'), set.name, part.file_name())
            }
            None => part.url.clone(),
        }
    }
}

/// Why a data set could not be downloaded and unpacked. Nothing is left behind then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The program was built without the feature `download`.
    #[error("this build cannot download")]
    NotBuilt,
    /// No cache folder is known.
    #[error("there is no cache folder to download into")]
    NoCache,
    /// The proxy is not a URL.
    #[error("`{0}` is not the URL of a proxy")]
    Proxy(String),
    /// No connection, or none that lasted.
    #[error("cannot get {url}")]
    Request {
        /// What was asked for.
        url: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answered with something else than the file.
    #[error("{url} answers with status {status}, wanted 200")]
    Status {
        /// What was asked for.
        url: String,
        /// Its HTTP status.
        status: u16,
    },
    /// The server sends us elsewhere, where we do not follow: to another server without encryption, or too often.
    #[error("{url} redirects to `{to}`, which is not followed")]
    Redirect {
        /// What was asked for.
        url: String,
        /// The `Location`.
        to: String,
    },
    /// The connection broke or took too long.
    #[error("{url} broke off after {read}{} bytes", wanted.map(|wanted| format!(" of {wanted}")).unwrap_or_default())]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        read: u64,
        /// Bytes of the file, where they are known.
        wanted: Option<u64>,
        /// The cause.
        source: io::Error,
    },
    /// The file is longer or shorter than the one that is pinned.
    #[error("{url} has {found} bytes, wanted {wanted}")]
    Size {
        /// What was asked for.
        url: String,
        /// Bytes that were announced or came; reading stops one byte after `wanted`.
        found: u64,
        /// Bytes of the file.
        wanted: u64,
    },
    /// The file is not the one that is pinned.
    #[error("{url} has SHA-256 {found}, wanted {wanted}")]
    Checksum {
        /// What was asked for.
        url: String,
        /// In lower-case hex.
        found: String,
        /// In lower-case hex.
        wanted: String,
    },
    /// The file is not the one that came first.
    #[error(
        "{url} has SHA-256 {found}, and had {wanted} when it was first downloaded; if its publisher has changed it, remove \
         {}",
        record.display()
    )]
    Changed {
        /// What was asked for.
        url: String,
        /// In lower-case hex.
        found: String,
        /// In lower-case hex.
        wanted: String,
        /// The file that holds the hash of the first download.
        record: PathBuf,
    },
    /// A page for people instead of the file.
    #[error("{url} is a page in HTML instead of the file; open it in a browser to see what it wants")]
    Page {
        /// What was asked for.
        url: String,
    },
    /// The server does not say how long the file is, and nothing else would tell whether it is whole.
    #[error("{url} comes without its length, so that nothing tells whether it is whole")]
    NoLength {
        /// What was asked for.
        url: String,
    },
    /// The file is longer than any that is known.
    #[error("{url} has more than {max_bytes} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound.
        max_bytes: u64,
    },
    /// The file of hashes of first downloads cannot be understood.
    #[error("{}:{line}: expected a SHA-256 and a name of a file; remove the file to take the next download as the first", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// The file is the right one, but cannot be unpacked.
    #[error("cannot unpack {url}")]
    Unpack {
        /// What was asked for.
        url: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the cache cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The cache cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DownloadError {
    /// Integrity where the file is not what it should be, usage for a wrong proxy, else files.
    pub fn kind(&self) -> ErrorKind {
        match self {
            DownloadError::Size { .. }
            | DownloadError::Checksum { .. }
            | DownloadError::Changed { .. }
            | DownloadError::Page { .. }
            | DownloadError::NoLength { .. }
            | DownloadError::TooLarge { .. }
            | DownloadError::Record { .. }
            | DownloadError::Unpack { .. } => ErrorKind::Integrity,
            DownloadError::Proxy(_) => ErrorKind::Usage,
            _ => ErrorKind::Files,
        }
    }
}
