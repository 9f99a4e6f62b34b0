use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};

use crate::exact::Scan;
use crate::pass::{Items, Pass, products};
use crate::row::Row;
use crate::vectors::{check_finite, norm};
use crate::{Filter, IndexError, query};

/// Targets whose vectors are made together.
const TARGETS: usize = 4096;
/// Passes over all items until each target has the score that it was expected to have. One, where a product keeps its
/// promise, and two where it does not; vectors that are others each time would have it go on for ever.
const PASSES: usize = 4;

/// The items 1 to `n_items`, whose vectors are made a block at a time, since all of them would take too much memory.
///
/// What is found is what [`ExactIndex`](crate::ExactIndex) finds over the same vectors, to the bit, whatever the size of a
/// block. Memory grows with queries × `k` and with the block, not with the items.
#[derive(Debug, Clone)]
pub struct MadeItems<F> {
    n_items: u32,
    dim: usize,
    block: NonZeroUsize,
    make: F,
}

impl<E, F> MadeItems<F>
where
    E: From<IndexError>,
    F: FnMut(&[u32]) -> Result<Vec<f32>, E>,
{
    /// Items whose vectors of `dim` numbers `make` makes of their ids, `[ids, dim]`, at most `block` at once, or 4,096 of
    /// those that are targets. An item's vector has to be the same each time.
    pub fn new(n_items: u32, dim: usize, block: NonZeroUsize, make: F) -> Self {
        MadeItems { n_items, dim, block, make }
    }

    /// Ranks of targets and the best items, as [`ExactIndex::scan_sets`](crate::ExactIndex::scan_sets) without a set of
    /// items: `exclude` has an ascending list of ids for each query.
    ///
    /// # Shapes
    ///
    /// - `queries`: `[batch, dim]`
    /// - `targets`, `exclude`: `[batch]` lists of ids
    ///
    /// # Errors
    ///
    /// As [`ExactIndex::scan_sets`](crate::ExactIndex::scan_sets), what `make` returns, and
    /// [`Empty`](IndexError::Empty), [`DataLength`](IndexError::DataLength) or [`ItemNotFinite`](IndexError::ItemNotFinite) of
    /// vectors that it made.
    ///
    /// # Examples
    ///
    /// The items 1 to 4 have the scores 4, 3, 2 and 1, two at a time; the user has seen the first.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use u2i_eval::Rank;
    /// # use u2i_index::{IndexError, MadeItems};
    /// let make = |ids: &[u32]| Ok::<_, IndexError>(ids.iter().map(|&id| 5.0 - id as f32).collect());
    /// let mut items = MadeItems::new(4, 1, 2.try_into().unwrap(), make);
    /// let (seen, k) = ([vec![1]], 2.try_into().unwrap());
    /// let scan = items.scan_sets(&[1.0], &[&[3]], &seen, k, &mut |_| ControlFlow::Continue(()))?;
    /// assert_eq!((scan.kept[0], scan.excluded[0]), (Rank::new(2, 0), Rank::new(1, 0)));
    /// assert_eq!(scan.top.ids(0), [2, 3]);
    /// # Ok::<(), IndexError>(())
    /// ```
    pub fn scan_sets(
        &mut self,
        queries: &[f32],
        targets: &[&[u32]],
        exclude: &[Vec<u32>],
        k: NonZeroUsize,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Scan, E> {
        let (n_items, dim) = (self.n_items as usize, self.dim);
        if n_items == 0 || dim == 0 {
            return Err(IndexError::Empty { items: n_items, dim }.into());
        }
        let n = query::check(queries, dim, 0.0, Filter::excluding(exclude))?;
        query::per_query("targets", targets.len(), n)?;
        if n == 0 {
            return Ok(Scan::new(k, std::iter::empty(), |place| place));
        }
        let lengths = queries.chunks_exact(dim).map(norm).zip(0..);
        let longest = lengths.fold((0.0, 0), |most, own| if own.0 > most.0 { own } else { most });
        let expected = self.expected(queries, targets, longest)?;
        let place = |&id: &u32| id.checked_sub(1).filter(|&place| (place as usize) < n_items);
        let row = |query: usize| {
            let mut scores = expected[query].iter().copied();
            let mut score = |place: u32| (place as usize, scores.next().expect("each item has a score"));
            let mut exclude: Vec<u32> = exclude[query].iter().filter_map(place).collect();
            exclude.dedup();
            let targets = targets[query].iter().map(|id| place(id).map(&mut score));
            Row::new(targets, exclude, k.get().min(n_items))
        };
        let mut pass = Pass::new(queries, dim, row);
        for _ in 0..PASSES {
            for start in (0..n_items).step_by(self.block.get()) {
                let places = start..n_items.min(start + self.block.get());
                let ids: Vec<u32> = places.clone().map(|place| place as u32 + 1).collect();
                let vectors = self.make(&ids, longest)?;
                pass.see(places, &Block { start, dim, vectors: &vectors }, Some(&mut *tell))?;
            }
            if pass.close() {
                return Ok(Scan::new(k, pass.finish(), |place| place + 1));
            }
        }
        Err(IndexError::Unsteady.into())
    }

    /// The score of each target that is an item, query by query.
    fn expected(
        &mut self,
        queries: &[f32],
        targets: &[&[u32]],
        longest: (f64, usize),
    ) -> Result<Vec<Vec<f32>>, E> {
        let (n_items, dim) = (self.n_items, self.dim);
        let items =
            |own: &&[u32]| own.iter().copied().filter(|id| (1..=n_items).contains(id)).collect::<Vec<u32>>();
        let of_query = targets.iter().map(items).enumerate();
        let pairs: Vec<(usize, u32)> =
            of_query.flat_map(|(query, own)| own.into_iter().map(move |id| (query, id))).collect();
        let mut scores = vec![Vec::new(); targets.len()];
        for pairs in pairs.chunks(TARGETS) {
            let ids: Vec<u32> = pairs.iter().map(|&(_, id)| id).collect();
            let vectors = self.make(&ids, longest)?;
            for (&(query, _), vector) in pairs.iter().zip(vectors.chunks_exact(dim)) {
                let mut score = [0.0];
                products(&queries[query * dim..][..dim], vector, dim, &mut score);
                scores[query].push(score[0]);
            }
        }
        Ok(scores)
    }

    /// Vectors that are whole, finite and short enough for 32-bit scores.
    fn make(&mut self, ids: &[u32], (length, query): (f64, usize)) -> Result<Vec<f32>, E> {
        let vectors = (self.make)(ids)?;
        if vectors.len() != ids.len() * self.dim {
            let (items, dim, data) = (ids.len(), self.dim, vectors.len());
            return Err(IndexError::DataLength { items, dim, data }.into());
        }
        check_finite(ids, self.dim, &vectors)?;
        let longest_item = vectors.chunks_exact(self.dim).map(norm).fold(0.0, f64::max);
        query::check_length(query, length, longest_item)?;
        Ok(vectors)
    }
}

/// Vectors of the items from `start` on.
struct Block<'a> {
    start: usize,
    dim: usize,
    vectors: &'a [f32],
}

impl Items for Block<'_> {
    fn vectors<'a>(&'a self, places: Range<usize>, _: &'a mut Vec<f32>) -> &'a [f32] {
        &self.vectors[(places.start - self.start) * self.dim..(places.end - self.start) * self.dim]
    }
}
