//! The chapter's statements, each looked at by a small experiment: one file per claim or group of claims.
//!
//! A verdict is computed from the figures by the rule that stands beside it ([`Claim::rule`]), in a function of its own.
//! Differences between models count where they are more than [`noise::LEVEL`] standard errors ([`noise`]). Models are judged
//! on test targets, by the epoch that was best on validation targets; nothing is chosen by what comes out.

mod asymmetry;
mod claim;
mod document;
mod example_age;
mod fm_or_dssm;
mod fm_sum;
mod fm_vector_form;
mod lab;
mod mean_pooling;
pub mod noise;
mod options;
mod random_holdout;
mod sampled_softmax;
mod samples_per_user;
mod scoring_once;
mod softmax_or_bce;
mod temperature;
mod three_points;
mod timing;
mod unit_vectors;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use u2i::device::Opened;
use u2i::pipeline::open_device;
use u2i::{Error, Progress, Stage};
use u2i_datasets::{DatasetName, resolve};

pub use claim::{Claim, Figure, Finding, Table, Verdict};
pub use document::{Document, document};
pub use lab::Lab;
pub use options::ClaimsOptions;

use crate::finished;

/// All claims, in the order of the chapter.
pub const CLAIMS: [Claim; 19] = [
    scoring_once::CLAIM,
    fm_sum::COST,
    fm_sum::SPARSE,
    fm_vector_form::CLAIM,
    fm_or_dssm::MOVIELENS,
    fm_or_dssm::PLANTED,
    softmax_or_bce::CLAIM,
    three_points::CLAIM,
    unit_vectors::CLAIM,
    temperature::SOFTMAX,
    temperature::TRAINING,
    mean_pooling::CLAIM,
    example_age::CLAIM,
    random_holdout::CLAIM,
    asymmetry::TRANSITIONS,
    asymmetry::POPULARITY,
    sampled_softmax::TIME,
    sampled_softmax::ACCURACY,
    samples_per_user::CLAIM,
];

/// A claim that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Its name.
    pub id: String,
    /// Of the program.
    build: String,
    /// Device of the run.
    device: String,
    /// Whether sizes were tiny.
    tiny: bool,
    /// Hashes of the data sets that it read, by their names.
    data: BTreeMap<String, String>,
    /// Processor time in seconds; of models that several claims share, in the first of them.
    pub cpu_s: f64,
    /// What was found.
    pub finding: Finding,
}

/// What came out of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// Claims that were looked at, in the order of the chapter.
    pub found: Vec<Found>,
    /// Claims that could not be, and why.
    pub skipped: Vec<(String, String)>,
}

impl Claims {
    /// One row per claim, `{id, verdict, figures}`.
    pub fn rows(&self) -> Vec<Value> {
        self.found.iter().map(|found| found.finding.row(&found.id)).collect()
    }

    /// Whether no claim is missing.
    pub fn is_whole(&self) -> bool {
        self.found.len() == CLAIMS.len()
    }
}

/// Looks at claims, one after the other.
///
/// A claim whose data is not there is skipped.
///
/// # Errors
///
/// If an id is none of a claim's, or an experiment does not end well.
pub fn claims(options: &ClaimsOptions, progress: &mut dyn Progress) -> Result<Claims, Error> {
    if let Some(other) = options.only.iter().find(|id| !CLAIMS.iter().any(|claim| claim.id == **id)) {
        let ids: Vec<&str> = CLAIMS.iter().map(|claim| claim.id).collect();
        return Err(Error::Usage(format!("no claim `{other}`, expected one of {}", ids.join(", "))));
    }
    let device = open_device(options.device, progress)?;
    let mut missing: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut claims = Claims { found: Vec::new(), skipped: Vec::new() };
    let mut lab = Lab::new(options, &device, progress);
    for claim in &CLAIMS {
        if !options.only.is_empty() && !options.only.iter().any(|id| id == claim.id) {
            continue;
        }
        let mut reason = |name: &DatasetName| {
            let find = || resolve(*name, &options.places).err().map(|error| error.to_string());
            let looked = missing.entry(name.to_string()).or_insert_with(find);
            looked.clone()
        };
        let reason = if options.tiny { None } else { claim.needs.iter().find_map(&mut reason) };
        match reason {
            Some(reason) => {
                lab.say(&format!("{}: skipped: {reason}", claim.id));
                claims.skipped.push((claim.id.to_owned(), reason));
            }
            None => claims.found.push(look(claim, options, &device, &mut lab)?),
        }
    }
    Ok(claims)
}

