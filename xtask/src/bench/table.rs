//! Rows, and the files that hold them.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::contests::{Bar, CONTESTS, Contest, Measure, Peer};

/// One contest at one number of threads.
pub struct Row(Value);

impl Row {
    /// From the rounds of both sides, and what each said when it was ready.
    pub fn new(
        contest: &Contest,
        threads: usize,
        (ours, our_ready): (&[Value], &Value),
        (peer, peer_ready): (&[Value], &Value),
    ) -> Result<Self> {
        let median_of = |rounds: &[Value]| -> Result<f64> {
            let each = rounds.iter().map(|round| measured(contest.measure, round));
            Ok(median(each.collect::<Result<_>>()?))
        };
        let own = median_of(ours)?;
        let other = if matches!(contest.peer, Peer::Nobody) { f64::NAN } else { median_of(peer)? };
        same_work(ours, peer)?;
        let ratio = match contest.measure {
            Measure::Faster | Measure::Leaner => other / own,
            Measure::BytesOfWork(_) | Measure::Told(..) => own,
            Measure::Added => 1e6 * (own - other),
            _ => own / other,
        };
        let unit = match contest.measure {
            Measure::PerCpuSecond(unit) | Measure::BytesOfWork(unit) | Measure::Told(_, unit) => unit,
            Measure::Faster | Measure::Slower => "s",
            Measure::SlowerMedian => "s, median of requests",
            Measure::SlowerTail => "s, p99 of requests",
            Measure::Added => "s, median of requests; the difference in µs",
            Measure::StepSlower => "s a step",
            Measure::Leaner => "MiB",
        };
        let each = |rounds: &[Value], key: &str| {
            let values: Vec<f64> = rounds.iter().filter_map(|round| round[key].as_f64()).collect();
            if values.is_empty() { Value::Null } else { json!(median(values)) }
        };
        let cores = |rounds: &[Value]| {
            let number = |key| each(rounds, key).as_f64();
            Some(number("cpu_s")? / number("wall_s")?)
        };
        // A side that takes more than it may is not held to what the other is.
        let is_fair = [ours, peer].into_iter().filter_map(cores).all(|cores| cores <= 1.15 * threads as f64);
        let side = |rounds: &[Value], ready: &Value| {
            json!({
                "wall_s": each(rounds, "wall_s"),
                "cpu_s": each(rounds, "cpu_s"),
                "peak_rss_mib": each(rounds, "peak_rss_mib"),
                "versions": ready["versions"],
                "said": said(rounds),
            })
        };
        let mut row = json!({
            "id": contest.id,
            "variant": contest.variant,
            "threads": threads,
            "ours": own,
            "peer": other,
            "unit": unit,
            "ratio": ratio,
            "bar": contest.bar.map(Bar::text),
            "met": contest.bar.map(|bar| is_fair && bar.is_met(ratio)),
            "within_threads": is_fair,
            "rounds": ours.len(),
            "of_ours": side(ours, our_ready),
            "of_peer": side(peer, peer_ready),
            "machine": machine(),
        });
        if matches!(contest.peer, Peer::Nobody) {
            row["of_peer"] = Value::Null;
        }
        if let Some(difference) = peer_ready.get("loss_difference") {
            row["loss_difference"] = difference.clone();
        }
        Ok(Row(row))
    }

    /// As `--json` has it.
    pub fn json(&self) -> Value {
        self.0.clone()
    }

    /// Adds what was found besides.
    pub fn set(&mut self, key: &str, value: Value) {
        self.0[key] = value;
    }

    fn is_of(&self, id: &str, variant: &str, threads: usize) -> bool {
        let row = &self.0;
        row["id"] == id && row["variant"] == variant && row["threads"] == threads
    }

    fn verdict(&self) -> &'static str {
        match (self.0["within_threads"] == false, &self.0["met"]) {
            (true, _) => "**more threads than it may**",
            (_, Value::Bool(true)) => "met",
            (_, Value::Bool(false)) => "**missed**",
            _ => "",
        }
    }

    fn number(&self, key: &str) -> f64 {
        self.0.pointer(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ours, peer, ratio] = ["/ours", "/peer", "/ratio"].map(|key| self.number(key));
        let (unit, bar) = (text(self, "unit"), text(self, "bar"));
        write!(f, "ours {}, peer {} {unit}: {ratio:.2} {bar} {}", digits(ours), digits(peer), self.verdict())
    }
}

