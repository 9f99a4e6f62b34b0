//! Our side of what `cargo xtask bench` compares: each contest is a process that runs rounds when it is told to.

mod arrays;
mod bare;
mod checkpoint;
mod job;
mod plain;
mod prepare;
mod rounds;
mod scratch;
mod search;
mod serve;
mod train;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Runs our side of a contest, or writes what both sides read.
#[derive(Parser)]
struct Arguments {
    /// Where what both sides read is
    #[arg(long)]
    data: PathBuf,
    /// Writes that, and runs nothing
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    contest: Contest,
}

#[derive(Subcommand)]
enum Contest {
    /// Training steps
    #[command(subcommand)]
    Train(train::Contest),
    /// Files to the first batch, or to samples
    #[command(subcommand)]
    Prepare(prepare::Contest),
    /// Search
    #[command(subcommand)]
    Search(search::Contest),
    /// The service
    Serve(serve::Options),
    /// A file of events to an evaluated and exported model, by the program
    Job(job::Options),
    /// A checkpoint, by the example of ours that writes one
    Checkpoint(checkpoint::Options),
}

/// As `u2i` has it.
#[global_allocator]
static HEAP: u2i_heap::HugePages = u2i_heap::HugePages;

fn main() -> Result<()> {
    // As `u2i` does.
    u2i_heap::keep_freed_memory();
    let Arguments { data, write, contest } = Arguments::parse();
    match (contest, write) {
        (Contest::Train(contest), true) => contest.write(&data),
        (Contest::Train(contest), false) => contest.run(),
        (Contest::Prepare(contest), true) => contest.write(&data),
        (Contest::Prepare(contest), false) => contest.run(&data),
        (Contest::Search(contest), true) => contest.write(&data),
        (Contest::Search(contest), false) => contest.run(&data),
        (Contest::Serve(options), true) => options.write(&data),
        (Contest::Serve(options), false) => options.run(&data),
        (Contest::Job(options), true) => options.write(&data),
        (Contest::Job(options), false) => options.run(&data),
        (Contest::Checkpoint(_), true) => Ok(()),
        (Contest::Checkpoint(options), false) => options.run(&data),
    }
}
