//! `causeway remote send`: folders, files and zip archives to a remote, through the node, which opens the association and
//! keeps nothing; and a report of what was taken and what was not.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it answers on the terminal")]

mod batch;
mod record;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use causeway_core::RemoteName;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::cli::found::{self, Found, Item};
use crate::cli::progress;
use crate::client::Client;
use batch::{Batch, Waiting};
use record::Record;

/// Send folders, files and zip archives to a remote
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway remote send pacs1 /media/cdrom
  causeway remote send pacs1 study.zip more/*.dcm
  causeway remote send pacs1 archive --json > report.json

The node sends them by C-STORE and keeps nothing. Interrupted, the same command goes on where it was: what the remote
said it took is noted under $XDG_STATE_HOME/causeway (~/.local/state/causeway) until all is sent.
Exit code 1 when anything that is DICOM was not taken.")]
pub(super) struct Send {
    /// The remote's name
    name: RemoteName,
    /// Folders, files, zip archives, mounted media
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Send everything, whatever an interrupted command before has noted
    #[arg(long)]
    afresh: bool,
}

/// What became of everything.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Instances that the remote took.
    taken: u64,
    /// Files that it took before, in a command that was interrupted.
    skipped: u64,
    not_taken: Vec<Line>,
    left: Vec<Line>,
    /// Taken, and what the remote said besides.
    remarks: Vec<Line>,
    /// Why it ended early.
    interrupted: Option<String>,
}

/// A file, and why.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    because: String,
}

fn hexadecimal(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Send {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if let Some(missing) = self.paths.iter().find(|path| !path.exists()) {
            bail!("there is no {}", missing.display());
        }
        let remote: Value = client.get(&format!("/api/v1/remotes/{}", self.name)).await?;
        let mut record = self.record(client, &remote);
        let mut report = Report::default();
        self.send(client, &mut record, &mut report).await?;
        if report.interrupted.is_none() && report.not_taken.is_empty() {
            record.forget();
        }
        self.tell(client, &report)?;
        let is_well = report.interrupted.is_none() && report.not_taken.is_empty();
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What the same command noted before: to this remote, as it is called today, from these paths.
    fn record(&self, client: &Client, remote: &Value) -> Record {
        let mut hasher = Sha256::new();
        let address = remote.get("dimse").map(Value::to_string).unwrap_or_default();
        for part in [client.url(), self.name.as_str(), &address] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        for path in &self.paths {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update([0]);
        }
        let command = hexadecimal(hasher.finalize().into());
        let command = command.get(..16).unwrap_or_default();
        let record = Record::open(self.name.as_str(), command, self.afresh);
        record.unwrap_or_else(|error| {
            eprintln!("an interruption could not be made up for: {error:#}");
            Record::none()
        })
    }

    async fn send(&self, client: &Client, record: &mut Record, report: &mut Report) -> anyhow::Result<()> {
        let found = found::look(&self.paths);
        let bar = progress::bytes(found.iter().map(Found::bytes).sum());
        let mut batch = Batch::default();
        for found in found {
            bar.inc(found.bytes());
            for item in found.items() {
                match item {
                    Item::Left { name, because } => report.left.push(Line { file: name, because }),
                    Item::File(file) => {
                        let waiting = Waiting::new(file);
                        if record.has(&waiting.digest) {
                            report.skipped += 1;
                            continue;
                        }
                        if !batch.has_room_for(&waiting) {
                            std::mem::take(&mut batch).send(client, &self.name, record, report, &bar).await?;
                        }
                        if report.interrupted.is_some() {
                            bar.abandon();
                            return Ok(());
                        }
                        batch.push(waiting);
                    }
                }
            }
        }
        batch.send(client, &self.name, record, report, &bar).await?;
        bar.finish_and_clear();
        Ok(())
    }

    fn tell(&self, client: &Client, report: &Report) -> anyhow::Result<()> {
        if client.is_json() {
            println!("{}", serde_json::to_string(report)?);
            return Ok(());
        }
        println!("{} instances taken by {}", report.taken, self.name);
        if report.skipped > 0 {
            println!("{} taken before (--afresh sends them again)", report.skipped);
        }
        let lists =
            [("not taken", &report.not_taken), ("left aside", &report.left), ("remarks", &report.remarks)];
        for (head, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            println!("{} {head}:", lines.len());
            for line in lines {
                println!("  {}: {}", line.file, line.because);
            }
        }
        if let Some(because) = &report.interrupted {
            println!("interrupted: {because}");
            println!("the same command goes on where this one ended");
        }
        Ok(())
    }
}
