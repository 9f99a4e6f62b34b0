//! How much room text takes, in a font that is the reader's.

/// About the largest width that a text has in the fonts that browsers take for a page.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    size * text.chars().map(em).sum::<f64>()
}

/// The width of a character, in sizes of the font, after DejaVu Sans and Verdana, which are wide.
fn em(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | 'J' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '/' | '·' => 0.37,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '!' => 0.45,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 1.0,
        '=' | '+' | '<' | '>' | '±' | '≥' | '≤' | '≈' => 0.84,
        'A'..='Z' => 0.79,
        '–' | 'µ' => 0.64,
        _ if character.is_ascii() => 0.64,
        // Letters with accents, Greek and Cyrillic ones; what follows has characters as wide as they are high.
        '\u{80}'..'\u{1100}' => 0.8,
        _ => 1.0,
    }
}

/// The text, or as much of its beginning as fits, with an ellipsis.
pub(crate) fn shortened(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - width("…", size);
    let fits = |&character: &char| {
        left -= size * em(character);
        left >= 0.0
    };
    let begin: String = text.chars().take_while(fits).collect();
    format!("{}…", begin.trim_end())
}

/// Lines of whole words; a word that is wider than a line is shortened.
pub(crate) fn wrapped(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| shortened(line, size, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shortened_or_wrapped_fits() {
        for text in
            ["1,622 targets", "a much longer name of a model", "日本語の長い名前", "Wwwwwwwwwwwwwww", ""]
        {
            for room in [12.0, 30.0, 80.0, 400.0] {
                assert!(width(&shortened(text, 10.0, room), 10.0) <= room, "{text} in {room}");
                let lines = wrapped(text, 10.0, room);
                assert!(lines.iter().all(|line| width(line, 10.0) <= room), "{lines:?} in {room}");
            }
            assert_eq!(shortened(text, 10.0, 400.0), text);
        }
        assert_eq!(wrapped("1,622 targets", 10.0, 60.0), ["1,622", "targets"]);
        assert_eq!(shortened("targets of all", 10.0, 61.0), "targets o…");
        assert_eq!(shortened("targets of all", 10.0, 54.0), "targets…");
    }
}
