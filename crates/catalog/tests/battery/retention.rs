//! Retention: what is known of a study when it is judged, and that a study goes whole and only when it still may.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{Subject, record, uid};
use causeway_catalog::delivery::{Afterwards, Claim, JobState, Lane, Last, Update};
use causeway_catalog::{JudgedStudy, RetentionRule, Retired, Standing};
use causeway_core::keeping::retention::{Proof, Rule, Sent, Verdict, Why};
use causeway_core::keeping::{Age, Reason, Removal};
use causeway_core::{Clock, InstanceRecord, Level, PlannedDelivery, Query, RemoteName, Tag, Trigger};
use jiff::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn age(text: &str) -> Age {
    text.parse().unwrap()
}

fn older_than(text: &str) -> Rule {
    Rule { older_than: age(text), unused_for: None, from: None, sent: None }
}

fn from(remote: &str, mut record: InstanceRecord) -> InstanceRecord {
    record.envelope.remote = Some(name(remote));
    record
}

fn removal() -> Removal {
    Removal::by_itself(Reason::Rule(name("old")), age("1h"))
}

async fn judged(subject: &Subject, rule: &Rule) -> Vec<JudgedStudy> {
    subject.catalog.judged(rule.clone(), 0, 100).await.unwrap().studies
}

async fn verdicts(subject: &Subject, rule: &Rule) -> Vec<(String, Verdict)> {
    judged(subject, rule).await.into_iter().map(|it| (it.study.as_str().to_owned(), it.verdict)).collect()
}

async fn verdict(subject: &Subject, rule: &Rule) -> Verdict {
    let mut all = judged(subject, rule).await;
    assert_eq!(all.len(), 1);
    all.remove(0).verdict
}

#[tokio::test]
async fn a_study_is_as_old_as_its_newest_instance_and_goes_whole() {
    let subject = Subject::new().await;
    let mut newest = record(1, 2, 1);
    newest.envelope.received_at = newest.envelope.received_at.checked_add(DAY).unwrap();
    subject.insert(record(1, 1, 1)).await;
    subject.insert(newest).await;
    subject.insert(record(2, 1, 1)).await;
    subject.clock.advance(DAY * 2);
    let rule = older_than("2d");
    assert_eq!(
        verdicts(&subject, &rule).await,
        [("1.2.2".to_owned(), Verdict::Go)],
        "the other is too young"
    );
    let kept = subject.catalog.retire(uid("1.2.1"), rule.clone(), removal()).await.unwrap();
    assert_eq!(kept, Retired::Kept(Why::Young));
    subject.clock.advance(DAY);
    let all = judged(&subject, &rule).await;
    assert_eq!(all.iter().map(|it| (it.instances, it.bytes)).collect::<Vec<_>>(), [(2, 2000), (1, 1000)]);
    let Retired::Gone(gone) = subject.catalog.retire(uid("1.2.1"), rule.clone(), removal()).await.unwrap()
    else {
        panic!("it stays");
    };
    assert_eq!(gone.len(), 2);
    assert_eq!(subject.catalog.retire(uid("1.2.1"), rule, removal()).await.unwrap(), Retired::Unknown);
    assert_eq!(subject.found(Query::all(Level::Study), Tag::STUDY_INSTANCE_UID).await, ["1.2.2"]);
    let told = subject.catalog.removed_studies(String::new(), 10).await.unwrap();
    assert_eq!((told[0].who.as_str(), &told[0].reason), ("retention old", &Reason::Rule(name("old"))));
    let trail = subject.catalog.audit(10).await.unwrap();
    let lines: Vec<_> = trail.iter().filter(|row| row.what == "retention-remove-study").collect();
    assert_eq!(lines.len(), 1, "one line for the study");
    assert_eq!((lines[0].who.as_str(), lines[0].subject.as_str()), ("retention old", "1.2.1"));
}

#[tokio::test]
async fn a_study_that_was_brought_back_begins_anew() {
    let subject = Subject::new().await;
    let one = record(1, 1, 1);
    subject.insert(one.clone()).await;
    subject.clock.advance(DAY * 3);
    subject.catalog.retire(uid("1.2.1"), older_than("2d"), removal()).await.unwrap();
    subject.catalog.bring_back(vec![one], "otto").await.unwrap();
    assert!(judged(&subject, &older_than("2d")).await.is_empty());
    subject.clock.advance(DAY * 2);
    assert_eq!(verdict(&subject, &older_than("2d")).await, Verdict::Go);
}

