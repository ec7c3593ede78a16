//! What a far side listed of the instances at hand before they were sent: asked beside the request with them, whose end
//! waits for the answer, so that an instance that it had already, maybe with other bytes, is not taken for one that just
//! came.
//!
//! What is listed only because it came meanwhile does no harm: it goes once more than it had to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_catalog::delivery::SentAs;
use causeway_core::remote::DicomWebAddress;
use causeway_core::{Tag, Uid};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::dicomweb::DicomWeb;
use crate::failure::Failure;
use crate::qido::{self, MAX_NAMED, Presence, Search};
use crate::sender::Patience;

/// Questions that are asked at once; of what goes meanwhile nothing is known.
const MAX_ASKED: usize = 8;
/// Most studies of which something is known.
const MAX_STUDIES: usize = 1000;
/// Most instances that are remembered, of all studies together; of a study with more nothing is known.
const MAX_INSTANCES: usize = 50_000;
/// Questions in a row that came to nothing, after which no more are asked.
const MAX_UNANSWERED: usize = 3;
/// Longest that a request waits for an answer before it ends.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// What is known of each study, as it is sent.
pub(super) struct Before {
    web: Arc<DicomWeb>,
    studies: BTreeMap<Uid, Known>,
    asked: JoinSet<Told>,
    unanswered: usize,
    /// Longest wait for an answer.
    wait: Duration,
}

/// What is known of a study.
#[derive(Default)]
struct Known {
    /// Instances that were asked after by name, and whether they were listed.
    named: BTreeMap<Uid, bool>,
    /// All that was listed of it, where all was asked after.
    all: Option<BTreeSet<Uid>>,
    /// Whether all of it is asked after; the answer may be on its way.
    is_all_asked: bool,
    /// One for each question that is open: it closes with it.
    open: Vec<watch::Receiver<()>>,
}

/// What is asked after.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    All,
    Named(Vec<Uid>),
}

/// The answer to a question; none when there was none.
struct Told {
    study: Uid,
    question: Question,
    listed: Option<BTreeSet<Uid>>,
}

/// The answers that a request waits for.
pub(super) struct Answers {
    open: Vec<watch::Receiver<()>>,
    most: Duration,
}

impl Answers {
    /// Completes when each is there, or was given up.
    pub(super) async fn heard(self) {
        let all = async {
            for mut open in self.open {
                while open.changed().await.is_ok() {}
            }
        };
        // Too late is as good as never: nothing is known then.
        drop(tokio::time::timeout(self.most, all).await);
    }
}

impl Before {
    /// Over a connection of its own.
    pub(super) fn new(address: &DicomWebAddress, patience: Patience) -> Result<Self, Failure> {
        let web = Arc::new(DicomWeb::new(address, patience)?);
        // A request that waits is silent meanwhile.
        let wait = MAX_WAIT.min(patience.response / 2);
        Ok(Self { web, studies: BTreeMap::new(), asked: JoinSet::new(), unanswered: 0, wait })
    }

    /// These instances of a study are about to be sent, and maybe `more` of it after them: asks what is not known yet,
    /// and gives what the request with them waits for.
    pub(super) fn ask(&mut self, study: &Uid, instances: &[Uid], more: More) -> Answers {
        self.hear();
        if let Some(question) = self.question(study, instances, more) {
            self.put(study.clone(), question);
        }
        let open = self.studies.get(study).map(|known| known.open.clone()).unwrap_or_default();
        Answers { open, most: self.wait }
    }

    /// What is to be asked.
    fn question(&self, study: &Uid, instances: &[Uid], more: More) -> Option<Question> {
        let is_full = !self.studies.contains_key(study) && self.studies.len() >= MAX_STUDIES;
        if is_full || self.asked.len() >= MAX_ASKED || self.unanswered >= MAX_UNANSWERED {
            return None;
        }
        let known = self.studies.get(study);
        if known.is_some_and(|known| known.is_all_asked) {
            return None;
        }
        let is_known = |uid: &Uid| known.is_some_and(|known| known.named.contains_key(uid));
        let unknown: Vec<Uid> = instances.iter().filter(|uid| !is_known(uid)).cloned().collect();
        match more {
            _ if unknown.is_empty() => None,
            More::No if unknown.len() <= MAX_NAMED => Some(Question::Named(unknown)),
            More::No | More::Yes => Some(Question::All),
        }
    }

