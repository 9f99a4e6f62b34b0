//! What a picture shows, before it is drawn.

use serde::{Deserialize, Serialize};

/// A picture with two axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// What it shows, in a sentence; read out where it cannot be seen.
    pub title: String,
    /// What is on the horizontal axis, with its unit.
    pub x: String,
    /// What is on the vertical axis, with its unit.
    pub y: String,
    /// How the horizontal axis is divided.
    pub x_scale: Scale,
    /// How the vertical axis is divided.
    pub y_scale: Scale,
    /// How points are drawn.
    pub kind: Kind,
    /// What is drawn; each series is named at its last point.
    pub series: Vec<Series>,
}

/// How an axis is divided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Evenly, over the range of the values.
    Linear,
    /// Evenly, with 0 on it.
    FromZero,
    /// By the logarithm; values are above 0.
    Log,
    /// A name at each of 0, 1, ….
    Names(Vec<String>),
}

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Joined by a line.
    Lines,
    /// Each alone.
    Points,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// What they are called.
    pub name: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// A value with how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Where it is.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Half the interval that is drawn around it; none at 0.
    pub error: f64,
}

impl Series {
    /// Points without intervals.
    pub fn new(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, y)| Point { x, y, error: 0.0 }).collect();
        Series { name: name.to_owned(), points }
    }
}
