//! The workers: one task per destination that has work, all under one hub.
//!
//! The hub wakes on a nudge or on the time of the next job; it starts a task for each remote whose jobs are due and
//! that may be sent to (`health`). The task claims, sends, concludes, until nothing is due. What is urgent has a task of
//! its own while the other sends, so that it waits for nothing.

mod breakers;
mod destination;
mod outcomes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_archive::Archive;
use causeway_archive::link::hatch::Presence;
use causeway_catalog::Catalog;
use causeway_catalog::delivery::{Closed, Due, DueWhat, Lane};
use causeway_core::{AeTitle, Clock, Opening, Remote, RemoteName};
use causeway_dimse::scu::{Known, Reach, Terms, WhenBroken};
use causeway_tls::Tls;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};

use self::breakers::Breakers;
use crate::collect;
use crate::config::Config;
use crate::errands;
use crate::failure::{Failure, Kind};
use crate::health::{Health, Leave};
use crate::job::Policy;
use crate::mending;
use crate::priors;
use crate::release;
use crate::router::Router;
use crate::sender::{Caller, Doubts, Patience, Way};
use crate::visit::Places;
use crate::webhooks;

/// How long the hub sleeps at most, whatever it was told.
const LONGEST_NAP: Duration = Duration::from_secs(5);
/// How long it, or a task, sleeps after the catalog failed.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Lines to one remote, at most, whatever it is said to take.
const MAX_LINES: u32 = 64;
/// Instances in memory, beyond one for each destination, of all destinations together: at most 2 MiB each.
const SPARE_INSTANCES: usize = 64;

/// Forwards what the routes caught. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Forwarder {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) archive: Archive,
    pub(crate) catalog: Catalog,
    pub(crate) router: Arc<Router>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) caller: Caller,
    pub(crate) config: Config,
    pub(crate) visits: Places,
    /// Names this run's leases.
    pub(crate) owner: String,
    health: Mutex<HashMap<RemoteName, Health>>,
    /// How often each remote was said to be well: what was agreed with it before counts no longer.
    forgiven: Mutex<HashMap<RemoteName, u64>>,
    breakers: Mutex<HashMap<RemoteName, Breakers>>,
    /// Places for instances in memory beyond one for each destination.
    spare: Arc<Semaphore>,
    /// How far away each remote was found to be, as it was then.
    reaches: Mutex<HashMap<RemoteName, (Remote, Arc<Reach>)>>,
    /// As often as each remote had been said to be well when what it takes was last asked anew.
    asked_anew: Mutex<HashMap<RemoteName, u64>>,
    /// What was sent and not answered.
    doubts: Arc<Doubts>,
}

