use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use u2i_eval::Rank;
use u2i_linalg::{Matrix, product};

use crate::eligible::Eligible;
use crate::file::{Built, Description};
use crate::neighbors::{from_key, key};
use crate::row::{Found, Row};
use crate::{Filter, Index, IndexError, ItemVectors, Neighbors, file, query};

/// Queries × items whose scores are in memory at once, per thread, 512 KiB at most. A product copies both sides into
/// the order in which it reads them: the more queries share a block of items, the less often items are copied.
const QUERIES: usize = 256;
const ITEMS: usize = 512;
/// Queries that a thread takes at least; fewer are not worth the copies of the items.
const FEWEST_QUERIES: usize = 64;
/// Divides the shares of threads: coarser ones would leave little to the last.
const EVEN_QUERIES: usize = 16;

/// Exact search by inner product: blocked matrix products, in parallel over blocks of queries.
///
/// Ties go to the lower id. The bits of a result depend neither on the number of threads nor on which queries
/// are asked together nor on what a filter leaves, and memory grows with queries × `k`, never with queries × items.
#[derive(Debug, Clone)]
pub struct ExactIndex {
    vectors: ItemVectors,
    longest: f64,
}

/// What one pass over all items says about each query. See [`ExactIndex::scan`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Rank of each target among the items of the filter's set, or all, with each query's own exclusions kept.
    pub kept: Vec<Rank>,
    /// Rank of each target among the items that the filter leaves.
    pub excluded: Vec<Rank>,
    /// The best items that the filter leaves.
    pub top: Neighbors,
}

/// What is wanted of a pass.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    targets: Option<&'a [u32]>,
    filter: Filter<'a>,
    eligible: &'a Eligible,
    k: usize,
}

impl ExactIndex {
    /// Takes over the vectors.
    pub fn new(vectors: ItemVectors) -> Self {
        let longest = vectors.longest();
        ExactIndex { vectors, longest }
    }

    /// The vectors that are searched.
    pub fn vectors(&self) -> &ItemVectors {
        &self.vectors
    }

    /// Where each query's target stands among the items that the filter leaves for the query.
    ///
    /// [`Rank::MISS`] is a target that cannot be found: the filter leaves it out, or it is not in the index.
    ///
    /// # Shapes
    ///
    /// - `queries`: `[batch, dim]`
    /// - `targets`: `[batch]` ids
    ///
    /// # Errors
    ///
    /// As [`search`](Index::search), and [`PerQuery`](IndexError::PerQuery) for a wrong number of targets.
    pub fn rank(
        &self,
        queries: &[f32],
        targets: &[u32],
        filter: Filter<'_>,
    ) -> Result<Vec<Rank>, IndexError> {
        let eligible = &self.eligible(filter);
        let rows = self.pass(queries, Wanted { targets: Some(targets), filter, eligible, k: 0 })?;
        Ok(rows.into_iter().map(|found| found.excluded).collect())
    }

    /// Ranks with excluded items left out and with them kept, and the best `k` items, from one pass.
    ///
    /// A target's score is the one that the matrix product gives its item, so ties are exact.
    ///
    /// # Shapes
    ///
    /// - `queries`: `[batch, dim]`
    /// - `targets`: `[batch]` ids
    ///
    /// # Errors
    ///
    /// As [`rank`](Self::rank).
    ///
    /// # Examples
    ///
    /// Scores 3, 2, 2, 1: item 3 ties with item 2 below item 1, which the user has seen.
    ///
    /// ```
    /// # use u2i_eval::Rank;
    /// # use u2i_index::{ExactIndex, Filter, ItemVectors};
    /// let index = ExactIndex::new(ItemVectors::new(vec![1, 2, 3, 4], 1, vec![3.0, 2.0, 2.0, 1.0])?);
    /// let seen = [vec![1]];
    /// let scan = index.scan(&[1.0], &[3], Filter::excluding(&seen), 2.try_into().unwrap())?;
    /// assert_eq!(scan.kept, [Rank::new(1, 1)]);
    /// assert_eq!(scan.excluded, [Rank::new(0, 1)]);
    /// assert_eq!(scan.excluded[0].get(), Some(1.5));
    /// assert_eq!(scan.top.ids(0), [2, 3]);
    /// # Ok::<(), u2i_index::IndexError>(())
    /// ```
    pub fn scan(
        &self,
        queries: &[f32],
        targets: &[u32],
        filter: Filter<'_>,
        k: NonZeroUsize,
    ) -> Result<Scan, IndexError> {
        let eligible = &self.eligible(filter);
        let rows = self.pass(queries, Wanted { targets: Some(targets), filter, eligible, k: k.get() })?;
        let kept = rows.iter().map(|found| found.kept).collect();
        let excluded = rows.iter().map(|found| found.excluded).collect();
        Ok(Scan { kept, excluded, top: self.neighbors(k, eligible, rows) })
    }

