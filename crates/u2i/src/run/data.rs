use std::io::ErrorKind;
use std::path::Path;

use u2i_features::{FeatureError, RawData, Reject};

use crate::Error;
use crate::progress::Progress;
use crate::report::write_rejects;

/// Reads data and lists the rows that could not be used in a file, be they few or too many.
///
/// # Errors
///
/// What reading ends with, or if the list cannot be written.
pub fn read_listing_rejects(
    list: &Path,
    progress: &mut dyn Progress,
    read: impl FnOnce(&mut dyn Progress) -> Result<RawData, Error>,
) -> Result<RawData, Error> {
    let result = read(progress);
    let rejects: Vec<(&Path, &Reject)> = match &result {
        Ok(raw) => raw.files.iter().flat_map(|file| listed(&file.path, &file.rejects)).collect(),
        Err(Error::Features(FeatureError::TooManyRejects { path, rejects, .. })) => {
            listed(path, rejects).collect()
        }
        Err(_) => Vec::new(),
    };
    if !rejects.is_empty() {
        write_rejects(list, rejects)?;
        progress.line(&format!("rows that cannot be used are listed in {}", list.display()));
    } else if result.is_ok() {
        // An older job's list would be taken for this one's.
        match std::fs::remove_file(list) {
            Err(source)
                if source.kind() != ErrorKind::NotFound && source.kind() != ErrorKind::NotADirectory =>
            {
                return Err(Error::Io { action: "remove", path: list.into(), source });
            }
            _ => {}
        }
    }
    if let Ok(raw) = &result {
        for file in &raw.files {
            progress.line(&format!(
                "  {}: {} rows read = {} kept + {} rejected + {} filtered",
                file.path.file_name().unwrap_or(file.path.as_os_str()).display(),
                file.read,
                file.kept,
                file.rejects.len(),
                file.filtered
            ));
        }
    }
    result
}

fn listed<'a>(path: &'a Path, rejects: &'a [Reject]) -> impl Iterator<Item = (&'a Path, &'a Reject)> {
    rejects.iter().map(move |reject| (path, reject))
}
