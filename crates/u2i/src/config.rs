//! Experiment files: one complete experiment per TOML file, without inheritance or defaults.

use std::num::NonZeroUsize;
use std::path::Path;

use serde::{Deserialize, Serialize};
use u2i_eval::Metric;
use u2i_features::{ColumnKind, DataConfig, FeatureError, FeaturesConfig, SamplesConfig, SplitConfig};
use u2i_index::FaissSpec;
use u2i_losses::LossSource;
use u2i_models::{DeclaredColumn, ModelConfig, TwoTowerConfig};
use u2i_schema::{Digest, Side};
use u2i_train::{LossConfig, TrainConfig};

use crate::{Error, built_in};

pub use crate::user_sample::{MOST_TEST_USERS, MOST_VALIDATION_USERS, UserSample};
pub use crate::validation_search::ValidationSearch;
pub use u2i_index::Seen;

/// One experiment, from data to evaluation, of one of our models or of any whose config is a `C`, and of one of our losses
/// or of any whose config is an `L`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment<C = ModelConfig, L = LossConfig> {
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
    pub model: C,
    /// What a step minimises.
    pub loss: L,
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
    /// Data that only the program that trains can read, `[data.program]`; it passes them to
    /// [`Job::data`](crate::run::Job::data).
    Program {
        /// Name of the data set in reports.
        name: String,
    },
}

/// An index over the item vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// `"flat"`, or a table `ivf` or `hnsw`; compressed, `"sq8"` or a table `ivf_pq`.
    pub faiss: FaissSpec,
    /// What vectors are compared by.
    pub metric: u2i_index::Similarity,
    /// Makes this index the one that is exported, and says how much of what exact search finds it must find, above 0
    /// and at most 1. The first index that has it is exported; where none has, one is chosen by the number of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_recall: Option<f64>,
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
    /// Test users that are ranked for: `"all"`, or a number of them. Where it is missing, all up to 50,000, else a sample of
    /// so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UserSample>,
    /// Validation users that are ranked for after each epoch, in the same way. Where it is missing, up to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_users: Option<UserSample>,
    /// How a validation looks for items: `"exact"`, as where it is missing, or an index of faiss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_search: Option<ValidationSearch>,
}

impl EvaluationConfig {
    /// The `[evaluation]` section of an experiment file, whatever its model is; `path` is only for messages.
    ///
    /// # Errors
    ///
    /// If the text has no such section or it holds something else.
    pub fn of_experiment(text: &str, path: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Evaluated {
            evaluation: EvaluationConfig,
        }
        let Evaluated { evaluation } =
            toml::from_str(text).map_err(|error| Error::of_toml(&error, text, path))?;
        Ok(evaluation)
    }

    /// How many test users are ranked for.
    pub fn test_sample(&self) -> UserSample {
        self.users.unwrap_or(UserSample::AtMost(MOST_TEST_USERS))
    }

    /// How many validation users are ranked for after each epoch.
    pub fn validation_sample(&self) -> UserSample {
        self.validation_users.unwrap_or(UserSample::AtMost(MOST_VALIDATION_USERS))
    }

    /// List lengths, as numbers.
    pub fn cutoffs(&self) -> Vec<usize> {
        self.k.iter().map(|k| k.get()).collect()
    }

