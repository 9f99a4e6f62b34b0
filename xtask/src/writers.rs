//! Files of pandas, pyarrow, polars, DuckDB and Spark, read to the one table that they were all given.

use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::cargo::{cargo, root, run as run_command};
use crate::python::is_skipped;
use crate::unchecked::unchecked;

/// Names the folder to the test that reads it, `writers::` of u2i-features.
const FOLDER: &str = "U2I_WRITERS_DIR";

/// Has `scripts/peers.sh` write the files, and reads them.
pub fn run() -> Result<()> {
    let folder = env::temp_dir().join(format!("u2i-writers-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let script = root().join("scripts/peers.sh");
    let written = run_command(Command::new(script).arg("--writers").arg(&folder));
    let checked = match written {
        Err(error) if is_skipped(&error) => {
            unchecked("their Python packages cannot be had", "files of other writers");
            Ok(())
        }
        written => written.and_then(|()| {
            let mut command = cargo();
            // The workspace as `cargo xtask test` builds it.
            command.args(["test", "--release", "--locked", "--workspace", "--exclude", "u2i-benches"]);
            command.args(["--test", "it", "--", "writers::", "--ignored"]);
            run_command(command.current_dir(root()).env(FOLDER, &folder))
        }),
    };
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    checked
}
