//! Where labels go, so that none hides another.

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

/// A text beside a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub point: [f64; 2],
    pub width: f64,
    pub height: f64,
}

/// Upper left corners of blocks, near their points, within `bounds` and where they hide least.
///
/// Greedy, in the given order: of the places around its point, nearest first, each block takes the one that overlaps
/// least with points, lines and the blocks before it.
pub(crate) fn place(blocks: &[Block], lines: &[Vec<[f64; 2]>], [low, high]: [[f64; 2]; 2]) -> Vec<[f64; 2]> {
    let mut taken: Vec<[f64; 4]> =
        blocks.iter().map(|&Block { point: [x, y], .. }| [x - 5.0, y - 5.0, x + 5.0, y + 5.0]).collect();
    taken.extend(lines.iter().flat_map(|line| line.windows(2)).flat_map(beads));
    let mut corners = Vec::with_capacity(blocks.len());
    for &Block { point: [x, y], width, height } in blocks {
        let around = |gap: f64| {
            let (right, left) = (x + gap, x - gap - width);
            let (above, below, level) = (y - gap - height, y + gap, y - height / 2.0);
            let centre = x - width / 2.0;
            [
                [right, level],
                [left, level],
                [centre, above],
                [centre, below],
                [right, above],
                [left, above],
                [right, below],
                [left, below],
            ]
        };
        let inside = |[corner_x, corner_y]: [f64; 2]| {
            [corner_x.min(high[0] - width).max(low[0]), corner_y.min(high[1] - height).max(low[1])]
        };
        let cost = |&[x, y]: &[f64; 2]| -> f64 {
            let own = [x, y, x + width, y + height];
            taken.iter().map(|other| overlap(own, *other)).sum()
        };
        let candidates = [8.0, 16.0, 28.0, 42.0].into_iter().flat_map(around).map(inside);
        let best = candidates.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let corner = best.expect("there are places around every point");
        taken.push([corner[0], corner[1], corner[0] + width, corner[1] + height]);
        corners.push(corner);
    }
    corners
}

/// Small boxes along a piece of a line.
fn beads(ends: &[[f64; 2]]) -> impl Iterator<Item = [f64; 4]> {
    let ([x0, y0], [x1, y1]) = (ends[0], ends[1]);
    let n = ((x1 - x0).hypot(y1 - y0) / 4.0).ceil().max(1.0);
    (0..=n as u32).map(move |i| {
        let share = f64::from(i) / n;
        let (x, y) = (x0 + share * (x1 - x0), y0 + share * (y1 - y0));
        [x - 2.0, y - 2.0, x + 2.0, y + 2.0]
    })
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let side = |low: usize, high: usize| (a[high].min(b[high]) - a[low].max(b[low])).max(0.0);
    side(0, 2) * side(1, 3)
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

    #[test]
    fn names_of_neighbouring_points_do_not_overlap() {
        let points = [[50.0, 50.0], [55.0, 52.0], [50.0, 55.0], [390.0, 5.0]];
        let blocks = points.map(|point| Block { point, width: 80.0, height: 13.0 });
        let corners = place(&blocks, &[], [[0.0, 0.0], [400.0, 200.0]]);
        let boxes: Vec<[f64; 4]> = corners.iter().map(|&[x, y]| [x, y, x + 80.0, y + 13.0]).collect();
        for (i, a) in boxes.iter().enumerate() {
            assert!(a[0] >= 0.0 && a[2] <= 400.0 && a[1] >= 0.0 && a[3] <= 200.0);
            assert!(boxes[..i].iter().all(|b| overlap(*a, *b) == 0.0), "{boxes:?}");
        }
    }
    #[test]
    fn a_name_keeps_clear_of_a_line_through_its_point() {
        let block = Block { point: [200.0, 100.0], width: 80.0, height: 13.0 };
        let line = vec![[0.0, 100.0], [200.0, 100.0], [400.0, 100.0]];
        let [_, y] = place(&[block], &[line], [[0.0, 0.0], [400.0, 200.0]])[0];
        assert!(y + 13.0 <= 98.0 || y >= 102.0, "{y}");
    }
}
