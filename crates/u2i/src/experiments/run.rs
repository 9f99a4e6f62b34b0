use std::path::PathBuf;
use std::time::Duration;

use u2i_eval::Metric;
use u2i_features::RawData;

use super::guards;
use super::tables::{ProtocolTable, Row};
use super::{Guards, ModelName, Protocol, Recipe, experiment};
use crate::config::Experiment;
use crate::data::{Dataset, DatasetName, Places, resolve};
use crate::device::{DeviceChoice, Opened};
use crate::pipeline::{COVERAGE_K, evaluate_model, open_device, prepare_features, read_dataset, train_model};
use crate::progress::Progress;
use crate::report::{Report, write_json};
use crate::run::{Counted, Follow, How, Measures, Names, REJECTS, Run, read_listing_rejects};
use crate::{Error, Stage, StageCost};

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
    let device = open_device(options.device, progress)?;
    let resolved = resolve(options.dataset, &options.places)?;
    for line in resolved.note.iter().map(String::as_str).chain(resolved.licence) {
        progress.line(line);
    }
    let dataset = resolved.dataset;
    let stage = Stage::begin();
    let rejects = options.out.join(dataset.name().to_string()).join(REJECTS);
    let raw = read_listing_rejects(&rejects, progress, || read_dataset(&dataset))?;
    let job = Job { options, dataset: &dataset, raw: &raw, read: stage.cost(), device: &device };
    progress.line(&format!(
        "{}: {} events of {} users and {} items, read in {:.2} s; device {}",
        dataset.name(),
        raw.n_events(),
        raw.user_ids.len(),
        raw.item_ids.len(),
        job.read.wall_s,
        device
    ));
    let mut tables = Vec::new();
    let mut guards = None;
    for plan in &plans {
        let table = job.protocol(plan, progress)?;
        progress.table(&table.text());
        if options.check && plan.protocol == Protocol::Time {
            guards = job.guards(&table.rows, progress)?;
        }
        tables.push(table);
    }
    Ok(Reproduced { tables, guards })
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
        let experiment = Experiment { seed, ..self.experiment(protocol, recipe, model)? };
        let dataset = self.dataset.name();
        let names = Names {
            model: model.to_string(),
            recipe: recipe.to_string(),
            dataset: dataset.to_string(),
            protocol: protocol.to_string(),
            label: format!("{dataset} {protocol}/{recipe} {model} seed {seed}"),
        };
        let folder = format!("{dataset}/{protocol}/{recipe}/{model}/seed-{seed}");
        let run = Run {
            experiment: &experiment,
            raw: self.raw,
            read: self.read,
            names: &names,
            device: self.device,
        };
        let how = How {
            resume: self.options.resume,
            checkpoint_every: self.options.checkpoint_every,
            measures: match self.options.check && protocol == Protocol::Time && recipe == Recipe::Tuned {
                true => Measures::Parity,
                false => Measures::Metrics,
            },
        };
        run.make(&self.options.out.join(folder), how, counted, progress)
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
        let trained = train_model(
            &experiment,
            &prepared,
            self.device,
            &mut Follow::new(label, &metric, None, progress),
        )?;
        let evaluation = evaluate_model(&experiment, &trained, &prepared, self.device)?;
        let guards = Guards::new(evaluation.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN), rows);
        let path = self.options.out.join(format!("{}/time/guards.json", self.dataset.name()));
        write_json(&path, &guards)?;
        guards.lines().iter().for_each(|line| progress.line(line));
        Ok(Some(guards))
    }
}
