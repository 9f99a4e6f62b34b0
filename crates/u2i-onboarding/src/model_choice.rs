use std::fmt;
use std::str::FromStr;

/// A model that a config can be made for, by its name; the chapter's names are accepted.
///
/// ```
/// use u2i_onboarding::ModelChoice;
/// assert_eq!("youtubednn".parse(), Ok(ModelChoice::YoutubeDnn));
/// assert_eq!(ModelChoice::Dssm.to_string(), "dssm");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelChoice {
    /// Factorization machine.
    Fm,
    /// Deep structured semantic model.
    Dssm,
    /// YouTube's candidate generation.
    YoutubeDnn,
}

impl ModelChoice {
    /// All of them.
    pub const ALL: [ModelChoice; 3] = [ModelChoice::Fm, ModelChoice::Dssm, ModelChoice::YoutubeDnn];
}

impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelChoice::Fm => "fm",
            ModelChoice::Dssm => "dssm",
            ModelChoice::YoutubeDnn => "youtube_dnn",
        })
    }
}

impl FromStr for ModelChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fm" | "fm_recall" => Ok(ModelChoice::Fm),
            "dssm" => Ok(ModelChoice::Dssm),
            "youtube_dnn" | "youtubednn" => Ok(ModelChoice::YoutubeDnn),
            "dssm_text" => {
                Err("dssm_text is a recipe of the chapter, expected fm, dssm or youtube_dnn".to_owned())
            }
            _ => Err(format!("unknown model `{text}`, expected fm, dssm or youtube_dnn")),
        }
    }
}
