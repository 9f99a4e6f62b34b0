//! `docs/benchmarks.json` and what is written of it in `docs/benchmarks.md`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::contest::{Contest, Peer};
use super::contests::contests;
use super::table::{Row, digits, text};

/// Puts new rows in the place of those of the same contest, and writes the document from all of them.
pub fn update(new: Vec<Row>, json: &Path, markdown: &Path) -> Result<()> {
    let mut rows = match fs::read_to_string(json) {
        Ok(text) => {
            let rows: Vec<Value> = serde_json::from_str(&text)
                .with_context(|| format!("{} is no list of rows", json.display()))?;
            rows.into_iter().map(Row).collect()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", json.display())),
    };
    for row in new {
        let threads = row.0["threads"].as_u64().unwrap_or(0) as usize;
        let (id, variant) = (text(&row, "id"), text(&row, "variant"));
        rows.retain(|old: &Row| !old.is_of(&id, &variant, threads));
        rows.push(row);
    }
    let of = |contest: &Contest, threads: usize| {
        rows.iter().find(|row| row.is_of(contest.id, contest.variant, threads))
    };
    let sorted: Vec<&Row> = contests()
        .flat_map(|contest| contest.threads.iter().filter_map(move |&threads| of(contest, threads)))
        .collect();
    let list = Value::Array(sorted.iter().map(|row| row.json()).collect());
    fs::write(json, format!("{list:#}\n")).with_context(|| format!("cannot write {}", json.display()))?;
    let document = document(&sorted);
    fs::write(markdown, document).with_context(|| format!("cannot write {}", markdown.display()))
}

fn document(rows: &[&Row]) -> String {
    let mut out = String::from(HEAD);
    out.push_str("| id | what | threads | ours | peer | unit | ratio | wanted | | commit |\n");
    out.push_str("|---|---|--:|--:|--:|---|--:|---|---|---|\n");
    for row in rows {
        let (id, variant) = (text(row, "id"), text(row, "variant"));
        let what = contests()
            .find(|contest| contest.id == id && contest.variant == variant)
            .map_or("", |contest| contest.what);
        let what = if variant.is_empty() { what.to_owned() } else { format!("{what}: {variant}") };
        let [ours, peer, ratio] = ["/ours", "/peer", "/ratio"].map(|key| digits(row.number(key)));
        out.push_str(&format!(
            "| `{id}` | {what} | {} | {ours} | {peer} | {} | {ratio} | {} | {} | {} |\n",
            row.0["threads"],
            text(row, "unit"),
            text(row, "bar"),
            row.verdict(),
            text(row, "commit"),
        ));
    }
    out.push_str("\n## What a round took\n\n");
    out.push_str(
        "Medians of the rounds, wall and processor seconds, and MiB at the peak of the process within a round.\n\n",
    );
    out.push_str("| id | threads | ours: wall s | CPU s | MiB | peer: wall s | CPU s | MiB | peer |\n");
    out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|---|\n");
    for row in rows {
        let cell = |key: &str| match row.0.pointer(key).and_then(Value::as_f64) {
            Some(value) => digits(value),
            None => String::new(),
        };
        let (id, variant) = (text(row, "id"), text(row, "variant"));
        let contest = contests().find(|contest| contest.id == id && contest.variant == variant);
        let is_ours = contest.is_some_and(|contest| matches!(contest.peer, Peer::Ours(_) | Peer::OneThread));
        let id = name(row);
        let sides = ["/of_ours", "/of_peer"].map(|side| {
            ["wall_s", "cpu_s", "peak_rss_mib"].map(|key| cell(&format!("{side}/{key}"))).join(" | ")
        });
        let versions = row.0.pointer("/of_peer/versions").and_then(Value::as_object).into_iter().flatten();
        let versions: Vec<String> =
            versions.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect();
        let peer = if is_ours { "the same program".to_owned() } else { versions.join(", ") };
        out.push_str(&format!("| {id} | {} | {} | {} | {peer} |\n", row.0["threads"], sides[0], sides[1]));
    }
    let mut notes: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let difference = row.0.get("loss_difference")?.as_f64()?;
            Some(format!(
                "`{}`: on the same weights and 16 batches the two losses differ by at most {difference:.1e} of their value.",
                text(row, "id")
            ))
        })
        .collect();
    notes.extend(rows.iter().filter_map(|row| {
        let same = row.0.get("same_lists")?.as_f64()?;
        Some(format!(
            "`{}`: {:.2} % of the lists hold the same 100 items on both sides.",
            text(row, "id"),
            100.0 * same
        ))
    }));
    notes.extend(rows.iter().filter_map(|row| hits(row)));
    notes.extend(rows.iter().filter_map(|row| stopped(row)));
    notes.dedup();
    for note in notes {
        out.push_str(&format!("\n{note}\n"));
    }
    out.push_str(&jobs(rows));
    out.push_str(&services(rows));
    let mut machines: Vec<String> = rows.iter().map(|row| text(row, "machine")).collect();
    machines.sort();
    machines.dedup();
    out.push_str(&format!("\nMachine: {}.\n", machines.join("; ")));
    out
}

