//! `cargo xtask test`: everything that must hold, from the format of the sources to the suite over the wire, in one
//! run that ends with one line. Steps do not stop one another: a run tells all that is wrong.

pub(crate) mod count;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::conformance::Output;
use crate::{conformance, paths, prepare, run, tidy};
use count::Count;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Use what is installed and install nothing
    #[arg(long)]
    skip_install: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = Steps::default();
    if !arguments.skip_install {
        steps.step("prepare", || prepare::run().map(|()| Done::of(true)));
    }
    steps.step("format", || command(&["fmt", "--all", "--check"]));
    steps.step("tidy", || tidy::run().map(|code| Done::of(code == ExitCode::SUCCESS)));
    steps.step("build", build);
    // What computes goes beside what waits, and crashes come when it is over: they count what is done in a time.
    steps.beside([
        vec![
            ("clippy", clippy),
            ("unit tests", unit_tests),
            ("documentation tests", documentation_tests),
            ("conformance of causeway, crashes", || suite("causeway", CRASH, vec![CRASH.into()])),
        ],
        vec![("conformance of causeway, PS3.4", || suite("causeway", PS3_4, vec![PS3_4.into()]))],
        vec![("conformance of causeway, PS3.18", || suite("causeway", PS3_18, vec![PS3_18.into()]))],
        vec![("conformance of causeway, deliveries", || suite("causeway", "deliveries", deliveries()?))],
        vec![("conformance of causeway, other scenarios", || {
            suite("causeway", "scenarios", other_scenarios()?)
        })],
        vec![
            ("conformance of causeway, the rest", || suite("causeway", "rest", the_rest()?)),
            ("conformance of causeway, stores and databases", || {
                suite("causeway", STORAGE, vec![Path::new(SCENARIOS).join(STORAGE).into_os_string()])
            }),
        ],
        vec![("conformance of orthanc, which proves the suite", || suite("orthanc", "all", Vec::new()))],
    ]);
    Ok(steps.end())
}

/// How a step ended: whether it passed, the tests it ran, and what it wrote without showing it.
#[derive(Default)]
struct Done {
    success: bool,
    count: Count,
    output: String,
}

impl Done {
    /// A step without tests of its own.
    fn of(success: bool) -> Self {
        Self { success, ..Self::default() }
    }
}

/// The largest folders of tests over the wire.
const PS3_4: &str = "ps3_4";
const PS3_18: &str = "ps3_18";
const SCENARIOS: &str = "scenarios";
/// The examples that are handed to administrators.
const DEPLOY: &str = "deploy";
/// Of the scenarios, those of object stores and databases that fail.
const STORAGE: &str = "storage";
/// Nodes that fail and end in the middle; `--every` of pytest tries all there is.
const CRASH: &str = "crash";

/// What a step does that runs beside others.
type Work = fn() -> Result<Done>;

/// The steps so far.
#[derive(Default)]
struct Steps {
    lines: Vec<String>,
    total: Count,
}

