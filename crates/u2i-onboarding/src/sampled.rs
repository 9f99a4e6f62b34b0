//! A plan that is made from some rows of a large table, and held against all of its rows once they are read.
//!
//! Some rows tell what a column is; they do not tell how many values it has, or whether a value comes again. So they decide
//! what is plain alone: one table of events, its users, items and times by their names, nothing odd about any of them. Then
//! everything is read, and what all rows say takes the place of what some said: the ids, and the first and last time. Where
//! that changes the plan, or anything was not plain, all rows are looked at, as those of a small table are.

use std::path::Path;

use u2i::followed::read_following;
use u2i::{Error, Progress};
use u2i_features::{
    ColumnProfile, DataConfig, Formats, RawData, ReadLimits, RowSample, Stored, TimeUnit, table_bytes,
};

use crate::events_file::{EventsFile, events_file};
use crate::looked::Looked;
use crate::names::{Role, fit, plain};
use crate::options::{InitOptions, resolve};
use crate::plan::{Plan, TOLERATED, blank_share, look, tables};
use crate::roles::{Found, FoundTime, Named, Roles, Told, can_be_id};
use crate::source::TableFile;

/// Rows are drawn by it. A config does not depend on it.
const SEED: u64 = 1;

/// The plan and the data, of which the largest table is looked at by a sample; `None` where all rows have to be looked at.
pub(crate) fn plan_by_sample(
    files: &[TableFile],
    options: &InitOptions,
    progress: &mut dyn Progress,
) -> Result<Option<(Plan, RawData)>, Error> {
    let Some(mut sampled) = Sampled::look(files, progress)? else { return Ok(None) };
    let Some(plan) = sampled.plan(options) else { return Ok(None) };
    let raw = match read_following(&plan.data, None, Path::new(""), progress) {
        Ok(raw) => raw,
        Err(Error::Stopped) => return Err(Error::Stopped),
        Err(_) => return Ok(None),
    };
    if !sampled.learn(&plan, &raw) {
        return Ok(None);
    }
    let again = sampled.plan(options).filter(|again| again.data == plan.data);
    Ok(again.map(|again| (again, raw)))
}

/// Tables, and the place of the one of which some rows were looked at.
struct Sampled {
    looked: Vec<Looked>,
    place: usize,
}

impl Sampled {
    /// Looks at some rows of the largest table and at all rows of the others; `None` if it is not large.
    fn look(files: &[TableFile], progress: &mut dyn Progress) -> Result<Option<Self>, Error> {
        let largest = (0..files.len()).max_by_key(|&place| table_bytes(&files[place].path));
        let Some(place) = largest else { return Ok(None) };
        let TableFile { path, format, .. } = &files[place];
        let most = ReadLimits::STRICT.max_line_bytes;
        let sample = RowSample::of_seed(SEED);
        // What is wrong with a file is told by all of it.
        let Ok(Some(profile)) = Formats::built_in().profile_sample(path, format, most, sample) else {
            return Ok(None);
        };
        let mut profile = Some(profile);
        let mut looked = Vec::with_capacity(files.len());
        for (own, file) in files.iter().enumerate() {
            looked.push(match profile.take_if(|_| own == place) {
                Some(profile) => Looked { file: file.clone(), profile },
                None => look(file.clone(), progress)?,
            });
        }
        Ok(Some(Sampled { looked, place }))
    }

    /// The plan, if it is plain.
    fn plan(&self, options: &InitOptions) -> Option<Plan> {
        let asked = resolve(options, &self.looked).ok()?;
        let EventsFile { place, roles, others, .. } =
            events_file(&self.looked, &asked, options.now_s).ok()?;
        let is_it = place == self.place && others.is_empty();
        match is_it && are_plain(&self.looked[place], &roles, &asked.named) {
            true => tables(&self.looked, options).ok(),
            false => None,
        }
    }

