//! Heights of labels beside each other, so that none hides another.

/// Moves heights apart until neighbours have at least `distance` between them, as little as possible, within `bounds`.
///
/// Comes back in the order of `heights`. Where they do not all fit, they are spread evenly.
pub(crate) fn spread(heights: &[f64], distance: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|&a, &b| heights[a].total_cmp(&heights[b]));
    let distance = distance.min((bottom - top) / heights.len().max(2) as f64);
    // Groups that touch share the move: each is a first height and a number of labels.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for &i in &order {
        let mut group = (heights[i], 1);
        loop {
            group.0 = group.0.min(bottom - (group.1 - 1) as f64 * distance).max(top);
            let Some((first, n)) = groups.pop_if(|&mut (first, n)| first + n as f64 * distance > group.0)
            else {
                break;
            };
            // The mean of what each label of both wants for the first.
            let wanted = first * n as f64 + (group.0 - n as f64 * distance) * group.1 as f64;
            group = (wanted / (n + group.1) as f64, n + group.1);
        }
        groups.push(group);
    }
    let placed = groups.iter().flat_map(|&(first, n)| (0..n).map(move |i| first + i as f64 * distance));
    let mut spread = vec![0.0; heights.len()];
    order.into_iter().zip(placed).for_each(|(i, height)| spread[i] = height);
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_that_are_apart_stay() {
        assert_eq!(spread(&[50.0, 10.0, 30.0], 14.0, [0.0, 100.0]), [50.0, 10.0, 30.0]);
    }

    /// Two at 50 want 43 and 57; the one at 60 pushes all three around their mean: 40, 54, 68 about 53⅓ + … by hand:
    /// wanted firsts are 50, 50 − 14 and 60 − 28, their mean 39⅓.
    #[test]
    fn heights_that_touch_share_the_move() {
        let expected = [118.0 / 3.0, 118.0 / 3.0 + 14.0, 118.0 / 3.0 + 28.0];
        for (found, expected) in spread(&[50.0, 50.0, 60.0], 14.0, [0.0, 100.0]).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
    }

    #[test]
    fn labels_neither_touch_nor_leave_the_picture() {
        for heights in [vec![0.0; 5], vec![99.0, 98.0, 97.0, 1.0], vec![-5.0, 200.0], vec![40.0; 30]] {
            let n = heights.len() as f64;
            let distance = 12f64.min(100.0 / n.max(2.0));
            let mut spread = spread(&heights, 12.0, [0.0, 100.0]);
            assert!(spread.iter().all(|&height| (-1e-9..=100.0 + 1e-9).contains(&height)), "{spread:?}");
            spread.sort_by(f64::total_cmp);
            assert!(spread.windows(2).all(|pair| pair[1] - pair[0] >= distance - 1e-9), "{spread:?}");
        }
    }
}
