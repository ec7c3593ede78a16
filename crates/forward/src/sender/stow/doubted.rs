//! What was sent to its end and not answered: asked after, told of, and kept in mind from one attempt to the next.

use std::time::Duration;

use causeway_catalog::delivery::SentAs;
use causeway_core::Status;
use tokio::time::Instant;

use super::super::doubts::Doubt;
use super::super::{Broke, Ready, Sink, passage};
use super::load::Item;
use super::reply::is_the_lines;
use super::{Stow, sent_as};
use crate::failure::Failure;
use crate::job::Outcome;

/// How long a far side that was sent a whole request has to list what came by it, before it is sent again.
const LISTED_WITHIN: Duration = Duration::from_secs(1);
impl Stow {
    /// Adds to the load: what an earlier attempt left in doubt is asked after first.
    pub(super) fn add(&mut self, batch: &[Ready]) {
        let Ok(passage) = passage(&self.archive, &self.remote) else { return self.load.add(batch) };
        let (mut fresh, mut doubted) = (Vec::with_capacity(batch.len()), Vec::new());
        for ready in batch {
            let sent_as = sent_as(&passage, ready);
            if self.doubts.take(ready.job.job, &self.doubt(ready, &sent_as)) {
                let (sent_as, is_in_doubt, was_lacking) = (Some(sent_as), true, true);
                doubted.push(Item { sent_as, is_in_doubt, was_lacking, ..Item::new(ready) });
            } else {
                fresh.push(ready.clone());
            }
        }
        self.load.add(&fresh);
        self.load.put_back(doubted);
    }

    fn doubt(&self, ready: &Ready, sent_as: &SentAs) -> Doubt {
        let url = self.target.address.url.clone();
        Doubt { url, digest: ready.instance.digest, sent_as: sent_as.clone() }
    }

    /// Remembers what is in doubt for the next attempt: where it was listed before, no question would tell.
    pub(super) fn keep_in_mind(&mut self, items: &[Item]) {
        for Item { ready, sent_as, was_lacking, .. } in items {
            if let Some(sent_as) = sent_as
                && (*was_lacking || self.before.lacked(sent_as))
            {
                self.doubts.keep(ready.job.job, self.doubt(ready, sent_as));
            }
        }
    }

    /// Tells those that the far side says it has, and had not before; the others go again.
    pub(super) async fn asked(
        &mut self,
        items: Vec<Item>,
        generation: u32,
        answer: Result<Option<Vec<bool>>, Failure>,
        sink: &mut impl Sink,
    ) -> Result<Result<(), Failure>, Broke> {
        let has = match answer {
            Ok(Some(has)) => has,
            Ok(None) => {
                self.answers_questions = false;
                Vec::new()
            }
            Err(failure) => {
                self.load.put_back(items);
                return Ok(if is_the_lines(&failure) && self.may_go_on(generation, false) {
                    Ok(())
                } else {
                    Err(failure)
                });
            }
        };
        let answers = self.answers_questions;
        let (mut rest, mut later) = (Vec::new(), Vec::new());
        for (mut item, is_listed) in items.into_iter().zip(has.into_iter().chain(std::iter::repeat(false))) {
            let may_be_listed_yet = std::mem::take(&mut item.may_be_listed_yet) && answers;
            match &item.sent_as {
                Some(sent_as) if is_listed && (item.was_lacking || self.before.lacked(sent_as)) => {
                    // One that answers questions and takes nothing would be asked for ever.
                    self.has_answered = true;
                    let outcome = Outcome::Stored(Status::SUCCESS, sent_as.clone());
                    sink.tell(&item.ready.job, &outcome).await?;
                }
                Some(_) if !is_listed && may_be_listed_yet => {
                    item.ask_from = Some(Instant::now() + LISTED_WITHIN);
                    later.push(item);
                }
                Some(_) | None => {
                    (item.is_in_doubt, item.sent_as) = (false, None);
                    rest.push(item);
                }
            }
        }
        self.load.ask_later(later);
        self.load.put_back(rest);
        Ok(Ok(()))
    }
}
