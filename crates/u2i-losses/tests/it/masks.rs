//! Which negatives are none, against sets.

use std::collections::HashSet;

use u2i_losses::samplers::{Hits, KnownItems, Sampler, Uniform};
use u2i_random::Stream;

use crate::samplers::negatives;

struct Batch {
    known: KnownItems,
    sets: Vec<HashSet<u32>>,
    users: Vec<u32>,
    positives: Vec<u32>,
}

/// Users with none to 30 of 40 items, and rows of theirs.
fn batch(stream: &mut Stream) -> Batch {
    let sampler = Uniform::new(40).unwrap();
    let items: Vec<Vec<u32>> = (0..5).map(|_| sampler.draw_rows(stream.index(31), stream)).collect();
    let rows = 1 + stream.index(8);
    let users: Vec<u32> = (0..rows).map(|_| stream.index(5) as u32).collect();
    // A positive that is not among the user's items, too: those may end before it.
    let positives = sampler.draw_rows(rows, stream);
    Batch {
        known: KnownItems::new(items.iter().map(Vec::as_slice)),
        sets: items.into_iter().map(HashSet::from_iter).collect(),
        users,
        positives,
    }
}

impl Batch {
    fn wanted(&self, row: usize, item: u32, with_known: bool) -> bool {
        let user = self.users[row] as usize;
        item == self.positives[row] || (with_known && self.sets[user].contains(&item))
    }
}

fn without(marks: &[bool], n: usize) -> usize {
    marks.chunks(n).filter(|row| row.iter().all(|&mark| mark)).count()
}

#[test]
fn hits_among_shared_negatives_are_those_of_sets() {
    let mut some_without = 0;
    for step in 0..5_000 {
        let mut stream = negatives(step);
        let batch = batch(&mut stream);
        let n = 1 + stream.index(20);
        let drawn = Uniform::new(40).unwrap().draw(n, &mut stream).items;
        for with_known in [false, true] {
            let known = with_known.then_some((&batch.known, &batch.users[..]));
            let Hits { marks, rows_without_negatives } = Hits::shared(&batch.positives, &drawn, known);
            let of_row = |row| drawn.iter().map(move |&item| (row, item));
            let all = (0..batch.positives.len()).flat_map(of_row);
            let wanted: Vec<bool> = all.map(|(row, item)| batch.wanted(row, item, with_known)).collect();
            assert_eq!(marks, wanted, "{step}");
            assert_eq!(rows_without_negatives, without(&wanted, drawn.len()), "{step}");
            some_without += usize::from(rows_without_negatives > 0);
        }
    }
    assert!(some_without > 50, "{some_without}");
}

#[test]
fn hits_among_the_negatives_of_rows_are_those_of_sets() {
    for step in 0..5_000 {
        let mut stream = negatives(step);
        let batch = batch(&mut stream);
        let n = 1 + stream.index(6);
        let drawn = Uniform::new(40).unwrap().draw_for_rows(batch.positives.len(), n, &mut stream).items;
        for with_known in [false, true] {
            let known = with_known.then_some((&batch.known, &batch.users[..]));
            let found = Hits::per_row(&batch.positives, &drawn, n, known);
            let wanted: Vec<bool> =
                drawn.iter().enumerate().map(|(i, &item)| batch.wanted(i / n, item, with_known)).collect();
            assert_eq!(
                (&found.marks, found.rows_without_negatives),
                (&wanted, without(&wanted, n)),
                "{step}"
            );
        }
    }
}
