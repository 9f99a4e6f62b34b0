//! From recognised files to the data section and the feature columns of a config.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use u2i::followed::{Tell, under_bar};
use u2i::{Error, Progress};
use u2i_features::{
    AttributeConfig, AttributeKind, AttributesConfig, ColumnKind, ColumnProfile, DataConfig, EventsConfig,
    Formats, Incomplete, MovieLensConfig, ReadLimits, ReadProgress, SequencesConfig, SequencesLayout,
    TablesConfig, TimeConfig, table_bytes,
};
use u2i_schema::Side;

use crate::attributes::{self, Use};
use crate::described::{Describing, Ids, Whom, descriptions};
use crate::events_file::{EventsFile, events_file};
use crate::looked::{Looked, file_name, for_shell};
use crate::names::plain;
use crate::options::{Asked, InitOptions, resolve};
use crate::recipe::grouped;
use crate::roles::{Found, FoundTime, Roles};
use crate::source::{Header, Source, TableFile, recognise};

/// What a config will say about data and columns, with the reasons.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Paths are as given.
    pub data: DataConfig,
    /// The file to test on, where the data comes with a split of its own.
    pub test: Option<PathBuf>,
    /// A key below `[data]`, and why it has its value.
    pub reasons: Vec<(String, String)>,
    pub features: Vec<Feature>,
    /// What each table is used for.
    pub files: Vec<FileUse>,
    /// What is in the files and not used, one line each.
    pub unused: Vec<String>,
}

/// What a file became, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileUse {
    /// The file.
    pub path: PathBuf,
    /// `events`, `users`, `items` or `not used`.
    pub used_as: String,
    /// Why, and by which columns.
    pub reason: String,
}

impl FileUse {
    /// What stands in [`FileUse::used_as`] of a file that is of no use.
    pub const NOT: &'static str = "not used";
}

/// A line.
impl fmt::Display for FileUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", file_name(&self.path), self.used_as, self.reason)
    }
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
    /// Leaves out the attribute that is made of a column of a file, with the reason; says whether there was one.
    pub(crate) fn leave_out(&mut self, file: &Path, column: &str, reason: &str) -> bool {
        let DataConfig::Tables(tables) = &mut self.data else { return false };
        for (side, table) in [(Side::User, &mut tables.users), (Side::Item, &mut tables.items)] {
            let Some(table) = table.as_mut().filter(|table| table.file == file) else { continue };
            let is_it =
                |attribute: &AttributeConfig| attribute.column.as_ref().unwrap_or(&attribute.name) == column;
            let Some(place) = table.attributes.iter().position(is_it) else { continue };
            let attribute = table.attributes.remove(place);
            let is_of = |feature: &Feature| {
                feature.side == side && *feature.source.as_ref().unwrap_or(&feature.name) == attribute.name
            };
            self.features.retain(|feature| !is_of(feature));
            self.unused.push(format!("{}, {column}: {reason}", file_name(file)));
            return true;
        }
        false
    }

    pub(crate) fn reason(&self, key: &str) -> Option<&str> {
        self.reasons.iter().find(|(own, _)| own == key).map(|(_, reason)| reason.as_str())
    }
}

/// Share of rows that may be unusable while a config is made: where there are any, the config says so.
pub(crate) const TOLERATED: f64 = 0.01;

fn limits(options: &InitOptions) -> ReadLimits {
    ReadLimits { max_reject_ratio: options.max_rejects.unwrap_or(TOLERATED), ..ReadLimits::STRICT }
}

/// What the data is; of tables all that are named.
pub(crate) fn source(options: &InitOptions) -> Result<Source, Error> {
    // Files may be named by options alone.
    let source = match options.data.is_empty() && !options.paths().is_empty() {
        true => Source::Tables(Vec::new()),
        false => recognise(&options.data, header(options))?,
    };
    Ok(match source {
        Source::Tables(files) => Source::Tables(with_named(files, options)?),
        source => source,
    })
}

/// The plan for some data. Of tables every row is looked at.
pub(crate) fn plan(
    source: Source,
    options: &InitOptions,
    progress: &mut dyn Progress,
) -> Result<Plan, Error> {
    match source {
        Source::Ml1m(dir) => Ok(movielens("MovieLens 1M", DataConfig::Ml1m, &dir, limits(options))),
        Source::Ml10m(dir) => {
            let mut plan = movielens("MovieLens 10M", DataConfig::Ml10m, &dir, limits(options));
            plan.features.retain(|feature| feature.side == Side::Item);
            Ok(plan)
        }
        Source::Ml100k(dir) => Ok(movielens("MovieLens 100K", DataConfig::Ml100k, &dir, limits(options))),
        Source::Sequences(file, encoding) => Ok(Plan {
            reasons: vec![(
                "file".to_owned(),
                "Two fields on every line: pairs `user item` in time order. There are no times.".to_owned(),
            )],
            data: DataConfig::Sequences(SequencesConfig {
                file,
                layout: SequencesLayout::Pairs,
                encoding,
                limits: limits(options),
            }),
            test: None,
            features: Vec::new(),
            files: Vec::new(),
            unused: Vec::new(),
        }),
        Source::Adjacency { train, test, encoding } => Ok(Plan {
            reasons: vec![(
                "file".to_owned(),
                "A user and all items on every line. There are no times.".to_owned(),
            )],
            data: DataConfig::Sequences(SequencesConfig {
                file: train,
                layout: SequencesLayout::Adjacency,
                encoding,
                limits: limits(options),
            }),
            test: Some(test),
            features: Vec::new(),
            files: Vec::new(),
            unused: Vec::new(),
        }),
        Source::Tables(files) => {
            let looked = files.into_iter().map(|file| look(file, progress)).collect::<Result<Vec<_>, _>>()?;
            tables(&looked, options)
        }
    }
}

