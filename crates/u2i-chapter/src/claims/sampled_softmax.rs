//! Softmax over a few drawn items against softmax over all, in time and in what training reaches.

use std::hint::black_box;

use burn::tensor::{Device, Int, Tensor, TensorData};
use u2i::Error;
use u2i_datasets::DatasetName;
use u2i_losses::samplers::{Sampler as _, Uniform};
use u2i_losses::{Temperature, full_softmax, sampled_softmax};
use u2i_page::{Kind, Picture, Point, Scale, Series};
use u2i_random::{Purpose, Stream};

use super::claim::{Claim, Finding, Verdict};
use super::lab::{HITS, Lab, NDCG, Run, test};
use super::noise::{Estimate, LEVEL, Sign, mean};
use super::timing::{duration, medians};

pub(super) const TIME: Claim = Claim {
    id: "sampled-softmax-time",
    title: "A few thousand negatives make training a hundred times faster",
    statement: "With some thousand drawn negatives in place of all items, training a softmax over millions of classes is more \
                than a hundred times faster.",
    measured: "Loss and gradients of 64 users with vectors of 64 numbers, as the catalog grows: full softmax over all items, and \
               sampled softmax with 20 to 5,000 shared uniform negatives, drawing and looking up included. Processor time.",
    rule: "Holds if 2,000 negatives are at least 100 times faster at the smallest catalog, which is about as large as that of \
           MovieLens 1M; under a condition if they are at a larger one that was measured; else it does not hold.",
    needs: &[],
    run: time,
};

pub(super) const ACCURACY: Claim = Claim {
    id: "sampled-softmax-accuracy",
    title: "A few thousand negatives train as well as all items",
    statement: "Some thousand negatives per step are enough to train as if all items were compared.",
    measured: "YouTubeDNN with 20 to 5,000 uniform negatives shared by a step, and with full softmax: MovieLens 100K (tuned \
               recipe, two seeds) and MovieLens 1M (quick recipe, one epoch, one seed). NDCG@10 on test targets and processor \
               time of training. Negatives are drawn with replacement from 1,682 and 3,706 items, so that 5,000 are nearly all of \
               them.",
    rule: "Holds if full softmax is not better than 2,000 negatives by more than noise on either data set; under a condition if \
           that is so on one only, or with 5,000 alone; else it does not hold.",
    needs: &[DatasetName::ML_100K, DatasetName::ML_1M],
    run: accuracy,
};

const NEGATIVES: [usize; 5] = [20, 100, 500, 2_000, 5_000];
/// Of [`NEGATIVES`], the one that both verdicts are about.
const THOUSANDS: usize = 3;
const BATCH: usize = 64;
const DIM: usize = 64;
const WANTED: f64 = 100.0;

/// How many times faster a step is, by the number of items.
fn time_verdict(faster: &[(usize, f64)]) -> Verdict {
    let first = faster.iter().position(|(_, times)| *times >= WANTED);
    match first {
        Some(0) => Verdict::Holds,
        Some(place) => {
            let (items, times) = faster[place];
            Verdict::under(format!(
                "the catalog is large: of those measured, it is so from {items} items on ({times:.0} times), and with fewer \
                 items there is less to save"
            ))
        }
        None => Verdict::DoesNotHoldHere,
    }
}

fn time(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let sizes: &[usize] = lab.size(&[4_000, 32_000, 256_000, 1_000_000][..], &[500, 1_000]);
    let negatives = lab.size(&NEGATIVES[..], &[20, 100, 200, 300, 400]);
    let rounds = lab.size(3, 1);
    let device = lab.device.device.clone().autodiff();
    let mut times: Vec<Vec<f64>> = Vec::new();
    for &n_items in sizes {
        lab.say(&format!("sampled-softmax-time: {n_items} items"));
        let step = Step::new(n_items, &device);
        let mut jobs: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(|| step.full())];
        for &n in negatives {
            let step = &step;
            jobs.push(Box::new(move || step.sampled(n)));
        }
        times.push(medians(rounds, &mut jobs));
    }
    let times_faster = |times: &Vec<f64>| times[0] / times[THOUSANDS + 1];
    let faster: Vec<(usize, f64)> =
        sizes.iter().zip(&times).map(|(&n_items, times)| (n_items, times_faster(times))).collect();
    let mut finding = Finding::new(time_verdict(&faster));
    for (n_items, times) in &faster {
        finding =
            finding.figure(format!("times_faster_with_{}_at_{n_items}_items", negatives[THOUSANDS]), *times);
    }
    for (n_items, times) in sizes.iter().zip(&times) {
        finding = finding.figure(format!("full_softmax_step_s_at_{n_items}_items"), times[0]);
    }
    let rows = sizes.iter().zip(&times).map(|(n_items, times)| {
        let cells = times.iter().map(|&time| duration(time));
        let faster = format!("{:.1}", times_faster(times));
        std::iter::once(n_items.to_string()).chain(cells).chain([faster]).collect()
    });
    let names: Vec<String> = negatives.iter().map(|n| format!("{n} negatives")).collect();
    let faster_with = format!("times faster with {}", negatives[THOUSANDS]);
    let mut header = vec!["items", "full"];
    header.extend(names.iter().map(String::as_str));
    header.push(&faster_with);
    let line = |name: String, column: usize| {
        Series::new(&name, sizes.iter().zip(&times).map(|(&n, times)| (n as f64, times[column] * 1e3)))
    };
    let mut series = vec![line("full".into(), 0)];
    series.extend([1, 3, 4, 5].map(|column| line(format!("{} drawn", negatives[column - 1]), column)));
    Ok(finding
        .table("Time of one step: loss and gradients of 64 users", &header, rows.collect())
        .picture(Picture {
            title: "Time of a step by the number of items".into(),
            x: "items".into(),
            y: "ms".into(),
            x_scale: Scale::Log,
            y_scale: Scale::Log,
            kind: Kind::Lines,
            series,
        })
        .note(
            "This is the loss alone. Whatever else a step does (encoding users, moving tables) is the same for both, so that whole \
             training gains less; how much on MovieLens 1M is in the next claim.",
        ))
}

