//! The two nodes of the demonstration: their folder, their ports, the remote and the route between them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use causeway_core::remote::DimseAddress;
use causeway_core::{AeTitle, Permission, Principal, Remote, RemoteName, Trigger};
use causeway_forward::RouteRecord;

use crate::compose::{self, Running};
use crate::config::Settings;

/// Seconds of quiet after which the study goes on.
const QUIET_SECONDS: u32 = 2;

/// The folder of both nodes; a temporary one goes when this goes.
pub(super) enum Folder {
    Given(PathBuf),
    Temporary(PathBuf),
}

impl Folder {
    pub(super) fn new(given: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            return Ok(Self::Given(path));
        }
        let path = std::env::temp_dir().join(format!("causeway-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self::Temporary(path))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Given(path) | Self::Temporary(path) => path,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            // It holds made-up patients only; a rest of it in the system's folder for such things harms nobody.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Starts READER, then HOSPITAL with a route to it.
pub(super) async fn start(folder: &Path, dimse: u16, web: u16) -> anyhow::Result<(Running, Running)> {
    let (hospital_dimse, hospital_web) = (free(dimse)?, free(web)?);
    let (reader_dimse, reader_web) =
        (free(hospital_dimse.port().saturating_add(1))?, free(hospital_web.port().saturating_add(1))?);
    let reader = compose::start(settings(folder, "READER", reader_dimse, reader_web)?).await?;
    let hospital = compose::start(settings(folder, "HOSPITAL", hospital_dimse, hospital_web)?).await?;
    let local = Principal::local();
    let name: RemoteName = "reader".parse()?;
    let remote = Remote {
        dimse: Some(DimseAddress {
            ae_title: AeTitle::parse("READER")?,
            host: Some(reader.dimse.ip().to_string()),
            port: Some(reader.dimse.port()),
            tls: false,
        }),
        allow: [Permission::Store, Permission::Query, Permission::Retrieve].into_iter().collect(),
        ..Remote::named(name.clone())
    };
    hospital.archive.put_remote(&local, remote).await?;
    let trigger = Trigger::Study { quiet_seconds: QUIET_SECONDS };
    let route = RouteRecord::plain("second-opinion".parse()?, "true", name, trigger);
    hospital.forwarder.put_route(&local, route).await?;
    Ok((hospital, reader))
}

fn settings(folder: &Path, ae_title: &str, dimse: SocketAddr, web: SocketAddr) -> anyhow::Result<Settings> {
    let data = folder.join(ae_title.to_lowercase()).display().to_string();
    let flags = [
        ("node", "ae_title", ae_title.to_owned()),
        ("node", "data", data),
        ("dimse", "listen", dimse.to_string()),
        ("web", "listen", web.to_string()),
    ];
    Settings::read(None, std::iter::empty(), &flags)
}

/// The first free port of this machine's own address from `port` on.
fn free(port: u16) -> anyhow::Result<SocketAddr> {
    let addresses = (port..=u16::MAX).take(200).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let free = addresses.into_iter().find(|address| TcpListener::bind(address).is_ok());
    free.with_context(|| format!("no free port from {port} on"))
}
