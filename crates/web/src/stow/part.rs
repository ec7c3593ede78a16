//! One file of a store request on its way into the archive, in a task of its own: it takes its bytes from the
//! request as they come, and once it has them all it finishes even when the client is gone. A file whose bytes
//! stop in the middle is dropped.

use std::sync::Arc;

use bytes::Bytes;
use causeway_archive::{Accepted, Archive, Body, BodyError, IngestError};
use causeway_core::{Class, Envelope, Principal, Uid, Via};
use causeway_dataset::compose::Named;
use causeway_dataset::file_meta::{Part10Reader, Step};
use tokio::sync::mpsc;

/// Failure Reason of what is no readable instance: Cannot understand (PS3.18 Table I.2-2).
pub(super) const CANNOT_UNDERSTAND: u16 = 0xC000;
/// Chunks of a file that may wait for the archive to take them.
pub(super) const CHUNKS_WAITING: usize = 4;

/// Who stores, and what holds for all files of a request.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) archive: Archive,
    pub(super) principal: Arc<Principal>,
    pub(super) envelope: Envelope,
    /// The study that the URL names.
    pub(super) study: Option<Uid>,
}

/// What comes of the bytes of a file.
#[derive(Debug)]
pub(super) enum Piece {
    Chunk(Bytes),
    /// There are no more, and none is missing.
    End,
    /// There are no more, for this reason.
    Broken(String),
}

/// What became of a file.
#[derive(Debug)]
pub(super) enum Fate {
    Stored(Accepted),
    /// Stored, with a value changed to fit its attribute.
    Coerced(Accepted),
    Refused(Refusal),
}

/// Why a file was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// SOP Class UID and SOP Instance UID, as far as the file could be read.
    pub(super) sop_class: Option<Uid>,
    pub(super) sop_instance: Option<Uid>,
    /// Failure Reason (0008,1197).
    pub(super) reason: u16,
    /// For the sender's administrator.
    pub(super) words: String,
    pub(super) class: Class,
}

impl Refusal {
    /// Of an instance that cannot be understood.
    pub(super) fn of(named: Named, words: String) -> Self {
        let Named { sop_class, sop_instance } = named;
        Self { sop_class, sop_instance, reason: CANNOT_UNDERSTAND, words, class: Class::Peer }
    }

    /// Of something that is no file that could be named.
    pub(super) const fn nameless(reason: u16, words: String, class: Class) -> Self {
        Self { sop_class: None, sop_instance: None, reason, words, class }
    }
}

impl Sender {
    /// The same for an instance that has passed these nodes.
    pub(super) fn over(self, via: Via) -> Self {
        Self { envelope: Envelope { via, ..self.envelope }, ..self }
    }

    /// Takes one file in, whose bytes come through `pieces`.
    pub(super) async fn ingest(self, pieces: mpsc::Receiver<Piece>) -> Fate {
        let mut body = PartBody { pieces, tap: MetaTap::default() };
        let Self { archive, principal, envelope, study } = self;
        let taken = archive.ingest_file(&principal, envelope, &mut body, study.as_ref()).await;
        match taken {
            Ok(accepted) => Fate::Stored(accepted),
            Err(error) => Fate::Refused(refusal(&error, body.tap.named)),
        }
    }
}

/// Why an instance was refused, in words that name nothing of this machine.
pub(super) fn refusal(error: &IngestError, named: Named) -> Refusal {
    let class = error.class();
    let words = match error {
        IngestError::Store(_) | IngestError::Catalog(_) => {
            // Its words may name paths of this machine.
            tracing::warn!(%error, "an instance could not be kept");
            inside(class).to_owned()
        }
        IngestError::Access(_)
        | IngestError::Body(_)
        | IngestError::Unreadable(_)
        | IngestError::MissingIdentifier(_)
        | IngestError::Mismatch { .. }
        | IngestError::OtherStudy { .. }
        | IngestError::Unseen(_)
        | IngestError::NotStorage(_)
        | IngestError::Conflict(_)
        | IngestError::Held(_)
        | IngestError::Quota { .. } => error.to_string(),
    };
    let Named { sop_class, sop_instance } = named;
    Refusal { sop_class, sop_instance, reason: error.failure_reason(), words, class }
}

pub(super) const fn inside(class: Class) -> &'static str {
    match class {
        Class::Exhausted => "the node has run out of room",
        Class::Transient => "the node is busy",
        Class::Peer | Class::Caller | Class::Bug => "the node failed to keep the instance",
    }
}

/// The bytes of one part.
struct PartBody {
    pieces: mpsc::Receiver<Piece>,
    tap: MetaTap,
}

impl Body for PartBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.pieces.recv().await {
            Some(Piece::Chunk(chunk)) => {
                self.tap.feed(&chunk);
                Ok(Some(chunk))
            }
            Some(Piece::End) => Ok(None),
            Some(Piece::Broken(words)) => Err(BodyError { words, class: Class::Peer }),
            None => {
                let words = "the request ended before the file did".to_owned();
                Err(BodyError { words, class: Class::Peer })
            }
        }
    }
}

/// Reads on the way which instance a file says it is, so that a refusal can name it.
struct MetaTap {
    reader: Option<Part10Reader>,
    named: Named,
}

impl Default for MetaTap {
    fn default() -> Self {
        Self { reader: Some(Part10Reader::new()), named: Named::default() }
    }
}

impl MetaTap {
    fn feed(&mut self, chunk: &Bytes) {
        let Some(reader) = &mut self.reader else { return };
        match reader.feed(chunk.clone()) {
            Ok(Step::More) => {}
            Ok(Step::Done(parsed)) => {
                let (sop_class, sop_instance) = (parsed.meta.sop_class, parsed.meta.sop_instance);
                self.named = Named { sop_class, sop_instance };
                self.reader = None;
            }
            // The archive reads the same bytes and says what is wrong with them.
            Err(_) => self.reader = None,
        }
    }
}
