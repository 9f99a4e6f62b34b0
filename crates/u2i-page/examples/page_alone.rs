//! A picture of two points, as a file of its own.

use u2i_page::{Kind, Picture, Scale, Series, svg};

fn main() {
    let picture = Picture {
        title: "Loss by epoch".to_owned(),
        x: "epoch".to_owned(),
        y: "loss".to_owned(),
        x_scale: Scale::Linear,
        y_scale: Scale::FromZero,
        kind: Kind::Lines,
        series: vec![Series::new("fm", [(1.0, 0.7), (2.0, 0.5)])],
    };
    let text = svg(&picture);
    assert!(text.starts_with("<svg xmlns=") && text.contains("Loss by epoch"));
}
