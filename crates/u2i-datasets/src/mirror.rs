//! Where data sets are downloaded from, and what may go wrong.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use u2i_schema::ErrorKind;

use crate::archive::Archive;

/// Where data sets are downloaded from, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The folder that holds the zips, without a slash at the end.
    pub base_url: String,
    /// Proxy to use, such as `http://proxy:3128`.
    pub proxy: Option<String>,
    /// How long to wait for the name to be resolved, and again for a connection.
    pub connect_timeout: Duration,
    /// How long the whole download may take.
    pub timeout: Duration,
}

impl Mirror {
    /// GroupLens itself: 5 seconds to connect, 3 minutes in all.
    pub fn grouplens() -> Self {
        Mirror {
            base_url: "https://files.grouplens.org/datasets/movielens".to_owned(),
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(180),
        }
    }

    pub(crate) fn url(&self, archive: &Archive<'_>) -> String {
        format!("{}/{}.zip", self.base_url, archive.name)
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
    /// The server sends us elsewhere, where we do not follow.
    #[error("{url} redirects to `{to}`, which is not followed")]
    Redirect {
        /// What was asked for.
        url: String,
        /// The `Location`.
        to: String,
    },
    /// The connection broke or took too long.
    #[error("{url} broke off after {read} of {wanted} bytes")]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        read: u64,
        /// Bytes of the file.
        wanted: u64,
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
    /// The file is the right one, but cannot be unpacked.
    #[error("cannot unpack {url}")]
    Unpack {
        /// What was asked for.
        url: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
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
            DownloadError::Size { .. } | DownloadError::Checksum { .. } | DownloadError::Unpack { .. } => {
                ErrorKind::Integrity
            }
            DownloadError::Proxy(_) => ErrorKind::Usage,
            _ => ErrorKind::Files,
        }
    }
}