#[tokio::test]
async fn only_what_came_from_a_remote_as_a_whole_goes_by_a_rule_about_it() {
    let subject = Subject::new().await;
    subject.insert(from("ct1", record(1, 1, 1))).await;
    subject.insert(from("ct1", record(2, 1, 1))).await;
    subject.insert(from("ct2", record(2, 1, 2))).await;
    subject.insert(from("ct2", record(3, 1, 1))).await;
    subject.insert(record(4, 1, 1)).await;
    subject.clock.advance(DAY);
    let rule = Rule { from: Some(name("ct1")), ..older_than("1d") };
    assert_eq!(
        verdicts(&subject, &rule).await,
        [("1.2.1".to_owned(), Verdict::Go), ("1.2.2".to_owned(), Verdict::Keep(Why::FromElsewhere)),]
    );
}

#[tokio::test]
async fn what_was_read_stays_and_nothing_counts_as_unread_before_reading_was_noted() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    subject.clock.advance(DAY * 10);
    let rule = Rule { unused_for: Some(age("2d")), ..older_than("1d") };
    assert_eq!(verdict(&subject, &rule).await, Verdict::Keep(Why::Used), "nobody noted it yet");
    subject.catalog.note_uses().await.unwrap();
    subject.clock.advance(DAY);
    subject.catalog.note_uses().await.unwrap();
    assert_eq!(verdict(&subject, &rule).await, Verdict::Keep(Why::Used));
    subject.clock.advance(DAY);
    assert_eq!(verdict(&subject, &rule).await, Verdict::Go, "two days since it is noted");
    subject.catalog.used(vec![uid("1.2.1"), uid("9.9")]).await.unwrap();
    assert_eq!(verdict(&subject, &rule).await, Verdict::Keep(Why::Used));
    // Within the hour it is not written again.
    subject.clock.advance(Duration::from_secs(3599));
    subject.catalog.used(vec![uid("1.2.1")]).await.unwrap();
    subject.clock.advance(DAY * 2 - Duration::from_secs(3599));
    assert_eq!(verdict(&subject, &rule).await, Verdict::Go);
}

fn to(remote: &str) -> Vec<PlannedDelivery> {
    vec![PlannedDelivery::plain(name("route"), name(remote), Trigger::Instance)]
}

async fn concluded(subject: &Subject, remote: &str, state: JobState, afterwards: Afterwards) {
    let claim = Claim {
        remote: name(remote),
        owner: "w".to_owned(),
        lease: DAY,
        limit: 1,
        lane: Lane::All,
        closed: Vec::new(),
    };
    let job = subject.catalog.claim(claim).await.unwrap().remove(0).job;
    let last = Some(Last { class: None, status: None, words: "said".to_owned() });
    let update = Update { job, state, retry_at: None, attempts: 1, last, afterwards };
    subject.catalog.conclude(vec![update], "w".to_owned()).await.unwrap();
}

fn sent(proof: Proof, by: Option<&str>, to: Option<&str>) -> Rule {
    let sent = Sent { proof, by: by.map(name), to: to.map(name) };
    Rule { sent: Some(sent), ..older_than("1d") }
}

#[tokio::test]
async fn nothing_goes_while_a_delivery_is_open_or_parked_and_each_instance_must_be_delivered() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader")).await;
    subject.insert_with(record(1, 1, 2), to("reader")).await;
    subject.clock.advance(DAY);
    let any = sent(Proof::Delivered, None, None);
    assert_eq!(
        verdict(&subject, &older_than("1d")).await,
        Verdict::Keep(Why::Open(2)),
        "whatever the rule says"
    );
    concluded(&subject, "reader", JobState::Delivered, Afterwards::Nothing).await;
    assert_eq!(verdict(&subject, &any).await, Verdict::Keep(Why::Open(1)));
    concluded(&subject, "reader", JobState::Parked, Afterwards::Nothing).await;
    assert_eq!(
        verdict(&subject, &older_than("1d")).await,
        Verdict::Keep(Why::Open(1)),
        "parked needs a decision"
    );
    subject.insert_with(record(2, 1, 1), to("reader")).await;
    subject.insert(record(3, 1, 1)).await;
    concluded(&subject, "reader", JobState::Delivered, Afterwards::Nothing).await;
    let judged = verdicts(&subject, &any).await;
    assert_eq!(judged[1], ("1.2.2".to_owned(), Verdict::Go));
    assert_eq!(judged[2], ("1.2.3".to_owned(), Verdict::Keep(Why::NotDelivered(1))), "it was never sent");
    for (by, to, expected) in [
        (Some("route"), None, Verdict::Go),
        (Some("other"), None, Verdict::Keep(Why::NotDelivered(1))),
        (None, Some("reader"), Verdict::Go),
        (Some("route"), Some("elsewhere"), Verdict::Keep(Why::NotDelivered(1))),
    ] {
        assert_eq!(verdicts(&subject, &sent(Proof::Delivered, by, to)).await[1].1, expected, "{by:?} {to:?}");
    }
    let committed = sent(Proof::Committed, None, None);
    assert_eq!(verdicts(&subject, &committed).await[1].1, Verdict::Keep(Why::NotCommitted(1)));
}

