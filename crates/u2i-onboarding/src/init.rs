use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use u2i::config::Experiment;
use u2i::followed::{Tell, read_following, under_bar};
use u2i::{Error, Progress};
use u2i_features::{
    FeatureError, FileCounts, FilesSplit, RawData, ReadProgress, SplitConfig, Ties, Times, can_prepare,
};
use u2i_schema::Side;

use crate::model_choice::ModelChoice;
use crate::options::InitOptions;
use crate::plan::{FileUse, Plan, plan, source, summary};
use crate::recipe::{Recipe, Size, counted, grouped, recipe};
use crate::sampled::plan_by_sample;
use crate::source::Source;
use crate::write::{self, Guess, Writer, decimal, quoted, relative};

/// A config that was made from files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Initialised {
    /// The config, complete and commented.
    pub text: String,
    /// What it is about, in a line.
    pub summary: String,
    /// What was guessed and why.
    pub guesses: Vec<Guess>,
    /// What each file became, and why; none for data that is known as a whole.
    pub files: Vec<FileUse>,
    /// What is in the files and not used, a line each.
    pub unused: Vec<String>,
    /// The config, as it is read back.
    #[serde(skip)]
    pub experiment: Experiment,
}

/// The summary, then a line for each file and each guess.
impl fmt::Display for Initialised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        for file in &self.files {
            write!(f, "\n{file}")?;
        }
        for Guess { key, value, reason } in &self.guesses {
            write!(f, "\n{key} = {value}: {reason}")?;
        }
        for line in &self.unused {
            write!(f, "\nnot used: {line}")?;
        }
        Ok(())
    }
}

/// Makes a config for some data: guesses what columns hold, takes hyper-parameters from the size of the data, and tries
/// the config on it.
///
/// # Errors
///
/// If the files cannot be read, or it is not clear what they hold; the message then lists what there is to choose from,
/// and the option that chooses.
pub fn init(options: &InitOptions) -> Result<Initialised, Error> {
    init_following(options, &mut ())
}

/// [`init`], each step of it under a bar.
///
/// # Errors
///
/// As [`init`], and [`Error::Stopped`].
pub fn init_following(options: &InitOptions, progress: &mut dyn Progress) -> Result<Initialised, Error> {
    let InitOptions { data, out, model, .. } = options;
    let source = source(options)?;
    if !matches!(source, Source::Tables(_)) && options.names_tables() {
        return Err(Error::Usage(format!(
            "options such as --user, --item and --time name columns of tables, and {} has none by name",
            data.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        )));
    }
    let by_sample = match &source {
        Source::Tables(files) => plan_by_sample(files, options, progress)?,
        _ => None,
    };
    let (plan, raw) = match by_sample {
        Some(found) => found,
        None => {
            let mut plan = plan(source, options, progress)?;
            let raw = read(&mut plan, progress)?;
            (plan, raw)
        }
    };
    let size = Size::new(&raw.events.user, &raw.events.item, raw.user_ids.len(), raw.item_ids.len());

    let folder = folder_of(out)?;
    let mut writer = Writer::default();
    let summary = summary(size.n_events, size.n_users, size.n_items);
    head(&mut writer, &summary, &plan);
    let file = |path: &Path| quoted(&relative(path, &folder).to_string_lossy());
    let (ratio, reason) = rejects(&raw.files);
    write::data(&mut writer, &plan, &file, ratio, &reason);
    match &plan.test {
        Some(test) => {
            writer.section("split.files");
            writer.guessed(
                "test",
                &file(test),
                "By its name; the data comes with this split. The last epoch is kept.",
            );
        }
        None => split(&mut writer, raw.times),
    }
    let recipe = recipe(&size, *model);
    features(&mut writer, &plan, &recipe, *model);
    self::model(&mut writer, &recipe, *model);
    train(&mut writer, &recipe, *model);
    evaluation(&mut writer, &size);

    let experiment = Experiment::parse(&writer.text, out)?;
    check(&experiment, &raw, progress)?;
    let Writer { text, guesses, .. } = writer;
    Ok(Initialised { text, summary, guesses, files: plan.files, unused: plan.unused, experiment })
}

/// Reads the data. An attribute that was guessed and cannot be read is left out: what is written can be read.
fn read(plan: &mut Plan, progress: &mut dyn Progress) -> Result<RawData, Error> {
    loop {
        let split = split_of(plan);
        let error = match read_following(&plan.data, split.as_ref(), Path::new(""), progress) {
            Err(Error::Features(error)) => error,
            ended => return ended,
        };
        let is_left_out = blamed(&error).is_some_and(|(file, column)| {
            let reason = format!("it cannot be read as it was guessed to be; {error}");
            plan.leave_out(file, column, &reason.replace("\n", " "))
        });
        if !is_left_out {
            return Err(error.into());
        }
    }
}

