//! `cargo xtask bench`: our node beside its peers, in one run, on one machine, with the same bytes and the same
//! client. Servers take turns; a figure is the median of the rounds, and what counts is the ratio.
//!
//! One file for each kind of work; what several need (servers, sending, the HTTP client, the report) is beside
//! them. Nothing here asserts on time: that is for whoever reads the table.

mod bucket;
mod clients;
mod find;
mod frames;
mod http;
mod line;
mod load;
mod metadata;
mod process;
mod qido;
mod report;
mod retrieve;
mod scale;
mod servers;
mod store;
mod stow;
mod wado;
mod waiting;

use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;

use process::Budget;
use report::{Name, Report, Unit, Work};
use servers::Server;

use crate::{conformance, paths, run as programs};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure this only
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Fewer files, less time, coarser figures
    #[arg(long)]
    quick: bool,
    /// Measure the peers alone, without building the node
    #[arg(long)]
    peers_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// C-STORE
    Store,
    /// STOW-RS
    Stow,
    /// QIDO-RS
    Qido,
    /// Study metadata
    Metadata,
    /// WADO-RS of a study
    Wado,
    /// WADO-RS frames and rendered
    Frames,
    /// C-FIND
    Find,
    /// C-MOVE and C-GET
    Retrieve,
    /// Delivery over lines that are far, narrow and break; measured only when it is asked for
    Line,
    /// C-STORE while a million instances wait; measured only when it is asked for
    Waiting,
    /// C-STORE to a bucket that is far away; measured only when it is asked for
    Bucket,
    /// A catalog of ten million instances, filled and asked; measured only when it is asked for
    Scale,
}

/// The servers with a web door.
const WEB: [Name; 2] = [Name::Causeway, Name::Orthanc];

/// What the folder of a run is called, before the process that runs it.
const FOLDER_PREFIX: &str = "bench-";

/// Calls after the first one.
const WARM_CALLS: usize = 5;

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Plan {
    time: Duration,
    rounds: usize,
    mr_files_alone: u32,
    mr_files_of_eight: u32,
    ct_files_alone: u32,
    ct_files_of_eight: u32,
    qido_studies: usize,
    qido_time: Duration,
    wado_files: u32,
    metadata_files: u32,
    large_study_files: u32,
    stow_files: u32,
    retrieve_files: u32,
    line_mr_files: u32,
    line_ct_files: u32,
    scale_studies: u32,
}

const WHOLE: Plan = Plan {
    time: Duration::from_secs(540),
    rounds: 3,
    mr_files_alone: 900,
    mr_files_of_eight: 250,
    ct_files_alone: 200,
    ct_files_of_eight: 50,
    qido_studies: 5000,
    qido_time: Duration::from_secs(3),
    wado_files: 100,
    metadata_files: 500,
    large_study_files: 3000,
    stow_files: 100,
    retrieve_files: 500,
    line_mr_files: 1000,
    line_ct_files: 100,
    scale_studies: 100_000,
};

const QUICK: Plan = Plan {
    time: Duration::from_secs(125),
    rounds: 3,
    mr_files_alone: 300,
    mr_files_of_eight: 100,
    ct_files_alone: 80,
    ct_files_of_eight: 20,
    qido_studies: 1000,
    qido_time: Duration::from_secs(1),
    wado_files: 40,
    metadata_files: 200,
    large_study_files: 500,
    stow_files: 40,
    retrieve_files: 100,
    line_mr_files: 200,
    line_ct_files: 20,
    scale_studies: 10_000,
};

/// A run of the benchmark.
struct Bench {
    plan: Plan,
    budget: Budget,
    servers: Vec<Rc<Server>>,
    report: Report,
    seed: u64,
    /// Port of the receiver that the servers know as [`servers::SINK`].
    sink_port: u16,
    /// The studies of QIDO and C-FIND, once they have been sent.
    studies: Option<qido::Loaded>,
    /// Declared last: the servers that write into it end before it is deleted.
    folder: TempDir,
}

impl Bench {
    /// Those of `names` that run, each round beginning with another one.
    fn order(&self, names: &[Name], round: usize) -> Vec<Rc<Server>> {
        let mut servers: Vec<Rc<Server>> =
            self.servers.iter().filter(|server| names.contains(&server.name)).cloned().collect();
        if !servers.is_empty() {
            let first = round % servers.len();
            servers.rotate_left(first);
        }
        servers
    }

    /// A seed that no study of this run has had.
    fn next_seed(&mut self) -> u64 {
        self.seed += 1;
        self.seed
    }

