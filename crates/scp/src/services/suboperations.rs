//! The C-STORE sub-operations of a retrieval (PS3.4 §C.4.2.2.1, §C.4.3.3.1): what goes out, and what became of it.

use std::sync::Arc;

use bytes::Bytes;
use causeway_archive::{Archive, Object, Passage, Throttle, Wanted};
use causeway_core::{AeTitle, Priority as Urgency, StoredInstance, Uid, status};
use causeway_dimse::message::Priority;
use causeway_dimse::scu::{self, Ahead, Cargo, Fate, Pace, Pair, Response, StoreRequest};
use causeway_dimse::{BodyError, Error};

/// What became of one sub-operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Done,
    DoneWithWarning,
    /// With a reason.
    Failed(String),
    /// It was not begun, and will not be.
    NotBegun,
}

impl From<&Response> for Sent {
    fn from(response: &Response) -> Self {
        match response.status.outcome() {
            status::Outcome::Success => Self::Done,
            status::Outcome::Warning => Self::DoneWithWarning,
            status::Outcome::Failure | status::Outcome::Cancel | status::Outcome::Pending => {
                let comment = response.comment.as_deref().map(|words| format!(": {words}"));
                Self::Failed(format!("it answered {}{}", response.status, comment.unwrap_or_default()))
            }
        }
    }
}

impl From<&Fate> for Sent {
    fn from(fate: &Fate) -> Self {
        match fate {
            Fate::Answered(response) => response.into(),
            Fate::Failed(error) | Fate::Broken(error) | Fate::Unreached(error) => {
                Self::Failed(error.to_string())
            }
            Fate::NotBegun => Self::NotBegun,
        }
    }
}

/// What all sub-operations of one retrieval have in common.
#[derive(Clone)]
pub(super) struct Sending {
    pub(super) archive: Archive,
    /// How the one who gets the instances is given them.
    pub(super) passage: Passage,
    /// That of the retrieval (PS3.4 §C.4.2.1.2, §C.4.3.1.2).
    pub(super) priority: Priority,
    /// Who asked for a C-MOVE, and that request's message id (PS3.7 §9.1.1.1).
    pub(super) originator: Option<(AeTitle, u16)>,
    /// That of a C-MOVE's destination; what a C-GET is answered with goes over its caller's own line.
    pub(super) throttle: Option<Throttle>,
}

/// One instance on its way.
pub(super) struct SubOperation {
    pub(super) sending: Arc<Sending>,
    pub(super) instance: StoredInstance,
}

impl SubOperation {
    /// Opens the instance and reads its beginning.
    pub(super) async fn open_ahead(&self, transfer_syntax: Uid) -> Result<Ahead<ObjectBody>, Error> {
        let opened = async { Ahead::of(self.open(transfer_syntax).await?).await };
        opened.await.map_err(Error::Body)
    }
}

impl Pace for SubOperation {
    /// Whoever asked for it waits: it goes as what is urgent of the remote's deliveries.
    async fn leave(&self, wanted: usize) -> usize {
        match &self.sending.throttle {
            Some(throttle) => throttle.take(Urgency::Stat, wanted).await,
            None => wanted,
        }
    }
}

impl Cargo for SubOperation {
    type Body = ObjectBody;

    fn pair(&self) -> Pair {
        self.sending.passage.pair(&self.instance)
    }

    fn request(&self) -> StoreRequest {
        StoreRequest {
            sop_class: self.instance.sop_class.clone(),
            sop_instance: self.sending.passage.sop_instance(&self.instance),
            priority: self.sending.priority,
            move_originator: self.sending.originator.clone(),
        }
    }

    async fn open(&self, transfer_syntax: Uid) -> Result<ObjectBody, BodyError> {
        let wanted = Wanted::OneOf(vec![transfer_syntax]);
        let Sending { archive, passage, .. } = &*self.sending;
        Ok(ObjectBody(archive.open_for(passage, &self.instance, &wanted).await?))
    }
}

/// The archive's object as the body of a C-STORE.
pub(super) struct ObjectBody(Object);

impl scu::Body for ObjectBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::Status;

    use super::*;

    #[test]
    fn warnings_and_attribute_list_errors_are_no_failures_and_all_else_is() {
        let sent = |code| Sent::from(&Response { status: Status(code), comment: Some("why".to_owned()) });
        assert_eq!(sent(0x0000), Sent::Done);
        for warning in [0xB000, 0xB006, 0xB007, 0x0107, 0x0116] {
            assert_eq!(sent(warning), Sent::DoneWithWarning, "{warning:04X}");
        }
        for failure in [0xA700, 0xA900, 0xC000, 0x0110, 0x0122, 0xFE00, 0xFF00] {
            assert!(
                matches!(sent(failure), Sent::Failed(words) if words.ends_with(": why")),
                "{failure:04X}"
            );
        }
    }
}
