//! What a remote is given: nothing without its transform, nothing that its transform refuses; and one copy of what comes
//! back, however often it is made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use causeway_archive::{RetrieveError, TransformError, Wanted};
use causeway_core::transform::{Deidentify, Edit};
use causeway_core::{
    Level, Permission, Permissions, Principal, Remote, RemoteName, Selection, StoredInstance, Tag, Transform,
};
use causeway_testkit::sample::{Modality, Sample, Study};
use common::Subject;

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn reader(transform: &str) -> Remote {
    let allow = [Permission::Store].into_iter().collect::<Permissions>();
    Remote { allow, transform: Some(name(transform)), ..Remote::named(name("reader")) }
}

fn deidentifying() -> Transform {
    Transform { deidentify: Some(Deidentify::default()), ..Transform::named(name("trial")) }
}

async fn kept(subject: &Subject) -> (Sample, StoredInstance) {
    let sample = Study::new(1, Modality::Ct, 1, 1).instances().next().unwrap();
    subject.ingest(&sample).await.unwrap();
    let ids = sample.ids.clone();
    let selection = Selection::instance(ids.study, ids.series, ids.instance);
    let found = subject.archive.select(&Principal::local(), &selection).await.unwrap();
    (sample, found.into_iter().next().unwrap())
}

#[tokio::test]
async fn without_its_transform_a_remote_is_given_nothing() {
    let subject = Subject::new().await;
    let missing = subject.archive.passage(&reader("trial"));
    assert!(matches!(missing, Err(RetrieveError::Transform(words)) if words.contains("'trial'")));
    assert!(subject.archive.passage(&Remote::named(name("other"))).unwrap().is_unchanged());
    let refused = subject.archive.check_transform_of(&reader("trial"));
    assert!(matches!(refused, Err(TransformError::Unfit(_))));
}

#[tokio::test]
async fn what_goes_out_has_another_uid_in_its_header_and_in_itself_and_what_is_used_stays() {
    let subject = Subject::new().await;
    let archive = &subject.archive;
    archive.put_transform(&Principal::local(), deidentifying()).await.unwrap();
    archive.put_remote(&Principal::local(), reader("trial")).await.unwrap();
    let (sample, instance) = kept(&subject).await;
    let passage = archive.passage(&reader("trial")).unwrap();
    let uid = passage.sop_instance(&instance);
    assert_ne!(uid, instance.ids.instance);
    let mut object = archive.open_for(&passage, &instance, &Wanted::Stored).await.unwrap();
    let mut bytes = object.file_meta.to_vec();
    while let Some(chunk) = object.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    let has = |text: &str| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    assert_eq!(has(uid.as_str()), 2);
    assert_eq!(has(sample.ids.instance.as_str()), 0);
    let removed = archive.remove_transform(&Principal::local(), &name("trial")).await;
    assert!(matches!(removed, Err(TransformError::InUse(remote)) if remote == name("reader")));
}

#[tokio::test]
async fn what_a_remote_could_fetch_unchanged_is_not_given_to_it_changed() {
    let subject = Subject::new().await;
    subject.archive.put_transform(&Principal::local(), deidentifying()).await.unwrap();
    let mut remote = reader("trial");
    subject.archive.check_transform_of(&remote).unwrap();
    remote.allow = [Permission::Retrieve].into_iter().collect();
    assert!(subject.archive.check_transform_of(&remote).is_err());
    // Edits take nothing away that it must not see.
    let edits = vec![Edit::Remove { attribute: "PatientComments".to_owned() }];
    let transform = Transform { edits, ..Transform::named(name("relabel")) };
    subject.archive.put_transform(&Principal::local(), transform).await.unwrap();
    remote.transform = Some(name("relabel"));
    subject.archive.check_transform_of(&remote).unwrap();
}

#[tokio::test]
async fn nothing_comes_back_of_what_never_went_out() {
    let subject = Subject::new().await;
    kept(&subject).await;
    assert_eq!(subject.archive.return_due().await.unwrap(), 0);
    let studies = subject.search(Level::Study).await;
    assert_eq!(studies.len(), 1);
    assert!(studies.iter().all(|study| study.contains(Tag::STUDY_INSTANCE_UID)));
}
