use crate::config::Experiment;
use u2i_models::{ModelConfig, PoolingConfig};

/// A model by what it is, and by what it looks at: a factorization machine over pooled histories is not what everybody
/// means by FM.
pub(super) fn describe(experiment: &Experiment) -> String {
    let (kind, history) = match &experiment.model {
        ModelConfig::Fm(config) => ("factorization machine", &config.history),
        ModelConfig::Dssm(config) => ("two towers of dense layers", &config.user.history),
        ModelConfig::YoutubeDnn(config) => {
            ("tower of dense layers against a table of items", &config.user.history)
        }
    };
    let mut text = kind.to_owned();
    if let (Some(history), Some(events)) = (history, &experiment.features.history) {
        let pooled = match &history.pooling {
            PoolingConfig::Recency { .. } | PoolingConfig::Attention { .. } => {
                let heads = history.heads();
                let what = if matches!(history.pooling, PoolingConfig::Recency { .. }) {
                    "pooled"
                } else {
                    "attentive"
                };
                format!("{heads} {what} head{}", if heads == 1 { "" } else { "s" })
            }
            PoolingConfig::Mean {} => "the mean".to_owned(),
            PoolingConfig::Sum {} => "the sum".to_owned(),
            PoolingConfig::Max {} => "the maximum".to_owned(),
            PoolingConfig::SqrtN {} => "the sum over the root of the number".to_owned(),
        };
        text += &format!(" with history features: {pooled} of the last {} events", events.length);
    }
    let columns: Vec<&str> = experiment.features.column.iter().map(|column| &*column.name).collect();
    match columns.is_empty() {
        true => text,
        false => format!("{text}; columns {}", columns.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::load_config;

    #[test]
    fn a_factorization_machine_over_histories_says_so() {
        let describe = |name| describe(&load_config(name).unwrap());
        let quick = describe("ml-1m/quick/fm");
        assert_eq!(
            quick,
            "factorization machine with history features: 4 pooled heads of the last 50 events; columns gender, age, \
             occupation, zip3, genres"
        );
        assert!(!describe("book/fm").contains("history"), "the chapter's has none");
        assert!(describe("book/youtube_dnn").contains("the mean of the last 50 events"));
    }
}
