use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use u2i::config::Experiment;
use u2i::device::{DeviceChoice, Opened};
use u2i::pipeline::{load_data, open_device, prepare_features, train_model};
use u2i::run::Follow;
use u2i::table::{grid, markdown};
use u2i::{Error, Progress, Stage};
use u2i_datasets::Places;
use u2i_eval::Spread;

use crate::{finished, guards};

/// What to change, one thing at a time, in an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablations {
    /// What it is about.
    pub title: String,
    /// The experiment file, or the name of one that is built in.
    pub base: PathBuf,
    /// `key=value`, of the base and all changes.
    #[serde(default)]
    pub set: Vec<String>,
    /// What is changed.
    #[serde(default)]
    pub change: Vec<Change>,
}

/// One change of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What it is called in tables.
    pub name: String,
    /// `key=value`, as `u2i train --set` takes them.
    #[serde(default)]
    pub set: Vec<String>,
    /// Whether each user's training events come in a random order.
    #[serde(default)]
    pub shuffled_history: bool,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct AblateOptions {
    /// Files of changes, or names of those that are built in, such as `ml-1m/ablations/dssm`. All of those if none is named.
    pub files: Vec<PathBuf>,
    /// Seeds 1 to `seeds`.
    pub seeds: u64,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Where to look for data sets that experiments name.
    pub places: Places,
    /// A file per run goes to `out/<file>/<place of the change>-seed-<n>.json`. One that is there, of the same experiment,
    /// data and build, is not run again.
    pub out: PathBuf,
}

/// A finished run. Nothing in it has looked at a test target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AblationRun {
    /// What was changed; of the base, `base`.
    pub name: String,
    /// Of the experiment, with its seed.
    pub config_hash: String,
    /// Of the input files.
    pub data_hash: String,
    /// Of the program.
    pub build: String,
    /// Seed of the run.
    pub seed: u64,
    /// Device of the run.
    pub device: String,
    /// The metric.
    pub metric: String,
    /// The metric on validation targets after each epoch.
    pub validation: Vec<f64>,
    /// The best of them.
    pub best: f64,
    /// Processor time of training, in seconds.
    pub cpu_s: f64,
}

/// One file of changes, run.
#[derive(Debug, Clone, Serialize)]
pub struct Ablated {
    /// What it is about.
    pub title: String,
    /// Runs of the base and of each change, one per seed.
    pub rows: Vec<Vec<AblationRun>>,
}

const BASE: &str = "base";

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        /// The files of `configs/*/ablations/`.
        const BUILT_IN: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/", $name, ".toml")))),*
        ];
    };
}

built_in!(
    "ml-1m/ablations/fm",
    "ml-1m/ablations/dssm",
    "ml-1m/ablations/youtube_dnn",
    "ml-1m/ablations/tables"
);

impl Ablations {
    /// Reads a file of changes, or one that is built in.
    ///
    /// # Errors
    ///
    /// If it cannot be read or understood; the error names line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = match BUILT_IN.iter().find(|(name, _)| Path::new(name) == path) {
            Some((_, text)) => (*text).to_owned(),
            None => std::fs::read_to_string(path).map_err(|source| Error::Io {
                action: "read",
                path: path.into(),
                source,
            })?,
        };
        toml::from_str(&text).map_err(|error| Error::of_toml(&error, &text, path))
    }

    /// The base and each change, with a seed: what is run.
    fn experiments(&self, seed: u64) -> Result<Vec<(&str, Experiment, bool)>, Error> {
        let base = Change { name: BASE.to_owned(), set: Vec::new(), shuffled_history: false };
        let load = |change: &Change| -> Result<Experiment, Error> {
            let set: Vec<String> = self.set.iter().chain(&change.set).cloned().collect();
            Ok(Experiment { seed, ..Experiment::load_with(&self.base, &set)? })
        };
        let mut all = vec![(BASE, load(&base)?, false)];
        for change in &self.change {
            all.push((&change.name, load(change)?, change.shuffled_history));
        }
        Ok(all)
    }
}

/// Trains an experiment and each change of it, and takes what they reach on validation targets. Test targets are not
/// looked at, so that what is chosen by these figures is not chosen on them.
///
/// # Errors
///
/// If a file cannot be understood, a change is none of an experiment's, or a run does not end well.
pub fn ablate(options: &AblateOptions, progress: &mut dyn Progress) -> Result<Vec<Ablated>, Error> {
    let all = || BUILT_IN.iter().map(|(name, _)| PathBuf::from(name));
    let files: Vec<PathBuf> = if options.files.is_empty() { all().collect() } else { options.files.clone() };
    // What cannot be run is refused before anything is.
    let mut read = Vec::new();
    for file in &files {
        let ablations = Ablations::load(file)?;
        ablations.experiments(1)?;
        read.push((file, ablations));
    }
    let device = open_device(options.device, progress)?;
    let mut found = Vec::new();
    for (file, ablations) in &read {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let folder = options.out.join(&*stem);
        let mut rows: Vec<Vec<AblationRun>> = vec![Vec::new(); ablations.change.len() + 1];
        for seed in 1..=options.seeds {
            for (place, (name, experiment, shuffled)) in ablations.experiments(seed)?.into_iter().enumerate()
            {
                let path = folder.join(format!("{place}-seed-{seed}.json"));
                let label = format!("{stem}, {name}, seed {seed}");
                let own = One { name, label: &label, experiment: &experiment, shuffled };
                rows[place].push(own.run(options, &device, &path, progress)?);
            }
        }
        let ablated = Ablated { title: ablations.title.clone(), rows };
        progress.table(&ablated.text());
        found.push(ablated);
    }
    Ok(found)
}

