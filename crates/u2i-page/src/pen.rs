//! Lines, markers and text, in units of a picture.

use plotters::coord::Shift;
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, IntoTextStyle as _, ShapeStyle};

use crate::ink::Ink;

/// plotters has whole coordinates: with ten to a unit, nothing is visibly rounded.
pub(crate) const FINE: f64 = 10.0;

/// Markers; each series has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Disc,
    Ring,
    Square,
    Triangle,
    Cross,
}

/// One colour and one marker per series; both repeat after the fifth.
pub(crate) const LOOKS: [(Ink, Shape); 5] = [
    (Ink::Model, Shape::Disc),
    (Ink::Markov, Shape::Square),
    (Ink::Popularity, Shape::Triangle),
    (Ink::Random, Shape::Cross),
    (Ink::Text, Shape::Ring),
];

/// Which end of a text is at its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Draws in units of the picture.
pub(crate) struct Pen<'a, 'b> {
    pub root: &'a DrawingArea<SVGBackend<'b>, Shift>,
}

/// A string takes whatever is written to it.
pub(crate) const INFALLIBLE: &str = "drawing into a string does not fail";

fn fine([x, y]: [f64; 2]) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ink.color().stroke_width((width * FINE) as u32)
}

impl Pen<'_, '_> {
    pub fn line(&self, points: &[[f64; 2]], ink: Ink, width: f64) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        self.root.draw(&PathElement::new(points, stroke(ink, width))).expect(INFALLIBLE);
    }

    pub fn dashed(&self, points: &[[f64; 2]], ink: Ink) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        let (dash, gap) = ((5.0 * FINE) as i32, (3.0 * FINE) as i32);
        let path = DashedPathElement::new(points, dash, gap, stroke(ink, 1.2));
        self.root.draw(&path).expect(INFALLIBLE);
    }

    fn area(&self, points: &[[f64; 2]], ink: Ink) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(fine).collect();
        self.root.draw(&Polygon::new(points, ink.color().filled())).expect(INFALLIBLE);
    }

    pub fn rectangle(&self, corners: [[f64; 2]; 2], ink: Ink) {
        self.root.draw(&Rectangle::new(corners.map(fine), ink.color().filled())).expect(INFALLIBLE);
    }

    pub fn marker(&self, [x, y]: [f64; 2], ink: Ink, shape: Shape) {
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

    pub fn text(&self, text: &str, at: [f64; 2], ink: Ink, size: f64, anchor: Anchor, vertical: VPos) {
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
