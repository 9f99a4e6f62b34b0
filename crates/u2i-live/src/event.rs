use crate::LiveError;

/// The longest id or kind that a store takes, in bytes of UTF-8: what an index of PostgreSQL surely holds of all together.
pub const MAX_TEXT_BYTES: usize = 512;

/// Something that a user did, as it is appended and exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Names the event: one that comes again with this name is kept once.
    pub event_id: String,
    /// Id of the user.
    pub user: String,
    /// Id of the item.
    pub item: String,
    /// When it happened, in Unix seconds.
    pub time_s: i64,
    /// What it was, `view` or `purchase` for instance, where that is known.
    pub kind: Option<String>,
}

impl NewEvent {
    /// Refuses texts that one of the stores could not keep; `position` is that among the events of one call.
    pub(crate) fn check(&self, position: usize) -> Result<(), LiveError> {
        let ids = [("event_id", &self.event_id), ("user", &self.user), ("item", &self.item)];
        let texts = ids.into_iter().chain(self.kind.as_ref().map(|kind| ("kind", kind)));
        texts.into_iter().try_for_each(|(name, text)| {
            check(text)
                .map_err(|reason| LiveError::Text { field: format!("events[{position}].{name}"), reason })
        })
    }
}

/// Refuses ids of items that one of the stores could not keep.
pub(crate) fn check_items(items: &[String]) -> Result<(), LiveError> {
    items.iter().enumerate().try_for_each(|(position, item)| {
        check(item).map_err(|reason| LiveError::Text { field: format!("items[{position}]"), reason })
    })
}

fn check(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("has {} bytes, at most {MAX_TEXT_BYTES} are kept", text.len()));
    }
    if text.contains('\0') {
        return Err("has a NUL".to_owned());
    }
    Ok(())
}

/// An event of a user's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEvent {
    /// Id of the item.
    pub item: String,
    /// When it happened, in Unix seconds.
    pub time_s: i64,
    /// What it was, where that is known.
    pub kind: Option<String>,
}

/// What became of the events of one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Events that were not there.
    pub accepted: usize,
    /// Events that were there already, or earlier in the call.
    pub duplicates: usize,
    /// For each event of the call whether it was there already.
    pub was_there: Vec<bool>,
}

impl Appended {
    /// Adds what became of the next event.
    pub(crate) fn push(&mut self, was_there: bool) {
        self.accepted += usize::from(!was_there);
        self.duplicates += usize::from(was_there);
        self.was_there.push(was_there);
    }
}

/// Events of one kind, with one item, in one hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourCount {
    /// Id of the item.
    pub item: String,
    /// Hours since 1970 in UTC: the seconds by 3,600, rounded down.
    pub hour: i64,
    /// Their kind, where that is known.
    pub kind: Option<String>,
    /// Events.
    pub n: u64,
}

/// Changes whenever hidden items are set or a user is forgotten, by this process or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub(crate) i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_a_store_could_not_keep_is_named() {
        let event = |event_id: &str, user: &str, item: &str, kind: &str| NewEvent {
            event_id: event_id.to_owned(),
            user: user.to_owned(),
            item: item.to_owned(),
            time_s: 0,
            kind: Some(kind.to_owned()),
        };
        let long = "é".repeat(257);
        event(&long[2..], "u", "i", "k").check(0).unwrap();
        let check = |event: NewEvent, wanted: &str| {
            assert_eq!(event.check(3).unwrap_err().to_string(), wanted);
        };
        check(event("", "u", "i", "k"), "events[3].event_id is empty");
        check(event("e", "u\0", "i", "k"), "events[3].user has a NUL");
        check(event("e", "u", &long, "k"), "events[3].item has 514 bytes, at most 512 are kept");
        check(event("e", "u", "i", ""), "events[3].kind is empty");
        let error = check_items(&["a".to_owned(), String::new()]).unwrap_err();
        assert_eq!(error.to_string(), "items[1] is empty");
    }
}
