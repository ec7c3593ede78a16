//! C-STORE: an instance that cannot be read, a destination that is full.

use std::time::Duration;

use causeway_core::Status;
use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_forward::Config;

use crate::common::{Subject, config, dimse, samples};
use crate::peer::scp;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_instance_that_cannot_be_read_is_our_fault_and_does_not_hold_up_the_others() {
    let samples = samples(1, 256, 3);
    // It takes implicit VR only, so that what is sent is laid out anew.
    let (port, _) = scp(|_| Some(Status::SUCCESS)).await;
    let subject = Subject::new(config()).await;
    subject.send_all_to(dimse("far", port)).await;
    subject.ingest(&samples[0]).await;
    subject.damage_spool(EXPLICIT_VR_LITTLE_ENDIAN);
    subject.sends_all_but_the_first(&samples).await;
}

#[tokio::test]
async fn a_destination_that_is_full_is_left_alone_after_the_first_answer() {
    // Another association begins an instance before the first has answered.
    for associations in [1, 3] {
        let samples = samples(1, 16, 8);
        let (port, seen) = scp(|_| Some(Status::OUT_OF_RESOURCES)).await;
        let config = Config { associations_per_destination: associations, ..config() };
        let subject = Subject::new(config).await;
        subject.send_all_to(dimse("full", port)).await;
        for sample in &samples {
            subject.ingest(sample).await;
        }
        subject.run();
        subject.until(SOON, |jobs| jobs.iter().all(|job| job.last.is_some())).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let seen = seen.lock().unwrap().len();
        assert!((1..=associations as usize).contains(&seen), "{seen} instances were sent");
        assert!(subject.held_because().await.unwrap().contains("A700"));
        let untried = subject.jobs().await.iter().filter(|job| job.attempts == 0).count();
        assert_eq!(untried, samples.len() - seen);
    }
}
