//! C-MOVE and C-GET (PS3.4 §C.4.2, §C.4.3) of one study of CT images, by DCMTK's clients, into receivers that keep
//! nothing: `storescp --ignore` and `getscu --ignore`. A figure includes the start of the client, the same for all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use causeway_testkit::sample::{Modality, Study};

use super::load::{Batch, settle};
use super::process::{Guard, await_port, server, wait_for_all};
use super::report::{Unit, Work};
use super::servers::{ANSWER_MAX, SINK, Server};
use super::{Bench, WEB};

/// The largest series that a study here has.
const SERIES_INSTANCES_MAX: u32 = 100;
/// What `storescp` writes for each instance that comes.
const RECEIVED: &str = "Received Store Request";

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let work = |service: &str, receiver: &str| Work {
        name: format!("{service} of {} CT to {receiver}", plan.retrieve_files),
        unit: Unit::Milliseconds,
        aim: Some(2.0),
    };
    let (moved, got) = (work("C-MOVE", "storescp --ignore"), work("C-GET", "getscu --ignore"));
    let series = plan.retrieve_files.div_ceil(SERIES_INSTANCES_MAX).max(1);
    let study = Study::new(bench.next_seed(), Modality::Ct, series, plan.retrieve_files / series);
    let batch = Batch::write(vec![study.clone()], 1, bench.folder.path())?;
    let servers = bench.order(&WEB, 0);
    for server in &servers {
        let most = bench.budget.left(ANSWER_MAX)?;
        let loaded = batch.send(server, most).and_then(|()| batch.verify(server, ANSWER_MAX));
        loaded.with_context(|| format!("{} could not be loaded", server.name.as_str()))?;
    }
    let sink = Sink::start(bench.sink_port, bench.folder.path())?;
    for round in 0..plan.rounds {
        for server in bench.order(&WEB, round) {
            settle()?;
            let figure = bench.budget.left(ANSWER_MAX).and_then(|most| sink.moves(&server, &study, most));
            bench.report.add(&moved, server.name, round, figure);
            let log = bench.folder.path().join("getscu.log");
            let figure = bench.budget.left(ANSWER_MAX).and_then(|most| gets(&server, &study, &log, most));
            bench.report.add(&got, server.name, round, figure);
        }
    }
    Ok(())
}

/// The receiver of C-MOVE.
struct Sink {
    log: PathBuf,
    client_log: PathBuf,
    _guard: Guard,
}

impl Sink {
    fn start(port: u16, folder: &Path) -> Result<Self> {
        let log = folder.join("sink.log");
        let mut command = server("storescp".as_ref());
        command.args(["--verbose", "--ignore", "--aetitle", SINK, &port.to_string()]).env("TCP_NODELAY", "1");
        let guard = Guard::start(&mut command, &log)?;
        await_port(port)?;
        Ok(Self { log, client_log: folder.join("movescu.log"), _guard: guard })
    }

    /// How many instances it has been sent so far.
    fn received(&self) -> Result<u64> {
        count(&self.log, RECEIVED)
    }

    /// Milliseconds until a study has been moved to it.
    fn moves(&self, server: &Server, study: &Study, most: Duration) -> Result<f64> {
        let before = self.received()?;
        let mut command = Command::new("movescu");
        command.args(["--quiet", "--move", SINK]);
        let time = run_client(&mut command, server, study, &self.client_log, most)?;
        let arrived = self.received()? - before;
        if arrived != study.len() {
            bail!("{arrived} of {} instances arrived", study.len());
        }
        Ok(time)
    }
}

/// Milliseconds until a study has been given.
fn gets(server: &Server, study: &Study, log: &Path, most: Duration) -> Result<f64> {
    let mut command = Command::new("getscu");
    command.args(["--verbose", "--ignore"]);
    let time = run_client(&mut command, server, study, log, most)?;
    let given = count(log, "Received C-STORE Request")?;
    if given != study.len() {
        bail!("{given} of {} instances came", study.len());
    }
    Ok(time)
}

fn run_client(
    command: &mut Command,
    server: &Server,
    study: &Study,
    log: &Path,
    most: Duration,
) -> Result<f64> {
    let key = format!("StudyInstanceUID={}", study.uid().as_str());
    command
        .args(["--study", "--call", server.ae_title, "--key", "QueryRetrieveLevel=STUDY", "--key", &key])
        .args(["127.0.0.1", &server.dimse_port.to_string()])
        .env("TCP_NODELAY", "1");
    let start = Instant::now();
    let mut client = [Guard::start(command, log)?];
    wait_for_all(&mut client, most)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// How often `words` stand in a log.
pub(super) fn count(log: &Path, words: &str) -> Result<u64> {
    let bytes = std::fs::read(log).with_context(|| format!("{} cannot be read", log.display()))?;
    Ok(String::from_utf8_lossy(&bytes).matches(words).count() as u64)
}
