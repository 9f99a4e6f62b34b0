//! How long a call of a recommender takes at 10⁵ items of 64 dimensions behind HNSW. The bundle is written to the folder if it
//! is not there.
//!
//! ```text
//! cargo run --release -p u2i-cli -p u2i-bundle --example latency FOLDER
//! ```

// It is a program.
#![allow(clippy::print_stdout)]

#[path = "../tests/it/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use std::path::Path;
use std::time::Instant;

use u2i_bundle::{Happened, IndexPlan, ItemSet, Now, Options, Recommender, Request, Search, Seen};
use u2i_index::{FaissSpec, Similarity, keep_to_this_thread};

use fixture::{Fixture, Kind, Size, device, top, user};

const SIZE: Size = Size { users: 20_000, trained: 100_000, cold: 0 };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("latency FOLDER")?;
    let dir = Path::new(&folder).join("bundle");
    if !dir.exists() {
        let fixture = Fixture::new(Kind::Wide, SIZE, 1);
        let n = |n: usize| n.try_into().expect("it is not 0");
        let spec = FaissSpec::Hnsw { m: n(32), ef_construction: n(80), ef_search: n(128) };
        let queries = &fixture.vectors.data()[..64 * 64];
        let metric = Similarity::InnerProduct;
        fixture.write(&dir, IndexPlan::Faiss { spec, metric, min_recall: 0.01, queries, k: n(100) })?;
    }
    let recommender = Recommender::open(&dir, &device())?;
    println!("{:?}", recommender.index());
    let requests: Vec<Request> = (1..2_000).map(|i| user(format!("user {i}"))).collect();
    let by_calls = |what: &str, requests: &[Request], n: usize, options: &Options, now: &Now<'_>| {
        let busy = busy_us();
        let took = requests.chunks_exact(n).map(|requests| {
            let asked: Vec<_> = requests.iter().map(|request| (request, options)).collect();
            let began = Instant::now();
            assert!(recommender.recommend_each(&asked, now).iter().all(Result::is_ok));
            began.elapsed().as_secs_f64() * 1e6 / n as f64
        });
        let mut took: Vec<f64> = took.collect();
        took.sort_by(f64::total_cmp);
        let busy = (busy_us() - busy) / (took.len() * n) as f64;
        let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        println!("{what:<32} p50 {p50:7.1} µs, p99 {p99:8.1} µs, this thread was busy for {busy:7.1} µs");
    };
    let one_by_one = |what: &str, change: &dyn Fn(&mut Request), options: &Options, now: &Now<'_>| {
        let mut requests = requests.clone();
        requests.iter_mut().for_each(change);
        by_calls(what, &requests, 1, options, now);
    };
    let hidden: ItemSet = (1..2_000).map(|item| 37 * item).collect();
    let hiding = Now { hidden: Some(&hidden), popular: None };
    let all = || {
        let nothing = Now::default();
        let same = |_: &mut Request| ();
        one_by_one("one request", &same, &top(10), &nothing);
        one_by_one("seen kept", &same, &Options { seen: Some(Seen::Kept), ..top(10) }, &nothing);
        one_by_one("k = 100", &same, &top(100), &nothing);
        one_by_one("with 2,000 hidden items", &same, &top(10), &hiding);
        let condition = Options { only: Some("year >= 20000".parse().expect("it is one")), ..top(10) };
        one_by_one("a condition of 8 in 10 items", &same, &condition, &nothing);
        let with_live = |request: &mut Request| {
            request.live =
                (0..5).map(|i| Happened { item: format!("film {i}"), at_s: 900_000 + i }).collect();
        };
        one_by_one("five live events", &with_live, &top(10), &nothing);
        let allow = |request: &mut Request| {
            request.allow = Some((0..1_000).map(|i| format!("film {}", 77 * i)).collect())
        };
        one_by_one("1,000 allowed items", &allow, &top(10), &nothing);
        let took = requests[..64].iter().map(|request| {
            let began = Instant::now();
            recommender.user_vectors(std::slice::from_ref(request)).expect("it is a user");
            began.elapsed().as_secs_f64() * 1e6
        });
        let mut took: Vec<f64> = took.collect();
        took.sort_by(f64::total_cmp);
        println!("{:<42} p50 {:7.1} µs", "the vector alone", took[32]);
        let options = top(10);
        by_calls("8 together, each", &requests, 8, &options, &nothing);
        by_calls("64 together, each", &requests, 64, &options, &nothing);
    };
    println!("on a thread of its own:");
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                keep_to_this_thread().expect("it is new");
                all()
            })
            .join()
    })
    .expect("no panic");
    println!("two such threads at once, of one:");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            keep_to_this_thread().expect("it is new");
            let options = top(10);
            for request in requests.iter().cycle().take(8_000) {
                recommender.recommend_each(&[(request, &options)], &Now::default());
            }
        });
        scope.spawn(|| {
            keep_to_this_thread().expect("it is new");
            one_by_one("one request", &|_| (), &top(10), &Now::default());
        });
        other.join()
    })
    .expect("no panic");
    println!("sharing with rayon's threads:");
    all();
    let exact = Options { search: Search::Exact, ..top(10) };
    one_by_one("exact search", &|_| (), &exact, &Now::default());
    Ok(())
}

/// Time that the calling thread has had a processor, where the system tells it; a machine with other work shows it best.
fn busy_us() -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let busy_ns = schedule.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    busy_ns.map_or(f64::NAN, |ns| ns / 1e3)
}