    fn measure(&mut self, kind: Kind) -> Result<()> {
        if let Err(error) = self.budget.left(self.plan.time) {
            self.report.fail(format!("{kind:?} left out: {error}"));
            return Ok(());
        }
        match kind {
            Kind::Store => store::run(self),
            Kind::Stow => stow::run(self),
            Kind::Qido => qido::run(self),
            Kind::Metadata => metadata::run(self),
            Kind::Wado => wado::run(self),
            Kind::Frames => frames::run(self),
            Kind::Find => find::run(self),
            Kind::Retrieve => retrieve::run(self),
            Kind::Line => line::run(self),
            Kind::Waiting => waiting::run(self),
            Kind::Bucket => bucket::run(self),
            Kind::Scale => scale::run(self),
        }
    }

    fn memory(&mut self) {
        let work = Work { name: "most memory held".to_owned(), unit: Unit::Megabytes, aim: None };
        for server in self.order(&WEB, 0) {
            if let Some(bytes) = server.peak_bytes() {
                self.report.add(&work, server.name, 0, Ok(bytes as f64 / 1e6));
            }
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let plan = if arguments.quick { QUICK } else { WHOLE };
    // Cargo's own folder, not the system's for temporary files, which may be in memory and have no disk to wait for.
    let target = paths::target().canonicalize().context("no folder to work in")?;
    remove_leftovers(&target)?;
    let prefix = format!("{FOLDER_PREFIX}{}-", std::process::id());
    let folder = TempDir::with_prefix_in(prefix, target).context("no folder to work in")?;
    let sink_port = process::free_port()?;
    let servers = start(arguments, &folder, sink_port)?;
    let budget = Budget::of(plan.time);
    let (report, seed, studies) = (Report::default(), 0, None);
    let mut bench = Bench { plan, budget, servers, report, seed, sink_port, studies, folder };
    let kinds = match arguments.only {
        Some(kind) => vec![kind],
        None => {
            vec![
                Kind::Store,
                Kind::Stow,
                Kind::Wado,
                Kind::Frames,
                Kind::Metadata,
                Kind::Retrieve,
                Kind::Qido,
                Kind::Find,
            ]
        }
    };
    for kind in kinds {
        if let Err(error) = bench.measure(kind) {
            bench.report.fail(format!("{kind:?}: {error:#}"));
        }
    }
    bench.memory();
    println!("\n{}", bench.report.table());
    keep(&bench, arguments)?;
    let whole = bench.report.is_whole();
    // Tens of thousands of files: on a disk that is told of each block it may forget, this takes its time.
    println!("removing what the servers have written");
    drop(bench);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Deletes the folders of earlier runs that were ended by force: they name the process that made them.
fn remove_leftovers(target: &Path) -> Result<()> {
    for entry in std::fs::read_dir(target)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let process =
            name.strip_prefix(FOLDER_PREFIX).and_then(|rest| rest.split_once('-')).map(|(id, _)| id);
        let Some(process) = process.filter(|id| id.parse::<u32>().is_ok()) else { continue };
        let processes = Path::new("/proc");
        if processes.join("self").exists() && !processes.join(process).exists() {
            std::fs::remove_dir_all(entry.path()).with_context(|| format!("{name} cannot be removed"))?;
        }
    }
    Ok(())
}

fn start(arguments: &Arguments, folder: &TempDir, sink_port: u16) -> Result<Vec<Rc<Server>>> {
    let mut servers = Vec::new();
    if !arguments.peers_only {
        if std::env::var_os("CAUSEWAY_BIN").is_none() {
            programs::check(&mut conformance::build(true))?;
        }
        servers.push(Rc::new(Server::causeway(&conformance::binary(true), folder.path(), sink_port)?));
    }
    servers.push(Rc::new(Server::orthanc(folder.path(), sink_port)?));
    servers.push(Rc::new(Server::storescp(folder.path())?));
    Ok(servers)
}

/// Writes the figures to `bench.json` in cargo's folder.
fn keep(bench: &Bench, arguments: &Arguments) -> Result<()> {
    let file = paths::target().join("bench.json");
    let mut value = bench.report.json();
    if let Some(members) = value.as_object_mut() {
        members.insert("quick".to_owned(), json!(arguments.quick));
        members.insert(
            "processors".to_owned(),
            json!(std::thread::available_parallelism().map_or(0, usize::from)),
        );
        members.insert("versions".to_owned(), servers::versions());
    }
    let text = serde_json::to_string_pretty(&value).context("the figures cannot be written as JSON")?;
    std::fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
    println!("{} keeps every round", paths::shown(&file));
    Ok(())
}

/// How many a second.
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_runs_that_are_over_are_removed() {
        let target = tempfile::tempdir().unwrap();
        let ours = format!("bench-{}-a", std::process::id());
        for name in ["bench-4194399-b", ours.as_str(), "bench-x-c", "debug"] {
            std::fs::create_dir(target.path().join(name)).unwrap();
        }
        remove_leftovers(target.path()).unwrap();
        let mut left: Vec<String> = std::fs::read_dir(target.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, [ours.as_str(), "bench-x-c", "debug"]);
    }
}
