//! `causeway verify`: has a running node read all it keeps again, and shows how far it is and what it finds.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::progress;
use crate::client::{Client, Target};

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Read every object again, hold it against its row, and every object against the rows
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway verify
  causeway verify --bytes-per-second 5000000 --background
  causeway verify --repair
  causeway verify --show
  causeway verify --stop

It goes on when this command is interrupted, and over restarts of the node. Nothing that is found is ever removed.
--repair takes in orphans (objects without a row), and asks for what is lost or damaged where it came from. What the keys of
[store.encryption] do not open is unopened, and left as it is.
Exit code 1 when anything was found that is not as it should be, or it did not come to its end.")]
pub(crate) struct Verify {
    /// Mend what is found, where that can be done
    #[arg(long, conflicts_with_all = ["show", "stop"])]
    repair: bool,
    /// Bytes that are read in a second, at most [default: 20971520]
    #[arg(long, value_name = "N", conflicts_with_all = ["show", "stop"])]
    bytes_per_second: Option<u64>,
    /// Begin it, and do not wait for its end
    #[arg(long, conflicts_with_all = ["show", "stop"])]
    background: bool,
    /// Show the latest, without beginning one
    #[arg(long, conflicts_with = "stop")]
    show: bool,
    /// Stop the one that is under way
    #[arg(long)]
    stop: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Deserialize)]
struct Verification {
    id: i64,
    state: String,
    phase: String,
    all_objects: u64,
    all_bytes: u64,
    objects: u64,
    bytes: u64,
    words: Option<String>,
    found: Vec<Count>,
}

#[derive(Debug, Deserialize)]
struct Count {
    fate: String,
    count: u64,
}

const PATH: &str = "/api/v1/verification";

impl Verify {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if self.stop {
            client.delete(PATH).await?;
            return Ok(ExitCode::SUCCESS);
        }
        if !self.show {
            let body = json!({ "repair": self.repair, "bytes_per_second": self.bytes_per_second });
            let begun: Value = client.ask(client.request(Method::POST, PATH).json(&body)).await?;
            if self.background {
                let id = begun.get("id").and_then(Value::as_i64).unwrap_or_default();
                if client.is_json() {
                    println!("{begun}")
                } else {
                    println!("verification {id} has begun")
                }
                return Ok(ExitCode::SUCCESS);
            }
            follow(client).await?;
        }
        tell(client).await
    }
}

/// Shows how far it is until it goes on no more.
async fn follow(client: &Client) -> anyhow::Result<()> {
    let bar = progress::bytes(0);
    loop {
        let now: Verification = client.get(PATH).await?;
        bar.set_length(now.all_bytes);
        bar.set_position(now.bytes.min(now.all_bytes));
        bar.set_message(match now.phase.as_str() {
            "rows" => format!("{} of {} objects", now.objects, now.all_objects),
            "objects" => "looking for orphans".to_owned(),
            _ => "mending".to_owned(),
        });
        if now.state != "under-way" {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// What was found, all of it.
async fn findings(client: &Client) -> anyhow::Result<Vec<Value>> {
    client.get_all(&format!("{PATH}/findings"), "object").await
}

async fn tell(client: &Client) -> anyhow::Result<ExitCode> {
    let told: Value = client.get(PATH).await?;
    let latest: Verification = serde_json::from_value(told.clone())?;
    let findings = findings(client).await?;
    let wrong: u64 = latest.found.iter().filter(|it| it.fate != "mended").map(|it| it.count).sum();
    let is_well = latest.state == "done" && wrong == 0;
    let code = if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if client.is_json() {
        println!("{}", json!({ "verification": told, "findings": findings }));
        return Ok(code);
    }
    println!(
        "verification {}: {}, {} of {} objects read ({} bytes)",
        latest.id, latest.state, latest.objects, latest.all_objects, latest.bytes
    );
    if let Some(words) = &latest.words {
        println!("  {words}");
    }
    for finding in &findings {
        println!("{}", line(finding)?);
    }
    match findings.len() {
        0 if latest.state == "done" => println!("everything is as it should be"),
        count => println!("{count} findings, {wrong} of them not mended"),
    }
    Ok(code)
}

fn line(finding: &Value) -> anyhow::Result<String> {
    let text = |key: &str| finding.get(key).and_then(Value::as_str);
    let (Some(kind), Some(fate), Some(object)) = (text("kind"), text("fate"), text("object")) else {
        bail!("a finding cannot be read");
    };
    let instance = text("instance").map(|uid| format!(", instance {uid}")).unwrap_or_default();
    Ok(format!("{kind:8} {fate:7} object {object}{instance}: {}", text("words").unwrap_or_default()))
}
