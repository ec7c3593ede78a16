//! The study's journey, step by step, each seen from outside: over the wire, as a peer would.
#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use causeway_core::{AeTitle, Status};
use causeway_dataset::file_meta::{Part10Reader, Step};
use causeway_dimse::scu::{Call, Courier, Pair, StoreRequest, Whole};
use causeway_testkit::sample::{Modality, Sample, Study};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Client;
use reqwest::header::ACCEPT;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use crate::compose::Running;

/// The study: two series of a made-up head.
const SEED: u64 = 20_240_131;
const SERIES: u32 = 2;
const INSTANCES_PER_SERIES: u32 = 20;
/// How long the study may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// Shows the journey.
pub(super) async fn show(hospital: &Running, reader: &Running) -> anyhow::Result<()> {
    let study = Study::new(SEED, Modality::Ct, SERIES, INSTANCES_PER_SERIES);
    let samples: Vec<Sample> = study.instances().collect();
    send(hospital, &samples).await?;
    let web = Client::new();
    let found = find(&web, hospital, &study).await?;
    done(&format!("found at HOSPITAL by QIDO-RS: accession {}, {found} instances", study.accession()));
    arrive(&web, reader, &study, samples.len()).await?;
    done(&format!("forwarded to READER: {} instances, each answered with Success", samples.len()));
    compare(&web, reader, &samples).await?;
    Ok(())
}

fn done(words: &str) {
    println!("  \u{2714} {words}");
}

fn bar(length: usize, words: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_message(words);
    if let Ok(style) = ProgressStyle::with_template("  {msg} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar
}

/// C-STORE of everything on one association.
async fn send(hospital: &Running, samples: &[Sample]) -> anyhow::Result<()> {
    let mut courier = Courier::new(Call::plain(
        hospital.dimse.ip().to_string(),
        hospital.dimse.port(),
        AeTitle::parse("SCANNER")?,
        AeTitle::parse("HOSPITAL")?,
    ));
    let started = Instant::now();
    let bar = bar(samples.len(), "sending");
    for sample in samples {
        let pair: Pair = (sample.sop_class.clone(), sample.transfer_syntax.clone());
        courier.open_for(&pair, std::iter::empty()).await?;
        let (context, _) = courier.context_for(&pair)?;
        let request = StoreRequest::new(sample.sop_class.clone(), sample.ids.instance.clone());
        let response = courier.store(context, request, Whole::new(sample.data_set().to_vec())).await?;
        ensure!(response.status == Status::SUCCESS, "HOSPITAL answered {}", response.status);
        bar.inc(1);
    }
    courier.hang_up().await;
    bar.finish_and_clear();
    let milliseconds = started.elapsed().as_millis();
    done(&format!("sent to HOSPITAL by C-STORE: {} CT images in {milliseconds} ms", samples.len()));
    Ok(())
}

/// How many instances QIDO-RS tells of the study.
async fn find(web: &Client, node: &Running, study: &Study) -> anyhow::Result<u64> {
    let url = format!("http://{}/dicom-web/studies?AccessionNumber={}", node.web, study.accession());
    let response = web.get(url).header(ACCEPT, "application/dicom+json").send().await?;
    if response.status() == reqwest::StatusCode::NO_CONTENT {
        return Ok(0);
    }
    let studies: Vec<Value> = response.error_for_status()?.json().await.context("QIDO-RS gave no JSON")?;
    let count = studies.first().and_then(|study| study.pointer("/00201208/Value/0")).and_then(Value::as_u64);
    Ok(count.unwrap_or_default())
}

/// Waits until READER tells of all instances.
async fn arrive(web: &Client, reader: &Running, study: &Study, wanted: usize) -> anyhow::Result<()> {
    let bar = bar(wanted, "forwarding");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let there = find(web, reader, study).await?;
        bar.set_position(there);
        if there >= wanted as u64 {
            break;
        }
        if Instant::now() >= deadline {
            bail!("after {} s {there} of {wanted} instances have arrived at READER", PATIENCE.as_secs());
        }
        sleep(LOOK).await;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Reads each instance back and compares the digest of all data sets with that of what was sent.
async fn compare(web: &Client, reader: &Running, samples: &[Sample]) -> anyhow::Result<()> {
    let bar = bar(samples.len(), "comparing");
    let (mut sent, mut read) = (Sha256::new(), Sha256::new());
    for sample in samples {
        let ids = &sample.ids;
        let url = format!(
            "http://{}/dicom-web/studies/{}/series/{}/instances/{}",
            reader.web, ids.study, ids.series, ids.instance
        );
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        let response = web.get(url).header(ACCEPT, accept).send().await?.error_for_status()?;
        read.update(data_set(response.bytes().await?)?);
        sent.update(sample.data_set());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let hex = |digest: Sha256| digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (sent, read) = (hex(sent), hex(read));
    ensure!(sent == read, "what came back has digest {read}, what was sent {sent}");
    done(&format!("read back at READER by WADO-RS: SHA-256 {read} = sent"));
    Ok(())
}

/// The data set of the one part of a multipart answer.
fn data_set(body: Bytes) -> anyhow::Result<Bytes> {
    let find = |needle: &[u8]| body.windows(needle.len()).position(|window| window == needle);
    let head = find(b"\r\n\r\n").context("the answer has no part")? + 4;
    let last_line = body.len().checked_sub(2).and_then(|end| body.get(..end));
    let end = last_line.and_then(|body| body.windows(2).rposition(|window| window == b"\r\n"));
    let file = body.slice(head..end.filter(|end| *end >= head).context("the part has no end")?);
    let mut reader = Part10Reader::new();
    match reader.feed(file.clone())? {
        Step::Done(parsed) => Ok(parsed.rest),
        Step::More => Ok(reader.finish()?.rest),
    }
}
