use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use u2i::Error;
use u2i::cold::groups;
use u2i::config::Experiment;
use u2i::memory::MemoryEstimate;
use u2i::pipeline::{load_data, prepare_features, seen_items};
use u2i_datasets::Places;
use u2i_features::{FileCounts, Prepared, RawColumn, RawData, RawValues, Reject, Times};
use u2i_schema::{ColumnData, Sample, Side};

use crate::recipe::grouped;

/// What an experiment's data holds, and what training on it will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Validation {
    /// What became of the rows of each file; none for data that is made.
    pub files: Vec<FileSummary>,
    /// Users that have an event.
    pub n_users: usize,
    /// Items that have an event.
    pub n_items: usize,
    /// Events.
    pub n_events: usize,
    /// The first and the last time of an event, in UTC; `None` where events have no times.
    pub times: Option<[String; 2]>,
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
    /// The first rejects, each as `file:line column: reason`.
    pub first_rejects: Vec<String>,
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

/// A feature column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Whom it describes.
    pub side: Side,
    /// Rows of its table, padding and unknown values included; `None` for a real number.
    pub n_rows: Option<usize>,
    /// Share of users, items or events without a value.
    pub missing_share: f64,
    /// Share without a row of their own: missing, or too rare; `None` for a real number.
    pub unknown_share: Option<f64>,
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
    let raw = load_data(experiment, places, base)?;
    let prepared = prepare_features(experiment, &raw)?;
    let memory = MemoryEstimate::new(experiment, &raw, &prepared)?;
    let lengths =
        |samples: &[Sample]| Quantiles::of(samples.iter().map(|target| target.position as usize).collect());
    let per_user = (0..prepared.events.n_users()).map(|user| prepared.events.items(user).len()).collect();
    Ok(Validation {
        files: raw.files.iter().map(file_summary).collect(),
        n_users: raw.user_ids.len(),
        n_items: raw.item_ids.len(),
        n_events: raw.n_events(),
        times: times(&raw),
        ties_share: (raw.times == Times::Known).then(|| ties_share(&prepared)),
        events_per_user: Quantiles::of(per_user),
        split: split_summary(&prepared, lengths(&prepared.test)),
        columns: columns(experiment, &raw, &prepared),
        memory_peak: memory.peak(),
        memory,
    })
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
    let FileCounts { path, read, kept, filtered, rejects } = counts;
    let shown = |Reject { line, column, reason }: &Reject| match column.as_str() {
        "" => format!("{}:{line}: {reason}", path.display()),
        column => format!("{}:{line} column `{column}`: {reason}", path.display()),
    };
    FileSummary {
        path: path.clone(),
        read: *read,
        kept: *kept,
        rejected: rejects.len() as u64,
        filtered: *filtered,
        first_rejects: rejects.iter().take(NAMED_REJECTS).map(shown).collect(),
    }
}

fn times(raw: &RawData) -> Option<[String; 2]> {
    if raw.times == Times::Unknown {
        return None;
    }
    let (first, last) = (raw.events.time_s.iter().min()?, raw.events.time_s.iter().max()?);
    Some([first, last].map(|&time_s| {
        Timestamp::from_second(time_s).map_or_else(|_| time_s.to_string(), |time| time.to_string())
    }))
}

fn ties_share(prepared: &Prepared) -> f64 {
    let (mut pairs, mut ties) = (0, 0);
    for user in 0..prepared.events.n_users() {
        for pair in prepared.events.times_s(user).windows(2) {
            pairs += 1;
            ties += usize::from(pair[0] == pair[1]);
        }
    }
    ties as f64 / f64::max(pairs as f64, 1.0)
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

fn columns(experiment: &Experiment, raw: &RawData, prepared: &Prepared) -> Vec<ColumnSummary> {
    let mut summaries = Vec::new();
    for side in [Side::User, Side::Item, Side::Request] {
        let (encoded, declared) = match side {
            Side::User => (prepared.users.columns(), &raw.users),
            Side::Item => (prepared.catalog.columns(), &raw.items),
            Side::Request => (prepared.events.request(), &raw.request),
        };
        for (column, data) in prepared.columns(side).zip(encoded) {
            let config =
                experiment.features.column.iter().find(|config| config.names().contains(&column.name));
            let source = config.map_or(column.name.as_str(), |config| config.source());
            summaries.push(ColumnSummary {
                name: column.name.clone(),
                side,
                n_rows: column.transform.n_rows(),
                missing_share: declared
                    .iter()
                    .find(|declared| declared.name == source)
                    .map_or(0.0, missing_share),
                unknown_share: unknown_share(data),
            });
        }
    }
    summaries
}

/// Ids and times are never missing; other values may be.
fn missing_share(column: &RawColumn) -> f64 {
    let missing = match &column.values {
        RawValues::Text(texts) => texts.iter().filter(|text| text.is_none()).count(),
        RawValues::Number(numbers) => numbers.iter().filter(|number| number.is_nan()).count(),
        RawValues::List(lists) => lists.iter().filter(|list| list.is_empty()).count(),
    };
    missing as f64 / column.values.len().max(1) as f64
}

/// Row 1 of a table is for what is missing or unknown.
const UNKNOWN: u32 = 1;

fn unknown_share(data: &ColumnData) -> Option<f64> {
    let (unknown, n) = match data {
        ColumnData::Rows(rows) => (rows.iter().filter(|&&row| row == UNKNOWN).count(), rows.len()),
        ColumnData::Bags { offsets, rows } => {
            let bags = offsets.windows(2).map(|pair| &rows[pair[0] as usize..pair[1] as usize]);
            (bags.clone().filter(|bag| bag.iter().all(|&row| row == UNKNOWN)).count(), bags.count())
        }
        ColumnData::Values(_) | ColumnData::Windows { .. } => return None,
    };
    Some(unknown as f64 / n.max(1) as f64)
}

/// A line for each fact, then memory line by line.
impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(
                f,
                "{}: {} rows read, {} kept, {} rejected, {} of users or items without events",
                file.path.display(),
                file.read,
                file.kept,
                file.rejected,
                file.filtered
            )?;
            file.first_rejects.iter().try_for_each(|reject| writeln!(f, "  {reject}"))?;
        }
        writeln!(
            f,
            "{} events of {} users with {} items; events of a user: {}",
            grouped(self.n_events),
            grouped(self.n_users),
            grouped(self.n_items),
            self.events_per_user
        )?;
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        match (&self.times, self.ties_share) {
            (Some([first, last]), Some(ties)) => writeln!(
                f,
                "from {first} to {last}; {} of neighbouring events of a user have the same time",
                percent(ties)
            )?,
            _ => writeln!(f, "events have no times: their order is that of the file")?,
        }
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
            let side = format!("{:?}", column.side).to_lowercase();
            write!(f, "column {} ({side}): ", column.name)?;
            match (column.n_rows, column.unknown_share) {
                (Some(n), Some(unknown)) => {
                    write!(f, "{} rows, {} without one of their own, ", grouped(n), percent(unknown))?;
                }
                _ => write!(f, "a number, ")?,
            }
            writeln!(f, "{} missing", percent(column.missing_share))?;
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
