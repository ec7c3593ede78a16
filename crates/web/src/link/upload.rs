//! Uploads: instance after instance in one request, and an answer that says of each what became of it, as soon as it is
//! decided, while the next are still coming in.
//!
//! A task is spawned here for each upload: it reads the request. It ends with the request; an instance in the middle then
//! waits for another one (`causeway_archive::link::arriving`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::access;
use causeway_archive::link::intake::{Broken, Intake, Sender};
use causeway_core::link::MAX_OFFERED;
use causeway_core::link::words::Said;
use causeway_core::{Door as Way, Envelope, Permission, Via};
use tokio::sync::{mpsc, oneshot};

use crate::body::RequestBody;
use crate::door::{Caller, Door};
use crate::problem::Problem;

/// How long an upload waits for a place among others that store.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes an upload.
pub(super) async fn take(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    request: Request,
) -> Result<Response, Problem> {
    let from = super::caller(&principal)?;
    access::allow(&principal, Permission::Store)?;
    let place = tokio::time::timeout(PATIENCE, Arc::clone(&door.stores).acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        return Err(Problem::busy("too many requests store at once; try again in a moment"));
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let envelope = Envelope {
        door: Way::Link,
        received_at: door.clock.now(),
        calling_ae: None,
        remote: Some(from.clone()),
        source_address: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical()),
        came_back: None,
        via: Via::default(),
    };
    let mut body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    // As many words as there may be instances: reading never waits for a caller that reads when it has sent all.
    let (words, said) = mpsc::channel(MAX_OFFERED);
    let (ended, end) = oneshot::channel();
    let intake =
        Intake::new(Sender { archive: door.archive.clone(), principal, envelope, from: from.clone() }, words);
    tokio::spawn(async move {
        let read = intake.run(&mut body).await;
        if let Err(broken) = &read {
            tracing::info!(remote = %from, because = %broken, "an upload over a link ended early");
        }
        // Nobody may be there to hear it.
        let _ = ended.send(read);
        drop(place);
    });
    let lines = futures_util::stream::unfold((said, Some(end)), next_line);
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// What is said, and how it ended once all is said.
type Saying = (mpsc::Receiver<Said>, Option<oneshot::Receiver<Result<(), Broken>>>);

/// The next line of the answer. One that ends in order says that all was read.
async fn next_line((mut said, mut end): Saying) -> Option<(Result<Bytes, axum::Error>, Saying)> {
    if let Some(said_of_one) = said.recv().await {
        let line = serde_json::to_vec(&said_of_one).map_err(axum::Error::new).map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        });
        return Some((line, (said, end)));
    }
    match end.take()?.await {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some((Err(axum::Error::new(broken)), (said, None))),
        Err(gone) => Some((Err(axum::Error::new(gone)), (said, None))),
    }
}
