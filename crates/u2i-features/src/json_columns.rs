//! Which columns the objects of a file have.

use std::collections::HashMap;

use crate::json_text::{JsonFault, JsonValue, entries, members};

/// Every key of the objects of a file; one within another object by its path, `a.b`.
#[derive(Debug, Default)]
pub(crate) struct JsonColumns {
    keys: Vec<JsonKey>,
    places: HashMap<String, usize>,
    /// The path of the object that is looked through.
    path: String,
}

/// A key, and what its values are.
#[derive(Debug, Default)]
struct JsonKey {
    path: String,
    parent: Option<usize>,
    n_within: usize,
    has_scalars: bool,
    has_lists: bool,
    /// Lists with lists or objects in them.
    has_nested_lists: bool,
    has_objects: bool,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonKind {
    /// One text, number, `true` or `false` in a row.
    Scalars,
    /// Several in a row; one that stands by itself is a list of one.
    Lists,
    /// What no column can hold.
    Unreadable(&'static str),
}

/// Different keys of the objects of a file.
const MAX_KEYS: usize = 4_096;
/// Different keys of an object within another; with more it is no row of columns but one that has ids for keys.
const MAX_KEYS_WITHIN: usize = 256;
/// Objects within each other.
const MAX_DEPTH: usize = 8;

/// Why objects have no columns: too many different keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyKeys;

impl JsonColumns {
    /// Meets a row. One that is no object tells nothing.
    pub(crate) fn meet(&mut self, row: &str) -> Result<(), TooManyKeys> {
        self.path.clear();
        // What a row that is broken further on has told stays: its columns are there.
        let _ = self.meet_members(row, None, 0);
        if self.keys.len() > MAX_KEYS { Err(TooManyKeys) } else { Ok(()) }
    }

    fn meet_members(&mut self, object: &str, parent: Option<usize>, depth: usize) -> Result<(), JsonFault> {
        let n_path = self.path.len();
        let met = members(object, |key, value| {
            if self.keys.len() > MAX_KEYS {
                return Err("too many keys".to_owned());
            }
            self.path.truncate(n_path);
            push_key(&mut self.path, &key);
            let place = self.place(parent);
            let Some(place) = place else { return Ok(()) };
            let own = &mut self.keys[place];
            match value {
                JsonValue::Missing => {}
                JsonValue::Word(_) | JsonValue::Text(..) => own.has_scalars = true,
                JsonValue::List(list) => {
                    own.has_lists = true;
                    let mut has_nested = false;
                    let nested =
                        |value| has_nested |= matches!(value, JsonValue::List(_) | JsonValue::Object(_));
                    if !own.has_nested_lists && entries(list, nested).is_ok() {
                        own.has_nested_lists = has_nested;
                    }
                }
                JsonValue::Object(within) => {
                    own.has_objects = true;
                    if depth < MAX_DEPTH {
                        // It is whole, as the object around it is up to here.
                        let _ = self.meet_members(within, Some(place), depth + 1);
                    }
                }
            }
            Ok(())
        });
        self.path.truncate(n_path);
        met
    }

    /// The place of the key at the path, which is new if need be; `None` if its object has too many.
    fn place(&mut self, parent: Option<usize>) -> Option<usize> {
        if let Some(&place) = self.places.get(&self.path) {
            return Some(place);
        }
        if let Some(parent) = parent {
            let parent = &mut self.keys[parent];
            parent.n_within += 1;
            if parent.n_within > MAX_KEYS_WITHIN {
                return None;
            }
        }
        self.keys.push(JsonKey { path: self.path.clone(), parent, ..JsonKey::default() });
        self.places.insert(self.path.clone(), self.keys.len() - 1);
        Some(self.keys.len() - 1)
    }

    /// Names and kinds of the columns, in the order in which their keys were met.
    pub(crate) fn finish(self) -> Vec<(String, JsonKind)> {
        let keys = &self.keys;
        let is_map = |key: &JsonKey| key.n_within > MAX_KEYS_WITHIN;
        let is_below_map = |key: &JsonKey| {
            let above = std::iter::successors(key.parent, |&above| keys[above].parent);
            above.into_iter().any(|above| is_map(&keys[above]))
        };
        let kind = |key: &JsonKey| {
            Some(match key {
                key if is_map(key) => JsonKind::Unreadable("object of more than 256 different keys"),
                JsonKey {
                    has_objects: true, has_scalars: false, has_lists: false, n_within: 1.., ..
                } => return None,
                JsonKey { has_objects: true, .. } => JsonKind::Unreadable("object"),
                JsonKey { has_nested_lists: true, .. } => JsonKind::Unreadable("list of lists or objects"),
                JsonKey { has_lists: true, .. } => JsonKind::Lists,
                _ => JsonKind::Scalars,
            })
        };
        keys.iter()
            .filter(|key| !is_below_map(key))
            .filter_map(|key| Some((key.path.clone(), kind(key)?)))
            .collect()
    }
}

/// Goes from the path of an object on to one of its keys.
pub(crate) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(rows: &[&str]) -> Result<Vec<(String, JsonKind)>, TooManyKeys> {
        let mut columns = JsonColumns::default();
        rows.iter().try_for_each(|row| columns.meet(row))?;
        Ok(columns.finish())
    }

    #[test]
    fn columns_are_the_keys_of_all_rows_with_all_that_they_hold() {
        let rows = [
            r#"{"user":"u","tags":"a","geo":{"lat":1,"at":{"city":"x"}},"n":null}"#,
            r#"{"user":7,"tags":["a","b"],"late":true,"mixed":{"a":1},"deep":[[1]],"e":{}}"#,
            r#"{"mixed":1,"broken":1"#,
        ];
        let wanted = [
            ("user", JsonKind::Scalars),
            ("tags", JsonKind::Lists),
            ("geo.lat", JsonKind::Scalars),
            ("geo.at.city", JsonKind::Scalars),
            ("n", JsonKind::Scalars),
            ("late", JsonKind::Scalars),
            ("mixed", JsonKind::Unreadable("object")),
            ("mixed.a", JsonKind::Scalars),
            ("deep", JsonKind::Unreadable("list of lists or objects")),
            ("e", JsonKind::Unreadable("object")),
            ("broken", JsonKind::Scalars),
        ];
        assert_eq!(columns(&rows).unwrap(), wanted.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn objects_with_ids_for_keys_are_no_columns() {
        let map = (0..300).map(|id| format!("\"i{id}\":{{\"x\":1}}")).collect::<Vec<_>>().join(",");
        let found = columns(&[&format!("{{\"user\":1,\"seen\":{{{map}}}}}")]).unwrap();
        let wanted = JsonKind::Unreadable("object of more than 256 different keys");
        assert_eq!(found, [("user".to_owned(), JsonKind::Scalars), ("seen".to_owned(), wanted)]);
        let rows: Vec<String> = (0..5_000).map(|id| format!("{{\"i{id}\":1}}")).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        assert_eq!(columns(&rows), Err(TooManyKeys));
    }
}
