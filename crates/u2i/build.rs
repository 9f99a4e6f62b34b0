//! Names the build in `U2I_BUILD`: compiler, target and profile, and a hash of the sources and of the locked
//! dependencies, so that a report can say what made it.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = own.join("../..");
    let mut files = Vec::new();
    match fs::read_dir(root.join("crates")) {
        Ok(crates) => crates.flatten().for_each(|entry| list(&entry.path().join("src"), &mut files)),
        Err(_) => list(&own.join("src"), &mut files),
    }
    files.push(root.join("Cargo.lock"));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        hasher.write(file.strip_prefix(&root).unwrap_or(file).as_os_str().as_encoded_bytes());
        hasher.write(&fs::read(file).unwrap_or_default());
    }
    let rustc = env::var("RUSTC").expect("cargo sets it");
    let version = Command::new(rustc).arg("-V").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    let features = env::var("CARGO_CFG_FEATURE").unwrap_or_default();
    let profile = env::var("PROFILE").expect("cargo sets it");
    let hash = hasher.finish();
    println!("cargo::rustc-env=U2I_BUILD={hash:016x}, {}, {profile}, {features}", version.trim());
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
