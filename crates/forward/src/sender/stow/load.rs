//! What is to be sent, cut into requests and questions. Pure.

use std::collections::VecDeque;

use causeway_catalog::delivery::SentAs;
use causeway_core::{Priority, Uid};
use tokio::time::Instant;

use super::super::Ready;
use crate::qido::MAX_NAMED;

/// Most instances of one request.
const MAX_INSTANCES: usize = 500;

/// An instance, and how it goes.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) ready: Ready,
    /// It goes in a request of its own: what was said of several was said of none in particular.
    pub(super) is_alone: bool,
    /// It was sent to its end and not answered: the far side is asked first whether it has it.
    pub(super) is_in_doubt: bool,
    /// Its request was sent to its end: if the far side does not list it, it may be at work on it still.
    pub(super) may_be_listed_yet: bool,
    /// It is not asked after before.
    pub(super) ask_from: Option<Instant>,
    /// A request with it broke off before.
    pub(super) is_again: bool,
    /// Under which UIDs it was sent, of one that is in doubt.
    pub(super) sent_as: Option<SentAs>,
    /// An earlier attempt found that the far side did not list it before.
    pub(super) was_lacking: bool,
}

impl Item {
    pub(super) fn new(ready: &Ready) -> Self {
        Self {
            ready: ready.clone(),
            is_alone: false,
            is_in_doubt: false,
            may_be_listed_yet: false,
            ask_from: None,
            is_again: false,
            sent_as: None,
            was_lacking: false,
        }
    }
}

/// The instances that wait, in their order, and those that are in doubt.
#[derive(Debug, Default)]
pub(super) struct Load {
    waiting: VecDeque<Item>,
    doubted: VecDeque<Item>,
}

impl Load {
    /// Adds to its end, what is urgent behind the urgent ones at its beginning.
    pub(super) fn add(&mut self, batch: &[Ready]) {
        let is_urgent = |ready: &Ready| ready.priority() == Priority::Stat;
        let mut urgent = self.waiting.iter().take_while(|item| is_urgent(&item.ready)).count();
        for ready in batch {
            let item = Item::new(ready);
            if is_urgent(ready) {
                self.waiting.insert(urgent, item);
                urgent += 1;
            } else {
                self.waiting.push_back(item);
            }
        }
    }

    /// Puts back at the beginning, in this order; what is in doubt is asked after.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            let place = if item.is_in_doubt { &mut self.doubted } else { &mut self.waiting };
            place.push_front(item);
        }
    }

    /// Asks after these later than after all that is in doubt so far.
    pub(super) fn ask_later(&mut self, items: Vec<Item>) {
        self.doubted.extend(items);
    }

    /// Takes out all that is in doubt.
    pub(super) fn take_doubted(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.doubted).into()
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.doubted.is_empty()
    }

    /// Whether something of this study waits next: it is the one that is waited with.
    pub(super) fn has_of(&self, study: &Uid) -> bool {
        self.waiting.front().is_some_and(|item| item.ready.instance.ids.study == *study)
    }

    /// How many bytes wait to be sent.
    pub(super) fn bytes(&self) -> u64 {
        self.waiting.iter().map(|item| item.ready.instance.object_bytes).fold(0, u64::saturating_add)
    }

    /// Takes out what the far side is asked after in one question: of one study.
    pub(super) fn next_question(&mut self, now: Instant) -> Option<Vec<Item>> {
        let study = self.doubted.front()?.ready.instance.ids.study.clone();
        let is_due = |item: &Item| item.ask_from.is_none_or(|moment| moment <= now);
        let asked = |item: &Item| item.ready.instance.ids.study == study && is_due(item);
        let question = take_while(&mut self.doubted, MAX_NAMED, asked);
        (!question.is_empty()).then_some(question)
    }

    /// Takes out what goes into the next request of so many bytes; at least one instance.
    pub(super) fn next_request(&mut self, request_bytes: u64) -> Option<Vec<Item>> {
        let first = self.waiting.front()?;
        if first.is_alone {
            return self.waiting.pop_front().map(|item| vec![item]);
        }
        // What is urgent does not wait for the end of a request with what is not.
        let (priority, mut bytes) = (first.ready.priority(), 0_u64);
        let mut fits = |item: &Item| {
            let is_first = bytes == 0;
            bytes = bytes.saturating_add(item.ready.instance.object_bytes.max(1));
            is_first || bytes <= request_bytes
        };
        let goes = |item: &Item| !item.is_alone && item.ready.priority() == priority;
        Some(take_while(&mut self.waiting, MAX_INSTANCES, |item| goes(item) && fits(item)))
    }
}

