//! `causeway store`: what objects are kept with.

mod keys;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// The store of a node: the keys that seal its objects
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The keys that seal what goes into an object store: new, list, use
    Keys(keys::Keys),
}

impl Store {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Keys(verb) => verb.run(),
        }
    }
}
