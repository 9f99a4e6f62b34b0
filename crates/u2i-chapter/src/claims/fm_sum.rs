//! What the pairwise sum of a factorization machine costs.

use std::hint::black_box;

use u2i::Error;
use u2i_page::{Kind, Picture, Scale, Series};
use u2i_random::{Purpose, Stream};

use super::claim::{Claim, Finding, Verdict};
use super::lab::Lab;
use super::noise::power;
use super::timing::{duration, medians};

pub(super) const COST: Claim = Claim {
    id: "fm-sum-cost",
    title: "FM's pairwise sum takes O(kn) instead of O(kn²)",
    statement: "The sum over all pairs of features, written as half of the square of a sum less a sum of squares, is the same \
                number, and its cost grows with the number of features instead of its square.",
    measured: "Both forms on the same drawn vectors, k = 16, n features that are all there: their values in 64 bits, \
               multiplications counted one by one, and processor time.",
    rule: "Holds if the values agree to 10⁻⁹, relative, multiplications grow with a power of n of at most 1.1 against at least \
           1.9, and the short form takes less time at the largest n; under a condition if all but the last is so.",
    needs: &[],
    run: cost,
};

pub(super) const SPARSE: Claim = Claim {
    id: "fm-sum-sparse",
    title: "FM suits large sparse input",
    statement: "With the sum in that form a factorization machine can work on large, sparse data.",
    measured: "The short form over the non-zero features of a row, k = 16: multiplications and processor time as the number of \
               features grows with 32 non-zeros in a row, and as non-zeros grow; beside it the plain sum over pairs of \
               non-zeros.",
    rule: "Holds if values agree to 10⁻⁹, relative, multiplications do not depend on the number of features and grow with a \
           power of the non-zeros of 0.9 to 1.1. If the sum over pairs of non-zeros takes fewer multiplications in rows of few \
           non-zeros, it holds under the condition that rows have more.",
    needs: &[],
    run: sparse,
};

/// Length of the vectors.
const K: usize = 16;

/// Multiplies, and may count.
trait Multiply {
    fn times(&mut self, a: f64, b: f64) -> f64;
}

struct Plain;

impl Multiply for Plain {
    #[inline]
    fn times(&mut self, a: f64, b: f64) -> f64 {
        a * b
    }
}

#[derive(Default)]
struct Counted(u64);

impl Multiply for Counted {
    fn times(&mut self, a: f64, b: f64) -> f64 {
        self.0 += 1;
        a * b
    }
}

/// A row of `n` features of which some are not zero, and the vectors of all features.
struct Row {
    /// The features that are not zero, ascending.
    features: Vec<usize>,
    /// Their values.
    x: Vec<f64>,
    /// `[n, K]`.
    vectors: Vec<f64>,
}

impl Row {
    fn drawn(n: usize, non_zeros: usize) -> Self {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 20, n as u64);
        let vectors = (0..n * K).map(|_| 0.1 * stream.normal()).collect();
        // Evenly spread over all features.
        let features = (0..non_zeros).map(|i| i * n / non_zeros).collect();
        Row { features, x: (0..non_zeros).map(|_| stream.uniform(0.5, 1.5)).collect(), vectors }
    }

    fn vector(&self, i: usize) -> &[f64] {
        &self.vectors[self.features[i] * K..][..K]
    }

    /// `Σ_{i<j} <v_i, v_j> x_i x_j` over the non-zeros.
    fn pairs(&self, m: &mut impl Multiply) -> f64 {
        let mut sum = 0.0;
        for i in 0..self.x.len() {
            for j in i + 1..self.x.len() {
                let product: f64 =
                    self.vector(i).iter().zip(self.vector(j)).map(|(a, b)| m.times(*a, *b)).sum();
                let value = m.times(self.x[i], self.x[j]);
                sum += m.times(product, value);
            }
        }
        sum
    }

    /// `½ Σ_f ((Σ_i v_if x_i)² - Σ_i v_if² x_i²)` over the non-zeros.
    fn short(&self, m: &mut impl Multiply) -> f64 {
        let (mut sums, mut squares) = ([0.0; K], 0.0);
        for (i, &x) in self.x.iter().enumerate() {
            for (sum, &v) in sums.iter_mut().zip(self.vector(i)) {
                let value = m.times(v, x);
                *sum += value;
                squares += m.times(value, value);
            }
        }
        let square: f64 = sums.iter().map(|&sum| m.times(sum, sum)).sum();
        m.times(0.5, square - squares)
    }

    /// Multiplications of both forms, and by how much their values differ, relative.
    fn counted(&self) -> (f64, f64, f64) {
        let (mut pairs, mut short) = (Counted::default(), Counted::default());
        let (a, b) = (self.pairs(&mut pairs), self.short(&mut short));
        // Of opposite signs, terms may cancel: relative to the larger of the sum and 1e-3.
        (pairs.0 as f64, short.0 as f64, (a - b).abs() / a.abs().max(1e-3))
    }
}

