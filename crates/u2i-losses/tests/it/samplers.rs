//! What samplers draw, how often, and that their correction makes partition sums unbiased.

use u2i_losses::samplers::{
    LogUniform, Negatives, Sampler, SamplerError, Uniform, Unigram, popularity_log_q,
};
use u2i_random::{Purpose, Stream};

pub fn negatives(step: u64) -> Stream {
    Stream::new(3, Purpose::NEGATIVES, 0, step)
}

/// Counts with ties and with items that were never seen; entry 0 is padding.
pub fn counts() -> Vec<u32> {
    (0u32..60).map(|item| if item == 0 || item % 10 == 7 { 0 } else { item * 7 % 23 + 1 }).collect()
}

/// Training events drawn at random, which is what the rows of a batch are to each other.
pub struct Events {
    items: Vec<u32>,
    log_q: Vec<f32>,
}

impl Events {
    pub fn new(counts: &[u32]) -> Self {
        let of = |(item, &count): (u32, &u32)| std::iter::repeat_n(item, count as usize);
        Events { items: (0..).zip(counts).flat_map(of).collect(), log_q: popularity_log_q(counts) }
    }
}

impl Sampler for Events {
    fn draw_one(&self, stream: &mut Stream) -> u32 {
        self.items[stream.index(self.items.len())]
    }

    fn log_q(&self, item_idx: u32) -> f32 {
        self.log_q.get(item_idx as usize).copied().unwrap_or(f32::NEG_INFINITY)
    }

    fn last_item(&self) -> u32 {
        self.log_q.len() as u32 - 1
    }
}

