use std::collections::BTreeMap;

use serde::Serialize;
use u2i::Error;
use u2i::config::Experiment;
use u2i::report::{IndexReport, Parity, PlainParity, Report};
use u2i_features::Prepared;
use u2i_index::FaissSpec;
use u2i_random::{Purpose, Stream};
use u2i_schema::TrainEvents;

use crate::row::Row;

/// What `--check` found, as written to `guards.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guards {
    /// A model that learns order cannot be good where the order is destroyed.
    pub permuted_training_events: Permuted,
    /// A model that recommends the same few items to all is not personal.
    pub coverage: BTreeMap<String, Coverage>,
    /// An index that misses what exact search finds loses hits silently.
    pub index: BTreeMap<String, Vec<IndexGuard>>,
    /// What is exported must rank as what was trained, and FM's vectors as its plain form.
    pub parity: BTreeMap<String, ParityGuard>,
    /// Reading, splitting and encoding.
    pub prepare: PrepareGuard,
}

/// Hit rate after one epoch on permuted training events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Permuted {
    /// Test hit rate at 10, seen items excluded.
    #[serde(rename = "hit_rate@10")]
    pub hit_rate_at_10: f64,
    /// It must stay below.
    pub below: f64,
    /// Whether it does.
    pub passed: bool,
}

/// Distinct items in the top 10 of all users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// How many there are.
    pub distinct_items: usize,
    /// There must be at least so many.
    pub at_least: usize,
    /// Whether there are.
    pub passed: bool,
}

/// What a saved and reloaded index finds, in the worst of all seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexGuard {
    /// Its name with all settings.
    pub kind: String,
    /// Mean share of the exact top 10 that it finds.
    #[serde(rename = "recall@10")]
    pub recall_at_10: f64,
    /// It must find at least so much. IVF and compressed indexes are only reported.
    pub at_least: Option<f64>,
    /// Users whose list is that of exact search.
    pub lists_as_exact: usize,
    /// There must be at least so many: all, where the index is exact.
    pub lists_at_least: Option<usize>,
    /// Whether both hold.
    pub passed: bool,
}

/// Exported vectors against the trained model, in the worst of all seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ParityGuard {
    /// What was found.
    #[serde(flatten)]
    pub found: Parity,
    /// The most by which a score of the FM's vectors may differ from the plain form, relative.
    pub difference_at_most: f64,
    /// Whether all users agree, and all scores.
    pub passed: bool,
}

/// What preparing the data took. Its time depends on what else the machine does and is only reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PrepareGuard {
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Most memory held at once, in MiB; 0 where the system does not tell.
    pub peak_rss_mib: f64,
    /// It must be at most.
    pub at_most_mib: f64,
    /// Whether it is.
    pub passed: bool,
}

const MOST_MIB: f64 = 500.0;
const MOST_DIFFERENCE: f64 = 1e-5;
const MOST_HITS: f64 = 0.07;
const FEWEST_ITEMS: usize = 1000;
const LEAST_RECALL: f64 = 0.98;

impl Coverage {
    fn new(distinct_items: usize) -> Self {
        Coverage { distinct_items, at_least: FEWEST_ITEMS, passed: distinct_items >= FEWEST_ITEMS }
    }
}

impl IndexGuard {
    fn new(report: IndexReport) -> Self {
        let IndexReport { kind, recall_at_10, lists_as_exact, n_queries, faiss, .. } = report;
        let (at_least, lists_at_least) = match faiss {
            FaissSpec::Flat => (None, Some(n_queries)),
            FaissSpec::Hnsw { .. } => (Some(LEAST_RECALL), None),
            FaissSpec::Ivf { .. } | FaissSpec::Sq8 | FaissSpec::IvfPq { .. } => (None, None),
        };
        let passed = at_least.is_none_or(|least| recall_at_10 >= least)
            && lists_at_least.is_none_or(|least| lists_as_exact >= least);
        IndexGuard { kind, recall_at_10, at_least, lists_as_exact, lists_at_least, passed }
    }
}

impl ParityGuard {
    fn new(found: Parity) -> Self {
        let plain = found.plain_fm.is_none_or(|plain| {
            plain.same_order == found.users && plain.largest_difference <= MOST_DIFFERENCE
        });
        let passed = plain && found.exported_as_trained == found.users;
        ParityGuard { found, difference_at_most: MOST_DIFFERENCE, passed }
    }

