//! Asking for commitment to what was delivered (PS3.4 §J.3.2), and hearing the result where it comes on the same
//! association (§J.3.3); on another one the door hears it.

use std::time::Duration;

use causeway_core::commitment::{INSTANCE, REQUEST, Request, Settlement};
use causeway_core::sop_class::STORAGE_COMMITMENT_PUSH;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Remote, RemoteName, Status};
use causeway_dataset::identifier;
use causeway_dimse::message::{NRsp, Operation};
use causeway_dimse::scu::{Heard, Reported};
use tokio::time::Instant;

use super::line::{Line, Part, well_known};
use super::step::{is_taken, refusal};
use crate::failure::{Failure, Kind};
use crate::sender::{failure, passage};
use crate::worker::Inner;

/// Most reports that are heard on one association.
const MAX_REPORTS: usize = 64;

/// An association on which commitment was asked for.
pub(super) struct Asked {
    line: Line,
    /// Whether its result was told already, before the far side answered the request.
    is_told: bool,
}

/// N-ACTION; gives the association, on which the result may come. Some tell it before they answer.
pub(super) async fn request(inner: &Inner, remote: &Remote, request: &Request) -> Result<Asked, Failure> {
    if passage(&inner.archive, remote)?.renames() {
        let words =
            "its transform gives it instances under other UIDs, to which it cannot be asked to commit";
        return Err(Failure::new(Kind::Permanent, words));
    }
    let mut line = Line::open(inner, remote, STORAGE_COMMITMENT_PUSH, Part::User).await?;
    line.post(well_known()?, Operation::Action(REQUEST), &request.attributes()).await?;
    let end = Instant::now() + inner.patience().response;
    let mut is_told = false;
    for _ in 0..MAX_REPORTS {
        let left = end.saturating_duration_since(Instant::now());
        match line.requestor.hear(left).await.map_err(|error| failure(&error))? {
            Some(Heard::Report(reported)) => {
                is_told |= answer(inner, &remote.name, &mut line, &reported, request).await?;
            }
            Some(Heard::Response(response)) if is_taken(response.status) => {
                return Ok(Asked { line, is_told });
            }
            Some(Heard::Response(response)) => {
                line.close().await;
                return Err(refusal(response.status, &response.comment.unwrap_or_default()));
            }
            None => {
                line.close().await;
                return Err(Failure::new(Kind::Transient, "it did not answer the request for commitment"));
            }
        }
    }
    line.close().await;
    Err(Failure::new(Kind::Transient, "it told results without end instead of answering"))
}

/// Hears results for up to `patience`, or until the one of `request` has come; then ends the association.
pub(super) async fn listen(
    inner: &Inner,
    remote: &RemoteName,
    asked: Asked,
    request: &Request,
    patience: Duration,
) {
    let Asked { mut line, mut is_told } = asked;
    let end = Instant::now() + patience;
    for _ in 0..MAX_REPORTS {
        if is_told {
            break;
        }
        let left = end.saturating_duration_since(Instant::now());
        let heard = match line.requestor.hear(left).await {
            Ok(Some(Heard::Report(reported))) => answer(inner, remote, &mut line, &reported, request).await,
            Ok(Some(Heard::Response(_)) | None) => break,
            Err(error) => Err(failure(&error)),
        };
        match heard {
            Ok(is_it) => is_told = is_it,
            // The far side ended it; the result comes on another association.
            Err(failure) => {
                tracing::debug!(%remote, because = failure.words, "the association of a commitment ended");
                return;
            }
        }
    }
    line.close().await;
}

/// Takes a result and answers it; says whether it was the one of `request`.
async fn answer(
    inner: &Inner,
    remote: &RemoteName,
    line: &mut Line,
    reported: &Reported,
    request: &Request,
) -> Result<bool, Failure> {
    let (response, settlement) = hear(inner, remote, reported).await;
    line.requestor.respond(reported.context.id, response).await.map_err(|error| failure(&error))?;
    Ok(settlement.is_some_and(|told| told.transaction == request.transaction))
}

/// Takes a result; gives the response.
async fn hear(inner: &Inner, remote: &RemoteName, reported: &Reported) -> (NRsp, Option<Settlement>) {
    let refused = |status, words: String| {
        tracing::warn!(%remote, %status, because = words, "a result of storage commitment was not taken");
        (NRsp { comment: Some(words), ..reported.request.answer(status) }, None)
    };
    let is_ours = reported.request.sop_instance.as_ref().is_some_and(|uid| uid.as_str() == INSTANCE);
    if !is_ours || reported.context.abstract_syntax.as_str() != STORAGE_COMMITMENT_PUSH {
        return refused(Status::NO_SUCH_OBJECT, "no such instance of storage commitment".to_owned());
    }
    if !matches!(reported.event_type, 1 | 2) {
        return refused(Status::NO_SUCH_EVENT_TYPE, "the Event Type ID is neither 1 nor 2".to_owned());
    }
    let layout = Layout::of(&reported.context.transfer_syntax);
    let attributes = match identifier::decode_commitment(&reported.data_set, layout) {
        Ok(attributes) => attributes,
        Err(error) => return refused(Status::INVALID_ARGUMENT, error.to_string()),
    };
    let settlement = match Settlement::read(&attributes) {
        Ok(settlement) => settlement,
        Err(error) => return refused(Status::INVALID_ARGUMENT, error.to_string()),
    };
    match inner.archive.commitment_told(Some(remote), settlement.clone()).await {
        Ok(()) => (reported.request.answer(Status::SUCCESS), Some(settlement)),
        Err(error) => refused(error.status(), error.to_string()),
    }
}