    fn put(&mut self, study: Uid, question: Question) {
        let (held, open) = watch::channel(());
        let known = self.studies.entry(study.clone()).or_default();
        known.is_all_asked |= question == Question::All;
        known.open.push(open);
        let web = Arc::clone(&self.web);
        self.asked.spawn(async move {
            let listed = match &question {
                Question::All => list(&web, &study).await,
                Question::Named(uids) => match qido::which(&web, &study, uids).await {
                    Ok(Presence::Lists(listed)) => Some(listed),
                    Ok(Presence::Untold) | Err(_) => None,
                },
            };
            drop(held);
            Told { study, question, listed }
        });
    }

    /// Whether the instance was not listed before it was sent, as far as that is known by now.
    pub(super) fn lacked(&mut self, sent_as: &SentAs) -> bool {
        self.hear();
        let Some(known) = self.studies.get(&sent_as.study) else { return false };
        let is_listed = known.named.get(&sent_as.instance).copied();
        let is_listed = is_listed.or_else(|| known.all.as_ref().map(|all| all.contains(&sent_as.instance)));
        is_listed == Some(false)
    }

    /// What was is over: what is asked from now on is another time's.
    pub(super) fn forget(&mut self) {
        self.asked = JoinSet::new();
        self.studies.clear();
        self.unanswered = 0;
    }

    /// Takes in what was answered meanwhile.
    fn hear(&mut self) {
        while let Some(told) = self.asked.try_join_next() {
            let Ok(told) = told else { continue };
            self.unanswered = if told.listed.is_some() { 0 } else { self.unanswered + 1 };
            let remembered: usize = self.studies.values().map(Known::len).sum();
            if let Some(known) = self.studies.get_mut(&told.study) {
                known.take(told, MAX_INSTANCES.saturating_sub(remembered));
            }
        }
    }
}

impl Known {
    fn len(&self) -> usize {
        self.named.len() + self.all.as_ref().map_or(0, BTreeSet::len)
    }

    /// Takes an answer in, where there is room for so many more instances. What was known before stays what it was.
    fn take(&mut self, told: Told, room: usize) {
        self.open.retain(|open| open.has_changed().is_ok());
        match (told.question, told.listed) {
            (Question::All, Some(listed)) => self.all = Some(listed).filter(|listed| listed.len() <= room),
            // The next request asks once more.
            (Question::All, None) => self.is_all_asked = false,
            (Question::Named(uids), Some(listed)) if uids.len() <= room => {
                self.named.extend(uids.into_iter().map(|uid| {
                    let is_listed = listed.contains(&uid);
                    (uid, is_listed)
                }));
            }
            (Question::Named(_), _) => {}
        }
    }
}

