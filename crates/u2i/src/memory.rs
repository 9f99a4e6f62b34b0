//! How much memory training will take, from an experiment and its data, before anything is trained.
//!
//! `docs/memory.md` derives the formula and sets it beside what was measured; `u2i reproduce --dry-run` prints it.

mod data;
mod shape;

use std::fmt;

use serde::Serialize;
use u2i_features::{Prepared, RawData};
use u2i_losses::LossSource;
use u2i_models::TwoTowerConfig;
use u2i_train::{TensorView, TrainError};

use crate::Error;
use crate::config::Experiment;

use data::{prepared_bytes, raw_bytes, seen_bytes};
use shape::{Batch, Parameters, Shape};

/// Bytes that training one experiment takes at its peak on the CPU, by what takes them.
///
/// What stands before [`histories`](Self::histories) stays during the whole run. Of a step, a validation and a checkpoint
/// that is being written only one is there at a time. The peak has the largest of them, and a share of the others, since
/// what one frees does not always fit what the next asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// The binary's pages that are in memory, thread pools, and what reading and counting left with the allocator.
    pub process: u64,
    /// Raw data, events, training events, samples, columns, catalog, chunks and samplers.
    pub data: u64,
    /// Embedding tables.
    pub tables: u64,
    /// The optimizer's moments of the tables.
    pub moments: u64,
    /// The model of the best epoch, tables and dense parameters; none of it where it is [kept on the
    /// disk](BEST_IN_MEMORY).
    pub best: u64,
    /// Dense parameters, their gradients and moments.
    pub dense: u64,
    /// What a step makes of histories: vectors as looked up, dropped and pooled, and their gradients.
    pub histories: u64,
    /// What a step makes in the layers of users and items.
    pub layers: u64,
    /// What the loss of a step takes: vectors of users and candidates, their gradients, and what there is for each pair.
    pub loss: u64,
    /// A validation: vectors of one block of users, and of all items or, where those would take more than 1 GiB, of a block
    /// of them.
    pub validation: u64,
    /// A checkpoint that is being written: a piece of a tensor on the host, as `f32`, twice.
    pub checkpoint: u64,
}

/// Bytes, in four for each number, of a best model that a run with a folder keeps in memory while later epochs are trained. A
/// larger one is on the disk until the end.
pub const BEST_IN_MEMORY: u64 = 1 << 30;

// `docs/memory.md` says how these were measured.
/// Bytes of the binary's pages, of stacks and pools, and what the allocator keeps.
const PROCESS: u64 = 30 << 20;
/// Of the numbers that are made from histories and in layers, the share that is there at once, gradients included.
const LAYERS: f64 = 0.85;
/// Of the vectors that a loss compares and their gradients, the share that is there at once.
const VECTORS: f64 = 0.6;
/// Of the smaller ones of step, validation and checkpoint, the share that is there beside the largest.
const STAYS: f64 = 0.3;
/// Of the layers off the training device, the share that is there at once: each frees the one before.
const SERVED: f64 = 0.25;

impl MemoryEstimate {
    /// Estimates a run of `experiment` on `prepared`, which was made from `raw`.
    ///
    /// # Errors
    ///
    /// If the experiment's model or loss cannot be built, or the model does not say what [tensors](TwoTowerConfig::tensors) it makes.
    pub fn new<C: TwoTowerConfig, L: LossSource>(
        experiment: &Experiment<C, L>,
        raw: &RawData,
        prepared: &Prepared,
    ) -> Result<Self, Error> {
        let Parameters { table, table_moments, dense } = Parameters::new(experiment, prepared)?;
        let train = &experiment.train;
        let n_moments = train.optimizer.n_moments() as u64;
        let of_number = if train.table_precision.is_some() { 2 } else { 4 };
        let loss = experiment.loss.build().map_err(TrainError::from)?;
        let shape = Shape::new(experiment, prepared)?;
        let step = shape.step(&Batch::of_training(experiment, prepared), &*loss);
        let validation = shape.validation(prepared);
        let bytes = |share: f64, numbers: u64| (share * 4.0 * numbers as f64) as u64;
        Ok(MemoryEstimate {
            process: PROCESS,
            data: raw_bytes(raw) + prepared_bytes(prepared, train.chunk_targets),
            tables: of_number * table,
            moments: 4 * table_moments,
            best: if 4 * (table + dense) > BEST_IN_MEMORY { 0 } else { of_number * table + 4 * dense },
            dense: 4 * dense * (2 + n_moments),
            histories: bytes(LAYERS, step.histories),
            layers: bytes(LAYERS, step.users + step.items),
            loss: bytes(1.0, step.scores) + bytes(VECTORS, step.vectors),
            validation: bytes(1.0, validation.histories + validation.vectors)
                + bytes(SERVED, validation.users + validation.items)
                + seen_bytes(prepared, shape.ranked_together(prepared).0),
            checkpoint: 2 * 4 * (table + dense).min(TensorView::PIECE as u64),
        })
    }

    /// Most bytes that are held at once.
    pub fn peak(&self) -> u64 {
        let lasting = self.process + self.data + self.tables + self.moments + self.best + self.dense;
        let in_turn = [self.histories + self.layers + self.loss, self.validation, self.checkpoint];
        let largest = in_turn.into_iter().max().unwrap_or_default();
        let others = in_turn.into_iter().sum::<u64>() - largest;
        lasting + largest + (STAYS * others as f64) as u64
    }
}

/// One line for each item in MiB, then the peak.
impl fmt::Display for MemoryEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = [
            ("process", self.process),
            ("data", self.data),
            ("tables", self.tables),
            ("moments", self.moments),
            ("best model", self.best),
            ("dense parameters", self.dense),
            ("step, histories", self.histories),
            ("step, layers", self.layers),
            ("step, loss", self.loss),
            ("or validation", self.validation),
            ("or checkpoint", self.checkpoint),
            ("peak", self.peak()),
        ];
        for (i, (item, bytes)) in items.into_iter().enumerate() {
            let end = if i > 0 { "\n" } else { "" };
            write!(f, "{end}{item:16} | {:9.1} MiB", bytes as f64 / f64::from(1 << 20))?;
        }
        Ok(())
    }
}
