//! `causeway queue`: what is waiting to be delivered, what was, and what is done about it.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

mod change;
mod show;
mod way_back;

use std::process::ExitCode;

use causeway_core::{RemoteName, Uid};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::table::{self, text};
use crate::client::{Client, Target};

/// What is waiting to be delivered; without a verb: a report of every destination
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway queue
  causeway queue show 1.2.840.113619.2.55.3.1
  causeway queue list --state parked
  causeway queue retry 17
  causeway queue retry --remote reader
  causeway queue pause --remote reader
  causeway queue reroute --remote reader --to reader-2
  causeway queue commitments --state awaited")]
pub(crate) struct Queue {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Jobs one by one: each is one instance on its way to one remote
    List {
        /// To this remote only
        #[arg(long)]
        remote: Option<RemoteName>,
        /// In this state only: waiting, sending, delivered, parked, cancelled
        #[arg(long)]
        state: Option<String>,
        /// Of this study only
        #[arg(long, value_name = "UID")]
        study: Option<Uid>,
        /// Most jobs to show
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Storage commitments, newest first: what was asked of us, what we asked of those we sent to, and counts of what they list
    Commitments(Errands),
    /// Notices of what is available here, newest first
    Notices(Errands),
    /// The whole story of a study: where it came from, where it went, what was answered, what it waits for
    Show(show::Show),
    /// Send a job now, or all jobs that wait or are parked of a remote, a study or a route
    Retry(change::One),
    /// Leave a job, or many, until retried
    Park(change::One),
    /// Never send a job, or many
    Cancel(change::One),
    /// Copies under the original identity that are due of what came back
    WayBack(way_back::WayBack),
    /// Send nothing to a remote, or nothing of a study or by a route, until resumed
    Pause(change::Many),
    /// Let go on what was paused
    Resume(change::Many),
    /// Send to another remote what was not delivered to one
    Reroute(change::Reroute),
}

#[derive(Debug, Args)]
struct Errands {
    /// In this state only: open, due, awaited, done, given-up
    #[arg(long)]
    state: Option<String>,
    /// Most to show
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

impl Queue {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            None => report(client).await?,
            Some(Verb::List { remote, state, study, limit }) => {
                let mut query = vec![("limit", limit.to_string())];
                query.extend(remote.map(|remote| ("remote", remote.to_string())));
                query.extend(state.map(|state| ("state", state)));
                query.extend(study.map(|study| ("study", study.to_string())));
                list(client, &query).await?;
            }
            Some(Verb::Commitments(asked)) => {
                let heads = ["KIND", "OF", "TRANSACTION", "STATE", "INSTANCES", "FAILED", "NEXT", "LAST"];
                errands(client, "/api/v1/commitments", heads, asked).await?;
            }
            Some(Verb::Notices(asked)) => {
                let heads = ["KIND", "TO", "STUDY", "STATE", "INSTANCES", "FAILED", "NEXT", "LAST"];
                errands(client, "/api/v1/notices", heads, asked).await?;
            }
            Some(Verb::Show(show)) => show.run(client).await?,
            Some(Verb::Retry(one)) => one.run(client, "retry").await?,
            Some(Verb::Park(one)) => one.run(client, "park").await?,
            Some(Verb::Cancel(one)) => one.run(client, "cancel").await?,
            Some(Verb::WayBack(way_back)) => way_back.run(client).await?,
            Some(Verb::Pause(many)) => many.run(client, "pause").await?,
            Some(Verb::Resume(many)) => many.run(client, "resume").await?,
            Some(Verb::Reroute(reroute)) => reroute.run(client).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn report(client: &Client) -> anyhow::Result<()> {
    let report: Vec<Value> = client.get("/api/v1/queue").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    let columns = [
        ("REMOTE", "/remote"),
        ("WAITING", "/waiting"),
        ("SENDING", "/sending"),
        ("DELIVERED", "/delivered"),
        ("COMMITTED", "/committed"),
        ("PARKED", "/parked"),
        ("OLDEST", "/oldest_at"),
        ("HELD UNTIL", "/held_until"),
        ("BECAUSE", "/because"),
    ];
    let row = |destination: &Value| {
        columns.map(|(_, path)| match (path, text(destination, "/paused/who")) {
            ("/because", who) if !who.is_empty() => format!("paused by {who}"),
            _ => text(destination, path),
        })
    };
    let rows: Vec<[String; 9]> = report.iter().map(row).collect();
    let heads = columns.map(|(head, _)| head);
    table::print(heads, &rows);
    Ok(())
}

async fn list(client: &Client, query: &[(&str, String)]) -> anyhow::Result<()> {
    let jobs: Vec<Value> = client.ask(client.request(Method::GET, "/api/v1/queue/jobs").query(query)).await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&jobs)?);
        return Ok(());
    }
    let paths = ["/id", "/remote", "/route", "/state", "/attempts", "/next_at", "/instance", "/last/words"];
    let row = |job: &Value| {
        paths.map(|path| match (path, text(job, "/commitment").as_str()) {
            ("/state", "committed") => format!("{}, committed", text(job, path)),
            ("/state", "not-committed") => format!("{}, not committed", text(job, path)),
            ("/state", "cannot-be-asked") => format!("{}, cannot be asked", text(job, path)),
            _ => text(job, path),
        })
    };
    let rows: Vec<[String; 8]> = jobs.iter().map(row).collect();
    table::print(["JOB", "REMOTE", "ROUTE", "STATE", "ATTEMPTS", "NEXT", "INSTANCE", "LAST ANSWER"], &rows);
    Ok(())
}

async fn errands(client: &Client, path: &str, heads: [&str; 8], asked: Errands) -> anyhow::Result<()> {
    let mut query = vec![("limit", asked.limit.to_string())];
    query.extend(asked.state.map(|state| ("state", state)));
    let errands: Vec<Value> = client.ask(client.request(Method::GET, path).query(&query)).await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&errands)?);
        return Ok(());
    }
    let paths = ["/kind", "/remote", "/uid", "/state", "/instances", "/failed", "/next_at", "/words"];
    let row = |errand: &Value| {
        paths.map(|path| match path {
            // A caller that is not registered has an AE title only, and one of the web the name of its token.
            "/remote" if text(errand, path).is_empty() => {
                ["/ae_title", "/inquirer"].map(|path| text(errand, path)).concat()
            }
            // What is over has nothing to come.
            "/next_at" if matches!(text(errand, "/state").as_str(), "done" | "given-up") => String::new(),
            _ => text(errand, path),
        })
    };
    let rows: Vec<[String; 8]> = errands.iter().map(row).collect();
    table::print(heads, &rows);
    Ok(())
}
