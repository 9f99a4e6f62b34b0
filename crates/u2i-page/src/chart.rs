//! Charts as inline SVG, drawn with plotters.

use maud::{Markup, PreEscaped, html};
use plotters::prelude::{IntoDrawingArea as _, SVGBackend};
use plotters::style::text_anchor::VPos;

use crate::axis::Axis;
use crate::frame::{END_ROOM, Frame, LINE, SIZE, SMALL, TEXT, size_of_line};
use crate::ink::Ink;
use crate::names::{self, Name};
use crate::pen::{Anchor, FINE, INFALLIBLE, Pen, Shape};
use crate::place::{Around, Block, Placed, place};
use crate::spread::spread;
use crate::text::{shortened, width};

/// A picture with two axes.
#[derive(Debug)]
pub(crate) struct Chart {
    pub x: Axis,
    pub y: Axis,
    /// What is drawn, from back to front.
    pub marks: Vec<Mark>,
    /// Names of lines, to the right of them at the height of their ends: value, text, colour. As many as there is room
    /// for.
    pub ends: Vec<(f64, String, Ink)>,
    /// What colours mean, above the picture, where lines have no names at their ends.
    pub keys: Vec<(String, Ink)>,
    /// Names of points, put where they hide nothing; one that has no such place is left out.
    pub names: Vec<Name>,
}

/// Something drawn, in the coordinates of the data.
#[derive(Debug)]
pub(crate) enum Mark {
    /// A line through points.
    Line { points: Vec<[f64; 2]>, ink: Ink, width: f64 },
    /// A dashed line through points.
    Dashed { points: Vec<[f64; 2]>, ink: Ink },
    /// A marker at each point.
    Dots { points: Vec<[f64; 2]>, ink: Ink, shape: Shape },
    /// A vertical interval with caps; one that goes on beyond the picture has none above.
    Interval { x: f64, range: [f64; 2], ink: Ink, beyond: bool },
    /// A bar from 0 with a word above it, which is left out where it would lie on that of the bar before.
    Bar { x: [f64; 2], height: f64, ink: Ink, label: String },
}

/// Between a bar and the word above it.
const ABOVE_BAR: f64 = 6.0;

impl Chart {
    /// An empty picture.
    pub fn new(x: Axis, y: Axis) -> Self {
        Chart { x, y, marks: Vec::new(), ends: Vec::new(), keys: Vec::new(), names: Vec::new() }
    }

    /// Gives points of one colour that cannot be told apart one name. True if there is room for every name then.
    pub fn join_names(&mut self) -> bool {
        let frame = self.frame();
        self.names = names::joined(&self.names, |point| self.place(&frame, point));
        self.place_names(&frame).iter().all(Option::is_some)
    }

    /// Puts numbers from 1 in place of names, in their order.
    pub fn number_names(&mut self) {
        let frame = self.frame();
        self.names = names::numbered(&self.names, |point| self.place(&frame, point));
    }

    /// The SVG element. `description` is what a screen reader says in its place.
    pub fn svg(&self, description: &str) -> Markup {
        let mut text = String::new();
        let [width, height] = SIZE.map(|side| (side * FINE) as u32);
        let root = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        self.draw(&Pen { root: &root });
        root.present().expect(INFALLIBLE);
        drop(root);
        // plotters' own opening tag sizes the picture in pixels and says nothing to a screen reader.
        let body = text.split_once('>').map_or("", |(_, rest)| rest);
        let body = body.trim_end().strip_suffix("</svg>").unwrap_or(body);
        html! {
            svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(description) {
                (PreEscaped(body))
            }
        }
    }

    fn frame(&self) -> Frame {
        Frame::new(&self.x, &self.y, self.ends.iter().map(|(_, name, _)| name.as_str()))
    }

    fn place(&self, frame: &Frame, [x, y]: [f64; 2]) -> [f64; 2] {
        frame.place([self.x.place(x), self.y.place(y)])
    }

    fn draw(&self, pen: &Pen) {
        let frame = self.frame();
        self.draw_axes(pen, &frame);
        let at = |point: [f64; 2]| self.place(&frame, point);
        for mark in &self.marks {
            mark.draw(pen, &at);
        }
        self.draw_bar_labels(pen, &at);
        let n_ends = self.ends.len().min(((frame.bottom - frame.top) / (TEXT + 2.0)) as usize);
        let ends = &self.ends[..n_ends];
        let heights: Vec<f64> = ends.iter().map(|&(value, ..)| at([0.0, value])[1]).collect();
        let heights = spread(&heights, TEXT + 2.0, [frame.top, frame.bottom]);
        for ((_, name, ink), y) in ends.iter().zip(heights) {
            let name = shortened(name, TEXT, END_ROOM);
            pen.text(&name, [frame.right + 6.0, y], *ink, TEXT, Anchor::Start, VPos::Center);
        }
        for (name, placed) in self.names.iter().zip(self.place_names(&frame)) {
            let Some(Placed { corner: [x, y], leader }) = placed else { continue };
            if let Some(ends) = leader {
                pen.line(&ends, Ink::Muted, 0.7);
            }
            for (i, line) in name.lines.iter().enumerate() {
                pen.text(line, [x, y + 13.0 * i as f64], name.ink, names::SIZE, Anchor::Start, VPos::Top);
            }
        }
    }

