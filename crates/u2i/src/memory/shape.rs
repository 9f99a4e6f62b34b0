use burn::module::Module as _;
use u2i_features::Prepared;
use u2i_losses::{Loss, LossMemory};
use u2i_models::{
    HistoryConfig, Init, Inputs, MlpConfig, ModelConfig, PoolingConfig, TwoTower as _, UserTowerConfig,
};
use u2i_schema::{Column, ColumnData, Slot, Transform, Vocabulary};

use crate::Error;
use crate::config::Experiment;
use crate::pipeline::model_inputs;

/// Numbers that a model learns.
pub(super) struct Parameters {
    /// In embedding tables.
    pub table: u64,
    /// That the optimizer keeps of these.
    pub table_moments: u64,
    /// Elsewhere.
    pub dense: u64,
}

impl Parameters {
    /// Counts them in the same model with tables of one row each, which is small whatever the vocabulary, and makes the
    /// tables as long as they will be.
    pub fn new(experiment: &Experiment, prepared: &Prepared) -> Result<Self, Error> {
        let inputs = model_inputs(experiment, prepared);
        let short = |columns: &[Column]| columns.iter().map(shortened).collect();
        let short = Inputs {
            n_ids: 1,
            user: short(&inputs.user),
            request: short(&inputs.request),
            item: short(&inputs.item),
            history: inputs.history.clone(),
        };
        let model = experiment.model.init(&short, &mut Init::new(experiment.seed, &u2i_device::cpu()))?;
        let rows_of = |columns: &[Column], i: usize| columns[i].transform.n_rows().unwrap_or(0);
        let optimizer = experiment.train.optimizer;
        let (mut table, mut table_moments, mut counted) = (0, 0, 0);
        for own in model.tables() {
            let rows = match own.slots[0] {
                Slot::ItemId | Slot::History => inputs.n_ids + 1,
                Slot::User(i) => rows_of(&inputs.user, i),
                Slot::Request(i) => rows_of(&inputs.request, i),
                Slot::Item(i) => rows_of(&inputs.item, i),
            };
            table += (rows * own.dim()) as u64;
            table_moments += (optimizer.n_moments() * rows * optimizer.moment_dim(own.dim())) as u64;
            counted += own.weight.val().shape().num_elements();
        }
        Ok(Parameters { table, table_moments, dense: (model.num_params() - counted) as u64 })
    }
}

fn shortened(column: &Column) -> Column {
    let transform = match &column.transform {
        // What is learned of the order of events is no part of a table.
        Transform::Sequence { length, .. } => {
            Transform::Sequence { vocabulary: Vocabulary::new([] as [&str; 0]), length: *length }
        }
        other if other.n_rows().is_some() => Transform::Hashed { buckets: 1 },
        other => other.clone(),
    };
    Column { transform, ..column.clone() }
}

/// How large the tensors of a model are, in numbers.
pub(super) struct Shape {
    history: Option<History>,
    /// Made for each target on the user side, pooled histories apart.
    per_target: u64,
    /// Made for each item.
    per_item: u64,
    /// Length of the vectors that are compared.
    dim: u64,
    has_user_bias: bool,
}

/// Numbers that are made on the way to a loss or to ranks.
pub(super) struct Made {
    /// From histories, with the gradients of what is pooled.
    pub histories: u64,
    /// In the layers of users, after histories are pooled.
    pub users: u64,
    /// In the layers of items.
    pub items: u64,
    /// For pairs of users and candidates: marks, a quarter of a number each, and where they are kept, scores.
    pub scores: u64,
    /// In the vectors that are compared, and their gradients.
    pub vectors: u64,
}

#[derive(Clone, Copy)]
struct History {
    length: u64,
    dim: u64,
    heads: u64,
    /// One, or one per head.
    tables: u64,
    drops: bool,
    /// Only the largest numbers are kept, which is left to burn's operators.
    is_max: bool,
    /// Events are weighed by what they are.
    attends: bool,
    /// Events are weighed by the time since them.
    tells_time: bool,
}

