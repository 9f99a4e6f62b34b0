use std::path::PathBuf;

use clap::Args;
use u2i::Error;
use u2i::report::Report;
use u2i::run::{REPORT, TrainOptions, train};
use u2i::table::table;

use super::shared::{Data, Device, Keeping};
use crate::output::Output;
use crate::terminal::Terminal;

/// Train a model as an experiment file says, evaluate it, and set it beside baselines.
///
/// Example: `u2i train experiment.toml --set train.epochs=2 --out run`
///
/// Ctrl-C keeps what training has reached; the same command with --resume goes on from there and ends with the same bytes
/// as one that was never stopped.
#[derive(Args)]
pub struct Arguments {
    /// The experiment file (`u2i init` writes one), or the name of one that is built in, such as ml-100k/youtube_dnn.
    config: PathBuf,
    /// Use another value than the file has: a dotted key, and a value as in TOML. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    data: Data,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let options = TrainOptions {
            config: self.config,
            set: self.set,
            out: self.out,
            resume: self.keeping.resume,
            checkpoint_every: self.keeping.checkpoint_every,
            device: self.device.device,
            places: self.data.places(),
        };
        let report = train(&options, terminal)?;
        print(&report, output, terminal);
        terminal.say(&format!("wrote {}", options.out.join(REPORT).display()));
        Ok(())
    }
}

/// The model beside the baselines.
pub fn print(report: &Report, output: Output, terminal: &Terminal<'_>) {
    if output == Output::Json {
        return terminal.print_json(report);
    }
    let rows = [
        ("random", &report.baselines.random),
        ("popularity", &report.baselines.popularity),
        ("markov window", &report.baselines.markov_window),
        (report.model.as_str(), &report.metrics),
    ];
    terminal.print(&format!(
        "{}, {} test users, {} items, seen items {}\n\n{}",
        report.dataset,
        match report.n_users_evaluated == report.n_users {
            true => report.n_users.to_string(),
            false => format!("{} of {}", report.n_users_evaluated, report.n_users),
        },
        report.n_items,
        report.seen.word(),
        table(&rows).trim_end(),
    ));
    if let Some(sample) = &report.metrics_sample_ci95 {
        let half = |metric: &str| sample.get(metric).and_then(|half| half.as_f64());
        let halves: Vec<String> = ["hit_rate@10", "ndcg@10", "mrr"]
            .iter()
            .filter_map(|metric| Some(format!("{metric} ± {:.4}", half(metric)?)))
            .collect();
        terminal.print(&format!(
            "The figures are of a sample of the test users. With 95 % confidence, all would have the model's {}.",
            halves.join(", ")
        ));
    }
    if report.below_markov_window {
        terminal.print("The model does worse than counting which item follows which (the Markov window).");
    }
    if let Some(note) = report.baselines.note() {
        terminal.print(&note);
    }
}
