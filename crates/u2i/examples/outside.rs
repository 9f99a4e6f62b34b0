//! A program of somebody else's with a model, a loss and a file format of its own: it trains, is stopped, goes on,
//! evaluates, exports and recommends by the calls that ours go through. `cargo xtask import-check outside` runs it.
//!
//! ```toml
//! u2i = { git = "https://github.com/u2i-rs/u2i" }
//! serde = { version = "1", features = ["derive"] }
//! ```

use std::{cell::Cell, fs, path::Path};

use serde::{Deserialize, Serialize};
use u2i::bundle::{Options, Recommender, Request};
use u2i::burn::{self, module::Module, nn::Linear, tensor::Tensor, tensor::activation::softplus};
use u2i::config::{DataSource, Experiment};
use u2i::features::{
    Cells, FeatureError, FilePart, Formats, ReadLimits, RowFormat, RowSource, RowsInMemory, content_hash,
};
use u2i::losses::{Comparison, Draw, Loss, LossError, LossMemory, RowDraw, TrainingItems, samplers};
use u2i::models::{HistoryUse, Init, Inputs, ItemBatch, ModelError, Table};
use u2i::models::{TwoTower, TwoTowerConfig, UserBatch};
use u2i::run::{Job, MODEL, Measures, RunFiles};
use u2i::{ErrorKind, Progress, device::DeviceChoice, eval::Metric, export::IndexChoice, schema::Slot};

/// Files of sessions, one on a line: the user, and each item with its time.
#[derive(Debug)]
struct Sessions;

impl RowFormat for Sessions {
    fn name(&self) -> &str {
        "sessions"
    }

    fn open(&self, path: &Path, _: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let io = |source| FeatureError::Io { path: path.into(), source };
        let text = fs::read_to_string(path).map_err(io)?;
        let (mut users, mut items, mut times, mut lines) = (vec![], vec![], vec![], vec![]);
        for (line, session) in (1..).zip(text.lines()) {
            let mut words = session.split(' ');
            let user = words.next();
            for event in words {
                // Without `@` both cells are missing, which makes the row a reject.
                let (item, at) = event.split_once('@').unzip();
                users.push(user);
                items.push(item);
                times.push(at);
                lines.push(line);
            }
        }
        let part = FilePart::new([users, items, times].map(Cells::text).into(), lines);
        Ok(Box::new(RowsInMemory::new(["user", "item", "at"], part, content_hash(text.as_bytes()))))
    }
}

/// Logistic loss of pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pairs {
    negatives: usize,
}

impl Loss for Pairs {
    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(RowDraw::new(samplers::SamplerConfig::Uniform {}.build(items.counts)?, self.negatives)))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (positive, negative) = step.pair_scores();
        softplus(negative - positive.unsqueeze_dim(1), 1.0).mean()
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        LossMemory::of_pairs(batch, n_trained, self.negatives as u64)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnedConfig {
    dim: usize,
}

impl TwoTowerConfig for TurnedConfig {
    type Model = Turned;

    fn name(&self) -> &str {
        "turned"
    }

    fn description(&self) -> String {
        "sum of the newest items, turned by a matrix".into()
    }

    fn history(&self) -> Option<HistoryUse> {
        Some(HistoryUse { pooling: "the sum".into(), has_weights: false })
    }

    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<Turned, ModelError> {
        let items = Table::new(inputs.n_ids + 1, self.dim, 0.1, [Slot::ItemId, Slot::History], init);
        let length = inputs.history.as_ref().map_or(0, |history| history.length);
        Ok(Turned { items, turn: init.linear(self.dim, self.dim), length })
    }
}

#[derive(Module, Debug)]
struct Turned {
    items: Table,
    turn: Linear,
    #[module(skip)]
    length: usize,
}

