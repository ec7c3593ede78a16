//! `causeway store`: what objects are kept with, and where.

mod keys;
mod moving;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::with_client;

/// The store of a node: the keys that seal its objects, and the move to another store
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The keys that seal what goes into an object store: new, list, use
    Keys(keys::Keys),
    /// Move objects from the store that they settled in before, [store.also], to the one of [store], while the node serves
    Move(moving::Move),
}

impl Store {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Keys(verb) => verb.run(),
            Verb::Move(verb) => with_client(verb.target.clone(), async |client| verb.run(client).await),
        }
    }
}
