use std::borrow::Cow;

use crate::config::{AttributeConfig, AttributeKind};
use crate::error::{FeatureError, invalid};
use crate::raw::{RawColumn, RawValues};
use crate::table::Table;
use crate::typed_cells::{TypedCells, Wanted};

/// The values of a row, or the column that is wrong with the reason.
pub(crate) fn parse_all<'a>(
    attributes: &[Attribute<'a>],
    row: usize,
) -> Result<Vec<Value>, (&'a String, String)> {
    attributes
        .iter()
        .map(|attribute| attribute.parse(row).map_err(|reason| (attribute.column, reason)))
        .collect()
}

/// The attributes of the config at `key`, bound to the columns of `table`.
pub(crate) fn bind<'a>(
    table: &Table,
    configs: &'a [AttributeConfig],
    key: &str,
) -> Result<Vec<Attribute<'a>>, FeatureError> {
    let mut attributes: Vec<Attribute<'a>> = Vec::new();
    for config in configs {
        if attributes.iter().any(|other| other.name == &config.name) {
            return Err(invalid(format!("{}.{key}.name", table.key), "names that differ", &config.name));
        }
        let column = config.column.as_ref().unwrap_or(&config.name);
        let values = match config.kind {
            AttributeKind::Text {} => RawValues::Text(Vec::new()),
            AttributeKind::Number {} => RawValues::Number(Vec::new()),
            AttributeKind::List { .. } => RawValues::List(Vec::new()),
        };
        let cells = table.cells(column, key, wanted(&config.kind))?;
        attributes.push(Attribute { name: &config.name, column, kind: &config.kind, cells, values });
    }
    Ok(attributes)
}

/// Binds attributes to the part that `table` has gone on to.
pub(crate) fn rebind(attributes: &mut [Attribute<'_>], table: &Table, key: &str) -> Result<(), FeatureError> {
    for attribute in attributes {
        attribute.cells = table.cells(attribute.column, key, wanted(attribute.kind))?;
    }
    Ok(())
}

fn wanted(kind: &AttributeKind) -> Wanted<'static> {
    match kind {
        AttributeKind::Text {} => Wanted::Text,
        AttributeKind::Number {} => Wanted::Number,
        AttributeKind::List { .. } => Wanted::List,
    }
}

/// One value of an attribute.
pub(crate) enum Value {
    Text(Option<String>),
    Number(f64),
    List(Vec<String>),
}

/// An attribute while it is read.
pub(crate) struct Attribute<'a> {
    name: &'a String,
    column: &'a String,
    kind: &'a AttributeKind,
    cells: TypedCells,
    values: RawValues,
}

impl Attribute<'_> {
    /// What the config calls it.
    pub(crate) fn name(&self) -> &String {
        self.name
    }

    fn parse(&self, row: usize) -> Result<Value, String> {
        Ok(match self.kind {
            AttributeKind::Text {} => Value::Text(self.cells.text(row).map(Cow::into_owned)),
            AttributeKind::Number {} => Value::Number(self.cells.number(row)?),
            AttributeKind::List { separator } => Value::List(self.cells.list(row, *separator)),
        })
    }

    pub(crate) fn resize(&mut self, n: usize) {
        match &mut self.values {
            RawValues::Text(values) => values.resize(n, None),
            RawValues::Number(values) => values.resize(n, f64::NAN),
            RawValues::List(values) => values.resize(n, Vec::new()),
        }
    }

    pub(crate) fn set(&mut self, index: usize, value: Value) {
        match (&mut self.values, value) {
            (RawValues::Text(values), Value::Text(value)) => values[index] = value,
            (RawValues::Number(values), Value::Number(value)) => values[index] = value,
            (RawValues::List(values), Value::List(value)) => values[index] = value,
            _ => unreachable!("values are made for the kind that parses them"),
        }
    }

    pub(crate) fn push(&mut self, value: Value) {
        let n = self.values.len();
        self.resize(n + 1);
        self.set(n, value);
    }

    pub(crate) fn finish(self) -> RawColumn {
        RawColumn { name: self.name.clone(), values: self.values }
    }
}
