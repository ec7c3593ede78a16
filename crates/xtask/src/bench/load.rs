//! Sending: studies written into folders, one for each association, and DCMTK's `storescu` that sends them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use causeway_testkit::sample::Study;
use serde_json::Value;
use tempfile::TempDir;

use super::http::{Client, Request};
use super::process::{Guard, wait_for_all};
use super::servers::{DICOMWEB, Server};

/// Files to be sent: a folder for each association. Deleted when this value goes.
#[derive(Debug)]
pub(super) struct Batch {
    folder: TempDir,
    parts: Vec<PathBuf>,
    studies: Vec<Study>,
}

impl Batch {
    /// Writes `studies` into as many folders as there shall be associations.
    pub(super) fn write(studies: Vec<Study>, associations: usize, folder: &Path) -> Result<Self> {
        let folder = TempDir::with_prefix_in("batch-", folder).context("no folder for samples")?;
        let parts: Vec<PathBuf> =
            (0..associations.max(1)).map(|number| folder.path().join(number.to_string())).collect();
        for (study, part) in studies.iter().zip(parts.iter().cycle()) {
            study.write_to(part).with_context(|| format!("{} cannot be filled", part.display()))?;
        }
        Ok(Self { folder, parts, studies })
    }

    /// The folders, one for each association.
    pub(super) fn parts(&self) -> &[PathBuf] {
        &self.parts
    }

    /// How many files.
    pub(super) fn files(&self) -> u64 {
        self.studies.iter().map(Study::len).sum()
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for part in &self.parts {
            for file in std::fs::read_dir(part)? {
                bytes += file?.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    /// Sends all, each folder over an association of its own, all at once.
    pub(super) fn send(&self, server: &Server, most: Duration) -> Result<()> {
        self.send_to(server.ae_title, server.dimse_port, most)
    }

    /// The same, to whoever is behind a port.
    pub(super) fn send_to(&self, ae_title: &str, port: u16, most: Duration) -> Result<()> {
        let mut senders = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            let mut command = Command::new("storescu");
            command
                .args(["--quiet", "--required", "--call", ae_title, "--scan-directories"])
                .args(["--acse-timeout", "30", "--dimse-timeout", "30"])
                .args(["127.0.0.1", &port.to_string()])
                .arg(part)
                .env("TCP_NODELAY", "1");
            let log = self.folder.path().join(format!("{number}.log"));
            senders.push(Guard::start(&mut command, &log)?);
        }
        wait_for_all(&mut senders, most)
    }

    /// Asks a server with a web door how much of each of the first studies it has: an answer of Success that
    /// nothing stands behind must not become a figure.
    pub(super) fn verify(&self, server: &Server, timeout: Duration) -> Result<()> {
        const STUDIES_ASKED_MAX: usize = 10;
        if server.web_port.is_none() {
            return Ok(());
        }
        let mut client = server.client(timeout)?;
        for study in self.studies.iter().take(STUDIES_ASKED_MAX) {
            let held = instances_held(&mut client, study)?;
            if held != study.len() {
                bail!("holds {held} of {} instances", study.len());
            }
        }
        Ok(())
    }
}

/// Number of Study Related Instances (0020,1208) of a study, by QIDO-RS (PS3.18 §10.6).
pub(super) fn instances_held(client: &mut Client, study: &Study) -> Result<u64> {
    let path = format!("{DICOMWEB}/studies?StudyInstanceUID={}&includefield=00201208", study.uid().as_str());
    let request = Request { path: &path, accept: "application/dicom+json", keep: true, ..Request::default() };
    let answer = client.send(&request)?.fine()?;
    if answer.body.is_empty() {
        return Ok(0);
    }
    let found: Value =
        serde_json::from_slice(&answer.body).context("QIDO-RS answers something other than JSON")?;
    let number = found.pointer("/0/00201208/Value/0").and_then(Value::as_u64);
    Ok(number.unwrap_or(0))
}

/// Lets the disk catch up, so that no server pays for what another wrote.
pub(super) fn settle() -> Result<()> {
    crate::run::check(&mut Command::new("sync"))
}
