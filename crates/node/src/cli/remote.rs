//! `causeway remote`: other systems.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

mod find;
mod retrieve;
mod send;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use causeway_core::bandwidth::Limit;
use causeway_core::identity::{Proof, UserName};
use causeway_core::remote::{DicomWebAddress, DimseAddress, Follow, Sees};
use causeway_core::{
    AeTitle, Bandwidth, Credentials, Fingerprint, Identity, Network, Permission, Permissions, Quirk,
    RemoteName,
};
use causeway_tls::Certificate;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::table;
use crate::client::{Client, Target};
pub(super) use find::Find;
pub(super) use retrieve::Retrieve;

/// Other systems
#[derive(Debug, Args)]
pub(crate) struct Remote {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// A verb that is also known by its own name
#[derive(Debug, Args)]
pub(crate) struct Alone<T: Args> {
    #[command(flatten)]
    pub(crate) verb: T,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a remote, or change the one of this name
    Add(Box<Add>),
    /// All remotes
    List,
    /// One remote, with what it was found to take and to refuse when it was sent to
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
    /// Ask a remote what it has (C-FIND)
    Find(Find),
    /// Have a remote give a study, a series or an instance (C-GET, C-MOVE), and check that it is here
    Retrieve(Retrieve),
    /// Send folders, files and zip archives to a remote (C-STORE); the node keeps nothing
    Send(send::Send),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway remote add ct1 --ae-title CT1 --address 10.0.0.7 --allow store
  causeway remote add ward --ae-title WARD --address 10.1.0.0/16 --user ward --passcode-file ward.txt
  causeway remote add practice --ae-title PRACTICE --address 10.9.0.4 --allow store,query,retrieve --sees own
  causeway remote add reader --ae-title READER --host reader.example.org --port 11112
  causeway remote add trial --ae-title TRIAL --host trial.example.org --port 104 --allow store --transform trial
  causeway remote add safe --ae-title SAFE --host safe.example.org --port 2762 --tls --certificate safe.pem
  causeway remote add far --ae-title FAR --host far --port 104 --bandwidth 'Mon-Fri 07:00-19:00=5Mbit/s'
  causeway remote add vault --ae-title VAULT --host vault --port 104 --commitment
  causeway remote add pacs1 --ae-title PACS1 --host pacs1 --port 104 --destination reader --quirk small-pdus
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
    /// Call it over TLS
    #[arg(long, requires = "host")]
    tls: bool,
    /// A certificate of its own, as a PEM file or a fingerprint (SHA256:…); given, it is known by it alone, and must
    /// present one of those given when it calls and when it is called
    #[arg(long, value_name = "FILE|SHA256", value_parser = certificate, requires = "ae_title")]
    certificate: Vec<Fingerprint>,
    /// Its DICOMweb base URL; used to send, where it is given
    #[arg(long, value_name = "URL")]
    dicomweb: Option<String>,
    /// File with the bearer token that its DICOMweb asks for
    #[arg(long, requires = "dicomweb", value_name = "FILE")]
    token_file: Option<String>,
    /// What it may do here
    #[arg(long, value_delimiter = ',', value_parser = permission, default_value = "store,query,retrieve")]
    allow: Vec<Permission>,
    /// Which studies it sees: everything, or its own, that began with an instance from it; then it adds to no other
    #[arg(long, value_name = "everything|own", value_parser = sees, default_value = "everything")]
    sees: Sees,
    /// The transform through which it is given instances, see `causeway transform`; it goes with --allow store
    #[arg(long, value_name = "NAME")]
    transform: Option<RemoteName>,
    /// Addresses and networks it may call from [default: any]
    #[arg(long, value_delimiter = ',', value_name = "IP[/BITS]")]
    address: Vec<Network>,
    /// Associations that it may have open at once [default: as many as anyone]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    associations: Option<u32>,
    /// A remote to which it may have instances moved (C-MOVE); may be given more than once [default: any]
    #[arg(long, value_name = "NAME")]
    destination: Vec<RemoteName>,
    /// What it cannot bear
    #[arg(long, value_delimiter = ',', value_parser = quirk)]
    quirk: Vec<Quirk>,
    /// Ask it to commit to what it was sent by C-STORE (storage commitment), and say so of each instance
    #[arg(long, requires = "host", conflicts_with = "dicomweb")]
    commitment: bool,
    /// Do not ask it what it lists of what it was sent over DICOMweb; else it is asked by QIDO-RS, and what is listed
    /// counts as committed
    #[arg(long, requires = "dicomweb")]
    no_count: bool,
    /// Tell it of each study that came, once no more of it comes (Instance Availability Notification)
    #[arg(long, requires = "host")]
    availability: bool,
    /// Lines on which it is sent to at once, associations or requests [default: as many as its distance is worth]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    lines: Option<u32>,
    /// Most that may go to it in a second: 20Mbit/s, or by the hour 'Mon-Fri 07:00-19:00 Europe/Berlin=5Mbit/s'; may be
    /// given more than once [default: as much as the line takes]
    #[arg(long, value_name = "[WHEN=]RATE")]
    bandwidth: Vec<Limit>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    credentials: CredentialsArgs,
}

/// Who it must show to be
#[derive(Debug, Args)]
struct IdentityArgs {
    /// User that it must show to be when it calls [default: not asked]
    #[arg(long, value_name = "NAME", requires = "ae_title")]
    user: Option<UserName>,
    /// File with the passcode that the user must give; only its hash is kept
    #[arg(
        long,
        alias = "password-file",
        requires = "user",
        value_name = "FILE",
        conflicts_with = "user_token"
    )]
    passcode_file: Option<PathBuf>,
    /// The user must be the subject of a JSON Web Token that [dimse.identity] has the keys for
    #[arg(long, requires = "user")]
    user_token: bool,
}