impl TwoTower for Turned {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        let (ids, mask) = (users.history.clone().unwrap(), users.history_mask.clone().unwrap());
        let ([n, width], dim) = (mask.dims(), self.items.dim());
        let sums = mask.reshape([n, 1, width]).matmul(self.items.lookup(ids).reshape([n, width, dim]));
        self.turn.forward(sums.reshape([n, dim]))
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        items.ids.masked(self.items.lookup(items.ids.rows.clone()))
    }

    fn history_len(&self) -> usize {
        self.length
    }
}

const EXPERIMENT: &str = r#"
seed = 1
split.leave_last_out.ties = "file"
features.history = { length = 10, shares = "item_id" }
samples.per_user.all = {}
model.dim = 16
loss.negatives = 8
train.epochs = 12
train.chunk_targets = 1
train.chunks_per_step = 64
train.optimizer.adam = { learning_rate = 0.02, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8 }
train.schedule = { warm_up_steps = 10, decay.constant = {} }
evaluation = { seen = "excluded", k = [10], validation_metric = "ndcg@10" }
data.files.tables.limits = { max_reject_ratio = 0.0, max_line_bytes = 1048576 }

[data.files.tables.events]
file = "plays"
format = { other = { name = "sessions" } }
user = "user"
item = "item"
time = { column = "at", unit = "s" }
"#;

/// 200 users, each with 12 of the 20 tracks of one of ten genres.
fn plays() -> String {
    let event = |user, n| format!(" {}/{}@{}", user % 10, (user / 10 + 3 * n) % 20, 1_000_000_000 + 60 * n);
    let session = |user| format!("u{user}{}\n", (0..12).map(|n| event(user, n)).collect::<String>());
    (0..200).map(session).collect()
}

/// Presses stop when it is asked the tenth time.
struct Impatient(Cell<usize>);

impl Progress for Impatient {
    fn stop_requested(&self) -> bool {
        self.0.replace(self.0.get() + 1) >= 9
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("u2i-outside-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("plays"), plays())?;
    let experiment = Experiment::<TurnedConfig, Pairs>::parse_as(EXPERIMENT, Path::new("own.toml"))?;
    let DataSource::Files(files) = &experiment.data else { unreachable!("the data is files") };
    let raw = Formats::built_in().with(Sessions).read(files, &folder)?;
    assert_eq!((raw.user_ids.len(), raw.n_events()), (200, 2400));

    let device = DeviceChoice::Cpu.open()?;
    let job = |name: &str| Job::new(folder.join(name), &device).data(&raw).measures(Measures::Metrics);
    let report = job("whole").train(&experiment, &mut ())?;
    let stopped = job("stopped").train(&experiment, &mut Impatient(Cell::new(0))).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Stopped);
    job("stopped").resume(true).train(&experiment, &mut ())?;
    assert!(fs::read(folder.join("stopped").join(MODEL))? == fs::read(folder.join("whole").join(MODEL))?);

    let hits = report.metrics.mean(Metric::HitRate(10)).unwrap_or(0.0);
    assert!(hits > 0.5, "by chance 10 of {} items: {hits}", report.n_items);
    assert_eq!(job("stopped").evaluate::<TurnedConfig, Pairs>(&mut ())?.metrics, report.metrics);
    let written = RunFiles::read(&folder.join("stopped"))?.report;
    assert_eq!(written["model"], "turned");
    assert!(written["description"].as_str().unwrap().starts_with("sum of the newest items, turned"));

    job("stopped").export::<TurnedConfig, Pairs>(&folder.join("bundle"), IndexChoice::Exact, &mut ())?;
    let recommender = Recommender::open_as::<TurnedConfig>(&folder.join("bundle"), &device.device)?;
    let request = Request { user: Some("u3".into()), ..Request::default() };
    let answers = recommender.recommend(&[request], &Options::top(5.try_into()?))?;
    let similar = recommender.similar("3/0", 5.try_into()?)?;
    assert!(answers[0].items[0].item_id.starts_with("3/") && similar[0].item_id.starts_with("3/"));
    Ok(fs::remove_dir_all(&folder)?)
}
