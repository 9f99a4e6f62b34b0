//! Which tables describe users and items, and by which column.

use u2i::Error;
use u2i_features::ColumnProfile;

use crate::looked::{Looked, for_shell};
use crate::names::{KeyName, Role, key_name, plain, subject_of_file};
use crate::options::Asked;
use crate::recipe::counted;
use crate::roles::can_be_id;
use crate::vocabulary::Meaning;

/// Whom a table describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Users,
    Items,
}

impl Whom {
    const BOTH: [Whom; 2] = [Whom::Users, Whom::Items];

    pub(crate) fn role(self) -> Role {
        match self {
            Whom::Users => Role::User,
            Whom::Items => Role::Item,
        }
    }

    /// The option that names the table, and the word for those whom it describes.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Whom::Users => "users",
            Whom::Items => "items",
        }
    }

    fn is_subject(self, subject: Option<Meaning>) -> bool {
        match self {
            Whom::Users => matches!(subject, Some(Meaning::User | Meaning::Person)),
            Whom::Items => matches!(subject, Some(Meaning::Item(_))),
        }
    }
}

/// A table that describes users or items.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Describing {
    pub place: usize,
    /// The place of the column of their ids.
    pub column: usize,
    pub reason: String,
}

/// What each table but that of the events is for.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    pub users: Option<Describing>,
    pub items: Option<Describing>,
    /// Tables that are not used, with the reason.
    pub unused: Vec<(usize, String)>,
}

/// The columns of users and items of the events.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub user: &'a ColumnProfile,
    pub item: &'a ColumnProfile,
}

impl<'a> Ids<'a> {
    fn of(self, whom: Whom) -> &'a ColumnProfile {
        match whom {
            Whom::Users => self.user,
            Whom::Items => self.item,
        }
    }
}

/// A column that may be the key of a table.
#[derive(Debug, Clone, Copy)]
struct Key {
    column: usize,
    whom: Whom,
    name: KeyName,
    /// Share of the ids of the events that are in it.
    covers: f64,
}

/// From this share of ids on a column that is not called so is taken for one of them.
const COVERED: f64 = 0.5;

/// Tells which of the tables at `places` describe users and items.
pub(crate) fn descriptions(
    tables: &[Looked],
    places: &[usize],
    ids: Ids<'_>,
    asked: &Asked,
) -> Result<Descriptions, Error> {
    let mut found = Descriptions::default();
    let mut free: Vec<usize> = places.to_vec();
    for (whom, named) in [(Whom::Users, &asked.users), (Whom::Items, &asked.items)] {
        let Some((place, column)) = named else { continue };
        let table = &tables[*place];
        if !places.contains(place) {
            return Err(Error::Usage(format!(
                "--{} {}: this file holds the events; {} are described by a file with one row for each",
                whom.word(),
                for_shell(&table.file.path.display().to_string()),
                whom.word()
            )));
        }
        let key = named_key(table, whom, column.as_deref(), ids)?;
        free.retain(|free| free != place);
        *found.of(whom) = Some(describing(table, *place, &key, ids, Some(whom)));
    }
    let mut keys: Vec<(usize, Key)> = Vec::new();
    for &place in &free {
        match key(&tables[place], ids)? {
            Ok(key) => keys.push((place, key)),
            Err(reason) => found.unused.push((place, reason)),
        }
    }
    for whom in Whom::BOTH {
        let of_these: Vec<(usize, Key)> = keys.iter().filter(|(_, key)| key.whom == whom).copied().collect();
        if let Some(named) = found.of(whom).as_ref().map(|named| named.place) {
            let reason = format!("--{} names {}.", whom.word(), tables[named].name());
            found.unused.extend(of_these.iter().map(|(place, _)| (*place, reason.clone())));
            continue;
        }
        let Some((place, key)) = meant(tables, &of_these, whom)? else { continue };
        *found.of(whom) = Some(describing(&tables[place], place, &key, ids, None));
        for (other, _) in of_these.iter().filter(|(other, _)| *other != place) {
            let option = option(&tables[*other], whom, None);
            let reason = format!(
                "{} describes the {}, and one file can; {option} takes this one.",
                tables[place].name(),
                whom.word()
            );
            found.unused.push((*other, reason));
        }
    }
    found.unused.sort_by_key(|(place, _)| *place);
    Ok(found)
}

