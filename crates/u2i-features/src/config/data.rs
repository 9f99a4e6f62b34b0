use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::logs::LogsConfig;
use super::tables::TablesConfig;
use crate::limits::ReadLimits;
use crate::text::Encoding;

/// Where events come from: the `[data]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DataConfig {
    /// The MovieLens 1M folder: `ratings.dat`, `users.dat`, `movies.dat`.
    #[serde(rename = "ml_1m")]
    Ml1m(MovieLensConfig),
    /// The MovieLens 10M folder: `ratings.dat` with half stars, `movies.dat`.
    #[serde(rename = "ml_10m")]
    Ml10m(MovieLensConfig),
    /// The MovieLens 100K folder: `u.data`, `u.user`, `u.item`.
    #[serde(rename = "ml_100k")]
    Ml100k(MovieLensConfig),
    /// CSV or Parquet files of one's own.
    #[serde(rename = "tables")]
    Tables(Box<TablesConfig>),
    /// Events of several kinds in files of one's own.
    #[serde(rename = "logs")]
    Logs(Box<LogsConfig>),
    /// A text file of `user item` pairs in the order in which they happened, without times.
    #[serde(rename = "sequences")]
    Sequences(SequencesConfig),
}

impl DataConfig {
    /// A config of these files whose relative paths start at `base`.
    #[must_use]
    pub fn rebased(&self, base: &Path) -> Self {
        self.at(|path| base.join(path))
    }

    /// A config without the folders of the files: two configs that read alike then equal each other.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        self.at(|path| {
            let mut parts = path.components().skip_while(|part| !is_pattern(part));
            match parts.next() {
                // A pattern may go on over several folders.
                Some(first) => std::iter::once(first).chain(parts).collect(),
                None => path.file_name().map_or_else(PathBuf::new, PathBuf::from),
            }
        })
    }

    /// What to call the data in reports: `ml-1m`, or the first file or folder of events without its ending.
    pub fn name(&self) -> String {
        match self {
            DataConfig::Ml1m(_) => "ml-1m".to_owned(),
            DataConfig::Ml10m(_) => "ml-10m".to_owned(),
            DataConfig::Ml100k(_) => "ml-100k".to_owned(),
            DataConfig::Tables(tables) => stem(&tables.events.file),
            DataConfig::Logs(logs) => {
                logs.log.first().map_or_else(|| "logs".to_owned(), |log| stem(&log.events.file))
            }
            DataConfig::Sequences(config) => stem(&config.file),
        }
    }

    fn at(&self, place: impl Fn(&Path) -> PathBuf) -> Self {
        let mut moved = self.clone();
        match &mut moved {
            DataConfig::Ml1m(config) | DataConfig::Ml10m(config) | DataConfig::Ml100k(config) => {
                config.dir = place(&config.dir);
            }
            DataConfig::Sequences(config) => config.file = place(&config.file),
            DataConfig::Logs(logs) => {
                logs.log.iter_mut().for_each(|log| log.events.file = place(&log.events.file));
                for attributes in [&mut logs.users, &mut logs.items].into_iter().flatten() {
                    attributes.file = place(&attributes.file);
                }
            }
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

/// Whether a part of a path stands for several. A bracket alone may as well be one of a name.
fn is_pattern(part: &Component<'_>) -> bool {
    part.as_os_str().to_string_lossy().contains(['*', '?'])
}

/// The name of a file without its ending and that of its packing; of a pattern, that of the folder where it begins.
fn stem(path: &Path) -> String {
    let name = |part: Component<'_>| part.as_os_str().to_string_lossy().into_owned();
    let literal = path.components().take_while(|part| !is_pattern(part));
    let mut name = literal.last().map(name).unwrap_or_default();
    for packed in [".gz", ".zst"] {
        name.truncate(name.strip_suffix(packed).map_or(name.len(), str::len));
    }
    Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A MovieLens folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovieLensConfig {
    /// The folder that holds the files.
    pub dir: PathBuf,
    /// How many bad rows are tolerated, and how long a row may be.
    pub limits: ReadLimits,
}

/// A file of users and items without times: pairs, as the data sets of SASRec are written (Kang and McAuley,
/// "Self-Attentive Sequential Recommendation", ICDM 2018), or a line for each user, as those of LightGCN are (He et al.,
/// "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequencesConfig {
    /// The file. Each user's items stand in the order in which they were met.
    pub file: PathBuf,
    /// What stands on a line; pairs if left out.
    #[serde(default, skip_serializing_if = "SequencesLayout::is_pairs")]
    pub layout: SequencesLayout,
    /// How text is encoded.
    pub encoding: Encoding,
    /// How many bad rows are tolerated, and how long a row may be.
    pub limits: ReadLimits,
}

/// What a line of a file of users and items holds. White space stands between fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequencesLayout {
    /// `user item`: one event.
    #[default]
    Pairs,
    /// `user item item …`: a user and all items, or none.
    Adjacency,
}

impl SequencesLayout {
    fn is_pairs(&self) -> bool {
        *self == SequencesLayout::Pairs
    }
}
