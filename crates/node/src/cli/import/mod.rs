//! `causeway import`: folders, files and zip archives into a running node, by STOW-RS, and a report of what was
//! taken and what was not.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

mod send;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::found::{self, Found, Item};
use super::progress;
use crate::client::{Client, Target};

/// Bring folders, files and zip archives into a running node
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway import /media/cdrom
  causeway import study.zip more/*.dcm
  causeway import archive --json > report.json

Exit code 1 when anything that is DICOM was not taken.")]
pub(crate) struct Import {
    /// Folders, files, zip archives, mounted media
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Files sent in one request, and their bytes together; a larger file goes alone.
const MAX_FILES: usize = 100;
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What became of everything.
#[derive(Debug, Default, Serialize)]
struct Report {
    taken: u64,
    not_taken: Vec<Line>,
    left: Vec<Line>,
}

/// A file, and why.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    because: String,
}

impl Import {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if let Some(missing) = self.paths.iter().find(|path| !path.exists()) {
            bail!("there is no {}", missing.display());
        }
        let mut report = Report::default();
        let found = found::look(&self.paths);
        let bar = progress::bytes(found.iter().map(Found::bytes).sum());
        let mut batch = Vec::new();
        let mut bytes = 0;
        for found in found {
            bar.inc(found.bytes());
            for item in found.items() {
                match item {
                    Item::File(file) => {
                        if !batch.is_empty()
                            && (bytes + file.bytes.len() as u64 > MAX_BYTES || batch.len() == MAX_FILES)
                        {
                            send::send(client, std::mem::take(&mut batch), &mut report).await?;
                            bytes = 0;
                        }
                        bytes += file.bytes.len() as u64;
                        batch.push(file);
                    }
                    Item::Left { name, because } => report.left.push(Line { file: name, because }),
                }
            }
        }
        send::send(client, batch, &mut report).await?;
        bar.finish_and_clear();
        tell(client, &report)?;
        Ok(if report.not_taken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn tell(client: &Client, report: &Report) -> anyhow::Result<()> {
    if client.is_json() {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    println!("{} instances taken", report.taken);
    for (head, lines) in [("not taken", &report.not_taken), ("left aside", &report.left)] {
        if !lines.is_empty() {
            println!("{} {head}:", lines.len());
        }
        for line in lines {
            println!("  {}: {}", line.file, line.because);
        }
    }
    Ok(())
}
