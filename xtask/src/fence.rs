//! The walls of the house: who may depend on whom, checked on what cargo resolves; and what the sources show alone:
//! files that need each other in a circle, names with two owners, and seeded bugs that do not fit.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::cargo::{PROGRAM, metadata};
use crate::sources::{Sources, below, line_of, of_crates};
use crate::{circles, names, seeded_bugs};

/// Who switches burn's backends on.
const DEVICES: &str = "u2i-device";

/// Who has operators of its own for one of them, behind the feature [`FLEX`] that [`DEVICES`] switches on.
const OPERATORS: &str = "u2i-ops";

/// The backend, the feature of burn and that of [`OPERATORS`].
const FLEX: &str = "flex";

/// Each crate, the crates of the workspace that it may use, and the engines that it must not reach.
const HOUSE: &[Room] = &[
    Room { name: "u2i-random", uses: &[], free_of: &["polars", "faiss", "burn"] },
    Room { name: "u2i-disk", uses: &[], free_of: &["polars", "faiss", "burn"] },
    Room { name: "u2i-schema", uses: &["u2i-random"], free_of: &["polars", "faiss", "burn"] },
    Room { name: "u2i-features", uses: &["u2i-random", "u2i-schema"], free_of: &["faiss", "burn"] },
    Room { name: "u2i-host", uses: &[], free_of: &["polars", "faiss"] },
    Room {
        name: "u2i-losses",
        uses: &["u2i-host", "u2i-linalg", "u2i-random"],
        free_of: &["polars", "faiss"],
    },
    Room { name: "u2i-linalg", uses: &[], free_of: &["polars", "faiss", "burn"] },
    // A backend only by its feature.
    Room { name: OPERATORS, uses: &["u2i-linalg"], free_of: &["polars", "faiss"] },
    Room {
        name: "u2i-models",
        uses: &["u2i-host", OPERATORS, "u2i-random", "u2i-schema"],
        free_of: &["polars", "faiss"],
    },
    Room {
        name: "u2i-train",
        uses: &["u2i-host", "u2i-losses", "u2i-models", "u2i-random", "u2i-schema"],
        free_of: &["polars", "faiss"],
    },
    Room { name: DEVICES, uses: &[OPERATORS], free_of: &["polars", "faiss"] },
    Room { name: "u2i-index", uses: &["u2i-disk", "u2i-eval", "u2i-linalg"], free_of: &["polars", "burn"] },
    // faiss only by its feature, which the crate alone does not switch on.
    Room {
        name: "u2i-bundle",
        uses: &["u2i-disk", "u2i-index", "u2i-models", "u2i-schema"],
        free_of: &["polars"],
    },
    Room { name: "u2i-eval", uses: &[], free_of: &["polars", "faiss", "burn"] },
    Room {
        name: "u2i-datasets",
        uses: &["u2i-disk", "u2i-features", "u2i-random", "u2i-schema"],
        free_of: &["faiss", "burn"],
    },
    Room {
        name: "u2i",
        uses: &[
            "u2i-bundle",
            "u2i-datasets",
            DEVICES,
            "u2i-disk",
            "u2i-eval",
            "u2i-features",
            "u2i-index",
            "u2i-losses",
            "u2i-models",
            "u2i-random",
            "u2i-schema",
            "u2i-train",
        ],
        free_of: &COMMAND_LINE,
    },
    Room {
        name: "u2i-onboarding",
        uses: &["u2i", "u2i-datasets", "u2i-features", "u2i-schema"],
        free_of: &COMMAND_LINE,
    },
    Room { name: "u2i-page", uses: &["u2i", "u2i-eval", "u2i-index"], free_of: &["clap", "indicatif"] },
    Room {
        name: "u2i-chapter",
        uses: &[
            "u2i",
            "u2i-datasets",
            "u2i-eval",
            "u2i-features",
            "u2i-index",
            "u2i-losses",
            "u2i-models",
            "u2i-page",
            "u2i-random",
            "u2i-schema",
            "u2i-train",
        ],
        free_of: &["clap", "indicatif"],
    },
    Room { name: "u2i-heap", uses: &[], free_of: &["polars", "faiss", "burn"] },
    Room { name: "u2i-live", uses: &["u2i-disk", "u2i-schema"], free_of: &["polars", "faiss", "burn"] },
];

/// What the program `u2i` and the HTML page bring in, and nobody who imports the library should have to compile. That
/// downloads are not among it either is seen by `import-check`: the program switches them on for the whole workspace.
const COMMAND_LINE: [&str; 4] = ["clap", "indicatif", "maud", "plotters"];

