//! Programs that the benchmark starts: each is ended by its own id, whatever happens, and no wait is without end.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{paths, run};

/// How much time the whole benchmark has. Whatever waits, waits no longer than what is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    end: Instant,
}

impl Budget {
    pub(super) fn of(time: Duration) -> Self {
        Self { end: Instant::now() + time }
    }

    /// What is left, `most` at the most. Fails when nothing is.
    pub(super) fn left(self, most: Duration) -> Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("the benchmark's time is over");
        }
        Ok(left.min(most))
    }
}

/// The command of a server. Where the system can do it, the server also ends when the benchmark is ended by
/// force and no guard is asked any more.
pub(super) fn server(program: &OsStr) -> Command {
    const SETPRIV: &str = "/usr/bin/setpriv";
    if !Path::new(SETPRIV).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// A program of the project's own that is made for measuring: the example `name` of a package, which is built first, as for
/// a release. What is added to the command is the program's.
pub(super) fn example(package: &str, name: &str, built_with: &[&str]) -> Command {
    let mut command = Command::new(run::cargo());
    command.args(["run", "--release", "--quiet", "--package", package, "--example", name]).args(built_with);
    command.arg("--").current_dir(paths::root());
    command
}

/// A program that ends when this value goes.
#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    line: String,
}

impl Guard {
    /// Starts `command`, both its outputs going to the file `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let line = run::words(command);
        let log = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stderr(log.try_clone().context("no second handle of the log")?)
            .stdout(log)
            .spawn()
            .with_context(|| format!("`{line}` could not be started"))?;
        Ok(Self { child, line })
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("`{}` was lost", self.line))
    }

    /// The command line.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// The most memory that the process has held so far, in bytes; nothing where the system does not say.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // One that has ended already is no concern: then there is nothing left to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for a little while. There is no event to wait on: another process shows that it is ready, or has
/// ended, only to one who asks.
pub(super) fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

/// Waits until all have ended with success. A millisecond between two looks is what a figure may be wrong by.
pub(super) fn wait_for_all(programs: &mut [Guard], most: Duration) -> Result<()> {
    let end = Instant::now() + most;
    loop {
        let mut running = false;
        for program in &mut *programs {
            match program.ended()? {
                None => running = true,
                Some(status) if status.success() => {}
                Some(status) => bail!("`{}` ended with {status}", program.line()),
            }
        }
        if !running {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("not done after {} s", most.as_secs());
        }
        pause(Duration::from_millis(1));
    }
}

/// A port of the loopback address that nothing listens on.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr().context("no free port")?.port())
}

/// Waits until something listens there.
pub(super) fn await_port(port: u16) -> Result<()> {
    const MOST: Duration = Duration::from_secs(10);
    let end = Instant::now() + MOST;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() >= end {
            bail!("nothing listens on port {port}");
        }
        pause(Duration::from_millis(20));
    }
    Ok(())
}

/// The last lines of a log, to explain a failure.
pub(super) fn tail(log: &Path) -> String {
    const LINES: usize = 20;
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(folder: &Path, script: &str) -> Guard {
        Guard::start(Command::new("sh").args(["-c", script]), &folder.join("log")).unwrap()
    }

    #[test]
    fn a_program_ends_with_its_guard() {
        let folder = tempfile::tempdir().unwrap();
        let guard = start(folder.path(), "exec sleep 60");
        let id = guard.child.id();
        assert!(guard.peak_bytes().is_none_or(|bytes| bytes > 0));
        drop(guard);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_failure_and_a_long_wait_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut programs = [start(folder.path(), "true"), start(folder.path(), "echo why; exit 4")];
        let error = wait_for_all(&mut programs, Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("exit 4"), "{error}");
        assert_eq!(tail(&folder.path().join("log")), "why");
        let mut programs = [start(folder.path(), "exec sleep 60")];
        assert!(wait_for_all(&mut programs, Duration::from_millis(20)).is_err());
    }

    #[test]
    fn a_budget_ends() {
        assert!(Budget::of(Duration::ZERO).left(Duration::from_secs(1)).is_err());
        assert_eq!(Budget::of(Duration::from_secs(60)).left(Duration::from_secs(1)).unwrap().as_secs(), 1);
    }
}
