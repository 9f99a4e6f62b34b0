//! Bundles to serve: catalogs about centres, and a YouTubeDNN whose users lie where their histories are.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use u2i::bundle::{Contents, IndexPlan, Options, Recommender, Request, Seen, write};
use u2i::schema::{Catalog, EventStore, Users};
use u2i_index::{FaissSpec, ItemVectors, Similarity};
use u2i_models::{
    ActivationKind, HistoryInput, Init, Inputs, MlpConfig, ModelConfig, NormKind, Normalization, OutputKind,
    PooledHistoryConfig, PoolingConfig, TwoTowerConfig as _, UserTowerConfig, YoutubeDnnConfig, weights,
};
use u2i_random::{Purpose, Stream};

/// How many items, of how many dimensions each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub items: usize,
    pub dim: usize,
}

/// Events that the model looks back on.
const HISTORY: usize = 50;
/// Centres that items lie about.
const CENTRES: usize = 2_000;
/// How far they lie from it, in each direction, where centres have a standard deviation of 1.
const SPREAD: f32 = 0.5;
/// Of these centres, those that a user's items are drawn about.
const INTERESTS: usize = 3;
/// The shortest history, and the first that is too long.
const EVENTS: [usize; 2] = [8, 25];
/// How many items are asked for.
pub const K: usize = 100;
/// Different requests, and users of the bundle.
pub const REQUESTS: usize = 4_096;
/// Requests whose exact lists are kept.
const EXPECTED: usize = 256;
/// The least recall of an index, and of what is served with it.
pub const LEAST_RECALL: f64 = 0.95;

impl Size {
    pub const SMALL: Size = Size { items: 10_000, dim: 64 };
    pub const MEDIUM: Size = Size { items: 100_000, dim: 64 };
    pub const LARGE: Size = Size { items: 1_000_000, dim: 64 };

    /// How it is searched; `None` for exactly.
    fn spec(self) -> Option<FaissSpec> {
        let n = |n| NonZeroUsize::new(n).expect("settings are not 0");
        match self.items {
            ..=20_000 => None,
            // A walk reaches as far as the longest history and the items that are asked for.
            20_001..=500_000 => {
                Some(FaissSpec::Hnsw { m: n(16), ef_construction: n(200), ef_search: n(128) })
            }
            _ => Some(FaissSpec::Ivf { nlist: n(1_024), nprobe: n(8) }),
        }
    }

    fn folder(self, data: &Path) -> PathBuf {
        data.join(format!("serve-{}x{}", self.items, self.dim))
    }

    /// Where its bundle is.
    pub fn bundle(self, data: &Path) -> PathBuf {
        self.folder(data).join("bundle")
    }

    /// The histories that are asked about, and the exact lists of the first of them.
    pub fn asked(self, data: &Path) -> Result<Asked> {
        let [histories, expected] =
            ["histories.json", "expected.json"].map(|name| -> Result<Vec<Vec<String>>> {
                let path = self.folder(data).join(name);
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} is not ours", path.display()))
            });
        Ok(Asked { histories: histories?, expected: expected? })
    }

    /// Writes the bundle and what is asked of it, if they are not there.
    pub fn write(self, data: &Path) -> Result<()> {
        let folder = self.folder(data);
        let (last, dir) = (folder.join("expected.json"), self.bundle(data));
        if last.exists() {
            return Ok(());
        }
        // What was left half made.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let made = Made::new(self);
        let histories: Vec<Vec<String>> =
            made.histories(7).iter().map(|items| items.iter().map(u32::to_string).collect()).collect();
        let requests: Vec<Request> = histories.iter().map(|history| request(history)).collect();

        // Vectors of users come from the model, so there is a bundle without an index first.
        let exactly = folder.join("exact");
        made.publish(&exactly, IndexPlan::Exact)?;
        let recommender = Recommender::open_exact(&exactly, &u2i_device::cpu())?;
        let options = Options::top(NonZeroUsize::new(K).context("K")?);
        let lists = recommender.recommend(&requests[..EXPECTED], &options)?;
        let expected: Vec<Vec<&str>> =
            lists.iter().map(|answer| answer.items.iter().map(|item| item.item_id).collect()).collect();
        if let Some(spec) = self.spec() {
            let queries = recommender.user_vectors(&requests[..1_000])?;
            let (metric, k) = (Similarity::InnerProduct, options.k);
            made.publish(
                &dir,
                IndexPlan::Faiss { spec, metric, min_recall: LEAST_RECALL, queries: &queries, k },
            )?;
            fs::remove_dir_all(&exactly)?;
        } else {
            fs::rename(&exactly, &dir)?;
        }
        let save = |name: &str, value: Value| {
            let (path, partial) = (folder.join(name), folder.join("partial"));
            fs::write(&partial, value.to_string())
                .and_then(|()| fs::rename(&partial, &path))
                .with_context(|| format!("cannot write {}", path.display()))
        };
        save("histories.json", json!(histories))?;
        save("expected.json", json!(expected))
    }
}

/// What is asked of a bundle.
pub struct Asked {
    pub histories: Vec<Vec<String>>,
    pub expected: Vec<Vec<String>>,
}

/// A request of the library.
pub fn request(history: &[String]) -> Request {
    Request { history: Some(history.to_vec()), ..Request::default() }
}