impl Forwarder {
    /// Puts the forwarder together. `ae_title`: what the node calls itself; `tls`: for remotes called over it.
    /// Nothing runs yet: call [`Forwarder::run_until`].
    #[must_use]
    pub fn new(
        archive: Archive,
        catalog: Catalog,
        router: Arc<Router>,
        clock: Arc<dyn Clock>,
        ae_title: AeTitle,
        tls: Tls,
        config: Config,
    ) -> Self {
        let owner = format!("{}-{:016x}", archive.member_uid(), rand::random::<u64>());
        let (health, forgiven, breakers) = (Mutex::default(), Mutex::default(), Mutex::default());
        let inner = Inner {
            archive,
            catalog,
            router,
            clock,
            caller: Caller { ae_title, tls },
            config,
            visits: Places::default(),
            owner,
            health,
            forgiven,
            breakers,
            spare: Arc::new(Semaphore::new(SPARE_INSTANCES)),
            reaches: Mutex::default(),
            asked_anew: Mutex::default(),
            doubts: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Forwards until `shutdown` completes; what is on the line then is given some time to finish.
    pub async fn run_until(&self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut errands = errands::Hub::new(&self.inner, stopped.clone());
        let mut releases = release::Hub::new(&self.inner, stopped.clone());
        let mut priors = priors::Hub::new(&self.inner, stopped.clone());
        let mut webhooks = webhooks::Hub::new(&self.inner, stopped.clone());
        let mut collects = collect::Hub::new(&self.inner, stopped.clone());
        let mut hub = Hub {
            inner: Arc::clone(&self.inner),
            tasks: JoinSet::new(),
            busy: HashMap::new(),
            nudges: self.inner.router.nudges(),
            stopped,
        };
        let (archive, mut mending) = (&self.inner.archive, Arc::clone(&self.inner));
        tokio::select! {
            () = hub.run() => {}
            () = by_turns(archive, "errands", &mut errands, errands::Hub::run) => {}
            () = by_turns(archive, "releases", &mut releases, release::Hub::run) => {}
            () = by_turns(archive, "priors", &mut priors, priors::Hub::run) => {}
            () = by_turns(archive, "webhooks", &mut webhooks, webhooks::Hub::run) => {}
            () = by_turns(archive, "collecting", &mut collects, collect::Hub::run) => {}
            () = by_turns(archive, "mending", &mut mending, mend) => {}
            () = self.inner.router.keep_up(archive.settings_bell()) => {}
            () = shutdown => {}
        }
        // The tasks finish the instance or the errand they are at; what they have not begun stays in the queue.
        let _ = stop.send(true);
        let drained = tokio::time::timeout(self.inner.config.drain(), async {
            while hub.tasks.join_next().await.is_some() {}
            while errands.tasks.join_next().await.is_some() {}
            while webhooks.tasks.join_next().await.is_some() {}
            while collects.tasks.join_next().await.is_some() {}
            // What was looked at and not written is looked at anew.
            while releases.looks.join_next().await.is_some() {}
        });
        // Whoever listened to visits is gone by then: they take leave of their remotes.
        let visits = tokio::time::timeout(self.inner.config.drain(), self.inner.visits.drained());
        let (drained, visits) = tokio::join!(drained, visits);
        if visits.is_err() {
            tracing::warn!("visits under way were cut off");
        }
        if drained.is_err() {
            tracing::warn!("deliveries under way were cut off; they are taken up again at the next start");
        }
    }
}

/// Has a hub run whenever it is this node's turn at what it looks after, of all that share the catalog. What it began goes
/// on beyond a turn: it holds leases of its own.
async fn by_turns<H>(archive: &Archive, task: &str, hub: &mut H, mut run: impl AsyncFnMut(&mut H)) {
    loop {
        archive.for_a_turn(task, run(hub)).await;
    }
}

async fn mend(inner: &mut Arc<Inner>) {
    mending::run(inner).await;
}

impl Inner {
    pub(crate) fn health(&self, remote: &RemoteName) -> Health {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.get(remote).cloned().unwrap_or_default()
    }

    fn set_health(&self, remote: &RemoteName, state: Health) {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).insert(remote.clone(), state);
    }

    /// Forgets what went wrong with a remote, and what was agreed with it: its administrator says it is well.
    pub(crate) fn forgive(&self, remote: &RemoteName) {
        *self.forgiven.lock().unwrap_or_else(PoisonError::into_inner).entry(remote.clone()).or_default() += 1;
        self.health.lock().unwrap_or_else(PoisonError::into_inner).remove(remote);
        causeway_archive::Dispatcher::nudge(&*self.router);
    }

    fn times_forgiven(&self, remote: &RemoteName) -> u64 {
        self.forgiven.lock().unwrap_or_else(PoisonError::into_inner).get(remote).copied().unwrap_or_default()
    }

    /// Whether a remote was said to be well since this was last asked: what it took before counts no longer.
    fn is_asked_anew(&self, remote: &RemoteName) -> bool {
        let times = self.times_forgiven(remote);
        let before =
            self.asked_anew.lock().unwrap_or_else(PoisonError::into_inner).insert(remote.clone(), times);
        times > before.unwrap_or_default()
    }

    /// Reads or changes what is known of the instances that break the line to `remote`.
    fn breakers<T>(&self, remote: &RemoteName, with: impl FnOnce(&mut Breakers) -> T) -> T {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        with(breakers.entry(remote.clone()).or_default())
    }

    /// Whether it is this node that sends to a remote, of all that share the catalog: one at a time does, so that the lines and
    /// the bandwidth that it was given are kept to. One that collects is given it by the node that it came to.
    async fn is_ours(&self, remote: &RemoteName) -> Result<bool, causeway_catalog::Error> {
        if self.archive.remote(remote).is_some_and(|it| it.collects()) {
            return Ok(true);
        }
        self.archive.takes_turn(&format!("deliveries to {remote}")).await
    }

    /// Whether a remote is sent to over its link.
    fn is_linked(&self, remote: &RemoteName) -> bool {
        self.archive.remote(remote).is_some_and(|it| it.sending_link().is_some())
    }

    /// What keeps the jobs of a remote that collects them: that it does not come. None: it is there, or it is called.
    pub(crate) fn absence(&self, remote: &RemoteName) -> Option<String> {
        self.archive.remote(remote).filter(Remote::collects)?;
        match self.archive.hatch().presence(remote) {
            Presence::There => None,
            Presence::Away(Some(seen)) => {
                Some(format!("waits for {remote} to collect; last seen at {seen:.0}"))
            }
            Presence::Away(None) => {
                Some(format!("waits for {remote} to collect; not seen since this node was started"))
            }
        }
    }

    /// The routes that send nothing now.
    fn closed_routes(&self) -> Vec<Closed> {
        let (routes, now) = (self.router.routes(), self.clock.now());
        let closed = routes.iter().filter_map(|route| match route.record.schedule.at(now) {
            Opening::Open => None,
            Opening::Closed { until } => Some(Closed { route: route.record.name.clone(), until }),
        });
        closed.collect()
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { connect: self.config.connect(), response: self.config.response() }
    }

    /// A line that worked and broke is opened anew; on any other setback the destination is left to its health.
    fn terms(&self, remote: &Remote) -> Terms {
        let (near, far) = match remote.lines {
            Some(lines) => (lines.clamp(1, MAX_LINES), lines.clamp(1, MAX_LINES)),
            None => (self.config.associations_per_destination, self.config.associations_far),
        };
        Terms {
            lines: near as usize,
            lines_far: far as usize,
            when_broken: WhenBroken::SendAgain,
            setbacks: 1,
            operations: self.config.operations(),
            spare: Arc::clone(&self.spare),
            reach: self.reach(remote),
        }
    }

    /// What was found out of how far away `remote` is; nothing, where it is another than it was.
    fn reach(&self, remote: &Remote) -> Arc<Reach> {
        let mut reaches = self.reaches.lock().unwrap_or_else(PoisonError::into_inner);
        match reaches.get(&remote.name) {
            Some((known, reach)) if known == remote => Arc::clone(reach),
            _ => {
                let reach = Arc::default();
                reaches.insert(remote.name.clone(), (remote.clone(), Arc::clone(&reach)));
                reach
            }
        }
    }

    /// How `remote` is sent to, which is known to take so much.
    fn way(&self, remote: &Remote, known: Known) -> Way {
        Way {
            caller: self.caller.clone(),
            clock: Arc::clone(&self.clock),
            patience: self.patience(),
            terms: self.terms(remote),
            known,
            request_bytes: self.config.request_bytes,
            claim: self.config.batch_instances as usize,
            throttle: self.archive.throttle(remote),
            doubts: Arc::clone(&self.doubts),
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            ceiling: Duration::from_secs(self.config.retry_ceiling_seconds.into()),
            unclear_attempts: self.config.unclear_attempts,
        }
    }
}

/// A task that sends to a remote.
struct Busy {
    remote: RemoteName,
    lane: Lane,
    /// Whether it is sending at this moment, and not waiting for more.
    is_sending: Arc<AtomicBool>,
}

struct Hub {
    inner: Arc<Inner>,
    tasks: JoinSet<()>,
    /// Whom each task sends to.
    busy: HashMap<Id, Busy>,
    nudges: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

impl Hub {
    async fn run(&mut self) {
        loop {
            let nap = match self.start_due().await {
                Ok(nap) => nap,
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be read; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = self.nudges.changed() => {}
                () = tokio::time::sleep(nap) => {}
                Some(done) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(done),
            }
        }
    }

