use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    Dssm, DssmConfig, Fm, FmConfig, HistoryConfig, Init, Inputs, ItemBatch, ModelError, Table, TwoTower,
    UserBatch, YoutubeDnn, YoutubeDnnConfig,
};

/// Which model an experiment trains, `[model.fm]`, `[model.dssm]` or `[model.youtube_dnn]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModelConfig {
    /// See [`FmConfig`].
    Fm(FmConfig),
    /// See [`DssmConfig`].
    Dssm(DssmConfig),
    /// See [`YoutubeDnnConfig`].
    YoutubeDnn(YoutubeDnnConfig),
}

impl ModelConfig {
    /// `fm`, `dssm` or `youtube_dnn`.
    pub fn name(&self) -> &'static str {
        match self {
            ModelConfig::Fm(_) => "fm",
            ModelConfig::Dssm(_) => "dssm",
            ModelConfig::YoutubeDnn(_) => "youtube_dnn",
        }
    }

    /// Whether the model looks at the history.
    pub fn has_history(&self) -> bool {
        self.history().is_some()
    }

    /// Whether events of the history have learned weights.
    pub fn weighs_history(&self) -> bool {
        self.history().is_some_and(HistoryConfig::has_weights)
    }

    fn history(&self) -> Option<&HistoryConfig> {
        match self {
            ModelConfig::Fm(config) => config.history.as_ref(),
            ModelConfig::Dssm(config) => config.user.history.as_ref(),
            ModelConfig::YoutubeDnn(config) => config.user.history.as_ref(),
        }
    }

    /// A model with weights drawn from `init`.
    ///
    /// # Errors
    ///
    /// If the config does not make a model for these inputs.
    pub fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<AnyModel, ModelError> {
        Ok(match self {
            ModelConfig::Fm(config) => AnyModel::Fm(config.init(inputs, init)?),
            ModelConfig::Dssm(config) => AnyModel::Dssm(config.init(inputs, init)?),
            ModelConfig::YoutubeDnn(config) => AnyModel::YoutubeDnn(config.init(inputs, init)?),
        })
    }
}

/// One of the models.
#[derive(Module, Debug)]
pub enum AnyModel {
    /// Factorization machine.
    Fm(Fm),
    /// Deep structured semantic model.
    Dssm(Dssm),
    /// YouTube's candidate generation.
    YoutubeDnn(YoutubeDnn),
}

macro_rules! each {
    ($self:expr, $model:ident => $call:expr) => {
        match $self {
            AnyModel::Fm($model) => $call,
            AnyModel::Dssm($model) => $call,
            AnyModel::YoutubeDnn($model) => $call,
        }
    };
}

impl TwoTower for AnyModel {
    fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
        each!(self, model => model.encode_users(users))
    }

    fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
        each!(self, model => model.encode_items(items))
    }

    fn user_bias(&self, users: &UserBatch) -> Option<Tensor<1>> {
        each!(self, model => model.user_bias(users))
    }

    fn history_len(&self) -> usize {
        each!(self, model => model.history_len())
    }

    fn ranks_cold_items(&self) -> bool {
        each!(self, model => model.ranks_cold_items())
    }

    fn tables(&self) -> Vec<&Table> {
        each!(self, model => model.tables())
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        each!(self, model => model.tables_mut())
    }
}
