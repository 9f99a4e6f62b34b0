use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use u2i_eval::{Accumulator, Metric, Metrics, Rank};
use u2i_features::{Prepared, RawData};
use u2i_index::{Exclude, ItemVectors, recall};
use u2i_models::TwoTower;
use u2i_schema::Digest;
use u2i_train::{EpochReport, Observer, StepReport, user_vectors};

use super::guards::{self, Coverage};
use super::tables::{ProtocolTable, Row};
use super::{Guards, ModelName, Protocol, Recipe, experiment};
use crate::baselines::{Baseline, MarkovWindow, Popularity, Random, TargetRank, rank_targets};
use crate::config::{Experiment, IndexConfig, Seen};
use crate::data::{Dataset, DatasetName, Places, resolve};
use crate::device::{DeviceChoice, Opened};
use crate::pipeline::{
    COVERAGE_K, Trained, epoch_line, evaluate_model, exact_neighbors, prepare_features, read_dataset,
    train_model,
};
use crate::report::{Baselines, IndexReport, Report, TrainReport, half_widths, write_json};
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
    /// A folder of experiment files instead of those built in.
    pub configs: Option<PathBuf>,
}

/// Trains and evaluates, writes a report per run, and returns a table per protocol.
///
/// # Errors
///
/// If data cannot be had, an experiment cannot be run, a file cannot be written, or a guard fails.
pub fn reproduce(
    options: &ReproduceOptions,
    progress: &mut dyn Progress,
) -> Result<Vec<ProtocolTable>, Error> {
    let protocols = protocols(options, progress)?;
    let device = options.device.open()?;
    let resolved = resolve(options.dataset, &options.places)?;
    for line in resolved.note.iter().map(String::as_str).chain(resolved.licence) {
        progress.line(line);
    }
    let dataset = resolved.dataset;
    let stage = Stage::begin();
    let raw = read_dataset(&dataset)?;
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
    protocols.into_iter().map(|protocol| job.protocol(protocol, progress)).collect()
}

/// The protocols that the recipe belongs to, known before anything is trained.
fn protocols(options: &ReproduceOptions, progress: &mut dyn Progress) -> Result<Vec<Protocol>, Error> {
    let Some(recipe) = options.recipe else { return Ok(options.protocols.clone()) };
    let (with, without): (Vec<Protocol>, Vec<Protocol>) =
        options.protocols.iter().partition(|&&protocol| Recipe::of(protocol).contains(&recipe));
    let lines = without.iter().map(|protocol| format!("the protocol `{protocol}` has no recipe `{recipe}`"));
    let lines: Vec<String> = lines.collect();
    if with.is_empty() {
        return Err(Error::Usage(lines.join("; ")));
    }
    lines.iter().for_each(|line| progress.line(&format!("{line}, so it is left out")));
    Ok(with)
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
    fn protocol(&self, protocol: Protocol, progress: &mut dyn Progress) -> Result<ProtocolTable, Error> {
        let mut rows = Vec::new();
        let mut counted = None;
        let mut coverage = BTreeMap::new();
        for &recipe in
            Recipe::of(protocol).iter().filter(|&&own| self.options.recipe.is_none_or(|one| one == own))
        {
            for model in self.models(recipe, protocol) {
                let mut reports = Vec::new();
                for seed in 1..=self.options.seeds {
                    let report = self.run(protocol, recipe, model, seed, &mut counted, progress)?;
                    reports.push(report);
                }
                if recipe == Recipe::Tuned {
                    let distinct = reports.iter().map(|report| report.distinct_items_top_10).min();
                    coverage.insert(model.to_string(), Coverage::new(distinct.unwrap_or(0)));
                }
                rows.push(Row { model, recipe, reports });
            }
        }
        if self.options.check && protocol == Protocol::Time {
            self.guards(coverage, progress)?;
        }
        Ok(ProtocolTable { dataset: self.dataset.name().to_string(), protocol, rows })
    }

    /// The chapter's words are set beside its code where its own protocol is.
    fn models(&self, recipe: Recipe, protocol: Protocol) -> Vec<ModelName> {
        let with_text = recipe == Recipe::Book && protocol == Protocol::Book;
        let mut models = self.options.models.clone();
        if let Some(dssm) = models.iter().position(|&model| model == ModelName::Dssm).filter(|_| with_text) {
            models.insert(dssm + 1, ModelName::DssmText);
        }
        models
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
        let experiment = Experiment { seed, ..self.experiment(protocol, recipe, model)? };
        let stage = Stage::begin();
        let prepared = prepare_features(&experiment, self.raw)?;
        let prepare = self.read.and(stage.cost());
        if counted.is_none() {
            *counted = Some(count(&prepared, &experiment, progress));
        }
        let counted = counted.as_ref().expect("counted above");
        let label = format!("{} {protocol}/{recipe} {model} seed {seed}", self.dataset.name());

        let stage = Stage::begin();
        let metric = experiment.evaluation.validation_metric.clone();
        let trained =
            train_model(&experiment, &prepared, self.device, &mut Follow::new(&label, &metric, progress))?;
        let train = stage.cost();
        let stage = Stage::begin();
        let evaluation = evaluate_model(&experiment, &trained, &prepared, self.device)?;
        let evaluate = stage.cost();
        let index = indexes(&experiment, &trained, &prepared, self.device)?;

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
            config_hash: experiment.hash(),
            train_events_hash: prepared.train.events().digest(),
            catalog_hash: prepared.catalog.digest(),
            item_vectors_hash: digest(&trained.items),
            n_users: evaluation.metrics.n_users(),
            n_users_without_history: prepared.n_test_without_history,
            n_items: prepared.catalog.n_items(),
            n_items_ranked: evaluation.n_items_ranked,
            candidates: "all items of the catalogue",
            seen: experiment.evaluation.seen,
            ties: if protocol == Protocol::Book { "row in file, times ignored" } else { "row in file" },
            targets_seen_share: evaluation.n_targets_seen as f64 / evaluation.metrics.n_users() as f64,
            distinct_items_top_10: evaluation.distinct_top_10,
            below_markov_window: ndcg(&evaluation.metrics) < ndcg(&baselines.markov_window),
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
                samples_per_s: fitted.targets as f64 / train.wall_s,
                wall_s: train.wall_s,
                cpu_s: train.cpu_s,
                peak_rss_mib: train.peak_rss_mib,
            },
            prepare,
            evaluate,
            index,
            seed,
            device: self.device.name.clone(),
            threads: rayon::current_num_threads(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            version: env!("CARGO_PKG_VERSION"),
        };
        let folder = format!("{}/{protocol}/{recipe}/{model}/seed-{seed}", self.dataset.name());
        write_json(&self.options.out.join(folder).join("report.json"), &report)?;
        let hits = report.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN);
        progress.line(&format!(
            "{label}: hit_rate@10 {hits:.4}, {} distinct items in the top {COVERAGE_K} lists; \
             trained in {:.0} s ({:.0} s CPU)",
            report.distinct_items_top_10, report.train.wall_s, report.train.cpu_s
        ));
        Ok(report)
    }

    fn guards(&self, coverage: BTreeMap<String, Coverage>, progress: &mut dyn Progress) -> Result<(), Error> {
        if !matches!(self.dataset, Dataset::Ml1m(_)) {
            for (model, coverage) in &coverage {
                let distinct = coverage.distinct_items;
                progress.line(&format!("{model}: {distinct} distinct items in all top {COVERAGE_K} lists"));
            }
            return Ok(());
        }
        let own = self.experiment(Protocol::Time, Recipe::Tuned, ModelName::YoutubeDnn)?;
        let experiment = guards::one_epoch(Experiment { seed: 1, ..own });
        let prepared = guards::permuted(&prepare_features(&experiment, self.raw)?, experiment.seed);
        let label = "guard: youtube_dnn on permuted training events";
        let metric = experiment.evaluation.validation_metric.clone();
        let trained =
            train_model(&experiment, &prepared, self.device, &mut Follow::new(label, &metric, progress))?;
        let evaluation = evaluate_model(&experiment, &trained, &prepared, self.device)?;
        let guards = Guards::new(evaluation.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN), coverage);
        let path = self.options.out.join(format!("{}/time/guards.json", self.dataset.name()));
        write_json(&path, &guards)?;
        guards.lines().iter().for_each(|line| progress.line(line));
        guards.check()
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

