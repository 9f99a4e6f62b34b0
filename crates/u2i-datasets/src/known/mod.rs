//! The data sets that can be had by their names: a file for each publisher.

mod amazon;
mod light_gcn;
mod movielens;
mod rec_bole;
mod set;
mod steam;

#[cfg(any(test, feature = "download"))]
pub(crate) use set::Contents;
pub(crate) use set::Part;
pub use set::{FoundSet, KnownSet, Layout, Source};

#[cfg(test)]
pub(crate) use set::tests as small_set;

/// All data sets that are known by a name, those of a publisher together.
///
/// ```
/// let sets = u2i_datasets::known_sets();
/// let ml_25m = sets.iter().find(|set| set.name == "ml-25m").unwrap();
/// assert_eq!(ml_25m.bytes(), Some(261_978_986));
/// assert!(ml_25m.source.citation.contains("The MovieLens Datasets"));
/// ```
pub fn known_sets() -> Vec<KnownSet> {
    [movielens::sets(), amazon::sets(), light_gcn::sets(), steam::sets(), rec_bole::sets()].concat()
}

/// The data set of this name.
pub(crate) fn known(name: &str) -> Option<KnownSet> {
    known_sets().into_iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::small_set::folder;
    use super::*;

    #[test]
    fn a_folder_of_another_set_is_never_taken_for_this_one() {
        let root = tempfile::tempdir().unwrap();
        let named = |name: &str| known_sets().into_iter().find(|set| set.name == name).unwrap();
        for (name, files) in [
            ("ml-25m", ["ratings.csv", "movies.csv"].as_slice()),
            ("ml-1m", &["ratings.dat", "movies.dat", "users.dat"]),
            ("gowalla", &["train.txt", "test.txt"]),
        ] {
            folder(&root.path().join(name), files);
            assert!(named(name).folder_in(&root.path().join(name)).is_some(), "{name}");
        }
        for (wanted, there) in [("ml-20m", "ml-25m"), ("ml-10m", "ml-1m"), ("yelp2018", "gowalla")] {
            assert_eq!(named(wanted).folder_in(&root.path().join(there)), None, "{wanted} in {there}");
        }
    }

    #[test]
    fn every_known_set_is_whole() {
        let sets = known_sets();
        let mut names: Vec<&str> = sets.iter().map(|set| set.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), sets.len(), "names are distinct");
        for set in &sets {
            let KnownSet { name, source, .. } = set;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert!(name.bytes().all(is_plain), "{name}");
            assert!(
                !set.about.is_empty() && !source.licence.is_empty() && !source.citation.is_empty(),
                "{name}"
            );
            let mut unpacked = Vec::new();
            for part in &set.parts {
                assert!(part.url.starts_with("https://"), "{name}");
                assert!(part.sha256.as_ref().is_none_or(|hash| hash.len() == 64), "{name}");
                match &part.contents {
                    Contents::File(file) => unpacked.push(file.clone()),
                    Contents::Zip { members, .. } => unpacked.extend(members.clone()),
                }
            }
            assert_eq!(unpacked, set.layout.files(), "{name}: what is downloaded is what is read");
        }
    }
}