/// A row by its contest.
fn name(row: &Row) -> String {
    let (id, variant) = (text(row, "id"), text(row, "variant"));
    if variant.is_empty() { format!("`{id}`") } else { format!("`{id}`: {variant}") }
}

/// How often both sides foretold what users did.
fn hits(row: &Row) -> Option<String> {
    let number = |key: &str| row.0["hits"][key].as_f64();
    Some(format!(
        "{}: the last item of {:.4} of the users is among the best 10 of ours, and of {:.4} among those of the peer; the \
         difference is known to ± {:.4} (95 %).",
        name(row),
        number("ours")?,
        number("peer")?,
        number("difference_ci95")?
    ))
}

/// Who was stopped.
fn stopped(row: &Row) -> Option<String> {
    let sides: Vec<&str> = row.0["stopped"].as_array()?.iter().filter_map(Value::as_str).collect();
    Some(format!("{}: {} took longer than it may, and was stopped.", name(row), sides.join(" and ")))
}

/// What the key of a side holds, and how it is called.
const SIDES: [(&str, &str); 2] = [("of_ours", "ours"), ("of_peer", "peer")];

/// Stages of a whole job, and what else it tells, in the order of the table.
const STAGES: [&str; 11] = [
    "init",
    "read",
    "prepare",
    "baselines",
    "train",
    "evaluate",
    "indexes",
    "export",
    "recommend",
    "hit rate",
    "bytes an event",
];

/// What each stage of whole jobs took.
fn jobs(rows: &[&Row]) -> String {
    let mut out = String::new();
    let is_job = |row: &&&Row| text(row, "id").starts_with("whole-job") || text(row, "id") == "threads-2";
    for row in rows.iter().filter(is_job) {
        for (key, side) in SIDES {
            let said = &row.0[key]["said"];
            if said["init"].is_null() {
                continue;
            }
            if out.is_empty() {
                out.push_str("\n## What each stage of a whole job took\n\n");
                out.push_str(
                    "Seconds by the clock. `indexes` is what else `u2i train` does: it measures indexes and ",
                );
                out.push_str("writes files. The hit rate is that at 10 of the program's own test.\n\n");
                out.push_str(&format!("| id | threads | side | {} |\n", STAGES.join(" | ")));
                out.push_str(&format!("|---|--:|---|{}\n", "--:|".repeat(STAGES.len())));
            }
            let cells = STAGES.map(|stage| said[stage].as_f64().map_or_else(String::new, digits));
            let id = name(row);
            out.push_str(&format!("| {id} | {} | {side} | {} |\n", row.0["threads"], cells.join(" | ")));
        }
    }
    out
}

