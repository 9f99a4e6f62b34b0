use u2i_models::TwoTowerConfig;

use crate::config::Experiment;

/// A model by what it is, and by what it looks at: a factorization machine over pooled histories is not what everybody
/// means by FM.
pub(super) fn describe<C: TwoTowerConfig, L>(experiment: &Experiment<C, L>) -> String {
    let mut text = experiment.model.description();
    if let (Some(history), Some(events)) = (experiment.model.history(), &experiment.features.history) {
        text += &format!(" with history features: {} of the last {} events", history.pooling, events.length);
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
