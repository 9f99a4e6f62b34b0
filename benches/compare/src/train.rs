//! Training steps: positives a second of processor time.

use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use u2i_bench_training::{Data, Model, Plan, Pooled, Shape, sampled_softmax};
use u2i_device::burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use u2i_losses::samplers::{Negatives, Sampler as _, Uniform};
use u2i_losses::{Temperature, sampled_softmax as loss_of};
use u2i_models::{AnyModel, HostTensor, ItemBatch, TwoTower as _, UserBatch, weights};
use u2i_random::{Purpose, Stream};
use u2i_schema::{ItemRows, Slot};
use u2i_train::{
    Bce, DrawConfig, Flow, FullSoftmax, LossConfig, Observer, OptimizerConfig, SamplerConfig, StepReport,
    TablePrecision, TrainDevice,
};

use crate::arrays::{Array, indices, write_safetensors};
use crate::rounds::Rounds;

/// What is trained.
#[derive(Subcommand)]
pub enum Contest {
    /// YouTubeDNN as the recipes have it
    Recipe,
    /// YouTubeDNN over plain means, with 20 negatives
    Plain {
        /// Whether the batch shares them
        #[arg(long)]
        shared: bool,
    },
    /// DSSM over plain means, pointwise, with so many negatives of each positive
    Pointwise {
        #[arg(long, default_value = "4")]
        negatives: NonZeroUsize,
    },
    /// One table of so many rows x 32, in batches of 1,024
    Rows {
        #[arg(long)]
        rows: usize,
        #[arg(long, default_value = "adam")]
        optimizer: Optimizer,
        /// What the table is stored in, instead of f32
        #[arg(long)]
        table_precision: Option<Precision>,
    },
    /// A million items x 64, in batches of 2,048
    Million {
        #[arg(long)]
        loss: MillionLoss,
    },
}

/// What is done with gradients of a table.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Optimizer {
    Adam,
    Adagrad,
    RowWiseAdagrad,
    Sgd,
}

/// Half precision.
#[derive(Clone, Copy, ValueEnum)]
pub enum Precision {
    F16,
    Bf16,
}

/// The loss over a million items.
#[derive(Clone, Copy, ValueEnum)]
pub enum MillionLoss {
    /// Against all of them
    Full,
    /// 1,000 drawn ones
    #[value(name = "1000")]
    Thousand,
    /// 5,000 drawn ones
    #[value(name = "5000")]
    FiveThousand,
}

/// Batches that both sides of a contest are given.
const BATCHES: usize = 16;

impl Contest {
    /// Trains, a round at a time.
    pub fn run(&self) -> Result<()> {
        let (per_round, warm_up) = match self {
            Contest::Recipe | Contest::Plain { .. } => (32, 16),
            Contest::Pointwise { .. } | Contest::Rows { .. } => (16, 8),
            Contest::Million { loss: MillionLoss::Full } => (1, 1),
            Contest::Million { .. } => (16, 8),
        };
        let (plan, data) = self.plan();
        let on = TrainDevice::from(&u2i_device::cpu());
        let drawn = match plan.loss {
            LossConfig::Bce(Bce { negatives, .. }) => negatives.get(),
            _ => 0,
        };
        let mut paced =
            Paced { rounds: None, per_round, warm_up, done: 0, targets: 0, rows: 1 + drawn, failed: None };
        plan.train(&data, &on, NonZeroUsize::new(1_000).expect("some epochs"), &mut paced)?;
        paced.failed.map_or(Ok(()), Err)
    }

