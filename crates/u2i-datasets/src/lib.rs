//! Data sets by their names: a folder that is there, a download, or data from a seed.
//!
//! [`resolve`] finds a data set, and [`synthetic`] makes one. Downloads need the feature `download`; without it a data set
//! has to be in one of the [`Places`] that are looked into.
//!
//! ```toml
//! u2i-datasets = { git = "https://github.com/u2i-rs/u2i" }
//! # with downloads
//! u2i-datasets = { git = "https://github.com/u2i-rs/u2i", features = ["download"] }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/datasets_alone.rs")]
//! ```

mod archive;
#[cfg(feature = "download")]
#[cfg(feature = "download")]
mod download;
mod mirror;
mod synthetic;
#[cfg(feature = "download")]
mod unpack;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use u2i_schema::ErrorKind;

pub use mirror::{DownloadError, Mirror};
pub use synthetic::{SyntheticConfig, synthetic};

use archive::{Archive, ML_1M, ML_100K};

/// What a user asks for with `--dataset`.
///
/// ```
/// use u2i_datasets::DatasetName;
/// assert_eq!("ml-1m".parse(), Ok(DatasetName::Ml1m));
/// assert_eq!(DatasetName::Ml100k.to_string(), "ml-100k");
/// let unknown = "ml-20m".parse::<DatasetName>().unwrap_err();
/// assert_eq!(unknown.to_string(), "unknown data set `ml-20m`, expected auto, synthetic, ml-100k or ml-1m");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatasetName {
    /// MovieLens 1M where it is or can be had, else synthetic data.
    Auto,
    /// Data from a seed.
    Synthetic,
    /// MovieLens 100K, or an error.
    Ml100k,
    /// MovieLens 1M, or an error.
    Ml1m,
}

/// A name that is not one of a data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown data set `{0}`, expected auto, synthetic, ml-100k or ml-1m")]
pub struct UnknownDataset(pub String);

impl FromStr for DatasetName {
    type Err = UnknownDataset;

    fn from_str(name: &str) -> Result<Self, UnknownDataset> {
        match name {
            "auto" => Ok(DatasetName::Auto),
            "synthetic" => Ok(DatasetName::Synthetic),
            "ml-100k" => Ok(DatasetName::Ml100k),
            "ml-1m" => Ok(DatasetName::Ml1m),
            _ => Err(UnknownDataset(name.to_owned())),
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DatasetName::Auto => "auto",
            DatasetName::Synthetic => "synthetic",
            DatasetName::Ml100k => "ml-100k",
            DatasetName::Ml1m => "ml-1m",
        })
    }
}

/// Where to look for files, in this order, and where to get them.
#[derive(Debug, Clone)]
pub struct Places {
    /// `--data-dir`: the folder of the data set, or the one that holds it.
    pub data_dir: Option<PathBuf>,
    /// `$U2I_DATA_DIR`, likewise.
    pub env_dir: Option<PathBuf>,
    /// The user's cache, where downloads are unpacked. Without one nothing is downloaded.
    pub cache_dir: Option<PathBuf>,
    /// Where to download from.
    pub mirror: Mirror,
}

/// A data set that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dataset {
    /// Data from a seed.
    Synthetic,
    /// The folder of MovieLens 100K: `u.data`, `u.user`, `u.item`.
    Ml100k(PathBuf),
    /// The folder of MovieLens 1M: `ratings.dat`, `users.dat`, `movies.dat`.
    Ml1m(PathBuf),
}

impl Dataset {
    /// The name in reports and paths.
    pub fn name(&self) -> DatasetName {
        match self {
            Dataset::Synthetic => DatasetName::Synthetic,
            Dataset::Ml100k(_) => DatasetName::Ml100k,
            Dataset::Ml1m(_) => DatasetName::Ml1m,
        }
    }
}

/// What was asked for, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The data set.
    pub dataset: Dataset,
    /// One line for the user, where things are not as they may expect: synthetic data instead of real, a
    /// download, another folder than the one they named.
    pub note: Option<String>,
    /// Terms of use and what to cite, to be shown with results; `None` for synthetic data.
    pub licence: Option<&'static str>,
}

