//! Conditions on items: `genres has Comedy and year >= 1990 and title != "Toy Story (1995)"`.

use std::fmt;
use std::str::FromStr;

use u2i_index::ItemSet;
use u2i_schema::Catalog;

use crate::{Attribute, AttributeValues, BundleError};

/// A condition that recommended items have to meet: one or more comparisons, joined by `and`.
///
/// A comparison is `ATTRIBUTE OPERATOR VALUE`. The attributes are those of the items, and `item_id`, `title` and
/// `train_count`. Lists take `has`; text takes `=` and `!=`; numbers take these and `<`, `<=`, `>`, `>=`. A value or a
/// name with spaces stands in single or double quotes. No comparison holds where the item has no value.
///
/// ```
/// # use u2i_bundle::Where;
/// let condition: Where = "genres has Comedy and year>=1990".parse()?;
/// assert_eq!(condition.to_string(), r#""genres" has "Comedy" and "year" >= "1990""#);
/// assert!("year >".parse::<Where>().is_err());
/// # Ok::<(), u2i_bundle::BundleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Where(Vec<Comparison>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Comparison {
    attribute: String,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    Has,
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    const ALL: [Operator; 7] = [
        Operator::AtMost,
        Operator::AtLeast,
        Operator::NotEqual,
        Operator::Equal,
        Operator::Less,
        Operator::Greater,
        Operator::Has,
    ];

    fn text(self) -> &'static str {
        match self {
            Operator::Has => "has",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::AtLeast => ">=",
        }
    }

    fn holds<T: PartialOrd>(self, found: T, wanted: T) -> bool {
        match self {
            Operator::Has => false,
            Operator::Equal => found == wanted,
            Operator::NotEqual => found != wanted,
            Operator::Less => found < wanted,
            Operator::AtMost => found <= wanted,
            Operator::Greater => found > wanted,
            Operator::AtLeast => found >= wanted,
        }
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Comparison { attribute, operator, value }) in self.0.iter().enumerate() {
            let and = if i == 0 { "" } else { " and " };
            write!(f, "{and}{} {} {}", quote(attribute), operator.text(), quote(value))?;
        }
        Ok(())
    }
}

impl FromStr for Where {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = Words(text);
        let mut comparisons = Vec::new();
        loop {
            let attribute = words.name()?;
            let operator = words.operator(&attribute)?;
            let value = words.value(operator)?;
            comparisons.push(Comparison { attribute, operator, value });
            match words.rest() {
                "" => return Ok(Where(comparisons)),
                rest => {
                    words = Words(rest.strip_prefix("and").filter(|rest| rest.starts_with(' ')).ok_or_else(
                        || {
                            error(format!(
                                "expected `and` or the end, found `{rest}`; quote values with spaces"
                            ))
                        },
                    )?);
                }
            }
        }
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

fn error(message: String) -> BundleError {
    BundleError::Condition(message)
}

/// What is left of the text.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn rest(&mut self) -> &'a str {
        self.0 = self.0.trim_start();
        self.0
    }

    fn name(&mut self) -> Result<String, BundleError> {
        if let Some(quoted) = self.quoted()? {
            return Ok(quoted);
        }
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "=!<>".contains(c)).unwrap_or(rest.len());
        match rest.split_at(end) {
            ("", _) => Err(error(format!("expected an attribute, found {}", here(rest)))),
            (name, rest) => {
                self.0 = rest;
                Ok(name.to_owned())
            }
        }
    }

    fn operator(&mut self, attribute: &str) -> Result<Operator, BundleError> {
        let rest = self.rest();
        for operator in Operator::ALL {
            if let Some(after) = rest.strip_prefix(operator.text())
                && (operator != Operator::Has || after.starts_with(char::is_whitespace))
            {
                self.0 = after;
                return Ok(operator);
            }
        }
        let all = Operator::ALL.map(Operator::text).join(" ");
        Err(error(format!("expected one of {all} after `{attribute}`, found {}", here(rest))))
    }

    fn value(&mut self, operator: Operator) -> Result<String, BundleError> {
        if let Some(quoted) = self.quoted()? {
            return Ok(quoted);
        }
        let rest = self.rest();
        match rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())) {
            ("", _) => Err(error(format!("expected a value after `{}`, found the end", operator.text()))),
            (value, rest) => {
                self.0 = rest;
                Ok(value.to_owned())
            }
        }
    }

    /// A text in quotes, in which a backslash takes the next character as it is.
    fn quoted(&mut self) -> Result<Option<String>, BundleError> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|&c| c == '"' || c == '\'') else { return Ok(None) };
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                c if c == quote => {
                    self.0 = &rest[i + 1..];
                    return Ok(Some(text));
                }
                c => text.push(c),
            }
        }
        Err(error(format!("no end of the quoted text {rest}")))
    }
}

