use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use u2i_eval::{Accumulator, Metric, Metrics, Rank};
use u2i_features::{FeatureError, Prepared, RawData, Reject, SplitConfig, Ties};
use u2i_index::ItemVectors;
use u2i_schema::Digest;
use u2i_train::{EpochReport, Flow, Observer, StepReport, TrainError, TrainState, weights};

use super::guards;
use super::indexes::compare_indexes;
use super::parity::parity;
use super::tables::{ProtocolTable, Row};
use super::{Guards, ModelName, Protocol, Recipe, experiment};
use crate::baselines::{Baseline, MarkovWindow, Popularity, Random, TargetRank, rank_targets};
use crate::checkpoint::{Checkpoints, RunLock};
use crate::config::{Experiment, Seen};
use crate::data::{Dataset, DatasetName, Places, resolve};
use crate::device::{DeviceChoice, Opened};
use crate::model::AnyModel;
use crate::pipeline::{
    COVERAGE_K, epoch_line, evaluate_model, prepare_features, read_dataset, train_from, train_model,
};
use crate::report::{Baselines, Report, TrainReport, half_widths, write_json, write_rejects};
use crate::resources::cpu_model;
use crate::{Error, Stage, StageCost};

/// Follows a long job. Does nothing unless told otherwise.
pub trait Progress {
    /// Something worth a line.
    fn line(&mut self, _text: &str) {}
    /// A bar of `steps` begins.
    fn begin(&mut self, _label: &str, _steps: u64) {}
    /// So many steps are done.
    fn advance(&mut self, _done: u64, _note: &str) {}
    /// The bar is over.
    fn end(&mut self) {}
    /// Whether somebody wants the job to stop. Training keeps what it has reached first.
    fn stop_requested(&self) -> bool {
        false
    }
    /// A protocol is through. Comes before the next one begins, so that whatever ends the job later takes no result
    /// along.
    fn table(&mut self, _table: &ProtocolTable) {}
}

impl Progress for () {}

/// What to repeat.
#[derive(Debug, Clone)]
pub struct ReproduceOptions {
    /// Models, in the order of the tables.
    pub models: Vec<ModelName>,
    /// Data.
    pub dataset: DatasetName,
    /// Where to look for it.
    pub places: Places,
    /// Protocols, in the order of the tables.
    pub protocols: Vec<Protocol>,
    /// Only this recipe; `None` for each that belongs to a protocol.
    pub recipe: Option<Recipe>,
    /// Seeds 1 to `seeds`.
    pub seeds: u64,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Reports go to `out/<dataset>/<protocol>/<recipe>/<model>/seed-<n>/report.json`.
    pub out: PathBuf,
    /// Whether the guards are run.
    pub check: bool,
    /// Go on from the checkpoints of an earlier job, where there are any.
    pub resume: bool,
    /// How often training keeps what it has reached. It does so at the end of each run and when it is stopped, too.
    pub checkpoint_every: Duration,
    /// A folder of experiment files instead of those built in.
    pub configs: Option<PathBuf>,
}

/// What a job found.
#[derive(Debug, Clone)]
pub struct Reproduced {
    /// One table per protocol.
    pub tables: Vec<ProtocolTable>,
    /// The guards, where they were asked for and the data is MovieLens 1M. One that failed is no error of
    /// [`reproduce`]: ask [`Guards::check`].
    pub guards: Option<Guards>,
}

/// Trains and evaluates, writes a report per run, and returns a table per protocol.
///
/// # Errors
///
/// If options do not go together, data cannot be had, an experiment cannot be run, or a file cannot be written.
pub fn reproduce(options: &ReproduceOptions, progress: &mut dyn Progress) -> Result<Reproduced, Error> {
    let plans = plan(options, progress)?;
    let device = options.device.open()?;
    let resolved = resolve(options.dataset, &options.places)?;
    for line in resolved.note.iter().map(String::as_str).chain(resolved.licence) {
        progress.line(line);
    }
    let dataset = resolved.dataset;
    let stage = Stage::begin();
    let raw = read(&dataset, options, progress)?;
    let job = Job { options, dataset: &dataset, raw: &raw, read: stage.cost(), device: &device };
    progress.line(&format!(
        "{}: {} events of {} users and {} items, read in {:.2} s; device {}",
        dataset.name(),
        raw.n_events(),
        raw.user_ids.len(),
        raw.item_ids.len(),
        job.read.wall_s,
        device.name
    ));
    for file in &raw.files {
        progress.line(&format!(
            "  {}: {} rows read = {} kept + {} rejected + {} filtered",
            file.path.file_name().unwrap_or(file.path.as_os_str()).display(),
            file.read,
            file.kept,
            file.rejects.len(),
            file.filtered
        ));
    }
    let mut tables = Vec::new();
    let mut guards = None;
    for plan in &plans {
        let table = job.protocol(plan, progress)?;
        progress.table(&table);
        if options.check && plan.protocol == Protocol::Time {
            guards = job.guards(&table.rows, progress)?;
        }
        tables.push(table);
    }
    Ok(Reproduced { tables, guards })
}

