//! STOW-RS: slow lines, instances that cannot be read, refusals of a whole request.

use std::time::{Duration, Instant};

use causeway_core::transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
use causeway_forward::delivery::JobState;
use tokio::net::TcpListener;

use crate::common::{Subject, config, count, samples, web};
use crate::peer::{Answer, http};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_upload_may_take_longer_than_the_far_side_may_be_silent() {
    let samples = samples(1, 4096, 1);
    let pause = Some(Duration::from_millis(80));
    let (port, seen) = http(samples.clone(), pause, Answer::all_taken).await;
    let silent = causeway_forward::Config { response_seconds: 4, ..config() };
    let subject = Subject::new(silent).await;
    subject.send_all_to(web("slow", port)).await;
    for sample in &samples {
        subject.ingest(sample).await;
    }
    let begun = Instant::now();
    subject.run();
    subject.until(Duration::from_secs(60), |jobs| count(jobs, JobState::Delivered) == 1).await;
    assert!(begun.elapsed() > Duration::from_secs(5), "the peer was too quick for this test");
    assert_eq!(*seen.lock().unwrap(), [[0]]);
}

#[tokio::test]
async fn a_far_side_that_takes_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let subject = Subject::new(config()).await;
    subject.send_all_to(web("deaf", port)).await;
    let samples = samples(1, 2048, 2);
    for sample in &samples {
        subject.ingest(sample).await;
    }
    let deaf = tokio::spawn(async move {
        let mut lines = Vec::new();
        while let Ok(line) = listener.accept().await {
            lines.push(line);
        }
    });
    subject.run();
    subject.until(SOON, |jobs| jobs.iter().all(|job| job.last.is_some())).await;
    assert!(subject.held_because().await.unwrap().contains("timed out"));
    deaf.abort();
}

#[tokio::test]
async fn an_answer_that_stops_halfway_is_given_up_and_its_only_instance_told() {
    let samples = samples(1, 16, 1);
    // The answer promises more than comes.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut lines = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
            stream.write_all(begun).await.unwrap();
            lines.push(stream);
        }
    });
    let subject = Subject::new(config()).await;
    subject.send_all_to(web("slow", port)).await;
    subject.ingest(&samples[0]).await;
    subject.run();
    subject.until(SOON, |jobs| jobs[0].attempts == 1).await;
    assert!(subject.held_because().await.is_some());
}

#[tokio::test]
async fn an_instance_that_cannot_be_read_is_our_fault_and_does_not_hold_up_the_others() {
    let samples = samples(1, 256, 3);
    let (port, _) = http(samples.clone(), None, Answer::all_taken).await;
    let subject = Subject::new(config()).await;
    subject.send_all_to(web("far", port)).await;
    subject.ingest_implicit(&samples[0]).await;
    subject.damage_spool(IMPLICIT_VR_LITTLE_ENDIAN);
    subject.sends_all_but_the_first(&samples).await;
}

#[tokio::test]
async fn a_refusal_of_several_is_put_on_none_of_them() {
    for refusal in [413, 400, 415, 418] {
        let samples = samples(1, 16, 4);
        let (port, seen) = http(samples.clone(), None, move |samples, these| match these {
            [2] | [_, _, ..] => Answer(refusal, String::new()),
            _ => Answer::all_taken(samples, these),
        })
        .await;
        let subject = Subject::new(config()).await;
        subject.send_all_to(web("picky", port)).await;
        for sample in &samples {
            subject.ingest(sample).await;
        }
        subject.run();
        subject
            .until(SOON, |jobs| {
                count(jobs, JobState::Delivered) == 3 && jobs.iter().all(|job| job.attempts == 1)
            })
            .await;
        let refused = subject.job(&samples[2]).await;
        assert_eq!(refused.last.unwrap().status, Some(refusal));
        assert_eq!(refused.state == JobState::Parked, refusal == 413);
        assert_eq!(seen.lock().unwrap()[0].len(), 4);
        assert_eq!(subject.held_because().await, None);
    }
}

#[tokio::test]
async fn a_redirect_or_a_timeout_speaks_of_the_destination_and_parks_nothing() {
    for status in [301, 408] {
        let samples = samples(1, 16, 2);
        let (port, seen) = http(samples.clone(), None, move |_, _| Answer(status, String::new())).await;
        let subject = Subject::new(config()).await;
        subject.send_all_to(web("far", port)).await;
        for sample in &samples {
            subject.ingest(sample).await;
        }
        subject.run();
        subject.until(SOON, |jobs| jobs.iter().all(|job| job.last.is_some())).await;
        let held = subject.held_because().await.unwrap();
        assert!(held.contains(&status.to_string()), "{held}");
        assert_eq!(seen.lock().unwrap().len(), 1);
        assert!(subject.jobs().await.iter().all(|job| job.attempts == 0));
    }
}

#[tokio::test]
async fn a_destination_that_is_full_for_one_instance_is_left_alone() {
    let samples = samples(1, 16, 3);
    let full = |samples: &_, these: &[usize]| {
        let answered: Vec<_> = these.iter().map(|at| (*at, (*at == 1).then_some(0xA700))).collect();
        Answer::each(samples, &answered)
    };
    let (port, seen) = http(samples.clone(), None, full).await;
    let subject = Subject::new(config()).await;
    subject.send_all_to(web("full", port)).await;
    for sample in &samples {
        subject.ingest(sample).await;
    }
    subject.run();
    subject.until(SOON, |jobs| count(jobs, JobState::Delivered) == 2).await;
    assert!(subject.held_because().await.unwrap().contains("A700"));
    assert_eq!(seen.lock().unwrap().len(), 1);
}
