use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use crate::file::{Built, Description};
use crate::row::{Found, Row};
use crate::{Exclude, Index, IndexError, ItemVectors, Neighbors, Rank, file, query};

/// Queries × items whose scores are in memory at once, per thread: 256 KiB, and no row of scores leaves the
/// cache.
const QUERIES: usize = 64;
const ITEMS: usize = 1024;

/// Exact search by inner product: blocked matrix products, in parallel over blocks of queries.
///
/// Ties go to the lower id. The bits of a result depend neither on the number of threads nor on which queries
/// are asked together, and memory grows with queries × `k`, never with queries × items.
#[derive(Debug, Clone)]
pub struct ExactIndex {
    vectors: ItemVectors,
    longest: f64,
}

/// What one pass over all items says about each query. See [`ExactIndex::scan`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Rank of each target among all items.
    pub kept: Vec<Option<Rank>>,
    /// Rank of each target among the items that are not excluded.
    pub excluded: Vec<Option<Rank>>,
    /// The best items that are not excluded.
    pub top: Neighbors,
}

/// What is wanted of a pass.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    targets: Option<&'a [u32]>,
    exclude: Exclude<'a>,
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

    /// Where each query's target stands among the items that are not excluded for the query.
    ///
    /// `None` is a target that cannot be found: it is excluded, or not in the index.
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
        exclude: Exclude<'_>,
    ) -> Result<Vec<Option<Rank>>, IndexError> {
        let rows = self.pass(queries, Wanted { targets: Some(targets), exclude, k: 0 })?;
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
    /// # use u2i_index::{Exclude, ExactIndex, ItemVectors, Rank};
    /// let index = ExactIndex::new(ItemVectors::new(vec![1, 2, 3, 4], 1, vec![3.0, 2.0, 2.0, 1.0])?);
    /// let seen = [vec![1]];
    /// let scan = index.scan(&[1.0], &[3], Exclude::Lists(&seen), 2.try_into().unwrap())?;
    /// assert_eq!(scan.kept, [Some(Rank { above: 1, ties: 1 })]);
    /// assert_eq!(scan.excluded, [Some(Rank { above: 0, ties: 1 })]);
    /// assert_eq!(scan.excluded[0].unwrap().value(), 1.5);
    /// assert_eq!(scan.top.ids(0), [2, 3]);
    /// # Ok::<(), u2i_index::IndexError>(())
    /// ```
    pub fn scan(
        &self,
        queries: &[f32],
        targets: &[u32],
        exclude: Exclude<'_>,
        k: NonZeroUsize,
    ) -> Result<Scan, IndexError> {
        let rows = self.pass(queries, Wanted { targets: Some(targets), exclude, k: k.get() })?;
        let kept = rows.iter().map(|found| found.kept).collect();
        let excluded = rows.iter().map(|found| found.excluded).collect();
        Ok(Scan { kept, excluded, top: self.neighbors(k, rows) })
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
        if !u2i_bug::planted("the_size_of_the_vectors_is_believed") {
            file::expect(path, "size of the vectors", bytes, description.payload_bytes)?;
        }
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

    fn neighbors(&self, k: NonZeroUsize, rows: Vec<Found>) -> Neighbors {
        let ids = self.vectors.ids();
        let named = |(score, row): (f32, u32)| (ids[row as usize], score);
        let lists = rows.into_iter().map(|found| found.top.into_iter().map(named).collect());
        Neighbors::from_lists(k.get(), lists)
    }

    fn pass(&self, queries: &[f32], wanted: Wanted<'_>) -> Result<Vec<Found>, IndexError> {
        let dim = self.vectors.dim();
        let n = query::check(queries, dim, self.longest, wanted.exclude)?;
        if let Some(targets) = wanted.targets {
            query::per_query("targets", targets.len(), n)?;
        }
        // Also holds the scores of each query against each target of its block.
        let room = QUERIES.min(n) * ITEMS.min(self.len()).max(QUERIES);
        let blocks: Vec<_> = queries
            .par_chunks(QUERIES * dim)
            .enumerate()
            .map_init(
                || vec![0.0; room],
                |scores, (block, queries)| self.block(block * QUERIES, queries, wanted, scores),
            )
            .collect();
        Ok(blocks.into_iter().flatten().collect())
    }

    /// All items for one block of queries.
    fn block(&self, first: usize, queries: &[f32], wanted: Wanted<'_>, scores: &mut [f32]) -> Vec<Found> {
        let (dim, ids) = (self.vectors.dim(), self.vectors.ids());
        let n = queries.len() / dim;
        let mut rows: Vec<Row> = (first..first + n)
            .map(|query| {
                let target = wanted.targets.and_then(|targets| self.vectors.row(targets[query]));
                Row::new(target, wanted.exclude.rows(query, ids), wanted.k.min(ids.len()))
            })
            .collect();
        if wanted.targets.is_some() {
            let vector = |row: &Row| self.vectors.vector(row.target().unwrap_or(0));
            let targets: Vec<f32> = rows.iter().flat_map(vector).copied().collect();
            products(queries, &targets, dim, scores);
            rows.iter_mut().enumerate().for_each(|(i, row)| row.expect_target(scores[i * n + i]));
        }
        // Counting needs the target's score before its block comes. A product with the targets alone gives
        // it, to the bit, with every kernel known to us; should one differ, the pass is made again with the
        // scores it found.
        loop {
            for (block, items) in self.vectors.data().chunks(ITEMS * dim).enumerate() {
                let width = items.len() / dim;
                products(queries, items, dim, scores);
                for (row, scores) in rows.iter_mut().zip(scores.chunks_exact_mut(width)) {
                    row.see(block * ITEMS, scores);
                }
            }
            if rows.iter().all(Row::is_settled) {
                return rows.into_iter().map(Row::finish).collect();
            }
            rows.iter_mut().for_each(Row::start_again);
        }
    }
}

/// Inner products `[queries, items]` into the front of `scores`.
fn products(queries: &[f32], items: &[f32], dim: usize, scores: &mut [f32]) {
    let (q, m) = (queries.len() / dim, items.len() / dim);
    let fits = "shapes follow from lengths";
    let queries = ArrayView2::from_shape((q, dim), queries).expect(fits);
    let items = ArrayView2::from_shape((m, dim), items).expect(fits);
    let mut scores = ArrayViewMut2::from_shape((q, m), &mut scores[..q * m]).expect(fits);
    general_mat_mul(1.0, &queries, &items.t(), 0.0, &mut scores);
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

    fn search(
        &self,
        queries: &[f32],
        k: NonZeroUsize,
        exclude: Exclude<'_>,
    ) -> Result<Neighbors, IndexError> {
        let rows = self.pass(queries, Wanted { targets: None, exclude, k: k.get() })?;
        Ok(self.neighbors(k, rows))
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
