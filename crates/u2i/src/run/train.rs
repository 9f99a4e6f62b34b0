use std::path::PathBuf;
use std::time::Duration;

use u2i_datasets::Places;

use super::Job;
use crate::Error;
use crate::config::Experiment;
use crate::device::DeviceChoice;
use crate::pipeline::open_device;
use crate::progress::Progress;
use crate::report::Report;

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
    let recipe = options.config.file_stem().unwrap_or_default().to_string_lossy();
    Job::new(&options.out, &device)
        .places(options.places.clone())
        .recipe(recipe)
        .resume(options.resume)
        .checkpoint_every(options.checkpoint_every)
        .train(&experiment, progress)
}
