//! Lists of categories in one cell of text.

use std::borrow::Cow;

/// Unquoted entries of a list in brackets that stand for nothing.
const NOTHING: [&str; 5] = ["None", "null", "NULL", "nan", "NaN"];

/// The entries of a list, blanks around them left out and blank ones, too.
///
/// A cell in brackets is taken for what Python (`['a', 'b']`, `('a', 'b')`, `{'a'}`), JSON (`["a", "b"]`), PostgreSQL
/// (`{a,b}`) or numpy (`['a' 'b']`) write, whatever the separator; any other cell has `separator` between its entries.
pub(crate) fn entries(cell: &str, separator: char) -> Vec<Cow<'_, str>> {
    let cell = cell.trim();
    if let Some(found) = bracketed(cell, separator) {
        return found;
    }
    separated(cell, separator).map(Cow::Borrowed).collect()
}

/// The entries of a cell without brackets, blanks around them left out and blank ones, too.
pub(crate) fn separated(cell: &str, separator: char) -> impl Iterator<Item = &str> {
    cell.split(separator).map(str::trim).filter(|entry| !entry.is_empty())
}

/// Whether a cell is a list in brackets.
pub(crate) fn is_bracketed(cell: &str) -> bool {
    inside(cell.trim()).is_some()
}

/// What stands between brackets that are around the whole cell. Round ones are around a list only if there is a comma:
/// `(no genres listed)` is an entry.
fn inside(cell: &str) -> Option<&str> {
    let (open, close) = match cell.as_bytes().first()? {
        b'[' => ('[', ']'),
        b'{' => ('{', '}'),
        b'(' => ('(', ')'),
        _ => return None,
    };
    let inside = cell.strip_prefix(open)?.strip_suffix(close)?;
    let mut scan = Scan::default();
    let (mut has_comma, mut depth) = (false, 0usize);
    for char in inside.chars() {
        match scan.kind(char) {
            Kind::Open => depth += 1,
            // The first bracket is closed before the end.
            Kind::Close => depth = depth.checked_sub(1)?,
            Kind::Comma => has_comma = true,
            Kind::Other => {}
        }
    }
    let is_list = depth == 0 && scan.quote.is_none() && (open != '(' || has_comma);
    is_list.then_some(inside)
}

/// Where a list in brackets is: inside of quotes, or of further brackets.
#[derive(Default)]
struct Scan {
    quote: Option<char>,
    is_escaped: bool,
    /// Whether an entry has begun, so that an apostrophe is a letter.
    has_begun: bool,
}

enum Kind {
    Open,
    Close,
    Comma,
    Other,
}

impl Scan {
    fn kind(&mut self, char: char) -> Kind {
        if self.is_escaped {
            self.is_escaped = false;
            return Kind::Other;
        }
        if let Some(quote) = self.quote {
            self.is_escaped = char == '\\';
            if char == quote {
                self.quote = None;
            }
            return Kind::Other;
        }
        let kind = match char {
            '[' | '{' | '(' => Kind::Open,
            ']' | '}' | ')' => Kind::Close,
            ',' => Kind::Comma,
            _ => Kind::Other,
        };
        match (char, &kind) {
            ('"' | '\'', _) if !self.has_begun => self.quote = Some(char),
            // A key of an object is followed by its value, which may be quoted as well.
            (_, Kind::Comma | Kind::Open) | (':', _) => self.has_begun = false,
            (char, _) if !char.is_whitespace() => self.has_begun = true,
            _ => {}
        }
        kind
    }
}

fn bracketed(cell: &str, separator: char) -> Option<Vec<Cow<'_, str>>> {
    let inside = inside(cell)?;
    let mut parts = Vec::new();
    let (mut scan, mut depth, mut start, mut quoted_end) = (Scan::default(), 0usize, 0, None);
    for (place, char) in inside.char_indices() {
        let (was_quoted, was_begun) = (scan.quote.is_some(), scan.has_begun);
        let kind = scan.kind(char);
        match kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 0 => {
                parts.push(&inside[start..place]);
                (start, quoted_end) = (place + 1, None);
                continue;
            }
            _ => {}
        }
        if depth > 0 {
            continue;
        }
        match (was_quoted, scan.quote.is_some()) {
            (true, false) => quoted_end = Some(place + char.len_utf8()),
            // numpy has no comma between quoted entries.
            (false, true) => {
                if let Some(end) = quoted_end.take()
                    && !was_begun
                    && inside[end..place].chars().all(char::is_whitespace)
                    && end < place
                {
                    parts.push(&inside[start..end]);
                    start = place;
                }
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    if let [only] = parts[..]
        && !only.contains(['"', '\'', '{', '[', '('])
    {
        // Numbers of numpy have blanks between them; others may have the separator of the column.
        let words = || only.split_whitespace();
        if only.contains(separator) {
            parts = only.split(separator).collect();
        } else if words().count() > 1 && words().all(|word| word.parse::<f64>().is_ok()) {
            parts = words().collect();
        }
    }
    Some(parts.into_iter().filter_map(entry).collect())
}

/// An entry without its quotes; `None` if there is nothing in it.
fn entry(part: &str) -> Option<Cow<'_, str>> {
    let part = part.trim();
    let quote = part.chars().next().filter(|first| matches!(first, '"' | '\''));
    let unquoted = quote.and_then(|quote| part.strip_prefix(quote)?.strip_suffix(quote));
    let Some(text) = unquoted else {
        return (!part.is_empty() && !NOTHING.contains(&part)).then_some(Cow::Borrowed(part));
    };
    let text: Cow<'_, str> =
        if text.contains('\\') { Cow::Owned(unescaped(text)) } else { Cow::Borrowed(text) };
    let trimmed = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!trimmed.is_empty()).then_some(trimmed)
}

