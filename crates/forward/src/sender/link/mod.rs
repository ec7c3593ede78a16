//! The link to another Causeway node: what it has already is not sent, what breaks off goes on where it was, and each
//! instance that is sent comes back as a receipt.
//!
//! ```text
//! offer   which instances, by digest      ──►  have · send, from byte n · refused
//! upload  instance after instance         ──►  a receipt for each, while the next are on their way
//! ```
//! A far side that cannot be called collects: the same, but that it asks for the offer and fetches the upload.
//!
//! Lives here: the passes of one batch; in `round` (pure) what is left of it and whether another pass is worth it; in
//! `reach` the two ways to the far side; in `client` how it is called; in `stream` the upload's body, in `heard` its answer.

mod client;
mod heard;
mod reach;
mod round;
mod stream;

use std::time::Duration;

use causeway_archive::link::Parcel;
use causeway_archive::{Archive, Passage};
use causeway_catalog::Owed;
use causeway_core::link::words::{Offer, Offered, Standing};
use causeway_core::link::{LinkAddress, MAX_OFFERED};
use causeway_core::{LinkReceipt, Remote};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Broke, Ready, Sink, Way, passage, ungiven, until_true};
use crate::failure::{Failure, Kind};
use crate::job::Outcome;
use heard::{Told, fate, refused};
use reach::{Reach, Unanswered};
use round::{Next, Round};
use stream::Uploading;

pub(crate) use client::{Line, broken, call, fine};

/// How long instances of one batch are begun: then what is more urgent has its turn.
const TURN: Duration = Duration::from_secs(10);
/// How long the line is left alone after a pass that brought nothing.
const PAUSE: Duration = Duration::from_millis(500);

/// Words about an instance that may wait to be handed on; more of them are not heard.
const WORDS_PER_INSTANCE: usize = 2;

/// An instance that is offered, and from where on it is wanted.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Its place in the batch.
    index: usize,
    ready: &'a Ready,
    parcel: &'a Parcel,
    from: u64,
}

/// A remote's side of a link.
pub(crate) struct Link {
    archive: Archive,
    remote: Remote,
    address: LinkAddress,
    way: Way,
    reach: Reach,
    /// Receipts that go with the next offer.
    owed: Vec<Owed>,
}

/// How a pass ended that did not break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// It went through.
    Through,
    /// Nobody is there to collect, or nothing more is to be begun.
    Nobody,
}

impl Link {
    pub(super) fn new(remote: &Remote, address: &LinkAddress, archive: Archive, way: Way) -> Self {
        let (remote, address, reach) = (remote.clone(), address.clone(), Reach::to(address));
        Self { archive, remote, address, way, reach, owed: Vec::new() }
    }

