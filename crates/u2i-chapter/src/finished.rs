//! Finished runs are kept as files, so that a job that is repeated makes only what is missing.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use u2i::Error;
use u2i::report::write_json;

/// What a file keeps of a finished run; `None` where the run has to be made: the file is not there, cannot be read, or is
/// of another run.
pub(crate) fn kept<T: DeserializeOwned>(path: &Path, is_this_run: impl FnOnce(&T) -> bool) -> Option<T> {
    let bytes = std::fs::read(path).ok()?;
    serde_json::from_slice(&bytes).ok().filter(is_this_run)
}

/// Keeps a finished run in a file, whole or not at all, and hands it on.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn keep<T: Serialize>(path: &Path, run: T) -> Result<T, Error> {
    write_json(path, &run)?;
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_taken_from_its_file_unless_that_is_of_another_or_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/one.json");
        assert_eq!(kept::<Vec<u32>>(&path, |_| true), None);
        assert_eq!(keep(&path, vec![1, 2]).unwrap(), [1, 2]);
        assert_eq!(kept(&path, |run: &Vec<u32>| run.len() == 2), Some(vec![1, 2]));
        assert_eq!(kept(&path, |run: &Vec<u32>| run.len() == 3), None);
        std::fs::write(&path, "[1, 2").unwrap();
        assert_eq!(kept::<Vec<u32>>(&path, |_| true), None);
    }
}
