//! The main job on synthetic data, and whether its models learned something.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{cargo, root, run as run_command, target_dir};

const MODELS: [&str; 3] = ["fm", "dssm", "youtube_dnn"];

/// `reproduce --dataset synthetic`, which is what a user without network and data gets. Every tuned model
/// must beat popularity under the time-ordered protocol.
pub fn run() -> Result<()> {
    let out = target_dir().join("smoke");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    let mut command = cargo();
    command.current_dir(root()).args(["run", "--release", "--locked", "--package", "u2i-cli", "--"]);
    run_command(command.args(["reproduce", "--dataset", "synthetic", "--out"]).arg(&out))?;
    MODELS.iter().try_for_each(|model| check_runs(&out.join("synthetic/time/tuned").join(model)))
}

/// Every `seed-<n>/report.json` in the folder of a model; there must be one.
fn check_runs(folder: &Path) -> Result<()> {
    let seeds = fs::read_dir(folder).with_context(|| format!("no runs in {}", folder.display()))?;
    let mut n = 0;
    for seed in seeds {
        let path = seed?.path().join("report.json");
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let report: Value =
            serde_json::from_reader(file).with_context(|| format!("cannot read {}", path.display()))?;
        beats_popularity(&report).with_context(|| path.display().to_string())?;
        n += 1;
    }
    ensure!(n > 0, "no runs in {}", folder.display());
    Ok(())
}

fn beats_popularity(report: &Value) -> Result<()> {
    for metric in ["hit_rate@10", "ndcg@10"] {
        let figure = |at: &str| {
            let value = report.pointer(at).and_then(|metrics| metrics.get(metric)).and_then(Value::as_f64);
            value.with_context(|| format!("no number at {at}/{metric}"))
        };
        let (model, popularity) = (figure("/metrics")?, figure("/baselines/popularity")?);
        eprintln!("xtask: {} {metric} {model:.4}, popularity {popularity:.4}", report["model"]);
        ensure!(model > popularity, "{metric} of {model} does not beat popularity's {popularity}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_must_beat_popularity_and_say_by_how_much() {
        let report = |hit_rate: f64| {
            json!({
                "model": "fm",
                "metrics": {"hit_rate@10": hit_rate, "ndcg@10": 0.2},
                "baselines": {"popularity": {"hit_rate@10": 0.1, "ndcg@10": 0.05}},
            })
        };
        assert!(beats_popularity(&report(0.3)).is_ok());
        assert!(beats_popularity(&report(0.1)).is_err(), "a tie does not beat it");
        assert!(beats_popularity(&json!({"model": "fm"})).unwrap_err().to_string().contains("/metrics"));
    }
}
