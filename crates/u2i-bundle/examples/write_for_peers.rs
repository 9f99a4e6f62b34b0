//! Writes a bundle of an untrained model to a folder, and beside it `answers.json`: what this crate says of it, for
//! other programs to compare with. `cargo xtask ci python` gives both to Python.
//!
//! ```text
//! cargo run --release -p u2i-bundle --features faiss --example write_for_peers FOLDER
//! ```

use std::error::Error;
use std::path::PathBuf;

use u2i_bundle::{Answer, IndexPlan, Options, Recommender, Request, Seen};
use u2i_index::{FaissSpec, Similarity};

use fixture::{Fixture, Kind, SMALL, device, history, top, user};

// The tests use the rest of it.
#[allow(dead_code)]
#[path = "../tests/it/fixture.rs"]
mod fixture;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: write_for_peers FOLDER")?);
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 1);
    let dir = folder.join("bundle");
    let (m, ef_construction, ef_search) = (8.try_into()?, 40.try_into()?, 40.try_into()?);
    let index = IndexPlan::Faiss {
        spec: FaissSpec::Hnsw { m, ef_construction, ef_search },
        metric: Similarity::InnerProduct,
        min_recall: 0.9,
        queries: fixture.vectors.data(),
        k: 10.try_into()?,
    };
    fixture.write(&dir, if cfg!(feature = "faiss") { index } else { IndexPlan::Exact })?;

    let recommender = Recommender::open(&dir, &device())?;
    let requests = [
        user("user 7"),
        Request { at_s: Some(20_000), ..user("user 8") },
        Request {
            context: [("gender".into(), "F".into())].into(),
            ..history(&["film 3", "film 999", "film 31"])
        },
        user("nobody"),
    ];
    let answers = recommender.recommend(&requests, &top(5))?;
    let kept = Options { seen: Some(Seen::Kept), ..top(10) };
    let all = recommender.recommend(&requests[..1], &kept)?;
    let pairs = |answer: &Answer<'_>| {
        let pair = |item: &u2i_bundle::Recommended<'_>| (item.item_id.to_owned(), item.score);
        answer.items.iter().map(pair).collect::<Vec<_>>()
    };
    let said = serde_json::json!({
        "query": recommender.user_vectors(&requests[..1])?,
        "top": pairs(&all[0]),
        "requests": requests,
        "answers": answers.iter().map(pairs).collect::<Vec<_>>(),
    });
    std::fs::write(folder.join("answers.json"), serde_json::to_string_pretty(&said)? + "\n")?;
    Ok(())
}
