use std::ops::RangeInclusive;

/// Ranges that cut `values` into at most `n_groups` groups of about equal size, ascending.
///
/// Equal values are never parted, so groups may differ in size and be fewer: a cut that falls among equal values moves
/// behind the last of them. Every value lies in exactly one range, and both ends of a range occur.
///
/// ```
/// # use u2i_eval::quantile_groups;
/// assert_eq!(quantile_groups(&[5, 1, 2, 9, 3, 7], 3), [1..=2, 3..=5, 7..=9]);
/// assert_eq!(quantile_groups(&[1, 1, 1, 1, 2], 4), [1..=1, 2..=2]);
/// ```
pub fn quantile_groups(values: &[u32], n_groups: usize) -> Vec<RangeInclusive<u32>> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let mut groups = Vec::new();
    let mut first = 0;
    for group in 1..=n_groups {
        let cut = (sorted.len() * group).div_ceil(n_groups);
        if cut <= first {
            continue;
        }
        let last = sorted[cut - 1];
        groups.push(sorted[first]..=last);
        first = sorted.partition_point(|&value| value <= last);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_one_group_and_ties_stay_together() {
        let values = [3, 3, 3, 8, 1, 9, 9, 4, 4, 4, 4, 20];
        for n_groups in 1..=15 {
            let groups = quantile_groups(&values, n_groups);
            assert!(!groups.is_empty() && groups.len() <= n_groups);
            for value in values {
                assert_eq!(groups.iter().filter(|group| group.contains(&value)).count(), 1);
            }
            assert!(groups.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        }
    }

    #[test]
    fn without_ties_groups_differ_by_one_at_most() {
        let values: Vec<u32> = (0..943).collect();
        let sizes: Vec<u32> =
            quantile_groups(&values, 4).iter().map(|group| group.end() - group.start() + 1).collect();
        assert_eq!(sizes, [236, 236, 236, 235]);
    }

    #[test]
    fn nothing_has_no_groups() {
        assert_eq!(quantile_groups(&[], 4), []);
        assert_eq!(quantile_groups(&[1], 0), []);
    }
}
