//! The main job, and others that train.

use anyhow::Result;

use crate::cargo::{become_command, cargo, root, target_dir};
use crate::test::announce_long_build;

/// Builds `u2i` and runs one of its commands. A device other than the CPU needs a feature, which rebuilds much of what
/// burn stands on: such builds get a target directory of their own, so that they do not displace each other.
pub fn run(job: &str, args: &[String]) -> Result<()> {
    let feature = feature(args);
    let target = feature.map_or_else(target_dir, |feature| target_dir().join(feature));
    announce_long_build(&target);
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "u2i-cli"]).env("CARGO_TARGET_DIR", &target);
    command.args(feature.into_iter().flat_map(|feature| ["--features", feature]));
    become_command(command.args(["--", job]).args(args.iter().map(|arg| docs_of_this_repository(arg))))
}

/// `--write-docs` means the documentation of this repository, wherever the command is given.
fn docs_of_this_repository(arg: &str) -> String {
    match arg {
        "--write-docs" => format!("--write-docs={}", root().join("docs/results.md").display()),
        other => other.to_owned(),
    }
}

/// The feature of the device that `--device wgpu`, `--device=wgpu:1`, `--device ndarray` or the like asks for.
fn feature(args: &[String]) -> Option<&'static str> {
    let apart = args.windows(2).filter(|pair| pair[0] == "--device").map(|pair| pair[1].as_str());
    let joined = args.iter().filter_map(|arg| arg.strip_prefix("--device="));
    apart.chain(joined).find_map(|device| match device {
        "ndarray" => Some("ndarray"),
        _ if device == "wgpu" || device.starts_with("wgpu:") => Some("wgpu"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_that_needs_a_feature_switches_it_on() {
        let cases: [(&[&str], Option<&str>); 9] = [
            (&[], None),
            (&["fm", "--device", "wgpu"], Some("wgpu")),
            (&["--device", "wgpu:1", "--seeds", "3"], Some("wgpu")),
            (&["--device=wgpu:0"], Some("wgpu")),
            (&["--device", "ndarray"], Some("ndarray")),
            (&["--device=ndarray", "dssm"], Some("ndarray")),
            (&["--device", "auto"], None),
            (&["--out", "wgpu"], None),
            (&["--device"], None),
        ];
        for (args, wanted) in cases {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            assert_eq!(feature(&args), wanted, "{args:?}");
        }
    }
}
