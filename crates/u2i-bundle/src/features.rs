//! Requests as the batches that the model was trained on: the same columns, encoded by the same code.

use std::borrow::Cow;

use u2i_schema::{
    BatchMaker, Catalog, Column, ColumnData, EventStore, NO_TIME, Raw, Side, SideEvents, Transform, UserRows,
    Users, hour, nearest_name, weekday,
};

use crate::{BundleError, Request};

/// A fitted column and the raw attribute that it is made from.
pub(crate) struct Served {
    pub column: Column,
    pub source: String,
}

/// Columns of users and requests, in the order of the batches.
pub(crate) struct Features {
    user: Vec<Served>,
    request: Vec<Served>,
    /// Of each sequence among the request columns, in their order.
    sequences: Vec<SideEvents>,
}

/// A request whose ids were looked up.
pub(crate) struct Asked<'a> {
    /// Its place among all requests, for messages.
    pub place: usize,
    pub request: &'a Request,
    /// The user's row in the bundle.
    pub user: Option<u32>,
    /// Items, oldest first.
    pub history: Cow<'a, [u32]>,
    /// Their times in Unix seconds, or none where they are not known.
    pub times_s: Cow<'a, [i64]>,
    pub unknown_items: Vec<String>,
    /// The user's events that are at or after the moment.
    pub n_later_events: usize,
    /// How many of the history are live events.
    pub n_live_events: usize,
}

impl Asked<'_> {
    /// The moment that columns are made of: the one that is asked about, else the clock's.
    fn moment_s(&self) -> Option<i64> {
        self.request.at_s.or(self.request.now_s)
    }

    /// The moment that the age of events is told from. Where none is asked about, no event is taken to be still to come.
    fn ages_from_s(&self) -> Option<i64> {
        let newest_s = self.times_s.iter().copied().max();
        self.request.at_s.or_else(|| self.request.now_s.map(|now_s| newest_s.map_or(now_s, |s| s.max(now_s))))
    }
}