    fn plan(&self) -> (Plan, Data) {
        let recipe = Plan::recipe(Model::YoutubeDnn);
        let plain = Plan { pooled: Pooled::Mean, ..recipe.clone() };
        match self {
            Contest::Recipe => (recipe, Data::new(Shape::ML_1M)),
            Contest::Plain { shared } => {
                let draw = if *shared { DrawConfig::Shared } else { DrawConfig::PerRow };
                (Plan { loss: sampled_softmax(20, Some(draw)), ..plain }, Data::new(Shape::ML_1M))
            }
            Contest::Pointwise { negatives } => {
                let loss = LossConfig::Bce(Bce { negatives: *negatives, sampler: SamplerConfig::Uniform {} });
                (Plan { model: Model::Dssm, loss, ..plain }, Data::new(Shape::ML_1M))
            }
            Contest::Rows { rows, optimizer, table_precision } => {
                let shape = Shape { items: *rows, users: 6_040, events: 193, chunks: 16, dim: 32 };
                let (learning_rate, epsilon) = (1e-3, 1e-8);
                let optimizer = match optimizer {
                    Optimizer::Adam => Plan::ADAM,
                    Optimizer::Adagrad => OptimizerConfig::Adagrad { learning_rate, epsilon },
                    Optimizer::RowWiseAdagrad => OptimizerConfig::RowWiseAdagrad { learning_rate, epsilon },
                    Optimizer::Sgd => OptimizerConfig::Sgd { learning_rate },
                };
                let table_precision = table_precision.map(|precision| match precision {
                    Precision::F16 => TablePrecision::F16,
                    Precision::Bf16 => TablePrecision::Bf16,
                });
                let plan = Plan { shares_item_id: true, optimizer, table_precision, ..recipe };
                (plan, Data::uniform(shape))
            }
            Contest::Million { loss } => {
                let shape = Shape { chunks: 32, users: 6_040, ..Shape::LARGE };
                let loss = match loss {
                    MillionLoss::Full => LossConfig::FullSoftmax(FullSoftmax {
                        temperature: Temperature::new(0.1).expect("a temperature"),
                        temperature_floor: None,
                    }),
                    MillionLoss::Thousand => sampled_softmax(1_000, None),
                    MillionLoss::FiveThousand => sampled_softmax(5_000, None),
                };
                (Plan { loss, ..recipe }, Data::uniform(shape))
            }
        }
    }

    /// Writes what the other side trains on.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let (plan, data) = self.plan();
        match self {
            Contest::Recipe => write_batches(&plan, &data, &folder.join("youtube_dnn.safetensors")),
            Contest::Plain { .. } | Contest::Pointwise { .. } => {
                write_samples(&data, &folder.join("rechub.safetensors"))
            }
            Contest::Rows { .. } | Contest::Million { .. } => Ok(()),
        }
    }
}

/// Runs the steps of a round when it is asked for.
struct Paced {
    rounds: Option<Rounds>,
    per_round: usize,
    warm_up: usize,
    done: usize,
    targets: usize,
    /// What a target counts for.
    rows: usize,
    failed: Option<anyhow::Error>,
}

impl Paced {
    fn step(&mut self, report: &StepReport) -> Result<bool> {
        let Some(rounds) = &mut self.rounds else {
            if report.step + 1 < self.warm_up {
                return Ok(true);
            }
            return self.rounds.insert(Rounds::ready(json!({}))?).next();
        };
        self.done += 1;
        self.targets += report.targets;
        if self.done < self.per_round {
            return Ok(true);
        }
        rounds.end(json!({ "work": self.targets * self.rows, "steps": self.done, "loss": report.loss }))?;
        (self.done, self.targets) = (0, 0);
        rounds.next()
    }
}

impl Observer for Paced {
    fn on_step(&mut self, report: &StepReport) -> Flow {
        match self.step(report) {
            Ok(true) => Flow::Continue,
            Ok(false) => Flow::Stop,
            Err(error) => {
                self.failed = Some(error);
                Flow::Stop
            }
        }
    }
}

