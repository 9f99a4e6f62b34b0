use std::collections::HashMap;

use burn::module::{Param, ParamId};
use burn::tensor::{FloatDType, Gradients, IndexingUpdateOp, Int, Tensor};
use u2i_host::{floats, read};
use u2i_models::{ItemBatch, Table, TwoTower, UserBatch};
use u2i_random::{Purpose, Stream};

use crate::rows::{BatchRows, RowReader, RowSums};
use crate::view::{TensorView, TensorViews, take};
use crate::{OptimizerConfig, TablePrecision, TrainConfig, TrainDevice, TrainError};

/// Embedding tables with their optimizer state, outside of the model and of autodiff.
///
/// A step looks up the rows of its batch and hands the vectors to the model, which runs as if it held the tables. Their
/// gradients, added up for each row, update the rows they came from. Row 0, padding, is never updated.
pub(crate) struct SparseTables {
    tables: Vec<SparseTable>,
    optimizer: OptimizerConfig,
    precision: Option<TablePrecision>,
    seed: u64,
    on: TrainDevice,
}

struct SparseTable {
    weight: Tensor<2>,
    moments: Vec<Tensor<2>>,
    /// Its place among the row readers: tables with the same slots have one.
    rows: usize,
}

/// Gradients of the rows that a batch looked up.
pub(crate) struct TableGradients {
    /// `[rows, dim]` for the table of each parameter, where it has a gradient.
    pub of: HashMap<ParamId, Tensor<2>>,
}

impl SparseTables {
    /// Takes the weights of the tables that `model` lists; the model is left with empty ones. What a batch looks up in
    /// them is for the readers to say.
    pub fn take<M: TwoTower>(
        model: &mut M,
        config: &TrainConfig,
        seed: u64,
        on: &TrainDevice,
    ) -> Result<(Self, Vec<RowReader>), TrainError> {
        let &TrainConfig { optimizer, table_precision: precision, .. } = config;
        if let Some(precision) = precision
            && !on.device.supports_dtype(precision.dtype())
        {
            return Err(TrainError::Precision { precision });
        }
        let mut rows: Vec<RowReader> = Vec::new();
        let mut tables = Vec::new();
        for table in model.tables_mut() {
            let mut weight = table.weight.val().inner();
            if let Some(precision) = precision {
                weight = weight.cast(precision.dtype());
            }
            let [n_rows, dim] = weight.dims();
            let zeros = |_| Tensor::zeros([n_rows, optimizer.moment_dim(dim)], &on.device);
            let moments = (0..optimizer.n_moments()).map(zeros).collect();
            let same = rows.iter().position(|rows| rows.slots == table.slots);
            let same = same.unwrap_or_else(|| {
                rows.push(RowReader::new(table.slots.clone(), n_rows));
                rows.len() - 1
            });
            rows[same].read_for_another(n_rows);
            tables.push(SparseTable { weight, moments, rows: same });
            empty(table, on);
        }
        Ok((SparseTables { tables, optimizer, precision, seed, on: on.clone() }, rows))
    }

    /// Looks up the rows of a batch, which its readers have found to be there, and hands their vectors to `model`.
    pub fn prefetch<M: TwoTower>(&self, model: &mut M, users: &UserBatch, items: &ItemBatch) {
        for (own, table) in self.tables.iter().zip(model.tables_mut()) {
            let look_up = |&slot| {
                let rows = users.rows(slot).or_else(|| items.rows(slot))?;
                let vectors = picked(&own.weight, rows.tensor().clone().inner());
                Some((slot, Tensor::from_inner(vectors).require_grad()))
            };
            let vectors = table.slots.iter().filter_map(look_up).collect();
            table.set_prefetched(vectors);
        }
    }

    /// Takes the gradients of the prefetched vectors out of `gradients`, and the vectors away from `model`.
    pub fn gradients<M: TwoTower>(
        &self,
        model: &mut M,
        rows: &[BatchRows],
        gradients: &mut Gradients,
    ) -> TableGradients {
        let some = |rows: &BatchRows| (rows.n() > 0).then(|| rows.sums(&self.on));
        let sums: Vec<Option<RowSums>> = rows.iter().map(some).collect();
        let mut of = HashMap::new();
        for (own, table) in self.tables.iter().zip(model.tables_mut()) {
            let found: Vec<Option<Tensor<2>>> =
                table.prefetched().iter().map(|(_, vectors)| vectors.grad_remove(gradients)).collect();
            if let Some(sums) = &sums[own.rows]
                && found.iter().any(Option::is_some)
            {
                let prefetched = table.prefetched().iter().zip(found);
                let or_zeros = |(prefetched, found): (&(_, Tensor<2>), Option<_>)| {
                    found.unwrap_or_else(|| prefetched.1.clone().inner().zeros_like())
                };
                of.insert(table.weight.id, sums.add(prefetched.map(or_zeros).collect()));
            }
            table.set_prefetched(Vec::new());
        }
        TableGradients { of }
    }