struct Room {
    name: &'static str,
    uses: &'static [&'static str],
    free_of: &'static [&'static str],
}

/// The crates of the house, which others may import. The program, benches and xtask are tools.
pub fn library_crates() -> impl Iterator<Item = &'static str> {
    HOUSE.iter().map(|room| room.name)
}

/// What measures the house, and may use all of it.
const BENCHES: [&str; 3] = ["u2i-benches", "u2i-bench-compare", "u2i-bench-training"];

/// Features of burn that switch no backend on. Whatever is not named here is taken for a backend.
const BURN_WITHOUT_BACKEND: [&str; 4] = ["std", "optim", "autodiff", "extension"];

/// Fails with every wall that is broken.
pub fn run() -> Result<()> {
    let sources = of_crates()?;
    let mut broken = violations(&metadata()?);
    broken.extend(switches_of_bugs(&sources));
    broken.extend(seeded_bugs::faults(&sources)?);
    broken.extend(circles::find(&sources)?);
    broken.extend(names::find(library_crates(), &sources)?);
    for tools in ["benches", "xtask"] {
        broken.extend(circles::find(&below(tools)?)?);
    }
    if !broken.is_empty() {
        bail!("the fence is broken:\n  {}", broken.join("\n  "));
    }
    eprintln!("xtask: the fence holds for {} crates", HOUSE.len());
    Ok(())
}

fn violations(metadata: &Value) -> Vec<String> {
    let graph = Graph::new(metadata);
    let mut broken = Vec::new();
    for package in graph.members() {
        let name = text(&package["name"]);
        if name == "xtask" {
            broken.extend(
                normal_dependencies(package)
                    .map(|dependency| text(&dependency["name"]))
                    .filter(|used| used.starts_with("u2i"))
                    .map(|used| format!("xtask depends on {used}, but must build without the workspace")),
            );
        } else if name != PROGRAM && !BENCHES.contains(&name) {
            match HOUSE.iter().find(|room| room.name == name) {
                Some(room) => broken.extend(room.violations(package, &graph)),
                None => broken.push(format!("{name} has no row in the table of xtask/src/fence.rs")),
            }
        }
    }
    broken
}

impl Room {
    fn violations(&self, package: &Value, graph: &Graph<'_>) -> Vec<String> {
        let name = self.name;
        let mut broken = Vec::new();
        for dependency in normal_dependencies(package) {
            let used = text(&dependency["name"]);
            if used.starts_with("u2i") && !self.uses.contains(&used) {
                broken.push(format!("{name} depends on {used}, which its place in the house does not allow"));
            }
            if name != DEVICES && is_backend_crate(used) {
                broken.push(format!("{name} depends on {used}; only {DEVICES} chooses backends"));
            }
            if name != DEVICES && used == OPERATORS && texts(&dependency["features"]).any(|on| on == FLEX) {
                broken.push(format!("{name} switches on {used}/{FLEX}; only {DEVICES} does that"));
            }
            if name != DEVICES && used == "burn" {
                if dependency["uses_default_features"] != Value::Bool(false) {
                    broken.push(format!("{name} takes burn's default features"));
                }
                broken.extend(switches_backend(texts(&dependency["features"])).map(|feature| {
                    format!(
                        "{name} switches on burn/{feature} outside dev-dependencies; only {DEVICES} does that"
                    )
                }));
            }
        }
        let reached = graph.reached_from(text(&package["id"]));
        for engine in self.free_of {
            if let Some(found) = reached.iter().find(|found| belongs_to(found, engine)) {
                broken.push(format!("{name} reaches {found}, but must be free of {engine}"));
            }
        }
        broken.extend(self.feature_violations(package));
        broken
    }

    /// Features of the crate's own that switch a backend on, or faiss on by default.
    fn feature_violations(&self, package: &Value) -> Vec<String> {
        let name = self.name;
        let mut broken = Vec::new();
        if name == DEVICES {
            return broken;
        }
        for (feature, switched) in package["features"].as_object().into_iter().flatten() {
            let of_burn =
                texts(switched).filter_map(|on| on.strip_prefix("burn/").or(on.strip_prefix("burn?/")));
            let is_own = |on: &&str| name == OPERATORS && feature == FLEX && *on == FLEX;
            broken.extend(switches_backend(of_burn).filter(|on| !is_own(on)).map(|on| {
                format!("feature {feature} of {name} switches on burn/{on}; only {DEVICES} does that")
            }));
        }
        let own = package["features"].as_object().into_iter().flatten().flat_map(|(_, on)| texts(on));
        let of_operators =
            own.filter(|on| on.strip_suffix(FLEX).is_some_and(|on| on == "u2i-ops/" || on == "u2i-ops?/"));
        broken.extend(of_operators.map(|on| format!("{name} switches on {on}; only {DEVICES} does that")));
        if name == OPERATORS && default_features(package).contains(FLEX) {
            broken
                .push(format!("{name} has {FLEX} among its default features; only {DEVICES} switches it on"));
        }
        for dependency in normal_dependencies(package).filter(|d| belongs_to(text(&d["name"]), "faiss")) {
            let on_by_default = default_features(package);
            let used = text(&dependency["name"]);
            if dependency["optional"] != Value::Bool(true) || on_by_default.contains(&format!("dep:{used}")) {
                broken.push(format!("{name} takes {used} without being asked to; keep it behind a feature"));
            }
        }
        broken
    }
}

