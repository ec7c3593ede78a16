//! The command field, which says what a message is (PS3.7 §E.1).

use std::fmt;

/// Bit that makes a response of a request's command field.
const RESPONSE: u16 = 0x8000;

/// Command Field (0000,0100).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandField(pub u16);

#[expect(missing_docs, reason = "the names are the standard's own")]
impl CommandField {
    pub const C_STORE_RQ: Self = Self(0x0001);
    pub const C_STORE_RSP: Self = Self(0x8001);
    pub const C_GET_RQ: Self = Self(0x0010);
    pub const C_GET_RSP: Self = Self(0x8010);
    pub const C_FIND_RQ: Self = Self(0x0020);
    pub const C_FIND_RSP: Self = Self(0x8020);
    pub const C_MOVE_RQ: Self = Self(0x0021);
    pub const C_MOVE_RSP: Self = Self(0x8021);
    pub const C_ECHO_RQ: Self = Self(0x0030);
    pub const C_ECHO_RSP: Self = Self(0x8030);
    pub const N_EVENT_REPORT_RQ: Self = Self(0x0100);
    pub const N_GET_RQ: Self = Self(0x0110);
    pub const N_SET_RQ: Self = Self(0x0120);
    pub const N_ACTION_RQ: Self = Self(0x0130);
    pub const N_CREATE_RQ: Self = Self(0x0140);
    pub const N_DELETE_RQ: Self = Self(0x0150);
    pub const C_CANCEL_RQ: Self = Self(0x0FFF);
}

impl CommandField {
    /// Whether it is a response.
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.0 & RESPONSE != 0
    }

    /// The response to this request.
    #[must_use]
    pub const fn response(self) -> Self {
        Self(self.0 | RESPONSE)
    }

    /// Whether it is a request or response of a normalized service (PS3.7 §10).
    #[must_use]
    pub const fn is_normalized(self) -> bool {
        matches!(
            Self(self.0 & !RESPONSE),
            Self::N_EVENT_REPORT_RQ
                | Self::N_GET_RQ
                | Self::N_SET_RQ
                | Self::N_ACTION_RQ
                | Self::N_CREATE_RQ
                | Self::N_DELETE_RQ
        )
    }

    /// Whether the SOP class and instance of such a request go by the names Requested SOP Class and Instance UID
    /// (PS3.7 §10.3); all others call them Affected.
    #[must_use]
    pub const fn names_requested(self) -> bool {
        matches!(self, Self::N_GET_RQ | Self::N_SET_RQ | Self::N_ACTION_RQ | Self::N_DELETE_RQ)
    }
}

impl fmt::Display for CommandField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match Self(self.0 & !RESPONSE) {
            Self::C_CANCEL_RQ => return f.write_str("C-CANCEL-RQ"),
            Self::C_STORE_RQ => "C-STORE",
            Self::C_GET_RQ => "C-GET",
            Self::C_FIND_RQ => "C-FIND",
            Self::C_MOVE_RQ => "C-MOVE",
            Self::C_ECHO_RQ => "C-ECHO",
            Self::N_EVENT_REPORT_RQ => "N-EVENT-REPORT",
            Self::N_GET_RQ => "N-GET",
            Self::N_SET_RQ => "N-SET",
            Self::N_ACTION_RQ => "N-ACTION",
            Self::N_CREATE_RQ => "N-CREATE",
            Self::N_DELETE_RQ => "N-DELETE",
            _ => return write!(f, "command {:04X}H", self.0),
        };
        write!(f, "{name}-{}", if self.is_response() { "RSP" } else { "RQ" })
    }
}

impl fmt::Debug for CommandField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
