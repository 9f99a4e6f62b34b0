use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use u2i::cold::groups;
use u2i::config::Experiment;
use u2i::followed::{load_data_following, prepare_all_following};
use u2i::held_out::sample_users;
use u2i::memory::MemoryEstimate;
use u2i::pipeline::seen_items;
use u2i::{Error, Progress};
use u2i_datasets::Places;
use u2i_features::{FileCounts, MarkedCells, Prepared, RawData, Reject, Times};
use u2i_schema::Sample;

use crate::column_summary::{ColumnSummary, columns};
use crate::column_uses::{ColumnUse, column_uses, write_uses};
use crate::recipe::grouped;

/// What an experiment's data holds, and what training on it will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Validation {
    /// What became of the rows of each file; none for data that is made.
    pub files: Vec<FileSummary>,
    /// What each column of each file is read for; none for data by name.
    pub uses: Vec<ColumnUse>,
    /// Users that have an event.
    pub n_users: usize,
    /// Items that have an event.
    pub n_items: usize,
    /// Events.
    pub n_events: usize,
    /// The first and the last time of an event, in UTC; `None` where events have no times.
    pub times: Option<[String; 2]>,
    /// What is most likely not meant so.
    pub warnings: Vec<String>,
    /// Share of neighbouring events of one user that have the same time; `None` where events have no times. The tie rule
    /// decides their order.
    pub ties_share: Option<f64>,
    /// Events for each user.
    pub events_per_user: Quantiles,
    /// What is trained and tested.
    pub split: SplitSummary,
    /// The feature columns.
    pub columns: Vec<ColumnSummary>,
    /// Bytes that training will take, by what takes them.
    pub memory: MemoryEstimate,
    /// The most bytes that are held at once.
    pub memory_peak: u64,
    /// Unix time of the last event, where events have times.
    #[serde(skip)]
    newest_s: Option<i64>,
}

/// What became of the rows of a file: `read = kept + rejected + filtered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSummary {
    /// The file.
    pub path: PathBuf,
    /// Rows in it.
    pub read: u64,
    /// Rows that are used.
    pub kept: u64,
    /// Rows that cannot be used.
    pub rejected: u64,
    /// Rows of users or items without events.
    pub filtered: u64,
    /// Rows without an id or a time, which the config leaves out.
    pub incomplete: u64,
    /// Cells that hold a mark of missing values, such as `NULL`, and are taken for missing.
    pub marked: Vec<MarkedColumn>,
    /// The first rejects, each as `file:line column: reason`.
    pub first_rejects: Vec<String>,
}

/// Cells of a column that are missing by a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarkedColumn {
    /// The column.
    pub column: String,
    /// The mark.
    pub mark: String,
    /// How many cells hold it.
    pub n: u64,
}

/// The distribution of a size over users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// The smallest.
    pub min: usize,
    /// A quarter is below.
    pub quarter: usize,
    /// Half is below.
    pub median: usize,
    /// Nine tenths are below.
    pub tenth_largest: usize,
    /// The largest.
    pub max: usize,
}

/// What is trained and tested.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitSummary {
    /// Events that vocabularies, counts and samples are made from.
    pub n_train_events: usize,
    /// Training targets.
    pub n_targets: usize,
    /// Users whose validation target decides which epoch is kept.
    pub n_validation: usize,
    /// Users whose test target is ranked.
    pub n_test: usize,
    /// Relevant items of all test users, where each has a set of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_relevant: Option<usize>,
    /// Events of an earlier file of the split at or after their user's first one of a later file, where the split is of
    /// files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_later_training: Option<usize>,
    /// Users with a test target and nothing before it, who are reported apart.
    pub n_test_without_history: usize,
    /// Items with a training event.
    pub n_items_trained: usize,
    /// Share of test targets without a training event; a model without item columns cannot rank them.
    pub cold_targets_share: f64,
    /// Share of test users without a training event.
    pub cold_users_share: f64,
    /// Share of test targets that their user has met before; misses where seen items are excluded.
    pub seen_targets_share: f64,
    /// Events before each test target.
    pub history: Quantiles,
}

/// Reads what an experiment names and prepares it as for training. Changes nothing, but for a data set by name that has
/// to be downloaded.
///
/// Relative paths of files start at `base`.
///
/// # Errors
///
/// If the data cannot be read, or the experiment does not fit it.
pub fn validate(experiment: &Experiment, base: &Path, places: &Places) -> Result<Validation, Error> {
    validate_following(experiment, base, places, &mut ())
}

