//! The Rust sources of the checkout, as text.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::root;

/// Each source by its path from the top of the checkout, with `/` between folders.
pub type Sources = BTreeMap<String, String>;

/// All of the crates, their tests and examples with them.
pub fn of_crates() -> Result<Sources> {
    below("crates")
}

/// All below a folder of the checkout.
pub fn below(folder: &str) -> Result<Sources> {
    let mut sources = Sources::new();
    read(&root().join(folder), folder, &mut sources)?;
    Ok(sources)
}

fn read(folder: &Path, name: &str, sources: &mut Sources) -> Result<()> {
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let Some(own) = path.file_name().and_then(|own| own.to_str()) else { continue };
        let name = format!("{name}/{own}");
        if path.is_dir() {
            read(&path, &name, sources)?;
        } else if own.ends_with(".rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
            sources.insert(name, text);
        }
    }
    Ok(())
}

/// The number of the line that begins at this byte or holds it, from 1.
pub fn line_of(text: &str, byte: usize) -> usize {
    text[..byte].matches('\n').count() + 1
}
