//! How long each wait may last, and what an association is run with. Never here: where the numbers come from.

use std::time::Duration;

use causeway_core::limits::MAX_PDATA_BYTES;

/// Bounds on every wait of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The ARTIM timer (PS3.8 §9.1.5): a caller that does not ask for an association, and a peer that does not
    /// close the connection after a release, a rejection or an abort.
    pub artim: Duration,
    /// Waiting for the rest of a PDU that has begun.
    pub read: Duration,
    /// Waiting for the peer to take what we send, without any progress.
    pub write: Duration,
    /// Waiting for the next message of an open association, or for the answer to a request.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            artim: Duration::from_secs(10),
            read: Duration::from_secs(60),
            write: Duration::from_secs(60),
            idle: Duration::from_secs(300),
        }
    }
}

/// What an association is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The waits.
    pub timeouts: Timeouts,
    /// Largest P-DATA-TF that we announce and accept, without its six header bytes (PS3.8 §D.1).
    pub max_pdu: u32,
    /// Largest P-DATA-TF that we send, whatever more the peer would take.
    pub max_sent_pdu: u32,
}

/// What a P-DATA-TF may be at most where a peer bears small ones only, without its six header bytes.
pub const SMALL_PDU_BYTES: u32 = 16 * 1024;

impl Settings {
    /// The same, with PDUs of at most `bytes` in both directions.
    #[must_use]
    pub fn within(self, bytes: u32) -> Self {
        Self { max_pdu: self.max_pdu.min(bytes), max_sent_pdu: self.max_sent_pdu.min(bytes), ..self }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { timeouts: Timeouts::default(), max_pdu: MAX_PDATA_BYTES, max_sent_pdu: MAX_PDATA_BYTES }
    }
}