/// Users that indexes are compared on.
const INDEX_QUERIES: usize = 1000;

/// Builds, saves and reloads the indexes of an experiment and compares them with exact search.
fn indexes(
    experiment: &Experiment,
    trained: &Trained,
    prepared: &Prepared,
    device: &Opened,
) -> Result<Vec<IndexReport>, Error> {
    let model = &trained.fitted.model;
    let users = &prepared.test[..prepared.test.len().min(INDEX_QUERIES)];
    let users = user_vectors(model, &prepared.eval_batches(model.history_len()), users, &device.device);
    let k = NonZeroUsize::new(10).expect("10 is not 0");
    let exact = exact_neighbors(&trained.items, &users, k)?;
    let mut reports = Vec::new();
    for config in &experiment.index {
        let stage = Stage::begin();
        let Some(index) = build(&trained.items, config)? else { continue };
        let found = index.search(&users.data, k, Exclude::None)?;
        reports.push(IndexReport {
            kind: index.kind(),
            recall_at_10: recall(&found, &exact),
            n_queries: users.ids.len(),
            wall_s: stage.cost().wall_s,
        });
    }
    Ok(reports)
}

/// A faiss index that went through a file, as one that serves does.
#[cfg(feature = "faiss")]
fn build(items: &ItemVectors, config: &IndexConfig) -> Result<Option<Box<dyn u2i_index::Index>>, Error> {
    use u2i_index::{FaissIndex, Index as _};
    let folder = tempfile::tempdir().map_err(|source| Error::Io {
        action: "write",
        path: std::env::temp_dir(),
        source,
    })?;
    let path = folder.path().join("index.faiss");
    FaissIndex::build(items, config.faiss, config.metric)?.save(&path)?;
    Ok(Some(Box::new(FaissIndex::load(&path)?)))
}

#[cfg(not(feature = "faiss"))]
fn build(_: &ItemVectors, _: &IndexConfig) -> Result<Option<Box<dyn u2i_index::Index>>, Error> {
    Ok(None)
}

fn digest(items: &ItemVectors) -> String {
    let bits: Vec<u32> = items.data().iter().map(|value| value.to_bits()).collect();
    Digest::new().numbers("ids", items.ids()).numbers("vectors", &bits).finish()
}

/// Shows the steps of a training run.
struct Follow<'a> {
    label: &'a str,
    metric: &'a str,
    progress: &'a mut dyn Progress,
    begun: bool,
}

impl<'a> Follow<'a> {
    fn new(label: &'a str, metric: &'a str, progress: &'a mut dyn Progress) -> Self {
        Follow { label, metric, progress, begun: false }
    }
}

impl Observer for Follow<'_> {
    fn on_step(&mut self, report: &StepReport) -> bool {
        if !self.begun {
            self.begun = true;
            self.progress.begin(self.label, report.steps as u64);
        }
        self.progress
            .advance(report.step as u64 + 1, &format!("epoch {} loss {:.3}", report.epoch, report.loss));
        true
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
