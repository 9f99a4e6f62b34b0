//! One JSON value on a line, taken apart without turning numbers into anything: ids stay what was written.
//!
//! The grammar is that of RFC 8259, but for `NaN` and `Infinity`, which Python writes.

use std::borrow::Cow;

/// A value as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonValue<'a> {
    /// `null`, and `NaN`, which is Python's number for nothing.
    Missing,
    /// A number, `true` or `false`, as written.
    Word(&'a str),
    /// What stands between the quotes, and whether there is an escape in it.
    Text(&'a str, bool),
    /// From bracket to bracket.
    List(&'a str),
    /// From brace to brace.
    Object(&'a str),
}

/// Where a text is no JSON, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonFault {
    at: usize,
    reason: String,
}

impl JsonFault {
    /// In a sentence about `text`, the whole of it.
    pub(crate) fn in_text(&self, text: &str) -> String {
        const SHOWN: usize = 20;
        let found: String = text[self.at..].chars().take(SHOWN).collect();
        let place = 1 + text[..self.at].chars().count();
        match found.is_empty() {
            true => format!("not JSON: {} at its end", self.reason),
            false => format!("not JSON: {} at character {place}, found {found:?}", self.reason),
        }
    }
}

/// Objects and lists within each other.
const MAX_DEPTH: usize = 100;

/// Calls `each` with the keys and values of a text that is one object; what it returns ends the reading.
pub(crate) fn members<'a>(
    text: &'a str,
    mut each: impl FnMut(Cow<'a, str>, JsonValue<'a>) -> Result<(), String>,
) -> Result<(), JsonFault> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blank();
    scanner.expect(b'{', "expected an object in braces")?;
    scanner.members(0, &mut |at, key, value| each(key, value).map_err(|reason| JsonFault { at, reason }))?;
    scanner.end()
}

