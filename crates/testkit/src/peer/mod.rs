//! A scripted peer: it sends the bytes it is told to, says what came back, and leaves in the middle when it is told
//! to (PS3.8 §9.3). It knows how a PDU is framed, and nothing of what an association may do.
//!
//! Lives here: the peer and its scripts; `pdu` makes PDUs, `command` makes command sets, both by hand. Never here:
//! the product's codec.

pub mod command;
pub mod pdu;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs};

/// Bytes before a PDU's own: type, reserved, length.
const HEADER_BYTES: usize = 6;
/// Longest PDU that is heard out; whoever sends a longer one has lost its count.
const MAX_PDU_BYTES: usize = 1024 * 1024;

/// What a peer hears of the far side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A whole PDU, its header included.
    Pdu(Vec<u8>),
    /// Nothing, for as long as it listened.
    Silence,
    /// The far side has closed or reset the connection, between two PDUs.
    Closed,
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Hear a PDU of this type.
    Hear(u8),
}

/// Where a script breaks off, counted over all its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After so many bytes sent.
    Sent(usize),
    /// After so many bytes heard.
    Heard(usize),
}

/// A peer at its end of a stream.
#[derive(Debug)]
pub struct Peer<S> {
    stream: S,
    /// What has been read of the PDU that is coming in.
    inbox: Vec<u8>,
}

impl Peer<TcpStream> {
    /// Calls `address`.
    ///
    /// # Errors
    /// When nobody takes the call.
    pub async fn call(address: impl ToSocketAddrs) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Leaves by a TCP reset: what was sent and not yet read is lost to the far side, too.
    ///
    /// # Errors
    /// When the system does not know of such an end.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// A peer that speaks on `stream`.
    pub const fn new(stream: S) -> Self {
        Self { stream, inbox: Vec::new() }
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// When the far side has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Closes its own direction and goes on listening.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Waits for the next PDU, or the end.
    ///
    /// # Errors
    /// `UnexpectedEof` when the connection ends within a PDU, `InvalidData` when a PDU is longer than any here.
    pub async fn hear(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(length) = self.length()?
                && self.inbox.len() >= length
            {
                let rest = self.inbox.split_off(length);
                return Ok(Heard::Pdu(std::mem::replace(&mut self.inbox, rest)));
            }
            if self.read(usize::MAX).await? == 0 {
                return if self.inbox.is_empty() {
                    Ok(Heard::Closed)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// As [`Self::hear`], but no longer than `wait`.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub async fn hear_within(&mut self, wait: Duration) -> io::Result<Heard> {
        tokio::time::timeout(wait, self.hear()).await.unwrap_or(Ok(Heard::Silence))
    }

    /// Plays a script to its end; returns how many bytes it heard.
    ///
    /// # Errors
    /// `InvalidData` when a PDU of another type comes than the script has, `UnexpectedEof` when none comes.
    pub async fn play(&mut self, script: &[Step]) -> io::Result<usize> {
        let mut heard_bytes = 0;
        for step in script {
            match step {
                Step::Send(bytes) => self.send(bytes).await?,
                Step::Hear(kind) => match self.hear().await? {
                    Heard::Pdu(pdu) if pdu.first() == Some(kind) => heard_bytes += pdu.len(),
                    Heard::Pdu(pdu) => return Err(unexpected(*kind, &pdu)),
                    Heard::Closed | Heard::Silence => return Err(io::ErrorKind::UnexpectedEof.into()),
                },
            }
        }
        Ok(heard_bytes)
    }

    /// Plays a script up to `cut` and no byte further; to its end when it has fewer bytes than that.
    ///
    /// # Errors
    /// As [`Self::play`].
    pub async fn play_until(&mut self, script: &[Step], cut: Cut) -> io::Result<()> {
        let (mut may_send, mut may_hear) = match cut {
            Cut::Sent(bytes) => (bytes, usize::MAX),
            Cut::Heard(bytes) => (usize::MAX, bytes),
        };
        for step in script {
            match step {
                Step::Send(bytes) => {
                    let part = bytes.get(..may_send).unwrap_or(bytes);
                    self.send(part).await?;
                    may_send = may_send.saturating_sub(part.len());
                    if may_send == 0 {
                        return Ok(());
                    }
                }
                Step::Hear(kind) => match self.hear_up_to(may_hear).await? {
                    Some(pdu) if pdu.first() == Some(kind) => may_hear = may_hear.saturating_sub(pdu.len()),
                    Some(pdu) => return Err(unexpected(*kind, &pdu)),
                    None => return Ok(()),
                },
            }
        }
        Ok(())
    }

    /// The next PDU, unless `limit` bytes are read before it is whole.
    async fn hear_up_to(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(length) = self.length()?
                && self.inbox.len() >= length
            {
                return Ok(Some(std::mem::take(&mut self.inbox)));
            }
            if self.inbox.len() >= limit {
                return Ok(None);
            }
            let wanted = self.length()?.unwrap_or(HEADER_BYTES).min(limit) - self.inbox.len();
            if self.read(wanted).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads once, at most `limit` bytes; a reset is an end like any other.
    async fn read(&mut self, limit: usize) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let room = buffer.len().min(limit);
        let read = match self.stream.read(buffer.get_mut(..room).unwrap_or_default()).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        self.inbox.extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }

    /// Length of the PDU that is coming in, once its header is there.
    fn length(&self) -> io::Result<Option<usize>> {
        let Some([_, _, length @ ..]) = self.inbox.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_PDU_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a PDU longer than any that is sent here",
            ));
        }
        Ok(Some(HEADER_BYTES + length))
    }
}

