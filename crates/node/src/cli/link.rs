//! `causeway link`: pairing with another Causeway node.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use causeway_core::RemoteName;
use causeway_core::link::code::InviteCode;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::table;
use crate::client::{Client, Target};

/// Links to other Causeway nodes
#[derive(Debug, Args)]
#[command(after_help = "One node invites, the other accepts; then they are remotes of each other:
  reader$    causeway link invite hospital-a --public-url https://reader.example
  hospital$  causeway link accept causeway1.AbC… --name reader
  hospital$  causeway route add all --when true --to reader
Only the node that accepts calls the other; it collects what the other has for it.
`causeway remote remove NAME` ends the link.")]
pub(crate) struct Link {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Invite a node: prints a code to accept there, which is good once and is not shown again
    #[command(after_help = "Examples:
  causeway link invite hospital-a
  causeway link invite hospital-a --expires 7d --public-url https://reader.example")]
    Invite {
        /// What the other node is to be called here
        name: RemoteName,
        /// For how long the code is good: a number with s, m, h or d, at most 30d
        #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "24h")]
        expires: u64,
        /// Root URL of this node as the other sees it [default: that of [web] public_url]
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
    },
    /// All invitations: until when each is good, and who took it up
    Invites,
    /// Revoke an invitation; who took it up stays paired
    Revoke {
        /// For whom it is
        name: RemoteName,
    },
    /// How a link stands: whether its node is there, and the receipts of which both ends know
    #[command(after_help = "Example:
  causeway link show reader")]
    Show {
        /// What the other node is called here
        name: RemoteName,
    },
    /// Accept an invitation: its node is a remote from then on
    #[command(after_help = "Example:
  causeway link accept causeway1.AbC… --name reader")]
    Accept {
        /// The code as it was printed
        #[arg(value_parser = code)]
        code: String,
        /// What the node that invited is to be called here
        #[arg(long)]
        name: RemoteName,
    },
}

/// The code as it is, once it is known to be whole.
fn code(text: &str) -> Result<String, String> {
    text.parse::<InviteCode>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "a number with s, m, h or d, such as 24h".to_owned();
    let (at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let one = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text.get(..at).unwrap_or_default().parse().map_err(|_| wrong())?;
    number.checked_mul(one).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

impl Link {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Invite { name, expires, public_url } => {
                let request = client.request(Method::PUT, &format!("/api/v1/link/invites/{name}"));
                let wanted = json!({ "expires_seconds": expires, "url": public_url });
                let made: Value = client.ask(request.json(&wanted)).await?;
                say(client, &made, made.get("code").and_then(Value::as_str).unwrap_or_default());
            }
            Verb::Invites => {
                let invites: Vec<Value> = client.get("/api/v1/link/invites").await?;
                if client.is_json() {
                    println!("{}", serde_json::to_string(&invites)?);
                } else {
                    let rows: Vec<[String; 3]> = invites.iter().map(row).collect();
                    table::print(["NAME", "GOOD UNTIL", "USED BY"], &rows);
                }
            }
            Verb::Revoke { name } => client.delete(&format!("/api/v1/link/invites/{name}")).await?,
            Verb::Show { name } => {
                let report: Value = client.get(&format!("/api/v1/link/{name}")).await?;
                say(client, &report, &told(&report));
            }
            Verb::Accept { code, name } => {
                let request = client.request(Method::POST, "/api/v1/link/accept");
                let told: Value = client.ask(request.json(&json!({ "code": code, "name": name }))).await?;
                let called = told.get("called").and_then(Value::as_str).unwrap_or_default();
                say(client, &told, &format!("paired: it is {name} here, this node is {called} there"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn say(client: &Client, document: &Value, words: &str) {
    if client.is_json() {
        println!("{document}");
    } else {
        println!("{words}");
    }
}

/// A link in words.
fn told(report: &Value) -> String {
    let text = |path: &str| match report.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    let (url, seen) = (text("/url"), text("/collects/last_seen"));
    let way = match text("/collects/is_there").as_str() {
        "true" => "it calls, and is there".to_owned(),
        "false" if seen.is_empty() => "it calls, and was not seen since this node was started".to_owned(),
        "false" => format!("it calls, and was last seen at {seen}"),
        _ if url.is_empty() => "it calls; what is for it goes another way".to_owned(),
        _ => format!("called at {url}"),
    };
    let receipts = |what: &str, side: &str| {
        let [count, known, at] =
            ["receipts", "acknowledged", "last_acknowledged_at"].map(|key| text(&format!("/{side}/{key}")));
        let last = if at.is_empty() { String::new() } else { format!(", the last at {at}") };
        format!("{what}: {count} receipts, {known} of them acknowledged{last}")
    };
    let [name, node] = [text("/name"), text("/node")];
    let (sent, received) = (receipts("sent to it", "sent"), receipts("received from it", "received"));
    format!("{name} is node {node}; {way}\n{sent}\n{received}")
}

fn row(invite: &Value) -> [String; 3] {
    ["name", "expires_at", "used_by"]
        .map(|key| invite.get(key).and_then(Value::as_str).unwrap_or("-").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_are_not_nothing() {
        assert_eq!(seconds("24h"), Ok(86_400));
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("90s"), Ok(90));
        for wrong in ["", "h", "0h", "1", "-1h", "1w", "99999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
