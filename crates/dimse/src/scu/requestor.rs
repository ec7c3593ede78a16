//! An association that we asked for: what the peer accepted, and the wait for its answers.

use bytes::Bytes;
use causeway_core::Uid;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Call, MAX_CONTEXTS, pipeline};
use crate::association::Context;
use crate::association::driver::{Arrival, Driver};
use crate::association::send::fragment_limit;
use crate::error::{Error, Wait};
use crate::negotiation::{Extended, ProposedContext, Refusal, Role, Window};
use crate::pdu::associate::Acceptance;
use crate::pdu::{Abort, encode};
use crate::state::Event;

/// Most transfer syntaxes proposed in one context; more would not fit its 16-bit length.
const MAX_TRANSFER_SYNTAXES: usize = 256;

/// A context that the peer did not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedContext {
    /// The service.
    pub abstract_syntax: Uid,
    /// The encodings offered.
    pub transfer_syntaxes: Vec<Uid>,
    /// Why, with words for it.
    pub refusal: Refusal,
}

/// An established association that we asked for. Dropping it closes the connection without a release.
pub struct Requestor<S> {
    pub(super) driver: Driver<S>,
    refused: Vec<RefusedContext>,
    answered: Answered,
    /// Stores that may be under way at once.
    pub(super) operations: usize,
    /// The message ids of those that are, each with the instance that was sent, oldest first.
    pub(super) under_way: Vec<(u16, Uid)>,
}

/// What the peer answered beside the contexts.
struct Answered {
    implementation_class: Option<Uid>,
    implementation_version: Option<String>,
    roles: Vec<Role>,
    extended: Vec<Extended>,
    window: Option<Window>,
    identity: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    pub(super) async fn associate(stream: S, call: &Call) -> Result<Self, Error> {
        let proposed = proposed(call)?;
        let mut driver = Driver::new(stream, &call.settings, true);
        driver.take(Event::AssociateRequest)?;
        let offers = call.offers_to_make()?;
        let pdu = encode::request(&call.calling, &call.called, &proposed, &offers, driver.receive_limit)
            .ok_or(Error::Misuse("the association request cannot be written"))?;
        driver.take(Event::TransportConfirm)?;
        driver.wire.push(Bytes::from(pdu));
        driver.flush().await?;
        match driver.arrive(Wait::AssociateAnswer).await? {
            Arrival::Acceptance(acceptance) => {
                driver.fragment_limit = fragment_limit(acceptance.max_pdu, call.settings.max_sent_pdu);
                Ok(Self::established(driver, proposed, acceptance, call.offers.window))
            }
            Arrival::Rejection(reject) => {
                driver.wire.close(driver.timeouts.artim).await;
                Err(Error::Rejected(reject))
            }
            Arrival::Request(_) | Arrival::Data | Arrival::ReleaseWanted | Arrival::Released => {
                Err(Error::Protocol("something other than an answer to the association request"))
            }
        }
    }

    fn established(
        mut driver: Driver<S>,
        proposed: Vec<ProposedContext>,
        acceptance: Acceptance,
        offered: Option<Window>,
    ) -> Self {
        let mut refused = Vec::new();
        for context in proposed {
            let answer = acceptance.contexts.iter().find(|(id, _)| *id == context.id);
            // What was not answered, or answered with an encoding that was not offered, is of no use.
            let result = answer.map_or(Err(Refusal::NoReason), |(_, result)| result.clone());
            match result.and_then(|chosen| {
                context.transfer_syntaxes.contains(&chosen).then_some(chosen).ok_or(Refusal::NoReason)
            }) {
                Ok(transfer_syntax) => driver.contexts.push(Context {
                    id: context.id,
                    abstract_syntax: context.abstract_syntax,
                    transfer_syntax,
                }),
                Err(refusal) => refused.push(RefusedContext {
                    abstract_syntax: context.abstract_syntax,
                    transfer_syntaxes: context.transfer_syntaxes,
                    refusal,
                }),
            }
        }
        driver.wire.established();
        Self {
            driver,
            refused,
            operations: pipeline::operations(offered, acceptance.window),
            under_way: Vec::new(),
            answered: Answered {
                implementation_class: acceptance.implementation_class,
                implementation_version: acceptance.implementation_version,
                roles: acceptance.roles,
                extended: acceptance.extended,
                window: acceptance.window,
                identity: acceptance.identity,
            },
        }
    }