/// The split that the data comes with.
fn split_of(plan: &Plan) -> Option<SplitConfig> {
    let test = plan.test.clone()?;
    let (train, validation, ties, allow_later_training) = (None, None, Ties::File, false);
    Some(SplitConfig::Files(FilesSplit { train, validation, test, ties, allow_later_training }))
}

/// The file and the column that data cannot be read for.
fn blamed(error: &FeatureError) -> Option<(&Path, &str)> {
    match error {
        FeatureError::ColumnType { path, column, .. } => Some((path, column)),
        FeatureError::TooManyRejects { path, rejects, .. } => {
            // The one that most rows are rejected for.
            let mut columns: Vec<&str> = rejects.iter().map(|reject| reject.column.as_str()).collect();
            columns.sort_unstable();
            let most = columns.chunk_by(|a, b| a == b).max_by_key(|same| same.len())?;
            most.first().filter(|column| !column.is_empty()).map(|&column| (path.as_path(), column))
        }
        _ => None,
    }
}

/// The folder that a config stands in. A path that is no UTF-8 cannot be written into one.
fn folder_of(out: &Path) -> Result<PathBuf, Error> {
    let whole = std::path::absolute(out).map_err(|source| Error::Io {
        action: "find the folder of",
        path: out.to_owned(),
        source,
    })?;
    Ok(whole.parent().map_or_else(|| PathBuf::from("."), Path::to_owned))
}

/// The config can be trained: columns fit the data, and something is left to train and to test on.
fn check(experiment: &Experiment, raw: &RawData, progress: &mut dyn Progress) -> Result<(), Error> {
    let Experiment { split, features, samples, seed, .. } = experiment;
    let check =
        |tell: &mut Tell<'_>| can_prepare(raw, split, features, samples, *seed, &mut ReadProgress::new(tell));
    Ok(under_bar(progress, "trying the config", raw.n_events() as u64, "events", check)?)
}

fn head(writer: &mut Writer, summary: &str, plan: &Plan) {
    writer.comment(&format!("{summary}, as `u2i init` found them."));
    writer.comment("It is complete: change what was guessed wrong, the reason stands above each guess.");
    for file in &plan.files {
        writer.comment(&file.to_string());
    }
    for line in &plan.unused {
        writer.comment(&format!("Not used: {line}"));
    }
    writer.line("seed", "1");
}

/// The share of unusable rows that the config must put up with, and why.
fn rejects(files: &[FileCounts]) -> (f64, String) {
    let share = |file: &FileCounts| file.rejects.len() as f64 / file.read.max(1) as f64;
    let worst = files.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
    match worst.and_then(|file| file.rejects.first().map(|reject| (file, reject))) {
        None => (0.0, "Every row could be used.".to_owned()),
        Some((file, reject)) => {
            // Rounded up, so that the same rows pass again.
            let ratio = (share(file) * 10_000.0).ceil() / 10_000.0;
            let column =
                if reject.column.is_empty() { String::new() } else { format!(" column `{}`", reject.column) };
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            let reason = format!(
                "{} of {} cannot be used, the first is {name}:{}{column}: {}.",
                grouped(file.rejects.len()),
                counted(file.read as usize, "row"),
                reject.line,
                reject.reason
            );
            (ratio, reason)
        }
    }
}

fn split(writer: &mut Writer, times: Times) {
    writer.section("split.leave_last_out");
    writer.comment("Of each user the last event is the test, the one before it validates, the rest trains.");
    let reason = match times {
        Times::Known => "Events of one user and second stand as in the file.",
        Times::Unknown => "There are no times: a user's events stand as in the file.",
    };
    writer.guessed("ties", "\"file\"", reason);
}

fn features(writer: &mut Writer, plan: &Plan, recipe: &Recipe, model: ModelChoice) {
    let takes_items = model != ModelChoice::YoutubeDnn;
    let (used, left): (Vec<_>, Vec<_>) =
        plan.features.iter().partition(|feature| takes_items || feature.side != Side::Item);
    used.into_iter().for_each(|feature| write::feature(writer, feature));
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|feature| feature.name.as_str()).collect();
        writer.blank();
        writer.comment(&format!(
            "Items are known to youtube_dnn by their ids. With `--model dssm` or `fm` there would be columns for {}, too.",
            names.join(", ")
        ));
    }
    writer.section("features.history");
    let history = &recipe.history_length;
    writer.guessed("length", &history.value.to_string(), &history.reason);
    writer.section("samples");
    writer.line("per_user", "{ all = {} }");
}

