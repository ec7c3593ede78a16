//! Commitments asked over the web: taken durably, decided as the others, kept for who asked and for nobody else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{CT, Subject, record, uid};
use causeway_catalog::errand::{
    ErrandFilter, ErrandKind, ErrandState, Inquired, Inquirer, Peer, Received, Requester, Standing,
};
use causeway_core::commitment::{Answer, Inquiry, Named, Reference, Request, Whereabouts};
use causeway_core::{AeTitle, RemoteName, Scope, Sight, Status};

const KEEP: Duration = Duration::from_secs(3600);
const BOUND: u32 = 1000;

fn named(instance: u32) -> Named {
    let reference = Reference { sop_class: uid(CT), sop_instance: uid(&format!("1.2.1.1.{instance}")) };
    Named { reference, within: None }
}

fn placed(instance: u32) -> Named {
    let within = Some(Whereabouts { study: uid("1.2.1"), series: uid("1.2.1.1") });
    Named { within, ..named(instance) }
}

fn inquirer(name: &str) -> Inquirer {
    Inquirer { name: name.to_owned(), sight: Sight::Everything }
}

trait Inquiring {
    async fn asked(&self, from: Inquirer, transaction: &str, named: Vec<Named>) -> Inquired;
    async fn taken(&self, from: Inquirer, transaction: &str, named: Vec<Named>) -> i64;
    async fn stands(&self, name: &str, transaction: &str) -> Standing;
    async fn decided(&self, errand: i64, failed: Vec<(i64, Status)>);
}

impl Inquiring for Subject {
    async fn asked(&self, from: Inquirer, transaction: &str, named: Vec<Named>) -> Inquired {
        let inquiry = Inquiry { transaction: uid(transaction), named };
        self.catalog.commitment_inquired(from, inquiry).await.unwrap()
    }

    async fn taken(&self, from: Inquirer, transaction: &str, named: Vec<Named>) -> i64 {
        match self.asked(from, transaction, named).await {
            Inquired::New(errand) => errand,
            other => unreachable!("it is new: {other:?}"),
        }
    }

    async fn stands(&self, name: &str, transaction: &str) -> Standing {
        self.catalog.inquiry(name.to_owned(), uid(transaction)).await.unwrap()
    }

