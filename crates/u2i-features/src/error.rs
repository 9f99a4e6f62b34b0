use std::path::{Path, PathBuf};

use polars::error::PolarsError;
use u2i_schema::{ColumnError, ErrorKind, Side};

use crate::raw::Reject;

/// Why data could not be read or prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// A value in the config that cannot be used.
    #[error("{key}: expected {wanted}, found {found}")]
    InvalidValue {
        /// Key in the config.
        key: String,
        /// What would do.
        wanted: &'static str,
        /// What was there.
        found: String,
    },
    /// Two feature columns have one name.
    #[error("{key}: two columns are called `{name}`")]
    DuplicateColumn {
        /// Key of the second in the config.
        key: String,
        /// What models see it under.
        name: String,
    },
    /// A feature column is made from an attribute that the data does not have.
    #[error("features.column `{column}`: there is no {} attribute `{source_name}`, only {known:?}", word(*side))]
    UnknownSource {
        /// Name of the feature column.
        column: String,
        /// Its side.
        side: Side,
        /// The attribute asked for.
        source_name: String,
        /// The attributes of that side.
        known: Vec<String>,
    },
    /// A feature column stands on another side than its attribute.
    #[error("features.column `{column}` has side {}, but `{source_name}` is of side {}", word(*side), word(*found))]
    SideMismatch {
        /// Name of the feature column.
        column: String,
        /// Its side in the config.
        side: Side,
        /// The attribute asked for.
        source_name: String,
        /// The side that has the attribute.
        found: Side,
    },
    /// A column of a sequence that the data does not have.
    #[error("features.column `{column}`: there is no sequence `{source_name}`, only {known:?}")]
    UnknownSequence {
        /// Name of the feature column.
        column: String,
        /// The sequence asked for.
        source_name: String,
        /// Those of the data.
        known: Vec<String>,
    },
    /// A kind of column that does not take the values of its attribute.
    #[error("features.column `{column}` of kind {kind} takes {wanted}, but `{source_name}` holds {found}")]
    KindMismatch {
        /// Name of the feature column.
        column: String,
        /// Kind in the config.
        kind: &'static str,
        /// What the kind takes.
        wanted: &'static str,
        /// The attribute.
        source_name: String,
        /// What the attribute holds.
        found: &'static str,
    },
    /// Something that is made from times, of events that have none.
    #[error("{key} needs times, but the events have none: they are known by their order in the file only")]
    NoTimes {
        /// Key in the config.
        key: String,
    },
    /// A kind of events that the config names and no event has.
    #[error("data.logs.targets: no event is of the kind `{kind}`, only of {known:?}")]
    UnknownKind {
        /// The kind asked for.
        kind: String,
        /// Those of the data.
        known: Vec<String>,
    },
    /// A split by files, of data that was read without them.
    #[error(
        "split.files needs data that is read from files of events, in data.files.tables or data.files.sequences"
    )]
    NoFilesOfSplit,
    /// Somebody asked to stop while data was read or prepared; nothing of it is kept.
    #[error("stopped")]
    Stopped,
    /// Events to train on that happened when those to be predicted had begun.
    #[error(
        "split.files: {events} events of earlier files are at or after the first event that their user has in a later file, \
         those of user `{user_id}` for one: what is to be predicted would be known; if the split is meant so, write \
         allow_later_training = true"
    )]
    LaterTraining {
        /// Such events.
        events: usize,
        /// A user who has some.
        user_id: String,
    },
    /// Rows whose ids are those of the events only if `17.0` is taken for `17`.
    #[error(
        "{path}: column `{column}` holds {of_file:?} where the events have {of_events:?}, and ids are exact text: \
         set whole_number_ids = true in [data.files.tables] to read 17.0 as 17"
    )]
    DecimalIds {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// An id in the file.
        of_file: String,
        /// How the events have that number.
        of_events: String,
    },
    /// A file that could not be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file without a single line.
    #[error("{path}: the file is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file without a row that could be used.
    #[error(
        "{path}: no row to use: {read} read, {rejected} rejected, {filtered} of users or items without events"
    )]
    NoRows {
        /// The file.
        path: PathBuf,
        /// Rows in the file.
        read: u64,
        /// Rows that could not be used.
        rejected: u64,
        /// Rows about users or items that have no events.
        filtered: u64,
    },
    /// A file lacks a column that the config names.
    #[error("{path}: there is no column `{column}` (key {key}), only {found:?}")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The key in the config that asks for it.
        key: String,
        /// The columns of the file.
        found: Vec<String>,
    },
    /// A config names a column whose name others of the file have as well.
    #[error(
        "{path}: two columns are called `{column}` (key {key}); name one of {places:?} instead, in {found:?}"
    )]
    RepeatedHeader {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
        /// The key in the config that asks for it.
        key: String,
        /// What each of them can be called.
        places: Vec<String>,
        /// The columns of the file.
        found: Vec<String>,
    },
    /// A column of a type that cannot hold what the config says.
    #[error("{path}: column `{column}` (key {key}) is of type {found}, expected {wanted}")]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The key in the config.
        key: String,
        /// The type in the file.
        found: String,
        /// The types that would do.
        wanted: &'static str,
    },
    /// A first row that cannot be a header.
    #[error("{path}:{line}: the header cannot be used: {reason}")]
    Header {
        /// The file.
        path: PathBuf,
        /// Its line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A header in another encoding than the config says.
    #[error(
        "{path}:{line}: the header is {reason}; the config says encoding = \"{encoding}\", and the file may be in another, \
         such as \"windows-1252\" or \"utf-16le\""
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// The encoding in the config.
        encoding: String,
        /// What was found.
        reason: String,
    },
    /// A file that holds no table which is read here, such as an archive.
    #[error("{path}: it is {what}, which is not read; {advice}")]
    NotATable {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A folder or a pattern of part files without any.
    #[error(
        "{path}: there is no file of a table; files without a byte and those whose names begin with `.` or `_` are passed \
         over"
    )]
    NoPartFiles {
        /// The folder or the pattern.
        path: PathBuf,
    },
    /// A packed file that is cut short or broken.
    #[error("{path}: what is packed in it ({packing}) is cut short or broken: {source}")]
    Unpack {
        /// The file.
        path: PathBuf,
        /// How it is packed.
        packing: &'static str,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// A quote that is not closed before the file or the longest allowed row ends.
    #[error(
        "{path}:{line}: a quote opens here and is not closed within {max_line_bytes} bytes{}",
        if *may_escape { "; if the backslash before a quote escapes it, say escape = \"\\\\\" (key format.csv.escape)" } else { "" }
    )]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// Line on which the row begins, counted from 1.
        line: u64,
        /// `max_line_bytes` of the config.
        max_line_bytes: usize,
        /// Whether a backslash stands before a quote there, which nothing says what it means.
        may_escape: bool,
    },
    /// More rows had to be rejected than the config allows.
    #[error("{}", too_many_rejects(path, *read, *max_reject_ratio, rejects))]
    TooManyRejects {
        /// The file.
        path: PathBuf,
        /// Rows in the file.
        read: u64,
        /// The limit in the config.
        max_reject_ratio: f64,
        /// Rows that could not be used, all of them; the message lists the first five.
        rejects: Vec<Reject>,
    },
    /// A file that is of no known format.
    #[error("{}", unrecognised(path, reasons))]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// Each format, and why it is not this one.
        reasons: Vec<(String, String)>,
    },
    /// A file that is not of the format that a config names.
    #[error("{path}: expected {wanted} (key format)")]
    NotOfFormat {
        /// The file.
        path: PathBuf,
        /// The format, and how its files begin.
        wanted: &'static str,
    },
    /// A config names a format that nobody has said anything of.
    #[error("{key}: there is no format `{name}`, only {known:?}")]
    UnknownFormat {
        /// Key in the config.
        key: String,
        /// The format asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A format of somebody else's could not read a file.
    #[error("{path}: {source}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What the format said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// polars could not read the file.
    #[error("{path}: {source}")]
    Polars {
        /// The file.
        path: PathBuf,
        /// What polars said.
        source: PolarsError,
    },
    /// More events than row numbers of 32 bits can count.
    #[error("{0} events are more than the {max} that fit into one machine's store", max = u32::MAX)]
    TooManyEvents(usize),
    /// The split leaves no training targets.
    #[error(
        "the split leaves no training targets: {users} users with {events} events, {train} of them to train on"
    )]
    NoTrainingTargets {
        /// Users with events.
        users: usize,
        /// All events.
        events: usize,
        /// Training events.
        train: usize,
    },
    /// The split leaves nobody to test.
    #[error(
        "the split leaves nobody to test: {users} users with {events} events, {train} of them to train on"
    )]
    NobodyToTest {
        /// Users with events.
        users: usize,
        /// All events.
        events: usize,
        /// Training events.
        train: usize,
    },
    /// No training entry has a number to fit a numeric column on.
    #[error("features.column `{column}`: no training {} has a number for it", word(*side))]
    NothingToFit {
        /// Name of the feature column.
        column: String,
        /// Its side.
        side: Side,
    },
    /// A value that does not fit the transform of its column.
    #[error(transparent)]
    Column(#[from] ColumnError),
}