    /// Sends the batch in passes: one, where nothing breaks. What is left when its turn is over goes back untold.
    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        // The line is not to wait for an answer after every few: as many as one offer holds go together.
        let mut batch = batch.to_vec();
        while batch.len() < MAX_OFFERED {
            let more = sink.more(MAX_OFFERED - batch.len()).await?;
            if more.is_empty() {
                break;
            }
            batch.extend(more);
        }
        let mut round = Round::new(batch.len());
        let (until, stopped) = (Instant::now() + TURN, sink.stopped());
        self.owed = sink.owed().await?;
        let passage = passage(&self.archive, &self.remote).map_err(Broke::Destination)?;
        let parcels = self.parcels(&passage, &batch, &mut round, sink).await?;
        loop {
            let broke = match self.pass((&passage, &parcels), &mut round, (until, &stopped), sink).await {
                Ok(Passed::Through) => None,
                Ok(Passed::Nobody) => return Ok(()),
                Err(Broke::Destination(failure)) if failure.kind == Kind::Transient => Some(failure),
                Err(other) => return Err(other),
            };
            match round.ended() {
                Next::Done => return Ok(()),
                _ if *stopped.borrow() || (Instant::now() >= until && broke.is_none()) => return Ok(()),
                Next::Again => {}
                Next::AfterPause => tokio::time::sleep(PAUSE).await,
                Next::GiveUp => {
                    let nothing = || Failure::new(Kind::Transient, "it takes nothing of what it asked for");
                    return Err(Broke::Destination(broke.unwrap_or_else(nothing)));
                }
            }
            // Whatever broke may have left a connection that is of no use any more.
            if broke.is_some() {
                self.reach.forget();
            }
        }
    }

    /// Tells the far side of the receipts that it gave and was not told of, until there are none.
    pub(super) async fn acknowledge(&mut self, sink: &mut impl Sink) -> Result<(), Broke> {
        let stopped = sink.stopped();
        loop {
            self.owed = sink.owed().await?;
            if self.owed.is_empty() || *stopped.borrow() {
                return Ok(());
            }
            match self.offer(&[], &stopped, sink).await {
                Ok(_) => {}
                Err(Unanswered::Nobody) => return Ok(()),
                Err(Unanswered::Broke(broke)) => {
                    self.reach.forget();
                    return Err(broke);
                }
            }
        }
    }

    /// What is said of each instance; those that cannot be given are told of at once.
    async fn parcels<'a>(
        &self,
        passage: &Passage,
        batch: &'a [Ready],
        round: &mut Round,
        sink: &mut impl Sink,
    ) -> Result<Vec<(&'a Ready, Option<Parcel>)>, Broke> {
        let mut parcels = Vec::with_capacity(batch.len());
        for (index, ready) in batch.iter().enumerate() {
            let parcel = match self.archive.parcel(passage, &ready.instance).await {
                Ok(parcel) => Some(parcel),
                Err(error) => {
                    sink.tell(&ready.job, &Outcome::Failed(ungiven(&error))).await?;
                    round.decided(index);
                    None
                }
            };
            parcels.push((ready, parcel));
        }
        Ok(parcels)
    }

    /// Offers what is left and sends what is asked for.
    async fn pass(
        &mut self,
        (passage, parcels): (&Passage, &[(&Ready, Option<Parcel>)]),
        round: &mut Round,
        (until, stopped): (Instant, &watch::Receiver<bool>),
        sink: &mut impl Sink,
    ) -> Result<Passed, Broke> {
        let left: Vec<Asked<'_>> = round
            .left(MAX_OFFERED)
            .into_iter()
            .filter_map(|index| {
                let (ready, parcel) = parcels.get(index)?;
                Some(Asked { index, ready, parcel: parcel.as_ref()?, from: 0 })
            })
            .collect();
        let (answer, outlet) = match self.offer(&left, stopped, sink).await {
            Ok(answered) => answered,
            Err(Unanswered::Nobody) => return Ok(Passed::Nobody),
            Err(Unanswered::Broke(broke)) => return Err(broke),
        };
        let mut wanted = Vec::new();
        for (asked, standing) in left.into_iter().zip(answer) {
            let Asked { index, ready, parcel, .. } = asked;
            match standing {
                Standing::Have(receipt) => {
                    sink.tell(&ready.job, &self.proven(parcel, receipt)).await?;
                    round.decided(index);
                }
                Standing::Refused(why) => {
                    sink.tell(&ready.job, &refused(&why)).await?;
                    round.decided(index);
                }
                Standing::Send(from) => {
                    round.stands(index, from);
                    wanted.push(Asked { from, ..asked });
                }
            }
        }
        if wanted.is_empty() {
            return Ok(Passed::Through);
        }
        let uploading = Uploading {
            archive: &self.archive,
            wanted: &wanted,
            passage,
            until,
            stopped,
            throttle: &self.way.throttle,
        };
        let (told, mut heard) = mpsc::channel(WORDS_PER_INSTANCE * wanted.len());
        let upload = uploading.run(outlet, self.way.patience.response, told);
        tokio::pin!(upload);
        let mut full = None;
        let ended = loop {
            let (at, told) = tokio::select! {
                Some(told) = heard.recv() => told,
                ended = &mut upload => break ended,
            };
            full = self.told(at, told, &wanted, round, sink).await?.or(full);
        };
        while let Ok((at, told)) = heard.try_recv() {
            full = self.told(at, told, &wanted, round, sink).await?.or(full);
        }
        match (full, ended) {
            // A far side without room is not sent more for now.
            (Some(full), _) => Err(Broke::Destination(full)),
            (None, Err(failure)) => Err(Broke::Destination(failure)),
            (None, Ok(())) => Ok(Passed::Through),
        }
    }

    /// Hands on what became of the instance at `at`; gives the failure of a far side that has no room.
    async fn told(
        &self,
        at: usize,
        told: Told,
        wanted: &[Asked<'_>],
        round: &mut Round,
        sink: &mut impl Sink,
    ) -> Result<Option<Failure>, Broke> {
        let Some(Asked { index, ready, parcel, .. }) = wanted.get(at) else { return Ok(None) };
        let outcome = match told {
            Told::Fate(said) => match fate(said) {
                Some(Ok(receipt)) => self.proven(parcel, receipt),
                Some(Err(outcome)) => outcome,
                // It is offered again.
                None => return Ok(None),
            },
            Told::Unreadable(failure) => Outcome::Failed(failure),
        };
        sink.tell(&ready.job, &outcome).await?;
        round.decided(*index);
        let full = |failure: &Failure| failure.kind == Kind::Exhausted;
        Ok(match outcome {
            Outcome::Failed(failure) if full(&failure) => Some(failure),
            _ => None,
        })
    }

    /// A receipt, when it is that node's for these very bytes.
    fn proven(&self, parcel: &Parcel, receipt: LinkReceipt) -> Outcome {
        let fits = receipt.instance == parcel.instance
            && receipt.digest == parcel.digest
            && receipt.node == self.address.node;
        if fits {
            Outcome::Proven(receipt)
        } else {
            Outcome::Failed(Failure::new(
                Kind::Unclear,
                "it gave a receipt for something else, or another node did",
            ))
        }
    }

    /// Has the far side say how each of these stands with it, one for each, and opens the way for their bytes. What is
    /// owed to it goes along.
    async fn offer(
        &mut self,
        left: &[Asked<'_>],
        stopped: &watch::Receiver<bool>,
        sink: &mut impl Sink,
    ) -> Result<(Vec<Standing>, reach::Outlet), Unanswered> {
        let offered = |asked: &Asked<'_>| Offered {
            instance: asked.parcel.instance.clone(),
            digest: asked.parcel.digest,
            bytes: asked.parcel.bytes,
        };
        let (jobs, acknowledged): (Vec<_>, Vec<_>) =
            self.owed.iter().map(|owed| (owed.job, owed.receipt.clone())).unzip();
        let offer = Offer { instances: left.iter().map(offered).collect(), acknowledged };
        let mut stopped = stopped.clone();
        let Self { archive, remote, address, way, reach, .. } = self;
        let (answer, outlet) = tokio::select! {
            answered = reach.offer(archive, remote, address, way, offer) => answered?,
            () = until_true(&mut stopped) => return Err(Unanswered::Nobody),
        };
        if answer.standings.len() != left.len() {
            let words = "its answer to an offer does not say of each instance how it stands";
            return Err(Failure::new(Kind::Unclear, words).into());
        }
        if !jobs.is_empty() {
            sink.told(jobs).await.map_err(Broke::Catalog)?;
            self.owed.clear();
        }
        Ok((answer.standings, outlet))
    }
}
