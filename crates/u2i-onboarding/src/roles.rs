//! Which columns of a table are users, items and times.

use u2i_features::{ColumnProfile, Stored, TableProfile, TimeUnit};

use crate::looked::{column, for_shell, listed};
use crate::names::{Role, fit, is_id, is_other_time, other_subject, plain};
use crate::times::{UNITS, WhatTimes, unit_word, warning, what_times};

/// Columns that were named by the caller, who knows better.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Named {
    pub user: Option<String>,
    pub item: Option<String>,
    pub time: Option<String>,
    pub time_unit: Option<TimeUnit>,
    pub no_time: bool,
}

/// The columns of events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Roles {
    pub user: Found,
    pub item: Found,
    pub time: FoundTime,
}

/// A column, with the reason why it was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub column: String,
    pub told: Told,
    pub reason: String,
}

/// What a column was told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Caller,
    Name,
    Content,
}

/// When events happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FoundTime {
    /// As a column says.
    Column { found: Found, unit: TimeUnit },
    /// In the order of the file.
    FileOrder { reason: String },
}

impl Roles {
    /// The names of the columns that are taken.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let time = match &self.time {
            FoundTime::Column { found, .. } => Some(found.column.as_str()),
            FoundTime::FileOrder { .. } => None,
        };
        [Some(self.user.column.as_str()), Some(self.item.column.as_str()), time].into_iter().flatten()
    }

    /// Whether users and items are called so, or were named by the caller.
    pub(crate) fn are_named(&self) -> bool {
        [&self.user, &self.item].into_iter().all(|found| found.told != Told::Content)
    }
}

/// Why the columns of events could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Two columns would do as well.
    Several { role: Role, candidates: Vec<String> },
    /// No column would do; some were left aside, each with the reason.
    None { role: Role, columns: Vec<String>, aside: Vec<(String, String)> },
    /// A column is called so, and its values are against it; with units of time that may be meant.
    Against { role: Role, column: String, reason: String, units: Vec<TimeUnit> },
    /// A column was named that is not there.
    Unknown { role: Role, column: String, columns: Vec<String> },
}

impl Doubt {
    /// Whether the table may be one of events, if the caller says more.
    pub(crate) fn is_close(&self) -> bool {
        matches!(self, Doubt::Several { .. } | Doubt::Against { .. })
    }
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |columns: &[String]| listed(columns.iter().map(String::as_str));
        match self {
            Doubt::Several { role, candidates } => {
                let word = role.word();
                let option = |column: &String| format!("--{word} {}", for_shell(column));
                let options: Vec<String> = candidates.iter().map(option).collect();
                write!(
                    f,
                    "the {word} column could be any of {}; say which: {}",
                    names(candidates),
                    options.join(" or ")
                )
            }
            Doubt::None { role, columns, aside } => {
                let word = role.word();
                match role {
                    Role::Time => write!(f, "none of the columns {} holds times", names(columns))?,
                    _ => write!(f, "none of the columns {} looks like that of {word}s", names(columns))?,
                }
                for (column, reason) in aside {
                    write!(
                        f,
                        "; `{column}` {reason} (--{word} {} takes it all the same)",
                        for_shell(column)
                    )?;
                }
                match role {
                    Role::Time => write!(
                        f,
                        "; name one with --time COLUMN, or say --no-time: events then stand in the order of the file"
                    ),
                    _ => write!(f, "; say which is with --{word} COLUMN"),
                }
            }
            Doubt::Against { role, column, reason, units } => {
                let word = role.word();
                match role {
                    Role::Time => {
                        let words: Vec<String> =
                            units.iter().map(|unit| format!("--time-unit {}", unit_word(unit))).collect();
                        let units = match words.is_empty() {
                            true => format!("--time-unit UNIT ({UNITS})"),
                            false => words.join(" or "),
                        };
                        write!(
                            f,
                            "`{column}` is to hold times, but {reason}; say how they are written with {units}, name \
                             another column with --time COLUMN, or say --no-time: events then stand in the order of the \
                             file"
                        )
                    }
                    _ => write!(
                        f,
                        "`{column}` is called as ids of {word}s are, but {reason}; --{word} {} takes it all the same, \
                         --{word} COLUMN another",
                        for_shell(column)
                    ),
                }
            }
            Doubt::Unknown { role, column, columns } => {
                write!(f, "--{}: there is no column `{column}`, only {}", role.word(), names(columns))
            }
        }
    }
}

