//! Tests of `scripts/bootstrap.sh`, `scripts/tools.sh` and `scripts/serving_tools.sh` on made-up machines: a folder of stand-ins is all of its `PATH`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cargo::root;

struct Machine(PathBuf);

impl Machine {
    /// A machine with a shell's usual tools, and the programs given as (name, script).
    fn new(name: &str, programs: &[(&str, &str)]) -> Self {
        let bin = std::env::temp_dir().join(format!("u2i-bootstrap-{}-{name}", std::process::id()));
        fs::create_dir_all(&bin).unwrap();
        for tool in ["cat", "env", "mktemp", "rm", "sed"] {
            let real = ["/usr/bin", "/bin"].map(|dir| Path::new(dir).join(tool));
            symlink(real.iter().find(|path| path.exists()).unwrap(), bin.join(tool)).unwrap();
        }
        for (name, script) in programs {
            fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Machine(bin)
    }

    fn run(&self, script: &str, argument: Option<&Path>) -> Output {
        let mut shell = Command::new("/bin/sh");
        shell.arg(root().join("scripts").join(script)).args(argument).env_clear().env("PATH", &self.0);
        shell.output().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn check(name: &str, programs: &[(&str, &str)], exit_code: i32, said: &[&str]) {
    check_output(name, &Machine::new(name, programs).run("bootstrap.sh", None), exit_code, said);
}

fn check_output(name: &str, output: &Output, exit_code: i32, said: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit_code), "{name}: {text}");
    assert!(said.iter().all(|words| text.contains(words)), "{name}: {text}");
    if said.is_empty() {
        assert_eq!(text, "", "{name}");
    }
}

const CARGO: (&str, &str) = ("cargo", "");
const MAKE: (&str, &str) = ("make", "");
const CXX: (&str, &str) = ("c++", "");
const CMAKE: (&str, &str) = ("cmake", "echo cmake version 3.25.1");
const OLD_CMAKE: (&str, &str) = ("cmake", "echo cmake version 3.22.1");
const ROOT: (&str, &str) = ("id", "echo 0");
const USER: (&str, &str) = ("id", "echo 1000");
/// Says what it was asked, and puts a compiler, make and cmake where they are looked for.
const APT: (&str, &str) = (
    "apt-get",
    r#"echo "apt-get $*" >&2
here=${0%/*}
[ "$1" = install ] || exit 0
for tool in c++ make; do echo '#!/bin/sh' >"$here/$tool"; done
echo 'echo cmake version 3.31.6' >"$here/cmake"
/bin/chmod +x "$here/c++" "$here/make" "$here/cmake""#,
);

#[test]
fn nothing_is_done_or_said_where_all_is_there() {
    check("complete", &[CARGO, MAKE, CXX, CMAKE, USER], 0, &[]);
}

#[test]
fn debian_is_set_up_without_a_question() {
    let said = ["missing: ", "install -y", "cmake make g++ libopenblas-dev", "all is there"];
    check("debian", &[CARGO, ROOT, APT], 0, &said);
    check(
        "old-cmake",
        &[CARGO, ROOT, APT, MAKE, CXX, OLD_CMAKE],
        0,
        &["missing: cmake 3.24", "all is there"],
    );
}

#[test]
fn a_user_who_is_not_root_goes_through_sudo_or_is_told_what_to_install() {
    let sudo = ("sudo", r#"echo "sudo $*" >&2; exec "$@""#);
    check("sudo", &[CARGO, USER, sudo, APT], 0, &["sudo env DEBIAN_FRONTEND=noninteractive", "all is there"]);
    check("no-sudo", &[CARGO, USER, APT], 2, &["neither root nor sudo", "please install cmake"]);
}

#[test]
fn an_unknown_system_is_told_what_to_install() {
    check("unknown", &[CARGO, ROOT, MAKE], 2, &["missing: a C++ compiler, cmake", "please install cmake"]);
    let broken = ("c++", "exit 1");
    check("no-blas", &[CARGO, ROOT, MAKE, CMAKE, broken], 2, &["missing: BLAS, LAPACK and OpenMP"]);
}

#[test]
fn a_machine_without_rust_is_told_where_to_get_it() {
    check("no-cargo", &[ROOT, APT], 2, &["rustup.rs"]);
}

#[test]
fn an_installation_that_failed_ends_with_the_package_managers_code() {
    check("offline", &[CARGO, ROOT, ("apt-get", "exit 100")], 100, &["running: env"]);
}

/// Says what it was asked.
const INSTALL: (&str, &str) = ("cargo", r#"echo "cargo $*" >&2"#);
const RUSTUP: (&str, &str) = ("rustup", "");
const DENY: (&str, &str) = ("cargo-deny", "echo cargo-deny 0.20.2");
const OLD_DENY: (&str, &str) = ("cargo-deny", "echo cargo-deny 0.16.0");

#[test]
fn tools_are_installed_where_they_are_missing_or_of_another_version() {
    let tools = |name: &str, programs: &[(&str, &str)], root: Option<&Path>, exit_code, said: &[&str]| {
        check_output(name, &Machine::new(name, programs).run("tools.sh", root), exit_code, said);
    };
    tools("tools", &[INSTALL, RUSTUP, DENY], None, 0, &[]);
    tools("no-rustup", &[INSTALL, DENY], None, 0, &["no standard library for aarch64"]);
    let install = "cargo install cargo-deny --version 0.20.2 --locked";
    for (name, programs) in
        [("no-tools", &[INSTALL, RUSTUP][..]), ("old-tools", &[INSTALL, RUSTUP, OLD_DENY])]
    {
        tools(name, programs, None, 0, &[&format!("running: {install}\n"), &format!("\n{install}\n")]);
    }
    let elsewhere = Machine::new("elsewhere", &[]);
    tools(
        "to-root",
        &[INSTALL],
        Some(&elsewhere.0),
        0,
        &[&format!("{install} --root {}", elsewhere.0.display())],
    );
    // What is installed there is enough, whatever else the machine has.
    let bin = elsewhere.0.join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("cargo-deny"), "#!/bin/sh\necho cargo-deny 0.20.2\n").unwrap();
    fs::set_permissions(bin.join("cargo-deny"), fs::Permissions::from_mode(0o755)).unwrap();
    tools("in-root", &[INSTALL, RUSTUP, OLD_DENY], Some(&elsewhere.0), 0, &[]);
    tools("failed", &[("cargo", "exit 101")], None, 101, &["running: cargo install"]);
    // What compares public APIs is installed once there is one to compare with.
    let (released, untagged) = (("git", "echo v0.1.0"), ("git", "exit 128"));
    tools("untagged", &[INSTALL, RUSTUP, DENY, untagged], None, 0, &[]);
    let install = "cargo install cargo-semver-checks --version 0.51.0 --locked";
    tools("released", &[INSTALL, DENY, released], None, 0, &[install]);
    let compares = ("cargo-semver-checks", "echo cargo-semver-checks 0.51.0");
    tools("all-tools", &[INSTALL, RUSTUP, DENY, released, compares], None, 0, &[]);
}

#[test]
fn tools_of_the_service_are_installed_one_by_one_where_that_is_possible() {
    let tools = |name: &str, programs: &[(&str, &str)], exit_code, said: &[&str]| {
        let own = [("initdb", ""), ("chromium", "")];
        let machine = Machine::new(name, &[&own, programs].concat());
        check_output(name, &machine.run("serving_tools.sh", None), exit_code, said);
    };
    tools("serving", &[("wrk", "")], 0, &[]);
    tools("serving-user", &[USER, APT], 1, &["cannot install wrk: that takes apt-get and root"]);
    tools("serving-other", &[ROOT], 1, &["cannot install wrk"]);
    let install = "install --yes --no-install-recommends --quiet=2 wrk";
    tools("serving-debian", &[ROOT, ("apt-get", "echo \"apt-get $*\" >&2")], 0, &[install]);
    tools("serving-offline", &[ROOT, ("apt-get", "exit 100")], 1, &["cannot install wrk\n"]);
}
