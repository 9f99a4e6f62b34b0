//! Public types of two crates that have one name: whoever imports both, or reads of one, has to ask which is meant.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use syn::{Ident, Item, UseTree, Visibility};

use crate::sources::Sources;

/// The names of types that the roots of several of these crates define and export.
pub fn find(crates: impl Iterator<Item = &'static str>, sources: &Sources) -> Result<Vec<String>> {
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in crates {
        let file = format!("crates/{name}/src/lib.rs");
        let text = sources.get(&file).with_context(|| format!("there is no {file}"))?;
        for own in types(text).with_context(|| format!("cannot read {file}"))? {
            owners.entry(own).or_default().push(name);
        }
    }
    let twice = owners.into_iter().filter(|(_, owners)| owners.len() > 1);
    let fault = |(own, owners): (String, Vec<&str>)| {
        format!("`{own}` is a public type of {}; give each a name of its own", owners.join(" and of "))
    };
    Ok(twice.map(fault).collect())
}

/// What a crate's root defines, or takes from a module of its own. What it hands on from other crates has its owner there.
fn types(root: &str) -> Result<BTreeSet<String>> {
    let items = syn::parse_file(root)?.items;
    let of_modules = items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    let modules: BTreeSet<String> = of_modules.chain(["crate".into(), "self".into()]).collect();
    let mut found = BTreeSet::new();
    for item in &items {
        let (visibility, ident) = match item {
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            Item::Type(item) => (&item.vis, &item.ident),
            Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => {
                add_own(&item.tree, &modules, &mut found);
                continue;
            }
            _ => continue,
        };
        if matches!(visibility, Visibility::Public(_)) {
            found.insert(ident.to_string());
        }
    }
    Ok(found)
}

/// Adds the types below the paths of `tree` that begin with a module of the crate.
fn add_own(tree: &UseTree, modules: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) if modules.contains(&path.ident.to_string()) => add_types(&path.tree, found),
        UseTree::Group(group) => group.items.iter().for_each(|tree| add_own(tree, modules, found)),
        _ => {}
    }
}

fn add_types(tree: &UseTree, found: &mut BTreeSet<String>) {
    // Functions have no capital letter, constants nothing else.
    let is_type = |name: &Ident| {
        let name = name.to_string();
        name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
    };
    match tree {
        UseTree::Path(path) => add_types(&path.tree, found),
        UseTree::Group(group) => group.items.iter().for_each(|tree| add_types(tree, found)),
        UseTree::Name(name) if is_type(&name.ident) => found.extend([name.ident.to_string()]),
        UseTree::Rename(name) if is_type(&name.rename) => found.extend([name.rename.to_string()]),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_two_owners_is_found_and_one_that_is_handed_on_is_not() {
        let check = |second: &str, wanted: &[&str]| {
            let first = "mod rank; pub use rank::{MAX, Rank, ranks}; pub struct Metric;";
            let files = [("crates/a/src/lib.rs", first), ("crates/b/src/lib.rs", second)];
            let sources = files.map(|(file, text)| (file.to_owned(), text.to_owned())).into();
            let found = find(["a", "b"].into_iter(), &sources).unwrap();
            let fault =
                |name| format!("`{name}` is a public type of a and of b; give each a name of its own");
            assert_eq!(found, wanted.iter().map(fault).collect::<Vec<_>>(), "{second}");
        };
        check("pub use a::{Metric, rank::Rank};", &[]);
        check("mod own; use own::Rank; pub use own::{MAX, Metric as Measure, ranks};", &[]);
        check("mod own; pub use own::{deeper::Rank, ranks};", &["Rank"]);
        check("mod own; pub use {a::Rank, own::Other as Rank}; pub enum Metric {}", &["Metric", "Rank"]);
        check("pub(crate) struct Rank; pub trait Metric {}", &["Metric"]);
    }
}
