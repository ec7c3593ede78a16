//! STOW-RS: instances as parts of requests, streamed; the answer names each (PS3.18 §10.5).
//!
//! Several requests are under way at once, each on a line of its own (an HTTP/2 connection where that is agreed, else one
//! of HTTP/1.1), so that the line is busy while answers are on their way. When a request breaks off, what had not been sent
//! to its end goes again; of what had been, the far side is asked first whether it has it (QIDO-RS). Where it says so,
//! and did not list it before it was sent, it came by that request and is not sent twice; what was listed before may be
//! something else under the same UID, and goes again, so that the far side says itself what it makes of it. One that was
//! sent the whole request may be at work on it still: it is asked twice.
//!
//! ```text
//!  load ──► request on a free line ──► answered: each told    broken: back to the load, in doubt where sent to its end
//!   ▲                                                             │
//!   └──────────────── has not ◄──────── asked ◄───────────────────┘
//! ```

mod before;
mod body;
mod doubted;
mod load;
mod reply;
mod request;
mod size;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use causeway_archive::{Archive, Passage, Throttle};
use causeway_catalog::delivery::SentAs;
use causeway_core::remote::DicomWebAddress;
use causeway_core::{Remote, Uid};
use reqwest::Client;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::before::{Answers, Before, More};
use self::body::{Source, Upload};
use self::load::{Item, Load};
use self::reply::{Reply, is_the_lines};
use self::request::{Landed, Target, What};
use self::size::Size;
use super::doubts::Doubts;
use super::supply::Supply;
use super::{Broke, Ready, Sink, Way, passage, until_true};
use crate::failure::{Failure, Kind};
use crate::http;
use crate::job::Outcome;

/// How long nothing is begun after a line broke.
const AFTER_BREAK: Duration = Duration::from_millis(100);
/// How often it is looked whether more is due while requests are under way.
const LOOK: Duration = Duration::from_millis(100);
/// Requests' worth of bytes that wait before more is claimed, for each line.
const WAITING_REQUESTS: u64 = 2;
/// Lines for each body that may be on its way: while one request waits for its answer, the next one is sent.
const LINES_PER_UPLOAD: usize = 3;
/// Lines that are kept for questions.
const LINES_FOR_QUESTIONS: usize = 1;
/// Instances claimed at once, at most.
const CLAIM_MAX: usize = 500;

/// A remote's DICOMweb side.
pub(crate) struct Stow {
    remote: Remote,
    archive: Archive,
    throttle: Throttle,
    target: Arc<Target>,
    /// One for each request that was ever under way beside others; each has connections of its own.
    lines: Vec<Client>,
    /// How long a connection may take.
    connect: Duration,
    /// Lines without a request.
    free: Vec<usize>,
    /// Requests whose bodies may be on their way at once; the others wait for their answers.
    uploads_most: usize,
    uploads: BTreeMap<usize, Upload>,
    /// Rung when a body is at its end.
    bell: Arc<Notify>,
    flights: JoinSet<Landed>,
    load: Load,
    size: Size,
    claim: usize,
    /// Counts breaks: all requests that were under way at once may break at once.
    generation: u32,
    /// Whether any request was answered since the last break.
    has_answered: bool,
    /// Whether it was believed, since then, that the far side is there because it took some.
    is_believed: bool,
    /// Whether the far side answers questions.
    answers_questions: bool,
    /// What it listed before anything was sent.
    before: Before,
    /// What was sent and not answered, from one attempt to the next.
    doubts: Arc<Doubts>,
    /// Nothing is begun before.
    not_before: Option<Instant>,
}

impl Stow {
    pub(super) fn new(
        remote: &Remote,
        address: &DicomWebAddress,
        archive: Archive,
        way: Way,
    ) -> Result<Self, Failure> {
        let uploads_most = way.terms.lines.max(1);
        let count = uploads_most * LINES_PER_UPLOAD + LINES_FOR_QUESTIONS;
        let first = client(way.patience.connect)?;
        let target = Target {
            studies: format!("{}/studies", address.url.trim_end_matches('/')),
            token_file: address.token_file.as_ref().map(PathBuf::from),
            address: address.clone(),
            patience: way.patience,
        };
        Ok(Self {
            remote: remote.clone(),
            archive,
            throttle: way.throttle,
            target: Arc::new(target),
            free: (0..count).rev().collect(),
            lines: vec![first],
            connect: way.patience.connect,
            uploads_most,
            uploads: BTreeMap::new(),
            bell: Arc::default(),
            flights: JoinSet::new(),
            load: Load::default(),
            size: Size::within(way.request_bytes),
            claim: way.claim,
            generation: 0,
            has_answered: false,
            is_believed: false,
            answers_questions: true,
            before: Before::new(address, way.patience)?,
            doubts: way.doubts,
            not_before: None,
        })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        self.add(batch);
        let (mut stopped, mut supply) = (sink.stopped(), Supply::default());
        // Why nothing is begun any more.
        let (mut broke, mut is_stopped): (Option<Failure>, bool) = (None, false);
        loop {
            if broke.is_none() && !is_stopped {
                self.stock(&mut supply, sink).await?;
                broke = self.begin().err();
            }
            if self.flights.is_empty() && (broke.is_some() || is_stopped || self.load.is_empty()) {
                break;
            }
            let begins = broke.is_none() && !is_stopped;
            let look = self.not_before.filter(|_| begins).unwrap_or_else(|| Instant::now() + LOOK);
            tokio::select! {
                biased;
                Some(landed) = self.flights.join_next(), if !self.flights.is_empty() => {
                    if let Err(failure) = self.landed(landed, sink).await? {
                        broke.get_or_insert(failure);
                    }
                }
                () = until_true(&mut stopped), if !is_stopped => is_stopped = true,
                () = self.bell.notified() => {}
                () = tokio::time::sleep_until(look) => {}
            }
        }
        // What is left goes back into the queue, and what was sent and not answered is not forgotten.
        let doubted = self.load.take_doubted();
        self.keep_in_mind(&doubted);
        self.load = Load::default();
        self.before.forget();
        broke.map_or(Ok(()), |failure| Err(Broke::Destination(failure)))
    }

