//! From recognised files to the data section and the feature columns of a config.

use std::path::Path;

use u2i::Error;
use u2i_features::{
    AttributeConfig, AttributeKind, AttributesConfig, ColumnKind, ColumnProfile, DataConfig, EventsConfig,
    Incomplete, MovieLensConfig, ReadLimits, SequencesConfig, TableProfile, TablesConfig, TimeConfig,
    profile_table,
};
use u2i_schema::Side;

use crate::attributes::{self, Use};
use crate::names::{Role, fit};
use crate::recipe::{counted, grouped};
use crate::roles::{Named, Roles, can_be_id, plain, roles};
use crate::source::{Source, TableFile};

/// What a config will say about data and columns, with the reasons.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Paths are as given.
    pub data: DataConfig,
    /// A key below `[data]`, and why it has its value.
    pub reasons: Vec<(String, String)>,
    pub features: Vec<Feature>,
    /// What is in the files and not used, one line each.
    pub unused: Vec<String>,
}

/// A feature column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Feature {
    pub side: Side,
    pub name: String,
    pub source: Option<String>,
    pub kind: ColumnKind,
    pub reason: String,
}

impl Plan {
    pub(crate) fn reason(&self, key: &str) -> Option<&str> {
        self.reasons.iter().find(|(own, _)| own == key).map(|(_, reason)| reason.as_str())
    }
}

/// Share of rows that may be unusable while a config is made: where there are any, the config says so.
const TOLERATED: f64 = 0.01;

pub(crate) const LIMITS: ReadLimits = ReadLimits { max_reject_ratio: TOLERATED, ..ReadLimits::STRICT };

pub(crate) fn plan(source: Source, named: &Named) -> Result<Plan, Error> {
    match source {
        Source::Ml1m(dir) => Ok(movielens("MovieLens 1M", DataConfig::Ml1m, &dir)),
        Source::Ml100k(dir) => Ok(movielens("MovieLens 100K", DataConfig::Ml100k, &dir)),
        Source::Sequences(file, encoding) => Ok(Plan {
            reasons: vec![(
                "file".to_owned(),
                "Two fields on every line: pairs `user item` in time order. There are no times.".to_owned(),
            )],
            data: DataConfig::Sequences(SequencesConfig { file, encoding, limits: LIMITS }),
            features: Vec::new(),
            unused: Vec::new(),
        }),
        Source::Tables(files) => tables(&files, named),
    }
}

fn movielens(name: &str, data: fn(MovieLensConfig) -> DataConfig, dir: &Path) -> Plan {
    let categorical = || ColumnKind::Categorical { min_count: std::num::NonZeroU32::MIN };
    let feature = |side, name: &str, kind, reason: &str| Feature {
        side,
        name: name.to_owned(),
        source: None,
        kind,
        reason: reason.to_owned(),
    };
    Plan {
        data: data(MovieLensConfig { dir: dir.to_owned(), limits: LIMITS }),
        reasons: vec![("dir".to_owned(), format!("{name}, by the names of its files."))],
        features: vec![
            feature(Side::User, "gender", categorical(), "Two values."),
            feature(Side::User, "age", categorical(), "Years, or the first year of an age group."),
            feature(Side::User, "occupation", categorical(), "21 values."),
            feature(Side::User, "zip3", categorical(), "The first three characters of the zip code."),
            feature(
                Side::Item,
                "genres",
                ColumnKind::MultiCategorical { min_count: std::num::NonZeroU32::MIN },
                "A list of up to 18 genres.",
            ),
            feature(Side::Item, "year5", categorical(), "The five-year interval of the year in the title."),
        ],
        unused: vec!["Ratings are events whatever their value.".to_owned()],
    }
}

/// A table and what its columns hold.
struct Looked<'a> {
    file: &'a TableFile,
    profile: TableProfile,
}

fn tables(files: &[TableFile], named: &Named) -> Result<Plan, Error> {
    let mut looked = Vec::new();
    for file in files {
        let profile = profile_table(&file.path, &file.format, LIMITS.max_line_bytes)?;
        looked.push(Looked { file, profile });
    }
    let (place, found) = events(&looked, named)?;
    let events = looked.swap_remove(place);
    let mut plan = Plan {
        data: DataConfig::Tables(Box::new(TablesConfig {
            events: EventsConfig {
                file: events.file.path.clone(),
                format: events.file.format.clone(),
                user: found.user.0.clone(),
                item: found.item.0.clone(),
                time: Some(TimeConfig { column: found.time.0.clone(), unit: found.unit.0.clone() }),
                request: Vec::new(),
                without_user: Incomplete::Rejected,
                without_item: Incomplete::Rejected,
                without_time: Incomplete::Rejected,
            },
            users: None,
            items: None,
            whole_number_ids: false,
            sequences: Vec::new(),
            limits: LIMITS,
        })),
        reasons: vec![
            ("events.format".to_owned(), events.file.reason.clone()),
            ("events.user".to_owned(), found.user.1.clone()),
            ("events.item".to_owned(), found.item.1.clone()),
            ("events.time".to_owned(), format!("{} {}", found.time.1, found.unit.1)),
        ],
        features: Vec::new(),
        unused: unused_of_events(&events, &found),
    };
    attach(&mut plan, &events, &found, &looked)?;
    Ok(plan)
}

