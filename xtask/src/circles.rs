//! Files of one crate that need each other in a circle, so that none can be read without the others.
//!
//! A file needs another if its code names something that is defined there. What a path names is looked up as the
//! compiler does it, through `use`, re-exports and globs:
//!
//! - `crate::Error`, which `lib.rs` re-exports from `error.rs`, is of `error.rs`; nothing is needed of `lib.rs`.
//! - A module that declares its children and re-exports from them does not need them by that.
//! - Nor does a path need the modules that it leads through: `crate::run::log::Log` is of `log.rs`, not of `run.rs`.
//! - A parent whose code uses its child, which uses something of the parent, makes a circle of two.
//! - Tests need nothing: an item with `#[cfg(test)]` or `#[test]` is passed over, and so is the file of such a module.
//!
//! No types are known here, so methods are not looked up, nor names that only a macro's expansion has. In the arguments
//! of a macro, whatever looks like a path is one. A name alone in small letters may be a variable; it counts where it
//! is called. What is found is there, then, but there may be more.

mod mentions;
mod modules;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use self::modules::{Crate, Target};
use crate::sources::Sources;

/// Every circle in the crates, with what makes it.
pub fn find(sources: &Sources) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for top in sources.keys().filter(|file| is_top(file)) {
        let parsed = Crate::read(top, sources)?;
        let needs = needs(&parsed);
        found.extend(circles(&needs).iter().map(|circle| report(circle, &needs)));
    }
    Ok(found)
}

/// Whether a crate begins there: `crates/u2i/src/lib.rs`.
fn is_top(file: &str) -> bool {
    file.ends_with("/src/lib.rs") || file.ends_with("/src/main.rs")
}

/// What each file needs: the other file, and the lines and paths that name something of it.
type Needs<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<(usize, String)>>>;

fn needs(parsed: &Crate) -> Needs<'_> {
    let mut needs = Needs::new();
    for mention in &parsed.mentions {
        for target in parsed.resolve(mention.module, &mention.path) {
            let Target::Item(owner) = target else { continue };
            let (from, to) = (parsed.file(mention.module), parsed.file(owner));
            if from != to && !(mention.is_reexport && parsed.is_above(mention.module, owner)) {
                let lines = needs.entry(from).or_default().entry(to).or_default();
                lines.push((mention.line, mention.path.join("::")));
            }
        }
    }
    needs
}

/// Files that reach each other, each such set once.
fn circles<'a>(needs: &Needs<'a>) -> BTreeSet<BTreeSet<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        needs.keys().map(|&file| (file, reached_from(file, needs))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|files| files.contains(to));
    let on_circles = reached.keys().filter(|file| reaches(file, file));
    on_circles
        .map(|&file| reached[file].iter().copied().filter(|other| reaches(other, file)).collect())
        .collect()
}

fn reached_from<'a>(file: &str, needs: &Needs<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        for &needed in needs.get(next).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(needed) {
                open.push(needed);
            }
        }
    }
    reached
}

