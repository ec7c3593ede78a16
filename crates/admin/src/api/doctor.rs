//! A check-up of the node: its disk, its certificates, its identity provider, its remotes, its queue, in findings that say what to do.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use causeway_archive::oidc::{KeysReport, KeysState};
use causeway_archive::settle::SettlingReport;
use causeway_archive::{Disk, DiskState, WayBack};
use causeway_core::space::Level;
use causeway_core::{Permission, Principal, Remote, RemoteName};
use causeway_forward::admin::DestinationReport;
use causeway_forward::errand::{ErrandFilter, ErrandKind, ErrandRow, ErrandState};
use causeway_tls::{Notice, Tls, Urgency};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::{Caller, nodes};
use crate::problem::Problem;
use crate::state::Node;

/// Remotes that are asked at once whether they are there.
const ECHOES_AT_ONCE: usize = 8;
/// Commitments and notices that are looked at.
const MAX_ERRANDS: u32 = 1000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Fine,
    /// Works, and will not for long.
    Warning,
    /// Does not work.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) subject: String,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// In words.
    pub(crate) words: String,
    /// What would change it; none where nothing needs to change.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(subject: impl Into<String>, verdict: Verdict, words: impl Into<String>) -> Self {
        Self { subject: subject.into(), verdict, words: words.into(), remedy: None }
    }

    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// Looks at everything; remotes that can be called over DIMSE are called.
pub(crate) async fn examine(State(node): State<Node>, caller: Caller) -> Result<Json<Vec<Finding>>, Problem> {
    causeway_archive::access::allow(&caller, Permission::Admin)?;
    let mut findings: Vec<Finding> = node.archive.disks().iter().map(disk).collect();
    findings.extend(node.holders.iter().flat_map(Tls::notices).map(certificate));
    findings.extend(node.archive.provider_keys().map(provider));
    if let Err(error) = node.archive.ask_catalog().await {
        // Nearly all that follows is asked of it.
        findings.push(away(&error));
        return Ok(Json(findings));
    }
    findings.extend(settling(&node.archive.settling(&caller).await?));
    findings.extend(node.forwarder.report(&caller).await?.iter().filter_map(queue));
    let due = ErrandFilter { state: Some(ErrandState::Due), limit: MAX_ERRANDS, ..ErrandFilter::default() };
    findings.extend(errands(&node.forwarder.errands(&caller, due).await?));
    findings.extend(nodes::findings(&node.archive.members(&caller).await?, Timestamp::now()));
    findings.extend(ways_back(&node.archive.ways_back(&caller).await?));
    let given_up = ErrandFilter {
        kinds: vec![ErrandKind::Count],
        state: Some(ErrandState::GivenUp),
        limit: MAX_ERRANDS,
        ..ErrandFilter::default()
    };
    findings.extend(unlisted(&node.forwarder.errands(&caller, given_up).await?));
    let remotes: Vec<Remote> = node.archive.remotes().to_vec();
    let callable = remotes.into_iter().filter(|remote| remote.dimse_peer().is_some());
    let principal: &Principal = &caller;
    let echoes = stream::iter(callable).map(|remote| echo(&node, principal, remote));
    findings.extend(echoes.buffered(ECHOES_AT_ONCE).collect::<Vec<_>>().await);
    Ok(Json(findings))
}

/// A catalog that does not answer.
fn away(error: &dyn std::error::Error) -> Finding {
    Finding::new("catalog", Verdict::Failure, error.to_string()).with_remedy(
        "see whether the server of [catalog] url runs and can be reached from here; senders are told to try again \
         (A700, 503) meanwhile, and the node goes on by itself once it is back",
    )
}

