//! `cargo xtask fuzz`: the targets of `crates/fuzz` under libFuzzer, which mutates what has reached new code. Coverage
//! comes from LLVM's own instrumentation by stable flags of the compiler: no nightly, no sanitizer, none needed where
//! `unsafe` is forbidden.
//!
//! What is found lies in `target/fuzz/findings/<target>`, what was learned in `target/fuzz/corpus/<target>`; seeds come
//! from `testdata/fuzz/<target>`.

mod build;
mod progress;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::paths;
use progress::Progress;

/// Longest input, in bytes: a large A-ASSOCIATE-RQ or a data set with some of everything.
const INPUT_BYTES_MAX: usize = 16 * 1024;
/// An input that takes longer than this is a finding, in seconds: what is read here takes milliseconds.
const INPUT_SECONDS_MAX: usize = 10;
/// More memory than this is a finding, in MiB.
const MEMORY_MEBIBYTES_MAX: usize = 1024;
/// Lines of a target's own words that are shown when it has found something.
const LAST_LINES: usize = 40;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this target; may be given more than once
    #[arg(long)]
    target: Vec<String>,
    /// How long each target runs, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many targets run at the same time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// How one target ended.
struct Ended {
    /// What it wrote last, for those who have to look into a finding.
    last: Vec<String>,
    progress: Progress,
    success: bool,
    findings: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let targets = chosen(&targets()?, &arguments.target)?;
    let program = build::build()?;
    let waiting = Mutex::new(targets.iter().rev().collect::<Vec<_>>());
    let failed = Mutex::new(0_usize);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.clamp(1, targets.len()) {
            scope.spawn(|| {
                while let Some(target) = waiting.lock().ok().and_then(|mut waiting| waiting.pop()) {
                    let passed = tell(target, fuzz(&program, target, arguments.seconds));
                    if let (false, Ok(mut failed)) = (passed, failed.lock()) {
                        *failed += 1;
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or(targets.len());
    println!("{} targets, {failed} with findings", targets.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every target: each has a folder of seeds, which a test of `crates/fuzz` holds against the list in the code.
fn targets() -> Result<Vec<String>> {
    let folder = seeds();
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Those of `all` that were asked for; all when none was.
fn chosen(all: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("{unknown} is no target: choose among {}", all.join(", "));
    }
    Ok(all.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).cloned().collect())
}

fn seeds() -> PathBuf {
    paths::root().join("testdata").join("fuzz")
}

/// Runs one target for a while.
fn fuzz(program: &Path, target: &str, seconds: u64) -> Result<Ended> {
    let folder = |kind: &str| paths::target().join("fuzz").join(kind).join(target);
    let (corpus, findings) = (folder("corpus"), folder("findings"));
    for made in [&corpus, &findings] {
        fs::create_dir_all(made).with_context(|| format!("{} cannot be made", made.display()))?;
    }
    let before = files(&findings)?;
    let mut child = Command::new(program)
        .args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-rss_limit_mb={MEMORY_MEBIBYTES_MAX}"),
            format!("-artifact_prefix={}/", findings.display()),
            "-print_final_stats=1".to_owned(),
        ])
        .arg(&corpus)
        .arg(seeds().join(target))
        .env("CAUSEWAY_FUZZ_TARGET", target)
        // Of a panic its words are wanted, not the way through the engine.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} could not be started", program.display()))?;
    let stderr = child.stderr.take().context("no pipe")?;
    let (mut progress, mut last) = (Progress::default(), Vec::new());
    let started = Instant::now();
    for piece in BufReader::new(stderr).split(b'\n') {
        let line = String::from_utf8_lossy(&piece.context("the target cannot be heard")?).into_owned();
        if progress.read(&line) && progress.is_due(started.elapsed()) {
            println!("{target}: {} of {seconds} s, {progress}", started.elapsed().as_secs());
        }
        if last.len() == LAST_LINES {
            last.remove(0);
        }
        last.push(line);
    }
    let success = child.wait().context("the target was lost")?.success();
    let found = files(&findings)?.into_iter().filter(|file| !before.contains(file)).collect();
    Ok(Ended { last, progress, success, findings: found })
}

/// Says how a target ended; whether it found nothing.
fn tell(target: &str, ended: Result<Ended>) -> bool {
    match ended {
        Ok(Ended { success: true, progress, findings, .. }) if findings.is_empty() => {
            println!("{target}: nothing found, {progress}");
            true
        }
        Ok(Ended { last, progress, findings, .. }) => {
            for line in last {
                println!("{target} | {line}");
            }
            println!("{target}: FOUND something, {progress}");
            for file in findings {
                println!("{target}: the input is {}", paths::shown(&file));
            }
            false
        }
        Err(error) => {
            println!("{target}: {error:#}");
            false
        }
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_chosen_by_name_and_all_without_one() {
        let all = ["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert_eq!(chosen(&all, &["b".to_owned()]).unwrap(), ["b"]);
        let error = chosen(&all, &["c".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "c is no target: choose among a, b");
    }

    #[test]
    fn there_are_targets() {
        assert!(targets().unwrap().contains(&"acceptor".to_owned()));
    }
}
