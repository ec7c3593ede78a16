//! C-FIND (PS3.4 §C.4.1): every study there is, by DCMTK's `findscu`. A figure includes the start of the client, the same
//! for all.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::load::settle;
use super::process::{Guard, wait_for_all};
use super::report::{Unit, Work};
use super::retrieve::count;
use super::servers::{ANSWER_MAX, Server};
use super::{Bench, per_second, qido};

/// What is asked of each study.
const KEYS: [&str; 7] = [
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "StudyDate",
    "AccessionNumber",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
];

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let name = format!("C-FIND of all studies, {} and more", plan.qido_studies);
    let work = Work { name, unit: Unit::PerSecond, aim: Some(4.0) };
    let loaded = qido::load(bench)?;
    for round in 0..plan.rounds {
        for server in bench.order(&loaded.servers, round) {
            settle()?;
            let log = bench.folder.path().join("findscu.log");
            let figure = bench
                .budget
                .left(ANSWER_MAX)
                .and_then(|most| ask(&server, plan.qido_studies as u64, &log, most));
            bench.report.add(&work, server.name, round, figure);
        }
    }
    Ok(())
}

/// Studies a second. They are counted in a second query, which is not measured: to write them down takes the client
/// longer than to receive them.
fn ask(server: &Server, least: u64, log: &Path, most: Duration) -> Result<f64> {
    let start = Instant::now();
    find(server, &["--quiet"], log, most)?;
    let time = start.elapsed();
    find(server, &["--verbose"], log, most)?;
    let found = count(log, "(Pending)")?;
    if found < least {
        bail!("{found} studies were found of at least {least}");
    }
    Ok(per_second(found, time))
}

fn find(server: &Server, options: &[&str], log: &Path, most: Duration) -> Result<()> {
    let mut command = Command::new("findscu");
    command.args(options).args(["--study", "--call", server.ae_title, "--key", "QueryRetrieveLevel=STUDY"]);
    for key in KEYS {
        command.args(["--key", key]);
    }
    command.args(["127.0.0.1", &server.dimse_port.to_string()]).env("TCP_NODELAY", "1");
    wait_for_all(&mut [Guard::start(&mut command, log)?], most)
}
