//! `causeway route`: which instances go to which remote.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::{RemoteName, Trigger, Uid};
use causeway_forward::RouteRecord;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::table;
use crate::client::{Client, Target};

/// Which instances go to which remote
#[derive(Debug, Args)]
pub(crate) struct Route {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a route, or change the one of this name
    Add(Box<Add>),
    /// All routes, in the order in which they are asked
    List,
    /// Remove a route; what it caught before is still delivered
    Remove {
        /// Its name
        name: RemoteName,
    },
    /// What each route does with a study, and why
    Explain {
        /// Study Instance UID
        study: Uid,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway route add all --when true --to reader
  causeway route add neuro --when 'Modality == \"MR\" && StudyDescription.contains(\"BRAIN\")' --to reader
  causeway route add ct1 --when 'CallingAE == \"CT1\"' --to reader --trigger instance

Conditions are CEL over the attributes by their keywords, and CallingAE, Remote, SourceAddress, Door.")]
struct Add {
    /// What it is to be called
    name: RemoteName,
    /// The condition, in CEL
    #[arg(long, value_name = "CEL")]
    when: String,
    /// The remote to send to
    #[arg(long, value_name = "REMOTE")]
    to: RemoteName,
    /// Send each instance at once, or the series or study once nothing more of it has come for a while
    #[arg(long, value_enum, default_value_t = On::Study)]
    trigger: On,
    /// Seconds without anything new after which a series or study goes
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    quiet: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    Instance,
    Series,
    Study,
}

impl Route {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add(add) => add.run(client).await?,
            Verb::List => list(client).await?,
            Verb::Remove { name } => client.delete(&format!("/api/v1/routes/{name}")).await?,
            Verb::Explain { study } => explain(client, &study).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    async fn run(self, client: &Client) -> anyhow::Result<()> {
        let quiet_seconds = self.quiet;
        let trigger = match self.trigger {
            On::Instance => Trigger::Instance,
            On::Series => Trigger::Series { quiet_seconds },
            On::Study => Trigger::Study { quiet_seconds },
        };
        let route = RouteRecord { name: self.name, when: self.when, to: self.to, trigger };
        client.put(&format!("/api/v1/routes/{}", route.name), &route).await
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let routes: Vec<RouteRecord> = client.get("/api/v1/routes").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&routes)?);
        return Ok(());
    }
    let trigger = |trigger| match trigger {
        Trigger::Instance => "each instance".to_owned(),
        Trigger::Series { quiet_seconds } => format!("series, quiet {quiet_seconds} s"),
        Trigger::Study { quiet_seconds } => format!("study, quiet {quiet_seconds} s"),
    };
    let rows: Vec<[String; 4]> = routes
        .into_iter()
        .map(|route| [route.name.to_string(), route.to.to_string(), trigger(route.trigger), route.when])
        .collect();
    table::print(["NAME", "TO", "TRIGGER", "WHEN"], &rows);
    Ok(())
}

async fn explain(client: &Client, study: &Uid) -> anyhow::Result<()> {
    let explained: Vec<Value> = client.get(&format!("/api/v1/studies/{study}/routes")).await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&explained)?);
        return Ok(());
    }
    let text = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut rows = Vec::new();
    for route in &explained {
        for answer in route.get("answers").and_then(Value::as_array).into_iter().flatten() {
            let takes = answer.get("takes").and_then(Value::as_bool).unwrap_or(false);
            rows.push([
                text(route, "route"),
                text(route, "remote"),
                if takes { "sends" } else { "leaves" }.to_owned(),
                text(answer, "instances"),
                text(answer, "because"),
            ]);
        }
    }
    table::print(["ROUTE", "TO", "DOES", "INSTANCES", "BECAUSE"], &rows);
    Ok(())
}
