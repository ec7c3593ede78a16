//! Delivery over a line that is far, narrow and not to be relied on (`causeway_testkit::line`): a study that the node holds
//! goes to another node, or to `storescp`, and DCMTK's `storescu` sends beside it. A figure is the time from the first
//! connection to the last receipt, over the time that the files' bytes take on that line by themselves.
//!
//! Not part of a whole run: a line takes its time, whoever sends.

mod table;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use causeway_testkit::line::{Line, Terms};
use causeway_testkit::sample::{Modality, Study};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::Bench;
use super::http::Request;
use super::load::Batch;
use super::process::pause;
use super::report::Name;
use super::servers::{ANSWER_MAX, DICOMWEB, Server};
use crate::{conformance, run};
use table::Figure;
pub(super) use table::{Row, json, table};

/// What the lines let through, in bits a second.
const BITS_PER_SECOND: u64 = 50_000_000;
/// Longest that a delivery may take.
const DELIVERY_MAX: Duration = Duration::from_secs(180);
/// Quiet seconds after which a study is due, all of it at once.
const QUIET_SECONDS: &str = "3";
/// How long no connection is added once a node that was paired asks what there is for it, and how long that takes at most.
const ASKED: Duration = Duration::from_secs(4);
const ASKS_WITHIN: Duration = Duration::from_secs(30);
/// Most files that `storescu` sends: one after the other, so that the rest would take as long in proportion, and few enough
/// to come before a break.
const FILES_ALONE_MAX: u32 = 40;
/// The largest series that a study here has.
const SERIES_INSTANCES_MAX: u32 = 100;

/// How a study goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The link to another node.
    Link,
    /// STOW-RS to another node.
    Stow,
    /// C-STORE to another node, which grants a window.
    CStore,
    /// C-STORE to DCMTK's `storescp`, which answers one after the other on each association.
    CStoreInTurn,
    /// `storescu` to `storescp`.
    Storescu,
}

impl Way {
    const ALL: [Self; 5] = [Self::Link, Self::Stow, Self::CStore, Self::CStoreInTurn, Self::Storescu];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link to a node",
            Self::Stow => "STOW-RS to a node",
            Self::CStore => "C-STORE to a node",
            Self::CStoreInTurn => "C-STORE to storescp",
            Self::Storescu => "storescu to storescp",
        }
    }

    /// How many times the bytes' own time we mean to stay within.
    const fn aim(self) -> Option<f64> {
        match self {
            Self::Link | Self::Stow => Some(1.3),
            Self::CStore | Self::CStoreInTurn => Some(2.0),
            Self::Storescu => None,
        }
    }
}

/// How far away the far side is, and whether the line breaks.
#[derive(Debug, Clone, Copy)]
struct Bad {
    name: &'static str,
    round_trip: Duration,
    /// When it breaks: so long after the first connection, so that each delivery meets with it, and then every so often.
    breaks: Option<(Duration, Duration)>,
}

const LINES: [Bad; 2] = [
    Bad { name: "100 ms", round_trip: Duration::from_millis(100), breaks: None },
    Bad {
        name: "300 ms, broken after 3 s and every 20 s",
        round_trip: Duration::from_millis(300),
        breaks: Some((Duration::from_secs(3), Duration::from_secs(20))),
    },
];

impl Bad {
    const fn terms(&self) -> Terms {
        Terms { round_trip: self.round_trip, bits_per_second: Some(BITS_PER_SECOND), breaks_every: None }
    }
}

/// Who takes part beside the servers of every run.
struct Ends<'a> {
    bench: &'a mut Bench,
    far: Server,
    runtime: Runtime,
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let folder = bench.folder.path().join("far");
    std::fs::create_dir_all(&folder).context("no folder for the far node")?;
    let far = Server::causeway(&conformance::binary(true), &folder, bench.sink_port)?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let plan = bench.plan;
    let mut ends = Ends { bench, far, runtime };
    for bad in LINES {
        for (modality, files) in [(Modality::Mr, plan.line_mr_files), (Modality::Ct, plan.line_ct_files)] {
            for way in Way::ALL {
                let files = if way == Way::Storescu { files.min(FILES_ALONE_MAX) } else { files };
                let work = format!("{files} {} over {}, {}", size(modality), bad.name, way.as_str());
                let figure = ends.figure(way, modality, files, bad);
                ends.bench.report.add_line(work, way.aim(), figure);
            }
        }
    }
    Ok(())
}

const fn size(modality: Modality) -> &'static str {
    match modality {
        Modality::Mr => "33 KB MR",
        Modality::Ct => "525 KB CT",
    }
}

