use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use u2i_bundle::BundleError;
use u2i_datasets::DataError;
use u2i_device::DeviceError;
use u2i_disk::DiskError;
use u2i_features::FeatureError;
use u2i_index::IndexError;
use u2i_losses::LossError;
use u2i_models::ModelError;
use u2i_schema::{ErrorKind, nearest_name};
use u2i_train::TrainError;

use crate::checkpoint::CheckpointError;
use crate::tensor_file::ReadError;

/// Anything that ends a job, and what [`kind`](Self::kind) of fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An experiment file that cannot be understood.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What was found and what was wanted.
        message: String,
    },
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// A data set that is not there.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Data that cannot be used.
    #[error(transparent)]
    Features(FeatureError),
    /// A model that cannot be built.
    #[error("model: {0}")]
    Model(#[from] ModelError),
    /// Training that did not end well.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A checkpoint that could not be kept or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Somebody asked to stop. What was under way is not kept; what was finished before is.
    #[error("stopped; nothing is left half done")]
    Stopped,
    /// Somebody asked to stop while a model was trained. The observer has the state to go on from.
    #[error("stopped after {step} steps")]
    Interrupted {
        /// Optimizer steps that are done, over all epochs.
        step: usize,
    },
    /// A search that failed.
    #[error(transparent)]
    Index(IndexError),
    /// A bundle that cannot be written, read or asked.
    #[error(transparent)]
    Bundle(BundleError),
    /// No such device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, `sync` or `rename`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file in a run's folder that is not what was written there.
    #[error("{}: {reason}", path.display())]
    RunFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Parts of a run that do not belong together: an edited config, other data, another model.
    #[error("{}: {key} is {expected}, but what is there now has {found}", path.display())]
    OtherRun {
        /// The report.
        path: PathBuf,
        /// What differs.
        key: String,
        /// What the report says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file that cannot be written whole. The one before stays.
    #[error("cannot write {} ({bytes} bytes)", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Bytes that were to be written.
        bytes: u64,
        /// Why.
        source: std::io::Error,
    },
    /// What ended a job that stands on this library, such as serving, with its kind.
    #[error("{source}")]
    Other {
        /// What kind of fault it is.
        kind: ErrorKind,
        /// The error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A guard of `--check` failed; `guards.json` has the figures.
    #[error("{0}")]
    Guard(String),
}

// Whichever crate was at work: who was stopped is told by one variant.

impl From<FeatureError> for Error {
    fn from(error: FeatureError) -> Self {
        match error {
            FeatureError::Stopped => Error::Stopped,
            error => Error::Features(error),
        }
    }
}

impl From<IndexError> for Error {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Stopped => Error::Stopped,
            error => Error::Index(error),
        }
    }
}

impl From<BundleError> for Error {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Stopped => Error::Stopped,
            error => Error::Bundle(error),
        }
    }
}

impl From<DiskError> for Error {
    fn from(error: DiskError) -> Self {
        Error::Io { action: error.action.verb(), path: error.path, source: error.source }
    }
}

impl Error {
    /// What is wrong with the text of a TOML file, with its line and column, and the key or word that may have been meant.
    pub fn of_toml(error: &toml::de::Error, text: &str, path: &Path) -> Self {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let (line, column) = place(text, at);
        Error::Config { path: path.into(), line, column, message: with_nearest(error.message()) }
    }

    /// Where `key` stands in a file of TOML, such as `features.column.2.kind`, or the last of its tables that is there.
    pub(crate) fn of_key(key: &str, message: String, text: &str, path: &Path) -> Self {
        let at = offset_of(key, text).unwrap_or(0);
        let (line, column) = place(text, at);
        Error::Config { path: path.into(), line, column, message }
    }
}

/// Line and column of a byte, counted from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    (before.matches('\n').count() + 1, column)
}

fn offset_of(key: &str, text: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let mut segments = key.split('.');
    let (first, mut value) = root.get_key_value(segments.next()?)?;
    let mut at = first.span().start;
    for segment in segments {
        match value.get_ref() {
            DeValue::Table(table) => {
                let Some((key, inner)) = table.get_key_value(segment) else { break };
                (at, value) = (key.span().start, inner);
            }
            DeValue::Array(array) => {
                let Some(inner) = segment.parse().ok().and_then(|i: usize| array.get(i)) else { break };
                (at, value) = (inner.span().start, inner);
            }
            _ => break,
        }
    }
    Some(at)
}

