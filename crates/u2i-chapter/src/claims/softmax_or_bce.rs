//! DSSM as a choice among all items against DSSM as one yes or no at a time.

use u2i::Error;
use u2i_datasets::DatasetName;
use u2i_page::{Kind, Picture, Scale};

use super::claim::{Claim, Finding, Verdict};
use super::lab::{HITS, Lab, NDCG, test};
use super::noise::{Estimate, Sign, mean, over_names};

pub(super) const CLAIM: Claim = Claim {
    id: "softmax-or-bce",
    title: "DSSM is trained as a choice among all items",
    statement: "Recall is a classification with one class per item; DSSM maximises the probability of the positive in a softmax, \
                approximated with a few drawn negatives, which fits the task better than judging pairs one by one.",
    measured: "DSSM on MovieLens 100K, tuned recipe, three seeds, trained four ways: binary cross-entropy with 4 negatives of each \
               target, and sampled softmax with the same 4, both on inner products; sampled softmax with 4 on cosines at \
               temperature 0.1; and with 256 shared by a step, which is the recipe. NDCG@10 on test targets.",
    rule: "Holds if softmax beats binary cross-entropy by more than noise with the same negatives and the same inner products, and \
           as the recipe has it; under a condition if only one of them does, which names it; else it does not hold.",
    needs: &[DatasetName::ML_100K],
    run,
};

/// What softmax has over binary cross-entropy.
struct Lead {
    /// All else equal.
    alike: Estimate,
    /// As the recipe has it.
    recipe: Estimate,
}

impl Lead {
    fn verdict(&self) -> Verdict {
        match (self.alike.sign() == Sign::Above, self.recipe.sign() == Sign::Above) {
            (true, true) => Verdict::Holds,
            (false, true) => Verdict::under(
                "softmax comes with more negatives and with cosines at a low temperature; with the same 4 negatives and inner \
                 products it is not better",
            ),
            (true, false) => Verdict::under("negatives and scores are the same"),
            (false, false) => Verdict::DoesNotHoldHere,
        }
    }
}

fn run(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let inner = "model.dssm.normalization=none";
    let four = |temperature: &str| {
        format!(
            "loss={{ sampled_softmax = {{ negatives = 4, sampler = {{ uniform = {{}} }}, temperature = {temperature}, draw = \
             'per_row' }} }}"
        )
    };
    let (four_alike, four_cosines) = (four("1.0"), four("0.1"));
    let ways: [(&str, &str, Vec<&str>); 4] = [
        (
            "BCE, 4 negatives",
            "bce",
            vec![inner, "loss={ bce = { negatives = 4, sampler = { uniform = {} } } }"],
        ),
        ("softmax, the same 4", "softmax_4", vec![inner, &four_alike]),
        ("softmax, 4, cosines", "softmax_4_cosines", vec![&four_cosines]),
        ("softmax, 256, cosines", "softmax_256_cosines", vec![]),
    ];
    let mut all = Vec::new();
    for (name, _, set) in &ways {
        let experiment = lab.experiment("ml-100k/dssm", set)?;
        all.push(lab.train_seeds(&format!("dssm, {name}"), &experiment, lab.seeds(3))?);
    }
    let over = |way: usize| Estimate::difference(&test(&all[way], NDCG), &test(&all[0], NDCG));
    let lead = Lead { alike: over(1), recipe: over(3) };
    let mut finding = Finding::new(lead.verdict());
    let means: Vec<Estimate> = all.iter().map(|runs| Estimate::over(&test(runs, NDCG))).collect();
    let mut rows = Vec::new();
    for (way, ((name, key, _), runs)) in ways.iter().zip(&all).enumerate() {
        finding = finding.estimate(&format!("ndcg@10_{key}"), means[way]);
        if way > 0 {
            finding = finding.estimate(&format!("{key}_over_bce"), over(way));
        }
        rows.push(vec![
            (*name).to_owned(),
            means[way].text(),
            Estimate::over(&test(runs, HITS)).text(),
            if way == 0 { String::new() } else { over(way).signed() },
            format!("{:.0}", mean(&runs.iter().map(|run| run.cpu_s).collect::<Vec<_>>())),
        ]);
    }
    Ok(finding
        .table("DSSM by loss", &["loss", "NDCG@10", "HR@10", "over BCE, NDCG@10", "training, CPU s"], rows)
        .picture(Picture {
            title: "NDCG@10 of DSSM by loss".into(),
            x: String::new(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Names(["BCE, 4", "softmax, 4", "softmax, 4\ncosines", "256\ncosines"].map(str::to_owned).to_vec()),
            y_scale: Scale::FromZero,
            kind: Kind::Points,
            series: vec![over_names("DSSM", means)],
        })
        .note(
            "Learning rate and epochs are those that were tuned for the last of the four. Binary cross-entropy needs scores beyond \
             −1 to 1 to be sure of anything, so it has no cosines here.",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_of_the_recipe_alone_is_a_condition() {
        let estimate = |mean| Estimate { mean, standard_error: 0.01 };
        let word = |alike, recipe| Lead { alike: estimate(alike), recipe: estimate(recipe) }.verdict().word();
        assert_eq!(word(0.03, 0.03), "holds");
        assert_eq!(word(0.019, 0.03), "holds_under_a_condition");
        assert_eq!(word(0.03, 0.0), "holds_under_a_condition");
        assert_eq!(word(0.019, -0.03), "does_not_hold_here");
    }
}
