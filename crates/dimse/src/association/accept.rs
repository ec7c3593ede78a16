//! The acceptor's side of establishing an association (PS3.8 §9.2, Sta1 to Sta6).

use std::net::IpAddr;

use bytes::Bytes;
use causeway_core::limits::MAX_PDATA_BYTES;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::{Arrival, Driver};
use super::send::{MIN_PDU_BYTES, fragment_limit};
use super::{Association, Context};
use crate::error::{Error, Wait};
use crate::negotiation::{Agreement, Policy, Proposal, Rejection, negotiate};
use crate::pdu::associate::{FIXED_BYTES, Request};
use crate::pdu::encode;
use crate::state::{Event, State};
use crate::timeouts::Settings;

/// Takes a caller's association on `stream`, as `policy` decides; ARTIM bounds the wait for the request.
///
/// # Errors
/// [`Error::Refused`] when the caller was rejected, and whatever else can go wrong. When it returns, all that the
/// caller is owed has been sent.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    from: IpAddr,
    settings: &Settings,
    policy: &dyn Policy,
) -> Result<Association<S>, Error> {
    let mut driver = Driver::new(stream, settings, false);
    driver.take(Event::TransportIndication)?;
    let Arrival::Request(request) = driver.arrive(Wait::AssociateRequest).await? else {
        return Err(Error::Protocol("something other than an association request"));
    };
    let Request { fixed, proposal } = *request;
    let proposal = match proposal {
        Ok(proposal) => proposal,
        Err(rejection) => return Err(refuse(&mut driver, rejection, None).await),
    };
    match decide(&proposal, policy, from).await {
        Ok(agreement) => establish(driver, proposal, &agreement, &fixed).await,
        Err(rejection) => Err(refuse(&mut driver, rejection, Some(proposal)).await),
    }
}

/// What the upper layer itself asks of a proposal, then the policy.
async fn decide(proposal: &Proposal, policy: &dyn Policy, from: IpAddr) -> Result<Agreement, Rejection> {
    if !proposal.protocol_version_1 {
        return Err(Rejection::ProtocolVersionNotSupported);
    }
    if !proposal.application_context_known {
        return Err(Rejection::ApplicationContextNotSupported);
    }
    if proposal.max_pdu != 0 && proposal.max_pdu < MIN_PDU_BYTES {
        return Err(Rejection::MaximumLengthTooSmall);
    }
    policy.admit(proposal, from)?;
    policy.examine(proposal, from).await?;
    Ok(negotiate(proposal, policy))
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin + Send>(
    driver: &mut Driver<S>,
    rejection: Rejection,
    proposal: Option<Proposal>,
) -> Error {
    let by_provider = driver.machine.state() == State::Sta13;
    match driver.reject(rejection.reject(), by_provider).await {
        Ok(()) => Error::Refused { rejection, proposal: proposal.map(Box::new) },
        Err(error) => error,
    }
}

async fn establish<S: AsyncRead + AsyncWrite + Unpin + Send>(
    mut driver: Driver<S>,
    proposal: Proposal,
    agreement: &Agreement,
    fixed: &[u8; FIXED_BYTES],
) -> Result<Association<S>, Error> {
    if let Some(bytes) = agreement.pdu_bytes {
        driver.receive_limit = driver.receive_limit.min(bytes.max(MIN_PDU_BYTES));
    }
    let Some(pdu) = encode::acceptance(fixed, agreement, driver.receive_limit) else {
        return Err(refuse(&mut driver, Rejection::NoReasonGiven, Some(proposal)).await);
    };
    driver.contexts = agreement
        .answers
        .iter()
        .filter_map(|answer| {
            Some(Context {
                id: answer.id,
                abstract_syntax: answer.abstract_syntax.clone()?,
                transfer_syntax: answer.result.clone().ok()?,
            })
        })
        .collect();
    driver.fragment_limit = fragment_limit(proposal.max_pdu, agreement.pdu_bytes.unwrap_or(MAX_PDATA_BYTES));
    driver.take(Event::AssociateAccept)?;
    driver.wire.established();
    driver.wire.push(Bytes::from(pdu));
    driver.flush().await?;
    Ok(Association { driver, proposal, agreement: agreement.clone() })
}
