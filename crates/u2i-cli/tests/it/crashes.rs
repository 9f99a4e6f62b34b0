//! Stopping, killing and starving the binary while it trains.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use u2i_chapter::ModelName;
use u2i_random::{Purpose, Stream};

use crate::command_line::comparable;
use crate::{full, tuned};

const RUN: &str = "synthetic/time/tuned/youtube_dnn/seed-1";

/// A run of about a second that keeps its state after every step.
pub(crate) fn command(out: &Path, more: &[&str]) -> Command {
    every("0", out, more)
}

/// A run of about a second that keeps its state at most once in so many seconds.
pub(crate) fn every(seconds: &str, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_u2i"));
    command
        .args([
            "reproduce",
            "youtube_dnn",
            "--dataset",
            "synthetic",
            "--protocol",
            "time",
            "--recipe",
            "tuned",
        ])
        .args(["--checkpoint-every", seconds, "--out"])
        .arg(out)
        .args(more)
        .env_remove("U2I_DATA_DIR")
        .env("XDG_CACHE_HOME", out);
    command
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files of the one checkpoint that is left.
pub(crate) fn checkpoint(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = out.join(RUN).join("checkpoints");
    let mut folders = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let only: PathBuf = folders.next().unwrap();
    assert!(folders.next().is_none(), "one checkpoint is left");
    let entries = std::fs::read_dir(only).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until a checkpoint is there.
fn wait_for_checkpoint(out: &Path, child: &mut Child) {
    let folder = out.join(RUN).join("checkpoints");
    for _ in 0..2000 {
        let names = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        if names.into_iter().any(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with('0')))
        {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended without a checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no checkpoint after 10 s");
}

/// C1 and R2: killed at 50 random moments (1,000 with `U2I_FULL=1`) and gone on with each time, a run ends with the very
/// bytes of one that was never stopped: weights, optimizer state, report.
#[cfg(unix)]
#[test]
fn killed_at_random_moments_a_run_ends_as_if_it_had_never_been() {
    let folder = tempfile::tempdir().unwrap();
    let (unbroken, killed) = (folder.path().join("unbroken"), folder.path().join("killed"));
    let output = run(command(&unbroken, &[]));
    assert!(output.status.success(), "{}", text(&output));
    let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    let (mut kills, mut ends) = (0, 0);
    while kills < if full() { 1000 } else { 50 } {
        let mut child = start(command(&killed, if ends == 0 { &["--resume"] } else { &[] }));
        ends = 0;
        std::thread::sleep(Duration::from_millis(100 + rng.index(400) as u64));
        signal_or_end(&mut child, &mut kills, &mut ends);
    }
    let output = run(command(&killed, &["--resume"]));
    assert!(output.status.success(), "{}", text(&output));
    assert!(checkpoint(&killed)["state.safetensors"] == checkpoint(&unbroken)["state.safetensors"]);
    let report = |out: &Path| comparable(&out.join(RUN).join("report.json"));
    assert_eq!(report(&killed), report(&unbroken));
    let log = |out: &Path| std::fs::read_to_string(out.join(RUN).join("train.jsonl")).unwrap();
    assert_eq!(log(&killed), log(&unbroken));
}

/// Kills the process, or counts that it had come to its end, which then must have been a good one.
fn signal_or_end(child: &mut Child, kills: &mut usize, ends: &mut usize) {
    match child.try_wait().unwrap() {
        Some(status) => {
            assert!(status.success(), "{status}");
            *ends += 1;
        }
        None => {
            child.kill().unwrap();
            child.wait().unwrap();
            *kills += 1;
        }
    }
}

/// C1: a run begun anew that is killed before its first checkpoint leaves the one before to be gone on with, log and all.
#[test]
fn a_run_begun_anew_and_killed_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(command(folder.path(), &[]));
    assert!(output.status.success(), "{}", text(&output));
    let log = || std::fs::read_to_string(folder.path().join(RUN).join("train.jsonl")).unwrap();
    let unbroken = log();
    let mut anew = start(every("1000", folder.path(), &[]));
    while log() == unbroken {
        assert!(anew.try_wait().unwrap().is_none(), "it ended with the log of the run before");
        std::thread::sleep(Duration::from_millis(1));
    }
    anew.kill().unwrap();
    anew.wait().unwrap();
    let output = run(command(folder.path(), &["--resume"]));
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(log(), unbroken);
}

#[cfg(unix)]
#[test]
fn sigint_and_sigterm_keep_the_state_and_say_so_in_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let out = folder.path().join(name);
        // Only the signal keeps a state.
        let mut child = start(every("1000", &out, &[]));
        // Begun right before the first step.
        let log = out.join(RUN).join("train.jsonl");
        while !log.exists() {
            assert!(child.try_wait().unwrap().is_none(), "{name}: it ended before it trained");
            std::thread::sleep(Duration::from_millis(2));
        }
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
        let files = checkpoint(&out);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["manifest.json", "state.safetensors"]);
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let kept = manifest["progress"]["step"].as_u64().unwrap();
        let output = run(command(&out, &["--resume"]));
        assert!(output.status.success() && text(&output).contains("goes on after step"), "{}", text(&output));
        // Not at the end of training: a later stage would have heard it, too.
        let log = std::fs::read_to_string(log).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let last = lines.filter_map(|line| line["step"].as_u64()).max().unwrap();
        assert!(kept < last, "{name}: {kept} of {last} steps");
    }
}