    /// Scores of some items for one query: the very bits that [`search`](Index::search) returns, whatever else it was
    /// asked. So what another index found can be scored as exact search does.
    ///
    /// # Shapes
    ///
    /// - `query`: `[dim]`
    /// - returns: one score per id, in their order
    ///
    /// # Errors
    ///
    /// As [`search`](Index::search), [`PerQuery`](IndexError::PerQuery) for other than one query, and
    /// [`UnknownItem`](IndexError::UnknownItem).
    ///
    /// # Examples
    ///
    /// ```
    /// # use u2i_index::{ExactIndex, ItemVectors};
    /// let index = ExactIndex::new(ItemVectors::new(vec![1, 2], 2, vec![1.0, 0.0, 0.6, 0.8])?);
    /// assert_eq!(index.scores(&[2.0, 1.0], &[2, 1, 2])?, [2.0, 2.0, 2.0]); // 2·0.6 + 1·0.8, 2·1
    /// # Ok::<(), u2i_index::IndexError>(())
    /// ```
    pub fn scores(&self, query: &[f32], ids: &[u32]) -> Result<Vec<f32>, IndexError> {
        let dim = self.vectors.dim();
        query::per_query("vectors", query::check(query, dim, self.longest, Filter::ALL)?, 1)?;
        let row = |&id| self.vectors.row(id).ok_or(IndexError::UnknownItem { id });
        let rows = ids.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let mut scores = vec![0.0; rows.len()];
        for (rows, scores) in rows.chunks(ITEMS).zip(scores.chunks_mut(ITEMS)) {
            let items: Vec<f32> = rows.iter().flat_map(|&row| self.vectors.vector(row)).copied().collect();
            products(query, &items, dim, scores);
            // A zero without its sign, as in a list.
            scores.iter_mut().for_each(|score| *score = from_key(key(*score, 0)).0);
        }
        Ok(scores)
    }

    /// Reads what [`save`](Index::save) wrote.
    ///
    /// # Errors
    ///
    /// [`Io`](IndexError::Io), [`CutOff`](IndexError::CutOff), [`Changed`](IndexError::Changed),
    /// [`Description`](IndexError::Description) or [`Mismatch`](IndexError::Mismatch).
    pub fn load(path: &Path) -> Result<Self, IndexError> {
        let (description, ids) = file::open(path)?;
        if description.built != Built::Exact {
            return Err(file::mismatch(path, "kind", "exact", description.built.kind()));
        }
        let bytes = (4 * ids.len() as u64).saturating_mul(description.dim as u64);
        file::expect(path, "size of the vectors", bytes, description.payload_bytes)?;
        let read = || -> io::Result<Vec<f32>> {
            let mut file = BufReader::new(File::open(path)?);
            let mut data = vec![0.0; ids.len() * description.dim];
            let mut bytes = [0; 4];
            for value in &mut data {
                file.read_exact(&mut bytes)?;
                *value = f32::from_le_bytes(bytes);
            }
            Ok(data)
        };
        let data = read().map_err(|source| file::io_error("read", path, source))?;
        Ok(ExactIndex::new(ItemVectors::new(ids, description.dim, data)?))
    }

    pub(crate) fn eligible(&self, filter: Filter<'_>) -> Eligible {
        Eligible::new(filter, self.vectors.ids())
    }

    /// As [`search`](Index::search), with what is made once for a call.
    pub(crate) fn search_eligible(
        &self,
        queries: &[f32],
        k: NonZeroUsize,
        filter: Filter<'_>,
        eligible: &Eligible,
    ) -> Result<Neighbors, IndexError> {
        let rows = self.pass(queries, Wanted { targets: None, filter, eligible, k: k.get() })?;
        Ok(self.neighbors(k, eligible, rows))
    }

    fn neighbors(&self, k: NonZeroUsize, eligible: &Eligible, rows: Vec<Found>) -> Neighbors {
        let ids = self.vectors.ids();
        let named = |(score, place): (f32, u32)| (ids[eligible.row(place as usize)], score);
        let lists = rows.into_iter().map(|found| found.top.into_iter().map(named).collect());
        Neighbors::from_lists(k.get(), lists)
    }

    fn pass(&self, queries: &[f32], wanted: Wanted<'_>) -> Result<Vec<Found>, IndexError> {
        let dim = self.vectors.dim();
        let n = query::check(queries, dim, self.longest, wanted.filter)?;
        if let Some(targets) = wanted.targets {
            query::per_query("targets", targets.len(), n)?;
        }
        let share = n.div_ceil(rayon::current_num_threads()).next_multiple_of(EVEN_QUERIES);
        let together = share.clamp(FEWEST_QUERIES, QUERIES);
        // Also holds the scores of some queries against the targets of each of them.
        let width = ITEMS.min(wanted.eligible.len());
        let room = (together.min(n) * width).max(FEWEST_QUERIES.min(n).pow(2));
        if n <= together {
            // Another thread would have to be woken for it.
            return Ok(self.block(0, queries, wanted, &mut vec![0.0; room], &mut Vec::new()));
        }
        let blocks: Vec<_> = queries
            .par_chunks(together * dim)
            .enumerate()
            .map_init(
                || (vec![0.0; room], Vec::new()),
                |(scores, gathered), (block, queries)| {
                    self.block(block * together, queries, wanted, scores, gathered)
                },
            )
            .collect();
        Ok(blocks.into_iter().flatten().collect())
    }

