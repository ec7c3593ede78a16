//! Ingest to an object store that is 30 ms away, beside ingest to files, and beside what a sender would wait for who puts each
//! instance into the bucket himself. The store is `s3s-fs` (`causeway_testkit::bucket`) behind `causeway_testkit::line`.
//!
//! Not part of a whole run: it needs a third program, and leaves twice as much on the disk.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use causeway_testkit::line::{Line, Terms};
use causeway_testkit::sample::{Modality, Study};
use tokio::runtime::{Builder, Runtime};

use super::http::{Client, Request};
use super::load::{Batch, settle};
use super::process::{self, pause};
use super::report::median;
use super::servers::{ANSWER_MAX, Server};
use super::{Bench, per_second};
use crate::conformance;

/// From a request to the first byte of its answer, at best.
const ROUND_TRIP: Duration = Duration::from_millis(30);
/// Associations at once, and puts.
const AT_ONCE: usize = 8;
/// Turns of each.
const TURNS: usize = 4;
/// How much of the speed with files there is at least.
const AIM: f64 = 0.8;
/// How long all that came may take until it is in the bucket.
const SETTLE_MAX: Duration = Duration::from_secs(300);
/// What the bucket is called, and the key to it.
const BUCKET: &str = "images";
const KEY: [&str; 2] = ["bench", "bench-secret"];

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let folders = ["remote", "local", "keyed", "open"].map(|name| bench.folder.path().join(name));
    for folder in &folders {
        std::fs::create_dir_all(folder).context("no folder to work in")?;
    }
    let [remote, local, keyed, open] = &folders;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (keyed, open) = (Store::start(&runtime, keyed, true)?, Store::start(&runtime, open, false)?);
    let settings = [
        ("CAUSEWAY_STORE__URL", format!("s3://{BUCKET}")),
        ("CAUSEWAY_STORE__ENDPOINT", format!("http://{}", keyed.line.address())),
        ("CAUSEWAY_STORE__REGION", "us-east-1".to_owned()),
        ("CAUSEWAY_STORE__ACCESS_KEY_ID", KEY[0].to_owned()),
        ("CAUSEWAY_STORE__SECRET_ACCESS_KEY", KEY[1].to_owned()),
    ];
    let binary = conformance::binary(true);
    let remote = Server::causeway_with(&binary, remote, bench.sink_port, &settings)?;
    let local = Server::causeway(&binary, local, bench.sink_port)?;
    let plan = bench.plan;
    for (modality, name, files) in [
        (Modality::Mr, "33 KB MR", plan.mr_files_of_eight),
        (Modality::Ct, "525 KB CT", plan.ct_files_of_eight),
    ] {
        let mut figures: [Vec<f64>; 3] = Default::default();
        for turn in 0..TURNS {
            let mut kinds = [0, 1, 2];
            kinds.rotate_left(turn % 3);
            for kind in kinds {
                let batch = batch(bench, modality, files)?;
                settle()?;
                let figure = match kind {
                    0 => send(bench, &batch, &remote)?,
                    1 => send(bench, &batch, &local)?,
                    _ => put(&batch, open.port())?,
                };
                if let Some(figures) = figures.get_mut(kind) {
                    figures.push(figure);
                }
            }
        }
        let uploaded = settled(&remote)?;
        let [to_bucket, to_files, by_hand] = figures.map(|figures| median(&figures).unwrap_or_default());
        let share = to_bucket / to_files.max(1e-9);
        let word = if share >= AIM { "reached" } else { "MISSED" };
        bench.report.say(format!(
            "C-STORE {name}, {AT_ONCE} associations, a bucket {} ms away: {to_bucket:.0} /s, files: {to_files:.0} /s, share \
             {share:.2}, aim ≥ {AIM} {word}; {AT_ONCE} who put each instance there themselves: {by_hand:.0} /s; all was in \
             the bucket {:.1} s after the last",
            ROUND_TRIP.as_millis(),
            uploaded.as_secs_f64()
        ));
    }
    Ok(())
}

