//! `causeway hold`: studies of which nothing is removed.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::Uid;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::table::{self, text};
use crate::client::{Client, Target};

/// Studies of which nothing is removed
#[derive(Debug, Args)]
pub(crate) struct Hold {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Place a study on hold, whether it is here or not
    #[command(after_help = "Example:
  causeway hold add 1.2.840.113619.2.5.1 --reason 'case 12/2025, legal department'

Nobody and nothing removes or replaces an instance of it. What was removed of it before stays for as long as it holds.")]
    Add {
        /// Study Instance UID
        study: Uid,
        /// Why, for administrators
        #[arg(long, value_name = "WORDS")]
        reason: String,
    },
    /// All studies on hold
    List,
    /// Take the hold of a study away
    Remove {
        /// Study Instance UID
        study: Uid,
    },
}

impl Hold {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add { study, reason } => add(client, &study, &reason).await?,
            Verb::List => list(client).await?,
            Verb::Remove { study } => client.delete(&format!("/api/v1/holds/{study}")).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn add(client: &Client, study: &Uid, reason: &str) -> anyhow::Result<()> {
    let request = client.request(Method::PUT, &format!("/api/v1/holds/{study}"));
    let told: Value = client.ask(request.json(&json!({ "reason": reason }))).await?;
    if client.is_json() {
        println!("{told}");
        return Ok(());
    }
    let (kept, gone) = (text(&told, "/instances"), text(&told, "/removed"));
    println!("{kept} instances are held, and {gone} that were removed stay and can be brought back");
    Ok(())
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let all = client.get_all("/api/v1/holds", "study").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&all)?);
        return Ok(());
    }
    let paths = ["/study", "/instances", "/removed", "/at", "/who", "/reason"];
    let rows: Vec<[String; 6]> = all.iter().map(|hold| paths.map(|path| text(hold, path))).collect();
    table::print(["STUDY", "INSTANCES", "REMOVED", "SINCE", "BY", "BECAUSE"], &rows);
    Ok(())
}
