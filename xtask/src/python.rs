//! A bundle in the hands of Python: numpy, faiss, safetensors and pyarrow see what we see.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{ChildFailed, cargo, root, run as run_command, target_dir};

/// The example of u2i-bundle that writes a bundle and what we say of it.
const EXAMPLE: &str = "write_for_peers";
/// What `scripts/peers.sh` ends with where Python or its packages are missing; it says which.
const SKIPPED: u8 = 77;

/// Writes a bundle and has `scripts/peers.sh` read it.
pub fn run() -> Result<()> {
    // The workspace as `cargo xtask test` builds it: `-p` would give burn other features and build it again.
    let scope = ["--release", "--locked", "--workspace", "--exclude", "u2i-benches"];
    run_command(cargo().current_dir(root()).arg("build").args(scope).args(["--example", EXAMPLE]))?;
    let folder = env::temp_dir().join(format!("u2i-peers-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let example = target_dir().join("release/examples").join(EXAMPLE);
    let checked = run_command(Command::new(example).arg(&folder))
        .and_then(|()| run_command(Command::new(root().join("scripts/peers.sh")).arg(&folder)));
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    match checked {
        Err(error) if is_skipped(&error) => {
            eprintln!("xtask: bundles are not checked with Python");
            Ok(())
        }
        checked => checked,
    }
}

/// Whether `scripts/peers.sh` ended for want of Python or its packages.
pub fn is_skipped(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ChildFailed>().is_some_and(|failed| failed.exit_code == SKIPPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_the_scripts_own_code_is_a_skip() {
        for (code, skipped) in [(77, true), (1, false), (2, false)] {
            let error =
                run_command(Command::new("/bin/sh").args(["-c", &format!("exit {code}")])).unwrap_err();
            assert_eq!(is_skipped(&error), skipped, "{code}");
        }
    }
}
