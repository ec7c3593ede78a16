//! WADO-RS (PS3.18 §10.4): a whole study of CT images, by one client. Cold: asked for the first time.

use std::time::Instant;

use anyhow::{Result, bail};
use causeway_testkit::sample::{Modality, Study};

use super::http::Request;
use super::load::{Batch, settle};
use super::report::{Name, Unit, Work, median};
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use super::{Bench, WARM_CALLS, WEB};

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let work = |temper: &str| Work {
        name: format!("WADO-RS study of {} CT, {temper}", plan.wado_files),
        unit: Unit::MegabytesPerSecond,
        aim: None,
    };
    let (cold, warm) = (work("first call"), work("again"));
    for round in 0..plan.rounds {
        let study = Study::new(bench.next_seed(), Modality::Ct, 1, plan.wado_files);
        let least: u64 = study.instances().map(|sample| sample.data_set().len() as u64).sum();
        let batch = Batch::write(vec![study.clone()], 1, bench.folder.path())?;
        for server in bench.order(&WEB, round) {
            let figures = bench
                .budget
                .left(ANSWER_MAX)
                .and_then(|most| batch.send(&server, most))
                .and_then(|()| settle())
                .and_then(|()| retrieve(&server, &study, least));
            add(bench, server.name, round, (&cold, &warm), figures);
        }
    }
    Ok(())
}

/// Takes both figures of one round, or why there are none.
pub(super) fn add(
    bench: &mut Bench,
    name: Name,
    round: usize,
    (cold, warm): (&Work, &Work),
    figures: Result<(f64, f64)>,
) {
    match figures {
        Ok((first, again)) => {
            bench.report.add(cold, name, round, Ok(first));
            bench.report.add(warm, name, round, Ok(again));
        }
        Err(error) => bench.report.add(cold, name, round, Err(error)),
    }
}

fn retrieve(server: &Server, study: &Study, least: u64) -> Result<(f64, f64)> {
    let path = format!("{DICOMWEB}/studies/{}", study.uid().as_str());
    let accept = "multipart/related; type=\"application/dicom\"";
    let request = Request { path: &path, accept, ..Request::default() };
    let mut client = server.client(ANSWER_MAX)?;
    let mut call = || -> Result<f64> {
        let start = Instant::now();
        let answer = client.send(&request)?.fine()?;
        if answer.bytes < least {
            bail!("{} bytes of at least {least}", answer.bytes);
        }
        Ok(answer.bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
    };
    let first = call()?;
    let again: Vec<f64> = (0..WARM_CALLS).map(|_| call()).collect::<Result<_>>()?;
    Ok((first, median(&again).unwrap_or(first)))
}
