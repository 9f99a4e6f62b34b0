//! An equal number of targets from each user against all that there are.

use u2i::Error;
use u2i::config::Experiment;
use u2i_datasets::DatasetName;
use u2i_eval::quantile_groups;
use u2i_features::PerUser;
use u2i_page::{Kind, Picture, Scale};

use super::claim::{Claim, Finding, Verdict};
use super::lab::{Lab, NDCG, Run, TEST, test};
use super::noise::{Estimate, Sign, over_names};

pub(super) const CLAIM: Claim = Claim {
    id: "samples-per-user",
    title: "A fixed number of samples per user serves those who watch little",
    statement: "With the same number of training samples from each user, those who watch much do not dominate, and those who watch \
                little are served better.",
    measured: "YouTubeDNN on MovieLens 100K, tuned recipe, three seeds: all targets of each user, as many in the mean but the same \
               number from each (drawn again where a user has fewer), and 20 from each. Steps hold about as many targets in each. \
               NDCG@10 on test targets, by quarters of users from the least active on.",
    rule: "Holds if the least active quarter gains more than noise from as many targets in the mean, and all users together do not \
           lose more than noise; under a condition if it gains and all together lose, or if it gains only with 20; else it does not \
           hold.",
    needs: &[DatasetName::ML_100K],
    run,
};

const FEW: u32 = 20;

/// What fixed numbers have over all targets.
struct Gain {
    least_active: Estimate,
    all_users: Estimate,
    least_active_few: Estimate,
}

impl Gain {
    fn verdict(&self) -> Verdict {
        match (self.least_active.sign(), self.all_users.sign(), self.least_active_few.sign()) {
            (Sign::Above, Sign::Above | Sign::Within, _) => Verdict::Holds,
            (Sign::Above, Sign::Below, _) => {
                Verdict::under("those who watch little count, and not all users together, who lose by it")
            }
            (_, _, Sign::Above) => Verdict::under(format!("only {FEW} targets are taken from each user")),
            _ => Verdict::DoesNotHoldHere,
        }
    }
}

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let base = lab.experiment("ml-100k/youtube_dnn", &[])?;
    let prepared = lab.prepared(&base)?;
    let n_trained = |user: u32| prepared.train.events().items(user as usize).len() as u32;
    let with_targets = (0..prepared.events.n_users() as u32).filter(|&user| n_trained(user) > 1).count();
    let mean = (prepared.samples.len() / with_targets.max(1)).max(1) as u32;
    let steps = chunks(&base, &prepared.samples) as f64 / base.train.chunks_per_step.get() as f64;
    let mut all: Vec<(String, Vec<Run>)> = Vec::new();
    all.push(("all".into(), lab.train_seeds("all targets", &base, lab.seeds(3))?));
    for n in [mean, FEW] {
        let mut runs = Vec::new();
        for seed in lab.seeds(3) {
            let mut experiment = Experiment { seed, ..base.clone() };
            experiment.samples.per_user = PerUser::Fixed { n: n.try_into().expect("at least 1") };
            let drawn = lab.prepared(&experiment)?;
            // Drawn targets make short chunks: more of them hold as many targets.
            let share = drawn.samples.len() as f64 / prepared.samples.len() as f64;
            let per_step = chunks(&experiment, &drawn.samples) as f64 / (steps * share);
            experiment.train.chunks_per_step =
                (per_step.round().max(1.0) as usize).try_into().expect("at least 1");
            let drawn = lab.prepared(&experiment)?;
            runs.push(lab.train_on(
                &format!("{n} targets of each user, seed {seed}"),
                &experiment,
                &drawn,
                &[(TEST, &drawn)],
            )?);
        }
        all.push((n.to_string(), runs));
    }

    let activity: Vec<u32> = prepared.test.iter().map(|target| n_trained(target.user)).collect();
    let groups = quantile_groups(&activity, 4);
    let of_group = |runs: &[Run], group: usize| -> Vec<Vec<f64>> {
        let keep = |values: Vec<f64>| {
            let kept = values.into_iter().zip(&activity).filter(|(_, n)| groups[group].contains(n));
            kept.map(|(value, _)| value).collect()
        };
        test(runs, NDCG).into_iter().map(keep).collect()
    };
    let gain_of = |way: usize, group: usize| {
        Estimate::difference(&of_group(&all[way].1, group), &of_group(&all[0].1, group))
    };
    let overall = |way: usize| Estimate::difference(&test(&all[way].1, NDCG), &test(&all[0].1, NDCG));
    let gain = Gain { least_active: gain_of(1, 0), all_users: overall(1), least_active_few: gain_of(2, 0) };
    let mut finding = Finding::new(gain.verdict()).figure("samples_per_user_in_the_mean", f64::from(mean));
    let keys = ["mean", "few"];
    for way in [1, 2] {
        let key = keys[way - 1];
        finding = finding.estimate(&format!("fixed_{key}_over_all_all_users"), overall(way));
        for group in 0..groups.len() {
            let name = format!("fixed_{key}_over_all_quarter_{}", group + 1);
            finding = finding.estimate(&name, gain_of(way, group));
        }
    }
    let mut rows = Vec::new();
    for (group, range) in groups.iter().enumerate() {
        let users = activity.iter().filter(|n| range.contains(n)).count();
        let mut row = vec![format!("{} to {} events", range.start(), range.end()), users.to_string()];
        row.push(Estimate::over(&of_group(&all[0].1, group)).text());
        row.extend([1, 2].map(|way| gain_of(way, group).signed()));
        rows.push(row);
    }
    let mut row = vec!["all users".to_owned(), activity.len().to_string()];
    row.push(Estimate::over(&test(&all[0].1, NDCG)).text());
    row.extend([1, 2].map(|way| overall(way).signed()));
    rows.push(row);
    let series = all.iter().map(|(name, runs)| {
        let estimates = (0..groups.len()).map(|group| Estimate::over(&of_group(runs, group)));
        over_names(name, estimates)
    });
    Ok(finding
        .table(
            "NDCG@10 by events of a user in training",
            &["users with", "users", "all targets", &format!("{mean} of each, gain"), &format!("{FEW} of each, gain")],
            rows,
        )
        .picture(Picture {
            title: "NDCG@10 by activity of users and targets of each".into(),
            x: "events of a user in training".into(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Names(groups.iter().map(|r| format!("{}-{}", r.start(), r.end())).collect()),
            y_scale: Scale::FromZero,
            kind: Kind::Points,
            series: series.collect(),
        })
        .note(format!(
            "{mean} of each is as much training as all targets, {FEW} of each is less: a loss of the latter is in part that of \
             less training."
        )))
}

fn chunks(experiment: &Experiment, samples: &u2i_schema::SampleTable) -> usize {
    samples.chunks(experiment.train.chunk_targets).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_of_those_who_watch_little_must_be_more_than_noise() {
        let estimate = |mean| Estimate { mean, standard_error: 0.01 };
        let word = |least, all, few| {
            let (least_active, all_users) = (estimate(least), estimate(all));
            Gain { least_active, all_users, least_active_few: estimate(few) }.verdict().word()
        };
        assert_eq!(word(0.021, -0.019, 0.0), "holds");
        assert_eq!(word(0.021, -0.021, 0.0), "holds_under_a_condition");
        assert_eq!(word(0.019, 0.0, 0.021), "holds_under_a_condition");
        assert_eq!(word(0.019, 0.1, 0.019), "does_not_hold_here");
    }
}
