//! Colours, by what they stand for.

use plotters::style::RGBColor;

/// What a mark stands for.
///
/// Charts are drawn in the light colours; the style sheet replaces each by its dark partner where a reader prefers that,
/// so that a chart taken out of its page is still right. The four series differ in lightness as well as in hue, after
/// Okabe and Ito, "Color Universal Design", 2008, darkened until labels in them have a contrast of 4.5 to 1. Each also has
/// a marker of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Muted,
    Grid,
    Model,
    /// The model, where it is not the point.
    Pale,
    Markov,
    Popularity,
    Random,
}

impl Ink {
    pub const ALL: [Ink; 8] =
        [Ink::Text, Ink::Muted, Ink::Grid, Ink::Model, Ink::Pale, Ink::Markov, Ink::Popularity, Ink::Random];

    /// Its name in the style sheet.
    fn name(self) -> &'static str {
        match self {
            Ink::Text => "text",
            Ink::Muted => "muted",
            Ink::Grid => "grid",
            Ink::Model => "model",
            Ink::Pale => "pale",
            Ink::Markov => "markov",
            Ink::Popularity => "popularity",
            Ink::Random => "random",
        }
    }

    fn light(self) -> [u8; 3] {
        match self {
            Ink::Text => [0x1C, 0x21, 0x28],
            Ink::Muted => [0x57, 0x60, 0x6A],
            Ink::Grid => [0xDD, 0xE2, 0xE8],
            Ink::Model => [0x00, 0x5E, 0xA8],
            Ink::Pale => [0xA9, 0xCB, 0xE8],
            Ink::Markov => [0xB8, 0x4A, 0x00],
            Ink::Popularity => [0x00, 0x7A, 0x5C],
            Ink::Random => [0x6B, 0x70, 0x79],
        }
    }

    fn dark(self) -> [u8; 3] {
        match self {
            Ink::Text => [0xE6, 0xED, 0xF3],
            Ink::Muted => [0x9D, 0xA7, 0xB3],
            Ink::Grid => [0x30, 0x36, 0x3D],
            Ink::Model => [0x6C, 0xB6, 0xFF],
            Ink::Pale => [0x2B, 0x4F, 0x78],
            Ink::Markov => [0xFF, 0x9A, 0x57],
            Ink::Popularity => [0x4C, 0xD0, 0xA4],
            Ink::Random => [0xA3, 0xA9, 0xB3],
        }
    }

    /// The colour in the style sheet, whichever the scheme.
    pub fn variable(self) -> String {
        format!("var(--{})", self.name())
    }

    /// The colour that plotters draws in.
    pub fn color(self) -> RGBColor {
        let [red, green, blue] = self.light();
        RGBColor(red, green, blue)
    }
}

/// Style rules: a variable per colour, and in the dark the replacement of what is drawn in light colours.
pub(crate) fn style_rules() -> String {
    let hex = |[red, green, blue]: [u8; 3]| format!("#{red:02X}{green:02X}{blue:02X}");
    let variables = |color: fn(Ink) -> [u8; 3]| -> String {
        Ink::ALL.iter().map(|&ink| format!("--{}:{};", ink.name(), hex(color(ink)))).collect()
    };
    let replaced: String = Ink::ALL
        .iter()
        .map(|&ink| {
            let (light, name) = (hex(ink.light()), ink.name());
            format!(
                "svg [fill=\"{light}\"]{{fill:var(--{name})}}svg [stroke=\"{light}\"]{{stroke:var(--{name})}}"
            )
        })
        .collect();
    let (light, dark) = (variables(Ink::light), variables(Ink::dark));
    format!(":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{replaced}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as WCAG 2.2 defines them.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |rgb: [u8; 3]| {
            let [r, g, b] = rgb.map(|channel| {
                let c = f64::from(channel) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn whatever_is_written_can_be_read_in_both_schemes() {
        for ink in Ink::ALL.into_iter().filter(|&ink| ink != Ink::Grid && ink != Ink::Pale) {
            assert!(contrast(ink.light(), [0xFF; 3]) >= 4.5, "{ink:?} on white");
            assert!(contrast(ink.dark(), [0x16, 0x1B, 0x22]) >= 4.5, "{ink:?} on the dark card");
        }
    }

    #[test]
    fn no_two_inks_share_a_colour_that_the_style_sheet_could_not_tell_apart() {
        let mut light = Ink::ALL.map(Ink::light);
        light.sort_unstable();
        assert!(light.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