/// Medians of what else rounds say of themselves, by the names that they give it.
fn said(rounds: &[Value]) -> Value {
    let names = rounds.first().and_then(|round| round["said"].as_object()).into_iter().flatten();
    let median_of = |name: &String| {
        let values = rounds.iter().filter_map(|round| round["said"][name].as_f64());
        median(values.collect())
    };
    names.map(|(name, _)| (name.clone(), json!(median_of(name)))).collect::<serde_json::Map<_, _>>().into()
}

/// What a round says of itself.
fn measured(measure: Measure, round: &Value) -> Result<f64> {
    if let Measure::Told(key, _) = measure {
        // It may be nothing, or less.
        return round[key].as_f64().with_context(|| format!("a round says no `{key}`: {round}"));
    }
    let number = |key: &str| {
        let value = round[key].as_f64().with_context(|| format!("a round says no `{key}`: {round}"))?;
        ensure!(value.is_finite() && value > 0.0, "a round says that `{key}` is {value}");
        Ok(value)
    };
    Ok(match measure {
        Measure::PerCpuSecond(_) => number("work")? / number("cpu_s")?,
        Measure::Faster | Measure::Slower => number("wall_s")?,
        Measure::SlowerMedian | Measure::Added => number("p50_s")?,
        Measure::SlowerTail => number("p99_s")?,
        Measure::Told(key, _) => number(key)?,
        Measure::StepSlower => number("wall_s")? / number("steps")?,
        Measure::Leaner => number("peak_rss_mib")?,
        Measure::BytesOfWork(_) => number("peak_rss_mib")? * f64::from(1 << 20) / number("work")?,
    })
}

/// Where both say how many samples they made, they must have made the same.
fn same_work(ours: &[Value], peer: &[Value]) -> Result<()> {
    for (ours, peer) in ours.iter().zip(peer) {
        if let (Some(own), Some(other)) = (ours.get("samples"), peer.get("samples")) {
            ensure!(own == other, "we made {own} samples, the peer {other}");
        }
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let middle = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    if n % 2 == 1 { middle(n / 2) } else { (middle((n / 2).saturating_sub(1)) + middle(n / 2)) / 2.0 }
}

/// Three digits, and nothing for what there is not.
fn digits(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    let decimals = match value.abs() {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        x if x >= 0.1 => 3,
        x if x >= 0.01 => 4,
        _ => 6,
    };
    format!("{value:.decimals$}")
}

/// The processor and how many cores there are, where Linux tells it.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let model =
        line.and_then(|line| line.split_once(':')).map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {}, {cores} cores, {}", vectors(), std::env::consts::OS)
}

/// The widest vector instructions there are, which both sides use, and which decide much of what products take.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    return match (std::arch::is_x86_feature_detected!("avx512f"), std::arch::is_x86_feature_detected!("avx2"))
    {
        (true, _) => "AVX-512",
        (false, true) => "AVX2",
        (false, false) => "SSE2",
    };
    #[cfg(not(target_arch = "x86_64"))]
    return std::env::consts::ARCH;
}

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
    let sorted: Vec<&Row> = CONTESTS
        .iter()
        .flat_map(|contest| contest.threads.iter().filter_map(move |&threads| of(contest, threads)))
        .collect();
    let list = Value::Array(sorted.iter().map(|row| row.json()).collect());
    fs::write(json, format!("{list:#}\n")).with_context(|| format!("cannot write {}", json.display()))?;
    let document = document(&sorted);
    fs::write(markdown, document).with_context(|| format!("cannot write {}", markdown.display()))
}

fn text(row: &Row, key: &str) -> String {
    row.0[key].as_str().unwrap_or("").to_owned()
}

