//! Search: exact, through faiss, and from a user to a list.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use u2i_bench_training::{Data, Model, Plan, Shape};
use u2i_index::{ExactIndex, FaissIndex, FaissSpec, Filter, Index, ItemVectors, Similarity};
use u2i_random::{Purpose, Stream};
use u2i_schema::{Chunk, Sample};
use u2i_train::user_vectors;

use crate::arrays::{Array, indices, read_f32};
use crate::bare::Bare;
use crate::plain::PlainTower;
use crate::rounds::serve;

/// What is searched.
#[derive(Subcommand)]
pub enum Contest {
    /// The best 100 of 3,706 items for each of 6,040 users, without what they have seen
    Evaluate,
    /// The best 100 of a million items for each of 1,000 queries
    Exact,
    /// 1,000 queries of 100,000 items
    Faiss {
        #[arg(long)]
        kind: Kind,
        /// Queries asked together
        #[arg(long)]
        batch: usize,
        #[arg(long)]
        side: Side,
    },
    /// A user to 100 of a million items
    EndToEnd {
        #[arg(long)]
        side: Side,
    },
}

/// The index.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Ivf,
    Hnsw,
}

/// Who does it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    Ours,
    /// Without us: faiss through C, and loops
    Bare,
}

const DIM: usize = 64;
const K: NonZeroUsize = NonZeroUsize::new(100).unwrap();
const QUERIES: usize = 1_000;
/// Centres that vectors lie about, as items of a catalog do.
const CENTRES: usize = 2_000;

impl Kind {
    fn spec(self) -> FaissSpec {
        let n = |n| NonZeroUsize::new(n).expect("settings are not 0");
        match self {
            Kind::Ivf => FaissSpec::Ivf { nlist: n(1_024), nprobe: n(32) },
            Kind::Hnsw => FaissSpec::Hnsw { m: n(32), ef_construction: n(200), ef_search: n(256) },
        }
    }

    fn file(self) -> &'static str {
        match self {
            Kind::Ivf => "ivf.faiss",
            Kind::Hnsw => "hnsw.faiss",
        }
    }

    fn parameter(self) -> (&'static str, usize) {
        match self.spec() {
            FaissSpec::Ivf { nprobe, .. } => ("nprobe", nprobe.get()),
            FaissSpec::Hnsw { ef_search, .. } => ("efSearch", ef_search.get()),
            _ => unreachable!("neither kind is another"),
        }
    }
}

/// A million items are probed as [`FaissSpec::for_size`] has it above that number: a graph would take hours to build.
const MILLION: FaissSpec =
    FaissSpec::Ivf { nlist: NonZeroUsize::new(4_096).unwrap(), nprobe: NonZeroUsize::new(64).unwrap() };
const MILLION_FILE: &str = "million.faiss";

impl Contest {
    /// Searches, a round at a time.
    pub fn run(&self, folder: &Path) -> Result<()> {
        match self {
            Contest::Evaluate => evaluate(folder),
            Contest::Exact => {
                let queries = read_f32(&folder.join("queries.npy"))?;
                let index = ExactIndex::new(item_vectors(read_f32(&folder.join("base.npy"))?)?);
                let found = index.search(&queries, K, Filter::ALL)?;
                write_lists(&found, QUERIES, &folder.join("exact_ours.npy"))?;
                serve(json!({}), || {
                    index.search(&queries, K, Filter::ALL)?;
                    Ok(json!({ "work": QUERIES }))
                })
            }
            Contest::Faiss { kind, batch, side } => faiss(folder, *kind, *batch, *side),
            Contest::EndToEnd { side } => end_to_end(folder, *side),
        }
    }

    /// Writes what both sides read.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let mut normal = |n: usize| -> Vec<f32> { (0..n).map(|_| stream.normal() as f32).collect() };
        let array = |data: Vec<f32>| Array::F32(vec![data.len() / DIM, DIM], data);
        let is_there = |name: &str| folder.join(name).exists();
        match self {
            Contest::Evaluate => {
                array(normal(3_706 * DIM)).write(&folder.join("items.npy"))?;
                array(normal(6_040 * DIM)).write(&folder.join("users.npy"))?;
                let (offsets, seen) = seen_by_users();
                let places: Vec<u32> = seen.iter().map(|item| item - 1).collect();
                Array::I64(vec![offsets.len()], offsets).write(&folder.join("seen_offsets.npy"))?;
                indices(&[places.len()], &places)?.write(&folder.join("seen.npy"))
            }
            Contest::Exact if !is_there("base.npy") => {
                let centres = normal(CENTRES * DIM);
                array(about(&centres, QUERIES, 2)).write(&folder.join("queries.npy"))?;
                array(about(&centres, 1_000_000, 3)).write(&folder.join("base.npy"))
            }
            Contest::Faiss { kind, .. } if !is_there(kind.file()) => {
                let centres = normal(CENTRES * DIM);
                array(about(&centres, QUERIES, 2)).write(&folder.join("queries.npy"))?;
                let items = about(&centres, 100_000, 4);
                array(items.clone()).write(&folder.join("small.npy"))?;
                let index = FaissIndex::build(&item_vectors(items)?, kind.spec(), Similarity::InnerProduct)?;
                Ok(index.save(&folder.join(kind.file()))?)
            }
            Contest::EndToEnd { .. } if !is_there(MILLION_FILE) => {
                let items = item_vectors(about(&normal(CENTRES * DIM), 1_000_000, 3))?;
                Ok(FaissIndex::build(&items, MILLION, Similarity::InnerProduct)?
                    .save(&folder.join(MILLION_FILE))?)
            }
            _ => Ok(()),
        }
    }
}

