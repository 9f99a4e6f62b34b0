use std::path::Path;

use u2i_schema::Digest;

use crate::config::{
    AttributesConfig, EventsConfig, FilesSplit, Incomplete, KindConfig, LogConfig, LogsConfig,
    SequenceFileConfig, TablesConfig, TimeConfig,
};
use crate::error::{FeatureError, invalid};
use crate::formats::{FileFormat, Formats};
use crate::ids::Ids;
use crate::limits::ReadLimits;
use crate::missing_marks::MissingMarks;
use crate::raw::{EventParts, RawColumn, RawData, RawKinds, RawSequence, RawValues, Times};
use crate::read_progress::ReadProgress;
use crate::table::{Table, how_cells_are_read};
use crate::table_attributes::{Attribute, bind, parse_all, rebind};
use crate::tally::Fate;
use crate::typed_cells::{TypedCells, Wanted};
use crate::unix_time::UnixTime;
use crate::whole_number;

/// Reads events and attributes from files of the built-in formats; relative paths start at `base`.
///
/// Ids are exact text: `007` is not `7`, and an integer column of Parquet is written out. Rows with a blank id or
/// time, or a number that is none, are rejected.
///
/// # Errors
///
/// If a file cannot be read, lacks a column, or holds more bad rows than the limits allow.
pub fn read_tables(config: &TablesConfig, base: &Path) -> Result<RawData, FeatureError> {
    Formats::built_in().read_tables(config, base)
}

impl Formats {
    /// [`read_tables`] of files in these formats.
    ///
    /// # Errors
    ///
    /// As [`read_tables`].
    pub fn read_tables(&self, config: &TablesConfig, base: &Path) -> Result<RawData, FeatureError> {
        read_tables_in(self, config, None, base, &mut ReadProgress::silent())
    }
}

/// [`Formats::read_tables`], and the files of a split behind the events.
pub(crate) fn read_tables_in(
    formats: &Formats,
    config: &TablesConfig,
    split: Option<&FilesSplit>,
    base: &Path,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    let (missing, id) = how_cells_are_read(config.missing.as_deref(), config.whole_number_ids);
    read(config, split, &Files { base, formats, limits: &config.limits, missing, id }, progress)
}

/// Where files are and how they are read.
struct Files<'a> {
    base: &'a Path,
    formats: &'a Formats,
    limits: &'a ReadLimits,
    missing: MissingMarks,
    /// How ids are read.
    id: Wanted<'static>,
}

impl Files<'_> {
    fn open(&self, file: &Path, format: &FileFormat, key: &'static str) -> Result<Table, FeatureError> {
        let table = Table::open(&self.base.join(file), format, self.formats, self.limits, key)?;
        Ok(table.with_missing(self.missing.clone()))
    }
}

fn read(
    config: &TablesConfig,
    split: Option<&FilesSplit>,
    files: &Files<'_>,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    let mut digest = Digest::new();
    let mut found = Found::default();
    if config.events.time.is_none() {
        if !config.sequences.is_empty() {
            return Err(FeatureError::NoTimes { key: "data.tables.sequences".to_owned() });
        }
        found.raw.times = Times::Unknown;
    }
    let key = "data.tables.events";
    found.read(&config.events, None, (config.events.file.as_path(), key), files, &mut digest, progress)?;
    if let Some(FilesSplit { validation, test, .. }) = split {
        let mut next = |file: &Path, key| {
            let begin = found.raw.n_events();
            found.read(&config.events, None, (file, key), files, &mut digest, progress).map(|()| begin)
        };
        let validation =
            validation.as_deref().map(|file| next(file, "split.files.validation")).transpose()?;
        let test = next(test, "split.files.test")?;
        found.raw.parts = Some(EventParts { validation: validation.unwrap_or(test), test });
    }
    let (mut raw, user_ids, item_ids) = found.with_attributes(
        [config.users.as_ref(), config.items.as_ref()],
        ["data.tables.users", "data.tables.items"],
        files,
        &mut digest,
        progress,
    )?;
    for sequence in &config.sequences {
        let found = read_sequence(sequence, files, &user_ids, &mut raw, &mut digest, progress)?;
        if raw.sequences.iter().any(|other| other.name == found.name) {
            return Err(invalid("data.tables.sequences.name", "names that differ", &found.name));
        }
        raw.sequences.push(found);
    }
    Ok(finish(raw, user_ids, item_ids, digest))
}