/// Reads the data and lists the rows that could not be used beside the reports, be they few or too many.
fn read(
    dataset: &Dataset,
    options: &ReproduceOptions,
    progress: &mut dyn Progress,
) -> Result<RawData, Error> {
    let result = read_dataset(dataset);
    let rejects: Vec<(&Path, &Reject)> = match &result {
        Ok(raw) => raw.files.iter().flat_map(|file| listed(&file.path, &file.rejects)).collect(),
        Err(Error::Features(FeatureError::TooManyRejects { path, rejects, .. })) => {
            listed(path, rejects).collect()
        }
        Err(_) => Vec::new(),
    };
    let path = options.out.join(dataset.name().to_string()).join("rejects.csv");
    if !rejects.is_empty() {
        write_rejects(&path, rejects)?;
        progress.line(&format!("rows that cannot be used are listed in {}", path.display()));
    } else if result.is_ok() {
        // An older job's list would be taken for this one's.
        match std::fs::remove_file(&path) {
            Err(source)
                if source.kind() != ErrorKind::NotFound && source.kind() != ErrorKind::NotADirectory =>
            {
                return Err(Error::Io { action: "remove", path, source });
            }
            _ => {}
        }
    }
    result
}

fn listed<'a>(path: &'a Path, rejects: &'a [Reject]) -> impl Iterator<Item = (&'a Path, &'a Reject)> {
    rejects.iter().map(move |reject| (path, reject))
}

/// The runs of a protocol, in the order of its table.
pub(super) struct Plan {
    pub protocol: Protocol,
    pub runs: Vec<(Recipe, ModelName)>,
}

/// What is to be run, known before anything is trained.
pub(super) fn plan(options: &ReproduceOptions, progress: &mut dyn Progress) -> Result<Vec<Plan>, Error> {
    let plan = |&protocol: &Protocol| {
        let recipes = Recipe::of(protocol).iter().copied();
        let recipes = recipes.filter(|&own| options.recipe.is_none_or(|one| one == own));
        let runs = recipes.flat_map(|recipe| {
            models(&options.models, recipe, protocol).into_iter().map(move |model| (recipe, model))
        });
        Plan { protocol, runs: runs.collect() }
    };
    let (with, without): (Vec<Plan>, Vec<Plan>) =
        options.protocols.iter().map(plan).partition(|plan| !plan.runs.is_empty());
    let recipe = options.recipe.map_or(String::new(), |recipe| format!(" `{recipe}`"));
    let models: Vec<String> = options.models.iter().map(ModelName::to_string).collect();
    let lines: Vec<String> = without
        .iter()
        .map(|plan| {
            format!("the protocol `{}` has no recipe{recipe} of {}", plan.protocol, models.join(", "))
        })
        .collect();
    if with.is_empty() {
        return Err(Error::Usage(lines.join("; ")));
    }
    lines.iter().for_each(|line| progress.line(&format!("{line}, so it is left out")));
    let guarded = |plan: &Plan| {
        plan.protocol == Protocol::Time && plan.runs.iter().any(|&(recipe, _)| recipe == Recipe::Tuned)
    };
    if options.check && !with.iter().any(guarded) {
        let message =
            "--check guards the recipe `tuned` under the protocol `time`, which is not among what is run";
        return Err(Error::Usage(message.into()));
    }
    Ok(with)
}

/// The chapter's words have a recipe only beside its code, and are set beside it where its own protocol is.
fn models(asked: &[ModelName], recipe: Recipe, protocol: Protocol) -> Vec<ModelName> {
    let mut models = asked.to_vec();
    models.retain(|&model| recipe == Recipe::Book || model != ModelName::DssmText);
    let dssm = models.iter().position(|&model| model == ModelName::Dssm);
    if let Some(dssm) = dssm.filter(|_| recipe == Recipe::Book && protocol == Protocol::Book)
        && !models.contains(&ModelName::DssmText)
    {
        models.insert(dssm + 1, ModelName::DssmText);
    }
    models
}

