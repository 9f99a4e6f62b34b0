//! What the pictures of a page show, read from their SVG, with widths of text that are estimated apart from the code.

use crate::place::{Rect, overlap};

/// A text in a picture, in its units.
#[derive(Debug)]
pub(crate) struct Label {
    pub text: String,
    pub rect: Rect,
    /// Where its place is: `start`, `middle` or `end`.
    pub anchor: String,
}

#[derive(Debug)]
pub(crate) struct Picture {
    pub labels: Vec<Label>,
    pub markers: Vec<Rect>,
    size: [f64; 2],
}

/// All pictures of a page.
pub(crate) fn pictures(page: &str) -> Vec<Picture> {
    page.split("<svg ").skip(1).map(|svg| picture(svg.split("</svg>").next().unwrap())).collect()
}

fn picture(svg: &str) -> Picture {
    let tags = || svg.split('<').skip(1);
    let view_box = attribute(svg, "viewBox").unwrap();
    let mut sides = view_box.split(' ').skip(2).map(|side| side.parse::<f64>().unwrap() / 10.0);
    let size = [sides.next().unwrap(), sides.next().unwrap()];
    let markers = tags().filter_map(marker).collect();
    Picture { labels: tags().filter_map(label).collect(), markers, size }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!("{name}=\""))?.1.split('"').next()
}

fn number(tag: &str, name: &str) -> f64 {
    attribute(tag, name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} of {tag}"))
}

/// Widths in DejaVu Sans, which is wider than what most systems have.
fn em(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ' ' | ':' => 0.33,
        't' | 'f' | 'r' | '(' | ')' | '-' => 0.41,
        'A'..='Z' => 0.7,
        'm' | 'w' | '%' | '@' => 0.95,
        '≥' | '±' | '≈' | '<' | '=' => 0.84,
        _ => 0.63,
    }
}

fn label(tag: &str) -> Option<Label> {
    let (head, text) = tag.strip_prefix("text ")?.split_once('>')?;
    let text = text.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let size = number(head, "font-size") / 10.0;
    let width = size * text.chars().map(em).sum::<f64>();
    let [x, y] = ["x", "y"].map(|name| number(head, name) / 10.0);
    let anchor = attribute(head, "text-anchor").unwrap().to_owned();
    let left = match anchor.as_str() {
        "start" => x,
        "middle" => x - width / 2.0,
        _ => x - width,
    };
    // Where the line of text lies, by how far it is moved down; letters reach .76 above it.
    let base = match attribute(head, "dy").unwrap() {
        "0.76em" => y + 0.76 * size,
        "0.5ex" => y + 0.26 * size,
        _ => y - 0.26 * size,
    };
    Some(Label { text, rect: [left, base - 0.76 * size, left + width, base + 0.2 * size], anchor })
}

/// Discs, squares and triangles; larger shapes are rings around them and bars.
fn marker(tag: &str) -> Option<Rect> {
    let rect = if tag.starts_with("circle ") {
        let [x, y, r] = ["cx", "cy", "r"].map(|name| number(tag, name) / 10.0);
        [x - r, y - r, x + r, y + r]
    } else if tag.starts_with("rect ") {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(tag, name) / 10.0);
        [x, y, x + width, y + height]
    } else {
        return None;
    };
    (rect[2] - rect[0] < 8.0 && rect[3] - rect[1] < 8.0).then_some(rect)
}

impl Picture {
    /// Panics if a label lies on another or on a marker, or leaves the picture.
    pub fn check(&self, what: &str) {
        for (i, own) in self.labels.iter().enumerate() {
            let [left, top, right, bottom] = own.rect;
            let is_inside =
                left >= -1.0 && top >= -1.0 && right <= self.size[0] + 1.0 && bottom <= self.size[1] + 1.0;
            assert!(is_inside, "{what}: {own:?} leaves the picture");
            for other in &self.labels[..i] {
                assert_eq!(overlap(own.rect, other.rect), 0.0, "{what}: {own:?} lies on {other:?}");
            }
            for marker in &self.markers {
                assert_eq!(overlap(own.rect, *marker), 0.0, "{what}: {own:?} lies on the marker {marker:?}");
            }
        }
    }
}