/// Tells the columns of events by what was named, then by their names, then by what they hold.
pub(crate) fn roles(table: &TableProfile, named: &Named, now_s: i64) -> Result<Roles, Doubt> {
    let columns = Columns { all: &table.columns, now_s };
    let mut taken = Vec::new();
    let time = columns.time(named)?;
    taken.extend(time.iter().map(|(found, _)| found.column.clone()));
    let user = columns.ids(Role::User, &named.user, &taken)?;
    taken.extend(user.iter().map(|found| found.column.clone()));
    let item = columns.ids(Role::Item, &named.item, &taken)?;
    taken.extend(item.iter().map(|found| found.column.clone()));
    let user = user.map_or_else(|| columns.ids_by_content(Role::User, &taken), Ok)?;
    taken.push(user.column.clone());
    let item = item.map_or_else(|| columns.ids_by_content(Role::Item, &taken), Ok)?;
    let time = match time {
        Some((found, unit)) => FoundTime::Column { found, unit },
        None if named.no_time => FoundTime::FileOrder {
            reason: "As --no-time says: events stand in the order in which they happened.".to_owned(),
        },
        // What has no times either is too little like events to be told by its values.
        None if user.told == Told::Content || item.told == Told::Content => {
            return Err(Doubt::None { role: Role::Time, columns: columns.names(), aside: Vec::new() });
        }
        None => FoundTime::FileOrder {
            reason: "No column holds times: events are taken in the order of the file. If they did not happen in that \
                     order, put them in it, or add a column of times."
                .to_owned(),
        },
    };
    Ok(Roles { user, item, time })
}

/// The columns of a table, and what time it is.
struct Columns<'a> {
    all: &'a [ColumnProfile],
    now_s: i64,
}