/// A change with its seed.
struct One<'a> {
    name: &'a str,
    label: &'a str,
    experiment: &'a Experiment,
    shuffled: bool,
}

impl One<'_> {
    fn run(
        &self,
        options: &AblateOptions,
        device: &Opened,
        path: &Path,
        progress: &mut dyn Progress,
    ) -> Result<AblationRun, Error> {
        let One { name, label, experiment, shuffled } = *self;
        let raw = load_data(experiment, &options.places, Path::new(""))?;
        let mut prepared = prepare_features(experiment, &raw)?;
        if shuffled {
            prepared = guards::permuted(&prepared, experiment.seed);
        }
        let of_this = |run: &AblationRun| {
            (&*run.name, &*run.config_hash, &*run.data_hash, &*run.build, &*run.device)
                == (name, &*experiment.hash(), &*prepared.data_hash, u2i::BUILD, &*device.name)
        };
        if let Some(kept) = finished::kept(path, of_this) {
            progress.line(&format!("{label}: as it was kept"));
            return Ok(kept);
        }
        let metric = experiment.evaluation.validation_metric.clone();
        let stage = Stage::begin();
        let mut follow = Follow::new(label, &metric, progress);
        let trained = train_model(experiment, &prepared, device, &mut follow)?;
        drop(follow);
        let validation: Vec<f64> =
            trained.fitted.epochs.iter().map(|epoch| epoch.validation.unwrap_or(f64::NAN)).collect();
        let run = AblationRun {
            name: name.to_owned(),
            config_hash: experiment.hash(),
            data_hash: prepared.data_hash,
            build: u2i::BUILD.to_owned(),
            seed: experiment.seed,
            device: device.name.clone(),
            metric,
            best: validation.iter().copied().fold(f64::NAN, f64::max),
            validation,
            cpu_s: stage.cost().cpu_s,
        };
        finished::keep(path, run)
    }
}

impl Ablated {
    /// For a terminal.
    pub fn text(&self) -> String {
        format!("{}\n\n{}", self.title, grid(&self.cells()))
    }

    /// For `docs/`.
    pub fn markdown(&self) -> String {
        format!("## {}\n\n{}", self.title, markdown(&self.cells()))
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let metric = self.rows[0].first().map_or("", |run| &run.metric);
        let header = ["change", &format!("validation {metric}"), "difference", "CPU s"].map(str::to_owned);
        let mut cells = vec![header.to_vec()];
        let base = &self.rows[0];
        for row in &self.rows {
            let over = |value: &dyn Fn(&AblationRun) -> f64| {
                Spread::over(&row.iter().map(value).collect::<Vec<_>>())
            };
            let best = over(&|run| run.best).map_or("-".into(), |spread| format!("{spread:.4}"));
            // Seed by seed: what the seed does to both falls out.
            let differences: Vec<f64> =
                row.iter().zip(base).map(|(own, base)| own.best - base.best).collect();
            let difference = match Spread::over(&differences) {
                Some(spread) if row[0].name != BASE => match spread.sd {
                    Some(sd) => format!("{:+.4} ± {sd:.4}", spread.mean),
                    None => format!("{:+.4}", spread.mean),
                },
                _ => String::new(),
            };
            let cpu_s = over(&|run| run.cpu_s).map_or("-".into(), |spread| format!("{:.0}", spread.mean));
            cells.push(vec![row[0].name.clone(), best, difference, cpu_s]);
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_built_in_change_is_an_experiment_of_its_own() {
        for (name, _) in BUILT_IN {
            let ablations = Ablations::load(Path::new(name)).unwrap();
            let all = ablations.experiments(1).unwrap();
            assert_eq!(all.len(), ablations.change.len() + 1);
            let names: BTreeSet<&str> = all.iter().map(|(name, ..)| *name).collect();
            assert_eq!(names.len(), all.len(), "{name}: a name comes up twice");
            let what: BTreeSet<_> = all.iter().map(|(_, own, shuffled)| (own.hash(), *shuffled)).collect();
            assert_eq!(what.len(), all.len(), "{name}: two changes are the same");
        }
    }
}
