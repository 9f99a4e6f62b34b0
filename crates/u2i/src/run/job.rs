use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use u2i_datasets::{DatasetName, Mirror, Places, resolve};
use u2i_features::RawData;
use u2i_losses::LossSource;
use u2i_models::TwoTowerConfig;

use super::experiment::{Learned, Settings};
use super::{Counted, Finished, Measures, Names, REJECTS, Run, read_listing_rejects};
use crate::checkpoint::RunLock;
use crate::config::{DataSource, Experiment};
use crate::device::Opened;
use crate::followed::load_data_following;
use crate::memory::BEST_IN_MEMORY;
use crate::progress::Progress;
use crate::report::Report;
use crate::{Error, Stage, StageCost};

/// Trains into the folder of a run, evaluates what is there, and exports it, of any model whose config implements
/// [`TwoTowerConfig`] and any loss whose config implements [`LossSource`].
///
/// The data is what the experiment names, or what the program has read by itself ([`data`](Self::data)).
///
/// The second example of the [crate](crate) trains, evaluates, exports and serves a model of one's own by it.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    folder: PathBuf,
    pub(crate) device: &'a Opened,
    given: Option<&'a RawData>,
    /// What reading took, of data that is given.
    read: StageCost,
    places: Places,
    names: Option<Names>,
    recipe: String,
    settings: Settings,
}