impl Columns<'_> {
    fn names(&self) -> Vec<String> {
        self.all.iter().map(|column| column.name.clone()).collect()
    }

    fn by_caller(&self, role: Role, name: &str) -> Result<&ColumnProfile, Doubt> {
        column(self.all, name).ok_or_else(|| Doubt::Unknown {
            role,
            column: name.to_owned(),
            columns: self.names(),
        })
    }

    /// The column of times; `None` if there is none.
    fn time(&self, named: &Named) -> Result<Option<(Found, TimeUnit)>, Doubt> {
        if named.no_time {
            return Ok(None);
        }
        if let Some(name) = &named.time {
            let column = self.by_caller(Role::Time, name)?;
            return self.read_as(column, Told::Caller, "As --time says.", named).map(Some);
        }
        let best = |is_possible: &dyn Fn(&ColumnProfile) -> bool| {
            best_named(self.all.iter().filter(|column| is_possible(column)), Role::Time)
        };
        let is_sure = |column: &ColumnProfile| match named.time_unit {
            // How they are written was said, so any column that is called so will do.
            Some(_) => true,
            None => matches!(what_times(column, self.now_s), WhatTimes::Sure { .. }),
        };
        let several = |candidates: &[&ColumnProfile]| Doubt::Several {
            role: Role::Time,
            candidates: candidates.iter().map(|column| column.name.clone()).collect(),
        };
        match best(&is_sure).as_slice() {
            [] => {}
            [only] => return self.read_as(only, Told::Name, "By its name; it holds times.", named).map(Some),
            more => return Err(several(more)),
        }
        // One that is called so holds times that would be odd: better asked about than given up for another.
        let is_doubted =
            |column: &ColumnProfile| matches!(what_times(column, self.now_s), WhatTimes::Doubted { .. });
        if let [first, ..] = best(&is_doubted).as_slice() {
            return self.read_as(first, Told::Name, "By its name.", named).map(Some);
        }
        let (aside, others): (Vec<_>, Vec<_>) = self
            .all
            .iter()
            .filter(|column| {
                let found = what_times(column, self.now_s);
                matches!(found, WhatTimes::Sure { .. } | WhatTimes::Doubted { are_dates: true, .. })
            })
            .partition(|column| {
                let name = plain(&column.name);
                is_other_time(name) || is_id(name) || other_subject(name).is_some()
            });
        match others.as_slice() {
            [only] => self
                .read_as(only, Told::Content, "The only column whose values can be times.", named)
                .map(Some),
            [_, ..] => Err(several(&others)),
            [] if aside.iter().any(|column| is_other_time(plain(&column.name))) => Err(Doubt::None {
                role: Role::Time,
                columns: self.names(),
                aside: aside
                    .iter()
                    .filter(|column| is_other_time(plain(&column.name)))
                    .map(|column| {
                        (column.name.clone(), "holds times of something else, by its name".to_owned())
                    })
                    .collect(),
            }),
            [] => match best(&|column| column.n_values() > 0).first() {
                // It is called so and cannot be read.
                Some(column) => self.read_as(column, Told::Name, "By its name.", named).map(Some),
                None => Ok(None),
            },
        }
    }

    /// A column as times, if it can be read as such without doubt.
    fn read_as(
        &self,
        column: &ColumnProfile,
        told: Told,
        why: &str,
        named: &Named,
    ) -> Result<(Found, TimeUnit), Doubt> {
        let against =
            |reason, units| Doubt::Against { role: Role::Time, column: column.name.clone(), reason, units };
        let (unit, how) = match &named.time_unit {
            Some(unit) => match warning(column, unit, self.now_s) {
                Ok(warning) => (unit.clone(), format!("As --time-unit says.{warning}")),
                Err(reason) => return Err(against(reason, Vec::new())),
            },
            None => match what_times(column, self.now_s) {
                WhatTimes::Sure { unit, reason } => (unit, reason),
                WhatTimes::Doubted { reason, units, .. } => return Err(against(reason, units)),
                WhatTimes::No { reason } => return Err(against(reason, Vec::new())),
            },
        };
        let clock = self.clock_beside(column).map_or(String::new(), |name| {
            format!(
                " `{name}` holds times of day, which are not read: put both into one column if the order within a day \
                 matters."
            )
        });
        Ok((Found { column: column.name.clone(), told, reason: format!("{why} {how}{clock}") }, unit))
    }

    /// A column of times of day beside one of dates.
    fn clock_beside(&self, dates: &ColumnProfile) -> Option<&str> {
        let is_clock = |text: &str| {
            let mut parts = text.split(':');
            let is_short = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            text.contains(':') && parts.next().is_some_and(is_short) && parts.next().is_some_and(is_short)
        };
        let has_clock = |column: &ColumnProfile| column.example.as_deref().is_some_and(is_clock);
        let named =
            self.all.iter().find(|column| has_clock(column) && fit(Role::Time, plain(&column.name)) > 0);
        named.filter(|column| column.name != dates.name).map(|column| column.name.as_str())
    }

    /// The column of ids of a role, by what was named or its name; `None` if no name fits.
    fn ids(&self, role: Role, named: &Option<String>, taken: &[String]) -> Result<Option<Found>, Doubt> {
        if let Some(name) = named {
            let column = self.by_caller(role, name)?;
            let reason = format!("As --{} says.", role.word());
            return Ok(Some(Found { column: column.name.clone(), told: Told::Caller, reason }));
        }
        let free = || self.all.iter().filter(|column| !taken.contains(&column.name));
        let possible = best_named(free().filter(|column| against_ids(column).is_none()), role);
        match possible.as_slice() {
            [only] => Ok(Some(Found {
                column: only.name.clone(),
                told: Told::Name,
                reason: match fit(role, plain(&only.name)) {
                    1 => "By its name; it holds what they are called, taken for ids.".to_owned(),
                    _ => "By its name; it holds ids.".to_owned(),
                },
            })),
            [_, ..] => Err(Doubt::Several {
                role,
                candidates: possible.iter().map(|column| column.name.clone()).collect(),
            }),
            [] => match best_named(free(), role).first() {
                Some(column) => Err(Doubt::Against {
                    role,
                    column: column.name.clone(),
                    reason: against_ids(column).unwrap_or_default(),
                    units: Vec::new(),
                }),
                None => Ok(None),
            },
        }
    }

    /// The one column left whose values are ids that come up again and again, and whose name says nothing else.
    fn ids_by_content(&self, role: Role, taken: &[String]) -> Result<Found, Doubt> {
        let repeats = |column: &&ColumnProfile| {
            let is_scale = column.n_distinct <= 20 && column.n_values() >= 100;
            let is_free = !taken.contains(&column.name);
            is_free
                && against_ids(column).is_none()
                && !column.is_of_whole_decimals()
                && !is_scale
                && 2 * column.n_distinct <= column.n_values()
        };
        let subject = |column: &ColumnProfile| {
            let name = plain(&column.name);
            let other = if role == Role::User { Role::Item } else { Role::User };
            match other_subject(name) {
                Some(word) => Some(word),
                None if fit(other, name) > 0 => Some(other.word().to_owned()),
                None if is_other_time(name) || fit(Role::Time, name) > 0 => {
                    Some(Role::Time.word().to_owned())
                }
                None => None,
            }
        };
        let (aside, candidates): (Vec<_>, Vec<_>) =
            self.all.iter().filter(repeats).partition(|column| subject(column).is_some());
        match candidates.as_slice() {
            [] => Err(Doubt::None {
                role,
                columns: self.names().into_iter().filter(|name| !taken.contains(name)).collect(),
                aside: aside
                    .iter()
                    .map(|column| {
                        let word = subject(column).unwrap_or_default();
                        (column.name.clone(), format!("is that of another thing by its name, {word}"))
                    })
                    .collect(),
            }),
            [only] => Ok(Found {
                column: only.name.clone(),
                told: Told::Content,
                reason: "The only column left whose values are ids that repeat.".to_owned(),
            }),
            _ => Err(Doubt::Several {
                role,
                candidates: candidates.iter().map(|column| column.name.clone()).collect(),
            }),
        }
    }
}

