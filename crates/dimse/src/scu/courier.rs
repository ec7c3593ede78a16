//! A line that carries instance after instance, whatever their SOP classes and transfer syntaxes: it is opened for
//! what is known to come, and opened anew when something else comes.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_core::Uid;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Plain};
use causeway_tls::Line as Connection;

use super::{Body, Call, Known, Requestor, Response, Said, StoreRequest, connect, known};
use crate::association::Context;
use crate::error::Error;

/// SOP class and transfer syntax of an instance.
pub type Pair = (Uid, Uid);

/// Pairs for which one association is opened: each takes up to three of its 128 contexts.
const MAX_PAIRS: usize = 42;
/// How long the peer may take over the goodbye; by then everything is answered.
const GOODBYE: Duration = Duration::from_secs(10);

/// The line. Nothing is connected before it is needed.
pub struct Courier {
    call: Call,
    pub(super) line: Option<Line>,
}

pub(super) struct Line {
    pub(super) requestor: Requestor<Connection>,
    pub(super) pairs: BTreeSet<Pair>,
}

impl Courier {
    /// A line to whom `call` names; its contexts are chosen here.
    #[must_use]
    pub const fn new(call: Call) -> Self {
        Self { call, line: None }
    }

    /// Whether an association is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.line.is_some()
    }

    /// Gives up the line where the peer ended it while nothing was under way: what comes next is not sent into it.
    pub async fn look(&mut self) {
        if let Some(line) = &mut self.line
            && !line.requestor.is_quiet().await
        {
            self.line = None;
        }
    }

    /// Makes sure that the line was opened for `pair`; `next` are those to come, so that one association serves
    /// them as well.
    ///
    /// # Errors
    /// When no association can be had.
    pub async fn open_for(&mut self, pair: &Pair, next: impl Iterator<Item = Pair>) -> Result<(), Error> {
        if self.serves(pair) {
            return Ok(());
        }
        self.hang_up().await;
        let mut pairs = BTreeSet::from([pair.clone()]);
        for pair in next {
            if pairs.len() == MAX_PAIRS {
                break;
            }
            pairs.insert(pair);
        }
        let listed: Vec<Pair> = pairs.iter().cloned().collect();
        let mut requestor = self.associate(&listed).await?;
        let takes = |requestor: &Requestor<Connection>| {
            listed.iter().all(|pair| context_for(requestor.accepted_for(&pair.0), pair).is_ok())
        };
        if !self.call.known.is_empty() && !takes(&requestor) {
            // It is not as it was: everything is proposed anew.
            self.call.known = Known::default();
            let _ = tokio::time::timeout(GOODBYE, requestor.release()).await;
            requestor = self.associate(&listed).await?;
        }
        self.line = Some(Line { requestor, pairs });
        Ok(())
    }

    async fn associate(&self, pairs: &[Pair]) -> Result<Requestor<Connection>, Error> {
        connect(&self.call.with_contexts(self.call.plan(pairs))).await
    }

    /// What the peer says of the contexts that were proposed on the line as it is.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        self.line
            .as_ref()
            .map(|line| known::said(line.requestor.contexts(), line.requestor.refused()))
            .unwrap_or_default()
    }

    /// The context for an instance, and the transfer syntax to send it in: see [`context_for`].
    ///
    /// # Errors
    /// [`Error::NotAccepted`] when the peer takes it in no form; [`Error::Closed`] when no association is open.
    pub fn context_for(&self, pair: &Pair) -> Result<(u8, Uid), Error> {
        let line = self.line.as_ref().ok_or(Error::Closed)?;
        context_for(line.requestor.accepted_for(&pair.0), pair)
    }

    /// Whether the association that is open was opened for `pair`.
    #[must_use]
    pub fn serves(&self, pair: &Pair) -> bool {
        self.line.as_ref().is_some_and(|line| line.pairs.contains(pair))
    }

    /// Stores one instance on a context from [`Self::context_for`]. The line is gone after an error.
    ///
    /// # Errors
    /// As [`Requestor::store`].
    pub async fn store(
        &mut self,
        context: u8,
        request: StoreRequest,
        body: impl Body,
    ) -> Result<Response, Error> {
        let Some(mut line) = self.line.take() else { return Err(Error::Closed) };
        let response = line.requestor.store(context, request, body).await?;
        self.line = Some(line);
        Ok(response)
    }

    /// Releases the association, if one is open. How the peer takes the goodbye changes nothing of what it
    /// answered before.
    pub async fn hang_up(&mut self) {
        if let Some(line) = self.line.take() {
            let _ = tokio::time::timeout(GOODBYE, line.requestor.release()).await;
        }
    }
}

/// The context for an instance among `accepted`, those of its SOP class, and the transfer syntax to send it in: as it is
/// stored, or in a plain one that the peer takes and that can be made of it. The one rule for every instance that leaves, on an
/// association of ours or on the one that a C-GET came by.
///
/// # Errors
/// [`Error::NotAccepted`] when the peer takes it in no form.
pub(crate) fn context_for<'a>(
    accepted: impl Iterator<Item = &'a Context> + Clone,
    (sop_class, stored): &Pair,
) -> Result<(u8, Uid), Error> {
    if let Some(context) = accepted.clone().find(|context| context.transfer_syntax == *stored) {
        return Ok((context.id, stored.clone()));
    }
    let plain = |uid: &Uid| [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&uid.as_str());
    let given_plain = accepted.clone().find(|context| plain(&context.transfer_syntax));
    match given_plain.filter(|_| Plain::of(stored).is_some()) {
        Some(context) => Ok((context.id, context.transfer_syntax.clone())),
        None => Err(Error::NotAccepted { sop_class: sop_class.clone(), transfer_syntax: stored.clone() }),
    }
}
