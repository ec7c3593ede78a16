//! Instances that were sent over the web to their end and of which nobody said whether they came, kept from one attempt
//! to the next: the far side is asked first then. They are held in memory only: after a restart they are sent again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use causeway_catalog::delivery::SentAs;
use causeway_core::Digest;

/// Most of them; of more the one of the oldest job is forgotten, and sent again.
const MAX_DOUBTS: usize = 50_000;

/// What was sent, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// The far side's base URL.
    pub(crate) url: String,
    /// Of the bytes as they are here.
    pub(crate) digest: Digest,
    /// Under which UIDs it went out. It was not listed under them before.
    pub(crate) sent_as: SentAs,
}

/// By job.
#[derive(Debug, Default)]
pub(crate) struct Doubts(Mutex<BTreeMap<i64, Doubt>>);

impl Doubts {
    pub(crate) fn keep(&self, job: i64, doubt: Doubt) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.insert(job, doubt);
        if doubts.len() > MAX_DOUBTS {
            doubts.pop_first();
        }
    }

    /// Whether this was in doubt; it is not any more.
    pub(crate) fn take(&self, job: i64, doubt: &Doubt) -> bool {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&job);
        taken.as_ref() == Some(doubt)
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::Uid;

    use super::*;

    fn doubt(url: &str) -> Doubt {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let sent_as = SentAs { study: uid("1.2"), instance: uid("1.3") };
        Doubt { url: url.to_owned(), digest: Digest([0; 32]), sent_as }
    }

    #[test]
    fn a_doubt_is_of_the_very_bytes_under_the_very_name_at_the_very_place_and_once() {
        let doubts = Doubts::default();
        doubts.keep(1, doubt("there"));
        assert!(!doubts.take(2, &doubt("there")));
        assert!(doubts.take(1, &doubt("there")) && !doubts.take(1, &doubt("there")));
        doubts.keep(1, doubt("there"));
        assert!(!doubts.take(1, &doubt("elsewhere")) && !doubts.take(1, &doubt("there")));
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let doubts = Doubts::default();
        let most = i64::try_from(MAX_DOUBTS).unwrap();
        (0..=most).for_each(|job| doubts.keep(job, doubt("there")));
        assert!(!doubts.take(0, &doubt("there")));
        assert!(doubts.take(1, &doubt("there")) && doubts.take(most, &doubt("there")));
    }
}
