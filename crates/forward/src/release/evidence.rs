//! What is known of whether a study, or a series, is complete. Pure.

use std::collections::BTreeSet;

use causeway_core::{RemoteName, Uid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Instances that are named as missing, at most.
const MAX_NAMED: usize = 100;

/// What a delivery goes by when it goes, or waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// When it was looked at.
    pub(crate) at: Timestamp,
    /// By what it was judged.
    pub(crate) basis: Basis,
    /// Instances that are here.
    pub(crate) here: u64,
    /// Instances that are known to be; none where nobody told.
    pub(crate) known: Option<u64>,
    /// Those of them that are not here; the first of them only.
    pub(crate) missing: Vec<Uid>,
    /// The same in words.
    pub(crate) words: String,
}

/// By what completeness is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Basis {
    /// A remote was asked what there is.
    Remote(RemoteName),
    /// A manifest came with it.
    Manifest,
    /// Nothing but that it has been quiet.
    Quiet,
}

/// Instances that someone says there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Who says so.
    pub(super) basis: Basis,
    /// Which.
    pub(super) instances: BTreeSet<Uid>,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes.
    Go(Evidence),
    /// It waits for what is missing, until it is looked at again.
    Wait(Evidence),
}

/// Holds what is here against what is known to be. `waited_out`: whether what is missing is waited for no longer.
pub(super) fn judge(
    here: &BTreeSet<Uid>,
    known: &[Known],
    waited_out: Option<u64>,
    now: Timestamp,
) -> Verdict {
    // The one that knows of most that is missing has the word.
    let lacks = |known: &Known| known.instances.difference(here).count();
    let Some(known) = known.iter().max_by_key(|known| lacks(known)) else {
        return Verdict::Go(quiet(here, "nobody was asked", now));
    };
    let missing: Vec<Uid> = known.instances.difference(here).take(MAX_NAMED).cloned().collect();
    let (all, lacking) = (known.instances.len(), lacks(known));
    let at = match &known.basis {
        Basis::Remote(remote) => format!("known at {remote}"),
        Basis::Manifest => "of the manifest".to_owned(),
        Basis::Quiet => "known".to_owned(),
    };
    let words = match (lacking, waited_out) {
        (0, _) if all == 0 => format!("it has been quiet; 0 are {at}"),
        (0, _) => format!("all {all} {at} are here"),
        (_, None) => format!("{} of {all} {at}", all - lacking),
        (_, Some(seconds)) => {
            format!("{} of {all} {at}; the others did not come within {seconds} s", all - lacking)
        }
    };
    let evidence = Evidence {
        at: now,
        basis: known.basis.clone(),
        here: here.len() as u64,
        known: Some(all as u64),
        missing,
        words,
    };
    if lacking == 0 || waited_out.is_some() { Verdict::Go(evidence) } else { Verdict::Wait(evidence) }
}

/// What is known when nothing is but that it has been quiet.
pub(super) fn quiet(here: &BTreeSet<Uid>, because: &str, now: Timestamp) -> Evidence {
    Evidence {
        at: now,
        basis: Basis::Quiet,
        here: here.len() as u64,
        known: None,
        missing: Vec::new(),
        words: format!("it has been quiet; {because}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uids(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<Uid> {
        numbers.into_iter().map(|number| Uid::parse(&format!("1.2.{number}")).unwrap()).collect()
    }

    fn at_pacs(numbers: impl IntoIterator<Item = u32>) -> Known {
        Known { basis: Basis::Remote("PACS1".parse().unwrap()), instances: uids(numbers) }
    }

    fn words(verdict: &Verdict) -> (&'static str, &str) {
        match verdict {
            Verdict::Go(evidence) => ("go", &evidence.words),
            Verdict::Wait(evidence) => ("wait", &evidence.words),
        }
    }

    #[test]
    fn what_is_all_here_goes_and_what_is_not_waits_for_its_time() {
        let now = Timestamp::UNIX_EPOCH;
        let here = uids(0..212);
        let judged = |known: &[Known], waited| judge(&here, known, waited, now);
        assert_eq!(words(&judged(&[at_pacs(0..212)], None)), ("go", "all 212 known at PACS1 are here"));
        assert_eq!(words(&judged(&[at_pacs(0..214)], None)), ("wait", "212 of 214 known at PACS1"));
        let gone = judged(&[at_pacs(0..214)], Some(900));
        let said = "212 of 214 known at PACS1; the others did not come within 900 s";
        assert_eq!(words(&gone), ("go", said));
        let Verdict::Go(evidence) = gone else { panic!("it goes") };
        assert_eq!(evidence.missing, uids(212..214).into_iter().collect::<Vec<_>>());
        assert_eq!(words(&judged(&[at_pacs([])], None)), ("go", "it has been quiet; 0 are known at PACS1"));
        assert_eq!(words(&judged(&[], None)), ("go", "it has been quiet; nobody was asked"));
    }

    #[test]
    fn more_here_than_is_known_is_no_reason_to_wait_and_who_knows_of_more_has_the_word() {
        let here = uids(0..10);
        assert!(matches!(judge(&here, &[at_pacs(3..5)], None, Timestamp::UNIX_EPOCH), Verdict::Go(_)));
        let manifest = Known { basis: Basis::Manifest, instances: uids(0..12) };
        let judged = judge(&here, &[at_pacs(0..10), manifest], None, Timestamp::UNIX_EPOCH);
        assert_eq!(words(&judged), ("wait", "10 of 12 of the manifest"));
    }

    proptest! {
        #[test]
        fn it_waits_only_for_what_is_missing_and_what_is_named_is(
            here in proptest::collection::btree_set(0_u32..300, 0..200),
            known in proptest::collection::btree_set(0_u32..300, 0..200),
        ) {
            let lacks = known.difference(&here).count();
            let here = uids(here);
            match judge(&here, &[at_pacs(known)], None, Timestamp::UNIX_EPOCH) {
                Verdict::Go(_) => prop_assert_eq!(lacks, 0),
                Verdict::Wait(evidence) => {
                    prop_assert_eq!(evidence.missing.len(), lacks.min(MAX_NAMED));
                    prop_assert!(evidence.missing.iter().all(|uid| !here.contains(uid)));
                }
            }
        }
    }
}
