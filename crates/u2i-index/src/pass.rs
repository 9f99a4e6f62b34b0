//! Queries that look at items, in blocks of both.

use std::ops::{ControlFlow, Range};

use rayon::prelude::*;
use u2i_linalg::{Matrix, product};

use crate::IndexError;
use crate::row::{Found, Row};

/// Queries × items whose scores are in memory at once, per thread, 512 KiB at most. A product copies both sides into
/// the order in which it reads them: the more queries share a block of items, the less often items are copied.
const QUERIES: usize = 256;
pub(crate) const ITEMS: usize = 512;
/// Queries that a thread takes at least; fewer are not worth the copies of the items.
const FEWEST_QUERIES: usize = 64;
/// Divides the shares of threads: coarser ones would leave little to the last.
const EVEN_QUERIES: usize = 16;
/// Products of two numbers after which whoever follows is told: a tenth to a third of a second on one core.
const TOLD_EVERY: usize = 1 << 32;

/// Gets how many items are through, and says whether to go on.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Items that stand in places.
pub(crate) trait Items: Sync {
    /// The vectors in some places, `[places, dim]`; `gathered` is room for those that do not stand together.
    fn vectors<'a>(&'a self, places: Range<usize>, gathered: &'a mut Vec<f32>) -> &'a [f32];
}

/// Queries on their way through the items.
pub(crate) struct Pass<'a> {
    queries: &'a [f32],
    dim: usize,
    /// Queries of a group.
    together: usize,
    groups: Vec<Group>,
}

/// Queries that one thread takes together.
struct Group {
    rows: Vec<Row>,
    /// Whether it has to see the items, or see them again.
    is_open: bool,
}

/// What a thread makes once: room for scores, and for vectors.
type Room = (Vec<f32>, Vec<f32>);

impl<'a> Pass<'a> {
    /// With a row for each query, which `row` makes of its place.
    pub(crate) fn new(queries: &'a [f32], dim: usize, row: impl Fn(usize) -> Row + Sync) -> Self {
        let n = queries.len() / dim;
        let share = n.div_ceil(rayon::current_num_threads()).next_multiple_of(EVEN_QUERIES);
        let together = share.clamp(FEWEST_QUERIES, QUERIES);
        let group = |first: usize| Group {
            rows: (first..n.min(first + together)).map(&row).collect(),
            is_open: true,
        };
        let groups = match n {
            0 => Vec::new(),
            // Another thread would have to be woken for it.
            _ if n <= together => vec![group(0)],
            _ => (0..n.div_ceil(together)).into_par_iter().map(|at| group(at * together)).collect(),
        };
        Pass { queries, dim, together, groups }
    }

    /// Looks at the items in `places`. All places come once, ascending, before the pass is [closed](Self::close).
    ///
    /// # Errors
    ///
    /// [`Stopped`](IndexError::Stopped) if `tell` does not go on.
    pub(crate) fn see(
        &mut self,
        places: Range<usize>,
        items: &dyn Items,
        mut tell: Option<Tell<'_>>,
    ) -> Result<(), IndexError> {
        let span = match &tell {
            None => places.len(),
            Some(_) => (TOLD_EVERY / self.queries.len().max(1)).next_multiple_of(ITEMS).max(ITEMS),
        };
        for start in places.clone().step_by(span.max(1)) {
            let end = places.end.min(start + span);
            self.see_all(start..end, items);
            if let Some(tell) = &mut tell
                && tell(end as u64).is_break()
            {
                return Err(IndexError::Stopped);
            }
        }
        Ok(())
    }

    fn see_all(&mut self, places: Range<usize>, items: &dyn Items) {
        let (queries, dim, together) = (self.queries, self.dim, self.together);
        let width = ITEMS.min(places.len());
        let room = || (vec![0.0; together.min(queries.len() / dim) * width], Vec::new());
        let see = |room: &mut Room, (group, queries): (&mut Group, &[f32])| {
            if group.is_open {
                group.see(queries, dim, places.clone(), items, room);
            }
        };
        match &mut self.groups[..] {
            [group] => see(&mut room(), (group, queries)),
            groups => {
                groups.par_iter_mut().zip(queries.par_chunks(together * dim)).for_each_init(room, see);
            }
        }
    }

    /// Ends a pass. Counting needs a target's score before its block comes. A product with the target alone gives it, to the
    /// bit, as `u2i_linalg::product` promises; should it break its promise, or the target's vector be another one in its
    /// block, the pass is not over: it has to be made again, with the scores it found.
    pub(crate) fn close(&mut self) -> bool {
        for group in self.groups.iter_mut().filter(|group| group.is_open) {
            group.is_open = !group.rows.iter().all(Row::is_settled);
            if group.is_open {
                group.rows.iter_mut().for_each(Row::start_again);
            }
        }
        self.groups.iter().all(|group| !group.is_open)
    }

    /// What was found, query by query.
    pub(crate) fn finish(self) -> impl Iterator<Item = Found> {
        self.groups.into_iter().flat_map(|group| group.rows).map(Row::finish)
    }
}

impl Group {
    fn see(
        &mut self,
        queries: &[f32],
        dim: usize,
        places: Range<usize>,
        items: &dyn Items,
        (scores, gathered): &mut Room,
    ) {
        for start in places.clone().step_by(ITEMS) {
            let places = start..places.end.min(start + ITEMS);
            let width = places.len();
            products(queries, items.vectors(places, gathered), dim, scores);
            for (row, scores) in self.rows.iter_mut().zip(scores.chunks_exact_mut(width)) {
                row.see(start, scores);
            }
        }
    }
}

/// Inner products `[queries, items]` into the front of `scores`.
pub(crate) fn products(queries: &[f32], items: &[f32], dim: usize, scores: &mut [f32]) {
    let (queries, items) = (Matrix::new(queries, dim), Matrix::new(items, dim));
    let scores = &mut scores[..queries.n_rows() * items.n_rows()];
    product(queries, items.transposed(), 1.0, scores);
}
