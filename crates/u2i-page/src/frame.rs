//! Where the axes of a picture lie, and which of their ticks have a label.

use crate::axis::Axis;
use crate::place::Rect;
use crate::text::{shortened, width, wrapped};

/// Size of a picture in its own units; a reader's screen stretches it. Text is 12 units high, so that it can still be
/// read on a phone.
pub(crate) const SIZE: [f64; 2] = [400.0, 270.0];
/// Heights of text: of the first line of a label, and of further ones.
pub(crate) const TEXT: f64 = 12.0;
pub(crate) const SMALL: f64 = 11.0;
/// From the top of a line of text to that of the next.
pub(crate) const LINE: f64 = 14.0;

/// The widest label on the vertical axis.
const Y_ROOM: f64 = 110.0;
/// The widest name at the end of a line.
pub(crate) const END_ROOM: f64 = 120.0;
/// Between two labels.
const BETWEEN: f64 = 6.0;
/// A name on an axis is not squeezed into less than this.
const NAME_ROOM: f64 = 34.0;

/// The rectangle that data is drawn in.
#[derive(Debug)]
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    x: [f64; 2],
    y: [f64; 2],
    /// Labelled places along the bottom, in units of the picture; a label has lines.
    pub x_ticks: Vec<(f64, Vec<String>)>,
    /// Labelled places along the left side, in units of the picture.
    pub y_ticks: Vec<(f64, String)>,
}

impl Frame {
    /// Makes room for the labels of both axes and for names at the ends of lines.
    pub fn new<'a>(x: &Axis, y: &Axis, ends: impl Iterator<Item = &'a str>) -> Frame {
        let half =
            |tick: Option<&(f64, String)>| tick.map_or(0.0, |(_, label)| width(label, TEXT) / 2.0 + 1.0);
        let [first, last] = if x.names { [0.0, 0.0] } else { [half(x.ticks.first()), half(x.ticks.last())] };
        let y_labels = y.ticks.iter().map(|(_, label)| width(label, TEXT).min(Y_ROOM));
        let ends = ends.map(|name| width(name, TEXT).min(END_ROOM) + 10.0);
        let mut frame = Frame {
            left: (10.0 + y_labels.fold(0.0, f64::max)).max(first),
            top: 28.0,
            right: SIZE[0] - ends.fold(last.max(12.0), f64::max),
            bottom: SIZE[1],
            x: x.range,
            y: y.range,
            x_ticks: Vec::new(),
            y_ticks: Vec::new(),
        };
        frame.x_ticks = x_ticks(x, |at| frame.place([at, y.range[0]])[0]);
        let lines = frame.x_ticks.iter().map(|(_, lines)| lines.len()).max().unwrap_or(1);
        frame.bottom = SIZE[1] - 26.0 - LINE * lines as f64;
        let places = y
            .ticks
            .iter()
            .map(|(at, label)| (frame.place([x.range[0], *at])[1], shortened(label, TEXT, Y_ROOM)));
        let places: Vec<(f64, String)> = places.collect();
        frame.y_ticks = thinned(&places, |a, b| (a.0 - b.0).abs() >= TEXT + 1.0);
        frame
    }

    /// Where a point lies, given in the coordinates of the axes; one outside of them lies at their end.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let share = |at: f64, [low, high]: [f64; 2]| ((at - low) / (high - low)).clamp(0.0, 1.0);
        let between =
            |from: f64, to: f64, share: f64| if share.is_nan() { from } else { from + share * (to - from) };
        [between(self.left, self.right, share(x, self.x)), between(self.bottom, self.top, share(y, self.y))]
    }

    /// Left, top, right, bottom.
    pub fn bounds(&self) -> Rect {
        [self.left, self.top, self.right, self.bottom]
    }
}

/// Labels that do not meet. Of numbers some are left out; names are broken into lines and, in the end, shortened.
fn x_ticks(axis: &Axis, at: impl Fn(f64) -> f64) -> Vec<(f64, Vec<String>)> {
    let lines = |label: &str, room: f64| -> Vec<String> {
        let lines = label.lines().enumerate();
        lines.flat_map(|(i, line)| wrapped(line, size_of_line(i), room)).collect()
    };
    if !axis.names {
        let all: Vec<(f64, &String)> = axis.ticks.iter().map(|(place, label)| (at(*place), label)).collect();
        let apart = |a: &(f64, &String), b: &(f64, &String)| {
            (b.0 - a.0).abs() >= (width(a.1, TEXT) + width(b.1, TEXT)) / 2.0 + BETWEEN
        };
        return thinned(&all, apart).into_iter().map(|(place, label)| (place, vec![label.clone()])).collect();
    }
    let spacing =
        axis.ticks.windows(2).map(|pair| at(pair[1].0) - at(pair[0].0)).fold(f64::INFINITY, f64::min);
    let spacing = spacing.min(at(axis.range[1]) - at(axis.range[0]));
    let every = (NAME_ROOM / spacing.max(0.1)).ceil().max(1.0);
    let room = every * spacing - BETWEEN;
    axis.ticks.iter().step_by(every as usize).map(|(place, label)| (at(*place), lines(label, room))).collect()
}

/// The height of text in a line of a label.
pub(crate) fn size_of_line(i: usize) -> f64 {
    if i == 0 { TEXT } else { SMALL }
}

/// All, or every second, every third, …, until neighbours are apart.
fn thinned<T: Clone>(all: &[T], apart: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let every_nth = |every: usize| all.iter().step_by(every).cloned().collect::<Vec<T>>();
    let are_apart = |kept: &Vec<T>| kept.windows(2).all(|pair| apart(&pair[0], &pair[1]));
    (1..=all.len()).map(every_nth).find(are_apart).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(x: Axis) -> Frame {
        Frame::new(&x, &Axis::linear("", 0.0, 1.0), std::iter::empty())
    }

    #[test]
    fn labels_along_the_bottom_do_not_meet() {
        let long = |n: usize| {
            Axis::categories("", (0..n).map(|i| format!("name {i} of a longer kind\n{i} targets")))
        };
        let cutoffs = Axis::log_at("", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 100_000_000]);
        let numbers = Axis::linear("", 0.0, 1e8);
        for axis in [long(1), long(4), long(12), long(300), cutoffs, numbers] {
            let frame = frame(axis);
            assert!(!frame.x_ticks.is_empty());
            let half = |lines: &Vec<String>| {
                let widths = lines.iter().enumerate().map(|(i, line)| width(line, size_of_line(i)));
                widths.fold(0.0, f64::max) / 2.0
            };
            for pair in frame.x_ticks.windows(2) {
                assert!(pair[0].0 + half(&pair[0].1) < pair[1].0 - half(&pair[1].1), "{pair:?}");
            }
            let (first, last) = (&frame.x_ticks[0], frame.x_ticks.last().unwrap());
            assert!(
                first.0 - half(&first.1) >= 0.0 && last.0 + half(&last.1) <= SIZE[0],
                "{:?}",
                frame.x_ticks
            );
        }
    }

    #[test]
    fn what_is_outside_of_the_axes_or_no_number_lies_at_their_end() {
        let frame = frame(Axis::linear("", 0.0, 10.0));
        assert_eq!(frame.place([f64::NAN, f64::INFINITY]), [frame.left, frame.top]);
        assert_eq!(frame.place([-5.0, -5.0]), [frame.left, frame.bottom]);
    }
}
