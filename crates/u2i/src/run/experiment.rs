use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use u2i_eval::{Metric, Metrics};
use u2i_features::{FilesSplit, Prepared, RawData, SplitConfig, Ties, Times};
use u2i_losses::LossSource;
use u2i_models::TwoTowerConfig;
use u2i_train::{StateView, TrainError};

use super::describe::describe;
use super::follow::{Follow, Keep};
use super::indexes::{compare_indexes, sweep};
use super::log::TrainLog;
use super::parity::parity;
use super::{CONFIG, Counted, REPORT, TRAIN_LOG, digests, results};
use crate::checkpoint::{CheckpointError, Checkpoints, RunLock};
use crate::cold::cold_report;
use crate::config::{DataSource, Experiment};
use crate::device::Opened;
use crate::followed::{prepare_features_following, under_bar};
use crate::intervals::{half_widths, half_widths_of_sample};
use crate::late_bar::LateBar;
use crate::pipeline::{COVERAGE_K, Trained, evaluate_telling, train_from};
use crate::progress::Progress;
use crate::report::{Report, TrainReport, ValidationSearchReport, write_json, write_text};
use crate::resources::cpu_model;
use crate::validation::Validation;
use crate::{Error, Stage, StageCost};

/// One run: an experiment, its data, and what it is called.
#[derive(Debug)]
pub(crate) struct Run<'a, C, L> {
    pub experiment: &'a Experiment<C, L>,
    pub raw: &'a RawData,
    /// What reading the data took.
    pub read: StageCost,
    /// What it is called.
    pub names: &'a Names,
    /// Where tensors live.
    pub device: &'a Opened,
}

/// The names of a run in its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Of the model.
    pub model: String,
    /// Of the hyper-parameters.
    pub recipe: String,
    /// Of the data set.
    pub dataset: String,
    /// `time`, `cut`, `book` or `files`.
    pub protocol: String,
    /// Of the run, in lines for people.
    pub label: String,
}

impl Names {
    /// The names that an experiment gives, and that of its recipe.
    pub fn of<C: TwoTowerConfig, L>(experiment: &Experiment<C, L>, recipe: String) -> Self {
        let dataset = match &experiment.data {
            DataSource::Named { dataset } => dataset.clone(),
            DataSource::Files(files) => files.name(),
            DataSource::Program { name } => name.clone(),
        };
        let protocol = match experiment.split {
            SplitConfig::LeaveLastOut { .. } => "time",
            SplitConfig::TimeCut { .. } => "cut",
            SplitConfig::Book { .. } => "book",
            SplitConfig::Files(_) => "files",
        };
        let model = experiment.model.name().to_owned();
        let label = format!("{dataset} {protocol} {model} seed {}", experiment.seed);
        Names { model, recipe, dataset, protocol: protocol.to_owned(), label }
    }
}

/// What a run does besides its experiment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Go on from the checkpoint of an earlier process, if there is one.
    pub resume: bool,
    /// How often training keeps what it has reached.
    pub checkpoint_every: Duration,
    /// What is measured besides metrics.
    pub measures: Measures,
    /// A best model of more bytes is kept on the disk while others are trained.
    pub best_in_memory: u64,
}

/// What is trained, and everything besides that its report is made from.
#[derive(Debug)]
pub(crate) struct Learned<'a, M> {
    pub trained: &'a Trained<M>,
    pub prepared: &'a Prepared,
    pub counted: &'a Counted,
    pub train: TrainReport,
    /// What reading and preparing the data took.
    pub prepare: StageCost,
}

/// What is measured besides metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measures {
    /// Nothing.
    Metrics,
    /// Whether what is exported ranks as what was trained.
    Parity,
    /// Recall and latency of indexes at many settings.
    Search,
}