    /// Updates the rows that `gradients` are of. `step` counts from 1.
    pub fn update<M: TwoTower>(
        &mut self,
        model: &M,
        rows: &[BatchRows],
        mut gradients: TableGradients,
        learning_rate: f64,
        step: usize,
    ) {
        let indices: Vec<_> = rows.iter().map(|rows| rows.indices(&self.on)).collect();
        for (i, (own, table)) in self.tables.iter_mut().zip(model.tables()).enumerate() {
            let Some(gradient) = gradients.of.remove(&table.weight.id) else { continue };
            let indices = &indices[own.rows];
            let old: Vec<Tensor<2>> =
                own.moments.iter().map(|moment| picked(moment, indices.clone())).collect();
            let change = self.optimizer.change(gradient, &old, learning_rate, step);
            let put = |tensor: &mut Tensor<2>, values, how| put(tensor, indices, values, how, &self.on);
            for (moment, change) in own.moments.iter_mut().zip(change.moments) {
                put(moment, change, IndexingUpdateOp::Add);
            }
            let Some(precision) = self.precision else {
                put(&mut own.weight, change.weight, IndexingUpdateOp::Add);
                continue;
            };
            let rows = picked(&own.weight, indices.clone()) + change.weight;
            let shape = rows.dims();
            let mut rows = read(rows);
            precision.round(&mut rows, &mut Stream::new(self.seed, Purpose::ROUNDING, i as u64, step as u64));
            let rows = floats(rows, &self.on.device).reshape(shape);
            put(&mut own.weight, rows.cast(precision.dtype()), IndexingUpdateOp::Assign);
        }
    }

    /// Weights and moments as `table/<i>/weight` and `table/<i>/moment/<j>`, in the order of the model's tables.
    pub fn view(&self, tensors: &mut TensorViews<'_>) {
        for (i, table) in self.tables.iter().enumerate() {
            tensors.insert(format!("table/{i}/weight"), TensorView::of(table.weight.clone()));
            for (j, moment) in table.moments.iter().enumerate() {
                tensors.insert(format!("table/{i}/moment/{j}"), TensorView::of(moment.clone()));
            }
        }
    }

    /// Takes what [`view`](Self::view) found out of `tensors`, into the tables as they lie.
    pub fn load(&mut self, tensors: &mut TensorViews<'_>) -> Result<(), TrainError> {
        let mut fill = |name: String, own: &mut Tensor<2>| -> Result<(), TrainError> {
            take(tensors, &name, &own.dims())?.fill(&name, own)
        };
        for (i, table) in self.tables.iter_mut().enumerate() {
            fill(format!("table/{i}/weight"), &mut table.weight)?;
            for (j, moment) in table.moments.iter_mut().enumerate() {
                fill(format!("table/{i}/moment/{j}"), moment)?;
            }
        }
        Ok(())
    }

    /// Gives `model` its whole tables. Until they are [taken away](Self::take_away) they are those of both, so that an
    /// update has to copy them.
    pub fn give_back<M: TwoTower>(&self, model: &mut M) {
        for (own, table) in self.tables.iter().zip(model.tables_mut()) {
            let weight = Tensor::from_inner(own.weight.clone()).require_grad();
            table.weight = Param::initialized(table.weight.id, weight);
        }
    }

    /// Takes them away from `model` again, which is left with empty ones.
    pub fn take_away<M: TwoTower>(&self, model: &mut M) {
        model.tables_mut().into_iter().for_each(|table| empty(table, &self.on));
    }
}

/// Puts a table of one row in the place of all.
fn empty(table: &mut Table, on: &TrainDevice) {
    let row = Tensor::zeros([1, table.dim()], &on.device.clone().autodiff());
    table.weight = Param::initialized(table.weight.id, row.require_grad());
}

/// Rows of a table, as `f32`.
fn picked(table: &Tensor<2>, indices: Tensor<1, Int>) -> Tensor<2> {
    table.clone().select(0, indices).cast(FloatDType::F32)
}

/// Puts `values` into the rows of `indices`, each of which is there once. In place: the tensor is moved out, so that nobody
/// else holds it.
fn put(
    table: &mut Tensor<2>,
    indices: &Tensor<1, Int>,
    values: Tensor<2>,
    how: IndexingUpdateOp,
    on: &TrainDevice,
) {
    let n = values.dims()[0];
    table.inplace(|table| match on.is_gpu {
        // All numbers at once, which is right because each row is there once.
        true => table.scatter_nd::<2, 2>(indices.clone().reshape([n, 1]), values, how),
        false => table.select_assign(0, indices.clone(), values, how),
    });
}