/// What the first verdict follows from.
struct Cost {
    largest_difference: f64,
    power_of_pairs: f64,
    power_of_short: f64,
    times_faster: f64,
}

impl Cost {
    fn verdict(&self) -> Verdict {
        let counted =
            self.largest_difference <= 1e-9 && self.power_of_short <= 1.1 && self.power_of_pairs >= 1.9;
        match counted {
            false => Verdict::DoesNotHoldHere,
            true if self.times_faster > 1.0 => Verdict::Holds,
            true => Verdict::under("rows have more features than were measured"),
        }
    }
}

fn cost(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    let sizes: &[usize] = lab.size(&[16, 32, 64, 128, 256, 512, 1024, 2048][..], &[16, 32, 64, 128]);
    let rounds = lab.size(7, 1);
    let (mut pairs, mut short, mut times) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    let mut largest_difference = 0.0f64;
    let mut rows = Vec::new();
    for &n in sizes {
        let row = Row::drawn(n, n);
        let (of_pairs, of_short, difference) = row.counted();
        largest_difference = largest_difference.max(difference);
        let found = medians(
            rounds,
            &mut [
                Box::new(|| {
                    black_box(black_box(&row).pairs(&mut Plain));
                }),
                Box::new(|| {
                    black_box(black_box(&row).short(&mut Plain));
                }),
            ],
        );
        let x = n as f64;
        pairs.push((x, of_pairs));
        short.push((x, of_short));
        times[0].push((x, found[0]));
        times[1].push((x, found[1]));
        rows.push(vec![
            n.to_string(),
            format!("{of_pairs}"),
            format!("{of_short}"),
            duration(found[0]),
            duration(found[1]),
            format!("{:.1}", found[0] / found[1]),
        ]);
    }
    let last = sizes.len() - 1;
    let cost = Cost {
        largest_difference,
        power_of_pairs: power(&pairs),
        power_of_short: power(&short),
        times_faster: times[0][last].1 / times[1][last].1,
    };
    let micro = |points: &[(f64, f64)]| points.iter().map(|(x, s)| (*x, s * 1e6)).collect::<Vec<_>>();
    Ok(Finding::new(cost.verdict())
        .figure("largest_difference", cost.largest_difference)
        .figure("power_of_n_pairs", cost.power_of_pairs)
        .figure("power_of_n_short_form", cost.power_of_short)
        .figure("largest_n", sizes[last] as f64)
        .figure("times_faster_at_largest_n", cost.times_faster)
        .table(
            "Multiplications and times of one row",
            &[
                "n",
                "pairs, products",
                "short form, products",
                "pairs, time",
                "short form, time",
                "times faster",
            ],
            rows,
        )
        .picture(Picture {
            title: "Time of one pairwise sum as the number of features grows".into(),
            x: "features n".into(),
            y: "µs".into(),
            x_scale: Scale::Log,
            y_scale: Scale::Log,
            kind: Kind::Lines,
            series: vec![Series::new("pairs", micro(&times[0])), Series::new("short", micro(&times[1]))],
        }))
}

/// What the second verdict follows from.
struct Sparse {
    largest_difference: f64,
    power_of_features: f64,
    power_of_non_zeros: f64,
    /// The fewest non-zeros for which the short form takes fewer multiplications.
    fewest_non_zeros: usize,
}

impl Sparse {
    fn verdict(&self) -> Verdict {
        let grows_with_non_zeros = (0.9..=1.1).contains(&self.power_of_non_zeros);
        if self.largest_difference > 1e-9 || self.power_of_features.abs() > 0.01 || !grows_with_non_zeros {
            return Verdict::DoesNotHoldHere;
        }
        // Of two non-zeros there is one pair.
        match self.fewest_non_zeros {
            ..=2 => Verdict::Holds,
            n => Verdict::under(format!(
                "a row has at least {n} non-zero features; with fewer, the sum over pairs of non-zeros takes fewer \
                 multiplications"
            )),
        }
    }
}

