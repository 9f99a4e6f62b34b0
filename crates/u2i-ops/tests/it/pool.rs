use burn::tensor::Device;
use u2i_ops::{Divisor, LEAST_LOG_WEIGHT, Windows, pool};
use u2i_random::Stream;

use crate::{assert_near, host, mask, numbers, slope, stream, tensor, wide};

const LEAST: f32 = 1e-3;

/// Chunks with a mask, and perhaps dropout.
struct Case {
    windows: Windows,
    chunks: usize,
    dim: usize,
    /// 0 for a sum that nothing weighs.
    heads: usize,
    divisor: Divisor,
    mask: Vec<f32>,
    keep: Option<Vec<f32>>,
}

impl Case {
    fn rows(&self) -> usize {
        self.chunks * self.windows.width()
    }

    /// Vectors, then log-weights, in `all`.
    fn wanted(&self, all: &[f64]) -> Vec<f64> {
        let Windows { length, targets } = self.windows;
        let (vectors, log_weights) = all.split_at(self.rows() * self.dim);
        let heads = self.heads.max(1);
        let mut values = Vec::new();
        for row in 0..self.chunks * targets * heads {
            let (chunk, target, head) = (row / heads / targets, row / heads % targets, row % heads);
            let own = log_weights.get(head * length..(head + 1) * length);
            let largest = match self.divisor {
                Divisor::Weights { .. } => {
                    own.into_iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max)
                }
                _ => 0.0,
            };
            let weight = |lag: usize| own.map_or(1.0, |own| (own[lag] - largest).exp());
            let (mut sums, mut total, mut events) = (vec![0.0; self.dim], 0.0, 0.0f64);
            for lag in 0..length {
                let event = chunk * self.windows.width() + target + length - 1 - lag;
                let weight = weight(lag) * f64::from(self.mask[event]);
                total += weight;
                events += f64::from(self.mask[event]);
                for (i, sum) in sums.iter_mut().enumerate() {
                    let at = event * self.dim + i;
                    let keep = self.keep.as_ref().map_or(1.0, |keep| f64::from(keep[at]));
                    *sum += weight * keep * vectors[at];
                }
            }
            let divisor = match self.divisor {
                Divisor::One => 1.0,
                Divisor::Count => events.max(1.0),
                Divisor::SqrtCount => events.max(1.0).sqrt(),
                Divisor::Weights { least } => total.max(f64::from(least)),
            };
            values.extend(sums.iter().map(|sum| sum / divisor));
        }
        values
    }

    fn check(&self, stream: &mut Stream) {
        let device = Device::flex().autodiff();
        let vectors = numbers(self.rows() * self.dim, stream);
        let log_weights = numbers(self.heads * self.windows.length, stream);
        let of_vectors = tensor(&vectors, [self.rows(), self.dim], &device).require_grad();
        let of_weights = (self.heads > 0)
            .then(|| tensor(&log_weights, [self.heads, self.windows.length], &device).require_grad());
        let mask = tensor(&self.mask, [self.chunks, self.windows.width()], &device);
        let (keep, weights) = (self.keep.clone(), of_weights.as_ref());
        let values = pool(&of_vectors, &mask, keep, weights, self.windows, self.divisor).unwrap();
        let all = wide(&[vectors, log_weights].concat());
        let what = format!(
            "{:?}, {} chunks, {} x {}, {:?}",
            self.windows, self.chunks, self.heads, self.dim, self.divisor
        );
        for (found, wanted) in host(values.clone()).into_iter().zip(self.wanted(&all)) {
            assert_near(found, wanted, 1e-5, &what);
        }
        let shape = values.dims();
        let by = numbers(shape[0] * shape[1], stream);
        let gradients = (values * tensor(&by, shape, &device)).sum().backward();
        let mut found = host(of_vectors.grad(&gradients).unwrap());
        found.extend(of_weights.iter().flat_map(|weights| host(weights.grad(&gradients).unwrap())));
        assert_eq!(found.len(), all.len());
        let loss =
            |all: &[f64]| self.wanted(all).iter().zip(&by).map(|(y, by)| y * f64::from(*by)).sum::<f64>();
        let n_vectors = self.rows() * self.dim;
        let stride = (n_vectors / 40).max(1);
        for at in (0..n_vectors).step_by(stride).chain(n_vectors..all.len()) {
            assert_near(found[at], slope(&all, at, loss), 3e-4, &format!("{what}, gradient {at}"));
        }
        for (event, own) in found[..n_vectors].chunks(self.dim).enumerate() {
            assert!(
                self.mask[event] > 0.0 || own.iter().all(|&own| own == 0.0),
                "{what}: event {event} is none"
            );
        }
    }
}

#[test]
fn sums_and_gradients_are_those_of_windows() {
    let mut stream = stream(3);
    let divisors = [Divisor::One, Divisor::Count, Divisor::SqrtCount, Divisor::Weights { least: LEAST }];
    let shapes = [(1, 1, 1), (5, 3, 4), (4, 9, 16), (50, 1, 7), (3, 5, 33), (2, 4, 64), (7, 2, 70)];
    for (i, (length, targets, dim)) in shapes.into_iter().enumerate() {
        let windows = Windows { length, targets };
        for (heads, divisor) in
            [0, 1, 2, 3, 4, 5, 9].into_iter().flat_map(|heads| divisors.map(|by| (heads, by)))
        {
            // No weights are a weight of 1 each, whose sum the least never exceeds.
            let chunks = (i + heads) % 5;
            let mask = mask(windows, chunks, &mut stream);
            let n = chunks * windows.width() * dim;
            let keep = (heads % 2 == 1).then(|| (0..n).map(|_| stream.index(3) as f32 * 0.75).collect());
            Case { windows, chunks, dim, heads, divisor, mask, keep }.check(&mut stream);
        }
    }
}