/// Items and their vectors, drawn.
struct Made {
    dim: usize,
    vectors: Vec<f32>,
    /// Items about each centre.
    about: Vec<Vec<u32>>,
}

impl Made {
    fn new(Size { items: n_items, dim }: Size) -> Self {
        let mut stream = Stream::new(11, Purpose::SYNTHETIC, 0, 0);
        let centres: Vec<f32> = (0..CENTRES * dim).map(|_| stream.normal() as f32).collect();
        let mut about = vec![Vec::new(); CENTRES];
        let mut vectors = Vec::with_capacity(n_items * dim);
        for item in 1..=n_items as u32 {
            let centre = stream.index(CENTRES);
            about[centre].push(item);
            let vector: Vec<f32> =
                centres[centre * dim..][..dim].iter().map(|x| x + SPREAD * stream.normal() as f32).collect();
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            vectors.extend(vector.iter().map(|x| x / length));
        }
        about.retain(|items| !items.is_empty());
        Made { dim, vectors, about }
    }

    fn n_items(&self) -> usize {
        self.vectors.len() / self.dim
    }

    fn histories(&self, seed: u64) -> Vec<Vec<u32>> {
        let mut stream = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
        let mut history = || {
            let interests: Vec<usize> = (0..INTERESTS).map(|_| stream.index(self.about.len())).collect();
            let n = EVENTS[0] + stream.index(EVENTS[1] - EVENTS[0]);
            let mut item = || {
                let items = &self.about[interests[stream.index(INTERESTS)]];
                items[stream.index(items.len())]
            };
            (0..n).map(|_| item()).collect()
        };
        (0..REQUESTS).map(|_| history()).collect()
    }

    fn publish(&self, dir: &Path, index: IndexPlan<'_>) -> Result<()> {
        let n_items = self.n_items();
        let mut stream = Stream::new(12, Purpose::SYNTHETIC, 0, 0);
        // Most items have few events, few have many.
        let counts = (0..=n_items).map(|item| match item {
            0 => 0,
            _ => (1.0 / (1.0 - stream.unit()).max(1e-4)) as u32,
        });
        let ids = (1..=n_items).map(|item| item.to_string()).collect();
        let titles = (1..=n_items).map(|item| Some(format!("The title of item {item}"))).collect();
        let catalog = Catalog::new(ids, titles, counts.collect(), vec![]);
        let histories = self.histories(8);
        let mut offsets = vec![0];
        offsets.extend(histories.iter().scan(0, |n, items| {
            *n += items.len() as u64;
            Some(*n)
        }));
        let items = histories.concat();
        let times = (0..items.len() as i64).map(|i| 1_700_000_000 + 60 * i).collect();
        let events = EventStore::new(offsets, items, times, vec![])?;
        let users = Users::new((0..REQUESTS).map(|user| format!("user {user}")).collect(), vec![]);

        let config = config(self.dim);
        let history = HistoryInput { length: HISTORY, shares_item_id: true, gap_edges_s: vec![] };
        let inputs = Inputs {
            n_ids: catalog.n_id_rows(),
            user: vec![],
            request: vec![],
            item: vec![],
            history: Some(history.clone()),
        };
        let model = config.init(&inputs, &mut Init::new(1, &u2i_device::cpu()))?;
        let mut weights = weights(&model);
        drop(model);
        let mut n_set = 0;
        for (name, tensor) in &mut weights {
            if name.ends_with("items.weight") {
                ensure!(tensor.data.len() == (n_items + 1) * self.dim, "a table of {:?}", tensor.shape);
                tensor.data[self.dim..].copy_from_slice(&self.vectors);
                n_set += 1;
            }
            // As in a trained model, what is added to the pooled history moves users, and not all to one place.
            if name.contains("mlp.layers.1.") {
                tensor.data.iter_mut().for_each(|weight| *weight *= 0.1);
                n_set += 1;
            }
        }
        ensure!(n_set == 3, "{n_set} weights were set, of {:?}", weights.keys());
        let vectors = ItemVectors::new((1..=n_items as u32).collect(), self.dim, self.vectors.clone())?;
        write(
            dir,
            &Contents {
                model: &config,
                weights: &weights,
                columns: &[],
                history: Some(history),
                catalog: &catalog,
                item_attributes: &[],
                users: &users,
                events: &events,
                sequences: &[],
                item_vectors: &vectors,
                index,
                seen: Seen::Excluded,
                data: Value::Null,
                provenance: json!({ "made_by": "cargo xtask bench" }),
                metrics: Value::Null,
            },
        )?;
        Ok(())
    }
}

fn config(dim: usize) -> ModelConfig {
    let pooling = PoolingConfig::Recency { slopes: vec![0.0, 0.05, 0.3, 2.0] };
    ModelConfig::YoutubeDnn(YoutubeDnnConfig {
        dim,
        init_sd: 0.05,
        normalization: Normalization::L2,
        item_attributes: false,
        user: UserTowerConfig {
            column_dim: 16,
            history: Some(PooledHistoryConfig { pooling, dropout: 0.0 }),
            sequences: Default::default(),
            history_size: true,
            example_age: false,
            skip: true,
            mlp: MlpConfig {
                layers: vec![2 * dim, dim],
                activation: ActivationKind::Gelu,
                norm: NormKind::None,
                output: OutputKind::Linear,
                dropout: 0.0,
            },
        },
    })
}
