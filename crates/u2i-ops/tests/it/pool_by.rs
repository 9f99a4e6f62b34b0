use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use u2i_ops::{Factors, Windows, pool_by};
use u2i_random::Stream;

use crate::{assert_near, host, mask, numbers, slope, stream, tensor, wide};

const LEAST: f32 = 1e-3;
const INTERVALS: usize = 3;

/// Chunks with a mask, perhaps dropout, and those factors that are there: by lag, by gap, by event.
struct Case {
    windows: Windows,
    chunks: usize,
    dim: usize,
    heads: usize,
    has: [bool; 3],
    mask: Vec<f32>,
    keep: Option<Vec<f32>>,
    gaps: Arc<[u32]>,
}

impl Case {
    fn rows(&self) -> usize {
        self.chunks * self.windows.width()
    }

    /// Of the vectors and of each factor.
    fn shapes(&self) -> [[usize; 2]; 4] {
        let Case { windows, dim, heads, .. } = *self;
        [[self.rows(), dim], [heads, windows.length], [heads, INTERVALS], [self.rows(), heads]]
    }

    /// Vectors, then all factors, in `all`.
    fn wanted(&self, all: &[f64]) -> Vec<f64> {
        let Case { windows: Windows { length, targets }, dim, heads, .. } = *self;
        let width = self.windows.width();
        let mut rest = all;
        let [vectors, by_lag, by_gap, by_event] = self.shapes().map(|[rows, columns]| {
            let (own, others) = rest.split_at(rows * columns);
            rest = others;
            own
        });
        let mut values = Vec::new();
        for row in 0..self.chunks * targets * heads {
            let (chunk, target, head) = (row / heads / targets, row / heads % targets, row % heads);
            let (mut sums, mut total) = (vec![0.0; dim], 0.0);
            for lag in 0..length {
                let column = target + length - 1 - lag;
                let event = chunk * width + column;
                let gap = self.gaps[(chunk * targets + target) * width + column] as usize;
                let own = [
                    by_lag[head * length + lag],
                    by_gap[head * INTERVALS + gap],
                    by_event[event * heads + head],
                ];
                let weight: f64 =
                    own.iter().zip(self.has).filter(|(_, has)| *has).map(|(own, _)| own).product();
                let weight = weight * f64::from(self.mask[event]);
                total += weight;
                for (i, sum) in sums.iter_mut().enumerate() {
                    let at = event * dim + i;
                    *sum += weight * self.keep.as_ref().map_or(1.0, |keep| f64::from(keep[at])) * vectors[at];
                }
            }
            values.extend(sums.iter().map(|sum| sum / total.max(f64::from(LEAST))));
        }
        values
    }

    fn check(&self, stream: &mut Stream) {
        let device = Device::flex().autodiff();
        let shapes = self.shapes();
        let drawn = shapes.map(|[rows, columns]| numbers(rows * columns, stream));
        let [vectors, factors @ ..] = drawn;
        let factors = factors.map(|factor| factor.iter().map(|number| number.exp()).collect());
        let [by_lag, by_gap, by_event] = factors;
        let all = [vectors, by_lag, by_gap, by_event];
        let mut shape = shapes.iter();
        let leaves =
            all.each_ref().map(|values| tensor(values, *shape.next().unwrap(), &device).require_grad());
        let [vectors, by_lag, by_gap, by_event] = &leaves;
        let factors = Factors {
            by_lag: self.has[0].then_some(by_lag),
            by_gap: self.has[1].then_some((by_gap, &self.gaps)),
            by_event: self.has[2].then_some(by_event),
        };
        let mask = tensor(&self.mask, [self.chunks, self.windows.width()], &device);
        let values = pool_by(vectors, &mask, self.keep.clone(), factors, self.windows, LEAST).unwrap();
        let what = format!(
            "{:?}, {} chunks, {} x {}, {:?}",
            self.windows, self.chunks, self.heads, self.dim, self.has
        );
        let all = wide(&all.concat());
        let wanted = self.wanted(&all);
        assert_eq!(values.dims(), [self.chunks * self.windows.targets, self.heads * self.dim], "{what}");
        for (found, wanted) in host(values.clone()).into_iter().zip(wanted) {
            assert_near(found, wanted, 1e-5, &what);
        }
        let shape = values.dims();
        let by = numbers(shape[0] * shape[1], stream);
        let gradients = (values * tensor(&by, shape, &device)).sum().backward();
        let loss =
            |all: &[f64]| self.wanted(all).iter().zip(&by).map(|(y, by)| y * f64::from(*by)).sum::<f64>();
        let mut first = 0;
        for (i, leaf) in leaves.iter().enumerate() {
            let what = format!("{what}, input {i}");
            let n: usize = leaf.dims().iter().product();
            let found = leaf.grad(&gradients).map(host);
            assert_eq!(found.is_some(), i == 0 || self.has[i - 1], "{what}");
            for at in (0..n).step_by((n / 30).max(1)) {
                let found = found.as_ref().map_or(0.0, |found| found[at]);
                assert_near(found, slope(&all, first + at, loss), 3e-4, &format!("{what}, gradient {at}"));
            }
            let is_of_events = i == 0 || i == 3;
            for (event, own) in found
                .iter()
                .filter(|_| is_of_events)
                .flat_map(|all| all.chunks((n / self.rows().max(1)).max(1)))
                .enumerate()
            {
                let is_there = self.mask[event] > 0.0;
                assert!(is_there || own.iter().all(|&own| own == 0.0), "{what}: event {event} is none");
            }
            first += n;
        }
    }
}

