use std::num::NonZeroU32;

use u2i_features::{Prepared, RawColumn, RawData, RawSequence, RawValues};
use u2i_schema::{Chunk, ColumnData, EventStore, Sample};

/// A block of the allocator: 8 bytes more than was asked for, in steps of 16, at least 32.
fn block(bytes: usize) -> u64 {
    (bytes as u64 + 8).next_multiple_of(16).max(32)
}

/// A string, its three words where it stands and its text elsewhere.
fn string(text: &str) -> u64 {
    24 + if text.is_empty() { 0 } else { block(text.len()) }
}

fn strings<'a>(texts: impl IntoIterator<Item = &'a String>) -> u64 {
    texts.into_iter().map(|text| string(text)).sum()
}

fn optional(texts: &[Option<String>]) -> u64 {
    texts.iter().map(|text| text.as_deref().map_or(24, string)).sum()
}

pub(super) fn raw_bytes(raw: &RawData) -> u64 {
    // User and item in 4 bytes each, the time in 8, and what goes on within seconds in 4 where anything does.
    let events = (16 * raw.n_events() + 4 * raw.events.subsec_ns.len()) as u64;
    let ids = strings(&raw.user_ids) + strings(&raw.item_ids) + optional(&raw.titles);
    let columns = raw.users.iter().chain(&raw.items).chain(&raw.request).map(raw_column).sum::<u64>();
    events + ids + columns + raw.sequences.iter().map(raw_sequence).sum::<u64>()
}

fn raw_sequence(sequence: &RawSequence) -> u64 {
    let RawSequence { user, event, values, subsec_ns, .. } = sequence;
    (16 * user.len() + 4 * (event.len() + subsec_ns.len())) as u64 + strings(values)
}

fn raw_column(column: &RawColumn) -> u64 {
    match &column.values {
        RawValues::Text(texts) => optional(texts),
        RawValues::Number(numbers) => 8 * numbers.len() as u64,
        RawValues::List(lists) => lists.iter().map(|list| 24 + block(24 * list.len()) + strings(list)).sum(),
    }
}

/// With chunks of at most so many targets.
pub(super) fn prepared_bytes(prepared: &Prepared, chunk_targets: NonZeroU32) -> u64 {
    let Prepared { users, catalog, events, train, samples, validation, test, .. } = prepared;
    let targets = (samples.len() + validation.len() + test.len()) * size_of::<Sample>();
    let columns: u64 = users.columns().iter().chain(catalog.columns()).map(column).sum();
    let sequences = prepared.sequences.iter().map(|side| 8 * side.offsets.len() + 12 * side.rows.len());
    let columns = columns + sequences.sum::<usize>() as u64;
    // Ids of items stand in a list and in a hash table that is at most seven eighths full.
    let ids = strings(users.ids()) + catalog_ids(prepared);
    // One sampler with log q, ranks and counts; the new names of the rows of each group of tables are as many.
    let samplers = 16 * (catalog.n_items() as u64 + 1);
    // In order and, during an epoch, shuffled.
    let chunks = 2 * samples.chunks(chunk_targets).len() * size_of::<Chunk>();
    store(events) + store(train.events()) + (targets + chunks) as u64 + columns + ids + samplers
}

fn catalog_ids(prepared: &Prepared) -> u64 {
    let catalog = &prepared.catalog;
    let one = |item| 3 * string(catalog.item_id(item)) + catalog.title(item).map_or(24, string);
    (1..=catalog.n_items() as u32).map(one).sum()
}

fn store(events: &EventStore) -> u64 {
    let offsets = 8 * (events.n_users() as u64 + 1);
    offsets + 12 * events.n_events() as u64 + events.request().iter().map(column).sum::<u64>()
}

fn column(column: &ColumnData) -> u64 {
    4 * match column {
        ColumnData::Rows(rows) => rows.len() as u64,
        ColumnData::Bags { offsets, rows } => (offsets.len() + rows.len()) as u64,
        ColumnData::Windows { from, to, rows } => (from.len() + to.len() + rows.len()) as u64,
        ColumnData::Values(values) => values.len() as u64,
    }
}

/// The items that each user of a block of so many has seen, twice: as listed and as a filter of the search.
pub(super) fn seen_bytes(prepared: &Prepared, together: usize) -> u64 {
    let mut seen: Vec<u64> = prepared.validation.iter().map(|target| u64::from(target.position)).collect();
    seen.sort_unstable_by(|a, b| b.cmp(a));
    seen.iter().take(together).map(|n| 2 * (24 + 4 * n)).sum()
}
