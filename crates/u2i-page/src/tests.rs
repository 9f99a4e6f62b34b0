use serde_json::{Value, json};
use u2i::ErrorKind;
use u2i::run::{EpochLine, ItemRow, StepLine, TargetRow};

use super::*;

mod crowded;
pub(crate) mod picture;

/// Three users, four items. The hits at 10 of `ranks` are those of the report.
fn run() -> RunFiles {
    let metrics = |rate: f64| {
        json!({
            "hit_rate@5": rate / 2.0, "hit_rate@10": rate, "ndcg@5": rate / 3.0, "ndcg@10": rate / 2.0,
            "precision@5": rate / 10.0, "precision@10": rate / 10.0, "recall@5": rate / 2.0, "recall@10": rate,
            "mrr": rate / 3.0
        })
    };
    let search = |kind: &str, recall, p50_us: f64| json!({"kind": kind, "k": 10, "n_queries": 3, "recall": recall, "p50_us": p50_us, "p99_us": 2.0 * p50_us});
    let report = json!({
        "model": "youtube_dnn", "description": "a tower", "recipe": "tuned", "dataset": "shop", "protocol": "time",
        "data_hash": "d4", "split_hash": "5b", "config_hash": "c0", "n_users": 3, "n_users_without_history": 2,
        "n_items": 4, "n_items_ranked": 4, "candidates": "all items of the catalogue", "seen": "excluded",
        "ties": "row in file", "targets_seen_share": 0.0, "metrics": metrics(2.0 / 3.0),
        "metrics_ci95": {"hit_rate@10": 0.1, "ndcg@10": 0.05}, "metrics_seen_kept": metrics(0.5),
        "baselines": {"random": metrics(0.01), "popularity": metrics(0.1), "markov_window": metrics(0.3)},
        "below_markov_window": false,
        "train": {"best_epoch": 2, "samples": 9, "samples_per_s": 100.0, "wall_s": 2.0, "cpu_s": 3.5, "peak_rss_mib": 50.0},
        "prepare": {"wall_s": 0.1, "cpu_s": 0.1, "peak_rss_mib": null},
        "evaluate": {"wall_s": 0.2, "cpu_s": 0.2, "peak_rss_mib": 40.0},
        "search": [search("exact", 1.0, 90.0), search("ivf_ip(nlist=32,nprobe=16)", 0.98, 12.0)],
        "seed": 1, "device": "cpu", "threads": 2, "cpu": null, "build": "abc", "platform": "x86_64-linux", "version": "0.1.0"
    });
    let target = |user: &str, n_earlier, n_train, rank| TargetRow {
        user_id: user.to_owned(),
        item_id: "a".to_owned(),
        n_earlier,
        n_train,
        rank,
        rank_kept: rank,
    };
    let item = |item_id: &str, n_train, n_lists| ItemRow {
        item_id: item_id.to_owned(),
        title: Some(format!("Title of {item_id}")),
        n_train,
        n_lists,
    };
    let step = |step: usize| StepLine {
        step,
        epoch: 1 + step / 4,
        loss: 5.0 - 0.3 * step as f64,
        learning_rate: 0.01,
    };
    let epoch = |epoch: usize, validation| EpochLine {
        epoch,
        loss: 4.0 / epoch as f64,
        validation: Some(validation),
        metric: "ndcg@10".to_owned(),
        step: 4 * epoch - 1,
    };
    RunFiles {
        config: "seed = 1\n".to_owned(),
        report,
        steps: (0..8).map(step).collect(),
        epochs: vec![epoch(1, 0.2), epoch(2, 0.3)],
        ranks: vec![target("u", 3, 5, Some(1.0)), target("v", 4, 2, Some(9.5)), target("w", 30, 0, None)],
        recommended: vec![item("a", 5, 3), item("b", 2, 1), item("c", 1, 0), item("d", 0, 0)],
    }
}

fn set(run: &mut RunFiles, pointer: &str, value: Value) {
    *run.report.pointer_mut(pointer).unwrap() = value;
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert_eq!(render(&run()).unwrap(), render(&run()).unwrap());
}

