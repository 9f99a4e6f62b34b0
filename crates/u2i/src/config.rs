//! Experiment files: one complete experiment per TOML file, without inheritance or defaults.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use u2i_eval::Metric;
use u2i_features::{DataConfig, FeaturesConfig, SamplesConfig, SplitConfig};
use u2i_index::FaissSpec;
use u2i_schema::Digest;
use u2i_train::{LossConfig, TrainConfig};

use crate::Error;
use crate::model::ModelConfig;

/// One experiment, from data to evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Fixes samples, initial weights, shuffling, negatives and dropout.
    pub seed: u64,
    /// Where events come from.
    pub data: DataSource,
    /// What is training, validation and test.
    pub split: SplitConfig,
    /// Feature columns.
    pub features: FeaturesConfig,
    /// Which training events are targets.
    pub samples: SamplesConfig,
    /// The model.
    pub model: ModelConfig,
    /// What a step minimises.
    pub loss: LossConfig,
    /// How it is trained.
    pub train: TrainConfig,
    /// Indexes to be built over the item vectors and compared with exact search, `[[index]]`.
    #[serde(default)]
    pub index: Vec<IndexConfig>,
    /// How it is evaluated.
    pub evaluation: EvaluationConfig,
}

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSource {
    /// A data set by its name, `[data.named]`: looked for, downloaded or made.
    Named {
        /// `auto`, `synthetic`, `ml-100k` or `ml-1m`.
        dataset: String,
    },
    /// Files of one's own, `[data.files.tables]` or a MovieLens folder.
    Files(DataConfig),
}

/// An index over the item vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// `"flat"`, or a table `ivf` or `hnsw`.
    pub faiss: FaissSpec,
    /// What vectors are compared by.
    pub metric: u2i_index::Metric,
}

/// How a model is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Whether items of the history may be recommended, in what `metrics` of the report and validation count.
    pub seen: Seen,
    /// List lengths of hit rate, NDCG, precision and recall.
    pub k: Vec<NonZeroUsize>,
    /// The metric that decides which epoch is kept, for instance `ndcg@10`.
    pub validation_metric: String,
}

/// What becomes of items that a user has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// They are left out inside the search; a target among them counts as a miss.
    Excluded,
    /// They are ranked like any other.
    Kept,
}

impl EvaluationConfig {
    /// List lengths, as numbers.
    pub fn cutoffs(&self) -> Vec<usize> {
        self.k.iter().map(|k| k.get()).collect()
    }

    fn metric(&self, name: &str) -> Result<Metric, String> {
        let metric: Metric = name.parse().map_err(|error| format!("{error}"))?;
        match metric {
            Metric::HitRate(k) | Metric::Ndcg(k) | Metric::Precision(k) | Metric::Recall(k)
                if !self.cutoffs().contains(&k) =>
            {
                Err(format!("`{name}` is not measured, `evaluation.k` is {:?}", self.cutoffs()))
            }
            metric => Ok(metric),
        }
    }

    /// The metric that decides which epoch is kept.
    ///
    /// # Panics
    ///
    /// If the config was not read by [`Experiment::load`] and names no metric that is measured.
    pub fn validation_metric(&self) -> Metric {
        self.metric(&self.validation_metric).expect("checked when the experiment was read")
    }
}

/// A message about an unknown key or word, with the known one that is nearest to it.
fn with_nearest(message: &str) -> String {
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let listed = |text: &str| text.split(", ").map(|word| word.trim().to_owned()).collect::<Vec<_>>();
    let (found, known) = if let Some((found, known)) = message.split_once(", expected ") {
        (quoted(found), quoted(known))
    } else if let Some((found, known)) = message.split_once(", available keys: ") {
        (listed(found.rsplit(": ").next().unwrap_or("")), listed(known))
    } else {
        return message.to_owned();
    };
    let Some(found) = found.last() else { return message.to_owned() };
    let nearest = known.into_iter().min_by_key(|known| distance(found, known));
    match nearest.filter(|nearest| distance(found, nearest) <= 2.max(found.chars().count() / 3)) {
        Some(nearest) => format!("{message}; did you mean `{nearest}`?"),
        None => message.to_owned(),
    }
}

/// Letters to be put in, left out or replaced (Levenshtein, 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, own) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(own != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl Experiment {
    /// Reads an experiment file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or does not say just what an experiment needs; the error names line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
        Experiment::parse(&text, path)
    }

    /// Understands the text of an experiment file; `path` is only for messages.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let read = toml::from_str(text);
        if let Err(error) = &read
            && u2i_bug::planted("unknown_keys_are_left_out")
            && let Some((key, _)) =
                error.message().strip_prefix("unknown field `").and_then(|m| m.split_once('`'))
        {
            let known: String =
                text.lines().filter(|line| !line.contains(key)).map(|line| format!("{line}\n")).collect();
            return Experiment::parse(&known, path);
        }
        let experiment: Experiment = read.map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let before = &text[..text.floor_char_boundary(at)];
            Error::Config {
                path: PathBuf::from(path),
                line: before.matches('\n').count() + 1,
                column: before.chars().rev().take_while(|&c| c != '\n').count() + 1,
                message: with_nearest(error.message()),
            }
        })?;
        experiment.check(path)?;
        Ok(experiment)
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        let whole = |message: String| Error::Config { path: path.into(), line: 1, column: 1, message };
        if self.evaluation.k.is_empty() {
            return Err(whole("`evaluation.k` is empty, expected at least one list length".into()));
        }
        if self.features.history.is_some() != self.model.has_history() {
            return Err(whole(format!(
                "`features.history` and the history of `model.{}` must both be there or both be missing",
                self.model.name()
            )));
        }
        let metric = self.evaluation.metric(&self.evaluation.validation_metric);
        metric.map(drop).map_err(|message| whole(format!("`evaluation.validation_metric`: {message}")))?;
        Ok(())
    }

    /// SHA-256 of everything that the experiment says, independent of comments and the order of keys.
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).expect("an experiment is plain data");
        Digest::new().part("experiment", text.as_bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_if_it_is_near() {
        assert_eq!(
            (distance("epoch", "epochs"), distance("", "abc"), distance("kitten", "sitting")),
            (1, 3, 3)
        );
        let message = "unknown field `epoch`, expected one of `epochs`, `seed`";
        assert_eq!(with_nearest(message), format!("{message}; did you mean `epochs`?"));
        for message in
            ["unknown field `zzzzzzz`, expected `seed`", "missing field `seed`", "expected a string"]
        {
            assert_eq!(with_nearest(message), message);
        }
    }
}
