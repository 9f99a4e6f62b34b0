//! What each column of the files of an experiment is read for, and which ones nothing reads.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use u2i::Error;
use u2i::config::{DataSource, Experiment};
use u2i_features::{AttributesConfig, ColumnGlance, DataConfig, FileFormat, TablesConfig, glance_at_columns};
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
    let DataSource::Files(DataConfig::Tables(tables)) = &experiment.data else { return Ok(Vec::new()) };
    let mut uses = Vec::new();
    for bound in bound_files(tables, experiment) {
        let columns = glance_at_columns(&base.join(bound.file), bound.format, &tables.limits)?;
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
    let attribute = |side: Side, config: &'a u2i_features::AttributeConfig| {
        let of_it =
            |column: &&u2i_features::ColumnConfig| column.side == side && column.source() == config.name;
        let is_feature = experiment.features.column.iter().any(|column| of_it(&column));
        let used = if is_feature { Use::Feature } else { Use::Attribute };
        (config.column.as_ref().unwrap_or(&config.name).as_str(), used, Some(config.name.as_str()))
    };
    let events = &tables.events;
    let mut columns = vec![(events.user.as_str(), Use::User, None), (events.item.as_str(), Use::Item, None)];
    columns.extend(events.time.as_ref().map(|time| (time.column.as_str(), Use::Time, None)));
    columns.extend(events.request.iter().map(|config| attribute(Side::Request, config)));
    let mut files = vec![BoundFile { file: &events.file, format: &events.format, columns }];
    let sides: [(Option<&AttributesConfig>, Use, Side); 2] =
        [(tables.users.as_ref(), Use::User, Side::User), (tables.items.as_ref(), Use::Item, Side::Item)];
    for (config, id, side) in sides {
        let Some(config) = config else { continue };
        let mut columns = vec![(config.id.as_str(), id, None)];
        columns.extend(config.attributes.iter().map(|config| attribute(side, config)));
        files.push(BoundFile { file: &config.file, format: &config.format, columns });
    }
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