/// A data set that was insisted on is neither there nor to be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name} is not in {} and could not be downloaded; unpack {url} so that {} exists",
    shown(looked_in),
    wanted.display()
)]
pub struct DataError {
    /// The data set.
    pub name: DatasetName,
    /// Folders that were looked into.
    pub looked_in: Vec<PathBuf>,
    /// What to download by hand.
    pub url: String,
    /// A file that would then be found.
    pub wanted: PathBuf,
    /// Why it could not be downloaded.
    pub source: Box<DownloadError>,
}

impl DataError {
    /// That of the download.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }
}

/// Finds a data set, or downloads it into the cache.
///
/// Files that are found are taken as they are. A download is verified: size and SHA-256 are pinned.
///
/// # Errors
///
/// If `ml-100k` or `ml-1m` is insisted on and can be neither found nor downloaded. `auto` falls back to
/// synthetic data then, and says why in [`Resolved::note`].
///
/// # Examples
///
/// ```
/// use u2i_datasets::{Dataset, DatasetName, Mirror, Places, resolve};
/// use u2i_schema::ErrorKind;
/// let nowhere = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::grouplens() };
/// assert_eq!(resolve(DatasetName::Synthetic, &nowhere)?.dataset, Dataset::Synthetic);
/// assert_eq!(resolve(DatasetName::Auto, &nowhere)?.dataset, Dataset::Synthetic);
/// assert_eq!(resolve(DatasetName::Ml1m, &nowhere).unwrap_err().kind(), ErrorKind::Files);
/// # Ok::<(), u2i_datasets::DataError>(())
/// ```
pub fn resolve(name: DatasetName, places: &Places) -> Result<Resolved, DataError> {
    let synthetic = |note| Resolved { dataset: Dataset::Synthetic, note, licence: None };
    let (archive, dataset): (_, fn(PathBuf) -> Dataset) = match name {
        DatasetName::Synthetic => return Ok(synthetic(None)),
        DatasetName::Ml100k => (ML_100K, Dataset::Ml100k),
        DatasetName::Ml1m | DatasetName::Auto => (ML_1M, Dataset::Ml1m),
    };
    match find(&archive, places) {
        Ok((dir, note)) => Ok(Resolved { dataset: dataset(dir), note, licence: Some(archive.licence) }),
        Err(error) if name == DatasetName::Auto => Ok(synthetic(Some(format!(
            "{} is not in {} and could not be downloaded ({}); going on with synthetic data",
            archive.name,
            shown(&error.looked_in),
            chain(&error.source)
        )))),
        Err(error) => Err(DataError { name, ..error }),
    }
}

/// The folder of a data set, and a note where it is not the first one that was named.
fn find(archive: &Archive<'_>, places: &Places) -> Result<(PathBuf, Option<String>), DataError> {
    let looked_in: Vec<PathBuf> =
        [&places.data_dir, &places.env_dir, &places.cache_dir].into_iter().flatten().cloned().collect();
    if let Some(dir) = looked_in.iter().find_map(|dir| archive.folder_in(dir)) {
        let elsewhere = places.data_dir.as_deref().filter(|data_dir| archive.folder_in(data_dir).is_none());
        let note = elsewhere.map(|data_dir| {
            format!("{} is not in {}, using {}", archive.name, data_dir.display(), dir.display())
        });
        return Ok((dir, note));
    }
    match download(archive, places) {
        Ok(dir) => {
            let note = format!("downloaded {} from {}", dir.display(), places.mirror.url(archive));
            Ok((dir, Some(note)))
        }
        Err(source) => {
            let parent = places.data_dir.as_deref().or(places.cache_dir.as_deref());
            Err(DataError {
                name: DatasetName::Auto,
                looked_in,
                url: places.mirror.url(archive),
                wanted: parent.unwrap_or(Path::new(".")).join(archive.name).join(archive.members[0]),
                source: Box::new(source),
            })
        }
    }
}

