//! `causeway remote`: other systems.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::bail;
use causeway_core::remote::{DicomWebAddress, DimseAddress};
use causeway_core::{AeTitle, Permission, Permissions, RemoteName};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::table;
use crate::client::{Client, Target};

/// Other systems
#[derive(Debug, Args)]
pub(crate) struct Remote {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a remote, or change the one of this name
    Add(Box<Add>),
    /// All remotes
    List,
    /// One remote
    Show {
        /// Its name
        name: RemoteName,
    },
    /// Remove a remote; what waits for it stays in the queue
    Remove {
        /// Its name
        name: RemoteName,
    },
    /// Ask a remote whether it is there (C-ECHO)
    Echo {
        /// Its name
        name: RemoteName,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway remote add ct1 --ae-title CT1 --address 10.0.0.7 --allow store
  causeway remote add reader --ae-title READER --host reader.example.org --port 11112
  causeway remote add cloud --dicomweb https://pacs.example.org/dicom-web --token-file /etc/causeway/cloud.token")]
struct Add {
    /// What it is to be called: letters, digits, '-', '_', '.'
    name: RemoteName,
    /// Its AE title
    #[arg(long, value_name = "AET")]
    ae_title: Option<AeTitle>,
    /// Its host, for a remote that is called over DIMSE
    #[arg(long, requires_all = ["ae_title", "port"])]
    host: Option<String>,
    /// Its DIMSE port
    #[arg(long, requires = "host")]
    port: Option<u16>,
    /// Its DICOMweb base URL; used to send, where it is given
    #[arg(long, value_name = "URL")]
    dicomweb: Option<String>,
    /// File with the bearer token that its DICOMweb asks for
    #[arg(long, requires = "dicomweb", value_name = "FILE")]
    token_file: Option<String>,
    /// What it may do here
    #[arg(long, value_delimiter = ',', value_parser = permission, default_value = "store,query,retrieve")]
    allow: Vec<Permission>,
    /// Addresses it may call from [default: any]
    #[arg(long, value_delimiter = ',', value_name = "IP")]
    address: Vec<IpAddr>,
}

pub(super) fn permission(text: &str) -> Result<Permission, String> {
    Permission::parse(text)
        .ok_or_else(|| "one or more of store, query, retrieve, commit, delete, admin".to_owned())
}

impl Remote {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add(add) => add.run(client).await,
            Verb::List => list(client).await,
            Verb::Show { name } => {
                let remote: Value = client.get(&format!("/api/v1/remotes/{name}")).await?;
                println!("{}", serde_json::to_string_pretty(&remote)?);
                Ok(ExitCode::SUCCESS)
            }
            Verb::Remove { name } => {
                client.delete(&format!("/api/v1/remotes/{name}")).await?;
                Ok(ExitCode::SUCCESS)
            }
            Verb::Echo { name } => echo(client, &name).await,
        }
    }
}

impl Add {
    async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if self.ae_title.is_none() && self.dicomweb.is_none() {
            bail!("give --ae-title (with --host and --port where it is to be called) or --dicomweb, or both");
        }
        let remote = causeway_core::Remote {
            dimse: self.ae_title.map(|ae_title| DimseAddress {
                ae_title,
                host: self.host,
                port: self.port,
                tls: false,
            }),
            dicomweb: self.dicomweb.map(|url| DicomWebAddress { url, token_file: self.token_file }),
            allow: self.allow.into_iter().collect::<Permissions>(),
            addresses: self.address,
            ..causeway_core::Remote::named(self.name)
        };
        client.put(&format!("/api/v1/remotes/{}", remote.name), &remote).await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client) -> anyhow::Result<ExitCode> {
    let remotes: Vec<causeway_core::Remote> = client.get("/api/v1/remotes").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&remotes)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<[String; 5]> = remotes
        .iter()
        .map(|remote| {
            let dimse = remote.dimse.as_ref();
            let address = remote.dimse_peer().map(|(_, host, port)| format!("{host}:{port}"));
            [
                remote.name.to_string(),
                dimse.map(|dimse| dimse.ae_title.to_string()).unwrap_or_default(),
                address.unwrap_or_default(),
                remote.dicomweb.as_ref().map(|web| web.url.clone()).unwrap_or_default(),
                remote.allow.iter().map(Permission::as_str).collect::<Vec<_>>().join(","),
            ]
        })
        .collect();
    table::print(["NAME", "AE TITLE", "DIMSE", "DICOMWEB", "MAY"], &rows);
    Ok(ExitCode::SUCCESS)
}

async fn echo(client: &Client, name: &RemoteName) -> anyhow::Result<ExitCode> {
    let request = client.request(Method::POST, &format!("/api/v1/remotes/{name}/echo"));
    let echoed: Value = client.ask(request).await?;
    let is_well = echoed.get("is_well").and_then(Value::as_bool).unwrap_or(false);
    if client.is_json() {
        println!("{echoed}");
    } else {
        println!("{name}: {}", echoed.get("words").and_then(Value::as_str).unwrap_or_default());
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
