//! What each column of the files of an experiment is read for, and which ones nothing reads.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use u2i::Error;
use u2i::config::{DataSource, Experiment};
use u2i_features::{
    AttributeConfig, AttributesConfig, ColumnConfig, ColumnGlance, DataConfig, EventsConfig, FileFormat,
    KindConfig, LogsConfig, TablesConfig, glance_at_columns,
};
use u2i_schema::Side;

/// A column of a file, and what it is read for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnUse {
    /// The file.
    pub file: PathBuf,
    /// The column.
    pub column: String,
    /// What it is read for.
    #[serde(rename = "use")]
    pub used: Use,
    /// The attribute that it holds, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The first value of a column that is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// What a column is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Ids of users.
    User,
    /// Ids of items.
    Item,
    /// Times.
    Time,
    /// Kinds of events.
    Kind,
    /// Values of events of another kind.
    Value,
    /// An attribute that the model looks at.
    Feature,
    /// An attribute that conditions and reports know, and the model does not look at.
    Attribute,
    /// Nothing.
    NotUsed,
}

/// The columns of the files that an experiment names; none of data by name, whose files are known.
///
/// # Errors
///
/// If a file cannot be read.
pub(crate) fn column_uses(experiment: &Experiment, base: &Path) -> Result<Vec<ColumnUse>, Error> {
    let (files, limits) = match &experiment.data {
        DataSource::Files(DataConfig::Tables(tables)) => (bound_files(tables, experiment), &tables.limits),
        DataSource::Files(DataConfig::Logs(logs)) => (bound_logs(logs, experiment), &logs.limits),
        _ => return Ok(Vec::new()),
    };
    let mut uses = Vec::new();
    for bound in files {
        let columns = glance_at_columns(&base.join(bound.file), bound.format, limits)?;
        uses.extend(columns.into_iter().map(|column| bound.column_use(column)));
    }
    Ok(uses)
}

/// A file of a config with the columns that it binds.
struct BoundFile<'a> {
    file: &'a Path,
    format: &'a FileFormat,
    columns: Vec<(&'a str, Use, Option<&'a str>)>,
}

fn bound_files<'a>(tables: &'a TablesConfig, experiment: &Experiment) -> Vec<BoundFile<'a>> {
    let mut files = vec![bound_events(&tables.events, experiment)];
    files.extend(bound_attributes([tables.users.as_ref(), tables.items.as_ref()], experiment));
    for sequence in &tables.sequences {
        let columns = vec![
            (sequence.user.as_str(), Use::User, None),
            (sequence.value.as_str(), Use::Value, Some(sequence.name.as_str())),
            (sequence.time.column.as_str(), Use::Time, None),
        ];
        files.push(BoundFile { file: &sequence.file, format: &sequence.format, columns });
    }
    files
}

fn bound_logs<'a>(logs: &'a LogsConfig, experiment: &Experiment) -> Vec<BoundFile<'a>> {
    let events = logs.log.iter().map(|log| {
        let mut bound = bound_events(&log.events, experiment);
        if let KindConfig::Column(column) = &log.kind {
            bound.columns.push((column, Use::Kind, None));
        }
        bound
    });
    events.chain(bound_attributes([logs.users.as_ref(), logs.items.as_ref()], experiment)).collect()
}

fn bound_events<'a>(events: &'a EventsConfig, experiment: &Experiment) -> BoundFile<'a> {
    let mut columns = vec![(events.user.as_str(), Use::User, None), (events.item.as_str(), Use::Item, None)];
    columns.extend(events.time.as_ref().map(|time| (time.column.as_str(), Use::Time, None)));
    columns.extend(events.request.iter().map(|config| attribute(config, Side::Request, experiment)));
    BoundFile { file: &events.file, format: &events.format, columns }
}

/// The files of users and of items.
fn bound_attributes<'a>(
    [users, items]: [Option<&'a AttributesConfig>; 2],
    experiment: &Experiment,
) -> impl Iterator<Item = BoundFile<'a>> {
    let sides = [(users, Use::User, Side::User), (items, Use::Item, Side::Item)];
    sides.into_iter().filter_map(|(config, id, side)| {
        let config = config?;
        let mut columns = vec![(config.id.as_str(), id, None)];
        columns.extend(config.attributes.iter().map(|config| attribute(config, side, experiment)));
        Some(BoundFile { file: &config.file, format: &config.format, columns })
    })
}

/// The column of an attribute, what it is read for, and the attribute's name.
fn attribute<'a>(
    config: &'a AttributeConfig,
    side: Side,
    experiment: &Experiment,
) -> (&'a str, Use, Option<&'a str>) {
    let of_it = |column: &ColumnConfig| column.side == side && column.source() == config.name;
    let used = if experiment.features.column.iter().any(of_it) { Use::Feature } else { Use::Attribute };
    (config.column.as_ref().unwrap_or(&config.name), used, Some(&config.name))
}

impl BoundFile<'_> {
    fn column_use(&self, ColumnGlance { name, example }: ColumnGlance) -> ColumnUse {
        let bound = self.columns.iter().find(|(column, ..)| *column == name);
        let (used, attribute) = bound.map_or((Use::NotUsed, None), |&(_, used, attribute)| (used, attribute));
        ColumnUse {
            file: self.file.to_owned(),
            column: name,
            used,
            attribute: attribute.map(str::to_owned),
            example: example.filter(|_| used == Use::NotUsed),
        }
    }
}

impl fmt::Display for ColumnUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ColumnUse { column, used, attribute, example, .. } = self;
        match (used, attribute, example) {
            (Use::NotUsed, _, Some(example)) => write!(f, "{column} (`{example}`)"),
            (Use::Feature | Use::Attribute | Use::Value, Some(attribute), _) if attribute != column => {
                write!(f, "{column} ({attribute})")
            }
            _ => write!(f, "{column}"),
        }
    }
}

/// A line for each file: its columns by what they are read for.
pub(crate) fn write_uses(f: &mut fmt::Formatter<'_>, uses: &[ColumnUse]) -> fmt::Result {
    let words = [
        (Use::User, "user"),
        (Use::Item, "item"),
        (Use::Time, "time"),
        (Use::Kind, "kind"),
        (Use::Value, "values"),
        (Use::Feature, "features"),
        (Use::Attribute, "attributes that the model does not look at"),
        (Use::NotUsed, "not used"),
    ];
    for of_file in uses.chunk_by(|a, b| a.file == b.file) {
        let of_use = |&(used, word): &(Use, &str)| {
            let columns = of_file.iter().filter(|column| column.used == used);
            let columns: Vec<String> = columns.map(ColumnUse::to_string).collect();
            (!columns.is_empty()).then(|| format!("{word}: {}", columns.join(", ")))
        };
        let parts: Vec<String> = words.iter().filter_map(of_use).collect();
        writeln!(f, "{}: {}", of_file[0].file.display(), parts.join("; "))?;
    }
    Ok(())
}