pub fn samplers() -> [(&'static str, Box<dyn Sampler>); 4] {
    samplers_of(&counts())
}

fn samplers_of(counts: &[u32]) -> [(&'static str, Box<dyn Sampler>); 4] {
    [
        ("uniform", Box::new(Uniform::new(counts.len() - 1).unwrap())),
        ("log-uniform", Box::new(LogUniform::new(counts).unwrap())),
        ("unigram", Box::new(Unigram::new(counts, 0.75).unwrap())),
        ("in-batch", Box::new(Events::new(counts))),
    ]
}

#[test]
fn probabilities_sum_to_one_and_padding_has_none() {
    for (name, sampler) in samplers() {
        let sum: f64 = (0..100).map(|item| f64::from(sampler.log_q(item)).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{name}: {sum}");
        assert_eq!(sampler.log_q(0), f32::NEG_INFINITY, "{name}");
    }
}

#[test]
fn items_come_up_as_often_as_log_q_says() {
    for (name, sampler) in samplers() {
        let n = 200_000;
        let mut found = [0.0; 60];
        sampler.draw_rows(n, &mut negatives(0)).iter().for_each(|&item| found[item as usize] += 1.0);
        let mut chi2 = 0.0;
        for (item, found) in (0u32..).zip(found) {
            let expected = n as f64 * f64::from(sampler.log_q(item)).exp();
            assert!(expected > 0.0 || found == 0.0, "{name} drew {item}, which has no probability");
            chi2 += if expected > 0.0 { (found - expected).powi(2) / expected } else { 0.0 };
        }
        assert!(chi2 < 98.3, "{name}: {chi2}"); // 99.9 % of χ² with 58 degrees of freedom; fewer have less
    }
}

/// The sum of `exp(score)` over all items, exact and from `n` draws: `Σ_j exp(s_j - log_expected_j)`.
#[test]
fn the_corrected_partition_sum_is_unbiased() {
    let score = |item: u32| f64::from(item * 37 % 59) / 15.0 - 2.0;
    for (name, sampler) in samplers() {
        let q = |item| f64::from(sampler.log_q(item)).exp();
        let drawable = || (1..60).filter(|&item| q(item) > 0.0);
        let exact: f64 = drawable().map(|item| score(item).exp()).sum();
        for n in [1, 16, 256] {
            let rounds = 2_000;
            let estimate = (0..rounds)
                .map(|round| {
                    let drawn = sampler.draw(n, &mut negatives(round));
                    let terms = drawn.items.iter().zip(&drawn.log_expected);
                    terms.map(|(&item, &log)| (score(item) - f64::from(log)).exp()).sum::<f64>()
                })
                .sum::<f64>()
                / rounds as f64;
            let second: f64 = drawable().map(|item| (2.0 * score(item)).exp() / q(item)).sum();
            let sigma = ((second - exact * exact) / (n as f64 * rounds as f64)).sqrt();
            assert!((estimate - exact).abs() < 3.0 * sigma, "{name}, n {n}: {estimate}, {exact} ± {sigma}");
        }
    }
}

#[test]
fn a_shared_draw_holds_each_item_once_with_its_count_folded_in() {
    for (name, sampler) in samplers() {
        let rows = sampler.draw_rows(500, &mut negatives(5));
        let drawn = sampler.draw(500, &mut negatives(5));
        assert!(drawn.items.is_sorted_by(|a, b| a < b), "{name}");
        assert!(rows.iter().all(|item| drawn.items.binary_search(item).is_ok()), "{name}");
        for (&item, &log_expected) in drawn.items.iter().zip(&drawn.log_expected) {
            let count = rows.iter().filter(|&&row| row == item).count() as f32;
            assert!(
                (log_expected - (500.0 / count).ln() - sampler.log_q(item)).abs() < 1e-5,
                "{name} {item}"
            );
        }
    }
}

#[test]
fn the_same_stream_gives_the_same_draws_and_another_gives_others() {
    for (name, sampler) in samplers() {
        assert_eq!(sampler.draw(64, &mut negatives(1)), sampler.draw(64, &mut negatives(1)), "{name}");
        assert_ne!(sampler.draw(64, &mut negatives(1)), sampler.draw(64, &mut negatives(2)), "{name}");
        assert!(sampler.draw(0, &mut negatives(1)).items.is_empty(), "{name}");
    }
}

#[test]
fn ranks_go_by_count_and_ties_by_index() {
    // Ranks: item 3 (9 events), then 2 and 5 (4 each), then 1; item 4 was never seen.
    let sampler = LogUniform::new(&[0, 1, 4, 9, 0, 4]).unwrap();
    let law = |rank: f64| (((rank + 2.0) / (rank + 1.0)).ln() / 5f64.ln()).ln() as f32;
    for (item, rank) in [(3, 0.0), (2, 1.0), (5, 2.0), (1, 3.0)] {
        assert!((sampler.log_q(item) - law(rank)).abs() < 1e-6, "{item}");
    }
    assert_eq!(sampler.log_q(4), f32::NEG_INFINITY);
    assert!(!sampler.draw(10_000, &mut negatives(0)).items.contains(&4));
}

#[test]
fn what_cannot_be_drawn_from_is_refused() {
    assert_eq!(Uniform::new(0), Err(SamplerError::NoItems));
    assert_eq!(Uniform::new(1 << 32), Err(SamplerError::TooManyItems(1 << 32)));
    assert_eq!(LogUniform::new(&[]), Err(SamplerError::NoItems));
    assert_eq!(LogUniform::new(&[0, 0]), Err(SamplerError::NoItems));
    assert_eq!(LogUniform::new(&[2, 1]), Err(SamplerError::PaddingCounted(2)));
    assert_eq!(Unigram::new(&[0, 0], 1.0), Err(SamplerError::NoItems));
    assert_eq!(Unigram::new(&[2, 1], 1.0), Err(SamplerError::PaddingCounted(2)));
    assert_eq!(Unigram::new(&[0, 1], -0.5), Err(SamplerError::Exponent(-0.5)));
    for exponent in [f64::NAN, f64::INFINITY] {
        assert!(matches!(Unigram::new(&[0, 1], exponent), Err(SamplerError::Exponent(_))));
    }
}

#[test]
fn popularity_is_the_share_of_training_events() {
    let counts = counts();
    let log_q = popularity_log_q(&counts);
    let sum: f64 = log_q.iter().map(|&log| f64::from(log).exp()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    assert!(counts.iter().zip(&log_q).all(|(&count, log)| (count == 0) == (*log == f32::NEG_INFINITY)));
    assert_eq!(popularity_log_q(&[0, 0]), [f32::NEG_INFINITY; 2]);
}

/// Scores and vectors of a catalog; the positive is item 1.
struct Catalog {
    scores: Vec<f64>,
    vectors: Vec<[f64; DIM]>,
}

const DIM: usize = 4;

impl Catalog {
    fn new(n_items: usize) -> Self {
        let mut stream = Stream::new(8, Purpose::SYNTHETIC, 0, 0);
        let mut vector = |_| [(); DIM].map(|()| stream.normal());
        let vectors: Vec<_> = (0..=n_items).map(&mut vector).collect();
        let user = [0.5, -0.25, 0.75, 0.25];
        let score = |v: &[f64; DIM]| v.iter().zip(user).map(|(v, u)| v * u).sum();
        Catalog { scores: vectors.iter().map(score).collect(), vectors }
    }

    /// `exp(s_j)` and `exp(s_j) v_j`.
    fn terms(&self, item: u32) -> [f64; 1 + DIM] {
        let term = self.scores[item as usize].exp();
        let vector = self.vectors[item as usize];
        std::array::from_fn(|d| if d == 0 { term } else { term * vector[d - 1] })
    }

    /// Of the sums of the negatives' terms the gradient by the user: `(t+ v+ + sum t_j v_j) / (t+ + sum t_j) - v+`.
    fn gradient(&self, sums: [f64; 1 + DIM]) -> [f64; DIM] {
        let own = self.terms(POSITIVE);
        std::array::from_fn(|d| (own[1 + d] + sums[1 + d]) / (own[0] + sums[0]) - own[1 + d] / own[0])
    }

    /// What [`gradient`](Self::gradient) changes by, to first order, when its sums change by `change`.
    fn slope(&self, sums: [f64; 1 + DIM], change: [f64; 1 + DIM]) -> [f64; DIM] {
        let own = self.terms(POSITIVE);
        let total = own[0] + sums[0];
        std::array::from_fn(|d| (change[1 + d] - change[0] * (own[1 + d] + sums[1 + d]) / total) / total)
    }

    /// Sums of the negatives' terms, each divided by `exp(log_expected)`; the positive is a hit.
    fn sums(&self, drawn: &Negatives) -> [f64; 1 + DIM] {
        let negatives = drawn.items.iter().zip(&drawn.log_expected).filter(|&(&item, _)| item != POSITIVE);
        sum(negatives.map(|(&item, &log)| self.terms(item).map(|x| x / f64::from(log).exp())))
    }
}

const POSITIVE: u32 = 1;

fn sum<const N: usize>(terms: impl Iterator<Item = [f64; N]>) -> [f64; N] {
    terms.fold([0.0; N], |a, b| std::array::from_fn(|d| a[d] + b[d]))
}

fn length(x: [f64; DIM]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Bengio and Senécal 2008: what a softmax over a draw says of a gradient is wrong by a share that falls as 1/n.
///
/// With log q left out, each draw counts as one item instead of as all the items it stands for.
///
/// The bias is the mean over draws less the gradient over the whole catalog. The noise of that mean falls as 1/√n and
/// would hide it, so the first-order change, whose mean is known from the probabilities, is taken off each draw.
#[test]
fn the_bias_of_the_gradient_falls_as_one_over_n_and_without_log_q_it_stays() {
    // A popular tenth, a long tail, and some items that were never seen.
    let counts: Vec<u32> =
        (0u32..=500).map(|item| if item == 0 || item % 10 == 7 { 0 } else { 1 + 600 / item }).collect();
    let catalog = Catalog::new(500);
    for (name, sampler) in samplers_of(&counts) {
        let q = |item: u32| f64::from(sampler.log_q(item)).exp();
        let drawable: Vec<u32> = (2..=500).filter(|&item| q(item) > 0.0).collect();
        let wanted = catalog.gradient(sum(drawable.iter().map(|&item| catalog.terms(item))));

        // Mean of the sums that a draw gives: the whole sums, or those of each draw's mean, n times over n.
        let bias = |n: usize, with_log_q: bool| -> f64 {
            let share = |item: u32| if with_log_q { 1.0 } else { q(item) };
            let mean = sum(drawable.iter().map(|&item| catalog.terms(item).map(|x| x * share(item))));
            let rounds = 3_000;
            let total: [f64; DIM] = sum((0..rounds).map(|round| {
                let mut drawn = sampler.draw(n, &mut negatives(round));
                if !with_log_q {
                    let log_q = drawn.items.iter().map(|&item| sampler.log_q(item));
                    drawn.log_expected.iter_mut().zip(log_q).for_each(|(log, log_q)| *log -= log_q);
                }
                let sums = catalog.sums(&drawn);
                let change = std::array::from_fn(|d| sums[d] - mean[d]);
                let first_order = catalog.slope(mean, change);
                let found = catalog.gradient(sums);
                std::array::from_fn(|d| found[d] - first_order[d])
            }));
            length(std::array::from_fn(|d| total[d] / rounds as f64 - wanted[d]))
        };
        let sizes = [64, 256, 1_024];
        let [with, without] = [true, false].map(|with_log_q| sizes.map(|n| bias(n, with_log_q)));
        // Of least squares; the sizes are equally far apart.
        let slope = |bias: [f64; 3]| (bias[2] / bias[0]).ln() / (1_024f64 / 64.0).ln();
        assert!((slope(with) + 1.0).abs() <= 0.25, "{name}: {with:?}, slope {}", slope(with));
        assert!(slope(without).abs() <= 0.1, "{name}: {without:?}, slope {}", slope(without));
        assert!(without[2] >= 10.0 * with[2], "{name}: {without:?} without, {with:?} with");
    }
}

/// So the sums of the test above are those that `sampled_softmax` takes.
#[cfg(feature = "tensor")]
#[test]
fn sampled_softmax_takes_a_draw_as_the_samplers_correct_it() {
    use burn::tensor::{Device, Tensor, TensorData};
    use u2i_losses::{Temperature, sampled_softmax};

    let counts: Vec<u32> = (0u32..=500).map(|item| 600u32.checked_div(item).map_or(0, |n| 1 + n)).collect();
    let catalog = Catalog::new(500);
    let device = Device::flex().autodiff();
    let rows = |items: &[u32]| -> Tensor<2> {
        let values = items.iter().flat_map(|&item| catalog.vectors[item as usize].map(|x| x as f32));
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), [items.len(), DIM]), &device)
    };
    for (name, sampler) in samplers_of(&counts) {
        for (step, n) in [(0, 64), (1, 256), (2, 1_024)] {
            let drawn = sampler.draw(n, &mut negatives(step));
            let user = Tensor::<2>::from_floats([[0.5, -0.25, 0.75, 0.25]], &device).require_grad();
            let hits: Vec<bool> = drawn.items.iter().map(|&item| item == POSITIVE).collect();
            let hits = Tensor::from_data(TensorData::new(hits, [1, drawn.items.len()]), &Device::flex());
            let log_expected = TensorData::new(drawn.log_expected.clone(), [drawn.items.len()]);
            let log_expected = Tensor::from_data(log_expected, &Device::flex());
            let (positive, negatives) = (rows(&[POSITIVE]), rows(&drawn.items));
            let loss =
                sampled_softmax(user.clone(), positive, negatives, hits, log_expected, Temperature::ONE);
            let found: Vec<f32> = user.grad(&loss.backward()).unwrap().try_into_vec_as().unwrap();
            let wanted = catalog.gradient(catalog.sums(&drawn));
            for (found, wanted) in found.into_iter().zip(wanted) {
                assert!((f64::from(found) - wanted).abs() <= 1e-5, "{name}, {n}: {found}, wanted {wanted}");
            }
        }
    }
}