    fn draw_axes(&self, pen: &Pen, frame: &Frame) {
        let &Frame { left, right, bottom, .. } = frame;
        for (y, label) in &frame.y_ticks {
            pen.line(&[[left, *y], [right, *y]], Ink::Grid, 1.0);
            pen.text(label, [left - 6.0, *y], Ink::Muted, TEXT, Anchor::End, VPos::Center);
        }
        for (x, lines) in &frame.x_ticks {
            pen.line(&[[*x, bottom], [*x, bottom + 4.0]], Ink::Muted, 1.0);
            for (i, line) in lines.iter().enumerate() {
                let ink = if i == 0 { Ink::Text } else { Ink::Muted };
                let y = bottom + 7.0 + LINE * i as f64;
                pen.text(line, [*x, y], ink, size_of_line(i), Anchor::Middle, VPos::Top);
            }
        }
        pen.line(&[[left, bottom], [right, bottom]], Ink::Muted, 1.0);
        let title = shortened(&self.y.title, TEXT, SIZE[0]);
        pen.text(&title, [0.0, 2.0], Ink::Muted, TEXT, Anchor::Start, VPos::Top);
        let title = shortened(&self.x.title, TEXT, SIZE[0]);
        let half = width(&title, TEXT) / 2.0;
        let middle = ((left + right) / 2.0).min(SIZE[0] - half).max(half);
        pen.text(&title, [middle, SIZE[1] - 2.0], Ink::Muted, TEXT, Anchor::Middle, VPos::Bottom);
    }

    fn draw_bar_labels(&self, pen: &Pen, at: &impl Fn([f64; 2]) -> [f64; 2]) {
        let mut before: Option<[f64; 2]> = None;
        for mark in &self.marks {
            let Mark::Bar { x, height, label, .. } = mark else { continue };
            let [x, y] = at([(x[0] + x[1]) / 2.0, *height]);
            let left = x - width(label, SMALL) / 2.0;
            let meets = |[right, other]: [f64; 2]| left < right + 1.0 && (y - other).abs() < SMALL + 2.0;
            if before.is_some_and(meets) {
                continue;
            }
            pen.text(label, [x, y - ABOVE_BAR], Ink::Text, SMALL, Anchor::Middle, VPos::Center);
            before = Some([2.0 * x - left, y]);
        }
    }

    /// Where each name goes.
    fn place_names(&self, frame: &Frame) -> Vec<Option<Placed>> {
        let at = |point: &[f64; 2]| self.place(frame, *point);
        let blocks = self.names.iter().map(|name| Block {
            point: at(&name.point),
            width: name.lines.iter().map(|line| width(line, names::SIZE)).fold(0.0, f64::max),
            height: 13.0 * name.lines.len() as f64,
        });
        let dots = self.marks.iter().flat_map(|mark| match mark {
            Mark::Dots { points, .. } => &points[..],
            _ => &[],
        });
        let dots: Vec<[f64; 2]> = dots.map(at).collect();
        let lines: Vec<Vec<[f64; 2]>> =
            self.marks.iter().filter_map(Mark::line).map(|points| points.iter().map(at).collect()).collect();
        place(&blocks.collect::<Vec<_>>(), &Around { points: &dots, lines: &lines, bounds: frame.bounds() })
    }
}

impl Mark {
    /// The points that it joins, if it is a line.
    fn line(&self) -> Option<Vec<[f64; 2]>> {
        match self {
            Mark::Line { points, .. } | Mark::Dashed { points, .. } => Some(points.clone()),
            Mark::Interval { x, range: [low, high], .. } => Some(vec![[*x, *low], [*x, *high]]),
            Mark::Dots { .. } | Mark::Bar { .. } => None,
        }
    }

    fn draw(&self, pen: &Pen, at: &impl Fn([f64; 2]) -> [f64; 2]) {
        match self {
            Mark::Line { points, ink, width } => {
                pen.line(&points.iter().map(|&point| at(point)).collect::<Vec<_>>(), *ink, *width);
            }
            Mark::Dashed { points, ink } => {
                pen.dashed(&points.iter().map(|&point| at(point)).collect::<Vec<_>>(), *ink);
            }
            Mark::Dots { points, ink, shape } => {
                points.iter().for_each(|&point| pen.marker(at(point), *ink, *shape))
            }
            Mark::Interval { x, range: [low, high], ink, beyond } => {
                let [low, high] = [at([*x, *low]), at([*x, *high])];
                pen.line(&[low, high], *ink, 1.5);
                for [x, y] in [low, high].iter().take(if *beyond { 1 } else { 2 }) {
                    pen.line(&[[x - 3.5, *y], [x + 3.5, *y]], *ink, 1.5);
                }
            }
            Mark::Bar { x, height, ink, .. } => {
                let corners = [at([x[0], *height]), at([x[1], 0.0])];
                pen.rectangle(corners, *ink);
            }
        }
    }
}
