//! The normalized services: one shape of request and one of response for all six (PS3.7 §10.3).

use causeway_core::{Status, Tag, Uid};

use super::CommandField;

/// What is asked of a SOP instance, with what only that operation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// N-EVENT-REPORT: what happened, by its Event Type ID (PS3.7 §10.3.1).
    EventReport(u16),
    /// N-GET: the attributes wanted; none: all (PS3.7 §10.3.2).
    Get(Vec<Tag>),
    /// N-SET (PS3.7 §10.3.3).
    Set,
    /// N-ACTION: what is to be done, by its Action Type ID (PS3.7 §10.3.4).
    Action(u16),
    /// N-CREATE (PS3.7 §10.3.5).
    Create,
    /// N-DELETE (PS3.7 §10.3.6).
    Delete,
}

/// A request of a normalized service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NRq {
    /// Its number.
    pub message_id: u16,
    /// What is asked.
    pub operation: Operation,
    /// Affected or Requested SOP Class UID, as the operation has it.
    pub sop_class: Uid,
    /// Affected or Requested SOP Instance UID. Only N-CREATE may leave it out: the performer then chooses one.
    pub sop_instance: Option<Uid>,
}

/// A response of a normalized service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NRsp {
    /// Which request it is the response to: N-GET-RSP and so on.
    pub field: CommandField,
    /// The request answered.
    pub message_id_responded: u16,
    /// Affected SOP Class UID.
    pub sop_class: Option<Uid>,
    /// Affected SOP Instance UID: of N-CREATE the one that was chosen.
    pub sop_instance: Option<Uid>,
    /// Event or Action Type ID, where the request had one.
    pub type_id: Option<u16>,
    /// How it went.
    pub status: Status,
    /// Error Comment, at most 64 characters of ASCII on the wire.
    pub comment: Option<String>,
    /// The attributes that are at fault: Attribute Identifier List where the status has one (PS3.7 §C.4.2, §C.5),
    /// else Offending Element.
    pub offending: Vec<Tag>,
    /// Error ID, as the service class defines it.
    pub error_id: Option<u16>,
}

impl NRsp {
    /// Whether the attributes at fault go by the name of Attribute Identifier List.
    pub(super) const fn lists_attributes(&self) -> bool {
        matches!(
            self.status,
            Status::NO_SUCH_ATTRIBUTE
                | Status::ATTRIBUTE_LIST_ERROR
                | Status::MISSING_ATTRIBUTE
                | Status::MISSING_ATTRIBUTE_VALUE
        )
    }
}

impl Operation {
    /// The command field of the request.
    #[must_use]
    pub const fn field(&self) -> CommandField {
        match self {
            Self::EventReport(_) => CommandField::N_EVENT_REPORT_RQ,
            Self::Get(_) => CommandField::N_GET_RQ,
            Self::Set => CommandField::N_SET_RQ,
            Self::Action(_) => CommandField::N_ACTION_RQ,
            Self::Create => CommandField::N_CREATE_RQ,
            Self::Delete => CommandField::N_DELETE_RQ,
        }
    }

    /// Event or Action Type ID.
    #[must_use]
    pub const fn type_id(&self) -> Option<u16> {
        match self {
            Self::EventReport(id) | Self::Action(id) => Some(*id),
            Self::Get(_) | Self::Set | Self::Create | Self::Delete => None,
        }
    }
}

impl NRq {
    /// The answer with `status` and no comment.
    #[must_use]
    pub fn answer(&self, status: Status) -> NRsp {
        NRsp {
            field: self.operation.field().response(),
            message_id_responded: self.message_id,
            sop_class: Some(self.sop_class.clone()),
            sop_instance: self.sop_instance.clone(),
            type_id: self.operation.type_id(),
            status,
            comment: None,
            offending: Vec::new(),
            error_id: None,
        }
    }
}
