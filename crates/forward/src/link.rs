//! Accepting an invitation: one call to the node that invited, and it is a remote. That call may be made again when its
//! answer was lost; it pairs once.

use std::time::Duration;

use causeway_archive::link::{PairingError, pairing};
use causeway_core::link::code::InviteCode;
use causeway_core::link::words::Paired;
use causeway_core::{Permission, Principal, RemoteName};

use crate::failure::{Failure, Kind};
use crate::sender::link::{Line, call};
use crate::worker::Forwarder;

/// Largest answer that is read, in bytes.
const MAX_PAIRED_BYTES: usize = 16 * 1024;
/// How often it is tried to be heard.
const ATTEMPTS: u32 = 3;
/// How long between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Why an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It could not be kept here.
    #[error(transparent)]
    Pairing(#[from] PairingError),
    /// The node that invited did not take it.
    #[error("{url} does not pair: {words}")]
    Refused {
        /// Where it was asked.
        url: String,
        /// What was wrong.
        words: String,
    },
}

impl Forwarder {
    /// Accepts an invitation: the node that invited is the remote `name` from then on. Gives what it calls us.
    ///
    /// # Errors
    /// When the caller is no administrator, the node that invited cannot be reached or does not take it, or the catalog
    /// fails.
    pub async fn accept(
        &self,
        principal: &Principal,
        code: &InviteCode,
        name: RemoteName,
    ) -> Result<Paired, AcceptError> {
        causeway_archive::access::allow(principal, Permission::Admin).map_err(PairingError::from)?;
        let archive = &self.inner.archive;
        let pair = pairing::request(archive, code);
        let refused = |failure: Failure| AcceptError::Refused { url: code.url.clone(), words: failure.words };
        let patience = self.inner.patience();
        let line =
            Line::without_token(&code.url, code.certificate, patience, &self.inner.clock).map_err(refused)?;
        let mut attempt = 1;
        let told: Paired = loop {
            let asked = call(line.post("pair").json(&pair), patience.response, MAX_PAIRED_BYTES).await;
            match asked {
                Ok(told) => break told,
                Err(failure) if failure.kind == Kind::Transient && attempt < ATTEMPTS => attempt += 1,
                Err(failure) => return Err(refused(failure)),
            }
            tokio::time::sleep(PAUSE).await;
        };
        archive.keep_paired(principal, name, code, (&pair, &told)).await?;
        Ok(told)
    }
}
