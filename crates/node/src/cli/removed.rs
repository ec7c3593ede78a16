//! `causeway removed`: what was removed and whose bytes are still there.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::Uid;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::table::{self, text};
use crate::client::{Client, Target};

/// What was removed and can be brought back
#[derive(Debug, Args)]
pub(crate) struct Removed {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Studies of which something can be brought back, and until when
    List,
    /// Bring back what was removed of a study; nothing is delivered because of it
    #[command(after_help = "Example:\n  causeway removed restore 1.2.840.113619.2.5.1
\nExit code 1 when not all of it could be brought back.")]
    Restore {
        /// Study Instance UID
        study: Uid,
    },
    /// End the grace of what was removed of a study: its bytes go now, for good
    Purge {
        /// Study Instance UID
        study: Uid,
    },
}

impl Removed {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::List => list(client).await?,
            Verb::Restore { study } => return restore(client, &study).await,
            Verb::Purge { study } => client.delete(&format!("/api/v1/removed/{study}")).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let all = client.get_all("/api/v1/removed", "study").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&all)?);
        return Ok(());
    }
    let paths = ["/study", "/instances", "/bytes", "/removed_at", "/who", "/reason", "/purge_at"];
    let rows: Vec<[String; 7]> = all.iter().map(|study| paths.map(|path| text(study, path))).collect();
    table::print(["STUDY", "INSTANCES", "BYTES", "REMOVED", "BY", "BECAUSE", "GOES FOR GOOD"], &rows);
    Ok(())
}

async fn restore(client: &Client, study: &Uid) -> anyhow::Result<ExitCode> {
    let request = client.request(Method::POST, &format!("/api/v1/removed/{study}/restore"));
    let told: Value = client.ask(request).await?;
    let refused = told.get("refused").and_then(Value::as_array).cloned().unwrap_or_default();
    if client.is_json() {
        println!("{told}");
    } else {
        println!("{} instances are back", text(&told, "/restored"));
        for one in &refused {
            println!("instance {} is not: {}", text(one, "/instance"), text(one, "/why"));
        }
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
