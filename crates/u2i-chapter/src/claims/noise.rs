//! Whether a difference is one, or lies within what chance does.

use serde::{Deserialize, Serialize};
use u2i_page::{Point, Series};

/// A difference counts if it is more than so many standard errors away from 0.
pub const LEVEL: f64 = 2.0;

/// A mean and its standard error, over users and over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// What chance does to it: users are a draw, and so are seeds.
    pub standard_error: f64,
}

/// What a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// More than chance would make of nothing.
    Above,
    /// Nothing beyond chance.
    Within,
    /// Less than chance would make of nothing.
    Below,
}

impl Estimate {
    /// The mean over users and seeds. `values` is `[seeds][users]`, users in the same order for each seed.
    ///
    /// Variances of the two means are added: that over users, of each user's mean over seeds, and that over seeds, of each
    /// seed's mean over users. The second holds some of the first, so the sum errs on the side of caution.
    pub fn over(values: &[Vec<f64>]) -> Self {
        let seeds = values.len().max(1) as f64;
        let users = values.first().map_or(0, Vec::len);
        let of_user = |user: usize| values.iter().map(|seed| seed[user]).sum::<f64>() / seeds;
        let by_user: Vec<f64> = (0..users).map(of_user).collect();
        let by_seed: Vec<f64> = values.iter().map(|seed| mean(seed)).collect();
        let variance = variance_of_mean(&by_user) + variance_of_mean(&by_seed);
        Estimate { mean: mean(&by_user), standard_error: variance.sqrt() }
    }

    /// The mean of `ours` less that of `theirs`, user by user and seed by seed; both `[seeds][users]`.
    pub fn difference(ours: &[Vec<f64>], theirs: &[Vec<f64>]) -> Self {
        let of_seed = |(ours, theirs): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
            ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect()
        };
        Estimate::over(&ours.iter().zip(theirs).map(of_seed).collect::<Vec<_>>())
    }

    /// Whether it differs from 0 by more than chance.
    pub fn sign(self) -> Sign {
        let least = LEVEL * self.standard_error;
        // A mean that is no number is no difference.
        match self.mean {
            mean if mean > least => Sign::Above,
            mean if mean < -least => Sign::Below,
            _ => Sign::Within,
        }
    }

    /// `+0.0123 ± 0.0045`, the second being the standard error.
    pub fn signed(self) -> String {
        format!("{:+.4} ± {:.4}", self.mean, self.standard_error)
    }

    /// `0.0123 ± 0.0045`, the second being the standard error.
    pub fn text(self) -> String {
        format!("{:.4} ± {:.4}", self.mean, self.standard_error)
    }
}

/// One point over each name, with [`LEVEL`] standard errors on either side.
pub(super) fn over_names(name: &str, estimates: impl IntoIterator<Item = Estimate>) -> Series {
    let point = |(x, estimate): (usize, Estimate)| Point {
        x: x as f64,
        y: estimate.mean,
        error: LEVEL * estimate.standard_error,
    };
    Series { name: name.to_owned(), points: estimates.into_iter().enumerate().map(point).collect() }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// 0 where there is one value or none.
fn variance_of_mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let middle = mean(values);
    values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (n - 1.0) / n
}

/// The slope of a straight line through the logarithms of both, by least squares: the power by which `y` grows.
pub(super) fn power(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let x = mean(&logs.iter().map(|point| point.0).collect::<Vec<_>>());
    let y = mean(&logs.iter().map(|point| point.1).collect::<Vec<_>>());
    let along: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    along / logs.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_within_two_standard_errors_is_none() {
        let estimate = |mean| Estimate { mean, standard_error: 0.01 };
        let cases = [
            (0.0201, Sign::Above),
            (0.02, Sign::Within),
            (0.011, Sign::Within),
            (-0.02, Sign::Within),
            (-0.0201, Sign::Below),
            (f64::NAN, Sign::Within),
        ];
        for (mean, sign) in cases {
            assert_eq!(estimate(mean).sign(), sign, "{mean}");
        }
    }

    /// Users' means over seeds are 1, 2, 3: variance 1, of the mean 1/3. Seeds' means are 1 and 3: variance 2, of the mean 1.
    #[test]
    fn variances_of_users_and_seeds_are_added() {
        let found = Estimate::over(&[vec![0.0, 1.0, 2.0], vec![2.0, 3.0, 4.0]]);
        assert!((found.mean - 2.0).abs() < 1e-12);
        assert!((found.standard_error - (4.0f64 / 3.0).sqrt()).abs() < 1e-12);
        let one = Estimate::over(&[vec![1.0, 3.0]]);
        assert_eq!((one.mean, one.standard_error), (2.0, 1.0));
    }

    #[test]
    fn what_all_users_share_falls_out_of_a_difference() {
        let (ours, theirs) = (vec![vec![5.0, 1.0, 9.0]], vec![vec![4.0, 0.0, 8.0]]);
        assert_eq!(Estimate::difference(&ours, &theirs), Estimate { mean: 1.0, standard_error: 0.0 });
    }

    #[test]
    fn a_power_law_has_its_power() {
        let points = [1.0, 2.0, 4.0, 8.0].map(|x: f64| (x, 3.0 * x.powf(1.5)));
        assert!((power(&points) - 1.5).abs() < 1e-12);
    }
}
