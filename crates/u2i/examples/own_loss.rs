//! A loss of one's own in an experiment of one of our models: each positive should score above its negatives by a margin.

use serde::{Deserialize, Serialize};
use u2i::burn::tensor::{Tensor, activation::relu};
use u2i::losses::samplers::SamplerConfig;
use u2i::losses::{Comparison, Draw, Loss, LossError, LossMemory, RowDraw, TrainingItems};
use u2i::pipeline::load_config;
use u2i::run::{Job, Measures};
use u2i::{device::DeviceChoice, eval::Metric, models::ModelConfig};

/// What an experiment file holds of the loss under `[loss]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hinge {
    negatives: usize,
    margin: f32,
}

impl Loss for Hinge {
    fn draws(&self, items: &TrainingItems<'_>) -> Result<Box<dyn Draw>, LossError> {
        Ok(Box::new(RowDraw::new(SamplerConfig::Uniform {}.build(items.counts)?, self.negatives)))
    }

    fn compute(&self, step: &Comparison<'_>) -> Tensor<1> {
        let (positive, negative) = step.pair_scores();
        relu(negative - positive.unsqueeze_dim(1) + self.margin).mean()
    }

    fn memory(&self, batch: u64, n_trained: u64) -> LossMemory {
        LossMemory::of_pairs(batch, n_trained, self.negatives as u64)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut experiment = load_config("synthetic/youtube_dnn")?.with_loss(Hinge { negatives: 8, margin: 0.2 });
    experiment.train.epochs = 2.try_into()?;
    assert!(experiment.to_toml().contains("[loss]\nnegatives = 8\nmargin = "));

    let folder = std::env::temp_dir().join(format!("u2i-own-loss-{}", std::process::id()));
    let device = DeviceChoice::Cpu.open()?;
    let job = Job::new(&folder, &device).measures(Measures::Metrics);
    let report = job.train(&experiment, &mut ())?;
    assert!(report.metrics.mean(Metric::HitRate(10)) > Some(3.0 * 10.0 / report.n_items as f64)); // 3 times chance
    assert_eq!(job.evaluate::<ModelConfig, Hinge>(&mut ())?.metrics, report.metrics);
    Ok(std::fs::remove_dir_all(&folder)?)
}