/// Bugs stand in `xtask/bugs/`, so the sources have no switch for them.
fn switches_of_bugs(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in sources {
        for word in ["u2i_bug", "planted("] {
            let is_whole = |at: &usize| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let places = text.match_indices(word).map(|(at, _)| at).filter(is_whole);
            found.extend(places.map(|at| {
                format!("{file}, line {}, has {word}; a bug is a file in xtask/bugs", line_of(text, at))
            }));
        }
    }
    found
}

/// Everything that the crate's default features switch on.
pub fn default_features(package: &Value) -> BTreeSet<String> {
    let mut on = BTreeSet::new();
    let mut open = vec!["default".to_owned()];
    while let Some(feature) = open.pop() {
        open.extend(texts(&package["features"][&feature]).map(str::to_owned));
        on.insert(feature);
    }
    on
}

fn switches_backend<'a>(features: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    features.filter(|feature| !BURN_WITHOUT_BACKEND.contains(feature))
}

fn is_backend_crate(name: &str) -> bool {
    [
        "burn-flex",
        "burn-ndarray",
        "burn-wgpu",
        "burn-cuda",
        "burn-rocm",
        "burn-tch",
        "burn-cpu",
        "burn-remote",
    ]
    .contains(&name)
}

/// Whether a package is the engine or a part of it: `polars`, `polars-core`.
fn belongs_to(package: &str, engine: &str) -> bool {
    package.strip_prefix(engine).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Dependencies other than those of tests.
fn normal_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"] != "dev")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(values: &Value) -> impl Iterator<Item = &str> {
    values.as_array().into_iter().flatten().map(text)
}

