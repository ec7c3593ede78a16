//! `causeway retention`: rules by which studies go.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::RemoteName;
use causeway_core::keeping::Age;
use causeway_core::keeping::retention::{Proof, Rule, Sent};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::table::{self, text};
use crate::client::{Client, Target};

/// Rules by which studies go
#[derive(Debug, Args)]
pub(crate) struct Retention {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a rule, or change the one of this name; nothing goes by it until it is enabled
    Add(Box<Add>),
    /// All rules
    List,
    /// What would go by the rules, and what keeps the rest of what is old enough
    Preview {
        /// By this rule alone
        name: Option<RemoteName>,
    },
    /// Have studies go by a rule
    Enable {
        /// Its name
        name: RemoteName,
    },
    /// Have nothing go by a rule any more
    Disable {
        /// Its name
        name: RemoteName,
    },
    /// Remove a rule
    Remove {
        /// Its name
        name: RemoteName,
    },
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("proof").multiple(true)), after_help = "Examples:
  causeway retention add old-ct --older-than 5y --unused-for 90d --from ct1
  causeway retention add sent --older-than 30d --delivered --to reader --committed
  causeway retention preview sent
  causeway retention enable sent

A study goes whole, when all that is given holds. Nothing goes that is on hold, or of which a delivery or a request is open.
What went can be brought back until [keep] grace is over (causeway removed).")]
struct Add {
    /// What it is to be called
    name: RemoteName,
    /// So long ago the newest instance of the study came, or it was last brought back: 5y, 90d, 12h
    #[arg(long, value_name = "AGE")]
    older_than: Age,
    /// So long nobody read it
    #[arg(long, value_name = "AGE")]
    unused_for: Option<Age>,
    /// All of it came from this remote
    #[arg(long, value_name = "REMOTE")]
    from: Option<RemoteName>,
    /// Each instance was delivered, and nothing that was to be delivered was not
    #[arg(long, group = "proof")]
    delivered: bool,
    /// The same, and the far side has committed itself to keep each
    #[arg(long, group = "proof")]
    committed: bool,
    /// By this route
    #[arg(long, value_name = "ROUTE", requires = "proof")]
    by: Option<RemoteName>,
    /// To this remote
    #[arg(long, value_name = "REMOTE", requires = "proof")]
    to: Option<RemoteName>,
    /// Have studies go by it at once
    #[arg(long)]
    enable: bool,
}

impl Add {
    fn rule(&self) -> Rule {
        let proof = match (self.committed, self.delivered) {
            (true, _) => Some(Proof::Committed),
            (false, true) => Some(Proof::Delivered),
            (false, false) => None,
        };
        let sent = |proof| Sent { proof, by: self.by.clone(), to: self.to.clone() };
        let (older_than, unused_for, from) = (self.older_than, self.unused_for, self.from.clone());
        Rule { older_than, unused_for, from, sent: proof.map(sent) }
    }
}

impl Retention {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = |name: &RemoteName| format!("/api/v1/retention/{name}");
        match self.verb {
            Verb::Add(add) => {
                let standing = if add.enable { "enabled" } else { "disabled" };
                let body = json!({ "rule": add.rule(), "standing": standing });
                client.put(&path(&add.name), &body).await?;
                if !add.enable && !client.is_json() {
                    let name = &add.name;
                    println!("nothing goes by it yet: see `causeway retention preview {name}`, then");
                    println!("`causeway retention enable {name}`");
                }
            }
            Verb::List => list(client).await?,
            Verb::Preview { name } => preview(client, name.as_ref()).await?,
            Verb::Enable { name } => {
                client.tell(client.request(Method::POST, &format!("{}/enable", path(&name)))).await?;
            }
            Verb::Disable { name } => {
                client.tell(client.request(Method::POST, &format!("{}/disable", path(&name)))).await?;
            }
            Verb::Remove { name } => client.delete(&path(&name)).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let rules: Vec<Value> = client.get("/api/v1/retention").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&rules)?);
        return Ok(());
    }
    let paths =
        ["/name", "/standing", "/older_than", "/unused_for", "/from", "/sent/proof", "/sent/by", "/sent/to"];
    let rows: Vec<[String; 8]> = rules.iter().map(|rule| paths.map(|path| text(rule, path))).collect();
    table::print(["NAME", "STANDING", "OLDER THAN", "UNUSED FOR", "FROM", "SENT", "BY", "TO"], &rows);
    Ok(())
}

async fn preview(client: &Client, name: Option<&RemoteName>) -> anyhow::Result<()> {
    let rule = name.map(|name| format!("&rule={name}")).unwrap_or_default();
    let mut all: Vec<Value> = Vec::new();
    let mut after = Some(0);
    while let Some(place) = after {
        let page: Value = client.get(&format!("/api/v1/retention-preview?after={place}{rule}")).await?;
        all.extend(page.pointer("/studies").and_then(Value::as_array).cloned().unwrap_or_default());
        after = page.pointer("/next").and_then(Value::as_i64);
    }
    if client.is_json() {
        println!("{}", serde_json::to_string(&all)?);
        return Ok(());
    }
    let paths = ["/study", "/rule", "/instances", "/bytes", "/arrived_at", "/kept_by"];
    let cell = |study: &Value, path| match text(study, path) {
        kept if path == "/kept_by" && kept.is_empty() => "goes".to_owned(),
        kept if path == "/kept_by" => format!("stays: {kept}"),
        told => told,
    };
    let rows: Vec<[String; 6]> = all.iter().map(|study| paths.map(|path| cell(study, path))).collect();
    table::print(["STUDY", "RULE", "INSTANCES", "BYTES", "ARRIVED", "WHAT BECOMES OF IT"], &rows);
    Ok(())
}