#[test]
fn means_and_gradients_are_those_of_windows() {
    let mut stream = stream(6);
    let shapes = [(1, 1, 1), (5, 3, 4), (4, 19, 16), (50, 1, 7), (3, 5, 33), (2, 40, 64), (7, 2, 70)];
    for (i, (length, targets, dim)) in shapes.into_iter().enumerate() {
        let windows = Windows { length, targets };
        for heads in 1..=5 {
            for subset in 0..8 {
                let has = [0, 1, 2].map(|factor| subset >> factor & 1 == 1);
                // Without factors there is one head.
                let heads = if subset == 0 { 1 } else { heads };
                let chunks = (i + heads + subset) % 5;
                let mask = mask(windows, chunks, &mut stream);
                let n = chunks * windows.width() * dim;
                let keep = (subset % 2 == 1).then(|| (0..n).map(|_| stream.index(3) as f32 * 0.75).collect());
                let gaps =
                    (0..chunks * targets * windows.width()).map(|_| stream.index(INTERVALS) as u32).collect();
                Case { windows, chunks, dim, heads, has, mask, keep, gaps }.check(&mut stream);
            }
        }
    }
}

/// Weights so small that the least is divided by: they change the sum, and no longer the divisor.
#[test]
fn weights_below_the_least_change_the_divisor_no_more() {
    let windows = Windows { length: 2, targets: 1 };
    let device = Device::flex().autodiff();
    let vectors = tensor(&[3.0, 5.0], [2, 1], &device);
    let by_event = tensor(&[2e-4, 1e-4], [2, 1], &device).require_grad();
    let by_lag = tensor(&[0.5, 1.0], [1, 2], &device).require_grad();
    let factors = Factors { by_event: Some(&by_event), by_lag: Some(&by_lag), ..Factors::default() };
    let mean = pool_by(&vectors, &Tensor::ones([1, 2], &device), None, factors, windows, LEAST).unwrap();
    // (1 · 2e-4 · 3 + 0.5 · 1e-4 · 5) / 1e-3
    assert_near(host(mean.clone())[0], 0.85, 1e-6, "value");
    let gradients = mean.sum().backward();
    let of = |leaf: &Tensor<2>| host(leaf.grad(&gradients).unwrap());
    for (found, wanted) in of(&by_event).into_iter().zip([3_000.0, 2_500.0]) {
        assert_near(found, wanted, 1e-6, "by event");
    }
    for (found, wanted) in of(&by_lag).into_iter().zip([0.5, 0.6]) {
        assert_near(found, wanted, 1e-6, "by lag");
    }
}

/// What is looked up for padding may be anything, and what queries make of it.
#[test]
fn no_number_of_padding_is_seen() {
    let device = Device::flex().autodiff();
    let windows = Windows { length: 2, targets: 2 };
    let vectors = tensor(&[f32::NAN, 2.0, 4.0], [3, 1], &device).require_grad();
    let by_event = tensor(&[f32::INFINITY, 1.0, 3.0], [3, 1], &device).require_grad();
    let mask = tensor(&[0.0, 1.0, 1.0], [1, 3], &device);
    let factors = Factors { by_event: Some(&by_event), ..Factors::default() };
    let means = pool_by(&vectors, &mask, None, factors, windows, LEAST).unwrap();
    assert_eq!(host(means.clone()), [2.0, 3.5]);
    let gradients = means.sum().backward();
    assert_eq!(host(vectors.grad(&gradients).unwrap()), [0.0, 1.25, 0.75]);
    // Of 2 and 4 the mean is 3.5: an event that weighs more draws it by its distance, divided by all weights.
    assert_eq!(host(by_event.grad(&gradients).unwrap()), [0.0, -0.375, 0.125]);
}

