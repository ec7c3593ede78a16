//! The binary: reads what it is told, puts the rooms together, runs one verb. No logic of its own.

mod cli;
mod client;
mod compose;
mod config;
mod demo;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    causeway_tls::install();
    cli::Cli::parse().run()
}