impl<'a> Job<'a> {
    /// A job in the folder of a run, which training makes if it is not there. Training begins anew and keeps what it
    /// has reached every minute, data sets are looked for in the current folder, and indexes are measured.
    pub fn new(folder: impl Into<PathBuf>, device: &'a Opened) -> Self {
        let (checkpoint_every, measures) = (Duration::from_secs(60), Measures::Search);
        Job {
            folder: folder.into(),
            device,
            given: None,
            read: StageCost::default(),
            places: Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() },
            names: None,
            recipe: "own".to_owned(),
            settings: Settings { resume: false, checkpoint_every, measures, best_in_memory: BEST_IN_MEMORY },
        }
    }

    /// Takes `raw` for the data of the experiment, whatever that names.
    pub fn data(self, raw: &'a RawData) -> Self {
        Job { given: Some(raw), ..self }
    }

    /// Adds what reading the data took to the report.
    pub fn read_cost(self, read: StageCost) -> Self {
        Job { read, ..self }
    }

    /// Looks for the data sets that experiments name in these places.
    pub fn places(self, places: Places) -> Self {
        Job { places, ..self }
    }

    /// The name of the hyper-parameters in the report; `own` if it is not given.
    pub fn recipe(self, recipe: impl Into<String>) -> Self {
        Job { recipe: recipe.into(), ..self }
    }

    /// All names in the report, in place of those that the experiment gives.
    pub fn names(self, names: Names) -> Self {
        Job { names: Some(names), ..self }
    }

    /// Whether training goes on from the checkpoint in the folder, if there is one.
    pub fn resume(mut self, resume: bool) -> Self {
        self.settings.resume = resume;
        self
    }

    /// How often training keeps what it has reached. It does so at its end and when it is stopped, too.
    pub fn checkpoint_every(mut self, every: Duration) -> Self {
        self.settings.checkpoint_every = every;
        self
    }

    /// Bytes, in four for each number, of a best model that stays in memory while later epochs are trained;
    /// [`BEST_IN_MEMORY`] if they are not given. A larger one is in the run's folder until the end, in a file without a
    /// name, and in the checkpoints, so that a run that is stopped or killed loses nothing by it.
    pub fn best_in_memory(mut self, bytes: u64) -> Self {
        self.settings.best_in_memory = bytes;
        self
    }

    /// What is measured besides metrics.
    pub fn measures(mut self, measures: Measures) -> Self {
        self.settings.measures = measures;
        self
    }

    /// Trains an experiment into the folder and evaluates it on the test targets, beside baselines.
    ///
    /// # Errors
    ///
    /// If the experiment, the data or the folder cannot be used, or training does not end well.
    pub fn train<C: TwoTowerConfig, L: LossSource>(
        &self,
        experiment: &Experiment<C, L>,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        self.train_sharing(&mut None, experiment, progress)
    }

    /// Trains as [`train`](Self::train) does; `counted` keeps the baselines for other runs on the same split.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn train_sharing<C: TwoTowerConfig, L: LossSource>(
        &self,
        counted: &mut Option<Counted>,
        experiment: &Experiment<C, L>,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        experiment.check()?;
        let (experiment, raw, read) = match self.given {
            Some(raw) => (Cow::Borrowed(experiment), Cow::Borrowed(raw), self.read),
            None => {
                let experiment = find_dataset(experiment.clone(), &self.places, progress)?;
                let stage = Stage::begin();
                let raw = self.raw(&experiment, progress)?;
                (Cow::Owned(experiment), raw, stage.cost())
            }
        };
        let names = self.names.clone().unwrap_or_else(|| Names::of(&experiment, self.recipe.clone()));
        if self.given.is_none() {
            progress.line(&format!(
                "{}: {} events of {} users and {} items, read in {:.2} s; device {}",
                names.dataset,
                raw.n_events(),
                raw.user_ids.len(),
                raw.item_ids.len(),
                read.wall_s,
                self.device
            ));
        }
        let run = Run { experiment: &experiment, raw: &raw, read, names: &names, device: self.device };
        run.train(&self.folder, self.settings, counted, progress)
    }

    /// Ranks the test targets of the finished run in the folder once more, and writes what came out there again.
    ///
    /// # Errors
    ///
    /// If the folder does not hold a finished run of a model whose config is a `C` and a loss whose config is an `L`, or its data is not what it was
    /// trained on.
    pub fn evaluate<C: TwoTowerConfig, L: LossSource>(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        let _lock = RunLock::take(&self.folder)?;
        let finished = self.finished::<C, L>(progress)?;
        let Finished { experiment, raw, prepared, trained, train, names, read, prepare, .. } = finished;
        let counted = Counted::new(&prepared, &experiment, progress)?;
        let run = Run { experiment: &experiment, raw: &raw, read, names: &names, device: self.device };
        let measures = self.settings.measures;
        run.announce_samples(&prepared, progress);
        run.announce(&trained, measures, progress);
        let prepare = read.and(prepare);
        let learned = Learned { trained: &trained, prepared: &prepared, counted: &counted, train, prepare };
        run.report(&self.folder, learned, measures, progress)
    }

    /// The finished run in the folder, read back.
    pub(crate) fn finished<C: TwoTowerConfig, L: LossSource>(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<Finished<'a, C, L>, Error> {
        Finished::open(&self.folder, self.device, progress, |experiment, progress| {
            self.raw(experiment, progress)
        })
    }

    /// The data that was given, or what the experiment names.
    fn raw<C, L>(
        &self,
        experiment: &Experiment<C, L>,
        progress: &mut dyn Progress,
    ) -> Result<Cow<'a, RawData>, Error> {
        if let Some(raw) = self.given {
            return Ok(Cow::Borrowed(raw));
        }
        let rejects = self.folder.join(REJECTS);
        let raw = read_listing_rejects(&rejects, progress, |progress| {
            load_data_following(experiment, &self.places, Path::new(""), progress)
        })?;
        Ok(Cow::Owned(raw))
    }
}

/// Looks for a data set that is named, passes on what a person should know about it, and gives it the name that it has
/// then: `auto` is whatever was found.
fn find_dataset<C, L>(
    mut experiment: Experiment<C, L>,
    places: &Places,
    progress: &mut dyn Progress,
) -> Result<Experiment<C, L>, Error> {
    if let DataSource::Named { dataset } = &mut experiment.data {
        let name: DatasetName = dataset.parse().map_err(|error| Error::Usage(format!("{error}")))?;
        let resolved = resolve(name, places)?;
        for line in resolved.note.iter().chain(&resolved.licence) {
            progress.line(line);
        }
        *dataset = resolved.dataset.name().to_string();
    }
    Ok(experiment)
}