    fn line(&self, model: &str) -> String {
        let Parity { users, exported_as_trained, plain_fm } = self.found;
        let mut line = format!(
            "guard {}: {model} exported ranks as trained for {exported_as_trained} of {users} users",
            word(self.passed)
        );
        if let Some(PlainParity { same_order, largest_difference }) = plain_fm {
            line += &format!(
                ", its vectors as the plain form for {same_order}, scores differ by {largest_difference:.1e} at most"
            );
        }
        line
    }
}

impl PrepareGuard {
    fn new<'a>(reports: impl Iterator<Item = &'a Report>) -> Self {
        // A process keeps memory of the runs before it: the least of all runs is that of preparing alone.
        let (mut wall_s, mut peak_rss_mib) = (0.0f64, f64::INFINITY);
        for report in reports {
            wall_s = wall_s.max(report.prepare.wall_s);
            peak_rss_mib = peak_rss_mib.min(report.prepare.peak_rss_mib.unwrap_or(f64::INFINITY));
        }
        // Where the system does not tell, nothing is promised.
        if peak_rss_mib.is_infinite() {
            peak_rss_mib = 0.0;
        }
        PrepareGuard { wall_s, peak_rss_mib, at_most_mib: MOST_MIB, passed: peak_rss_mib <= MOST_MIB }
    }

    fn line(&self) -> String {
        let PrepareGuard { wall_s, peak_rss_mib, at_most_mib, passed } = *self;
        format!(
            "guard {}: prepared in {wall_s:.2} s and {peak_rss_mib:.0} MiB, must be at most {at_most_mib} MiB",
            word(passed)
        )
    }
}

impl Guards {
    /// Judges our rows of the `time` table and the hit rate on permuted training events.
    pub(crate) fn new(hit_rate_at_10: f64, rows: &[Row]) -> Self {
        let passed = hit_rate_at_10 < MOST_HITS;
        let permuted_training_events = Permuted { hit_rate_at_10, below: MOST_HITS, passed };
        let ours = || rows.iter().filter(|row| row.recipe.is_ours());
        let fewest = |row: &Row| row.reports.iter().map(|report| report.distinct_items_top_10).min();
        let coverage =
            ours().map(|row| (row.model.to_string(), Coverage::new(fewest(row).unwrap_or(0)))).collect();
        let index = ours().map(|row| {
            let guards = row.worst_indexes().into_iter().map(IndexGuard::new);
            (row.model.to_string(), guards.collect())
        });
        // Every seed must pass: the first that does not speaks for its model.
        let parity = ours().filter_map(|row| {
            let all = row.reports.iter().filter_map(|report| report.parity).map(ParityGuard::new);
            Some((row.model.to_string(), all.min_by_key(|guard| guard.passed)?))
        });
        Guards {
            permuted_training_events,
            coverage,
            index: index.collect(),
            parity: parity.collect(),
            prepare: PrepareGuard::new(ours().flat_map(|row| &row.reports)),
        }
    }

    /// A line per guard, with its figure.
    pub fn lines(&self) -> Vec<String> {
        let Permuted { hit_rate_at_10, below, passed } = self.permuted_training_events;
        let permuted = format!(
            "guard {}: hit_rate@10 {hit_rate_at_10:.4} on permuted training events, must be below {below}",
            word(passed)
        );
        let coverage = self.coverage.iter().map(|(model, coverage)| {
            let Coverage { distinct_items, at_least, passed } = *coverage;
            format!(
                "guard {}: {model} recommends {distinct_items} items, must be at least {at_least}",
                word(passed)
            )
        });
        let of_model = |(model, guards): (&String, &Vec<IndexGuard>)| {
            guards.iter().filter_map(|guard| guard.line(model)).collect::<Vec<_>>()
        };
        std::iter::once(permuted)
            .chain(coverage)
            .chain(self.index.iter().flat_map(of_model))
            .chain(self.parity.iter().map(|(model, guard)| guard.line(model)))
            .chain(std::iter::once(self.prepare.line()))
            .collect()
    }

    /// # Errors
    ///
    /// [`Guard`](Error::Guard) names each guard that failed, with its figure.
    pub fn check(&self) -> Result<(), Error> {
        let failed: Vec<String> = self.lines().into_iter().filter(|line| line.contains("FAILED")).collect();
        if failed.is_empty() { Ok(()) } else { Err(Error::Guard(failed.join("; "))) }
    }
}

