//! Releasing: what has been quiet for long enough is looked at, and goes when it is complete, as far as can be known.
//!
//! Lives here: the hub that finds what has been quiet, who is asked what there is, and the judgement (`evidence`). Never
//! here: sending.
//!
//! Invariant: nothing that gathers is sent before it was looked at, and what was known then is kept with it. What cannot
//! be known never holds anything up: who cannot be asked is said to be.

mod ask;
pub(crate) mod evidence;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use causeway_catalog::Ask;
use causeway_catalog::delivery::{Gathered, Release};
use causeway_core::{Late, Opening, RemoteName, Uid};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use self::ask::{Asked, look};
use self::evidence::{Evidence, Verdict};
use crate::route::Route;
use crate::worker::{AFTER_FAILURE, Inner};

/// How long the hub sleeps at most, whatever it was told.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// How long it waits at least, however often it is nudged.
const SHORTEST_NAP: Duration = Duration::from_millis(100);
/// Deliveries that are looked at in one round.
const MAX_TOGETHER: u32 = 256;
/// Looks under way at the same time.
const MAX_LOOKS: usize = 8;
/// How long a remote that could not be asked is not asked again.
const LEFT_ALONE: Duration = Duration::from_secs(300);
/// How long at least, and at most, passes before something incomplete is looked at again.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

/// What is looked at once, for however many deliveries of it gather: a study, or a series of it, and who is asked.
type Subject = (Uid, Option<Uid>, Option<RemoteName>);

/// Finds out what has been quiet, and has it looked at.
pub(crate) struct Hub {
    inner: Arc<Inner>,
    pub(crate) looks: JoinSet<Looked>,
    /// What each look is for.
    busy: HashMap<Id, Subject>,
    /// Remotes that could not be asked, until when they are not asked again, and why.
    left_alone: HashMap<RemoteName, (Timestamp, String)>,
    nudges: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

/// What came of a look.
pub(crate) struct Looked {
    remote: Option<RemoteName>,
    /// Why the remote could not be asked.
    unanswered: Option<String>,
    deliveries: Vec<Gathered>,
    asked: Result<Asked, causeway_archive::RetrieveError>,
}

impl Hub {
    pub(crate) fn new(inner: &Arc<Inner>, stopped: watch::Receiver<bool>) -> Self {
        Self {
            inner: Arc::clone(inner),
            looks: JoinSet::new(),
            busy: HashMap::new(),
            left_alone: HashMap::new(),
            nudges: inner.router.nudges(),
            stopped,
        }
    }

