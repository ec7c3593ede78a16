//! Instances over a line that breaks, and pairing: what waits goes on where it was, within bounds, and nothing is there
//! before all of it is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::link::arriving::{MAX_WAITING_INSTANCES, MIN_KEPT_BYTES, NotTaken, PATIENCE};
use causeway_archive::link::{Arriving, PairingError, pairing};
use causeway_core::link::code::InviteCode;
use causeway_core::link::words::{Begin, Fate, Offer, Offered, Standing};
use causeway_core::{Digest, Principal, RemoteName, Uid, Via};
use causeway_testkit::sample::{Modality, Sample, Study};
use common::{Subject, envelope};
use sha2::{Digest as _, Sha256};

/// An instance that is worth keeping a beginning of.
fn sample(seed: u64) -> Sample {
    Study::new(seed, Modality::Ct, 1, 1).with_edge(512).instances().next().unwrap()
}

fn begin(sample: &Sample, from: u64) -> Begin {
    Begin {
        instance: sample.ids.instance.clone(),
        sop_class: sample.sop_class.clone(),
        transfer_syntax: sample.transfer_syntax.clone(),
        digest: Digest(Sha256::digest(sample.data_set()).into()),
        bytes: sample.data_set().len() as u64,
        from,
        via: Via::default(),
    }
}

fn hospital() -> RemoteName {
    "hospital".parse().unwrap()
}

async fn arrive(subject: &Subject, begin: &Begin) -> Result<Arriving, Fate> {
    subject.archive.arrive(&Arc::new(Principal::local()), envelope(), &hospital(), begin).await
}

async fn stands(subject: &Subject, begin: &Begin) -> Standing {
    let Begin { instance, digest, bytes, .. } = begin.clone();
    let offer = Offer { instances: vec![Offered { instance, digest, bytes }], acknowledged: Vec::new() };
    subject.archive.standings(&Principal::local(), &hospital(), &offer).await.unwrap().remove(0)
}