fn report(circle: &BTreeSet<&str>, needs: &Needs<'_>) -> String {
    let mut text = format!(
        "{} files need each other in a circle; move what several of them need into a file of its own:",
        circle.len()
    );
    for from in circle {
        for (to, lines) in needs[from].iter().filter(|(to, _)| circle.contains(*to)) {
            let (line, path) = &lines[0];
            let more =
                if lines.len() > 1 { format!(", and {} more", lines.len() - 1) } else { String::new() };
            text += &format!("\n    {from} needs {to}: line {line}, {path}{more}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles among files of one crate, each as its files.
    fn check(files: &[(&str, &str)], wanted: &[&[&str]]) {
        let sources: Sources =
            files.iter().map(|(file, text)| (format!("crates/a/src/{file}"), (*text).to_owned())).collect();
        let parsed = Crate::read("crates/a/src/lib.rs", &sources).unwrap();
        let needs = needs(&parsed);
        let found: Vec<Vec<&str>> = circles(&needs)
            .into_iter()
            .map(|circle| circle.into_iter().map(|file| file.trim_start_matches("crates/a/src/")).collect())
            .collect();
        assert_eq!(found, wanted, "{needs:?}");
    }

    const LIB: (&str, &str) =
        ("lib.rs", "mod a;\nmod b;\npub use a::{A, Other as Renamed};\npub(crate) use b::B;\n");

    #[test]
    fn two_files_that_need_each_other_are_a_circle_however_they_say_it() {
        let a = ("a.rs", "pub struct A;\npub struct Other;\nfn f(_: crate::B) {}\n");
        for b in [
            "use crate::a::A;\npub struct B(A);\n",
            "use crate::A;\npub struct B(A);\n",
            "use super::A;\npub struct B(A);\n",
            "use super::{a::A as Z};\npub struct B(Z);\n",
            "use crate::Renamed;\npub struct B(Renamed);\n",
            "use crate::a;\npub struct B(a::A);\n",
            "use crate::a::{self};\npub struct B;\nfn g() { a::helper() }\n",
            "use super::*;\npub struct B(A);\n",
            "pub struct B;\nfn g() { assert!(crate::a::helper().is_empty()) }\n",
            "pub struct B;\nfn g() { let _ = vec![super::a::A::new()]; }\n",
            "pub struct B;\nfn g() { use crate::a::helper; }\n",
            "pub struct B;\nmod inner { fn g(_: super::super::A) {} }\n",
            "pub struct B;\nimpl crate::A {}\n",
            "pub struct B;\n#[derive(crate::a::Made)]\nstruct C;\n",
        ] {
            check(&[LIB, a, ("b.rs", b)], &[&["a.rs", "b.rs"]]);
        }
    }

    #[test]
    fn a_module_is_where_its_path_says() {
        let lib = ("lib.rs", "mod a;\n#[path = \"odd/name.rs\"]\nmod b;\n");
        let a = ("a.rs", "pub struct A(crate::b::B);\n");
        check(&[lib, a, ("odd/name.rs", "pub struct B(crate::a::A);\n")], &[&["a.rs", "odd/name.rs"]]);
    }

    #[test]
    fn reexports_and_modules_on_the_way_are_no_need() {
        let b = ("b.rs", "pub struct B;\npub fn b() {}\n");
        check(&[LIB, ("a.rs", "pub struct A(crate::B);\npub struct Other;\n"), b], &[]);
        // `lib.rs` has something of its own, which `a` needs, and re-exports `A`.
        let lib = ("lib.rs", "mod a;\npub use a::A;\npub const OWN: u8 = 1;\n");
        check(&[lib, ("a.rs", "pub struct A([u8; crate::OWN]);\n")], &[]);
        // The same name for a module and a function of it.
        let lib = ("lib.rs", "mod plan;\nmod c;\npub use plan::plan;\n");
        check(&[lib, ("plan.rs", "pub fn plan() { crate::c::c() }\n"), ("c.rs", "pub fn c() {}\n")], &[]);
        // Of the parent only a child is used.
        let lib = ("lib.rs", "mod p;\nmod q;\n");
        let p = ("p/mod.rs", "pub mod child;\nfn f() { crate::q::q() }\n");
        let q = ("q.rs", "use crate::p;\npub fn q() { p::child::c() }\n");
        check(&[lib, p, ("p/child.rs", "pub fn c() {}\n"), q], &[]);
    }

    #[test]
    fn a_parent_and_a_child_that_need_each_other_are_a_circle() {
        let lib = ("lib.rs", "mod p;\n");
        let child = ("p/child.rs", "use super::Own;\npub fn c(_: Own) {}\n");
        check(
            &[lib, ("p.rs", "mod child;\npub struct Own;\nfn f() { child::c(Own) }\n"), child],
            &[&["p.rs", "p/child.rs"]],
        );
        check(
            &[lib, ("p.rs", "mod child;\npub struct Own;\npub use child::c;\nfn f() { c(Own) }\n"), child],
            &[&["p.rs", "p/child.rs"]],
        );
        check(&[lib, ("p.rs", "mod child;\npub use child::c;\npub struct Own;\n"), child], &[]);
    }

    #[test]
    fn tests_need_nothing() {
        let a = ("a.rs", "pub struct A;\npub struct Other;\nfn f(_: crate::B) {}\n");
        for b in [
            "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n    fn f(_: A) {}\n}\n",
            "pub struct B;\n#[cfg(test)]\nmod tests;\n",
            "pub struct B;\n#[cfg(test)]\nuse crate::A;\n",
            "pub struct B;\nimpl B {\n    #[cfg(all(test, unix))]\n    fn f(_: crate::A) {}\n}\n",
            "pub struct B;\nfn g() {\n    #[cfg(test)]\n    use crate::A;\n}\n",
        ] {
            check(&[LIB, a, ("b.rs", b)], &[]);
        }
        let b = ("b.rs", "pub struct B;\n#[cfg(any(test, unix))]\nuse crate::A;\n");
        check(&[LIB, a, b], &[&["a.rs", "b.rs"]]);
    }

    #[test]
    fn names_of_other_crates_and_variables_are_no_need() {
        let a = ("a.rs", "pub struct A;\npub struct Other;\npub fn helper() {}\nfn f(_: crate::B) {}\n");
        let lib =
            ("lib.rs", "mod a;\nmod b;\npub use a::{A, helper};\npub use b::B;\npub use other as device;\n");
        for b in [
            "use super::*;\npub struct B;\nfn g() { let helper = 1; print(helper, x.helper, y.helper()); }\n",
            "use super::*;\npub struct B;\nfn g() { println!(\"{}\", helper); z!(x.a::b, ::a::A, <B>::A, $a::A); }\n",
            "use other::a::A;\npub struct B(A);\n",
            "use ::a::A;\npub struct B(A);\n",
            "pub struct B;\nfn g() { <B>::A(); }\n",
            "use crate::device::A;\npub struct B(A);\n",
            "use other::*;\npub struct B(A);\n",
            "/// See [`crate::A`].\npub struct B<A>(A);\n",
        ] {
            check(&[lib, a, ("b.rs", b)], &[]);
        }
    }

    #[test]
    fn a_circle_names_its_files_and_lines_once() {
        let text = |text: &str| text.to_owned();
        let sources = Sources::from([
            (text("crates/x/src/lib.rs"), text("mod a;\nmod b;\nmod c;\nmod d;\n")),
            (text("crates/x/src/a.rs"), text("use crate::b::B;\npub struct A(B, B);\n")),
            (text("crates/x/src/b.rs"), text("pub struct B;\n\nimpl B {\n    fn c() -> crate::c::C {}\n}\n")),
            (text("crates/x/src/c.rs"), text("pub struct C(super::a::A, super::d::D);\n")),
            (text("crates/x/src/d.rs"), text("pub struct D;\n")),
            (text("crates/x/tests/it.rs"), text("not Rust")),
        ]);
        let wanted = "3 files need each other in a circle; move what several of them need into a file of its own:\
            \n    crates/x/src/a.rs needs crates/x/src/b.rs: line 1, crate::b::B, and 2 more\
            \n    crates/x/src/b.rs needs crates/x/src/c.rs: line 4, crate::c::C\
            \n    crates/x/src/c.rs needs crates/x/src/a.rs: line 1, super::a::A";
        assert_eq!(find(&sources).unwrap(), [wanted]);
    }
}
