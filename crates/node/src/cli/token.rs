//! `causeway token`: bearer tokens for the web.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use causeway_catalog::TokenRecord;
use causeway_core::{Clock, PatientKey, Permission, RemoteName, Scope, SystemClock, Uid};
use clap::{ArgGroup, Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::permission;
use super::table;
use crate::client::{Client, Target};
use crate::compose;
use crate::config::Settings;

/// Bearer tokens for the web
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a token and print it; it cannot be shown again
    #[command(after_help = "Examples:
  causeway token add viewer --allow query,retrieve
  causeway token add family --allow query,retrieve --patient 4711^^^ST-ANNA
  causeway token add trial --allow query,retrieve --study 1.2.840.1 --study 1.2.840.2
  causeway token add first --allow admin,query,retrieve,store --data /var/lib/causeway   (node not running)
  causeway token add first --allow admin,query,retrieve,store --config /etc/causeway/causeway.toml   (the same)")]
    Add {
        /// What it is to be called
        name: RemoteName,
        /// What its bearer may do: store, query, retrieve, commit, worklist, delete, admin
        #[arg(long, value_delimiter = ',', value_parser = permission, required = true)]
        allow: Vec<Permission>,
        #[command(flatten)]
        sees: SeesArgs,
        #[command(flatten)]
        alone: AloneArgs,
    },
    /// All tokens, without their secrets
    List,
    /// Remove a token; it is refused from then on
    Remove {
        /// Its name
        name: RemoteName,
    },
}

/// Whose catalog it is written into without asking the node, which is not running
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("place").args(["config", "data"]).multiple(true)))]
struct AloneArgs {
    /// Write it into the catalog of a node that is not running, with this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write it into the catalog of a node that is not running, with this data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Of a node that is not running: leave a token be that has this name, for scripts that run again
    #[arg(long, requires = "place")]
    once: bool,
}

impl AloneArgs {
    const fn is_asked_for(&self) -> bool {
        self.config.is_some() || self.data.is_some()
    }

    /// The settings as the node would read them.
    fn settings(&self) -> anyhow::Result<Settings> {
        let data = self.data.iter().map(|path| ("node", "data", path.display().to_string()));
        Settings::read(self.config.as_deref(), std::env::vars(), &data.collect::<Vec<_>>())
    }
}

/// What its bearer sees, if not everything
#[derive(Debug, Args)]
struct SeesArgs {
    /// Show this study only, by its UID; what is given more than once, or beside others, adds up
    #[arg(long, value_name = "UID", value_parser = uid)]
    study: Vec<Uid>,
    /// Show the studies of this patient only: ID, or ID^^^ISSUER where data sets have an Issuer of Patient ID
    #[arg(long, value_name = "ID", value_parser = patient)]
    patient: Vec<PatientKey>,
    /// Show the studies only that began with an instance from this remote
    #[arg(long, value_name = "REMOTE")]
    from: Vec<RemoteName>,
}

impl SeesArgs {
    /// None where nothing was given: everything is seen.
    fn scope(self) -> Option<Scope> {
        let Self { study, patient, from } = self;
        let scope = Scope { studies: study, patients: patient, remotes: from };
        (scope != Scope::default()).then_some(scope)
    }
}

fn uid(text: &str) -> Result<Uid, String> {
    Uid::parse(text).map_err(|error| error.to_string())
}

fn patient(text: &str) -> Result<PatientKey, String> {
    PatientKey::parse(text).map_err(|error| error.to_string())
}

impl Token {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let Self { verb, target } = self;
        match verb {
            Verb::Add { name, allow, sees, alone } if alone.is_asked_for() => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(add_alone(alone, &name, allow, sees.scope()))
            }
            verb => super::with_client(target, async |client| online(client, verb).await),
        }
    }
}

async fn online(client: &Client, verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Add { name, allow, sees, .. } => {
            let request = client.request(Method::PUT, &format!("/api/v1/tokens/{name}"));
            let made: Value =
                client.ask(request.json(&json!({ "allow": allow, "sees": sees.scope() }))).await?;
            if client.is_json() {
                println!("{made}");
            } else {
                println!("{}", made.get("token").and_then(Value::as_str).unwrap_or_default());
            }
        }
        Verb::List => {
            let tokens: Vec<Value> = client.get("/api/v1/tokens").await?;
            if client.is_json() {
                println!("{}", serde_json::to_string(&tokens)?);
                return Ok(ExitCode::SUCCESS);
            }
            let text = |token: &Value, key: &str| token.get(key).map(ToString::to_string).unwrap_or_default();
            let rows: Vec<[String; 3]> = tokens
                .iter()
                .map(|token| {
                    [
                        text(token, "name").replace('"', ""),
                        text(token, "allow").replace(['"', '[', ']'], ""),
                        sees(token),
                    ]
                })
                .collect();
            table::print(["NAME", "MAY", "SEES"], &rows);
        }
        Verb::Remove { name } => client.delete(&format!("/api/v1/tokens/{name}")).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What a token shows, in words.
fn sees(token: &Value) -> String {
    let scope = token.get("sees").cloned().map(serde_json::from_value::<Scope>);
    match scope {
        None => "everything".to_owned(),
        Some(scope) => scope.map_or_else(|_| "?".to_owned(), |scope| scope.to_string()),
    }
}

/// For the first start of a node that others can reach: it needs a token before it runs.
async fn add_alone(
    alone: AloneArgs,
    name: &RemoteName,
    allow: Vec<Permission>,
    scope: Option<Scope>,
) -> anyhow::Result<ExitCode> {
    if scope.is_some() && allow.contains(&Permission::Admin) {
        bail!("who does not see everything cannot be an administrator");
    }
    if let Some(scope) = &scope {
        scope.check()?;
    }
    let settings = alone.settings()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // A node that runs holds its spool, and would not hear of the token at once: it is asked.
    let held = compose::open_store(&settings).await;
    let _held = held.context("is the node running? then leave out --config and --data")?;
    let catalog = compose::open_catalog(&settings, &clock).await?;
    if alone.once && catalog.tokens().await?.iter().any(|token| token.name == name.as_str()) {
        eprintln!("there is a token {name} already; it stays as it is");
        return Ok(ExitCode::SUCCESS);
    }
    let (secret, sha256) = causeway_archive::tokens::new_secret();
    let record = TokenRecord {
        name: name.to_string(),
        sha256,
        permissions: allow.into_iter().collect(),
        sight: scope.into(),
    };
    catalog.put_token(record, "local").await?;
    println!("{secret}");
    Ok(ExitCode::SUCCESS)
}
