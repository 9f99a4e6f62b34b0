//! Charts as inline SVG, drawn with plotters.

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{Cartesian2d, DrawingArea, IntoDrawingArea as _, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, IntoTextStyle as _, ShapeStyle};

use crate::axis::Axis;
use crate::ink::Ink;
use crate::labels::{Block, place};

/// Size of a chart in its own units; a reader's screen stretches it. Text is 12 units high, so that it can still be
/// read on a phone.
const SIZE: [f64; 2] = [400.0, 270.0];
/// plotters has whole coordinates: with ten to a unit, nothing is visibly rounded.
const FINE: f64 = 10.0;
const TEXT: f64 = 12.0;
const SMALL: f64 = 10.5;

/// A picture with two axes.
#[derive(Debug)]
pub(crate) struct Chart {
    pub x: Axis,
    pub y: Axis,
    /// What is drawn, from back to front.
    pub marks: Vec<Mark>,
    /// Names of lines, to the right of them at the height of their ends: value, text, colour.
    pub ends: Vec<(f64, String, Ink)>,
    /// What colours mean, above the picture, where lines have no names at their ends.
    pub keys: Vec<(String, Ink)>,
    /// Names of points, put where they hide nothing: the point, lines of text, colour.
    pub names: Vec<([f64; 2], Vec<String>, Ink)>,
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
    /// A bar from 0.
    Bar { x: [f64; 2], height: f64, ink: Ink },
    /// Text around a place, moved by so many units.
    Text { at: [f64; 2], by: [f64; 2], text: String, ink: Ink, anchor: Anchor },
}

/// Markers; each series has its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Disc,
    Ring,
    Square,
    Triangle,
    Cross,
}

/// Which end of a text is at its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// How wide a text may be: browsers choose the font, and some are wide.
fn text_width(text: &str, size: f64) -> f64 {
    0.6 * size * text.chars().count() as f64
}

impl Chart {
    /// An empty picture.
    pub fn new(x: Axis, y: Axis) -> Self {
        Chart { x, y, marks: Vec::new(), ends: Vec::new(), keys: Vec::new(), names: Vec::new() }
    }

    /// The SVG element. `description` is what a screen reader says in its place.
    pub fn svg(&self, description: &str) -> Markup {
        let mut text = String::new();
        let [width, height] = SIZE.map(|side| (side * FINE) as u32);
        let root = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        self.draw(&root);
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

    fn draw(&self, root: &Area) {
        let y_labels = self.y.ticks.iter().map(|(_, label)| text_width(label, TEXT));
        let left = 10.0 + y_labels.fold(0.0, f64::max);
        let ends = self.ends.iter().map(|(_, text, _)| text_width(text, TEXT) + 10.0);
        let last = self.x.ticks.last().map_or(0.0, |(_, label)| text_width(label, TEXT) / 2.0);
        let right = SIZE[0] - ends.fold(last.max(12.0), f64::max);
        let lines = self.x.ticks.iter().map(|(_, label)| label.lines().count()).max().unwrap_or(1);
        let bottom = SIZE[1] - 26.0 - 14.0 * lines as f64;
        let top = 28.0;
        let fine = |range: [f64; 2]| (range[0] * FINE) as i32..(range[1] * FINE) as i32;
        let plane = root.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            self.x.range[0]..self.x.range[1],
            self.y.range[0]..self.y.range[1],
            (fine([left, right]), fine([bottom, top])),
        ));
        let at = |x: f64, y: f64| {
            let (x, y) = plane.map_coordinate(&(x, y));
            [f64::from(x) / FINE, f64::from(y) / FINE]
        };
        let pen = Pen { root };
        for (y, label) in &self.y.ticks {
            let [_, y] = at(self.x.range[0], *y);
            pen.line(&[[left, y], [right, y]], Ink::Grid, 1.0);
            pen.text(label, [left - 6.0, y], Ink::Muted, TEXT, Anchor::End, VPos::Center);
        }
        for (x, label) in &self.x.ticks {
            let [x, _] = at(*x, self.y.range[0]);
            pen.line(&[[x, bottom], [x, bottom + 4.0]], Ink::Muted, 1.0);
            for (i, line) in label.lines().enumerate() {
                let (size, ink) = if i == 0 { (TEXT, Ink::Text) } else { (SMALL, Ink::Muted) };
                let y = bottom + 7.0 + 14.0 * i as f64;
                pen.text(line, [x, y], ink, size, Anchor::Middle, VPos::Top);
            }
        }
        pen.line(&[[left, bottom], [right, bottom]], Ink::Muted, 1.0);
        pen.text(&self.y.title, [0.0, 2.0], Ink::Muted, TEXT, Anchor::Start, VPos::Top);
        let middle = (left + right) / 2.0;
        pen.text(&self.x.title, [middle, SIZE[1] - 2.0], Ink::Muted, TEXT, Anchor::Middle, VPos::Bottom);

