//! No row that a table lacks reaches a device.

use std::panic::{AssertUnwindSafe, catch_unwind};

use u2i_models::burn::tensor::Tensor;
use u2i_models::{Init, ItemBatch, Table, TableRows, TwoTower, TwoTowerConfig as _, UserBatch};
use u2i_random::{Purpose, Stream};
use u2i_schema::{Chunk, ColumnRows, ItemRows, Slot, UserRows};

use crate::fixture::{device, inputs, item_rows, maker_parts};
use crate::{dssm, fm, host, recency, youtube_dnn};

fn stream(step: u64) -> Stream {
    Stream::new(0, Purpose::SYNTHETIC, 61, step)
}

/// The words of the panic, or `None` where there is none.
fn panic_of<T>(work: impl FnOnce() -> T) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(work)).err()?;
    let words = payload.downcast_ref::<String>().cloned();
    Some(words.or(payload.downcast_ref::<&str>().map(|&words| words.to_owned())).unwrap_or_default())
}

fn refused(words: Option<String>, row: u32) -> bool {
    words.is_some_and(|words| words.starts_with(&format!("row {row} is not in a table of ")))
}

/// A row that no table of `n_rows` has: the next one, one that is negative as a 32-bit number, the last of all, any.
fn missing(n_rows: usize, stream: &mut Stream) -> u32 {
    match stream.index(4) {
        0 => n_rows as u32,
        1 => 1 << 31,
        2 => u32::MAX,
        _ => n_rows as u32 + stream.below(1 << 31) as u32,
    }
}

#[test]
fn a_lookup_takes_the_rows_of_its_table_and_no_other() {
    for step in 0..2_000 {
        let mut stream = stream(step);
        let (n_rows, dim, n) = (1 + stream.index(40), 1 + stream.index(4), stream.index(20));
        let table = Table::new(n_rows, dim, 1.0, [Slot::ItemId], &mut Init::new(step, &device()));
        let mut rows: Vec<u32> = (0..n).map(|_| stream.index(n_rows) as u32).collect();
        let found = host(table.lookup(TableRows::new(Slot::ItemId, &rows, &device())));
        let weight = host(table.weight.val());
        let wanted: Vec<f32> =
            rows.iter().flat_map(|&row| &weight[row as usize * dim..][..dim]).copied().collect();
        assert_eq!(found, wanted, "step {step}");

        let row = missing(n_rows, &mut stream);
        rows.insert(stream.index(n + 1), row);
        let words = panic_of(|| table.lookup(TableRows::new(Slot::ItemId, &rows, &device())));
        assert!(refused(words.clone(), row), "step {step}, row {row} of {n_rows}: {words:?}");
    }
}

fn rows_mut<'a>(users: &'a mut UserRows, items: &'a mut ItemRows, slot: Slot) -> &'a mut Vec<u32> {
    let column = match slot {
        Slot::History => return &mut users.history,
        Slot::ItemId => return &mut items.ids,
        Slot::User(column) => &mut users.user[column],
        Slot::Request(column) => &mut users.request[column],
        Slot::Item(column) => &mut items.columns[column],
    };
    match column {
        ColumnRows::Rows(rows) | ColumnRows::Bags { rows, .. } => rows,
        ColumnRows::Values(_) => panic!("{slot:?} has no rows"),
    }
}

/// Reads everything that a batch holds.
fn encode<M: TwoTower>(model: &M, users: &UserRows, items: &ItemRows) -> [Tensor<2>; 2] {
    let users = UserBatch::new(users, None, &device());
    [model.encode_users(&users), model.encode_items(&ItemBatch::new(items, None, &device()))]
}

#[test]
fn every_slot_of_every_model_refuses_a_row_that_its_table_lacks() {
    fn check<M: TwoTower>(model: M) {
        let parts = maker_parts();
        let users = parts.maker(4).users(&[Chunk { user: 0, first: 1, targets: 7 }]);
        let items = item_rows(&parts);
        encode(&model, &users, &items);
        let mut slots: Vec<(Slot, usize)> = model
            .tables()
            .into_iter()
            .flat_map(|table| table.slots.iter().map(|&slot| (slot, table.weight.val().dims()[0])))
            .collect();
        slots.sort_unstable();
        slots.dedup();
        for (step, (slot, n_rows)) in (0..).zip(slots) {
            for round in 0..20 {
                let mut stream = stream(10_000 + 100 * step + round);
                let (mut users, mut items) = (users.clone(), items.clone());
                let rows = rows_mut(&mut users, &mut items, slot);
                let row = missing(n_rows, &mut stream);
                let place = stream.index(rows.len());
                rows[place] = row;
                let words = panic_of(|| encode(&model, &users, &items));
                assert!(refused(words.clone(), row), "{slot:?}, row {row} of {n_rows}: {words:?}");
            }
        }
    }
    for shared in [false, true] {
        let mut init = Init::new(1, &device());
        check(youtube_dnn(recency()).init(&inputs(shared), &mut init).unwrap());
        check(dssm().init(&inputs(shared), &mut init).unwrap());
    }
    check(fm().init(&inputs(false), &mut Init::new(1, &device())).unwrap());
}

#[test]
fn a_target_outside_of_its_chunks_is_refused() {
    let parts = maker_parts();
    let rows = parts.maker(4).users(&[Chunk { user: 0, first: 1, targets: 3 }]);
    for place in [3, 4, u32::MAX] {
        let mut rows = rows.clone();
        rows.places[2] = place;
        let words = panic_of(|| UserBatch::new(&rows, None, &device())).unwrap_or_default();
        assert_eq!(words, format!("place {place} is not in 1 chunks of 3 targets"));
    }
}
