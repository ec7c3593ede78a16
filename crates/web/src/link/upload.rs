//! Uploads: instance after instance in one request, and an answer that says of each what became of it, as soon as it is
//! decided, while the next are still coming in.
//!
//! A task is spawned here for each upload: it reads the request and writes the answer. It ends with the request; an
//! instance in the middle then waits for another one (`causeway_archive::link::arriving`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::link::Arriving;
use causeway_archive::link::arriving::NotTaken;
use causeway_archive::{Archive, access};
use causeway_core::link::MAX_OFFERED;
use causeway_core::link::frame::{Found, FrameError, Reader};
use causeway_core::link::words::{Begin, Fate, Refused, Said};
use causeway_core::{Door as Way, Envelope, Permission, Principal, RemoteName, Status, Via};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::body::{BrokenOff, RequestBody};
use crate::door::{Caller, Door};
use crate::problem::Problem;

/// Instances of one upload that are being made durable at once.
const MAX_IN_FLIGHT: usize = 64;
/// Bytes that they have beyond which the next is not read on.
const MAX_BYTES_IN_FLIGHT: u64 = 16 * 1024 * 1024;
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
    let body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    // As many lines as there may be instances: writing never waits for a caller that reads when it has sent all.
    let (lines, said) = mpsc::channel(MAX_OFFERED);
    let sender = Sender { archive: door.archive.clone(), principal, envelope, from };
    tokio::spawn(Upload::new(sender, lines, place).run(body));
    let said = futures_util::stream::unfold(said, |mut said| async {
        said.recv().await.map(|line: Result<Bytes, BrokenOff>| (line, said))
    });
    let mut response = Response::new(Body::from_stream(said));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Who sends.
struct Sender {
    archive: Archive,
    principal: Arc<Principal>,
    envelope: Envelope,
    from: RemoteName,
}

/// The instance that is coming in.
enum Coming {
    /// None.
    Nothing,
    /// This one.
    Instance { index: u32, bytes: u64, arriving: Arriving },
    /// One whose rest is passed over, as its fate is known.
    Decided,
}

/// Why an upload ended early.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Body(#[from] BrokenOff),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("an upload has at most {MAX_OFFERED} instances")]
    TooMany,
    #[error("another request brings the same instance")]
    Relieved,
    #[error("nobody reads the answer")]
    Deaf,
}

/// Place and bytes of an instance, and what became of it.
type Decided = (u32, u64, Fate);

/// An upload under way.
struct Upload {
    sender: Sender,
    lines: mpsc::Sender<Result<Bytes, BrokenOff>>,
    coming: Coming,
    begun: u32,
    in_flight: FuturesUnordered<BoxFuture<'static, Decided>>,
    bytes_in_flight: u64,
    _place: OwnedSemaphorePermit,
}

impl Upload {
    fn new(
        sender: Sender,
        lines: mpsc::Sender<Result<Bytes, BrokenOff>>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let in_flight = FuturesUnordered::new();
        Self {
            sender,
            lines,
            coming: Coming::Nothing,
            begun: 0,
            in_flight,
            bytes_in_flight: 0,
            _place: place,
        }
    }

    async fn run(mut self, body: RequestBody) {
        let read = self.read(body).await;
        if let Err(broken) = &read {
            tracing::info!(remote = %self.sender.from, because = %broken, "an upload over a link ended early");
        }
        // What has all its bytes is decided all the same; told where anyone listens.
        while !self.in_flight.is_empty() && !self.lines.is_closed() {
            self.conclude_one().await;
        }
        if read.is_err() {
            // An answer that ends in order would say that all was read. Nobody may be there to hear it.
            let _ = self.lines.try_send(Err(BrokenOff::Lost));
        }
    }

    async fn read(&mut self, mut body: RequestBody) -> Result<(), Broken> {
        let mut reader = Reader::default();
        loop {
            while let Some(found) = reader.find()? {
                self.found(found).await?;
            }
            let chunk = tokio::select! {
                chunk = body.chunk() => chunk?,
                Some(decided) = self.in_flight.next() => {
                    self.conclude(decided)?;
                    continue;
                }
            };
            match chunk {
                Some(chunk) => reader.feed(chunk),
                None => return Ok(reader.finish()?),
            }
        }
    }

