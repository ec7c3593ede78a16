//! What is kept of each remote's is counted with each instance that comes and goes, and room is made by whole studies of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{Subject, With, asked, record, uid};
use causeway_catalog::Retired;
use causeway_core::keeping::quota::WhenFull;
use causeway_core::keeping::retention::Why;
use causeway_core::keeping::{Reason, Removal};
use causeway_core::{InstanceRecord, PlannedDelivery, RemoteName, Selection, Sight, Trigger};

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn from(remote: &str, mut record: InstanceRecord) -> InstanceRecord {
    record.envelope.remote = Some(name(remote));
    record
}

fn removal(grace: &str) -> Removal {
    Removal::by_itself(Reason::Quota(name("ct1")), grace.parse().unwrap())
}

async fn kept(subject: &Subject, remote: &str) -> u64 {
    subject.catalog.kept_of(name(remote)).await.unwrap()
}

#[tokio::test]
async fn every_way_in_and_out_is_counted() {
    let subject = Subject::new().await;
    let (first, second) = (from("ct1", record(1, 1, 1)), from("ct1", record(1, 1, 2)));
    assert_eq!(kept(&subject, "ct1").await, 0);
    subject.insert(first.clone()).await;
    subject.insert(first.clone()).await;
    subject.insert(first.clone().again()).await;
    subject.insert(first.clone().with_other_bytes()).await;
    assert_eq!(kept(&subject, "ct1").await, 1000, "a repeat and a conflict are not kept");
    subject.insert(second.clone()).await;
    subject.insert(from("ct2", record(2, 1, 1))).await;
    subject.insert(record(3, 1, 1)).await;
    assert_eq!((kept(&subject, "ct1").await, kept(&subject, "ct2").await), (2000, 1000));
    let mut other = from("ct2", second.clone().with_other_bytes());
    other.object_bytes = 5000;
    subject.replace(other).await;
    assert_eq!((kept(&subject, "ct1").await, kept(&subject, "ct2").await), (1000, 6000));
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, removal("1h")).await;
    assert_eq!(
        (kept(&subject, "ct1").await, kept(&subject, "ct2").await),
        (0, 1000),
        "what is removed does not count"
    );
    subject.catalog.bring_back(vec![first], "otto").await.unwrap();
    assert_eq!(kept(&subject, "ct1").await, 1000, "what is brought back does");
    subject.delete(Selection::study(uid("1.2.2")), Sight::Everything, asked("anna")).await;
    assert_eq!(kept(&subject, "ct2").await, 0);
}

#[tokio::test]
async fn quotas_are_told_with_what_is_kept() {
    let subject = Subject::new().await;
    subject.insert(from("ct1", record(1, 1, 1))).await;
    subject.catalog.put_quota(name("mr1"), 7, WhenFull::Refuse, "otto").await.unwrap();
    subject.catalog.put_quota(name("ct1"), 5, WhenFull::Refuse, "otto").await.unwrap();
    subject.catalog.put_quota(name("ct1"), 5000, WhenFull::RemoveOldest, "otto").await.unwrap();
    let told = subject.catalog.quotas().await.unwrap();
    let told: Vec<_> =
        told.iter().map(|it| (it.remote.as_str(), it.limit, it.when_full, it.used, it.instances)).collect();
    assert_eq!(told, [("ct1", 5000, WhenFull::RemoveOldest, 1000, 1), ("mr1", 7, WhenFull::Refuse, 0, 0)]);
    assert!(subject.catalog.remove_quota(name("mr1"), "otto").await.unwrap());
    assert!(!subject.catalog.remove_quota(name("mr1"), "otto").await.unwrap());
    let trail = subject.catalog.audit(1).await.unwrap();
    assert_eq!((trail[0].what.as_str(), trail[0].who.as_str()), ("quota-remove", "otto"));
}

#[tokio::test]
async fn the_oldest_studies_of_a_remote_go_unless_something_keeps_them() {
    let subject = Subject::new().await;
    let later = |mut record: InstanceRecord, seconds: u64| {
        let at = record.envelope.received_at.checked_add(Duration::from_secs(seconds));
        record.envelope.received_at = at.unwrap();
        record
    };
    subject.insert(later(from("ct1", record(1, 1, 1)), 30)).await;
    subject.insert(later(from("ct1", record(2, 1, 1)), 10)).await;
    subject.insert(later(from("ct1", record(3, 1, 1)), 20)).await;
    subject.insert(later(from("ct2", record(4, 1, 1)), 0)).await;
    let oldest = subject.catalog.oldest_of(name("ct1"), 2, 0).await.unwrap();
    assert_eq!(oldest, [uid("1.2.2"), uid("1.2.3")]);
    assert_eq!(subject.catalog.oldest_of(name("ct1"), 2, 2).await.unwrap(), [uid("1.2.1")]);
    subject.catalog.put_hold(uid("1.2.2"), "a case".to_owned(), "otto").await.unwrap();
    subject.insert(from("ct2", record(3, 1, 2))).await;
    let to = vec![PlannedDelivery::plain(name("route"), name("reader"), Trigger::Instance)];
    subject.insert_with(from("ct1", record(5, 1, 1)), to).await;
    for (study, why) in [("1.2.2", Why::Held), ("1.2.3", Why::FromElsewhere), ("1.2.5", Why::Open(1))] {
        let kept = subject.catalog.make_room(uid(study), removal("1h")).await.unwrap();
        assert_eq!(kept, Retired::Kept(why), "{study}");
    }
    let Retired::Gone(gone) = subject.catalog.make_room(uid("1.2.1"), removal("1h")).await.unwrap() else {
        panic!("it stays");
    };
    assert_eq!(gone.len(), 1);
    assert_eq!(subject.catalog.make_room(uid("1.2.1"), removal("1h")).await.unwrap(), Retired::Unknown);
    let trail = subject.catalog.audit(1).await.unwrap();
    let line = (trail[0].what.as_str(), trail[0].who.as_str(), trail[0].subject.as_str());
    assert_eq!(line, ("quota-remove-study", "quota ct1", "1.2.1"));
}
