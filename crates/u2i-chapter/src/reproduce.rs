use std::path::PathBuf;
use std::time::Duration;

use u2i::config::Experiment;
use u2i::device::{DeviceChoice, Opened};
use u2i::followed::read_dataset_following;
use u2i::pipeline::{COVERAGE_K, evaluate_model, open_device, prepare_features, train_model};
use u2i::report::{Report, write_json};
use u2i::run::{self, Counted, Follow, Measures, Names, REJECTS, read_listing_rejects};
use u2i::{Error, Progress, Stage, StageCost};
use u2i_datasets::{Dataset, DatasetName, Places, resolve};
use u2i_eval::Metric;
use u2i_features::{RawData, SplitConfig, Ties};

use crate::recipes::check_has_recipes;
use crate::row::Row;
use crate::tables::ProtocolTable;
use crate::{Expected, Guards, Held, ModelName, Protocol, Recipe, expected, experiment, guards};

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
    /// Orders of the events of one user and second, each of which makes tables of its own; none for that of the experiment
    /// files.
    pub ties: Vec<Ties>,
    /// Only this recipe; `None` for the chapter's and the [lightest](Recipe::lightest) of ours, where they belong to a
    /// protocol.
    pub recipe: Option<Recipe>,
    /// Seeds 1 to `seeds`.
    pub seeds: u64,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Reports go to `out/<dataset>/<protocol>/<recipe>/<model>/seed-<n>/report.json`; where `ties` names another order
    /// than that of the file, `<protocol>` is followed by `-ties-` and its name.
    pub out: PathBuf,
    /// Whether the guards are run.
    pub check: bool,
    /// Go on from the checkpoints of an earlier job, where there are any.
    pub resume: bool,
    /// How often training keeps what it has reached. It does so at the end of each run and when it is stopped, too.
    pub checkpoint_every: Duration,
    /// A folder of experiment files instead of those built in.
    pub configs: Option<PathBuf>,
    /// Writes what is found to a file of [`Expected`], beside what it says of other runs.
    pub write_expected: Option<PathBuf>,
}

/// What a job found.
#[derive(Debug, Clone)]
pub struct Reproduced {
    /// One table per protocol.
    pub tables: Vec<ProtocolTable>,
    /// The guards, where they were asked for and the data is MovieLens 1M. One that failed is no error of
    /// [`reproduce`]: ask [`Reproduced::check`].
    pub guards: Option<Guards>,
    /// Figures beside what is expected of them, where that is known.
    pub held: Vec<Held>,
}

impl Reproduced {
    /// # Errors
    ///
    /// [`Guard`](Error::Guard) names what failed, with its figure.
    pub fn check(&self) -> Result<(), Error> {
        self.guards.as_ref().map_or(Ok(()), Guards::check)?;
        expected::check(&self.held)
    }
}

/// Trains and evaluates, writes a report per run, and returns a table per protocol.
///
/// # Errors
///
/// If options do not go together, data cannot be had, an experiment cannot be run, or a file cannot be written.
pub fn reproduce(options: &ReproduceOptions, progress: &mut dyn Progress) -> Result<Reproduced, Error> {
    // What does not go together is refused before anything is opened or downloaded.
    plan(options, options.dataset, &mut ())?;
    let device = open_device(options.device, progress)?;
    let resolved = resolve(options.dataset, &options.places)?;
    for line in resolved.note.iter().chain(&resolved.licence) {
        progress.line(line);
    }
    let dataset = resolved.dataset;
    let plans = plan(options, dataset.name(), progress)?;
    let stage = Stage::begin();
    let rejects = options.out.join(dataset.name().to_string()).join(REJECTS);
    let raw =
        read_listing_rejects(&rejects, progress, |progress| read_dataset_following(&dataset, progress))?;
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
    let mut held = Vec::new();
    let expected = Expected::of(dataset.name(), options.configs.as_deref())?.unwrap_or_default();
    for plan in &plans {
        let table = job.protocol(plan, progress)?;
        progress.table(&table.text());
        if options.check && plan.is_guarded() && guards.is_none() {
            guards = job.guards(plan, &table.rows, progress)?;
        }
        let (own, notes) = expected.hold(&table);
        notes.into_iter().chain(own.iter().map(Held::line)).for_each(|line| progress.line(&line));
        held.extend(own);
        tables.push(table);
    }
    if let Some(path) = &options.write_expected {
        Expected::update(path, &tables)?;
        progress.line(&format!("wrote {}", path.display()));
    }
    Ok(Reproduced { tables, guards, held })
}

/// The runs of a protocol, in the order of its table.
pub(crate) struct Plan {
    pub protocol: Protocol,
    /// The order of events of one user and second; `None` for that of the experiment files.
    pub ties: Option<Ties>,
    pub runs: Vec<(Recipe, ModelName)>,
}

impl Plan {
    /// Guards look at what we recommend under the protocol that is ours.
    fn is_guarded(&self) -> bool {
        self.protocol == Protocol::Time && self.runs.iter().any(|&(recipe, _)| recipe.is_ours())
    }

    /// An experiment as this plan has it run.
    pub fn apply(&self, own: Experiment) -> Experiment {
        let mut own = self.protocol.apply(own);
        if let (Some(wanted), SplitConfig::LeaveLastOut { ties } | SplitConfig::TimeCut { ties, .. }) =
            (self.ties, &mut own.split)
        {
            *ties = wanted;
        }
        own
    }