    /// Claims more where little is left: by bytes, since requests are cut by them.
    async fn stock(&mut self, supply: &mut Supply, sink: &mut impl Sink) -> Result<(), Broke> {
        let enough = self.size.bytes().saturating_mul(WAITING_REQUESTS * self.uploads_most as u64);
        while self.load.bytes() < enough && supply.is_asked(0, 1) {
            let more = sink.more(self.claim.min(CLAIM_MAX)).await?;
            supply.gave(more.len());
            self.add(&more);
        }
        Ok(())
    }

    /// Begins what there are lines for.
    fn begin(&mut self) -> Result<(), Failure> {
        if self.load.is_empty() || self.not_before.is_some_and(|moment| moment > Instant::now()) {
            return Ok(());
        }
        self.not_before = None;
        let passage = passage(&self.archive, &self.remote)?;
        while let Some(line) = self.free.pop() {
            let may_send =
                self.free.len() >= LINES_FOR_QUESTIONS && self.uploads_under_way() < self.uploads_most;
            let question = self.load.next_question(Instant::now());
            let request =
                if question.is_none() && may_send { self.load.next_request(self.size.bytes()) } else { None };
            let begun = match (question, request) {
                (Some(items), _) => self.launch(line, items, passage.clone(), None),
                (None, Some(items)) => {
                    let asked = self.ask_before(&items, &passage);
                    let upload = Upload::new(Arc::clone(&self.bell));
                    self.uploads.insert(line, upload.clone());
                    self.launch(line, items, passage.clone(), Some((upload, asked)))
                }
                (None, None) => false,
            };
            if !begun {
                self.free.push(line);
                break;
            }
        }
        Ok(())
    }

    /// Asks what the far side lists of these before they are sent, study by study.
    fn ask_before(&mut self, items: &[Item], passage: &Passage) -> Vec<Answers> {
        let mut studies: BTreeMap<&Uid, Vec<&Item>> = BTreeMap::new();
        for item in items {
            studies.entry(&item.ready.instance.ids.study).or_default().push(item);
        }
        let mut asked = Vec::with_capacity(studies.len());
        for (study, items) in studies {
            let more = if self.load.has_of(study) { More::Yes } else { More::No };
            let names: Vec<SentAs> = items.into_iter().map(|item| sent_as(passage, &item.ready)).collect();
            let instances: Vec<Uid> = names.iter().map(|name| name.instance.clone()).collect();
            asked.extend(names.first().map(|name| self.before.ask(&name.study, &instances, more)));
        }
        asked
    }

    /// Requests whose bodies are on their way.
    fn uploads_under_way(&self) -> usize {
        self.uploads.values().filter(|upload| !upload.is_sent()).count()
    }

    /// The client of a line; where no further one can be had, the first serves two.
    fn client(&mut self, line: usize) -> Option<Client> {
        if line >= self.lines.len()
            && let Ok(further) = client(self.connect)
        {
            self.lines.push(further);
        }
        self.lines.get(line).or(self.lines.first()).cloned()
    }

    /// Begins a request with an upload, or a question without.
    fn launch(
        &mut self,
        line: usize,
        items: Vec<Item>,
        passage: Passage,
        upload: Option<(Upload, Vec<Answers>)>,
    ) -> bool {
        let Some(client) = self.client(line) else { return false };
        let (target, generation) = (Arc::clone(&self.target), self.generation);
        let source = Source {
            archive: self.archive.clone(),
            passage: passage.clone(),
            throttle: self.throttle.clone(),
        };
        self.flights.spawn(async move {
            let what = match upload {
                Some(upload) => target.post(&client, &items, source, upload).await,
                None => target.ask(&client, &items).await,
            };
            Landed { items, line, generation, passage, what }
        });
        true
    }