/// [`validate`], each step of it under a bar.
///
/// # Errors
///
/// As [`validate`], and [`Error::Stopped`].
pub fn validate_following(
    experiment: &Experiment,
    base: &Path,
    places: &Places,
    progress: &mut dyn Progress,
) -> Result<Validation, Error> {
    let raw = load_data_following(experiment, places, base, progress)?;
    // With all test and validation users, be they ranked for or not.
    let mut prepared = prepare_all_following(experiment, &raw, progress)?;
    let lengths =
        |samples: &[Sample]| Quantiles::of(samples.iter().map(|target| target.position as usize).collect());
    let per_user = (0..prepared.events.n_users()).map(|user| prepared.events.items(user).len()).collect();
    let (split, columns) =
        (split_summary(&prepared, lengths(&prepared.test)), columns(experiment, &raw, &prepared));
    let ties_share = (raw.times == Times::Known).then(|| ties_share(&prepared));
    sample_users(&mut prepared, &experiment.evaluation);
    let memory = MemoryEstimate::new(experiment, &raw, &prepared)?;
    Ok(Validation {
        files: raw.files.iter().map(file_summary).collect(),
        uses: column_uses(experiment, base)?,
        n_users: raw.user_ids.len(),
        n_items: raw.item_ids.len(),
        n_events: raw.n_events(),
        times: times(&raw),
        newest_s: newest_s(&raw),
        warnings: warnings_of_1970(&raw),
        ties_share,
        events_per_user: Quantiles::of(per_user),
        split,
        columns,
        memory_peak: memory.peak(),
        memory,
    })
}

impl Validation {
    /// This summary with a warning if events happen after `now_s`, what the caller's clock says in Unix seconds. A day is
    /// allowed for clocks of other time zones.
    #[must_use]
    pub fn as_of(mut self, now_s: i64) -> Self {
        if let (Some(newest_s), Some([_, last])) = (self.newest_s, &self.times)
            && newest_s > now_s.saturating_add(DAY_S)
        {
            self.warnings.push(format!(
                "the last event, of {last}, is after the clock of this machine, {}: have dates been moved, or is `unit` \
                 another one?",
                utc(now_s)
            ));
        }
        self
    }
}

const DAY_S: i64 = 86_400;
/// Before this, times are most likely small numbers, or milliseconds that were taken for less.
const YEAR_1971_S: i64 = 365 * DAY_S;

fn newest_s(raw: &RawData) -> Option<i64> {
    raw.events.time_s.iter().max().copied().filter(|_| raw.times == Times::Known)
}

fn warnings_of_1970(raw: &RawData) -> Vec<String> {
    if raw.times == Times::Unknown {
        return Vec::new();
    }
    let early: Vec<i64> = raw.events.time_s.iter().copied().filter(|&time_s| time_s < YEAR_1971_S).collect();
    let Some(&first_s) = early.iter().min() else { return Vec::new() };
    let (n, of) = (grouped(early.len()), grouped(raw.n_events()));
    vec![format!(
        "{n} of {of} events are of 1970, the first of {}: is the column one of times, and `unit` the right one?",
        utc(first_s)
    )]
}

fn utc(time_s: i64) -> String {
    Timestamp::from_second(time_s).map_or_else(|_| time_s.to_string(), |time| time.to_string())
}

impl Quantiles {
    fn of(mut sizes: Vec<usize>) -> Self {
        sizes.sort_unstable();
        let at = |twentieths: usize| {
            sizes.get((twentieths * sizes.len() / 20).min(sizes.len().saturating_sub(1))).copied()
        };
        let at = |twentieths| at(twentieths).unwrap_or(0);
        Quantiles { min: at(0), quarter: at(5), median: at(10), tenth_largest: at(18), max: at(20) }
    }
}

/// Rejects that are named; all are counted.
const NAMED_REJECTS: usize = 5;

fn file_summary(counts: &FileCounts) -> FileSummary {
    let FileCounts { path, read, kept, filtered, incomplete, rejects, marked } = counts;
    let shown = |Reject { line, column, reason }: &Reject| match column.as_str() {
        "" => format!("{}:{line}: {reason}", path.display()),
        column => format!("{}:{line} column `{column}`: {reason}", path.display()),
    };
    FileSummary {
        path: path.clone(),
        read: *read,
        kept: *kept,
        rejected: rejects.len() as u64,
        filtered: *filtered - *incomplete,
        incomplete: *incomplete,
        marked: marked.iter().cloned().map(MarkedColumn::from).collect(),
        first_rejects: rejects.iter().take(NAMED_REJECTS).map(shown).collect(),
    }
}

impl From<MarkedCells> for MarkedColumn {
    fn from(MarkedCells { column, mark, n }: MarkedCells) -> Self {
        MarkedColumn { column, mark, n }
    }
}

fn times(raw: &RawData) -> Option<[String; 2]> {
    if raw.times == Times::Unknown {
        return None;
    }
    let (first, last) = (raw.events.time_s.iter().min()?, raw.events.time_s.iter().max()?);
    Some([first, last].map(|&time_s| utc(time_s)))
}

