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
    /// Of each target.
    pub(crate) kept: Vec<Rank>,
    /// Of each target.
    pub(crate) excluded: Vec<Rank>,
    pub(crate) top: Vec<(f32, u32)>,
}

/// An item whose rank is asked for, on its way through a pass.
#[derive(Debug, Clone, Copy)]
struct Target {
    place: usize,
    expected: f32,
    actual: f32,
    /// Above and beside it among all items, itself included.
    all: Place,
    /// The part of these that is excluded.
    removed: Place,
}

impl Target {
    fn new(place: usize, score: f32) -> Self {
        let (all, removed) = (Place::default(), Place::default());
        Target { place, expected: score, actual: score, all, removed }
    }

    fn see(&mut self, start: usize, scores: &[f32], excluded: &[u32]) {
        if let Some(&score) = self.place.checked_sub(start).and_then(|at| scores.get(at)) {
            self.actual = score;
        }
        let seen = count_all(scores, self.expected);
        self.all.above += seen.above;
        self.all.ties += seen.ties;
        for score in excluded.iter().map(|&place| scores[place as usize - start]) {
            self.removed.above += u32::from(score > self.expected);
            self.removed.ties += u32::from(score == self.expected);
        }
    }

    /// Among all items, and among those that are not excluded.
    fn places(&self, exclude: &[u32]) -> [Option<Place>; 2] {
        let kept = Place { above: self.all.above, ties: self.all.ties - 1 };
        let is_excluded = exclude.binary_search(&(self.place as u32)).is_ok();
        let excluded = (!is_excluded)
            .then(|| Place { above: kept.above - self.removed.above, ties: kept.ties - self.removed.ties });
        [Some(kept), excluded]
    }
}

/// One query's view of a pass over the items, block after block.
pub(crate) struct Row {
    /// `None` is one that is not among the items.
    targets: Vec<Option<Target>>,
    exclude: Vec<u32>,
    /// How many of `exclude` lie in the blocks seen so far.
    passed: usize,
    top: Top,
}

impl Row {
    /// `targets` are places and the scores that they are expected to have, `exclude` ascending places, each once.
    pub(crate) fn new(
        targets: impl Iterator<Item = Option<(usize, f32)>>,
        exclude: Vec<u32>,
        k: usize,
    ) -> Self {
        let target = |(place, score)| Target::new(place, score);
        let targets = targets.map(|found| found.map(target)).collect();
        Row { targets, exclude, passed: 0, top: Top::new(k) }
    }

    /// Takes in the scores of the items from `start` on. Excluded items are overwritten.
    pub(crate) fn see(&mut self, start: usize, scores: &mut [f32]) {
        let end = start + scores.len();
        let ahead = &self.exclude[self.passed..];
        let excluded = &ahead[..ahead.partition_point(|&place| (place as usize) < end)];
        self.targets.iter_mut().flatten().for_each(|target| target.see(start, scores, excluded));
        for &row in excluded {
            scores[row as usize - start] = f32::NEG_INFINITY;
        }
        self.passed += excluded.len();
        self.top.see(start, scores);
    }

    /// Whether the counts were made with the scores that the targets turned out to have.
    pub(crate) fn is_settled(&self) -> bool {
        self.targets.iter().flatten().all(|target| target.expected == target.actual)
    }

    /// Forgets the pass, but keeps the scores that it gave the targets.
    pub(crate) fn start_again(&mut self) {
        for target in self.targets.iter_mut().flatten() {
            *target = Target::new(target.place, target.actual);
        }
        self.passed = 0;
        self.top = Top::new(self.top.k);
    }

    pub(crate) fn finish(self) -> Found {
        let rank = |place: Option<Place>| {
            place.map_or(Rank::MISS, |place| Rank::new(place.above as usize, place.ties as usize))
        };
        let places = self.places();
        let kept = places.iter().map(|[kept, _]| rank(*kept)).collect();
        let excluded = places.iter().map(|[_, excluded]| rank(*excluded)).collect();
        Found { kept, excluded, top: self.top.finish() }
    }

    /// Of each target among all items, and among those that are not excluded.
    fn places(&self) -> Vec<[Option<Place>; 2]> {
        let places = |target: &Option<Target>| target.map_or([None; 2], |own| own.places(&self.exclude));
        self.targets.iter().map(places).collect()
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

    fn place(above: u32, ties: u32) -> Option<Place> {
        Some(Place { above, ties })
    }

    #[test]
    fn a_target_that_scores_otherwise_than_expected_is_counted_again() {
        let mut row = Row::new([Some((2, 1.5)), None, Some((3, 1.0))].into_iter(), vec![0], 2);
        see(&mut row);
        assert!(!row.is_settled());
        row.start_again();
        see(&mut row);
        assert!(row.is_settled());
        let wanted = [[place(1, 1), place(0, 1)], [None; 2], [place(3, 0), place(2, 0)]];
        assert_eq!(row.places(), wanted);
        let found = row.finish();
        assert_eq!(found.kept, [Rank::new(1, 1), Rank::MISS, Rank::new(3, 0)]);
        assert_eq!(found.excluded, [Rank::new(0, 1), Rank::MISS, Rank::new(2, 0)]);
        assert_eq!(found.top, [(2.0, 1), (2.0, 2)]);
    }

    /// Places, not only the ranks that are made of them, for each target among scores with ties, in two blocks.
    #[test]
    fn above_and_beside_a_target_are_counted_apart() {
        let scores = [2.0, 3.0, 1.0, 2.0, 2.0, 3.0, 0.0];
        for exclude in [vec![], vec![0, 4], vec![1, 3, 5, 6]] {
            let targets = scores.iter().copied().enumerate().map(Some);
            let mut row = Row::new(targets, exclude.clone(), 0);
            row.see(0, &mut scores[..4].to_vec());
            row.see(4, &mut scores[4..].to_vec());
            for (target, found) in row.places().into_iter().enumerate() {
                let place = |is_left: &dyn Fn(usize) -> bool| {
                    let others = (0..scores.len()).filter(|&item| item != target && is_left(item));
                    let count = |is_counted: &dyn Fn(f32) -> bool| {
                        others.clone().filter(|&item| is_counted(scores[item])).count() as u32
                    };
                    let (above, ties) = (count(&|s| s > scores[target]), count(&|s| s == scores[target]));
                    is_left(target).then_some(Place { above, ties })
                };
                let wanted = [place(&|_| true), place(&|item| !exclude.contains(&(item as u32)))];
                assert_eq!(found, wanted, "target {target} without {exclude:?}");
            }
        }
    }
}
