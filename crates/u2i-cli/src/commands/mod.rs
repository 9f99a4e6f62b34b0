//! One file per command: its arguments, and what it prints.

mod ablate;
mod claims;
mod compare;
mod datasets;
mod evaluate;
mod export;
mod export_events;
mod init;
mod inspect;
mod recommend;
mod report;
mod reproduce;
mod serve;
mod shared;
mod similar;
mod train;
mod validate;

use clap::Subcommand;
use u2i::Error;

use crate::output::Output;
use crate::terminal::Terminal;

#[derive(Subcommand)]
pub enum Command {
    Init(init::Arguments),
    Validate(validate::Arguments),
    Train(train::Arguments),
    Evaluate(evaluate::Arguments),
    Compare(compare::Arguments),
    Report(report::Arguments),
    Export(export::Arguments),
    ExportEvents(export_events::Arguments),
    Recommend(recommend::Arguments),
    Similar(similar::Arguments),
    Serve(serve::Arguments),
    Inspect(inspect::Arguments),
    Reproduce(reproduce::Arguments),
    Ablate(ablate::Arguments),
    Claims(claims::Arguments),
}

impl Command {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        match self {
            Command::Init(arguments) => arguments.run(output, terminal),
            Command::Validate(arguments) => arguments.run(output, terminal),
            Command::Train(arguments) => arguments.run(output, terminal),
            Command::Evaluate(arguments) => arguments.run(output, terminal),
            Command::Compare(arguments) => arguments.run(output, terminal),
            Command::Report(arguments) => arguments.run(output, terminal),
            Command::Export(arguments) => arguments.run(output, terminal),
            Command::ExportEvents(arguments) => arguments.run(output, terminal),
            Command::Recommend(arguments) => arguments.run(output, terminal),
            Command::Similar(arguments) => arguments.run(output, terminal),
            Command::Serve(arguments) => arguments.run(terminal),
            Command::Inspect(arguments) => arguments.run(output, terminal),
            Command::Reproduce(arguments) => arguments.run(output, terminal),
            Command::Ablate(arguments) => arguments.run(output, terminal),
            Command::Claims(arguments) => arguments.run(output, terminal),
        }
    }
}