    /// The context accepted for this SOP class in this transfer syntax.
    #[must_use]
    pub fn accepted(&self, sop_class: &Uid, transfer_syntax: &Uid) -> Option<u8> {
        self.accepted_for(sop_class)
            .find(|context| context.transfer_syntax == *transfer_syntax)
            .map(|it| it.id)
    }

    /// The contexts accepted for this SOP class, in the order proposed.
    pub fn accepted_for(&self, sop_class: &Uid) -> impl Iterator<Item = &Context> + Clone {
        self.driver.contexts.iter().filter(move |context| context.abstract_syntax == *sop_class)
    }

    /// All contexts accepted.
    #[must_use]
    pub fn contexts(&self) -> &[Context] {
        &self.driver.contexts
    }

    /// The contexts that were not accepted, with the reasons.
    #[must_use]
    pub fn refused(&self) -> &[RefusedContext] {
        &self.refused
    }

    /// The peer's Implementation Class UID.
    #[must_use]
    pub const fn implementation_class(&self) -> Option<&Uid> {
        self.answered.implementation_class.as_ref()
    }

    /// The peer's Implementation Version Name.
    #[must_use]
    pub fn implementation_version(&self) -> Option<&str> {
        self.answered.implementation_version.as_deref()
    }

    /// The roles that the peer granted.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.answered.roles
    }

    /// What the peer answered to the extended negotiation of this SOP class.
    #[must_use]
    pub fn extended_for(&self, sop_class: &Uid) -> Option<&[u8]> {
        let found = self.answered.extended.iter().find(|extended| extended.sop_class == *sop_class);
        found.map(|extended| extended.information.as_slice())
    }

    /// The window that the peer granted; none: one operation at a time.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        self.answered.window
    }

    /// The peer's answer to the user identity; none when it did not look at it.
    #[must_use]
    pub fn identity(&self) -> Option<&[u8]> {
        self.answered.identity.as_deref()
    }

    /// Releases the association and closes the connection.
    ///
    /// # Errors
    /// When the peer aborts, leaves or does not answer; what it had answered before stands all the same.
    pub async fn release(mut self) -> Result<(), Error> {
        self.driver.release().await
    }

    /// Aborts; waits for the peer to close, at most for ARTIM.
    pub async fn abort(mut self) {
        self.driver.abort(Abort::BY_USER).await;
    }

    /// The context to use for `sop_class`, whichever its transfer syntax.
    pub(super) fn context_for(&self, sop_class: &Uid) -> Result<u8, Error> {
        let context = self.accepted_for(sop_class).next();
        context.map(|context| context.id).ok_or_else(|| Error::NotServed(sop_class.clone()))
    }
}

/// Gives odd ids to the contexts wanted (PS3.8 §9.3.2.2).
fn proposed(call: &Call) -> Result<Vec<ProposedContext>, Error> {
    if call.contexts.is_empty() || call.contexts.len() > MAX_CONTEXTS {
        return Err(Error::Misuse("an association proposes 1 to 128 presentation contexts"));
    }
    let ids = (1..=u8::MAX).step_by(2);
    ids.zip(&call.contexts)
        .map(|(id, wanted)| {
            if wanted.transfer_syntaxes.is_empty() || wanted.transfer_syntaxes.len() > MAX_TRANSFER_SYNTAXES {
                return Err(Error::Misuse("a presentation context proposes 1 to 256 transfer syntaxes"));
            }
            Ok(ProposedContext {
                id,
                abstract_syntax: wanted.abstract_syntax.clone(),
                transfer_syntaxes: wanted.transfer_syntaxes.clone(),
            })
        })
        .collect()
}
