//! What is removed stays for its grace, is brought back as it was, and goes when the grace is over, also when the node dies in
//! between; no walk takes it for what it is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::{
    Accepted, Archive, Config, Duplicate, IngestError, Mends, Outcome, Restored, Standing, VerificationState,
};
use causeway_catalog::Catalog;
use causeway_core::keeping::Reason;
use causeway_core::keeping::quota::WhenFull;
use causeway_core::keeping::retention::Rule;
use causeway_core::{Envelope, Level, ManualClock, Permission, Principal, Selection};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::sample::Sample;
use common::{Pieces, Subject, announced, envelope, study};
use jiff::Timestamp;

const GRACE: Duration = Duration::from_secs(3600);

struct Kept {
    clock: Arc<ManualClock>,
    subject: Subject,
}

fn config() -> Config {
    Config { grace: "1h".parse().unwrap(), ..Config::default() }
}

async fn opened(folder: &Path, clock: &Arc<ManualClock>, config: Config) -> Archive {
    let places = causeway_store::Config {
        spool: folder.join("spool"),
        objects: ObjectsConfig::Local(folder.join("objects")),
    };
    let store = loop {
        // The spool's lock goes with the threads that held the last handle of the old store.
        match Store::open(places.clone()).await {
            Ok(store) => break store,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let catalog = Catalog::open(&folder.join("catalog.db"), clock.clone()).await.unwrap();
    Archive::open(store, catalog, clock.clone(), Arc::new(NoDispatcher), config).await.unwrap()
}

impl Kept {
    async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::now()));
        let archive = opened(folder.path(), &clock, config).await;
        Self { subject: Subject { folder, archive }, clock }
    }

    /// As after a crash; with another catalog or the one that was there.
    async fn restarted(self, lose_catalog: bool) -> Self {
        let Self { clock, subject: Subject { folder, archive } } = self;
        drop(archive);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if lose_catalog {
            for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
                let _ = std::fs::remove_file(folder.path().join(name));
            }
        }
        let archive = opened(folder.path(), &clock, config()).await;
        Self { subject: Subject { folder, archive }, clock }
    }

    async fn holding(samples: &[Sample]) -> Self {
        let kept = Self::with(config()).await;
        for sample in samples {
            kept.subject.ingest(sample).await.unwrap();
        }
        kept
    }

    async fn delete(&self, sample: &Sample) -> usize {
        let selection = Selection::study(sample.ids.study.clone());
        self.subject.archive.delete(&Principal::local(), &selection).await.unwrap()
    }

    async fn restore(&self, sample: &Sample) -> Option<Restored> {
        self.subject.archive.restore(&Principal::local(), sample.ids.study.clone()).await.unwrap()
    }

    /// Has the keeper do all there is to do.
    async fn keep(&self) {
        while self.subject.archive.keep_round().await.unwrap() > 0 {}
    }

    fn files(&self) -> usize {
        let is_object = |name: &String| name.len() == 32;
        let count = |folder| self.subject.files(folder).iter().filter(|name| is_object(name)).count();
        count("spool") + count("objects")
    }

    fn marks(&self) -> usize {
        self.subject.files("objects").iter().filter(|name| name.ends_with(".json")).count()
    }

    async fn instances(&self) -> usize {
        self.subject.search(Level::Instance).await.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_is_brought_back_byte_for_byte_spooled_and_settled() {
    for settles in [false, true] {
        let samples = study(1, 3);
        let kept = Kept::holding(&samples).await;
        if settles {
            kept.subject.settle().await;
        }
        assert_eq!(kept.delete(&samples[0]).await, 3);
        assert!(kept.subject.read_back(&samples[0]).await.is_none());
        kept.keep().await;
        assert_eq!((kept.files(), kept.marks(), kept.instances().await), (3, 3, 0));
        let told = kept.subject.archive.removed(&Principal::local(), String::new()).await.unwrap();
        assert_eq!((told.len(), told[0].instances, &told[0].reason), (1, 3, &Reason::Asked));
        let restored = kept.restore(&samples[0]).await.unwrap();
        assert_eq!((restored.restored, restored.refused.len()), (3, 0));
        for sample in &samples {
            assert_eq!(kept.subject.read_back(sample).await.unwrap(), sample.data_set());
        }
        kept.subject.settle().await;
        kept.keep().await;
        assert_eq!((kept.files(), kept.marks(), kept.instances().await), (3, 0, 3));
        assert!(kept.restore(&samples[0]).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_grace_is_over_the_bytes_go_and_nothing_comes_back() {
    let (first, second) = (study(1, 2), study(2, 2));
    let kept = Kept::holding(&[first.clone(), second.clone()].concat()).await;
    kept.subject.settle().await;
    kept.delete(&first[0]).await;
    kept.clock.advance(GRACE - Duration::from_secs(1));
    kept.delete(&second[0]).await;
    kept.keep().await;
    assert_eq!((kept.files(), kept.marks()), (4, 4));
    kept.clock.advance(Duration::from_secs(1));
    kept.keep().await;
    assert_eq!((kept.files(), kept.marks()), (2, 2));
    assert!(kept.restore(&first[0]).await.is_none());
    let ended =
        kept.subject.archive.end_grace(&Principal::local(), second[0].ids.study.clone()).await.unwrap();
    assert_eq!(ended, 2);
    kept.keep().await;
    assert_eq!((kept.files(), kept.marks()), (0, 0));
    assert_eq!(
        kept.subject.archive.end_grace(&Principal::local(), second[0].ids.study.clone()).await.unwrap(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_restart_nor_a_verification_takes_what_was_removed_for_something_else() {
    let samples = study(1, 4);
    let kept = Kept::holding(&samples[..2]).await;
    kept.subject.settle().await;
    for sample in &samples[2..] {
        kept.subject.ingest(sample).await.unwrap();
    }
    kept.delete(&samples[0]).await;
    let kept = kept.restarted(false).await;
    let replayed = kept.subject.archive.replay().await.unwrap();
    assert_eq!((replayed.known, replayed.recorded, replayed.outlived), (2, 0, 0));
    kept.clock.advance(Duration::from_secs(60));
    let (archive, local) = (&kept.subject.archive, Principal::local());
    archive.begin_verification(&local, Mends::WhatItCan, 1 << 30).await.unwrap().unwrap();
    let ended = async {
        loop {
            let _ = archive.next_to_mend().await.unwrap();
            let now = archive.verification(&local).await.unwrap().unwrap();
            if now.state != VerificationState::UnderWay {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let verification = tokio::select! {
        () = archive.verify_until(std::future::pending()) => unreachable!(),
        verification = ended => verification,
    };
    assert!(verification.found.is_empty(), "{verification:?}");
    assert_eq!((kept.files(), kept.instances().await), (4, 0));
    assert_eq!(kept.restore(&samples[0]).await.unwrap().restored, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_between_row_and_bytes_removes_the_bytes_later() {
    let samples = study(1, 3);
    let kept = Kept::holding(&samples).await;
    kept.subject.settle().await;
    kept.delete(&samples[0]).await;
    kept.keep().await;
    kept.clock.advance(GRACE);
    // As if it had died when one of the claimed was gone, and nothing told of it.
    let gone = kept.subject.files("objects").into_iter().find(|name| name.len() == 32).unwrap();
    let path = kept.subject.folder.path().join("objects").join(&gone[..5]).join(&gone[5..8]).join(&gone);
    std::fs::remove_file(path).unwrap();
    let kept = kept.restarted(false).await;
    kept.subject.archive.replay().await.unwrap();
    kept.keep().await;
    assert_eq!((kept.files(), kept.marks(), kept.instances().await), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_made_anew_does_not_bring_back_what_was_removed_and_who_wants_it_can() {
    let (first, second) = (study(1, 2), study(2, 3));
    let kept = Kept::holding(&first).await;
    kept.subject.settle().await;
    for sample in &second[..2] {
        kept.subject.ingest(sample).await.unwrap();
    }
    kept.delete(&first[0]).await;
    kept.delete(&second[0]).await;
    kept.subject.ingest(&second[2]).await.unwrap();
    kept.keep().await;
    let kept = kept.restarted(true).await;
    let rebuilt = kept.subject.archive.rebuild(|_| ()).await.unwrap();
    let replayed = kept.subject.archive.replay().await.unwrap();
    assert_eq!((rebuilt.removed, rebuilt.recorded, replayed.recorded, replayed.known), (4, 0, 1, 2));
    assert_eq!(kept.instances().await, 1);
    assert_eq!(kept.restore(&first[0]).await.unwrap().restored, 2);
    kept.clock.advance(GRACE);
    kept.keep().await;
    assert_eq!((kept.files(), kept.marks(), kept.instances().await), (3, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_again_meanwhile_stays_and_the_old_one_is_refused_in_words() {
    let samples = study(1, 2);
    let kept = Kept::holding(&samples).await;
    kept.delete(&samples[0]).await;
    kept.subject.ingest(&samples[0]).await.unwrap();
    let restored = kept.restore(&samples[0]).await.unwrap();
    assert_eq!((restored.restored, restored.refused.len()), (1, 1));
    assert_eq!(restored.refused[0].instance, samples[0].ids.instance);
    assert!(restored.refused[0].why.contains("came since it was removed"), "{restored:?}");
    assert_eq!(kept.instances().await, 2);
    kept.clock.advance(GRACE);
    kept.keep().await;
    assert_eq!(kept.files(), 2);
    assert_eq!(kept.subject.read_back(&samples[0]).await.unwrap(), samples[0].data_set());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_administrator_neither_lists_nor_restores_nor_ends_a_grace() {
    let samples = study(1, 1);
    let kept = Kept::holding(&samples).await;
    kept.delete(&samples[0]).await;
    let permissions = Permission::ALL.into_iter().filter(|it| it.as_str() != "admin").collect();
    let other = Principal { permissions, ..Principal::local() };
    let (archive, study) = (&kept.subject.archive, samples[0].ids.study.clone());
    assert!(archive.removed(&other, String::new()).await.is_err());
    assert!(archive.restore(&other, study.clone()).await.is_err());
    assert!(archive.end_grace(&other, study).await.is_err());
    assert_eq!(kept.restore(&samples[0]).await.unwrap().restored, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_study_on_hold_is_deleted_replaced_or_purged_and_the_reason_is_for_administrators() {
    let samples = study(1, 2);
    let replaces = Config { duplicate: Duplicate::Replace, ..config() };
    let kept = Kept::with(replaces).await;
    for sample in &samples {
        kept.subject.ingest(sample).await.unwrap();
    }
    let (archive, local, uid) = (&kept.subject.archive, Principal::local(), samples[0].ids.study.clone());
    for wrong in ["", "  ", "two\nlines", &"x".repeat(501)] {
        assert!(archive.hold(&local, uid.clone(), wrong).await.is_err(), "{wrong:?}");
    }
    archive.hold(&local, uid.clone(), "case 12").await.unwrap().unwrap();
    let selection = Selection::study(uid.clone());
    let told = archive.delete(&local, &selection).await.unwrap_err().to_string();
    assert!(told.contains("case 12") && told.contains(uid.as_str()), "{told}");
    let permissions = [Permission::Delete].into_iter().collect();
    let other = Principal { permissions, ..Principal::local() };
    let told = archive.delete(&other, &selection).await.unwrap_err().to_string();
    assert!(told.contains("on hold") && !told.contains("case 12"), "{told}");
    assert!(archive.hold(&other, uid.clone(), "mine").await.is_err());
    assert!(archive.release_hold(&other, uid.clone()).await.is_err());
    let changed = study_with_other_bytes(&samples[0]);
    let error = kept.subject.ingest_body(&samples[0], &mut Pieces::of(&changed)).await.unwrap_err();
    assert!(matches!(error, IngestError::Held(_)), "{error}");
    assert_eq!(kept.instances().await, 2);
    assert!(archive.release_hold(&local, uid.clone()).await.unwrap());
    kept.delete(&samples[0]).await;
    archive.hold(&local, uid.clone(), "case 13").await.unwrap();
    assert!(archive.end_grace(&local, uid.clone()).await.is_err());
    kept.clock.advance(GRACE * 2);
    kept.keep().await;
    assert_eq!(kept.files(), 2, "what was removed before stays too");
    assert_eq!(kept.restore(&samples[0]).await.unwrap().restored, 2);
}

/// The data set with another last byte.
fn study_with_other_bytes(sample: &Sample) -> Vec<u8> {
    let mut bytes = sample.data_set().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

fn rule(text: &str) -> Rule {
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn studies_go_by_a_rule_when_it_is_enabled_and_is_previewed_before() {
    let (old, new) = (study(1, 3), study(2, 1));
    let kept = Kept::holding(&old).await;
    kept.clock.advance(Duration::from_secs(1000));
    kept.subject.ingest(&new[0]).await.unwrap();
    let (archive, local, name) = (&kept.subject.archive, Principal::local(), || "old".parse().unwrap());
    assert!(
        archive.put_rule(&local, name(), rule(r#"{"older_than":"0"}"#), Standing::Enabled).await.is_err()
    );
    archive.put_rule(&local, name(), rule(r#"{"older_than":"1000s"}"#), Standing::Disabled).await.unwrap();
    assert_eq!(archive.clean_round().await.unwrap(), 0, "it is only previewed");
    let preview = archive.preview(&local, Some(name()), 0).await.unwrap().unwrap();
    assert_eq!(preview.studies.len(), 1);
    let first = &preview.studies[0];
    assert_eq!((first.study.as_str(), first.goes, first.instances), (old[0].ids.study.as_str(), true, 3));
    assert!(archive.preview(&local, Some("other".parse().unwrap()), 0).await.unwrap().is_none());
    archive.hold(&local, old[0].ids.study.clone(), "case 12").await.unwrap();
    assert!(archive.enable_rule(&local, name(), Standing::Enabled).await.unwrap());
    assert_eq!(archive.clean_round().await.unwrap(), 0);
    let preview = archive.preview(&local, None, 0).await.unwrap().unwrap();
    assert_eq!(preview.studies[0].kept_by.as_deref(), Some("it is on hold"));
    archive.release_hold(&local, old[0].ids.study.clone()).await.unwrap();
    // The walk is over and begins anew.
    let mut gone = 0;
    for _ in 0..3 {
        gone += archive.clean_round().await.unwrap();
    }
    assert_eq!((gone, kept.instances().await), (1, 1));
    let told = archive.removed(&local, String::new()).await.unwrap();
    assert_eq!(told[0].reason, Reason::Rule(name()));
    assert_eq!(kept.restore(&old[0]).await.unwrap().restored, 3);
    for _ in 0..3 {
        assert_eq!(archive.clean_round().await.unwrap(), 0, "what was brought back begins anew");
    }
    let nobody = Principal { permissions: [Permission::Delete].into_iter().collect(), ..Principal::local() };
    assert!(
        archive.put_rule(&nobody, name(), rule(r#"{"older_than":"1d"}"#), Standing::Enabled).await.is_err()
    );
    assert!(archive.remove_rule(&nobody, name()).await.is_err() && archive.rules(&nobody).await.is_err());
    assert!(archive.remove_rule(&local, name()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_reads_stays_and_what_the_node_itself_looks_up_is_not_read() {
    let (read, unread) = (study(1, 1), study(2, 1));
    let kept = Kept::holding(&[read.clone(), unread.clone()].concat()).await;
    let (archive, local) = (&kept.subject.archive, Principal::local());
    archive.clean_round().await.unwrap();
    let unused = rule(r#"{"older_than":"1h","unused_for":"1h"}"#);
    archive.put_rule(&local, "unused".parse().unwrap(), unused, Standing::Enabled).await.unwrap();
    kept.clock.advance(GRACE);
    kept.subject.read_back(&read[0]).await.unwrap();
    archive.look_up(&local, &Selection::study(unread[0].ids.study.clone())).await.unwrap();
    assert_eq!(archive.clean_round().await.unwrap(), 1);
    assert!(kept.subject.read_back(&read[0]).await.is_some());
    assert!(kept.subject.read_back(&unread[0]).await.is_none());
}

impl Kept {
    /// As a remote sends it.
    async fn sent(&self, remote: &str, sample: &Sample) -> Result<Accepted, IngestError> {
        let envelope = Envelope { remote: Some(remote.parse().unwrap()), ..envelope() };
        let mut body = Pieces::of(sample.data_set());
        self.subject.archive.ingest(&Principal::local(), envelope, announced(sample), &mut body, None).await
    }
}

/// Bytes of an object: its header and its data set.
fn bytes(sample: &Sample) -> u64 {
    1024 + sample.data_set().len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_refuses_what_is_new_in_words_and_takes_what_is_here_already() {
    let samples = study(1, 3);
    let kept = Kept::with(config()).await;
    let (archive, local) = (&kept.subject.archive, Principal::local());
    let limit = bytes(&samples[0]) + bytes(&samples[1]);
    archive.put_quota(&local, "ct1".parse().unwrap(), limit, WhenFull::Refuse).await.unwrap();
    for sample in &samples[..2] {
        kept.sent("ct1", sample).await.unwrap();
    }
    let error = kept.sent("ct1", &samples[2]).await.unwrap_err();
    assert!(matches!(error, IngestError::Quota { .. }), "{error}");
    assert!(error.to_string().starts_with("the quota of remote ct1 is full"), "{error}");
    assert_eq!((error.store_status().0, error.failure_reason()), (0xA700, 0xA700));
    assert_eq!(kept.sent("ct1", &samples[0]).await.unwrap().outcome, Outcome::SameBytes);
    kept.sent("ct2", &samples[2]).await.unwrap();
    assert_eq!(kept.files(), 3);
    let told = archive.quotas(&local).await.unwrap();
    assert_eq!((told[0].used, told[0].limit, told[0].instances), (limit, limit, 2));
    let other = study(2, 1);
    archive
        .put_quota(&local, "ct1".parse().unwrap(), limit - 1 + bytes(&other[0]), WhenFull::Refuse)
        .await
        .unwrap();
    assert!(kept.sent("ct1", &other[0]).await.is_err(), "by one byte");
    archive
        .put_quota(&local, "ct1".parse().unwrap(), limit + bytes(&other[0]), WhenFull::Refuse)
        .await
        .unwrap();
    kept.sent("ct1", &other[0]).await.unwrap();
    assert!(archive.remove_quota(&local, "ct1".parse().unwrap()).await.unwrap());
    kept.sent("ct1", &study(3, 1)[0]).await.unwrap();
    archive.clean_round().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_makes_room_lets_the_oldest_studies_go_that_nothing_keeps() {
    let studies: Vec<Vec<Sample>> = (1..=4).map(|seed| study(seed, 2)).collect();
    let kept = Kept::with(config()).await;
    let (archive, local) = (&kept.subject.archive, Principal::local());
    let most = studies.iter().flatten().map(bytes).max().unwrap();
    archive.put_quota(&local, "ct1".parse().unwrap(), most * 4, WhenFull::RemoveOldest).await.unwrap();
    for sample in studies[..2].iter().flatten() {
        kept.sent("ct1", sample).await.unwrap();
        kept.clock.advance(Duration::from_secs(1));
    }
    archive.hold(&local, studies[0][0].ids.study.clone(), "case 12").await.unwrap();
    for sample in &studies[2] {
        kept.sent("ct1", sample).await.unwrap();
    }
    assert!(kept.subject.read_back(&studies[0][0]).await.is_some(), "it is on hold");
    assert!(kept.subject.read_back(&studies[1][0]).await.is_none());
    let told = archive.removed(&local, String::new()).await.unwrap();
    assert_eq!((told.len(), &told[0].reason), (1, &Reason::Quota("ct1".parse().unwrap())));
    archive.hold(&local, studies[2][0].ids.study.clone(), "case 13").await.unwrap();
    let error = kept.sent("ct1", &studies[3][0]).await.unwrap_err();
    assert!(matches!(error, IngestError::Quota { .. }), "{error}");
    assert_eq!(kept.instances().await, 4);
}