/// A raw value that a request comes with.
enum ContextValue<'a> {
    Missing,
    Text(&'a str),
    Number(f64),
    List(&'a [String]),
}

impl Features {
    pub fn new(columns: impl Iterator<Item = Served>, sequences: Vec<SideEvents>) -> Self {
        let (user, rest): (Vec<_>, Vec<_>) = columns.partition(|served| served.column.side == Side::User);
        let request = rest.into_iter().filter(|served| served.column.side == Side::Request).collect();
        Features { user, request, sequences }
    }

    /// The user side of a batch, a row for each request. Nothing is asked of `catalog` but which items were trained.
    pub fn batch(
        &self,
        asked: &[&Asked<'_>],
        users: &Users,
        catalog: &Catalog,
        history_len: usize,
        gap_edges_s: &[i64],
    ) -> Result<UserRows, BundleError> {
        let mut offsets = Vec::with_capacity(asked.len() + 1);
        offsets.push(0);
        let (mut items, mut times_s) = (Vec::new(), Vec::new());
        for asked in asked {
            self.check_keys(asked)?;
            items.extend_from_slice(&asked.history);
            times_s.extend_from_slice(&asked.times_s);
            // What is known by its place only.
            times_s.resize(items.len(), NO_TIME);
            offsets.push(items.len() as u64);
        }
        let n_events = items.len();
        // The batch has no use for the request columns of past events.
        let past = self.request.iter().map(|served| blank(&served.column.transform, n_events)).collect();
        let events =
            EventStore::new(offsets, items, times_s, past).expect("histories hold items of the catalog");
        let own = self.user_columns(asked, users)?;
        let own = Users::new(vec![String::new(); asked.len()], own);
        let now = self.request_columns(asked)?;
        let maker = BatchMaker::new(&events, &own, catalog, history_len).with_gap_edges_s(gap_edges_s);
        let all: Vec<u32> = (0..asked.len() as u32).collect();
        let at_s: Vec<Option<i64>> = asked.iter().map(|asked| asked.ages_from_s()).collect();
        Ok(maker.asked_now(&all, &at_s, &now).expect("columns are encoded by their own transforms"))
    }

    fn user_columns(&self, asked: &[&Asked<'_>], users: &Users) -> Result<Vec<ColumnData>, BundleError> {
        let mut columns = Vec::new();
        for (served, stored) in self.user.iter().zip(users.columns()) {
            let mut column = blank(&served.column.transform, 0);
            for asked in asked {
                match asked.user {
                    Some(user) => push(&mut column, stored, user as usize),
                    None => push(&mut column, &served.encode(asked)?, 0),
                }
            }
            columns.push(column);
        }
        Ok(columns)
    }

    fn request_columns(&self, asked: &[&Asked<'_>]) -> Result<Vec<ColumnData>, BundleError> {
        let mut columns = Vec::new();
        let mut sequences = self.sequences.iter();
        for served in &self.request {
            let stored = match &served.column.transform {
                Transform::Sequence { length, .. } => sequences.next().map(|side| (side, *length as usize)),
                _ => None,
            };
            let mut column = blank(&served.column.transform, 0);
            for asked in asked {
                match (stored, asked.user, served.context_value(asked)) {
                    (Some((side, length)), Some(user), ContextValue::Missing) => {
                        let rows = side.before(user as usize, asked.request.at_s, length);
                        let (from, to) = (vec![0], vec![rows.len() as u32]);
                        push(&mut column, &ColumnData::Windows { from, to, rows }, 0);
                    }
                    _ => push(&mut column, &served.encode(asked)?, 0),
                }
            }
            columns.push(column);
        }
        Ok(columns)
    }

    /// That a value is given for a column that there is: a misspelt one would be missing without a word.
    fn check_keys(&self, asked: &Asked<'_>) -> Result<(), BundleError> {
        let all = || self.user.iter().chain(&self.request);
        for key in asked.request.context.keys().chain(asked.request.lists.keys()) {
            if !all().any(|served| served.is_called(key)) {
                let known: Vec<&str> = all().map(|served| served.column.name.as_str()).collect();
                let mut reason = match known.len() {
                    0 => "the model has no columns of users or requests".to_owned(),
                    _ => format!("no column of users or requests, there are {}", known.join(", ")),
                };
                let names = all().flat_map(|served| [&served.column.name, &served.source]);
                if let Some(nearest) = nearest_name(key, names.map(String::as_str)) {
                    reason += &format!("; did you mean `{nearest}`?");
                }
                return Err(BundleError::Request { request: asked.place, key: key.clone(), reason });
            }
        }
        Ok(())
    }
}

impl Served {
    /// The value of the column for somebody who is not known, as one entry.
    fn encode(&self, asked: &Asked<'_>) -> Result<ColumnData, BundleError> {
        let error = |reason: String| BundleError::Request {
            request: asked.place,
            key: self.column.name.clone(),
            reason,
        };
        let list: Vec<String>;
        let text: String;
        let is_text = matches!(self.column.transform, Transform::Categorical(_) | Transform::Hashed { .. });
        let is_list =
            matches!(self.column.transform, Transform::MultiCategorical(_) | Transform::Sequence { .. });
        let raw = match self.context_value(asked) {
            ContextValue::Missing => Raw::Missing,
            ContextValue::Text(given) if given.trim().is_empty() => Raw::Missing,
            ContextValue::Text(given) if is_text => Raw::Text(given),
            ContextValue::Text(given) if is_list => {
                let values = given.split('|').map(str::trim).filter(|value| !value.is_empty());
                list = values.map(str::to_owned).collect();
                Raw::List(&list)
            }
            ContextValue::List(given) if is_list => Raw::List(given),
            ContextValue::List(given) => {
                return Err(error(format!("expected one value, found a list of {}", given.len())));
            }
            ContextValue::Text(given) => match given.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Raw::Number(number),
                _ => return Err(error(format!("expected a number, found `{given}`"))),
            },
            // As fitting makes categories of numbers.
            ContextValue::Number(number) if is_text || is_list => {
                text = number.to_string();
                Raw::Text(&text)
            }
            ContextValue::Number(number) => Raw::Number(number),
        };
        self.column.encode([raw]).map_err(|cause| error(cause.to_string()))
    }

    /// Whether a request may call the column so.
    fn is_called(&self, key: &str) -> bool {
        self.column.name == key || self.source == key
    }

    fn context_value<'a>(&self, asked: &Asked<'a>) -> ContextValue<'a> {
        let Request { context, lists, user, .. } = asked.request;
        if let Some(list) = lists.get(&self.column.name).or_else(|| lists.get(&self.source)) {
            return ContextValue::List(list);
        }
        if let Some(text) = context.get(&self.column.name).or_else(|| context.get(&self.source)) {
            return ContextValue::Text(text);
        }
        // An id is known of nobody who was forgotten.
        let user = user.as_ref().filter(|_| !asked.request.forgotten);
        match (self.column.side, self.source.as_str(), asked.moment_s(), user) {
            (Side::Request, "time_s", Some(time_s), _) => ContextValue::Number(time_s as f64),
            (Side::Request, "hour", Some(time_s), _) => ContextValue::Number(hour(time_s) as f64),
            (Side::Request, "weekday", Some(time_s), _) => ContextValue::Number(weekday(time_s) as f64),
            (Side::User, "user_id", _, Some(user)) => ContextValue::Text(user),
            _ => ContextValue::Missing,
        }
    }
}

/// `n` entries that mean nothing, in the form of a transform.
fn blank(transform: &Transform, n: usize) -> ColumnData {
    match transform {
        _ if transform.n_rows().is_none() => ColumnData::Values(vec![0.0; n]),
        Transform::MultiCategorical(_) => ColumnData::Bags { offsets: vec![0; n + 1], rows: Vec::new() },
        Transform::Sequence { .. } => {
            ColumnData::Windows { from: vec![0; n], to: vec![0; n], rows: Vec::new() }
        }
        _ => ColumnData::Rows(vec![0; n]),
    }
}

/// Adds an entry of another column of the same form.
fn push(column: &mut ColumnData, from: &ColumnData, entry: usize) {
    match (column, from) {
        (ColumnData::Rows(rows), ColumnData::Rows(from)) => rows.push(from[entry]),
        (ColumnData::Values(values), ColumnData::Values(from)) => values.push(from[entry]),
        (ColumnData::Bags { offsets, rows }, ColumnData::Bags { offsets: of_from, rows: from }) => {
            rows.extend_from_slice(&from[of_from[entry] as usize..of_from[entry + 1] as usize]);
            offsets.push(rows.len() as u32);
        }
        (ColumnData::Windows { from, to, rows }, ColumnData::Windows { from: begin, to: end, rows: all }) => {
            from.push(rows.len() as u32);
            rows.extend_from_slice(&all[begin[entry] as usize..end[entry] as usize]);
            to.push(rows.len() as u32);
        }
        _ => unreachable!("a column has one form"),
    }
}