        let place_of = |[x, y]: [f64; 2]| at(self.x.place(x), self.y.place(y));
        for mark in &self.marks {
            mark.draw(&pen, &place_of);
        }
        let heights = self.ends.iter().map(|&(value, ..)| at(self.x.range[1], self.y.place(value))[1]);
        let heights = crate::labels::spread(&heights.collect::<Vec<_>>(), TEXT + 2.0, [top, bottom]);
        for ((_, text, ink), y) in self.ends.iter().zip(heights) {
            pen.text(text, [right + 6.0, y], *ink, TEXT, Anchor::Start, VPos::Center);
        }
        let blocks = self.names.iter().map(|(point, lines, _)| Block {
            point: place_of(*point),
            width: lines.iter().map(|line| text_width(line, SMALL)).fold(0.0, f64::max),
            height: 13.0 * lines.len() as f64,
        });
        let lines = self.marks.iter().filter_map(Mark::line);
        let lines: Vec<Vec<[f64; 2]>> =
            lines.map(|points| points.iter().map(|&point| place_of(point)).collect()).collect();
        let corners = place(&blocks.collect::<Vec<_>>(), &lines, [[left, top], [right, bottom]]);
        for ((_, lines, ink), [x, y]) in self.names.iter().zip(corners) {
            for (i, line) in lines.iter().enumerate() {
                pen.text(line, [x, y + 13.0 * i as f64], *ink, SMALL, Anchor::Start, VPos::Top);
            }
        }
    }
}

impl Mark {
    /// The points that it joins, if it is a line.
    fn line(&self) -> Option<&[[f64; 2]]> {
        match self {
            Mark::Line { points, .. } | Mark::Dashed { points, .. } => Some(points),
            _ => None,
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
            Mark::Bar { x, height, ink } => {
                let corners = [at([x[0], *height]), at([x[1], 0.0])];
                pen.rectangle(corners, *ink);
            }
            Mark::Text { at: place, by, text, ink, anchor } => {
                let [x, y] = at(*place);
                pen.text(text, [x + by[0], y + by[1]], *ink, SMALL, *anchor, VPos::Center);
            }
        }
    }
}

/// Draws in units of the chart.
struct Pen<'a, 'b> {
    root: &'a Area<'b>,
}

/// A string takes whatever is written to it.
const INFALLIBLE: &str = "drawing into a string does not fail";

fn fine([x, y]: [f64; 2]) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ink.color().stroke_width((width * FINE) as u32)
}

impl Pen<'_, '_> {
    fn line(&self, points: &[[f64; 2]], ink: Ink, width: f64) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        self.root.draw(&PathElement::new(points, stroke(ink, width))).expect(INFALLIBLE);
    }

    fn dashed(&self, points: &[[f64; 2]], ink: Ink) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        let (dash, gap) = ((5.0 * FINE) as i32, (3.0 * FINE) as i32);
        let path = DashedPathElement::new(points, dash, gap, stroke(ink, 1.2));
        self.root.draw(&path).expect(INFALLIBLE);
    }

    fn area(&self, points: &[[f64; 2]], ink: Ink) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        self.root.draw(&Polygon::new(points, ink.color().filled())).expect(INFALLIBLE);
    }

    fn rectangle(&self, corners: [[f64; 2]; 2], ink: Ink) {
        self.root.draw(&Rectangle::new(corners.map(fine), ink.color().filled())).expect(INFALLIBLE);
    }

    fn marker(&self, [x, y]: [f64; 2], ink: Ink, shape: Shape) {
        let radius = |units: f64| (units * FINE) as i32;
        match shape {
            Shape::Disc => {
                let disc = Circle::new(fine([x, y]), radius(3.6), ink.color().filled());
                self.root.draw(&disc).expect(INFALLIBLE);
            }
            Shape::Ring => {
                self.root.draw(&Circle::new(fine([x, y]), radius(7.0), stroke(ink, 1.8))).expect(INFALLIBLE);
            }
            Shape::Square => self.rectangle([[x - 3.1, y - 3.1], [x + 3.1, y + 3.1]], ink),
            Shape::Triangle => self.area(&[[x, y - 4.2], [x + 4.0, y + 3.2], [x - 4.0, y + 3.2]], ink),
            Shape::Cross => {
                self.line(&[[x - 3.0, y - 3.0], [x + 3.0, y + 3.0]], ink, 1.8);
                self.line(&[[x - 3.0, y + 3.0], [x + 3.0, y - 3.0]], ink, 1.8);
            }
        }
    }

    fn text(&self, text: &str, at: [f64; 2], ink: Ink, size: f64, anchor: Anchor, vertical: VPos) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // plotters writes a font size that is 1.24 times smaller than the one it is given.
        let font = ("sans-serif", size * FINE * 1.24, FontStyle::Normal).into_text_style(self.root);
        let color = ink.color();
        let style = font.color(&color).pos(Pos::new(horizontal, vertical));
        self.root.draw(&Text::new(text.to_owned(), fine(at), style)).expect(INFALLIBLE);
    }
}
