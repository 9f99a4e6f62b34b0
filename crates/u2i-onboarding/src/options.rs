//! What the caller says of the files, and which file and column each option means.

use std::path::{Path, PathBuf};

use u2i::Error;
use u2i_features::TimeUnit;

use crate::looked::{Looked, for_shell};
use crate::model_choice::ModelChoice;
use crate::names::Role;
use crate::roles::Named;

/// What a config is wanted for.
///
/// Options name a column by its name, or as `FILE:COLUMN` where several files have one of that name.
///
/// # Examples
///
/// ```
/// use u2i_onboarding::{InitOptions, ModelChoice};
/// let own = InitOptions {
///     item: Some("plays.csv:track".to_owned()),
///     ..InitOptions::new(vec!["plays.csv".into()], "own.toml".into(), ModelChoice::Fm, 1_600_000_000)
/// };
/// assert_eq!(own.user, None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct InitOptions {
    /// Files of events, users and items, or the one folder that holds them.
    pub data: Vec<PathBuf>,
    /// Where the config will stand: its paths start at this folder. Nothing is written there.
    pub out: PathBuf,
    /// The model.
    pub model: ModelChoice,
    /// The time now, as Unix time in seconds: events after it are doubted.
    pub now_s: i64,
    /// The file of events, where it cannot be told.
    pub events: Option<String>,
    /// The file that describes users, `FILE` or `FILE:COLUMN` with the column of their ids.
    pub users: Option<String>,
    /// The file that describes items, likewise.
    pub items: Option<String>,
    /// The column of users, where it cannot be told.
    pub user: Option<String>,
    /// The column of items, likewise.
    pub item: Option<String>,
    /// The column of times, likewise.
    pub time: Option<String>,
    /// How times are written, where it cannot be told.
    pub time_unit: Option<TimeUnit>,
    /// Events stand in the order in which they happened, and no column says when.
    pub no_time: bool,
    /// Texts begin with rows and not with the names of their columns, which are called `1`, `2` and so on.
    pub no_header: bool,
    /// The largest share of rows of a file that may be unusable; a hundredth if not said.
    pub max_rejects: Option<f64>,
}

impl InitOptions {
    /// Files, the config to write, the model, and what time it is; everything else is told from the files.
    pub fn new(data: Vec<PathBuf>, out: PathBuf, model: ModelChoice, now_s: i64) -> Self {
        InitOptions {
            data,
            out,
            model,
            now_s,
            events: None,
            users: None,
            items: None,
            user: None,
            item: None,
            time: None,
            time_unit: None,
            no_time: false,
            no_header: false,
            max_rejects: None,
        }
    }

    /// Whether an option speaks of tables and their columns.
    pub(crate) fn names_tables(&self) -> bool {
        let InitOptions { events, users, items, user, item, time, time_unit, no_time, .. } = self;
        [events, users, items, user, item, time].into_iter().any(Option::is_some)
            || time_unit.is_some()
            || *no_time
    }

    /// Paths that options may mean, in the order in which they are to be tried; an option has several if there are colons
    /// in it.
    pub(crate) fn paths(&self) -> Vec<Vec<PathBuf>> {
        let files = [("events", &self.events), ("users", &self.users), ("items", &self.items)];
        files
            .into_iter()
            .filter_map(|(_, text)| text.as_deref())
            .map(|text| {
                std::iter::once(text).chain(splits(text).map(|(file, _)| file)).map(PathBuf::from).collect()
            })
            .collect()
    }
}

/// What options say, with files as places in the list of tables.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub events: Option<usize>,
    pub users: Option<(usize, Option<String>)>,
    pub items: Option<(usize, Option<String>)>,
    pub named: Named,
}

/// Finds the files and columns that options name.
pub(crate) fn resolve(options: &InitOptions, tables: &[Looked]) -> Result<Asked, Error> {
    let mut asked = Asked::default();
    let mut events = |option: &str, place: usize| match asked.events.replace(place) {
        Some(known) if known != place => Err(Error::Usage(format!(
            "--{option} means {}, and another option says that {} holds the events",
            tables[place].file.path.display(),
            tables[known].file.path.display()
        ))),
        _ => Ok(()),
    };
    if let Some(text) = &options.events {
        let place = place_of(Path::new(text), tables).ok_or_else(|| no_file("events", text, tables))?;
        events("events", place)?;
    }
    let mut column = |role: Role, text: &Option<String>| -> Result<Option<String>, Error> {
        let Some(text) = text else { return Ok(None) };
        match column(role.word(), text, tables)? {
            (Some(place), column) => events(role.word(), place).map(|()| Some(column)),
            (None, column) => Ok(Some(column)),
        }
    };
    asked.named = Named {
        user: column(Role::User, &options.user)?,
        item: column(Role::Item, &options.item)?,
        time: column(Role::Time, &options.time)?,
        time_unit: options.time_unit.clone(),
        no_time: options.no_time,
    };
    asked.users = options.users.as_deref().map(|text| file_and_column("users", text, tables)).transpose()?;
    asked.items = options.items.as_deref().map(|text| file_and_column("items", text, tables)).transpose()?;
    Ok(asked)
}

/// A column, and the file that is named with it. A text that is a column of some file is that column, colons and all.
fn column(option: &str, text: &str, tables: &[Looked]) -> Result<(Option<usize>, String), Error> {
    if tables.iter().any(|table| table.column(text).is_some()) {
        return Ok((None, text.to_owned()));
    }
    let mut known = None;
    for (file, column) in splits(text) {
        let Some(place) = place_of(Path::new(file), tables) else { continue };
        if tables[place].column(column).is_some() {
            return Ok((Some(place), column.to_owned()));
        }
        known.get_or_insert((place, column));
    }
    match known {
        Some((place, column)) => Err(no_column(option, text, column, &tables[place])),
        None => Ok((None, text.to_owned())),
    }
}

