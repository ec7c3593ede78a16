//! Asking a remote what it lists of a study that it was sent over the web (QIDO-RS, PS3.18 §10.6), where there is no
//! storage commitment, and what that means.
//!
//! A listing proves that the far side has something under each UID, and that others find it; not that the bytes are
//! those that were sent.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_catalog::errand::{Count, Counted};
use causeway_core::remote::DicomWebAddress;
use causeway_core::{Remote, RemoteName, Tag, Uid};
use jiff::Timestamp;

use crate::dicomweb::DicomWeb;
use crate::failure::{Failure, Kind};
use crate::qido::{self, MAX_NAMED, Presence, Search, Turn};
use crate::sender::Patience;
use crate::worker::Inner;

/// Most instances of a study that are looked through.
const MAX_LOOKED_THROUGH: usize = 200_000;
/// Questions by name about what a list lacks, at most: some lists are cut short without a word.
const MAX_NAMED_QUESTIONS: usize = 10;
/// How much longer each pause between two looks is than the one before.
const PAUSE_FACTOR: u32 = 4;
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// Most UIDs that are named in words.
const MAX_TOLD: usize = 8;

/// What the far side told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All but these.
    AllBut(BTreeSet<Uid>),
    /// It serves no such questions; in words what it said.
    CannotBeAsked(String),
}

/// Within which it is looked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looks {
    /// How often, at most.
    pub(super) most: u32,
    /// How long after the first.
    pub(super) pause: Duration,
}

/// Asks once.
pub(super) async fn look(inner: &Inner, remote: &Remote, count: &Count) -> Result<Told, Failure> {
    match &remote.dicomweb {
        Some(address) => ask(address, inner.patience(), count).await,
        None => Err(Failure::new(Kind::Refused, "it has no DICOMweb address any more")),
    }
}

async fn ask(address: &DicomWebAddress, patience: Patience, count: &Count) -> Result<Told, Failure> {
    let web = DicomWeb::new(address, patience)?;
    let mut missing: BTreeSet<Uid> = count.instances.iter().cloned().collect();
    let path = format!("studies/{}/instances", count.study);
    let mut search = Search::new(&web, path, Vec::new(), Tag::SOP_INSTANCE_UID, MAX_LOOKED_THROUGH);
    let (mut told, mut unreadable) = (0, 0);
    while !missing.is_empty() {
        match search.turn().await {
            Ok(Turn::Page(page)) => {
                told += page.matches.len() + page.unreadable;
                unreadable += page.unreadable;
                let listed: BTreeSet<Uid> = page.instances().map(|(uid, _)| uid).collect();
                missing.retain(|uid| !listed.contains(uid));
            }
            Ok(Turn::End) => break,
            Ok(Turn::Missing) if qido::is_served(&web, &count.study).await? => break,
            Ok(Turn::Missing) => return Ok(Told::CannotBeAsked("HTTP 404 to a question".to_owned())),
            Err(failure) if qido::is_no_service(&failure) => return Ok(Told::CannotBeAsked(failure.words)),
            Err(failure) => return Err(failure),
        }
    }
    // One that lists none of them has none of them, or not yet.
    if missing.len() < count.instances.len() {
        by_name(&web, &count.study, &mut missing).await?;
    }
    // What was not seen is not lacking for that.
    let because = match (unreadable, told) {
        _ if missing.is_empty() => return Ok(Told::AllBut(missing)),
        (1.., _) => format!("{unreadable} of its matches could not be read"),
        (_, MAX_LOOKED_THROUGH..) => {
            format!("it lists more than {MAX_LOOKED_THROUGH} instances of the study")
        }
        _ => return Ok(Told::AllBut(missing)),
    };
    Err(Failure::new(Kind::Unclear, because))
}

/// Takes out of `missing` what is listed when it is asked after by name: where there are few left, so that a list that
/// was cut short is not held against anything.
async fn by_name(web: &DicomWeb, study: &Uid, missing: &mut BTreeSet<Uid>) -> Result<(), Failure> {
    if missing.len() > MAX_NAMED * MAX_NAMED_QUESTIONS {
        return Ok(());
    }
    let mut unasked: Vec<Uid> = missing.iter().cloned().collect();
    for _ in 0..MAX_NAMED_QUESTIONS {
        let some = unasked.split_off(unasked.len().saturating_sub(MAX_NAMED));
        if some.is_empty() {
            break;
        }
        let Presence::Lists(listed) = qido::which(web, study, &some).await? else { break };
        missing.retain(|uid| !listed.contains(uid));
        if !listed.is_empty() {
            // It may tell less at once than it was asked after.
            unasked.extend(some.into_iter().filter(|uid| !listed.contains(uid)));
        }
    }
    Ok(())
}