impl Steps {
    /// Runs one step under its headline.
    fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Done>) {
        println!("\n== {name}");
        let start = Instant::now();
        let done = work();
        self.ended(name, done, start.elapsed());
    }

    fn ended(&mut self, name: &str, done: Result<Done>, time: Duration) {
        let done = done.unwrap_or_else(|error| {
            println!("{error:#}");
            Done::of(false)
        });
        if !done.success {
            println!("{}", done.output);
        }
        let line = self.add(name, &done, time.as_secs_f64());
        println!("{line}");
        self.lines.push(line);
    }

    /// Runs rows of steps at the same time, those of a row one after another. What one wrote is shown when it failed,
    /// after all others: at the end it is found.
    fn beside<const COUNT: usize>(&mut self, rows: [Vec<(&'static str, Work)>; COUNT]) {
        let names = rows.iter().map(|row| row.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "));
        println!("\n== {}", names.collect::<Vec<_>>().join(", and beside it "));
        let running = rows.map(|row| thread::spawn(move || row.into_iter().map(timed).collect::<Vec<_>>()));
        let lost = |_| vec![("a row of steps", Err(anyhow!("it panicked")), Duration::ZERO)];
        let mut ended: Vec<_> = running.into_iter().flat_map(|row| row.join().unwrap_or_else(lost)).collect();
        ended.sort_by_key(|(_, done, _)| !matches!(done, Ok(Done { success: true, .. })));
        for (name, done, time) in ended {
            self.ended(name, done, time);
        }
    }

    /// Counts a step, and says how it went. One that fails without a failed test counts as one failure, so that
    /// the last line never says "0 failed" of a run that did.
    fn add(&mut self, name: &str, done: &Done, seconds: f64) -> String {
        self.total += done.count;
        if !done.success && done.count.failed == 0 {
            self.total.failed += 1;
        }
        let word = if done.success { "passed" } else { "FAILED" };
        let tests = if done.count == Count::default() { String::new() } else { format!(" ({})", done.count) };
        format!("== {name}: {word}{tests} in {seconds:.1} s")
    }

    fn end(&self) -> ExitCode {
        println!();
        for line in &self.lines {
            println!("{line}");
        }
        println!("{}", self.total);
        if self.total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs a step, and says how long it took.
fn timed((name, work): (&'static str, Work)) -> (&'static str, Result<Done>, Duration) {
    let start = Instant::now();
    let done = work();
    (name, done, start.elapsed())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(run::cargo());
    command.args(arguments).current_dir(paths::root());
    command
}

fn command(arguments: &[&str]) -> Result<Done> {
    run::succeeds(&mut cargo(arguments)).map(Done::of)
}

/// A command whose output tells how many tests it ran.
fn tests(arguments: &[&str]) -> Result<Done> {
    let (success, output) = run::shown_and_kept(cargo(arguments).env("CARGO_TERM_COLOR", "never"))?;
    Ok(Done { success, count: Count::of_cargo(&output), ..Done::default() })
}

/// The tests that share a server of PostgreSQL, which they start: nextest, with a process for each test, would start as many.
const ON_A_SERVER: &str = "on_postgres";

/// How the tests of the workspace are chosen, without nextest.
const OF_WORKSPACE: [&str; 4] = ["--workspace", "--lib", "--bins", "--tests"];

fn has_nextest() -> bool {
    run::output_of(&mut cargo(&["nextest", "--version"])).is_ok()
}

/// What the unit tests and the suite run: the tests, the node, and the programs beside it.
fn build() -> Result<Done> {
    let tests = if has_nextest() {
        command(&["nextest", "run", "--workspace", "--no-run"])?
    } else {
        command(&[&["test"], &OF_WORKSPACE[..], &["--no-run", "--quiet"]].concat())?
    };
    Ok(if tests.success { programs()? } else { tests })
}

fn clippy() -> Result<Done> {
    command(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
}

fn documentation_tests() -> Result<Done> {
    tests(&["test", "--workspace", "--doc", "--quiet"])
}

fn unit_tests() -> Result<Done> {
    if has_nextest() {
        let others = format!("not binary({ON_A_SERVER})");
        let others = tests(&[
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--no-tests",
            "pass",
            "--status-level",
            "fail",
            "--filterset",
            &others,
        ])?;
        let together = tests(&["test", "--workspace", "--test", ON_A_SERVER, "--quiet"])?;
        let (success, mut count) = (others.success && together.success, others.count);
        count += together.count;
        return Ok(Done { success, count, ..Done::default() });
    }
    tests(&[&["test"], &OF_WORKSPACE[..], &["--no-fail-fast", "--quiet"]].concat())
}

/// What the suite starts beside a node, where the tests did not make it: a test that waits for a build runs out of its time.
fn programs() -> Result<Done> {
    let folder = paths::target().join("debug").join("examples");
    let is_there = |name: &str| folder.join(name).is_file();
    if ["bad_line", "bucket_server", "database_server", "sample_study"].into_iter().all(is_there) {
        return Ok(Done::of(true));
    }
    command(&["build", "--quiet", "--package", "causeway-testkit", "--examples", "--features", "bucket"])
}

/// A part of the suite against `subject`; our node is the one that was built with the tests, with every check of a debug
/// build.
fn suite(subject: &str, part: &str, folders: Vec<OsString>) -> Result<Done> {
    let report = format!("{subject}-{part}");
    let node = conformance::binary(false);
    let outcome = conformance::suite(subject, &report, &node, &folders, Output::Kept)?;
    Ok(Done { success: outcome.success, count: outcome.count, output: outcome.output })
}

/// The folders of tests but for the largest.
fn the_rest() -> Result<Vec<OsString>> {
    within("", |name| name == DEPLOY || name.starts_with("ps3_") && name != PS3_4 && name != PS3_18)
}

/// The stories of what is delivered.
fn deliveries() -> Result<Vec<OsString>> {
    within(SCENARIOS, is_about_delivery)
}

/// The scenarios but for those, and those of stores and databases.
fn other_scenarios() -> Result<Vec<OsString>> {
    within(SCENARIOS, |name| name.starts_with("test_") && !is_about_delivery(name))
}

/// Whether a folder or file of `scenarios` is about deliveries. Those over links and bad lines are left to the others, so
/// that both take about as long.
fn is_about_delivery(name: &str) -> bool {
    name == "delivery" || name.starts_with("test_forwarding")
}

/// What of a folder of the suite `belongs`, by its name, in order.
fn within(folder: &str, belongs: impl Fn(&str) -> bool) -> Result<Vec<OsString>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(paths::root().join("conformance").join(folder))? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(&belongs) {
            found.push(Path::new(folder).join(name).into_os_string());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests_of_steps {
    use super::*;

    #[test]
    fn a_step_that_fails_without_tests_counts_as_one_failure() {
        let mut steps = Steps::default();
        steps.add("format", &Done::of(false), 0.1);
        steps.add("tidy", &Done::of(true), 0.1);
        assert_eq!(steps.total, Count { passed: 0, failed: 1 });
    }

    #[test]
    fn failed_tests_are_counted_once() {
        let mut steps = Steps::default();
        let line =
            steps.add("unit tests", &Done { count: Count { passed: 7, failed: 2 }, ..Done::default() }, 1.25);
        assert_eq!(steps.total, Count { passed: 7, failed: 2 });
        assert_eq!(line, "== unit tests: FAILED (7 passed, 2 failed) in 1.2 s");
    }
}
