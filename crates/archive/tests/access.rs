//! Who is let in over DIMSE: by address and network, by the identity it must show, by how many associations it has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use causeway_archive::access::{About, Caller, CallerRefused, Connection, Evidence, Knock};
use causeway_archive::identity::hash;
use causeway_archive::{Identified, Offered};
use causeway_core::identity::{Identity, Proof};
use causeway_core::remote::DimseAddress;
use causeway_core::{AeTitle, Principal, Quirk, Remote};

use common::Subject;

/// Changes what a remote may do.
type With = fn(Remote) -> Remote;

async fn knows(subject: &Subject, name: &str, with: With) {
    let ae_title = AeTitle::parse(&name.to_uppercase()).unwrap();
    let dimse = Some(DimseAddress { ae_title, host: None, port: None, tls: false });
    let remote = with(Remote { dimse, ..Remote::named(name.parse().unwrap()) });
    subject.archive.put_remote(&Principal::local(), remote).await.unwrap();
}

async fn knock(
    subject: &Subject,
    ae_title: &str,
    from: &str,
    offered: Offered,
) -> Result<Caller, CallerRefused> {
    let ae_title = AeTitle::parse(ae_title).unwrap();
    let evidence = Evidence { address: from.parse().unwrap(), connection: Connection::Plain };
    subject.archive.admit(Knock { ae_title: &ae_title, evidence, offered }).await
}

async fn about(subject: &Subject, ae_title: &str, from: &str, offered: Offered) -> (About, String) {
    let refused = knock(subject, ae_title, from, offered).await.unwrap_err();
    (refused.about(), refused.to_string())
}

#[tokio::test]
async fn a_remote_is_itself_from_its_networks_and_a_stranger_only_from_this_machine() {
    let subject = Subject::new().await;
    knows(&subject, "ct1", |remote| Remote {
        addresses: vec!["10.0.0.0/24".parse().unwrap(), "192.0.2.7".parse().unwrap()],
        quirks: [Quirk::SmallPdus].into_iter().collect(),
        ..remote
    })
    .await;
    for from in ["10.0.0.1", "::ffff:10.0.0.255", "192.0.2.7"] {
        let caller = knock(&subject, "CT1", from, Offered::Nothing).await.unwrap();
        assert_eq!(caller.remote.unwrap().as_str(), "ct1");
        assert!(caller.quirks.has(Quirk::SmallPdus));
    }
    let (what, words) = about(&subject, "CT1", "10.0.1.1", Offered::Nothing).await;
    assert_eq!(what, About::Caller);
    assert!(words.contains("--address"), "{words}");
    let (what, words) = about(&subject, "OTHER", "10.0.0.1", Offered::Nothing).await;
    assert_eq!(what, About::Caller);
    assert!(words.contains("causeway remote add NAME --ae-title OTHER"), "{words}");
    let local = knock(&subject, "OTHER", "127.0.0.1", Offered::Nothing).await.unwrap();
    assert!(local.remote.is_none() && local.place.is_none());
}

#[tokio::test]
async fn whoever_must_show_an_identity_is_let_in_with_it_alone_and_the_words_say_what_lacks() {
    let subject = Subject::new().await;
    knows(&subject, "ward", |remote| Remote {
        identity: Some(Identity {
            user: "alice".parse().unwrap(),
            proof: Proof::Passcode(hash(b"sesame").unwrap()),
        }),
        ..remote
    })
    .await;
    let with = |passcode: &str| Offered::Passcode { user: b"alice".to_vec(), passcode: passcode.into() };
    let caller = knock(&subject, "WARD", "10.0.0.1", with("sesame")).await.unwrap();
    assert_eq!(caller.identified, Identified::Confirmed);
    for (offered, said) in [
        (Offered::Nothing, "no identity"),
        (with("wrong"), "username or passcode is wrong"),
        (Offered::Other(3), "Kerberos"),
    ] {
        // The loopback address makes up for nothing: the caller says that it is this remote.
        let (what, words) = about(&subject, "WARD", "127.0.0.1", offered).await;
        assert_eq!(what, About::Identity);
        assert!(words.contains(said) && words.contains("remote add ward … --user"), "{words}");
        assert!(!words.contains("alice") && !words.contains("wrong passcode"), "{words}");
    }
}

#[tokio::test]
async fn an_identity_that_nobody_asked_for_changes_nothing_and_is_not_confirmed() {
    let subject = Subject::new().await;
    knows(&subject, "plain", |remote| remote).await;
    for offered in [Offered::Name(b"anyone".to_vec()), Offered::Token(b"a.b.c".to_vec()), Offered::Other(4)] {
        let caller = knock(&subject, "PLAIN", "10.0.0.1", offered).await.unwrap();
        assert_eq!(caller.identified, Identified::NotLookedAt);
    }
}

#[tokio::test]
async fn guesses_are_bounded_by_address_and_the_right_ones_do_not_count() {
    let subject = Subject::new().await;
    knows(&subject, "ward", |remote| Remote {
        identity: Some(Identity { user: "alice".parse().unwrap(), proof: Proof::Name }),
        ..remote
    })
    .await;
    let name = |name: &str| Offered::Name(name.into());
    for _ in 0..30 {
        knock(&subject, "WARD", "10.0.0.1", name("alice")).await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(about(&subject, "WARD", "10.0.0.1", name("bob")).await.0, About::Identity);
    }
    let (what, words) = about(&subject, "WARD", "10.0.0.1", name("alice")).await;
    assert_eq!(what, About::Moment);
    assert!(words.contains("too many wrong identities"), "{words}");
    assert!(knock(&subject, "WARD", "10.0.0.2", name("alice")).await.is_ok());
}

#[tokio::test]
async fn associations_are_counted_while_they_are_held() {
    let subject = Subject::new().await;
    knows(&subject, "few", |remote| Remote { associations: Some(2), ..remote }).await;
    let held = knock(&subject, "FEW", "10.0.0.1", Offered::Nothing).await.unwrap();
    let other = knock(&subject, "FEW", "10.0.0.2", Offered::Nothing).await.unwrap();
    let (what, words) = about(&subject, "FEW", "10.0.0.1", Offered::Nothing).await;
    assert_eq!(what, About::Limit);
    assert!(words.contains("has 2 associations open") && words.contains("--associations"), "{words}");
    let copy = held.clone();
    drop(held);
    assert!(knock(&subject, "FEW", "10.0.0.1", Offered::Nothing).await.is_err(), "a copy holds the place");
    drop(copy);
    assert!(knock(&subject, "FEW", "10.0.0.1", Offered::Nothing).await.is_ok());
    drop(other);
}