    /// The protocol's name in paths and lines.
    pub fn name(&self) -> String {
        let Plan { protocol, ties, .. } = self;
        match ties {
            None | Some(Ties::File) => protocol.to_string(),
            Some(Ties::ItemId) => format!("{protocol}-ties-item_id"),
            Some(Ties::Shuffled { seed }) => format!("{protocol}-ties-shuffled-{seed}"),
        }
    }
}

/// What is to be run, known before anything is trained.
pub(crate) fn plan(
    options: &ReproduceOptions,
    dataset: DatasetName,
    progress: &mut dyn Progress,
) -> Result<Vec<Plan>, Error> {
    if options.configs.is_none() {
        check_has_recipes(dataset)?;
    }
    let plan = |(protocol, ties): (Protocol, Option<Ties>)| {
        let wanted = |own: Recipe| match options.recipe {
            Some(one) => one == own,
            None => own == Recipe::Book || own == Recipe::lightest(dataset),
        };
        let recipes = Recipe::of(protocol).iter().copied().filter(|&own| wanted(own));
        let runs = recipes.flat_map(|recipe| {
            models(&options.models, recipe, protocol).into_iter().map(move |model| (recipe, model))
        });
        Plan { protocol, ties, runs: runs.collect() }
    };
    let all = options.protocols.iter().flat_map(|&protocol| {
        // The book goes by the order of rows, whatever their times.
        let ties = if protocol == Protocol::Book { &[] } else { &options.ties[..] };
        let ties: Vec<Option<Ties>> = match ties {
            [] => vec![None],
            ties => ties.iter().copied().map(Some).collect(),
        };
        ties.into_iter().map(move |ties| (protocol, ties))
    });
    let (with, without): (Vec<Plan>, Vec<Plan>) = all.map(plan).partition(|plan| !plan.runs.is_empty());
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
    if options.check && !with.iter().any(Plan::is_guarded) {
        let message = "--check guards the recipes `quick` and `tuned` under the protocol `time`, which are not among what \
                       is run";
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
        let mut rows = Vec::new();
        let mut counted = None;
        for &(recipe, model) in &plan.runs {
            let mut reports = Vec::new();
            for seed in 1..=self.options.seeds {
                reports.push(self.run(plan, recipe, model, seed, &mut counted, progress)?);
            }
            rows.push(Row { model, recipe, reports });
        }
        Ok(ProtocolTable { dataset: self.dataset.name().to_string(), protocol: plan.protocol, rows })
    }

    fn experiment(&self, plan: &Plan, recipe: Recipe, model: ModelName) -> Result<Experiment, Error> {
        let own = experiment(recipe, self.dataset.name(), model, self.options.configs.as_deref())?;
        Ok(plan.apply(own))
    }

    fn run(
        &self,
        plan: &Plan,
        recipe: Recipe,
        model: ModelName,
        seed: u64,
        counted: &mut Option<Counted>,
        progress: &mut dyn Progress,
    ) -> Result<Report, Error> {
        let experiment = Experiment { seed, ..self.experiment(plan, recipe, model)? };
        let (dataset, protocol, place) = (self.dataset.name(), plan.protocol, plan.name());
        let names = Names {
            model: model.to_string(),
            recipe: recipe.to_string(),
            dataset: dataset.to_string(),
            protocol: protocol.to_string(),
            label: format!("{dataset} {place}/{recipe} {model} seed {seed}"),
        };
        let folder = format!("{dataset}/{place}/{recipe}/{model}/seed-{seed}");
        let measures = match self.options.check && protocol == Protocol::Time && recipe.is_ours() {
            true => Measures::Parity,
            false => Measures::Metrics,
        };
        run::Job::new(self.options.out.join(folder), self.device)
            .data(self.raw)
            .read_cost(self.read)
            .names(names)
            .resume(self.options.resume)
            .checkpoint_every(self.options.checkpoint_every)
            .measures(measures)
            .train_sharing(counted, &experiment, progress)
    }

    fn guards(
        &self,
        plan: &Plan,
        rows: &[Row],
        progress: &mut dyn Progress,
    ) -> Result<Option<Guards>, Error> {
        if self.dataset.name() != DatasetName::ML_1M {
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
        // The bar is one for this recipe, whatever else is run and wherever it comes from.
        let name = self.dataset.name();
        let own = plan.apply(experiment(Recipe::lightest(name), name, ModelName::YoutubeDnn, None)?);
        let experiment = guards::one_epoch(Experiment { seed: 1, ..own });
        let prepared = guards::permuted(&prepare_features(&experiment, self.raw)?, experiment.seed);
        let label = "guard: youtube_dnn on permuted training events";
        let metric = experiment.evaluation.validation_metric.clone();
        let trained =
            train_model(&experiment, &prepared, self.device, &mut Follow::new(label, &metric, progress))?;
        let evaluation = evaluate_model(&experiment, &trained, &prepared, self.device)?;
        let guards = Guards::new(evaluation.metrics.mean(Metric::HitRate(10)).unwrap_or(f64::NAN), rows);
        let path = self.options.out.join(format!("{}/{}/guards.json", self.dataset.name(), plan.name()));
        write_json(&path, &guards)?;
        guards.lines().iter().for_each(|line| progress.line(line));
        Ok(Some(guards))
    }
}