/// A disk, and what its table of settings keeps free of it.
fn disk(state: &DiskState) -> Finding {
    let (subject, of, setting) = match state.disk {
        Disk::Spool => ("disk", "[node] data", "[ingest]"),
        Disk::Objects => ("disk of the objects", "[store] url", "[store]"),
        Disk::Catalog => ("disk of the catalog", "[catalog] url", "[ingest]"),
    };
    let (free, total) = (state.space.free, state.space.total);
    let percent = (u128::from(free) * 100).checked_div(u128::from(total)).unwrap_or(0);
    let words = format!("{} MiB of {} MiB are free ({percent} %)", free >> 20, total >> 20);
    match state.level {
        Level::Ample => Finding::new(subject, Verdict::Fine, words),
        Level::Low => Finding::new(subject, Verdict::Warning, words).with_remedy(format!(
            "make room on the disk of {of}; below {} MiB ({setting} stop_free) nothing more is taken in",
            state.marks.stop >> 20
        )),
        Level::Full => {
            let words = format!("{words}, of which the node keeps what is left: nothing more is taken in");
            Finding::new(subject, Verdict::Failure, words).with_remedy(format!(
                "make room on the disk of {of}; senders are told A700 (DIMSE) and 503 (web) until there are {} MiB free",
                (state.marks.stop + state.marks.stop / 10) >> 20
            ))
        }
    }
}

/// What waits in the spool for its place in the store, when there is something to say of it.
fn settling(report: &SettlingReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(away) = &report.away {
        let words = format!(
            "the object store is away since {}, {} objects ({}) wait in the spool: {}",
            away.since.strftime("%Y-%m-%d %H:%M:%S UTC"),
            report.objects,
            in_gigabytes(report.bytes),
            away.because
        );
        let remedy = "see that [store] url and endpoint can be reached from this machine and its keys are valid; what waits \
                      settles by itself when it is back";
        findings.push(Finding::new("object store", Verdict::Failure, words).with_remedy(remedy));
    }
    if let Some(first) = report.damaged.first() {
        let words = format!(
            "{} spooled objects are not what came, and do not settle, the first: {first}",
            report.damaged.len()
        );
        let remedy = "run `causeway verify --repair`: they are asked for again where they came from; check the disk of [node] data";
        findings.push(Finding::new("spool", Verdict::Failure, words).with_remedy(remedy));
    }
    findings
}

fn in_gigabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000_000;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

/// A certificate or key of `[dimse.tls]` or `[web.tls]`.
fn certificate(notice: Notice) -> Finding {
    let verdict = match notice.urgency {
        Urgency::None => Verdict::Fine,
        Urgency::Soon => Verdict::Warning,
        Urgency::OutOfTime => Verdict::Failure,
    };
    let finding = Finding::new(notice.subject, verdict, notice.words);
    match notice.remedy {
        Some(remedy) => finding.with_remedy(remedy),
        None => finding,
    }
}

/// The keys of the identity provider.
fn provider(keys: KeysReport) -> Finding {
    let subject = format!("identity provider {}", keys.issuer);
    let because = keys.because.unwrap_or_else(|| "they were not asked for yet".to_owned());
    let since =
        keys.fetched_at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
    let count = keys.count;
    let (verdict, words) = match keys.state {
        KeysState::Fresh => (Verdict::Fine, format!("{count} keys are known, last fetched {since}")),
        KeysState::Kept => (
            Verdict::Warning,
            format!("its keys cannot be had: {because}; the {count} of {since} stay in force"),
        ),
        KeysState::Unknown => (
            Verdict::Failure,
            format!("its keys cannot be had, so that none of its tokens is believed: {because}"),
        ),
    };
    let finding = Finding::new(subject, verdict, words);
    match verdict {
        Verdict::Fine => finding,
        Verdict::Warning | Verdict::Failure => finding
            .with_remedy("compare [auth.oidc] with the provider; keys are asked for again by themselves"),
    }
}

