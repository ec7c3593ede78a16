//! `causeway quota`: how much is kept of what one remote sends.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use anyhow::bail;
use causeway_core::RemoteName;
use causeway_core::space::Amount;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::table::{self, text};
use crate::client::{Client, Target};

/// How much is kept of what one remote sends
#[derive(Debug, Args)]
pub(crate) struct Quota {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// What happens when a quota is full.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhenFull {
    /// What the remote sends is refused
    Refuse,
    /// The oldest studies that came from it go, unless they are on hold or to be sent
    RemoveOldest,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set the quota of a remote
    #[command(after_help = "Examples:
  causeway quota set ct1 2TB
  causeway quota set ct1 '500 GiB' --when-full remove-oldest

What was removed and can be brought back does not count; it is on the disk until [keep] grace is over.")]
    Set {
        /// The remote
        remote: RemoteName,
        /// How much may be kept: 2TB, '500 GiB', bytes
        bytes: Amount,
        /// What happens when it is
        #[arg(long, value_enum, default_value = "refuse")]
        when_full: WhenFull,
    },
    /// All quotas, and how they stand
    List,
    /// Remove the quota of a remote
    Remove {
        /// The remote
        remote: RemoteName,
    },
}

impl Quota {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Set { remote, bytes, when_full } => {
                let Amount::Bytes(bytes) = bytes else {
                    bail!("a quota is so many bytes, such as 2TB, and no share of a disk");
                };
                let when_full = match when_full {
                    WhenFull::Refuse => "refuse",
                    WhenFull::RemoveOldest => "remove-oldest",
                };
                let body = json!({ "bytes": bytes, "when_full": when_full });
                client.put(&format!("/api/v1/quotas/{remote}"), &body).await?;
            }
            Verb::List => list(client).await?,
            Verb::Remove { remote } => client.delete(&format!("/api/v1/quotas/{remote}")).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let quotas: Vec<Value> = client.get("/api/v1/quotas").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&quotas)?);
        return Ok(());
    }
    let paths = ["/remote", "/bytes", "/used", "/instances", "/fill", "/when_full"];
    let rows: Vec<[String; 6]> = quotas.iter().map(|quota| paths.map(|path| text(quota, path))).collect();
    table::print(["REMOTE", "BYTES", "USED", "INSTANCES", "STANDS", "WHEN FULL"], &rows);
    Ok(())
}
