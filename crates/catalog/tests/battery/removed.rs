//! What was removed and can be brought back: its rows come again under their numbers, and nothing is delivered because of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{Subject, With, asked, record, uid};
use causeway_catalog::delivery::{Afterwards, Claim, Filter, JobState, Lane, Last, Update};
use causeway_catalog::{BroughtBack, Hold, Inserted, RemovedObject, Removing};
use causeway_core::keeping::{Reason, Removal, RemovalMark};
use causeway_core::{Clock, EventKind, Level, PlannedDelivery, Query, Selection, Sight, Tag, Trigger};

const GRACE: Duration = Duration::from_secs(3600);

fn with_grace() -> Removal {
    Removal { who: "anna".to_owned(), reason: Reason::Asked, grace: "1h".parse().unwrap() }
}

async fn remove(subject: &Subject, study: &str) -> usize {
    let selection = Selection::study(uid(study));
    subject.delete(selection, Sight::Everything, with_grace()).await.len()
}

fn named(objects: &[RemovedObject]) -> Vec<&str> {
    objects.iter().map(|one| one.ids.instance.as_str()).collect()
}

#[tokio::test]
async fn what_was_removed_is_told_by_study_and_brought_back_as_it_was() {
    let subject = Subject::new().await;
    let (first, second, other) = (record(1, 1, 1), record(1, 2, 1), record(2, 1, 1));
    for one in [&first, &second, &other] {
        subject.insert(one.clone()).await;
    }
    let before = subject.search(Query::all(Level::Instance)).await;
    assert_eq!((remove(&subject, "1.2.1").await, remove(&subject, "1.2.2").await), (2, 1));
    let told = subject.catalog.removed_studies(String::new(), 10).await.unwrap();
    assert_eq!(
        told.iter().map(|it| (it.study.as_str(), it.instances, it.bytes)).collect::<Vec<_>>(),
        [("1.2.1", 2, 2000), ("1.2.2", 1, 1000)]
    );
    assert_eq!((told[0].who.as_str(), &told[0].reason), ("anna", &Reason::Asked));
    assert_eq!(told[0].purge_at, subject.clock.now() + GRACE);
    assert_eq!(subject.catalog.removed_studies("1.2.1".to_owned(), 10).await.unwrap().len(), 1);
    let removed = subject.catalog.removed_of(uid("1.2.1")).await.unwrap();
    assert_eq!(named(&removed), ["1.2.1.1.1", "1.2.1.2.1"]);
    for one in &removed {
        assert!(subject.catalog.object_known(one.object.clone()).await.unwrap(), "it is no orphan");
    }
    let all = vec![first.clone(), second.clone(), other];
    let became = subject.catalog.bring_back(all.clone(), "otto").await.unwrap();
    assert_eq!(became, [BroughtBack::Back; 3]);
    assert_eq!(subject.search(Query::all(Level::Instance)).await, before);
    assert!(!subject.catalog.was_deleted(Selection::study(uid("1.2.1"))).await.unwrap());
    assert!(subject.catalog.removed_studies(String::new(), 10).await.unwrap().is_empty());
    let again = subject.catalog.bring_back(all, "otto").await.unwrap();
    assert_eq!(again, [BroughtBack::CameAgain; 3], "it is here");
    let trail = subject.catalog.audit(10).await.unwrap();
    let restored: Vec<_> =
        trail.iter().filter(|row| row.what == EventKind::InstanceRestored.verb()).collect();
    assert!(restored.len() == 3 && restored.iter().all(|row| row.who == "otto"), "{trail:?}");
}

#[tokio::test]
async fn what_was_delivered_is_known_to_be_its_own_and_is_not_delivered_again() {
    let subject = Subject::new().await;
    let to = || {
        vec![PlannedDelivery::plain("route".parse().unwrap(), "reader".parse().unwrap(), Trigger::Instance)]
    };
    let claim = || Claim {
        remote: "reader".parse().unwrap(),
        owner: "w".to_owned(),
        lease: GRACE,
        limit: 1,
        lane: Lane::All,
        closed: Vec::new(),
    };
    let (first, second) = (record(1, 1, 1), record(1, 1, 2));
    subject.insert_with(first.clone(), to()).await;
    subject.insert_with(second.clone(), to()).await;
    let job = subject.catalog.claim(claim()).await.unwrap()[0].job;
    let last = Some(Last { class: None, status: Some(0), words: "taken".to_owned() });
    let update = Update {
        job,
        state: JobState::Delivered,
        retry_at: None,
        attempts: 1,
        last,
        afterwards: Afterwards::Nothing,
    };
    subject.catalog.conclude(vec![update], "w".to_owned()).await.unwrap();
    remove(&subject, "1.2.1").await;
    subject.insert(record(9, 1, 1)).await;
    subject.catalog.bring_back(vec![first, second], "otto").await.unwrap();
    assert!(subject.catalog.claim(claim()).await.unwrap().is_empty());
    let jobs = subject.catalog.jobs(Filter { limit: 10, ..Filter::default() }).await.unwrap();
    let mut told: Vec<_> = jobs.iter().map(|job| (job.instance.clone().unwrap(), job.state)).collect();
    told.sort_unstable_by_key(|(instance, _)| instance.as_str().to_owned());
    assert_eq!(told, [(uid("1.2.1.1.1"), JobState::Delivered), (uid("1.2.1.1.2"), JobState::Cancelled)]);
}

