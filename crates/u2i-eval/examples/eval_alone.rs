//! Two users: a target ranked first, and one with rank 3.5.

use u2i_eval::{Accumulator, Metric, Rank};

fn main() -> Result<(), u2i_eval::EvalError> {
    let mut accumulator = Accumulator::new(&[3, 10])?;
    accumulator.add_rank(Rank::new(0, 0));
    accumulator.add_rank(Rank::new(2, 1));
    let metrics = accumulator.finish()?;
    assert_eq!(metrics.mean(Metric::HitRate(3)), Some(0.5));
    assert_eq!(metrics.mean(Metric::HitRate(10)), Some(1.0));
    assert_eq!(metrics.mean(Metric::Mrr), Some((1.0 + 1.0 / 3.5) / 2.0));
    Ok(())
}