#[test]
fn markup_in_the_data_is_text_on_the_page() {
    const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;";
    let mut run = run();
    for pointer in [
        "/model",
        "/description",
        "/dataset",
        "/recipe",
        "/protocol",
        "/device",
        "/build",
        "/ties",
        "/candidates",
    ] {
        set(&mut run, pointer, json!(HOSTILE));
    }
    run.config = HOSTILE.to_owned();
    run.recommended[0].title = Some(HOSTILE.to_owned());
    run.recommended[1].title = None;
    run.recommended[1].item_id = HOSTILE.to_owned();
    run.ranks[0].user_id = HOSTILE.to_owned();
    run.epochs[0].metric = HOSTILE.to_owned();
    set(&mut run, "/search/0/kind", json!(HOSTILE));
    set(&mut run, "/search/1/kind", json!(format!("{HOSTILE}(m={HOSTILE})")));
    let page = render(&run).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("\"'>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("&amp;lt;"), "an entity in the data is text as well");
}

#[test]
fn a_sample_of_the_test_users_is_said_with_its_interval() {
    assert!(!render(&run()).unwrap().contains("are a sample of"));
    let mut run = run();
    set(&mut run, "/n_users", json!(12_345));
    run.report["n_users_evaluated"] = json!(3);
    run.report["metrics_sample_ci95"] = json!({"ndcg@10": 0.0025});
    let page = render(&run).unwrap();
    assert!(page.contains("Means over 3 test users"), "{page}");
    assert!(page.contains("These users are a sample of the 12,345 test users"));
    assert!(page.contains("NDCG@10 within ± 0.0025 of that above"));
    assert!(!page.contains("The ranks do not add up"));
}

#[test]
fn a_model_of_somebody_elses_is_on_the_page_by_its_name_and_description() {
    let mut run = run();
    set(&mut run, "/model", json!("turned"));
    set(&mut run, "/description", json!("sum of the newest items, turned by a matrix"));
    let page = render(&run).unwrap();
    assert!(page.contains("<h1>turned on shop</h1>"));
    assert!(page.contains("<dd>sum of the newest items, turned by a matrix</dd>"));
    assert!(!page.contains("youtube_dnn"));
}

#[test]
fn the_page_fetches_nothing() {
    let page = render(&run()).unwrap();
    for from_elsewhere in ["http:", "https:", "src=", "url(", "@import", "<link", "<script", "<iframe"] {
        assert!(!page.contains(from_elsewhere), "{from_elsewhere}");
    }
}

#[test]
fn every_chart_speaks_and_has_its_numbers() {
    let page = render(&run()).unwrap();
    let figures: Vec<&str> = page.split("<figure>").skip(1).collect();
    assert_eq!(figures.len(), 11);
    for figure in figures {
        let figure = figure.split("</figure>").next().unwrap();
        assert!(figure.contains("<svg viewBox=") && figure.contains(" role=\"img\" aria-label=\""));
        assert!(figure.contains("<h3>") && figure.contains("<details>") && figure.contains("<tbody><tr>"));
        assert!(!figure.contains("NaN") && !figure.contains("inf"), "{figure}");
    }
}

#[test]
fn tags_are_closed_in_the_order_they_are_opened() {
    let page = render(&run()).unwrap();
    let mut open = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.starts_with('!') && !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn pairs_that_the_markov_window_is_not_made_of_are_told() {
    let mut run = run();
    assert!(!render(&run).unwrap().contains("heaviest successors"));
    run.report["baselines"]["markov_window_pruned"] =
        json!({"pairs": 123_456_789, "kept": 60_000_000, "successors_per_item": 64});
    let said = "The Markov window is made of the 64 heaviest successors of each item: 60,000,000 of 123,456,789 pairs.";
    assert!(render(&run).unwrap().contains(said));
}

/// A change to a run, and the verdict on it.
type Case<'a> = (&'a dyn Fn(&mut RunFiles), &'a str);

#[test]
fn the_verdict_follows_the_strongest_baseline() {
    let verdict = |change: &dyn Fn(&mut RunFiles)| {
        let mut run = run();
        change(&mut run);
        let page = render(&run).unwrap();
        let verdict = page.split("class=\"verdict").nth(1).unwrap();
        verdict.split("</strong>").next().unwrap().split("<strong>").nth(1).unwrap().to_owned()
    };
    let cases: [Case; 6] = [
        (
            &|run| {
                set(run, "/below_markov_window", json!(true));
                run.report["no_better_than_popularity"] = json!(true);
            },
            "Worse than counting: no better than popularity.",
        ),
        (&|_| (), "Better than counting."),
        (&|run| set(run, "/metrics_ci95/ndcg@10", json!(0.2)), "Not clearly better than counting."),
        (
            &|run| set(run, "/below_markov_window", json!(true)),
            "Worse than counting: below the Markov window.",
        ),
        (
            &|run| set(run, "/baselines/popularity/ndcg@10", json!(0.9)),
            "Worse than counting: no better than popularity.",
        ),
        (
            &|run| {
                run.report["metrics_ci95"].as_object_mut().unwrap().clear();
            },
            "Not clearly better than counting.",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(verdict(change), expected);
    }
}

#[test]
fn a_folder_of_two_runs_is_pointed_out() {
    assert!(!render(&run()).unwrap().contains("do not add up"));
    let mut mixed = run();
    mixed.ranks[0].rank = None;
    assert!(
        render(&mixed).unwrap().contains("The ranks do not add up to the report: 1 hits@10 of 3 targets")
    );
}

#[test]
fn cold_groups_have_tables_where_they_have_targets() {
    let mut run = run();
    let metrics = |rate: f64| json!({"hit_rate@10": rate, "ndcg@10": rate / 2.0});
    let group = |n: usize, n_not_ranked: usize, rate: f64| {
        json!({
            "n_targets": n, "n_not_ranked": n_not_ranked, "metrics": metrics(rate), "metrics_ci95": {"ndcg@10": 0.05},
            "baselines": {"random": metrics(0.0), "popularity": metrics(0.0), "markov_window": metrics(0.0)}
        })
    };
    let empty =
        json!({"n_targets": 0, "n_not_ranked": 0, "metrics": null, "metrics_ci95": {}, "baselines": null});
    let among = json!({"n_items": 4, "n_candidates": 3, "metrics": metrics(0.5), "metrics_ci95": {}, "chance": {"hit_rate@10": 0.25}});
    run.report["cold"] = json!({
        "cold_items": group(1, 0, 1.0), "warm_items": group(2, 0, 0.5), "cold_users": empty,
        "warm_users": group(3, 0, 2.0 / 3.0), "among_cold_items": among
    });
    let page = render(&run).unwrap();
    assert!(page.contains("<h3>Cold items</h3><p>1 of 3 targets have no training event.</p>"));
    assert!(page.contains("<th scope=\"row\">Targets</th><td>1</td><td>2</td>"));
    // Wilson's interval of one hit in one: 1 / (1 + 1.96²) to 1.
    assert!(page.contains("<th scope=\"row\">95 % interval</th><td>0.207 to 1.000</td>"));
    assert!(page.contains("<th scope=\"row\">NDCG@10</th><td>0.500 ± 0.050</td><td>0.250 ± 0.050</td>"));
    assert!(page.contains("Among the 3 cold items alone, hit rate@10 is 0.500; chance is 0.250."));
    assert!(page.contains("<h3>Cold users</h3><p>Every test user has training events.</p>"));

    run.report["cold"]["cold_items"] = group(1, 1, 0.0);
    run.report["cold"]["among_cold_items"] =
        json!({"n_items": 4, "n_candidates": 0, "metrics": null, "metrics_ci95": {}, "chance": null});
    let page = render(&run).unwrap();
    assert!(page.contains("<th scope=\"row\">Hit rate@10</th><td>not ranked</td><td>0.500</td>"));
    assert!(page.contains("<th scope=\"row\">95 % interval</th><td>–</td>"));
    assert!(page.contains("The model ranks 0 of the 4 cold items of the catalogue."));

    // Whatever a report says, a page comes of it.
    run.report["cold"]["cold_items"] = group(1, 0, 7.0);
    assert!(render(&run).is_ok());
}

#[test]
fn what_a_run_lacks_is_said_in_words() {
    let mut bare = run();
    bare.steps.clear();
    bare.ranks.clear();
    set(&mut bare, "/search", json!([]));
    bare.recommended.clear();
    bare.epochs.truncate(1);
    bare.epochs[0].validation = None;
    let page = render(&bare).unwrap();
    for missing in [
        "There are no losses of steps",
        "There was no validation",
        "There are no ranks of single targets",
        "There are no recommendations",
        "No index was compared",
    ] {
        assert!(page.contains(missing), "{missing}");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn the_least_that_can_be_drawn_is_drawn() {
    let mut small = run();
    small.steps.truncate(1);
    small.epochs.truncate(1);
    small.ranks.truncate(1);
    small.recommended.truncate(1);
    let first = small.report["search"][0].clone();
    set(&mut small, "/search", json!([first]));
    let page = render(&small).unwrap();
    assert!(!page.contains("NaN") && !page.contains("2147483647") && !page.contains("-2147483648"));
}

#[test]
fn a_report_that_is_none_is_refused() {
    let mut broken = run();
    broken.report.as_object_mut().unwrap().remove("metrics");
    let error = render(&broken).unwrap_err();
    assert_eq!(error.to_string(), "report.json: missing field `metrics`");
    assert_eq!(error.kind(), ErrorKind::Integrity);
}