/// A destination's queue, when there is something to say of it.
fn queue(report: &DestinationReport) -> Option<Finding> {
    let name = &report.jobs.remote;
    let subject = format!("queue of {name}");
    if let Some(because) = &report.because {
        let words = format!("{} instances wait; it is left alone for now: {because}", report.jobs.waiting);
        let remedy = format!("see `causeway remote echo {name}`; it is tried again by itself");
        return Some(Finding::new(subject, Verdict::Failure, words).with_remedy(remedy));
    }
    if report.jobs.parked > 0 {
        let words = format!("{} instances are parked", report.jobs.parked);
        let remedy = format!(
            "see `causeway queue list --state parked --remote {name}`, then `causeway queue retry --remote {name}`"
        );
        return Some(Finding::new(subject, Verdict::Warning, words).with_remedy(remedy));
    }
    (report.jobs.waiting > 0)
        .then(|| Finding::new(subject, Verdict::Fine, format!("{} instances wait", report.jobs.waiting)))
}

/// Commitments and notices that were tried in vain, one finding for each remote and kind.
fn errands(due: &[ErrandRow]) -> Vec<Finding> {
    let mut failing: BTreeMap<(String, &str), (u64, &str)> = BTreeMap::new();
    // A count that was answered waits for the far side to list more, which is no failure.
    let is_in_vain =
        |errand: &&ErrandRow| errand.attempts > 0 && (errand.kind != ErrandKind::Count || errand.failed == 0);
    for errand in due.iter().filter(is_in_vain) {
        let Some(remote) = &errand.remote else { continue };
        let words = errand.words.as_deref().unwrap_or_default();
        failing.entry((remote.to_string(), errand.kind.as_str())).or_insert((0, words)).0 += 1;
    }
    let finding = |((remote, kind), (count, words)): ((String, &str), (u64, &str))| {
        let (subject, verb) = if kind == ErrandKind::Notice.as_str() {
            (format!("notices to {remote}"), "notices")
        } else if kind == ErrandKind::Count.as_str() {
            (format!("what {remote} lists"), "commitments")
        } else {
            (format!("storage commitments {kind}, {remote}"), "commitments")
        };
        Finding::new(subject, Verdict::Failure, format!("{count} were tried in vain: {words}"))
            .with_remedy(format!("see `causeway queue {verb}`; they are tried again by themselves"))
    };
    failing.into_iter().map(finding).collect()
}

/// Copies under the original identity that could not be made, one finding for each remote.
fn ways_back(due: &[WayBack]) -> Vec<Finding> {
    let mut failing: BTreeMap<&RemoteName, (u64, &str)> = BTreeMap::new();
    for due in due.iter().filter(|due| due.words.is_some()) {
        failing.entry(&due.remote).or_insert((0, due.words.as_deref().unwrap_or_default())).0 += 1;
    }
    let finding = |(remote, (count, words)): (&RemoteName, (u64, &str))| {
        let words = format!("{count} that came back have no copy under the original identity: {words}");
        Finding::new(format!("the way back from {remote}"), Verdict::Failure, words)
            .with_remedy("see `causeway queue way-back`; they are tried again by themselves, until discarded")
    };
    failing.into_iter().map(finding).collect()
}

/// Counts that ended without all that was delivered, one finding for each remote.
fn unlisted(given_up: &[ErrandRow]) -> Vec<Finding> {
    let mut lacking: BTreeMap<&RemoteName, (u64, u64, &str)> = BTreeMap::new();
    for errand in given_up.iter().filter(|errand| errand.kind == ErrandKind::Count) {
        let Some(remote) = &errand.remote else { continue };
        let latest = errand.words.as_deref().unwrap_or_default();
        let (deliveries, instances, _) = lacking.entry(remote).or_insert((0, 0, latest));
        *deliveries += 1;
        *instances += errand.failed;
    }
    let finding = |(remote, (deliveries, instances, latest)): (&RemoteName, (u64, u64, &str))| {
        let words = format!(
            "{instances} instances of {deliveries} deliveries are not listed there, the latest: {latest}"
        );
        let remedy = format!(
            "see `causeway queue commitments --state given-up`, ask {remote} where they are, and send each again by \
             `causeway queue retry JOB` (`causeway queue list --remote {remote} --state delivered`); one that lists \
             less than it has is not asked with `causeway remote add … --no-count`"
        );
        Finding::new(format!("what {remote} lists"), Verdict::Warning, words).with_remedy(remedy)
    };
    lacking.into_iter().map(finding).collect()
}