/// Users, and a table of items on the host.
struct Step {
    users: Vec<f32>,
    items: Vec<f32>,
    device: Device,
    sampler: Uniform,
}

impl Step {
    fn new(n_items: usize, device: &Device) -> Self {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 24, n_items as u64);
        let mut drawn = |n: usize| (0..n * DIM).map(|_| stream.uniform(-0.2, 0.2) as f32).collect();
        let (users, items) = (drawn(BATCH), drawn(n_items));
        let sampler = Uniform::new(n_items).expect("there are items");
        Step { users, items, device: device.clone(), sampler }
    }

    fn leaf(&self, values: Vec<f32>) -> Tensor<2> {
        let shape = [values.len() / DIM, DIM];
        Tensor::from_data(TensorData::new(values, shape), &self.device).require_grad()
    }

    fn full(&self) {
        let (users, items) = (self.leaf(self.users.clone()), self.leaf(self.items.clone()));
        let targets: Vec<i32> = (0..BATCH as i32).collect();
        let targets = Tensor::<1, Int>::from_ints(targets.as_slice(), &self.device);
        let gradients = full_softmax(users, items.clone(), targets, Temperature::ONE).backward();
        black_box(items.grad(&gradients));
    }

    fn sampled(&self, n: usize) {
        let drawn = self.sampler.draw(n, &mut Stream::new(1, Purpose::NEGATIVES, 0, n as u64));
        let rows = drawn.items.iter().flat_map(|&item| &self.items[(item as usize - 1) * DIM..][..DIM]);
        let negatives = self.leaf(rows.copied().collect());
        let users = self.leaf(self.users.clone());
        let positives = self.leaf(self.items[..BATCH * DIM].to_vec());
        let hits: Vec<bool> =
            (1..=BATCH as u32).flat_map(|own| drawn.items.iter().map(move |&item| item == own)).collect();
        let hits = Tensor::from_data(TensorData::new(hits, [BATCH, drawn.items.len()]), &self.device);
        let log_expected = Tensor::from_floats(drawn.log_expected.as_slice(), &self.device);
        let loss = sampled_softmax(users, positives, negatives.clone(), hits, log_expected, Temperature::ONE);
        black_box(negatives.grad(&loss.backward()));
    }
}

