use std::collections::HashMap;

use u2i_schema::{Column, ColumnData, Raw, Side, SideEvents, Transform};

use crate::config::{ColumnConfig, ColumnKind};
use crate::error::FeatureError;
use crate::fit::vocabulary;
use crate::order::Order;
use crate::raw::{RawData, RawSequence};

/// A column of events of another kind, fitted.
pub(crate) struct FittedSequence {
    pub(crate) column: Column,
    /// What each event may look at, `[events]` in the order of users.
    pub(crate) windows: ColumnData,
    /// All of them, for who asks later.
    pub(crate) side: SideEvents,
}

/// Makes a column of the newest events of another kind strictly before each event: before it in the user's order where
/// they are some of the same events, else by time. The vocabulary is that of what training events look at, `lengths` of
/// each user's first ones.
pub(crate) fn fit_sequence(
    raw: &RawData,
    config: &ColumnConfig,
    order: &Order,
    lengths: &[u32],
) -> Result<FittedSequence, FeatureError> {
    let ColumnKind::Sequence { length, min_count } = config.kind else {
        unreachable!("the caller asks for sequences only")
    };
    let sequence = find(raw, config)?;
    let placed = placed(raw, sequence, order);
    let (mut from, mut to) = (Vec::with_capacity(order.rows.len()), Vec::with_capacity(order.rows.len()));
    let mut offsets = vec![0];
    let (mut values, mut times_s) = (Vec::new(), Vec::new());
    // Which of all that is placed some training event looks at.
    let mut is_trained = Vec::new();
    for user in 0..order.n_users() {
        let begin = values.len();
        let own = &placed[user];
        for &(_, row) in own {
            let (_, value, time) = sequence.entry(row as usize, &raw.events);
            values.push(value);
            times_s.push(time.s());
        }
        is_trained.resize(values.len(), false);
        for position in 0..order.of(user).len() {
            let seen = own.partition_point(|&(first, _)| first <= position as u32);
            let window = seen - seen.min(length.get() as usize)..seen;
            from.push((begin + window.start) as u32);
            to.push((begin + window.end) as u32);
            if position < lengths[user] as usize {
                is_trained[begin + window.start..begin + window.end].fill(true);
            }
        }
        offsets.push(values.len() as u64);
    }
    let text = |&value: &u32| Raw::Text(sequence.values[value as usize].as_str());
    let trained = values.iter().zip(&is_trained).filter(|(_, is_trained)| **is_trained);
    let vocabulary = vocabulary(trained.map(|(value, _)| text(value)), min_count.get());
    let mut row_of: HashMap<u32, u32> = HashMap::new();
    let row = |&value: &u32| {
        *row_of.entry(value).or_insert_with(|| vocabulary.row(&sequence.values[value as usize]))
    };
    let rows: Vec<u32> = values.iter().map(row).collect();
    let side = SideEvents { offsets, rows: rows.clone(), times_s };
    let transform = Transform::Sequence { vocabulary, length: length.get() };
    Ok(FittedSequence {
        column: Column { name: config.name.clone(), side: config.side, transform },
        windows: ColumnData::Windows { from, to, rows },
        side,
    })
}

fn find<'a>(raw: &'a RawData, config: &ColumnConfig) -> Result<&'a RawSequence, FeatureError> {
    let (column, source_name) = (config.name.clone(), config.source().to_owned());
    match raw.sequences.iter().find(|sequence| sequence.name == source_name) {
        Some(_) if config.side != Side::Request => {
            Err(FeatureError::SideMismatch { column, side: config.side, source_name, found: Side::Request })
        }
        Some(found) => Ok(found),
        None => {
            let known = raw.sequences.iter().map(|sequence| sequence.name.clone()).collect();
            Err(FeatureError::UnknownSequence { column, source_name, known })
        }
    }
}

/// For each user the rows of a sequence in order, each with the position of the first event that may look at it.
fn placed(raw: &RawData, sequence: &RawSequence, order: &Order) -> Vec<Vec<(u32, u32)>> {
    let mut rank: Vec<Option<u32>> = vec![None; raw.user_ids.len()];
    order.users.iter().zip(0..).for_each(|(&user, place)| rank[user as usize] = Some(place));
    let mut position = vec![0; raw.n_events()];
    for user in 0..order.n_users() {
        order.of(user).iter().zip(0..).for_each(|(&row, place)| position[row as usize] = place);
    }
    let mut placed = vec![Vec::new(); order.n_users()];
    for row in 0..sequence.len() {
        let (user, ..) = sequence.entry(row, &raw.events);
        let Some(user) = rank[user as usize] else { continue };
        let first = sequence.event.get(row).map_or(0, |&event| position[event as usize] + 1);
        placed[user as usize].push((first, row as u32));
    }
    let time = |row: u32| sequence.entry(row as usize, &raw.events).2;
    let mut bounds = Vec::new();
    for (user, own) in placed.iter_mut().enumerate() {
        if sequence.event.is_empty() {
            // The latest time until each event. Times ascend but for the book's split, which knows an order of its own, and
            // for splits by files.
            bounds.clear();
            for &row in order.of(user) {
                let time = raw.events.time(row as usize);
                bounds.push(bounds.last().map_or(time, |&latest| time.max(latest)));
            }
            if raw.parts.is_some() {
                // A test event may have happened before one that trains, and must not see what lies between: here it is
                // the earliest time from each event on.
                let mut earliest = None;
                for (bound, &row) in bounds.iter_mut().zip(order.of(user)).rev() {
                    let time = raw.events.time(row as usize);
                    *bound = earliest.map_or(time, |earliest| time.min(earliest));
                    earliest = Some(*bound);
                }
            }
            for (first, row) in own.iter_mut() {
                let time = time(*row);
                *first = bounds.partition_point(|&bound| bound <= time) as u32;
            }
        }
        own.sort_by_key(|&(first, row)| (first, time(row)));
    }
    placed
}
