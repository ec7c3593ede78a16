//! `causeway remote retrieve`: has a remote give a study, a series or an instance to the node.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it answers on the terminal")]

use std::process::ExitCode;

use anyhow::Context as _;
use causeway_core::{RemoteName, Uid};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::progress;
use crate::client::Client;

/// Most instances that are named on the terminal; `--json` names more.
const MAX_NAMED: usize = 20;

/// Have a remote give something, and check that it is here
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway remote retrieve pacs1 1.2.840.99999.1
  causeway remote retrieve pacs1 1.2.840.99999.1 1.2.840.99999.1.2 --with get
  causeway remote retrieve pacs1 1.2.840.99999.1 --with move --json

With C-MOVE the remote sends to our AE title: it must know where that is, and be allowed to store here.
Interrupted, the remote is asked to stop; what came by then stays. Exit code 1 unless everything came and is here.")]
pub(crate) struct Retrieve {
    /// The remote's name
    name: RemoteName,
    /// Study Instance UID
    study: Uid,
    /// Series Instance UID
    series: Option<Uid>,
    /// SOP Instance UID
    instance: Option<Uid>,
    /// How it is to give [default: get where it serves that, else move]
    #[arg(long, value_enum)]
    with: Option<With>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum With {
    /// C-GET: it gives on our association
    Get,
    /// C-MOVE: it sends to our AE title
    Move,
}

/// A line of the node's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Note(String),
    Progress(Counts),
    End(Value),
}

#[derive(Debug, Default, Deserialize)]
struct Counts {
    listed: Option<u64>,
    remaining: Option<u64>,
    completed: Option<u64>,
    failed: Option<u64>,
    warning: Option<u64>,
    kept: u64,
    refused: u64,
}

#[derive(Debug, Deserialize)]
struct End {
    is_well: bool,
    words: String,
    failed: Vec<Uid>,
    missing: Vec<Uid>,
}

impl Counts {
    /// Instances that are done, and how many there are, where known.
    fn position(&self) -> (u64, Option<u64>) {
        let said = [self.completed, self.failed, self.warning].into_iter().flatten().sum::<u64>();
        let done = said.max(self.kept + self.refused);
        (done, self.remaining.map(|remaining| said + remaining).max(self.listed))
    }

    /// What went less than well, in words.
    fn words(&self) -> String {
        let failed = self.failed.unwrap_or_default().max(self.refused);
        let warning = self.warning.unwrap_or_default();
        [(failed, "failed"), (warning, "with a warning")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Retrieve {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let mut wanted = serde_json::json!({ "study": self.study });
        let more = [
            ("series", self.series.as_ref().map(|uid| uid.as_str().into())),
            ("instance", self.instance.as_ref().map(|uid| uid.as_str().into())),
            ("with", self.with.map(serde_json::to_value).transpose()?),
        ];
        if let Some(members) = wanted.as_object_mut() {
            members.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        let request = client.request(Method::POST, &format!("/api/v1/remotes/{}/retrieve", self.name));
        let mut lines = client.lines(request.json(&wanted)).await?;
        let bar = progress::instances();
        let end = loop {
            match lines.next().await?.context("the node broke off its answer")? {
                Line::Note(words) => bar.suspend(|| eprintln!("{}: {words}", self.name)),
                Line::Progress(counts) => {
                    let (position, length) = counts.position();
                    bar.set_length(length.unwrap_or(position));
                    bar.set_position(position);
                    bar.set_message(counts.words());
                }
                Line::End(end) => break end,
            }
        };
        bar.finish_and_clear();
        if client.is_json() {
            println!("{end}");
        }
        let end: End = serde_json::from_value(end).context("the end of the answer cannot be read")?;
        if !client.is_json() {
            self.tell(&end);
        }
        Ok(if end.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn tell(&self, end: &End) {
        println!("{}: {}", self.name, end.words);
        for (head, uids) in [("failed there", &end.failed), ("not here", &end.missing)] {
            if !uids.is_empty() {
                println!("{head}:");
            }
            for uid in uids.iter().take(MAX_NAMED) {
                println!("  {uid}");
            }
            if uids.len() > MAX_NAMED {
                println!("  and {} more (--json names them)", uids.len() - MAX_NAMED);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_stands_where_the_remote_says_or_where_we_know_better() {
        let said = Counts {
            remaining: Some(4),
            completed: Some(3),
            failed: Some(2),
            warning: Some(1),
            ..Counts::default()
        };
        assert_eq!(said.position(), (6, Some(10)));
        assert_eq!(said.words(), "2 failed, 1 with a warning");
        let silent = Counts { listed: Some(7), kept: 2, refused: 1, ..Counts::default() };
        assert_eq!((silent.position(), silent.words()), ((3, Some(7)), "1 failed".to_owned()));
        assert_eq!(Counts::default().position(), (0, None));
    }
}
