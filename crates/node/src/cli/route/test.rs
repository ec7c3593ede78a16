//! `causeway route test`: what a draft would have done.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use clap::Args;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;

use super::names;
use super::terms::Terms;
use crate::cli::table::{self, text};
use crate::client::Client;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway route test neuro --when 'Modality == \"MR\"' --to reader
  causeway route test all --when true --to reader --stop --since 7d

A draft of the name of a route takes its place, one of a new name comes after all others.")]
pub(super) struct Test {
    #[command(flatten)]
    draft: Terms,
    /// How far back to look: 90m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = back)]
    since: u64,
}

/// A span of time, in seconds.
fn back(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no span of time; one is written as 90m, 24h or 7d");
    let (hours, text) = match text.strip_suffix('d') {
        Some(days) => (days.parse::<i64>().map_err(|_| wrong())?.saturating_mul(24), "0s"),
        None => (0, text),
    };
    let span: SignedDuration = text.parse().map_err(|_| wrong())?;
    u64::try_from(span.as_secs().saturating_add(hours.saturating_mul(3600))).map_err(|_| wrong())
}

impl Test {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let draft = self.draft.record()?;
        let path = format!("/api/v1/routes/{}/rehearsal", draft.name);
        let request = client.request(Method::POST, &path).query(&[("since", self.since)]).json(&draft);
        let told: Value = client.ask(request).await?;
        if client.is_json() {
            println!("{told}");
            return Ok(());
        }
        let cut = if told.get("is_cut") == Some(&Value::Bool(true)) { ", the latest of them" } else { "" };
        println!("{} instances came{cut}", text(&told, "/instances"));
        let rows = |key: &str| told.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let sends: Vec<[String; 4]> = rows("sends")
            .iter()
            .map(|sent| ["/route", "/remote", "/before", "/after"].map(|key| text(sent, key)))
            .collect();
        println!();
        table::print(["ROUTE", "TO", "AS IT IS", "WITH THE DRAFT"], &sends);
        let studies: Vec<[String; 3]> = rows("studies")
            .iter()
            .map(|sent| [text(sent, "/study"), text(sent, "/instances"), names(sent, "to")])
            .collect();
        println!();
        table::print(["STUDY", "INSTANCES BY THE DRAFT", "TO"], &studies);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::back;

    #[test]
    fn spans_of_time_are_read_as_people_write_them() {
        assert_eq!(back("90m"), Ok(5_400));
        assert_eq!(back("24h"), Ok(86_400));
        assert_eq!(back("7d"), Ok(604_800));
        for wrong in ["", "7", "d", "-1h", "x"] {
            assert!(back(wrong).is_err(), "{wrong}");
        }
    }
}
