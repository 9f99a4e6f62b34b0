//! A copy of the checkout, in which bugs are planted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::output;
use crate::sources::Sources;

/// Makes `to` a copy of all files of a checkout that git knows or would take, but those below `without` and with other
/// texts for the files in `changed`. A file that is already there with the same bytes is not written, so that cargo
/// sees no change.
pub fn update(from: &Path, to: &Path, without: &Path, changed: &Sources) -> Result<()> {
    let files = files(from, without)?;
    if to.exists() {
        remove_others(to, to, &files)?;
    }
    for file in &files {
        let original = from.join(file);
        if original.is_symlink() {
            link(&to.join(file), &original)?;
            continue;
        }
        let bytes = match file.to_str().and_then(|file| changed.get(file)) {
            Some(text) => text.clone().into_bytes(),
            None => fs::read(&original).with_context(|| format!("cannot read {}", original.display()))?,
        };
        write(&to.join(file), &bytes, &original)?;
    }
    Ok(())
}

fn files(from: &Path, without: &Path) -> Result<BTreeSet<PathBuf>> {
    let known = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let names = output(Command::new("git").current_dir(from).args(known))?;
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    // git lists a file that was deleted until that is committed, and a nested repository as a folder.
    Ok(files
        .filter(|file| {
            let path = from.join(file);
            (path.is_file() || path.is_symlink()) && !path.starts_with(without)
        })
        .collect())
}

/// Removes whatever a folder of the copy has besides these files, and folders that become empty.
fn remove_others(copy: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let path = entry.path();
        if entry.file_type().with_context(unreadable)?.is_dir() {
            remove_others(copy, &path, files)?;
            // It stays if something is left in it.
            let _ = fs::remove_dir(&path);
        } else if path.strip_prefix(copy).is_ok_and(|file| !files.contains(file)) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Makes `path` a link to where `original` leads, to a file or a folder; git has the configs in packages as links.
fn link(path: &Path, original: &Path) -> Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let leads_to = fs::read_link(original).with_context(|| format!("cannot read {}", original.display()))?;
    if fs::read_link(path).is_ok_and(|old| old == leads_to) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().with_context(unwritable)?).with_context(unwritable)?;
    let _ = fs::remove_file(path);
    #[cfg(unix)]
    return std::os::unix::fs::symlink(&leads_to, path).with_context(unwritable);
    #[cfg(not(unix))]
    anyhow::bail!("{} is a link, which is only copied on Unix", original.display());
}

fn write(path: &Path, bytes: &[u8], original: &Path) -> Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    if fs::read(path).map_or(true, |old| old != bytes) {
        fs::create_dir_all(path.parent().with_context(unwritable)?).with_context(unwritable)?;
        // A read-only file could not be written.
        let _ = fs::remove_file(path);
        fs::write(path, bytes).with_context(unwritable)?;
    }
    let permissions = fs::metadata(original).with_context(unwritable)?.permissions();
    fs::set_permissions(path, permissions).with_context(unwritable)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn only_what_differs_is_written_and_what_is_gone_is_removed() {
        let top = std::env::temp_dir().join(format!("u2i-copy-{}", std::process::id()));
        let (from, to) = (top.join("from"), top.join("to"));
        let set = |file: &str, text: &str| {
            fs::create_dir_all(from.join(file).parent().unwrap()).unwrap();
            fs::write(from.join(file), text).unwrap();
        };
        for (file, text) in [
            ("a.rs", "a"),
            ("sub/b.rs", "b"),
            ("gone/c.rs", "c"),
            ("ignored/d.rs", "d"),
            ("target/e", "e"),
            (".gitignore", "ignored/\n"),
        ] {
            set(file, text);
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("sub", from.join("link")).unwrap();
        output(Command::new("git").args(["init", "--quiet"]).arg(&from)).unwrap();
        output(Command::new("git").current_dir(&from).args(["add", "a.rs", "gone"])).unwrap();
        let changed = Sources::from([("a.rs".to_owned(), "planted".to_owned())]);
        let copy = || update(&from, &to, &from.join("target"), &changed).unwrap();
        let text = |file: &str| fs::read_to_string(to.join(file)).ok();
        copy();
        let found = ["a.rs", "sub/b.rs", "gone/c.rs", "ignored/d.rs", "target/e"].map(text);
        assert_eq!(
            found.each_ref().map(Option::as_deref),
            [Some("planted"), Some("b"), Some("c"), None, None]
        );

        let old = SystemTime::now() - Duration::from_secs(100);
        for file in ["a.rs", "sub/b.rs"] {
            fs::File::options().append(true).open(to.join(file)).unwrap().set_modified(old).unwrap();
        }
        fs::remove_dir_all(from.join("gone")).unwrap();
        set("sub/b.rs", "new");
        fs::write(to.join("left.txt"), "by a test").unwrap();
        copy();
        let time = |file: &str| fs::metadata(to.join(file)).unwrap().modified().unwrap();
        assert!(time("a.rs") <= old && time("sub/b.rs") > old);
        assert_eq!(text("sub/b.rs").as_deref(), Some("new"));
        #[cfg(unix)]
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("sub"));
        assert!(!to.join("gone").exists() && !to.join("left.txt").exists());
        fs::remove_dir_all(&top).unwrap();
    }
}
