//! `causeway nodes`: the nodes that share one catalog.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::table::{self, text};
use crate::client::{Client, Target};

/// The nodes that share this one's catalog, and what only their spools have
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway nodes
  causeway nodes --json | jq '.[] | select(.there | not)'

A node that is not there has said nothing for half a minute. UNSETTLED counts instances that only its spool has.")]
pub(crate) struct Nodes {
    #[command(flatten)]
    pub(crate) target: Target,
}

impl Nodes {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let nodes: Vec<Value> = client.get("/api/v1/nodes").await?;
        if client.is_json() {
            println!("{}", serde_json::to_string(&nodes)?);
            return Ok(ExitCode::SUCCESS);
        }
        let paths = ["/name", "/address", "/there", "/seen_at", "/unsettled", "/id"];
        let rows: Vec<[String; 6]> = nodes.iter().map(|node| paths.map(|path| text(node, path))).collect();
        table::print(["NAME", "ADDRESS", "THERE", "SEEN", "UNSETTLED", "ID"], &rows);
        Ok(ExitCode::SUCCESS)
    }
}
