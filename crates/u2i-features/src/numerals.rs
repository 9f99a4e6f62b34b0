use std::borrow::Cow;

/// How numbers are written in text that has a mark of its own for decimals: `1.234,56` or `1,234.56`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numerals {
    decimal: char,
}

/// What may stand between groups of three digits, besides the full stop or comma that is not the decimal mark.
const GROUPING: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '’'];

/// What tells one way to write numbers from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    /// It is no number so written.
    No,
    /// It is one, and may be another number if it is written the other way: `1,234`; or is the same in both: `12`.
    Either,
    /// It is one, and none if it is written the other way.
    Only,
}

impl Numerals {
    /// Numbers with this mark before their decimals, a full stop or a comma.
    pub(crate) fn new(decimal: char) -> Self {
        Numerals { decimal }
    }

    /// The other mark.
    fn other(self) -> Self {
        Numerals { decimal: if self.decimal == ',' { '.' } else { ',' } }
    }

    /// The number as Rust writes it: no separators of thousands, a full stop before the decimals. `None` for any other
    /// text.
    pub(crate) fn plain(self, text: &str) -> Option<Cow<'_, str>> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(place) => unsigned.split_at(place),
            None => (unsigned, ""),
        };
        let exponent_digits =
            exponent.get(1..).map(|digits| digits.strip_prefix(['-', '+']).unwrap_or(digits));
        if exponent_digits.is_some_and(|digits| !are_digits(digits)) {
            return None;
        }
        let (whole, decimals) = match mantissa.split_once(self.decimal) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (mantissa, None),
        };
        let bare_decimals = decimals.unwrap_or_default();
        if !bare_decimals.bytes().all(|byte| byte.is_ascii_digit())
            || whole.is_empty() && bare_decimals.is_empty()
        {
            return None;
        }
        let is_grouped = !whole.is_empty() && !are_digits(whole);
        if is_grouped && !self.are_groups(whole) {
            return None;
        }
        if !is_grouped && (decimals.is_none() || self.decimal == '.') {
            return Some(Cow::Borrowed(text));
        }
        let mut plain = String::with_capacity(text.len());
        plain.extend(text.chars().next().filter(|&sign| sign == '-'));
        plain.extend(whole.chars().filter(char::is_ascii_digit));
        if decimals.is_some() {
            plain.push('.');
            plain.push_str(bare_decimals);
        }
        plain.push_str(exponent);
        Some(Cow::Owned(plain))
    }

    /// Whether digits stand in groups of three with one separator between all of them.
    fn are_groups(self, whole: &str) -> bool {
        let Some(separator) = whole.chars().find(|char| !char.is_ascii_digit()) else { return false };
        if separator != self.other().decimal && !GROUPING.contains(&separator) {
            return false;
        }
        let mut groups = whole.split(separator);
        let first = groups.next().unwrap_or_default();
        (1..=3).contains(&first.len())
            && are_digits(first)
            && groups.all(|group| group.len() == 3 && are_digits(group))
    }

    /// The number that a text is.
    pub(crate) fn number(self, text: &str) -> Option<f64> {
        self.plain(text)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Whether a text is a number so written, and only so.
    pub(crate) fn witness(self, text: &str) -> Witness {
        match (self.number(text), self.other().number(text)) {
            (None, _) => Witness::No,
            (Some(_), None) => Witness::Only,
            (Some(_), Some(_)) => Witness::Either,
        }
    }
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a number with a decimal comma or separators of thousands, and no number as Rust writes them.
pub(crate) fn is_number_with_marks(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | ',' | ' '))
        && text.trim().parse::<f64>().is_err()
        && [',', '.'].iter().any(|&decimal| Numerals::new(decimal).number(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_their_marks() {
        let cases = [
            ("12,50", Some(12.5), None),
            ("1.234,56", Some(1234.56), None),
            ("1.234.567", Some(1_234_567.0), None),
            ("1 234,5", Some(1234.5), None),
            ("1\u{a0}234\u{202f}567", None, None),
            ("12'345,5", Some(12_345.5), None),
            ("-,5", Some(-0.5), None),
            ("+7", Some(7.0), Some(7.0)),
            (" 12 ", Some(12.0), Some(12.0)),
            ("1e3", Some(1000.0), Some(1000.0)),
            ("1,5e-1", Some(0.15), None),
            ("1,234.56", None, Some(1234.56)),
            ("12.50", None, Some(12.5)),
            ("1,234", Some(1.234), Some(1234.0)),
            ("1.234", Some(1234.0), Some(1.234)),
            ("1,23,456", None, None),
            ("1234,567", Some(1234.567), None),
            ("1234.567,8", None, None),
            ("", None, None),
            (",", None, None),
            ("-", None, None),
            ("nan", None, None),
            ("1e", None, None),
            ("12,50 €", None, None),
        ];
        for (text, comma, stop) in cases {
            let found = [',', '.'].map(|decimal| Numerals::new(decimal).number(text));
            assert_eq!(found, [comma, stop], "{text:?}");
        }
    }

    #[test]
    fn a_number_that_is_another_the_other_way_is_no_witness() {
        let comma = Numerals::new(',');
        for (text, wanted) in [
            ("1,5", Witness::Only),
            ("1,234", Witness::Either),
            ("12", Witness::Either),
            ("1.234,5", Witness::Only),
            ("1.5", Witness::No),
        ] {
            assert_eq!(comma.witness(text), wanted, "{text}");
        }
        assert!(is_number_with_marks("1,5") && !is_number_with_marks("1.5") && !is_number_with_marks("a,5"));
    }
}