fn document(rows: &[&Row]) -> String {
    let mut out = String::from(HEAD);
    out.push_str("| id | what | threads | ours | peer | unit | ratio | wanted | | commit |\n");
    out.push_str("|---|---|--:|--:|--:|---|--:|---|---|---|\n");
    for row in rows {
        let (id, variant) = (text(row, "id"), text(row, "variant"));
        let what = CONTESTS
            .iter()
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
        let contest = CONTESTS.iter().find(|contest| contest.id == id && contest.variant == variant);
        let is_ours = contest.is_some_and(|contest| matches!(contest.peer, Peer::Ours(_)));
        let id = if variant.is_empty() { format!("`{id}`") } else { format!("`{id}`: {variant}") };
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
    notes.dedup();
    for note in notes {
        out.push_str(&format!("\n{note}\n"));
    }
    out.push_str(&services(rows));
    let mut machines: Vec<String> = rows.iter().map(|row| text(row, "machine")).collect();
    machines.sort();
    machines.dedup();
    out.push_str(&format!("\nMachine: {}.\n", machines.join("; ")));
    out
}

/// What loads of the service told of themselves.
fn services(rows: &[&Row]) -> String {
    let mut out = String::new();
    for row in rows {
        for (key, side) in [("of_ours", "ours"), ("of_peer", "peer")] {
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
            let (id, variant) = (text(row, "id"), text(row, "variant"));
            let id = if variant.is_empty() { format!("`{id}`") } else { format!("`{id}`: {variant}") };
            out.push_str(&format!("| {id} | {side} | {} |\n", words.join("; ")));
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
- `serve-overload` asks for exact search, which takes long enough for ten times as many requests to be sent from the cores
  that they are answered on.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn round(wall_s: f64) -> Value {
        json!({ "wall_s": wall_s, "cpu_s": 2.0 * wall_s, "work": 10, "steps": 5, "p50_s": 0.1, "peak_rss_mib": 7.5 })
    }

    fn contest(id: &str) -> &'static Contest {
        CONTESTS.iter().find(|contest| contest.id == id).unwrap()
    }

    #[test]
    fn ratios_are_of_medians_and_in_the_sense_of_the_bar() {
        let ready = json!({ "ready": true, "versions": { "it": "1.0" } });
        let ours: Vec<Value> = [1.0, 9.0, 2.0].map(round).to_vec();
        let peer: Vec<Value> = [4.0, 40.0, 8.0].map(round).to_vec();
        let ratio = |id: &str| {
            let row = Row::new(contest(id), 2, (&ours, &ready), (&peer, &ready)).unwrap();
            (row.number("/ratio"), row.0["met"] == true)
        };
        // 2 s against 8 s: four times as fast, and four times as much a second of processor time.
        assert_eq!(ratio("train-vs-torch"), (4.0, true));
        assert_eq!(ratio("train-vs-rechub"), (4.0, false));
        assert_eq!(ratio("evaluate"), (4.0, true));
        assert_eq!(ratio("search-overhead"), (0.25, true));
        assert_eq!(ratio("table-growth"), (0.25, true));
        assert_eq!(ratio("prepare-vs-pandas-memory"), (1.0, false));
        assert_eq!(ratio("end-to-end"), (1.0, true));
    }

    #[test]
    fn what_a_service_adds_is_a_difference_and_what_it_tells_stands_alone() {
        let variant = |id: &str, variant: &str| {
            let mut found = CONTESTS.iter().filter(|contest| contest.id == id);
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
    fn a_side_that_takes_more_threads_than_it_may_meets_nothing() {
        let ready = json!({});
        let (ours, peer) = ([round(1.0)], [round(9.0)]);
        // Two seconds of processor time a second.
        let verdict = |threads| {
            Row::new(contest("exact"), threads, (&ours, &ready), (&peer, &ready)).unwrap().verdict()
        };
        assert_eq!((verdict(1), verdict(2)), ("**more threads than it may**", "met"));
    }

    #[test]
    fn sides_that_made_other_samples_are_not_compared() {
        let samples = |n: u64| {
            let mut round = round(1.0);
            round["samples"] = n.into();
            [round]
        };
        let row = |n| {
            let (ours, peer, ready) = (samples(10), samples(n), json!({}));
            Row::new(contest("prepare-vs-pandas"), 2, (&ours, &ready), (&peer, &ready))
        };
        assert!(row(10).is_ok());
        assert!(row(11).err().unwrap().to_string().contains("the peer 11"));
    }

    #[test]
    fn a_round_without_its_figure_is_an_error() {
        let ready = json!({});
        let broken = [json!({ "wall_s": 1.0 })];
        for broken in [&broken[..], &[json!({ "work": 1, "cpu_s": 0.0 })]] {
            assert!(Row::new(contest("train-vs-torch"), 1, (broken, &ready), (broken, &ready)).is_err());
        }
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
