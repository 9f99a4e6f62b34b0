//! Folders for what programs write while they are measured.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A folder of this process, removed in the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// An empty one below `folder`.
    pub fn new(folder: &Path) -> Result<Self> {
        let path = folder.join(format!("scratch-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
