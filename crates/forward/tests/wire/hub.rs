//! The hub and its tasks: who is woken, which address is in force, what a caller that went away leaves behind.

use std::time::Duration;

use causeway_core::{Principal, Status, Trigger};
use causeway_forward::RouteRecord;
use causeway_forward::delivery::JobState;

use crate::common::{Subject, config, count, dimse, samples, web};
use crate::peer::scp;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn lingering_tasks_do_not_eat_each_others_nudges() {
    let subject = Subject::new(causeway_forward::Config { linger_seconds: 300, ..config() }).await;
    for name in ["one", "two", "three"] {
        let (port, _) = scp(|_| Some(Status::SUCCESS)).await;
        subject.send_all_to(dimse(name, port)).await;
    }
    let samples = samples(1, 16, 4);
    subject.run();
    for (at, sample) in samples.iter().enumerate() {
        subject.ingest(sample).await;
        let patience = if at == 0 { SOON } else { Duration::from_secs(2) };
        subject.until(patience, |jobs| count(jobs, JobState::Delivered) == 3 * (at + 1)).await;
    }
}

#[tokio::test]
async fn a_remote_that_moved_is_not_sent_to_where_it_was() {
    let subject = Subject::new(causeway_forward::Config { linger_seconds: 300, ..config() }).await;
    let (before, seen_before) = scp(|_| Some(Status::SUCCESS)).await;
    let (after, seen_after) = scp(|_| Some(Status::SUCCESS)).await;
    let samples = samples(1, 16, 2);
    subject.send_all_to(dimse("far", before)).await;
    subject.run();
    subject.ingest(&samples[0]).await;
    subject.until(SOON, |jobs| count(jobs, JobState::Delivered) == 1).await;
    subject.archive.put_remote(&Principal::local(), dimse("far", after)).await.unwrap();
    subject.ingest(&samples[1]).await;
    subject.until(SOON, |jobs| count(jobs, JobState::Delivered) == 2).await;
    assert_eq!(seen_before.lock().unwrap().len(), 1);
    assert_eq!(seen_after.lock().unwrap().len(), 1);
}

/// Polls `change` once, then drops it, as when a client disconnects.
async fn begun(change: impl Future) {
    let _ = tokio::time::timeout(Duration::ZERO, change).await;
}

#[tokio::test]
async fn a_change_whose_caller_went_away_comes_into_force_all_the_same() {
    let subject = Subject::new(config()).await;
    let local = Principal::local();
    begun(subject.archive.put_remote(&local, web("far", 1))).await;
    let name = "far".parse().unwrap();
    let far = async {
        while subject.archive.remote(&name).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, far).await.unwrap();
    let route = RouteRecord::plain(name.clone(), "true", name, Trigger::Instance);
    begun(subject.forwarder.put_route(&local, route)).await;
    begun(subject.archive.put_token(
        &local,
        "door".to_owned(),
        local.permissions.clone(),
        local.sight.clone(),
    ))
    .await;
    let rest = async {
        while subject.forwarder.routes(&local).unwrap().is_empty() || !subject.archive.has_tokens() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, rest).await.unwrap();
}

#[tokio::test]
async fn an_instance_that_breaks_the_line_is_told_and_the_others_go_on() {
    let samples = samples(1, 16, 3);
    let bad = samples[0].ids.instance.clone();
    let (port, _) = scp(move |uid| (*uid != bad).then_some(Status::SUCCESS)).await;
    let subject = Subject::new(config()).await;
    subject.send_all_to(dimse("far", port)).await;
    for sample in &samples {
        subject.ingest(sample).await;
    }
    subject.run();
    subject.until(Duration::from_secs(20), |jobs| count(jobs, JobState::Delivered) == 2).await;
    assert!(subject.job(&samples[0]).await.attempts >= 1);
}