fn take_while(from: &mut VecDeque<Item>, most: usize, mut goes: impl FnMut(&Item) -> bool) -> Vec<Item> {
    let count = from.iter().take(most).take_while(|item| goes(item)).count();
    from.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use causeway_catalog::delivery::Claimed;
    use causeway_core::{Digest, Identifiers, ObjectKey, StoredInstance, Uid};
    use jiff::Timestamp;

    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn ready(job: i64, study: &str, bytes: u64) -> Ready {
        let instance = StoredInstance {
            ids: Identifiers {
                study: uid(study),
                series: uid("1.2.1"),
                instance: uid(&format!("1.3.{job}")),
            },
            sop_class: uid("1.4"),
            transfer_syntax: uid("1.5"),
            object: ObjectKey::parse(&"0".repeat(32)).unwrap(),
            object_bytes: bytes,
            data_set_offset: 1,
            digest: Digest([0; 32]),
            received_at: Timestamp::UNIX_EPOCH,
            is_settled: true,
        };
        let job = Claimed {
            job,
            route: "all".parse().unwrap(),
            priority: Priority::Routine,
            attempts: 0,
            instance: Some(instance.clone()),
            via: causeway_core::link::Via::NONE,
        };
        Ready { job, instance }
    }

    fn load(bytes: &[u64]) -> Load {
        let mut load = Load::default();
        let batch: Vec<Ready> = (0..).zip(bytes).map(|(job, bytes)| ready(job, "1.2", *bytes)).collect();
        load.add(&batch);
        load
    }

    fn jobs(items: Option<Vec<Item>>) -> Vec<i64> {
        items.unwrap_or_default().iter().map(|item| item.ready.job.job).collect()
    }

    #[test]
    fn a_request_takes_what_fits_and_one_that_fits_none_goes_alone() {
        let mut load = load(&[60, 40, 1, 500, 50, 50]);
        assert_eq!(load.bytes(), 701);
        for expected in [vec![0, 1], vec![2], vec![3], vec![4, 5], vec![]] {
            assert_eq!(jobs(load.next_request(100)), expected);
        }
        assert!(load.is_empty());
    }

    #[test]
    fn a_request_has_a_bounded_number_of_instances() {
        for (count, rest) in [(MAX_INSTANCES - 1, 0), (MAX_INSTANCES, 0), (MAX_INSTANCES + 1, 1)] {
            let mut load = load(&vec![1; count]);
            load.next_request(u64::MAX).unwrap();
            assert_eq!(jobs(load.next_request(u64::MAX)).len(), rest, "{count}");
        }
    }

    #[test]
    fn what_goes_alone_goes_alone() {
        let mut load = load(&[1, 1, 1]);
        let mut items = load.next_request(100).unwrap();
        items[1].is_alone = true;
        load.put_back(items);
        for expected in [vec![0], vec![1], vec![2]] {
            assert_eq!(jobs(load.next_request(100)), expected);
        }
    }

    #[test]
    fn what_is_in_doubt_is_asked_after_study_by_study_and_not_sent() {
        let mut load = Load::default();
        load.add(&[ready(0, "1.2", 1), ready(1, "1.2", 1), ready(2, "1.9", 1), ready(3, "1.2", 1)]);
        let mut items = load.next_request(100).unwrap();
        items.iter_mut().take(3).for_each(|item| item.is_in_doubt = true);
        load.put_back(items);
        assert_eq!(jobs(load.next_request(100)), [3]);
        assert!(!load.is_empty());
        assert_eq!(jobs(load.next_question(Instant::now())), [0, 1]);
        assert_eq!(jobs(load.next_question(Instant::now())), [2]);
        assert!(load.next_question(Instant::now()).is_none() && load.is_empty());
    }

    #[test]
    fn what_may_be_listed_yet_is_asked_after_when_its_time_has_come() {
        let (now, moment) = (Instant::now(), Duration::from_secs(1));
        let mut load = load(&[1, 1, 1]);
        let mut items = load.next_request(u64::MAX).unwrap();
        items.iter_mut().for_each(|item| item.is_in_doubt = true);
        let mut later = items.split_off(1);
        later.iter_mut().for_each(|item| item.ask_from = Some(now + moment));
        load.ask_later(later);
        load.put_back(items);
        assert_eq!(jobs(load.next_question(now)), [0]);
        assert!(load.next_question(now + moment / 2).is_none() && !load.is_empty());
        assert_eq!(jobs(load.next_question(now + moment)), [1, 2]);
        assert!(load.is_empty());
    }

    #[test]
    fn a_question_asks_after_a_bounded_number() {
        let mut load = load(&[1; MAX_NAMED + 1]);
        let mut items = load.next_request(u64::MAX).unwrap();
        items.iter_mut().for_each(|item| item.is_in_doubt = true);
        load.put_back(items);
        assert_eq!(jobs(load.next_question(Instant::now())).len(), MAX_NAMED);
        assert_eq!(jobs(load.next_question(Instant::now())).len(), 1);
    }
}
