//! What remotes were found to take: kept by remote, renewed by what they say later, forgotten when they change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::common::{Subject, uid};
use causeway_catalog::acceptance::MAX_ACCEPTANCES;
use causeway_core::{Remote, RemoteName};

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

/// What is known of `remote`, as SOP class, transfer syntax and whether it is taken.
async fn known(subject: &Subject, remote: &str) -> Vec<(String, String, bool)> {
    let found = subject.catalog.acceptances(name(remote)).await.unwrap();
    found.into_iter().map(|it| (it.sop_class.to_string(), it.transfer_syntax.to_string(), it.taken)).collect()
}

#[tokio::test]
async fn what_a_remote_says_is_kept_until_it_says_something_else_or_is_changed() {
    let subject = Subject::new().await;
    let put = || subject.catalog.put_remote(Remote::named(name("far")), "us");
    put().await.unwrap();
    let said = |taken| vec![(uid("1.1"), uid("1.2.840"), taken), (uid("1.1"), uid("1.2.841"), true)];
    for taken in [false, true] {
        subject.catalog.learn(name("far"), said(taken)).await.unwrap();
        let pair = |syntax: &str, taken| ("1.1".to_owned(), syntax.to_owned(), taken);
        assert_eq!(known(&subject, "far").await, [pair("1.2.840", taken), pair("1.2.841", true)]);
    }
    assert_eq!(known(&subject, "other").await, []);
    put().await.unwrap();
    assert_eq!(known(&subject, "far").await, []);
    subject.catalog.learn(name("far"), said(true)).await.unwrap();
    subject.catalog.remove_remote(name("far"), "us").await.unwrap();
    assert_eq!(known(&subject, "far").await, []);
}

#[tokio::test]
async fn nothing_is_kept_of_whom_we_do_not_know_nor_without_end() {
    let subject = Subject::new().await;
    let said = |count: usize| (0..count).map(|n| (uid(&format!("1.{n}")), uid("1.2.840"), true)).collect();
    subject.catalog.learn(name("far"), said(1)).await.unwrap();
    assert_eq!(known(&subject, "far").await, []);
    subject.catalog.put_remote(Remote::named(name("far")), "us").await.unwrap();
    for count in [MAX_ACCEPTANCES - 1, MAX_ACCEPTANCES, MAX_ACCEPTANCES + 1] {
        subject.catalog.learn(name("far"), said(count)).await.unwrap();
        assert_eq!(known(&subject, "far").await.len(), count.min(MAX_ACCEPTANCES));
    }
}