/// A second SIGINT stops at once, and what was kept before is whole.
#[cfg(unix)]
#[test]
fn a_second_sigint_stops_at_once_and_leaves_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(command(folder.path(), &[]));
    wait_for_checkpoint(folder.path(), &mut child);
    signal(&child, "INT");
    // The first may have ended the process already, with the same code.
    let _ =
        Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let output = run(command(folder.path(), &["--resume"]));
    assert!(output.status.success() && text(&output).contains("goes on after step"), "{}", text(&output));
}

/// C8: the second of two trainers ends with 75 and the process that holds the folder; the first is not disturbed.
#[test]
fn of_two_trainers_in_one_folder_the_second_ends_with_75() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(command(folder.path(), &[]));
    wait_for_checkpoint(folder.path(), &mut first);
    let second = run(command(folder.path(), &[]));
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    assert!(text(&second).contains(&format!("held by process {}", first.id())), "{}", text(&second));
    assert!(first.wait().unwrap().success());
}

/// C3: a file that may not grow ends the command with 4, path and bytes; the checkpoint before stays whole.
#[cfg(unix)]
#[test]
fn a_file_size_limit_ends_with_4_and_the_old_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(command(folder.path(), &[]));
    wait_for_checkpoint(folder.path(), &mut first);
    first.kill().unwrap();
    first.wait().unwrap();
    let limited = command(folder.path(), &["--resume"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -f 8; exec \"$@\"", "sh"]).arg(limited.get_program()).args(limited.get_args());
    for (key, value) in limited.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    let output = run(shell);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(
        text(&output).contains("state.safetensors (") && text(&output).contains(" bytes)"),
        "{}",
        text(&output)
    );
    let output = run(command(folder.path(), &["--resume"]));
    assert!(output.status.success() && text(&output).contains("goes on after step"), "{}", text(&output));
}

/// A checkpoint that was changed, or is of another run, is refused with 5 or 6 and stays where it is.
#[test]
fn a_changed_checkpoint_ends_with_5() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(command(folder.path(), &[]));
    wait_for_checkpoint(folder.path(), &mut first);
    first.kill().unwrap();
    first.wait().unwrap();
    let checkpoints = folder.path().join(RUN).join("checkpoints");
    let mut names: Vec<String> = std::fs::read_dir(&checkpoints)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('0'))
        .collect();
    names.sort();
    let state = checkpoints.join(names.last().unwrap()).join("state.safetensors");
    let mut bytes = std::fs::read(&state).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&state, &bytes).unwrap();
    let output = run(command(folder.path(), &["--resume"]));
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("state.safetensors: BLAKE3: expected "), "{}", text(&output));
    assert_eq!(std::fs::read(&state).unwrap(), bytes);
}

/// N5: a learning rate that throws the weights out of their range ends the command with 7 and the step at which that is
/// met; the last good checkpoint, of the step before, is named.
#[test]
fn broken_numbers_end_with_7_and_name_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let configs = folder.path().join("configs/synthetic");
    std::fs::create_dir_all(&configs).unwrap();
    let mut config = toml::Table::try_from(tuned(ModelName::YoutubeDnn)).unwrap();
    // The first step moves the weights by a fiftieth of this, and the second one's scores are infinite.
    config["train"]["optimizer"]["adam"]["learning_rate"] = 1e37.into();
    config["model"]["youtube_dnn"]["normalization"] = "none".into();
    std::fs::write(configs.join("youtube_dnn.toml"), toml::to_string(&config).unwrap()).unwrap();
    let configs = configs.parent().unwrap().to_str().unwrap();
    let output = run(command(folder.path(), &["--configs", configs]));
    let said = text(&output);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains(" is not finite at step ") && said.contains(" of epoch 1"), "{said}");
    let named = format!("the last good checkpoint is {}", folder.path().join(RUN).display());
    assert!(said.contains(&named) && said.contains("0001-0000000001, after step 1\n"), "{said}");
}
