//! `causeway verify`: has a running node read all it keeps again, and shows how far it is and what it finds.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::progress;
use super::undertaking::{Standing, Undertaking, Way};
use crate::client::{Client, Target};

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
    #[command(flatten)]
    way: Way,
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

impl Standing for Verification {
    fn state(&self) -> &str {
        &self.state
    }

    fn show(&self, bar: &ProgressBar) {
        bar.set_length(self.all_bytes);
        bar.set_position(self.bytes.min(self.all_bytes));
        bar.set_message(match self.phase.as_str() {
            "rows" => format!("{} of {} objects", self.objects, self.all_objects),
            "objects" => "looking for orphans".to_owned(),
            _ => "mending".to_owned(),
        });
    }
}

impl Verify {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let wanted = json!({ "repair": self.repair, "bytes_per_second": self.bytes_per_second });
        let verification = Undertaking { path: PATH, name: "verification" };
        let bar = progress::bytes(0);
        match verification.go::<Verification>(&self.way, client, &wanted, &bar).await? {
            true => tell(client).await,
            false => Ok(ExitCode::SUCCESS),
        }
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
