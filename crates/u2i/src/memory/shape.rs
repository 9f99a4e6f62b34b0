use burn::module::Module as _;
use u2i_features::Prepared;
use u2i_index::FaissSpec;
use u2i_losses::{Loss, LossMemory};
use u2i_models::{Init, Inputs, ModelError, ModelTensors, Pass, TwoTower as _, TwoTowerConfig};
use u2i_schema::{Column, ColumnData, Slot, Transform, Vocabulary};

use crate::Error;
use crate::config::{Experiment, ValidationSearch};
use crate::pipeline::model_inputs;
use crate::ranking::{MADE_TOGETHER, MOST_HELD, RANKED_TOGETHER, RANKED_TOGETHER_OF_MADE};

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
    pub fn new<C: TwoTowerConfig, L>(
        experiment: &Experiment<C, L>,
        prepared: &Prepared,
    ) -> Result<Self, Error> {
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

/// How large the tensors of a model are, as its config says.
pub(super) struct Shape(ModelTensors, Option<ValidationSearch>);

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
    pub fn of_training<C, L>(experiment: &Experiment<C, L>, prepared: &Prepared) -> Self {
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
    /// # Errors
    ///
    /// If the model does not say.
    pub fn new<C: TwoTowerConfig, L>(
        experiment: &Experiment<C, L>,
        prepared: &Prepared,
    ) -> Result<Self, Error> {
        let inputs = model_inputs(experiment, prepared);
        let rows_per_item = prepared.catalog.columns().iter().map(widest).sum();
        let tensors = experiment.model.tensors(&inputs, rows_per_item);
        let reason = "the model does not say which tensors it makes, so its memory cannot be estimated";
        let search = experiment.evaluation.validation_search;
        tensors
            .map(|tensors| Shape(tensors, search))
            .ok_or_else(|| ModelError::Unsupported { key: "model", reason }.into())
    }

    /// What a step makes.
    pub fn step(&self, batch: &Batch, loss: &dyn Loss) -> Made {
        let &Batch { chunks, targets, batch, n_trained } = batch;
        let LossMemory { candidates, scores, vectors } = loss.memory(batch, n_trained);
        // Only a factorization machine has a bias of users, for which it looks at them once more.
        let looks = if self.0.has_user_bias && loss.takes_user_bias() { 2 } else { 1 };
        Made {
            histories: looks * self.histories(chunks, targets, batch, Pass::Training),
            users: looks * batch * self.0.per_target,
            items: candidates * self.0.per_item,
            scores,
            vectors: vectors * self.0.dim,
        }
    }

    /// Users that a validation ranks for together, and items whose vectors it has at once: twice those of all where it
    /// builds an index.
    pub fn ranked_together(&self, prepared: &Prepared) -> (usize, u64) {
        let n_items = prepared.catalog.n_items() as u64;
        if let Some(ValidationSearch::Faiss(spec)) = self.1 {
            let links = match spec {
                FaissSpec::Hnsw { m, .. } => (3 * m.get() as u64).div_ceil(self.0.dim),
                _ => 0,
            };
            return (RANKED_TOGETHER, (2 + links) * n_items);
        }
        match 4 * n_items * self.0.dim <= MOST_HELD {
            true => (RANKED_TOGETHER, n_items),
            false => (RANKED_TOGETHER_OF_MADE, MADE_TOGETHER.get() as u64),
        }
    }

    /// What a validation makes: vectors of items, and of a block of users, each a chunk of its own.
    pub fn validation(&self, prepared: &Prepared) -> Made {
        let (users, items) = self.ranked_together(prepared);
        let n_users = prepared.validation.len() as u64;
        let block = n_users.min(1024);
        Made {
            histories: self.histories(block, 1, block, Pass::Serving),
            users: block * self.0.per_target,
            items: items.min(4096) * self.0.per_item,
            scores: 0,
            // Of users as they are kept, and of both as they come.
            vectors: (n_users.min(users as u64) + block + items + items.min(MADE_TOGETHER.get() as u64))
                * self.0.dim,
        }
    }

    fn histories(&self, chunks: u64, targets: u64, batch: u64, pass: Pass) -> u64 {
        self.0.history.map_or(0, |history| history.numbers(chunks, targets, batch, pass))
    }
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
