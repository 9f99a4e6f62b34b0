//! Every loss against an f64 oracle on 200 shapes, its gradient against finite differences, and at the edges.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use u2i_losses::{Temperature, bce, full_softmax, in_batch_softmax, sampled_softmax};

use crate::oracle::{Matrix, bound, dot, gradient, softmax_row, softplus, stream};

pub fn tensor(matrix: &Matrix, device: &Device) -> Tensor<2> {
    let rows = matrix.values.len() / matrix.columns;
    Tensor::from_data(TensorData::new(matrix.values.clone(), [rows, matrix.columns]), device)
}

pub fn ints(values: &[i64], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

pub fn marks(values: Vec<bool>, columns: usize, device: &Device) -> Tensor<2, Bool> {
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

pub fn floats(tensor: Tensor<2>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

pub fn temperature(value: f32) -> Temperature {
    Temperature::new(value).unwrap()
}

/// `max|found - wanted| <= 1e-5 · max|wanted|`, the promise for logits within ±30, or within what the oracle
/// itself is good for.
fn assert_close(what: &str, found: &[f32], wanted: &[f64], oracle_error: f64) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let bound = wanted.iter().fold(oracle_error, |bound: f64, w| bound.max(1e-5 * w.abs()));
    let close = found.iter().zip(wanted).all(|(&f, w)| (f64::from(f) - w).abs() <= bound);
    assert!(close, "{what}: off by more than {bound}\nfound  {found:?}\nwanted {wanted:?}");
}

/// Central differences of a loss up to 100 with a step of 1e-5 lose this much to rounding.
const DIFFERENCES: f64 = 5e-9;

/// Value and all gradients of `loss` against `oracle`; a constant factor of 3 stands for a graph behind it.
fn check(inputs: &[Matrix], loss: &dyn Fn(&[Tensor<2>]) -> Tensor<1>, oracle: &dyn Fn(&[Vec<f64>]) -> f64) {
    let wide: Vec<Vec<f64>> =
        inputs.iter().map(|m| m.values.iter().map(|&x| f64::from(x)).collect()).collect();
    let plain: Vec<Tensor<2>> = inputs.iter().map(|m| tensor(m, &Device::flex())).collect();
    let value = loss(&plain);
    assert_close("value", &[value.into_scalar()], &[oracle(&wide)], 0.0);

    let device = Device::flex().autodiff();
    let leaves: Vec<Tensor<2>> = inputs.iter().map(|m| tensor(m, &device).require_grad()).collect();
    let tracked = loss(&leaves);
    assert_close("tracked value", &[tracked.clone().into_scalar()], &[oracle(&wide)], 0.0);
    let gradients = (tracked * 3.0).backward();
    for (which, leaf) in leaves.iter().enumerate() {
        let wanted: Vec<f64> = gradient(oracle, &wide, which).iter().map(|g| 3.0 * g).collect();
        assert_close(
            &format!("gradient {which}"),
            &floats(leaf.grad(&gradients).unwrap()),
            &wanted,
            DIFFERENCES,
        );
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sampled_softmax_equals_its_oracle(
        batch in 1usize..6, n in 1usize..7, dim in 1usize..6,
        tau in 0.05f32..2.0, hit_rate in 0.0..1.0, seed: u64,
    ) {
        let mut stream = stream(seed);
        let inputs = [batch, batch, n].map(|rows| Matrix::random(rows, dim, bound(dim, tau), &mut stream));
        let hits: Vec<bool> = (0..batch * n).map(|_| stream.unit() < hit_rate).collect();
        let corrections = Matrix::random(1, n, 3.0, &mut stream);
        check(
            &inputs,
            &|x| {
                let device = Device::flex();
                let log_expected = tensor(&corrections, &device).squeeze_dim(0);
                let hits = marks(hits.clone(), n, &device);
                let [users, positives, negatives] = [0, 1, 2].map(|i| x[i].clone());
                sampled_softmax(users, positives, negatives, hits, log_expected, temperature(tau))
            },
            &|x| {
                let row = |i: usize| {
                    let score = |j| dot(&x[0], i, &x[2], j, dim) / f64::from(tau);
                    let negatives: Vec<f64> = (0..n)
                        .filter(|j| !hits[i * n + j])
                        .map(|j| score(j) - f64::from(corrections.values[j]))
                        .collect();
                    softmax_row(dot(&x[0], i, &x[1], i, dim) / f64::from(tau), &negatives)
                };
                (0..batch).map(row).sum::<f64>() / batch as f64
            },
        );
    }

    #[test]
    fn in_batch_softmax_equals_its_oracle(
        batch in 1usize..7, dim in 1usize..6, tau in 0.05f32..2.0, seed: u64, n_ids in 1u64..9,
    ) {
        let mut stream = stream(seed);
        let inputs = [batch, batch].map(|rows| Matrix::random(rows, dim, bound(dim, tau), &mut stream));
        let ids: Vec<i64> = (0..batch).map(|_| stream.below(n_ids) as i64).collect();
        let log_q = Matrix::random(1, batch, 3.0, &mut stream);
        check(
            &inputs,
            &|x| {
                let device = Device::flex();
                let log_q = tensor(&log_q, &device).squeeze_dim(0);
                in_batch_softmax(x[0].clone(), x[1].clone(), ints(&ids, &device), log_q, temperature(tau))
            },
            &|x| {
                let score = |i, j| dot(&x[0], i, &x[1], j, dim) / f64::from(tau) - f64::from(log_q.values[j]);
                let row = |i: usize| {
                    let others = (0..batch).filter(|&j| ids[j] != ids[i]);
                    softmax_row(score(i, i), &others.map(|j| score(i, j)).collect::<Vec<_>>())
                };
                (0..batch).map(row).sum::<f64>() / batch as f64
            },
        );
    }

    #[test]
    fn full_softmax_equals_its_oracle(
        batch in 1usize..6, n in 1usize..8, dim in 1usize..6, tau in 0.05f32..2.0, seed: u64,
    ) {
        let mut stream = stream(seed);
        let inputs = [batch, n].map(|rows| Matrix::random(rows, dim, bound(dim, tau), &mut stream));
        let targets: Vec<i64> = (0..batch).map(|_| stream.index(n) as i64).collect();
        check(
            &inputs,
            &|x| full_softmax(x[0].clone(), x[1].clone(), ints(&targets, &Device::flex()), temperature(tau)),
            &|x| {
                let score = |i, j| dot(&x[0], i, &x[1], j, dim) / f64::from(tau);
                let row = |i: usize| {
                    let target = targets[i] as usize;
                    let others = (0..n).filter(|&j| j != target);
                    softmax_row(score(i, target), &others.map(|j| score(i, j)).collect::<Vec<_>>())
                };
                (0..batch).map(row).sum::<f64>() / batch as f64
            },
        );
    }

    #[test]
    fn bce_equals_its_oracle(batch in 1usize..6, n in 1usize..6, seed: u64) {
        let mut stream = stream(seed);
        let inputs = [1, n].map(|columns| Matrix::random(batch, columns, 30.0, &mut stream));
        check(&inputs, &|x| bce(x[0].clone().squeeze_dim(1), x[1].clone()), &|x| {
            let terms = x[0].iter().map(|s| softplus(-s)).chain(x[1].iter().map(|&s| softplus(s)));
            terms.sum::<f64>() / (batch * (1 + n)) as f64
        });
    }
}

/// One user against one positive and two negatives, at a temperature of .01.
fn extreme(positive: f32, negatives: [f32; 2], hits: [bool; 2]) -> (f32, [Vec<f32>; 3]) {
    let device = Device::flex().autodiff();
    let column = |values: &[f32]| {
        let matrix = Matrix { columns: 1, values: values.to_vec() };
        tensor(&matrix, &device).require_grad()
    };
    let inputs = [column(&[1.0]), column(&[positive]), column(&negatives)];
    let [users, positives, negatives] = inputs.clone();
    let hits = marks(hits.to_vec(), 2, &device);
    let loss =
        sampled_softmax(users, positives, negatives, hits, Tensor::zeros([2], &device), temperature(0.01));
    let gradients = loss.backward();
    (loss.into_scalar(), inputs.map(|input| floats(input.grad(&gradients).unwrap())))
}

#[test]
fn scores_of_ten_thousand_at_the_lowest_used_temperature_stay_finite() {
    // Differences of 2e4 / .01 = 2e6 nats: the loss is the difference, or nothing.
    for (positive, negatives, wanted) in [
        (1e4, [-1e4, -1e4], 0.0),
        (-1e4, [1e4, -1e4], 2e6),
        (-1e4, [-1e4, -1e4], 3f32.ln()),
        (1e4, [1e4, -1e4], 2f32.ln()),
    ] {
        let (loss, gradients) = extreme(positive, negatives, [false; 2]);
        assert!((loss - wanted).abs() <= 1e-6 * wanted, "{positive} {negatives:?}: {loss}");
        assert!(gradients.iter().flatten().all(|g| g.is_finite()), "{gradients:?}");
    }
}

#[test]
fn a_row_whose_negatives_are_all_hits_has_loss_zero_and_no_gradient() {
    for positive in [-1e4, -1.0, 0.0, 0.1, 1e4] {
        let (loss, gradients) = extreme(positive, [1e4, 3.0], [true; 2]);
        assert_eq!(loss, 0.0);
        assert!(gradients.iter().flatten().all(|&g| g == 0.0), "{gradients:?}");
    }
}

#[test]
fn a_batch_of_one_item_has_in_batch_loss_zero() {
    let device = Device::flex();
    let users = Tensor::<2>::from_floats([[0.3, 2.0], [-1.0, 0.7]], &device);
    let item = Tensor::<2>::from_floats([[1.0, 0.1], [1.0, 0.1]], &device);
    let log_q = Tensor::<1>::from_floats([-2.0, -2.0], &device);
    let loss = in_batch_softmax(users, item, ints(&[4, 4], &device), log_q, temperature(0.1));
    assert_eq!(loss.into_scalar::<f32>(), 0.0);
}

#[test]
fn bce_of_large_scores_is_finite_and_keeps_its_gradient() {
    let device = Device::flex().autodiff();
    let positives = Tensor::<1>::from_floats([1e4, -1e4], &device).require_grad();
    let negatives = Tensor::<2>::from_floats([[-1e4], [1e4]], &device).require_grad();
    let loss = bce(positives.clone(), negatives.clone());
    let gradients = loss.backward();
    // Of four pairs two are certain and right, two certain and wrong by 1e4.
    assert_eq!(loss.into_scalar::<f32>(), 5e3);
    assert_eq!(positives.grad(&gradients).unwrap().try_into_vec_as::<f32>().unwrap(), [0.0, -0.25]);
    assert_eq!(floats(negatives.grad(&gradients).unwrap()), [0.0, 0.25]);
}

#[test]
fn a_score_that_is_not_a_number_is_not_hidden() {
    let device = Device::flex();
    let bad = Tensor::<2>::from_floats([[f32::NAN, 0.0]], &device);
    let good = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
    let loss = full_softmax(bad, good, ints(&[0], &device), Temperature::ONE);
    assert!(loss.into_scalar::<f32>().is_nan());
}

#[test]
fn only_inputs_that_ask_for_a_gradient_get_one() {
    let device = Device::flex().autodiff();
    let users = Tensor::<2>::from_floats([[1.0, 0.0]], &device).require_grad();
    let items = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
    let loss = full_softmax(users.clone(), items, ints(&[0], &device), Temperature::ONE);
    let gradient = floats(users.grad(&loss.backward()).unwrap());
    // The other item has probability 1 / (1 + e).
    let other = 1.0 / (1.0 + std::f32::consts::E);
    assert!((gradient[0] + other).abs() < 1e-6 && (gradient[1] - other).abs() < 1e-6, "{gradient:?}");
}

#[test]
#[should_panic(expected = "one mark per user and negative")]
fn hits_of_another_shape_panic() {
    let device = Device::flex();
    let (users, negatives) = (Tensor::<2>::zeros([3, 2], &device), Tensor::<2>::zeros([4, 2], &device));
    let hits = marks(vec![false; 12], 3, &device);
    sampled_softmax(users.clone(), users, negatives, hits, Tensor::zeros([4], &device), Temperature::ONE);
}
