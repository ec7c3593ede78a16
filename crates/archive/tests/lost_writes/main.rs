//! Losses of power, thousands of them: after each, the real store, catalog and replay begin from what a weak file system
//! may have left, and what is there must be what those who asked were told. A failure names its seed.
//!
//! `CAUSEWAY_STORIES` says how many stories are told, `CAUSEWAY_SEED` where they begin.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]
#![expect(clippy::print_stdout, reason = "what was tried, for whoever asks")]

#[path = "../common/mod.rs"]
mod common;
mod journal;
mod node;
mod random;
mod story;

use std::collections::BTreeSet;

use journal::{Broken, Journal, Left};
use node::{Items, Node, folder};
use random::Random;
use story::{Allowed, Story};

/// Losses of power in one story.
const LOSSES: usize = 25;
/// Stories in one run; ten of them find each thing that may be broken.
const STORIES: u64 = 40;
const STORIES_UNTIL_FOUND_MAX: u64 = 200;

/// Numbers of a run.
#[derive(Default)]
struct Count {
    losses: usize,
    /// Those that left what no earlier one of the same story did.
    distinct: usize,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Tells the story of a seed, and loses power in it again and again.
async fn run(items: &Items, seed: u64, broken: Broken, count: &mut Count) -> Result<(), String> {
    let mut random = Random::new(seed);
    let story = Story::tell(items, &mut random).await?;
    let mut seen = BTreeSet::new();
    for loss in 0..LOSSES {
        let moment = story.moment(&mut random);
        let (left, allowed) = (story.left(moment, broken, &mut random), story.allowed(moment));
        count.losses += 1;
        if !seen.insert((left.clone(), allowed.clone())) {
            continue;
        }
        count.distinct += 1;
        begin_again(items, &left, &allowed, &mut random).await.map_err(|words| {
            format!(
                "seed {seed}, loss {loss} after {moment} acts: {words}; the story: {}",
                story.words.join(", ")
            )
        })?;
    }
    Ok(())
}

/// Begins from what is left, settles, loses power once more on the way, and begins again.
async fn begin_again(
    items: &Items,
    left: &Left,
    allowed: &Allowed,
    random: &mut Random,
) -> Result<(), String> {
    let folder = folder();
    left.write_to(folder.path());
    let journal = Journal::begin(folder.path());
    let node = Node::open(folder.path()).await;
    node.archive.replay().await.map_err(|error| error.to_string())?;
    let seen = checked(items, &node, allowed).await?;
    let looked_at = journal.tell();
    journal.expect_sync();
    node.settle().await;
    let seen: Allowed = seen.map(|version| vec![version]);
    checked(items, &node, &seen).await.map_err(|words| format!("once settled: {words}"))?;
    let moment = random.below(journal.moment() + 1);
    journal.end();
    drop(node);
    let left = journal.left(moment, Broken::Nothing, random);
    let again = node::folder();
    left.write_to(again.path());
    let node = Node::open(again.path()).await;
    node.archive.replay().await.map_err(|error| error.to_string())?;
    let allowed = if moment >= looked_at { &seen } else { allowed };
    checked(items, &node, allowed).await.map_err(|words| format!("after a second loss: {words}"))?;
    Ok(())
}

async fn checked(
    items: &Items,
    node: &Node,
    allowed: &Allowed,
) -> Result<[Option<usize>; node::ITEMS], String> {
    let seen = node.seen(items).await?;
    for (item, (version, allowed)) in seen.iter().zip(allowed).enumerate() {
        if !allowed.contains(version) {
            return Err(format!("item {item} is {version:?} and was told to be one of {allowed:?}"));
        }
    }
    Ok(seen)
}

#[tokio::test]
async fn what_was_told_is_there_whatever_a_loss_of_power_leaves() {
    let items = Items::new();
    let first = number("CAUSEWAY_SEED", 1);
    let mut count = Count::default();
    for seed in first..first + number("CAUSEWAY_STORIES", STORIES) {
        run(&items, seed, Broken::Nothing, &mut count).await.unwrap();
    }
    println!(
        "{} losses of power, {} of them distinct, each followed by another",
        count.losses, count.distinct
    );
    assert!(count.distinct * 4 > count.losses, "most losses were the same");
}

/// The simulation is proven by what it finds when a sync is left out.
async fn is_found(broken: Broken) {
    let items = Items::new();
    let mut count = Count::default();
    for seed in 1..STORIES_UNTIL_FOUND_MAX {
        if let Err(words) = run(&items, seed, broken, &mut count).await {
            println!("{broken:?} was found after {} losses: {words}", count.losses);
            return;
        }
    }
    panic!("{broken:?} was not found in {} losses of power", count.losses);
}

#[tokio::test]
async fn a_file_that_is_not_synced_is_found_out() {
    is_found(Broken::FileSync).await;
}

#[tokio::test]
async fn a_spool_that_is_not_synced_is_found_out() {
    is_found(Broken::SpoolSync).await;
}

#[tokio::test]
async fn a_place_that_is_not_synced_is_found_out() {
    is_found(Broken::ObjectsSync).await;
}

#[tokio::test]
async fn a_move_before_the_catalog_is_on_disk_is_found_out() {
    is_found(Broken::CatalogSync).await;
}
