//! `causeway health`: whether a node is ready to be called, for what keeps it running where no other program is there to
//! ask with, such as in a container.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::client::{Client, Target};

/// Say whether a node is ready to be called; no token is needed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway health
  causeway health --url https://images.example.org --ca /etc/causeway/ca.pem

Ends with 1 when it is not ready, or does not answer.")]
pub(crate) struct Health {
    #[command(flatten)]
    pub(crate) target: Target,
}

impl Health {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let response = client.send(client.request(Method::GET, "/health/ready")).await?;
        let is_ready = response.status().is_success();
        let told: Value = response.json().await.unwrap_or_default();
        if client.is_json() {
            println!("{told}");
        } else {
            let word = if is_ready { "ready" } else { "not ready" };
            let room = told.get("room").and_then(Value::as_str);
            println!("{word}{}", room.map(|room| format!("; room on its disks: {room}")).unwrap_or_default());
        }
        Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
