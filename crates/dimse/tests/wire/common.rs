//! A door that lets anyone in and serves everything by the book, for the tests of this crate.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use causeway_core::{AeTitle, Quirks, Status, Uid};
use causeway_dimse::message::{CFindRsp, Progress};
use causeway_dimse::negotiation::best;
use causeway_dimse::scu::{Call, Offers, WantedContext};
use causeway_dimse::{
    Association, Command, Encoded, Error, Fed, Policy, Proposal, ProposedContext, Refusal, Rejection,
    Settings, accept,
};
use causeway_tls::Security;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
pub(crate) const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

pub(crate) struct Open;

impl Policy for Open {
    fn admit(&self, proposal: &Proposal, _from: IpAddr) -> Result<(), Rejection> {
        match proposal.calling.as_str() {
            "STRANGER" => Err(Rejection::CallingAeNotRecognized),
            "CROWD" => Err(Rejection::LocalLimitExceeded),
            _ => Ok(()),
        }
    }
    fn choose(&self, _proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        if context.abstract_syntax.as_str() == "1.2.3.4" {
            return Err(Refusal::AbstractSyntaxNotSupported);
        }
        best(&context.transfer_syntaxes).cloned().ok_or(Refusal::TransferSyntaxesNotSupported)
    }
}

/// What a served association came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) echoes: usize,
    /// Length and digest of each data set stored.
    pub(crate) stored: Vec<(usize, [u8; 32])>,
    /// Answers given before a cancel was seen, for each C-FIND that was cancelled.
    pub(crate) cancelled_after: Vec<usize>,
}

/// Serves one association to its end. A C-FIND is answered with its identifier as often as its first two bytes,
/// little endian, say.
pub(crate) async fn serve<S>(stream: S, settings: Settings) -> Result<Served, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut served = Served::default();
    serve_into(stream, settings, &mut served).await?;
    Ok(served)
}

/// As [`serve`], for those who ask what was served before it broke off.
pub(crate) async fn serve_into<S>(stream: S, settings: Settings, served: &mut Served) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut association = accept(stream, HERE, &settings, &Open).await?;
    while let Some(message) = association.next().await? {
        let context = message.context.id;
        match message.command {
            Command::CEchoRq(rq) => {
                served.echoes += 1;
                association.send(context, &Command::CEchoRsp(rq.answer(Status::SUCCESS)), None).await?;
            }
            Command::CStoreRq(rq) => {
                let (mut length, mut digest) = (0, Sha256::new());
                while let Some(bytes) = association.chunk().await? {
                    length += bytes.len();
                    digest.update(&bytes);
                }
                served.stored.push((length, digest.finalize().into()));
                association.send(context, &Command::CStoreRsp(rq.answer(Status::SUCCESS)), None).await?;
            }
            Command::CFindRq(rq) => {
                let identifier = association.identifier().await?;
                let count = usize::from(u16::from_le_bytes([identifier[0], identifier[1]]));
                let pending = Encoded::with_data_set(&Command::CFindRsp(rq.answer(Status::PENDING)));
                let last =
                    find(&mut association, context, (rq.message_id, &pending), &identifier, count).await?;
                let status = if let Some(given) = last {
                    served.cancelled_after.push(given);
                    Status::CANCEL
                } else {
                    Status::SUCCESS
                };
                association.send(context, &Command::CFindRsp(CFindRsp { ..rq.answer(status) }), None).await?;
            }
            Command::CMoveRq(rq) => {
                association.identifier().await?;
                let counts = |remaining, completed| Progress {
                    remaining,
                    completed: Some(completed),
                    failed: Some(0),
                    warning: Some(0),
                };
                for done in 0..2 {
                    let pending = rq.answer(Status::PENDING, counts(Some(2 - done), done));
                    association.send(context, &Command::CMoveRsp(pending), None).await?;
                }
                let last = rq.answer(Status::SUBOPERATIONS_WITH_FAILURES, counts(None, 2));
                association.send(context, &Command::CMoveRsp(last), Some(b"failed list.")).await?;
            }
            Command::CCancelRq(_) => {}
            other => {
                if let Some(refusal) = other.refuse(Status::UNRECOGNIZED_OPERATION) {
                    association.send(context, &refusal, None).await?;
                }
            }
        }
    }
    Ok(())
}

async fn find<S: AsyncRead + AsyncWrite + Unpin + Send>(
    association: &mut Association<S>,
    context: u8,
    (message_id, pending): (u16, &Encoded),
    identifier: &[u8],
    count: usize,
) -> Result<Option<usize>, Error> {
    for given in 0..count {
        if association.answer(context, pending, identifier, message_id).await? == Fed::Cancelled {
            return Ok(Some(given));
        }
        tokio::task::yield_now().await;
    }
    Ok(None)
}

pub(crate) fn call(port: u16, contexts: &[(&str, &[&str])]) -> Call {
    Call {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::PLAIN,
        calling: AeTitle::parse("CALLER").unwrap(),
        called: AeTitle::parse("CALLED").unwrap(),
        contexts: contexts
            .iter()
            .map(|(abstract_syntax, transfer_syntaxes)| WantedContext {
                abstract_syntax: uid(abstract_syntax),
                transfer_syntaxes: transfer_syntaxes.iter().map(|text| uid(text)).collect(),
            })
            .collect(),
        offers: Offers::default(),
        credentials: None,
        quirks: Quirks::default(),
        known: causeway_dimse::scu::Known::default(),
        settings: Settings::default(),
        connect_timeout: Duration::from_secs(5),
    }
}

pub(crate) fn usual() -> Call {
    let (implicit, explicit) = ([IMPLICIT_VR_LITTLE_ENDIAN], [EXPLICIT_VR_LITTLE_ENDIAN]);
    call(
        0,
        &[
            ("1.2.840.10008.1.1", &implicit),
            (CT, &explicit),
            (CT, &implicit),
            (FIND, &implicit),
            (MOVE, &implicit),
            ("1.2.3.4", &implicit),
        ],
    )
}