    fn metric(&self, name: &str) -> Result<Metric, String> {
        let metric: Metric = name.parse().map_err(|error| format!("{error}"))?;
        match metric {
            Metric::HitRate(k)
            | Metric::Ndcg(k)
            | Metric::Precision(k)
            | Metric::Recall(k)
            | Metric::Map(k)
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

impl Experiment {
    /// Reads an experiment file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or does not say just what an experiment needs; the error names line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Experiment::load_as(path)
    }

    /// An experiment that is built in, by its path below `configs/` without the ending, such as `ml-1m/fm`; `None` where
    /// there is none of this name.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); a file that is built in has been tested.
    pub fn built_in(name: &str) -> Option<Result<Self, Error>> {
        let (path, text) = built_in::file(name)?;
        Some(Experiment::parse(text, &Path::new("configs").join(path)))
    }

    /// Reads an experiment file, or one that is built in, with some of its values replaced, and with the paths of its
    /// data made absolute, so that it means the same wherever it is kept.
    ///
    /// Each of `set` is `key=value`: a dotted key, places of arrays counted from 0, and a value as in TOML; what is none
    /// there is text, so `model.dssm.normalization=l2` needs no quotes.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), and if the experiment does not take a value of `set`.
    pub fn load_with(path: &Path, set: &[String]) -> Result<Self, Error> {
        let built_in = path.to_str().and_then(Experiment::built_in);
        let mut experiment = built_in.unwrap_or_else(|| Experiment::load(path))?;
        if !set.is_empty() {
            let mut table: toml::Table =
                toml::from_str(&experiment.to_toml()).expect("an experiment is written as TOML");
            for one in set {
                put(&mut table, one).map_err(|reason| Error::Usage(format!("--set {one}: {reason}")))?;
            }
            let text = toml::to_string(&table).expect("a table is written as TOML");
            experiment = Experiment::parse(&text, path).map_err(|error| match error {
                Error::Config { message, .. } => {
                    Error::Usage(format!("--set {}: {message}", set.join(" --set ")))
                }
                other => other,
            })?;
        }
        if let DataSource::Files(files) = &mut experiment.data {
            let folder = path.parent().unwrap_or(Path::new(""));
            let base = std::path::absolute(if folder == Path::new("") { Path::new(".") } else { folder });
            let base = base.map_err(|source| Error::Io { action: "find", path: folder.into(), source })?;
            *files = files.rebased(&base);
            experiment.split = experiment.split.rebased(&base);
        }
        Ok(experiment)
    }

    /// Understands the text of an experiment file; `path` is only for messages.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        Experiment::parse_as(text, path)
    }
}

impl<C: TwoTowerConfig, L: LossSource> Experiment<C, L> {
    /// Reads an experiment file of a model whose config is a `C` and a loss whose config is an `L`.
    ///
    /// # Errors
    ///
    /// As [`Experiment::load`].
    pub fn load_as(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
        Experiment::parse_as(&text, path)
    }

    /// Understands the text of an experiment file of a model whose config is a `C` and a loss whose config is an `L`; `path`
    /// is only for messages.
    ///
    /// # Errors
    ///
    /// As [`Experiment::load`].
    pub fn parse_as(text: &str, path: &Path) -> Result<Self, Error> {
        let experiment: Self = toml::from_str(text).map_err(|error| Error::of_toml(&error, text, path))?;
        experiment.find_fault().map_err(|(key, message)| Error::of_key(&key, message, text, path))?;
        Ok(experiment)
    }

    /// The experiment as a file of its own.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("an experiment was read from TOML")
    }

    /// The experiment with another model.
    pub fn with_model<D: TwoTowerConfig>(self, model: D) -> Experiment<D, L> {
        let Experiment { seed, data, split, features, samples, loss, train, index, evaluation, .. } = self;
        Experiment { seed, data, split, features, samples, model, loss, train, index, evaluation }
    }

    /// The experiment with another loss.
    pub fn with_loss<M: LossSource>(self, loss: M) -> Experiment<C, M> {
        let Experiment { seed, data, split, features, samples, model, train, index, evaluation, .. } = self;
        Experiment { seed, data, split, features, samples, model, loss, train, index, evaluation }
    }

    /// Checks an experiment that a program made, as [`load_as`](Self::load_as) checks one that it read.
    ///
    /// # Errors
    ///
    /// [`Usage`](Error::Usage), with the key at fault.
    pub fn check(&self) -> Result<(), Error> {
        self.find_fault().map_err(|(_, message)| Error::Usage(message))
    }

