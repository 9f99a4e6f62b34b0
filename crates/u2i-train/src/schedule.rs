use crate::{Decay, ScheduleConfig};

/// The factor of the learning rate at each step of a run.
///
/// ```text
/// min(1, (step + 1) / warm_up_steps) · (f + (1 - f) · (1 + cos(π · step / steps)) / 2)
/// ```
///
/// ```
/// use u2i_train::{Decay, Schedule, ScheduleConfig};
/// let config = ScheduleConfig { warm_up_steps: 10, decay: Decay::Cosine { final_share: 0.05 } };
/// let schedule = Schedule::new(config, 100);
/// assert!((schedule.factor(4) - 0.5 * schedule.factor(9) * 1.0030).abs() < 1e-2);
/// assert!((schedule.factor(100) - 0.05).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    config: ScheduleConfig,
    steps: usize,
}

impl Schedule {
    /// The schedule of a run of `steps` steps.
    pub fn new(config: ScheduleConfig, steps: usize) -> Self {
        Schedule { config, steps }
    }

    /// What multiplies the learning rate at `step`, counted from 0 over all epochs.
    pub fn factor(&self, step: usize) -> f64 {
        let warm_up = match self.config.warm_up_steps {
            0 => 1.0,
            steps => ((step + 1) as f64 / steps as f64).min(1.0),
        };
        warm_up
            * match self.config.decay {
                Decay::Constant {} => 1.0,
                Decay::Cosine { final_share } => {
                    let done = step as f64 / self.steps.max(1) as f64;
                    final_share + (1.0 - final_share) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
                }
            }
    }
}
