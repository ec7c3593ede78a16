//! What goes for all lines to a remote together: how fast, and what is known of what it takes.

use std::time::{Duration, Instant};

use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use causeway_core::{Bandwidth, Principal, Remote, Status};
use causeway_forward::delivery::JobState;

use crate::common::{Subject, config, count, dimse, samples, web};
use crate::peer::{Answer, http, scp};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn all_lines_together_go_no_faster_than_the_remote_may_be_sent_to() {
    // Four of 33 KB: at 50 KB a second no less than two and a half seconds.
    let samples = samples(1, 128, 4);
    let (dimse_port, _) = scp(|_| Some(Status::SUCCESS)).await;
    let (web_port, _) = http(samples.clone(), None, Answer::all_taken).await;
    for remote in [dimse("far", dimse_port), web("far", web_port)] {
        let limit = vec!["400kbit/s".parse().unwrap()];
        let remote = Remote { bandwidth: Bandwidth::new(limit).unwrap(), ..remote };
        let subject = Subject::new(config()).await;
        subject.send_all_to(remote).await;
        for sample in &samples {
            subject.ingest(sample).await;
        }
        let begun = Instant::now();
        subject.run();
        subject.until(PATIENCE, |jobs| count(jobs, JobState::Delivered) == 4).await;
        assert!(begun.elapsed() > Duration::from_millis(2_500), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn what_a_far_side_takes_and_refuses_is_remembered_until_it_is_changed() {
    let samples = samples(1, 16, 1);
    let (port, _) = scp(|_| Some(Status::SUCCESS)).await;
    let subject = Subject::new(config()).await;
    let remote = dimse("far", port);
    subject.send_all_to(remote.clone()).await;
    subject.ingest(&samples[0]).await;
    subject.run();
    subject.until(PATIENCE, |jobs| count(jobs, JobState::Delivered) == 1).await;
    let known = async || {
        let us = Principal::local();
        let found = subject.forwarder.acceptances(&us, remote.name.clone()).await.unwrap();
        found.into_iter().map(|it| (it.transfer_syntax.to_string(), it.taken)).collect::<Vec<_>>()
    };
    let expected =
        [(IMPLICIT_VR_LITTLE_ENDIAN.to_owned(), true), (EXPLICIT_VR_LITTLE_ENDIAN.to_owned(), false)];
    assert_eq!(known().await, expected);
    subject.archive.put_remote(&Principal::local(), remote.clone()).await.unwrap();
    assert_eq!(known().await, []);
}
