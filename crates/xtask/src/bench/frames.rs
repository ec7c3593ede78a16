//! Single images (PS3.18 §10.4.1.1.6, §10.4.1.1.3): frames as they are stored, and pictures of them, for many viewers
//! that scroll.

use anyhow::Result;
use causeway_testkit::sample::{Modality, Study};

use super::clients::{CLIENTS, Questions, ask};
use super::load::{Batch, settle};
use super::report::{Unit, Work};
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use super::{Bench, WEB};

/// Bytes of a JPEG's beginning.
const JPEG: &[u8] = &[0xFF, 0xD8];

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let work = |what: &str, aim: Option<f64>| Work {
        name: format!("{what} of a CT, {CLIENTS} clients"),
        unit: Unit::PerSecond,
        aim,
    };
    let works = [
        (work("frame", Some(15.0)), What::Frame),
        (work("rendered JPEG", Some(7.0)), What::NewPicture),
        (work("the same JPEG again", None), What::Picture),
    ];
    for round in 0..plan.rounds {
        let study = Study::new(bench.next_seed(), Modality::Ct, 1, plan.wado_files);
        let batch = Batch::write(vec![study.clone()], 1, bench.folder.path())?;
        for server in bench.order(&WEB, round) {
            let sent = bench.budget.left(ANSWER_MAX).and_then(|most| batch.send(&server, most));
            if let Err(error) = sent.and_then(|()| settle()) {
                bench.report.add(&works[0].0, server.name, round, Err(error));
                continue;
            }
            for (work, what) in &works {
                let figure = bench.budget.left(plan.qido_time);
                let figure = figure.and_then(|time| look(&server, &study, *what, round, time));
                bench.report.add(work, server.name, round, figure);
            }
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Frame,
    /// In a window that nobody asked for before.
    NewPicture,
    Picture,
}

/// Images a second, of all clients together.
fn look(server: &Server, study: &Study, what: What, round: usize, time: std::time::Duration) -> Result<f64> {
    let behind = if what == What::Frame { "frames/1" } else { "rendered" };
    let paths: Vec<String> = study
        .instances()
        .map(|sample| {
            let ids = &sample.ids;
            let (study, series, instance) = (ids.study.as_str(), ids.series.as_str(), ids.instance.as_str());
            format!("{DICOMWEB}/studies/{study}/series/{series}/instances/{instance}/{behind}")
        })
        .collect();
    let (accept, least_bytes) = match what {
        What::Frame => ("multipart/related; type=\"application/octet-stream\"", 100_000),
        What::NewPicture | What::Picture => ("image/jpeg", 1_000),
    };
    let query: Option<fn(u64) -> String> = match what {
        What::NewPicture => Some(|serial| format!("window=40,{},linear", 400.0 + serial as f64 / 1_000.0)),
        What::Frame | What::Picture => None,
    };
    let holds = |_: usize, body: &[u8]| what == What::Frame || body.starts_with(JPEG);
    ask(server, &Questions { paths: &paths, accept, least_bytes, query, holds: &holds }, round, time)
}
