//! PDUs of the upper layer: their frames and what association control says in them (PS3.8 §9.3).
//!
//! Lives here: headers, the reading of A-ASSOCIATE PDUs (ours, since foreign bytes must neither fail on items
//! that PS3.8 §9.3.1 says to skip, nor lose the fields that are to be echoed), their writing (`dicom-ul`).
//! Never here: sockets, states.

pub(crate) mod associate;
pub(crate) mod encode;
mod fields;
pub(crate) mod frame;

use std::fmt;

/// An A-ASSOCIATE-RJ (PS3.8 Table 9-21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reject {
    /// 1: for good; 2: for now.
    pub result: u8,
    /// 1: the application; 2 and 3: the layers below.
    pub source: u8,
    /// Why, by source.
    pub reason: u8,
}

impl Reject {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        self.result == 2
    }

    /// Why, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match (self.source, self.reason) {
            (1, 1) => "no reason given",
            (1, 2) => "application context not supported",
            (1, 3) => "calling AE title not recognized",
            (1, 7) => "called AE title not recognized",
            (2, 1) => "no reason given by the provider",
            (2, 2) => "protocol version not supported",
            (3, 1) => "temporary congestion",
            (3, 2) => "local limit exceeded",
            _ => "a reason unknown to the standard",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_transient() { "for now" } else { "for good" };
        write!(
            f,
            "{}, {kind} (result {}, source {}, reason {})",
            self.words(),
            self.result,
            self.source,
            self.reason
        )
    }
}

/// An A-ABORT (PS3.8 Table 9-26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Abort {
    /// 0: the application; 2: the upper layer.
    pub source: u8,
    /// Why, when the upper layer aborts.
    pub reason: u8,
}

impl Abort {
    /// By the application, without a reason.
    pub const BY_USER: Self = Self { source: 0, reason: 0 };
    /// By the upper layer, without a reason.
    pub const BY_PROVIDER: Self = Self { source: 2, reason: 0 };
    /// A PDU of an unknown type came.
    pub const UNRECOGNIZED_PDU: Self = Self { source: 2, reason: 1 };
    /// A PDU came that has no place in this state.
    pub const UNEXPECTED_PDU: Self = Self { source: 2, reason: 2 };
    /// A PDU came with a field that cannot be.
    pub const INVALID_PARAMETER: Self = Self { source: 2, reason: 6 };

    /// Why, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match (self.source, self.reason) {
            (0, _) => "by its application",
            (2, 0) => "by its upper layer, no reason given",
            (2, 1) => "by its upper layer: unrecognized PDU",
            (2, 2) => "by its upper layer: unexpected PDU",
            (2, 4) => "by its upper layer: unrecognized PDU parameter",
            (2, 5) => "by its upper layer: unexpected PDU parameter",
            (2, 6) => "by its upper layer: invalid PDU parameter",
            _ => "for a reason unknown to the standard",
        }
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, source {}, reason {}", self.words(), self.source, self.reason)
    }
}
