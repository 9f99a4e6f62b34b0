//! A report that is replaced, and one that could not be.

use std::fs;

use u2i_disk::{DiskError, replace};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("u2i-disk-alone-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = folder.join("report.json");
    replace(&path, b"{}")?;
    replace(&path, b"{\"mrr\": 0.5}")?;
    assert_eq!(fs::read_to_string(&path)?, "{\"mrr\": 0.5}");
    // Nothing else is left beside it.
    assert_eq!(fs::read_dir(&folder)?.count(), 1);

    let nowhere = folder.join("no/such/folder/report.json");
    let error: DiskError = replace(&nowhere, b"{}").unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {}", nowhere.display()));
    fs::remove_dir_all(folder)?;
    Ok(())
}
