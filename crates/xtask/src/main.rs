//! The project's own tool: `cargo xtask <verb>`. One file or folder per verb; what several of them need
//! (where things lie, how a program is run) is beside them. Never part of the product.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

mod bench;
mod conformance;
mod deb;
mod fuzz;
mod paths;
mod prepare;
mod run;
mod statement;
mod tables;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Test, check and generate")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Everything: format, clippy, tidy, unit tests, and the suite over the wire
    Test(test::Arguments),
    /// The suite over the wire, against our node or a peer
    Conformance(conformance::Arguments),
    /// Make the Debian package of the node
    Deb(deb::Arguments),
    /// Feed what reads foreign bytes with bytes that no one thought of
    Fuzz(fuzz::Arguments),
    /// Measure the node beside its peers, on this machine, with the same bytes
    Bench(bench::Arguments),
    /// Generate the tables (`*_gen.rs`) from the standard's data
    Tables(tables::Arguments),
    /// Write the tables of the conformance statement from the code's own
    Statement(statement::Arguments),
    /// Check the rules of the house that no compiler holds
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Conformance(arguments) => conformance::run(&arguments),
        Verb::Deb(arguments) => deb::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Tables(arguments) => tables::run(&arguments),
        Verb::Statement(arguments) => statement::run(&arguments),
        Verb::Tidy => tidy::run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
