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

mod chain;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "download")]
mod first_hashes;
#[cfg(feature = "download")]
mod http;
mod known;
mod mirror;
mod name;
mod synthetic;
#[cfg(feature = "download")]
mod unpack;

use std::path::{Path, PathBuf};

use u2i_schema::ErrorKind;

pub use known::{FoundSet, KnownSet, Layout, Source, known_sets};
pub use mirror::{DownloadError, Mirror};
pub use name::{DatasetName, UnknownDataset};
pub use synthetic::{SyntheticConfig, synthetic};

use chain::chain;
use known::known;

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
    /// Files that were found or downloaded.
    Files(FoundSet),
}

impl Dataset {
    /// The name in reports and paths.
    pub fn name(&self) -> DatasetName {
        match self {
            Dataset::Synthetic => DatasetName::SYNTHETIC,
            Dataset::Files(found) => DatasetName::of(found.name),
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
    pub licence: Option<String>,
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
/// Files that are found are taken as they are. A download is verified: by the SHA-256 that is pinned, or where none is
/// published by that of the first download.
///
/// # Errors
///
/// If a data set is insisted on and can be neither found nor downloaded. `auto` falls back to synthetic data then, and
/// says why in [`Resolved::note`].
///
/// # Examples
///
/// ```
/// use u2i_datasets::{Dataset, DatasetName, Mirror, Places, resolve};
/// use u2i_schema::ErrorKind;
/// let nowhere = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() };
/// assert_eq!(resolve(DatasetName::SYNTHETIC, &nowhere)?.dataset, Dataset::Synthetic);
/// assert_eq!(resolve(DatasetName::AUTO, &nowhere)?.dataset, Dataset::Synthetic);
/// assert_eq!(resolve(DatasetName::ML_1M, &nowhere).unwrap_err().kind(), ErrorKind::Files);
/// # Ok::<(), u2i_datasets::DataError>(())
/// ```
pub fn resolve(name: DatasetName, places: &Places) -> Result<Resolved, DataError> {
    let synthetic = |note| Resolved { dataset: Dataset::Synthetic, note, licence: None };
    let wanted = if name == DatasetName::AUTO { DatasetName::ML_1M } else { name };
    // What is in no list of published data sets is made.
    let Some(set) = known(wanted.as_str()) else { return Ok(synthetic(None)) };
    match find(&set, places) {
        Ok((folder, note)) => {
            let found = FoundSet { name: set.name, folder, layout: set.layout.clone() };
            Ok(Resolved { dataset: Dataset::Files(found), note, licence: Some(set.terms()) })
        }
        Err(error) if name == DatasetName::AUTO => Ok(synthetic(Some(format!(
            "{} is not in {} and could not be downloaded ({}); going on with synthetic data",
            set.name,
            shown(&error.looked_in),
            chain(&error.source)
        )))),
        Err(error) => Err(error),
    }
}

/// The folder of a data set, and a note where it is not the first one that was named.
fn find(set: &KnownSet, places: &Places) -> Result<(PathBuf, Option<String>), DataError> {
    let looked_in: Vec<PathBuf> =
        [&places.data_dir, &places.env_dir, &places.cache_dir].into_iter().flatten().cloned().collect();
    if let Some(dir) = looked_in.iter().find_map(|dir| set.folder_in(dir)) {
        let elsewhere = places.data_dir.as_deref().filter(|data_dir| set.folder_in(data_dir).is_none());
        let note = elsewhere.map(|data_dir| {
            format!("{} is not in {}, using {}", set.name, data_dir.display(), dir.display())
        });
        return Ok((dir, note));
    }
    let urls = set.parts.iter().map(|part| places.mirror.url(set, part)).collect::<Vec<_>>().join(" and ");
    match download(set, places) {
        Ok(dir) => {
            let note = format!("downloaded {} from {urls}", dir.display());
            Ok((dir, Some(note)))
        }
        Err(source) => {
            let parent = places.data_dir.as_deref().or(places.cache_dir.as_deref());
            let events = set.layout.files().into_iter().next().unwrap_or_default();
            Err(DataError {
                name: DatasetName::of(set.name),
                looked_in,
                url: urls,
                wanted: parent.unwrap_or(Path::new(".")).join(set.name).join(events),
                source: Box::new(source),
            })
        }
    }
}

/// Downloads into the cache; returns the folder of the data set.
#[cfg(feature = "download")]
fn download(set: &KnownSet, places: &Places) -> Result<PathBuf, DownloadError> {
    download::download(set, &places.mirror, places.cache_dir.as_deref())
}

#[cfg(not(feature = "download"))]
fn download(_: &KnownSet, _: &Places) -> Result<PathBuf, DownloadError> {
    Err(DownloadError::NotBuilt)
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
            base_url: Some(format!("http://{closed}")),
            timeout: Duration::from_secs(5),
            ..Mirror::publishers()
        }
    }

    /// A folder with empty files under the names of a data set.
    fn folder(root: &Path, name: &str, set: DatasetName) -> PathBuf {
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        let files = known(set.as_str()).unwrap().layout.files();
        files.iter().for_each(|file| fs::write(dir.join(file), "").unwrap());
        dir
    }

    fn found(name: DatasetName, folder: PathBuf) -> Dataset {
        let set = known(name.as_str()).unwrap();
        Dataset::Files(FoundSet { name: set.name, folder, layout: set.layout })
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
            let dir = folder(&place, "ml-1m", DatasetName::ML_1M);
            for name in [DatasetName::ML_1M, DatasetName::AUTO] {
                let resolved = resolve(name, &places).unwrap();
                assert_eq!(resolved.dataset, found(DatasetName::ML_1M, dir.clone()));
                assert!(resolved.licence.unwrap().contains("Harper"));
                let note = format!("ml-1m is not in {}, using {}", first.display(), dir.display());
                assert_eq!(resolved.note, (!is_first).then_some(note));
            }
        }
    }

    #[test]
    fn the_folder_itself_may_be_named() {
        let root = tempfile::tempdir().unwrap();
        let dir = folder(root.path(), "anything", DatasetName::ML_100K);
        let places =
            Places { data_dir: Some(dir.clone()), env_dir: None, cache_dir: None, mirror: offline() };
        let resolved = resolve(DatasetName::ML_100K, &places).unwrap();
        assert_eq!(resolved.dataset.name(), DatasetName::ML_100K);
        assert_eq!(resolved.dataset, found(DatasetName::ML_100K, dir));
    }

    #[cfg(feature = "download")]
    #[test]
    fn auto_falls_back_and_says_why_on_one_line() {
        let root = tempfile::tempdir().unwrap();
        let cache_dir = Some(root.path().join("cache"));
        let places = Places { data_dir: None, env_dir: None, cache_dir, mirror: offline() };
        let found = resolve(DatasetName::AUTO, &places).unwrap();
        assert_eq!((found.dataset, found.licence), (Dataset::Synthetic, None));
        let note = found.note.unwrap();
        let start = format!(
            "ml-1m is not in {} and could not be downloaded (cannot get {}/ml-1m/ml-1m.zip: ",
            root.path().join("cache").display(),
            places.mirror.base_url.as_ref().unwrap()
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
            mirror: Mirror::publishers(),
        };
        let error = resolve(DatasetName::ML_1M, &places).unwrap_err();
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
}
