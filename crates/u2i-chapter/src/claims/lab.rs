use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use u2i::config::{DataSource, Experiment};
use u2i::device::Opened;
use u2i::pipeline::{Trained, evaluate_model, prepare_features, read_dataset, train_model};
use u2i::run::Follow;
use u2i::{Error, Progress, Stage};
use u2i_datasets::{DatasetName, SyntheticConfig, resolve, synthetic};
use u2i_eval::{Metric, Rank};
use u2i_features::{Prepared, RawData};
use u2i_schema::Digest;

use super::options::ClaimsOptions;
use crate::finished;

/// What experiments on claims are made with: data, and models that are trained once.
pub struct Lab<'a> {
    options: &'a ClaimsOptions,
    pub(super) device: &'a Opened,
    progress: &'a mut dyn Progress,
    data: BTreeMap<String, Arc<RawData>>,
}

/// A model that was trained and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// Of the experiment, with its seed.
    config_hash: String,
    /// Of the input files, or what was made from them.
    data_hash: String,
    /// Of events, split and samples.
    split_hash: String,
    /// Of the program.
    build: String,
    /// Device of the run.
    device: String,
    /// Targets that were learned from, over all epochs.
    pub targets: u64,
    /// The metric on validation targets after each epoch.
    pub validation: Vec<f64>,
    /// `[targets]` by what was judged: where each target came among all items, seen ones left out; `None` for a miss.
    ranks: BTreeMap<String, Vec<Option<f64>>>,
    /// `[targets]` by name: what else was measured.
    measured: BTreeMap<String, Vec<f64>>,
    /// Processor time of training, validation included, in seconds.
    pub cpu_s: f64,
}

/// Something else that is measured of a trained model, by its name: a value for each target.
pub(super) type Measure<'a> = (&'a str, &'a dyn Fn(&Trained) -> Result<Vec<f64>, Error>);

/// What every claim that trains is judged by, per target.
pub(super) const NDCG: Metric = Metric::Ndcg(10);
pub(super) const HITS: Metric = Metric::HitRate(10);
/// The name of test targets among what is judged.
pub(super) const TEST: &str = "test";

/// A data set that shows that an experiment runs, and nothing else.
const TINY: SyntheticConfig =
    SyntheticConfig { users: 150, items: 80, events_per_user: 12, cold_users: 4, cold_items: 2 };

impl<'a> Lab<'a> {
    pub(super) fn new(
        options: &'a ClaimsOptions,
        device: &'a Opened,
        progress: &'a mut dyn Progress,
    ) -> Self {
        Lab { options, device, progress, data: BTreeMap::new() }
    }

    /// Whether sizes are tiny.
    pub(super) fn tiny(&self) -> bool {
        self.options.tiny
    }

    /// The first, or where sizes are tiny the second.
    pub(super) fn size<T>(&self, full: T, tiny: T) -> T {
        if self.tiny() { tiny } else { full }
    }

    /// Seeds 1 to `n`; one where sizes are tiny.
    pub(super) fn seeds(&self, n: u64) -> std::ops::RangeInclusive<u64> {
        1..=self.size(n, 1)
    }

    pub(super) fn say(&mut self, text: &str) {
        self.progress.line(text);
    }

    /// A built-in experiment with some of its values replaced. Where sizes are tiny, that of the synthetic data set with the
    /// same values replaced, for one epoch.
    pub(super) fn experiment(&self, name: &str, set: &[&str]) -> Result<Experiment, Error> {
        let mut set: Vec<String> = set.iter().map(|&one| one.to_owned()).collect();
        let model = name.rsplit('/').next().unwrap_or(name);
        let path = match self.tiny() {
            false => PathBuf::from(name),
            true => {
                set.push("train.epochs=1".to_owned());
                Path::new("synthetic").join(model)
            }
        };
        Experiment::load_with(&path, &set)
    }

    /// The data of an experiment; read once.
    pub(super) fn data(&mut self, experiment: &Experiment) -> Result<Arc<RawData>, Error> {
        let DataSource::Named { dataset } = &experiment.data else {
            return Err(Error::Usage("claims read data sets by their names".to_owned()));
        };
        let name = dataset.parse().map_err(|error| Error::Usage(format!("{error}")))?;
        self.named(name)
    }

    /// A data set by its name; read once. Where sizes are tiny, always the same tiny one.
    pub(super) fn named(&mut self, name: DatasetName) -> Result<Arc<RawData>, Error> {
        let key = name.to_string();
        if let Some(raw) = self.data.get(&key) {
            return Ok(raw.clone());
        }
        let raw = Arc::new(match self.tiny() {
            true => synthetic(1, &TINY),
            false => read_dataset(&resolve(name, &self.options.places)?.dataset)?,
        });
        self.data.insert(key, raw.clone());
        Ok(raw)
    }

    /// The data of an experiment, split and encoded.
    pub(super) fn prepared(&mut self, experiment: &Experiment) -> Result<Prepared, Error> {
        let raw = self.data(experiment)?;
        prepare_features(experiment, &raw)
    }