impl FeatureError {
    /// Usage for what a config asks in vain, files for what cannot be read, data for the rest.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FeatureError::InvalidValue { .. }
            | FeatureError::DuplicateColumn { .. }
            | FeatureError::UnknownSource { .. }
            | FeatureError::SideMismatch { .. }
            | FeatureError::UnknownSequence { .. }
            | FeatureError::KindMismatch { .. }
            | FeatureError::NoTimes { .. }
            | FeatureError::UnknownKind { .. }
            | FeatureError::NoFilesOfSplit
            | FeatureError::LaterTraining { .. }
            | FeatureError::UnknownFormat { .. }
            | FeatureError::Unrecognised { .. } => ErrorKind::Usage,
            FeatureError::Io { .. } => ErrorKind::Files,
            FeatureError::Stopped => ErrorKind::Stopped,
            _ => ErrorKind::Data,
        }
    }
}

/// A value in the config that cannot be used, with the path of its key.
pub(crate) fn invalid(
    key: impl Into<String>,
    wanted: &'static str,
    found: impl std::fmt::Debug,
) -> FeatureError {
    FeatureError::InvalidValue { key: key.into(), wanted, found: format!("{found:?}") }
}

fn word(side: Side) -> &'static str {
    match side {
        Side::User => "user",
        Side::Item => "item",
        Side::Request => "request",
    }
}

fn unrecognised(path: &Path, reasons: &[(String, String)]) -> String {
    let mut message = format!("{}: no format fits", path.display());
    reasons.iter().for_each(|(format, reason)| message += &format!("\n  {format}: {reason}"));
    message
}

fn too_many_rejects(path: &Path, read: u64, max: f64, rejects: &[Reject]) -> String {
    const LISTED: usize = 5;
    let path = path.display();
    let rejected = rejects.len();
    let mut message =
        format!("{path}: {rejected} of {read} rows cannot be used, max_reject_ratio allows {max}");
    for reject in rejects.iter().take(LISTED) {
        message += &format!("\n  {path}:{}", reject.line);
        if !reject.column.is_empty() {
            message += &format!(" column `{}`", reject.column);
        }
        message += &format!(": {}", reject.reason);
    }
    if rejected > LISTED {
        message += &format!("\n  and {} more", rejected - LISTED);
    }
    message
}
