//! A story: instances come, some of them twice at once with other bytes, are settled and deleted, in an order that a seed
//! says, and some commits of the catalog fail on the way; and what may be there of each after a loss of power at a moment of
//! it.

use std::sync::Arc;

use causeway_archive::{IngestError, Received};
use causeway_catalog::Commit;
use causeway_core::Principal;

use crate::common::Pieces;
use crate::journal::{Broken, Journal, Left};
use crate::node::{ITEMS, Items, Node, VERSIONS, envelope, folder, new_catalog};
use crate::random::Random;

/// Steps of a story.
const STEPS: usize = 12;

/// What may be here of one item: after a failure, whoever asked does not know.
type Possible = Vec<Option<usize>>;

/// What one step did to one item: what may be here while it is under way, and after it.
#[derive(Debug, Clone)]
struct Effect {
    item: usize,
    begun: usize,
    told: usize,
    meanwhile: Possible,
    after: Possible,
}

/// What may be here of each item.
pub(crate) type Allowed = [Possible; ITEMS];

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
    here: Allowed,
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
            here: std::array::from_fn(|_| vec![None]),
            under_way: Vec::new(),
            effects: Vec::new(),
            words: Vec::new(),
        };
        for _ in 0..STEPS {
            telling.step(random).await?;
        }
        telling.look().await?;
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
                allowed[effect.item].clone_from(&effect.after);
            } else if effect.begun <= moment {
                allowed[effect.item].clone_from(&effect.meanwhile);
            }
        }
        allowed
    }
}

impl Telling<'_> {
    async fn step(&mut self, random: &mut Random) -> Result<(), String> {
        let fate = match random.below(8) {
            0 => Commit::Undone,
            1 => Commit::Untold,
            _ => Commit::Done,
        };
        match random.below(16) {
            0..6 => self.receive(random.below(ITEMS), random.below(VERSIONS)).await,
            6..12 if !self.under_way.is_empty() => {
                let chosen = random.below(self.under_way.len());
                self.finish(chosen, fate).await
            }
            6..14 => self.settle(fate).await,
            _ => self.delete(random.below(ITEMS), fate).await,
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

    async fn finish(&mut self, chosen: usize, fate: Commit) -> Result<(), String> {
        let UnderWay { item, version, received } = self.under_way.remove(chosen);
        let begun = self.journal.moment();
        self.node.let_next_commit_be(fate);
        let finished = self.node.archive.finish(received).await;
        let is_met = self.node.was_commit_met() && fate != Commit::Done;
        let told = match &finished {
            Ok(_) => "taken",
            Err(IngestError::Conflict(_)) => "refused",
            Err(_) => "failed",
        };
        self.words.push(format!("finish {item} v{version}, {fate:?}: {told}"));
        let here = &self.here[item];
        let is_other = |one: &Option<usize>| one.is_some_and(|one| one != version);
        let after = match finished {
            Ok(_) => vec![Some(version)],
            Err(IngestError::Conflict(_)) => here.iter().copied().filter(is_other).collect(),
            Err(_) if is_met => with(here, Some(version)),
            Err(error) => return Err(format!("{here:?} was here: {error}")),
        };
        let could_be = !told.eq("taken") || here.iter().any(|one| !is_other(one));
        if after.is_empty() || !could_be {
            return Err(format!("{here:?} was here, and v{version} was {told}"));
        }
        self.took_effect(item, begun, Some(version), after);
        Ok(())
    }

    async fn settle(&mut self, fate: Commit) -> Result<(), String> {
        self.words.push(format!("settle, {fate:?}"));
        self.journal.expect_sync();
        self.node.let_next_commit_be(fate);
        self.node.settle().await;
        self.node.let_next_commit_be(Commit::Done);
        Ok(())
    }

    async fn delete(&mut self, item: usize, fate: Commit) -> Result<(), String> {
        let begun = self.journal.moment();
        self.journal.expect_sync();
        self.node.let_next_commit_be(fate);
        let deleted = self.node.archive.delete(&Principal::local(), &self.items.selection(item)).await;
        let is_met = self.node.was_commit_met() && fate != Commit::Done;
        self.words.push(format!("delete {item}, {fate:?}: {deleted:?}"));
        let here = &self.here[item];
        let after = match deleted {
            Ok(0) if here.contains(&None) => vec![None],
            Ok(1) if here.iter().any(Option::is_some) => vec![None],
            Err(_) if is_met => with(here, None),
            deleted => return Err(format!("{here:?} was here: {deleted:?}")),
        };
        self.took_effect(item, begun, None, after);
        Ok(())
    }

    fn took_effect(&mut self, item: usize, begun: usize, wanted: Option<usize>, after: Possible) {
        let told = self.journal.tell();
        let meanwhile = with(&self.here[item], wanted);
        self.effects.push(Effect { item, begun, told, meanwhile, after: after.clone() });
        self.here[item] = after;
    }

    /// What is here at the end, without a loss.
    async fn look(&self) -> Result<(), String> {
        let seen = self.node.seen(self.items).await?;
        for (item, (version, here)) in seen.iter().zip(&self.here).enumerate() {
            if !here.contains(version) {
                return Err(format!("item {item} is {version:?} and was told to be one of {here:?}"));
            }
        }
        Ok(())
    }
}

fn with(possible: &Possible, one: Option<usize>) -> Possible {
    let mut all = possible.clone();
    if !all.contains(&one) {
        all.push(one);
    }
    all
}