/// What loads of the service told of themselves.
fn services(rows: &[&Row]) -> String {
    let mut out = String::new();
    for row in rows.iter().filter(|row| text(row, "id").starts_with("serve")) {
        for (key, side) in SIDES {
            let said = row.0[key]["said"].as_object().filter(|said| !said.is_empty());
            let Some(said) = said else { continue };
            if out.is_empty() {
                out.push_str("\n## What loads of the service told\n\nMedians of the rounds.\n\n");
                out.push_str("| id | side | |\n|---|---|---|\n");
            }
            let each = |(name, value): (&String, &Value)| {
                format!("{name}: {}", digits(value.as_f64().unwrap_or(f64::NAN)))
            };
            let words: Vec<String> = said.iter().map(each).collect();
            out.push_str(&format!("| {} | {side} | {} |\n", name(row), words.join("; ")));
        }
    }
    out
}

const HEAD: &str = "# Benchmarks

Written by `cargo xtask bench --against python`, which builds ours, makes a virtual environment for the peers outside of the
checkout (`scripts/peers.sh`), and runs a round of each side in turn, in one run, on the same data. A figure is the median of
the rounds, a ratio is that of the medians, in the sense that what is wanted of it says. `--only ID` measures some again and
keeps the others; the rows are in [benchmarks.json](benchmarks.json). What limits a figure that is missed is in
[performance.md](performance.md).

Threads are what each side may use: rayon, OpenMP, BLAS and polars are told so on both, and not to wait by spinning. A row in
which a side took more than 1.15 times as many seconds of processor time as that allows is marked, and meets nothing.

What a peer does stands at the head of its script in `benches/peers/`. To know with the table:

- `train-vs-torch`: batches and negatives are made beforehand in the peer and within the step in ours.
- `*-vs-rechub`: the library's loader, which collates rows in Python, is part of an epoch; its columns have vectors of 64
  numbers, ours of 16.
- `prepare-vs-pandas`: pandas runs on one thread whatever it is told, and writes all windows out; ours slices those of the
  first batch.
- `evaluate`: faiss has no filter for each query, so it is asked for more, and numpy takes out what was seen.
- `serve-*`: servers and clients are processes of one machine and share its cores. A server is told how many threads (ours) or
  workers (the peer) it may have, and nothing else of threads. Processor time is that of the server alone, with its children;
  a latency begins at the moment when a request was meant to be sent, and the moments of an open load are a Poisson process.
  Bundles are drawn: items about 2,000 centres, histories of 8 to 24 items about three of them.
- `serve-overhead`: throughput is requests a second of processor time of the server, and of the process that calls the
  library. What HTTP adds to one request after another holds what the client's side of the connection takes.
- `whole-job-*`: the commands `u2i init`, `train`, `export` and, beside peers, `recommend`, each a process of its own, with the
  config that `init` makes but for `train.epochs=1`; the whole is the sum of these. Events are drawn: `benches/compare/src/job/events.rs`
  says how. The time of `train` holds validation, that of baselines is what the log says.
- `whole-job-vs-*`: ours begins with a file and evaluates itself on the way, a peer begins with a data frame in memory. The lists of
  both are scored alike, on the last events of 10,000 users, which neither has trained on. Ours holds the event before it out, too, for
  validation; as torch-rechub does. A bar is met only where our hit rate at 10 is not below the peer's by more than chance
  explains. A side that takes more than 30 minutes is stopped. torch-rechub is left out at 10⁷, since its samples, each with all
  of its history, do not fit into memory.
- `whole-job-1e8`: the most of any stage. From what training takes, four times the weights are taken off, which are the tables, both
  moments of Adam and the best epoch; from other stages nothing.
- `threads-2`: the peer is the same program with one thread.
- `serve-overload` asks for exact search, which takes long enough for ten times as many requests to be sent from the cores
  that they are answered on.

