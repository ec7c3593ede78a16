//! `causeway transform`: what is changed of instances on their way to a remote.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use causeway_core::transform::Deidentify;
use causeway_core::{RemoteName, Transform as Document};
use clap::{Args, Subcommand};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::table;
use crate::client::{Client, Target};

/// What is changed of instances on their way to a remote
#[derive(Debug, Args)]
pub(crate) struct Transform {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a transform, or change the one of this name
    Add(Add),
    /// All transforms
    List,
    /// One transform, as JSON
    Show {
        /// Its name
        name: RemoteName,
    },
    /// Remove a transform that no remote is given instances through; what was sent out through it still comes back
    Remove {
        /// Its name
        name: RemoteName,
    },
    /// Apply a transform to files, which the node does not keep, and show what it changes
    Try(Try),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway transform add trial -f trial.toml
  causeway remote add reader --ae-title READER --host reader --port 104 --allow store --transform trial

trial.toml, which takes identities away (PS3.15 Annex E):
  project = \"trial-7\"              # transforms of one project give the same UIDs, IDs and dates
  burned_in = \"refuse\"             # or \"send\": instances whose pixels may tell who the patient is
  [deidentify]
  options = [\"retain-modified-dates\", \"clean-descriptors\"]
  # also retain-uids, retain-device, retain-institution, retain-patient-characteristics, retain-full-dates,
  # clean-graphics, clean-structured-content

relabel.toml, which edits attributes and keeps what there was in Original Attributes Sequence:
  edits = [
    { action = \"prefix\", attribute = \"PatientID\", text = \"H1-\" },
    { action = \"issuer\", of = \"patient-id\", namespace = \"HOSPITAL1\" },
    { action = \"set\", attribute = \"InstitutionName\", values = [\"Hospital 1\"] },
    { action = \"map\", attribute = \"StudyDescription\", table = { \"SCHAEDEL\" = \"HEAD\" } },
    { action = \"copy\", from = \"AccessionNumber\", to = \"StudyID\" },
    { action = \"suffix\", attribute = \"AccessionNumber\", text = \"-X\" },
    { action = \"remove\", attribute = \"(0010,4000)\" },
  ]")]
struct Add {
    /// What it is to be called
    name: RemoteName,
    /// The document, as TOML or, where its name ends in .json, as JSON
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway transform try trial image.dcm
  causeway transform try trial image.dcm --output changed.dcm")]
struct Try {
    /// The transform
    name: RemoteName,
    /// Files to apply it to
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write what one file becomes, instead of showing what changes
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Transform {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add(add) => add.run(client).await?,
            Verb::List => list(client).await?,
            Verb::Show { name } => {
                let transform: Value = client.get(&format!("/api/v1/transforms/{name}")).await?;
                println!("{}", serde_json::to_string_pretty(&transform)?);
            }
            Verb::Remove { name } => client.delete(&format!("/api/v1/transforms/{name}")).await?,
            Verb::Try(attempt) => attempt.run(client).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    async fn run(self, client: &Client) -> anyhow::Result<()> {
        let document = document(&self.file, &self.name)?;
        client.put(&format!("/api/v1/transforms/{}", self.name), &document).await
    }
}

/// Reads a document, which need not say its name again.
fn document(file: &Path, name: &RemoteName) -> anyhow::Result<Document> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let wrong = || format!("{} is no transform", file.display());
    let mut value: Value = if is_json {
        serde_json::from_str(&text).with_context(wrong)?
    } else {
        toml::from_str(&text).with_context(wrong)?
    };
    if let Some(fields) = value.as_object_mut() {
        fields.entry("name").or_insert_with(|| json!(name));
    }
    let document: Document = serde_json::from_value(value).with_context(wrong)?;
    if document.name != *name {
        bail!("{} is the transform '{}', not '{name}'", file.display(), document.name);
    }
    Ok(document)
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let transforms: Vec<Document> = client.get("/api/v1/transforms").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&transforms)?);
        return Ok(());
    }
    let profile = |profile: &Deidentify| {
        let options = profile.options.iter().filter_map(|option| serde_json::to_value(option).ok());
        let options: Vec<String> = options.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if options.is_empty() { "yes".to_owned() } else { options.join(",") }
    };
    let rows: Vec<[String; 4]> = transforms
        .iter()
        .map(|transform| {
            [
                transform.name.to_string(),
                transform.project().to_string(),
                transform.deidentify.as_ref().map_or_else(|| "no".to_owned(), profile),
                transform.edits.len().to_string(),
            ]
        })
        .collect();
    table::print(["NAME", "PROJECT", "DE-IDENTIFIES", "EDITS"], &rows);
    Ok(())
}

impl Try {
    async fn run(self, client: &Client) -> anyhow::Result<()> {
        if self.output.is_some() && self.files.len() > 1 {
            bail!("--output takes what one file becomes: give one file");
        }
        let path = format!("/api/v1/transforms/{}/try", self.name);
        for file in &self.files {
            let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
            let request =
                client.request(Method::POST, &path).header(CONTENT_TYPE, "application/dicom").body(bytes);
            if let Some(output) = &self.output {
                let changed = client.send(request).await?.bytes().await?;
                std::fs::write(output, &changed)
                    .with_context(|| format!("{} cannot be written", output.display()))?;
                continue;
            }
            let changes: Vec<Value> = client.ask(request.header(ACCEPT, "application/json")).await?;
            show(client, file, &changes)?;
        }
        Ok(())
    }
}

fn show(client: &Client, file: &Path, changes: &[Value]) -> anyhow::Result<()> {
    if client.is_json() {
        let told = json!({ "file": file.display().to_string(), "changes": changes });
        println!("{}", serde_json::to_string(&told)?);
        return Ok(());
    }
    println!("{}: {} attributes change", file.display(), changes.len());
    let text = |change: &Value, key: &str| match change.get(key) {
        Some(Value::String(text)) if text.is_empty() => "(empty)".to_owned(),
        Some(Value::String(text)) => text.chars().take(60).collect(),
        _ => "(absent)".to_owned(),
    };
    let rows: Vec<[String; 3]> = changes
        .iter()
        .map(|change| [text(change, "path"), text(change, "before"), text(change, "after")])
        .collect();
    table::print(["ATTRIBUTE", "BEFORE", "AFTER"], &rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_of_the_help_are_documents() {
        let folder = std::env::temp_dir().join(format!("causeway-transform-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("t.toml");
        let name: RemoteName = "trial".parse().unwrap();
        let text = "project = \"p\"\nburned_in = \"send\"\n[deidentify]\noptions = [\"retain-device\"]\n";
        std::fs::write(&file, text).unwrap();
        let read = document(&file, &name).unwrap();
        assert!(read.deidentifies() && read.project().as_str() == "p");
        std::fs::write(&file, "name = \"other\"\n").unwrap();
        assert!(document(&file, &name).unwrap_err().to_string().contains("'other'"));
        std::fs::write(&file, "edit = []\n").unwrap();
        assert!(format!("{:#}", document(&file, &name).unwrap_err()).contains("edit"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
