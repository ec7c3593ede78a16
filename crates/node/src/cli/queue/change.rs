//! Doing something about what is queued: one job by its number, or many by what they have in common.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use causeway_core::{RemoteName, Uid};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;

/// Which deliveries: those for which all that is named holds.
#[derive(Debug, Args)]
#[group(multiple = true)]
pub(super) struct Which {
    /// To this remote
    #[arg(long)]
    remote: Option<RemoteName>,
    /// Of this study
    #[arg(long, value_name = "UID")]
    study: Option<Uid>,
    /// By this route
    #[arg(long)]
    route: Option<RemoteName>,
}

/// One job, or many.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Number of the job
    #[arg(required_unless_present_any = ["remote", "study", "route"], conflicts_with_all = ["remote", "study", "route"])]
    job: Option<i64>,
    #[command(flatten)]
    which: Which,
}

/// Many.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("named").required(true).multiple(true).args(["remote", "study", "route"]))]
pub(super) struct Many {
    #[command(flatten)]
    which: Which,
}

/// Many, and where they are to go.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway queue reroute --remote reader --to reader-2
  causeway queue reroute --remote reader --study 1.2.840.113619.2.55.3.1 --to reader-2")]
pub(super) struct Reroute {
    /// The remote that they were to go to
    #[arg(long)]
    remote: RemoteName,
    /// The remote that they are to go to now
    #[arg(long)]
    to: RemoteName,
    /// Of this study only
    #[arg(long, value_name = "UID")]
    study: Option<Uid>,
    /// By this route only
    #[arg(long)]
    route: Option<RemoteName>,
}

impl One {
    pub(super) async fn run(self, client: &Client, verb: &str) -> anyhow::Result<()> {
        match self.job {
            Some(job) => {
                client.tell(client.request(Method::POST, &format!("/api/v1/queue/jobs/{job}/{verb}"))).await
            }
            None => many(client, verb, &self.which.body()).await,
        }
    }
}

impl Many {
    pub(super) async fn run(self, client: &Client, verb: &str) -> anyhow::Result<()> {
        many(client, verb, &self.which.body()).await
    }
}

impl Reroute {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let Self { remote, to, study, route } = self;
        let which = Which { remote: Some(remote), study, route };
        let mut body = which.body();
        if let Some(body) = body.as_object_mut() {
            body.insert("to".to_owned(), json!(to));
        }
        many(client, "reroute", &body).await
    }
}

impl Which {
    fn body(&self) -> Value {
        json!({ "remote": self.remote, "study": self.study, "route": self.route })
    }
}

async fn many(client: &Client, verb: &str, which: &Value) -> anyhow::Result<()> {
    let request = client.request(Method::POST, &format!("/api/v1/queue/{verb}")).json(which);
    let answer: Value = client.ask(request).await?;
    if client.is_json() {
        println!("{answer}");
    } else if let Some(changed) = answer.get("changed") {
        println!("{changed} jobs");
    }
    Ok(())
}
