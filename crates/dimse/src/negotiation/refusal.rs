//! Reasons to say no, to a caller and to a context, with the numbers and the words they have.

use std::fmt;

use crate::pdu::Reject;

/// Why a caller is rejected as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// No reason that the standard has a number for.
    NoReasonGiven,
    /// The application context is not DICOM's.
    ApplicationContextNotSupported,
    /// We do not know who calls.
    CallingAeNotRecognized,
    /// We are not the one who is called.
    CalledAeNotRecognized,
    /// The user identity offered is not good enough (PS3.7 §D.3.3.7.3).
    NotAuthenticated,
    /// The protocol version is not 1.
    ProtocolVersionNotSupported,
    /// We are too busy now.
    TemporaryCongestion,
    /// As many associations as we allow are open.
    LocalLimitExceeded,
    /// The peer takes only PDUs too small to be worth it.
    MaximumLengthTooSmall,
}

impl Rejection {
    /// The numbers of PS3.8 Table 9-21.
    #[must_use]
    pub const fn reject(self) -> Reject {
        let (result, source, reason) = match self {
            Self::NoReasonGiven | Self::MaximumLengthTooSmall => (1, 1, 1),
            Self::ApplicationContextNotSupported => (1, 1, 2),
            Self::CallingAeNotRecognized => (1, 1, 3),
            Self::CalledAeNotRecognized => (1, 1, 7),
            Self::NotAuthenticated => (1, 2, 1),
            Self::ProtocolVersionNotSupported => (1, 2, 2),
            Self::TemporaryCongestion => (2, 3, 1),
            Self::LocalLimitExceeded => (2, 3, 2),
        };
        Reject { result, source, reason }
    }

    /// Why, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoReasonGiven => "no reason given",
            Self::ApplicationContextNotSupported => "the application context is not DICOM's",
            Self::CallingAeNotRecognized => "the calling AE title is not recognized",
            Self::CalledAeNotRecognized => "the called AE title is not recognized",
            Self::NotAuthenticated => "the user identity was not accepted",
            Self::ProtocolVersionNotSupported => "the protocol version is not supported",
            Self::TemporaryCongestion => "temporary congestion",
            Self::LocalLimitExceeded => "the limit of open associations is reached",
            Self::MaximumLengthTooSmall => "the maximum PDU length that the peer announces is too small",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Why a presentation context is refused (PS3.8 Table 9-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// We do not want it.
    UserRejection,
    /// No reason given.
    NoReason,
    /// The service is not served.
    AbstractSyntaxNotSupported,
    /// None of the encodings offered is fine.
    TransferSyntaxesNotSupported,
}

impl Refusal {
    /// The number of PS3.8 Table 9-18.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::UserRejection => 1,
            Self::NoReason => 2,
            Self::AbstractSyntaxNotSupported => 3,
            Self::TransferSyntaxesNotSupported => 4,
        }
    }

    /// The refusal with this number; what the table lacks is no reason.
    #[must_use]
    pub const fn of(number: u8) -> Self {
        match number {
            1 => Self::UserRejection,
            3 => Self::AbstractSyntaxNotSupported,
            4 => Self::TransferSyntaxesNotSupported,
            _ => Self::NoReason,
        }
    }

    /// Why, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::UserRejection => "the service is not allowed for this caller",
            Self::NoReason => "no reason given",
            Self::AbstractSyntaxNotSupported => "the service is not supported",
            Self::TransferSyntaxesNotSupported => "none of the transfer syntaxes offered is supported",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