async fn echo(node: &Node, principal: &Principal, remote: Remote) -> Finding {
    let subject = format!("remote {}", remote.name);
    match node.forwarder.echo(principal, &remote.name).await {
        Ok(Some(echoed)) if echoed.is_well => Finding::new(subject, Verdict::Fine, echoed.words),
        Ok(Some(echoed)) => {
            let remedy = format!("compare `causeway remote show {}` with the settings there", remote.name);
            Finding::new(subject, Verdict::Failure, echoed.words).with_remedy(remedy)
        }
        Ok(None) => Finding::new(subject, Verdict::Warning, "it was removed meanwhile"),
        Err(error) => Finding::new(subject, Verdict::Failure, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_be_had_are_a_warning_while_others_are_known_and_a_failure_without() {
        let report = |state, because: Option<&str>| KeysReport {
            issuer: "https://id.example.org".to_owned(),
            state,
            count: 1,
            fetched_at: None,
            because: because.map(str::to_owned),
        };
        assert_eq!(provider(report(KeysState::Fresh, None)).remedy, None);
        let kept = provider(report(KeysState::Kept, Some("no connection")));
        assert_eq!(kept.verdict, Verdict::Warning);
        assert!(kept.words.contains("no connection"), "{}", kept.words);
        assert_eq!(provider(report(KeysState::Unknown, None)).verdict, Verdict::Failure);
    }

    #[test]
    fn a_store_that_is_away_and_objects_that_are_damaged_are_failures_and_a_queue_is_none() {
        let away = causeway_archive::settle::Away {
            since: "2026-01-02T03:04:05Z".parse().unwrap(),
            because: "connection refused".to_owned(),
        };
        let object = causeway_core::ObjectKey::parse("0193520a7b3c7def8123456789abcdef").unwrap();
        let mut report = SettlingReport {
            objects: 7,
            bytes: 2_340_000_000,
            away: None,
            idle_seconds: None,
            damaged: Vec::new(),
        };
        assert_eq!(settling(&report), []);
        report.away = Some(away);
        report.damaged.push(object);
        let findings = settling(&report);
        assert!(findings.iter().all(|it| it.verdict == Verdict::Failure && it.remedy.is_some()));
        assert_eq!(
            findings[0].words,
            "the object store is away since 2026-01-02 03:04:05 UTC, 7 objects (2.3 GB) wait in the spool: \
             connection refused"
        );
        assert!(findings[1].words.contains("0193520a7b3c7def8123456789abcdef"));
    }

    #[test]
    fn a_disk_with_little_room_is_a_warning_and_a_full_one_a_failure() {
        let state = |level, free| DiskState {
            disk: Disk::Objects,
            level,
            space: causeway_archive::Space { free, total: 100 << 20 },
            marks: causeway_core::space::MarksInBytes { warn: 20 << 20, stop: 10 << 20 },
        };
        assert_eq!(disk(&state(Level::Ample, 50 << 20)).verdict, Verdict::Fine);
        let low = disk(&state(Level::Low, 15 << 20));
        assert_eq!(low.verdict, Verdict::Warning);
        assert!(low.remedy.unwrap().contains("below 10 MiB ([store] stop_free)"));
        let full = disk(&state(Level::Full, 0));
        assert_eq!(full.verdict, Verdict::Failure);
        assert!(full.remedy.unwrap().contains("until there are 11 MiB free"));
    }
}
