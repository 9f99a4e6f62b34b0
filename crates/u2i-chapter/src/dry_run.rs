use std::fmt;

use serde::Serialize;
use u2i::config::Experiment;
use u2i::memory::MemoryEstimate;
use u2i::pipeline::{prepare_features, read_dataset};
use u2i::{Error, Progress};
use u2i_datasets::resolve;

use crate::reproduce::{ReproduceOptions, plan};
use crate::{ModelName, Protocol, Recipe, experiment};

/// A run that was planned and not made.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRun {
    /// The data set by its name.
    pub dataset: String,
    /// How it would be divided.
    pub protocol: Protocol,
    /// Whose hyper-parameters.
    pub recipe: Recipe,
    /// What would be trained.
    pub model: ModelName,
    /// Runs with seeds 1 to this.
    pub seeds: u64,
    /// What each would take.
    pub memory: MemoryEstimate,
}

/// What would be run, then its memory line by line.
impl fmt::Display for PlannedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlannedRun { dataset, protocol, recipe, model, seeds, memory } = self;
        write!(f, "{dataset} {protocol}/{recipe} {model}, ")?;
        match seeds {
            1 => writeln!(f, "seed 1")?,
            _ => writeln!(f, "each of seeds 1 to {seeds}")?,
        }
        writeln!(f, "{memory}")
    }
}

/// Reads and prepares the data for each run that [`reproduce`](crate::reproduce) would make with these options, and
/// estimates its memory. Trains nothing and writes nothing, but for data that has to be downloaded.
///
/// # Errors
///
/// As [`reproduce`](crate::reproduce), as far as that does not train or write.
pub fn dry_run(options: &ReproduceOptions, progress: &mut dyn Progress) -> Result<Vec<PlannedRun>, Error> {
    plan(options, options.dataset, &mut ())?;
    let resolved = resolve(options.dataset, &options.places)?;
    for line in resolved.note.iter().chain(&resolved.licence) {
        progress.line(line);
    }
    let name = resolved.dataset.name();
    let plans = plan(options, name, progress)?;
    let raw = read_dataset(&resolved.dataset)?;
    let mut planned = Vec::new();
    for plan in plans {
        let protocol = plan.protocol;
        for &(recipe, model) in &plan.runs {
            let own = experiment(recipe, name, model, options.configs.as_deref())?;
            let own = Experiment { seed: 1, ..plan.apply(own) };
            let prepared = prepare_features(&own, &raw)?;
            let memory = MemoryEstimate::new(&own, &raw, &prepared)?;
            let (dataset, seeds) = (name.to_string(), options.seeds);
            planned.push(PlannedRun { dataset, protocol, recipe, model, seeds, memory });
        }
    }
    Ok(planned)
}