/// Text without its backslashes: as JSON has them, or else each takes the next character for a letter.
fn unescaped(text: &str) -> String {
    if let Ok(text) = serde_json::from_str::<String>(&format!("\"{text}\"")) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_those_that_were_written() {
        let cases: [(&str, char, &[&str]); 32] = [
            ("a|b", '|', &["a", "b"]),
            ("Drama, Romance, School", ',', &["Drama", "Romance", "School"]),
            (" a | b |", '|', &["a", "b"]),
            ("a,,b, ,", ',', &["a", "b"]),
            ("", '|', &[]),
            ("Drama", '|', &["Drama"]),
            ("['Drama', 'Sci-Fi']", '|', &["Drama", "Sci-Fi"]),
            ("['Drama','Sci-Fi']", ',', &["Drama", "Sci-Fi"]),
            (r#"["Drama", "Sci-Fi"]"#, '|', &["Drama", "Sci-Fi"]),
            (r#"["Crime, Drama", "War"]"#, ',', &["Crime, Drama", "War"]),
            (r#"["Children's", 'War']"#, ',', &["Children's", "War"]),
            (r"['Children\'s', 'War']", ',', &["Children's", "War"]),
            (r#"["say \"hi\"", "caf\u00e9"]"#, ',', &["say \"hi\"", "café"]),
            ("[Children's, War]", ',', &["Children's", "War"]),
            ("{Drama,Comedy}", '|', &["Drama", "Comedy"]),
            (r#"{"Science Fiction",War,NULL}"#, '|', &["Science Fiction", "War"]),
            ("{'Drama', 'War'}", '|', &["Drama", "War"]),
            ("('Drama', 'War')", '|', &["Drama", "War"]),
            ("('Drama',)", '|', &["Drama"]),
            ("(a, b)", '|', &["a", "b"]),
            ("(no genres listed)", '|', &["(no genres listed)"]),
            ("(a)|(b)", '|', &["(a)", "(b)"]),
            ("[a]|[b]", '|', &["[a]", "[b]"]),
            ("[]", '|', &[]),
            ("['']", '|', &[]),
            ("[None, 'a', null]", '|', &["a"]),
            ("['Drama' 'War'\n 'Sci-Fi']", '|', &["Drama", "War", "Sci-Fi"]),
            ("[1, 2, 3]", '|', &["1", "2", "3"]),
            ("[1 2  3]", '|', &["1", "2", "3"]),
            ("[a|b]", '|', &["a", "b"]),
            ("[Science Fiction]", '|', &["Science Fiction"]),
            (
                "[{'id': 18, 'name': 'Drama'}, {'id': 35, 'name': 'Comedy'}]",
                '|',
                &["{'id': 18, 'name': 'Drama'}", "{'id': 35, 'name': 'Comedy'}"],
            ),
        ];
        for (cell, separator, wanted) in cases {
            assert_eq!(entries(cell, separator), wanted, "{cell}");
        }
    }

    proptest::proptest! {
        /// As JSON writes them, entries come back, and no text makes a panic.
        #[test]
        fn lists_in_json_come_back(wanted in proptest::collection::vec("[a-zé,'\"\\\\\\]{}(\\[ ]{0,5}x", 0..5), other in ".{0,12}") {
            let wanted: Vec<String> = wanted.iter().map(|entry| entry.trim().to_owned()).collect();
            let cell = serde_json::to_string(&wanted).unwrap();
            proptest::prop_assert_eq!(entries(&cell, '|'), wanted.iter().map(String::as_str).collect::<Vec<_>>());
            entries(&other, ',');
            entries(&format!("[{other}]"), ',');
        }
    }
}
