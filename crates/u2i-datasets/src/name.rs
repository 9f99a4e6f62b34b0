use std::fmt;
use std::str::FromStr;

use crate::known::known_sets;

/// What a user asks for with `--dataset`: the name of a data set, or `auto`.
///
/// ```
/// use u2i_datasets::DatasetName;
/// assert_eq!("ml-1m".parse(), Ok(DatasetName::ML_1M));
/// assert_eq!(DatasetName::ML_100K.to_string(), "ml-100k");
/// assert_eq!("amazon-2018-All_Beauty".parse::<DatasetName>().unwrap().to_string(), "amazon-2018-All_Beauty");
/// let unknown = "ml20m".parse::<DatasetName>().unwrap_err();
/// assert_eq!(unknown.to_string(), "unknown data set `ml20m`: did you mean ml-20m? `--dataset list` names all");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatasetName(&'static str);

impl DatasetName {
    /// MovieLens 1M where it is or can be had, else synthetic data.
    pub const AUTO: Self = DatasetName("auto");
    /// Data from a seed.
    pub const SYNTHETIC: Self = DatasetName("synthetic");
    /// MovieLens 100K.
    pub const ML_100K: Self = DatasetName("ml-100k");
    /// MovieLens 1M.
    pub const ML_1M: Self = DatasetName("ml-1m");

    pub(crate) fn of(name: &'static str) -> Self {
        DatasetName(name)
    }

    /// The name as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Every name that there is.
fn names() -> impl Iterator<Item = &'static str> {
    let made = [DatasetName::AUTO, DatasetName::SYNTHETIC].map(DatasetName::as_str);
    made.into_iter().chain(known_sets().into_iter().map(|set| set.name))
}

/// A name that is not one of a data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown data set `{name}`: {}`--dataset list` names all", did_you_mean(near))]
pub struct UnknownDataset {
    /// What was asked for.
    pub name: String,
    /// Names that are written alike, at most three.
    pub near: Vec<&'static str>,
}

fn did_you_mean(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("did you mean {one}? "),
        [first @ .., last] => format!("did you mean {} or {last}? ", first.join(", ")),
    }
}

impl FromStr for DatasetName {
    type Err = UnknownDataset;

    fn from_str(name: &str) -> Result<Self, UnknownDataset> {
        match names().find(|known| *known == name) {
            Some(known) => Ok(DatasetName(known)),
            None => Err(UnknownDataset { name: name.to_owned(), near: near(name) }),
        }
    }
}

/// Letters and digits alone: how a name is cut up and whether it has capitals is easily remembered wrong.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The names nearest to `name`, the nearest first; at most a third of it may be wrong. One that is only cut up otherwise is
/// meant.
fn near(name: &str) -> Vec<&'static str> {
    let plainly = plain(name);
    let mut found: Vec<(usize, &'static str)> = names()
        .map(|known| (changes(&plainly, &plain(known)), known))
        .filter(|&(changes, _)| 3 * changes <= plainly.len())
        .collect();
    found.sort_by_key(|&(changes, _)| changes);
    if found.first().is_some_and(|&(changes, _)| changes == 0) {
        found.retain(|&(changes, _)| changes == 0);
    }
    found.into_iter().take(3).map(|(_, known)| known).collect()
}

/// The least number of letters that are put in, left out or changed to make one text of another.
///
/// Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals", 1966.
fn changes(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (place, other) in to.iter().enumerate() {
            let changed = before + usize::from(letter != *other);
            before = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(before + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for name in names() {
            assert_eq!(name.parse::<DatasetName>().unwrap().to_string(), name);
        }
        for name in [DatasetName::AUTO, DatasetName::SYNTHETIC, DatasetName::ML_100K, DatasetName::ML_1M] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn unknown_names_are_answered_with_near_ones() {
        let cases: [(&str, &[&str]); 6] = [
            ("ml_25m", &["ml-25m"]),
            ("ML-25M", &["ml-25m"]),
            ("amazon-2018-all-beauty", &["amazon-2018-All_Beauty"]),
            ("Amazon_2014_Beuty", &["amazon-2014-Beauty"]),
            ("gowala", &["gowalla"]),
            ("recbole-ml100k", &["recbole-ml-100k"]),
        ];
        for (name, wanted) in cases {
            let UnknownDataset { near, .. } = name.parse::<DatasetName>().unwrap_err();
            assert!(near.starts_with(wanted) && near.len() <= 3, "{name}: {near:?}");
        }
        let error = "criteo-1tb-terabyte".parse::<DatasetName>().unwrap_err();
        assert_eq!(error.to_string(), "unknown data set `criteo-1tb-terabyte`: `--dataset list` names all");
        assert!("".parse::<DatasetName>().is_err());
    }

    #[test]
    fn changes_are_counted_one_by_one() {
        let cases =
            [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("ml20m", "ml25m", 1), ("ab", "ba", 2)];
        for (from, to, wanted) in cases {
            assert_eq!((changes(from, to), changes(to, from)), (wanted, wanted), "{from} {to}");
        }
    }
}
