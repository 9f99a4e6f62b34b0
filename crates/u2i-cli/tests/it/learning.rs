//! L6: a model that has learned nothing is marked.

use u2i_chapter::ModelName;

use crate::command_line::{comparable, u2i};
use crate::tuned;

/// A model that hardly moves from its initial weights is marked in the report and in the table; those of the recipes are
/// not.
#[test]
fn a_model_no_better_than_popularity_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let configs = folder.path().join("configs/synthetic");
    std::fs::create_dir_all(&configs).unwrap();
    for name in ModelName::ALL {
        let mut config = toml::Table::try_from(tuned(name)).unwrap();
        let train = config["train"].as_table_mut().unwrap();
        train["optimizer"]["adam"]["learning_rate"] = 1e-12.into();
        train["epochs"] = 1.into();
        config.remove("index");
        std::fs::write(configs.join(format!("{name}.toml")), toml::to_string(&config).unwrap()).unwrap();
    }
    let arguments = ["reproduce", "--dataset", "synthetic", "--protocol", "time", "--recipe", "tuned"];
    let run = |more: &[&str]| {
        let output = u2i(&[&arguments[..], more].concat(), "2", folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = run(&["--configs", "configs", "--out", "nothing"]);
    assert!(table.contains("no better than popularity"), "{table}");
    for name in ModelName::ALL {
        let marked = format!("| {name} (tuned) **");
        assert!(table.contains(&marked), "{marked}: {table}");
        let path = folder.path().join(format!("nothing/synthetic/time/tuned/{name}/seed-1/report.json"));
        assert_eq!(comparable(&path)["no_better_than_popularity"], true, "{name}");
    }
}