    async fn found(&mut self, found: Found) -> Result<(), Broken> {
        match found {
            Found::Begin(begin) => self.begin(&begin).await,
            Found::Data(data) => self.data(data).await,
            Found::End => {
                if let Coming::Instance { index, bytes, arriving } = self.take_coming() {
                    self.launch(index, bytes, arriving).await?;
                }
                Ok(())
            }
            Found::Withdrawn => {
                if let Coming::Instance { arriving, .. } = self.take_coming() {
                    arriving.withdraw().await;
                }
                Ok(())
            }
        }
    }

    fn take_coming(&mut self) -> Coming {
        std::mem::replace(&mut self.coming, Coming::Nothing)
    }

    async fn begin(&mut self, begin: &Begin) -> Result<(), Broken> {
        let index = self.begun;
        if index as usize >= MAX_OFFERED {
            return Err(Broken::TooMany);
        }
        self.begun += 1;
        let Sender { archive, principal, envelope, from } = &self.sender;
        self.coming = match archive.arrive(principal, envelope.clone(), from, begin).await {
            Ok(arriving) => {
                Coming::Instance { index, bytes: begin.bytes - begin.from.min(begin.bytes), arriving }
            }
            Err(fate) => {
                self.say(index, fate)?;
                Coming::Decided
            }
        };
        Ok(())
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Broken> {
        let Coming::Instance { arriving, .. } = &mut self.coming else { return Ok(()) };
        let Err(not_taken) = arriving.data(data).await else { return Ok(()) };
        let Coming::Instance { index, bytes, arriving } = self.take_coming() else { return Ok(()) };
        self.coming = Coming::Decided;
        match not_taken {
            NotTaken::Relieved => Err(Broken::Relieved),
            NotTaken::Decided => self.launch(index, bytes, arriving).await,
            NotTaken::TooMuch => {
                arriving.withdraw().await;
                let words = "it has more bytes than were announced".to_owned();
                self.say(index, Fate::Refused(Refused { status: Status::PROCESSING_FAILURE.0, words }))
            }
        }
    }

    /// Has its fate waited for, when there is room.
    async fn launch(&mut self, index: u32, bytes: u64, arriving: Arriving) -> Result<(), Broken> {
        let fate = arriving.end().await.ok_or(Broken::Relieved)?;
        self.bytes_in_flight = self.bytes_in_flight.saturating_add(bytes);
        let lost = || {
            let words = "the node failed to take the instance".to_owned();
            Fate::Refused(Refused { status: Status::PROCESSING_FAILURE.0, words })
        };
        let fate = fate.map(move |fate| (index, bytes, fate.unwrap_or_else(|_| lost())));
        self.in_flight.push(fate.boxed());
        while self.in_flight.len() >= MAX_IN_FLIGHT || self.bytes_in_flight > MAX_BYTES_IN_FLIGHT {
            let Some(decided) = self.in_flight.next().await else { break };
            self.conclude(decided)?;
        }
        Ok(())
    }

    async fn conclude_one(&mut self) {
        if let Some(decided) = self.in_flight.next().await {
            // Where nobody listens, the loop that asked ends.
            let _ = self.conclude(decided);
        }
    }

    fn conclude(&mut self, (index, bytes, fate): Decided) -> Result<(), Broken> {
        self.bytes_in_flight = self.bytes_in_flight.saturating_sub(bytes);
        self.say(index, fate)
    }

    fn say(&self, index: u32, fate: Fate) -> Result<(), Broken> {
        let mut line = serde_json::to_vec(&Said { index, fate }).map_err(|_| Broken::Deaf)?;
        line.push(b'\n');
        self.lines.try_send(Ok(Bytes::from(line))).map_err(|_| Broken::Deaf)
    }
}
