use std::collections::BTreeMap;

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use u2i_models::{HostTensor, TwoTower};
use u2i_schema::{ItemRows, PADDING, Slot, UserRows};

use crate::{OptimizerConfig, TrainError};

/// Embedding tables with their optimizer state, outside of the model and of autodiff.
///
/// A step gathers the rows of its batch into small tables, renames the batch's rows to theirs, and lends the
/// small tables to the model; the model cannot tell. The gradient of a small table updates the rows it came
/// from. Row 0, padding, is always row 0 of the small table, too, and is never updated.
pub(crate) struct SparseTables {
    tables: Vec<SparseTable>,
    /// Slots that meet in some table have to be renamed together.
    groups: Vec<Group>,
    optimizer: OptimizerConfig,
    device: Device,
}

struct SparseTable {
    weight: Tensor<2>,
    moments: Vec<Tensor<2>>,
    group: usize,
}

struct Group {
    slots: Vec<Slot>,
    n_rows: usize,
    /// New name of each row, valid for the rows of the batch at hand.
    names: Vec<u32>,
    /// Rows of the batch at hand in ascending order, padding first.
    rows: Vec<u32>,
}

impl SparseTables {
    /// Takes the weights of the tables that `model` lists; the model is left with empty ones.
    pub fn take<M: TwoTower>(model: &mut M, optimizer: OptimizerConfig, device: &Device) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut tables = Vec::new();
        for table in model.tables_mut() {
            let weight = table.weight.val().inner();
            let [n_rows, dim] = weight.dims();
            let zeros = |_| Tensor::zeros([n_rows, dim], device);
            let moments = (0..optimizer.n_moments()).map(zeros).collect();
            let (mut meeting, apart): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|group| group.slots.iter().any(|slot| table.slots.contains(slot)));
            groups = apart;
            let mut slots = table.slots.clone();
            let mut rows_of_all = n_rows;
            for group in meeting.drain(..) {
                rows_of_all = rows_of_all.min(group.n_rows);
                slots.extend(group.slots);
            }
            slots.sort_unstable();
            slots.dedup();
            groups.push(Group {
                slots,
                n_rows: rows_of_all,
                names: vec![PADDING; rows_of_all],
                rows: Vec::new(),
            });
            tables.push((table.slots[0], SparseTable { weight, moments, group: 0 }));
            let empty = Tensor::zeros([1, dim], &device.clone().autodiff());
            table.weight = Param::initialized(table.weight.id, empty.require_grad());
        }
        let group_of = |slot: Slot| groups.iter().position(|group| group.slots.contains(&slot));
        let tables = tables
            .into_iter()
            .map(|(slot, table)| SparseTable {
                group: group_of(slot).expect("every slot has a group"),
                ..table
            })
            .collect();
        SparseTables { tables, groups, optimizer, device: device.clone() }
    }

    /// Renames the rows of a batch to those of the small tables and lends these to `model`.
    pub fn lend<M: TwoTower>(
        &mut self,
        model: &mut M,
        users: &mut UserRows,
        items: &mut ItemRows,
    ) -> Result<(), TrainError> {
        for group in &mut self.groups {
            group.rename(users, items)?;
        }
        let gathered: Vec<Tensor<1, Int>> =
            self.groups.iter().map(|group| group.indices(0, &self.device)).collect();
        for (own, table) in self.tables.iter().zip(model.tables_mut()) {
            let small = own.weight.clone().select(0, gathered[own.group].clone());
            table.weight = Param::initialized(table.weight.id, Tensor::from_inner(small).require_grad());
        }
        Ok(())
    }

    /// Takes the gradients of the lent tables out of `gradients` and updates the rows they came from.
    ///
    /// `step` counts from 1.
    pub fn update<M: TwoTower>(
        &mut self,
        model: &M,
        gradients: &mut GradientsParams,
        learning_rate: f64,
        step: usize,
    ) {
        let indices: Vec<Tensor<1, Int>> =
            self.groups.iter().map(|group| group.indices(1, &self.device)).collect();
        for (own, table) in self.tables.iter_mut().zip(model.tables()) {
            let Some(gradient) = gradients.remove::<2>(table.weight.id) else { continue };
            let n = self.groups[own.group].rows.len() - 1;
            if n > 0 {
                own.update(
                    gradient.narrow(0, 1, n),
                    &indices[own.group],
                    self.optimizer,
                    learning_rate,
                    step,
                );
            }
        }
    }

    /// Weights and moments as `table/<i>/weight` and `table/<i>/moment/<j>`, in the order of the model's tables.
    pub fn save(&self, tensors: &mut BTreeMap<String, HostTensor>) {
        for (i, table) in self.tables.iter().enumerate() {
            tensors.insert(format!("table/{i}/weight"), HostTensor::of(table.weight.clone()));
            for (j, moment) in table.moments.iter().enumerate() {
                tensors.insert(format!("table/{i}/moment/{j}"), HostTensor::of(moment.clone()));
            }
        }
    }

    /// Takes what [`save`](Self::save) wrote out of `tensors`.
    pub fn load(&mut self, tensors: &mut BTreeMap<String, HostTensor>) -> Result<(), TrainError> {
        let device = &self.device;
        let mut take = |name: String, like: &mut Tensor<2>| -> Result<(), TrainError> {
            let tensor = tensors.remove(&name).ok_or_else(|| TrainError::State {
                name: name.clone(),
                found: "nothing".into(),
                expected: format!("shape {:?}", like.dims()),
            })?;
            *like = tensor.on(&name, like.dims(), device)?;
            Ok(())
        };
        for (i, table) in self.tables.iter_mut().enumerate() {
            take(format!("table/{i}/weight"), &mut table.weight)?;
            for (j, moment) in table.moments.iter_mut().enumerate() {
                take(format!("table/{i}/moment/{j}"), moment)?;
                if u2i_bug::planted("row_moments_are_forgotten") {
                    *moment = moment.zeros_like();
                }
            }
        }
        Ok(())
    }

    /// Gives `model` its whole tables.
    pub fn give_back<M: TwoTower>(&self, model: &mut M) {
        for (own, table) in self.tables.iter().zip(model.tables_mut()) {
            let weight = Tensor::from_inner(own.weight.clone()).require_grad();
            table.weight = Param::initialized(table.weight.id, weight);
        }
    }
}

