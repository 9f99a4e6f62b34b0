//! Running cargo and other programs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::{env, fmt};

use anyhow::{Context, Result};
use serde_json::Value;

/// The package of the program `u2i`, which may use all of the house.
pub const PROGRAM: &str = "u2i-cli";

/// The top of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the checkout")
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| std::path::absolute(&dir).unwrap_or_else(|_| dir.into()))
}

/// Cargo as the user would have started it. `cargo xtask` describes xtask itself in the environment; build
/// scripts that watch those variables (ring's) would run again on each change between the two.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os().filter(|(name, _)| describes_xtask(name)) {
        command.env_remove(name);
    }
    command
}

fn describes_xtask(name: &OsStr) -> bool {
    const PREFIXES: [&str; 5] =
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    name.to_str().is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// Runs a command to its end, in sight. An exit code other than 0 is a [`ChildFailed`].
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if status.success() { Ok(()) } else { Err(ChildFailed { line, exit_code: exit_code(status) }.into()) }
}

/// Runs a command and returns what it printed; its errors stay in sight.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        return Err(ChildFailed { line, exit_code: exit_code(output.status) }.into());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not UTF-8"))
}

/// Puts the command in xtask's place, so that signals and the exit code are its own. Returns only on failure.
#[cfg(unix)]
pub fn become_command(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    eprintln!("$ {}", line(command));
    Err(command.exec()).with_context(|| format!("cannot start `{}`", line(command)))
}

/// Runs the command and passes its exit code on.
#[cfg(not(unix))]
pub fn become_command(command: &mut Command) -> Result<()> {
    run(command)
}

/// `cargo metadata` of the workspace, with all that it depends on.
pub fn metadata() -> Result<Value> {
    let args = ["metadata", "--format-version", "1", "--locked"];
    let text = output(cargo().current_dir(root()).args(args))?;
    serde_json::from_str(&text).context("`cargo metadata` printed no JSON")
}

/// A command that ended with an exit code other than 0, which becomes xtask's own.
#[derive(Debug)]
pub struct ChildFailed {
    line: String,
    /// 128 and the number of the signal for a command that a signal ended.
    pub exit_code: u8,
}

impl fmt::Display for ChildFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` failed with exit code {}", self.line, self.exit_code)
    }
}

impl std::error::Error for ChildFailed {}

fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(1);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The command as one would type it; cargo by its name, not its path.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words: Vec<OsString> =
        std::iter::once(program).chain(command.get_args()).map(OsStr::to_os_string).collect();
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cargo_says_of_xtask_is_taken_from_the_environment() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME"] {
            assert!(describes_xtask(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "CARGO_NET_OFFLINE", "PATH"] {
            assert!(!describes_xtask(OsStr::new(name)), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_failed_command_keeps_its_exit_code_and_a_signal_becomes_128_and_its_number() {
        for (script, wanted) in [("exit 75", 75), ("kill -9 $$", 137)] {
            let error = run(Command::new("/bin/sh").args(["-c", script])).unwrap_err();
            assert_eq!(error.downcast_ref::<ChildFailed>().unwrap().exit_code, wanted, "{script}");
        }
    }
}
