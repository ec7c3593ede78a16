//! Storage commitment (PS3.18 §13): a request is taken durably and decided at once where that can be; otherwise the
//! caller comes for the result. What is committed is the archive's to say, as it is for N-ACTION.

mod intake;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use causeway_archive::access;
use causeway_archive::commitment::Progress;
use causeway_core::Permission;
use tokio::sync::SemaphorePermit;

use crate::accept::{self, FOR_COMMITMENT, Offer};
use crate::body::RequestBody;
use crate::data_set::respond_with;
use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::target::Transaction;
pub(crate) use intake::TAKEN;

/// Requests that are read at once: each may be as long as [`intake::MAX_BODY_BYTES`].
pub(crate) const MAX_READ_AT_ONCE: usize = 8;
/// How long a request waits for others to be read, before it is asked to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds after which the result of a request may be asked for: what was stored before it is settled by then.
const CHECK_AFTER_SECONDS: u32 = 2;

/// Takes a request for storage commitment (PS3.18 §13.4).
pub(crate) async fn ask(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    Transaction(transaction): Transaction,
    request: Request,
) -> Result<Response, Problem> {
    access::allow(&principal, Permission::Commit)?;
    let offer = chosen(&door, request.uri(), request.headers())?;
    let payload = intake::payload(request.headers())?;
    let body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    if body.is_empty() {
        return Err(Problem::bad_request("the request has no body"));
    }
    let inquiry = {
        let _place = place(&door).await?;
        intake::read(payload, body, transaction).await?
    };
    let progress = door.archive.inquire_commitment(&principal, inquiry).await?;
    Ok(respond(&progress, offer))
}

/// Answers with the result of a request, if there is one yet (PS3.18 §13.5).
pub(crate) async fn check(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    Transaction(transaction): Transaction,
    request: Request,
) -> Result<Response, Problem> {
    access::allow(&principal, Permission::Commit)?;
    let offer = chosen(&door, request.uri(), request.headers())?;
    let progress = door.archive.commitment_result(&principal, transaction).await?;
    Ok(respond(&progress, offer))
}

fn chosen(door: &Door, uri: &Uri, headers: &HeaderMap) -> Result<Offer, Problem> {
    accept::select(FOR_COMMITMENT, headers, uri.query(), door.config.missing_accept)
        .map(|selected| selected.offer)
}

async fn place(door: &Door) -> Result<SemaphorePermit<'_>, Problem> {
    match tokio::time::timeout(PATIENCE, door.commitments.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) | Err(_) => {
            Err(Problem::busy("too many requests for storage commitment at once; try again in a moment"))
        }
    }
}

/// PS3.18 Tables 13.4.3-1 and 13.5.3-1.
fn respond(progress: &Progress, offer: Offer) -> Response {
    match progress {
        Progress::Done(answer) => respond_with(&answer.attributes(), offer),
        Progress::Working => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(CHECK_AFTER_SECONDS));
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::DICOM_JSON;
    use axum::body::to_bytes;
    use axum::http::header::CONTENT_TYPE;

    #[tokio::test]
    async fn what_is_worked_on_has_no_payload_and_says_when_to_come_back() {
        let response = respond(&Progress::Working, DICOM_JSON);
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert!(!response.headers().contains_key(CONTENT_TYPE));
        assert!(to_bytes(response.into_body(), 10).await.unwrap().is_empty());
    }
}
