//! What a long queue costs those who come in meanwhile: C-STORE to a node with a million instances that wait for a remote
//! which is not there, beside a node with none. On both a route sends that remote what comes in as well.
//!
//! Not part of a whole run: it fills a catalog of almost a gigabyte.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use causeway_testkit::sample::{Modality, Study};
use serde_json::Value;

use super::Bench;
use super::line::tell;
use super::load::{Batch, settle};
use super::per_second;
use super::process::{self, free_port};
use super::report::median;
use super::servers::{ANSWER_MAX, Server};
use crate::{conformance, run};

/// Instances that wait.
const WAITING: &str = "1000000";
/// The remote that is not there.
const DEAD: &str = "dead";
/// Associations at once.
const ASSOCIATIONS: usize = 8;
/// Turns of each node.
const TURNS: usize = 6;
/// How much of its speed a node keeps at least.
const AIM: f64 = 0.9;

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let [full, empty] = ["waiting", "empty"].map(|name| bench.folder.path().join(name));
    for folder in [&full, &empty] {
        std::fs::create_dir_all(folder.join("causeway")).context("no folder for a node")?;
    }
    let mut filling = process::example("causeway-catalog", "waiting_jobs", &[]);
    filling.arg(full.join("causeway").join("catalog.db")).args([DEAD, WAITING]);
    run::check(&mut filling)?;
    let binary = conformance::binary(true);
    let full = Server::causeway(&binary, &full, bench.sink_port)?;
    let empty = Server::causeway(&binary, &empty, bench.sink_port)?;
    ensure_waiting(&full)?;
    let closed = free_port()?.to_string();
    for node in [&full, &empty] {
        tell(node, &["remote", "add", DEAD, "--ae-title", "DEAD", "--host", "127.0.0.1", "--port", &closed])?;
        tell(node, &["route", "add", DEAD, "--when", "true", "--to", DEAD, "--trigger", "instance"])?;
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        if turn % 2 == 0 {
            with.push(send(bench, &full)?);
            without.push(send(bench, &empty)?);
        } else {
            without.push(send(bench, &empty)?);
            with.push(send(bench, &full)?);
        }
    }
    let [with, without] = [with, without].map(|figures| median(&figures).unwrap_or_default());
    let share = with / without.max(1e-9);
    let word = if share >= AIM { "reached" } else { "MISSED" };
    bench.report.say(format!(
        "C-STORE 33 KB MR, {ASSOCIATIONS} associations, {WAITING} instances waiting: {with:.0} /s, none waiting: \
         {without:.0} /s, share {share:.2}, aim ≥ {AIM} {word}"
    ));
    Ok(())
}

/// Fails unless they wait: a figure without them would say nothing.
fn ensure_waiting(node: &Server) -> Result<()> {
    let told = tell(node, &["queue", "--json"])?;
    let reports: Value = serde_json::from_str(&told).context("the queue cannot be read")?;
    let waiting = reports.pointer("/0/waiting").and_then(Value::as_u64).unwrap_or_default();
    ensure!(waiting.to_string() == WAITING, "{waiting} instances wait, not {WAITING}");
    Ok(())
}

/// Sends some studies, each over an association of its own; how many instances a second.
fn send(bench: &mut Bench, node: &Server) -> Result<f64> {
    let files = bench.plan.mr_files_of_eight;
    let studies = (0..ASSOCIATIONS).map(|_| Study::new(bench.next_seed(), Modality::Mr, 1, files)).collect();
    let batch = Batch::write(studies, ASSOCIATIONS, bench.folder.path())?;
    settle()?;
    let most = bench.budget.left(ANSWER_MAX)?;
    let start = Instant::now();
    batch.send(node, most)?;
    Ok(per_second(batch.files(), start.elapsed()))
}
