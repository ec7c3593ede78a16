//! `causeway events`: what happens to instances and deliveries, as it happens.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::EventKind;
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::table::{self, text};
use crate::client::{Client, Target};

/// What happened to instances and deliveries
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway events
  causeway events --kind delivery.confirmed,delivery.parked --follow
  causeway events --after 1200 --json")]
pub(crate) struct Events {
    /// After the event of this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: i64,
    /// Of these kinds only
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<EventKind>,
    /// Most events to show
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Go on with what happens, until interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Seconds for which the node is asked to wait for something to happen.
const WAIT_SECONDS: u32 = 30;

impl Events {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let kinds: Vec<&str> = self.kind.iter().map(|kind| kind.as_str()).collect();
        let (mut after, mut is_first) = (self.after, true);
        loop {
            let mut query = vec![("after", after.to_string()), ("limit", self.limit.to_string())];
            query.push(("kind", kinds.join(",")));
            if self.follow {
                query.push(("wait", WAIT_SECONDS.to_string()));
            }
            let page: Value = client.ask(client.request(Method::GET, "/api/v1/events").query(&query)).await?;
            let events = page.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
            after = page.get("last").and_then(Value::as_i64).unwrap_or(after);
            if client.is_json() {
                events.iter().for_each(|event| println!("{event}"));
            } else if is_first || !events.is_empty() {
                let heads = if is_first { HEADS } else { [""; 6] };
                print(heads, &events);
            }
            if !self.follow {
                return Ok(ExitCode::SUCCESS);
            }
            is_first = false;
        }
    }
}

const HEADS: [&str; 6] = ["EVENT", "AT", "WHAT", "WHO", "STUDY", "ABOUT"];

fn print(heads: [&str; 6], events: &[Value]) {
    let about = |event: &Value| match event.get("delivery") {
        Some(_) => format!("{} -> {}", text(event, "/route"), text(event, "/remote")),
        None => text(event, "/instance"),
    };
    let row = |event: &Value| {
        let [id, at, kind, who, study] =
            ["/id", "/at", "/kind", "/who", "/study"].map(|key| text(event, key));
        [id, at, kind, who, study, about(event)]
    };
    let rows: Vec<[String; 6]> = events.iter().map(row).collect();
    table::print(heads, &rows);
}
