//! `items.parquet`: one row per item, `item_idx` 1 first; and `item_vectors.parquet` for other programs.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use u2i_index::ItemVectors;
use u2i_schema::Catalog;

use crate::BundleError;
use crate::error::malformed;
use crate::manifest::{AttributeEntry, PartEntry, Sizes, ValueKind};
use crate::table::{self, Cells, Lists, TableFile};

/// Columns that every `items.parquet` has.
const OWN_COLUMNS: [&str; 4] = ["item_idx", "item_id", "title", "train_count"];

/// A raw attribute of the items, as it was read: what conditions on items ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Name that conditions use.
    pub name: String,
    /// One entry per item, `item_idx` 1 first.
    pub values: AttributeValues,
}

/// Values of an [`Attribute`].
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValues {
    /// One text each, where there is one.
    Text(Vec<Option<String>>),
    /// One number each; NaN is missing.
    Number(Vec<f64>),
    /// Several texts each.
    List(Vec<Vec<String>>),
}

impl AttributeValues {
    pub(crate) fn len(&self) -> usize {
        match self {
            AttributeValues::Text(values) => values.len(),
            AttributeValues::Number(values) => values.len(),
            AttributeValues::List(values) => values.len(),
        }
    }

    fn kind(&self) -> ValueKind {
        match self {
            AttributeValues::Text(_) => ValueKind::Text,
            AttributeValues::Number(_) => ValueKind::Number,
            AttributeValues::List(_) => ValueKind::List,
        }
    }

    fn cells(&self) -> Cells<'_> {
        match self {
            AttributeValues::Text(values) => {
                Cells::OptionalText(values.iter().map(Option::as_deref).collect())
            }
            AttributeValues::Number(values) => {
                Cells::OptionalNumber(values.iter().map(|&x| (!x.is_nan()).then_some(x)).collect())
            }
            AttributeValues::List(values) => Cells::TextLists(Lists {
                offsets: offsets(values.iter().map(Vec::len)).into(),
                values: values.iter().flatten().map(String::as_str).collect(),
            }),
        }
    }
}

fn offsets(lengths: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut end = 0;
    std::iter::once(0)
        .chain(lengths.map(|n| {
            end += n as u64;
            end
        }))
        .collect()
}

/// The manifest's entries of some attributes. One that has the name of a column of ours gets another in the table.
pub(crate) fn entries(attributes: &[Attribute]) -> Vec<AttributeEntry> {
    let entry = |attribute: &Attribute| {
        let mut column = attribute.name.clone();
        while OWN_COLUMNS.contains(&column.as_str())
            || (column != attribute.name && attributes.iter().any(|other| other.name == column))
        {
            column.push('_');
        }
        AttributeEntry { name: attribute.name.clone(), column, kind: attribute.values.kind() }
    };
    attributes.iter().map(entry).collect()
}

/// Writes the items and says how many rows and columns the table has.
pub(crate) fn write(
    path: &Path,
    catalog: &Catalog,
    attributes: &[Attribute],
    stamp: &str,
) -> Result<[u64; 2], BundleError> {
    let all: Vec<u32> = (1..=catalog.n_items() as u32).collect();
    let mut columns = vec![
        Cells::Rows(Cow::Borrowed(&all)),
        Cells::Text(all.iter().map(|&item| catalog.item_id(item)).collect()),
        Cells::OptionalText(all.iter().map(|&item| catalog.title(item)).collect()),
        Cells::Rows(Cow::Borrowed(&catalog.counts()[1..])),
    ];
    columns.extend(attributes.iter().map(|attribute| attribute.values.cells()));
    let names = OWN_COLUMNS.map(str::to_owned).into_iter();
    let names = names.chain(entries(attributes).into_iter().map(|entry| entry.column));
    let columns: Vec<_> = names.zip(columns).collect();
    table::write(path, &columns, stamp)?;
    Ok([all.len() as u64, columns.len() as u64])
}

/// The items without encoded columns, which serving has no use for: their vectors are there.
pub(crate) fn read(
    path: &Path,
    part: &PartEntry,
    sizes: Sizes,
    entries: &[AttributeEntry],
) -> Result<(Catalog, Vec<Attribute>), BundleError> {
    let table = TableFile::open(path, part)?;
    let broken = |what: &str| Err(malformed(path, what));
    if table.n_rows() != sizes.items {
        return broken("not as many items as the manifest says");
    }
    let indices: Vec<u32> = table.cells("item_idx")?;
    if !indices.iter().copied().eq(1..=indices.len() as u32) {
        return broken("items are not numbered from 1");
    }
    let ids: Vec<String> = table.cells("item_id")?;
    if ids.iter().collect::<HashSet<_>>().len() != ids.len() {
        return broken("an item id repeats");
    }
    let counts: Vec<u32> = table.cells("train_count")?;
    let (trained, cold) = counts.split_at(sizes.items_trained);
    if trained.contains(&0) || cold.iter().any(|&count| count > 0) {
        return broken("items with training events do not come first");
    }
    let counts = std::iter::once(0).chain(counts).collect();
    let catalog = Catalog::new(ids, table.optional("title")?, counts, vec![]);
    let mut attributes = Vec::new();
    for AttributeEntry { name, column, kind } in entries {
        let values = match kind {
            ValueKind::Text => AttributeValues::Text(table.optional(column)?),
            ValueKind::Number => {
                let numbers: Vec<Option<f64>> = table.optional(column)?;
                AttributeValues::Number(numbers.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect())
            }
            ValueKind::List => {
                let (offsets, values) = table.lists::<String>(column)?;
                let mut values = values.into_iter();
                let list = |pair: &[u64]| values.by_ref().take((pair[1] - pair[0]) as usize).collect();
                AttributeValues::List(offsets.windows(2).map(list).collect())
            }
        };
        attributes.push(Attribute { name: name.clone(), values });
    }
    Ok((catalog, attributes))
}

/// Writes the vectors with the ids of their items, and says how many rows and columns the table has.
pub(crate) fn write_vectors(
    path: &Path,
    catalog: &Catalog,
    vectors: &ItemVectors,
    stamp: &str,
) -> Result<[u64; 2], BundleError> {
    let ids = vectors.ids();
    let lists = Lists {
        offsets: offsets(ids.iter().map(|_| vectors.dim())).into(),
        values: Cow::Borrowed(vectors.data()),
    };
    let columns = [
        ("item_idx".to_owned(), Cells::Rows(Cow::Borrowed(ids))),
        ("item_id".to_owned(), Cells::Text(ids.iter().map(|&item| catalog.item_id(item)).collect())),
        ("vector".to_owned(), Cells::ValueLists(lists)),
    ];
    table::write(path, &columns, stamp)?;
    Ok([ids.len() as u64, columns.len() as u64])
}
