//! What the tests need and a machine may lack: system packages for the peers, a Python environment for the clients, the
//! packages of the JavaScript peer, and viewers with a browser to open them in. Installs what is missing and nothing
//! else; starts and stops no service.

mod viewers;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{paths, run};

/// A Debian package, and how one sees that what it brings is there.
struct Package {
    name: &'static str,
    present: fn() -> bool,
}

/// Its package starts a server of its own unless told not to.
const POSTGRESQL: &str = "postgresql";
/// Tells it, unless an administrator has told it something already.
const NO_SERVER: &str = "mkdir -p /etc/postgresql-common && cd /etc/postgresql-common && \
    { test -e createcluster.conf || echo 'create_main_cluster = false' > createcluster.conf; }";

const PACKAGES: &[Package] = &[
    Package { name: "dcmtk", present: || on_path("echoscu") },
    Package { name: "orthanc", present: || on_path("Orthanc") || Path::new("/usr/sbin/Orthanc").exists() },
    Package {
        name: "orthanc-dicomweb",
        present: || Path::new("/usr/share/orthanc/plugins/libOrthancDicomWeb.so").exists(),
    },
    Package { name: "dicom3tools", present: || on_path("dciodvfy") },
    Package { name: "nginx-light", present: || on_path("nginx") || Path::new("/usr/sbin/nginx").exists() },
    Package { name: "python3-venv", present: || succeeds("python3", &["-c", "import venv, ensurepip"]) },
    Package { name: "nodejs", present: || on_path("node") },
    Package { name: "npm", present: || on_path("npm") },
    Package { name: "strace", present: || on_path("strace") },
    Package { name: "haproxy", present: || on_path("haproxy") || Path::new("/usr/sbin/haproxy").exists() },
    Package { name: "chromium", present: || on_path("chromium") },
    Package { name: POSTGRESQL, present: has_postgresql },
];

/// Installs the system packages that are missing, then the Python and JavaScript packages and the viewers if they
/// changed.
pub(crate) fn run() -> Result<()> {
    system_packages()?;
    python_packages()?;
    OF_JAVASCRIPT.into_iter().try_for_each(javascript_packages)?;
    viewers::install()
}

/// The interpreter of the tests' own environment.
pub(crate) fn python() -> PathBuf {
    paths::target().join("venv").join("bin").join("python")
}

fn system_packages() -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        bail!("{} missing, and this machine has no apt-get: install them by hand", missing.join(", "));
    }
    println!("installing {}", missing.join(", "));
    if missing.contains(&POSTGRESQL) {
        run::check(&mut as_administrator("sh", &["-c", NO_SERVER]))?;
    }
    run::check(&mut as_administrator("apt-get", &["update", "--quiet"]))?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(&missing);
    run::check(&mut as_administrator("apt-get", &arguments))
}

/// The program run by the administrator: through sudo unless we are that already.
fn as_administrator(program: &str, arguments: &[&str]) -> Command {
    let root = run::output_of(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0");
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.arg("env");
    }
    command.arg("DEBIAN_FRONTEND=noninteractive").arg(program).args(arguments);
    command
}

/// Makes the environment, and fills it anew when the list of packages or the interpreter has changed.
fn python_packages() -> Result<()> {
    let requirements = paths::root().join("conformance").join("requirements.txt");
    let list = std::fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let version = run::output_of(Command::new("python3").arg("--version"))?;
    let wanted = format!("{version}{list}");
    let stamp = paths::target().join("venv").join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("installing the Python packages of {}", paths::shown(&requirements));
    let folder = paths::target().join("venv");
    run::check(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run::check(
        Command::new(python())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&requirements),
    )?;
    std::fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Folders of `conformance` with packages of JavaScript: peers, and the server of Azure's blobs.
const OF_JAVASCRIPT: [&str; 2] = ["azurite", "dcmjs"];

/// Installs what the lock file of a folder of `conformance` pins beside what is built, not into the sources; anew when the
/// lock file has changed. No package's own install script is run: none is needed.
fn javascript_packages(folder: &str) -> Result<()> {
    let (from, to) = (paths::root().join("conformance").join(folder), paths::target().join(folder));
    let lock = "package-lock.json";
    let wanted = std::fs::read_to_string(from.join(lock))
        .with_context(|| format!("{} cannot be read", from.join(lock).display()))?;
    let stamp = to.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("installing the JavaScript packages of {}", paths::shown(&from.join(lock)));
    std::fs::create_dir_all(&to).with_context(|| format!("{} cannot be made", to.display()))?;
    for name in ["package.json", lock] {
        std::fs::copy(from.join(name), to.join(name)).with_context(|| format!("{name} cannot be copied"))?;
    }
    run::check(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&to),
    )?;
    std::fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Whether the programs of a server are there, where Debian has them or on the path.
fn has_postgresql() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/initdb").is_file()) || on_path("initdb")
}

fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_there_is_found_and_another_is_not() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
    }

    #[test]
    fn a_program_that_fails_or_is_absent_does_not_succeed() {
        assert!(succeeds("true", &[]));
        assert!(!succeeds("false", &[]));
        assert!(!succeeds("no-such-program-anywhere", &[]));
    }
}
