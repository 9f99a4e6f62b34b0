//! The chapter's claims through the command line, on a tiny data set.

use std::path::Path;

use serde_json::Value;
use u2i_chapter::claims::CLAIMS;

use crate::command_line::u2i;

/// Exit code, standard error and standard output.
fn claims(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = u2i(&[&["claims"], arguments].concat(), "1", folder);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stderr), text(output.stdout))
}

/// Whether every tag of an XML text is closed in its order, attributes are quoted, and text is escaped. Comments,
/// declarations and CDATA are not expected.
fn is_well_formed(text: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = (&rest[..at], &rest[at + 1..]);
        if !is_escaped(before) || (open.is_empty() && !before.trim().is_empty()) {
            return false;
        }
        let Some(end) = tag.find('>') else { return false };
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim()) {
                return false;
            }
            continue;
        }
        let own = tag.strip_suffix('/');
        let (name, attributes) =
            own.unwrap_or(tag).split_once(char::is_whitespace).unwrap_or((own.unwrap_or(tag), ""));
        // name="value" name="value"
        let mut parts = attributes.split('"');
        let names = parts.by_ref().step_by(2).collect::<Vec<_>>();
        let values = attributes.split('"').skip(1).step_by(2);
        let (last, names) = names.split_last().unwrap_or((&"", &[]));
        if !last.trim().is_empty() || !names.iter().all(|name| name.trim().ends_with('=')) {
            return false;
        }
        if !values.into_iter().all(|value| is_escaped(value) && !value.contains('<')) || name.is_empty() {
            return false;
        }
        if own.is_none() {
            open.push(name);
        }
    }
    open.is_empty() && rest.trim().is_empty()
}

/// Whether each `&` begins an entity.
fn is_escaped(text: &str) -> bool {
    text.split('&').skip(1).all(|after| {
        let name = after.split_once(';').map_or("", |(name, _)| name);
        ["amp", "lt", "gt", "quot", "apos"].contains(&name) || name.starts_with('#')
    })
}

#[test]
fn xml_that_is_broken_is_told_from_xml_that_is_not() {
    for good in
        ["<a/>", "<a b=\"1\" c='2'></a>".replace('\'', "\"").as_str(), "<a><b x=\"&lt;\"/>t &amp; u</a>\n"]
    {
        assert!(is_well_formed(good), "{good}");
    }
    for bad in ["<a>", "<a></b>", "<a b=1/>", "<a>x & y</a>", "</a>", "<a/>text", "<a b=\"c/>"] {
        assert!(!is_well_formed(bad), "{bad}");
    }
}

#[test]
fn every_claim_has_a_row_a_section_and_its_pictures_and_is_not_run_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = || claims(&["--tiny", "--rows", "rows.json", "--write-docs=docs/chapter.md"], folder);
    let (code, said, table) = run();
    assert_eq!((code, said.matches("as it was kept").count() < CLAIMS.len()), (Some(0), true), "{said}");
    let rows: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("rows.json")).unwrap()).unwrap();
    let docs = std::fs::read_to_string(folder.join("docs/chapter.md")).unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, CLAIMS.map(|claim| claim.id), "the order is the chapter's");
    for (row, claim) in rows.iter().zip(&CLAIMS) {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert!(keys.len() == 3 && row["figures"].is_object(), "{row}");
        let verdict = row["verdict"].as_str().unwrap();
        assert!(["holds", "holds_under_a_condition", "does_not_hold_here"].contains(&verdict), "{row}");
        let figures = row["figures"].as_object().unwrap();
        assert!(!figures.is_empty() && figures.values().all(|value| value.is_number()), "{row}");
        assert!(table.contains(claim.id), "{table}");
        let section = docs.split_once(&format!("\n<a id=\"{}\"></a>\n\n## {}\n", claim.id, claim.title));
        let section = section.unwrap().1.split("<a id=").next().unwrap();
        let words = verdict.replace('_', " ");
        for part in [claim.statement, claim.measured, claim.rule, &format!("**Verdict: {words}")] {
            assert!(section.contains(part), "{}: {part}", claim.id);
        }
    }
    assert!(docs.contains("`cargo xtask claims --tiny`") && docs.contains("Sizes are tiny"), "{docs}");
    let pictures: Vec<&str> =
        docs.split("](images/chapter/").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(pictures.len() >= 14, "{pictures:?}");
    for name in &pictures {
        let svg = std::fs::read_to_string(folder.join("docs/images/chapter").join(name)).unwrap();
        assert!(svg.starts_with("<svg xmlns=") && is_well_formed(&svg), "{name}: {svg}");
    }
    assert_eq!(std::fs::read_dir(folder.join("docs/images/chapter")).unwrap().count(), pictures.len());

    // What was found stays, times included; what cannot be read is found again.
    let same = || {
        let again: Vec<Value> =
            serde_json::from_str(&std::fs::read_to_string(folder.join("rows.json")).unwrap()).unwrap();
        for (a, b) in rows.iter().zip(&again) {
            assert_eq!((&a["id"], &a["verdict"]), (&b["id"], &b["verdict"]));
            for (name, value) in a["figures"].as_object().unwrap() {
                let (value, again) = (value.as_f64().unwrap(), b["figures"][name].as_f64().unwrap());
                // Reading a number may cost its last digit.
                assert!((value - again).abs() <= 1e-12 * value.abs(), "{}: {name}: {value} {again}", a["id"]);
            }
        }
        again.len()
    };
    let (_, said, _) = run();
    assert_eq!(said.matches(", as it was kept").count(), CLAIMS.len(), "{said}");
    assert_eq!(same(), rows.len());
    std::fs::write(folder.join("runs/claims/mean-pooling.json"), "{").unwrap();
    let (_, said, _) = run();
    assert_eq!(said.matches(", as it was kept").count(), CLAIMS.len() - 1, "{said}");
    assert!(said.contains("MovieLens 100K, mean, seed 1: as it was kept"), "{said}");
    assert_eq!(same(), rows.len());
}

#[test]
fn a_part_of_the_claims_writes_no_document_and_a_missing_data_set_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let part = ["--only", "three-points", "--write-docs=chapter.md", "--json"];
    let (code, said, rows) = claims(&part, folder);
    assert_eq!(code, Some(0), "{said}");
    let rows: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!((rows[0]["id"].as_str(), rows.as_array().map(Vec::len)), (Some("three-points"), Some(1)));
    assert_eq!(rows[0]["figures"]["inner_product_a_c"], 110.0);
    assert!(said.contains("chapter.md is not written: 18 claims are missing"), "{said}");
    assert!(!folder.join("chapter.md").exists());

    // A folder that holds no data set, and a proxy that is none: nothing is found or downloaded.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_u2i"))
        .args(["claims", "--only", "popular-first", "--data-dir", "."])
        .env_remove("U2I_DATA_DIR")
        .env("XDG_CACHE_HOME", folder)
        .env("https_proxy", "http://127.0.0.1:9")
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("popular-first: skipped: ml-1m is not in"), "{said}");

    let (code, said, _) = claims(&["--only", "three-point"], folder);
    assert!(
        code == Some(2) && said.contains("no claim `three-point`, expected one of scoring-once"),
        "{said}"
    );
    let (code, _, list) = claims(&["--list"], folder);
    assert_eq!((code, list.lines().count()), (Some(0), CLAIMS.len()));
}
