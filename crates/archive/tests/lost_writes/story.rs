//! A story: instances come, some of them twice at once with other bytes, are settled and deleted, in an order that a seed
//! says; and what may be there of each after a loss of power at a moment of it.

use std::sync::Arc;

use causeway_archive::{IngestError, Received};
use causeway_core::Principal;

use crate::common::Pieces;
use crate::journal::{Broken, Journal, Left};
use crate::node::{ITEMS, Items, Node, VERSIONS, envelope, folder, new_catalog};
use crate::random::Random;

/// Steps of a story.
const STEPS: usize = 12;

/// What one step did to one item: which version was here before and after it.
#[derive(Debug, Clone, Copy)]
struct Effect {
    item: usize,
    begun: usize,
    told: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// What may be here of each item.
pub(crate) type Allowed = [Vec<Option<usize>>; ITEMS];

/// A story that was told to its end, and its record.
pub(crate) struct Story {
    journal: Arc<Journal>,
    effects: Vec<Effect>,
    /// What was done, for a failure.
    pub(crate) words: Vec<String>,
}

/// An instance that was read and is not kept yet.
struct UnderWay {
    item: usize,
    version: usize,
    received: Received,
}

struct Telling<'a> {
    items: &'a Items,
    node: Node,
    journal: Arc<Journal>,
    here: [Option<usize>; ITEMS],
    under_way: Vec<UnderWay>,
    effects: Vec<Effect>,
    words: Vec<String>,
}

impl Story {
    pub(crate) async fn tell(items: &Items, random: &mut Random) -> Result<Self, String> {
        let folder = folder();
        Left::nothing(new_catalog().await).write_to(folder.path());
        let journal = Journal::begin(folder.path());
        let node = Node::open(folder.path()).await;
        let mut telling = Telling {
            items,
            node,
            journal: Arc::clone(&journal),
            here: [None; ITEMS],
            under_way: Vec::new(),
            effects: Vec::new(),
            words: Vec::new(),
        };
        for _ in 0..STEPS {
            telling.step(random).await?;
        }
        journal.end();
        let Telling { effects, words, .. } = telling;
        Ok(Self { journal, effects, words })
    }

    /// A moment of it.
    pub(crate) fn moment(&self, random: &mut Random) -> usize {
        random.below(self.journal.moment() + 1)
    }

    pub(crate) fn left(&self, moment: usize, broken: Broken, random: &mut Random) -> Left {
        self.journal.left(moment, broken, random)
    }

    /// What may be here after a loss of power then: what whoever asked was told of last, and what was under way.
    pub(crate) fn allowed(&self, moment: usize) -> Allowed {
        let mut allowed: Allowed = std::array::from_fn(|_| vec![None]);
        for effect in &self.effects {
            if effect.told <= moment {
                allowed[effect.item] = vec![effect.after];
            } else if effect.begun <= moment {
                allowed[effect.item] = vec![effect.before, effect.after];
            }
        }
        allowed
    }
}

impl Telling<'_> {
    async fn step(&mut self, random: &mut Random) -> Result<(), String> {
        match random.below(16) {
            0..6 => self.receive(random.below(ITEMS), random.below(VERSIONS)).await,
            6..12 if !self.under_way.is_empty() => {
                let chosen = random.below(self.under_way.len());
                self.finish(chosen).await
            }
            6..13 => self.settle().await,
            13 => self.settle().await,
            _ => self.delete(random.below(ITEMS)).await,
        }
    }

    async fn receive(&mut self, item: usize, version: usize) -> Result<(), String> {
        self.words.push(format!("receive {item} v{version}"));
        let mut body = Pieces::of(&self.items.data_sets[item][version]);
        let announced = self.items.announced(item);
        let received =
            self.node.archive.receive(&Principal::local(), envelope(), announced, &mut body, None).await;
        let received = received.map_err(|error| error.to_string())?;
        self.under_way.push(UnderWay { item, version, received });
        Ok(())
    }

    async fn finish(&mut self, chosen: usize) -> Result<(), String> {
        let UnderWay { item, version, received } = self.under_way.remove(chosen);
        let (begun, before) = (self.journal.moment(), self.here[item]);
        let finished = self.node.archive.finish(received).await;
        self.words.push(format!(
            "finish {item} v{version}: {}",
            if finished.is_ok() { "taken" } else { "refused" }
        ));
        let after = match (before, finished) {
            (None, Ok(_)) => Some(version),
            (Some(here), Ok(_)) if here == version => before,
            (Some(here), Err(IngestError::Conflict(_))) if here != version => before,
            (_, finished) => return Err(format!("{before:?} was here: {finished:?}")),
        };
        self.took_effect(item, begun, before, after);
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), String> {
        self.words.push("settle".to_owned());
        self.journal.expect_sync();
        self.node.settle().await;
        Ok(())
    }

    async fn delete(&mut self, item: usize) -> Result<(), String> {
        let (begun, before) = (self.journal.moment(), self.here[item]);
        self.words.push(format!("delete {item}"));
        self.journal.expect_sync();
        let deleted = self.node.archive.delete(&Principal::local(), &self.items.selection(item)).await;
        let deleted = deleted.map_err(|error| error.to_string())?;
        if deleted != usize::from(before.is_some()) {
            return Err(format!("{before:?} was here, {deleted} were deleted"));
        }
        self.took_effect(item, begun, before, None);
        Ok(())
    }

    fn took_effect(&mut self, item: usize, begun: usize, before: Option<usize>, after: Option<usize>) {
        let told = self.journal.tell();
        self.effects.push(Effect { item, begun, told, before, after });
        self.here[item] = after;
    }
}