#[tokio::test]
async fn an_instance_that_came_again_meanwhile_stays_and_the_old_one_goes_in_its_time() {
    let subject = Subject::new().await;
    let (old, new) = (record(1, 1, 1), record(1, 1, 1).with_other_bytes());
    subject.insert(old.clone()).await;
    remove(&subject, "1.2.1").await;
    assert_eq!(subject.insert(new.clone()).await, Inserted::New);
    assert_eq!(
        subject.catalog.bring_back(vec![old.clone()], "otto").await.unwrap(),
        [BroughtBack::CameAgain]
    );
    subject.clock.advance(GRACE);
    let claimed = subject.catalog.claim_removed(10).await.unwrap();
    assert_eq!(claimed.iter().map(|one| &one.object).collect::<Vec<_>>(), [&old.object]);
    subject.catalog.purged(claimed).await.unwrap();
    assert!(!subject.catalog.object_known(old.object).await.unwrap());
    assert!(subject.catalog.object_known(new.object).await.unwrap());
}

#[tokio::test]
async fn bytes_are_claimed_when_the_grace_is_over_and_not_before_and_then_nothing_comes_back() {
    let subject = Subject::new().await;
    let one = record(1, 1, 1);
    subject.insert(one.clone()).await;
    remove(&subject, "1.2.1").await;
    subject.clock.advance(GRACE - Duration::from_millis(1));
    assert!(subject.catalog.claim_removed(10).await.unwrap().is_empty());
    subject.clock.advance(Duration::from_millis(1));
    assert_eq!(named(&subject.catalog.claim_removed(10).await.unwrap()), ["1.2.1.1.1"]);
    assert_eq!(subject.catalog.bring_back(vec![one.clone()], "otto").await.unwrap(), [BroughtBack::Gone]);
    let subject = subject.reopened().await;
    let claimed = subject.catalog.claim_removed(10).await.unwrap();
    assert_eq!(named(&claimed), ["1.2.1.1.1"], "who died with it has left it claimed");
    subject.catalog.purged(claimed).await.unwrap();
    assert!(subject.catalog.claim_removed(10).await.unwrap().is_empty());
    assert!(subject.catalog.was_deleted(Selection::study(uid("1.2.1"))).await.unwrap());
    let trail = subject.catalog.audit(1).await.unwrap();
    assert_eq!((trail[0].what.as_str(), trail[0].subject.as_str()), ("purge", "1.2.1"));
}

#[tokio::test]
async fn without_grace_and_when_it_is_ended_bytes_go_at_once() {
    let subject = Subject::new().await;
    for study in 1..=2 {
        subject.insert(record(study, 1, 1)).await;
    }
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, asked("anna")).await;
    assert!(subject.catalog.removed_studies(String::new(), 10).await.unwrap().is_empty());
    assert_eq!(named(&subject.catalog.claim_removed(10).await.unwrap()), ["1.2.1.1.1"]);
    remove(&subject, "1.2.2").await;
    assert_eq!(subject.catalog.end_grace(uid("1.2.2"), "anna").await.unwrap(), Removing::Done(1));
    assert_eq!(subject.catalog.claim_removed(10).await.unwrap().len(), 2);
    assert_eq!(
        subject.catalog.end_grace(uid("1.2.2"), "anna").await.unwrap(),
        Removing::Done(0),
        "they are going"
    );
}

