use burn::tensor::{IndexingUpdateOp, Int, Tensor};
use u2i_host::ints;
use u2i_schema::{ItemRows, PADDING, Slot, UserRows};

use crate::{TrainDevice, TrainError};

/// Reads which rows batches look up in the tables of some slots.
pub(crate) struct RowReader {
    pub slots: Vec<Slot>,
    n_rows: usize,
    /// One more than the place of each row among those of the batch at hand; 0 in between two batches.
    names: Vec<u32>,
}

/// Which rows one batch looks up in the tables of some slots, and where.
pub(crate) struct BatchRows {
    /// Ascending, each once, without padding.
    rows: Vec<u32>,
    /// For all lookups, slot by slot: 0 for padding, else one more than the row's place in `rows`.
    lookups: Vec<u32>,
    /// Where each slot ends in `lookups`.
    ends: Vec<usize>,
}

/// How many vectors are added at a time where a tree of sums is made.
const WIDTH: usize = 8;

impl RowReader {
    /// Of tables that have `n_rows` each.
    pub fn new(slots: Vec<Slot>, n_rows: usize) -> Self {
        RowReader { slots, n_rows, names: vec![PADDING; n_rows] }
    }

    /// Reads for another table of the same slots, too: no row may be beyond either.
    pub fn read_for_another(&mut self, n_rows: usize) {
        self.n_rows = self.n_rows.min(n_rows);
        self.names.truncate(self.n_rows);
    }

    /// Reads a batch.
    ///
    /// # Errors
    ///
    /// If it has a row that the tables have not; nothing may be read then.
    pub fn read(&mut self, users: &UserRows, items: &ItemRows) -> Result<BatchRows, TrainError> {
        let (mut own, mut lookups, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for &slot in &self.slots {
            let rows = users.rows(slot).or_else(|| items.rows(slot)).expect("a slot is of one side");
            for &row in rows {
                let rows = self.n_rows;
                let name = self.names.get_mut(row as usize);
                let name = name.ok_or(TrainError::RowOutOfRange { slot, row, rows })?;
                if row != PADDING && *name == 0 {
                    *name = 1;
                    own.push(row);
                }
            }
            lookups.extend_from_slice(rows);
            ends.push(lookups.len());
        }
        own.sort_unstable();
        for (name, &row) in (1..).zip(&own) {
            self.names[row as usize] = name;
        }
        lookups.iter_mut().for_each(|lookup| *lookup = self.names[*lookup as usize]);
        for &row in &own {
            self.names[row as usize] = 0;
        }
        Ok(BatchRows { rows: own, lookups, ends })
    }
}

impl BatchRows {
    /// Number of rows, without padding.
    pub fn n(&self) -> usize {
        self.rows.len()
    }

    /// `[rows]` on a device.
    pub fn indices(&self, on: &TrainDevice) -> Tensor<1, Int> {
        ints(&self.rows, &on.device)
    }

    /// What it takes to get from gradients of lookups to gradients of rows.
    pub fn sums(&self, on: &TrainDevice) -> RowSums {
        RowSums::new(self.rows.len(), &self.lookups, &self.ends, on)
    }
}

/// From gradients of lookups to gradients of rows, for one batch.
pub(crate) struct RowSums {
    n: usize,
    addition: Addition,
}

/// How the gradients of a row are added up.
enum Addition {
    /// Not at all: each row is looked up once, and in order.
    None,
    /// By adding each to its row, in order. `[lookups]` for each part: 0 for padding, else one more than the place
    /// among the rows.
    OneByOne(Vec<Tensor<1, Int>>),
    /// By levels of sums of [`WIDTH`], all at once. `[sums * WIDTH]` for each level: what each sum adds.
    Tree(Vec<Tensor<1, Int>>),
}

impl RowSums {
    /// Of `n` rows, each of which is looked up. `lookups` are 0 for padding, else one more than the place of the row;
    /// they come in parts, each of which ends at one of `ends`.
    pub fn new(n: usize, lookups: &[u32], ends: &[usize], on: &TrainDevice) -> Self {
        let are_rows = lookups.len() == n && lookups.iter().zip(1..).all(|(&name, n)| name == n);
        let addition = if are_rows {
            Addition::None
        } else if on.is_gpu {
            let levels = tree(n, lookups);
            Addition::Tree(levels.into_iter().map(|level| ints(&level, &on.device)).collect())
        } else {
            let begins = std::iter::once(&0).chain(ends);
            let parts = begins.zip(ends).map(|(&begin, &end)| &lookups[begin..end]);
            Addition::OneByOne(parts.map(|part| ints(part, &on.device)).collect())
        };
        RowSums { n, addition }
    }