    /// What a request that is over means. The inner error: nothing more is begun.
    async fn landed(
        &mut self,
        landed: Result<Landed, tokio::task::JoinError>,
        sink: &mut impl Sink,
    ) -> Result<Result<(), Failure>, Broke> {
        let Ok(Landed { items, line, generation, passage, what }) = landed else {
            return Ok(Err(Failure::new(Kind::Ours, "a request failed by a fault of this program")));
        };
        self.free.push(line);
        self.uploads.remove(&line);
        match what {
            What::Asked(answer) => self.asked(items, generation, answer, sink).await,
            What::Sent { upload, reply, took } => {
                let items = unread(items, &upload, sink).await?;
                if upload.broke_off() || items.is_empty() {
                    // We broke off, so whatever came of it is not the far side's doing. The others' turn comes at once.
                    self.load.put_back(items);
                    return Ok(Ok(()));
                }
                match reply {
                    Ok(reply) => {
                        self.has_answered = true;
                        let sent = items.iter().map(|item| item.ready.instance.object_bytes).sum();
                        self.size = self.size.answered(sent, took);
                        self.answered(items, &passage, &reply, sink).await
                    }
                    Err(failure) => {
                        let mut items = items;
                        for item in &mut items {
                            item.sent_as = Some(sent_as(&passage, &item.ready));
                            item.was_lacking = false;
                        }
                        self.broken(items, generation, &upload, failure, sink).await
                    }
                }
            }
        }
    }

    /// Tells each instance its answer. A far side that has no room for one is not sent more for now.
    async fn answered(
        &mut self,
        mut items: Vec<Item>,
        passage: &Passage,
        reply: &Reply,
        sink: &mut impl Sink,
    ) -> Result<Result<(), Failure>, Broke> {
        if matches!(reply, Reply::All(_)) && items.len() > 1 {
            // Said of the request: which instance it is about, if any, is found out one by one.
            items.iter_mut().for_each(|item| item.is_alone = true);
            self.load.put_back(items);
            return Ok(Ok(()));
        }
        let mut full = Ok(());
        for Item { ready, .. } in &items {
            let sent_as = sent_as(passage, ready);
            let outcome = match reply.of(sent_as.instance.as_str()) {
                Outcome::Delivered(status) => Outcome::Stored(status, sent_as),
                other => other,
            };
            sink.tell(&ready.job, &outcome).await?;
            if let Outcome::Failed(failure) = outcome
                && failure.kind == Kind::Exhausted
            {
                full = Err(failure);
            }
        }
        Ok(full)
    }

    /// A request got no answer, or one that speaks of no instance.
    async fn broken(
        &mut self,
        mut items: Vec<Item>,
        generation: u32,
        upload: &Upload,
        failure: Failure,
        sink: &mut impl Sink,
    ) -> Result<Result<(), Failure>, Broke> {
        let again = items.iter().any(|item| item.is_again) && items.len() == 1;
        // Those that were left out are not among the items any more.
        let sent = upload.parts().saturating_sub(upload.faults().len());
        if is_the_lines(&failure) && !again && self.may_go_on(generation, upload.parts() > 0) {
            let answers = self.answers_questions;
            for (at, item) in items.iter_mut().enumerate() {
                item.is_again = true;
                item.is_in_doubt = answers && at < sent;
                (item.may_be_listed_yet, item.ask_from) = (upload.is_sent(), None);
            }
            self.load.put_back(items);
            return Ok(Ok(()));
        }
        // A status of the far side's own says that it took nothing.
        if matches!(failure.status, None | Some(502 | 504)) {
            self.keep_in_mind(items.get(..sent).unwrap_or(&items));
        }
        // Of several it is not known which one it is that the far side fails at; of one it is.
        if let [item] = items.as_slice()
            && upload.was_taken()
        {
            sink.tell(&item.ready.job, &Outcome::Failed(failure.clone())).await?;
        }
        Ok(Err(failure))
    }

    /// Whether a break of requests of this generation is the line's alone: something was answered before, or some was
    /// `taken` to its end, and that is believed once.
    fn may_go_on(&mut self, generation: u32, taken: bool) -> bool {
        if generation != self.generation {
            // It broke with others, for which it was decided.
            return true;
        }
        let may = self.has_answered || (taken && !self.is_believed);
        self.is_believed = !self.has_answered;
        self.has_answered = false;
        if !may {
            return false;
        }
        self.generation = self.generation.wrapping_add(1);
        self.not_before = Some(Instant::now() + AFTER_BREAK);
        true
    }
}

/// Under which UIDs an instance went out.
fn sent_as(passage: &Passage, ready: &Ready) -> SentAs {
    SentAs { study: passage.study(&ready.instance), instance: passage.sop_instance(&ready.instance) }
}

/// A client with connections of its own.
fn client(connect: Duration) -> Result<Client, Failure> {
    http::client(http::builder(connect))
}

/// Tells of those that could not be read here, and gives back the others.
async fn unread(mut items: Vec<Item>, upload: &Upload, sink: &mut impl Sink) -> Result<Vec<Item>, Broke> {
    // From the last, so that the places of the others stay what they are.
    for fault in upload.faults().iter().rev() {
        if fault.part < items.len() {
            let item = items.remove(fault.part);
            sink.tell(&item.ready.job, &Outcome::Failed(fault.failure.clone())).await?;
        }
    }
    Ok(items)
}