impl Descriptions {
    fn of(&mut self, whom: Whom) -> &mut Option<Describing> {
        match whom {
            Whom::Users => &mut self.users,
            Whom::Items => &mut self.items,
        }
    }
}

/// `--items products.csv:id`, to be pasted.
fn option(table: &Looked, whom: Whom, column: Option<&str>) -> String {
    let path = table.file.path.display();
    let value = column.map_or_else(|| path.to_string(), |column| format!("{path}:{column}"));
    format!("--{} {}", whom.word(), for_shell(&value))
}

/// The one of several tables that is meant: one whose key is called as in the events before others, then one whose file
/// is called so.
fn meant(tables: &[Looked], keys: &[(usize, Key)], whom: Whom) -> Result<Option<(usize, Key)>, Error> {
    let best = keys.iter().map(|(_, key)| key.name).max();
    let best: Vec<(usize, Key)> = keys.iter().filter(|(_, key)| Some(key.name) == best).copied().collect();
    let called: Vec<(usize, Key)> = best
        .iter()
        .filter(|(place, _)| whom.is_subject(subject_of_file(&tables[*place].stem())))
        .copied()
        .collect();
    match (best.as_slice(), called.as_slice()) {
        ([], _) => Ok(None),
        ([only], _) | (_, [only]) => Ok(Some(*only)),
        _ => {
            let options = best.iter().map(|(place, _)| {
                format!("\n  {}   ({})", option(&tables[*place], whom, None), tables[*place].columns())
            });
            Err(Error::Usage(format!(
                "several files describe {}, and one can; say which is meant:{}",
                whom.word(),
                options.collect::<String>()
            )))
        }
    }
}

/// Whether each value stands in one row; a few that do not are rejects, not a reason to give the table up.
fn is_unique(column: &ColumnProfile) -> bool {
    100 * column.n_distinct >= 99 * column.n_values()
}

/// The key of a table that was named, and its column if that was named, too.
fn named_key(table: &Looked, whom: Whom, column: Option<&str>, ids: Ids<'_>) -> Result<Key, Error> {
    let columns = &table.profile.columns;
    let all = || (0..columns.len()).filter_map(|place| key_at(table, place, whom, ids));
    let fault = |text: String| Error::Usage(format!("{}: {text}", option(table, whom, column)));
    let Some(name) = column else {
        let best = all()
            .filter(|key| key.covers > 0.0)
            .max_by(|a, b| (a.name, a.covers).partial_cmp(&(b.name, b.covers)).expect("shares are numbers"));
        return best.ok_or_else(|| {
            fault(format!(
                "no column holds ids of {} once each; name it behind a colon, {}:COLUMN, of {}",
                whom.word(),
                option(table, whom, None),
                table.columns()
            ))
        });
    };
    let place = columns
        .iter()
        .position(|own| own.name == name)
        .or_else(|| columns.iter().position(|own| plain(&own.name) == name));
    let key = place.and_then(|place| all().find(|key| key.column == place));
    match key {
        Some(key) if key.covers > 0.0 => Ok(key),
        Some(_) => {
            Err(fault(format!("none of the ids of `{}` of the events is in this column", ids.of(whom).name)))
        }
        None => Err(fault(format!(
            "values come up several times, or are no ids; there must be one row for each of the {}",
            whom.word()
        ))),
    }
}

/// A column as a key, if its values are ids that stand there once each.
fn key_at(table: &Looked, place: usize, whom: Whom, ids: Ids<'_>) -> Option<Key> {
    let column = &table.profile.columns[place];
    (can_be_id(column) && is_unique(column)).then(|| Key {
        column: place,
        whom,
        name: key_name(plain(&column.name), &table.stem(), plain(&ids.of(whom).name), whom.role()),
        covers: ids.of(whom).share_in(column),
    })
}

