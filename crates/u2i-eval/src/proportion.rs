/// Wilson's 95 % interval of a proportion: `hits` of `n`.
///
/// With `p = hits / n` and `z = 1.96`:
///
/// ```text
/// (p + z² / 2n ± z √(p (1 − p) / n + z² / 4n²)) / (1 + z² / n)
/// ```
///
/// It stays within 0 and 1 and is sensible for few users and for proportions near 0, where `p ± 1.96` standard errors
/// is not. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927. `None` for
/// `n = 0`.
///
/// # Panics
///
/// If there are more hits than tries.
///
/// # Examples
///
/// None of ten may still be more than a quarter: the upper end is `z² / (n + z²)`.
///
/// ```
/// # use u2i_eval::wilson_95;
/// let [low, high] = wilson_95(0, 10).unwrap();
/// assert_eq!(low, 0.0);
/// assert!((high - 0.277_5).abs() < 1e-4); // 3.8416 / 13.8416
/// ```
pub fn wilson_95(hits: usize, n: usize) -> Option<[f64; 2]> {
    assert!(hits <= n, "{hits} hits in {n} tries");
    if n == 0 {
        return None;
    }
    const Z: f64 = 1.96;
    let (n_tries, p) = (n as f64, hits as f64 / n as f64);
    let centre = p + Z * Z / (2.0 * n_tries);
    let half = Z * (p * (1.0 - p) / n_tries + Z * Z / (4.0 * n_tries * n_tries)).sqrt();
    let scale = 1.0 + Z * Z / n_tries;
    // At the ends the two terms are equal but for rounding.
    let low = if hits == 0 { 0.0 } else { (centre - half) / scale };
    let high = if hits == n { 1.0 } else { (centre + half) / scale };
    Some([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: Newcombe, "Two-Sided Confidence Intervals for the Single Proportion", Statistics in Medicine 1998,
    /// table I, method 3 (score, no continuity correction), to the four digits printed there.
    #[test]
    fn intervals_are_those_of_newcombes_table() {
        let cases = [(81, 263, [0.2553, 0.3662]), (15, 148, [0.0624, 0.1605]), (0, 20, [0.0, 0.1611])];
        for (hits, n, expected) in cases {
            let found = wilson_95(hits, n).unwrap();
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "{hits} of {n}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn misses_mirror_hits() {
        for (hits, n) in [(0, 1), (1, 7), (3, 10), (500, 943)] {
            let [low, high] = wilson_95(hits, n).unwrap();
            let [mirrored_low, mirrored_high] = wilson_95(n - hits, n).unwrap();
            assert!((low + mirrored_high - 1.0).abs() < 1e-12 && (high + mirrored_low - 1.0).abs() < 1e-12);
            assert!(0.0 <= low && low <= hits as f64 / n as f64 && hits as f64 / n as f64 <= high);
        }
    }

    #[test]
    fn nobody_has_no_interval() {
        assert_eq!(wilson_95(0, 0), None);
    }
}
