//! C3 and C4 on real disks: a full one, a read-only one, and the order in which the system is asked to keep things.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::crashes::{checkpoint, command, every, text};

/// Says past the capture of the test's output what this machine does not allow. It is no fault of the data that
/// `cargo xtask test` counts as skipped.
#[track_caller]
fn skipped(why: &str) {
    let line = format!("skipped: {}: {why}\n", std::panic::Location::caller());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// What a shell script in a mount namespace of its own saw: for each command its exit code, and what it said.
struct Seen {
    folder: tempfile::TempDir,
}

impl Seen {
    /// Runs `script` with a file system of its own at `$out`, of so many bytes. In it `u2i NAME MORE…` runs a job of
    /// [`command`] in `$out/run`, and `disk SETTING` changes the file system. `None` where that is not permitted.
    fn run(bytes: u64, script: &str) -> Option<Self> {
        let seen = Seen { folder: tempfile::tempdir().unwrap() };
        let out = seen.folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let job = command(&out.join("run"), &[]);
        let whole = format!(
            r#"out=$1; said=$2; shift 2
            mount -t tmpfs -o size={bytes} none "$out" || exit 99
            disk() {{ mount -o "remount,$1" "$out" || exit 98; }}
            u2i() {{ name=$1; shift; "$@" 2>"$said/$name.text" >/dev/null; echo $? >"$said/$name.code"; }}
            keep() {{ cp -r "$out/run" "$said/$1" || exit 97; }}
            {script}"#
        );
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", &whole, "sh"]);
        shell.args([&out, seen.folder.path()]).arg(job.get_program()).args(job.get_args());
        shell.env_remove("U2I_DATA_DIR").env("XDG_CACHE_HOME", seen.folder.path());
        let output = shell.output().ok()?;
        match output.status.code() {
            Some(0) => Some(seen),
            Some(97 | 98) => panic!("{}", text(&output)),
            // No namespaces, or no mounts in them.
            _ => None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The exit code and standard error of a job.
    fn job(&self, name: &str) -> (i32, String) {
        let read = |end| std::fs::read_to_string(self.path(&format!("{name}.{end}"))).unwrap();
        (read("code").trim().parse().unwrap(), read("text"))
    }
}

fn unbroken() -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let output = every("1000", folder.path(), &[]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    checkpoint(folder.path())
}

/// C3: the disk has room for one checkpoint and not for two. The command ends with 4, path and bytes; the first one
/// stays, and with more room the run ends as one that never met a full disk.
#[test]
fn a_full_disk_ends_with_4_and_the_old_checkpoint_stays() {
    let unbroken = unbroken();
    // The first epoch keeps weights and two moments, later ones the best weights, too: 3/4 of these bytes.
    let bytes = unbroken["state.safetensors"].len() as u64 * 9 / 8;
    let script = r#"u2i full "$@"; keep kept; disk size=1g; u2i more "$@" --resume; keep done"#;
    let Some(seen) = Seen::run(bytes, script) else {
        return skipped("this machine lets nobody mount a file system");
    };
    let (code, message) = seen.job("full");
    assert_eq!(code, 4, "{message}");
    assert!(message.contains("state.safetensors (") && message.contains(" bytes)"), "{message}");
    assert!(message.contains("No space left"), "{message}");
    let kept = checkpoint(&seen.path("kept"));
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["manifest.json", "state.safetensors"]);
    let (code, message) = seen.job("more");
    assert_eq!(code, 0, "{message}");
    assert!(message.contains("goes on after step"), "{message}");
    assert!(checkpoint(&seen.path("done")) == unbroken, "another end than without the full disk");
}

/// C3: where nothing may be written, the command ends with 4 and the path, and what is there stays as it is.
#[test]
fn a_read_only_disk_ends_with_4_and_changes_nothing() {
    let script = r#"
        u2i first "$@"; keep before
        disk ro; u2i anew "$@"; u2i resumed "$@" --resume; keep after
        disk rw; u2i again "$@" --resume"#;
    let Some(seen) = Seen::run(1 << 30, script) else {
        return skipped("this machine lets nobody mount a file system");
    };
    assert_eq!(seen.job("first").0, 0, "{}", seen.job("first").1);
    for name in ["anew", "resumed"] {
        let (code, message) = seen.job(name);
        assert_eq!(code, 4, "{name}: {message}");
        assert!(message.contains("error: cannot ") && message.contains("/out/run/"), "{name}: {message}");
        assert!(message.contains("Read-only file system"), "{name}: {message}");
    }
    assert!(checkpoint(&seen.path("before")) == checkpoint(&seen.path("after")));
    let (code, message) = seen.job("again");
    assert!(code == 0 && message.contains("goes on after step"), "{message}");
}

/// The system calls of a job that name files or folders, in their order.
fn calls(job: &Command, out: &Path) -> Option<Vec<String>> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    let traced = "trace=write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2";
    strace.args(["-f", "-qq", "--seccomp-bpf", "-y", "-e", traced, "-o"]).arg(log.path());
    strace.arg(job.get_program()).args(job.get_args());
    strace.env_remove("U2I_DATA_DIR").env("XDG_CACHE_HOME", out);
    let output: Output = strace.output().ok()?;
    let lines = std::fs::read_to_string(log.path()).unwrap();
    if !output.status.success() && lines.is_empty() {
        return None;
    }
    assert!(output.status.success(), "{}", text(&output));
    // Each line begins with the number of its thread.
    let call = |line: &str| line.split_once(' ').map(|(_, call)| call.trim_start().to_owned());
    Some(lines.lines().filter_map(call).collect())
}

/// C4: whatever gets its name by a rename was synced after it was last written to, with the folder that holds it if it
/// is one; and the folder of the new name is synced afterwards. The system itself is asked, not our code.
#[test]
fn everything_is_synced_before_its_rename_and_the_folder_after() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().canonicalize().unwrap();
    let mut train = Command::new(env!("CARGO_BIN_EXE_u2i"));
    train.args(["train", "synthetic/youtube_dnn", "--set", "train.epochs=1", "--out"]).arg(out.join("run"));
    // A checkpoint and the report; a checkpoint and the files of a run's folder.
    for (job, least) in [(every("0.2", &out, &[]), 2), (train, 6)] {
        let Some(calls) = calls(&job, &out) else { return skipped("strace cannot follow a process here") };
        let renames = check_order(&out, &calls);
        assert!(renames >= least, "{renames} renames among {} calls", calls.len());
    }
}