    /// Takes over what all rows say of users, items and times; false if some rows were no good sample of that.
    fn learn(&mut self, plan: &Plan, raw: &RawData) -> bool {
        let DataConfig::Tables(config) = &plan.data else { return false };
        let columns = &mut self.looked[self.place].profile.columns;
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let (user, item) = (place(&config.events.user), place(&config.events.item));
        let time = config.events.time.as_ref().map(|time| (place(&time.column), time));
        for (column, ids) in [(user, &raw.user_ids), (item, &raw.item_ids)] {
            let Some(column) = column.map(|place| &mut columns[place]) else { return false };
            if !are_alike(column, ids, config.whole_number_ids) {
                return false;
            }
            column.set_ids(ids);
        }
        let Some((column, time)) = time else { return true };
        let Some(column) = column.map(|place| &mut columns[place]) else { return false };
        let is_of_times = raw
            .files
            .first()
            .is_some_and(|file| file.rejects.iter().all(|reject| reject.column != time.column));
        let times = || (0..raw.n_events()).map(|event| raw.events.time(event));
        match (times().min(), times().max()) {
            (Some(first), Some(last)) if is_of_times => {
                column.widen_times(&time.unit, [first, last]);
                true
            }
            _ => false,
        }
    }
}

/// Whether the columns of events are what they are called, and nothing about them hangs on values that are rare.
fn are_plain(table: &Looked, roles: &Roles, named: &Named) -> bool {
    let column = |found: &Found| table.column(&found.column);
    let is_told = |found: &Found| found.told != Told::Content && blank_share(table, found) <= TOLERATED;
    let are_ids = |found: &Found| {
        column(found).is_some_and(|column| match column.stored {
            Stored::Integers => true,
            Stored::Text => column.is_of_whole_decimals() || has_no_decimals(column),
            Stored::Floats => column.is_of_whole_decimals(),
            Stored::Times | Stored::Lists | Stored::Other(_) => false,
        })
    };
    let are_times = match &roles.time {
        FoundTime::Column { found, unit } => {
            let is_one_kind = |column: &ColumnProfile| {
                [0, column.n_values()].contains(&column.n_numbers) && no_fractions(column)
            };
            is_told(found) && *unit != TimeUnit::ExcelDays && column(found).is_some_and(is_one_kind)
        }
        FoundTime::FileOrder { .. } => named.no_time,
    };
    // Another column that is called so may have the values that speak for it elsewhere.
    let is_rival = |other: &ColumnProfile| {
        let fits = |role: Role| fit(role, plain(&other.name)) > 0;
        let is_chosen = [&roles.user, &roles.item].into_iter().any(|found| found.column == other.name);
        let is_of_ids = !is_chosen && (fits(Role::User) || fits(Role::Item));
        (is_of_ids && !can_be_id(other)) || (fits(Role::Time) && other.n_values() == 0)
    };
    are_times
        && [&roles.user, &roles.item].into_iter().all(|found| is_told(found) && are_ids(found))
        && !table.profile.columns.iter().any(is_rival)
}

fn no_fractions(column: &ColumnProfile) -> bool {
    column.n_integers == column.n_numbers
}

/// Whether a text holds integers and no other numbers, or so little of numbers that they are none.
fn has_no_decimals(column: &ColumnProfile) -> bool {
    no_fractions(column) || is_mostly_words(column)
}

fn is_mostly_words(column: &ColumnProfile) -> bool {
    10 * column.n_numbers < 8 * column.n_values()
}