fn ints(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// The first weights, 16 batches, and the losses of those weights on them.
fn write_batches(plan: &Plan, data: &Data, path: &Path) -> Result<()> {
    let device = u2i_device::cpu();
    let model = plan.init(data, &device)?;
    let mut arrays = named_weights(&model)?;
    let chunks = data.samples().chunks(NonZeroU32::new(Shape::TARGETS as u32).context("some targets")?);
    let sampler = Uniform::new(Shape::ML_1M.items)?;
    // Chunks of one batch are of users far apart, as after a shuffle.
    for batch in 0..BATCHES {
        let own: Vec<_> =
            chunks.iter().skip(batch * 7).step_by(chunks.len() / 33).take(32).copied().collect();
        let users = data.batches().users(&own);
        let targets = data.batches().targets(&own);
        let mut stream = Stream::new(1, Purpose::NEGATIVES, 0, batch as u64);
        let Negatives { items: drawn, log_expected } = sampler.draw(Shape::NEGATIVES, &mut stream);
        let mut candidates: Vec<u32> = targets.iter().chain(&drawn).copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        let place = |item: &u32| candidates.binary_search(item).expect("all are candidates") as u32;
        let positives: Vec<u32> = targets.iter().map(place).collect();
        let negatives: Vec<u32> = drawn.iter().map(place).collect();
        let items = ItemRows::new(data.catalog(), &candidates);

        let user_vectors = model.encode_users(&UserBatch::new(&users, None, &device));
        let item_vectors = model.encode_items(&ItemBatch::new(&items, None, &device));
        let hits: Vec<bool> = positives.iter().flat_map(|p| negatives.iter().map(move |n| n == p)).collect();
        let hits: Tensor<2, Bool> =
            Tensor::from_data(TensorData::new(hits, [positives.len(), negatives.len()]), &device);
        let n = log_expected.len();
        let loss = loss_of(
            user_vectors,
            item_vectors.clone().select(0, ints(&positives, &device)),
            item_vectors.select(0, ints(&negatives, &device)),
            hits,
            Tensor::from_data(TensorData::new(log_expected.clone(), [n]), &device),
            Temperature::new(0.1)?,
        );
        let loss: f32 = loss.into_scalar();

        let width = users.history.len() / users.chunks;
        let columns: Vec<u32> =
            (0..users.user.len()).flat_map(|i| users.user[i].rows().iter().copied()).collect();
        let logs: Vec<f32> = users.n_earlier.iter().map(|&n| (f64::from(n).ln_1p() / 5.0) as f32).collect();
        let mut add = |name: &str, array: Array| arrays.push((format!("b/{batch}/{name}"), array));
        add("history", indices(&[users.chunks, width], &users.history)?);
        add("user", indices(&[users.user.len(), users.chunks], &columns)?);
        add("log_n", Array::F32(vec![logs.len(), 1], logs));
        add("candidates", indices(&[items.ids.len()], &items.ids)?);
        add("positives", indices(&[positives.len()], &positives)?);
        add("negatives", indices(&[negatives.len()], &negatives)?);
        add("log_expected", Array::F32(vec![n], log_expected));
        add("loss", Array::F32(vec![1], vec![loss]));
    }
    write_safetensors(path, &arrays)
}

/// Weights under the names that the other side reads them by.
fn named_weights(model: &AnyModel) -> Result<Vec<(String, Array)>> {
    let mut all = weights(model);
    let names = [
        ("items.weight", "w/items".to_owned()),
        ("history.weight", "w/history".to_owned()),
        ("log_weights", "w/log_weights".to_owned()),
        ("user.skip", "w/skip".to_owned()),
    ];
    let of_columns = (0..Shape::USER_COLUMNS.len())
        .map(|i| (format!("user.user.tables.{i}.weight"), format!("w/user/{i}")));
    let of_layers = (0..2).flat_map(|i| {
        ["weight", "bias"].map(|part| (format!("mlp.layers.{i}.{part}"), format!("w/mlp/{i}/{part}")))
    });
    let names =
        names.into_iter().map(|(path, name)| (path.to_owned(), name)).chain(of_columns).chain(of_layers);
    let mut arrays = Vec::new();
    for (end, name) in names {
        let found = all.keys().find(|path| path.ends_with(&end)).cloned();
        let path = found.with_context(|| format!("no weight ends with {end}, of {:?}", all.keys()))?;
        let HostTensor { shape, data } = all.remove(&path).context("it was just there")?;
        arrays.push((name, Array::F32(shape, data)));
    }
    ensure!(all.is_empty(), "weights that the other side does not know: {:?}", all.keys());
    Ok(arrays)
}

/// Positives with their users and histories, each by itself.
fn write_samples(data: &Data, path: &Path) -> Result<()> {
    const SAMPLES: usize = 1 << 16;
    let chunks = data.samples().chunks(NonZeroU32::MIN);
    let step = chunks.len() / SAMPLES;
    ensure!(step > 0, "there are {} samples, wanted {SAMPLES}", chunks.len());
    let own: Vec<_> = chunks.iter().step_by(step).take(SAMPLES).copied().collect();
    let users = data.batches().users(&own);
    let targets = data.batches().targets(&own);
    let of: Vec<u32> = own.iter().map(|chunk| chunk.user).collect();
    let n_users = Shape::ML_1M.users;
    let columns: Vec<u32> =
        Shape::USER_COLUMNS.iter().flat_map(|&n| (0..n_users).map(move |user| (user % n) as u32)).collect();
    let all: Vec<u32> = (1..=Shape::ML_1M.items as u32).collect();
    let rows = ItemRows::new(data.catalog(), &all);
    let genres = rows.rows(Slot::Item(0)).ok_or_else(|| io::Error::other("items have genres"))?;
    let n = Shape::GENRES_OF_ITEM;
    // A row of padding, as item 0 is.
    let genres: Vec<u32> = [0; Shape::GENRES_OF_ITEM].iter().chain(genres).copied().collect();
    let arrays = [
        ("users", indices(&[own.len()], &of)?),
        ("history", indices(&[own.len(), Shape::HISTORY], &users.history)?),
        ("targets", indices(&[targets.len()], &targets)?),
        ("user_columns", indices(&[Shape::USER_COLUMNS.len(), n_users], &columns)?),
        ("genres", indices(&[genres.len() / n, n], &genres)?),
        ("items", indices(&[1], &[Shape::ML_1M.items as u32])?),
    ];
    write_safetensors(path, &arrays.map(|(name, array)| (name.to_owned(), array)))
}