fn sparse(lab: &mut Lab<'_>) -> Result<Finding, Error> {
    const NON_ZEROS: usize = 32;
    let sizes: &[usize] = lab.size(&[1_000, 10_000, 100_000, 1_000_000][..], &[1_000, 10_000]);
    let rounds = lab.size(7, 1);
    let (mut by_features, mut time_by_features, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for &n in sizes {
        let row = Row::drawn(n, NON_ZEROS);
        let (_, products, _) = row.counted();
        let time = medians(
            rounds,
            &mut [Box::new(|| {
                black_box(black_box(&row).short(&mut Plain));
            })],
        )[0];
        by_features.push((n as f64, products));
        time_by_features.push((n as f64, time));
        rows.push(vec![n.to_string(), format!("{products}"), duration(time)]);
    }
    let n = sizes[sizes.len() - 1];
    let (mut by_non_zeros, mut pairs_by_non_zeros) = (Vec::new(), Vec::new());
    let mut largest_difference = 0.0f64;
    let mut other_rows = Vec::new();
    for non_zeros in [2, 4, 8, 16, 32, 64, 128, 256] {
        let row = Row::drawn(n, non_zeros);
        let (pairs, short, difference) = row.counted();
        largest_difference = largest_difference.max(difference);
        by_non_zeros.push((non_zeros as f64, short));
        pairs_by_non_zeros.push((non_zeros as f64, pairs));
        let times = medians(
            rounds,
            &mut [
                Box::new(|| {
                    black_box(black_box(&row).pairs(&mut Plain));
                }),
                Box::new(|| {
                    black_box(black_box(&row).short(&mut Plain));
                }),
            ],
        );
        other_rows.push(vec![
            non_zeros.to_string(),
            format!("{pairs}"),
            format!("{short}"),
            duration(times[0]),
            duration(times[1]),
        ]);
    }
    let saves = |non_zeros: &usize| {
        let (pairs, short, _) = Row::drawn(256, *non_zeros).counted();
        short < pairs
    };
    let found = Sparse {
        largest_difference,
        power_of_features: power(&by_features),
        power_of_non_zeros: power(&by_non_zeros),
        fewest_non_zeros: (2..=256).find(saves).unwrap_or(usize::MAX),
    };
    Ok(Finding::new(found.verdict())
        .figure("largest_difference", found.largest_difference)
        .figure("power_of_features", found.power_of_features)
        .figure("power_of_non_zeros", found.power_of_non_zeros)
        .figure("fewest_non_zeros_to_save", found.fewest_non_zeros as f64)
        .figure("time_from_fewest_to_most_features", time_by_features[sizes.len() - 1].1 / time_by_features[0].1)
        .table(
            &format!("Short form, {NON_ZEROS} non-zeros in a row"),
            &["features n", "products", "time"],
            rows,
        )
        .table(
            &format!("A row of {n} features"),
            &["non-zeros", "pairs, products", "short form, products", "pairs, time", "short form, time"],
            other_rows,
        )
        .picture(Picture {
            title: "Multiplications of one sparse row as its non-zeros grow".into(),
            x: "non-zero features of the row".into(),
            y: "multiplications".into(),
            x_scale: Scale::Log,
            y_scale: Scale::Log,
            kind: Kind::Lines,
            series: vec![Series::new("pairs", pairs_by_non_zeros), Series::new("short", by_non_zeros)],
        })
        .note(
            "Multiplications do not depend on the number of features at all; time may grow a little with it, because the \
             vectors of a larger table are further from the processor.",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// v_1 = (1, …), v_2 = (2, …), v_3 = (3, …) and x = 1, 1, 2: k (1·2 + 1·3·2 + 2·3·2) = 20 k.
    #[test]
    fn both_forms_are_the_sum_over_pairs() {
        let vectors = [1.0, 2.0, 3.0].iter().flat_map(|&v| [v; K]).collect();
        let row = Row { features: vec![0, 1, 2], x: vec![1.0, 1.0, 2.0], vectors };
        assert_eq!((row.pairs(&mut Plain), row.short(&mut Plain)), (20.0 * K as f64, 20.0 * K as f64));
        // Three pairs of K + 2; twice K for each of three features, K squares and a half.
        let (pairs, short, difference) = row.counted();
        assert_eq!((pairs, short, difference), (3.0 * 18.0, 6.0 * 16.0 + 17.0, 0.0));
    }

    #[test]
    fn the_verdict_on_cost_follows_from_each_figure() {
        let good = || Cost {
            largest_difference: 1e-12,
            power_of_pairs: 2.0,
            power_of_short: 1.0,
            times_faster: 9.0,
        };
        assert_eq!(good().verdict(), Verdict::Holds);
        for bad in [
            Cost { largest_difference: 1e-8, ..good() },
            Cost { power_of_pairs: 1.8, ..good() },
            Cost { power_of_short: 1.2, ..good() },
            Cost { power_of_short: f64::NAN, ..good() },
        ] {
            assert_eq!(bad.verdict(), Verdict::DoesNotHoldHere);
        }
        assert_eq!(Cost { times_faster: 0.9, ..good() }.verdict().word(), "holds_under_a_condition");
    }

    #[test]
    fn the_verdict_on_sparse_rows_names_how_many_non_zeros_it_takes() {
        let good = || Sparse {
            largest_difference: 1e-12,
            power_of_features: 0.0,
            power_of_non_zeros: 1.0,
            fewest_non_zeros: 2,
        };
        assert_eq!(good().verdict(), Verdict::Holds);
        assert_eq!(Sparse { power_of_features: 0.1, ..good() }.verdict(), Verdict::DoesNotHoldHere);
        assert_eq!(Sparse { power_of_non_zeros: 1.2, ..good() }.verdict(), Verdict::DoesNotHoldHere);
        match (Sparse { fewest_non_zeros: 5, ..good() }).verdict() {
            Verdict::HoldsUnderACondition(condition) => {
                assert!(condition.contains("at least 5"), "{condition}")
            }
            other => panic!("{other:?}"),
        }
    }
}
