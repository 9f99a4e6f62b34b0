//! One file per command: its arguments, and what it prints.

mod compare;
mod evaluate;
mod reproduce;
mod shared;
mod train;

use clap::Subcommand;
use u2i::Error;

use crate::terminal::Terminal;

/// What is printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Text for people.
    Text,
    /// One JSON value.
    Json,
}

#[derive(Subcommand)]
pub enum Command {
    Train(train::Arguments),
    Evaluate(evaluate::Arguments),
    Compare(compare::Arguments),
    Reproduce(reproduce::Arguments),
}

impl Command {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        match self {
            Command::Train(arguments) => arguments.run(output, terminal),
            Command::Evaluate(arguments) => arguments.run(output, terminal),
            Command::Compare(arguments) => arguments.run(output, terminal),
            Command::Reproduce(arguments) => arguments.run(output, terminal),
        }
    }
}
