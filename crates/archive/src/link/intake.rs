//! What an upload is read into: frame after frame, instance after instance, each with a word of what became of it, as soon
//! as it is decided, while the next are still coming in. The same for what is sent here and for what is collected.
//!
//! An instance in the middle when the bytes end waits for another upload (`arriving`).

use std::sync::Arc;

use bytes::Bytes;
use causeway_core::link::MAX_OFFERED;
use causeway_core::link::frame::{Found, FrameError, Reader};
use causeway_core::link::words::{Begin, Fate, Refused, Said};
use causeway_core::{Envelope, Principal, RemoteName, Status};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;

use super::Arriving;
use super::arriving::NotTaken;
use crate::Archive;
use crate::ingest::{Body, BodyError};

/// Instances of one upload that are being made durable at once.
const MAX_IN_FLIGHT: usize = 64;
/// Bytes that they have beyond which the next is not read on.
const MAX_BYTES_IN_FLIGHT: u64 = 16 * 1024 * 1024;

/// Who sends.
pub struct Sender {
    /// Where it goes.
    pub archive: Archive,
    /// What it may do.
    pub principal: Arc<Principal>,
    /// How it came.
    pub envelope: Envelope,
    /// Which remote it is.
    pub from: RemoteName,
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
pub enum Broken {
    /// Its bytes did.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Its bytes are no upload.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It has more instances than were to be offered.
    #[error("an upload has at most {MAX_OFFERED} instances")]
    TooMany,
    /// Another has taken its place.
    #[error("another request brings the same instance")]
    Relieved,
    /// What becomes of the instances is of interest to nobody any more.
    #[error("nobody reads the answer")]
    Deaf,
}

/// Place and bytes of an instance, and what became of it.
type Decided = (u32, u64, Fate);

/// An upload under way.
pub struct Intake {
    sender: Sender,
    words: mpsc::Sender<Said>,
    coming: Coming,
    begun: u32,
    in_flight: FuturesUnordered<BoxFuture<'static, Decided>>,
    bytes_in_flight: u64,
}

impl Intake {
    /// One that says in `words` what becomes of each instance. As many of them may wait there as an upload has
    /// instances, [`MAX_OFFERED`]; where there is no room, nobody is thought to listen.
    #[must_use]
    pub fn new(sender: Sender, words: mpsc::Sender<Said>) -> Self {
        let in_flight = FuturesUnordered::new();
        Self { sender, words, coming: Coming::Nothing, begun: 0, in_flight, bytes_in_flight: 0 }
    }

    /// Reads all of it, and waits until what came whole is decided.
    ///
    /// # Errors
    /// When it ended early.
    pub async fn run(mut self, body: &mut impl Body) -> Result<(), Broken> {
        let read = self.read(body).await;
        // What has all its bytes is decided all the same; told where anyone listens.
        while !self.in_flight.is_empty() && !self.words.is_closed() {
            self.conclude_one().await;
        }
        read
    }
    async fn read(&mut self, body: &mut impl Body) -> Result<(), Broken> {
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
        self.words.try_send(Said { index, fate }).map_err(|_| Broken::Deaf)
    }
}
