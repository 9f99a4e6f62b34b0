use std::path::PathBuf;

use clap::Args;
use u2i::{Error, Stage, report};
use u2i_chapter::{ModelName, Protocol, ProtocolTable, Recipe, ReproduceOptions, dry_run, reproduce};
use u2i_features::Ties;

use super::datasets::{self, Asked};
use super::shared::{Data, Device, Keeping, platform_line};
use crate::output::Output;
use crate::terminal::Terminal;

/// Train, evaluate and compare the chapter's models.
///
/// Example: `u2i reproduce youtube_dnn --dataset ml-1m --protocol time --recipe tuned --seeds 3`
#[derive(Args)]
pub struct Arguments {
    /// Models: fm, dssm, youtube_dnn (the chapter's fm_recall and youtubednn, too). All of them if none is named.
    /// dssm_text, the chapter's words instead of its code, has the recipe book only.
    models: Vec<ModelName>,
    /// auto, synthetic, ml-100k or ml-1m. auto takes ml-1m where it is or can be had, else synthetic. list names all that
    /// there are; those without recipes of ours go by `u2i init --dataset`.
    #[arg(long, default_value = "auto")]
    dataset: Asked,
    #[command(flatten)]
    data: Data,
    /// time, cut, book or all. time and then book if none is named.
    #[arg(long)]
    protocol: Option<Protocols>,
    /// quick, tuned or book. If none is named, book and the lightest of ours, which is quick for ml-1m.
    #[arg(long)]
    recipe: Option<Recipe>,
    /// Order of the events of one user and second: file, item_id or shuffled. May be given several times, for tables of
    /// each; that of the experiment files if it is not given.
    #[arg(long = "ties", value_name = "ORDER")]
    ties: Vec<TieRule>,
    /// Runs of each model, with seeds 1 to N.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    #[command(flatten)]
    device: Device,
    /// Where reports go.
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Only read and prepare the data, and print how much memory each run would take. Trains and writes nothing.
    #[arg(long, conflicts_with_all = ["check", "resume", "write_docs", "write_expected"])]
    dry_run: bool,
    /// Run the guards, too, and fail if one does, or if a figure is too far from what is expected of it.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    keeping: Keeping,
    /// Write the tables to a file, docs/results.md if none is named.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "docs/results.md")]
    write_docs: Option<PathBuf>,
    /// Write the means of what is run to a file that later runs are held against, beside what it says of others.
    #[arg(long, value_name = "FILE")]
    write_expected: Option<PathBuf>,
    /// A folder of experiment files instead of those built in.
    #[arg(long)]
    configs: Option<PathBuf>,
}

/// An order of events of one user and second.
#[derive(Clone, Copy)]
struct TieRule(Ties);

impl std::str::FromStr for TieRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "file" => Ok(TieRule(Ties::File)),
            "item_id" => Ok(TieRule(Ties::ItemId)),
            "shuffled" => Ok(TieRule(Ties::Shuffled { seed: 1 })),
            _ => Err(format!("unknown order `{text}`, expected file, item_id or shuffled")),
        }
    }
}

#[derive(Clone)]
struct Protocols(Vec<Protocol>);

impl std::str::FromStr for Protocols {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Protocols(if text == "all" { Protocol::ALL.to_vec() } else { vec![text.parse()?] }))
    }
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let dataset = match self.dataset {
            Asked::Set(dataset) => dataset,
            Asked::List => {
                datasets::list(output, terminal);
                return Ok(());
            }
        };
        let mut models = self.models;
        let mut named = std::collections::BTreeSet::new();
        models.retain(|model| named.insert(*model));
        if models.is_empty() {
            models = ModelName::ALL.to_vec();
        }
        let options = ReproduceOptions {
            models,
            dataset,
            places: self.data.places(),
            protocols: self.protocol.map_or(vec![Protocol::Time, Protocol::Book], |protocols| protocols.0),
            ties: self.ties.into_iter().map(|rule| rule.0).collect(),
            recipe: self.recipe,
            seeds: self.seeds,
            device: self.device.device,
            out: self.out,
            check: self.check,
            resume: self.keeping.resume,
            checkpoint_every: self.keeping.checkpoint_every,
            configs: self.configs,
            write_expected: self.write_expected,
        };
        let stage = Stage::begin();
        if self.dry_run {
            let runs = dry_run(&options, terminal)?;
            match output {
                Output::Json => terminal.print_json(&runs),
                Output::Text => runs.iter().for_each(|run| terminal.print(&run.to_string())),
            }
            return Ok(());
        }
        let found = reproduce(&options, terminal)?;
        match output {
            Output::Json => {
                let reports: Vec<_> = found.tables.iter().flat_map(ProtocolTable::reports).collect();
                terminal.print_json(&reports);
            }
            Output::Text => {
                let cost = stage.cost();
                terminal.print(&format!(
                    "all of it: {:.0} s, {:.0} s CPU (user + system)",
                    cost.wall_s, cost.cpu_s
                ));
            }
        }
        if let Some(path) = self.write_docs {
            report::write_text(&path, &results(&found.tables))?;
            terminal.say(&format!("wrote {}", path.display()));
        }
        // Last: what failed takes no result along.
        if self.check { found.check() } else { Ok(()) }
    }
}

fn results(tables: &[ProtocolTable]) -> String {
    // Where things lie changes no figure.
    let mut arguments = Vec::new();
    let mut all = std::env::args().skip(2);
    while let Some(argument) = all.next() {
        match argument.as_str() {
            "--out" | "--data-dir" | "--write-expected" => drop(all.next()),
            _ if argument.starts_with("--write-docs") => arguments.push("--write-docs".to_owned()),
            _ if ["--out=", "--data-dir=", "--write-expected="]
                .iter()
                .any(|own| argument.starts_with(own)) => {}
            _ => arguments.push(argument),
        }
    }
    let mut text = format!(
        "# Results\n\nWritten by `cargo xtask reproduce {}`, {}.\n",
        arguments.join(" "),
        platform_line(),
    );
    for table in tables {
        text += &format!("\n{}", table.markdown());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_protocols_come_in_the_order_of_the_tables() {
        let Protocols(all) = "all".parse().unwrap();
        assert_eq!(all, Protocol::ALL);
    }
}