/// As the history of a user who is served is the only one of its chunk.
#[test]
fn a_target_has_the_same_bits_wherever_its_window_lies() {
    let device = Device::flex();
    let mut stream = stream(7);
    for (length, dim, heads) in [(50, 64, 4), (7, 10, 2), (300, 16, 1), (33, 128, 1), (20, 5, 3)] {
        let windows = Windows { length, targets: 9 };
        let width = windows.width();
        let mut factor =
            |shape: [usize; 2]| tensor(&numbers(shape[0] * shape[1], &mut stream), shape, &device).exp();
        let (by_lag, by_gap) = (factor([heads, length]), factor([heads, INTERVALS]));
        let by_event = host(factor([width, heads]));
        let vectors = numbers(width * dim, &mut stream);
        let gaps: Vec<u32> = (0..9 * width).map(|_| stream.index(INTERVALS) as u32).collect();
        let mut mask = vec![1.0; width];
        mask[..4].fill(0.0);
        let of = |windows: Windows, vectors: &[f32], by_event: &[f32], gaps: &[u32], mask: &[f32]| {
            let width = windows.width();
            let (vectors, by_event) =
                (tensor(vectors, [width, dim], &device), tensor(by_event, [width, heads], &device));
            let mask = tensor(mask, [1, width], &device);
            let gaps = gaps.into();
            let factors =
                Factors { by_lag: Some(&by_lag), by_gap: Some((&by_gap, &gaps)), by_event: Some(&by_event) };
            host(pool_by(&vectors, &mask, None, factors, windows, LEAST).unwrap())
        };
        let together = of(windows, &vectors, &by_event, &gaps, &mask);
        for target in 0..9 {
            let events = target..target + length;
            let own = &vectors[events.start * dim..events.end * dim];
            let own_factors = &by_event[events.start * heads..events.end * heads];
            let own_gaps = &gaps[target * width..][events.clone()];
            let alone = of(Windows { length, targets: 1 }, own, own_factors, own_gaps, &mask[events]);
            let together = &together[target * heads * dim..][..heads * dim];
            let is_same = alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(is_same && alone.len() == together.len(), "target {target} of {length}");
        }
    }
}

#[test]
fn there_must_be_as_many_factors_as_there_are_events() {
    let device = Device::flex();
    let windows = Windows { length: 2, targets: 2 };
    let (vectors, mask) = (Tensor::ones([3, 4], &device), Tensor::ones([1, 3], &device));
    let ones = |shape: [usize; 2]| Tensor::<2>::ones(shape, &device);
    let gaps = |gap: u32, n: usize| Arc::<[u32]>::from(vec![gap; n]);
    let check = |by_lag: [usize; 2], gaps: Arc<[u32]>, by_event: [usize; 2], least: f32| {
        let (by_lag, by_gap, by_event) = (ones(by_lag), ones([2, 3]), ones(by_event));
        let factors =
            Factors { by_lag: Some(&by_lag), by_gap: Some((&by_gap, &gaps)), by_event: Some(&by_event) };
        let means = || pool_by(&vectors, &mask, None, factors, windows, least);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(means)).is_ok()
    };
    assert!(check([2, 2], gaps(2, 6), [3, 2], 1.0));
    assert!(!check([2, 3], gaps(2, 6), [3, 2], 1.0));
    assert!(!check([1, 2], gaps(2, 6), [3, 2], 1.0));
    assert!(!check([2, 2], gaps(2, 5), [3, 2], 1.0));
    assert!(!check([2, 2], gaps(3, 6), [3, 2], 1.0));
    assert!(!check([2, 2], gaps(2, 6), [4, 2], 1.0));
    assert!(!check([2, 2], gaps(2, 6), [3, 2], 0.0));
    assert!(!check([2, 2], gaps(2, 6), [3, 2], f32::NAN));
}