impl IndexGuard {
    fn line(&self, model: &str) -> Option<String> {
        let IndexGuard { kind, recall_at_10, lists_as_exact, .. } = self;
        let found = match (self.at_least, self.lists_at_least) {
            (Some(least), _) => format!("recall@10 {recall_at_10:.4}, must be at least {least}"),
            (_, Some(least)) => format!("{lists_as_exact} lists as exact search's, must be {least}"),
            _ => return None,
        };
        Some(format!("guard {}: {model} {kind}: {found}", word(self.passed)))
    }
}

fn word(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

/// The experiment with one epoch, and a schedule of that length.
pub(crate) fn one_epoch(mut experiment: Experiment) -> Experiment {
    experiment.train.epochs = 1.try_into().expect("1 is not 0");
    experiment
}

/// The data with each user's training events in a random order, in targets and in histories; validation and
/// test targets stay where they are.
pub(crate) fn permuted(prepared: &Prepared, seed: u64) -> Prepared {
    let lengths: Vec<u32> =
        (0..prepared.events.n_users()).map(|user| prepared.train.events().items(user).len() as u32).collect();
    let order = |user: usize, n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        let trained = lengths[user] as usize;
        Stream::new(seed, Purpose::PERMUTATION, 0, user as u64).shuffle(&mut order[..trained]);
        order
    };
    let whole: Vec<u32> =
        (0..prepared.events.n_users()).map(|user| prepared.events.items(user).len() as u32).collect();
    let events = TrainEvents::prefixes(&prepared.events, &whole).rearranged(order).events().clone();
    Prepared { train: TrainEvents::prefixes(&events, &lengths), events, ..prepared.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(faiss: FaissSpec, recall_at_10: f64, lists_as_exact: usize) -> IndexGuard {
        let kind = faiss.kind(u2i_index::Similarity::InnerProduct);
        IndexGuard::new(IndexReport {
            kind,
            recall_at_10,
            lists_as_exact,
            n_queries: 1000,
            wall_s: 0.0,
            faiss,
        })
    }

    fn guards(hit_rate_at_10: f64, distinct: usize, index: Vec<IndexGuard>) -> Guards {
        Guards {
            coverage: BTreeMap::from([("fm".to_owned(), Coverage::new(distinct))]),
            index: BTreeMap::from([("fm".to_owned(), index)]),
            ..Guards::new(hit_rate_at_10, &[])
        }
    }

    #[test]
    fn a_failed_guard_names_its_figure() {
        let two = 2.try_into().unwrap();
        let hnsw = FaissSpec::Hnsw { m: two, ef_construction: two, ef_search: two };
        let ivf = FaissSpec::Ivf { nlist: two, nprobe: two };
        let good = || vec![index(FaissSpec::Flat, 0.999, 1000), index(hnsw, 0.98, 900), index(ivf, 0.5, 1)];
        assert!(guards(0.047, 1000, good()).check().is_ok());
        assert_eq!(guards(0.047, 1000, good()).lines().len(), 5, "IVF is only reported");
        let cases = [
            (guards(0.0712, 1000, good()), "hit_rate@10 0.0712"),
            (guards(f64::NAN, 1000, good()), "hit_rate@10 NaN"),
            (guards(0.047, 999, good()), "fm recommends 999 items"),
            (guards(0.047, 1000, vec![index(FaissSpec::Flat, 1.0, 999)]), "fm flat_ip: 999 lists"),
            (guards(0.047, 1000, vec![index(hnsw, 0.9799, 1000)]), "recall@10 0.9799"),
            (guards(0.047, 1000, vec![index(hnsw, f64::NAN, 1000)]), "recall@10 NaN"),
        ];
        let parity = |exported_as_trained, same_order, largest_difference| {
            let plain_fm = Some(PlainParity { same_order, largest_difference });
            let guard = ParityGuard::new(Parity { users: 10, exported_as_trained, plain_fm });
            Guards { parity: BTreeMap::from([("fm".to_owned(), guard)]), ..guards(0.047, 1000, good()) }
        };
        assert!(parity(10, 10, 1e-6).check().is_ok());
        let prepare = PrepareGuard { wall_s: 1.0, peak_rss_mib: 501.0, at_most_mib: MOST_MIB, passed: false };
        let cases = cases.into_iter().chain([
            (parity(9, 10, 1e-6), "9 of 10 users"),
            (parity(10, 9, 1e-6), "plain form for 9"),
            (parity(10, 10, 1.1e-5), "1.1e-5 at most"),
            (Guards { prepare, ..guards(0.047, 1000, good()) }, "501 MiB"),
        ]);
        for (guards, figure) in cases {
            let message = guards.check().unwrap_err().to_string();
            assert!(message.contains(figure) && message.matches("FAILED").count() == 1, "{message}");
        }
    }
}