    /// All eligible items for one block of queries.
    fn block(
        &self,
        first: usize,
        queries: &[f32],
        wanted: Wanted<'_>,
        scores: &mut [f32],
        gathered: &mut Vec<f32>,
    ) -> Vec<Found> {
        let (dim, ids, eligible) = (self.vectors.dim(), self.vectors.ids(), wanted.eligible);
        let n = queries.len() / dim;
        let mut rows: Vec<Row> = (first..first + n)
            .map(|query| {
                let target = wanted.targets.and_then(|targets| self.vectors.row(targets[query]));
                let target = target.and_then(|row| eligible.place(row));
                let excluded = eligible.excluded(wanted.filter, query, ids);
                Row::new(target, excluded, wanted.k.min(eligible.len()))
            })
            .collect();
        if wanted.targets.is_some() {
            let vector = |row: &Row| self.vectors.vector(row.target().map_or(0, |place| eligible.row(place)));
            // Of each query against each target of its group, though only its own is wanted.
            for (queries, rows) in queries.chunks(FEWEST_QUERIES * dim).zip(rows.chunks_mut(FEWEST_QUERIES)) {
                let targets: Vec<f32> = rows.iter().flat_map(vector).copied().collect();
                products(queries, &targets, dim, scores);
                let diagonal = scores.iter().step_by(rows.len() + 1);
                rows.iter_mut().zip(diagonal).for_each(|(row, &score)| row.expect_target(score));
            }
        }
        // Counting needs the target's score before its block comes. A product with the targets alone gives
        // it, to the bit, as `u2i_linalg::product` promises; should it break its promise, the pass is made again
        // with the scores it found.
        loop {
            for start in (0..eligible.len()).step_by(ITEMS) {
                let places = start..eligible.len().min(start + ITEMS);
                let width = places.len();
                products(queries, self.items(eligible, places, gathered), dim, scores);
                for (row, scores) in rows.iter_mut().zip(scores.chunks_exact_mut(width)) {
                    row.see(start, scores);
                }
            }
            if rows.iter().all(Row::is_settled) {
                return rows.into_iter().map(Row::finish).collect();
            }
            rows.iter_mut().for_each(Row::start_again);
        }
    }

    /// The vectors in some places, `[places, dim]`, gathered unless they stand together.
    ///
    /// A product adds up each score by itself, in an order that depends on `dim` alone, so a score has the same bits
    /// wherever its item stands: rows that a filter leaves can be multiplied without the others. Gathering costs too
    /// little to be measured: over 50,000 items of 64 dimensions a query of many takes 0.14 ms among all and 0.13 to
    /// 0.14 ms among 98 % drawn at random, then 0.12 among 70 %, 0.02 among 10 % and 0.004 among 1 %.
    fn items<'a>(
        &'a self,
        eligible: &Eligible,
        places: Range<usize>,
        gathered: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let dim = self.vectors.dim();
        let (first, last) = (eligible.row(places.start), eligible.row(places.end - 1));
        if last - first + 1 == places.len() {
            return &self.vectors.data()[first * dim..(last + 1) * dim];
        }
        gathered.clear();
        places.for_each(|place| gathered.extend_from_slice(self.vectors.vector(eligible.row(place))));
        gathered
    }
}

/// Inner products `[queries, items]` into the front of `scores`.
fn products(queries: &[f32], items: &[f32], dim: usize, scores: &mut [f32]) {
    let (queries, items) = (Matrix::new(queries, dim), Matrix::new(items, dim));
    let scores = &mut scores[..queries.n_rows() * items.n_rows()];
    product(queries, items.transposed(), 1.0, scores);
}

impl Index for ExactIndex {
    fn kind(&self) -> String {
        Built::Exact.kind()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn len(&self) -> usize {
        self.vectors.ids().len()
    }

    fn search(&self, queries: &[f32], k: NonZeroUsize, filter: Filter<'_>) -> Result<Neighbors, IndexError> {
        self.search_eligible(queries, k, filter, &self.eligible(filter))
    }

    fn save(&self, path: &Path) -> Result<(), IndexError> {
        let write = |to: &Path| {
            let write = || -> io::Result<()> {
                let mut file = BufWriter::new(File::create(to)?);
                for value in self.vectors.data() {
                    file.write_all(&value.to_le_bytes())?;
                }
                file.flush()
            };
            write().map_err(|source| file::io_error("write", to, source))
        };
        let description = Description::new(Built::Exact, self.dim(), self.len());
        file::save(path, description, self.vectors.ids(), write, |_| Ok(()))
    }
}
