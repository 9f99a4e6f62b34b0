use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ColumnMismatch, DeclaredColumn, Dssm, DssmConfig, Fm, FmConfig, HistoryUse, Init, Inputs, ItemBatch,
    ModelError, ModelTensors, ReferenceScores, Table, TwoTower, TwoTowerConfig, UserBatch, YoutubeDnn,
    YoutubeDnnConfig,
};

/// Makes [`ModelConfig`] and [`AnyModel`] of a list of models.
macro_rules! registry {
    ($($(#[$doc:meta])* $model:ident($config:ident) => $name:literal,)*) => {
        /// Which model an experiment trains, by its name: `[model.fm]`, `[model.dssm]` or `[model.youtube_dnn]`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum ModelConfig {
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                #[serde(rename = $name)]
                $model($config),
            )*
        }

        /// One of the models.
        #[derive(Module, Debug)]
        pub enum AnyModel {
            $($(#[$doc])* $model($model),)*
        }

        impl TwoTowerConfig for ModelConfig {
            type Model = AnyModel;

            fn name(&self) -> &str {
                match self {
                    $(ModelConfig::$model(_) => $name,)*
                }
            }

            fn description(&self) -> String {
                match self {
                    $(ModelConfig::$model(config) => config.description(),)*
                }
            }

            fn init(&self, inputs: &Inputs, init: &mut Init) -> Result<AnyModel, ModelError> {
                Ok(match self {
                    $(ModelConfig::$model(config) => AnyModel::$model(config.init(inputs, init)?),)*
                })
            }

            fn history(&self) -> Option<HistoryUse> {
                match self {
                    $(ModelConfig::$model(config) => config.history(),)*
                }
            }

            fn check(&self, at: &str, columns: &[DeclaredColumn<'_>]) -> Result<(), ColumnMismatch> {
                let at = format!("{at}.{}", self.name());
                match self {
                    $(ModelConfig::$model(config) => config.check(&at, columns),)*
                }
            }

            fn tensors(&self, inputs: &Inputs, rows_per_item: u64) -> Option<ModelTensors> {
                match self {
                    $(ModelConfig::$model(config) => config.tensors(inputs, rows_per_item),)*
                }
            }
        }

        impl TwoTower for AnyModel {
            fn encode_users(&self, users: &UserBatch) -> Tensor<2> {
                match self {
                    $(AnyModel::$model(model) => model.encode_users(users),)*
                }
            }

            fn encode_items(&self, items: &ItemBatch) -> Tensor<2> {
                match self {
                    $(AnyModel::$model(model) => model.encode_items(items),)*
                }
            }

            fn user_bias(&self, users: &UserBatch) -> Option<Tensor<1>> {
                match self {
                    $(AnyModel::$model(model) => model.user_bias(users),)*
                }
            }

            fn history_len(&self) -> usize {
                match self {
                    $(AnyModel::$model(model) => model.history_len(),)*
                }
            }

            fn ranks_cold_items(&self) -> bool {
                match self {
                    $(AnyModel::$model(model) => model.ranks_cold_items(),)*
                }
            }

            fn tables(&self) -> Vec<&Table> {
                match self {
                    $(AnyModel::$model(model) => model.tables(),)*
                }
            }

            fn tables_mut(&mut self) -> Vec<&mut Table> {
                match self {
                    $(AnyModel::$model(model) => model.tables_mut(),)*
                }
            }

            fn reference(&self, users: &UserBatch, items: &ItemBatch) -> Option<Box<dyn ReferenceScores>> {
                match self {
                    $(AnyModel::$model(model) => model.reference(users, items),)*
                }
            }
        }
    };
}

registry! {
    /// Factorization machine.
    Fm(FmConfig) => "fm",
    /// Deep structured semantic model.
    Dssm(DssmConfig) => "dssm",
    /// YouTube's candidate generation.
    YoutubeDnn(YoutubeDnnConfig) => "youtube_dnn",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In files, in reports, and by its own config.
    #[test]
    fn a_model_has_one_name() {
        let configs = [
            r#"{"fm":{"dim":4,"init_sd":0.1,"linear_sd":0.1,"history":null}}"#,
            r#"{"dssm":{"embedding_dim":4,"init_sd":0.1,"normalization":"l2","user":USER,"item":{"column_dim":2,"residual":false,"mlp":MLP}}}"#,
            r#"{"youtube_dnn":{"dim":4,"init_sd":0.1,"normalization":"l2","user":USER}}"#,
        ];
        let user = r#"{"column_dim":2,"history":null,"history_size":true,"example_age":false,"skip":false,"mlp":MLP}"#;
        let mlp = r#"{"layers":[4],"activation":"relu","norm":"none","output":"linear","dropout":0.0}"#;
        for text in configs.map(|text| text.replace("USER", user).replace("MLP", mlp)) {
            let config: ModelConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&config).unwrap(), text);
            let own = match &config {
                ModelConfig::Fm(config) => config.name(),
                ModelConfig::Dssm(config) => config.name(),
                ModelConfig::YoutubeDnn(config) => config.name(),
            };
            assert_eq!(config.name(), own);
            assert!(text.starts_with(&format!("{{\"{own}\":")), "{text}");
        }
    }

    #[test]
    fn an_unknown_model_is_refused_with_the_known_ones() {
        let error = serde_json::from_str::<ModelConfig>(r#"{"fmm":{}}"#).unwrap_err().to_string();
        let known = "unknown variant `fmm`, expected one of `fm`, `dssm`, `youtube_dnn`";
        assert!(error.starts_with(known), "{error}");
    }
}