/// The columns whose names fit a role best.
fn best_named<'a>(columns: impl Iterator<Item = &'a ColumnProfile>, role: Role) -> Vec<&'a ColumnProfile> {
    let fits: Vec<(u8, &ColumnProfile)> =
        columns.map(|column| (fit(role, plain(&column.name)), column)).filter(|(fit, _)| *fit > 0).collect();
    let best = fits.iter().map(|(fit, _)| *fit).max();
    fits.into_iter().filter(|(fit, _)| Some(*fit) == best).map(|(_, column)| column).collect()
}

/// Whether a column can hold ids: text or integers, and more than one value.
pub(crate) fn can_be_id(column: &ColumnProfile) -> bool {
    against_ids(column).is_none()
}

/// From this share of blank ids on a column is not taken for one of ids unless it is named.
const MOST_BLANK: f64 = 0.9;

/// Why a column cannot hold ids; `None` if it can.
fn against_ids(column: &ColumnProfile) -> Option<String> {
    let n = column.n_values();
    if n == 0 {
        return Some("it is empty".to_owned());
    }
    match &column.stored {
        Stored::Other(dtype) => return Some(format!("its values are of type {dtype}")),
        Stored::Times => return Some("its values are dates".to_owned()),
        Stored::Lists => return Some("its values are lists".to_owned()),
        Stored::Text if column.n_datetimes == n => return Some("its values are dates".to_owned()),
        // Of other texts some read as numbers, too: `12e4`.
        Stored::Text if column.n_integers == column.n_numbers || 10 * column.n_numbers < 9 * n => {}
        Stored::Integers => {}
        // Written into the config as `whole_number_ids`.
        Stored::Text | Stored::Floats if column.is_of_whole_decimals() => {}
        Stored::Text | Stored::Floats => {
            return Some(format!(
                "its values are numbers with fractions, from {} to {}",
                column.min, column.max
            ));
        }
    }
    let blank = column.n_missing as f64 / column.n_rows as f64;
    if blank > MOST_BLANK {
        return Some(format!("{:.0} % of its rows are blank", 100.0 * blank));
    }
    (n >= 20 && column.n_distinct == 1).then(|| "it has one value only".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_700_000_000;

    /// The profile of a CSV with this text.
    fn profile(text: &str) -> TableProfile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        let format = u2i_features::formats::Csv::new(',', u2i_features::Encoding::Utf8).into();
        u2i_features::profile_table(&path, &format, 1_000.try_into().unwrap()).unwrap()
    }

    /// Rows of ids that repeat, and what else each row has.
    fn table(header: &str, rest: impl Fn(usize) -> String) -> String {
        let rows = (0..200).map(|row| format!("u{},{}\n", row % 40, rest(row)));
        std::iter::once(format!("{header}\n")).chain(rows).collect()
    }

    fn check(text: &str, named: &Named, wanted: Result<[&str; 3], &str>) {
        match (roles(&profile(text), named, NOW_S), wanted) {
            (Ok(found), Ok(wanted)) => {
                let mut columns: Vec<&str> = found.columns().collect();
                columns.resize(3, "");
                assert_eq!(columns, wanted, "{text:.60}");
            }
            (Err(doubt), Err(wanted)) => assert!(doubt.to_string().starts_with(wanted), "{doubt}"),
            (found, wanted) => panic!("{text:.60}: {found:?}, wanted {wanted:?}"),
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
            Err("the user column could be any of `who`, `what`; say which: --user who or --user what"),
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
        let two = |row: usize| format!("{},{},{}", 100 + row % 50, 978_300_760 + row, 978_300_960 + row);
        check(
            &table("user,item,begun,ended", two),
            &nobody,
            Err("the time column could be any of `begun`, `ended`; say which: --time begun or --time ended"),
        );
    }

    #[test]
    fn what_is_called_as_something_else_is_not_taken_by_its_values() {
        let row = |row: usize| format!("{},{},{}", 100 + row % 50, 978_300_760 + row, 500 + row % 30);
        let nobody = Named::default();
        check(
            &table("user_id,store_id,ts,n", row),
            &nobody,
            // `n` is a name of nothing, so it is the only one left.
            Ok(["user_id", "n", "ts"]),
        );
        let row = |row: usize| format!("{},{}", 100 + row % 50, 978_300_760 + row);
        for (header, wanted) in [
            (
                "user_id,store_id,ts",
                "none of the columns `store_id` looks like that of items; `store_id` is that of another \
                                     thing by its name, store (--item store_id takes it all the same)",
            ),
            (
                "author_id,item_id,ts",
                "none of the columns `author_id` looks like that of users; `author_id` is that of",
            ),
            (
                "session_id,item_id,ts",
                "none of the columns `session_id` looks like that of users; `session_id` is that",
            ),
            ("seller,product_id,ts", "none of the columns `seller` looks like that of users"),
            ("user_id,order_id,ts", "none of the columns `order_id` looks like that of items"),
            (
                "user_id,item_id,birth_date",
                "none of the columns `user_id`, `item_id`, `birth_date` holds times; `birth_date` \
                                            holds times of something else, by its name (--time birth_date takes it all the same)",
            ),
        ] {
            check(&table(header, row), &nobody, Err(wanted));
        }
        let store = Named { item: Some("store_id".into()), ..Named::default() };
        check(&table("user_id,store_id,ts", row), &store, Ok(["user_id", "store_id", "ts"]));
    }

    #[test]
    fn events_without_times_stand_in_the_order_of_the_file() {
        let no_time = |row: usize| format!("{},{}.5", 100 + row % 50, row % 5);
        let nobody = Named::default();
        check(&table("user,item,stars", no_time), &nobody, Ok(["user", "item", ""]));
        // A column that is called a time and cannot be read as one is asked about.
        let odd = |row: usize| format!("{},day {row}", 100 + row % 50);
        check(&table("user,item,date", odd), &nobody, Err("`date` is to hold times, but"));
        let said = Named { no_time: true, ..Named::default() };
        check(&table("user,item,date", odd), &said, Ok(["user", "item", ""]));
        // What is not called as events are is not taken for some by its values alone.
        check(&table("user,what,stars", no_time), &nobody, Err("none of the columns"));
    }

    #[test]
    fn times_of_day_in_a_column_of_their_own_are_not_passed_over_in_silence() {
        let row =
            |row: usize| format!("{},2019-10-{:02},10:{:02}:00", 100 + row % 50, 1 + row % 28, row % 60);
        let found = roles(&profile(&table("user,item,date,time", row)), &Named::default(), NOW_S).unwrap();
        let FoundTime::Column { found, .. } = found.time else { panic!("{found:?}") };
        assert_eq!(found.column, "date");
        assert!(found.reason.contains("`time` holds times of day, which are not read"), "{}", found.reason);
    }

    #[test]
    fn what_is_against_a_column_that_is_called_right_is_said() {
        let row = |value: &dyn Fn(usize) -> String| {
            let value: Vec<String> = (0..200).map(value).collect();
            table("user_id,item_id,ts", |row| format!("{},{}", value[row], 978_300_760 + row))
        };
        let nobody = Named::default();
        for (text, wanted) in [
            (
                row(&|row| format!("{}.5", row % 30)),
                "`item_id` is called as ids of items are, but its values are numbers with fractions, from 0.5 to 29.5",
            ),
            (
                row(&|_| "x".into()),
                "`item_id` is called as ids of items are, but it has one value only; --item item_id \
                                    takes it all the same, --item COLUMN another",
            ),
            (
                row(&|row| format!("2001-01-{:02}", 1 + row % 28)),
                "`item_id` is called as ids of items are, but its values are dates",
            ),
        ] {
            check(&text, &nobody, Err(wanted));
        }
    }
}