fn unexpected(kind: u8, pdu: &[u8]) -> io::Error {
    let words = format!("a PDU of type {kind} was awaited, and this came: {pdu:02X?}");
    io::Error::new(io::ErrorKind::InvalidData, words)
}

/// Bytes that a script sends in all.
#[must_use]
pub fn sent_bytes(script: &[Step]) -> usize {
    script.iter().map(|step| if let Step::Send(bytes) = step { bytes.len() } else { 0 }).sum()
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn a_pdu_in_pieces_is_heard_as_one_and_the_next_byte_is_kept() {
        let (near, mut far) = duplex(64);
        let mut peer = Peer::new(near);
        far.write_all(&[5, 0, 0, 0]).await.unwrap();
        assert_eq!(peer.hear_within(Duration::from_millis(1)).await.unwrap(), Heard::Silence);
        far.write_all(&[0, 1, 9, 7, 0]).await.unwrap();
        assert_eq!(peer.hear().await.unwrap(), Heard::Pdu(vec![5, 0, 0, 0, 0, 1, 9]));
        drop(far);
        assert_eq!(peer.hear().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn an_end_between_two_pdus_is_a_close() {
        let (near, far) = duplex(64);
        drop(far);
        assert_eq!(Peer::new(near).hear().await.unwrap(), Heard::Closed);
    }

    #[tokio::test]
    async fn a_pdu_is_heard_at_the_bound_and_not_above() {
        for (length, fine) in [(MAX_PDU_BYTES, true), (MAX_PDU_BYTES + 1, false)] {
            let (near, mut far) = duplex(2 * MAX_PDU_BYTES);
            far.write_all(&pdu::pdu(4, &vec![0; length])).await.unwrap();
            assert_eq!(Peer::new(near).hear().await.is_ok(), fine);
        }
    }

    #[tokio::test]
    async fn a_script_breaks_off_at_the_byte() {
        let script = [Step::Send(vec![1; 10]), Step::Hear(2), Step::Send(vec![1; 10])];
        assert_eq!(sent_bytes(&script), 20);
        for (cut, sent) in [(Cut::Sent(3), 3), (Cut::Sent(10), 10), (Cut::Sent(13), 13), (Cut::Heard(7), 10)]
        {
            let (near, mut far) = duplex(64);
            far.write_all(&pdu::pdu(2, &[0; 4])).await.unwrap();
            let mut peer = Peer::new(near);
            peer.play_until(&script, cut).await.unwrap();
            drop(peer);
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard.len(), sent, "{cut:?}");
        }
    }

    #[tokio::test]
    async fn another_pdu_than_the_script_has_is_an_error() {
        let (near, mut far) = duplex(64);
        far.write_all(&pdu::RELEASE_RP).await.unwrap();
        let error = Peer::new(near).play(&[Step::Hear(2)]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
