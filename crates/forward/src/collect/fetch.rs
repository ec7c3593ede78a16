//! One question to a remote whether it has anything for this node, and what is taken then: how each instance stands here
//! is said, the bytes of those that are missing are read into the archive, and what became of each is said as it is
//! decided.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::link::intake::{Intake, Sender};
use causeway_archive::link::pairing::other_end;
use causeway_archive::{Body, BodyError};
use causeway_core::link::words::{Answer, Collect, Collectable, Collected, Said, Standing};
use causeway_core::link::{MAX_OFFER_BYTES, MAX_OFFERED};
use causeway_core::{Class, Door, Envelope, Remote, Via};
use reqwest::Response;
use tokio::sync::mpsc;

use crate::failure::{Failure, Kind};
use crate::sender::link::{Line, broken, call, fine};
use crate::worker::Inner;

/// For how long an answer to the question is waited for. Proxies end what is silent for a minute.
const WAIT_SECONDS: u32 = 25;
/// How long after that the line counts as broken.
const GRACE: Duration = Duration::from_secs(15);
/// How long the next bytes of an upload may take.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest answer to a question, in bytes.
const MAX_ANSWER_BYTES: usize = 4 * MAX_OFFER_BYTES;
/// Largest answer to what was said, in bytes.
const MAX_HEARD_BYTES: usize = 1024;
/// Words are gathered for so long: each request holds many.
const TOGETHER: Duration = Duration::from_millis(10);

/// Asks once. Sets `failures` to none when the remote answered.
pub(super) async fn fetch(inner: &Inner, remote: &Remote, failures: &mut u32) -> Result<(), Failure> {
    let Some(address) = remote.callable_link() else { return Ok(()) };
    let line = Line::to(&inner.archive, remote, address, inner.patience(), &inner.clock).await?;
    // The line is kept from question to question, as long as nothing fails.
    loop {
        let question = line.post("collect").json(&Collect { seconds: WAIT_SECONDS });
        let wait = Duration::from_secs(WAIT_SECONDS.into()) + GRACE;
        let found: Option<Collectable> = call(question, wait, MAX_ANSWER_BYTES).await?;
        *failures = 0;
        if let Some(found) = found {
            take(inner, remote, &line, found).await?;
        }
    }
}

/// Takes what there is.
async fn take(inner: &Inner, remote: &Remote, line: &Line, found: Collectable) -> Result<(), Failure> {
    let Collectable { ticket, offer } = found;
    if offer.instances.len().max(offer.acknowledged.len()) > MAX_OFFERED {
        return Err(Failure::new(
            Kind::Unclear,
            format!("it offers more than {MAX_OFFERED} instances at once"),
        ));
    }
    let principal = Arc::new(other_end(remote));
    let standings = inner.archive.standings(&principal, &remote.name, &offer).await;
    let standings = standings.map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
    let is_wanted = standings.iter().any(|standing| matches!(standing, Standing::Send(_)));
    let request = line.post(&format!("collect/{ticket}")).json(&Answer { standings });
    let asked = tokio::time::timeout(SILENCE, request.send()).await.map_err(|_| silent())?;
    let response = fine(asked.map_err(|error| broken(&error))?).await?;
    if !is_wanted {
        return Ok(());
    }
    let envelope = Envelope {
        door: Door::Link,
        received_at: inner.clock.now(),
        calling_ae: None,
        remote: Some(remote.name.clone()),
        source_address: response.remote_addr().map(|address| address.ip().to_canonical()),
        came_back: None,
        via: Via::default(),
    };
    let (words, said) = mpsc::channel(MAX_OFFERED);
    let from = remote.name.clone();
    let intake = Intake::new(Sender { archive: inner.archive.clone(), principal, envelope, from }, words);
    let mut bytes = Coming(response);
    let (read, told) = tokio::join!(intake.run(&mut bytes), tell(line, ticket, said));
    told?;
    read.map_err(|error| Failure::new(Kind::Transient, format!("what was collected ended early: {error}")))
}

/// Says what becomes of instances: as much at a time as was decided since the last.
async fn tell(line: &Line, ticket: u64, mut words: mpsc::Receiver<Said>) -> Result<(), Failure> {
    loop {
        let mut said = Vec::new();
        let is_open = words.recv_many(&mut said, MAX_OFFERED).await > 0;
        if is_open {
            tokio::time::sleep(TOGETHER).await;
            while let Ok(more) = words.try_recv() {
                said.push(more);
            }
        }
        let request = line.post(&format!("collect/{ticket}/said")).json(&Collected { said, done: !is_open });
        let () = call(request, SILENCE, MAX_HEARD_BYTES).await?;
        if !is_open {
            return Ok(());
        }
    }
}

fn silent() -> Failure {
    Failure::new(Kind::Transient, "it is silent")
}

/// The bytes of an upload as they come.
struct Coming(Response);

impl Body for Coming {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let ended = |words: String| BodyError { words, class: Class::Transient };
        match tokio::time::timeout(SILENCE, self.0.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(ended(broken(&error).words)),
            Err(_) => Err(ended("the far side is silent".to_owned())),
        }
    }
}