fn movielens(name: &str, data: fn(MovieLensConfig) -> DataConfig, dir: &Path, limits: ReadLimits) -> Plan {
    let categorical = || ColumnKind::Categorical { min_count: std::num::NonZeroU32::MIN };
    let feature = |side, name: &str, kind, reason: &str| Feature {
        side,
        name: name.to_owned(),
        source: None,
        kind,
        reason: reason.to_owned(),
    };
    Plan {
        data: data(MovieLensConfig { dir: dir.to_owned(), limits }),
        test: None,
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
        files: Vec::new(),
        unused: vec!["Ratings are events whatever their value.".to_owned()],
    }
}

/// Looks at all rows of a table, under a bar of bytes.
pub(crate) fn look(file: TableFile, progress: &mut dyn Progress) -> Result<Looked, Error> {
    let TableFile { path, format, .. } = &file;
    let label = format!("looking at {}", file_name(path));
    let profile = |tell: &mut Tell<'_>| {
        let most = ReadLimits::STRICT.max_line_bytes;
        Formats::built_in().profile_table_following(path, format, most, &mut ReadProgress::new(tell))
    };
    let profile = under_bar(progress, &label, table_bytes(path), "bytes", profile)?;
    Ok(Looked { file, profile })
}

/// Tells which table is what, and plans the config.
pub(crate) fn tables(looked: &[Looked], options: &InitOptions) -> Result<Plan, Error> {
    let asked = resolve(options, looked)?;
    let EventsFile { place, roles, reason, others } = events_file(looked, &asked, options.now_s)?;
    let events = &looked[place];
    let time = match &roles.time {
        FoundTime::Column { found, unit } => {
            Some(TimeConfig { column: found.column.clone(), unit: unit.clone() })
        }
        FoundTime::FileOrder { .. } => None,
    };
    let why_times = match &roles.time {
        FoundTime::Column { found, .. } => &found.reason,
        FoundTime::FileOrder { reason } => reason,
    };
    let mut plan = Plan {
        test: None,
        data: DataConfig::Tables(Box::new(TablesConfig {
            events: EventsConfig {
                file: events.file.path.clone(),
                format: events.file.format.clone(),
                user: roles.user.column.clone(),
                item: roles.item.column.clone(),
                time,
                request: Vec::new(),
                without_user: without(events, &roles.user),
                without_item: without(events, &roles.item),
                without_time: Incomplete::Rejected,
            },
            users: None,
            items: None,
            whole_number_ids: false,
            sequences: Vec::new(),
            missing: None,
            limits: limits(options),
        })),
        reasons: vec![
            ("events.format".to_owned(), events.file.reason.clone()),
            ("events.user".to_owned(), with_blanks(events, &roles.user)),
            ("events.item".to_owned(), with_blanks(events, &roles.item)),
            ("events.time".to_owned(), why_times.clone()),
        ],
        features: Vec::new(),
        files: vec![FileUse {
            path: events.file.path.clone(),
            used_as: "events".to_owned(),
            reason: format!("{reason} {}", bound(&roles)),
        }],
        unused: unused_of_events(events, &roles),
    };
    attach(&mut plan, looked, place, &roles, &asked, &others)?;
    Ok(plan)
}

fn header(options: &InitOptions) -> Header {
    if options.no_header { Header::Missing } else { Header::Names }
}

/// Files, and those that only an option names.
fn with_named(mut files: Vec<TableFile>, options: &InitOptions) -> Result<Vec<TableFile>, Error> {
    for paths in options.paths() {
        let is_known = |path: &PathBuf| {
            let same = |own: &Path| std::fs::canonicalize(own).ok() == std::fs::canonicalize(path).ok();
            files.iter().any(|file| file.path.ends_with(path) || same(&file.path))
        };
        if paths.iter().any(is_known) {
            continue;
        }
        // A pattern names part files.
        let is_pattern = |path: &Path| path.to_string_lossy().contains(['*', '?', '[']);
        if let Some(path) = paths.into_iter().find(|path| path.exists() || is_pattern(path))
            && let Source::Tables(more) = recognise(&[path], header(options))?
        {
            files.extend(more);
        }
    }
    Ok(files)
}

/// The share of events without an id in a column.
pub(crate) fn blank_share(events: &Looked, found: &Found) -> f64 {
    let column = events.column(&found.column);
    column.map_or(0.0, |column| column.n_missing as f64 / column.n_rows.max(1) as f64)
}

