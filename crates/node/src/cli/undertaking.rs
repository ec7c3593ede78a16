//! What a node does for long when it is asked to, one of a kind at a time: begun, followed until it goes on no more, stopped.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Its state until it has come to an end.
const UNDER_WAY: &str = "under-way";

/// What a command does about it, where it does not begin one and wait.
#[derive(Debug, Args)]
pub(super) struct Way {
    /// Begin it, and do not wait for its end
    #[arg(long, conflicts_with_all = ["show", "stop"])]
    background: bool,
    /// Show the latest, without beginning one
    #[arg(long, conflicts_with = "stop")]
    show: bool,
    /// Stop the one that is under way; what it did stays done
    #[arg(long)]
    stop: bool,
}

/// How one stands, as the node tells it.
pub(super) trait Standing: DeserializeOwned {
    fn state(&self) -> &str;

    /// Moves a bar to where it is.
    fn show(&self, bar: &ProgressBar);
}

/// A kind of it.
pub(super) struct Undertaking {
    /// Where the node has it.
    pub(super) path: &'static str,
    pub(super) name: &'static str,
}

impl Undertaking {
    /// Goes that way; says whether there is a latest one to tell of then. `wanted`: what is said to begin one.
    pub(super) async fn go<S: Standing>(
        &self,
        way: &Way,
        client: &Client,
        wanted: &Value,
        bar: &ProgressBar,
    ) -> anyhow::Result<bool> {
        if way.stop {
            client.delete(self.path).await?;
            return Ok(false);
        }
        if way.show {
            return Ok(true);
        }
        let begun: Value = client.ask(client.request(Method::POST, self.path).json(wanted)).await?;
        if !way.background {
            self.follow::<S>(client, bar).await?;
        } else if client.is_json() {
            println!("{begun}");
        } else {
            let id = begun.get("id").and_then(Value::as_i64).unwrap_or_default();
            println!("{} {id} has begun", self.name);
        }
        Ok(!way.background)
    }

    async fn follow<S: Standing>(&self, client: &Client, bar: &ProgressBar) -> anyhow::Result<()> {
        loop {
            let now: S = client.get(self.path).await?;
            now.show(bar);
            if now.state() != UNDER_WAY {
                bar.finish_and_clear();
                return Ok(());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}