/// An S3 server, and the line to it.
struct Store {
    server: Child,
    line: Line,
}

impl Store {
    fn start(runtime: &Runtime, folder: &Path, is_keyed: bool) -> Result<Self> {
        let mut command = process::example("causeway-testkit", "bucket_server", &["--features", "bucket"]);
        command.args(["--listen", "127.0.0.1:0", "--bucket", BUCKET, "--folder"]).arg(folder);
        command.stdout(Stdio::piped());
        if is_keyed {
            command.args(["--access-key", KEY[0], "--secret-key", KEY[1]]);
        }
        let mut server = command.spawn().context("the S3 server could not be started")?;
        let mut address = String::new();
        let output = server.stdout.take().context("the S3 server has no output")?;
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().parse().context("the S3 server did not say where it listens")?;
        let terms = Terms { round_trip: ROUND_TRIP, ..Terms::default() };
        let _within = runtime.enter();
        let line =
            Line::open(([127, 0, 0, 1], 0).into(), address, terms).context("no line to the S3 server")?;
        Ok(Self { server, line })
    }

    fn port(&self) -> u16 {
        self.line.address().port()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // One that has ended already is no concern.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn batch(bench: &mut Bench, modality: Modality, files: u32) -> Result<Batch> {
    let studies = (0..AT_ONCE).map(|_| Study::new(bench.next_seed(), modality, 1, files)).collect();
    Batch::write(studies, AT_ONCE, bench.folder.path())
}

/// Sends studies, each over an association of its own; how many instances a second.
fn send(bench: &Bench, batch: &Batch, node: &Server) -> Result<f64> {
    let most = bench.budget.left(ANSWER_MAX)?;
    let start = Instant::now();
    batch.send(node, most)?;
    let figure = per_second(batch.files(), start.elapsed());
    batch.verify(node, ANSWER_MAX)?;
    Ok(figure)
}

/// Puts each file into the bucket, as many at once as there are associations; how many a second.
fn put(batch: &Batch, port: u16) -> Result<f64> {
    let start = Instant::now();
    let done: Result<Vec<()>> = std::thread::scope(|scope| {
        let puts: Vec<_> = batch.parts().iter().map(|part| scope.spawn(|| put_all(part, port))).collect();
        puts.into_iter()
            .map(|put| put.join().unwrap_or_else(|_| bail!("a thread that puts panicked")))
            .collect()
    });
    done?;
    Ok(per_second(batch.files(), start.elapsed()))
}

fn put_all(folder: &Path, port: u16) -> Result<()> {
    let mut client = Client::new(port, ANSWER_MAX);
    let part = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        let bytes = std::fs::read(file.path())?;
        let path = format!("/{BUCKET}/{part}/{}", file.file_name().to_string_lossy());
        let body = Some(("application/dicom", bytes.as_slice()));
        client
            .send(&Request { path: &path, accept: "*/*", body, method: Some("PUT"), keep: true })?
            .fine()?;
    }
    Ok(())
}

/// Waits until nothing is in the node's spool alone; how long that took.
fn settled(node: &Server) -> Result<Duration> {
    let start = Instant::now();
    let mut client = node.client(ANSWER_MAX)?;
    while start.elapsed() < SETTLE_MAX {
        let request =
            Request { path: "/api/v1/nodes", accept: "application/json", keep: true, ..Request::default() };
        let nodes: serde_json::Value = serde_json::from_slice(&client.send(&request)?.fine()?.body)?;
        if nodes.pointer("/0/unsettled").and_then(serde_json::Value::as_u64) == Some(0) {
            return Ok(start.elapsed());
        }
        pause(Duration::from_millis(50));
    }
    bail!("not all was in the bucket after {} s", SETTLE_MAX.as_secs())
}
