//! `causeway route`: which instances go to which remotes.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

mod terms;
mod test;

use std::process::ExitCode;

use causeway_core::{RemoteName, Trigger, Uid};
use causeway_forward::{Place, Role, RouteRecord, Then};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use self::terms::Terms;
use self::test::Test;
use super::table::{self, text};
use crate::client::{Client, Target};

/// Which instances go to which remotes
#[derive(Debug, Args)]
pub(crate) struct Route {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a route, or change the one of this name, which keeps its place
    #[command(after_help = "Examples:
  causeway route add all --when true --to reader
  causeway route add neuro --when 'Modality == \"MR\" && StudyDescription.contains(\"BRAIN\")' --to reader --stop
  causeway route add ct1 --when 'calling_ae == \"CT1\"' --to reader --to archive --trigger instance --priority stat
  causeway route add nightly --when true --to archive --during 'daily 20:00-06:00' --zone Europe/Berlin --priority bulk
  causeway route add rest --when true --to archive --fallback
  causeway route add chest --when 'Modality == \"CT\"' --to reader --priors 3 --priors-years 5 --priors-same body-part

Conditions are CEL over the attributes by their keywords, and calling_ae, remote, source_address, door, sop_class,
sop_class_name, transfer_syntax.")]
    Add(Box<Terms>),
    /// All routes, in the order in which they are asked
    List,
    /// Put a route at another place in the order
    Move(Move),
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
    /// What a draft would have done with what came lately; nothing is sent or changed
    Test(Box<Test>),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("place").required(true))]
struct Move {
    /// Its name
    name: RemoteName,
    /// Right before this route
    #[arg(long, value_name = "ROUTE", group = "place")]
    before: Option<RemoteName>,
    /// Before all others
    #[arg(long, group = "place")]
    first: bool,
    /// After all others
    #[arg(long, group = "place")]
    last: bool,
}

impl Route {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add(terms) => {
                let route = terms.record()?;
                client.put(&format!("/api/v1/routes/{}", route.name), &route).await?;
            }
            Verb::List => list(client).await?,
            Verb::Move(asked) => asked.run(client).await?,
            Verb::Remove { name } => client.delete(&format!("/api/v1/routes/{name}")).await?,
            Verb::Explain { study } => explain(client, &study).await?,
            Verb::Test(test) => test.run(client).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Move {
    async fn run(self, client: &Client) -> anyhow::Result<()> {
        let place = match (self.before, self.first) {
            (Some(before), _) => Place::Before(before),
            (None, true) => Place::First,
            (None, false) => Place::Last,
        };
        let request = client.request(Method::POST, &format!("/api/v1/routes/{}/place", self.name));
        client.tell(request.json(&place)).await
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let routes: Vec<RouteRecord> = client.get("/api/v1/routes").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&routes)?);
        return Ok(());
    }
    let rows: Vec<[String; 6]> = routes.into_iter().map(row).collect();
    table::print(["NAME", "TO", "TRIGGER", "PRIORITY", "TERMS", "WHEN"], &rows);
    Ok(())
}

fn row(route: RouteRecord) -> [String; 6] {
    let trigger = match route.trigger {
        Trigger::Instance => "each instance".to_owned(),
        Trigger::Series { quiet_seconds } => format!("series, quiet {quiet_seconds} s"),
        Trigger::Study { quiet_seconds } => format!("study, quiet {quiet_seconds} s"),
    };
    let terms = [
        (route.then == Then::Stop).then(|| "stops".to_owned()),
        (route.role == Role::Fallback).then(|| "fallback".to_owned()),
        (!route.schedule.is_always()).then(|| route.schedule.to_string()),
        route.priors.as_ref().map(|priors| format!("with {} priors", priors.most)),
        (route.delay_seconds > 0).then(|| format!("kept back for {} s", route.delay_seconds)),
    ];
    let to: Vec<String> = route.to.iter().map(RemoteName::to_string).collect();
    [
        route.name.to_string(),
        to.join(", "),
        trigger,
        route.priority.as_str().to_owned(),
        terms.into_iter().flatten().collect::<Vec<_>>().join("; "),
        route.when,
    ]
}

async fn explain(client: &Client, study: &Uid) -> anyhow::Result<()> {
    let explained: Vec<Value> = client.get(&format!("/api/v1/studies/{study}/routes")).await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&explained)?);
        return Ok(());
    }
    let mut rows = Vec::new();
    for route in &explained {
        for answer in route.get("answers").and_then(Value::as_array).into_iter().flatten() {
            let to = names(answer, "sends_to");
            let does = if to.is_empty() { "leaves".to_owned() } else { format!("sends to {to}") };
            rows.push([text(route, "/route"), does, text(answer, "/instances"), text(answer, "/because")]);
        }
    }
    table::print(["ROUTE", "DOES", "INSTANCES", "BECAUSE"], &rows);
    Ok(())
}

/// A list of names in one line.
fn names(value: &Value, key: &str) -> String {
    let names = value.get(key).and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
