//! `causeway worklist add`: an entry from the command line's words.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::{AeTitle, Uid};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway worklist add --patient-id P1 --patient-name 'Doe^Jane' --birth-date 1970-12-31 --sex F \\
      --accession A1 --modality CT --station CT1 --start 2025-01-31T08:30 --description 'CT head'
  causeway worklist add --patient-id P1 --patient-name 'Doe^Jane' --modality MR --station MR1 --station MR2 \\
      --start '2025-02-01 10:00' --description 'MR knee' --study 1.2.3

What it does not ask for (codes, allergies, locations) `causeway worklist import` takes.")]
pub(super) struct Add {
    /// Patient ID
    #[arg(long, value_name = "ID")]
    patient_id: String,
    /// Who issued the Patient ID
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// Patient's name: Family^Given^Middle^Prefix^Suffix
    #[arg(long, value_name = "NAME")]
    patient_name: String,
    /// Patient's birth date: 1970-12-31
    #[arg(long, value_name = "DATE")]
    birth_date: Option<String>,
    /// Patient's sex: M, F, O
    #[arg(long)]
    sex: Option<String>,
    /// Accession number
    #[arg(long, value_name = "NUMBER")]
    accession: Option<String>,
    /// Requested Procedure ID [default: the accession number]
    #[arg(long, value_name = "ID")]
    procedure_id: Option<String>,
    /// What is ordered [default: --description]
    #[arg(long, value_name = "WORDS")]
    procedure: Option<String>,
    /// Study Instance UID [default: a new one]
    #[arg(long, value_name = "UID")]
    study: Option<Uid>,
    /// Scheduled Procedure Step ID [default: a new one]
    #[arg(long, value_name = "ID")]
    step_id: Option<String>,
    /// AE title of a station that may perform it
    #[arg(long, value_name = "AET", required = true)]
    station: Vec<AeTitle>,
    /// Modality: CT, MR, US …
    #[arg(long)]
    modality: String,
    /// When it is to begin, by the clock on the wall: 2025-01-31T08:30
    #[arg(long, value_name = "WHEN")]
    start: String,
    /// What is to be done
    #[arg(long, value_name = "WORDS")]
    description: String,
    /// Who is to perform it
    #[arg(long, value_name = "NAME")]
    performing_physician: Option<String>,
    /// Who referred the patient
    #[arg(long, value_name = "NAME")]
    referring_physician: Option<String>,
}

impl Add {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let request = client.request(Method::POST, "/api/v1/worklist");
        let entry: Value = client.ask(request.json(&self.entry())).await?;
        if client.is_json() {
            println!("{entry}");
        } else {
            println!("{}", entry.get("id").unwrap_or(&Value::Null));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn entry(self) -> Value {
        json!({
            "patient": {
                "id": self.patient_id,
                "issuer": self.issuer,
                "name": self.patient_name,
                "birth_date": self.birth_date,
                "sex": self.sex,
            },
            "accession_number": self.accession,
            "study_instance_uid": self.study,
            "referring_physician": self.referring_physician,
            "requested_procedure": { "id": self.procedure_id, "description": self.procedure },
            "step": {
                "id": self.step_id,
                "station_ae": self.station,
                "modality": self.modality,
                "start": self.start,
                "description": self.description,
                "performing_physician": self.performing_physician,
            },
        })
    }
}
