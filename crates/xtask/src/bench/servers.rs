//! The servers that are measured: each on free ports of the loopback address, with its data in a folder of its own.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::http::{Client, Request};
use super::process::{self, Guard, free_port, pause, tail};
use super::report::Name;
use crate::run;

const START_MAX: Duration = Duration::from_secs(30);
/// Longer than any answer that is still worth a figure.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A server that runs; it ends when this value goes.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: Name,
    pub(super) ae_title: &'static str,
    pub(super) dimse_port: u16,
    /// Absent for one that knows DIMSE only.
    pub(super) web_port: Option<u16>,
    guard: Guard,
}

/// AE title of the receiver that servers with a web door may move to.
pub(super) const SINK: &str = "SINK";

/// Root of the DICOMweb services, the same for both that have them.
pub(super) const DICOMWEB: &str = "/dicom-web";

impl Server {
    /// Our node: the program `binary`. It knows [`SINK`] at `sink_port`.
    pub(super) fn causeway(binary: &Path, folder: &Path, sink_port: u16) -> Result<Self> {
        Self::causeway_with(binary, folder, sink_port, &[])
    }

    /// The same with further settings, as the environment names them.
    pub(super) fn causeway_with(
        binary: &Path,
        folder: &Path,
        sink_port: u16,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let (dimse, web) = (free_port()?, free_port()?);
        let mut command = process::server(binary.as_os_str());
        command
            .arg("serve")
            .arg("--data")
            .arg(folder.join("causeway"))
            .args(["--ae-title", "CAUSEWAY"])
            .args(["--dimse-listen", &format!("127.0.0.1:{dimse}")])
            .args(["--web-listen", &format!("127.0.0.1:{web}")])
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .current_dir(folder);
        let ports = (dimse, Some(web));
        let server = start(Name::Causeway, "CAUSEWAY", ports, Some("/health/ready"), &mut command, folder)?;
        let mut remote = Command::new(binary);
        remote.args(["remote", "add", "sink", "--ae-title", SINK, "--host", "127.0.0.1", "--port"]);
        remote.arg(sink_port.to_string()).args(["--url", &format!("http://127.0.0.1:{web}")]);
        run::check(&mut remote)?;
        Ok(server)
    }

    /// Orthanc with its DICOMweb plugin, as packaged: uncompressed files, each synced, as ours are; everything
    /// else as it comes, but for a thread for each association that we open.
    pub(super) fn orthanc(folder: &Path, sink_port: u16) -> Result<Self> {
        let (dimse, web) = (free_port()?, free_port()?);
        let configuration = json!({
            "Name": "BENCH",
            "StorageDirectory": folder.join("orthanc"),
            "IndexDirectory": folder.join("orthanc"),
            "Plugins": [orthanc_plugin()?],
            "StorageCompression": false,
            "SyncStorageArea": true,
            "DicomAet": "ORTHANC",
            "DicomPort": dimse,
            "DicomCheckCalledAet": false,
            "DicomAlwaysAllowStore": true,
            "DicomAlwaysAllowFind": true,
            "DicomAlwaysAllowGet": true,
            "DicomAlwaysAllowMove": true,
            "DicomModalities": { "sink": [SINK, "127.0.0.1", sink_port] },
            "DicomThreadsCount": 16,
            "HttpPort": web,
            "RemoteAccessAllowed": false,
            "AuthenticationEnabled": false,
            "KeepAlive": true,
            "TcpNoDelay": true,
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let file = folder.join("orthanc.json");
        std::fs::write(&file, configuration.to_string())
            .with_context(|| format!("{} cannot be written", file.display()))?;
        let mut command = process::server(orthanc_program().as_ref());
        command.arg(&file).current_dir(folder);
        start(Name::Orthanc, "ORTHANC", (dimse, Some(web)), Some("/system"), &mut command, folder)
    }

    /// DCMTK's `storescp`: writes files, without an index and without syncing them.
    pub(super) fn storescp(folder: &Path) -> Result<Self> {
        let dimse = free_port()?;
        let data = folder.join("storescp");
        std::fs::create_dir_all(&data).with_context(|| format!("{} cannot be made", data.display()))?;
        let mut command = process::server("storescp".as_ref());
        command
            .args(["--quiet", "--fork", "-dhl", "--aetitle", "STORESCP", "--output-directory"])
            .arg(&data)
            .arg(dimse.to_string());
        start(Name::Storescp, "STORESCP", (dimse, None), None, &mut command, folder)
    }

    /// A client of its DICOMweb services.
    pub(super) fn client(&self, timeout: Duration) -> Result<Client> {
        let port = self.web_port.with_context(|| format!("{} has no web server", self.name.as_str()))?;
        Ok(Client::new(port, timeout))
    }

    /// The most memory it has held, in bytes.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        self.guard.peak_bytes()
    }
}

/// Starts `command` and waits until its ports answer, and `ready` with 200.
fn start(
    name: Name,
    ae_title: &'static str,
    (dimse_port, web_port): (u16, Option<u16>),
    ready: Option<&str>,
    command: &mut Command,
    folder: &Path,
) -> Result<Server> {
    let log = folder.join(format!("{}.log", name.as_str()));
    // Nagle's algorithm in DCMTK costs 40 ms a message and would hide every server behind it.
    let guard = Guard::start(command.env("TCP_NODELAY", "1"), &log)?;
    let mut server = Server { name, ae_title, dimse_port, web_port, guard };
    let end = Instant::now() + START_MAX;
    while Instant::now() < end {
        if let Some(status) = server.guard.ended()? {
            bail!("{} ended at once with {status}:\n{}", name.as_str(), tail(&log));
        }
        if answers(&server, ready) {
            return Ok(server);
        }
        pause(Duration::from_millis(20));
    }
    bail!("{} did not serve within {} s:\n{}", name.as_str(), START_MAX.as_secs(), tail(&log));
}

fn answers(server: &Server, ready: Option<&str>) -> bool {
    let web = ready.is_none_or(|path| {
        let request = Request { path, accept: "*/*", ..Request::default() };
        let answer = server.client(Duration::from_secs(2)).and_then(|mut client| client.send(&request));
        answer.is_ok_and(|answer| answer.status == 200)
    });
    web && TcpStream::connect(("127.0.0.1", server.dimse_port)).is_ok()
}

fn orthanc_program() -> &'static str {
    // Debian puts it where only an administrator's path looks.
    const BESIDE_THE_PATH: &str = "/usr/sbin/Orthanc";
    if Path::new(BESIDE_THE_PATH).exists() { BESIDE_THE_PATH } else { "Orthanc" }
}

fn orthanc_plugin() -> Result<PathBuf> {
    ["/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins", "/usr/local/share/orthanc/plugins"]
        .iter()
        .map(|folder| Path::new(folder).join("libOrthancDicomWeb.so"))
        .find(|path| path.exists())
        .context("Orthanc's DICOMweb plugin is missing: apt-get install orthanc-dicomweb")
}

/// The first line in which a program says its version.
pub(super) fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("absent").trim_matches(['$', ' ']).to_owned()
}

/// What stands beside ours in this run.
pub(super) fn versions() -> serde_json::Value {
    json!({ "orthanc": version(orthanc_program()), "storescp": version("storescp"), "storescu": version("storescu") })
}
