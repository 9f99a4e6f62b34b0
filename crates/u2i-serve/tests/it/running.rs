//! A service in this process, on a port of its own.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;
use u2i_bundle::{Answer, IndexPlan, Options, Recommender, Request};
use u2i_serve::{ServeOptions, Service, Shutdown, Stop};

use crate::fixture::{Fixture, Kind, SMALL, Size, device};
use crate::http::Client;

/// A bundle in a folder of its own.
pub struct Bundle {
    pub fixture: Fixture,
    folder: TempDir,
}

impl Bundle {
    pub fn new(kind: Kind, size: Size, seed: u64) -> Self {
        let fixture = Fixture::new(kind, size, seed);
        let folder = tempfile::tempdir().unwrap();
        fixture.write(&folder.path().join("bundle"), IndexPlan::Exact).unwrap();
        Bundle { fixture, folder }
    }

    /// A model that looks at everything: histories with times, columns of users, requests and items, sequences.
    pub fn small() -> Self {
        Bundle::new(Kind::Attentive, SMALL, 1)
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    /// A file beside the bundle.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn open(&self) -> Recommender {
        Recommender::open(&self.path(), &device()).unwrap()
    }

    /// Two threads, any port, and events in a file beside the bundle.
    pub fn options(&self) -> ServeOptions {
        ServeOptions {
            events: Some(self.beside("events.sqlite").display().to_string()),
            ..options(&self.path())
        }
    }

    pub fn serve(&self) -> Running {
        Running::start(&self.options())
    }
}

/// Two threads, any port, no events.
pub fn options(bundle: &Path) -> ServeOptions {
    ServeOptions {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        threads: NonZeroUsize::new(2).unwrap(),
        ..ServeOptions::new(bundle)
    }
}

/// A service that answers until this is dropped.
pub struct Running {
    pub addr: SocketAddr,
    pub bundle_id: String,
    pub stop: Stop,
    thread: Option<JoinHandle<Shutdown>>,
}

impl Running {
    pub fn start(options: &ServeOptions) -> Self {
        let service = Service::start(options, &device()).unwrap();
        let (addr, bundle_id, stop) = (service.addr(), service.bundle_id(), service.stop());
        Running { addr, bundle_id, stop, thread: Some(std::thread::spawn(|| service.run())) }
    }

    pub fn client(&self) -> Client {
        Client::new(self.addr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ids and the bits of their scores, in their order.
pub type List = Vec<(String, u32)>;

/// What an answer over HTTP lists.
#[track_caller]
pub fn listed(answer: &Value) -> List {
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("no items: {answer}"));
    let one = |item: &Value| {
        // A number of 32 bits is written by the shortest digits that lead back to it.
        let score = item["score"].as_f64().unwrap() as f32;
        (item["id"].as_str().unwrap().to_owned(), score.to_bits())
    };
    items.iter().map(one).collect()
}

/// What the library lists.
pub fn list(answer: &Answer<'_>) -> List {
    answer.items.iter().map(|item| (item.item_id.to_owned(), item.score.to_bits())).collect()
}

/// The library's list for one request.
pub fn wanted(recommender: &Recommender, request: &Request, options: &Options) -> List {
    list(&recommender.recommend(std::slice::from_ref(request), options).unwrap()[0])
}
