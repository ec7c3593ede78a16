//! `causeway doctor`: how the node is, and what it refused lately with what would change it.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::io::IsTerminal as _;
use std::process::ExitCode;

use causeway_core::IncidentRecord;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, Target};

/// Check the node and explain what it refused lately
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway doctor
  causeway doctor --peer PACS1
  causeway doctor --forget

Ends with 1 when something does not work.")]
pub(crate) struct Doctor {
    /// Refusals of this peer only: its AE title or its address
    #[arg(long, value_name = "AET|IP")]
    peer: Option<String>,
    /// Most refusals to show
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Forget what was refused so far, so that what comes next stands out
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Deserialize)]
struct Finding {
    subject: String,
    verdict: String,
    words: String,
    remedy: Option<String>,
}

impl Doctor {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if self.forget {
            client.delete("/api/v1/incidents").await?;
            return Ok(ExitCode::SUCCESS);
        }
        let findings: Vec<serde_json::Value> = client.get("/api/v1/doctor").await?;
        let mut incidents: Vec<IncidentRecord> = client.get("/api/v1/incidents").await?;
        if let Some(peer) = &self.peer {
            incidents.retain(|it| it.peer.ae_title == *peer || it.peer.address.to_string() == *peer);
        }
        let hidden = incidents.len().saturating_sub(self.limit);
        incidents.truncate(self.limit);
        let is_well = findings.iter().all(|finding| finding.get("verdict").is_none_or(|it| it != "failure"));
        let code = if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if client.is_json() {
            println!("{}", json!({ "findings": findings, "incidents": incidents }));
            return Ok(code);
        }
        for finding in findings {
            show_finding(&serde_json::from_value(finding)?);
        }
        show_incidents(&incidents, hidden);
        Ok(code)
    }
}

fn show_finding(finding: &Finding) {
    let (mark, colour) = match finding.verdict.as_str() {
        "fine" => ("ok  ", "32"),
        "warning" => ("warn", "33"),
        _ => ("FAIL", "31"),
    };
    println!("{}  {}: {}", coloured(mark, colour), finding.subject, finding.words);
    if let Some(remedy) = &finding.remedy {
        println!("      {remedy}");
    }
}

fn show_incidents(incidents: &[IncidentRecord], hidden: usize) {
    if incidents.is_empty() {
        println!("\nNothing was refused lately.");
        return;
    }
    println!("\nRefused lately, the latest first:");
    for incident in incidents {
        let times = if incident.count > 1 { format!(" ({} times)", incident.count) } else { String::new() };
        println!("\n{}  {}{times}", moment(incident.last_at), caller(incident));
        println!("      {}", incident.words);
        if let Some(remedy) = &incident.remedy {
            println!("      {remedy}");
        }
    }
    if hidden > 0 {
        println!("\n{hidden} more; see --limit and --peer.");
    }
}

fn caller(incident: &IncidentRecord) -> String {
    let address = incident.peer.address;
    match incident.peer.ae_title.as_str() {
        "" => address.to_string(),
        ae_title => format!("{ae_title} at {address}"),
    }
}

/// The moment as the clock on the wall shows it.
fn moment(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn coloured(text: &str, colour: &str) -> String {
    let is_plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    if is_plain { text.to_owned() } else { format!("\u{1b}[{colour}m{text}\u{1b}[0m") }
}
