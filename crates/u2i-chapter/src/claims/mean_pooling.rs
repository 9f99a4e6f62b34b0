//! Averaging the history against weighing it by age.

use u2i::Error;
use u2i_datasets::DatasetName;
use u2i_page::{Kind, Picture, Scale};

use super::claim::{Claim, Finding, Verdict};
use super::lab::{HITS, Lab, NDCG, test};
use super::noise::{Estimate, Sign, over_names};

pub(super) const CLAIM: Claim = Claim {
    id: "mean-pooling",
    title: "The mean of the watched items stands for the history",
    statement: "The vectors of the items that a user watched are averaged, and that average stands for the history.",
    measured: "YouTubeDNN with the plain mean of the last 50 items, and with four heads of learned weights by age, from all alike \
               to the newest almost alone: MovieLens 100K (tuned recipe, three seeds) and MovieLens 1M (quick recipe, one epoch, \
               two seeds). NDCG@10 on test targets.",
    rule: "Holds if weights by age are better than the mean by more than noise on neither data set; under a condition if on one \
           only; does not hold if on both.",
    needs: &[DatasetName::ML_100K, DatasetName::ML_1M],
    run,
};

/// What weights by age have over the mean, by data set.
fn verdict(leads: &[(&str, Estimate)]) -> Verdict {
    let enough: Vec<&str> =
        leads.iter().filter(|(_, lead)| lead.sign() != Sign::Above).map(|(name, _)| *name).collect();
    match enough.len() {
        0 => Verdict::DoesNotHoldHere,
        n if n == leads.len() => Verdict::Holds,
        _ => Verdict::under(format!("on {}", enough.join(" and "))),
    }
}

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let mean = ["model.youtube_dnn.user.history.pooling={ mean = {} }", "model.youtube_dnn.user.skip=false"];
    let sets = [
        ("MovieLens 100K", "ml_100k", "ml-100k/youtube_dnn", &[][..], 3),
        ("MovieLens 1M", "ml_1m", "ml-1m/quick/youtube_dnn", &["train.epochs=1"][..], 2),
    ];
    let (mut leads, mut rows) = (Vec::new(), Vec::new());
    let (mut means, mut weighed) = (Vec::new(), Vec::new());
    let mut figures = Vec::new();
    for (name, key, base, set, seeds) in sets {
        let mut train = |label: &str, more: &[&str]| {
            let experiment = lab.experiment(base, &[set, more].concat())?;
            lab.train_seeds(&format!("{name}, {label}"), &experiment, lab.seeds(seeds))
        };
        let (by_mean, by_age) = (train("mean", &mean)?, train("weights by age", &[])?);
        let lead = Estimate::difference(&test(&by_age, NDCG), &test(&by_mean, NDCG));
        let (of_mean, of_age) = (Estimate::over(&test(&by_mean, NDCG)), Estimate::over(&test(&by_age, NDCG)));
        figures.push((format!("ndcg@10_mean_{key}"), of_mean));
        figures.push((format!("ndcg@10_by_age_{key}"), of_age));
        figures.push((format!("by_age_over_mean_{key}"), lead));
        for (label, runs, own) in [("mean", &by_mean, of_mean), ("weights by age", &by_age, of_age)] {
            let hits = Estimate::over(&test(runs, HITS)).text();
            let over = if label == "mean" { String::new() } else { lead.signed() };
            rows.push(vec![format!("{name}, {label}"), own.text(), hits, over]);
        }
        leads.push((name, lead));
        means.push(of_mean);
        weighed.push(of_age);
    }
    let mut finding = Finding::new(verdict(&leads));
    for (name, estimate) in figures {
        finding = finding.estimate(&name, estimate);
    }
    Ok(finding
        .table(
            "YouTubeDNN by pooling",
            &["data set, pooling", "NDCG@10", "HR@10", "over the mean, NDCG@10"],
            rows,
        )
        .picture(Picture {
            title: "NDCG@10 by pooling of the history".into(),
            x: String::new(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Names(leads.iter().map(|(name, _)| (*name).to_owned()).collect()),
            y_scale: Scale::FromZero,
            kind: Kind::Points,
            series: vec![over_names("mean", means), over_names("by age", weighed)],
        })
        .note("The skip connection is left out with the mean, as in the paper; it belongs to the heads."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_stands_where_nothing_is_better_beyond_noise() {
        let lead = |mean| Estimate { mean, standard_error: 0.01 };
        assert_eq!(verdict(&[("A", lead(0.019)), ("B", lead(-0.1))]), Verdict::Holds);
        assert_eq!(verdict(&[("A", lead(0.021)), ("B", lead(0.0))]), Verdict::under("on B"));
        assert_eq!(verdict(&[("A", lead(0.021)), ("B", lead(0.021))]), Verdict::DoesNotHoldHere);
    }
}
