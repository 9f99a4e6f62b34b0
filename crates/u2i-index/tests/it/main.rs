//! Searches against a brute-force oracle and from several threads, saved files against damage, and faiss against exact
//! search.

mod answers;
#[cfg(feature = "faiss")]
mod compressed;
mod exact;
#[cfg(feature = "faiss")]
mod faiss;
mod files;
#[cfg(feature = "faiss")]
mod followed;
mod hostile;
mod made;
mod parallel;

use std::num::NonZeroUsize;

use u2i_index::ItemVectors;
use u2i_random::{Purpose, Stream};

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("tests ask for more than nothing")
}

/// `[rows, dim]` standard normals; `purpose` is the test's own number.
fn normals(rows: usize, dim: usize, purpose: u64) -> Vec<f32> {
    let mut stream = Stream::new(0, Purpose::SYNTHETIC, purpose, 0);
    (0..rows * dim).map(|_| stream.normal() as f32).collect()
}

/// Items with ids 1, 2, ….
fn items(dim: usize, data: Vec<f32>) -> ItemVectors {
    ItemVectors::new((1..=(data.len() / dim) as u32).collect(), dim, data).expect("the vectors are sound")
}

/// For each query an ascending list of `len` of `1..=n_items`, repeats included.
fn lists(queries: usize, n_items: usize, len: usize, purpose: u64) -> Vec<Vec<u32>> {
    let mut stream = Stream::new(0, Purpose::SYNTHETIC, purpose, 2);
    let mut list = || (0..len).map(|_| stream.index(n_items) as u32 + 1).collect::<Vec<_>>();
    let mut lists: Vec<_> = (0..queries).map(|_| list()).collect();
    lists.iter_mut().for_each(|list| list.sort_unstable());
    lists
}
