//! QIDO-RS (PS3.18 §10.6): studies by Accession Number, many clients at once, each on a connection that it keeps.

use std::rc::Rc;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use causeway_testkit::sample::{Modality, Study};

use super::http::Request;
use super::load::{Batch, settle};
use super::report::{Name, Unit, Work};
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use super::{Bench, WEB, per_second};

const CLIENTS: usize = 8;
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

/// Answers a second, of all clients together.
fn ask(server: &Server, accessions: &[String], round: usize, time: Duration) -> Result<f64> {
    let begin = Barrier::new(CLIENTS);
    let counts: Vec<Result<f64>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    ask_alone(server, accessions, round * CLIENTS + number, time)
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(|_| bail!("a client is lost")))
            .collect()
    });
    counts.into_iter().sum()
}

/// Answers a second of one client, which goes through the accessions with a step of its own.
fn ask_alone(server: &Server, accessions: &[String], number: usize, time: Duration) -> Result<f64> {
    // A prime larger than any number of studies: each client meets all of them, each in another order.
    const STEP: usize = 7919;
    let mut client = server.client(ANSWER_MAX)?;
    let mut index = number * STEP * 31;
    let mut answers = 0_u64;
    let start = Instant::now();
    while start.elapsed() < time {
        index += STEP;
        let accession = accessions.get(index % accessions.len().max(1)).context("no studies")?;
        let path = format!("{DICOMWEB}/studies?AccessionNumber={accession}");
        let keep = answers == 0;
        let request = Request { path: &path, accept: "application/dicom+json", keep, ..Request::default() };
        let answer = client.send(&request)?.fine()?;
        let wrong = keep && !String::from_utf8_lossy(&answer.body).contains(accession.as_str());
        if answer.bytes <= 2 || wrong {
            bail!("a study was not found by its accession number");
        }
        answers += 1;
    }
    Ok(per_second(answers, start.elapsed()))
}
