use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;
use u2i::config::Experiment;
use u2i::{Error, built_in};
use u2i_datasets::DatasetName;

use crate::Protocol;

/// A model by its name; the chapter's names are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelName {
    /// Factorization machine.
    Fm,
    /// Deep structured semantic model.
    Dssm,
    /// DSSM as the chapter's words describe it, not its code.
    DssmText,
    /// YouTube's candidate generation.
    YoutubeDnn,
}

impl ModelName {
    /// The three models of the chapter.
    pub const ALL: [ModelName; 3] = [ModelName::Fm, ModelName::Dssm, ModelName::YoutubeDnn];
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelName::Fm => "fm",
            ModelName::Dssm => "dssm",
            ModelName::DssmText => "dssm_text",
            ModelName::YoutubeDnn => "youtube_dnn",
        })
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fm" | "fm_recall" => Ok(ModelName::Fm),
            "dssm" => Ok(ModelName::Dssm),
            "dssm_text" => Ok(ModelName::DssmText),
            "youtube_dnn" | "youtubednn" => Ok(ModelName::YoutubeDnn),
            _ => Err(format!("unknown model `{text}`, expected fm, dssm, youtube_dnn or dssm_text")),
        }
    }
}

/// Whose hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// The chapter's code.
    Book,
    /// Ours, trained for a minute or two; only of MovieLens 1M.
    Quick,
    /// Ours, chosen on validation.
    Tuned,
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Recipe::Book => "book",
            Recipe::Quick => "quick",
            Recipe::Tuned => "tuned",
        })
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "book" => Ok(Recipe::Book),
            "quick" => Ok(Recipe::Quick),
            "tuned" => Ok(Recipe::Tuned),
            _ => Err(format!("unknown recipe `{text}`, expected quick, tuned or book")),
        }
    }
}

impl Recipe {
    /// The recipes that belong to a protocol: the chapter's figures are set beside its own recipe only, and the
    /// time-ordered table carries ours, too, so that the effect of the split and of the recipe can be told apart.
    pub fn of(protocol: Protocol) -> &'static [Recipe] {
        match protocol {
            Protocol::Time => &[Recipe::Book, Recipe::Quick, Recipe::Tuned],
            Protocol::Cut => &[Recipe::Quick, Recipe::Tuned],
            Protocol::Book => &[Recipe::Book],
        }
    }

    /// Whether it is ours and not the chapter's.
    pub fn is_ours(self) -> bool {
        self != Recipe::Book
    }

    /// Which of ours is run where none is named: the one of minutes. Data sets that are small have no other.
    pub fn lightest(dataset: DatasetName) -> Recipe {
        match dataset {
            DatasetName::AUTO | DatasetName::ML_1M => Recipe::Quick,
            _ => Recipe::Tuned,
        }
    }
}

/// That there are recipes of ours for a data set.
///
/// # Errors
///
/// The message names the command that makes an experiment for it.
pub(crate) fn check_has_recipes(dataset: DatasetName) -> Result<(), Error> {
    let has_recipes = built_in::FILES.iter().any(|(path, _)| path.starts_with(&format!("{dataset}/")));
    match has_recipes || dataset == DatasetName::AUTO {
        true => Ok(()),
        false => Err(Error::Usage(format!(
            "{dataset} has no recipes of ours; `u2i init --dataset {dataset} --out FILE` writes an experiment for it"
        ))),
    }
}

/// The experiment of a recipe, from `configs` where that folder is given, else as built in.
///
/// # Errors
///
/// If there is no such file, or it cannot be understood.
pub fn experiment(
    recipe: Recipe,
    dataset: DatasetName,
    model: ModelName,
    configs: Option<&Path>,
) -> Result<Experiment, Error> {
    let name = match recipe {
        Recipe::Book => format!("book/{model}"),
        Recipe::Quick => format!("{dataset}/quick/{model}"),
        Recipe::Tuned => format!("{dataset}/{model}"),
    };
    if let Some(folder) = configs {
        return Experiment::load(&folder.join(format!("{name}.toml")));
    }
    check_has_recipes(dataset)?;
    Experiment::built_in(&name)
        .unwrap_or_else(|| Err(Error::Usage(format!("there is no experiment `configs/{name}.toml`"))))
}

#[cfg(test)]
mod tests {
    use u2i_models::TwoTowerConfig as _;

    use super::*;
    use u2i::ErrorKind;

    #[test]
    fn every_built_in_experiment_is_complete_and_names_its_protocol() {
        for (path, text) in built_in::FILES {
            let experiment = Experiment::parse(text, Path::new(path)).unwrap();
            let protocol = if path.starts_with("book/") { Protocol::Book } else { Protocol::Time };
            assert_eq!(protocol.apply(experiment.clone()), experiment, "{path}");
            let model = path.rsplit(['/', '.']).nth(1).unwrap();
            assert!(model.starts_with(experiment.model.name()), "{path}");
        }
    }

    #[test]
    fn a_typo_is_refused_with_its_line() {
        let (_, text) = built_in::FILES[0];
        for key in ["seed", "chunk_targets", "negatives", "init_sd", "validation_metric"] {
            let broken = text.replacen(&format!("{key} ="), &format!("{key}x ="), 1);
            assert_ne!(&broken, text, "{key}");
            let error = Experiment::parse(&broken, Path::new("x.toml")).unwrap_err();
            let message = error.to_string();
            let line = text.lines().position(|line| line.starts_with(&format!("{key} ="))).unwrap_or(0) + 1;
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(message.contains(key) && message.starts_with("x.toml:"), "{line}: {message}");
        }
    }

    #[test]
    fn the_chapters_names_are_accepted() {
        assert_eq!("fm_recall".parse(), Ok(ModelName::Fm));
        assert_eq!("youtubednn".parse(), Ok(ModelName::YoutubeDnn));
        assert!("fmm".parse::<ModelName>().unwrap_err().contains("fm, dssm, youtube_dnn or dssm_text"));
        assert_eq!("dssm_text".parse(), Ok(ModelName::DssmText));
    }

    #[test]
    fn a_data_set_without_recipes_is_refused_with_the_command_that_makes_one() {
        let ml_25m = "ml-25m".parse().unwrap();
        for recipe in [Recipe::Book, Recipe::Quick, Recipe::Tuned] {
            let error = experiment(recipe, ml_25m, ModelName::Fm, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains("u2i init --dataset ml-25m --out"), "{error}");
        }
        let error = experiment(Recipe::Quick, DatasetName::ML_100K, ModelName::Fm, None).unwrap_err();
        assert_eq!(error.to_string(), "there is no experiment `configs/ml-100k/quick/fm.toml`");
    }
}
