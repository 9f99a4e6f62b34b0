use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use u2i_schema::Side;

use crate::{Encoding, FeatureError, RawData, movielens, sequences, table};

/// Where events come from: the `[data]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DataConfig {
    /// The MovieLens 1M folder: `ratings.dat`, `users.dat`, `movies.dat`.
    #[serde(rename = "ml_1m")]
    Ml1m(MovieLensConfig),
    /// The MovieLens 100K folder: `u.data`, `u.user`, `u.item`.
    #[serde(rename = "ml_100k")]
    Ml100k(MovieLensConfig),
    /// CSV or Parquet files of one's own.
    #[serde(rename = "tables")]
    Tables(Box<TablesConfig>),
    /// A text file of `user item` pairs in the order in which they happened, without times.
    #[serde(rename = "sequences")]
    Sequences(SequencesConfig),
}

impl DataConfig {
    /// Reads the files; relative paths start at `base`.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or holds more bad rows than `max_reject_ratio` allows.
    pub fn read(&self, base: &Path) -> Result<RawData, FeatureError> {
        match self {
            DataConfig::Ml1m(config) => movielens::read_ml_1m(&base.join(&config.dir), &config.limits),
            DataConfig::Ml100k(config) => movielens::read_ml_100k(&base.join(&config.dir), &config.limits),
            DataConfig::Tables(config) => table::read_tables(config, base),
            DataConfig::Sequences(config) => sequences::read_sequences(config, base),
        }
    }
}

impl DataConfig {
    /// The same files, with relative paths made to start at `base`.
    #[must_use]
    pub fn rebased(&self, base: &Path) -> Self {
        self.at(|path| base.join(path))
    }

    /// The same without the folders that the files lie in, to tell whether two configs read alike.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        self.at(|path| path.file_name().map_or_else(PathBuf::new, PathBuf::from))
    }

    /// What to call the data in reports: `ml-1m`, or the file of events without its ending.
    pub fn name(&self) -> String {
        match self {
            DataConfig::Ml1m(_) => "ml-1m".to_owned(),
            DataConfig::Ml100k(_) => "ml-100k".to_owned(),
            DataConfig::Tables(tables) => {
                tables.events.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
            }
            DataConfig::Sequences(config) => {
                config.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }

    fn at(&self, place: impl Fn(&Path) -> PathBuf) -> Self {
        let mut moved = self.clone();
        match &mut moved {
            DataConfig::Ml1m(config) | DataConfig::Ml100k(config) => config.dir = place(&config.dir),
            DataConfig::Sequences(config) => config.file = place(&config.file),
            DataConfig::Tables(tables) => {
                tables.events.file = place(&tables.events.file);
                for attributes in [&mut tables.users, &mut tables.items].into_iter().flatten() {
                    attributes.file = place(&attributes.file);
                }
                for sequence in &mut tables.sequences {
                    sequence.file = place(&sequence.file);
                }
            }
        }
        moved
    }
}

/// A MovieLens folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovieLensConfig {
    /// The folder that holds the files.
    pub dir: PathBuf,
    /// What is put up with while reading.
    pub limits: ReadLimits,
}

/// A file of pairs, as the data sets of SASRec are written: Kang and McAuley, "Self-Attentive Sequential
/// Recommendation", ICDM 2018.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequencesConfig {
    /// The file: one `user item` per line, white space between them, each user's lines in time order.
    pub file: PathBuf,
    /// How text is encoded.
    pub encoding: Encoding,
    /// What is put up with while reading.
    pub limits: ReadLimits,
}

/// What is put up with while reading a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadLimits {
    /// Share of a file's rows, from 0 to 1, that may be unusable before reading fails. 0 tolerates none.
    pub max_reject_ratio: f64,
    /// A longer row is rejected. Bounds the memory that a broken file can take.
    pub max_line_bytes: NonZeroUsize,
}

impl ReadLimits {
    /// No unusable row, and none longer than 1 MiB.
    pub const STRICT: ReadLimits =
        ReadLimits { max_reject_ratio: 0.0, max_line_bytes: NonZeroUsize::new(1 << 20).unwrap() };

