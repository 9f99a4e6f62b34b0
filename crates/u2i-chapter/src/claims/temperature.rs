//! What a temperature does to the softmax, and to the model that is trained with it.

use u2i::Error;
use u2i_datasets::DatasetName;
use u2i_page::{Kind, Picture, Point, Scale, Series};
use u2i_random::{Purpose, Stream};

use super::claim::{Claim, Finding, Verdict};
use super::lab::{HITS, Lab, NDCG, test};
use super::noise::{Estimate, Sign};

pub(super) const SOFTMAX: Claim = Claim {
    id: "temperature-softmax",
    title: "A low temperature sharpens the softmax",
    statement: "Scores divided by a temperature below 1 give a distribution that is more certain, above 1 one that is flatter.",
    measured: "Cosines of one positive (0.5) and 999 negatives (drawn, standard deviation 0.25), divided by temperatures from 0.02 \
               to 2: entropy, the largest probability, and how much of the gradient of the cross-entropy that falls on negatives \
               goes to the ten hardest.",
    rule: "Holds if entropy rises and both the largest probability and the share of the hardest negatives fall from each \
           temperature to the next; under a condition if entropy and probability do and the share does not; else it does not \
           hold.",
    needs: &[],
    run: softmax,
};

pub(super) const TRAINING: Claim = Claim {
    id: "temperature-training",
    title: "The temperature decides how well a model is trained",
    statement: "That single division has a deep effect on what training reaches.",
    measured: "DSSM on MovieLens 100K, tuned recipe with cosines, its temperature replaced; two seeds, NDCG@10 on test targets.",
    rule: "Holds if the temperature that is best differs from 1, where scores stay as they are, by more than noise; under a \
           condition if it does so only from another temperature of the sweep; else it does not hold.",
    needs: &[DatasetName::ML_100K],
    run: training,
};

const SWEEP: [f64; 7] = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0];
const NEGATIVES: usize = 999;
const HARDEST: usize = 10;

/// What a temperature makes of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    /// Of the distribution, in nats.
    entropy: f64,
    /// Of the item with the largest score.
    top: f64,
    /// Of the gradient on all negatives, what goes to the hardest.
    hardest_share: f64,
    /// Sum of the gradient on negatives, per unit of cosine.
    gradient: f64,
}

impl Shape {
    /// `scores[0]` is the positive's. The gradient of `-ln p_0` by score `j` is `p_j / temperature`.
    fn of(scores: &[f64], temperature: f64) -> Self {
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| ((score - largest) / temperature).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let p: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        let mut negatives = p[1..].to_vec();
        negatives.sort_by(|a, b| b.total_cmp(a));
        let on_negatives: f64 = negatives.iter().sum();
        Shape {
            entropy: -p.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>(),
            top: p.iter().copied().fold(0.0, f64::max),
            hardest_share: negatives.iter().take(HARDEST).sum::<f64>() / on_negatives,
            gradient: on_negatives / temperature,
        }
    }
}

/// Temperatures ascend.
fn softmax_verdict(shapes: &[Shape]) -> Verdict {
    let along = |value: fn(&Shape) -> f64| shapes.windows(2).all(|pair| value(&pair[0]) < value(&pair[1]));
    let certain = along(|shape| shape.entropy) && along(|shape| -shape.top);
    match (certain, along(|shape| -shape.hardest_share)) {
        (true, true) => Verdict::Holds,
        (true, false) => Verdict::under("certainty alone is meant, and not where the gradient goes"),
        (false, _) => Verdict::DoesNotHoldHere,
    }
}

fn softmax(_: &mut Lab<'_>) -> Result<Finding, Error> {
    let mut stream = Stream::new(1, Purpose::SYNTHETIC, 22, 0);
    let negatives = (0..NEGATIVES).map(|_| (0.25 * stream.normal()).clamp(-1.0, 1.0));
    let scores: Vec<f64> = std::iter::once(0.5).chain(negatives).collect();
    let shapes = SWEEP.map(|temperature| Shape::of(&scores, temperature));
    let mut finding = Finding::new(softmax_verdict(&shapes));
    for (temperature, shape) in SWEEP.iter().zip(&shapes) {
        finding = finding
            .figure(format!("entropy_nats_at_{temperature}"), shape.entropy)
            .figure(format!("top_probability_at_{temperature}"), shape.top)
            .figure(format!("hardest_share_at_{temperature}"), shape.hardest_share);
    }
    let rows = SWEEP.iter().zip(&shapes).map(|(temperature, shape)| {
        let cells = [shape.entropy, shape.top, shape.hardest_share, shape.gradient];
        std::iter::once(temperature.to_string()).chain(cells.map(|cell| format!("{cell:.4}"))).collect()
    });
    let line = |name: &str, value: &dyn Fn(&Shape) -> f64| {
        Series::new(name, SWEEP.iter().zip(&shapes).map(|(temperature, shape)| (*temperature, value(shape))))
    };
    let most = (scores.len() as f64).ln();
    Ok(finding
        .table(
            "One positive and 999 negatives",
            &["temperature", "entropy, nats", "largest probability", "share of the ten hardest", "gradient on negatives"],
            rows.collect(),
        )
        .picture(Picture {
            title: "What a temperature makes of the softmax".into(),
            x: "temperature".into(),
            y: "share".into(),
            x_scale: Scale::Log,
            y_scale: Scale::FromZero,
            kind: Kind::Lines,
            series: vec![
                line("entropy / ln n", &|shape| shape.entropy / most),
                line("largest p", &|shape| shape.top),
                line("hardest ten", &|shape| shape.hardest_share),
            ],
        })
        .note(
            "With a low temperature almost all that negatives are pushed with falls on the few that score highest: that makes \
             them hard negatives by itself, and lets a mistaken one count as much. Cosines span only −1 to 1, so that at \
             temperature 1 the softmax over many items is nearly flat whatever the model has learned.",
        ))
}