    fn ended(&mut self, done: Result<(Id, ()), JoinError>) {
        match done {
            Ok((id, ())) => drop(self.busy.remove(&id)),
            Err(error) => {
                let Some(Busy { remote, .. }) = self.busy.remove(&error.id()) else { return };
                tracing::error!(%remote, %error, "a delivery task failed; its leases lapse");
                // Started anew at once it would most likely fail at once.
                let failure = Failure::new(Kind::Ours, "sending failed by a fault of this program");
                destination::failed(&self.inner, &remote, failure);
            }
        }
    }

    /// Starts what is due; says how long nothing more will be.
    async fn start_due(&mut self) -> Result<Duration, causeway_catalog::Error> {
        let now = self.inner.clock.now();
        let mut nap = LONGEST_NAP;
        for due in self.inner.catalog.due().await? {
            // First of all: asked for again and again, a turn is held while a task is at work.
            if !self.inner.is_ours(&due.remote).await? {
                continue;
            }
            let Some((at, lane)) = self.lane_for(&due) else { continue };
            if due.what == DueWhat::Receipts && !self.inner.is_linked(&due.remote) {
                continue;
            }
            // When it comes, it nudges.
            if self.inner.absence(&due.remote).is_some() {
                continue;
            }
            let at = match self.inner.health(&due.remote).leave(now) {
                Leave::NotBefore(until) => until.max(at),
                Leave::All | Leave::Probe => at,
            };
            if at > now {
                nap = nap.min(Duration::try_from(at.duration_since(now)).unwrap_or(nap));
            } else if self.busy.len() < self.inner.config.destinations_at_once as usize {
                self.start(due.remote, lane);
            }
        }
        Ok(nap)
    }

    /// What a task is to be started for, and when: all jobs where there is no task, the urgent ones beside a task that
    /// is at work on others.
    fn lane_for(&self, due: &Due) -> Option<(Timestamp, Lane)> {
        let mut others = self.busy.values().filter(|busy| busy.remote == due.remote);
        match (others.next(), others.next()) {
            (None, _) => Some((due.at, Lane::All)),
            (Some(Busy { lane: Lane::All, is_sending, .. }), None) if is_sending.load(Ordering::Relaxed) => {
                Some((due.urgent_at?, Lane::Urgent))
            }
            _ => None,
        }
    }

    fn start(&mut self, name: RemoteName, lane: Lane) {
        let Some(remote) = self.inner.archive.remote(&name) else { return };
        let (inner, stopped) = (Arc::clone(&self.inner), self.stopped.clone());
        let is_sending = Arc::new(AtomicBool::new(true));
        let course = destination::Course { lane, is_sending: Arc::clone(&is_sending) };
        let task =
            self.tasks.spawn(async move { destination::serve(&inner, &remote, course, stopped).await });
        self.busy.insert(task.id(), Busy { remote: name, lane, is_sending });
    }
}
