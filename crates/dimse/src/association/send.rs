//! Messages into P-DATA-TF PDUs, within what the peer takes (PS3.8 Annex E, §D.1).
//!
//! Command and data set go into PDUs of their own, since some receivers choke on both in one, but into one write.

use bytes::{BufMut, Bytes, BytesMut};
use causeway_core::limits::MAX_PDATA_BYTES;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use crate::error::Error;
use crate::message::{Command, encode};
use crate::pdu::frame::{HEADER_BYTES, PDV_HEADER_BYTES, Pdv};
use crate::state::Event;

/// Smallest maximum length that a peer may announce: less would cost more headers than data.
pub(crate) const MIN_PDU_BYTES: u32 = 128;
/// What is queued is written when it is more than this.
pub(super) const QUEUE_BYTES: usize = 64 * 1024;

/// Longest fragment for a peer that takes P-DATA-TF PDUs of `max_pdu`, 0 being any, when we send none above `ours`;
/// even, and never more than we would take.
pub(crate) fn fragment_limit(max_pdu: u32, ours: u32) -> usize {
    let theirs = if max_pdu == 0 { MAX_PDATA_BYTES } else { max_pdu };
    let max_pdu = theirs.min(ours).clamp(MIN_PDU_BYTES, MAX_PDATA_BYTES);
    let limit = usize::try_from(max_pdu).unwrap_or(usize::MAX).saturating_sub(PDV_HEADER_BYTES);
    limit & !1
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    /// Longest fragment that the peer takes; never 0.
    pub(crate) fn fragment_limit(&self) -> usize {
        self.fragment_limit.max(2)
    }

    /// Queues a message, and writes when much is queued.
    pub(crate) async fn feed(
        &mut self,
        context: u8,
        command: &Command,
        data_set: Option<&[u8]>,
    ) -> Result<(), Error> {
        self.queue_command(context, command, data_set.is_some())?;
        if let Some(data_set) = data_set {
            let frames = self.frames(context, false, data_set);
            self.wire.push(frames);
        }
        if self.wire.queued_bytes() > QUEUE_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Queues a message whose command is encoded already, as an answer that may be withdrawn.
    pub(super) fn queue_answer(
        &mut self,
        context: u8,
        command: &[u8],
        data_set: &[u8],
        message_id: u16,
    ) -> Result<(), Error> {
        if self.context(context).is_none() {
            return Err(Error::NoContext(context));
        }
        self.take(Event::DataRequest)?;
        let (command, data_set) =
            (self.frames(context, true, command), self.frames(context, false, data_set));
        self.wire.push_answer(command, data_set, message_id);
        Ok(())
    }

    /// Queues the command of a message.
    pub(crate) fn queue_command(
        &mut self,
        context: u8,
        command: &Command,
        has_data_set: bool,
    ) -> Result<(), Error> {
        if self.context(context).is_none() {
            return Err(Error::NoContext(context));
        }
        self.take(Event::DataRequest)?;
        let frames = self.frames(context, true, &encode(command, has_data_set));
        self.wire.push(frames);
        Ok(())
    }

    /// `bytes` cut into fragments, each in a PDU of its own; an empty data set is one empty fragment.
    fn frames(&self, context: u8, command: bool, bytes: &[u8]) -> Bytes {
        let limit = self.fragment_limit();
        let count = bytes.len().div_ceil(limit).max(1);
        let mut out = BytesMut::with_capacity(bytes.len() + count * (HEADER_BYTES + PDV_HEADER_BYTES));
        let mut rest = bytes;
        loop {
            let (fragment, behind) = rest.split_at_checked(limit).unwrap_or((rest, &[]));
            let length_bytes = u32::try_from(fragment.len()).unwrap_or(u32::MAX);
            out.put_slice(&Pdv { context, command, last: behind.is_empty(), length_bytes }.frame());
            out.put_slice(fragment);
            if behind.is_empty() {
                return out.freeze();
            }
            rest = behind;
        }
    }

    /// Queues one fragment of a data set, made of `parts`, without copying them.
    pub(crate) fn queue_fragment(&mut self, context: u8, last: bool, parts: Vec<Bytes>) {
        let length: usize = parts.iter().map(Bytes::len).sum();
        let length_bytes = u32::try_from(length).unwrap_or(u32::MAX);
        let frame = Pdv { context, command: false, last, length_bytes }.frame();
        self.wire.push(Bytes::copy_from_slice(&frame));
        for part in parts {
            self.wire.push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_fits_what_the_peer_takes_and_what_we_send() {
        let longest = (MAX_PDATA_BYTES - 6) as usize;
        for (theirs, ours, expected) in [
            (0, MAX_PDATA_BYTES, longest),
            (u32::MAX, MAX_PDATA_BYTES, longest),
            (16_384, MAX_PDATA_BYTES, 16_378),
            (0, 16_384, 16_378),
            (4_097, 16_384, 4_090),
            (1, MAX_PDATA_BYTES, 122),
        ] {
            assert_eq!(fragment_limit(theirs, ours), expected, "{theirs} {ours}");
        }
    }
}