#[tokio::test]
async fn marks_are_owed_until_they_are_there_and_wrong_where_something_came_back() {
    let subject = Subject::new().await;
    let (first, second) = (record(1, 1, 1), record(2, 1, 1));
    for one in [&first, &second] {
        subject.insert(one.clone()).await;
    }
    remove(&subject, "1.2.1").await;
    remove(&subject, "1.2.2").await;
    let owed = subject.catalog.unmarked(10).await.unwrap();
    assert_eq!(named(&owed), ["1.2.1.1.1", "1.2.2.1.1"]);
    subject.catalog.bring_back(vec![first.clone()], "otto").await.unwrap();
    let both = owed.iter().map(|one| one.object.clone()).collect();
    assert_eq!(subject.catalog.marked(both).await.unwrap(), [first.object]);
    assert!(subject.catalog.unmarked(10).await.unwrap().is_empty());
    subject.catalog.unmark(uid("1.2.2")).await.unwrap();
    assert_eq!(subject.catalog.unmarked(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_catalog_that_is_made_anew_knows_what_marks_say_was_removed() {
    let subject = Subject::new().await;
    let (one, kept) = (record(1, 1, 1), record(1, 1, 2));
    let mark = RemovalMark {
        removed_at: subject.clock.now(),
        who: "anna".to_owned(),
        reason: Reason::Rule("old".parse().unwrap()),
        purge_at: subject.clock.now() + GRACE,
    };
    subject.catalog.remember_removed(one.clone(), mark.clone()).await.unwrap();
    subject.catalog.remember_removed(record(3, 1, 1), mark.clone()).await.unwrap();
    subject.catalog.remember_removed(one.clone(), mark.clone()).await.unwrap();
    assert!(subject.catalog.is_removed(one.object.clone()).await.unwrap());
    assert!(!subject.catalog.is_removed(kept.object.clone()).await.unwrap());
    assert!(
        subject
            .catalog
            .was_deleted(Selection::instance(uid("1.2.1"), uid("1.2.1.1"), uid("1.2.1.1.1")))
            .await
            .unwrap()
    );
    assert_eq!(subject.catalog.removed_of(uid("1.2.1")).await.unwrap()[0].mark, mark);
    subject.insert(kept).await;
    assert_eq!(subject.catalog.bring_back(vec![one], "otto").await.unwrap(), [BroughtBack::Back]);
    let found = subject.found(Query::all(Level::Instance), Tag::SOP_INSTANCE_UID).await;
    assert_eq!(found.len(), 2);
}

fn held<T>(came: Removing<T>) -> Hold {
    match came {
        Removing::Held(hold) => hold,
        Removing::Done(_) => panic!("it was done"),
    }
}

#[tokio::test]
async fn nothing_of_a_study_on_hold_is_removed_or_replaced_until_the_hold_is_taken_away() {
    let subject = Subject::new().await;
    for instance in 1..=2 {
        subject.insert(record(1, 1, instance)).await;
    }
    let placed = subject.catalog.put_hold(uid("1.2.1"), "a case".to_owned(), "otto").await.unwrap().unwrap();
    assert_eq!((placed.instances, placed.removed, placed.reason.as_str()), (2, 0, "a case"));
    let one = Selection::instance(uid("1.2.1"), uid("1.2.1.1"), uid("1.2.1.1.1"));
    for selection in [Selection::study(uid("1.2.1")), one] {
        let came = subject.catalog.delete(selection, Sight::Everything, with_grace()).await.unwrap();
        assert_eq!(held(came), placed);
    }
    assert_eq!(subject.replace(record(1, 1, 1).with_other_bytes()).await, Inserted::Conflict);
    assert_eq!(subject.insert(record(1, 1, 3)).await, Inserted::New, "what comes is kept");
    assert_eq!(subject.found(Query::all(Level::Instance), Tag::SOP_INSTANCE_UID).await.len(), 3);
    assert!(subject.catalog.remove_hold(uid("1.2.1"), "otto").await.unwrap());
    assert!(!subject.catalog.remove_hold(uid("1.2.1"), "otto").await.unwrap());
    assert!(matches!(subject.replace(record(1, 1, 1).with_other_bytes()).await, Inserted::Replaced { .. }));
    assert_eq!(remove(&subject, "1.2.1").await, 3);
    let trail: Vec<String> =
        subject.catalog.audit(50).await.unwrap().into_iter().map(|row| row.what).collect();
    assert!(trail.contains(&"hold-put".to_owned()) && trail.contains(&"hold-remove".to_owned()), "{trail:?}");
}

#[tokio::test]
async fn a_hold_has_the_bytes_stay_of_what_was_removed_before() {
    let subject = Subject::new().await;
    let one = record(1, 1, 1);
    subject.insert(one.clone()).await;
    remove(&subject, "1.2.1").await;
    let placed = subject.catalog.put_hold(uid("1.2.1"), "a case".to_owned(), "otto").await.unwrap().unwrap();
    assert_eq!((placed.instances, placed.removed), (0, 1));
    held(subject.catalog.end_grace(uid("1.2.1"), "anna").await.unwrap());
    subject.clock.advance(GRACE * 2);
    assert!(subject.catalog.claim_removed(10).await.unwrap().is_empty());
    assert_eq!(subject.catalog.bring_back(vec![one], "otto").await.unwrap(), [BroughtBack::Back]);
    remove_hold_and_all(&subject).await;
}

async fn remove_hold_and_all(subject: &Subject) {
    assert_eq!(subject.catalog.holds(String::new(), 10).await.unwrap().len(), 1);
    assert!(subject.catalog.holds("1.2.1".to_owned(), 10).await.unwrap().is_empty());
    subject.catalog.remove_hold(uid("1.2.1"), "otto").await.unwrap();
    remove(subject, "1.2.1").await;
    subject.clock.advance(GRACE);
    assert_eq!(subject.catalog.claim_removed(10).await.unwrap().len(), 1);
}
