/// The Lorenz curve of how often items occur: points `[share of items, share of all occurrences]`, from the rarest item
/// to the most frequent one, first `[0, 0]` and last `[1, 1]`.
///
/// Lorenz, "Methods of Measuring the Concentration of Wealth", Publications of the American Statistical Association
/// 1905. The diagonal is a world where all items occur alike. Empty if nothing occurs.
///
/// ```
/// # use u2i_eval::lorenz;
/// assert_eq!(lorenz(&[3, 1]), [[0.0, 0.0], [0.5, 0.25], [1.0, 1.0]]);
/// ```
pub fn lorenz(counts: &[u64]) -> Vec<[f64; 2]> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    let (n, total) = (counts.len() as f64, counts.iter().sum::<u64>());
    if total == 0 {
        return Vec::new();
    }
    let mut below = 0;
    let points = (1..).zip(counts).map(|(i, count): (u32, u64)| {
        below += count;
        [f64::from(i) / n, below as f64 / total as f64]
    });
    std::iter::once([0.0; 2]).chain(points).collect()
}

/// The Gini coefficient of how often items occur: 0 if all occur alike, `1 − 1/n` if only one does.
///
/// With counts in ascending order, `Σ_i (2i − n − 1) c_i / (n Σ_i c_i)`, which is one less twice the area under the
/// [Lorenz curve](lorenz). Gini, "Variabilità e mutabilità", 1912. Items that never occur are part of it: leaving zeros
/// out makes recommendations look more even than they are. `None` if nothing occurs.
///
/// ```
/// # use u2i_eval::gini;
/// assert_eq!(gini(&[2, 2, 2]), Some(0.0));
/// assert_eq!(gini(&[0, 0, 0, 5]), Some(0.75));
/// ```
pub fn gini(counts: &[u64]) -> Option<f64> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    let (n, total) = (counts.len() as i128, counts.iter().map(|&count| i128::from(count)).sum::<i128>());
    let weighted: i128 = (1..).zip(counts).map(|(i, count)| (2 * i - n - 1) * i128::from(count)).sum();
    (total > 0).then(|| weighted as f64 / (n * total) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: n = 4, Σ c = 10, Σ (2i − 5) c_i = −3·1 − 1·2 + 1·3 + 3·4 = 10, so 10 / 40.
    #[test]
    fn gini_of_one_to_four_is_a_quarter_in_any_order() {
        assert_eq!(gini(&[4, 2, 1, 3]), Some(0.25));
    }

    #[test]
    fn gini_is_one_less_twice_the_area_under_the_lorenz_curve() {
        let counts = [7, 0, 0, 1, 31, 2, 2];
        let area: f64 = lorenz(&counts)
            .windows(2)
            .map(|pair| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0)
            .sum();
        assert!((gini(&counts).unwrap() - (1.0 - 2.0 * area)).abs() < 1e-12);
    }

    #[test]
    fn where_nothing_occurs_there_is_no_inequality_to_measure() {
        for counts in [&[][..], &[0, 0]] {
            assert_eq!(gini(counts), None);
            assert_eq!(lorenz(counts), Vec::<[f64; 2]>::new());
        }
    }
}
