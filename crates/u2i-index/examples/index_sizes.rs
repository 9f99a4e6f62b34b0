//! Bytes, recall and time of indexes over 100,000 clustered unit vectors of 64 dimensions, as `docs/performance.md` has
//! them:
//!
//! ```sh
//! OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 RAYON_NUM_THREADS=1 \
//!     cargo run --release -p u2i-index --features faiss --example index_sizes
//! ```

use std::num::NonZeroUsize;
use std::time::Instant;

use u2i_index::{ExactIndex, FaissIndex, FaissSpec, Index as _, ItemVectors, Similarity, measure};
use u2i_random::{Purpose, Stream};

const ITEMS: usize = 100_000;
const DIM: usize = 64;
const QUERIES: usize = 1_000;
const CENTRES: usize = 2_000;

#[expect(clippy::print_stdout, reason = "it shows a table")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n = |n| NonZeroUsize::new(n).expect("settings are not 0");
    let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    let centres: Vec<f32> = (0..CENTRES * DIM).map(|_| stream.normal() as f32).collect();
    let (queries, data) = (about(&centres, QUERIES, 2), about(&centres, ITEMS, 4));
    let vectors = ItemVectors::new((1..=ITEMS as u32).collect(), DIM, data)?;
    let exact = ExactIndex::new(vectors.clone());
    let pq = |m| FaissSpec::IvfPq { nlist: n(1_024), nprobe: n(32), m: n(m) };
    let ivf = FaissSpec::Ivf { nlist: n(1_024), nprobe: n(32) };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("index");
    println!("| index | bytes an item | recall@100 | a query, µs | build, s |\n|---|--:|--:|--:|--:|");
    for spec in [FaissSpec::Flat, FaissSpec::Sq8, ivf, pq(8), pq(16), pq(32)] {
        let start = Instant::now();
        let index = FaissIndex::build(&vectors, spec, Similarity::InnerProduct)?;
        let build_s = start.elapsed().as_secs_f64();
        index.save(&path)?;
        let bytes = std::fs::metadata(&path)?.len() as f64 / ITEMS as f64;
        let found = measure(&index, &exact, &queries, n(100))?;
        println!(
            "| `{}` | {bytes:.1} | {:.3} | {:.0} | {build_s:.1} |",
            found.kind, found.recall, found.p50_us
        );
    }
    Ok(())
}

/// Unit vectors, each near one of the centres, as items of a catalog lie.
fn about(centres: &[f32], n: usize, seed: u64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
    let mut data = Vec::with_capacity(n * DIM);
    for _ in 0..n {
        let centre = stream.index(CENTRES) * DIM;
        let vector: Vec<f32> =
            centres[centre..centre + DIM].iter().map(|x| x + 0.7 * stream.normal() as f32).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        data.extend(vector.iter().map(|x| x / length));
    }
    data
}