/// What all runs share.
struct Job<'a> {
    options: &'a ReproduceOptions,
    dataset: &'a Dataset,
    raw: &'a RawData,
    read: StageCost,
    device: &'a Opened,
}

/// Metrics of counting, with seen items left out and kept.
struct Counted {
    excluded: Baselines,
    kept: Baselines,
}

impl Job<'_> {
    fn protocol(&self, plan: &Plan, progress: &mut dyn Progress) -> Result<ProtocolTable, Error> {
        let protocol = plan.protocol;
        let mut rows = Vec::new();
        let mut counted = None;
        for &(recipe, model) in &plan.runs {
            let mut reports = Vec::new();
            for seed in 1..=self.options.seeds {
                reports.push(self.run(protocol, recipe, model, seed, &mut counted, progress)?);
            }
            rows.push(Row { model, recipe, reports });
        }
        Ok(ProtocolTable { dataset: self.dataset.name().to_string(), protocol, rows })
    }

    fn experiment(&self, protocol: Protocol, recipe: Recipe, model: ModelName) -> Result<Experiment, Error> {
        let own = experiment(recipe, self.dataset.name(), model, self.options.configs.as_deref())?;
        Ok(protocol.apply(own))
    }

    fn run(
        &self,
        protocol: Protocol,
        recipe: Recipe,
        model: ModelName,
        seed: u64,
        counted: &mut Option<Counted>,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        if progress.stop_requested() {
            return Err(Error::Stopped);
        }
        let experiment = Experiment { seed, ..self.experiment(protocol, recipe, model)? };
        let label = format!("{} {protocol}/{recipe} {model} seed {seed}", self.dataset.name());
        let folder = format!("{}/{protocol}/{recipe}/{model}/seed-{seed}", self.dataset.name());
        let folder = self.options.out.join(folder);
        let _lock = RunLock::take(&folder)?;
        let stage = Stage::begin();
        let prepared = prepare_features(&experiment, self.raw)?;
        let prepare = self.read.and(stage.cost());
        if counted.is_none() {
            *counted = Some(count(&prepared, &experiment, progress));
        }
        let counted = counted.as_ref().expect("counted above");
        let (checkpoints, state) = self.checkpoints(&folder, &experiment, &prepared, &label, progress)?;

        let stage = Stage::begin();
        let metric = experiment.evaluation.validation_metric.clone();
        let mut follow = Follow::new(&label, &metric, progress);
        follow.keep = Some((&checkpoints, self.options.checkpoint_every));
        let trained = train_from(&experiment, &prepared, self.device, state, &mut follow);
        let n_targets = follow.targets;
        drop(follow);
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
        let trained = trained?;
        let train = stage.cost();
        let stage = Stage::begin();
        let evaluation = evaluate_model(&experiment, &trained, &prepared, self.device)?;
        let evaluate = stage.cost();
        let index = compare_indexes(&experiment, &trained, &prepared, self.device)?;
        let checked = self.options.check && protocol == Protocol::Time && recipe == Recipe::Tuned;
        let parity = checked.then(|| parity(&trained, &prepared, self.device)).transpose()?;

        let baselines = match experiment.evaluation.seen {
            Seen::Excluded => counted.excluded.clone(),
            Seen::Kept => counted.kept.clone(),
        };
        let ndcg = |metrics: &Metrics| metrics.mean(Metric::Ndcg(10)).or_else(|| metrics.mean(Metric::Mrr));
        let fitted = &trained.fitted;
        let report = Report {
            model: model.to_string(),
            recipe: recipe.to_string(),
            dataset: self.dataset.name().to_string(),
            protocol: protocol.to_string(),
            split_hash: prepared.split_hash.clone(),
            data_hash: prepared.data_hash.clone(),
            config_hash: match u2i_bug::planted("a_report_names_another_config") {
                true => prepared.split_hash.clone(),
                false => experiment.hash(),
            },
            train_events_hash: prepared.train.events().digest(),
            catalog_hash: prepared.catalog.digest(),
            columns_hash: columns_digest(&prepared),
            samples_hash: samples_digest(&prepared),
            weights_hash: weights_digest(&trained.fitted.model),
            item_vectors_hash: digest(&trained.items),
            n_users: evaluation.metrics.n_users(),
            n_users_without_history: prepared.n_test_without_history,
            n_items: prepared.catalog.n_items(),
            n_items_ranked: evaluation.n_items_ranked,
            candidates: "all items of the catalogue",
            seen: experiment.evaluation.seen,
            ties: match experiment.split {
                SplitConfig::Book { .. } => "row in file, times ignored",
                SplitConfig::LeaveLastOut { ties } | SplitConfig::TimeCut { ties, .. } => match ties {
                    Ties::File => "row in file",
                    Ties::ItemId => "item id",
                },
            },
            targets_seen_share: evaluation.n_targets_seen as f64 / evaluation.metrics.n_users() as f64,
            distinct_items_top_10: evaluation.distinct_top_10,
            below_markov_window: ndcg(&evaluation.metrics) < ndcg(&baselines.markov_window),
            no_better_than_popularity: ndcg(&evaluation.metrics) <= ndcg(&baselines.popularity)
                && !u2i_bug::planted("popularity_is_no_bar"),
            metrics_ci95: half_widths(&evaluation.metrics),
            metrics: evaluation.metrics,
            metrics_seen_kept: evaluation.metrics_seen_kept,
            baselines,
            train: TrainReport {
                epochs: fitted.epochs.len(),
                best_epoch: fitted.best_epoch,
                samples: prepared.samples.len(),
                losses: fitted.epochs.iter().map(|epoch| epoch.loss).collect(),
                validation: fitted.epochs.iter().map(|epoch| epoch.validation).collect(),
                rows_without_negatives: fitted
                    .epochs
                    .iter()
                    .map(|epoch| epoch.rows_without_negatives)
                    .collect(),
                samples_per_s: n_targets as f64 / train.wall_s,
                wall_s: train.wall_s,
                cpu_s: train.cpu_s,
                peak_rss_mib: train.peak_rss_mib,
            },
            prepare,
            evaluate,
            index,
            parity,
            seed,
            device: self.device.name.clone(),
            threads: rayon::current_num_threads(),
            cpu: cpu_model(),
            build: env!("U2I_BUILD"),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            version: env!("CARGO_PKG_VERSION"),
        };
        write_json(&folder.join("report.json"), &report)?;
        let hits = report.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN);
        progress.line(&format!(
            "{label}: hit_rate@10 {hits:.4}, {} distinct items in the top {COVERAGE_K} lists; \
             trained in {:.0} s ({:.0} s CPU)",
            report.distinct_items_top_10, report.train.wall_s, report.train.cpu_s
        ));
        Ok(report)
    }

    /// Where this run keeps what it reaches, and what an earlier job has reached.
    fn checkpoints(
        &self,
        folder: &Path,
        experiment: &Experiment,
        prepared: &Prepared,
        label: &str,
        progress: &mut dyn Progress,
    ) -> Result<(Checkpoints, Option<TrainState>), Error> {
        let run = [
            ("config_hash", experiment.hash()),
            ("data_hash", prepared.data_hash.clone()),
            ("split_hash", prepared.split_hash.clone()),
            ("seed", experiment.seed.to_string()),
            ("device", self.device.name.clone()),
        ];
        let run = run.map(|(key, value)| (key.to_owned(), value)).into();
        let mut checkpoints = Checkpoints::new(folder.join("checkpoints"), run);
        if self.options.resume {
            let state = checkpoints.resume()?;
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

    fn guards(&self, rows: &[Row], progress: &mut dyn Progress) -> Result<Option<Guards>, Error> {
        if !matches!(self.dataset, Dataset::Ml1m(_)) {
            progress.line("guards are judged on ml-1m only; this is what they would look at:");
            for report in rows.iter().flat_map(|row| &row.reports) {
                let Report { model, recipe, seed, distinct_items_top_10, .. } = report;
                progress.line(&format!(
                    "{model} ({recipe}, seed {seed}): {distinct_items_top_10} distinct items in all top {COVERAGE_K} \
                     lists"
                ));
            }
            return Ok(None);
        }
        let own = self.experiment(Protocol::Time, Recipe::Tuned, ModelName::YoutubeDnn)?;
        let experiment = guards::one_epoch(Experiment { seed: 1, ..own });
        let prepared = guards::permuted(&prepare_features(&experiment, self.raw)?, experiment.seed);
        let label = "guard: youtube_dnn on permuted training events";
        let metric = experiment.evaluation.validation_metric.clone();
        let trained =
            train_model(&experiment, &prepared, self.device, &mut Follow::new(label, &metric, progress))?;
        let evaluation = evaluate_model(&experiment, &trained, &prepared, self.device)?;
        let guards = Guards::new(evaluation.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN), rows);
        let path = self.options.out.join(format!("{}/time/guards.json", self.dataset.name()));
        write_json(&path, &guards)?;
        guards.lines().iter().for_each(|line| progress.line(line));
        Ok(Some(guards))
    }
}

