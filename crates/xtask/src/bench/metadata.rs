//! The metadata of a study (PS3.18 §10.4.1.1.2): what a viewer asks for before it shows anything. Cold: asked for
//! the first time.

use std::time::Instant;

use anyhow::{Result, bail};
use causeway_testkit::sample::{Modality, Study};

use super::http::{Client, Request};
use super::load::{Batch, settle};
use super::report::{Unit, Work, median};
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use super::{Bench, WARM_CALLS, WEB, wado};

/// Small pictures: metadata says nothing of them.
const EDGE: u16 = 16;

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for files in [bench.plan.metadata_files, bench.plan.large_study_files] {
        measure(bench, files)?;
    }
    Ok(())
}

fn measure(bench: &mut Bench, files: u32) -> Result<()> {
    let plan = bench.plan;
    let work = |temper: &str| Work {
        name: format!("study metadata, {files} instances, {temper}"),
        unit: Unit::Milliseconds,
        aim: Some(10.0),
    };
    let (cold, warm) = (work("first call"), work("again"));
    for round in 0..plan.rounds {
        let study = Study::new(bench.next_seed(), Modality::Ct, 1, files).with_edge(EDGE);
        let batch = Batch::write(vec![study.clone()], 1, bench.folder.path())?;
        for server in bench.order(&WEB, round) {
            let figures = bench
                .budget
                .left(ANSWER_MAX)
                .and_then(|most| batch.send(&server, most))
                .and_then(|()| settle())
                .and_then(|()| ask(&server, &study));
            wado::add(bench, server.name, round, (&cold, &warm), figures);
        }
    }
    Ok(())
}

fn ask(server: &Server, study: &Study) -> Result<(f64, f64)> {
    let path = format!("{DICOMWEB}/studies/{}/metadata", study.uid().as_str());
    let mut client = server.client(ANSWER_MAX)?;
    let (first, body) = call(&mut client, &path, true)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let missing = study.instances().filter(|sample| !text.contains(sample.ids.instance.as_str())).count();
    if missing > 0 {
        bail!("{missing} of {} instances are not told of", study.len());
    }
    let again: Vec<f64> = (0..WARM_CALLS)
        .map(|_| call(&mut client, &path, false).map(|(time, _)| time))
        .collect::<Result<_>>()?;
    Ok((first, median(&again).unwrap_or(first)))
}

/// Milliseconds to the last byte, and the body if it is wanted.
fn call(client: &mut Client, path: &str, keep: bool) -> Result<(f64, Vec<u8>)> {
    let start = Instant::now();
    let request = Request { path, accept: "application/dicom+json", keep, ..Request::default() };
    let answer = client.send(&request)?.fine()?;
    Ok((start.elapsed().as_secs_f64() * 1e3, answer.body))
}
