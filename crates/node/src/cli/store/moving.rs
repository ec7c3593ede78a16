//! `causeway store move`: has a running node move its objects from one store to another, and shows how far it is.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use clap::Args;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::progress;
use crate::cli::undertaking::{Standing, Undertaking, Way};
use crate::client::{Client, Target};

/// Move objects from [store.also] to [store] while the node serves
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway store move
  causeway store move --remove
  causeway store move --background
  causeway store move --show --json
  causeway store move --stop

First name the new store in [store] and the one that has the objects in [store.also], on every node, and start the nodes anew:
what comes settles in the new one from then on, and what is in the old one is read there. Where several nodes serve meanwhile,
start each with the new store in [store.also] before that, so that all read both. Then move. Each object is copied, held
against its digest on the way, and seen to be there whole. With --remove it is removed from the old store then; without, it
stays there, and a later run with --remove copies it once more and removes it. When all is moved, take [store.also] out of the settings.

It goes on when this command is interrupted, and over restarts of the node.
Exit code 1 when it did not come to its end, or an object is damaged or was not moved: that one stays where it is.")]
pub(crate) struct Move {
    /// Remove objects from the old store once they are in the new one
    #[arg(long, conflicts_with_all = ["show", "stop"])]
    remove: bool,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Deserialize)]
struct Told {
    id: i64,
    state: String,
    from: String,
    to: String,
    all_objects: u64,
    copied: u64,
    bytes: u64,
    before: u64,
    removed: u64,
    gone: u64,
    unknown: u64,
    damaged: u64,
    failed: u64,
    damaged_objects: Vec<String>,
    words: Option<String>,
}

const PATH: &str = "/api/v1/store/move";

impl Standing for Told {
    fn state(&self) -> &str {
        &self.state
    }

    fn show(&self, bar: &ProgressBar) {
        let seen = self.copied + self.before + self.gone + self.damaged + self.failed;
        bar.set_length(self.all_objects.max(seen));
        bar.set_position(seen);
    }
}

impl Move {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let wanted = json!({ "remove": self.remove });
        let (moving, bar) = (Undertaking { path: PATH, name: "move" }, progress::objects(0));
        match moving.go::<Told>(&self.way, client, &wanted, &bar).await? {
            true => tell(client).await,
            false => Ok(ExitCode::SUCCESS),
        }
    }
}

async fn tell(client: &Client) -> anyhow::Result<ExitCode> {
    let told: Value = client.get(PATH).await?;
    let latest: Told = serde_json::from_value(told.clone())?;
    let is_well = latest.state == "done" && latest.damaged == 0 && latest.failed == 0;
    let code = if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if client.is_json() {
        println!("{told}");
        return Ok(code);
    }
    println!("move {}: {}, from {} to {}", latest.id, latest.state, latest.from, latest.to);
    if let Some(words) = &latest.words {
        println!("  {words}");
    }
    println!(
        "  {} objects copied ({} bytes), {} were there before",
        latest.copied, latest.bytes, latest.before
    );
    for (count, words) in [
        (latest.removed, "removed from the old store"),
        (latest.gone, "deleted meanwhile"),
        (latest.unknown, "of no row, left in the old store: see `causeway verify`"),
        (latest.damaged, "not what was stored, left in the old store: see `causeway verify`"),
        (latest.failed, "not read or not written, left in the old store: the log says why; move again"),
    ] {
        if count > 0 {
            println!("  {count} {words}");
        }
    }
    for object in &latest.damaged_objects {
        println!("  damaged: object {object}");
    }
    Ok(code)
}