    pub(crate) fn check(&self) -> Result<(), FeatureError> {
        if (0.0..=1.0).contains(&self.max_reject_ratio) {
            return Ok(());
        }
        Err(invalid("data.*.limits.max_reject_ratio", "a share from 0 to 1", self.max_reject_ratio))
    }
}

/// Events and attributes in files of one's own, columns bound by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablesConfig {
    /// One row per event.
    pub events: EventsConfig,
    /// One row per user.
    pub users: Option<AttributesConfig>,
    /// One row per item. The text attribute `title`, if there is one, names items in reports.
    pub items: Option<AttributesConfig>,
    /// Events of other kinds than those that are recommended, each in a file of its own. None if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<SequenceFileConfig>,
    /// What is put up with in each file.
    pub limits: ReadLimits,
}

/// The file of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// Column of user ids: text or integers, never floats.
    pub user: String,
    /// Column of item ids: text or integers, never floats.
    pub item: String,
    /// Column of times.
    pub time: TimeConfig,
    /// Further columns, known when recommendations are asked for. None if left out.
    #[serde(default)]
    pub request: Vec<AttributeConfig>,
}

/// A file of events of another kind than those that are recommended, such as searches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceFileConfig {
    /// Name that feature columns refer to.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// Column of user ids: text or integers, never floats. Rows of users without events are left out.
    pub user: String,
    /// Column of values: what was searched for, for instance. Text or integers, never floats.
    pub value: String,
    /// Column of times.
    pub time: TimeConfig,
}

/// The column of event times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// The column. Times before 1970 or from 2100 on are rejected.
    pub column: String,
    /// How times are written.
    pub unit: TimeUnit,
}

/// How times are written. All are rounded down to seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Numbers of seconds since 1970 in UTC, also as decimals: `978300760`, `978300760.0`, `9.7830076e8`.
    #[serde(rename = "s")]
    Seconds,
    /// Numbers of milliseconds since 1970 in UTC.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Dates with or without a time of day as in ISO 8601, `2000-12-31 22:12:40` or `2000-12-31T22:12:40+01:00`, in
    /// UTC unless they say otherwise; or timestamps and dates of Parquet.
    #[serde(rename = "datetime")]
    Datetime,
}

/// A file of attributes of users or items. Users and items that it lacks have missing values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributesConfig {
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// Column of ids: text or integers, never floats.
    pub id: String,
    /// The attributes. None if left out.
    #[serde(default)]
    pub attributes: Vec<AttributeConfig>,
}

/// How a table is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileFormat {
    /// Rows of text under a header. Fields may be quoted with `"` (RFC 4180); an empty field is missing.
    Csv {
        /// Between fields: a tab, a space or ASCII punctuation other than a quote.
        separator: char,
        /// How text is encoded.
        encoding: Encoding,
    },
    /// Rows of text under a header with a tab between fields, in which a quote is a letter like any other: the
    /// atomic files of RecBole, for instance.
    Tsv {
        /// How text is encoded.
        encoding: Encoding,
    },
    /// Apache Parquet.
    Parquet {},
}

/// One column of a table that becomes an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    /// Name of the attribute; feature columns refer to it.
    pub name: String,
    /// Column in the file; the attribute's name if left out.
    pub column: Option<String>,
    /// What it holds.
    pub kind: AttributeKind,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AttributeKind {
    /// One category, exact text.
    Text {},
    /// A quantity. NaN, infinities and text that is no number are rejected; an empty field or null is missing.
    Number {},
    /// Several categories in one field.
    List {
        /// Between categories, unless the column is one of lists (Parquet).
        separator: char,
    },
}