fn ties_share(prepared: &Prepared) -> f64 {
    let events = &prepared.events;
    let n_pairs: usize = (0..events.n_users()).map(|user| events.items(user).len().saturating_sub(1)).sum();
    prepared.n_ties as f64 / f64::max(n_pairs as f64, 1.0)
}

fn split_summary(prepared: &Prepared, history: Quantiles) -> SplitSummary {
    let Prepared { catalog, events, train, samples, validation, test, .. } = prepared;
    let sets = prepared.test_sets();
    let share = |n: usize| n as f64 / sets.items().len().max(1) as f64;
    let groups = groups(prepared);
    let seen = seen_items(events, test);
    let is_seen = |&place: &usize| seen[sets.set_of(place)].binary_search(&sets.items()[place]).is_ok();
    let n_seen = (0..sets.items().len()).filter(is_seen).count();
    let is_cold = |target: &&Sample| train.events().items(target.user as usize).is_empty();
    let n_cold_users = test.iter().filter(is_cold).count();
    SplitSummary {
        n_train_events: train.events().n_events(),
        n_targets: samples.len(),
        n_validation: validation.len(),
        n_test: test.len(),
        n_relevant: sets.are_sets().then(|| sets.items().len()),
        n_later_training: sets.are_sets().then_some(prepared.n_later_training),
        n_test_without_history: prepared.n_test_without_history,
        n_items_trained: catalog.n_trained(),
        cold_targets_share: share(groups.cold_items.len()),
        cold_users_share: n_cold_users as f64 / test.len().max(1) as f64,
        seen_targets_share: share(n_seen),
        history,
    }
}

/// A line for each fact, then memory line by line.
impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        for file in &self.files {
            let share = |n: u64| match n {
                0 => String::new(),
                n => format!(" ({})", percent(n as f64 / file.read.max(1) as f64)),
            };
            write!(
                f,
                "{}: {} rows read, {} kept, {} rejected, {} of users or items without events{}",
                file.path.display(),
                file.read,
                file.kept,
                file.rejected,
                file.filtered,
                share(file.filtered)
            )?;
            match file.incomplete {
                0 => writeln!(f)?,
                n => writeln!(f, ", {n} without an id or a time{}", share(n))?,
            }
            for MarkedColumn { column, mark, n } in &file.marked {
                writeln!(f, "  {n} of column `{column}` are {mark:?} and taken for missing{}", share(*n))?;
            }
            file.first_rejects.iter().try_for_each(|reject| writeln!(f, "  {reject}"))?;
        }
        write_uses(f, &self.uses)?;
        writeln!(
            f,
            "{} events of {} users with {} items; events of a user: {}",
            grouped(self.n_events),
            grouped(self.n_users),
            grouped(self.n_items),
            self.events_per_user
        )?;
        match (&self.times, self.ties_share) {
            (Some([first, last]), Some(ties)) => writeln!(
                f,
                "from {first} to {last}; {} of neighbouring events of a user have the same time",
                percent(ties)
            )?,
            _ => writeln!(f, "events have no times: their order is that of the file")?,
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))?;
        let split = &self.split;
        writeln!(
            f,
            "split: {} events and {} targets train, {} users validate, {} test, {} more have no history; history of a \
             test user: {}",
            grouped(split.n_train_events),
            grouped(split.n_targets),
            grouped(split.n_validation),
            grouped(split.n_test),
            grouped(split.n_test_without_history),
            split.history
        )?;
        if let (Some(relevant), Some(later)) = (split.n_relevant, split.n_later_training) {
            writeln!(
                f,
                "split by files: {} relevant items of test users; {} events of earlier files are at or after the first one \
                 that their user has in a later file",
                grouped(relevant),
                grouped(later)
            )?;
        }
        writeln!(
            f,
            "of test targets, {} have no training event and {} were met before; of test users, {} have no training event",
            percent(split.cold_targets_share),
            percent(split.seen_targets_share),
            percent(split.cold_users_share)
        )?;
        for column in &self.columns {
            writeln!(f, "{column}")?;
        }
        write!(f, "{}", self.memory)
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quantiles { min, quarter, median, tenth_largest, max } = self;
        write!(
            f,
            "{min} to {max}, a quarter below {quarter}, half below {median}, a tenth above {tenth_largest}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_quantiles() {
        let sizes = Quantiles::of((0..=100).rev().collect());
        assert_eq!(sizes, Quantiles { min: 0, quarter: 25, median: 50, tenth_largest: 90, max: 100 });
        assert_eq!(Quantiles::of(vec![]).max, 0);
        assert_eq!(
            Quantiles::of(vec![7]),
            Quantiles { min: 7, quarter: 7, median: 7, tenth_largest: 7, max: 7 }
        );
    }
}
