//! A chart as a file of its own, for documents that show pictures by their paths.

use crate::axis::Axis;
use crate::chart::{Chart, Mark};
use crate::pen::LOOKS;
use crate::picture::{Kind, Picture, Scale};

/// A whole SVG file on a white ground, so that it can be read whatever the page behind it looks like.
pub fn svg(picture: &Picture) -> String {
    let text = chart(picture).svg(&picture.title).into_string();
    let (tag, body) = text.split_once('>').expect("an SVG element begins with its tag");
    let tag = tag.replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\"", 1);
    format!("{tag}><rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>{body}\n")
}

fn chart(picture: &Picture) -> Chart {
    let all = || picture.series.iter().flat_map(|series| &series.points);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
    };
    let axis = |title: &str, scale: &Scale, [low, high]: [f64; 2]| match scale {
        Scale::Linear => Axis::linear(title, low, high),
        Scale::FromZero => Axis::linear(title, low.min(0.0), high.max(0.0)),
        Scale::Log => Axis::log(title, low, high, number),
        Scale::Names(names) => Axis::categories(title, names.iter().cloned()),
    };
    let x = axis(&picture.x, &picture.x_scale, ends(&mut all().map(|point| point.x)));
    let heights = all().flat_map(|point| [point.y - point.error, point.y + point.error]);
    let y = axis(&picture.y, &picture.y_scale, ends(&mut heights.into_iter()));
    let mut chart = Chart::new(x, y);
    let n = picture.series.len() as f64;
    for (i, (series, (ink, shape))) in picture.series.iter().zip(LOOKS.into_iter().cycle()).enumerate() {
        // Beside each other over a name, so that none hides another.
        let aside = match picture.x_scale {
            Scale::Names(_) => (i as f64 - (n - 1.0) / 2.0) * 0.14,
            _ => 0.0,
        };
        let points: Vec<[f64; 2]> = series.points.iter().map(|point| [point.x + aside, point.y]).collect();
        for (point, at) in series.points.iter().zip(&points).filter(|(point, _)| point.error > 0.0) {
            let range = [point.y - point.error, point.y + point.error];
            chart.marks.push(Mark::Interval { x: at[0], range, ink, beyond: false });
        }
        if let Kind::Lines = picture.kind {
            chart.marks.push(Mark::Line { points: points.clone(), ink, width: 1.8 });
        }
        chart.ends.extend(points.last().map(|last| (last[1], series.name.clone(), ink)));
        chart.marks.push(Mark::Dots { points, ink, shape });
    }
    chart
}

/// A number on a logarithmic axis, short.
fn number(at: f64) -> String {
    match at {
        1e6.. => format!("{}M", at / 1e6),
        1e4.. => format!("{}k", at / 1e3),
        1.0.. => format!("{at:.0}"),
        // Ticks are powers of ten times 1, 2, 3 or 5: three decimals hold them, and nothing that is only rounding.
        1e-3.. => format!("{at:.3}").trim_end_matches('0').to_owned(),
        _ => format!("{at:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Point, Series};

    #[test]
    fn numbers_on_logarithmic_axes_are_short() {
        let cases =
            [(0.1 * 3.0, "0.3"), (0.05, "0.05"), (0.001, "0.001"), (5.0, "5"), (2e4, "20k"), (1e6, "1M")];
        for (at, text) in cases {
            assert_eq!(number(at), text);
        }
    }

    #[test]
    fn a_picture_is_a_file_of_its_own_on_a_white_ground() {
        let points = [(1.0, 2.0), (10.0, 20.0)].map(|(x, y)| Point { x, y, error: 0.5 });
        let series = vec![
            Series { name: "a < b & c".into(), points: points.to_vec() },
            Series { name: "other".into(), points: points.to_vec() },
        ];
        let names = Scale::Names(vec!["one".into(), "two".into()]);
        for (x_scale, y_scale) in [(Scale::Log, Scale::Linear), (names, Scale::FromZero)] {
            for kind in [Kind::Lines, Kind::Points] {
                let (x_scale, y_scale, series) = (x_scale.clone(), y_scale.clone(), series.clone());
                let title = "A \"title\"".to_owned();
                let (x, y) = ("x".to_owned(), "y".to_owned());
                let text = svg(&Picture { title, x, y, x_scale, y_scale, kind, series });
                assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{text}");
                assert!(text.ends_with("</svg>\n") && text.contains("fill=\"#FFFFFF\""), "{text}");
                assert!(text.contains("a &lt; b &amp; c") && !text.contains("a < b"), "{text}");
            }
        }
    }
}