/// A file, and the column that is named with it. A text that is the path of a file is that file, colons and all.
fn file_and_column(option: &str, text: &str, tables: &[Looked]) -> Result<(usize, Option<String>), Error> {
    if let Some(place) = place_of(Path::new(text), tables) {
        return Ok((place, None));
    }
    match column(option, text, tables)? {
        (Some(place), column) => Ok((place, Some(column))),
        (None, _) => Err(no_file(option, text, tables)),
    }
}

/// What stands before and behind each colon, the last one first.
fn splits(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.char_indices()
        .rev()
        .filter(|&(_, char)| char == ':')
        .map(|(place, _)| (&text[..place], &text[place + 1..]))
}

/// The table of a path: as it was given, or by the name of its file if only one is called so.
pub(crate) fn place_of(path: &Path, tables: &[Looked]) -> Option<usize> {
    let is_same = |own: &Path| {
        own == path
            || std::fs::canonicalize(own)
                .ok()
                .is_some_and(|own| std::fs::canonicalize(path).is_ok_and(|path| own == path))
    };
    if let Some(place) = tables.iter().position(|table| is_same(&table.file.path)) {
        return Some(place);
    }
    let mut called = tables.iter().enumerate().filter(|(_, table)| table.file.path.ends_with(path));
    match (called.next(), called.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

fn no_file(option: &str, text: &str, tables: &[Looked]) -> Error {
    let files: Vec<String> = tables.iter().map(|table| table.file.path.display().to_string()).collect();
    Error::Usage(format!("--{option} {}: there is no such file, only {}", for_shell(text), files.join(", ")))
}

fn no_column(option: &str, text: &str, column: &str, table: &Looked) -> Error {
    Error::Usage(format!(
        "--{option} {}: there is no column `{column}` in {}, only {}",
        for_shell(text),
        table.file.path.display(),
        table.columns()
    ))
}

#[cfg(test)]
mod tests {
    use u2i_features::formats::Csv;
    use u2i_features::{Encoding, profile_table};

    use super::*;
    use crate::source::TableFile;

    fn table(folder: &Path, name: &str, header: &str) -> Looked {
        let path = folder.join(name);
        std::fs::write(&path, format!("{header}\n1,2\n")).unwrap();
        let format = Csv::new(',', Encoding::Utf8).into();
        let profile = profile_table(&path, &format, 1_000.try_into().unwrap()).unwrap();
        Looked { file: TableFile { path, format, reason: String::new() }, profile }
    }

    #[test]
    fn a_file_and_a_column_are_told_apart_whatever_colons_are_in_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["events.csv", "a:b.csv", "C:\\x.csv", "x.inter"];
        let headers = ["id,time", "id,b.csv", "id,y", "user_id:token,a:b"];
        let tables: Vec<Looked> =
            names.iter().zip(headers).map(|(name, header)| table(folder.path(), name, header)).collect();
        type Wanted = Result<(usize, Option<&'static str>), &'static str>;
        let cases: [(&str, Wanted); 9] = [
            ("events.csv", Ok((0, None))),
            ("events.csv:id", Ok((0, Some("id")))),
            ("a:b.csv", Ok((1, None))),
            ("a:b.csv:id", Ok((1, Some("id")))),
            ("a:b.csv:b.csv", Ok((1, Some("b.csv")))),
            ("C:\\x.csv:y", Ok((2, Some("y")))),
            ("x.inter:user_id:token", Ok((3, Some("user_id:token")))),
            ("events.csv:it", Err("--items events.csv:it: there is no column `it` in ")),
            ("event.csv:id", Err("--items event.csv:id: there is no such file, only ")),
        ];
        for (text, wanted) in cases {
            let found = file_and_column("items", text, &tables);
            match (&found, wanted) {
                (Ok((place, column)), Ok(wanted)) => {
                    assert_eq!((*place, column.as_deref()), wanted, "{text}")
                }
                (Err(error), Err(wanted)) => assert!(error.to_string().starts_with(wanted), "{error}"),
                _ => panic!("{text}: {found:?}"),
            }
        }
        let (path, column) = (tables[0].file.path.display().to_string(), "id".to_owned());
        assert_eq!(file_and_column("items", &format!("{path}:id"), &tables).unwrap(), (0, Some(column)));
    }

    #[test]
    fn a_column_is_that_of_events_unless_a_file_stands_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let tables =
            [table(folder.path(), "a.csv", "id,x"), table(folder.path(), "b.csv", "id,user_id:token")];
        for (text, wanted) in [
            ("id", (None, "id")),
            ("a.csv:id", (Some(0), "id")),
            ("user_id:token", (None, "user_id:token")),
            ("user_id", (None, "user_id")),
            ("nothing", (None, "nothing")),
        ] {
            let (place, column) = column("user", text, &tables).unwrap();
            assert_eq!((place, column.as_str()), wanted, "{text}");
        }
        let own = |user: &str, events: &str| InitOptions {
            user: Some(user.to_owned()),
            events: Some(events.to_owned()),
            ..InitOptions::new(vec![], "x".into(), ModelChoice::Fm, 0)
        };
        assert_eq!(resolve(&own("a.csv:id", "a.csv"), &tables).unwrap().events, Some(0));
        let error = resolve(&own("a.csv:id", "b.csv"), &tables).unwrap_err();
        assert!(error.to_string().contains("another option says that"), "{error}");
    }
}