/// Whether more of a study waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Yes,
    No,
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

    const NONE: [Uid; 0] = [];

    fn asked(before: &mut Before, study: &str, instances: &[&str], more: More) -> Option<Question> {
        let instances: Vec<Uid> = instances.iter().map(|instance| uid(instance)).collect();
        let question = before.question(&uid(study), &instances, more);
        drop(before.ask(&uid(study), &instances, more));
        question
    }

    fn told(before: &mut Before, study: &str, question: Question, listed: Option<&[&str]>) {
        let listed = listed.map(|listed| listed.iter().map(|instance| uid(instance)).collect());
        let told = Told { study: uid(study), question, listed };
        before.studies.entry(uid(study)).or_default().take(told, MAX_INSTANCES);
    }

    #[tokio::test]
    async fn only_of_what_was_told_and_not_listed_is_it_known_that_it_was_lacking() {
        let mut before = before();
        assert!(!before.lacked(&sent("1.2", "1.3")), "nobody asked");
        asked(&mut before, "1.2", &["1.3"], More::Yes);
        assert!(!before.lacked(&sent("1.2", "1.3")), "nothing is answered");
        told(&mut before, "1.2", Question::All, Some(&["1.4"]));
        assert!(before.lacked(&sent("1.2", "1.3")) && !before.lacked(&sent("1.2", "1.4")));
        before.forget();
        assert!(!before.lacked(&sent("1.2", "1.3")));
    }

    #[tokio::test]
    async fn few_are_asked_after_by_name_and_a_study_of_which_more_comes_as_a_whole() {
        let mut before = before();
        let named = |uids: &[&str]| Some(Question::Named(uids.iter().map(|it| uid(it)).collect()));
        assert_eq!(asked(&mut before, "1.2", &["1.3", "1.4"], More::No), named(&["1.3", "1.4"]));
        told(&mut before, "1.2", Question::Named(vec![uid("1.3"), uid("1.4")]), Some(&["1.4"]));
        assert!(before.lacked(&sent("1.2", "1.3")) && !before.lacked(&sent("1.2", "1.4")));
        // What is known is not asked after again.
        assert_eq!(asked(&mut before, "1.2", &["1.3"], More::Yes), None);
        assert_eq!(asked(&mut before, "1.2", &["1.3", "1.5"], More::No), named(&["1.5"]));
        assert_eq!(asked(&mut before, "1.2", &["1.6"], More::Yes), Some(Question::All));
        assert_eq!(asked(&mut before, "1.2", &["1.7"], More::No), None);
        // What came meanwhile is listed; it was not when it was asked after by name.
        told(&mut before, "1.2", Question::All, Some(&["1.3", "1.4"]));
        assert!(before.lacked(&sent("1.2", "1.3")) && before.lacked(&sent("1.2", "1.7")));
        let many: Vec<String> = (0..=MAX_NAMED).map(|at| format!("1.5.{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(asked(&mut before, "1.8", &many[1..], More::No), Some(Question::Named(_))));
        assert_eq!(asked(&mut before, "1.9", &many, More::No), Some(Question::All));
    }

    #[tokio::test]
    async fn what_was_not_answered_is_asked_again_and_not_for_ever() {
        let mut before = before();
        for _ in 0..MAX_UNANSWERED {
            assert_eq!(asked(&mut before, "1.2", &["1.3"], More::Yes), Some(Question::All));
            // Nobody is there.
            before.ask(&uid("1.2"), &NONE, More::Yes).heard().await;
            while !before.asked.is_empty() {
                tokio::task::yield_now().await;
                before.hear();
            }
            assert!(!before.lacked(&sent("1.2", "1.3")));
        }
        assert_eq!(asked(&mut before, "1.2", &["1.3"], More::Yes), None);
        before.forget();
        assert_eq!(asked(&mut before, "1.2", &["1.3"], More::Yes), Some(Question::All));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_its_answers_and_no_longer_than_so_long() {
        let begun = tokio::time::Instant::now();
        let ((first, mut answers), (second, other)) = (watch::channel(()), watch::channel(()));
        answers.mark_unchanged();
        let answers = Answers { open: vec![answers, other], most: MAX_WAIT };
        let moment = Duration::from_millis(10);
        let told = async move {
            for held in [first, second] {
                tokio::time::sleep(moment).await;
                drop(held);
            }
        };
        tokio::join!(told, answers.heard());
        assert_eq!(begun.elapsed(), 2 * moment);
        let (_held, open) = watch::channel(());
        Answers { open: vec![open], most: moment }.heard().await;
        assert_eq!(begun.elapsed(), 3 * moment);
    }

    #[tokio::test]
    async fn a_bounded_number_is_asked_about() {
        let mut before = before();
        for study in 0..=MAX_ASKED {
            asked(&mut before, &format!("1.2.{study}"), &["1.3"], More::Yes);
            assert_eq!(before.studies.len(), (study + 1).min(MAX_ASKED));
        }
        let mut full = self::before();
        full.studies = (0..MAX_STUDIES).map(|at| (uid(&format!("1.2.{at}")), Known::default())).collect();
        assert_eq!(asked(&mut full, "1.3", &["1.4"], More::Yes), None);
        assert_eq!(asked(&mut full, "1.2.0", &["1.4"], More::Yes), Some(Question::All));
        let mut known = Known::default();
        let told = |question, listed| Told { study: uid("1.2"), question, listed };
        known.take(told(Question::All, Some(BTreeSet::from([uid("1.3")]))), 0);
        known.take(told(Question::Named(vec![uid("1.3")]), Some(BTreeSet::new())), 0);
        assert_eq!(known.len(), 0);
    }
}