/// How events are divided: the `[split]` section. Training events always are a prefix of each user's events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitConfig {
    /// Per user in time order: the last event is the test target, the one before it the validation target, the
    /// rest trains. Users with fewer than three events only train.
    LeaveLastOut {
        /// Order of events of one user and second.
        ties: Ties,
    },
    /// By two times, the quantiles of all event times. Training events are strictly before the first; each
    /// user's first event from the second on is the test target, and the first one between them the validation
    /// target. The history of a target is everything before it. Targets without history are left out.
    ///
    /// The quantile `q` of `n` sorted times is the one at rank `⌊q·n⌋`, counted from 0.
    TimeCut {
        /// Order of events of one user and second.
        ties: Ties,
        /// Where training ends and validation begins, for instance 0.8.
        validation_quantile: f64,
        /// Where validation ends and the test begins, for instance 0.9.
        test_quantile: f64,
    },
    /// As the chapter's code: per user in file order, whatever the times say; the last row is the test target,
    /// the rest trains. We hold the row before the last back for validation.
    Book {
        /// Users with fewer events are dropped. At least 3.
        min_events: u32,
    },
}

/// Order of events that one user has in the same second. Equal rows are all kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// As in the file.
    File,
    /// By raw item id: independent of the order of rows in the file.
    ItemId,
    /// In a random order, the same for the same seed: independent of the order of rows in the file, and of what it may
    /// tell about the order in which people came upon the items.
    Shuffled {
        /// Of the draw.
        seed: u64,
    },
}

/// Feature columns: the `[features]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesConfig {
    /// The columns, written `[[features.column]]`. None if left out.
    #[serde(default)]
    pub column: Vec<ColumnConfig>,
    /// The sequence of a user's earlier items, for models that pool it.
    pub history: Option<HistoryConfig>,
    /// Gives all items without training events a row in id tables. They have no id vector if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemIdConfig>,
}

/// The row of items whose ids say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemIdConfig {
    /// Share of the items of a training step, above 0 and below 1, whose ids are taken for unknown, so that the row is
    /// trained.
    pub id_dropout: f64,
}

