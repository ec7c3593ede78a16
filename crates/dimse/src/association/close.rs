//! The ways an association ends: release, rejection, abort, loss; and the wait for the connection to close.

use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::driver::{Arrival, Driver};
use super::wire::Fill;
use crate::error::{Error, Wait};
use crate::pdu::frame::{HEADER_BYTES, Header, RELEASE_RP, RELEASE_RQ};
use crate::pdu::{Abort, Reject};
use crate::state::{Action, Event};

/// How much of what a peer goes on sending after our last words is read before the connection is closed: what was
/// under way when it could not know of them yet, not a flood.
const MAX_LINGER_BYTES: u64 = 64 * 1024 * 1024;
/// How often a peer that goes on sending nonsense after our last words is told so (AA-7).
const MAX_REPEATED_ABORTS: usize = 3;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    /// The peer sent what it may not: does what the table says and gives the error to report.
    pub(crate) async fn offended(&mut self, event: Event, abort: Abort, words: &'static str) -> Error {
        match self.take(event) {
            Ok(Action::Aa1 | Action::Aa7 | Action::Aa8) => {
                // AA-1 speaks of the service user as the source. In Sta2 it is the provider that objects, and
                // the peer's administrator is helped by the reason, which only the provider can give.
                tracing::debug!(words, "aborting: the peer broke the protocol");
                self.last_words(&abort.pdu()).await;
                Error::Protocol(words)
            }
            Ok(_) => Error::Protocol(words),
            Err(error) => error,
        }
    }

    /// The peer took too long: ARTIM closes in Sta2, we abort elsewhere.
    pub(crate) async fn overdue(&mut self, awaited: Wait) -> Error {
        if self.machine.allows(Event::ArtimExpired) {
            let _ = self.take(Event::ArtimExpired);
            self.wire.close(self.timeouts.artim).await;
        } else {
            self.abort(Abort::BY_PROVIDER).await;
        }
        Error::Timeout(awaited)
    }

    /// The connection is gone.
    pub(crate) fn lost(&mut self, error: Error) -> Error {
        let _ = self.take(Event::TransportClosed);
        error
    }

    /// Aborts, when there is still something to abort.
    pub(crate) async fn abort(&mut self, abort: Abort) {
        if let Ok(Action::Aa1) = self.take(Event::AbortRequest) {
            self.last_words(&abort.pdu()).await;
        }
    }

    /// Aborts because the peer broke a rule above the upper layer.
    pub(crate) async fn broke(&mut self, words: &'static str) -> Error {
        tracing::debug!(words, "aborting: the peer broke the protocol");
        self.abort(Abort::BY_PROVIDER).await;
        Error::Protocol(words)
    }

    /// Sends A-ASSOCIATE-RJ; `by_provider`: the table has already moved on (AE-6), else by AE-8.
    pub(crate) async fn reject(&mut self, reject: Reject, by_provider: bool) -> Result<(), Error> {
        if !by_provider {
            self.take(Event::AssociateReject)?;
        }
        self.last_words(&reject.pdu()).await;
        Ok(())
    }

    /// Answers an A-RELEASE-RQ.
    pub(crate) async fn answer_release(&mut self) -> Result<(), Error> {
        match self.take(Event::ReleaseResponse)? {
            Action::Ar4 => self.last_words(&RELEASE_RP).await,
            _ => {
                self.wire.push(Bytes::from_static(&RELEASE_RP));
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Releases the association that we asked for.
    pub(crate) async fn release(&mut self) -> Result<(), Error> {
        self.take(Event::ReleaseRequest)?;
        self.wire.push(Bytes::from_static(&RELEASE_RQ));
        self.flush().await?;
        loop {
            match self.arrive(Wait::Release).await? {
                // What the peer still had to say no longer matters (AR-6).
                Arrival::Data => self.skip_pdu().await?,
                // A collision: we, the requestor, answer first (AR-8, AR-9).
                Arrival::ReleaseWanted => self.answer_release().await?,
                Arrival::Released => {
                    self.wire.close(self.timeouts.artim).await;
                    return Ok(());
                }
                Arrival::Request(_) | Arrival::Acceptance(_) | Arrival::Rejection(_) => {
                    return Err(Error::Protocol("an answer to what was not asked"));
                }
            }
        }
    }

    /// Leaves out the rest of the present P-DATA-TF.
    async fn skip_pdu(&mut self) -> Result<(), Error> {
        while self.pdu_left > 0 {
            if self.wire.inbox.is_empty() {
                self.more(Wait::RestOfPdu).await?;
            }
            let left = usize::try_from(self.pdu_left).unwrap_or(usize::MAX);
            let count = left.min(self.wire.inbox.len());
            self.wire.inbox.advance(count);
            self.pdu_left = self.pdu_left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        }
        self.fragment = None;
        Ok(())
    }

    /// Sends the last PDU of ours and waits for the peer to close (Sta13), at most for ARTIM.
    async fn last_words(&mut self, pdu: &[u8]) {
        self.wire.forget_queued();
        self.wire.push(Bytes::copy_from_slice(pdu));
        // Not watching for an A-ABORT: one that came would be taken below.
        let _ = self.wire.flush(self.timeouts.artim, false).await;
        self.linger().await;
        self.wire.close(self.timeouts.artim).await;
    }

    async fn linger(&mut self) {
        let deadline = Instant::now() + self.timeouts.artim;
        let (mut skip, mut skipped) = (u64::from(self.pdu_left), 0_u64);
        let mut repeats = 0;
        loop {
            let count = usize::try_from(skip).unwrap_or(usize::MAX).min(self.wire.inbox.len());
            self.wire.inbox.advance(count);
            skip -= count as u64;
            skipped = skipped.saturating_add(count as u64);
            // Not the time waited but the time gone: a peer that floods us never lets us wait.
            let mut artim: Duration = deadline.saturating_duration_since(Instant::now());
            if skipped > MAX_LINGER_BYTES || artim.is_zero() {
                let _ = self.take(Event::ArtimExpired);
                return;
            }
            let header = if skip == 0 { self.wire.front::<HEADER_BYTES>().map(Header::read) } else { None };
            let Some(header) = header else {
                let event = match self.wire.fill(&mut artim).await {
                    Ok(Fill::More) => continue,
                    Ok(Fill::TimedOut) => Event::ArtimExpired,
                    Ok(Fill::End) | Err(_) => Event::TransportClosed,
                };
                let _ = self.take(event);
                return;
            };
            self.wire.inbox.advance(HEADER_BYTES);
            skipped = skipped.saturating_add(HEADER_BYTES as u64);
            skip = u64::from(header.length_bytes);
            let event = header.event();
            match self.take(event) {
                Ok(Action::Aa6) => {}
                Ok(Action::Aa7) if repeats < MAX_REPEATED_ABORTS => {
                    repeats += 1;
                    let known = event != Event::InvalidPdu;
                    let abort = if known { Abort::UNEXPECTED_PDU } else { Abort::UNRECOGNIZED_PDU };
                    self.wire.push(Bytes::copy_from_slice(&abort.pdu()));
                    let _ = self.wire.flush(artim, false).await;
                }
                Ok(Action::Aa7) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}
