//! Answers made from requests, so that ids and UIDs are echoed as they came (PS3.7 §9.3).

use causeway_core::{Status, Uid};

use super::{
    CEchoRq, CEchoRsp, CFindRq, CFindRsp, CGetRq, CMoveRq, CStoreRq, CStoreRsp, Command, CommandField, Other,
    Progress, RetrieveRsp,
};

impl CEchoRq {
    /// The answer with `status`.
    #[must_use]
    pub fn answer(&self, status: Status) -> CEchoRsp {
        CEchoRsp { message_id_responded: self.message_id, sop_class: Some(self.sop_class.clone()), status }
    }
}

impl CStoreRq {
    /// The answer with `status` and no comment.
    #[must_use]
    pub fn answer(&self, status: Status) -> CStoreRsp {
        CStoreRsp {
            message_id_responded: self.message_id,
            sop_class: Some(self.sop_class.clone()),
            sop_instance: Some(self.sop_instance.clone()),
            status,
            comment: None,
            offending: Vec::new(),
        }
    }
}

impl CFindRq {
    /// The answer with `status` and no comment.
    #[must_use]
    pub fn answer(&self, status: Status) -> CFindRsp {
        CFindRsp {
            message_id_responded: self.message_id,
            sop_class: Some(self.sop_class.clone()),
            status,
            comment: None,
            offending: Vec::new(),
        }
    }
}

impl CMoveRq {
    /// The answer with `status`, `progress` and no comment.
    #[must_use]
    pub fn answer(&self, status: Status, progress: Progress) -> RetrieveRsp {
        retrieved(self.message_id, &self.sop_class, status, progress)
    }
}

impl CGetRq {
    /// The answer with `status`, `progress` and no comment.
    #[must_use]
    pub fn answer(&self, status: Status, progress: Progress) -> RetrieveRsp {
        retrieved(self.message_id, &self.sop_class, status, progress)
    }
}

fn retrieved(message_id: u16, sop_class: &Uid, status: Status, progress: Progress) -> RetrieveRsp {
    RetrieveRsp {
        message_id_responded: message_id,
        sop_class: Some(sop_class.clone()),
        status,
        progress,
        comment: None,
        offending: Vec::new(),
    }
}

impl Other {
    /// The answer with `status`; none when this is no request that can be answered.
    #[must_use]
    pub fn answer(&self, status: Status, comment: Option<String>) -> Option<Self> {
        if self.field.is_response() || self.field == CommandField::C_CANCEL_RQ {
            return None;
        }
        Some(Self {
            field: self.field.response(),
            message_id: None,
            message_id_responded: Some(self.message_id?),
            sop_class: self.sop_class.clone(),
            sop_instance: self.sop_instance.clone(),
            status: Some(status),
            comment,
        })
    }
}

impl Command {
    /// What it is.
    #[must_use]
    pub fn field(&self) -> CommandField {
        match self {
            Self::CEchoRq(_) => CommandField::C_ECHO_RQ,
            Self::CEchoRsp(_) => CommandField::C_ECHO_RSP,
            Self::CStoreRq(_) => CommandField::C_STORE_RQ,
            Self::CStoreRsp(_) => CommandField::C_STORE_RSP,
            Self::CFindRq(_) => CommandField::C_FIND_RQ,
            Self::CFindRsp(_) => CommandField::C_FIND_RSP,
            Self::CMoveRq(_) => CommandField::C_MOVE_RQ,
            Self::CMoveRsp(_) => CommandField::C_MOVE_RSP,
            Self::CGetRq(_) => CommandField::C_GET_RQ,
            Self::CGetRsp(_) => CommandField::C_GET_RSP,
            Self::CCancelRq(_) => CommandField::C_CANCEL_RQ,
            Self::NRq(request) => request.operation.field(),
            Self::NRsp(response) => response.field,
            Self::Other(other) => other.field,
            Self::Malformed(malformed) => malformed.request.field,
        }
    }

    /// The answer that refuses this request with `status` (0211H, 0122H, 0124H …); a malformed request is always
    /// answered with its own status. None when this is no request, or one that has no answer.
    #[must_use]
    pub fn refuse(&self, status: Status) -> Option<Self> {
        match self {
            Self::CEchoRq(request) => Some(Self::CEchoRsp(request.answer(status))),
            Self::CStoreRq(request) => Some(Self::CStoreRsp(request.answer(status))),
            Self::CFindRq(request) => Some(Self::CFindRsp(request.answer(status))),
            Self::CMoveRq(request) => Some(Self::CMoveRsp(request.answer(status, Progress::default()))),
            Self::CGetRq(request) => Some(Self::CGetRsp(request.answer(status, Progress::default()))),
            Self::NRq(request) => Some(Self::NRsp(request.answer(status))),
            Self::Other(request) => request.answer(status, None).map(Self::Other),
            Self::Malformed(malformed) => {
                malformed.request.answer(malformed.status, Some(malformed.words.to_owned())).map(Self::Other)
            }
            Self::CEchoRsp(_)
            | Self::CStoreRsp(_)
            | Self::CFindRsp(_)
            | Self::CMoveRsp(_)
            | Self::CGetRsp(_)
            | Self::NRsp(_)
            | Self::CCancelRq(_) => None,
        }
    }

    /// The request that this is the response to; none when it is a request.
    #[must_use]
    pub const fn responded(&self) -> Option<u16> {
        match self {
            Self::CEchoRsp(rsp) => Some(rsp.message_id_responded),
            Self::CStoreRsp(rsp) => Some(rsp.message_id_responded),
            Self::CFindRsp(rsp) => Some(rsp.message_id_responded),
            Self::CMoveRsp(rsp) | Self::CGetRsp(rsp) => Some(rsp.message_id_responded),
            Self::NRsp(rsp) => Some(rsp.message_id_responded),
            Self::Other(other) if other.field.is_response() => other.message_id_responded,
            Self::CEchoRq(_)
            | Self::CStoreRq(_)
            | Self::CFindRq(_)
            | Self::CMoveRq(_)
            | Self::CGetRq(_)
            | Self::CCancelRq(_)
            | Self::NRq(_)
            | Self::Other(_)
            | Self::Malformed(_) => None,
        }
    }
}