/// Counts the baselines on the test targets of a protocol; recipes do not change them.
fn count(prepared: &Prepared, experiment: &Experiment, progress: &mut dyn Progress) -> Counted {
    let stage = Stage::begin();
    let (train, n_items) = (&prepared.train, prepared.catalog.n_items());
    let cutoffs = experiment.evaluation.cutoffs();
    let k = NonZeroUsize::new(COVERAGE_K).expect("10 is not 0");
    let rank = |baseline: &dyn Baseline| {
        let ranked = rank_targets(baseline, &prepared.events, &prepared.test, k);
        let metrics = |rank: fn(&TargetRank) -> Rank| {
            let mut accumulator = Accumulator::new(&cutoffs).expect("list lengths are at least 1");
            ranked.ranks.iter().for_each(|own| accumulator.add_rank(rank(own)));
            accumulator.finish().expect("a split without targets is refused")
        };
        (metrics(|own| own.excluded), metrics(|own| own.kept))
    };
    // The random order is one for all seeds of a recipe, so that tables of several seeds have one baseline.
    let random = rank(&Random::new(train, n_items, 1));
    let popularity = rank(&Popularity::new(train, n_items));
    let markov_window = rank(&MarkovWindow::new(train, n_items));
    progress.line(&format!("baselines counted in {:.1} s", stage.cost().wall_s));
    let baselines = |pick: fn((Metrics, Metrics)) -> Metrics| Baselines {
        random: pick(random.clone()),
        popularity: pick(popularity.clone()),
        markov_window: pick(markov_window.clone()),
    };
    Counted { excluded: baselines(|both| both.0), kept: baselines(|both| both.1) }
}

