use std::borrow::Cow;
use std::path::Path;

use u2i_schema::Digest;

use crate::config::{
    AttributeConfig, AttributeKind, AttributesConfig, ReadLimits, SequenceFileConfig, invalid,
};
use crate::frame::{Cells, Table, Wanted};
use crate::ids::Ids;
use crate::tally::Fate;
use crate::{FeatureError, RawColumn, RawData, RawSequence, RawValues, TablesConfig};

/// Reads events and attributes from CSV or Parquet files; relative paths start at `base`.
///
/// Ids are exact text: `007` is not `7`, and an integer column of Parquet is written out. Rows with a blank id or
/// time, or a number that is none, are rejected.
///
/// # Errors
///
/// If a file cannot be read, lacks a column, or holds more bad rows than the limits allow.
pub fn read_tables(config: &TablesConfig, base: &Path) -> Result<RawData, FeatureError> {
    let mut raw = RawData::default();
    let mut digest = Digest::new();
    let (mut user_ids, mut item_ids) = (Ids::default(), Ids::default());

    let events = &config.events;
    let mut table =
        Table::open(&base.join(&events.file), &events.format, &config.limits, "data.tables.events")?;
    let mut request = bind(&table, &events.request, "request")?;
    loop {
        let users = table.cells(&events.user, "user", Wanted::Id)?;
        let items = table.cells(&events.item, "item", Wanted::Id)?;
        let times = table.cells(&events.time.column, "time.column", Wanted::Time(events.time.unit))?;
        for row in 0..table.n_rows() {
            let parsed = (|| {
                let user = users.id(row).map_err(|reason| (&events.user, reason))?;
                let item = items.id(row).map_err(|reason| (&events.item, reason))?;
                let time_s =
                    times.time_s(row, events.time.unit).map_err(|reason| (&events.time.column, reason))?;
                let values = parse_all(&request, row)?;
                Ok((user, item, time_s, values))
            })();
            match parsed {
                Ok((user, item, time_s, values)) => {
                    raw.events.make_room(table.expected());
                    raw.events.user.push(user_ids.intern(&user));
                    raw.events.item.push(item_ids.intern(&item));
                    raw.events.time_s.push(time_s);
                    request.iter_mut().zip(values).for_each(|(attribute, value)| attribute.push(value));
                    table.tally.settle(Fate::Kept);
                }
                Err((column, reason)) => table.reject(row, column, reason),
            }
        }
        if !table.next_part()? {
            break;
        }
        rebind(&mut request, &table, "request")?;
    }
    raw.request = request.into_iter().map(Attribute::finish).collect();
    table.finish(&mut raw, &mut digest)?;

    for (attributes, ids, is_users) in [(&config.users, &user_ids, true), (&config.items, &item_ids, false)] {
        let Some(attributes) = attributes else { continue };
        let key = if is_users { "data.tables.users" } else { "data.tables.items" };
        let columns = read_attributes(attributes, base, &config.limits, key, ids, &mut raw, &mut digest)?;
        *(if is_users { &mut raw.users } else { &mut raw.items }) = columns;
    }
    for sequence in &config.sequences {
        let found = read_sequence(sequence, base, &config.limits, &user_ids, &mut raw, &mut digest)?;
        if raw.sequences.iter().any(|other| other.name == found.name) {
            return Err(invalid("data.tables.sequences.name", "names that differ", &found.name));
        }
        raw.sequences.push(found);
    }
    raw.titles = vec![None; item_ids.len()];
    if let Some(RawColumn { values: RawValues::Text(titles), .. }) =
        raw.items.iter().find(|c| c.name == "title")
    {
        raw.titles.clone_from(titles);
    }
    (raw.user_ids, raw.item_ids) = (user_ids.into_texts(), item_ids.into_texts());
    raw.hash = digest.finish();
    Ok(raw)
}

fn read_attributes(
    config: &AttributesConfig,
    base: &Path,
    limits: &ReadLimits,
    key: &'static str,
    ids: &Ids,
    raw: &mut RawData,
    digest: &mut Digest,
) -> Result<Vec<RawColumn>, FeatureError> {
    let mut table = Table::open(&base.join(&config.file), &config.format, limits, key)?;
    let mut attributes = bind(&table, &config.attributes, "attributes")?;
    attributes.iter_mut().for_each(|attribute| attribute.resize(ids.len()));
    let mut seen = vec![false; ids.len()];
    loop {
        let id_cells = table.cells(&config.id, "id", Wanted::Id)?;
        for row in 0..table.n_rows() {
            let parsed = (|| {
                let id = id_cells.id(row).map_err(|reason| (&config.id, reason))?;
                let values = parse_all(&attributes, row)?;
                let Some(index) = ids.get(&id) else { return Ok(None) };
                if std::mem::replace(&mut seen[index as usize], true) {
                    return Err((&config.id, format!("a second row of the id {id:?}")));
                }
                Ok(Some((index as usize, values)))
            })();
            match parsed {
                Ok(Some((index, values))) => {
                    let each = attributes.iter_mut().zip(values);
                    each.for_each(|(attribute, value)| attribute.set(index, value));
                    table.tally.settle(Fate::Kept);
                }
                Ok(None) => table.tally.settle(Fate::Filtered),
                Err((column, reason)) => table.reject(row, column, reason),
            }
        }
        if !table.next_part()? {
            break;
        }
        rebind(&mut attributes, &table, "attributes")?;
    }
    table.finish(raw, digest)?;
    Ok(attributes.into_iter().map(Attribute::finish).collect())
}