fn look(claim: &Claim, options: &ClaimsOptions, device: &Opened, lab: &mut Lab<'_>) -> Result<Found, Error> {
    let mut data = BTreeMap::new();
    for name in claim.needs {
        data.insert(name.to_string(), lab.named(*name)?.hash.clone());
    }
    let path = options.out.join(format!("{}.json", claim.id));
    let of_this = |found: &Found| {
        (&*found.id, &*found.build, &*found.device, found.tiny, &found.data)
            == (claim.id, u2i::BUILD, &*device.name, options.tiny, &data)
    };
    if let Some(kept) = finished::kept(&path, of_this) {
        lab.say(&format!("{}: {}, as it was kept", claim.id, kept.finding.verdict.words()));
        return Ok(kept);
    }
    lab.say(&format!("{}: {}", claim.id, claim.title));
    let stage = Stage::begin();
    let finding = (claim.run)(lab)?;
    let found = Found {
        id: claim.id.to_owned(),
        build: u2i::BUILD.to_owned(),
        device: device.name.clone(),
        tiny: options.tiny,
        data,
        cpu_s: stage.cost().cpu_s,
        finding,
    };
    let found = finished::keep(&path, found)?;
    lab.say(&format!("{}: {}, {:.0} s CPU", claim.id, found.finding.verdict.words(), found.cpu_s));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use u2i::device::DeviceChoice;
    use u2i_datasets::{Mirror, Places};

    use super::*;

    /// Runs claims with tiny sizes, without anything kept.
    pub(super) fn tiny(ids: &[&str]) -> Claims {
        let out = tempfile::tempdir().unwrap();
        let places = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() };
        let options = ClaimsOptions {
            only: ids.iter().map(|&id| id.to_owned()).collect(),
            tiny: true,
            places,
            device: DeviceChoice::Cpu,
            out: out.path().to_owned(),
        };
        claims(&options, &mut ()).unwrap()
    }

    #[test]
    fn each_claim_has_a_name_of_its_own_in_kebab_case_and_all_its_words() {
        let ids: BTreeSet<&str> = CLAIMS.iter().map(|claim| claim.id).collect();
        assert_eq!(ids.len(), CLAIMS.len());
        for Claim { id, title, statement, measured, rule, .. } in &CLAIMS {
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{id}");
            for text in [statement, measured, rule] {
                assert!(text.ends_with('.') && !text.contains("  "), "{id}: {text}");
            }
            assert!(!title.ends_with('.'), "{id}");
        }
    }

    /// What is arithmetic alone has the same verdict at any size and on any machine.
    #[test]
    fn claims_of_arithmetic_are_settled_by_tiny_sizes() {
        let cases = [
            ("fm-sum-cost", "holds"),
            ("fm-sum-sparse", "holds_under_a_condition"),
            ("fm-vector-form", "holds"),
            ("three-points", "holds_under_a_condition"),
            ("unit-vectors", "holds"),
            ("temperature-softmax", "holds"),
        ];
        let ids = cases.map(|(id, _)| id);
        let found = tiny(&ids);
        assert!(found.skipped.is_empty() && !found.is_whole());
        let verdicts: BTreeMap<&str, &str> =
            found.found.iter().map(|found| (&*found.id, found.finding.verdict.word())).collect();
        assert_eq!(verdicts, BTreeMap::from(cases));
        for row in found.rows() {
            let figures = row["figures"].as_object().unwrap();
            assert!(!figures.is_empty() && figures.values().all(Value::is_number), "{row}");
        }
    }
}