    /// Adds up what belongs to the same row.
    ///
    /// # Shapes
    ///
    /// - `gradients`: `[lookups, dim]` for each part
    /// - returns: `[rows, dim]`
    pub fn add(&self, gradients: Vec<Tensor<2>>) -> Tensor<2> {
        let dim = gradients[0].dims()[1];
        let zeros = |n| Tensor::zeros([n, dim], &gradients[0].device());
        match &self.addition {
            Addition::None => Tensor::cat(gradients, 0),
            Addition::OneByOne(places) => {
                let mut sums = zeros(1 + self.n);
                for (gradient, places) in gradients.into_iter().zip(places) {
                    sums.inplace(|sums| {
                        sums.select_assign(0, places.clone(), gradient, IndexingUpdateOp::Add)
                    });
                }
                sums.narrow(0, 1, self.n)
            }
            Addition::Tree(levels) => {
                let zero = zeros(1);
                let all = Tensor::cat(gradients.into_iter().chain([zero]).collect(), 0);
                let sums = levels.iter().fold(all, |below, level| {
                    let n = level.dims()[0] / WIDTH;
                    below.select(0, level.clone()).reshape([n, WIDTH, dim]).sum_dim(1).reshape([n, dim])
                });
                sums.narrow(0, 0, self.n)
            }
        }
    }
}

/// Levels of sums of [`WIDTH`] that add, for each of `n` rows, what is looked up there. Entries of a level are places in
/// the level below, those of the first are places in `lookups`; the last place of each level holds zeros, with which
/// sums are filled up. Row `r` ends at place `r - 1` of the last level.
fn tree(n: usize, lookups: &[u32]) -> Vec<Vec<u32>> {
    let mut ends = vec![0usize; n + 1];
    lookups.iter().for_each(|&name| ends[name as usize] += 1);
    // Padding is added nowhere.
    ends[0] = 0;
    for row in 1..=n {
        ends[row] += ends[row - 1];
    }
    let mut order = vec![0u32; ends[n]];
    let mut next = ends.clone();
    for (place, &name) in (0..).zip(lookups) {
        if name != PADDING {
            let at = &mut next[name as usize - 1];
            order[*at] = place;
            *at += 1;
        }
    }
    let mut zero = lookups.len() as u32;
    let mut levels = Vec::new();
    loop {
        let mut level = Vec::with_capacity(order.len() * 2);
        let mut begin = 0;
        for end in &mut ends[1..] {
            for part in order[begin..*end].chunks(WIDTH) {
                level.extend_from_slice(part);
                level.resize(level.len().next_multiple_of(WIDTH), zero);
            }
            begin = std::mem::replace(end, level.len() / WIDTH);
        }
        let n_sums = level.len() / WIDTH;
        level.resize(level.len() + WIDTH, zero);
        levels.push(level);
        if n_sums == n {
            return levels;
        }
        zero = n_sums as u32;
        order = (0..zero).collect();
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use u2i_random::{Purpose, Stream};

    use super::*;

    fn host(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    /// Three slots of one table, looked up anywhere; integers, whose sums are exact in any order.
    #[test]
    fn both_ways_of_adding_give_the_sums_over_each_row() {
        let mut deepest = 0;
        for step in 0..300 {
            let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, step);
            let (n_rows, dim) = (2 + stream.index(1 << (1 + step % 7)), 1 + stream.index(4));
            let lookups = 1 + stream.index(700);
            let rows: Vec<u32> = (0..lookups).map(|_| stream.index(n_rows) as u32).collect();
            let cuts = [stream.index(lookups + 1), stream.index(lookups + 1)];
            let (a, b) = (cuts[0].min(cuts[1]), cuts[0].max(cuts[1]));
            let mut users = user_rows(rows[..a].to_vec());
            users.user = vec![u2i_schema::ColumnRows::Rows(rows[a..b].to_vec())];
            let items = ItemRows { ids: rows[b..].to_vec(), columns: vec![] };
            let mut reader = RowReader::new(vec![Slot::History, Slot::User(0), Slot::ItemId], n_rows + 3);
            reader.read_for_another(n_rows);
            let read = reader.read(&users, &items).unwrap();

            let values: Vec<f32> = (0..lookups * dim).map(|_| stream.index(100) as f32 - 50.0).collect();
            let mut wanted = vec![0.0; n_rows * dim];
            for (lookup, &row) in rows.iter().enumerate() {
                for i in 0..dim {
                    wanted[row as usize * dim + i] += values[lookup * dim + i];
                }
            }
            let distinct: Vec<u32> = (1..n_rows as u32).filter(|row| rows.contains(row)).collect();
            assert_eq!(read.rows, distinct);
            let wanted: Vec<f32> =
                distinct.iter().flat_map(|&row| &wanted[row as usize * dim..][..dim]).copied().collect();

            let cpu = TrainDevice::from(&Device::flex());
            let gradients = |from: usize, to: usize| {
                let part = values[from * dim..to * dim].to_vec();
                Tensor::<2>::from_data(TensorData::new(part, [to - from, dim]), &cpu.device)
            };
            for on in [cpu.clone(), TrainDevice::gpu(cpu.device.clone())] {
                let sums = read.sums(&on);
                if let Addition::Tree(levels) = &sums.addition {
                    deepest = deepest.max(levels.len());
                }
                let parts = [(0, a), (a, b), (b, lookups)];
                let parts = parts.into_iter().map(|(from, to)| gradients(from, to)).collect();
                if read.n() > 0 {
                    assert_eq!(host(sums.add(parts)), wanted, "step {step}, {on:?}");
                }
            }
        }
        assert!(deepest >= 3, "{deepest} levels");
    }

    fn user_rows(history: Vec<u32>) -> UserRows {
        UserRows::new(1, 1, vec![]).with_history(history.len(), history)
    }

    #[test]
    fn rows_that_are_looked_up_once_and_in_order_are_taken_as_they_are() {
        let items = |ids: &[u32]| ItemRows { ids: ids.to_vec(), columns: vec![] };
        for (ids, given) in [(&[2, 5, 9][..], true), (&[5, 2], false), (&[2, 2], false), (&[0, 2], false)] {
            let mut rows = RowReader::new(vec![Slot::ItemId], 10);
            let rows = rows.read(&user_rows(vec![]), &items(ids)).unwrap();
            let addition = rows.sums(&TrainDevice::from(&Device::flex())).addition;
            assert_eq!(matches!(addition, Addition::None), given, "{ids:?}");
        }
        let mut rows = RowReader::new(vec![Slot::ItemId], 10);
        let error = rows.read(&user_rows(vec![]), &items(&[3, 10])).err().unwrap().to_string();
        assert_eq!(error, "row 10 of ItemId is beyond its table of 10 rows");
    }
}
