//! STOW-RS (PS3.18 §10.5): a whole study of CT images in one request.

use std::time::Instant;

use anyhow::{Result, bail};
use causeway_testkit::sample::{Modality, Study};

use super::http::Request;
use super::load::{instances_held, settle};
use super::report::{Unit, Work};
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use super::{Bench, WEB, per_second};

const BOUNDARY: &str = "causeway-bench-7d1f0c2a";

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let work = Work {
        name: format!("STOW of {} CT in one request", plan.stow_files),
        unit: Unit::PerSecond,
        aim: Some(5.0),
    };
    for round in 0..plan.rounds {
        let study = Study::new(bench.next_seed(), Modality::Ct, 1, plan.stow_files);
        let body = body_of(&study);
        for server in bench.order(&WEB, round) {
            settle()?;
            let figure = bench.budget.left(ANSWER_MAX).and_then(|_| store(&server, &study, &body));
            bench.report.add(&work, server.name, round, figure);
        }
    }
    Ok(())
}

/// The study as one multipart message (PS3.18 §8.6.1.2).
fn body_of(study: &Study) -> Vec<u8> {
    let mut body = Vec::new();
    for sample in study.instances() {
        let head = format!("--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&sample.file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Instances a second.
fn store(server: &Server, study: &Study, body: &[u8]) -> Result<f64> {
    let path = format!("{DICOMWEB}/studies");
    let media_type = format!("multipart/related; type=\"application/dicom\"; boundary={BOUNDARY}");
    let request = Request {
        path: &path,
        accept: "application/dicom+json",
        body: Some((&media_type, body)),
        keep: true,
        ..Request::default()
    };
    let mut client = server.client(ANSWER_MAX)?;
    let start = Instant::now();
    let answer = client.send(&request)?.fine()?;
    let time = start.elapsed();
    // 202 is success with failures among them (PS3.18 §10.5.3.1).
    if answer.status != 200 {
        bail!("HTTP status {}", answer.status);
    }
    let held = instances_held(&mut client, study)?;
    if held != study.len() {
        bail!("holds {held} of {} instances", study.len());
    }
    Ok(per_second(study.len(), time))
}