/// The column of a table that names the users or items which its rows describe, or why there is none.
fn key(table: &Looked, ids: Ids<'_>) -> Result<Result<Key, String>, Error> {
    let keys: Vec<Key> = (0..table.profile.columns.len())
        .flat_map(|place| Whom::BOTH.into_iter().filter_map(move |whom| key_at(table, place, whom, ids)))
        .collect();
    let name = |key: &Key| table.profile.columns[key.column].name.as_str();
    let is_sure = |key: &&Key| match key.name {
        KeyName::Same | KeyName::Fits => key.covers > 0.0,
        KeyName::Silent | KeyName::Against => {
            key.covers >= COVERED && is_beyond_chance(&table.profile.columns[key.column], key.name)
        }
    };
    let mut sure: Vec<Key> = keys.iter().filter(is_sure).copied().collect();
    // What is called by the right name comes first, then what describes most.
    sure.sort_by(|a, b| (b.name, b.covers).partial_cmp(&(a.name, a.covers)).expect("shares are numbers"));
    match sure.as_slice() {
        [] => {}
        [first, second, ..]
            if first.whom != second.whom
                && first.name == second.name
                && first.covers - second.covers < 0.3 =>
        {
            let option = |key: &Key| option(table, key.whom, Some(name(key)));
            return Err(Error::Usage(format!(
                "{}: the ids in `{}` fit {} and those in `{}` fit {}; say which is meant: {} or {}",
                table.file.path.display(),
                name(first),
                first.whom.word(),
                name(second),
                second.whom.word(),
                option(first),
                option(second)
            )));
        }
        [first, ..] => return Ok(Ok(*first)),
    }
    Ok(Err(why_not(table, &keys, ids)))
}

/// Why no column of a table is taken for a key.
fn why_not(table: &Looked, keys: &[Key], ids: Ids<'_>) -> String {
    let columns = &table.profile.columns;
    let called = |place: usize, whom: Whom| {
        key_name(plain(&columns[place].name), &table.stem(), plain(&ids.of(whom).name), whom.role())
            == KeyName::Same
    };
    // One that is called right, and something else is wrong with it.
    for whom in Whom::BOTH {
        let Some(place) = (0..columns.len()).find(|&place| called(place, whom)) else { continue };
        let name = &columns[place].name;
        return match keys.iter().any(|key| key.column == place) {
            true => format!("none of the ids in its `{name}` is one of the events."),
            false => format!(
                "the values of its `{name}` come up several times; a file that describes {} has one row for each.",
                whom.word()
            ),
        };
    }
    let by_chance =
        keys.iter().filter(|key| key.covers >= COVERED).max_by(|a, b| a.covers.total_cmp(&b.covers));
    match by_chance {
        Some(key) => {
            let (column, of_events) = (&columns[key.column], &ids.of(key.whom).name);
            let because = match key.name {
                KeyName::Silent => format!("`{}` is not called as `{of_events}` is", column.name),
                _ => format!("`{}` is called as something else than `{of_events}`", column.name),
            };
            format!(
                "{because}, and numbers from {} to {} are among others by chance; {} takes it all the same.",
                column.min,
                column.max,
                option(table, key.whom, Some(&column.name))
            )
        }
        None => "no column holds ids of users or items, each once.".to_owned(),
    }
}

/// Whether ids that are found in a column are not found there just because numbers from 1 on are found anywhere.
fn is_beyond_chance(column: &ColumnProfile, name: KeyName) -> bool {
    const FEW: usize = 10;
    // The share of the numbers between the smallest and the largest that are there, up to which they are sparse.
    const SPARSE: f64 = 0.1;
    if column.n_distinct < FEW {
        return false;
    }
    let n = column.n_values();
    if column.n_integers < n {
        return column.n_integers == 0;
    }
    // Numbers with zeros before them are written in one way of many.
    let is_padded = column.example.as_deref().is_some_and(|text| text.len() > 1 && text.starts_with('0'));
    if is_padded && name == KeyName::Silent {
        return true;
    }
    column.n_distinct as f64 <= SPARSE * (column.max - column.min + 1.0)
}

fn describing(table: &Looked, place: usize, key: &Key, ids: Ids<'_>, named: Option<Whom>) -> Describing {
    let column = &table.profile.columns[key.column];
    let word = match key.whom {
        Whom::Users => "user",
        Whom::Items => "item",
    };
    let of_events = &ids.of(key.whom).name;
    let how = match (named, key.name) {
        (Some(whom), _) => format!("As --{} says", whom.word()),
        (None, KeyName::Same) => "Called as in the events".to_owned(),
        (None, KeyName::Fits) => "By its name and its ids".to_owned(),
        (None, KeyName::Silent) => "By its ids".to_owned(),
        (None, KeyName::Against) => format!("By its ids, though it is not called as `{of_events}`"),
    };
    let reason = format!(
        "{how}: {} in {}, {:.1} % of the {word}s of events among them.",
        counted(column.n_distinct, word),
        counted(table.profile.n_rows, "row"),
        100.0 * key.covers
    );
    Describing { place, column: key.column, reason }
}