";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{contest, round};
    use super::super::hits::Hits;
    use super::*;

    #[test]
    fn what_a_service_adds_is_a_difference_and_what_it_tells_stands_alone() {
        let variant = |id: &str, variant: &str| {
            let mut found = contests().filter(|contest| contest.id == id);
            found.find(|contest| contest.variant == variant).unwrap()
        };
        let single = |p50_s: f64| [json!({ "p50_s": p50_s, "said": { "p50, ms": 1e3 * p50_s } })];
        let added = variant("serve-overhead", "one request after another, what HTTP adds");
        let (ours, peer) = (single(0.0003), single(0.00025));
        let row = Row::new(added, 2, (&ours, &json!({})), (&peer, &json!({}))).unwrap();
        assert!((row.number("/ratio") - 50.0).abs() < 1e-6 && row.verdict() == "met");
        let page = document(&[&row]);
        assert!(
            page.contains("| ours | p50, ms: 0.300 |") && page.contains("| peer | p50, ms: 0.250 |"),
            "{page}"
        );

        let memory = |growth: f64| {
            let rounds = [json!({ "growth_mib": growth })];
            Row::new(variant("serve-memory", ""), 2, (&rounds, &json!({})), (&[], &Value::Null)).unwrap()
        };
        // Less than nothing is a growth, too.
        assert_eq!([-0.5, 8.5].map(|growth| memory(growth).verdict()), ["met", "**missed**"]);
        assert!(document(&[&memory(2.0)]).contains("| 2 | 2.00 |  | MiB | 2.00 | ≤ 8 | met |"));
    }

    #[test]
    fn a_job_tells_what_its_stages_took_and_both_sides_what_they_foretold() {
        let ours = json!({ "wall_s": 90.0, "said": { "init": 4.5, "train": 60.0, "bytes an event": 31.5 } });
        let rounds = ([ours], [round(45.0)]);
        let mut row =
            Row::new(contest("whole-job-vs-als"), 2, (&rounds.0, &json!({})), (&rounds.1, &json!({})))
                .unwrap();
        row.set_hits(Hits { ours: 0.25, peer: 0.125, half_width: 0.0075 });
        let page = document(&[&row]);
        let line =
            "| `whole-job-vs-als`: 10⁶ events | 2 | ours | 4.50 |  |  |  | 60.0 |  |  |  |  |  | 31.5 |";
        assert!(page.contains(line), "{page}");
        assert!(page.contains("of 0.2500 of the users") && page.contains("± 0.0075"), "{page}");
        assert!(!page.contains("loads of the service told"), "{page}");

        let stopped = [json!({ "stopped": true, "wall_s": 1_800 })];
        let row = Row::new(contest("whole-job-vs-als"), 2, (&rounds.0, &json!({})), (&stopped, &json!({})))
            .unwrap();
        assert!(document(&[&row]).contains(": the peer took longer than it may, and was stopped."));
    }

    #[test]
    fn new_rows_take_the_place_of_old_ones_and_others_stay() {
        let folder = std::env::temp_dir().join(format!("u2i-bench-table-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (json, markdown) = (folder.join("b.json"), folder.join("b.md"));
        let ready = json!({ "versions": { "it": "1.0" } });
        let row = |id: &str, wall_s: f64, threads| {
            let rounds = [round(wall_s)];
            Row::new(contest(id), threads, (&rounds, &ready), (&[round(1.0)], &ready)).unwrap()
        };
        update(vec![row("exact", 4.0, 1), row("exact", 3.0, 2), row("evaluate", 0.5, 1)], &json, &markdown)
            .unwrap();
        update(vec![row("exact", 0.25, 1)], &json, &markdown).unwrap();
        let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
        let ratio = |id: &str, threads: u64| {
            let found: Vec<_> =
                rows.iter().filter(|row| row["id"] == id && row["threads"] == threads).collect();
            assert_eq!(found.len(), 1, "{id}");
            found[0]["ratio"].as_f64().unwrap()
        };
        assert_eq!((ratio("exact", 1), ratio("evaluate", 1)), (4.0, 2.0));
        assert!((ratio("exact", 2) - 1.0 / 3.0).abs() < 1e-12);
        let text = fs::read_to_string(&markdown).unwrap();
        assert_eq!(text.matches("**missed**").count(), 1, "{text}");
        assert!(text.find("`evaluate`").unwrap() < text.find("`exact`").unwrap(), "{text}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
