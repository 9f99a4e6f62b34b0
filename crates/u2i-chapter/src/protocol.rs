use std::fmt;
use std::mem::discriminant;
use std::str::FromStr;

use serde::Serialize;
use u2i::config::{Experiment, Seen};
use u2i_features::{SplitConfig, Ties};

/// How events are divided and what may be recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Leave-last-out in time order, seen items excluded: the default.
    Time,
    /// A global cut in time, seen items excluded.
    Cut,
    /// As the chapter's code: file order, seen items kept.
    Book,
}

impl Protocol {
    /// All of them, in the order in which tables are printed.
    pub const ALL: [Protocol; 3] = [Protocol::Time, Protocol::Cut, Protocol::Book];

    /// The split that it stands for.
    pub fn split(self) -> SplitConfig {
        match self {
            Protocol::Time => SplitConfig::LeaveLastOut { ties: Ties::File },
            Protocol::Cut => {
                SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.8, test_quantile: 0.9 }
            }
            Protocol::Book => SplitConfig::Book { min_events: 10 },
        }
    }

    /// The experiment under this protocol. A split that is of its kind already stays as it is.
    #[must_use]
    pub fn apply(self, mut experiment: Experiment) -> Experiment {
        if discriminant(&experiment.split) != discriminant(&self.split()) {
            experiment.split = self.split();
        }
        experiment.evaluation.seen = match self {
            Protocol::Book => Seen::Kept,
            Protocol::Time | Protocol::Cut => Seen::Excluded,
        };
        experiment
    }

    /// One line on what is measured.
    pub fn describe(self) -> &'static str {
        match self {
            Protocol::Time => "time-ordered leave-last-out, full catalog, seen items excluded",
            Protocol::Cut => {
                "global time cut at the 80 % and 90 % quantiles, full catalog, seen items excluded"
            }
            Protocol::Book => {
                "the book's protocol: file order, last row per user, full catalog, seen items kept"
            }
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Time => "time",
            Protocol::Cut => "cut",
            Protocol::Book => "book",
        })
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Protocol::ALL
            .into_iter()
            .find(|protocol| protocol.to_string() == text)
            .ok_or_else(|| format!("unknown protocol `{text}`, expected time, cut, book or all"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use u2i::pipeline::load_config;

    #[test]
    fn a_split_of_the_protocols_kind_stays() {
        let mut experiment = load_config("ml-1m/fm").unwrap();
        let own = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.5, test_quantile: 0.7 };
        experiment.split = own.clone();
        assert_eq!(Protocol::Cut.apply(experiment.clone()).split, own);
        for protocol in [Protocol::Time, Protocol::Book] {
            assert_eq!(protocol.apply(experiment.clone()).split, protocol.split());
        }
    }
}
