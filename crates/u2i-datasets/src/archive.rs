//! The data sets that are published as archives.

use std::path::{Path, PathBuf};

/// A data set as it is published: one zip with one folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Archive<'a> {
    /// Name of the data set, of the zip without its ending, and of the folder in it.
    pub(crate) name: &'static str,
    /// Files of the folder that are read; the events first.
    pub(crate) members: &'static [&'static str],
    /// Size of the zip.
    #[cfg_attr(not(feature = "download"), expect(dead_code, reason = "downloads are checked by it"))]
    pub(crate) bytes: u64,
    /// SHA-256 of the zip, in lower-case hex.
    #[cfg_attr(not(feature = "download"), expect(dead_code, reason = "downloads are checked by it"))]
    pub(crate) sha256: &'a str,
    /// More than any member unpacks to.
    #[cfg_attr(not(feature = "download"), expect(dead_code, reason = "downloads are checked by it"))]
    pub(crate) max_member_bytes: u64,
    /// Terms of use and what to cite.
    pub(crate) licence: &'static str,
}

/// <https://grouplens.org/datasets/movielens/1m/>
pub(crate) const ML_1M: Archive<'static> = Archive {
    name: "ml-1m",
    members: &["ratings.dat", "users.dat", "movies.dat"],
    bytes: 5_917_549,
    sha256: "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    max_member_bytes: 64 << 20,
    licence: LICENCE,
};

/// <https://grouplens.org/datasets/movielens/100k/>
pub(crate) const ML_100K: Archive<'static> = Archive {
    name: "ml-100k",
    members: &["u.data", "u.user", "u.item"],
    bytes: 4_924_029,
    sha256: "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    max_member_bytes: 64 << 20,
    licence: LICENCE,
};

const LICENCE: &str = "MovieLens data is provided by GroupLens, University of Minnesota, for research: no \
commercial use and no redistribution without permission; see the README in its folder. To cite: F. Maxwell \
Harper and Joseph A. Konstan, \"The MovieLens Datasets: History and Context\", ACM Transactions on \
Interactive Intelligent Systems 5, 4, Article 19, 2015, https://doi.org/10.1145/2827872";

impl Archive<'_> {
    /// `dir` itself or the folder of this name in it, whichever holds all files.
    pub(crate) fn folder_in(&self, dir: &Path) -> Option<PathBuf> {
        let holds = |dir: &PathBuf| self.members.iter().all(|member| dir.join(member).is_file());
        [dir.to_owned(), dir.join(self.name)].into_iter().find(holds)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SMALL: Archive<'static> = Archive {
        name: "small",
        members: &["events", "users"],
        bytes: 0,
        sha256: "",
        max_member_bytes: 1_000,
        licence: "free",
    };

    #[test]
    fn a_folder_counts_only_with_all_its_files() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("small");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("events"), "").unwrap();
        assert_eq!(SMALL.folder_in(root.path()), None);
        std::fs::write(dir.join("users"), "").unwrap();
        assert_eq!(SMALL.folder_in(root.path()), Some(dir.clone()));
        assert_eq!(SMALL.folder_in(&dir), Some(dir));
    }
}
