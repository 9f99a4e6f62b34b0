//! Rows of the table.

use std::fmt;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::contest::{Bar, Contest, Measure, Peer};
use super::hits::Hits;

/// One contest at one number of threads.
pub struct Row(pub(super) Value);

impl Row {
    /// From the rounds of both sides, and what each said when it was ready.
    pub fn new(
        contest: &Contest,
        threads: usize,
        (ours, our_ready): (&[Value], &Value),
        (peer, peer_ready): (&[Value], &Value),
    ) -> Result<Self> {
        let is_stopped = |rounds: &[Value]| rounds.iter().any(|round| round["stopped"] == true);
        // Of what was stopped nothing is known but that it took as long as it may.
        let is_of_the_clock = matches!(contest.measure, Measure::Faster | Measure::Slower);
        let median_of = |rounds: &[Value]| -> Result<f64> {
            if is_stopped(rounds) && !is_of_the_clock {
                return Ok(f64::NAN);
            }
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
            Measure::PerCpuSecond(unit)
            | Measure::CpuOfWork(unit)
            | Measure::BytesOfWork(unit)
            | Measure::Told(_, unit) => unit,
            Measure::Faster | Measure::Slower | Measure::SlowerPart(_) => "s",
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
        let stopped: Vec<&str> = [("ours", ours), ("the peer", peer)]
            .into_iter()
            .filter_map(|(side, rounds)| is_stopped(rounds).then_some(side))
            .collect();
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
            "met": contest.bar.filter(|_| stopped.is_empty()).map(|bar| is_fair && bar.is_met(ratio)),
            "within_threads": is_fair,
            "rounds": ours.len(),
            "of_ours": side(ours, our_ready),
            "of_peer": side(peer, peer_ready),
            "machine": machine(),
        });
        if matches!(contest.peer, Peer::Nobody) {
            row["of_peer"] = Value::Null;
        }
        if !stopped.is_empty() {
            row["stopped"] = json!(stopped);
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

    /// Adds how often both foretold what users did. What is fast and foretells less meets nothing.
    pub fn set_hits(&mut self, hits: Hits) {
        if self.0["met"].is_boolean() && !hits.ours_is_as_good() {
            self.0["met"] = json!(false);
        }
        self.0["hits"] = json!({ "ours": hits.ours, "peer": hits.peer, "difference_ci95": hits.half_width });
    }

    pub(super) fn is_of(&self, id: &str, variant: &str, threads: usize) -> bool {
        let row = &self.0;
        row["id"] == id && row["variant"] == variant && row["threads"] == threads
    }

    pub(super) fn verdict(&self) -> &'static str {
        match (self.0["within_threads"] == false, &self.0["met"]) {
            _ if !self.0["stopped"].is_null() => "**stopped**",
            (true, _) => "**more threads than it may**",
            (_, Value::Bool(true)) => "met",
            (_, Value::Bool(false)) => "**missed**",
            _ => "",
        }
    }

    pub(super) fn number(&self, key: &str) -> f64 {
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
        Measure::SlowerPart(key) => number(key)?,
        Measure::CpuOfWork(_) => 1e6 * number("cpu_s")? / number("work")?,
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
pub(super) fn digits(value: f64) -> String {
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

/// What a row says under a key, if that is text.
pub(super) fn text(row: &Row, key: &str) -> String {
    row.0[key].as_str().unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::contests::contests;
    use super::super::fixture::{contest, round};
    use super::*;

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
    fn what_foretells_less_meets_nothing_and_what_was_stopped_is_not_judged() {
        let ready = json!({});
        let row = |peer: Value| {
            Row::new(contest("whole-job-vs-als"), 2, (&[round(2.0)], &ready), (&[peer], &ready))
        };
        let hits = |ours, peer| Hits { ours, peer, half_width: 0.01 };
        let verdict = |ours, peer| {
            let mut row = row(round(1.0)).unwrap();
            row.set_hits(hits(ours, peer));
            row.verdict()
        };
        // As good but for what chance explains, and not.
        assert_eq!((verdict(0.2, 0.205), verdict(0.2, 0.22)), ("met", "**missed**"));
        let stopped = row(json!({ "stopped": true, "wall_s": 1_800 })).unwrap();
        assert_eq!((stopped.verdict(), &stopped.0["stopped"]), ("**stopped**", &json!(["the peer"])));
        // Nor is a share of what never ended.
        let ours = [json!({ "stopped": true, "wall_s": 36_000 })];
        let stopped = Row::new(contest("whole-job-1e8"), 2, (&ours, &ready), (&[], &ready)).unwrap();
        assert_eq!((stopped.verdict(), stopped.0["met"].is_null()), ("**stopped**", true));
    }

    #[test]
    fn processor_time_goes_by_the_work_and_parts_by_their_names() {
        let ready = json!({});
        let job = |cpu_s: f64, work: u64| {
            [json!({ "cpu_s": cpu_s, "wall_s": cpu_s, "work": work, "evaluate_s": 0.1 * cpu_s })]
        };
        let ratio = |contest: &Contest, ours: &[Value], peer: &[Value]| {
            Row::new(contest, 2, (ours, &ready), (peer, &ready)).unwrap().number("/ratio")
        };
        // 120 µs an event, through 100.
        let growth = ratio(contest("whole-job-growth"), &job(1_200.0, 10_000_000), &job(100.0, 1_000_000));
        assert!((growth - 1.2).abs() < 1e-9, "{growth}");
        let part = contests().find(|contest| contest.measure == Measure::SlowerPart("evaluate_s")).unwrap();
        assert!((ratio(part, &job(3.0, 1), &job(6.0, 1)) - 0.5).abs() < 1e-9);
    }
}
