//! Running PostgreSQL's programs as someone who may.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where Debian has the programs, and where others have them.
const FOLDERS: [&str; 5] = [
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/local/bin",
    "/usr/bin",
];
/// Starts the server, says so, ends it with the input, and leaves nothing behind.
const KEEP: &str = r#"
bin=$1; folder=$2
trap '' INT TERM
"$bin/pg_ctl" -s -D "$folder/data" -l "$folder/data/log" -w start || exit 1
echo started
cat >/dev/null
"$bin/pg_ctl" -s -D "$folder/data" -m immediate stop
rm -rf "$folder"/data "$folder"/password
rmdir "$folder" 2>/dev/null
"#;

/// The programs.
#[derive(Debug)]
pub(super) struct Shell {
    programs: PathBuf,
    is_root: bool,
}

impl Shell {
    /// The newest on this machine, if there are any.
    pub(super) fn find() -> Option<Self> {
        let has_all = |folder: &str| {
            ["initdb", "pg_ctl", "createdb"].iter().all(|program| Path::new(folder).join(program).is_file())
        };
        let Some(programs) = FOLDERS.into_iter().find(|folder| has_all(folder)).map(PathBuf::from) else {
            // Past what catches the output of tests: whoever runs them is to see it.
            let _ = writeln!(io::stderr(), "skipped: there is no PostgreSQL on this machine");
            return None;
        };
        let is_root =
            std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        Some(Self { programs, is_root })
    }

    /// Makes the files of a cluster.
    pub(super) fn initialize(&self, folder: &Path, user: &str, password: &str) -> io::Result<()> {
        let (data, secret) = (folder.join("data"), folder.join("password"));
        self.write(&secret, password)?;
        let (data, secret) =
            (format!("--pgdata={}", data.display()), format!("--pwfile={}", secret.display()));
        let user = format!("--username={user}");
        let how = ["--locale=C", "--encoding=UTF8", "--auth-local=trust", "--auth-host=scram-sha-256"];
        self.run("initdb", [data.as_str(), &secret, &user].into_iter().chain(how))
    }

    /// Writes a file that the server may read, and nobody else.
    pub(super) fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        std::fs::write(path, text)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        if self.is_root {
            std::os::unix::fs::chown(path, Some(super::NOBODY), Some(super::NOBODY))?;
        }
        Ok(())
    }

    /// Runs the server of a cluster for as long as the child has input; its first line says that it is there.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<Child> {
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", KEEP, "keep"]).arg(&self.programs).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    }

    /// Runs a program to its end.
    pub(super) fn run<'a>(&self, program: &str, words: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let mut command = self.command(&self.programs.join(program));
        let done = command.args(words).stdin(Stdio::null()).output()?;
        if done.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&done.stderr);
        Err(io::Error::other(format!("{program} failed: {words}")))
    }

    fn command(&self, program: &Path) -> Command {
        if !self.is_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        let who = super::NOBODY;
        command
            .args([&format!("--reuid={who}"), &format!("--regid={who}"), "--clear-groups", "--"])
            .arg(program);
        command.current_dir("/");
        command
    }
}