fn model(writer: &mut Writer, recipe: &Recipe, model: ModelChoice) {
    let Recipe { dim, dropout, .. } = recipe;
    let (drop, dim_text) = (decimal(dropout.value), dim.value.to_string());
    let pooling = |slopes: &str| format!("{{ recency = {{ slopes = {slopes} }} }}");
    match model {
        ModelChoice::Fm => {
            writer.section("model.fm");
            writer.guessed("dim", &dim_text, &dim.reason);
            writer.line("init_sd", "0.1");
            writer.line("linear_sd", "0.001");
            writer.section("model.fm.history");
            writer.guessed("dropout", &drop, &dropout.reason);
            writer.line("pooling", &pooling("[0.02, 0.1, 0.5, 3.0]"));
        }
        ModelChoice::YoutubeDnn => {
            writer.section("model.youtube_dnn");
            writer.guessed("dim", &dim_text, &dim.reason);
            writer.line("init_sd", "0.05");
            writer.line("normalization", "\"l2\"");
            user_tower(writer, "model.youtube_dnn", recipe, &pooling(SLOPES));
        }
        ModelChoice::Dssm => {
            writer.section("model.dssm");
            writer.guessed("embedding_dim", &dim_text, &dim.reason);
            writer.line("init_sd", "0.05");
            writer.line("normalization", "\"l2\"");
            user_tower(writer, "model.dssm", recipe, &pooling(SLOPES));
            writer.section("model.dssm.item");
            writer.line("column_dim", "16");
            writer.line("residual", "true");
            mlp(writer, "model.dssm.item.mlp", recipe);
        }
    }
}

/// How fast what is pooled loses weight with age: all alike, slowly, fast, and the newest item alone.
const SLOPES: &str = "[0.0, 0.05, 0.3, 2.0]";

fn user_tower(writer: &mut Writer, model: &str, recipe: &Recipe, pooling: &str) {
    writer.section(&format!("{model}.user"));
    writer.line("column_dim", "16");
    writer.line("history_size", "true");
    writer.line("example_age", "false");
    writer.line("skip", "true");
    writer.section(&format!("{model}.user.history"));
    writer.guessed("dropout", &decimal(recipe.dropout.value), &recipe.dropout.reason);
    writer.line("pooling", pooling);
    mlp(writer, &format!("{model}.user.mlp"), recipe);
}

fn mlp(writer: &mut Writer, section: &str, recipe: &Recipe) {
    writer.section(section);
    writer.line("layers", &format!("[{}, {}]", 2 * recipe.dim.value, recipe.dim.value));
    writer.line("activation", "\"gelu\"");
    writer.line("norm", "\"none\"");
    writer.line("output", "\"linear\"");
    writer.line("dropout", &decimal(recipe.dropout.value));
}

fn train(writer: &mut Writer, recipe: &Recipe, model: ModelChoice) {
    let Recipe { negatives, epochs, chunk_targets, chunks_per_step, warm_up_steps, .. } = recipe;
    let is_fm = model == ModelChoice::Fm;
    writer.section("loss.sampled_softmax");
    writer.guessed("negatives", &negatives.value.to_string(), &negatives.reason);
    writer.line("sampler", "{ uniform = {} }");
    writer.line("temperature", if is_fm { "1.0" } else { "0.1" });
    writer.section("train");
    writer.guessed("epochs", &epochs.value.to_string(), &epochs.reason);
    writer.guessed("chunk_targets", &chunk_targets.value.to_string(), &chunk_targets.reason);
    writer.guessed("chunks_per_step", &chunks_per_step.value.to_string(), &chunks_per_step.reason);
    writer.section("train.optimizer.adam");
    writer.line("learning_rate", if is_fm { "0.01" } else { "0.008" });
    writer.line("beta_1", "0.9");
    writer.line("beta_2", "0.999");
    writer.line("epsilon", "1e-8");
    writer.section("train.schedule");
    writer.guessed("warm_up_steps", &warm_up_steps.value.to_string(), &warm_up_steps.reason);
    writer.line("decay", "{ cosine = { final_share = 0.05 } }");
}

/// From this share of repeated events on, what a user has met before is what they will meet again.
const REPEATS: f64 = 0.1;

fn evaluation(writer: &mut Writer, size: &Size) {
    writer.section("evaluation");
    let share = 100.0 * size.share_repeated();
    let (seen, what) = match size.share_repeated() < REPEATS {
        true => ("\"excluded\"", "so what was seen is not recommended again"),
        false => ("\"kept\"", "so what was seen may be recommended again"),
    };
    writer.guessed("seen", seen, &format!("{share:.1} % of events repeat an item of their user, {what}."));
    writer.line("k", "[5, 10, 50, 100]");
    writer.line("validation_metric", "\"ndcg@10\"");
}