/// Downloads into the cache; returns the folder of the data set.
#[cfg(feature = "download")]
fn download(archive: &Archive<'_>, places: &Places) -> Result<PathBuf, DownloadError> {
    download::download(archive, &places.mirror, places.cache_dir.as_deref())
}

#[cfg(not(feature = "download"))]
fn download(_: &Archive<'_>, _: &Places) -> Result<PathBuf, DownloadError> {
    Err(DownloadError::NotBuilt)
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn shown(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "any folder (none is given)".to_owned();
    }
    folders.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::TcpListener;
    use std::time::Duration;

    /// Nothing answers at this mirror.
    fn offline() -> Mirror {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Mirror {
            base_url: format!("http://{closed}"),
            timeout: Duration::from_secs(5),
            ..Mirror::grouplens()
        }
    }

    /// A folder with empty files under the names of a data set.
    fn folder(root: &Path, name: &str, files: &[&str]) -> PathBuf {
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        files.iter().for_each(|file| fs::write(dir.join(file), "").unwrap());
        dir
    }

    #[test]
    fn folders_are_looked_into_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let [first, second, third] = ["a", "b", "c"].map(|name| root.path().join(name));
        let places = Places {
            data_dir: Some(first.clone()),
            env_dir: Some(second.clone()),
            cache_dir: Some(third.clone()),
            mirror: offline(),
        };
        for (place, is_first) in [(third, false), (second, false), (first.clone(), true)] {
            let dir = folder(&place, "ml-1m", ML_1M.members);
            for name in [DatasetName::Ml1m, DatasetName::Auto] {
                let found = resolve(name, &places).unwrap();
                assert_eq!(found.dataset, Dataset::Ml1m(dir.clone()));
                assert!(found.licence.unwrap().contains("Harper"));
                let note = format!("ml-1m is not in {}, using {}", first.display(), dir.display());
                assert_eq!(found.note, (!is_first).then_some(note));
            }
        }
    }

    #[test]
    fn the_folder_itself_may_be_named() {
        let root = tempfile::tempdir().unwrap();
        let dir = folder(root.path(), "anything", ML_100K.members);
        let places =
            Places { data_dir: Some(dir.clone()), env_dir: None, cache_dir: None, mirror: offline() };
        let found = resolve(DatasetName::Ml100k, &places).unwrap();
        assert_eq!((found.dataset.name(), &found.dataset), (DatasetName::Ml100k, &Dataset::Ml100k(dir)));
    }

    #[cfg(feature = "download")]
    #[test]
    fn auto_falls_back_and_says_why_on_one_line() {
        let root = tempfile::tempdir().unwrap();
        let cache_dir = Some(root.path().join("cache"));
        let places = Places { data_dir: None, env_dir: None, cache_dir, mirror: offline() };
        let found = resolve(DatasetName::Auto, &places).unwrap();
        assert_eq!((found.dataset, found.licence), (Dataset::Synthetic, None));
        let note = found.note.unwrap();
        let start = format!(
            "ml-1m is not in {} and could not be downloaded (cannot get {}/ml-1m.zip: ",
            root.path().join("cache").display(),
            places.mirror.base_url
        );
        assert!(note.starts_with(&start) && note.ends_with("); going on with synthetic data"), "{note}");
        assert!(!note.contains('\n'));
    }

    #[cfg(feature = "download")]
    #[test]
    fn insisting_fails_with_the_url_and_the_file_to_provide() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        let places = Places {
            data_dir: Some(dir.clone()),
            env_dir: None,
            cache_dir: None,
            mirror: Mirror::grouplens(),
        };
        let error = resolve(DatasetName::Ml1m, &places).unwrap_err();
        assert_eq!(
            chain(&error),
            format!(
                "ml-1m is not in {0} and could not be downloaded; unpack \
                 https://files.grouplens.org/datasets/movielens/ml-1m.zip so that {0}/ml-1m/ratings.dat exists: \
                 there is no cache folder to download into",
                dir.display()
            )
        );
        assert_eq!(error.kind(), ErrorKind::Files);
    }

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for name in [DatasetName::Auto, DatasetName::Synthetic, DatasetName::Ml100k, DatasetName::Ml1m] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }
}