/// How many renames there are below `out`, each of which must come in its order.
fn check_order(out: &Path, calls: &[String]) -> usize {
    let below = |path: &str| Path::new(path).starts_with(out).then(|| PathBuf::from(path));
    let (mut written, mut synced) = (BTreeSet::new(), BTreeSet::new());
    let (mut awaited, mut renames) = (BTreeSet::new(), 0);
    for call in calls {
        let name = call.split('(').next().unwrap_or_default();
        // `fsync(5</path>)` with -y; a rename quotes its paths.
        let descriptor = call.split_once('<').and_then(|(_, rest)| below(rest.split_once('>')?.0));
        match (name, descriptor) {
            ("write" | "pwrite64" | "writev", Some(path)) => {
                synced.remove(&path);
                written.insert(path);
            }
            ("fsync" | "fdatasync", Some(path)) => {
                awaited.remove(&path);
                synced.insert(path);
            }
            ("rename" | "renameat" | "renameat2", _) => {
                let quoted: Vec<PathBuf> = call.split('"').skip(1).step_by(2).filter_map(below).collect();
                let [from, to] = &quoted[..] else { continue };
                let inside = written.iter().filter(|path: &&PathBuf| path.starts_with(from));
                let unsynced: Vec<_> = inside.filter(|path| !synced.contains(*path)).collect();
                assert!(unsynced.is_empty(), "{call}: not synced: {unsynced:?}");
                assert!(synced.contains(from), "{call}: not synced");
                awaited.insert(to.parent().unwrap().to_owned());
                renames += 1;
            }
            _ => {}
        }
    }
    assert!(awaited.is_empty(), "folders of new names that were not synced: {awaited:?}");
    renames
}
