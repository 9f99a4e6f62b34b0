//! Tables that were looked at, before it is told what each is.

use std::path::Path;

use u2i_features::{ColumnProfile, TableProfile};

use crate::names::plain;
use crate::source::TableFile;

/// A table and what its columns hold.
pub(crate) struct Looked {
    pub file: TableFile,
    pub profile: TableProfile,
}

impl Looked {
    /// The name of the file, without its folder.
    pub(crate) fn name(&self) -> String {
        file_name(&self.file.path)
    }

    /// The name of the file without what follows a dot; of a pattern that names part files, that of their folder.
    pub(crate) fn stem(&self) -> String {
        let is_pattern = |name: &str| name.contains(['*', '?', '[']);
        let mut names = self.file.path.iter().rev().map(|name| name.to_string_lossy().into_owned());
        let name = names.find(|name| !is_pattern(name)).unwrap_or_default();
        name.split('.').find(|part| !part.is_empty()).unwrap_or_default().to_owned()
    }

    /// A column by its name; in an atomic file the name without its type will do.
    pub(crate) fn column(&self, name: &str) -> Option<&ColumnProfile> {
        column(&self.profile.columns, name)
    }

    /// The names of all columns, for people.
    pub(crate) fn columns(&self) -> String {
        listed(self.profile.columns.iter().map(|column| column.name.as_str()))
    }
}

/// A column by its name; in an atomic file the name without its type will do.
pub(crate) fn column<'a>(columns: &'a [ColumnProfile], name: &str) -> Option<&'a ColumnProfile> {
    let named = |is: fn(&str, &str) -> bool| columns.iter().find(|column| is(&column.name, name));
    named(|own, name| own == name).or_else(|| named(|own, name| plain(own) == name))
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Names of columns, for people.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A word as a shell takes it, so that what a message says can be pasted.
pub(crate) fn for_shell(word: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "_-./:,=+@%".contains(char);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, wanted) in [
            ("user_id:token", "user_id:token"),
            ("用户", "用户"),
            ("end user", "'end user'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(for_shell(word), wanted);
        }
    }
}
