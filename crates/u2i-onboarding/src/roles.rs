//! Which columns of a table are users, items and times.

use u2i_features::formats::atomic_field;
use u2i_features::{ColumnProfile, Stored, TableProfile, TimeUnit};

use crate::names::{Role, fit};

/// Columns that were named by the caller, who knows better.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub user: Option<String>,
    pub item: Option<String>,
    pub time: Option<String>,
}

/// The columns of events, each with the reason why it was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Roles {
    pub user: (String, String),
    pub item: (String, String),
    pub time: (String, String),
    pub unit: (TimeUnit, String),
}

/// Why the columns of events could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Two columns would do as well.
    Several { role: Role, candidates: Vec<String> },
    /// No column would do.
    None { role: Role, columns: Vec<String> },
    /// A column was named that is not there.
    Unknown { role: Role, column: String, columns: Vec<String> },
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |columns: &[String]| {
            columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ")
        };
        match self {
            Doubt::Several { role, candidates } => {
                let (role, word) = (role.word(), role.word());
                write!(
                    f,
                    "the {role} column could be any of {}; say which with --{word} COLUMN",
                    list(candidates)
                )
            }
            Doubt::None { role: Role::Time, columns } => write!(
                f,
                "none of the columns {} holds times; say which does with --time COLUMN, or write pairs `user item` in \
                 time order, without a header, if there are none",
                list(columns)
            ),
            Doubt::None { role, columns } => {
                let word = role.word();
                write!(
                    f,
                    "none of the columns {} looks like that of {word}s; say which is with --{word} COLUMN",
                    list(columns)
                )
            }
            Doubt::Unknown { role, column, columns } => {
                write!(f, "--{}: there is no column `{column}`, only {}", role.word(), list(columns))
            }
        }
    }
}

/// Tells the columns of events by what was named, then by their names, then by what they hold.
pub(crate) fn roles(table: &TableProfile, named: &Named) -> Result<Roles, Doubt> {
    let columns = &table.columns;
    let pick = |role, named: &Option<String>, taken: &[&str]| {
        named
            .as_ref()
            .map_or_else(|| by_name(columns, role, taken), |name| by_caller(columns, role, name).map(Some))
    };
    let time = pick(Role::Time, &named.time, &[])?;
    let time = time.map_or_else(|| time_by_content(columns), Ok)?;
    let mut user = pick(Role::User, &named.user, &[&time.0])?;
    let taken: Vec<String> =
        [Some(&time), user.as_ref()].into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let mut item = pick(Role::Item, &named.item, &taken)?;
    if user.is_none() {
        user = Some(id_by_content(columns, Role::User, [Some(&time), item.as_ref()])?);
    }
    if item.is_none() {
        item = Some(id_by_content(columns, Role::Item, [Some(&time), user.as_ref()])?);
    }
    let profile = columns.iter().find(|column| column.name == time.0);
    let unit =
        profile.and_then(unit).unwrap_or((TimeUnit::Seconds, "Taken for seconds since 1970.".to_owned()));
    let found =
        |column: Option<(String, String)>| column.expect("a column that is not found is an error above");
    Ok(Roles { user: found(user), item: found(item), time, unit })
}

