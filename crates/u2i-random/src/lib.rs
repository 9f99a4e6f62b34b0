//! Random draws keyed by *(seed, purpose, epoch, step)*.
//!
//! A [`Stream`] is a ChaCha8 generator whose whole 256-bit key is the four numbers that name it. Nothing is
//! global and nothing depends on what was drawn before: the negatives of step 1,000 are the same whether the
//! run began at step 0 or was resumed at 999, on any machine and with any number of threads.
//!
//! ```toml
//! u2i-random = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/random_alone.rs")]
//! ```

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is drawn for. Streams of different purposes are independent.
///
/// The numbers are part of every recorded result: never change one, only add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Purpose(pub u64);

impl Purpose {
    /// Initial weights of a model; `epoch` and `step` number the parameter.
    pub const WEIGHTS: Purpose = Purpose(1);
    /// The order of the samples in an epoch.
    pub const SHUFFLE: Purpose = Purpose(2);
    /// The negatives of a step.
    pub const NEGATIVES: Purpose = Purpose(3);
    /// Dropout masks of a step.
    pub const DROPOUT: Purpose = Purpose(4);
    /// Which samples of a user are kept, where not all are.
    pub const SAMPLES: Purpose = Purpose(5);
    /// Synthetic data.
    pub const SYNTHETIC: Purpose = Purpose(6);
    /// The random baseline.
    pub const BASELINE: Purpose = Purpose(7);
    /// Permutations of a guard or an ablation.
    pub const PERMUTATION: Purpose = Purpose(8);
    /// Users that are drawn again and again to see how far a mean may lie from the truth.
    pub const BOOTSTRAP: Purpose = Purpose(9);
    /// The order of events of one user and second.
    pub const TIES: Purpose = Purpose(10);
    /// Which ids a step takes for unknown; `epoch` numbers the column.
    pub const ID_DROPOUT: Purpose = Purpose(11);
    /// Which way the numbers of a step's rows are rounded; `epoch` numbers the table.
    pub const ROUNDING: Purpose = Purpose(12);
    /// Which rows of a large file are looked at.
    pub const ROW_SAMPLE: Purpose = Purpose(13);
    /// Which held-out users are evaluated, where not all are; `epoch` is 0 for test and 1 for validation users, and 2 for those
    /// of the latter on whom searches are compared.
    pub const HELD_OUT_USERS: Purpose = Purpose(14);
}

/// A stream of draws, named by its key.
#[derive(Debug, Clone)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The stream of one key. Equal keys give equal streams.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, step: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose.0, epoch, step]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Stream { rng: ChaCha8Rng::from_seed(key) }
    }

    /// 32 uniform bits.
    pub fn next_u32(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `low..high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`, without modulo bias (Lemire, "Fast Random Integer Generation in an Interval", 2019).
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "there is no number below 0");
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Uniform in `0..n`, as an index.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// Standard normal, by Box and Muller's transform (1958); one of its two values is used.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Puts `values` in a uniformly random order (Fisher and Yates, from the end).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, self.index(i + 1));
        }
    }

    /// `n` masks of dropout: 0 with probability `rate`, else `1 / (1 - rate)`, from 16 bits each.
    ///
    /// # Panics
    ///
    /// If `rate` is not in `[0, 1)`.
    pub fn dropout_mask(&mut self, n: usize, rate: f64) -> Vec<f32> {
        assert!((0.0..1.0).contains(&rate), "a dropout rate is in [0, 1), not {rate}");
        let dropped = (rate * 65_536.0).round() as u64;
        let kept = (1.0 / (1.0 - rate)) as f32;
        let mut mask = Vec::with_capacity(n + 3);
        while mask.len() < n {
            let bits = self.next_u64();
            mask.extend(
                [0, 16, 32, 48].map(|shift| if (bits >> shift) & 0xffff < dropped { 0.0 } else { kept }),
            );
        }
        mask.truncate(n);
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixes the stream for ever: recorded results hang on it. The numbers are this crate's own, first run.
    #[test]
    fn a_key_always_names_the_same_stream() {
        let mut stream = Stream::new(1, Purpose::SHUFFLE, 2, 3);
        let drawn: Vec<u64> = (0..3).map(|_| stream.next_u64()).collect();
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 3] =
        [7_721_313_440_808_763_356, 4_010_224_085_778_835_155, 1_693_129_820_055_746_300];

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut stream = Stream::new(0, Purpose::WEIGHTS, 0, 0);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        // Four standard errors: 1/√n for the mean, √(2/n) for the variance.
        assert!(mean.abs() < 4.0 / (n as f64).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{variance}");
    }

    #[test]
    fn below_is_uniform() {
        let mut stream = Stream::new(0, Purpose::NEGATIVES, 0, 0);
        let mut counts = [0.0; 7];
        for _ in 0..70_000 {
            counts[stream.index(7)] += 1.0;
        }
        let chi2: f64 = counts.iter().map(|c: &f64| (c - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi2 < 22.5, "{chi2}"); // 99.9 % of χ² with 6 degrees of freedom
    }

    #[test]
    fn dropout_keeps_the_mean() {
        let mask = Stream::new(0, Purpose::DROPOUT, 0, 0).dropout_mask(100_001, 0.2);
        assert_eq!(mask.len(), 100_001);
        let mean = mask.iter().map(|&m| f64::from(m)).sum::<f64>() / 100_001.0;
        assert!((mean - 1.0).abs() < 4.0 * (0.25f64 / 100_001.0).sqrt(), "{mean}");
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut values: Vec<usize> = (0..100).collect();
        Stream::new(0, Purpose::SHUFFLE, 0, 0).shuffle(&mut values);
        assert_ne!(values[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
    }
}
