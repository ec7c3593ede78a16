//! Headers of PDUs and of presentation data values, and the fixed PDUs (PS3.8 §9.3.4 to §9.3.8, Annex E).

use super::{Abort, Reject};
use crate::state::Event;

/// Bytes before a PDU's own: type, reserved, length.
pub(crate) const HEADER_BYTES: usize = 6;
/// Bytes before a fragment: item length, context id, message control header.
pub(crate) const PDV_HEADER_BYTES: usize = 6;
/// What an item's length counts beside the fragment: context id and message control header.
pub(crate) const PDV_OVERHEAD_BYTES: u32 = 2;
/// Type of P-DATA-TF.
const P_DATA: u8 = 4;
/// Message control header: the fragment belongs to the command.
const COMMAND_BIT: u8 = 1;
/// Message control header: the fragment is the last of its kind.
const LAST_BIT: u8 = 2;

/// The first six bytes of a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// What kind of PDU.
    pub(crate) kind: u8,
    /// The reserved byte.
    pub(crate) reserved: u8,
    /// How many bytes follow, says the peer.
    pub(crate) length_bytes: u32,
}

impl Header {
    pub(crate) fn read(bytes: [u8; HEADER_BYTES]) -> Self {
        let [kind, reserved, l0, l1, l2, l3] = bytes;
        Self { kind, reserved, length_bytes: u32::from_be_bytes([l0, l1, l2, l3]) }
    }

    /// Whether it is no PDU but the beginning of a TLS handshake: a record of that content type, in a version 3.
    pub(crate) fn begins_tls(self) -> bool {
        self.kind == 0x16 && self.reserved == 3
    }

    /// What such a PDU is to the state table; unknown types are [`Event::InvalidPdu`].
    pub(crate) fn event(self) -> Event {
        match self.kind {
            1 => Event::AssociateRqPdu,
            2 => Event::AssociateAcPdu,
            3 => Event::AssociateRjPdu,
            P_DATA => Event::DataPdu,
            5 => Event::ReleaseRqPdu,
            6 => Event::ReleaseRpPdu,
            7 => Event::AbortPdu,
            _ => Event::InvalidPdu,
        }
    }
}

/// The first six bytes of a presentation data value item (PS3.8 §9.3.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pdv {
    /// The context it belongs to.
    pub(crate) context: u8,
    /// Whether it belongs to the command, else to the data set.
    pub(crate) command: bool,
    /// Whether it is the last of its kind.
    pub(crate) last: bool,
    /// Bytes of the fragment.
    pub(crate) length_bytes: u32,
}

impl Pdv {
    /// Reads an item's header; `room_bytes` are left in the PDU, this header included.
    pub(crate) fn read(bytes: [u8; PDV_HEADER_BYTES], room_bytes: u32) -> Result<Self, &'static str> {
        let [l0, l1, l2, l3, context, control] = bytes;
        let item_bytes = u32::from_be_bytes([l0, l1, l2, l3]);
        let length_bytes = item_bytes
            .checked_sub(PDV_OVERHEAD_BYTES)
            .ok_or("a presentation data value is shorter than its own header")?;
        if room_bytes.checked_sub(4).is_none_or(|room| item_bytes > room) {
            return Err("a presentation data value is longer than its PDU");
        }
        Ok(Self { context, command: control & COMMAND_BIT != 0, last: control & LAST_BIT != 0, length_bytes })
    }

    /// Headers of a P-DATA-TF that holds this one value.
    pub(crate) fn frame(self) -> [u8; HEADER_BYTES + PDV_HEADER_BYTES] {
        let item = self.length_bytes.saturating_add(PDV_OVERHEAD_BYTES);
        let [p0, p1, p2, p3] = item.saturating_add(4).to_be_bytes();
        let [l0, l1, l2, l3] = item.to_be_bytes();
        let control = u8::from(self.command) * COMMAND_BIT + u8::from(self.last) * LAST_BIT;
        [P_DATA, 0, p0, p1, p2, p3, l0, l1, l2, l3, self.context, control]
    }
}

impl Reject {
    pub(crate) const fn pdu(self) -> [u8; 10] {
        [3, 0, 0, 0, 0, 4, 0, self.result, self.source, self.reason]
    }

    pub(crate) const fn read(body: [u8; 4]) -> Self {
        let [_, result, source, reason] = body;
        Self { result, source, reason }
    }
}

impl Abort {
    pub(crate) const fn pdu(self) -> [u8; 10] {
        [7, 0, 0, 0, 0, 4, 0, 0, self.source, self.reason]
    }

    pub(crate) const fn read(body: [u8; 4]) -> Self {
        let [_, _, source, reason] = body;
        Self { source, reason }
    }
}

/// A-RELEASE-RQ (PS3.8 §9.3.6).
pub(crate) const RELEASE_RQ: [u8; 10] = [5, 0, 0, 0, 0, 4, 0, 0, 0, 0];
/// A-RELEASE-RP (PS3.8 §9.3.7).
pub(crate) const RELEASE_RP: [u8; 10] = [6, 0, 0, 0, 0, 4, 0, 0, 0, 0];