/// What the second verdict follows from: what full softmax has over 2,000 and over 5,000 negatives, by data set.
struct Lead {
    over_2000: Vec<(&'static str, Estimate)>,
    over_5000: Vec<(&'static str, Estimate)>,
}

impl Lead {
    fn verdict(&self) -> Verdict {
        let enough = |leads: &[(&'static str, Estimate)]| -> Vec<&'static str> {
            leads.iter().filter(|(_, lead)| lead.sign() != Sign::Above).map(|(name, _)| *name).collect()
        };
        let (two, five) = (enough(&self.over_2000), enough(&self.over_5000));
        match (two.len(), five.len()) {
            (n, _) if n == self.over_2000.len() => Verdict::Holds,
            (0, 0) => Verdict::DoesNotHoldHere,
            (0, _) => Verdict::under(format!("there are 5,000 negatives, on {}", five.join(" and "))),
            (_, _) => Verdict::under(format!("on {}", two.join(" and "))),
        }
    }
}

fn accuracy(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let sets = [
        ("MovieLens 100K", "ml-100k/youtube_dnn", &[][..], 2),
        ("MovieLens 1M", "ml-1m/quick/youtube_dnn", &["train.epochs=1"][..], 1),
    ];
    let mut lead = Lead { over_2000: Vec::new(), over_5000: Vec::new() };
    let mut rows = Vec::new();
    let mut series = Vec::new();
    let mut figures: Vec<(String, Estimate)> = Vec::new();
    let mut faster = Vec::new();
    for (name, base, set, seeds) in sets {
        let mut train = |label: &str, change: &str| -> Result<Vec<Run>, Error> {
            let experiment = lab.experiment(base, &[set, &[change]].concat())?;
            lab.train_seeds(&format!("{name}, {label}"), &experiment, lab.seeds(seeds))
        };
        let mut all = Vec::new();
        for n in NEGATIVES {
            let change = format!("loss.sampled_softmax.negatives={n}");
            all.push((n.to_string(), train(&format!("{n} negatives"), &change)?));
        }
        let full = train("full softmax", "loss={ full_softmax = { temperature = 0.1 } }")?;
        let over = |runs: &[Run]| Estimate::difference(&test(&full, NDCG), &test(runs, NDCG));
        let cpu_s = |runs: &[Run]| mean(&runs.iter().map(|run| run.cpu_s).collect::<Vec<_>>());
        lead.over_2000.push((name, over(&all[THOUSANDS].1)));
        lead.over_5000.push((name, over(&all[THOUSANDS + 1].1)));
        faster.push((name, cpu_s(&full) / cpu_s(&all[THOUSANDS].1)));
        let means: Vec<Estimate> = all.iter().map(|(_, runs)| Estimate::over(&test(runs, NDCG))).collect();
        let points = NEGATIVES.iter().zip(&means).map(|(&n, mean)| Point {
            x: n as f64,
            y: mean.mean,
            error: LEVEL * mean.standard_error,
        });
        series.push(Series { name: name.replace("MovieLens ", "ML-"), points: points.collect() });
        for ((n, runs), mean) in all.iter().zip(&means) {
            figures.push((format!("{name} ndcg@10 with {n}"), *mean));
            figures.push((format!("{name} full over {n}"), over(runs)));
        }
        let of_full = Estimate::over(&test(&full, NDCG));
        let line = [20.0, 5_000.0].map(|x| (x, of_full.mean));
        series.push(Series::new(&format!("{}, full", name.replace("MovieLens ", "ML-")), line));
        figures.push((format!("{name} ndcg@10 with full softmax"), of_full));
        all.push(("full softmax".to_owned(), full.clone()));
        for (n, runs) in &all {
            let is_full = n == "full softmax";
            rows.push(vec![
                format!("{name}, {n}"),
                Estimate::over(&test(runs, NDCG)).text(),
                Estimate::over(&test(runs, HITS)).text(),
                if is_full { String::new() } else { over(runs).signed() },
                format!("{:.0}", cpu_s(runs)),
            ]);
        }
    }
    let mut finding = Finding::new(lead.verdict());
    for (name, estimate) in figures {
        finding = finding.estimate(&name.to_lowercase().replace(' ', "_"), estimate);
    }
    for (name, times) in faster {
        let name = name.to_lowercase().replace(' ', "_");
        finding = finding.figure(format!("{name}_training_times_faster_with_2000"), times);
    }
    Ok(finding
        .table(
            "YouTubeDNN by negatives of a step",
            &["data set, negatives", "NDCG@10", "HR@10", "full softmax over it, NDCG@10", "training, CPU s"],
            rows,
        )
        .picture(Picture {
            title: "NDCG@10 by the number of negatives".into(),
            x: "negatives of a step".into(),
            y: "NDCG@10 on test targets".into(),
            x_scale: Scale::Log,
            y_scale: Scale::FromZero,
            kind: Kind::Lines,
            series,
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredfold_is_looked_for_from_small_catalogs_to_large() {
        assert_eq!(time_verdict(&[(4_000, 120.0), (9_000, 300.0)]), Verdict::Holds);
        match time_verdict(&[(4_000, 2.0), (256_000, 99.9), (1_000_000, 400.0)]) {
            Verdict::HoldsUnderACondition(text) => assert!(text.contains("from 1000000 items"), "{text}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(time_verdict(&[(4_000, 2.0), (256_000, f64::NAN)]), Verdict::DoesNotHoldHere);
    }

    #[test]
    fn negatives_are_enough_where_full_softmax_is_not_better() {
        let lead = |mean| Estimate { mean, standard_error: 0.01 };
        let verdict = |two: [f64; 2], five: [f64; 2]| {
            let named = |values: [f64; 2]| vec![("A", lead(values[0])), ("B", lead(values[1]))];
            Lead { over_2000: named(two), over_5000: named(five) }.verdict()
        };
        assert_eq!(verdict([0.019, -0.5], [0.0, 0.0]), Verdict::Holds);
        assert_eq!(verdict([0.021, 0.0], [0.0, 0.0]), Verdict::under("on B"));
        let five = Verdict::under("there are 5,000 negatives, on A");
        assert_eq!(verdict([0.021, 0.021], [0.0, 0.021]), five);
        assert_eq!(verdict([0.021, 0.021], [0.021, 0.021]), Verdict::DoesNotHoldHere);
    }

    #[test]
    fn both_losses_have_gradients_of_tiny_steps() {
        let step = Step::new(100, &Device::flex().autodiff());
        step.full();
        step.sampled(20);
    }
}
