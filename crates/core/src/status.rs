//! DIMSE status codes as data (PS3.7 Annex C, PS3.4 §B.2.3, §C.4).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A DIMSE status code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(pub u16);

/// What a status means to the one who asked (PS3.7 Table C-1 and on).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Success,
    /// Done, with a remark.
    Warning,
    /// Not done.
    Failure,
    /// Stopped at the caller's wish.
    Cancel,
    /// More answers follow.
    Pending,
}

#[expect(missing_docs, reason = "the names are the standard's own")]
impl Status {
    pub const SUCCESS: Self = Self(0x0000);
    pub const PENDING: Self = Self(0xFF00);
    /// Pending, and an optional key was not matched (PS3.4 §C.4.1.1.4).
    pub const PENDING_UNSUPPORTED_KEYS: Self = Self(0xFF01);
    pub const CANCEL: Self = Self(0xFE00);
    /// Warning: attributes were asked for that are not kept (PS3.4 §F.8.2.1.4).
    pub const ATTRIBUTES_NOT_SUPPORTED: Self = Self(0x0001);
    pub const NO_SUCH_ATTRIBUTE: Self = Self(0x0105);
    pub const INVALID_ATTRIBUTE_VALUE: Self = Self(0x0106);
    /// Warning: some attributes were left as they are (PS3.7 §C.4.2).
    pub const ATTRIBUTE_LIST_ERROR: Self = Self(0x0107);
    pub const NO_SUCH_SOP_CLASS: Self = Self(0x0118);
    pub const MISSING_ATTRIBUTE: Self = Self(0x0120);
    pub const MISSING_ATTRIBUTE_VALUE: Self = Self(0x0121);
    pub const RESOURCE_LIMITATION: Self = Self(0x0213);
    pub const SOP_CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    pub const NOT_AUTHORIZED: Self = Self(0x0124);
    pub const DUPLICATE_SOP_INSTANCE: Self = Self(0x0111);
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);
    pub const MISTYPED_ARGUMENT: Self = Self(0x0212);
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    pub const INVALID_SOP_INSTANCE: Self = Self(0x0117);
    pub const NO_SUCH_OBJECT: Self = Self(0x0112);
    pub const NO_SUCH_EVENT_TYPE: Self = Self(0x0113);
    pub const INVALID_ARGUMENT: Self = Self(0x0115);
    pub const CLASS_INSTANCE_CONFLICT: Self = Self(0x0119);
    pub const NO_SUCH_ACTION: Self = Self(0x0123);
    /// A Failure Reason of storage commitment (PS3.3 §C.14.1.1).
    pub const DUPLICATE_TRANSACTION: Self = Self(0x0131);
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// Out of resources: unable to calculate number of matches (PS3.4 Table C.4-2).
    pub const UNABLE_TO_COUNT_MATCHES: Self = Self(0xA701);
    pub const UNABLE_TO_PERFORM_SUBOPERATIONS: Self = Self(0xA702);
    pub const MOVE_DESTINATION_UNKNOWN: Self = Self(0xA801);
    pub const IDENTIFIER_DOES_NOT_MATCH: Self = Self(0xA900);
    pub const DATA_SET_DOES_NOT_MATCH: Self = Self(0xA900);
    pub const SUBOPERATIONS_WITH_FAILURES: Self = Self(0xB000);
    pub const COERCION: Self = Self(0xB000);
    pub const DATA_SET_MISMATCH_WARNING: Self = Self(0xB007);
    pub const ELEMENTS_DISCARDED: Self = Self(0xB006);
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);
    /// Ours within the Cxxx range: the same SOP Instance UID is kept with other bytes.
    pub const CONFLICTING_DUPLICATE: Self = Self(0xC111);
    pub const UNABLE_TO_PROCESS: Self = Self(0xC001);
}

impl Status {
    /// Which of the five kinds this is. 0107 and 0116 are warnings beside the Bxxx range (PS3.7 §C.4).
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self.0 {
            0x0000 => Outcome::Success,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => Outcome::Warning,
            0xFE00 => Outcome::Cancel,
            0xFF00 | 0xFF01 => Outcome::Pending,
            _ => Outcome::Failure,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_outside_the_b_range_are_warnings_and_pendings_are_not() {
        assert_eq!(Status(0x0107).outcome(), Outcome::Warning);
        assert_eq!(Status(0x0116).outcome(), Outcome::Warning);
        assert_eq!(Status(0xB007).outcome(), Outcome::Warning);
        assert_eq!(Status(0xFE00).outcome(), Outcome::Cancel);
        assert_eq!(Status(0xFF01).outcome(), Outcome::Pending);
        assert_eq!(Status(0xA702).outcome(), Outcome::Failure);
    }
}