fn names(columns: &[ColumnProfile]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

fn by_caller(columns: &[ColumnProfile], role: Role, name: &str) -> Result<(String, String), Doubt> {
    // In an atomic file the name without its type will do.
    let is_it = |column: &&ColumnProfile| column.name == name || plain(&column.name) == name;
    match columns.iter().find(is_it) {
        Some(column) => Ok((column.name.clone(), format!("As --{} says.", role.word()))),
        None => Err(Doubt::Unknown { role, column: name.to_owned(), columns: names(columns) }),
    }
}

/// The name of a column without the type that RecBole adds.
pub(crate) fn plain(name: &str) -> &str {
    atomic_field(name).map_or(name, |(name, _)| name)
}

/// The one column whose name fits best and whose values are not against it; `None` if no name fits.
fn by_name(columns: &[ColumnProfile], role: Role, taken: &[&str]) -> Result<Option<(String, String)>, Doubt> {
    let possible = |column: &&ColumnProfile| {
        !taken.contains(&column.name.as_str())
            && match role {
                Role::Time => unit(column).is_some(),
                Role::User | Role::Item => can_be_id(column),
            }
    };
    let fits: Vec<(u8, &str)> = columns
        .iter()
        .filter(possible)
        .map(|column| (fit(role, plain(&column.name)), column.name.as_str()))
        .filter(|(fit, _)| *fit > 0)
        .collect();
    let best = fits.iter().map(|(fit, _)| *fit).max();
    let candidates: Vec<&str> =
        fits.iter().filter(|(fit, _)| Some(*fit) == best).map(|&(_, name)| name).collect();
    match candidates.as_slice() {
        [] => Ok(None),
        [name] => {
            let noun = if role == Role::Time { "times" } else { "ids" };
            Ok(Some(((*name).to_owned(), format!("By its name; it holds {noun}."))))
        }
        several => {
            Err(Doubt::Several { role, candidates: several.iter().map(|name| (*name).to_owned()).collect() })
        }
    }
}

/// The one column that can hold nothing but times.
fn time_by_content(columns: &[ColumnProfile]) -> Result<(String, String), Doubt> {
    let is_sure = |column: &&ColumnProfile| match unit(column) {
        Some((TimeUnit::Datetime, _)) => true,
        // From 1980 on: smaller numbers are anything.
        Some((TimeUnit::Seconds, _)) => column.min >= 315_532_800.0,
        Some(_) => true,
        None => false,
    };
    let candidates: Vec<String> = columns.iter().filter(is_sure).map(|column| column.name.clone()).collect();
    match candidates.as_slice() {
        [] => Err(Doubt::None { role: Role::Time, columns: names(columns) }),
        [only] => Ok((only.clone(), "The only column whose values can be times.".to_owned())),
        _ => Err(Doubt::Several { role: Role::Time, candidates }),
    }
}

/// The one column left whose values are ids that come up again and again.
fn id_by_content(
    columns: &[ColumnProfile],
    role: Role,
    taken: [Option<&(String, String)>; 2],
) -> Result<(String, String), Doubt> {
    let is_taken = |name: &str| taken.into_iter().flatten().any(|(taken, _)| taken == name);
    let repeats = |column: &&ColumnProfile| {
        let is_scale = column.n_distinct <= 20 && column.n_values() >= 100;
        can_be_id(column)
            && !is_scale
            && 2 * column.n_distinct <= column.n_values()
            && !is_taken(&column.name)
    };
    let candidates: Vec<String> = columns.iter().filter(repeats).map(|column| column.name.clone()).collect();
    match candidates.as_slice() {
        [] => {
            let left = names(columns).into_iter().filter(|name| !is_taken(name)).collect();
            Err(Doubt::None { role, columns: left })
        }
        [only] => Ok((only.clone(), "The only column left whose values are ids that repeat.".to_owned())),
        _ => Err(Doubt::Several { role, candidates }),
    }
}

/// Whether a column can hold ids: text or integers in every row, and more than one value.
pub(crate) fn can_be_id(column: &ColumnProfile) -> bool {
    let is_exact = match column.stored {
        Stored::Integers => true,
        Stored::Text => column.n_integers == column.n_numbers && column.n_datetimes < column.n_values(),
        _ => false,
    };
    is_exact && column.n_values() > 0 && 10 * column.n_missing <= column.n_rows
}

/// How the times in a column are written, and how that was told; `None` if it holds none.
pub(crate) fn unit(column: &ColumnProfile) -> Option<(TimeUnit, String)> {
    const YEAR_2100_S: f64 = 4_102_444_800.0;
    let n = column.n_values();
    if n == 0 || 10 * column.n_missing > column.n_rows {
        return None;
    }
    // A few broken rows do not make a column something else.
    let nearly_all = |count: usize| 10 * (n - count) <= n;
    if column.stored == Stored::Times {
        return Some((TimeUnit::Datetime, "Timestamps or dates of Parquet.".to_owned()));
    }
    if nearly_all(column.n_datetimes) {
        let example = column.example.as_deref().unwrap_or_default();
        return Some((
            TimeUnit::Datetime,
            format!("Dates such as {example:?}, in UTC unless they say otherwise."),
        ));
    }
    if !nearly_all(column.n_numbers) || column.min < 0.0 {
        return None;
    }
    if column.max < YEAR_2100_S {
        return Some((TimeUnit::Seconds, format!("Numbers from {} to {}: seconds.", column.min, column.max)));
    }
    // Milliseconds of 1980 are more than seconds of any year before 2100.
    let is_milliseconds = column.min >= 315_532_800_000.0 && column.max < 1_000.0 * YEAR_2100_S;
    is_milliseconds.then(|| {
        (TimeUnit::Milliseconds, format!("Numbers from {} to {}: milliseconds.", column.min, column.max))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The profile of a CSV with this text.
    fn profile(text: &str) -> TableProfile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        let format =
            u2i_features::formats::Csv { separator: ',', encoding: u2i_features::Encoding::Utf8 }.into();
        u2i_features::profile_table(&path, &format, 1_000.try_into().unwrap()).unwrap()
    }

    /// Rows of ids that repeat, and what else each row has.
    fn table(header: &str, rest: impl Fn(usize) -> String) -> String {
        let rows = (0..200).map(|row| format!("u{},{}\n", row % 40, rest(row)));
        std::iter::once(format!("{header}\n")).chain(rows).collect()
    }

    fn check(text: &str, named: &Named, wanted: Result<[&str; 3], &str>) {
        match (roles(&profile(text), named), wanted) {
            (Ok(found), Ok(wanted)) => {
                assert_eq!([&found.user.0, &found.item.0, &found.time.0], wanted, "{text:.60}")
            }
            (Err(doubt), Err(wanted)) => assert!(doubt.to_string().starts_with(wanted), "{doubt}"),
            (found, wanted) => panic!("{found:?}, wanted {wanted:?}"),
        }
    }

    #[test]
    fn columns_are_told_by_name_then_by_content() {
        let seconds = |row: usize| format!("{},{}", 100 + row % 50, 978_300_760 + row * 7);
        let with = |header: &str| table(header, seconds);
        let nobody = Named::default();
        check(&with("user_id,movieId,timestamp"), &nobody, Ok(["user_id", "movieId", "timestamp"]));
        check(&with("listener,track,played_at"), &nobody, Ok(["listener", "track", "played_at"]));
        check(&with("who,article,x"), &nobody, Ok(["who", "article", "x"]));
        check(&with("customer,what,x"), &nobody, Ok(["customer", "what", "x"]));
        check(
            &with("who,what,x"),
            &nobody,
            Err("the user column could be any of `who`, `what`; say which with --user"),
        );
        let who = Named { user: Some("who".into()), ..Named::default() };
        check(&with("who,what,x"), &who, Ok(["who", "what", "x"]));
        let other = Named { item: Some("which".into()), ..Named::default() };
        check(
            &with("who,what,x"),
            &other,
            Err("--item: there is no column `which`, only `who`, `what`, `x`"),
        );
        check(
            &with("user,customer,time"),
            &nobody,
            Err("the user column could be any of `user`, `customer`"),
        );
        let stars =
            |row: usize| format!("{},{}.5,2001-01-{:02} 10:00:00", 100 + row % 50, row % 5, 1 + row % 28);
        check(&table("user,asin,stars,date", stars), &nobody, Ok(["user", "asin", "date"]));
        let scale = |row: usize| format!("{},{},{}", 100 + row % 50, row % 5, 978_300_760 + row);
        check(&table("a,item,c,ts", scale), &nobody, Ok(["a", "item", "ts"]));
        let no_time = |row: usize| format!("{},{}.5", 100 + row % 50, row % 5);
        check(
            &table("user,item,stars", no_time),
            &nobody,
            Err("none of the columns `user`, `item`, `stars` holds times"),
        );
        let two = |row: usize| format!("{},{},{}", 100 + row % 50, 978_300_760 + row, 978_300_960 + row);
        check(
            &table("user,item,begun,ended", two),
            &nobody,
            Err("the time column could be any of `begun`, `ended`; say which with --time"),
        );
    }

    #[test]
    fn units_are_told_from_the_range_of_numbers() {
        use TimeUnit::*;
        let cases = [
            ("978300760,1600000000", Some(Seconds)),
            ("0,12", Some(Seconds)),
            ("978300760.0,1.6e9", Some(Seconds)),
            ("978300760000,1600000000000", Some(Milliseconds)),
            ("978300760000000,1600000000000000", None),
            ("-5,978300760", None),
            ("2000-12-31,2001-01-01 10:00", Some(Datetime)),
            ("2000-12-31T10:00:00Z,2001-01-01", Some(Datetime)),
            ("31.12.2000,01.01.2001", None),
        ];
        for (values, wanted) in cases {
            let table = profile(&format!("x\n{}\n", values.replace(',', "\n")));
            assert_eq!(unit(&table.columns[0]).map(|(unit, _)| unit), wanted, "{values}");
        }
    }
}