fn read_sequence(
    config: &SequenceFileConfig,
    base: &Path,
    limits: &ReadLimits,
    ids: &Ids,
    raw: &mut RawData,
    digest: &mut Digest,
) -> Result<RawSequence, FeatureError> {
    let mut table = Table::open(&base.join(&config.file), &config.format, limits, "data.tables.sequences")?;
    let mut found = RawSequence { name: config.name.clone(), ..RawSequence::default() };
    let mut texts = Ids::default();
    loop {
        let users = table.cells(&config.user, "user", Wanted::Id)?;
        let values = table.cells(&config.value, "value", Wanted::Id)?;
        let times = table.cells(&config.time.column, "time.column", Wanted::Time(config.time.unit))?;
        for row in 0..table.n_rows() {
            let parsed = (|| {
                let user = users.id(row).map_err(|reason| (&config.user, reason))?;
                let value = values.id(row).map_err(|reason| (&config.value, reason))?;
                let time_s =
                    times.time_s(row, config.time.unit).map_err(|reason| (&config.time.column, reason))?;
                Ok((ids.get(&user), value, time_s))
            })();
            match parsed {
                Ok((Some(user), value, time_s)) => {
                    found.user.push(user);
                    found.value.push(texts.intern(&value));
                    found.time_s.push(time_s);
                    table.tally.settle(Fate::Kept);
                }
                Ok((None, ..)) => table.tally.settle(Fate::Filtered),
                Err((column, reason)) => table.reject(row, column, reason),
            }
        }
        if !table.next_part()? {
            break;
        }
    }
    found.values = texts.into_texts();
    table.finish(raw, digest)?;
    Ok(found)
}

fn parse_all<'a>(attributes: &[Attribute<'a>], row: usize) -> Result<Vec<Value>, (&'a String, String)> {
    attributes
        .iter()
        .map(|attribute| attribute.parse(row).map_err(|reason| (attribute.column, reason)))
        .collect()
}

/// The attributes of the config at `key`, bound to the columns of `table`.
fn bind<'a>(
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
fn rebind(attributes: &mut [Attribute<'_>], table: &Table, key: &str) -> Result<(), FeatureError> {
    for attribute in attributes {
        attribute.cells = table.cells(attribute.column, key, wanted(attribute.kind))?;
    }
    Ok(())
}

fn wanted(kind: &AttributeKind) -> Wanted {
    match kind {
        AttributeKind::Text {} => Wanted::Text,
        AttributeKind::Number {} => Wanted::Number,
        AttributeKind::List { .. } => Wanted::List,
    }
}

/// One value of an attribute.
enum Value {
    Text(Option<String>),
    Number(f64),
    List(Vec<String>),
}

/// An attribute while it is read.
struct Attribute<'a> {
    name: &'a String,
    column: &'a String,
    kind: &'a AttributeKind,
    cells: Cells,
    values: RawValues,
}

impl Attribute<'_> {
    fn parse(&self, row: usize) -> Result<Value, String> {
        Ok(match self.kind {
            AttributeKind::Text {} => Value::Text(self.cells.text(row).map(Cow::into_owned)),
            AttributeKind::Number {} => Value::Number(self.cells.number(row)?),
            AttributeKind::List { separator } => Value::List(self.cells.list(row, *separator)),
        })
    }

    fn resize(&mut self, n: usize) {
        match &mut self.values {
            RawValues::Text(values) => values.resize(n, None),
            RawValues::Number(values) => values.resize(n, f64::NAN),
            RawValues::List(values) => values.resize(n, Vec::new()),
        }
    }

    fn set(&mut self, index: usize, value: Value) {
        match (&mut self.values, value) {
            (RawValues::Text(values), Value::Text(value)) => values[index] = value,
            (RawValues::Number(values), Value::Number(value)) => values[index] = value,
            (RawValues::List(values), Value::List(value)) => values[index] = value,
            _ => unreachable!("values are made for the kind that parses them"),
        }
    }

    fn push(&mut self, value: Value) {
        let n = self.values.len();
        self.resize(n + 1);
        self.set(n, value);
    }

    fn finish(self) -> RawColumn {
        RawColumn { name: self.name.clone(), values: self.values }
    }
}