impl Ends<'_> {
    fn figure(&mut self, way: Way, modality: Modality, files: u32, bad: Bad) -> Result<Figure> {
        let (most, terms) = (self.bench.budget.left(DELIVERY_MAX)?, bad.terms());
        let series = files.div_ceil(SERIES_INSTANCES_MAX).max(1);
        let study = Study::new(self.bench.next_seed(), modality, series, files / series);
        let batch = Batch::write(vec![study], 1, self.bench.folder.path())?;
        let storescp = self.server(Name::Storescp)?;
        let port = match way {
            Way::Link | Way::Stow => self.far.web_port.context("the far node has no web server")?,
            Way::CStore => self.far.dimse_port,
            Way::CStoreInTurn | Way::Storescu => storescp.dimse_port,
        };
        let line = {
            let _within = self.runtime.enter();
            Line::open(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], port).into(), terms)?
        };
        let time = match way {
            Way::Storescu => {
                let begun = Instant::now();
                batch.send_to(storescp.ae_title, line.address().port(), most)?;
                begun.elapsed()
            }
            Way::Link | Way::Stow | Way::CStore | Way::CStoreInTurn => {
                self.by_the_node(way, &batch, &line, bad, most)?
            }
        };
        if matches!(way, Way::Link | Way::Stow | Way::CStore) {
            batch.verify(&self.far, ANSWER_MAX)?;
        }
        let bytes = batch.bytes()?;
        Ok(Figure { time, own_time: terms.own_time(bytes), bytes, count: line.count() })
    }

    fn server(&self, name: Name) -> Result<std::rc::Rc<Server>> {
        let found = self.bench.servers.iter().find(|server| server.name == name);
        found.cloned().with_context(|| format!("{} does not run", name.as_str()))
    }

    /// Has the node take the study in, and measures how it hands it on.
    fn by_the_node(
        &self,
        way: Way,
        batch: &Batch,
        line: &Line,
        bad: Bad,
        most: Duration,
    ) -> Result<Duration> {
        let node = self.server(Name::Causeway)?;
        let port = line.address().port();
        let name = format!("line{port}");
        let called = if way == Way::CStoreInTurn { "STORESCP" } else { "CAUSEWAY" };
        let (url, port) = (format!("http://127.0.0.1:{port}{DICOMWEB}"), port.to_string());
        let by_dimse = ["--ae-title", called, "--host", "127.0.0.1", "--port", port.as_str()];
        let by_web = ["--dicomweb", url.as_str()];
        match way {
            Way::Link => {
                let root = format!("http://127.0.0.1:{port}");
                let code = tell(&self.far, &["link", "invite", &name, "--public-url", &root])?;
                tell(&node, &["link", "accept", code.trim(), "--name", &name])?;
                is_asking(line)?;
            }
            Way::Stow => drop(tell(&node, ["remote", "add", &name].iter().chain(&by_web))?),
            _ => drop(tell(&node, ["remote", "add", &name].iter().chain(&by_dimse))?),
        }
        // Pairing, and the question whether there is anything to collect, have connections of their own.
        let known = line.count().connections;
        let due = ["--trigger", "study", "--quiet", QUIET_SECONDS];
        tell(&node, ["route", "add", &name, "--when", "true", "--to", &name].iter().chain(&due))?;
        batch.send(&node, ANSWER_MAX)?;
        let delivered = delivered(&node, (&name, batch.files()), (line, known), bad, most);
        tell(&node, &["route", "remove", &name])?;
        tell(&node, &["remote", "remove", &name])?;
        if way == Way::Link {
            tell(&self.far, &["remote", "remove", &name])?;
        }
        delivered
    }
}

/// Waits until the node that was paired asks whether there is anything for it: no connection has been added for a while.
fn is_asking(line: &Line) -> Result<()> {
    let end = Instant::now() + ASKS_WITHIN;
    let mut known = line.count().connections;
    let mut since = Instant::now();
    while since.elapsed() < ASKED {
        if Instant::now() > end {
            bail!("a node that was paired goes on connecting");
        }
        pause(Duration::from_millis(10));
        let connections = line.count().connections;
        if connections != known {
            (known, since) = (connections, Instant::now());
        }
    }
    Ok(())
}

/// The time from the first connection to the last receipt.
fn delivered(
    node: &Server,
    (remote, files): (&str, u64),
    (line, known): (&Line, u64),
    bad: Bad,
    most: Duration,
) -> Result<Duration> {
    let end = Instant::now() + most;
    let wait = |time| {
        if Instant::now() > end {
            bail!("not delivered after {} s", most.as_secs());
        }
        pause(time);
        Ok(())
    };
    while line.count().connections == known {
        wait(Duration::from_millis(1))?;
    }
    let begun = Instant::now();
    let mut breaks = bad.breaks.map(|(first, every)| (begun + first, every));
    let mut client = node.client(ANSWER_MAX)?;
    loop {
        if let Some((at, every)) = breaks.as_mut()
            && *at <= Instant::now()
        {
            line.cut();
            *at += *every;
        }
        let request =
            Request { path: "/api/v1/queue", accept: "application/json", keep: true, ..Request::default() };
        let reports: Value = serde_json::from_slice(&client.send(&request)?.fine()?.body)?;
        let time = begun.elapsed();
        let of = |key: &str| {
            let reports = reports.as_array()?;
            reports.iter().find(|report| report["remote"] == remote)?.get(key)?.as_u64()
        };
        match (of("delivered"), of("parked")) {
            (Some(delivered), _) if delivered == files => return Ok(time),
            (_, Some(parked)) if parked > 0 => bail!("{parked} instances were parked"),
            _ => wait(Duration::from_millis(50))?,
        }
    }
}

/// Tells the node something by its command line; gives what that prints.
pub(super) fn tell<'a>(node: &Server, words: impl IntoIterator<Item = &'a &'a str>) -> Result<String> {
    let port = node.web_port.context("the node has no web server")?;
    let mut command = Command::new(conformance::binary(true));
    command.args(words).args(["--url", &format!("http://127.0.0.1:{port}")]);
    run::output_of(&mut command)
}
