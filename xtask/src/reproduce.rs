//! The main job, and others that train.

use anyhow::Result;

use crate::cargo::{become_command, cargo, root, target_dir};
use crate::test::announce_long_build;

/// Builds `u2i` and runs one of its commands. A GPU needs the feature `wgpu`, which rebuilds much of what burn
/// stands on: such builds get a target directory of their own, so that the two do not displace each other.
pub fn run(job: &str, args: &[String]) -> Result<()> {
    let wgpu = wants_wgpu(args);
    let target = if wgpu { target_dir().join("wgpu") } else { target_dir() };
    announce_long_build(&target);
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "u2i-cli"]).env("CARGO_TARGET_DIR", &target);
    if wgpu {
        command.args(["--features", "wgpu"]);
    }
    become_command(command.args(["--", job]).args(args.iter().map(|arg| docs_of_this_repository(arg))))
}

/// `--write-docs` means the documentation of this repository, wherever the command is given.
fn docs_of_this_repository(arg: &str) -> String {
    match arg {
        "--write-docs" => format!("--write-docs={}", root().join("docs/results.md").display()),
        other => other.to_owned(),
    }
}

/// Whether `--device wgpu`, `--device=wgpu:1` or the like is among the arguments.
fn wants_wgpu(args: &[String]) -> bool {
    let apart = args.windows(2).filter(|pair| pair[0] == "--device").map(|pair| pair[1].as_str());
    let joined = args.iter().filter_map(|arg| arg.strip_prefix("--device="));
    apart.chain(joined).any(|device| device == "wgpu" || device.starts_with("wgpu:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wgpu_device_switches_wgpu_on() {
        let cases: [(&[&str], bool); 7] = [
            (&[], false),
            (&["fm", "--device", "wgpu"], true),
            (&["--device", "wgpu:1", "--seeds", "3"], true),
            (&["--device=wgpu:0"], true),
            (&["--device", "auto"], false),
            (&["--out", "wgpu"], false),
            (&["--device"], false),
        ];
        for (args, wanted) in cases {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            assert_eq!(wants_wgpu(&args), wanted, "{args:?}");
        }
    }
}