/// The reason for a column of ids, and how many rows have none.
fn with_blanks(events: &Looked, found: &Found) -> String {
    match blank_share(events, found) {
        share if share > TOLERATED => format!(
            "{} {:.1} % of rows have no `{}` and are left out.",
            found.reason,
            100.0 * share,
            found.column
        ),
        _ => found.reason.clone(),
    }
}

/// What becomes of the rows that have no id in a column.
fn without(events: &Looked, found: &Found) -> Incomplete {
    match blank_share(events, found) > TOLERATED {
        true => Incomplete::LeftOut,
        false => Incomplete::Rejected,
    }
}

/// Reads ids such as `17.0` as `17` if a column of ids holds any.
fn decimals_are_ids(plan: &mut Plan, table: &Looked, column: &ColumnProfile) {
    if let DataConfig::Tables(tables) = &mut plan.data
        && !tables.whole_number_ids
        && column.is_of_whole_decimals()
    {
        tables.whole_number_ids = true;
        let reason = format!("{}: `{}` holds decimals such as 17.0, which is 17.", table.name(), column.name);
        plan.reasons.push(("whole_number_ids".to_owned(), reason));
    }
}

/// What stands for user, item and time in the file of events.
fn bound(roles: &Roles) -> String {
    let time = match &roles.time {
        FoundTime::Column { found, .. } => format!("time = `{}`", found.column),
        FoundTime::FileOrder { reason } => format!("no times. {}", reason.trim_end_matches('.')),
    };
    format!("user = `{}`, item = `{}`, {time}.", roles.user.column, roles.item.column)
}

/// Columns of events are not made features: what is known only once an event is over, such as its rating, must not
/// be asked for when recommendations are.
fn unused_of_events(events: &Looked, roles: &Roles) -> Vec<String> {
    let others: Vec<&str> = events
        .profile
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| !roles.columns().any(|used| used == *name))
        .collect();
    match others.as_slice() {
        [] => Vec::new(),
        others => vec![format!(
            "{}: {}. Every row is an event, whatever these columns say; one that is known before the event may be made \
             a request column.",
            events.name(),
            others.join(", ")
        )],
    }
}

/// Attaches the tables that describe users and items.
fn attach(
    plan: &mut Plan,
    looked: &[Looked],
    events: usize,
    roles: &Roles,
    asked: &Asked,
    others: &[usize],
) -> Result<(), Error> {
    let column = |name: &str| looked[events].column(name);
    let (Some(user), Some(item)) = (column(&roles.user.column), column(&roles.item.column)) else {
        return Ok(());
    };
    [user, item].into_iter().for_each(|column| decimals_are_ids(plan, &looked[events], column));
    let places: Vec<usize> = (0..looked.len()).filter(|&place| place != events).collect();
    let found = descriptions(looked, &places, Ids { user, item }, asked)?;
    for (whom, describing) in [(Whom::Users, &found.users), (Whom::Items, &found.items)] {
        let Some(describing) = describing else { continue };
        let table = &looked[describing.place];
        plan.files.push(FileUse {
            path: table.file.path.clone(),
            used_as: whom.word().to_owned(),
            reason: format!("by `{}`. {}", table.profile.columns[describing.column].name, describing.reason),
        });
        decimals_are_ids(plan, table, &table.profile.columns[describing.column]);
        describe(table, describing, whom).put(plan, whom, table);
    }
    for (place, reason) in &found.unused {
        let table = &looked[*place];
        let mut reason = reason.clone();
        if others.contains(place) {
            let path = table.file.path.display().to_string();
            reason = format!("it could hold events, too; --events {} takes it for them.", for_shell(&path));
        }
        plan.files.push(FileUse { path: table.file.path.clone(), used_as: FileUse::NOT.to_owned(), reason });
    }
    Ok(())
}

/// What the columns of a table become.
struct Described {
    id: String,
    reason: String,
    columns: Vec<(String, Use)>,
}

fn describe(table: &Looked, describing: &Describing, whom: Whom) -> Described {
    let columns = &table.profile.columns;
    let mut has_title = false;
    let others =
        columns.iter().enumerate().filter(|(place, _)| *place != describing.column).map(|(_, column)| {
            let mut what = attributes::guess(column, whom == Whom::Items);
            if matches!(what, Use::Title { .. }) && std::mem::replace(&mut has_title, true) {
                what = Use::Nothing { reason: "there is a title already".to_owned() };
            }
            (column.name.clone(), what)
        });
    Described {
        id: columns[describing.column].name.clone(),
        reason: describing.reason.clone(),
        columns: others.collect(),
    }
}

impl Described {
    fn put(self, plan: &mut Plan, whom: Whom, table: &Looked) {
        let section = whom.word();
        let side = if whom == Whom::Items { Side::Item } else { Side::User };
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
                    plan.unused.push(format!("{}, {column}: {reason}.", table.name()));
                    continue;
                }
            };
            if attributes.iter().any(|other: &AttributeConfig| other.name == name) {
                plan.unused.push(format!("{}, {column}: another column is called so.", table.name()));
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
            *(if whom == Whom::Items { &mut tables.items } else { &mut tables.users }) = Some(config);
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
