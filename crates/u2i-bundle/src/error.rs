use std::path::{Path, PathBuf};

use u2i_disk::DiskError;
use u2i_index::IndexError;
use u2i_models::{ModelError, WeightError};
use u2i_schema::ErrorKind;

/// Why a bundle could not be written, read or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Somebody asked to stop while a bundle was written; nothing of it is left.
    #[error("stopped")]
    Stopped,
    /// A file that cannot be read or written.
    #[error("cannot {action} {}{}", path.display(), bytes.map_or(String::new(), |n| format!(" ({n} bytes)")))]
    Io {
        /// `read`, `write`, `sync` or `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Bytes that were to be written.
        bytes: Option<u64>,
        /// Why.
        source: std::io::Error,
    },
    /// Bundles are never written over.
    #[error("{} is there already; name another folder, or remove it first", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what was written.
    #[error("{} was changed: its {what} is {found}, it was written with {expected}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What was compared: `SHA-256`, or the form of the manifest.
        what: &'static str,
        /// What was written.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A whole file, but of another bundle.
    #[error(
        "{} is of another bundle: its SHA-256 is {found}, the manifest says {expected}{}",
        path.display(),
        seal.as_ref().map_or(String::new(), |seal| format!("; it was sealed with {seal}"))
    )]
    Mixture {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// SHA-256 of what is there.
        found: String,
        /// The seal that the file carries; an index carries none.
        seal: Option<String>,
    },
    /// Written by another version.
    #[error("{}: format {found} is not one of {oldest} to {newest}, which this version reads", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The oldest format that is read.
        oldest: u32,
        /// The newest format that is read.
        newest: u32,
    },
    /// The model's config is not of the type that was asked for: another program's model, most likely.
    #[error("{}: the config of the model: {source}", path.display())]
    OtherModel {
        /// The manifest.
        path: PathBuf,
        /// What that type does not take.
        source: serde_json::Error,
    },
    /// Hashes agree, and yet the contents contradict each other: not written by this crate.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found and what was wanted.
        what: String,
    },
    /// Parts that were to be written do not fit together.
    #[error("no bundle can be made: {0}")]
    Contents(String),
    /// The index misses more than was allowed, so nothing was published.
    #[error("{kind} finds {found:.4} of the exact {k} best, wanted at least {wanted}")]
    Recall {
        /// The index with its settings.
        kind: String,
        /// How many neighbours were compared.
        k: usize,
        /// The measured recall.
        found: f64,
        /// The least that was allowed.
        wanted: f64,
    },
    /// An index has to be measured, on something, against something that can be reached.
    #[error("`{key}` is {found}, wanted {wanted}")]
    Plan {
        /// `min_recall` or `queries`.
        key: &'static str,
        /// What was there.
        found: String,
        /// What is allowed.
        wanted: &'static str,
    },
    /// This build cannot make or read faiss indexes.
    #[error("this build has no faiss: build with the feature `faiss`, or search exactly")]
    NoFaiss,
    /// A condition on items that cannot be understood.
    #[error("condition: {0}")]
    Condition(String),
    /// A request with a value that a column does not take.
    #[error("request {request}, `{key}`: {reason}")]
    Request {
        /// Which request, counted from 0.
        request: usize,
        /// The key in its context.
        key: String,
        /// What was found and what was wanted.
        reason: String,
    },
    /// No such item.
    #[error("no item `{0}`")]
    UnknownItem(String),
    /// An item that the model cannot rank.
    #[error(
        "item `{0}` has no vector: it was in no training event, and the model knows items by their ids only"
    )]
    NoVector(String),
    /// A search that failed.
    #[error(transparent)]
    Index(IndexError),
    /// A config that makes no model.
    #[error("model: {0}")]
    Model(#[from] ModelError),
    /// Weights that are not the model's.
    #[error(transparent)]
    Weights(#[from] WeightError),
}

impl BundleError {
    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            BundleError::Stopped => ErrorKind::Stopped,
            BundleError::Recall { .. } => ErrorKind::Check,
            BundleError::Exists { .. }
            | BundleError::Plan { .. }
            | BundleError::NoFaiss
            | BundleError::Condition(_) => ErrorKind::Usage,
            BundleError::Request { .. }
            | BundleError::UnknownItem(_)
            | BundleError::NoVector(_)
            | BundleError::Contents(_) => ErrorKind::Data,
            BundleError::Io { .. } => ErrorKind::Files,
            BundleError::Changed { .. }
            | BundleError::Malformed { .. }
            | BundleError::OtherModel { .. }
            | BundleError::Model(_)
            | BundleError::Weights(_) => ErrorKind::Integrity,
            BundleError::Mixture { .. } | BundleError::Format { .. } => ErrorKind::Mixture,
            BundleError::Index(error) => match error {
                IndexError::Setting { .. }
                | IndexError::NotUnitLength { .. }
                | IndexError::CompressedL2 { .. }
                | IndexError::OfAPool { .. }
                | IndexError::Threads { .. } => ErrorKind::Usage,
                IndexError::Io { .. } => ErrorKind::Files,
                IndexError::ItemNotFinite { .. } | IndexError::QueryNotFinite { .. } => ErrorKind::NotFinite,
                _ => ErrorKind::Integrity,
            },
        }
    }
}

impl From<IndexError> for BundleError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Stopped => BundleError::Stopped,
            error => BundleError::Index(error),
        }
    }
}

impl From<DiskError> for BundleError {
    fn from(error: DiskError) -> Self {
        BundleError::Io { action: error.action.verb(), path: error.path, bytes: None, source: error.source }
    }
}

pub(crate) fn io(
    action: &'static str,
    path: &Path,
    bytes: impl Into<Option<u64>>,
) -> impl FnOnce(std::io::Error) -> BundleError {
    let (path, bytes) = (path.to_owned(), bytes.into());
    move |source| BundleError::Io { action, path, bytes, source }
}

pub(crate) fn malformed(path: &Path, what: impl Into<String>) -> BundleError {
    BundleError::Malformed { path: path.to_owned(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_an_index_in_vain_is_usage() {
        let kinds = [
            (IndexError::CompressedL2 { kind: "sq8_l2".to_owned() }, ErrorKind::Usage),
            (IndexError::NotUnitLength { id: 1, length: 2.0 }, ErrorKind::Usage),
            (IndexError::Setting { name: "nlist", found: 9, wanted: "1 to 3".to_owned() }, ErrorKind::Usage),
            (IndexError::CutOff { path: PathBuf::new() }, ErrorKind::Integrity),
        ];
        for (error, kind) in kinds {
            let error = BundleError::from(error);
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
}
