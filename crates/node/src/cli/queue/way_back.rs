//! `causeway queue way-back`: copies under the original identity that are due of what came back.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use causeway_core::Uid;
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::cli::table::{self, text};
use crate::client::Client;

/// All of them, or one and what is to become of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway queue way-back
  causeway queue way-back --retry 2.25.123
  causeway queue way-back --discard 2.25.123")]
pub(super) struct WayBack {
    /// Try the copy of this instance again at once
    #[arg(long, value_name = "UID", conflicts_with = "discard")]
    retry: Option<Uid>,
    /// Make no copy of this instance; it stays as it came
    #[arg(long, value_name = "UID")]
    discard: Option<Uid>,
}

impl WayBack {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<()> {
        if let Some(instance) = self.retry {
            let request = client.request(Method::POST, &format!("/api/v1/way-back/{instance}/retry"));
            return client.tell(request).await;
        }
        if let Some(instance) = self.discard {
            return client.delete(&format!("/api/v1/way-back/{instance}")).await;
        }
        list(client).await
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let due: Vec<Value> = client.get("/api/v1/way-back").await?;
    if client.is_json() {
        println!("{}", serde_json::to_string(&due)?);
        return Ok(());
    }
    let paths = ["/instance", "/remote", "/study", "/attempts", "/next_at", "/words"];
    let rows: Vec<[String; 6]> = due.iter().map(|it| paths.map(|path| text(it, path))).collect();
    table::print(["INSTANCE", "FROM", "STUDY", "ATTEMPTS", "NEXT", "BECAUSE"], &rows);
    Ok(())
}