/// What comes of what it told, and in words. Pure.
pub(super) fn judge(
    told: Told,
    count: &Count,
    remote: &RemoteName,
    now: Timestamp,
    looks: Looks,
) -> (Counted, String) {
    let lacking = match told {
        Told::CannotBeAsked(because) => {
            let words = format!("{remote} cannot be asked what it lists: {because}");
            return (Counted::CannotBeAsked, words);
        }
        Told::AllBut(lacking) => lacking,
    };
    let (all, made) = (count.instances.len(), count.looks.saturating_add(1));
    let listed = all.saturating_sub(lacking.len());
    let at = now.strftime("%Y-%m-%d %H:%M:%S UTC");
    let words = format!("{listed} of {all} listed by {remote} at {at}");
    if lacking.is_empty() {
        return (Counted::Whole, words);
    }
    let named = named(&lacking);
    if made >= looks.most {
        return (
            Counted::Lacking(lacking),
            format!("{words}, when it was asked for the last of {made} times; lacking: {named}"),
        );
    }
    let pause = looks.pause.saturating_mul(PAUSE_FACTOR.saturating_pow(count.looks)).min(LONGEST_PAUSE);
    let next = now.checked_add(pause).unwrap_or(Timestamp::MAX);
    (Counted::Again(lacking, next), format!("{words}; it is asked again; lacking: {named}"))
}

/// The first of them, and how many more.
fn named(lacking: &BTreeSet<Uid>) -> String {
    let first = lacking.iter().take(MAX_TOLD).map(Uid::as_str).collect::<Vec<_>>().join(", ");
    match lacking.len().saturating_sub(MAX_TOLD) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKS: Looks = Looks { most: 3, pause: Duration::from_secs(30) };

    fn uids(numbers: std::ops::Range<u32>) -> Vec<Uid> {
        numbers.map(|n| Uid::parse(&format!("1.2.{}", 100 + n)).unwrap()).collect()
    }

    fn run(lacking: u32, looks: u32) -> (Counted, String) {
        let count = Count { study: uids(0..1).remove(0), instances: uids(0..20), looks };
        let told = Told::AllBut(uids(0..lacking).into_iter().collect());
        judge(told, &count, &"reader".parse().unwrap(), Timestamp::UNIX_EPOCH, LOOKS)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_list_with_all_of_them_is_the_proof() {
        for looks in [0, 2, 9] {
            let words = "20 of 20 listed by reader at 1970-01-01 00:00:00 UTC".to_owned();
            assert_eq!(run(0, looks), (Counted::Whole, words));
        }
    }

    #[test]
    fn one_that_lacks_some_is_asked_again_less_and_less_often_and_in_the_end_no_more() {
        for (looks, seconds) in [(0, 30), (1, 120)] {
            let (counted, words) = run(1, looks);
            assert_eq!(counted, Counted::Again(uids(0..1).into_iter().collect(), at(seconds)));
            assert!(words.starts_with("19 of 20 listed") && words.ends_with("lacking: 1.2.100"), "{words}");
        }
        for looks in [2, 3] {
            let (counted, words) = run(u32::try_from(MAX_TOLD).unwrap() + 1, looks);
            assert!(matches!(counted, Counted::Lacking(lacking) if lacking.len() == MAX_TOLD + 1));
            assert!(words.ends_with("1.2.107 and 1 more"), "{words}");
        }
        let count = Count { study: uids(0..1).remove(0), instances: uids(0..1), looks: 100 };
        let told = Told::AllBut(uids(0..1).into_iter().collect());
        let looks = Looks { most: u32::MAX, ..LOOKS };
        let (counted, _) = judge(told, &count, &"reader".parse().unwrap(), Timestamp::UNIX_EPOCH, looks);
        assert!(matches!(counted, Counted::Again(_, next) if next == at(6 * 3600)));
    }

    #[test]
    fn one_that_cannot_be_asked_has_not_said_that_it_lacks_anything() {
        let count = Count { study: uids(0..1).remove(0), instances: uids(0..2), looks: 0 };
        let told = Told::CannotBeAsked("HTTP 501 to a question".to_owned());
        let (counted, words) = judge(told, &count, &"reader".parse().unwrap(), at(0), LOOKS);
        assert_eq!(counted, Counted::CannotBeAsked);
        assert_eq!(words, "reader cannot be asked what it lists: HTTP 501 to a question");
    }
}
