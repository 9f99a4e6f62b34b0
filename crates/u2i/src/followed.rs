//! The steps of a job that take long without training, each under a bar and stopped when it is asked to.
//!
//! They do what those of [`pipeline`](crate::pipeline) do. A stop is [`Error::Stopped`]; what was under way is not kept.

use std::ops::ControlFlow;
use std::path::Path;

use u2i_datasets::{Dataset, DatasetName, Places, resolve};
use u2i_features::{DataConfig, Prepared, RawData, ReadProgress, SplitConfig, prepare_following};

use crate::Error;
use crate::config::{DataSource, Experiment};
use crate::held_out::sample_users;
use crate::pipeline::{load_data, read_dataset};
use crate::progress::Progress;

/// [`load_data`], under a bar of bytes.
///
/// # Errors
///
/// As [`load_data`], and [`Error::Stopped`].
pub fn load_data_following<C, L>(
    experiment: &Experiment<C, L>,
    places: &Places,
    base: &Path,
    progress: &mut dyn Progress,
) -> Result<RawData, Error> {
    match &experiment.data {
        DataSource::Files(files) => read_following(files, Some(&experiment.split), base, progress),
        DataSource::Named { dataset } => {
            let name: DatasetName = dataset.parse().map_err(|error| Error::Usage(format!("{error}")))?;
            read_dataset_following(&resolve(name, places)?.dataset, progress)
        }
        DataSource::Program { .. } => load_data(experiment, places, base),
    }
}

/// [`read_dataset`], under a bar of bytes.
///
/// # Errors
///
/// As [`read_dataset`], and [`Error::Stopped`].
pub fn read_dataset_following(dataset: &Dataset, progress: &mut dyn Progress) -> Result<RawData, Error> {
    match dataset {
        Dataset::Files(found) => match found.config() {
            Some(config) => read_following(&config, None, Path::new(""), progress),
            None => read_dataset(dataset),
        },
        Dataset::Synthetic => read_dataset(dataset),
    }
}

/// Reads files under a bar of bytes; relative paths start at `base`.
///
/// # Errors
///
/// As [`DataConfig::read_following`], with [`Error::Stopped`] for a stop.
pub fn read_following(
    files: &DataConfig,
    split: Option<&SplitConfig>,
    base: &Path,
    progress: &mut dyn Progress,
) -> Result<RawData, Error> {
    let n_bytes = files.n_bytes(split, base);
    let read = |tell: &mut Tell<'_>| files.read_following(split, base, &mut ReadProgress::new(tell));
    Ok(under_bar(progress, "reading", n_bytes, "bytes", read)?)
}

/// [`prepare_features`](crate::pipeline::prepare_features), under a bar of events.
///
/// # Errors
///
/// As [`prepare_features`](crate::pipeline::prepare_features), and [`Error::Stopped`].
pub fn prepare_features_following<C, L>(
    experiment: &Experiment<C, L>,
    raw: &RawData,
    progress: &mut dyn Progress,
) -> Result<Prepared, Error> {
    let mut prepared = prepare_all_following(experiment, raw, progress)?;
    sample_users(&mut prepared, &experiment.evaluation);
    Ok(prepared)
}

/// [`prepare_features_following`] with all test and validation users, be they ranked for or not.
///
/// # Errors
///
/// As [`prepare_features_following`].
pub fn prepare_all_following<C, L>(
    experiment: &Experiment<C, L>,
    raw: &RawData,
    progress: &mut dyn Progress,
) -> Result<Prepared, Error> {
    let Experiment { split, features, samples, seed, .. } = experiment;
    let prepare = |tell: &mut Tell<'_>| {
        prepare_following(raw, split, features, samples, *seed, &mut ReadProgress::new(tell))
    };
    Ok(under_bar(progress, "preparing", raw.n_events() as u64, "events", prepare)?)
}

/// Hears how many steps are done, and breaks to stop.
pub type Tell<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;

/// Runs `work`, which tells how far it is, under a bar.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// let counted = u2i::followed::under_bar(&mut (), "counting", 3, "sheep", |tell| {
///     (1..=3).take_while(|&n| tell(n) == ControlFlow::Continue(())).count()
/// });
/// assert_eq!(counted, 3);
/// ```
pub fn under_bar<T>(
    progress: &mut dyn Progress,
    label: &str,
    steps: u64,
    unit: &'static str,
    work: impl FnOnce(&mut Tell<'_>) -> T,
) -> T {
    progress.begin_in(label, steps, unit);
    let done = work(&mut |done| {
        progress.advance(done, "");
        match progress.stop_requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    progress.end();
    done
}
