//! QIDO-RS (PS3.18 §10.6): studies by Accession Number, many clients at once, each on a connection that it keeps.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use causeway_testkit::sample::{Modality, Study};

use super::clients::{self, CLIENTS, Questions};
use super::load::{Batch, settle};
use super::report::{Name, Unit, Work};
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use super::{Bench, WEB};

/// Small pictures: here only the number of studies matters.
const EDGE: u16 = 16;

/// Many studies, and who has them.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) servers: Vec<Name>,
    accessions: Rc<[String]>,
}

/// Many studies of one instance each, sent once in a run.
pub(super) fn load(bench: &mut Bench) -> Result<Loaded> {
    if let Some(loaded) = &bench.studies {
        return Ok(loaded.clone());
    }
    let plan = bench.plan;
    let studies: Vec<Study> = (0..plan.qido_studies)
        .map(|_| Study::new(bench.next_seed(), Modality::Mr, 1, 1).with_edge(EDGE))
        .collect();
    let accessions: Rc<[String]> = studies.iter().map(|study| study.accession().to_owned()).collect();
    let batch = Batch::write(studies, CLIENTS, bench.folder.path())?;
    let mut servers: Vec<Name> = Vec::new();
    for server in bench.order(&WEB, 0) {
        let sent = bench.budget.left(ANSWER_MAX).and_then(|most| batch.send(&server, most));
        match sent.and_then(|()| batch.verify(&server, ANSWER_MAX)) {
            Ok(()) => servers.push(server.name),
            Err(error) => {
                bench.report.fail(format!("many studies: {}: not loaded: {error:#}", server.name.as_str()))
            }
        }
    }
    let loaded = Loaded { servers, accessions };
    bench.studies = Some(loaded.clone());
    Ok(loaded)
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let name = format!("QIDO by accession, {} studies, {CLIENTS} clients", plan.qido_studies);
    let work = Work { name, unit: Unit::PerSecond, aim: Some(10.0) };
    let Loaded { servers, accessions } = load(bench)?;
    for round in 0..plan.rounds {
        for server in bench.order(&servers, round) {
            settle()?;
            let figure =
                bench.budget.left(plan.qido_time).and_then(|time| ask(&server, &accessions, round, time));
            bench.report.add(&work, server.name, round, figure);
        }
    }
    Ok(())
}

fn ask(server: &Server, accessions: &[String], round: usize, time: Duration) -> Result<f64> {
    let path = |accession: &String| format!("{DICOMWEB}/studies?AccessionNumber={accession}");
    let paths: Vec<String> = accessions.iter().map(path).collect();
    let holds = |at: usize, body: &[u8]| {
        accessions.get(at).is_some_and(|accession| String::from_utf8_lossy(body).contains(accession.as_str()))
    };
    let questions = Questions {
        paths: &paths,
        accept: "application/dicom+json",
        least_bytes: 3,
        query: None,
        holds: &holds,
    };
    clients::ask(server, &questions, round, time)
}