/// A batch of users.
pub(super) struct Batch {
    chunks: u64,
    /// Places per chunk.
    targets: u64,
    /// Targets.
    batch: u64,
    n_trained: u64,
}

impl Batch {
    /// The largest batch that a run is likely to meet: chunks are drawn without replacement, so their sizes add up to
    /// the mean and, but for once in many thousand steps, four standard deviations.
    pub fn of_training(experiment: &Experiment, prepared: &Prepared) -> Self {
        let chunks = prepared.samples.chunks(experiment.train.chunk_targets);
        let mut sizes: Vec<u64> = chunks.iter().map(|chunk| u64::from(chunk.targets)).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let n = sizes.len().min(experiment.train.chunks_per_step.get());
        let mean = sizes.iter().sum::<u64>() as f64 / sizes.len() as f64;
        let variance =
            sizes.iter().map(|&size| (size as f64 - mean).powi(2)).sum::<f64>() / sizes.len() as f64;
        let likely = n as f64 * mean + 4.0 * (n as f64 * variance).sqrt();
        Batch {
            chunks: n as u64,
            targets: sizes.first().copied().unwrap_or(0),
            batch: (likely.ceil() as u64).min(sizes[..n].iter().sum()),
            n_trained: prepared.catalog.n_trained() as u64,
        }
    }
}

impl Shape {
    pub fn new(experiment: &Experiment, prepared: &Prepared) -> Self {
        let inputs = model_inputs(experiment, prepared);
        let length = inputs.history.as_ref().map_or(0, |history| history.length as u64);
        let history = |config: Option<&HistoryConfig>, dim: usize, tables: Option<u64>| {
            config.map(|config| History {
                length,
                dim: dim as u64,
                heads: config.heads() as u64,
                tables: tables.unwrap_or(config.heads() as u64),
                drops: config.dropout > 0.0,
                is_max: matches!(config.pooling, PoolingConfig::Max {}),
                attends: matches!(config.pooling, PoolingConfig::Attention { .. }),
                tells_time: inputs.history.as_ref().is_some_and(|history| !history.gap_edges_s.is_empty()),
            })
        };
        let bags = prepared.catalog.columns().iter().map(widest).sum::<u64>();
        match &experiment.model {
            ModelConfig::Fm(config) => {
                let dim = config.dim as u64;
                let n_user = (inputs.user.len() + inputs.request.len()) as u64;
                Shape {
                    history: history(config.history.as_ref(), config.dim, None),
                    // Vector and weight of each feature as looked up and masked, and the sums over them.
                    per_target: (3 * n_user + 2 + sequences(&inputs) as u64) * (dim + 1),
                    // The same, and squares.
                    per_item: (4 * (bags + 1) + 4) * (dim + 1),
                    dim: dim + 1,
                    has_user_bias: true,
                }
            }
            ModelConfig::YoutubeDnn(config) => Shape {
                history: history(config.user.history.as_ref(), config.dim, Some(1)),
                per_target: user_tower(&config.user, &inputs, config.dim),
                // The vector of the id, and those of columns as looked up and added.
                per_item: (5 + if config.item_attributes { 3 * bags } else { 0 }) * config.dim as u64,
                dim: config.dim as u64,
                has_user_bias: false,
            },
            ModelConfig::Dssm(config) => {
                let (embedding, column) = (config.embedding_dim as u64, config.item.column_dim as u64);
                let width = embedding + inputs.item.len() as u64 * column;
                let dim = config.item.mlp.layers.last().copied().unwrap_or(0) as u64;
                Shape {
                    history: history(config.user.history.as_ref(), config.embedding_dim, Some(1)),
                    per_target: user_tower(&config.user, &inputs, config.embedding_dim),
                    per_item: 2 * embedding
                        + 2 * bags * column
                        + 2 * width
                        + layers(&config.item.mlp)
                        + 4 * dim,
                    dim,
                    has_user_bias: false,
                }
            }
        }
    }