#[tokio::test]
async fn a_commitment_that_is_asked_for_holds_a_study_up_until_it_is_given() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader")).await;
    concluded(&subject, "reader", JobState::Delivered, Afterwards::AskCommitment).await;
    subject.clock.advance(DAY);
    let committed = sent(Proof::Committed, None, None);
    assert_eq!(verdict(&subject, &older_than("1d")).await, Verdict::Keep(Why::Asked(1)));
    assert_eq!(verdict(&subject, &committed).await, Verdict::Keep(Why::Asked(1)));
}

#[tokio::test]
async fn a_hold_keeps_a_study_from_rules() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    subject.clock.advance(DAY);
    subject.catalog.put_hold(uid("1.2.1"), "a case".to_owned(), "otto").await.unwrap();
    assert_eq!(verdict(&subject, &older_than("1d")).await, Verdict::Keep(Why::Held));
    let kept = subject.catalog.retire(uid("1.2.1"), older_than("1d"), removal()).await.unwrap();
    assert_eq!(kept, Retired::Kept(Why::Held));
}

#[tokio::test]
async fn a_walk_goes_on_where_it_was_and_ends() {
    let subject = Subject::new().await;
    for study in 1..=5 {
        subject.insert(record(study, 1, 1)).await;
    }
    subject.clock.advance(DAY);
    let (mut after, mut found, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = subject.catalog.judged(older_than("1d"), after, 2).await.unwrap();
        found.extend(page.studies.into_iter().map(|it| it.study.as_str().to_owned()));
        let Some(next) = page.next else { break };
        (after, pages) = (next, pages + 1);
    }
    assert_eq!((found.len(), pages), (5, 3));
}

#[tokio::test]
async fn rules_are_kept_in_order_and_every_change_is_on_record() {
    let subject = Subject::new().await;
    let rule = |text: &str, standing| RetentionRule {
        name: name(text),
        rule: older_than("5y"),
        standing,
        changed_at: Timestamp::UNIX_EPOCH,
    };
    subject.catalog.put_rule(rule("b", Standing::Disabled), "otto").await.unwrap();
    subject.catalog.put_rule(rule("a", Standing::Enabled), "otto").await.unwrap();
    assert!(subject.catalog.enable_rule(name("b"), Standing::Enabled, "otto").await.unwrap());
    assert!(subject.catalog.enable_rule(name("a"), Standing::Disabled, "otto").await.unwrap());
    assert!(!subject.catalog.enable_rule(name("c"), Standing::Enabled, "otto").await.unwrap());
    let rules = subject.catalog.rules().await.unwrap();
    let told: Vec<_> = rules.iter().map(|rule| (rule.name.as_str(), rule.standing)).collect();
    assert_eq!(told, [("a", Standing::Disabled), ("b", Standing::Enabled)]);
    assert_eq!((&rules[0].rule, rules[0].changed_at), (&older_than("5y"), subject.clock.now()));
    assert!(subject.catalog.remove_rule(name("a"), "otto").await.unwrap());
    assert!(!subject.catalog.remove_rule(name("a"), "otto").await.unwrap());
    let verbs: Vec<String> =
        subject.catalog.audit(10).await.unwrap().into_iter().map(|row| row.what).collect();
    assert_eq!(
        verbs,
        ["retention-remove", "retention-disable", "retention-enable", "retention-put", "retention-put"]
    );
}
