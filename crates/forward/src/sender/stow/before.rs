//! What a far side listed of the studies at hand before anything of them was sent: asked beside the first request, so
//! that an instance that it had already, maybe with other bytes, is not taken for one that just came.
//!
//! What is listed only because it came meanwhile does no harm: it goes once more than it had to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_catalog::delivery::SentAs;
use causeway_core::remote::DicomWebAddress;
use causeway_core::{Tag, Uid};
use tokio::task::JoinSet;

use crate::dicomweb::DicomWeb;
use crate::failure::Failure;
use crate::qido::Search;
use crate::sender::Patience;

/// Studies that are asked about at once; of those that come meanwhile nothing is known.
const MAX_ASKED: usize = 4;
/// Most studies of which something is known.
const MAX_STUDIES: usize = 1000;
/// Most instances that are remembered, of all studies together; of a study with more nothing is known.
const MAX_INSTANCES: usize = 50_000;

/// What is known of each study, as it is sent.
pub(super) struct Before {
    web: Arc<DicomWeb>,
    /// Nothing of one that is still asked about, or of which nothing was told.
    told: BTreeMap<Uid, Option<BTreeSet<Uid>>>,
    asked: JoinSet<(Uid, Option<BTreeSet<Uid>>)>,
}

impl Before {
    /// Over a connection of its own.
    pub(super) fn new(address: &DicomWebAddress, patience: Patience) -> Result<Self, Failure> {
        let web = Arc::new(DicomWeb::new(address, patience)?);
        Ok(Self { web, told: BTreeMap::new(), asked: JoinSet::new() })
    }

    /// Something of this study is about to be sent.
    pub(super) fn ask(&mut self, study: Uid) {
        self.hear();
        if self.told.contains_key(&study) || self.told.len() >= MAX_STUDIES || self.asked.len() >= MAX_ASKED {
            return;
        }
        self.told.insert(study.clone(), None);
        let web = Arc::clone(&self.web);
        self.asked.spawn(async move {
            let listed = list(&web, &study).await;
            (study, listed)
        });
    }

    /// Whether the instance was not listed before it was sent, as far as that is known by now.
    pub(super) fn lacked(&mut self, sent_as: &SentAs) -> bool {
        self.hear();
        let listed = self.told.get(&sent_as.study).and_then(Option::as_ref);
        listed.is_some_and(|listed| !listed.contains(&sent_as.instance))
    }

    /// What was is over: what is asked from now on is another time's.
    pub(super) fn forget(&mut self) {
        self.asked = JoinSet::new();
        self.told.clear();
    }

    /// Takes in what was answered meanwhile.
    fn hear(&mut self) {
        while let Some(heard) = self.asked.try_join_next() {
            let Ok((study, listed)) = heard else { continue };
            let known: usize = self.told.values().flatten().map(BTreeSet::len).sum();
            let listed = listed.filter(|listed| known + listed.len() <= MAX_INSTANCES);
            self.told.insert(study, listed);
        }
    }
}

/// All that the far side lists of a study; none when that is not known.
async fn list(web: &DicomWeb, study: &Uid) -> Option<BTreeSet<Uid>> {
    let path = format!("studies/{study}/instances");
    // One more than is remembered shows that there are more.
    let mut search = Search::new(web, path, Vec::new(), Tag::SOP_INSTANCE_UID, MAX_INSTANCES + 1);
    let mut listed = BTreeSet::new();
    while let Some(page) = search.next().await.ok()? {
        if page.unreadable > 0 {
            return None;
        }
        listed.extend(page.instances().map(|(uid, _)| uid));
        if listed.len() > MAX_INSTANCES {
            return None;
        }
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn before() -> Before {
        let patience = Patience { connect: Duration::from_secs(1), response: Duration::from_secs(1) };
        let address = DicomWebAddress { url: "http://127.0.0.1:1".to_owned(), token_file: None };
        Before::new(&address, patience).unwrap()
    }

    fn sent(study: &str, instance: &str) -> SentAs {
        SentAs { study: uid(study), instance: uid(instance) }
    }

    #[tokio::test]
    async fn only_of_what_was_told_and_not_listed_is_it_known_that_it_was_lacking() {
        let mut before = before();
        assert!(!before.lacked(&sent("1.2", "1.3")), "nobody asked");
        before.ask(uid("1.2"));
        assert!(!before.lacked(&sent("1.2", "1.3")), "nothing is answered");
        before.told.insert(uid("1.2"), Some(BTreeSet::from([uid("1.4")])));
        assert!(before.lacked(&sent("1.2", "1.3")) && !before.lacked(&sent("1.2", "1.4")));
        before.forget();
        assert!(!before.lacked(&sent("1.2", "1.3")));
    }

    #[tokio::test]
    async fn a_bounded_number_of_studies_is_asked_about() {
        let mut before = before();
        for study in 0..=MAX_ASKED {
            before.ask(uid(&format!("1.2.{study}")));
            assert_eq!(before.told.len(), (study + 1).min(MAX_ASKED));
        }
        let mut full = self::before();
        full.told = (0..MAX_STUDIES).map(|study| (uid(&format!("1.2.{study}")), None)).collect();
        full.ask(uid("1.3"));
        assert!(full.asked.is_empty());
    }
}
