//! STOW-RS (PS3.18 §10.5): instances in, one result each. The body streams through; each instance goes the archive's
//! one way in, a few of them at once (`flight`). Files come in parts or alone (`intake`), as metadata with bulk data
//! (`described`), or in an archive (`zipped`).

mod broken;
mod content;
mod described;
mod flight;
mod intake;
mod part;
mod report;
mod zipped;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use causeway_archive::access;
use causeway_core::space::Level;
use causeway_core::{Door as Via, Envelope, Permission};
use tokio::sync::OwnedSemaphorePermit;

use crate::accept::{self, FOR_REPORT};
use crate::base_url::base_url;
use crate::body::RequestBody;
use crate::data_set::Form;
use crate::door::{Caller, Door};
use crate::multipart::read::{Reader, Step};
use crate::problem::Problem;
use crate::target::Target;
use broken::Broken;
use content::Payload;
pub(crate) use content::TAKEN;
use described::Input;
use flight::Flight;
use report::Taken;

/// What a request is told for which there is no room.
const NO_ROOM: &str =
    "no room is left on the disk of the node; try again when its administrator has made some";
/// How long a request waits for others that store to finish, before it is asked to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes what the request holds, and answers with what became of each file.
pub(crate) async fn store(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    access::allow(&principal, Permission::Store)?;
    if door.archive.room() == Level::Full {
        return Err(Problem::busy(NO_ROOM));
    }
    let (query, missing) = (request.uri().query(), door.config.missing_accept);
    let selected = accept::select(FOR_REPORT, request.headers(), query, missing)?;
    let payload = content::payload(request.headers())?;
    let base = base_url(&door.config, request.uri(), request.headers());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let envelope = Envelope {
        door: Via::Web,
        received_at: door.clock.now(),
        calling_ae: None,
        remote: None,
        source_address: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical()),
        came_back: None,
        via: causeway_core::Via::default(),
    };
    let body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    if body.is_empty() {
        return Err(Problem::bad_request("the request has no body"));
    }
    let _permit = permit(&door).await?;
    let sender = part::Sender { archive: door.archive.clone(), principal, envelope, study: target.study };
    let mut flight = Flight::new(sender, door.config.limits.parts_in_flight);
    let (notes, ended) = take(&mut flight, &door, payload, body, &base).await;
    let taken = Taken { fates: flight.finish().await, notes };
    report::respond(&base, selected.offer, taken, ended)
}

/// Takes in all of a request's body: what is to be said of it beside failures, and how it ended.
async fn take(
    flight: &mut Flight,
    door: &Door,
    payload: Payload,
    mut body: RequestBody,
    base: &str,
) -> (Vec<String>, Result<(), Broken>) {
    let mut notes = Vec::new();
    let ended = match payload {
        Payload::Multipart(reader) => intake::take_parts(flight, *reader, &mut body, None).await,
        Payload::Single => intake::take_single(flight, &mut body).await,
        Payload::Described(form, reader) => {
            let input = Input { reader: *reader, body: &mut body, first: None };
            described::take(flight, door.archive.scratch(), form, input, base).await
        }
        Payload::Parts(reader) => take_untold(flight, door, *reader, &mut body, base).await,
        Payload::Archive => zipped::take(flight, door.archive.scratch(), &mut body, &mut notes).await,
    };
    (notes, ended)
}

/// Takes in a body whose first part says what it holds.
async fn take_untold(
    flight: &mut Flight,
    door: &Door,
    mut reader: Reader,
    body: &mut RequestBody,
    base: &str,
) -> Result<(), Broken> {
    let first = loop {
        match reader.step()? {
            Step::NeedMore => match body.chunk().await? {
                Some(chunk) => reader.feed(chunk),
                None => return Ok(reader.finish()?),
            },
            Step::Begin(head) => break head,
            Step::Data(_) | Step::End => {}
            Step::Finished => return Ok(()),
        }
    };
    let content_type = first.content_type.as_deref();
    let form = Form::of_part(content_type);
    if form.is_none() && first.content_location.is_none() && content::is_file_part(content_type) {
        return intake::take_parts(flight, reader, body, Some(first)).await;
    }
    // Bulk data that come before all metadata are refused there, in whatever form those are.
    let input = Input { reader, body, first: Some(first) };
    described::take(flight, door.archive.scratch(), form.unwrap_or(Form::Json), input, base).await
}

async fn permit(door: &Door) -> Result<OwnedSemaphorePermit, Problem> {
    match tokio::time::timeout(PATIENCE, door.stores.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(Problem::busy("too many requests store at once; try again in a moment")),
    }
}
