use std::path::{Path, PathBuf};
use std::time::Duration;

use u2i_datasets::{DatasetName, Places, resolve};
use u2i_features::SplitConfig;

use super::{How, Measures, Names, REJECTS, Run, read_listing_rejects};
use crate::config::{DataSource, Experiment};
use crate::device::DeviceChoice;
use crate::pipeline::{load_data, open_device};
use crate::progress::Progress;
use crate::report::Report;
use crate::{Error, Stage};

/// What to train and where to.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The experiment file, or the name of one that is built in, such as `ml-100k/fm`.
    pub config: PathBuf,
    /// `key=value`, each of which takes the place of what the file says.
    pub set: Vec<String>,
    /// The run's folder.
    pub out: PathBuf,
    /// Go on from the checkpoint in that folder, if there is one.
    pub resume: bool,
    /// How often training keeps what it has reached. It does so at its end and when it is stopped, too.
    pub checkpoint_every: Duration,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Where to look for data sets that the file names.
    pub places: Places,
}

/// Trains an experiment into a run's folder and evaluates it on the test targets, beside baselines.
///
/// # Errors
///
/// If the file, the data or the folder cannot be used, or training does not end well.
pub fn train(options: &TrainOptions, progress: &mut dyn Progress) -> Result<Report, Error> {
    let experiment = Experiment::load_with(&options.config, &options.set)?;
    let device = open_device(options.device, progress)?;
    let experiment = tell_where(experiment, &options.places, progress)?;
    let stage = Stage::begin();
    let raw = read_listing_rejects(&options.out.join(REJECTS), progress, || {
        load_data(&experiment, &options.places, Path::new(""))
    })?;
    let read = stage.cost();
    let recipe = options.config.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names = names(&experiment, recipe);
    progress.line(&format!(
        "{}: {} events of {} users and {} items, read in {:.2} s; device {}",
        names.dataset,
        raw.n_events(),
        raw.user_ids.len(),
        raw.item_ids.len(),
        read.wall_s,
        device
    ));
    let run = Run { experiment: &experiment, raw: &raw, read, names: &names, device: &device };
    let how = How {
        resume: options.resume,
        checkpoint_every: options.checkpoint_every,
        measures: Measures::Search,
    };
    run.make(&options.out, how, &mut None, progress)
}

/// Says what a person should know about a data set that is found by its name, and gives it the name that it has then:
/// `auto` is whatever was found.
pub(super) fn tell_where(
    mut experiment: Experiment,
    places: &Places,
    progress: &mut dyn Progress,
) -> Result<Experiment, Error> {
    if let DataSource::Named { dataset } = &mut experiment.data {
        let name: DatasetName = dataset.parse().map_err(|error| Error::Usage(format!("{error}")))?;
        let resolved = resolve(name, places)?;
        for line in resolved.note.iter().map(String::as_str).chain(resolved.licence) {
            progress.line(line);
        }
        *dataset = resolved.dataset.name().to_string();
    }
    Ok(experiment)
}

pub(super) fn names(experiment: &Experiment, recipe: String) -> Names {
    let dataset = match &experiment.data {
        DataSource::Named { dataset } => dataset.clone(),
        DataSource::Files(files) => files.name(),
    };
    let protocol = match experiment.split {
        SplitConfig::LeaveLastOut { .. } => "time",
        SplitConfig::TimeCut { .. } => "cut",
        SplitConfig::Book { .. } => "book",
    };
    let model = experiment.model.name().to_owned();
    let label = format!("{dataset} {protocol} {model} seed {}", experiment.seed);
    Names { model, recipe, dataset, protocol: protocol.to_owned(), label }
}