impl SparseTable {
    fn update(
        &mut self,
        gradient: Tensor<2>,
        rows: &Tensor<1, Int>,
        optimizer: OptimizerConfig,
        learning_rate: f64,
        step: usize,
    ) {
        let old: Vec<Tensor<2>> =
            self.moments.iter().map(|moment| moment.clone().select(0, rows.clone())).collect();
        let change = optimizer.change(gradient, &old, learning_rate, step);
        for (moment, change) in self.moments.iter_mut().zip(change.moments) {
            add_rows(moment, rows, change);
        }
        add_rows(&mut self.weight, rows, change.weight);
    }
}

/// Adds to rows in place: the tensor is moved out, so that nobody else holds it.
fn add_rows(tensor: &mut Tensor<2>, rows: &Tensor<1, Int>, change: Tensor<2>) {
    tensor.inplace(|tensor| tensor.select_assign(0, rows.clone(), change, IndexingUpdateOp::Add));
}

impl Group {
    fn rename(&mut self, users: &mut UserRows, items: &mut ItemRows) -> Result<(), TrainError> {
        self.rows.clear();
        self.rows.push(PADDING);
        for &slot in &self.slots {
            let rows = rows_mut(users, items, slot);
            for &row in rows.iter() {
                let n_rows = self.n_rows;
                let name = self.names.get_mut(row as usize);
                let name = name.ok_or(TrainError::RowOutOfRange { slot, row, rows: n_rows })?;
                if row != PADDING && *name == PADDING {
                    *name = 1;
                    self.rows.push(row);
                }
            }
        }
        self.rows.sort_unstable();
        for (name, &row) in (0..).zip(&self.rows) {
            self.names[row as usize] = name;
        }
        for &slot in &self.slots {
            for row in rows_mut(users, items, slot) {
                *row = self.names[*row as usize];
            }
        }
        for &row in &self.rows {
            self.names[row as usize] = PADDING;
        }
        Ok(())
    }

    /// The rows of the batch from the `skip`-th on.
    fn indices(&self, skip: usize, device: &Device) -> Tensor<1, Int> {
        let rows: Vec<i32> = self.rows[skip..].iter().map(|&row| row as i32).collect();
        let n = rows.len();
        Tensor::from_data(TensorData::new(rows, [n]), device)
    }
}

fn rows_mut<'a>(users: &'a mut UserRows, items: &'a mut ItemRows, slot: Slot) -> &'a mut [u32] {
    match users.rows_mut(slot) {
        Some(rows) => rows,
        None => items.rows_mut(slot).expect("a slot is of one side or the other"),
    }
}