/// Who we say to be
#[derive(Debug, Args)]
struct CredentialsArgs {
    /// User that we say to be when we call it
    #[arg(long, value_name = "NAME", requires = "ae_title", conflicts_with = "our_token_file")]
    our_user: Option<UserName>,
    /// File, on the node's machine, with the passcode that we give
    #[arg(long, alias = "our-password-file", requires = "our_user", value_name = "FILE")]
    our_passcode_file: Option<String>,
    /// File, on the node's machine, with the JSON Web Token that we give
    #[arg(long, requires = "ae_title", value_name = "FILE")]
    our_token_file: Option<String>,
}

pub(super) fn permission(text: &str) -> Result<Permission, String> {
    let names = || Permission::ALL.map(Permission::as_str).join(", ");
    Permission::parse(text).ok_or_else(|| format!("one or more of {}", names()))
}

fn sees(text: &str) -> Result<Sees, String> {
    match text {
        "everything" => Ok(Sees::Everything),
        "own" => Ok(Sees::Own),
        _ => Err("everything or own".to_owned()),
    }
}

/// A fingerprint as it is written, or that of the first certificate in a file.
fn certificate(text: &str) -> Result<Fingerprint, String> {
    if let Ok(fingerprint) = text.parse() {
        return Ok(fingerprint);
    }
    let certificates = Certificate::in_file(Path::new(text)).map_err(|error| error.to_string())?;
    certificates.first().map(|first| first.fingerprint).ok_or_else(|| format!("{text} holds no certificate"))
}

fn quirk(text: &str) -> Result<Quirk, String> {
    let known = || Quirk::ALL.map(|quirk| format!("\n  {quirk}: {}", quirk.words())).concat();
    Quirk::parse(text).ok_or_else(|| format!("one or more of{}", known()))
}

impl IdentityArgs {
    /// What is kept: of a passcode its hash, made here so that it goes no further.
    fn identity(self) -> anyhow::Result<Option<Identity>> {
        let Some(user) = self.user else { return Ok(None) };
        let proof = match self.passcode_file {
            Some(file) => {
                let passcode =
                    std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
                let end = passcode.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
                let passcode = end.and_then(|end| passcode.get(..=end)).unwrap_or_default();
                let hashed = causeway_archive::identity::hash(passcode);
                Proof::Passcode(hashed.with_context(|| format!("in {}", file.display()))?)
            }
            None if self.user_token => Proof::Token,
            None => Proof::Name,
        };
        Ok(Some(Identity { user, proof }))
    }
}

impl CredentialsArgs {
    fn credentials(self) -> Option<Credentials> {
        let user = |name| Credentials::User { name, passcode_file: self.our_passcode_file };
        self.our_user.map(user).or_else(|| self.our_token_file.map(|file| Credentials::Token { file }))
    }
}

impl Remote {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Add(add) => add.run(client).await,
            Verb::List => list(client).await,
            Verb::Show { name } => {
                let mut remote: Value = client.get(&format!("/api/v1/remotes/{name}")).await?;
                let found: Value = client.get(&format!("/api/v1/remotes/{name}/acceptances")).await?;
                // As it is kept, and what it was found to take when it was sent to.
                if let Some(members) = remote.as_object_mut()
                    && found.as_array().is_some_and(|found| !found.is_empty())
                {
                    members.insert("acceptances".to_owned(), found);
                }
                println!("{}", serde_json::to_string_pretty(&remote)?);
                Ok(ExitCode::SUCCESS)
            }
            Verb::Remove { name } => {
                client.delete(&format!("/api/v1/remotes/{name}")).await?;
                Ok(ExitCode::SUCCESS)
            }
            Verb::Echo { name } => echo(client, &name).await,
            Verb::Find(find) => find.run(client).await,
            Verb::Retrieve(retrieve) => retrieve.run(client).await,
            Verb::Send(send) => send.run(client).await,
        }
    }
}

/// Whether the node has a link to a remote of this name.
async fn is_paired(client: &Client, name: &RemoteName) -> bool {
    let known = client.get::<Value>(&format!("/api/v1/remotes/{name}")).await;
    known.is_ok_and(|remote| remote.get("link").is_some_and(|link| !link.is_null()))
}

impl Add {
    async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        if self.ae_title.is_none() && self.dicomweb.is_none() && !is_paired(client, &self.name).await {
            bail!(
                "give --ae-title (with --host and --port where it is to be called) or --dicomweb, or both; only a remote \
                 that was paired (`causeway link`) needs neither"
            );
        }
        let remote = causeway_core::Remote {
            dimse: self.ae_title.map(|ae_title| DimseAddress {
                ae_title,
                host: self.host,
                port: self.port,
                tls: self.tls,
            }),
            dicomweb: self.dicomweb.map(|url| DicomWebAddress { url, token_file: self.token_file }),
            allow: self.allow.into_iter().collect::<Permissions>(),
            addresses: self.address,
            certificates: self.certificate,
            destinations: self.destination,
            associations: self.associations,
            quirks: self.quirk.into_iter().collect(),
            identity: self.identity.identity()?,
            credentials: self.credentials.credentials(),
            sees: self.sees,
            transform: self.transform,
            follow: Follow {
                commitment: self.commitment,
                availability: self.availability,
                no_count: self.no_count,
            },
            lines: self.lines,
            bandwidth: Bandwidth::new(self.bandwidth)?,
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
            let tls = if dimse.is_some_and(|dimse| dimse.tls) { " TLS" } else { "" };
            let address = remote.dimse_peer().map(|(_, host, port)| format!("{host}:{port}{tls}"));
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
