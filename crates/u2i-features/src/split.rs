use std::ops::Range;

use u2i_schema::Sample;

use crate::config::{FilesSplit, SplitConfig};
use crate::error::{FeatureError, invalid};
use crate::order::Order;
use crate::raw::{EventParts, RawData, RawEvents, Times};
use crate::unix_time::UnixTime;

/// What each user's events are used for.
#[derive(Default)]
pub(crate) struct Parts {
    /// `[users]`: how many of the first events train.
    pub(crate) lengths: Vec<u32>,
    pub(crate) validation: Vec<Sample>,
    pub(crate) test: Vec<Sample>,
    /// How many events each of `validation` and `test` begins; empty where each is one.
    pub(crate) validation_lengths: Vec<u32>,
    pub(crate) test_lengths: Vec<u32>,
    /// Events of an earlier file at or after their user's first one of a later file.
    pub(crate) n_later: usize,
    pub(crate) n_test_without_history: usize,
}

pub(crate) fn split(config: &SplitConfig, raw: &RawData, order: &Order) -> Result<Parts, FeatureError> {
    let parts = match config {
        SplitConfig::LeaveLastOut { .. } => last_two_out(raw, order),
        &SplitConfig::Book { min_events } if min_events < 3 => {
            return Err(invalid(
                "split.book.min_events",
                "at least 3: one to train, validate and test",
                min_events,
            ));
        }
        SplitConfig::Book { .. } if raw.kinds.is_some() => {
            let wanted = "a split by times for events of several kinds, as leave_last_out";
            return Err(invalid("split", wanted, "book"));
        }
        SplitConfig::Book { .. } => last_two_out(raw, order),
        SplitConfig::Files(config) => by_files(config, raw, order)?,
        &SplitConfig::TimeCut { validation_quantile, test_quantile, .. } => {
            if !(0.0 < validation_quantile && validation_quantile < test_quantile && test_quantile < 1.0) {
                let found = (validation_quantile, test_quantile);
                return Err(invalid(
                    "split.time_cut.*_quantile",
                    "0 < validation_quantile < test_quantile < 1",
                    found,
                ));
            }
            let mut times_s = raw.events.time_s.clone();
            times_s.sort_unstable();
            let cut =
                |quantile: f64| nth_time(&raw.events, &times_s, (quantile * times_s.len() as f64) as usize);
            time_cut(raw, order, cut(validation_quantile), cut(test_quantile))
        }
    };
    if parts.test.is_empty() {
        let train = parts.lengths.iter().map(|&n| n as usize).sum();
        // Of the data, not of what the split has left of it.
        return Err(FeatureError::NobodyToTest { users: raw.user_ids.len(), events: raw.n_events(), train });
    }
    Ok(parts)
}

fn last_two_out(raw: &RawData, order: &Order) -> Parts {
    let mut parts = Parts::default();
    for user in 0..order.n_users() {
        let rows = order.of(user);
        // A first event has no history.
        let mut targets = (1..rows.len()).rev().filter(|&position| raw.is_target(rows[position]));
        let (Some(test), Some(validation)) = (targets.next(), targets.next()) else {
            parts.lengths.push(rows.len() as u32);
            continue;
        };
        parts.lengths.push(validation as u32);
        parts.validation.push(Sample { user: user as u32, position: validation as u32 });
        parts.test.push(Sample { user: user as u32, position: test as u32 });
    }
    parts
}

/// The `n`-th time of all, whose seconds stand sorted.
fn nth_time(events: &RawEvents, sorted_s: &[i64], n: usize) -> UnixTime {
    let time_s = sorted_s[n];
    let is_within = |&event: &usize| events.time_s[event] == time_s;
    let mut within: Vec<UnixTime> = match events.subsec_ns.is_empty() {
        true => return UnixTime::from_s(time_s),
        false => (0..events.time_s.len()).filter(is_within).map(|event| events.time(event)).collect(),
    };
    let n_before = sorted_s.partition_point(|&before| before < time_s);
    *within.select_nth_unstable(n - n_before).1
}

fn time_cut(raw: &RawData, order: &Order, validation_from: UnixTime, test_from: UnixTime) -> Parts {
    let mut parts = Parts::default();
    for user in 0..order.n_users() {
        let rows = order.of(user);
        let before = |cut| rows.partition_point(|&row| raw.events.time(row as usize) < cut);
        let (validation, test) = (before(validation_from), before(test_from));
        parts.lengths.push(validation as u32);
        let first_target =
            |mut positions: Range<usize>| positions.find(|&position| raw.is_target(rows[position]));
        let sample = |position: usize| Sample { user: user as u32, position: position as u32 };
        if validation > 0 {
            parts.validation.extend(first_target(validation..test).map(sample));
        }
        match first_target(test..rows.len()) {
            Some(0) => parts.n_test_without_history += 1,
            target => parts.test.extend(target.map(sample)),
        }
    }
    parts
}

/// The parts are the files; a user's rows are in the order of the files.
fn by_files(config: &FilesSplit, raw: &RawData, order: &Order) -> Result<Parts, FeatureError> {
    let Some(EventParts { validation, test }) = raw.parts else {
        return Err(FeatureError::NoFilesOfSplit);
    };
    let mut parts = Parts::default();
    let mut first_later = None;
    for user in 0..order.n_users() {
        let rows = order.of(user);
        let before = |bound: usize| rows.partition_point(|&row| (row as usize) < bound);
        let (n_train, n_known) = (before(validation), before(test));
        parts.lengths.push(n_train as u32);
        let sample = |position: usize| Sample { user: user as u32, position: position as u32 };
        if 0 < n_train && n_train < n_known {
            parts.validation.push(sample(n_train));
            parts.validation_lengths.push((n_known - n_train) as u32);
        }
        match n_known {
            0 if !rows.is_empty() => parts.n_test_without_history += 1,
            _ if 0 < n_known && n_known < rows.len() => {
                parts.test.push(sample(n_known));
                parts.test_lengths.push((rows.len() - n_known) as u32);
            }
            _ => {}
        }
        if raw.times == Times::Known {
            let n_later = n_later(&raw.events, rows, n_train, n_known);
            parts.n_later += n_later;
            first_later = first_later.or((n_later > 0).then_some(user));
        }
    }
    match first_later {
        Some(user) if !config.allow_later_training => {
            let user_id = raw.user_ids[order.users[user] as usize].clone();
            Err(FeatureError::LaterTraining { events: parts.n_later, user_id })
        }
        _ => Ok(parts),
    }
}

/// How many of a user's events of one file happened at or after the first one of a later file.
fn n_later(events: &RawEvents, rows: &[u32], n_train: usize, n_known: usize) -> usize {
    let time = |&row: &u32| events.time(row as usize);
    let [train, validation, test] = [&rows[..n_train], &rows[n_train..n_known], &rows[n_known..]];
    // Rows of a file are in the order of their times.
    let first = |later: &[&[u32]]| later.iter().filter_map(|rows| rows.first().map(time)).min();
    let from = |rows: &[u32], first: Option<UnixTime>| {
        first.map_or(0, |first| rows.iter().filter(|row| time(row) >= first).count())
    };
    from(train, first(&[validation, test])) + from(validation, first(&[test]))
}
