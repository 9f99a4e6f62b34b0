use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

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
    /// By files, for data that comes with a split of its own: see [`FilesSplit`].
    Files(FilesSplit),
}

/// The files of a split that the data comes with. Columns and format are those of the events in `[data.files]`.
///
/// All test events of a user are relevant, as a set, and so are all validation events. The history of a test user are
/// the training and validation events. In each file a user's events are in the order of their times, or of the file where
/// there are no times. Test users without an earlier event are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesSplit {
    /// Training events. It is the file of `[data.files]`, and may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// Validation events, which decide which epoch is kept. Left out, the last epoch is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// Test events.
    pub test: PathBuf,
    /// Order of events that one user has at the same time in one file; that of the file if left out.
    #[serde(default = "by_file", skip_serializing_if = "is_by_file")]
    pub ties: Ties,
    /// Whether events of a user in an earlier file may have happened at or after the first one in a later file, as in random
    /// splits. They are counted, and refused if this is left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_later_training: bool,
}

fn by_file() -> Ties {
    Ties::File
}

fn is_by_file(ties: &Ties) -> bool {
    *ties == Ties::File
}

fn is_false(value: &bool) -> bool {
    !value
}

impl SplitConfig {
    /// The split, with relative paths starting at `base`.
    #[must_use]
    pub fn rebased(&self, base: &Path) -> Self {
        self.at(|path| base.join(path))
    }

    /// The split without the folders of its files: two configs that read alike then equal each other.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        self.at(|path| path.file_name().map_or_else(PathBuf::new, PathBuf::from))
    }

    fn at(&self, place: impl Fn(&Path) -> PathBuf) -> Self {
        let mut moved = self.clone();
        if let SplitConfig::Files(FilesSplit { train, validation, test, .. }) = &mut moved {
            let files = [train.as_mut(), validation.as_mut(), Some(test)];
            files.into_iter().flatten().for_each(|file| *file = place(file));
        }
        moved
    }
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
