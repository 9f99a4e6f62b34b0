//! The command line `u2i`.

mod bar;
mod commands;
mod exit_code;
mod output;
mod signals;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use output::Output;
use signals::Signals;
use terminal::Terminal;

/// U2I recall: from raw events to recommended items, with FM, DSSM and YouTubeDNN.
///
/// Four commands lead from a file of events to recommendations:
///
///   u2i init events.csv --out experiment.toml
///   u2i train experiment.toml --out run
///   u2i export run --out bundle
///   u2i recommend bundle --history 12,7,30 --k 10
///
/// And one answers over HTTP, and has a page to try it: u2i serve bundle
#[derive(Parser)]
#[command(version, about, verbatim_doc_comment, after_help = EXIT_CODES)]
struct Cli {
    /// Print one JSON value on standard output instead of text. Progress goes to standard error in any case.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 a check failed, 2 config or usage, 3 data, 4 files, network, disk, 5 a file is not what was written, \
6 parts that do not belong together, 7 NaN or infinity, 8 no such device, 75 locked by another process, 130 and 143 \
stopped by a signal after what was reached is kept.";

#[global_allocator]
static HEAP: u2i_heap::HugePages = u2i_heap::HugePages;

fn main() -> ExitCode {
    u2i_heap::keep_freed_memory();
    let cli = Cli::parse();
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            terminal::error(&error);
            return ExitCode::from(exit_code::of(&error));
        }
    };
    let output = if cli.json { Output::Json } else { Output::Text };
    match cli.command.run(output, &mut Terminal::new(&signals, output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            let code = exit_code::of(&error);
            let terminated = code == exit_code::INTERRUPTED && signals.terminated();
            ExitCode::from(if terminated { exit_code::TERMINATED } else { code })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("u2i {} ", command.get_name())), "{}: {help}", command.get_name());
        }
    }
}