/// A message about an unknown key or word, with the known one that is nearest to it.
fn with_nearest(message: &str) -> String {
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let listed = |text: &str| text.split(", ").map(|word| word.trim().to_owned()).collect::<Vec<_>>();
    let (found, known) = if let Some((found, known)) = message.split_once(", expected ") {
        (quoted(found), quoted(known))
    } else if let Some((found, known)) = message.split_once(", available keys: ") {
        (listed(found.rsplit(": ").next().unwrap_or("")), listed(known))
    } else {
        return message.to_owned();
    };
    let Some(found) = found.last() else { return message.to_owned() };
    match nearest_name(found, known.iter().map(String::as_str)) {
        Some(nearest) => format!("{message}; did you mean `{nearest}`?"),
        None => message.to_owned(),
    }
}

impl Error {
    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Config { .. } | Error::Usage(_) | Error::Model(_) => ErrorKind::Usage,
            Error::Data(error) => error.kind(),
            Error::Features(error) => error.kind(),
            Error::Train(TrainError::NotFinite { .. }) => ErrorKind::NotFinite,
            Error::Train(TrainError::NoSamples | TrainError::Loss(LossError::Sampler(_))) => ErrorKind::Data,
            Error::Stopped | Error::Interrupted { .. } => ErrorKind::Stopped,
            Error::Train(TrainError::Save { source, .. } | TrainError::Best { source, .. }) => {
                source.downcast_ref::<CheckpointError>().map_or(ErrorKind::Files, CheckpointError::kind)
            }
            Error::Train(TrainError::State { .. }) => ErrorKind::Mixture,
            Error::Train(TrainError::Read { source, .. }) => match source.is::<ReadError>() {
                true => ErrorKind::Files,
                false => ErrorKind::Integrity,
            },
            Error::Checkpoint(error) => error.kind(),
            Error::Other { kind, .. } => *kind,
            Error::Train(_) => ErrorKind::Usage,
            Error::Index(IndexError::Io { .. }) | Error::Io { .. } | Error::Write { .. } => ErrorKind::Files,
            Error::Index(IndexError::ItemNotFinite { .. } | IndexError::QueryNotFinite { .. }) => {
                ErrorKind::NotFinite
            }
            Error::Index(
                IndexError::Setting { .. }
                | IndexError::NotUnitLength { .. }
                | IndexError::CompressedL2 { .. },
            ) => ErrorKind::Usage,
            Error::Index(_) => ErrorKind::Integrity,
            Error::Bundle(error) => error.kind(),
            Error::Device(_) => ErrorKind::Device,
            Error::RunFile { .. } => ErrorKind::Integrity,
            Error::OtherRun { .. } => ErrorKind::Mixture,
            Error::Guard(_) => ErrorKind::Check,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_config_asks_of_an_index_in_vain_is_usage() {
        let kind = "sq8_l2".to_owned();
        for error in [
            IndexError::CompressedL2 { kind },
            IndexError::NotUnitLength { id: 1, length: 2.0 },
            IndexError::Setting { name: "nlist", found: 9, wanted: "1 to 3".to_owned() },
        ] {
            let error = Error::from(error);
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        }
        let changed = IndexError::CutOff { path: PathBuf::new() };
        assert_eq!(Error::from(changed).kind(), ErrorKind::Integrity);
        assert_eq!(Error::from(IndexError::Stopped).kind(), ErrorKind::Stopped);
    }

    #[test]
    fn a_precision_that_the_device_lacks_is_usage_and_names_its_key() {
        let precision = u2i_train::TablePrecision::Bf16;
        let error = Error::from(TrainError::Precision { precision });
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("`train.table_precision` is `bf16`"), "{error}");
    }

    #[test]
    fn the_nearest_word_is_offered_if_it_is_near() {
        let message = "unknown field `epoch`, expected one of `epochs`, `seed`";
        assert_eq!(with_nearest(message), format!("{message}; did you mean `epochs`?"));
        for message in
            ["unknown field `zzzzzzz`, expected `seed`", "missing field `seed`", "expected a string"]
        {
            assert_eq!(with_nearest(message), message);
        }
    }
}