/// Reads events of several kinds; relative paths start at `base`.
pub(crate) fn read_logs(
    formats: &Formats,
    config: &LogsConfig,
    base: &Path,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    if config.log.is_empty() {
        return Err(invalid("data.logs.log", "at least one file", &config.log));
    }
    let (missing, id) = how_cells_are_read(config.missing.as_deref(), config.whole_number_ids);
    let files = &Files { base, formats, limits: &config.limits, missing, id };
    let mut digest = Digest::new();
    let mut found = Found { kinds: Some(Kinds::default()), ..Found::default() };
    for LogConfig { kind, events } in &config.log {
        if events.time.is_none() {
            return Err(FeatureError::NoTimes { key: "data.logs".to_owned() });
        }
        if events.request != config.log[0].events.request {
            let wanted = "the request columns of the first file";
            return Err(invalid("data.logs.log.events.request", wanted, &events.request));
        }
        let place = (events.file.as_path(), "data.logs.log.events");
        found.read(events, Some(kind), place, files, &mut digest, progress)?;
    }
    let Kinds { names, of_event } = found.kinds.take().unwrap_or_default();
    let names = names.into_texts();
    if let Some(other) = config.targets.iter().find(|target| !names.contains(target)) {
        return Err(FeatureError::UnknownKind { kind: other.clone(), known: names });
    }
    let is_target = |name| config.targets.is_empty() || config.targets.contains(name);
    let is_target = names.iter().map(is_target).collect();
    found.raw.kinds = Some(RawKinds { names, of_event, is_target });
    let attributes = [config.users.as_ref(), config.items.as_ref()];
    let keys = ["data.logs.users", "data.logs.items"];
    let (raw, user_ids, item_ids) = found.with_attributes(attributes, keys, files, &mut digest, progress)?;
    Ok(finish(raw, user_ids, item_ids, digest))
}

fn finish(mut raw: RawData, user_ids: Ids, item_ids: Ids, digest: Digest) -> RawData {
    raw.titles = vec![None; item_ids.len()];
    if let Some(RawColumn { values: RawValues::Text(titles), .. }) =
        raw.items.iter().find(|c| c.name == "title")
    {
        raw.titles.clone_from(titles);
    }
    (raw.user_ids, raw.item_ids) = (user_ids.into_texts(), item_ids.into_texts());
    raw.hash = digest.finish();
    raw
}

/// Kinds of the events so far.
#[derive(Default)]
struct Kinds {
    names: Ids,
    of_event: Vec<u16>,
}

/// The events of the files so far.
#[derive(Default)]
struct Found<'a> {
    raw: RawData,
    user_ids: Ids,
    item_ids: Ids,
    /// Where events have kinds.
    kinds: Option<Kinds>,
    /// Bound to the file that is read.
    request: Vec<Attribute<'a>>,
}