impl FeaturesConfig {
    /// Checks what can be told without data.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](FeatureError::InvalidValue) with the path of the key, such as
    /// `features.column.2.id_dropout`, for a value that is out of range or does not go with the kind of column, and
    /// [`DuplicateColumn`](FeatureError::DuplicateColumn).
    pub fn check(&self) -> Result<(), FeatureError> {
        if let Some(ItemIdConfig { id_dropout }) = self.item_id {
            check_share("features.item_id.id_dropout".to_owned(), id_dropout)?;
        }
        if let Some(HistoryConfig { gap_edges_s: edges, .. }) = &self.history {
            let ascend = edges.first().is_none_or(|&first| first > 0) && edges.is_sorted_by(|a, b| a < b);
            if !ascend {
                return Err(invalid("features.history.gap_edges_s", "seconds above 0 that ascend", edges));
            }
        }
        let mut names = HashSet::new();
        for (i, column) in self.column.iter().enumerate() {
            let key = |field: &str| format!("features.column.{i}.{field}");
            if let Some(twice) = column.names().into_iter().find(|name| !names.insert(name.clone())) {
                return Err(FeatureError::DuplicateColumn { key: key("name"), name: twice });
            }
            if let Some(share) = column.id_dropout {
                check_share(key("id_dropout"), share)?;
                if column.kind.is_number() {
                    let wanted = "a column with a row for unknown values";
                    return Err(invalid(key("id_dropout"), wanted, &column.kind));
                }
            }
            match column.kind {
                ColumnKind::Sequence { .. } if column.side != Side::Request => {
                    return Err(invalid(key("side"), "request, for a sequence", column.side));
                }
                ColumnKind::Cyclic { period } if !(period.is_finite() && period > 0.0) => {
                    return Err(invalid(key("kind.cyclic.period"), "a finite number above 0", period));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_share(key: String, share: f64) -> Result<(), FeatureError> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(invalid(key, "a share above 0 and below 1", share))
}

/// The sequence of items before a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryConfig {
    /// How many of the newest items are used.
    pub length: NonZeroUsize,
    /// The column whose embedding table the history shares: `item_id`, the table of target items. A table of its
    /// own if left out.
    pub shares: Option<String>,
    /// Ascending edges, in seconds above 0, of the intervals that the time from an event to the target is told by.
    /// Pooling then weighs events by that time, too; by their order alone if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gap_edges_s: Vec<i64>,
}

/// A feature column, before it is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnConfig {
    /// Name in models and reports.
    pub name: String,
    /// Whom it describes.
    pub side: Side,
    /// The attribute it is made from; the one of the same name if left out. Besides the attributes of the data
    /// there are `user_id` (user side), `item_id` (item side) and, from the event's time in UTC, `time_s`, `hour`
    /// and `weekday` (0 is Monday) on the request side.
    pub source: Option<String>,
    /// How values become rows of a table or a number.
    pub kind: ColumnKind,
    /// Share of the known values of a training step, above 0 and below 1, that are taken for unknown: the row of
    /// out-of-vocabulary values learns what is true on the whole. It is hardly trained if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_dropout: Option<f64>,
}

impl ColumnConfig {
    /// Names of the columns that models see: its own, or two of a cyclic one.
    pub fn names(&self) -> Vec<String> {
        match self.kind {
            ColumnKind::Cyclic { .. } => ["sin", "cos"].map(|wave| format!("{}_{wave}", self.name)).into(),
            _ => vec![self.name.clone()],
        }
    }

    /// The attribute it is made from.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }
}

/// How values of a column become rows of a table or a number.
///
/// Fitted on training data only. A user counts once if it has a training event, and so does an item; request
/// columns count every training event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnKind {
    /// One row per value that occurs often enough; the others share the out-of-vocabulary row. Numbers are taken
    /// as text: 25, not 25.0.
    Categorical {
        /// Fewest occurrences that earn a row.
        min_count: NonZeroU32,
    },
    /// Rows shared by hash, without a vocabulary. Numbers are taken as text.
    Hashed {
        /// Number of rows.
        buckets: NonZeroU32,
    },
    /// Several categories at once.
    MultiCategorical {
        /// Fewest occurrences that earn a row.
        min_count: NonZeroU32,
    },
    /// One row per interval between quantiles; equal quantiles are merged.
    BucketizedQuantiles {
        /// Number of intervals, at least 2.
        buckets: NonZeroU32,
    },
    /// One row per interval between given edges.
    BucketizedEdges {
        /// Strictly ascending, finite.
        edges: Vec<f64>,
    },
    /// `(x - mean) / sd`.
    Standardized {},
    /// `ln(1 + x) / scale`.
    Log {
        /// Finite and above 0.
        scale: f64,
    },
    /// The newest `length` events of another kind, from `source`, strictly before a target: a sequence of the data's
    /// ([`RawData::sequences`]), on the request side, with a vocabulary of its own.
    Sequence {
        /// The most events that are looked at.
        length: NonZeroU32,
        /// Fewest occurrences that earn a row.
        min_count: NonZeroU32,
    },
    /// `sin(2πx / period)` and `cos(2πx / period)`, as two columns `NAME_sin` and `NAME_cos`: the hour 23 is as near to 0
    /// as 1 is.
    Cyclic {
        /// Finite and above 0: 24 for hours, 7 for days of the week, 86,400 for `time_s` by the second of the day.
        period: f64,
    },
}

impl ColumnKind {
    /// Whether it makes real numbers instead of rows of a table.
    fn is_number(&self) -> bool {
        matches!(self, ColumnKind::Standardized {} | ColumnKind::Log { .. } | ColumnKind::Cyclic { .. })
    }
}

/// Which training events become targets: the `[samples]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesConfig {
    /// How many of each user. A user's first event has no history and is never a target.
    pub per_user: PerUser,
}

/// How many training targets a user gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PerUser {
    /// All.
    All {},
    /// At most the `n` newest.
    Newest {
        /// The cap.
        n: NonZeroU32,
    },
    /// At most `n`, drawn without replacement.
    Drawn {
        /// The cap.
        n: NonZeroU32,
    },
    /// Exactly `n` of every user that has one, so that users weigh the same (Covington et al., "Deep Neural
    /// Networks for YouTube Recommendations", RecSys 2016, §3.4): drawn without replacement, with replacement
    /// where there are fewer than `n`.
    Fixed {
        /// The number.
        n: NonZeroU32,
    },
}

pub(crate) fn invalid(
    key: impl Into<String>,
    wanted: &'static str,
    found: impl std::fmt::Debug,
) -> FeatureError {
    FeatureError::InvalidValue { key: key.into(), wanted, found: format!("{found:?}") }
}
