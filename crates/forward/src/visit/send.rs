//! Giving files to a remote by C-STORE: as they come, over as few associations as will do, each with the remote's answer.
//! Nothing is kept here: what is said to be taken is what the remote said it took.

mod fate;

use std::collections::BTreeSet;

use bytes::Bytes;
use causeway_archive::{Body, BodyError, Passed, Passing, Throttle};
use causeway_core::{Principal, Priority, Remote, RemoteName, Uid};
use causeway_dimse::Error;
use causeway_dimse::scu::{self, Ahead, Courier, Pace, Paced, Pair, StoreRequest};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{Told, Visit, VisitError};
use crate::sender::unchanged;
use crate::worker::{Forwarder, Inner};
use fate::Fate;

/// Kinds of files that an association is opened for ahead: what it holds.
const MAX_PAIRS: usize = 42;

/// Lines that may break one after another before it ends: one may be the fault of a file, more are the remote's.
const MAX_BREAKS: u32 = 2;

/// What becomes of a transform here.
const IS_NOT_APPLIED: &str =
    "is not applied to files that only pass through: import them, and let a route send them";

/// Where files come from, one after another.
pub trait Files: Send + 'static {
    /// Goes on to the next file, past what is left of the one before; says whether there is one.
    fn next(&mut self) -> impl Future<Output = Result<bool, BodyError>> + Send;

    /// The next bytes of the file; none at its end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, BodyError>> + Send;
}

/// What is heard of a sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SendLine {
    /// What became of a file, in the order in which they came.
    File(FileLine),
    /// The last line.
    End(SendEnd),
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileLine {
    /// Which, counted from 0.
    pub index: u64,
    /// Its SOP Instance UID, where it says one.
    pub sop_instance: Option<Uid>,
    /// Whether the remote said that it has it.
    pub is_taken: bool,
    /// What the remote answered, where it was asked.
    pub status: Option<Told>,
    /// Why it was not taken, or what the remote said besides.
    pub words: String,
}

/// How a sending ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SendEnd {
    /// Whether every file was put to the remote and answered, whatever the answers.
    pub is_well: bool,
    /// Why not, in words.
    pub words: String,
    /// Files that the remote took.
    pub taken: u64,
    /// Files that it did not take, or that cannot be sent.
    pub refused: u64,
}

impl Forwarder {
    /// Gives `files` to the remote of this name. It ends early when the line breaks again and again, or the remote has
    /// no room: of a file of which nothing was told, nothing is known.
    ///
    /// # Errors
    /// When the caller is no administrator, there is no such remote, or too many visits are under way. What goes wrong
    /// at the remote is told at the end of the visit.
    pub fn send(
        &self,
        principal: &Principal,
        name: &RemoteName,
        files: impl Files,
    ) -> Result<Visit<SendLine>, VisitError> {
        let remote = self.remote_for(principal, name)?;
        let inner = self.inner.clone();
        self.set_out(|lines| async move {
            let end = inner.give(&remote, files, &lines).await;
            let _ = lines.send(SendLine::End(end)).await;
        })
    }
}

impl Inner {
    async fn give(&self, remote: &Remote, mut files: impl Files, lines: &mpsc::Sender<SendLine>) -> SendEnd {
        let mut end = SendEnd { is_well: false, words: String::new(), taken: 0, refused: 0 };
        if let Err(failure) = unchanged(&self.archive, remote, IS_NOT_APPLIED) {
            return SendEnd { words: failure.words, ..end };
        }
        let call = match self.call(remote) {
            Ok(call) => call,
            Err(words) => return SendEnd { words, ..end },
        };
        let mut giving = Giving {
            inner: self,
            courier: Courier::new(call),
            watched: Watched(self.archive.throttle(remote)),
            seen: BTreeSet::new(),
        };
        let (mut index, mut breaks) = (0, 0);
        let ended = loop {
            match files.next().await {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(format!("the files broke off: {error}")),
            }
            let (sop_instance, fate) = giving.one(&mut files).await;
            breaks = if matches!(fate, Fate::Broken(_)) { breaks + 1 } else { 0 };
            let (is_taken, status, words) = match fate {
                Fate::Taken { status, words } => (true, Some(Told(status)), words),
                Fate::Refused { status, words } => (false, status.map(Told), words),
                Fate::Broken(words) if breaks < MAX_BREAKS => (false, None, words),
                Fate::Broken(words) => break Err(words),
                Fate::Unknown(words) => break Err(words),
            };
            *(if is_taken { &mut end.taken } else { &mut end.refused }) += 1;
            let line = FileLine { index, sop_instance, is_taken, status, words };
            if lines.send(SendLine::File(line)).await.is_err() {
                break Err("nobody listens any more".to_owned());
            }
            index += 1;
        };
        giving.courier.hang_up().await;
        end.is_well = ended.is_ok();
        end.words = ended.err().unwrap_or_default();
        end
    }
}

/// The file at hand.
struct Current<'a, F>(&'a mut F);

impl<F: Files> Body for Current<'_, F> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await
    }
}

/// What is put to the remote.
struct Outgoing<B>(Passed<B>);

impl<B: Body> scu::Body for Outgoing<B> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, causeway_dimse::BodyError> {
        self.0.chunk().await.map_err(Into::into)
    }
}

/// How fast they go: as what is urgent of that remote's deliveries, since someone waits for them.
struct Watched(Throttle);

impl Pace for Watched {
    async fn leave(&self, wanted: usize) -> usize {
        self.0.take(Priority::Stat, wanted).await
    }
}

struct Giving<'a> {
    inner: &'a Inner,
    courier: Courier,
    watched: Watched,
    /// SOP classes and transfer syntaxes of the files so far: what came once is likely to come again, so that an
    /// association that has to be opened anew serves all of them.
    seen: BTreeSet<Pair>,
}

impl Giving<'_> {
    /// One file: which instance it is, and what became of it.
    async fn one(&mut self, files: &mut impl Files) -> (Option<Uid>, Fate) {
        match Passing::open(Current(files)).await {
            Ok(passing) => (Some(passing.sop_instance.clone()), self.put(passing).await),
            Err(error) => (None, Fate::of_file(&error)),
        }
    }

    async fn put<B: Body>(&mut self, passing: Passing<B>) -> Fate {
        let pair: Pair = (passing.sop_class.clone(), passing.transfer_syntax.clone());
        if let Err(error) = self.courier.open_for(&pair, self.seen.iter().cloned()).await {
            return Fate::of_line(&error);
        }
        if self.seen.len() < MAX_PAIRS {
            self.seen.insert(pair.clone());
        }
        let (context, to) = match self.courier.context_for(&pair) {
            Ok(found) => found,
            Err(error @ Error::NotAccepted { .. }) => {
                return Fate::Refused { status: None, words: error.to_string() };
            }
            Err(error) => return Fate::of_line(&error),
        };
        let request = StoreRequest::new(passing.sop_class.clone(), passing.sop_instance.clone());
        let outgoing = match passing.give(&self.inner.archive, &to).await {
            Ok(passed) => Ahead::of(Outgoing(passed)).await,
            Err(error) => return Fate::of_file(&error),
        };
        let outgoing = match outgoing {
            Ok(outgoing) => outgoing,
            Err(error) => return Fate::of_body(error.as_ref()),
        };
        match self.courier.store(context, request, Paced::new(outgoing, &self.watched)).await {
            Ok(response) => Fate::of_answer(&response),
            Err(Error::Body(error)) => Fate::of_body(error.as_ref()),
            Err(error) => Fate::of_broken_line(&error),
        }
    }
}