    pub(crate) async fn run(&mut self) {
        loop {
            let nap = match self.round().await {
                Ok(nap) => nap,
                Err(error) => {
                    tracing::warn!(%error, "what has been quiet could not be looked after; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = self.nudges.changed() => tokio::time::sleep(SHORTEST_NAP).await,
                () = tokio::time::sleep(nap) => {}
                Some(done) = self.looks.join_next_with_id(), if !self.looks.is_empty() => self.ended(done).await,
            }
        }
    }

    /// Starts looking at what has been quiet; says how long nothing more will be.
    async fn round(&mut self) -> Result<Duration, causeway_catalog::Error> {
        let gathered = self.inner.catalog.gathered(MAX_TOGETHER).await?;
        let now = self.inner.clock.now();
        self.left_alone.retain(|_, (until, _)| *until > now);
        let mut subjects: BTreeMap<Subject, Vec<Gathered>> = BTreeMap::new();
        for delivery in gathered {
            let remote = self.inner.whom_to_ask(&delivery.route, delivery.origin.as_ref());
            let remote = remote.map(|remote| remote.name);
            subjects
                .entry((delivery.study.clone(), delivery.series.clone(), remote))
                .or_default()
                .push(delivery);
        }
        let mut is_more = false;
        for (subject, deliveries) in subjects {
            if self.busy.values().any(|busy| *busy == subject) {
                continue;
            }
            if self.looks.len() >= MAX_LOOKS {
                is_more = true;
                break;
            }
            self.start(subject, deliveries);
        }
        if is_more || !self.looks.is_empty() {
            return Ok(LONGEST_NAP);
        }
        let next = self.inner.catalog.next_gathered().await?;
        let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(SHORTEST_NAP);
        Ok(next.map_or(LONGEST_NAP, until).clamp(SHORTEST_NAP, LONGEST_NAP))
    }

    fn start(&mut self, subject: Subject, deliveries: Vec<Gathered>) {
        let (inner, stopped) = (Arc::clone(&self.inner), self.stopped.clone());
        let (study, series, remote) = subject.clone();
        let known_not =
            remote.as_ref().and_then(|name| self.left_alone.get(name)).map(|(_, why)| why.clone());
        let whom = match &known_not {
            Some(_) => None,
            None => remote.as_ref().and_then(|name| inner.archive.remote(name)),
        };
        let look = async move {
            let asked = look(&inner, study, series, whom.as_ref(), stopped).await;
            let unanswered = asked.as_ref().ok().and_then(|asked| asked.unanswered.clone());
            Looked { remote, unanswered: unanswered.or(known_not), deliveries, asked }
        };
        let id = self.looks.spawn(look).id();
        self.busy.insert(id, subject);
    }

    async fn ended(&mut self, done: Result<(Id, Looked), tokio::task::JoinError>) {
        let looked = match done {
            Ok((id, looked)) => {
                self.busy.remove(&id);
                looked
            }
            Err(error) => {
                self.busy.remove(&error.id());
                tracing::error!(%error, "looking at what has been quiet failed; it is tried again");
                return;
            }
        };
        if let Err(error) = self.decide(looked).await {
            tracing::warn!(%error, "what was found out of a study could not be written; it is found out anew");
        }
    }

    async fn decide(&mut self, looked: Looked) -> Result<(), causeway_catalog::Error> {
        let Looked { remote, unanswered, deliveries, asked } = looked;
        let now = self.inner.clock.now();
        if let (Some(remote), Some(why)) = (&remote, &unanswered) {
            let until = now.saturating_add(LEFT_ALONE).unwrap_or(now);
            self.left_alone.entry(remote.clone()).or_insert_with(|| (until, why.clone()));
        }
        let asked = asked.unwrap_or_else(|error| Asked::unreadable(&error.to_string()));
        let routes = self.inner.router.routes();
        let mut releases = Vec::new();
        for delivery in deliveries {
            let route = routes.find(&delivery.route);
            let because = || not_asked(route, &delivery, unanswered.as_deref());
            match asked.judge(waited_out(route, &delivery, now), because, now) {
                Verdict::Go(evidence) => releases.push(release(route, &delivery, &evidence, now)),
                Verdict::Wait(evidence) => {
                    let until = look_again(route, &delivery, now);
                    tracing::info!(route = %delivery.route, words = evidence.words, "a study is not complete yet");
                    self.inner.catalog.hold_back(&delivery, until, as_json(&evidence)).await?;
                }
            }
        }
        if !releases.is_empty() {
            self.inner.catalog.release(releases).await?;
            causeway_archive::Dispatcher::nudge(&*self.inner.router);
        }
        Ok(())
    }
}

/// Why nobody was asked, in words.
fn not_asked(route: Option<&Route>, delivery: &Gathered, unanswered: Option<&str>) -> String {
    let ask = route.map(|route| &route.record.completeness.ask);
    match (ask, &delivery.origin, unanswered) {
        (Some(Ask::Remote(name)), _, Some(why)) => format!("{name} could not be asked: {why}"),
        (_, Some(name), Some(why)) => format!("{name} could not be asked: {why}"),
        (None, ..) => "its route is gone".to_owned(),
        (Some(Ask::Nobody), ..) => "its route asks nobody".to_owned(),
        (Some(Ask::Sender), None, _) => "it came from no registered remote that could be asked".to_owned(),
        (Some(Ask::Sender), Some(name), None) => format!("{name} has no address at which it could be asked"),
        (Some(Ask::Remote(name)), _, None) => format!("{name} is no remote that can be asked"),
    }
}

/// Whether what is missing is waited for no longer; then how long it was, in seconds.
fn waited_out(route: Option<&Route>, delivery: &Gathered, now: Timestamp) -> Option<u64> {
    let wait = route.map_or(0, |route| route.record.completeness.wait_seconds);
    let waited = u64::try_from(now.duration_since(delivery.since).as_secs()).unwrap_or_default();
    (waited >= u64::from(wait)).then_some(waited)
}

/// When something incomplete is looked at again: not after it is waited for no longer.
fn look_again(route: Option<&Route>, delivery: &Gathered, now: Timestamp) -> Timestamp {
    let wait = Duration::from_secs(route.map_or(0, |route| route.record.completeness.wait_seconds.into()));
    let [least, most] = LOOK_AGAIN;
    let end = delivery.since.saturating_add(wait).unwrap_or(now);
    let waited = Duration::try_from(now.duration_since(delivery.since)).unwrap_or_default();
    let pause = (waited / 4).clamp(least, most);
    let later = now.saturating_add(pause).unwrap_or(now);
    if end > now { later.min(end) } else { later }
}

/// What is decided about a delivery that goes.
fn release(route: Option<&Route>, gathered: &Gathered, evidence: &Evidence, now: Timestamp) -> Release {
    let (delay, late, opening) = route.map_or((0, Late::Delta, Opening::Open), |route| {
        let record = &route.record;
        (record.delay_seconds, record.late, record.schedule.at(now))
    });
    let delayed = now.saturating_add(Duration::from_secs(delay.into())).unwrap_or(now);
    let at = match opening {
        Opening::Open => delayed,
        Opening::Closed { until } => delayed.max(until),
    };
    Release {
        delivery: gathered.delivery,
        revision: gathered.revision,
        at,
        late,
        wants_priors: route.is_some_and(|route| route.record.priors.is_some()),
        evidence: Some(as_json(evidence)),
    }
}

fn as_json(evidence: &Evidence) -> String {
    serde_json::to_string(evidence).unwrap_or_default()
}