    /// Trains a model that nothing is asked of but itself.
    pub(super) fn model(
        &mut self,
        label: &str,
        experiment: &Experiment,
        prepared: &Prepared,
    ) -> Result<Trained, Error> {
        let metric = &experiment.evaluation.validation_metric;
        let mut follow = Follow::new(label, metric, self.progress);
        train_model(experiment, prepared, self.device, &mut follow)
    }

    /// Trains an experiment, keeps the best epoch on validation targets, and ranks its test targets.
    pub(super) fn train(&mut self, label: &str, experiment: &Experiment) -> Result<Run, Error> {
        let prepared = self.prepared(experiment)?;
        self.train_on(label, experiment, &prepared, &[(TEST, &prepared)])
    }

    /// Trains an experiment once with each of some seeds.
    pub(super) fn train_seeds(
        &mut self,
        label: &str,
        experiment: &Experiment,
        seeds: std::ops::RangeInclusive<u64>,
    ) -> Result<Vec<Run>, Error> {
        let run = |seed| {
            let label = format!("{label}, seed {seed}");
            self.train(&label, &Experiment { seed, ..experiment.clone() })
        };
        seeds.map(run).collect()
    }

    /// Trains on what is prepared, and ranks the test targets of each of `judged`, by its name. A run of the same experiment,
    /// data, split, judgement, device and build that was kept is taken instead.
    pub(super) fn train_on(
        &mut self,
        label: &str,
        experiment: &Experiment,
        prepared: &Prepared,
        judged: &[(&str, &Prepared)],
    ) -> Result<Run, Error> {
        self.train_and_measure(label, experiment, prepared, judged, &[])
    }

    /// Trains and evaluates an experiment as [`train_on`](Self::train_on) does, and takes further measures of the model.
    pub(super) fn train_and_measure(
        &mut self,
        label: &str,
        experiment: &Experiment,
        prepared: &Prepared,
        judged: &[(&str, &Prepared)],
        measures: &[Measure<'_>],
    ) -> Result<Run, Error> {
        let names = judged.iter().map(|(name, _)| name).chain(measures.iter().map(|(name, _)| name));
        let names: String = names.map(|name| format!("{name}\n")).collect();
        let key = Digest::new()
            .part("config", experiment.hash().as_bytes())
            .part("data", prepared.data_hash.as_bytes())
            .part("split", prepared.split_hash.as_bytes())
            .part("judged", names.as_bytes())
            .finish();
        let path = self.options.out.join("runs").join(format!("{}.json", &key[..16]));
        let of_this = |run: &Run| {
            (&*run.config_hash, &*run.data_hash, &*run.split_hash, &*run.build, &*run.device)
                == (
                    &*experiment.hash(),
                    &*prepared.data_hash,
                    &*prepared.split_hash,
                    u2i::BUILD,
                    &*self.device.name,
                )
                && judged.iter().all(|(name, _)| run.ranks.contains_key(*name))
                && measures.iter().all(|(name, _)| run.measured.contains_key(*name))
        };
        if let Some(kept) = finished::kept(&path, of_this) {
            self.progress.line(&format!("{label}: as it was kept"));
            return Ok(kept);
        }
        let stage = Stage::begin();
        let trained = self.model(label, experiment, prepared)?;
        let cpu_s = stage.cost().cpu_s;
        let mut ranks = BTreeMap::new();
        for (name, judged) in judged {
            let found = evaluate_model(experiment, &trained, judged, self.device)?;
            let values = found.ranks.iter().map(|rank| rank.excluded.get()).collect();
            ranks.insert((*name).to_owned(), values);
        }
        let mut measured = BTreeMap::new();
        for (name, measure) in measures {
            measured.insert((*name).to_owned(), measure(&trained)?);
        }
        let epochs = &trained.fitted.epochs;
        let run = Run {
            config_hash: experiment.hash(),
            data_hash: prepared.data_hash.clone(),
            split_hash: prepared.split_hash.clone(),
            build: u2i::BUILD.to_owned(),
            device: self.device.name.clone(),
            targets: trained.fitted.targets,
            validation: epochs.iter().filter_map(|epoch| epoch.validation).collect(),
            ranks,
            measured,
            cpu_s,
        };
        finished::keep(&path, run)
    }
}

impl Run {
    /// `[targets]`: a metric of each target of what was judged under a name.
    pub(super) fn of(&self, judged: &str, metric: Metric) -> Vec<f64> {
        self.ranks.get(judged).into_iter().flatten().map(|&rank| metric.of(Rank::from_value(rank))).collect()
    }

    /// `[targets]`: what else was measured under a name.
    pub(super) fn measured(&self, name: &str) -> Vec<f64> {
        self.measured.get(name).cloned().unwrap_or_default()
    }

    /// A metric of each test target.
    pub(super) fn test(&self, metric: Metric) -> Vec<f64> {
        self.of(TEST, metric)
    }
}

/// `[seeds][targets]` of some runs.
pub(super) fn test(runs: &[Run], metric: Metric) -> Vec<Vec<f64>> {
    runs.iter().map(|run| run.test(metric)).collect()
}

#[cfg(test)]
pub(super) fn tiny_data() -> RawData {
    synthetic(1, &TINY)
}