/// A weight so small that the least is divided by: it changes the sum, and no longer the divisor.
#[test]
fn weights_below_the_least_change_the_divisor_no_more() {
    let windows = Windows { length: 2, targets: 1 };
    let device = Device::flex().autodiff();
    // Only the older event is there, and weighs e^-9 of the newer one.
    let vectors = tensor(&[3.0, 5.0], [2, 1], &device);
    let log_weights = tensor(&[0.0, -9.0], [1, 2], &device).require_grad();
    let mask = tensor(&[1.0, 0.0], [1, 2], &device);
    let divisor = Divisor::Weights { least: LEAST };
    let value = pool(&vectors, &mask, None, Some(&log_weights), windows, divisor).unwrap();
    let wanted = 3.0 * (-9.0f64).exp() / f64::from(LEAST);
    assert_near(host(value.clone())[0], wanted, 1e-6, "value");
    let gradients = value.sum().backward();
    let found = host(log_weights.grad(&gradients).unwrap());
    assert_eq!(found[0], 0.0);
    assert_near(found[1], wanted, 1e-6, "gradient");
}

/// Of a steep head: no product of a weight and another number is subnormal, and the sums do not show it.
#[test]
fn weights_of_far_lags_stay_normal_numbers() {
    let windows = Windows { length: 3, targets: 1 };
    let device = Device::flex().autodiff();
    let vectors = tensor(&[3.0, 5.0, 7.0], [3, 1], &device);
    let divisor = Divisor::Weights { least: LEAST };
    let found = |log_weights: [f32; 3], mask: [f32; 3]| {
        let log_weights = tensor(&log_weights, [1, 3], &device).require_grad();
        let mask = tensor(&mask, [1, 3], &device);
        let value = pool(&vectors, &mask, None, Some(&log_weights), windows, divisor).unwrap();
        let gradients = value.clone().sum().backward();
        (host(value)[0], host(log_weights.grad(&gradients).unwrap()))
    };
    let least = f64::from(LEAST_LOG_WEIGHT).exp();
    // Only the oldest event is there.
    let (value, gradients) = found([40.0, 40.0, -60.0], [1.0, 0.0, 0.0]);
    // As a share: any number near 0 is near to any other.
    let share = f64::from(value) * f64::from(LEAST) / (3.0 * least);
    assert!((share - 1.0).abs() < 1e-5, "{value} is {share} of what it should be");
    assert_eq!(gradients, [0.0; 3]);
    assert_eq!(found([0.0, -1.0, -100.0], [1.0; 3]).0, found([0.0, -1.0, -60.0], [1.0; 3]).0);
    assert!(found([0.0, f32::NAN, -100.0], [1.0; 3]).0.is_nan());
}

/// Weights alone are asked for, and are one row of several, read from the middle of their tensor.
#[test]
fn a_head_of_several_gets_its_own_gradient() {
    let device = Device::flex().autodiff();
    let windows = Windows { length: 2, targets: 1 };
    let vectors = tensor(&[2.0, 6.0], [2, 1], &device);
    let log_weights = tensor(&[5.0, -5.0, 0.0, 0.0, 3.0, 1.0], [3, 2], &device).require_grad();
    let mask = tensor(&[1.0, 1.0], [1, 2], &device);
    let own = log_weights.clone().narrow(0, 1, 1);
    let divisor = Divisor::Weights { least: LEAST };
    let mean = pool(&vectors, &mask, None, Some(&own), windows, divisor).unwrap();
    assert_eq!(host(mean.clone()), [4.0]);
    let gradients = mean.sum().backward();
    // Half of what each event lies above the mean.
    assert_eq!(host(log_weights.grad(&gradients).unwrap()), [0.0, 0.0, 1.0, -1.0, 0.0, 0.0]);
}

/// As the history of a user who is served is the only one of its chunk.
#[test]
fn a_target_has_the_same_bits_wherever_its_window_lies() {
    let device = Device::flex();
    let mut stream = stream(4);
    for (length, dim, heads) in [(50, 64, 4), (7, 10, 2), (300, 16, 1)] {
        let windows = Windows { length, targets: 9 };
        let vectors = numbers(windows.width() * dim, &mut stream);
        let log_weights = tensor(&numbers(heads * length, &mut stream), [heads, length], &device);
        let mut mask = vec![1.0; windows.width()];
        mask[..4].fill(0.0);
        let divisor = Divisor::Weights { least: LEAST };
        let of = |windows: Windows, vectors: &[f32], mask: &[f32]| {
            let width = windows.width();
            let vectors = tensor(vectors, [width, dim], &device);
            let mask = tensor(mask, [1, width], &device);
            host(pool(&vectors, &mask, None, Some(&log_weights), windows, divisor).unwrap())
        };
        let together = of(windows, &vectors, &mask);
        for target in 0..9 {
            let events = target..target + length;
            let own = &vectors[events.start * dim..events.end * dim];
            let alone = of(Windows { length, targets: 1 }, own, &mask[events]);
            let together = &together[target * heads * dim..][..heads * dim];
            let is_same = alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(is_same && alone.len() == together.len(), "target {target} of {length}");
        }
    }
}
