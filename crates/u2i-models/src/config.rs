use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use u2i_schema::Side;

use crate::{HistoryUse, Init, Inputs, ModelError, ModelTensors, TwoTower};

/// The config of a model: what an experiment file and a bundle hold of it, and what it says of the model.
///
/// A program trains, evaluates, reports, exports and serves any model whose config implements this. Three methods are
/// needed; the others say what checks, reports and the memory estimate would like to know.
///
/// # Examples
///
/// A model without features or history: each item has a number, and everybody gets the items of the largest ones.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use u2i_models::burn::{self, module::Module, tensor::{Device, Tensor}};
/// use u2i_models::{Init, Inputs, ItemBatch, ModelError, Table, TwoTower, TwoTowerConfig, UserBatch};
/// use u2i_schema::{ItemRows, Slot};
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct BiasConfig {
///     init_sd: f64,
/// }
///
/// #[derive(Module, Debug)]
/// struct Bias {
///     items: Table,
/// }
///
/// impl TwoTowerConfig for BiasConfig {
///     type Model = Bias;
///
///     fn name(&self) -> &str {
///         "bias"
///     }
///
///     fn description(&self) -> String {
///         "one number for each item".into()
///     }
///
///     fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<Bias, ModelError> {
///         Ok(Bias { items: Table::new(inputs.n_ids + 1, 1, self.init_sd, [Slot::ItemId], init) })
///     }
/// }
///
/// impl TwoTower for Bias {
///     fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
///         Tensor::ones([users.batch, 1], &users.log_n_earlier.device())
///     }
///
///     fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
///         items.ids.masked(self.items.lookup(items.ids.rows.clone()))
///     }
/// }
///
/// let config: BiasConfig = serde_json::from_str(r#"{ "init_sd": 0.1 }"#)?;
/// let inputs = Inputs { n_ids: 3, user: vec![], request: vec![], item: vec![], history: None };
/// let device = Device::flex();
/// let model = config.init(&inputs, &mut Init::new(1, &device))?;
/// let items = ItemRows { ids: vec![1, 2, 3], columns: vec![] };
/// assert_eq!(model.encode_items(&ItemBatch::new(&items, None, &device)).dims(), [3, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait TwoTowerConfig: Clone + PartialEq + Debug + Serialize + DeserializeOwned {
    /// The model that it makes.
    type Model: TwoTower + Sync + 'static;

    /// The model's name in reports, such as `fm`.
    fn name(&self) -> &str;

    /// The kind of model in a few words for reports, such as `factorization machine`. Reports add the history and the
    /// columns that it looks at.
    fn description(&self) -> String;

    /// A model with weights drawn from `init`.
    ///
    /// # Errors
    ///
    /// If the config does not make a model for these inputs.
    fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<Self::Model, ModelError>;

    /// How the model uses the history; `None` if it looks at none.
    fn history(&self) -> Option<HistoryUse> {
        None
    }

    /// Checks that the columns of an experiment are ones that the model can use, before any data is read.
    ///
    /// `at` is the key of the config in the experiment file, such as `model.dssm`. Keys in errors begin with it.
    ///
    /// # Errors
    ///
    /// The key at fault, and why.
    fn check(&self, _at: &str, _columns: &[DeclaredColumn<'_>]) -> Result<(), ColumnMismatch> {
        Ok(())
    }

    /// The sizes of the tensors that the model makes, for an estimate of memory; `None` if it does not say.
    ///
    /// `rows_per_item` is how many table rows the columns of one item have at most, all columns together.
    fn tensors(&self, _inputs: &Inputs, _rows_per_item: u64) -> Option<ModelTensors> {
        None
    }
}

/// A feature column as an experiment declares it, before it is fitted to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredColumn<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whom it describes.
    pub side: Side,
    /// Whether it is a sequence of events of another kind than those that are recommended.
    pub is_sequence: bool,
}

/// Columns of an experiment that a model cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ColumnMismatch {
    /// The key at fault in the experiment file, such as `features.column.2`.
    pub key: String,
    /// What was found and what was wanted.
    pub message: String,
}
