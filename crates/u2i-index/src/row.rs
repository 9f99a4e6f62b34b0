use u2i_eval::Rank;

use crate::neighbors::{from_key, key};

/// How many items stand above a target, and how many beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    above: u32,
    /// Other items with the same score.
    ties: u32,
}

/// The result of one query.
pub(crate) struct Found {
    pub(crate) kept: Rank,
    pub(crate) excluded: Rank,
    pub(crate) top: Vec<(f32, u32)>,
}

/// One query's view of a pass over the items, block after block.
pub(crate) struct Row {
    target: Option<usize>,
    expected: f32,
    actual: f32,
    /// Above and beside the target among all items, the target itself included.
    all: Place,
    /// The part of these that is excluded.
    removed: Place,
    exclude: Vec<u32>,
    /// How many of `exclude` lie in the blocks seen so far.
    passed: usize,
    top: Top,
}

impl Row {
    /// `exclude` are ascending rows, each once.
    pub(crate) fn new(target: Option<usize>, exclude: Vec<u32>, k: usize) -> Self {
        let (all, removed) = (Place::default(), Place::default());
        Row { target, expected: 0.0, actual: 0.0, all, removed, exclude, passed: 0, top: Top::new(k) }
    }

    pub(crate) fn target(&self) -> Option<usize> {
        self.target
    }

    pub(crate) fn expect_target(&mut self, score: f32) {
        (self.expected, self.actual) = (score, score);
    }

    /// Takes in the scores of the items from `start` on. Excluded items are overwritten.
    pub(crate) fn see(&mut self, start: usize, scores: &mut [f32]) {
        let end = start + scores.len();
        let ahead = &self.exclude[self.passed..];
        let excluded = &ahead[..ahead.partition_point(|&row| (row as usize) < end)];
        if let Some(target) = self.target {
            if (start..end).contains(&target) {
                self.actual = scores[target - start];
            }
            let seen = count_all(scores, self.expected);
            self.all.above += seen.above;
            self.all.ties += seen.ties;
            for score in excluded.iter().map(|&row| scores[row as usize - start]) {
                self.removed.above += u32::from(score > self.expected);
                self.removed.ties += u32::from(score == self.expected);
            }
        }
        for &row in excluded {
            scores[row as usize - start] = f32::NEG_INFINITY;
        }
        self.passed += excluded.len();
        self.top.see(start, scores);
    }

    /// Whether the counts were made with the score that the target turned out to have.
    pub(crate) fn is_settled(&self) -> bool {
        self.expected == self.actual
    }

    /// Forgets the pass, but keeps the score that it gave the target.
    pub(crate) fn start_again(&mut self) {
        self.expected = self.actual;
        (self.all, self.removed, self.passed) = (Place::default(), Place::default(), 0);
        self.top = Top::new(self.top.k);
    }

    pub(crate) fn finish(self) -> Found {
        let rank = |place: Option<Place>| {
            place.map_or(Rank::MISS, |place| Rank::new(place.above as usize, place.ties as usize))
        };
        let [kept, excluded] = self.places().map(rank);
        Found { kept, excluded, top: self.top.finish() }
    }

    /// Of the target among all items, and among those that are not excluded.
    fn places(&self) -> [Option<Place>; 2] {
        let kept = self.target.map(|_| Place { above: self.all.above, ties: self.all.ties - 1 });
        let is_excluded = |target: &usize| self.exclude.binary_search(&(*target as u32)).is_ok();
        let excluded = kept.filter(|_| !self.target.as_ref().is_some_and(is_excluded)).map(|kept| Place {
            above: kept.above - self.removed.above,
            ties: kept.ties - self.removed.ties,
        });
        [kept, excluded]
    }
}

/// Counts in a form that compiles to vector instructions: overflow checks would prevent it, and no block has
/// 2³² items.
fn count_all(scores: &[f32], target: f32) -> Place {
    let above = scores.iter().fold(0u32, |n, &score| n.wrapping_add(u32::from(score > target)));
    let ties = scores.iter().fold(0u32, |n, &score| n.wrapping_add(u32::from(score == target)));
    Place { above, ties }
}

/// The best `k` of a stream of scores in ascending order of rows.
struct Top {
    k: usize,
    /// Keys, up to twice `k`; halved by selection when full, so each score costs O(1).
    found: Vec<u64>,
    /// Scores that are not above this one are not among the best: rows ascend, so a tie comes too late.
    threshold: f32,
}

impl Top {
    fn new(k: usize) -> Self {
        Top { k, found: Vec::new(), threshold: f32::NEG_INFINITY }
    }

    fn see(&mut self, start: usize, scores: &[f32]) {
        if self.k == 0 {
            return;
        }
        for (chunk, scores) in scores.chunks(16).enumerate() {
            // Late in a pass nearly every chunk ends here.
            if !scores.iter().fold(false, |any, &score| any | (score > self.threshold)) {
                continue;
            }
            for (i, &score) in scores.iter().enumerate() {
                if score > self.threshold {
                    self.found.push(key(score, (start + chunk * 16 + i) as u32));
                    if self.found.len() == 2 * self.k {
                        self.halve();
                    }
                }
            }
        }
    }

    fn halve(&mut self) {
        let (_, last, _) = self.found.select_nth_unstable(self.k - 1);
        self.threshold = from_key(*last).0;
        self.found.truncate(self.k);
    }

    fn finish(mut self) -> Vec<(f32, u32)> {
        self.found.sort_unstable();
        self.found.truncate(self.k);
        self.found.into_iter().map(from_key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(row: &mut Row) {
        row.see(0, &mut [3.0, 2.0]);
        row.see(2, &mut [2.0, 1.0]);
    }

    #[test]
    fn a_target_that_scores_otherwise_than_expected_is_counted_again() {
        let mut row = Row::new(Some(2), vec![0], 2);
        row.expect_target(1.5);
        see(&mut row);
        assert!(!row.is_settled());
        row.start_again();
        see(&mut row);
        assert!(row.is_settled());
        let place = |above, ties| Some(Place { above, ties });
        assert_eq!(row.places(), [place(1, 1), place(0, 1)]);
        let found = row.finish();
        assert_eq!((found.kept, found.excluded), (Rank::new(1, 1), Rank::new(0, 1)));
        assert_eq!(found.top, [(2.0, 1), (2.0, 2)]);
    }

    /// Places, not only the ranks that are made of them, for each target among scores with ties, in two blocks.
    #[test]
    fn above_and_beside_a_target_are_counted_apart() {
        let scores = [2.0, 3.0, 1.0, 2.0, 2.0, 3.0, 0.0];
        for exclude in [vec![], vec![0, 4], vec![1, 3, 5, 6]] {
            for target in 0..scores.len() {
                let mut row = Row::new(Some(target), exclude.clone(), 0);
                row.expect_target(scores[target]);
                row.see(0, &mut scores[..4].to_vec());
                row.see(4, &mut scores[4..].to_vec());
                let place = |is_left: &dyn Fn(usize) -> bool| {
                    let others = (0..scores.len()).filter(|&item| item != target && is_left(item));
                    let count = |is_counted: &dyn Fn(f32) -> bool| {
                        others.clone().filter(|&item| is_counted(scores[item])).count() as u32
                    };
                    let (above, ties) = (count(&|s| s > scores[target]), count(&|s| s == scores[target]));
                    is_left(target).then_some(Place { above, ties })
                };
                let wanted = [place(&|_| true), place(&|item| !exclude.contains(&(item as u32)))];
                assert_eq!(row.places(), wanted, "target {target} without {exclude:?}");
            }
        }
    }
}