/// Calls `each` with the entries of a list, from bracket to bracket.
pub(crate) fn entries<'a>(text: &'a str, mut each: impl FnMut(JsonValue<'a>)) -> Result<(), JsonFault> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.expect(b'[', "expected a list in brackets")?;
    scanner.entries(0, &mut |value| each(value))?;
    scanner.end()
}

/// The text between quotes without its escapes.
pub(crate) fn unescaped(raw: &str, has_escape: bool) -> Result<Cow<'_, str>, String> {
    if !has_escape {
        return Ok(Cow::Borrowed(raw));
    }
    serde_json::from_str::<String>(&format!("\"{raw}\"")).map(Cow::Owned).map_err(|_| {
        let shown: String = raw.chars().take(40).collect();
        format!("an escape that is no character in {shown:?}")
    })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn fault<T>(&self, reason: &str) -> Result<T, JsonFault> {
        Err(JsonFault { at: self.at, reason: reason.to_owned() })
    }

    fn expect(&mut self, byte: u8, reason: &str) -> Result<(), JsonFault> {
        if self.peek() != Some(byte) {
            return self.fault(reason);
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), JsonFault> {
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { self.fault("expected nothing behind the object") }
    }

    /// The members of an object behind its brace.
    fn members(
        &mut self,
        depth: usize,
        each: &mut dyn FnMut(usize, Cow<'a, str>, JsonValue<'a>) -> Result<(), JsonFault>,
    ) -> Result<(), JsonFault> {
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.blank();
            let at = self.at;
            self.expect(b'"', "expected a key in double quotes")?;
            let (raw, has_escape) = self.string()?;
            let key = unescaped(raw, has_escape).map_err(|reason| JsonFault { at, reason })?;
            self.blank();
            self.expect(b':', "expected `:`")?;
            let value = self.value(depth)?;
            each(at, key, value)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.fault("expected `,` or `}`"),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// The entries of a list behind its bracket.
    fn entries(&mut self, depth: usize, each: &mut dyn FnMut(JsonValue<'a>)) -> Result<(), JsonFault> {
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let value = self.value(depth)?;
            each(value);
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.fault("expected `,` or `]`"),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<JsonValue<'a>, JsonFault> {
        self.blank();
        let start = self.at;
        if depth > MAX_DEPTH {
            return self.fault("expected fewer lists and objects within each other");
        }
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let (raw, has_escape) = self.string()?;
                Ok(JsonValue::Text(raw, has_escape))
            }
            Some(b'{') => {
                self.at += 1;
                self.members(depth + 1, &mut |_, _, _| Ok(()))?;
                Ok(JsonValue::Object(&self.text[start..self.at]))
            }
            Some(b'[') => {
                self.at += 1;
                self.entries(depth + 1, &mut |_| {})?;
                Ok(JsonValue::List(&self.text[start..self.at]))
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Ok(JsonValue::Word(&self.text[start..self.at]))
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<JsonValue<'a>, JsonFault> {
        let rest = &self.text[self.at..];
        for (word, is_missing) in
            [("null", true), ("NaN", true), ("true", false), ("false", false), ("Infinity", false)]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(if is_missing {
                    JsonValue::Missing
                } else {
                    JsonValue::Word(&rest[..word.len()])
                });
            }
        }
        match self.peek() {
            Some(b'\'' | b'T' | b'F' | b'N') => self.fault("expected JSON, not Python's own notation,"),
            _ => self.fault("expected a value"),
        }
    }

    fn number(&mut self) -> Result<(), JsonFault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.text[self.at..].starts_with("Infinity") {
                self.at += "Infinity".len();
                return Ok(());
            }
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.fault("expected a digit") } else { Ok(()) }
    }

    /// What stands behind a quote up to the next, and whether there is an escape in it.
    fn string(&mut self) -> Result<(&'a str, bool), JsonFault> {
        let (start, mut has_escape) = (self.at, false);
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escape = true;
                    let n = match bytes.get(self.at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u')
                            if bytes
                                .get(self.at + 2..self.at + 6)
                                .is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit)) =>
                        {
                            6
                        }
                        _ => return self.fault("expected an escape of JSON"),
                    };
                    self.at += n;
                }
                Some(0..0x20) => return self.fault("expected no control character in a text"),
                Some(_) => self.at += 1,
                None => return self.fault("expected a closing quote"),
            }
        }
        self.at += 1;
        Ok((&self.text[start..self.at - 1], has_escape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_apart(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        members(text, |key, value| {
            found.push((key.into_owned(), format!("{value:?}")));
            Ok(())
        })
        .map_err(|fault| fault.in_text(text))?;
        Ok(found)
    }

    #[test]
    fn values_stay_as_they_are_written() {
        let text = r#" {"id": 18446744073709551615, "f": 17.0, "x":-1e-7,"t":"a\tb","n":null, "l":[1,"2"],"o":{"a":{}}} "#;
        let wanted = [
            ("id", "Word(\"18446744073709551615\")"),
            ("f", "Word(\"17.0\")"),
            ("x", "Word(\"-1e-7\")"),
            ("t", "Text(\"a\\\\tb\", true)"),
            ("n", "Missing"),
            ("l", "List(\"[1,\\\"2\\\"]\")"),
            ("o", "Object(\"{\\\"a\\\":{}}\")"),
        ];
        assert_eq!(taken_apart(text).unwrap(), wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(unescaped(r"a\tb \u00e9 \ud83d\ude00", true).unwrap(), "a\tb é 😀");
        assert!(unescaped(r"\ud83d", true).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused_with_the_place() {
        let cases = [
            (r#"{"a":1"#, "not JSON: expected `,` or `}` at its end"),
            (
                r#"{"a":1} {"a":2}"#,
                "not JSON: expected nothing behind the object at character 9, found \"{\\\"a\\\":2}\"",
            ),
            (r#"{"a":01}"#, "not JSON: expected `,` or `}` at character 7, found \"1}\""),
            (r#"{'a': 1}"#, "not JSON: expected a key in double quotes at character 2, found \"'a': 1}\""),
            (
                r#"{"a": None}"#,
                "not JSON: expected JSON, not Python's own notation, at character 7, found \"None}\"",
            ),
            (r#"{"a":"é"#, "not JSON: expected a closing quote at its end"),
            ("[1]", "not JSON: expected an object in braces at character 1, found \"[1]\""),
            ("", "not JSON: expected an object in braces at its end"),
        ];
        for (text, wanted) in cases {
            assert_eq!(taken_apart(text).unwrap_err(), wanted, "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(taken_apart(&deep).unwrap_err().contains("expected fewer lists"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 3_000, ..Default::default() })]
        /// Whatever is made of the pieces of JSON is an object to both readers or to none.
        #[test]
        fn objects_are_those_of_serde_json(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\\n\"", "\"\\u00e9\"", "\"", "\\", "1", "0", "-", ".5", "e3", "true",
                    "null", " ", "\t", "\u{1}", "é", "{\"k\":1}", "[1,2]", "\"c\":", "1.5",
                ]),
                0..10,
            ),
        ) {
            let text = format!("{{\"x\":{}", pieces.concat());
            for text in [text.clone(), format!("{text}}}"), pieces.concat()] {
                let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
                proptest::prop_assert_eq!(taken_apart(&text).is_ok(), theirs.is_ok(), "{}", text);
            }
        }
    }
}