async fn give(arriving: &mut Arriving, bytes: &[u8]) {
    for chunk in bytes.chunks(10_000) {
        arriving.data(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
}

async fn fate(arriving: Arriving) -> Fate {
    arriving.end().await.unwrap().await.unwrap()
}

#[tokio::test]
async fn what_broke_off_goes_on_where_it_was_and_is_there_as_it_was_sent() {
    let subject = Subject::new().await;
    let sample = sample(1);
    let all = sample.data_set();
    for (from, to) in [(0, 100_001), (100_001, 300_000)] {
        let mut arriving = arrive(&subject, &begin(&sample, from as u64)).await.unwrap();
        give(&mut arriving, &all[from..to]).await;
        drop(arriving);
        assert_eq!(stands(&subject, &begin(&sample, 0)).await, Standing::Send(to as u64));
        assert_eq!(subject.read_back(&sample).await, None, "there before it is whole");
    }
    // Bytes that were on their way when it broke come again.
    let mut arriving = arrive(&subject, &begin(&sample, 250_000)).await.unwrap();
    give(&mut arriving, &all[250_000..]).await;
    let Fate::Receipt(receipt) = fate(arriving).await else { panic!("refused") };
    assert_eq!((receipt.digest, &receipt.node), (begin(&sample, 0).digest, subject.archive.node_id()));
    assert_eq!(subject.read_back(&sample).await.as_deref(), Some(all));
    assert!(matches!(stands(&subject, &begin(&sample, 0)).await, Standing::Have(_)));
    assert_eq!(subject.archive.arriving(), 0);
}

#[tokio::test]
async fn a_gap_is_asked_to_be_offered_again_and_a_lie_is_refused() {
    let subject = Subject::new().await;
    let sample = sample(2);
    let all = sample.data_set();
    assert_eq!(arrive(&subject, &begin(&sample, 5)).await.err(), Some(Fate::Again));
    let mut arriving = arrive(&subject, &begin(&sample, 0)).await.unwrap();
    give(&mut arriving, &all[..200_000]).await;
    drop(arriving);
    assert_eq!(arrive(&subject, &begin(&sample, 200_001)).await.err(), Some(Fate::Again));
    // More than was announced, less than was announced, and other bytes than were announced.
    let short = Begin { bytes: 150_000, ..begin(&sample, 0) };
    let mut arriving = arrive(&subject, &short).await.unwrap();
    give(&mut arriving, &all[..150_000]).await;
    assert_eq!(arriving.data(Bytes::from_static(b"1")).await, Err(NotTaken::TooMuch));
    drop(arriving);
    let mut arriving = arrive(&subject, &begin(&sample, 0)).await.unwrap();
    give(&mut arriving, &all[..1000]).await;
    assert!(matches!(fate(arriving).await, Fate::Refused(_)));
    let other = Begin { digest: Digest([7; 32]), ..begin(&sample, 0) };
    let mut arriving = arrive(&subject, &other).await.unwrap();
    give(&mut arriving, all).await;
    let Fate::Refused(refused) = fate(arriving).await else { panic!("a receipt for other bytes") };
    assert!(refused.words.contains("digest"), "{}", refused.words);
    assert_eq!(subject.read_back(&sample).await, None);
}

#[tokio::test]
async fn the_one_who_comes_later_brings_the_rest() {
    let subject = Subject::new().await;
    let sample = sample(3);
    let all = sample.data_set();
    let mut first = arrive(&subject, &begin(&sample, 0)).await.unwrap();
    give(&mut first, &all[..200_000]).await;
    let mut second = arrive(&subject, &begin(&sample, 200_000)).await.unwrap();
    assert_eq!(first.data(Bytes::from_static(b"x")).await, Err(NotTaken::Relieved));
    assert!(first.end().await.is_none());
    give(&mut second, &all[200_000..]).await;
    assert!(matches!(fate(second).await, Fate::Receipt(_)));
}

#[tokio::test]
async fn beginnings_are_kept_up_to_a_number_and_from_a_size_on() {
    let subject = Subject::new().await;
    let mut held = Vec::new();
    for number in 0..=MAX_WAITING_INSTANCES {
        let begin = Begin {
            instance: Uid::parse(&format!("1.2.{number}")).unwrap(),
            bytes: MIN_KEPT_BYTES,
            ..begin(&sample(4), 0)
        };
        held.push(arrive(&subject, &begin).await.unwrap());
        assert_eq!(subject.archive.arriving(), (number + 1).min(MAX_WAITING_INSTANCES));
    }
    let subject = Subject::new().await;
    let small = Begin { bytes: MIN_KEPT_BYTES - 1, ..begin(&sample(4), 0) };
    drop(arrive(&subject, &small).await.unwrap());
    assert_eq!(subject.archive.arriving(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_brings_the_rest_of_is_thrown_away() {
    let subject = Subject::new().await;
    let sample = sample(5);
    let mut arriving = arrive(&subject, &begin(&sample, 0)).await.unwrap();
    give(&mut arriving, &sample.data_set()[..200_000]).await;
    drop(arriving);
    tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
    assert_eq!(subject.archive.arriving(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(subject.archive.arriving(), 0);
    assert_eq!(stands(&subject, &begin(&sample, 0)).await, Standing::Send(0));
}

/// What a process that ended left of an instance: `bytes` of it, as the store marks them.
fn left(subject: &Subject, sample: &Sample, bytes: &[u8]) -> std::path::PathBuf {
    let Begin { instance, digest, .. } = begin(sample, 0);
    let mark = serde_json::json!({ "from": hospital(), "instance": instance, "digest": digest }).to_string();
    let length = u16::try_from(mark.len()).unwrap().to_be_bytes();
    let mut file = [b"causeway: begun\n", &length[..], mark.as_bytes()].concat();
    file.resize(1024, 0);
    file.extend_from_slice(bytes);
    let path = subject.folder.path().join("spool").join("0193520a7b3c7def8123456789abcdef.part");
    std::fs::write(&path, file).unwrap();
    path
}

#[tokio::test]
async fn what_an_earlier_process_left_is_gone_on_with_and_leaves_nothing() {
    let subject = Subject::new().await;
    let sample = sample(6);
    let all = sample.data_set();
    let path = left(&subject, &sample, &all[..200_000]);
    subject.archive.replay().await.unwrap();
    assert_eq!(stands(&subject, &begin(&sample, 0)).await, Standing::Send(200_000));
    let mut arriving = arrive(&subject, &begin(&sample, 190_000)).await.unwrap();
    give(&mut arriving, &all[190_000..300_000]).await;
    drop(arriving);
    assert_eq!(stands(&subject, &begin(&sample, 0)).await, Standing::Send(300_000));
    let mut arriving = arrive(&subject, &begin(&sample, 300_000)).await.unwrap();
    give(&mut arriving, &all[300_000..]).await;
    assert!(matches!(fate(arriving).await, Fate::Receipt(_)));
    assert_eq!(subject.read_back(&sample).await.as_deref(), Some(all));
    assert!(!path.exists());
}

#[tokio::test]
async fn what_was_left_and_is_no_good_is_asked_for_from_its_first_byte() {
    let subject = Subject::new().await;
    let sample = sample(7);
    let all = sample.data_set();
    let mut holes = all[..200_000].to_vec();
    holes[150_000..160_000].fill(0);
    let path = left(&subject, &sample, &holes);
    subject.archive.replay().await.unwrap();
    let mut arriving = arrive(&subject, &begin(&sample, 200_000)).await.unwrap();
    give(&mut arriving, &all[200_000..]).await;
    assert_eq!(fate(arriving).await, Fate::Again);
    assert!(!path.exists());
    assert_eq!(stands(&subject, &begin(&sample, 0)).await, Standing::Send(0));
    let mut arriving = arrive(&subject, &begin(&sample, 0)).await.unwrap();
    give(&mut arriving, all).await;
    assert!(matches!(fate(arriving).await, Fate::Receipt(_)));
    assert_eq!(subject.read_back(&sample).await.as_deref(), Some(all));
}

#[tokio::test]
async fn what_was_left_goes_when_the_instance_is_begun_anew() {
    let subject = Subject::new().await;
    let sample = sample(8);
    let path = left(&subject, &sample, &sample.data_set()[..200_000]);
    subject.archive.replay().await.unwrap();
    assert!(path.exists());
    let mut arriving = arrive(&subject, &begin(&sample, 0)).await.unwrap();
    give(&mut arriving, sample.data_set()).await;
    assert!(matches!(fate(arriving).await, Fate::Receipt(_)));
    assert!(!path.exists());
}

#[tokio::test]
async fn an_invitation_pairs_one_node_and_answers_it_the_same_again() {
    let (inviting, invited, other) = (Subject::new().await, Subject::new().await, Subject::new().await);
    let local = Principal::local();
    let secret = inviting.archive.invite(&local, hospital(), Duration::from_secs(60)).await.unwrap();
    let code = InviteCode { url: "https://b.example".to_owned(), secret, certificate: None };
    let own = pairing::request(&inviting.archive, &code);
    assert!(matches!(inviting.archive.redeem(&own).await, Err(PairingError::Own)));
    let pair = pairing::request(&invited.archive, &code);
    let told = inviting.archive.redeem(&pair).await.unwrap();
    assert_eq!(inviting.archive.redeem(&pair).await.unwrap(), told);
    let late = pairing::request(&other.archive, &code);
    assert!(matches!(inviting.archive.redeem(&late).await, Err(PairingError::Used)));
    let again = pairing::request(&invited.archive, &code);
    assert!(matches!(inviting.archive.redeem(&again).await, Err(PairingError::Used)));

    let bearer = inviting.archive.bearer(&pair.token).await.unwrap();
    assert_eq!(causeway_archive::link::paired(&bearer), Some(hospital()));
    assert_eq!(causeway_archive::link::paired(&local), None);
    assert!(inviting.archive.bearer(&late.token).await.is_err());
    invited.archive.keep_paired(&local, "reader".parse().unwrap(), &code, (&pair, &told)).await.unwrap();
    let secret = invited.archive.link_secret(&"reader".parse().unwrap()).await.unwrap();
    assert_eq!(secret.as_deref(), Some(pair.token.as_str()));

    inviting.archive.remove_remote(&local, &hospital()).await.unwrap();
    assert!(inviting.archive.bearer(&pair.token).await.is_err(), "who was removed is let in");
}
