//! `causeway worklist`: orders that wait for modalities, and what was performed of them.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

mod add;
mod import;
mod shown;

use std::path::PathBuf;
use std::process::ExitCode;

use causeway_core::Uid;
use clap::{Args, Subcommand};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::client::{Client, Target};

/// Orders that wait for modalities, and what was performed of them
#[derive(Debug, Args)]
pub(crate) struct Worklist {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an entry: one step that one patient is to come for
    Add(Box<add::Add>),
    /// Entries by the time they are scheduled for; those that wait, unless told otherwise
    List(Box<List>),
    /// One entry
    Show {
        /// Its number
        id: i64,
        /// As DICOM JSON, with everything that is kept
        #[arg(long)]
        dicom: bool,
    },
    /// Remove an entry
    Remove {
        /// Its number
        id: i64,
    },
    /// Add the entries of a file: one JSON object or a list of them, in the form of `show` or as DICOM JSON
    #[command(after_help = "Examples:
  causeway worklist import orders.json
  causeway worklist show 7 > order.json && causeway worklist import order.json")]
    Import {
        /// The file
        file: PathBuf,
    },
    /// Which entry a study that came from elsewhere may belong to; nothing is changed
    #[command(after_help = "Example:
  causeway worklist match 1.2.840.113619.2.55.3.604688119.868.1249343483.504")]
    Match {
        /// Study Instance UID
        study: Uid,
    },
    /// What modalities told of steps they performed (MPPS), newest first; with a UID: all of one
    #[command(after_help = "Examples:
  causeway worklist steps --status in-progress
  causeway worklist steps --study 1.2.3
  causeway worklist steps 1.2.840.113619.2.55.3.604688119.868")]
    Steps {
        /// SOP Instance UID of one step
        uid: Option<Uid>,
        /// In this state only: in-progress, completed, discontinued
        #[arg(long, conflicts_with = "uid")]
        status: Option<String>,
        /// Of this study only
        #[arg(long, value_name = "UID", conflicts_with = "uid")]
        study: Option<Uid>,
        /// Most steps to show
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway worklist list --modality CT --from 2025-01-31 --to 2025-01-31
  causeway worklist list --patient-id P1 --status any
  causeway worklist list --station CT1 --json")]
struct List {
    /// Patient ID; '*' and '?' stand for letters
    #[arg(long, value_name = "ID")]
    patient_id: Option<String>,
    /// Patient's name
    #[arg(long, value_name = "NAME")]
    patient_name: Option<String>,
    /// Accession number
    #[arg(long, value_name = "NUMBER")]
    accession: Option<String>,
    /// AE title of the station
    #[arg(long, value_name = "AET")]
    station: Option<String>,
    /// Modality
    #[arg(long)]
    modality: Option<String>,
    /// First day: 2025-01-31
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last day
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// open, any, or of scheduled, arrived, ready, started, completed, discontinued
    #[arg(long, default_value = "open")]
    status: String,
    /// Most entries to show
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

impl Worklist {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add(add) => add.run(client).await,
            Verb::List(list) => list.run(client).await,
            Verb::Show { id, dicom } => show(client, id, dicom).await,
            Verb::Remove { id } => {
                client.delete(&format!("/api/v1/worklist/{id}")).await?;
                Ok(ExitCode::SUCCESS)
            }
            Verb::Import { file } => import::run(client, &file).await,
            Verb::Match { study } => {
                let request = client.request(Method::GET, "/api/v1/worklist/matches");
                let found: Vec<Value> = client.ask(request.query(&[("study", study.as_str())])).await?;
                shown::matches(client, &found)
            }
            Verb::Steps { uid: Some(uid), .. } => {
                let step: Value = client.get(&format!("/api/v1/procedure-steps/{uid}")).await?;
                println!("{}", serde_json::to_string_pretty(&step)?);
                Ok(ExitCode::SUCCESS)
            }
            Verb::Steps { uid: None, status, study, limit } => {
                let request = client.request(Method::GET, "/api/v1/procedure-steps");
                let asked = [
                    ("status", status),
                    ("study", study.map(|uid| uid.to_string())),
                    ("limit", Some(limit.to_string())),
                ];
                let steps: Vec<Value> = client.ask(with(request, &asked)).await?;
                shown::steps(client, &steps)
            }
        }
    }
}

/// The request with the parameters that are given.
fn with(request: RequestBuilder, asked: &[(&str, Option<String>)]) -> RequestBuilder {
    let given: Vec<(&str, &String)> =
        asked.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
    request.query(&given)
}

impl List {
    async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let asked = [
            ("patient_id", self.patient_id),
            ("patient_name", self.patient_name),
            ("accession_number", self.accession),
            ("station_ae", self.station),
            ("modality", self.modality),
            ("from", self.from),
            ("to", self.to),
            ("status", Some(self.status)),
            ("limit", Some(self.limit.to_string())),
        ];
        let request = client.request(Method::GET, "/api/v1/worklist");
        let entries: Vec<Value> = client.ask(with(request, &asked)).await?;
        shown::entries(client, &entries)
    }
}

async fn show(client: &Client, id: i64, dicom: bool) -> anyhow::Result<ExitCode> {
    let mut request = client.request(Method::GET, &format!("/api/v1/worklist/{id}"));
    if dicom {
        request = request.header(ACCEPT, import::DICOM_JSON);
    }
    let entry: Value = client.ask(request).await?;
    println!("{}", serde_json::to_string_pretty(&entry)?);
    Ok(ExitCode::SUCCESS)
}