    /// What the types of keys do not say, as the key and what is wrong with it.
    fn find_fault(&self) -> Result<(), (String, String)> {
        let at = |key: &str, message: String| Err((key.to_owned(), message));
        if self.evaluation.k.is_empty() {
            return at("evaluation.k", "`evaluation.k` is empty, expected at least one list length".into());
        }
        let history = self.model.history();
        if self.features.history.is_some() != history.is_some() {
            let name = self.model.name();
            let there = if self.features.history.is_some() { "features.history" } else { "model" };
            return at(
                there,
                format!(
                    "`features.history` and the history of `model.{name}` must both be there or both be missing"
                ),
            );
        }
        if let Err(error) = self.features.check() {
            let key = match &error {
                FeatureError::InvalidValue { key, .. } | FeatureError::DuplicateColumn { key, .. } => {
                    key.clone()
                }
                _ => "features".to_owned(),
            };
            return Err((key, error.to_string()));
        }
        let by_time = self.features.history.as_ref().is_some_and(|history| !history.gap_edges_s.is_empty());
        if by_time && !history.is_some_and(|history| history.has_weights) {
            let key = "features.history.gap_edges_s";
            let message = format!("`{key}` is for pooling with weights, `recency` or `attention`");
            return at(key, message);
        }
        self.check_columns()?;
        self.loss.build().map_err(|error| ("loss".to_owned(), error.to_string()))?;
        for (i, index) in self.index.iter().enumerate() {
            if let Some(found) = index.min_recall.filter(|&least| !(least > 0.0 && least <= 1.0)) {
                let key = format!("index.{i}.min_recall");
                let message = format!("`{key}` is {found}, expected a share above 0 and at most 1");
                return Err((key, message));
            }
            if index.faiss.is_compressed() && index.metric == u2i_index::Similarity::L2 {
                let key = format!("index.{i}.metric");
                let message = format!(
                    "`{key}` is l2, expected `inner_product` or `augmented_inner_product` for compressed vectors"
                );
                return Err((key, message));
            }
        }
        if matches!(self.evaluation.validation_search, Some(ValidationSearch::Faiss(_))) {
            let key = "evaluation.validation_search";
            if !cfg!(feature = "faiss") {
                let message = format!("`{key}` is an index, expected `exact`: this build is without faiss");
                return at(key, message);
            }
            if self.evaluation.validation_metric == Metric::Mrr.to_string() {
                let message = format!(
                    "`{key}` is an index, expected `exact` for `mrr`, which is over lists of all items"
                );
                return at(key, message);
            }
        }
        let key = "evaluation.validation_metric";
        let metric = self.evaluation.metric(&self.evaluation.validation_metric);
        match metric {
            Ok(Metric::Map(_)) if !matches!(self.split, SplitConfig::Files(_)) => at(
                key,
                format!("`{key}`: `map` is of several relevant items, which the split `files` alone has"),
            ),
            Ok(_) => Ok(()),
            Err(message) => at(key, format!("`{key}`: {message}")),
        }
    }

    /// That what is said of items reaches their vectors, and that the model can use the columns.
    fn check_columns(&self) -> Result<(), (String, String)> {
        let columns = self.features.column.iter().map(|column| DeclaredColumn {
            name: &column.name,
            side: column.side,
            is_sequence: matches!(column.kind, ColumnKind::Sequence { .. }),
        });
        let columns: Vec<DeclaredColumn<'_>> = columns.collect();
        if self.features.item_id.is_some() && !columns.iter().any(|column| column.side == Side::Item) {
            let message = "`features.item_id` is for items without training events, but there is no column of items to \
                           tell them apart by";
            return Err(("features.item_id".to_owned(), message.to_owned()));
        }
        self.model.check("model", &columns).map_err(|fault| (fault.key, fault.message))
    }

    /// BLAKE3 of everything that the experiment says, independent of comments and the order of keys, and of the folders
    /// that its files lie in: what the files hold has a hash of its own.
    pub fn hash(&self) -> String {
        let mut anywhere = self.clone();
        if let DataSource::Files(files) = &mut anywhere.data {
            *files = files.anywhere();
            anywhere.split = anywhere.split.anywhere();
        }
        let text = serde_json::to_string(&anywhere).expect("an experiment is plain data");
        Digest::new().part("experiment", text.as_bytes()).finish()
    }
}