fn here(rest: &str) -> String {
    if rest.is_empty() { "the end".to_owned() } else { format!("`{rest}`") }
}

impl Where {
    /// The items up to `n_ranked` that meet the condition.
    pub(crate) fn items(
        &self,
        catalog: &Catalog,
        attributes: &[Attribute],
        n_ranked: usize,
    ) -> Result<ItemSet, BundleError> {
        let mut tests = Vec::new();
        for comparison in &self.0 {
            tests.push(comparison.test(catalog, attributes)?);
        }
        Ok(ItemSet::new((1..=n_ranked as u32).filter(|&item| tests.iter().all(|test| test(item)))))
    }
}

type Test<'a> = Box<dyn Fn(u32) -> bool + 'a>;

impl Comparison {
    fn test<'a>(
        &'a self,
        catalog: &'a Catalog,
        attributes: &'a [Attribute],
    ) -> Result<Test<'a>, BundleError> {
        let own = attributes.iter().find(|attribute| attribute.name == self.attribute);
        let at = |item: u32| item as usize - 1;
        match (own.map(|attribute| &attribute.values), self.attribute.as_str()) {
            (Some(AttributeValues::Text(values)), _) => self.text(move |item| values[at(item)].as_deref()),
            (Some(AttributeValues::Number(values)), _) => self.number(move |item| values[at(item)]),
            (Some(AttributeValues::List(values)), _) => {
                self.takes("a list", &[Operator::Has])?;
                Ok(Box::new(move |item| values[at(item)].contains(&self.value)))
            }
            (None, "item_id") => self.text(|item| Some(catalog.item_id(item))),
            (None, "title") => self.text(|item| catalog.title(item)),
            (None, "train_count") => self.number(|item| f64::from(catalog.counts()[item as usize])),
            (None, other) => {
                let known = attributes.iter().map(|attribute| attribute.name.as_str());
                let known: Vec<&str> = known.chain(["item_id", "title", "train_count"]).collect();
                Err(error(format!("no attribute `{other}`, items have {}", known.join(", "))))
            }
        }
    }

    fn text<'a>(&'a self, found: impl Fn(u32) -> Option<&'a str> + 'a) -> Result<Test<'a>, BundleError> {
        self.takes("text", &[Operator::Equal, Operator::NotEqual])?;
        Ok(Box::new(move |item| {
            found(item).is_some_and(|found| self.operator.holds(found, self.value.as_str()))
        }))
    }

    fn number<'a>(&'a self, found: impl Fn(u32) -> f64 + 'a) -> Result<Test<'a>, BundleError> {
        let numeric = Operator::ALL.into_iter().filter(|&o| o != Operator::Has);
        self.takes("a number", &numeric.collect::<Vec<_>>())?;
        let wanted: f64 = self
            .value
            .parse()
            .map_err(|_| error(format!("`{}` is a number, and `{}` is none", self.attribute, self.value)))?;
        Ok(Box::new(move |item| {
            let found = found(item);
            !found.is_nan() && self.operator.holds(found, wanted)
        }))
    }

    fn takes(&self, kind: &str, operators: &[Operator]) -> Result<(), BundleError> {
        if operators.contains(&self.operator) {
            return Ok(());
        }
        let (attribute, operator) = (&self.attribute, self.operator.text());
        let known: Vec<&str> = operators.iter().map(|operator| operator.text()).collect();
        Err(error(format!("`{attribute}` is {kind}, which takes {}, not {operator}", known.join(" "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> (Catalog, Vec<Attribute>) {
        let ids = ["a", "b", "c"].map(String::from).to_vec();
        let titles = vec![Some("Toy Story (1995)".into()), None, Some("Heat and \"Dust\"".into())];
        let attribute = |name: &str, values| Attribute { name: name.into(), values };
        let genres = vec![vec!["Comedy".into(), "Children's".into()], vec![], vec!["Drama".into()]];
        let attributes = vec![
            attribute("genres", AttributeValues::List(genres)),
            attribute("year", AttributeValues::Number(vec![1995.0, f64::NAN, 1983.0])),
            attribute("made in", AttributeValues::Text(vec![Some("US".into()), None, Some("UK".into())])),
        ];
        (Catalog::new(ids, titles, vec![0, 9, 5, 1], vec![]), attributes)
    }

    fn found(text: &str) -> Result<Vec<u32>, String> {
        let (catalog, attributes) = catalog();
        let condition: Where = text.parse().map_err(|error: BundleError| error.to_string())?;
        let again: Where = condition.to_string().parse().expect("what is printed is understood");
        assert_eq!(again, condition);
        let set = condition.items(&catalog, &attributes, 3).map_err(|error| error.to_string())?;
        Ok((1..=3).filter(|&item| set.contains(item)).collect())
    }

    #[test]
    fn conditions_choose_the_items_that_meet_all_of_them() {
        let cases: [(&str, &[u32]); 13] = [
            ("genres has Comedy", &[1]),
            ("genres has \"Children's\" and year = 1995", &[1]),
            ("genres has Children's", &[1]),
            ("year>=1990", &[1]),
            ("year != 1995", &[3]),
            ("year < 1995.5", &[1, 3]),
            ("'made in' = US", &[1]),
            ("'made in' != US", &[3]),
            ("title = 'Toy Story (1995)'", &[1]),
            (r#"title = "Heat and \"Dust\"""#, &[3]),
            ("train_count > 1", &[1, 2]),
            ("item_id != b", &[1, 3]),
            ("genres has Western", &[]),
        ];
        for (text, wanted) in cases {
            assert_eq!(found(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn conditions_that_cannot_be_understood_say_why() {
        let cases = [
            ("", "condition: expected an attribute, found the end"),
            ("year", "condition: expected one of <= >= != = < > has after `year`, found the end"),
            ("year >=", "condition: expected a value after `>=`, found the end"),
            ("year hasty", "condition: expected one of <= >= != = < > has after `year`, found `hasty`"),
            (
                "title = Toy Story",
                "condition: expected `and` or the end, found `Story`; quote values with spaces",
            ),
            ("title = 'Toy", "condition: no end of the quoted text 'Toy"),
            (
                "year = 1995 and",
                "condition: expected `and` or the end, found `and`; quote values with spaces",
            ),
            ("year = MCMXCV", "condition: `year` is a number, and `MCMXCV` is none"),
            ("year has 1995", "condition: `year` is a number, which takes <= >= != = < >, not has"),
            ("genres = Comedy", "condition: `genres` is a list, which takes has, not ="),
            ("title < x", "condition: `title` is text, which takes = !=, not <"),
            (
                "yaer = 1",
                "condition: no attribute `yaer`, items have genres, year, made in, item_id, title, train_count",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(found(text).unwrap_err(), message, "{text}");
        }
    }
}
