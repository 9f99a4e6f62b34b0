use std::fmt;

use u2i::{Error, ErrorKind};
use u2i_live::LiveError;
use u2i_serve::ServeError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    kind: ErrorKind,
    error: Box<dyn std::error::Error>,
}

impl Failure {
    /// A signal ended it before everything was done.
    pub fn stopped(message: String) -> Self {
        Failure { kind: ErrorKind::Stopped, error: message.into() }
    }

    /// A fault of a kind, in words.
    pub fn new(kind: ErrorKind, message: String) -> Self {
        Failure { kind, error: message.into() }
    }

    /// What kind of fault it is, which the exit code tells.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { kind: error.kind(), error: error.into() }
    }
}

impl From<LiveError> for Failure {
    fn from(error: LiveError) -> Self {
        Failure { kind: error.kind(), error: error.into() }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Failure { kind: error.kind(), error: error.into() }
    }
}