impl<'a> Found<'a> {
    /// Adds the events of a file, whose columns are bound as `events` says; the config names the file at `key`.
    fn read(
        &mut self,
        events: &'a EventsConfig,
        kind: Option<&'a KindConfig>,
        (file, key): (&Path, &'static str),
        files: &Files<'_>,
        digest: &mut Digest,
        progress: &mut ReadProgress<'_>,
    ) -> Result<(), FeatureError> {
        let Found { raw, user_ids, item_ids, kinds, request } = self;
        let mut table = files.open(file, &events.format, key)?;
        match raw.files.is_empty() {
            true => *request = bind(&table, &events.request, "request")?,
            false => rebind(request, &table, "request")?,
        }
        let before = raw.n_events();
        loop {
            let users = table.cells(&events.user, "user", files.id)?;
            let items = table.cells(&events.item, "item", files.id)?;
            let times = events.time.as_ref().map(|time| TimeCells::of(&table, time)).transpose()?;
            let kind_cells = match kind {
                Some(KindConfig::Column(column)) => Some((column, table.cells(column, "kind", Wanted::Id)?)),
                Some(KindConfig::Name(_)) | None => None,
            };
            let expected = before + table.expected();
            for row in 0..table.n_rows() {
                table.step(row, progress)?;
                if is_left_out(events, &users, &items, times.as_ref(), row) {
                    table.tally.settle(Fate::Incomplete);
                    continue;
                }
                let parsed = (|| {
                    let user = users.id(row).map_err(|reason| (&events.user, reason))?;
                    let item = items.id(row).map_err(|reason| (&events.item, reason))?;
                    let time = times.as_ref().map_or(Ok(UnixTime::default()), |times| times.time(row))?;
                    let kind = match &kind_cells {
                        Some((column, cells)) => Some(cells.id(row).map_err(|reason| (*column, reason))?),
                        None => None,
                    };
                    let values = parse_all(request, row)?;
                    Ok((user, item, time, kind, values))
                })();
                match parsed {
                    Ok((user, item, time, own_kind, values)) => {
                        if let (Some(kinds), Some(kind)) = (kinds.as_mut(), kind) {
                            kinds.push(match kind {
                                KindConfig::Name(name) => name,
                                KindConfig::Column(_) => own_kind.as_deref().unwrap_or_default(),
                            })?;
                        }
                        raw.events.make_room(expected);
                        raw.events.push(user_ids.intern(&user), item_ids.intern(&item), time);
                        request.iter_mut().zip(values).for_each(|(attribute, value)| attribute.push(value));
                        table.tally.settle(Fate::Kept);
                    }
                    Err((column, reason)) => table.reject(row, column, reason),
                }
            }
            if !table.next_part()? {
                break;
            }
            rebind(request, &table, "request")?;
        }
        progress.pass(table.n_bytes())?;
        table.finish(raw, digest)
    }

    /// What was found, with the attributes of users and items, whose files the config names at `keys`.
    fn with_attributes(
        self,
        configs: [Option<&AttributesConfig>; 2],
        keys: [&'static str; 2],
        files: &Files<'_>,
        digest: &mut Digest,
        progress: &mut ReadProgress<'_>,
    ) -> Result<(RawData, Ids, Ids), FeatureError> {
        let Found { mut raw, user_ids, item_ids, request, .. } = self;
        raw.request = request.into_iter().map(Attribute::finish).collect();
        let mut read = |config: Option<&AttributesConfig>, key, ids: &Ids| match config {
            Some(config) => read_attributes(config, files, key, ids, &mut raw, digest, progress),
            None => Ok(Vec::new()),
        };
        let users = read(configs[0], keys[0], &user_ids)?;
        let items = read(configs[1], keys[1], &item_ids)?;
        (raw.users, raw.items) = (users, items);
        Ok((raw, user_ids, item_ids))
    }
}

impl Kinds {
    fn push(&mut self, name: &str) -> Result<(), FeatureError> {
        let kind = self.names.intern(name);
        let kind = u16::try_from(kind).map_err(|_| {
            invalid(
                "data.logs.log.kind.column",
                "a column of few kinds",
                format!("the {kind}th kind {name:?}"),
            )
        })?;
        self.of_event.push(kind);
        Ok(())
    }
}

/// The times of a part of a table, and how they are written.
struct TimeCells<'a> {
    config: &'a TimeConfig,
    cells: TypedCells,
}

impl<'a> TimeCells<'a> {
    fn of(table: &Table, config: &'a TimeConfig) -> Result<Self, FeatureError> {
        let cells = table.cells(&config.column, "time.column", Wanted::Time(&config.unit))?;
        Ok(TimeCells { config, cells })
    }

