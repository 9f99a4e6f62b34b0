//! Where names of points go, so that none hides another, a point, or leaves the picture.

/// Left, top, right, bottom.
pub(crate) type Rect = [f64; 4];

/// A text beside a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub point: [f64; 2],
    pub width: f64,
    pub height: f64,
}

/// Where a text goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placed {
    /// Its upper left corner.
    pub corner: [f64; 2],
    /// A line from the point, for a text that stands apart from it or nearer to another.
    pub leader: Option<[[f64; 2]; 2]>,
}

/// What a text may not lie on, and what it had better not.
pub(crate) struct Around<'a> {
    /// Places of markers.
    pub points: &'a [[f64; 2]],
    pub lines: &'a [Vec<[f64; 2]>],
    /// The picture's frame.
    pub bounds: Rect,
}

/// Half the side of what a marker covers.
const MARKER: f64 = 5.0;
/// Between a marker and a text.
const GAPS: [f64; 7] = [2.0, 5.0, 10.0, 17.0, 26.0, 38.0, 52.0];
/// From this gap on, a line leads from the point to its text.
const LED: f64 = 10.0;
/// Between a text and whatever is beside it.
const AIR: f64 = 1.0;
/// How much farther away a text would rather be than on a line, per square unit that it hides.
const PER_HIDDEN: f64 = 0.4;

/// Where each text goes; nowhere, if every place near its point is taken.
///
/// Greedy: of the places around its point that are free, each text takes the one that is nearest and hides least of the
/// lines. If not all are placed so in the given order, other orders are tried, and the one that places most is taken.
pub(crate) fn place(blocks: &[Block], around: &Around) -> Vec<Option<Placed>> {
    let given: Vec<usize> = (0..blocks.len()).collect();
    let reversed = given.iter().rev().copied().collect();
    let mut crowded = given.clone();
    let neighbours =
        |i: usize| blocks.iter().filter(|other| distance(other.point, blocks[i].point) < 60.0).count();
    crowded.sort_by_key(|&i| std::cmp::Reverse(neighbours(i)));
    let mut best: Vec<Option<Placed>> = vec![None; blocks.len()];
    let n_placed = |placed: &[Option<Placed>]| placed.iter().flatten().count();
    for order in [given, reversed, crowded] {
        let placed = in_order(blocks, &order, around);
        if n_placed(&placed) > n_placed(&best) {
            best = placed;
        }
        if n_placed(&best) == blocks.len() {
            break;
        }
    }
    best
}

fn in_order(blocks: &[Block], order: &[usize], around: &Around) -> Vec<Option<Placed>> {
    let markers = around.points.iter().copied().chain(blocks.iter().map(|block| block.point));
    let mut taken: Vec<Rect> =
        markers.map(|point| grown([point[0], point[1], point[0], point[1]], MARKER)).collect();
    let lines: Vec<Rect> =
        around.lines.iter().flat_map(|line| line.windows(2)).flat_map(|ends| beads(ends, 2.0)).collect();
    let mut placed = vec![None; blocks.len()];
    for &i in order {
        let Some(own) = best_place(&blocks[i], &taken, &lines, around) else { continue };
        taken.push(rect(own.corner, &blocks[i]));
        // Those that come later keep off the line to it, too.
        taken.extend(own.leader.iter().flat_map(|ends| beads(ends, 0.5)));
        placed[i] = Some(own);
    }
    placed
}

fn best_place(block: &Block, taken: &[Rect], lines: &[Rect], around: &Around) -> Option<Placed> {
    let mut best: Option<(f64, Placed)> = None;
    for gap in GAPS {
        for (turn, corner) in corners(block, MARKER + gap).enumerate() {
            let own = rect(corner, block);
            if !inside(grown(own, AIR), around.bounds)
                || taken.iter().any(|other| overlap(grown(own, AIR), *other) > 0.0)
            {
                continue;
            }
            let to_own = to_rect(block.point, own);
            let is_another = |point: &&[f64; 2]| distance(**point, block.point) > 1.0;
            let confusing =
                around.points.iter().filter(is_another).any(|&point| to_rect(point, own) < to_own + 1.0);
            let leader = (gap >= LED || confusing).then(|| lead(block.point, own));
            if leader.is_some_and(|ends| !is_free(&ends, block.point, taken)) {
                continue;
            }
            let hidden: f64 = lines.iter().map(|line| overlap(own, *line)).sum();
            let led = if leader.is_some() { 8.0 } else { 0.0 };
            let cost = gap + led + 0.1 * turn as f64 + PER_HIDDEN * hidden;
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, Placed { corner, leader }));
            }
        }
    }
    best.map(|(_, placed)| placed)
}

/// Upper left corners around a point, from right and left over above and below to those between.
fn corners(block: &Block, gap: f64) -> impl Iterator<Item = [f64; 2]> {
    const SIXTEENTHS: [u8; 16] = [0, 8, 12, 4, 14, 10, 2, 6, 15, 1, 9, 7, 13, 3, 11, 5];
    let &Block { point: [x, y], width, height } = block;
    SIXTEENTHS.into_iter().map(move |turn| {
        let (sin, cos) = (f64::from(turn) * std::f64::consts::PI / 8.0).sin_cos();
        let beside = |direction: f64, half: f64| direction * gap + (1.5 * direction).clamp(-1.0, 1.0) * half;
        [x + beside(cos, width / 2.0) - width / 2.0, y + beside(sin, height / 2.0) - height / 2.0]
    })
}