fn columns_digest(prepared: &Prepared) -> String {
    let text = serde_json::to_string(&prepared.columns).expect("columns are plain data");
    Digest::new().part("columns", text.as_bytes()).finish()
}

fn samples_digest(prepared: &Prepared) -> String {
    let samples = prepared.samples.samples().iter().flat_map(|sample| [sample.user, sample.position]);
    Digest::new().numbers("samples", &samples.collect::<Vec<u32>>()).finish()
}

fn weights_digest(model: &AnyModel) -> String {
    let mut digest = Digest::new();
    for (name, tensor) in weights(model) {
        let bits: Vec<u32> = tensor.data.iter().map(|value| value.to_bits()).collect();
        digest = digest.numbers(&name, &bits);
    }
    digest.finish()
}

fn digest(items: &ItemVectors) -> String {
    let bits: Vec<u32> = items.data().iter().map(|value| value.to_bits()).collect();
    Digest::new().numbers("ids", items.ids()).numbers("vectors", &bits).finish()
}

/// Shows the steps of a training run and keeps what it has reached.
struct Follow<'a> {
    label: &'a str,
    metric: &'a str,
    progress: &'a mut dyn Progress,
    keep: Option<(&'a Checkpoints, Duration)>,
    begun: bool,
    kept: Instant,
    /// Targets that were learned from since this process began the run.
    targets: usize,
}

impl<'a> Follow<'a> {
    fn new(label: &'a str, metric: &'a str, progress: &'a mut dyn Progress) -> Self {
        Follow { label, metric, progress, keep: None, begun: false, kept: Instant::now(), targets: 0 }
    }
}

impl Observer for Follow<'_> {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        if !self.begun {
            self.begun = true;
            self.progress.begin(self.label, report.steps as u64);
        }
        self.targets += report.targets;
        self.progress
            .advance(report.step as u64 + 1, &format!("epoch {} loss {:.3}", report.epoch, report.loss));
        if self.progress.stop_requested() && !u2i_bug::planted("signals_are_ignored") {
            return Flow::Stop;
        }
        let last = report.step + 1 == report.steps;
        match self.keep {
            Some((_, every)) if last || self.kept.elapsed() >= every => Flow::Save,
            _ => Flow::Continue,
        }
    }

    fn on_state(&mut self, state: TrainState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some((checkpoints, _)) = self.keep {
            checkpoints.save(&state)?;
        }
        self.kept = Instant::now();
        Ok(())
    }

    fn on_epoch(&mut self, report: &EpochReport) {
        self.progress.line(&format!("{}: {}", self.label, epoch_line(report, self.metric)));
    }
}

impl Drop for Follow<'_> {
    fn drop(&mut self) {
        self.progress.end();
    }
}