impl<C: TwoTowerConfig, L: LossSource> Run<'_, C, L> {
    /// Trains and evaluates, and fills the folder. `counted` keeps the baselines for other runs on the same split.
    pub fn train(
        &self,
        folder: &Path,
        settings: Settings,
        counted: &mut Option<Counted>,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        if progress.stop_requested() {
            return Err(Error::Stopped);
        }
        let Run { experiment, names, device, .. } = *self;
        let label = &names.label;
        let _lock = RunLock::take(folder)?;
        let stage = Stage::begin();
        let prepared = prepare_features_following(experiment, self.raw, progress)?;
        let prepare = self.read.and(stage.cost());
        self.announce_samples(&prepared, progress);
        let of_others = counted.take().filter(|counted| counted.is_of(&prepared, experiment));
        let counted = counted.insert(match of_others {
            Some(counted) => counted,
            None => Counted::new(&prepared, experiment, progress)?,
        });
        let (checkpoints, state) = self.checkpoints(folder, settings.resume, &prepared, progress)?;
        write_text(&folder.join(CONFIG), &experiment.to_toml())?;
        let (step, epochs) = state
            .as_ref()
            .map_or((0, 0), |state: &StateView<'_>| (state.progress.step, state.progress.epochs.len()));
        let newest = checkpoints.newest()?.map(|newest| newest.path);
        let log = TrainLog::begin(&folder.join(TRAIN_LOG), newest.as_deref(), step, epochs)?;

        let stage = Stage::begin();
        let metric = experiment.evaluation.validation_metric.clone();
        let Settings { checkpoint_every, best_in_memory, .. } = settings;
        let keep = Keep::new(&checkpoints, checkpoint_every, log, (step, epochs), best_in_memory);
        let mut follow = Follow::new(label, &metric, progress).keeping(keep);
        let trained = train_from(experiment, &prepared, device, state, &mut follow);
        let n_targets = follow.finish();
        if let Err(Error::Train(TrainError::NotFinite { .. })) = trained {
            progress.line(&match checkpoints.newest()? {
                Some(newest) => format!(
                    "{label}: the last good checkpoint is {}, after step {}",
                    newest.path.display(),
                    newest.step
                ),
                None => format!("{label}: nothing had been kept yet"),
            });
        }
        let (trained, n_targets) = (trained?, n_targets?);
        let cost = stage.cost();
        let fitted = &trained.fitted;
        let evaluation = &experiment.evaluation;
        let validation = Validation { prepared: &prepared, config: evaluation, device: &device.device };
        let validation_search = under_bar(progress, "comparing the validation", 0, "users", |tell| {
            validation.compared(&fitted.model, tell)
        })?;
        if let Some(ValidationSearchReport { kind, n_users, exact, approximate }) = &validation_search {
            progress.line(&format!(
                "{label}: validation by {kind}: {metric} {approximate:.4} of {n_users} users, {exact:.4} by exact search"
            ));
        }
        let train = TrainReport {
            epochs: fitted.epochs.len(),
            best_epoch: fitted.best_epoch.unwrap_or(0),
            samples: prepared.samples.len(),
            n_validation_users: prepared.n_validation_users,
            n_validation_users_evaluated: prepared.validation.len(),
            losses: fitted.epochs.iter().map(|epoch| epoch.loss).collect(),
            validation: fitted.epochs.iter().map(|epoch| epoch.validation).collect(),
            validation_search,
            rows_without_negatives: fitted.epochs.iter().map(|epoch| epoch.rows_without_negatives).collect(),
            temperature: fitted.temperature,
            samples_per_s: n_targets as f64 / cost.wall_s,
            wall_s: cost.wall_s,
            cpu_s: cost.cpu_s,
            peak_rss_mib: cost.peak_rss_mib,
        };
        self.announce(&trained, settings.measures, progress);
        let learned = Learned { trained: &trained, prepared: &prepared, counted, train, prepare };
        let report = self.report(folder, learned, settings.measures, progress)?;
        let hits = report.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN);
        progress.line(&format!(
            "{label}: hit_rate@10 {hits:.4}, {} distinct items in the top {COVERAGE_K} lists; trained in {:.0} s ({:.0} s \
             CPU)",
            report.distinct_items_top_10, report.train.wall_s, report.train.cpu_s
        ));
        Ok(report)
    }

    /// Evaluates a trained model on the test targets, and writes what came out.
    pub fn report(
        &self,
        folder: &Path,
        learned: Learned<'_, C::Model>,
        measures: Measures,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        let Run { experiment, names, device, .. } = *self;
        let Learned { trained, prepared, counted, train, prepare } = learned;
        let stage = Stage::begin();
        let evaluation = under_bar(progress, "evaluating", prepared.test.len() as u64, "users", |tell| {
            evaluate_telling(experiment, trained, prepared, device, tell)
        })?;
        let evaluate = stage.cost();
        let index = compare_indexes(experiment, trained, prepared, device, progress)?;
        let parity = match measures {
            Measures::Parity => Some(parity(trained, prepared, device)?),
            Measures::Metrics | Measures::Search => None,
        };
        let search = match measures {
            Measures::Search => sweep(trained, prepared, device, progress)?,
            Measures::Metrics | Measures::Parity => Vec::new(),
        };
        let counted = counted.under(experiment.evaluation.seen);
        let cold =
            cold_report(experiment, trained, prepared, &evaluation, &counted.groups, device, progress)?;
        // Nothing below can be stopped: files and the report that holds their hashes belong together.
        let files = results::write(folder, trained, prepared, &evaluation)?;
        let baselines = counted.all.clone();
        let ndcg = |metrics: &Metrics| metrics.mean(Metric::Ndcg(10)).or_else(|| metrics.mean(Metric::Mrr));
        let Names { model, recipe, dataset, protocol, .. } = names.clone();
        let report = Report {
            model,
            description: describe(experiment),
            recipe,
            dataset,
            protocol,
            split_hash: prepared.split_hash.clone(),
            data_hash: prepared.data_hash.clone(),
            config_hash: experiment.hash(),
            train_events_hash: prepared.train.events().digest(),
            catalog_hash: prepared.catalog.digest(),
            columns_hash: digests::columns(prepared),
            samples_hash: digests::samples(prepared),
            weights_hash: digests::model_weights(&trained.fitted.model),
            item_vectors_hash: digests::item_vectors(&trained.items),
            files,
            n_users: prepared.n_test_users,
            n_users_evaluated: evaluation.metrics.n_users(),
            n_users_without_history: prepared.n_test_without_history,
            n_items: prepared.catalog.n_items(),
            n_items_ranked: evaluation.n_items_ranked,
            candidates: "all items of the catalogue",
            seen: experiment.evaluation.seen,
            ties: match &experiment.split {
                _ if prepared.times == Times::Unknown => "row in file, there are no times".to_owned(),
                SplitConfig::Book { .. } => "row in file, times ignored".to_owned(),
                SplitConfig::LeaveLastOut { ties }
                | SplitConfig::TimeCut { ties, .. }
                | SplitConfig::Files(FilesSplit { ties, .. }) => match ties {
                    Ties::File => "row in file".to_owned(),
                    Ties::ItemId => "item id".to_owned(),
                    Ties::Shuffled { seed } => format!("random order (seed {seed})"),
                },
            },
            n_relevant: (!prepared.test_lengths.is_empty()).then_some(evaluation.ranks.len()),
            n_later_training: Some(prepared.n_later_training).filter(|&n| n > 0),
            targets_seen_share: evaluation.n_targets_seen as f64 / evaluation.ranks.len() as f64,
            distinct_items_top_10: evaluation.distinct_top_10,
            below_markov_window: ndcg(&evaluation.metrics) < ndcg(&baselines.markov_window),
            no_better_than_popularity: ndcg(&evaluation.metrics) <= ndcg(&baselines.popularity),
            metrics_ci95: half_widths(&evaluation.metrics),
            metrics_sample_ci95: (prepared.test.len() < prepared.n_test_users)
                .then(|| half_widths_of_sample(&evaluation.metrics, prepared.n_test_users)),
            metrics: evaluation.metrics,
            metrics_seen_kept: evaluation.metrics_seen_kept,
            baselines,
            cold,
            train,
            prepare,
            evaluate,
            index,
            search,
            parity,
            seed: experiment.seed,
            device: device.name.clone(),
            adapter: device.adapter.clone(),
            threads: rayon::current_num_threads(),
            cpu: cpu_model(),
            build: crate::BUILD,
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            version: env!("CARGO_PKG_VERSION"),
        };
        // Last: a folder with a report has all else.
        write_json(&folder.join(REPORT), &report)?;
        Ok(report)
    }

    /// Says whose ranks metrics will be of, where those are not all.
    pub fn announce_samples(&self, prepared: &Prepared, progress: &mut dyn Progress) {
        let users = [
            ("test", prepared.test.len(), prepared.n_test_users),
            ("validation", prepared.validation.len(), prepared.n_validation_users),
        ];
        for (what, n, of) in users.into_iter().filter(|(_, n, of)| n < of) {
            let label = &self.names.label;
            progress.line(&format!("{label}: metrics are of a sample of {n} of {of} {what} users"));
        }
    }

    /// Announces measurements that take a while.
    pub fn announce(&self, trained: &Trained<C::Model>, measures: Measures, progress: &mut dyn Progress) {
        if measures == Measures::Search {
            let n = trained.items.ids().len();
            progress.line(&format!("{}: measuring indexes over {n} items", self.names.label));
        }
    }

    /// Where this run keeps what it reaches, and what an earlier process has reached.
    fn checkpoints(
        &self,
        folder: &Path,
        resume: bool,
        prepared: &Prepared,
        progress: &mut dyn Progress,
    ) -> Result<(Checkpoints, Option<StateView<'static>>), Error> {
        let Run { experiment, names, device, .. } = self;
        let mut run = vec![
            ("config_hash", experiment.hash()),
            ("data_hash", prepared.data_hash.clone()),
            ("split_hash", prepared.split_hash.clone()),
            ("seed", experiment.seed.to_string()),
            ("device", device.name.clone()),
        ];
        // A checkpoint of before there were samples was validated on all users: its best epoch is of other metrics.
        if prepared.validation.len() < prepared.n_validation_users {
            run.push(("validation_users", prepared.validation.len().to_string()));
        }
        let run = run.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut checkpoints = Checkpoints::new(folder.join(super::CHECKPOINTS), run);
        let label = &names.label;
        if resume {
            let reading = format!("{label}: reading the checkpoint");
            let mut bar = LateBar::new(&reading, progress);
            let state = checkpoints.resume_watched(&mut |done, bytes| {
                bar.advance(done, bytes);
                if bar.stop_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            bar.end();
            let state = match state {
                Err(CheckpointError::Stopped) => return Err(Error::Stopped),
                state => state?,
            };
            if let Some(state) = &state {
                progress.line(&format!("{label}: goes on after step {}", state.progress.step));
            }
            return Ok((checkpoints, state));
        }
        if let Some(newest) = checkpoints.newest()? {
            progress.line(&format!(
                "{label}: begins anew and will replace the checkpoint of step {}; --resume would go on from it",
                newest.step
            ));
        }
        checkpoints.begin()?;
        Ok((checkpoints, None))
    }
}