/// From the rim of a marker to the nearest place of a text.
fn lead([x, y]: [f64; 2], [left, top, right, bottom]: Rect) -> [[f64; 2]; 2] {
    let end = [x.clamp(left, right), y.clamp(top, bottom)];
    let length = distance([x, y], end).max(1e-9);
    let share = (MARKER / length).min(1.0);
    [[x + share * (end[0] - x), y + share * (end[1] - y)], end]
}

/// True for a line that meets no text and no marker but those at its point.
fn is_free(ends: &[[f64; 2]; 2], point: [f64; 2], taken: &[Rect]) -> bool {
    let others = || taken.iter().filter(|rect| to_rect(point, **rect) > 1.0);
    beads(ends, 0.5).all(|bead| others().all(|other| overlap(bead, *other) == 0.0))
}

fn rect([x, y]: [f64; 2], block: &Block) -> Rect {
    [x, y, x + block.width, y + block.height]
}

fn grown([left, top, right, bottom]: Rect, by: f64) -> Rect {
    [left - by, top - by, right + by, bottom + by]
}

fn inside(own: Rect, bounds: Rect) -> bool {
    own[0] >= bounds[0] && own[1] >= bounds[1] && own[2] <= bounds[2] && own[3] <= bounds[3]
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn to_rect([x, y]: [f64; 2], [left, top, right, bottom]: Rect) -> f64 {
    distance([x, y], [x.clamp(left, right), y.clamp(top, bottom)])
}

/// Small boxes along a piece of a line.
fn beads(ends: &[[f64; 2]], half: f64) -> impl Iterator<Item = Rect> {
    let ([x0, y0], [x1, y1]) = (ends[0], ends[1]);
    let n = ((x1 - x0).hypot(y1 - y0) / 4.0).ceil().max(1.0);
    (0..=n as u32).map(move |i| {
        let share = f64::from(i) / n;
        let (x, y) = (x0 + share * (x1 - x0), y0 + share * (y1 - y0));
        grown([x, y, x, y], half)
    })
}

/// The area that two have in common.
pub(crate) fn overlap(a: Rect, b: Rect) -> f64 {
    let side = |low: usize, high: usize| (a[high].min(b[high]) - a[low].max(b[low])).max(0.0);
    side(0, 2) * side(1, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Rect = [0.0, 0.0, 400.0, 200.0];

    fn placed(points: &[[f64; 2]], width: f64, lines: &[Vec<[f64; 2]>]) -> Vec<Option<Placed>> {
        let blocks: Vec<Block> = points.iter().map(|&point| Block { point, width, height: 13.0 }).collect();
        place(&blocks, &Around { points, lines, bounds: BOUNDS })
    }

    #[test]
    fn names_lie_on_no_name_no_point_and_within_the_frame() {
        let points = [[50.0, 50.0], [55.0, 52.0], [50.0, 55.0], [390.0, 5.0], [1.0, 199.0]];
        let placed: Vec<Placed> =
            placed(&points, 80.0, &[]).into_iter().map(|place| place.unwrap()).collect();
        let boxes: Vec<Rect> =
            placed.iter().map(|&Placed { corner: [x, y], .. }| [x, y, x + 80.0, y + 13.0]).collect();
        for (i, own) in boxes.iter().enumerate() {
            assert!(inside(*own, BOUNDS), "{own:?}");
            assert!(boxes[..i].iter().all(|other| overlap(*own, *other) == 0.0), "{boxes:?}");
            assert!(points.iter().all(|&point| to_rect(point, *own) > MARKER), "{own:?}");
        }
    }

    #[test]
    fn without_room_there_is_no_name() {
        assert_eq!(placed(&[[200.0, 100.0]], 401.0, &[]), [None]);
    }

    #[test]
    fn a_name_that_is_nearer_to_another_point_is_led_to_its_own() {
        let row: Vec<[f64; 2]> = (0..8).map(|i| [150.0 + 12.0 * f64::from(i), 100.0]).collect();
        let placed = placed(&row, 40.0, &[]);
        for (place, &point) in placed.iter().zip(&row) {
            let Placed { corner: [x, y], leader } = place.unwrap();
            let own = [x, y, x + 40.0, y + 13.0];
            let nearest = row.iter().all(|&other| to_rect(other, own) >= to_rect(point, own));
            assert!(nearest || leader.is_some(), "{point:?} at {own:?}");
        }
    }

    #[test]
    fn a_name_keeps_clear_of_a_line_through_its_point() {
        let line = vec![[0.0, 100.0], [200.0, 100.0], [400.0, 100.0]];
        let [_, y] = placed(&[[200.0, 100.0]], 80.0, &[line])[0].unwrap().corner;
        assert!(y + 13.0 <= 98.0 || y >= 102.0, "{y}");
    }
}
