//! The chapter's claims, written into the documentation of this repository.

use crate::cargo::root;

/// What `u2i claims` is given. `--json FILE` writes rows there, since `--json` of `u2i` prints them. The document is written
/// unless the arguments say where, or ask for a part of it.
pub fn arguments(args: &[String]) -> Vec<String> {
    let mut own: Vec<String> = args
        .iter()
        .map(|arg| match arg.strip_prefix("--json") {
            Some("") => "--rows".to_owned(),
            Some(file) if file.starts_with('=') => format!("--rows{file}"),
            _ => arg.clone(),
        })
        .collect();
    let is_part = |arg: &String| {
        ["--only", "--tiny", "--list", "--help", "-h", "--write-docs"]
            .iter()
            .any(|part| arg == part || arg.starts_with(&format!("{part}=")))
    };
    if !args.iter().any(is_part) {
        own.push(format!("--write-docs={}", root().join("docs/chapter.md").display()));
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_written_to_the_docs_and_a_part_is_not() {
        let of = |args: &[&str]| arguments(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        let whole = of(&["--json", "rows.json", "--out=x"]);
        assert_eq!(whole[..3], ["--rows", "rows.json", "--out=x"]);
        assert!(whole[3].starts_with("--write-docs=") && whole[3].ends_with("docs/chapter.md"), "{whole:?}");
        assert_eq!(of(&["--json=rows.json", "--only", "a"]), ["--rows=rows.json", "--only", "a"]);
        for part in ["--tiny", "--only=a", "--list", "--help", "--write-docs=b.md"] {
            assert_eq!(of(&[part]), [part]);
        }
    }
}