/// What cargo resolved.
struct Graph<'a> {
    packages: HashMap<&'a str, &'a Value>,
    nodes: HashMap<&'a str, &'a Value>,
    members: BTreeSet<&'a str>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Self {
        let by_id =
            |list: &'a Value| list.as_array().into_iter().flatten().map(|one| (text(&one["id"]), one));
        Graph {
            packages: by_id(&metadata["packages"]).collect(),
            nodes: by_id(&metadata["resolve"]["nodes"]).collect(),
            members: texts(&metadata["workspace_members"]).collect(),
        }
    }

    fn members(&self) -> impl Iterator<Item = &'a Value> {
        self.members.iter().filter_map(|id| self.packages.get(id).copied())
    }

    /// Names of all packages below one, leaving dependencies of tests aside.
    fn reached_from(&self, id: &'a str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(node) = open.pop().and_then(|id| self.nodes.get(id)) {
            for dependency in node["deps"].as_array().into_iter().flatten() {
                let kinds = dependency["dep_kinds"].as_array();
                let used = kinds.into_iter().flatten().any(|kind| kind["kind"] != "dev");
                let id = text(&dependency["pkg"]);
                if used && seen.insert(id) {
                    open.push(id);
                }
            }
        }
        seen.remove(id);
        seen.iter().filter_map(|id| self.packages.get(id)).map(|package| text(&package["name"])).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A workspace of one crate with one dependency, itself depending on `below`.
    fn workspace(name: &str, dependency: Value, features: Value, below: &str) -> Value {
        let used = text(&dependency["name"]).to_owned();
        json!({
            "workspace_members": [name],
            "packages": [
                {"id": name, "name": name, "dependencies": [dependency], "features": features},
                {"id": used, "name": used, "dependencies": [], "features": {}},
                {"id": below, "name": below, "dependencies": [], "features": {}},
            ],
            "resolve": {"nodes": [
                {"id": name, "deps": [{"pkg": used, "dep_kinds": [{"kind": dependency["kind"]}]}]},
                {"id": used, "deps": [{"pkg": below, "dep_kinds": [{"kind": null}]}]},
                {"id": below, "deps": []},
            ]},
        })
    }

    fn check(name: &str, dependency: Value, features: Value, below: &str, wanted: Option<&str>) {
        let found = violations(&workspace(name, dependency, features, below));
        match wanted {
            None => assert_eq!(found, Vec::<String>::new(), "{name}"),
            Some(wanted) => assert!(found.iter().any(|line| line.contains(wanted)), "{wanted}: {found:?}"),
        }
    }

    #[test]
    fn each_wall_is_seen_to_break() {
        let plain = |name: &str| json!({"name": name, "kind": null, "features": [], "optional": false});
        let burn = |kind: Value, on: &[&str]| {
            let off = false;
            json!({"name": "burn", "kind": kind, "features": on, "uses_default_features": off})
        };
        let none = json!({});
        check("u2i-eval", plain("serde"), none.clone(), "serde_core", None);
        check("u2i-eval", plain("frames"), none.clone(), "polars-core", Some("reaches polars-core"));
        check("u2i-schema", plain("u2i-models"), none.clone(), "x", Some("does not allow"));
        check("u2i-new", plain("serde"), none.clone(), "x", Some("no row"));
        check("xtask", plain("u2i-schema"), none.clone(), "x", Some("without the workspace"));
        check("u2i-models", burn(Value::Null, &["std", "optim"]), none.clone(), "burn-core", None);
        check("u2i-models", burn(json!("dev"), &["flex"]), none.clone(), "burn-core", None);
        check("u2i-models", burn(Value::Null, &["std", "flex"]), none.clone(), "x", Some("burn/flex"));
        check(DEVICES, burn(Value::Null, &["std", "flex"]), none.clone(), "burn-flex", None);
        check("u2i", burn(Value::Null, &["std", "flex"]), none.clone(), "burn-flex", Some("burn/flex"));
        check("u2i-train", plain("burn"), none.clone(), "x", Some("default features"));
        check("u2i-train", plain("burn-ndarray"), none.clone(), "x", Some("only u2i-device chooses"));
        let operators = json!({"name": OPERATORS, "kind": null, "features": [FLEX]});
        check(DEVICES, operators.clone(), none.clone(), "x", None);
        check("u2i-models", operators, none.clone(), "x", Some("switches on u2i-ops/flex"));
        check(OPERATORS, burn(Value::Null, &["std"]), json!({"flex": ["burn/flex"]}), "x", None);
        check(OPERATORS, burn(Value::Null, &["std"]), json!({"flex": ["burn/wgpu"]}), "x", Some("burn/wgpu"));
        check(
            OPERATORS,
            burn(Value::Null, &["std"]),
            json!({"default": ["burn/flex"]}),
            "x",
            Some("burn/flex"),
        );
        let passed_on = json!({"fast": ["u2i-ops/flex"]});
        check("u2i-models", plain(OPERATORS), passed_on, "x", Some("switches on u2i-ops/flex"));
        let by_default = json!({"default": ["flex"], "flex": ["burn/flex"]});
        check(OPERATORS, burn(Value::Null, &["std"]), by_default, "x", Some("among its default features"));
        let gpu = json!({"gpu": ["burn/wgpu"]});
        check("u2i-losses", burn(Value::Null, &["std"]), gpu, "x", Some("feature gpu of u2i-losses"));
    }

    #[test]
    fn faiss_stays_behind_a_feature_that_is_off_by_default() {
        let faiss = |optional: bool| json!({"name": "faiss-sys", "kind": null, "optional": optional});
        let off = json!({"default": [], "faiss": ["dep:faiss-sys"]});
        let on = json!({"default": ["faiss"], "faiss": ["dep:faiss-sys"]});
        check("u2i-index", faiss(true), off.clone(), "x", None);
        check("u2i-index", faiss(true), on, "x", Some("keep it behind a feature"));
        check("u2i-index", faiss(false), off, "x", Some("keep it behind a feature"));
    }

    #[test]
    fn a_switch_of_a_bug_is_found_in_the_sources() {
        let sources = |text: &str| Sources::from([("crates/a/src/b.rs".to_owned(), text.to_owned())]);
        assert_eq!(switches_of_bugs(&sources("fn a_bug_is_planted() {} // planted\n")), Vec::<String>::new());
        let found = switches_of_bugs(&sources("fn f() {\n    if planted(\"x\") {}\n}\n"));
        assert_eq!(found, ["crates/a/src/b.rs, line 2, has planted(; a bug is a file in xtask/bugs"]);
    }

    #[test]
    fn an_engine_is_known_by_the_whole_of_its_name() {
        assert!(belongs_to("polars", "polars") && belongs_to("polars-core", "polars"));
        assert!(!belongs_to("burnt", "burn") && !belongs_to("my-polars", "polars"));
    }
}
