//! `causeway store keys`: the file of the keys that seal objects. No key is ever shown.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use causeway_core::{Clock as _, SystemClock};
use causeway_store::sealed::KeyId;
use causeway_store::sealed::file::{self, Place};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::Settings;

/// The keys that seal what goes into an object store
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway store keys new --file /etc/causeway/store.keys
  causeway store keys new --last
  causeway store keys use k2026-12
  causeway store keys list

Nodes that run learn of a change within seconds. Where several share a store, add the new key with --last, bring the
file to all of them, and only then have it sealed with: `use`. An object is lost without its key: keep a copy of the file
apart from the store.")]
pub(crate) struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a new key that seals from now on; make the file where there is none
    New {
        /// What the key is called [default: k and the month]
        #[arg(long)]
        id: Option<KeyId>,
        /// It opens only, until it is told to be used
        #[arg(long)]
        last: bool,
        #[command(flatten)]
        place: KeyFile,
    },
    /// The ids, and which one seals
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: KeyFile,
    },
    /// Have a key that is there seal from now on
    Use {
        /// What it is called
        id: KeyId,
        #[command(flatten)]
        place: KeyFile,
    },
}

#[derive(Debug, Args)]
struct KeyFile {
    /// The file [default: [store.encryption] keys of the configuration]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Configuration file of the node
    #[arg(long, env = "CAUSEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl KeyFile {
    fn path(self) -> anyhow::Result<PathBuf> {
        if let Some(file) = self.file {
            return Ok(file);
        }
        let settings = Settings::read_unchecked(self.config.as_deref(), std::env::vars(), &[])?;
        let encryption = settings.store.encryption;
        encryption
            .map(|it| it.keys)
            .context("no key file is named: give --file, or set [store.encryption] keys")
    }
}

impl Keys {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::New { id, last, place } => {
                let path = place.path()?;
                let place = if last { Place::Last } else { Place::First };
                println!(
                    "{}",
                    file::add(&path, id, place, SystemClock.now()).map_err(|words| anyhow!(words))?
                );
            }
            Verb::List { json, place } => list(place, json)?,
            Verb::Use { id, place } => {
                file::make_first(&place.path()?, &id).map_err(|words| anyhow!(words))?;
                println!("{id} seals from now on");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(place: KeyFile, is_json: bool) -> anyhow::Result<()> {
    let keys = file::read(&place.path()?).map_err(|words| anyhow!(words))?;
    let does = |id| match id {
        id if id == keys.first() => "seals",
        id if keys.holds(id) => "opens",
        _ => "lost",
    };
    if is_json {
        let all: Vec<_> =
            keys.ids().iter().map(|id| json!({ "id": id.to_string(), "does": does(id) })).collect();
        println!("{}", Value::from(all));
        return Ok(());
    }
    for id in keys.ids() {
        println!("{id:16} {}", does(id));
    }
    Ok(())
}