/// What the second verdict follows from, by temperature.
struct Sweep {
    /// How much the best temperature has over each.
    over: Vec<(f64, Estimate)>,
}

impl Sweep {
    fn verdict(&self) -> Verdict {
        let above = |at: &(f64, Estimate)| at.1.sign() == Sign::Above;
        if self.over.iter().any(|at| at.0 == 1.0 && above(at)) {
            return Verdict::Holds;
        }
        match self.over.iter().filter(|at| above(at)).map(|at| at.0.to_string()).collect::<Vec<_>>() {
            worse if worse.is_empty() => Verdict::DoesNotHoldHere,
            worse => Verdict::under(format!("the temperature is far off, {}", worse.join(", "))),
        }
    }
}

fn training(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let sweep = lab.size(&SWEEP[..6], &[0.1, 1.0]);
    let mut runs = Vec::new();
    for temperature in sweep {
        let set = format!("loss.sampled_softmax.temperature={temperature:?}");
        let experiment = lab.experiment("ml-100k/dssm", &[&set])?;
        runs.push(lab.train_seeds(&format!("dssm, temperature {temperature}"), &experiment, lab.seeds(2))?);
    }
    let values: Vec<Vec<Vec<f64>>> = runs.iter().map(|runs| test(runs, NDCG)).collect();
    let means: Vec<Estimate> = values.iter().map(|values| Estimate::over(values)).collect();
    let best = (0..means.len()).max_by(|&a, &b| means[a].mean.total_cmp(&means[b].mean)).unwrap_or(0);
    let over: Vec<(f64, Estimate)> =
        sweep.iter().zip(&values).map(|(&at, own)| (at, Estimate::difference(&values[best], own))).collect();
    let found = Sweep { over };
    let mut finding = Finding::new(found.verdict()).figure("best_temperature", sweep[best]);
    for (at, mean) in sweep.iter().zip(&means) {
        finding = finding.estimate(&format!("ndcg@10_at_{at}"), *mean);
    }
    for (at, over) in found.over.iter().filter(|(at, _)| *at != sweep[best]) {
        finding = finding.estimate(&format!("best_over_{at}"), *over);
    }
    let rows = runs.iter().zip(&found.over).zip(&means).map(|((runs, (at, over)), mean)| {
        let below =
            if *at == sweep[best] { String::new() } else { Estimate { mean: -over.mean, ..*over }.signed() };
        vec![at.to_string(), mean.text(), Estimate::over(&test(runs, HITS)).text(), below]
    });
    let points = sweep.iter().zip(&means).map(|(&x, mean)| Point {
        x,
        y: mean.mean,
        error: super::noise::LEVEL * mean.standard_error,
    });
    Ok(finding
        .table(
            "DSSM by temperature",
            &["temperature", "NDCG@10", "HR@10", "NDCG@10 less that of the best"],
            rows.collect(),
        )
        .picture(Picture {
            title: "NDCG@10 of DSSM by the temperature that it was trained with".into(),
            x: "temperature".into(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Log,
            y_scale: Scale::FromZero,
            kind: Kind::Lines,
            series: vec![Series { name: "DSSM".into(), points: points.collect() }],
        })
        .note(
            "The best temperature is the highest mean of the sweep, so its lead over the others is a little flattered. Its \
             recipe, learning rate above all, was tuned at 0.1.",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores 0 and ln 3 at temperature 1: probabilities 1/4 and 3/4.
    #[test]
    fn shapes_are_those_of_a_distribution_by_hand() {
        let shape = Shape::of(&[0.0, 3f64.ln()], 1.0);
        let entropy = 0.25 * 4f64.ln() + 0.75 * (4.0 / 3.0f64).ln();
        assert!((shape.entropy - entropy).abs() < 1e-12);
        assert!((shape.top - 0.75).abs() < 1e-12 && (shape.gradient - 0.75).abs() < 1e-12);
        assert_eq!(shape.hardest_share, 1.0);
    }

    #[test]
    fn each_step_of_the_softmax_must_go_the_same_way() {
        let shape = |entropy, top, hardest_share| Shape { entropy, top, hardest_share, gradient: 1.0 };
        let good = [shape(1.0, 0.9, 0.5), shape(2.0, 0.5, 0.4)];
        assert_eq!(softmax_verdict(&good), Verdict::Holds);
        let share = [good[0], shape(2.0, 0.5, 0.6)];
        assert_eq!(softmax_verdict(&share).word(), "holds_under_a_condition");
        assert_eq!(softmax_verdict(&[good[0], shape(0.5, 0.5, 0.4)]), Verdict::DoesNotHoldHere);
    }

    #[test]
    fn a_lead_within_noise_is_no_effect() {
        let over = |at, mean| (at, Estimate { mean, standard_error: 0.01 });
        let verdict = |over: &[(f64, Estimate)]| Sweep { over: over.to_vec() }.verdict().word();
        assert_eq!(verdict(&[over(0.1, 0.0), over(1.0, 0.021)]), "holds");
        assert_eq!(
            verdict(&[over(0.02, 0.021), over(0.1, 0.0), over(1.0, 0.019)]),
            "holds_under_a_condition"
        );
        assert_eq!(verdict(&[over(0.02, 0.0), over(0.1, 0.019), over(1.0, 0.019)]), "does_not_hold_here");
    }
}