/// Unit vectors, each near one of the centres.
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

fn item_vectors(data: Vec<f32>) -> Result<ItemVectors> {
    Ok(ItemVectors::new((1..=(data.len() / DIM) as u32).collect(), DIM, data)?)
}

/// As many events as users of MovieLens 1M have: 20 to 600, with a long tail. Offsets and ascending items.
fn seen_by_users() -> (Vec<i64>, Vec<u32>) {
    let mut stream = Stream::new(5, Purpose::SYNTHETIC, 0, 0);
    let (mut offsets, mut seen) = (vec![0], Vec::new());
    for _ in 0..6_040 {
        let n = (20.0 * (stream.unit() * 30f64.ln()).exp()) as usize;
        let mut own: Vec<u32> = (0..n).map(|_| 1 + stream.index(3_706) as u32).collect();
        own.sort_unstable();
        own.dedup();
        seen.extend(own);
        offsets.push(seen.len() as i64);
    }
    (offsets, seen)
}

fn evaluate(folder: &Path) -> Result<()> {
    let users = read_f32(&folder.join("users.npy"))?;
    let index = ExactIndex::new(item_vectors(read_f32(&folder.join("items.npy"))?)?);
    let (offsets, items) = seen_by_users();
    let seen: Vec<Vec<u32>> =
        offsets.windows(2).map(|ends| items[ends[0] as usize..ends[1] as usize].to_vec()).collect();
    let found = index.search(&users, K, Filter::excluding(&seen))?;
    write_lists(&found, seen.len(), &folder.join("evaluate_ours.npy"))?;
    serve(json!({}), || {
        index.search(&users, K, Filter::excluding(&seen))?;
        Ok(json!({ "work": seen.len() }))
    })
}

/// Places of what was found, so that both sides can be seen to find the same.
fn write_lists(found: &u2i_index::Neighbors, queries: usize, path: &Path) -> Result<()> {
    let mut places = Vec::with_capacity(queries * K.get());
    for query in 0..queries {
        ensure!(found.ids(query).len() == K.get(), "query {query} found {} items", found.ids(query).len());
        places.extend(found.ids(query).iter().map(|id| id - 1));
    }
    indices(&[queries, K.get()], &places)?.write(path)
}

fn faiss(folder: &Path, kind: Kind, batch: usize, side: Side) -> Result<()> {
    ensure!(batch > 0, "--batch 0 asks nothing");
    let queries = read_f32(&folder.join("queries.npy"))?;
    let path = folder.join(kind.file());
    match side {
        Side::Ours => {
            let index = FaissIndex::load(&path)?;
            searches(&queries, batch, |queries| {
                index.search(queries, K, Filter::ALL)?;
                Ok(())
            })
        }
        Side::Bare => {
            let (parameter, value) = kind.parameter();
            let index = Bare::read(&path, DIM, parameter, value)?;
            let (mut values, mut places) = (vec![0.0; batch * K.get()], vec![0; batch * K.get()]);
            searches(&queries, batch, |queries| index.search(queries, K.get(), &mut values, &mut places))
        }
    }
}

/// Rounds of all queries, `batch` together.
fn searches(queries: &[f32], batch: usize, mut search: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
    serve(json!({}), || {
        queries.chunks(batch * DIM).try_for_each(&mut search)?;
        Ok(json!({ "work": QUERIES }))
    })
}

/// Users that are encoded and searched for, one at a time; what counts is the median of their times.
const REQUESTS: usize = 300;

fn end_to_end(folder: &Path, side: Side) -> Result<()> {
    let device = u2i_device::cpu();
    let data = Data::new(Shape::ML_1M);
    let model = Plan::recipe(Model::YoutubeDnn).init(&data, &device)?;
    let batches = data.batches();
    let chunks = data.samples().chunks(NonZeroU32::MIN);
    let sample = |chunk: &Chunk| Sample { user: chunk.user, position: chunk.first };
    let samples: Vec<_> = chunks.iter().step_by(chunks.len() / REQUESTS).take(REQUESTS).map(sample).collect();
    let path = folder.join(MILLION_FILE);
    let encode = |at: usize| user_vectors(&model, &batches, &samples[at..=at], &device).data;
    let plain = PlainTower::new(&model)?;
    // Both make the same vectors.
    for at in (0..samples.len()).step_by(50) {
        let rows = batches.users(&[samples[at].into()]);
        for (a, b) in encode(at).iter().zip(plain.encode(&rows)) {
            ensure!((a - b).abs() < 1e-5, "{a} and {b} of request {at} are not the same");
        }
    }
    match side {
        Side::Ours => {
            let index = FaissIndex::load(&path)?;
            requests(samples.len(), |at| {
                index.search(&encode(at), K, Filter::ALL)?;
                Ok(())
            })
        }
        Side::Bare => {
            let FaissSpec::Ivf { nprobe, .. } = MILLION else { unreachable!("it is one") };
            let index = Bare::read(&path, DIM, "nprobe", nprobe.get())?;
            let (mut values, mut places) = (vec![0.0; K.get()], vec![0; K.get()]);
            requests(samples.len(), |at| {
                let rows = batches.users(&[samples[at].into()]);
                index.search(&plain.encode(&rows), K.get(), &mut values, &mut places)
            })
        }
    }
}

fn requests(n: usize, mut answer: impl FnMut(usize) -> Result<()>) -> Result<()> {
    serve(json!({}), || -> Result<Value> {
        let mut times = Vec::with_capacity(n);
        for at in 0..n {
            let begin = Instant::now();
            answer(at)?;
            times.push(begin.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let median = times.get(n / 2).context("there are requests")?;
        Ok(json!({ "work": n, "p50_s": median }))
    })
}