/// The table that holds the events: the only one that can, or by far the largest of those that can.
fn events(looked: &[Looked<'_>], named: &Named) -> Result<(usize, Roles), Error> {
    let tried: Vec<_> = looked.iter().map(|table| roles(&table.profile, named)).collect();
    let mut fit: Vec<usize> = (0..looked.len()).filter(|&place| tried[place].is_ok()).collect();
    fit.sort_by_key(|&place| std::cmp::Reverse(looked[place].profile.n_rows));
    let path = |place: usize| looked[place].file.path.display();
    match fit.as_slice() {
        [] => {
            let doubts = tried.iter().enumerate().filter_map(|(place, tried)| {
                tried.as_ref().err().map(|doubt| format!("{}: {doubt}", path(place)))
            });
            let doubts: Vec<String> = doubts.collect();
            match doubts.as_slice() {
                [only] => Err(Error::Usage(only.clone())),
                several => Err(Error::Usage(format!("no file holds events\n  {}", several.join("\n  ")))),
            }
        }
        [first, second, ..] if looked[*first].profile.n_rows < 2 * looked[*second].profile.n_rows => {
            Err(Error::Usage(format!(
                "both {} and {} hold users, items and times; name only the one that holds the events, besides those \
                 that describe users and items",
                path(*first),
                path(*second)
            )))
        }
        [first, ..] => {
            let found = tried.into_iter().nth(*first).and_then(Result::ok);
            Ok((*first, found.expect("it is one of those that fit")))
        }
    }
}

/// Columns of events are not made features: what is known only once an event is over, such as its rating, must not
/// be asked for when recommendations are.
fn unused_of_events(events: &Looked<'_>, found: &Roles) -> Vec<String> {
    let used = [&found.user.0, &found.item.0, &found.time.0];
    let others: Vec<&str> = events
        .profile
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| !used.iter().any(|used| *used == name))
        .collect();
    match others.as_slice() {
        [] => Vec::new(),
        others => vec![format!(
            "{}: {}. Every row is an event, whatever these columns say; one that is known before the event may be made \
             a request column.",
            file_name(&events.file.path),
            others.join(", ")
        )],
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How well a column of another table serves as the key of users or of items.
struct Key {
    column: usize,
    is_items: bool,
    by_name: bool,
    /// Share of the ids of the events that the table describes.
    covers: f64,
}

/// Attaches the tables that describe users and items.
fn attach(plan: &mut Plan, events: &Looked<'_>, found: &Roles, others: &[Looked<'_>]) -> Result<(), Error> {
    let column = |name: &str| events.profile.columns.iter().find(|column| column.name == name);
    let (Some(user), Some(item)) = (column(&found.user.0), column(&found.item.0)) else { return Ok(()) };
    let mut taken: [Option<(usize, Described)>; 2] = [None, None];
    for (place, other) in others.iter().enumerate() {
        let name = file_name(&other.file.path);
        let Some(key) = key(other, user, item)? else {
            plan.unused.push(format!("{name}: no column holds ids of users or items, each once."));
            continue;
        };
        let described = describe(other, &key);
        let (side, word) = (usize::from(key.is_items), if key.is_items { "items" } else { "users" });
        let is_better = taken[side].as_ref().is_none_or(|(_, known)| described.n_used() > known.n_used());
        let left = if is_better { taken[side].replace((place, described)) } else { Some((place, described)) };
        if let Some((left, _)) = left {
            let left = file_name(&others[left].file.path);
            plan.unused.push(format!("{left}: another file says more about {word}, and there can be one."));
        }
    }
    let [users, items] = taken;
    for (side, taken) in [(Side::User, users), (Side::Item, items)] {
        if let Some((place, described)) = taken {
            described.put(plan, side, &others[place]);
        }
    }
    Ok(())
}

/// The column of a table that names the users or items which its rows describe.
fn key(table: &Looked<'_>, user: &ColumnProfile, item: &ColumnProfile) -> Result<Option<Key>, Error> {
    let mut keys = Vec::new();
    for (place, column) in table.profile.columns.iter().enumerate() {
        // A few repeated rows are rejects, not a reason to give the table up.
        let is_unique = 100 * column.n_distinct >= 99 * column.n_values();
        if !can_be_id(column) || !is_unique {
            continue;
        }
        for (is_items, ids, role) in [(false, user, Role::User), (true, item, Role::Item)] {
            let covers = ids.share_in(column);
            let name = plain(&column.name);
            let by_name = name == plain(&ids.name) || fit(role, name) >= 2;
            if covers >= 0.5 || by_name && covers > 0.0 {
                keys.push(Key { column: place, is_items, by_name, covers });
            }
        }
    }
    // What is called by the right name comes first, then what describes most.
    keys.sort_by(|a, b| {
        (b.by_name, b.covers).partial_cmp(&(a.by_name, a.covers)).expect("shares are numbers")
    });
    if let [first, second, ..] = keys.as_slice()
        && first.is_items != second.is_items
        && first.by_name == second.by_name
        && first.covers - second.covers < 0.3
    {
        let name = |key: &Key| format!("`{}`", table.profile.columns[key.column].name);
        return Err(Error::Usage(format!(
            "{}: the ids in {} fit users and those in {} fit items; call the key as the column of events is called",
            table.file.path.display(),
            name(if first.is_items { second } else { first }),
            name(if first.is_items { first } else { second }),
        )));
    }
    Ok(keys.into_iter().next())
}

/// What the columns of a table become.
struct Described {
    id: String,
    reason: String,
    columns: Vec<(String, Use)>,
}

fn describe(table: &Looked<'_>, key: &Key) -> Described {
    let columns = &table.profile.columns;
    let id = &columns[key.column];
    let word = if key.is_items { "item" } else { "user" };
    let how = if key.by_name { "By its name and its ids" } else { "By its ids" };
    let mut has_title = false;
    let others = columns.iter().enumerate().filter(|(place, _)| *place != key.column).map(|(_, column)| {
        let mut what = attributes::guess(column, key.is_items);
        if matches!(what, Use::Title { .. }) && std::mem::replace(&mut has_title, true) {
            what = Use::Nothing { reason: "there is a title already".to_owned() };
        }
        (column.name.clone(), what)
    });
    Described {
        id: id.name.clone(),
        reason: format!(
            "{how}: {} in {}, {:.1} % of the {word}s of events among them.",
            counted(id.n_distinct, word),
            counted(table.profile.n_rows, "row"),
            100.0 * key.covers
        ),
        columns: others.collect(),
    }
}

impl Described {
    fn n_used(&self) -> usize {
        self.columns.iter().filter(|(_, what)| !matches!(what, Use::Nothing { .. })).count()
    }

    fn put(self, plan: &mut Plan, side: Side, table: &Looked<'_>) {
        let section = if side == Side::Item { "items" } else { "users" };
        plan.reasons.push((format!("{section}.format"), table.file.reason.clone()));
        plan.reasons.push((format!("{section}.id"), self.reason.clone()));
        let mut attributes = Vec::new();
        for (column, what) in self.columns {
            let name = match &what {
                Use::Title { .. } => "title".to_owned(),
                _ => plain(&column).to_owned(),
            };
            let kind = match &what {
                Use::Title { .. } => AttributeKind::Text {},
                Use::Feature { attribute, .. } => attribute.clone(),
                Use::Nothing { reason } => {
                    plan.unused.push(format!("{}, {column}: {reason}.", file_name(&table.file.path)));
                    continue;
                }
            };
            if attributes.iter().any(|other: &AttributeConfig| other.name == name) {
                plan.unused
                    .push(format!("{}, {column}: another column is called so.", file_name(&table.file.path)));
                continue;
            }
            let (Use::Title { reason } | Use::Feature { reason, .. } | Use::Nothing { reason }) = &what;
            plan.reasons.push((format!("{section}.attributes.{name}"), reason.clone()));
            if let Use::Feature { column: kind, reason, .. } = what {
                plan.features.push(feature(&plan.features, side, &name, kind, reason));
            }
            attributes.push(AttributeConfig { column: (column != name).then_some(column), name, kind });
        }
        let config = AttributesConfig {
            file: table.file.path.clone(),
            format: table.file.format.clone(),
            id: self.id,
            attributes,
        };
        if let DataConfig::Tables(tables) = &mut plan.data {
            *(if side == Side::Item { &mut tables.items } else { &mut tables.users }) = Some(config);
        }
    }
}

/// A feature column, under a name of its own even where an attribute of another side has the same.
fn feature(known: &[Feature], side: Side, attribute: &str, kind: ColumnKind, reason: String) -> Feature {
    let is_taken = known.iter().any(|other| other.name == attribute);
    let word = if side == Side::Item { "item" } else { "user" };
    let name = if is_taken { format!("{word}_{attribute}") } else { attribute.to_owned() };
    let source = is_taken.then(|| attribute.to_owned());
    Feature { side, name, source, kind, reason }
}

/// How many rows a file of events has, for people.
pub(crate) fn summary(n_events: usize, n_users: usize, n_items: usize) -> String {
    format!("{} events of {} users with {} items", grouped(n_events), grouped(n_users), grouped(n_items))
}