    async fn decided(&self, errand: i64, failed: Vec<(i64, Status)>) {
        self.catalog.decide(errand, failed, KEEP).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_is_taken_once_and_its_result_is_there_for_who_asked_alone() {
    let subject = Subject::new().await;
    let all = vec![named(1), placed(2), named(3)];
    assert_eq!(subject.stands("viewer", "1.9").await, Standing::Unknown);
    let errand = subject.taken(inquirer("viewer"), "1.9", all.clone()).await;
    assert_eq!(subject.stands("viewer", "1.9").await, Standing::Open);
    assert_eq!(subject.asked(inquirer("viewer"), "1.9", all.clone()).await, Inquired::Duplicate);
    subject.decided(errand, vec![(1, Status::NO_SUCH_OBJECT)]).await;
    let reasons = [None, Some(Status::NO_SUCH_OBJECT), None];
    let answer = Standing::Decided(Answer { fates: all.clone().into_iter().zip(reasons).collect() });
    assert_eq!(subject.stands("viewer", "1.9").await, answer);
    subject.decided(errand, Vec::new()).await;
    let subject = subject.reopened().await;
    assert_eq!(subject.stands("viewer", "1.9").await, answer, "decided once, and kept");
    assert_eq!(subject.asked(inquirer("viewer"), "1.9", all).await, Inquired::Duplicate);
    assert_eq!(subject.stands("other", "1.9").await, Standing::Unknown);
    subject.taken(inquirer("other"), "1.9", vec![named(1)]).await;
}

#[tokio::test]
async fn who_asked_and_what_it_saw_outlive_a_restart() {
    let subject = Subject::new().await;
    let confined =
        Inquirer { sight: Sight::Only(Scope::of_remote("ct1".parse().unwrap())), ..inquirer("viewer") };
    subject.taken(confined.clone(), "1.9", vec![named(1)]).await;
    let peer = Peer { ae_title: AeTitle::parse("CT1").unwrap(), remote: Some("ct1".parse().unwrap()) };
    let request = Request { transaction: uid("1.9"), references: vec![named(1).reference] };
    let asked = subject.catalog.commitment_asked(peer.clone(), request, KEEP).await.unwrap();
    assert!(matches!(asked, Received::New(_)), "the other door's transactions are others");
    let subject = subject.reopened().await;
    let undecided = subject.catalog.undecided(10).await.unwrap();
    let from: Vec<Requester> = undecided.into_iter().map(|it| it.from).collect();
    assert_eq!(from, [Requester::Inquirer(confined), Requester::Peer(peer)]);
}

#[tokio::test]
async fn what_is_known_says_where_it_is() {
    let subject = Subject::new().await;
    let kept = record(1, 1, 1);
    let ids = kept.ids.clone();
    subject.insert(kept).await;
    let errand = subject.taken(inquirer("viewer"), "1.9", vec![placed(1), named(2)]).await;
    let findings = subject.catalog.findings(errand, Sight::Everything).await.unwrap();
    let known = findings[0].known.as_ref().unwrap();
    assert_eq!(known.within, Whereabouts { study: ids.study, series: ids.series });
    assert_eq!((&findings[0].named, &findings[1].named), (&placed(1), &named(2)));
    assert!(findings[1].known.is_none());
    let nothing = Sight::Only(Scope::of_remote("nobody".parse::<RemoteName>().unwrap()));
    let findings = subject.catalog.findings(errand, nothing).await.unwrap();
    assert!(findings.iter().all(|finding| finding.known.is_none()));
}

#[tokio::test]
async fn a_result_is_kept_for_its_time_and_after_that_it_is_gone_and_its_transaction_still_used() {
    let subject = Subject::new().await;
    let errand = subject.taken(inquirer("viewer"), "1.9", vec![named(1)]).await;
    subject.decided(errand, Vec::new()).await;
    subject.clock.advance(KEEP - Duration::from_millis(1));
    assert!(matches!(subject.stands("viewer", "1.9").await, Standing::Decided(_)));
    subject.clock.advance(Duration::from_millis(1));
    assert_eq!(subject.stands("viewer", "1.9").await, Standing::Gone);
    subject.taken(inquirer("other"), "1.8", vec![named(1)]).await;
    assert_eq!(subject.stands("viewer", "1.9").await, Standing::Gone, "let go by the next request");
    let filter = ErrandFilter { kinds: vec![ErrandKind::Inquiry], limit: 10, ..ErrandFilter::default() };
    let rows = subject.catalog.errands(filter).await.unwrap();
    assert_eq!((rows[1].state, rows[1].inquirer.as_deref()), (ErrandState::GivenUp, Some("viewer")));
    assert_eq!(subject.asked(inquirer("viewer"), "1.9", vec![named(1)]).await, Inquired::Duplicate);
    assert!(subject.catalog.expire_errands().await.unwrap().is_empty(), "nothing was owed");
    assert!(subject.catalog.errands_due().await.unwrap().is_empty(), "nobody is called");
    subject.clock.advance(Duration::from_secs(91 * 24 * 3600));
    subject.taken(inquirer("viewer"), "1.7", vec![named(1)]).await;
    assert_eq!(subject.stands("viewer", "1.9").await, Standing::Unknown, "and forgotten at last");
}

#[tokio::test]
async fn one_that_waits_for_a_thousand_is_asked_to_wait_and_others_are_not() {
    let subject = Subject::new().await;
    let mut last = 0;
    for number in 0..BOUND {
        last = subject.taken(inquirer("viewer"), &format!("1.9.{number}"), vec![named(1)]).await;
    }
    assert_eq!(subject.asked(inquirer("viewer"), "1.8", vec![named(1)]).await, Inquired::TooMany);
    subject.taken(inquirer("other"), "1.8", vec![named(1)]).await;
    subject.decided(last, Vec::new()).await;
    subject.taken(inquirer("viewer"), "1.8", vec![named(1)]).await;
}

#[tokio::test]
async fn a_thousand_results_are_kept_for_one_and_the_oldest_goes() {
    let subject = Subject::new().await;
    let decided = async |name: &str, number: u32| {
        let errand = subject.taken(inquirer(name), &format!("1.9.{number}"), vec![named(1)]).await;
        subject.decided(errand, Vec::new()).await;
    };
    decided("other", 0).await;
    for number in 0..BOUND {
        decided("viewer", number).await;
    }
    assert!(matches!(subject.stands("viewer", "1.9.0").await, Standing::Decided(_)));
    decided("viewer", BOUND).await;
    assert_eq!(subject.stands("viewer", "1.9.0").await, Standing::Gone);
    assert!(matches!(subject.stands("viewer", "1.9.1").await, Standing::Decided(_)));
    assert!(matches!(subject.stands("other", "1.9.0").await, Standing::Decided(_)));
}
