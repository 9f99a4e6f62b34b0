use std::collections::HashMap;

use crate::column::ColumnData;
use crate::hash::Digest;
use crate::vocabulary::PADDING;

/// All items that can be recommended: `item_idx` 1 to [`n_items`](Self::n_items).
///
/// Items with a training event come first, so that `item_idx` is also the row of an id table of
/// [`n_trained`](Self::n_trained) items; an item beyond has no id vector and can be ranked by its attributes
/// only, or with the vector that [`unknown_row`](Self::unknown_row) has for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    ids: Vec<String>,
    titles: Vec<Option<String>>,
    counts: Vec<u32>,
    n_trained: usize,
    has_unknown_row: bool,
    columns: Vec<ColumnData>,
    by_id: HashMap<String, u32>,
}

impl Catalog {
    /// A catalog of `ids`, the item of `item_idx` 1 first, with `[items]` titles and columns, and the number
    /// of training events `[items + 1]`, entry 0 being padding.
    ///
    /// # Panics
    ///
    /// If lengths differ, an id repeats, or an item without training events precedes one that has some.
    pub fn new(
        ids: Vec<String>,
        titles: Vec<Option<String>>,
        counts: Vec<u32>,
        columns: Vec<ColumnData>,
    ) -> Self {
        assert_eq!(titles.len(), ids.len(), "one title per item");
        assert_eq!(counts.len(), ids.len() + 1, "one count per item, and one for padding");
        assert!(columns.iter().all(|column| column.len() == ids.len()), "one entry per item");
        let n_trained = counts.iter().skip(1).take_while(|&&count| count > 0).count();
        assert!(
            counts.iter().skip(n_trained + 1).all(|&count| count == 0),
            "items with training events come first"
        );
        let by_id: HashMap<String, u32> = ids.iter().cloned().zip(1..).collect();
        assert_eq!(by_id.len(), ids.len(), "ids are unique");
        Catalog { ids, titles, counts, n_trained, has_unknown_row: false, columns, by_id }
    }

    /// The catalog with one more row in id tables, that of an item whose id says nothing: it stands for items without
    /// training events where they are scored.
    #[must_use]
    pub fn with_unknown_row(self) -> Self {
        Catalog { has_unknown_row: true, ..self }
    }

    /// The row of items whose ids say nothing, the last of an id table, if there is one.
    pub fn unknown_row(&self) -> Option<u32> {
        self.has_unknown_row.then_some(self.n_trained as u32 + 1)
    }

    /// Rows of an id table besides padding.
    pub fn n_id_rows(&self) -> usize {
        self.n_trained + usize::from(self.has_unknown_row)
    }

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.ids.len()
    }

    /// Number of items with a training event; they are `item_idx` 1 to `n_trained`.
    pub fn n_trained(&self) -> usize {
        self.n_trained
    }

    /// The row of an item of a history in an id table: `item_idx`, or padding for an item without training events.
    pub fn id_row(&self, item_idx: u32) -> u32 {
        if item_idx as usize <= self.n_trained { item_idx } else { PADDING }
    }

    /// The row of an item that is scored: `item_idx`, or for an item without training events
    /// [`unknown_row`](Self::unknown_row), or padding where there is none.
    pub fn scored_row(&self, item_idx: u32) -> u32 {
        match self.id_row(item_idx) {
            PADDING => self.unknown_row().unwrap_or(PADDING),
            row => row,
        }
    }

    /// The raw id of an item.
    ///
    /// # Panics
    ///
    /// If `item_idx` is 0 or above [`n_items`](Self::n_items).
    pub fn item_id(&self, item_idx: u32) -> &str {
        &self.ids[item_idx as usize - 1]
    }

    /// The title of an item, where the data has one.
    ///
    /// # Panics
    ///
    /// If `item_idx` is 0 or above [`n_items`](Self::n_items).
    pub fn title(&self, item_idx: u32) -> Option<&str> {
        self.titles[item_idx as usize - 1].as_deref()
    }

    /// The `item_idx` of a raw id.
    pub fn item_idx(&self, item_id: &str) -> Option<u32> {
        self.by_id.get(item_id).copied()
    }

    /// Number of training events per item, `[items + 1]`; entry 0 is padding and 0.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Item columns in the order of the schema, `[items]` each: entry `item_idx - 1`.
    pub fn columns(&self) -> &[ColumnData] {
        &self.columns
    }

    /// BLAKE3 of ids, counts and columns.
    pub fn digest(&self) -> String {
        let digest = self.ids.iter().fold(Digest::new(), |digest, id| digest.part("id", id.as_bytes()));
        let digest = digest.numbers("counts", &self.counts);
        self.columns.iter().fold(digest, |digest, column| column.digest("column", digest)).finish()
    }
}

/// All users of the event store: raw ids and encoded columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Users {
    ids: Vec<String>,
    columns: Vec<ColumnData>,
}

impl Users {
    /// Users in the order of the event store, with `[users]` columns in the order of the schema.
    ///
    /// # Panics
    ///
    /// If a column has not one entry per user.
    pub fn new(ids: Vec<String>, columns: Vec<ColumnData>) -> Self {
        assert!(columns.iter().all(|column| column.len() == ids.len()), "one entry per user");
        Users { ids, columns }
    }

    /// Raw ids.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// User columns, `[users]` each.
    pub fn columns(&self) -> &[ColumnData] {
        &self.columns
    }
}
