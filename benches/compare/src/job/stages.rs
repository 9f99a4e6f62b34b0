//! What each stage of a job took: by the clock of each process, the report of the run, and the log of its training.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::command::Took;

/// Seconds of each stage by the clock, in their order, and what all took together.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages {
    walls_s: Vec<(&'static str, f64)>,
    cpu_s: f64,
    peak_rss_mib: f64,
    /// The most of what has no tables, or only weights, to hold.
    peak_without_tables_mib: f64,
    peak_training_mib: f64,
    hit_rate: f64,
}

impl Stages {
    /// Of the commands of a job by their names, and the report of its run.
    ///
    /// # Errors
    ///
    /// If the report or the log of training does not say what a stage took.
    pub fn new(took: &[(&str, Took)], report: &Value) -> Result<Self> {
        let of = |name: &str| took.iter().find(|(own, _)| *own == name).map(|(_, took)| took);
        let number = |place: &str| {
            let value = report.pointer(place).and_then(Value::as_f64);
            value.with_context(|| format!("the report says no {place}"))
        };
        let training = of("train").context("nothing was trained")?;
        let read = seconds_after(&training.log, "read in ")?;
        // The report has no cost of baselines, the log has.
        let baselines = seconds_after(&training.log, "baselines counted in ")?;
        let prepare = number("/prepare/wall_s")? - read;
        let (train, evaluate) = (number("/train/wall_s")?, number("/evaluate/wall_s")?);
        let rest = training.wall_s - read - prepare - baselines - train - evaluate;
        let mut walls_s = vec![
            ("init", of("init").context("no config was made")?.wall_s),
            ("read", read),
            ("prepare", prepare),
            ("baselines", baselines),
            ("train", train),
            ("evaluate", evaluate),
            ("indexes", rest),
            ("export", of("export").context("nothing was exported")?.wall_s),
        ];
        walls_s.extend(of("recommend").map(|took| ("recommend", took.wall_s)));
        let peak_training_mib = number("/train/peak_rss_mib")?;
        // Counting is no stage of the report: it is what has taken more than training, if anything has.
        let of_counting = Some(training.peak_rss_mib).filter(|&peak| peak > 1.001 * peak_training_mib);
        let peaks = took.iter().filter(|(name, _)| *name != "train").map(|(_, took)| took.peak_rss_mib);
        let peaks = peaks.chain([number("/prepare/peak_rss_mib")?, number("/evaluate/peak_rss_mib")?]);
        Ok(Stages {
            walls_s,
            peak_without_tables_mib: peaks.chain(of_counting).fold(0.0, f64::max),
            peak_training_mib,
            cpu_s: took.iter().map(|(_, took)| took.cpu_s).sum(),
            peak_rss_mib: took.iter().map(|(_, took)| took.peak_rss_mib).fold(0.0, f64::max),
            hit_rate: number("/metrics/hit_rate@10")?,
        })
    }

    /// What a round says: of so many events, with tables of so many bytes, moments and the best epoch's copy among them.
    pub fn round(&self, events: usize, tables_bytes: u64) -> Value {
        let wall = |stage: &str| self.walls_s.iter().find(|(own, _)| *own == stage).map_or(0.0, |own| own.1);
        let whole: f64 = self.walls_s.iter().map(|(_, wall_s)| wall_s).sum();
        let mebi = f64::from(1 << 20);
        let beyond_mib =
            (self.peak_training_mib - tables_bytes as f64 / mebi).max(self.peak_without_tables_mib);
        let bytes_an_event = beyond_mib * mebi / events as f64;
        let mut said: Map<String, Value> =
            self.walls_s.iter().map(|(stage, wall_s)| ((*stage).to_owned(), json!(wall_s))).collect();
        said.insert("bytes an event".to_owned(), json!(bytes_an_event));
        said.insert("hit rate".to_owned(), json!(self.hit_rate));
        json!({
            "work": events,
            "wall_s": whole,
            "cpu_s": self.cpu_s,
            "peak_rss_mib": self.peak_rss_mib,
            "counting_share": (wall("baselines") + wall("evaluate")) / whole,
            "baselines_share": wall("baselines") / whole,
            "evaluate_s": wall("evaluate"),
            "prepare_s": wall("prepare"),
            "bytes_an_event": bytes_an_event,
            "said": said,
        })
    }
}

/// The seconds that a log names behind some words: `read in 1.23 s`.
fn seconds_after(log: &str, words: &str) -> Result<f64> {
    let seconds = log.lines().find_map(|line| {
        let (_, rest) = line.split_once(words)?;
        rest.split_once(" s")?.0.parse::<f64>().ok()
    });
    seconds.with_context(|| format!("the log of training says nothing of `{words}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "  events.csv: 9 rows read = 9 kept + 0 rejected + 0 filtered
events: 9 events of 3 users and 4 items, read in 1.50 s; device cpu
baselines counted in 12.5 s
";

    fn took(wall_s: f64, log: &str) -> Took {
        Took { wall_s, cpu_s: 2.0 * wall_s, peak_rss_mib: 64.0 + wall_s, log: log.to_owned() }
    }

    fn report() -> Value {
        json!({
            "prepare": { "wall_s": 3.5, "peak_rss_mib": 20.0 },
            "train": { "wall_s": 40.0, "peak_rss_mib": 200.0 },
            "evaluate": { "wall_s": 7.5, "peak_rss_mib": 30.0 },
            "metrics": { "hit_rate@10": 0.25 },
        })
    }

    #[test]
    fn stages_add_up_to_the_processes() {
        let of_training =
            |wall_s: f64| [("init", took(4.0, "")), ("train", took(wall_s, LOG)), ("export", took(10.0, ""))];
        let stages = Stages::new(&of_training(66.0), &report()).unwrap();
        // 66 s of training less 1.5 + 2 + 12.5 + 40 + 7.5.
        let wanted = [4.0, 1.5, 2.0, 12.5, 40.0, 7.5, 2.5, 10.0];
        assert!(stages.walls_s.iter().map(|stage| stage.1).eq(wanted), "{stages:?}");
        let round = stages.round(1 << 20, 150 << 20);
        let number = |key: &str| round[key].as_f64().unwrap();
        assert_eq!((number("wall_s"), number("cpu_s"), number("peak_rss_mib")), (80.0, 160.0, 130.0));
        assert_eq!((number("counting_share"), number("baselines_share")), (0.25, 0.15625));
        // A mebi of events: exporting took 74 MiB and held no tables, training 200 with 150 MiB of them.
        assert_eq!((number("bytes_an_event"), round["said"]["hit rate"].as_f64()), (74.0, Some(0.25)));
        let beyond = stages.round(1 << 20, 100 << 20)["bytes_an_event"].as_f64();
        assert_eq!(beyond, Some(100.0));
        // Something between the stages of the report took the most.
        let stages = Stages::new(&of_training(266.0), &report()).unwrap();
        assert_eq!(stages.round(1 << 20, 150 << 20)["bytes_an_event"].as_f64(), Some(330.0));
    }

    #[test]
    fn a_log_that_is_silent_of_a_stage_is_an_error() {
        let took = [("init", took(4.0, "")), ("train", took(66.0, "nothing")), ("export", took(10.0, ""))];
        let error = Stages::new(&took, &report()).unwrap_err().to_string();
        assert!(error.contains("`read in `"), "{error}");
    }
}
