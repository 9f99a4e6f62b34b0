//! What lies in `integrations/serving` fits the program and the scripts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Options in a text: words that begin with two dashes.
fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).collect()
}

/// Lines of a file that are no comments, those that a `\` joins as one.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    text.lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn units_and_containers_use_options_that_the_program_has() {
    let help = Command::new(env!("CARGO_BIN_EXE_u2i")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known = options(&help);
    assert!(known.len() > 10, "{known:?}");
    for (file, begins) in [
        ("u2i.service", "ExecStart="),
        ("Dockerfile", "CMD ["),
        ("Dockerfile", "    CMD [\"u2i\""),
        ("Dockerfile", "HEALTHCHECK"),
        ("compose.yaml", "  command:"),
    ] {
        let text = read(&format!("integrations/serving/{file}"));
        let lines = lines(&text);
        let used: Vec<&str> = lines
            .iter()
            .filter(|line| line.starts_with(begins))
            .flat_map(|line| line.split_once("CMD").map_or(line.as_str(), |(_, command)| command).split(' '))
            .flat_map(options)
            .collect();
        assert!(begins.starts_with("    ") || !used.is_empty(), "{file}: {begins}");
        for option in used {
            assert!(known.contains(option), "{file}: `u2i serve` has no option {option}");
        }
    }
}

#[test]
fn the_image_is_built_as_the_checkout_is() {
    let dockerfile = read("integrations/serving/Dockerfile");
    // What is compiled needs what scripts/bootstrap.sh installs on Debian.
    let bootstrap = read("scripts/bootstrap.sh");
    let debian = bootstrap.split_once("apt-get install").unwrap().1;
    let packages = debian.lines().nth(1).unwrap().trim();
    assert_eq!(packages, "cmake make g++ libopenblas-dev");
    assert!(dockerfile.contains(&format!("--no-install-recommends {packages} ")), "{packages}");
    let toolchain = read("rust-toolchain.toml");
    let version =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"')).unwrap();
    assert!(dockerfile.contains(&format!("FROM rust:{version}-slim-")), "{version}");
    // Features that the command is built with are those that it has.
    let manifest = read("crates/u2i-cli/Cargo.toml");
    let features = dockerfile.split_once("--features ").unwrap().1.split_whitespace().next().unwrap();
    for feature in features.split(',') {
        assert!(manifest.contains(&format!("\n{feature} = [")), "{feature}");
    }
    // Nobody is root in it, and every folder that the workspace is made of is sent to the build.
    let user = dockerfile.rfind("\nUSER 10001").unwrap();
    assert!(user > dockerfile.rfind("\nFROM ").unwrap() && user < dockerfile.find("\nENTRYPOINT").unwrap());
    let sent = read("integrations/serving/Dockerfile.dockerignore");
    let workspace = read("Cargo.toml");
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let folder = member.split('/').next().unwrap();
        assert!(sent.contains(&format!("\n!{folder}\n")), "{folder}");
    }
}

#[test]
fn variables_that_the_documents_name_are_those_that_are_read() {
    let source = read("crates/u2i-cli/src/commands/serve.rs");
    for file in ["u2i.service", "Dockerfile", "compose.yaml"] {
        let text = read(&format!("integrations/serving/{file}"));
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        for name in words.filter(|word| word.starts_with("U2I_") || word.starts_with("OTEL_")) {
            // The unit's own, which stands in its own line.
            let is_own = name == "U2I_ADDR" && file == "u2i.service";
            assert!(is_own || source.contains(&format!("\"{name}\"")), "{file}: {name}");
        }
    }
}
