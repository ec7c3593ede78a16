//! `causeway token`: bearer tokens for the web.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use causeway_catalog::{Catalog, TokenRecord};
use causeway_core::{Permission, RemoteName, SystemClock};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::permission;
use super::table;
use crate::client::{Client, Target};
use crate::compose;
use crate::config::Settings;

/// Bearer tokens for the web
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a token and print it; it cannot be shown again
    #[command(after_help = "Examples:
  causeway token add viewer --allow query,retrieve
  causeway token add first --allow admin,query,retrieve,store --data /var/lib/causeway   (node not running)")]
    Add {
        /// What it is to be called
        name: RemoteName,
        /// What its bearer may do: store, query, retrieve, commit, worklist, delete, admin
        #[arg(long, value_delimiter = ',', value_parser = permission, required = true)]
        allow: Vec<Permission>,
        /// Write it into the catalog of a node that is not running, in this data folder
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// All tokens, without their secrets
    List,
    /// Remove a token; it is refused from then on
    Remove {
        /// Its name
        name: RemoteName,
    },
}

impl Token {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let Self { verb, target } = self;
        match verb {
            Verb::Add { name, allow, data: Some(data) } => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(add_offline(data, &name, allow))
            }
            verb => super::with_client(target, async |client| online(client, verb).await),
        }
    }
}

async fn online(client: &Client, verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Add { name, allow, .. } => {
            let request = client.request(Method::PUT, &format!("/api/v1/tokens/{name}"));
            let made: Value = client.ask(request.json(&json!({ "allow": allow }))).await?;
            if client.is_json() {
                println!("{made}");
            } else {
                println!("{}", made.get("token").and_then(Value::as_str).unwrap_or_default());
            }
        }
        Verb::List => {
            let tokens: Vec<Value> = client.get("/api/v1/tokens").await?;
            if client.is_json() {
                println!("{}", serde_json::to_string(&tokens)?);
                return Ok(ExitCode::SUCCESS);
            }
            let text = |token: &Value, key: &str| token.get(key).map(ToString::to_string).unwrap_or_default();
            let rows: Vec<[String; 2]> = tokens
                .iter()
                .map(|token| {
                    [text(token, "name").replace('"', ""), text(token, "allow").replace(['"', '[', ']'], "")]
                })
                .collect();
            table::print(["NAME", "MAY"], &rows);
        }
        Verb::Remove { name } => client.delete(&format!("/api/v1/tokens/{name}")).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// For the first start of a node that others can reach: it needs a token before it runs.
async fn add_offline(data: PathBuf, name: &RemoteName, allow: Vec<Permission>) -> anyhow::Result<ExitCode> {
    let flags = [("node", "data", data.display().to_string())];
    let settings = Settings::read(None, std::iter::empty(), &flags)?;
    // A node that runs holds its spool, and would not hear of the token: it is asked without --data.
    let _held = compose::open_store(&settings).await.context("is the node running? then leave out --data")?;
    let catalog = Catalog::open(&settings.catalog_file()?, Arc::new(SystemClock)).await?;
    let (secret, sha256) = causeway_archive::tokens::new_secret();
    let record = TokenRecord { name: name.to_string(), sha256, permissions: allow.into_iter().collect() };
    catalog.put_token(record, "local").await?;
    println!("{secret}");
    Ok(ExitCode::SUCCESS)
}
