//! `causeway webhook`: who is told of events over HTTP.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::{EventKind, RemoteName};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::table::{self, text};
use crate::client::{Client, Target};

/// Who is told of events over HTTP
#[derive(Debug, Args)]
pub(crate) struct Webhook {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a webhook, or change the one of this name; prints the secret that what it is told is signed with
    #[command(after_help = "Examples:
  causeway webhook add ris --post-to https://ris.example/causeway --kind delivery.confirmed,delivery.parked
  causeway webhook add log --post-to http://127.0.0.1:9000/ --from-beginning

Each POST holds {\"webhook\":NAME,\"events\":[…]} and a header Causeway-Signature: t=SECONDS,v1=HEX, which is
HMAC-SHA-256 over SECONDS, a full stop and the body, keyed with the secret. Any answer of 2xx means that they were
taken; anything else, that they are to be told again.")]
    Add {
        /// What it is to be called
        name: RemoteName,
        /// Where events are posted
        #[arg(long, value_name = "URL")]
        post_to: String,
        /// Of these kinds only
        #[arg(long, value_name = "KIND", value_delimiter = ',')]
        kind: Vec<EventKind>,
        /// Tell of everything that is known, not only of what happens from now on
        #[arg(long)]
        from_beginning: bool,
    },
    /// All webhooks, and how they fare
    List,
    /// Tell a webhook no more
    Remove {
        /// Its name
        name: RemoteName,
    },
}

impl Webhook {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add { name, post_to, kind, from_beginning } => {
                let since = if from_beginning { "beginning" } else { "now" };
                let body = json!({ "url": post_to, "kinds": kind, "since": since });
                let request = client.request(Method::PUT, &format!("/api/v1/webhooks/{name}")).json(&body);
                let made: Value = client.ask(request).await?;
                if client.is_json() {
                    println!("{made}");
                } else {
                    println!("{}", made.get("secret").and_then(Value::as_str).unwrap_or_default());
                }
            }
            Verb::List => list(client).await?,
            Verb::Remove { name } => client.delete(&format!("/api/v1/webhooks/{name}")).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let webhooks: Vec<Value> = client.get("/api/v1/webhooks").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&webhooks)?);
        return Ok(());
    }
    let paths = ["/name", "/url", "/kinds", "/after", "/failures", "/next_at", "/words"];
    let cell = |webhook: &Value, path| match webhook.pointer(path) {
        Some(Value::Array(kinds)) if kinds.is_empty() => "all".to_owned(),
        _ => text(webhook, path),
    };
    let rows: Vec<[String; 7]> =
        webhooks.iter().map(|webhook| paths.map(|path| cell(webhook, path))).collect();
    table::print(["NAME", "URL", "KINDS", "TOLD UP TO", "FAILURES", "NEXT", "LAST ANSWER"], &rows);
    Ok(())
}