    /// What a step makes.
    pub fn step(&self, batch: &Batch, loss: &dyn Loss) -> Made {
        let &Batch { chunks, targets, batch, n_trained } = batch;
        let LossMemory { candidates, scores, vectors } = loss.memory(batch, n_trained);
        // Only a factorization machine has a bias of users, for which it looks at them once more.
        let looks = if self.has_user_bias && loss.takes_user_bias() { 2 } else { 1 };
        Made {
            histories: looks * self.histories(chunks, targets, batch, true),
            users: looks * batch * self.per_target,
            items: candidates * self.per_item,
            scores,
            vectors: vectors * self.dim,
        }
    }

    /// What a validation makes: vectors of all items, and of a block of users, each a chunk of its own.
    pub fn validation(&self, prepared: &Prepared) -> Made {
        let n_items = prepared.catalog.n_items() as u64;
        let n_users = prepared.validation.len() as u64;
        let block = n_users.min(1024);
        Made {
            histories: self.histories(block, 1, block, false),
            users: block * self.per_target,
            items: n_items.min(4096) * self.per_item,
            scores: 0,
            // Of 4,096 users, and of items as they come, as they are kept and as they are searched.
            vectors: (n_users.min(4096) + 3 * n_items) * self.dim,
        }
    }

    fn histories(&self, chunks: u64, targets: u64, batch: u64, trains: bool) -> u64 {
        let Some(History { length, dim, heads, tables, drops, is_max, attends, tells_time }) = self.history
        else {
            return 0;
        };
        let events = chunks * (length + targets - 1);
        // Off the training device the vectors of a table are gone before those of the next come.
        let looked_up = if trains { tables } else { 1 } * events * dim;
        // Factors; where queries see what is left, that, too.
        let dropped = if drops && trains { looked_up * if attends { 2 } else { 1 } } else { 0 };
        let masked = if is_max { 2 * looked_up + chunks * targets * length * dim } else { 0 };
        // A gradient of their own, and what becomes a weight.
        let attended = if attends && trains { looked_up + 6 * events * heads } else { 0 };
        let by_time = if tells_time { events * targets } else { 0 };
        // As they are pooled, and side by side where tables are several.
        let pooled = chunks * targets * heads * dim * if tables > 1 { 2 } else { 1 };
        // With gradients: places of chunks, then targets, as picked, as an input and its gradient.
        let gradients = if trains { (chunks * targets + 3 * batch) * heads * dim } else { 0 };
        looked_up + dropped + masked + attended + by_time + pooled + gradients
    }
}

fn user_tower(config: &UserTowerConfig, inputs: &Inputs, history_dim: usize) -> u64 {
    let heads = config.history.as_ref().map_or(0, HistoryConfig::heads);
    let columns = (inputs.user.len() + inputs.request.len()) * config.column_dim;
    let width = columns
        + heads * history_dim
        + usize::from(config.history_size)
        + 2 * usize::from(config.example_age);
    let skip = if config.skip { heads * history_dim } else { 0 };
    let columns = columns + sequences(inputs) * config.column_dim;
    let dim = config.mlp.layers.last().copied().unwrap_or(0);
    (columns + width + skip + 4 * dim) as u64 + layers(&config.mlp)
}

/// Vectors of sequences as looked up, masked, weighed and in the order of the product, of each target.
fn sequences(inputs: &Inputs) -> usize {
    let of = |column: &Column| match column.transform {
        Transform::Sequence { length, .. } => 4 * length as usize,
        _ => 0,
    };
    inputs.request.iter().map(of).sum()
}

/// Made by a stack of layers for each row: sums, activations, dropout's mask and product.
fn layers(config: &MlpConfig) -> u64 {
    let each = if config.dropout > 0.0 { 5 } else { 3 };
    each * config.layers.iter().sum::<usize>() as u64
}

/// Rows of the longest bag of a column.
fn widest(column: &ColumnData) -> u64 {
    match column {
        ColumnData::Bags { offsets, .. } => {
            offsets.windows(2).map(|pair| u64::from(pair[1] - pair[0])).max().unwrap_or(1)
        }
        _ => 1,
    }
}