/// Whether all ids are of the kind that some rows of their column are.
fn are_alike(column: &ColumnProfile, ids: &[String], whole_number_ids: bool) -> bool {
    let is_integer = |id: &String| id.parse::<i128>().is_ok();
    let is_decimal = |id: &String| {
        let may_be = id.contains(['.', 'e', 'E']);
        may_be && !is_integer(id) && id.trim().parse::<f64>().is_ok_and(f64::is_finite)
    };
    match whole_number_ids && column.is_of_whole_decimals() {
        true => ids.iter().all(is_integer),
        false => is_mostly_words(column) || !ids.iter().any(is_decimal),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::ModelChoice;
    use crate::plan::{plan, source};

    const NOW_S: i64 = 1_796_000_000;
    /// Rows of 200 bytes: more than 8 MiB, of which an eighth is looked at.
    const N_ROWS: usize = 45_000;

    /// A file of events, whose row is what `row` says.
    fn file(header: &str, row: impl Fn(usize) -> String) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut text = format!("{header},note\n");
        for number in 0..N_ROWS {
            writeln!(text, "{},{:>180}", row(number), "x").unwrap();
        }
        std::fs::write(dir.path().join("events.csv"), text).unwrap();
        dir
    }

    fn options(dir: &Path) -> InitOptions {
        InitOptions::new(vec![dir.to_owned()], dir.join("out.toml"), ModelChoice::Fm, NOW_S)
    }

    fn by_sample(dir: &Path) -> Option<(Plan, RawData)> {
        let options = options(dir);
        let source = source(&options).unwrap();
        let crate::source::Source::Tables(files) = source else { panic!("{source:?}") };
        plan_by_sample(&files, &options, &mut ()).unwrap()
    }

    fn whole(dir: &Path) -> Result<Plan, Error> {
        let options = options(dir);
        plan(source(&options).unwrap(), &options, &mut ())
    }

    const HEADER: &str = "user_id,item_id,timestamp";

    fn usual(row: usize) -> [String; 3] {
        let time_s = 1_500_000_000 + 60 * row;
        [format!("u{}", row * 7 % 5_000), (row * 13 % 3_000).to_string(), time_s.to_string()]
    }

    /// What some rows say is what all rows say, to the last word of each reason.
    #[test]
    fn a_plan_by_some_rows_is_the_plan_by_all() {
        type Row = fn(usize) -> [String; 3];
        let cases: [(&str, Row); 4] = [
            ("text and integers", usual),
            ("dates", |row| {
                let [user, item, _] = usual(row);
                [user, item, format!("2019-{:02}-{:02} 10:00:00", 1 + row / 4_000, 1 + row % 28)]
            }),
            ("milliseconds", |row| {
                let [user, item, time] = usual(row);
                [user, item, format!("{time}250")]
            }),
            ("decimals of integers", |row| {
                let [_, item, time] = usual(row);
                [format!("{}.0", row * 7 % 5_000), item, time]
            }),
        ];
        for (name, row) in cases {
            let dir = file(HEADER, |number| row(number).join(","));
            std::fs::write(dir.path().join("items.csv"), items()).unwrap();
            let (found, raw) =
                by_sample(dir.path()).unwrap_or_else(|| panic!("{name}: all rows were looked at"));
            assert_eq!(found, whole(dir.path()).unwrap(), "{name}");
            assert_eq!(raw.n_events(), N_ROWS, "{name}");
        }
    }

    /// Descriptions of two items of three.
    fn items() -> String {
        let row = |item: usize| format!("{item},genre {}\n", item % 7);
        std::iter::once("item_id,genre\n".to_owned()).chain((0..2_000).map(row)).collect()
    }

    /// One row says otherwise, and is not among those that are looked at.
    #[test]
    fn what_one_row_says_otherwise_is_told_by_all_rows() {
        let cases: [(&str, usize, &str, bool); 6] = [
            ("a time of 1970", 2, "7", true),
            ("a time to come", 2, "4000000000", true),
            ("no time", 2, "soon", false),
            ("an id with a fraction", 1, "17.5", true),
            ("an id that is the decimal of another", 1, "17.0", false),
            ("no user", 0, "", false),
        ];
        for (name, place, value, is_doubted) in cases {
            let dir = file(HEADER, |number| {
                let mut row = usual(number);
                if number == N_ROWS - 2 {
                    row[place] = value.to_owned();
                }
                row.join(",")
            });
            let (found, all) = (by_sample(dir.path()), whole(dir.path()));
            assert_eq!(all.is_err(), is_doubted, "{name}: {all:?}");
            match found {
                None => {}
                Some((found, _)) => assert_eq!(found, all.unwrap(), "{name}"),
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_all_rows() {
        type Row = fn(usize) -> String;
        let cases: [(&str, &str, Row); 5] = [
            ("roles by what columns hold", "a,b,c", |row| usual(row).join(",")),
            ("a second column of users", "user_id,item_id,timestamp,uid", |row| {
                format!("{},{}", usual(row).join(","), u8::from(row == N_ROWS - 2))
            }),
            ("no times", "user_id,item_id,c", |row| {
                let [user, item, _] = usual(row);
                format!("{user},{item},x")
            }),
            ("blank users", HEADER, |row| {
                let [user, item, time] = usual(row);
                format!("{},{item},{time}", if row % 20 == 0 { "" } else { &user })
            }),
            ("fields over lines", HEADER, |row| {
                let [user, item, time] = usual(row);
                format!("\"{user}\n{}\",{item},{time}", "y".repeat(row % 300))
            }),
        ];
        for (name, header, row) in cases {
            let dir = file(header, row);
            assert!(by_sample(dir.path()).is_none(), "{name}");
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("events.csv"), format!("{HEADER}\nu1,1,1500000000\n")).unwrap();
        assert!(by_sample(dir.path()).is_none(), "a small file");
    }
}
