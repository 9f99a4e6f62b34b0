//! What a file is, from its first lines. Nothing here reads a file.

/// The type that the header of an atomic file of RecBole gives a column, `user_id:token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtomicType {
    Token,
    TokenSeq,
    Float,
    FloatSeq,
}

/// Name and type of a column of an atomic file, or `None` if the field of the header is none.
pub(super) fn atomic_field(field: &str) -> Option<(&str, AtomicType)> {
    let (name, kind) = field.rsplit_once(':')?;
    let kind = match kind {
        "token" => AtomicType::Token,
        "token_seq" => AtomicType::TokenSeq,
        "float" => AtomicType::Float,
        "float_seq" => AtomicType::FloatSeq,
        _ => return None,
    };
    (!name.is_empty()).then_some((name, kind))
}

/// Whether a first line is the header of an atomic file: at least two fields with their types, a tab between them.
pub(super) fn is_atomic_header(line: &str) -> bool {
    line.contains('\t') && line.split('\t').all(|field| atomic_field(field).is_some())
}

/// Whether these lines are pairs `user item` in time order: two fields in each, white space between them, and neither
/// a separator of tables nor a header.
pub(super) fn is_sequences(lines: &[&str]) -> bool {
    let is_pair =
        |line: &&str| line.split_ascii_whitespace().count() == 2 && !line.contains([',', ';', '|', '"']);
    let Some(first) = lines.first() else { return false };
    let is_header = first.split_ascii_whitespace().all(crate::names::is_known);
    lines.iter().all(is_pair) && !is_header
}

/// The separator under which all lines have the same number of fields, at least two; the one that makes the most.
pub(super) fn separator(lines: &[&str]) -> Option<char> {
    let fields = |separator| {
        let mut counts = lines.iter().map(|line| n_fields(line, separator));
        let first = counts.next().filter(|&n| n > 1)?;
        counts.all(|n| n == first).then_some((first, separator))
    };
    // Of equals the first is taken, so that a decimal comma does not beat the semicolon.
    let candidates = [',', ';', '\t', '|'].into_iter().filter_map(fields);
    candidates
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
        .map(|(_, separator)| separator)
}

/// Fields of a line in which separators between quotes do not count.
fn n_fields(line: &str, separator: char) -> usize {
    let mut quoted = false;
    let is_end = |char: char| {
        quoted ^= char == '"';
        char == separator && !quoted
    };
    1 + line.chars().filter(|&char| char != '\r').map(is_end).filter(|&is_end| is_end).count()
}

/// Whether a first line names columns: none of its fields is a number.
pub(super) fn is_header(line: &str, separator: char) -> bool {
    line.split(separator).all(|field| field.trim().trim_matches('"').parse::<f64>().is_err())
}

/// Whole lines of the beginning of a file; a last line that was cut is left out.
pub(super) fn whole_lines(text: &str, is_whole_file: bool) -> Vec<&str> {
    let text = text.trim_start_matches('\u{feff}');
    let end = if is_whole_file { text.len() } else { text.rfind('\n').unwrap_or(text.len()) };
    text[..end].lines().filter(|line| !line.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_one_that_divides_all_lines_alike() {
        let cases: [(&[&str], Option<char>); 8] = [
            (&["user,item,time", "a,b,1"], Some(',')),
            (&["user;price;item", "a;1,5;b"], Some(';')),
            (&["user\titem", "a b\tc"], Some('\t')),
            (&["user|item|time", "a|b|1"], Some('|')),
            (&["id,tags", "7,\"a,b\"", "8,c"], Some(',')),
            (&["id,title", "7,a|b", "8,c|d"], Some(',')),
            (&["user item", "a b"], None),
            (&["a,b", "c"], None),
        ];
        for (lines, wanted) in cases {
            assert_eq!(separator(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn pairs_are_told_from_tables() {
        let cases: [(&[&str], bool); 7] = [
            (&["1 17", "1 4", "2 17"], true),
            (&["A2 B001E", "A2\tB002F"], true),
            (&["user_id item_id", "1 17"], false),
            (&["1 17 3", "1 4 2"], false),
            (&["a, b", "c, d"], false),
            (&["1", "2"], false),
            (&[], false),
        ];
        for (lines, wanted) in cases {
            assert_eq!(is_sequences(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn typed_headers_are_those_of_recbole() {
        let cases = [
            ("user_id:token\titem_id:token\trating:float\ttimestamp:float", true),
            ("item_id:token\tgenre:token_seq\tembedding:float_seq", true),
            ("user_id:token,item_id:token", false),
            ("user_id\titem_id", false),
            (":token", false),
            ("", false),
        ];
        for (line, wanted) in cases {
            assert_eq!(is_atomic_header(line), wanted, "{line:?}");
        }
        assert_eq!(atomic_field("a:b:float"), Some(("a:b", AtomicType::Float)));
    }

    #[test]
    fn a_header_has_no_numbers() {
        for (line, wanted) in
            [("user,item", true), ("\"user\",\"item\"", true), ("196,242,3", false), ("user,7", false)]
        {
            assert_eq!(is_header(line, ','), wanted, "{line}");
        }
    }

    #[test]
    fn a_cut_line_is_left_out() {
        assert_eq!(whole_lines("\u{feff}a b\r\n\nc d\ne", false), ["a b", "c d"]);
        assert_eq!(whole_lines("a b\nc d", true), ["a b", "c d"]);
    }
}
