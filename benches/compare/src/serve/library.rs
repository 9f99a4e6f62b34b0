//! What a service stands on: the same requests by calls of the library in this process.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};
use u2i::bundle::{Options, Recommender, Request};

use super::bundle::{K, Size, request};
use crate::rounds::serve as rounds;

struct Library {
    recommender: Recommender,
    requests: Vec<Request>,
    options: Options,
}

impl Library {
    fn open(data: &Path) -> Result<Self> {
        let size = Size::MEDIUM;
        let recommender = Recommender::open(&size.bundle(data), &u2i_device::cpu())?;
        let requests = size.asked(data)?.histories.iter().map(|history| request(history)).collect();
        let options = Options::top(NonZeroUsize::new(K).context("K")?);
        Ok(Library { recommender, requests, options })
    }

    fn answer(&self, place: usize) -> Result<()> {
        let request = &self.requests[place % self.requests.len()];
        let answers = self.recommender.recommend(std::slice::from_ref(request), &self.options)?;
        ensure!(answers.len() == 1 && answers[0].items.len() == K, "an answer without its items");
        Ok(())
    }
}

/// One request after another.
pub fn single(data: &Path, n: usize) -> Result<()> {
    let library = Library::open(data)?;
    rounds(json!({}), || {
        let mut times = Vec::with_capacity(n);
        for place in 0..n {
            let begin = Instant::now();
            library.answer(place)?;
            times.push(begin.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let [p50, p99] = [0.5, 0.99].map(|share| times.get((share * n as f64) as usize).copied());
        let (p50, p99) = p50.zip(p99).context("there are requests")?;
        let said = json!({ "p50, ms": 1e3 * p50, "p99, ms": 1e3 * p99 });
        Ok(json!({ "work": n, "p50_s": p50, "p99_s": p99, "said": said }))
    })
}

/// Single requests from several threads at once.
pub fn busy(data: &Path, threads: usize, seconds: f64) -> Result<()> {
    let library = Library::open(data)?;
    rounds(json!({}), || -> Result<Value> {
        let (begin, next) = (Instant::now(), AtomicUsize::new(0));
        let end = begin + Duration::from_secs_f64(seconds);
        let caller = || -> Result<usize> {
            let mut n = 0;
            while Instant::now() < end {
                library.answer(next.fetch_add(1, Relaxed))?;
                n += 1;
            }
            Ok(n)
        };
        let n = thread::scope(|scope| {
            let callers: Vec<_> = (0..threads).map(|_| scope.spawn(caller)).collect();
            let each = callers.into_iter().map(|caller| caller.join().map_err(|_| anyhow!("a panic"))?);
            each.sum::<Result<usize>>()
        })?;
        let said = json!({ "answered a second": n as f64 / begin.elapsed().as_secs_f64() });
        Ok(json!({ "work": n, "said": said }))
    })
}