    /// The time of a row, or its column and what is wrong there.
    fn time(&self, row: usize) -> Result<UnixTime, (&'a String, String)> {
        self.cells.time(row, &self.config.unit).map_err(|reason| (&self.config.column, reason))
    }
}

/// Whether a row lacks what the config leaves rows out for.
fn is_left_out(
    events: &EventsConfig,
    users: &TypedCells,
    items: &TypedCells,
    times: Option<&TimeCells<'_>>,
    row: usize,
) -> bool {
    let lacks = |what: Incomplete, cells: &TypedCells| what == Incomplete::LeftOut && cells.is_blank(row);
    lacks(events.without_user, users)
        || lacks(events.without_item, items)
        || times.is_some_and(|times| lacks(events.without_time, &times.cells))
}

fn read_attributes(
    config: &AttributesConfig,
    files: &Files<'_>,
    key: &'static str,
    ids: &Ids,
    raw: &mut RawData,
    digest: &mut Digest,
    progress: &mut ReadProgress<'_>,
) -> Result<Vec<RawColumn>, FeatureError> {
    let mut table = files.open(&config.file, &config.format, key)?;
    let mut attributes = bind(&table, &config.attributes, "attributes")?;
    attributes.iter_mut().for_each(|attribute| attribute.resize(ids.len()));
    let mut seen = vec![false; ids.len()];
    let mut apart = None;
    loop {
        let id_cells = table.cells(&config.id, "id", files.id)?;
        for row in 0..table.n_rows() {
            table.step(row, progress)?;
            let parsed = (|| {
                let id = id_cells.id(row).map_err(|reason| (&config.id, reason))?;
                let values = parse_all(&attributes, row)?;
                let Some(index) = ids.get(&id) else {
                    if apart.is_none() && table.tally.n_kept() == 0 {
                        apart = whole_number::other_form(&id).filter(|other| ids.get(other).is_some());
                    }
                    return Ok(None);
                };
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
    if let Some(of_events) = apart.filter(|_| table.tally.n_kept() == 0) {
        let of_file = whole_number::other_form(&of_events).unwrap_or_default();
        let (path, column) = (files.base.join(&config.file), config.id.clone());
        return Err(FeatureError::DecimalIds { path, column, of_file, of_events });
    }
    progress.pass(table.n_bytes())?;
    table.finish(raw, digest)?;
    Ok(attributes.into_iter().map(Attribute::finish).collect())
}

fn read_sequence(
    config: &SequenceFileConfig,
    files: &Files<'_>,
    ids: &Ids,
    raw: &mut RawData,
    digest: &mut Digest,
    progress: &mut ReadProgress<'_>,
) -> Result<RawSequence, FeatureError> {
    let mut table = files.open(&config.file, &config.format, "data.tables.sequences")?;
    let mut found = RawSequence { name: config.name.clone(), ..RawSequence::default() };
    let mut texts = Ids::default();
    loop {
        let users = table.cells(&config.user, "user", files.id)?;
        let values = table.cells(&config.value, "value", files.id)?;
        let times = TimeCells::of(&table, &config.time)?;
        for row in 0..table.n_rows() {
            table.step(row, progress)?;
            let parsed = (|| {
                let user = users.id(row).map_err(|reason| (&config.user, reason))?;
                let value = values.id(row).map_err(|reason| (&config.value, reason))?;
                let time = times.time(row)?;
                Ok((ids.get(&user), value, time))
            })();
            match parsed {
                Ok((Some(user), value, time)) => {
                    found.push(user, texts.intern(&value), time);
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
    progress.pass(table.n_bytes())?;
    table.finish(raw, digest)?;
    Ok(found)
}