/// Replaces a value of a table, or adds it.
fn put(table: &mut toml::Table, assignment: &str) -> Result<(), String> {
    let (key, text) = assignment.split_once('=').ok_or("wanted key=value")?;
    let parsed = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    let parsed = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let keys: Vec<&str> = key.trim().split('.').collect();
    let (last, path) =
        keys.split_last().filter(|_| !keys.contains(&"")).ok_or("wanted a key before the `=`")?;
    let Some((first, rest)) = path.split_first() else {
        table.insert((*last).to_owned(), value);
        return Ok(());
    };
    let empty = || toml::Value::Table(toml::Table::new());
    let mut at = table.entry(*first).or_insert_with(empty);
    for key in rest {
        at = match at {
            toml::Value::Table(table) => table.entry(*key).or_insert_with(empty),
            toml::Value::Array(values) => place(values, key)?,
            other => return Err(format!("there is no `{key}` in {}", other.type_str())),
        };
    }
    match at {
        toml::Value::Table(table) => drop(table.insert((*last).to_owned(), value)),
        toml::Value::Array(values) => *place(values, last)? = value,
        other => return Err(format!("there is no `{last}` in {}", other.type_str())),
    }
    Ok(())
}

fn place<'a>(values: &'a mut [toml::Value], key: &str) -> Result<&'a mut toml::Value, String> {
    let n = values.len();
    let found = key.parse().ok().and_then(|i: usize| values.get_mut(i));
    found.ok_or_else(|| format!("`{key}` is no place in an array of {n}, counted from 0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn every_built_in_experiment_is_the_same_when_written_and_read() {
        for name in
            ["ml-1m/fm", "ml-1m/dssm", "ml-100k/youtube_dnn", "book/dssm_text", "synthetic/youtube_dnn"]
        {
            let experiment = Experiment::load_with(Path::new(name), &[]).unwrap();
            let again = Experiment::parse(&experiment.to_toml(), Path::new("again.toml")).unwrap();
            assert_eq!(again, experiment, "{name}");
        }
    }

    #[test]
    fn values_are_set_by_their_keys_and_nothing_else_changes() {
        let load = |set: &[&str]| {
            let set: Vec<String> = set.iter().map(|&one| one.to_owned()).collect();
            Experiment::load_with(Path::new("ml-1m/youtube_dnn"), &set)
        };
        let plain = load(&[]).unwrap();
        let sets = [
            "seed=7",
            "train.epochs = 1",
            "evaluation.seen=kept",
            "index.0.metric=\"l2\"",
            "evaluation.k.0=3",
        ];
        let mut wanted = plain.clone();
        wanted.seed = 7;
        wanted.train.epochs = NonZeroUsize::new(1).unwrap();
        wanted.evaluation.seen = Seen::Kept;
        wanted.index[0].metric = u2i_index::Similarity::L2;
        wanted.evaluation.k[0] = NonZeroUsize::new(3).unwrap();
        assert_eq!(load(&sets).unwrap(), wanted);
        for (set, message) in [
            ("seed", "--set seed: wanted key=value"),
            ("=1", "wanted a key before the `=`"),
            ("train..epochs=1", "wanted a key before the `=`"),
            ("seed.x.y=1", "there is no `x` in integer"),
            ("seed.x=1", "there is no `x` in integer"),
            ("index.9.metric=l2", "`9` is no place in an array of 3, counted from 0"),
            ("train.epoch=1", "did you mean `epochs`?"),
            ("train.epochs=0", "--set train.epochs=0: "),
            ("seed=a", "--set seed=a: "),
        ] {
            let error = load(&[set]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(message), "{set}: {error}");
        }
    }

    #[test]
    fn users_are_all_or_a_number_above_0_and_keep_the_hash_where_nothing_is_said() {
        let load = |set: &[&str]| {
            let set: Vec<String> = set.iter().map(|&one| format!("evaluation.{one}")).collect();
            Experiment::load_with(Path::new("ml-1m/fm"), &set)
        };
        let plain = load(&[]).unwrap();
        assert!(!plain.to_toml().contains("users"), "{}", plain.to_toml());
        let most = |n| UserSample::AtMost(NonZeroUsize::new(n).unwrap());
        assert_eq!(
            (plain.evaluation.test_sample(), plain.evaluation.validation_sample()),
            (most(50_000), most(10_000))
        );
        let said = load(&["users=all", "validation_users=200"]).unwrap();
        assert_eq!(
            (said.evaluation.test_sample(), said.evaluation.validation_sample()),
            (UserSample::All, most(200))
        );
        assert_eq!(Experiment::parse(&said.to_toml(), Path::new("again.toml")).unwrap(), said);
        assert!(said.hash() != plain.hash() && load(&["users=9"]).unwrap().hash() != said.hash());
        for (set, found) in [
            ("users=0", "integer `0`"),
            ("validation_users=-3", "integer `-3`"),
            ("users=some", "string \"some\""),
            ("users=1.5", "floating point `1.5`"),
        ] {
            let error = load(&[set]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let message = error.to_string();
            assert!(
                message.contains(found) && message.contains("\"all\" or a number of users above 0"),
                "{message}"
            );
        }
        let text = plain.to_toml().replace("[evaluation]\n", "[evaluation]\nusers = 0\n");
        let line = text.lines().position(|line| line == "users = 0").unwrap() + 1;
        let error = Experiment::parse(&text, Path::new("x.toml")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("x.toml:{line}:")), "{error}");
    }

    #[test]
    fn an_index_for_validation_needs_faiss_and_a_metric_of_lists() {
        let index = "evaluation.validation_search={ faiss = { ivf = { nlist = 9, nprobe = 2 } } }";
        let load = |set: &[&str]| {
            let set: Vec<String> = set.iter().map(|&one| one.to_owned()).collect();
            Experiment::load_with(Path::new("ml-1m/fm"), &set)
        };
        assert!(load(&["evaluation.validation_search=exact", "evaluation.validation_metric=mrr"]).is_ok());
        let message = |set: &[&str]| load(set).unwrap_err().to_string();
        if !cfg!(feature = "faiss") {
            assert!(message(&[index]).contains("this build is without faiss"));
            return;
        }
        let read = load(&[index]).unwrap();
        assert_eq!(Experiment::parse(&read.to_toml(), Path::new("again.toml")).unwrap(), read);
        assert!(message(&[index, "evaluation.validation_metric=mrr"]).contains("expected `exact` for `mrr`"));
        assert!(message(&["evaluation.validation_search=fast"]).contains("fast"));
    }

    #[test]
    fn a_recall_that_no_index_can_reach_is_refused() {
        let load = |least: &str| {
            Experiment::load_with(Path::new("ml-1m/fm"), &[format!("index.1.min_recall={least}")])
        };
        assert_eq!(load("1.0").unwrap().index[1].min_recall, Some(1.0));
        for least in ["0.0", "1.1", "-0.5", "nan"] {
            let error = load(least).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains("`index.1.min_recall` is"), "{error}");
        }
    }

    #[test]
    fn distances_to_compressed_vectors_are_refused() {
        let load = |faiss: &str, metric: &str| {
            let set = [format!("index.1.faiss={faiss}"), format!("index.1.metric={metric}")];
            Experiment::load_with(Path::new("ml-1m/fm"), &set)
        };
        let ivf_pq = "{ ivf_pq = { nlist = 8, nprobe = 2, m = 4 } }";
        for faiss in ["sq8", ivf_pq] {
            let error = load(faiss, "l2").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains("`index.1.metric` is l2, expected"), "{error}");
            load(faiss, "augmented_inner_product").unwrap();
        }
        load("flat", "l2").unwrap();
    }
}
