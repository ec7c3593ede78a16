//! STOW-RS: instances as parts of one request, streamed; the answer names each (PS3.18 §10.5).

mod body;
mod reply;

use std::path::PathBuf;
use std::time::Duration;

use causeway_archive::{Archive, Object, Passage, Wanted};
use causeway_core::Remote;
use causeway_core::remote::DicomWebAddress;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Body, Client};

use self::body::{Fault, Upload, multipart};
use self::reply::{Reply, read_reply};
use super::{Broke, Patience, Ready, Sink, passage, ungiven, unreadable};
use crate::dicomweb::{broken, read_token, silent};
use crate::failure::{Failure, Kind};
use crate::job::Outcome;

/// A remote's DICOMweb side.
pub(crate) struct Stow {
    remote: Remote,
    archive: Archive,
    client: Client,
    url: String,
    token_file: Option<PathBuf>,
    request_bytes: u64,
    /// How long the far side may be silent.
    patience: Duration,
}

/// What became of a request that got an answer.
enum Heard {
    /// All is told that there is to tell.
    All,
    /// It was refused as a whole; the instances are to be sent one by one.
    OneByOne,
}

impl Stow {
    pub(super) fn new(
        remote: &Remote,
        address: &DicomWebAddress,
        archive: Archive,
        patience: Patience,
        request_bytes: u64,
    ) -> Result<Self, Failure> {
        let client = Client::builder()
            .connect_timeout(patience.connect)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
        Ok(Self {
            remote: remote.clone(),
            archive,
            client,
            url: format!("{}/studies", address.url.trim_end_matches('/')),
            token_file: address.token_file.as_ref().map(PathBuf::from),
            request_bytes,
            patience: patience.response,
        })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        let mut rest = batch;
        while !rest.is_empty() {
            let (fits, more) = rest.split_at(one_request(rest, self.request_bytes));
            rest = more;
            if let Heard::OneByOne = self.request(fits, sink).await? {
                for ready in fits {
                    self.request(std::slice::from_ref(ready), sink).await?;
                }
            }
        }
        Ok(())
    }

    async fn request(&self, batch: &[Ready], sink: &mut impl Sink) -> Result<Heard, Broke> {
        let passage = passage(&self.archive, &self.remote).map_err(Broke::Destination)?;
        let mut opened = Vec::with_capacity(batch.len());
        let mut sent = Vec::with_capacity(batch.len());
        for ready in batch {
            match self.archive.open_for(&passage, &ready.instance, &Wanted::Web).await {
                Ok(object) => {
                    opened.push(object);
                    sent.push(ready);
                }
                Err(error) => sink.tell(&ready.job, &Outcome::Failed(ungiven(&error))).await?,
            }
        }
        if sent.is_empty() {
            return Ok(Heard::All);
        }
        let upload = Upload::new();
        let reply = self.post(opened, &upload).await;
        if let Some(Fault { part, words }) = upload.fault() {
            // We broke off, so whatever came of it is not the far side's doing. The others' turn comes at once.
            if let Some(ready) = sent.get(*part) {
                sink.tell(&ready.job, &Outcome::Failed(unreadable(words))).await?;
            }
            return Ok(Heard::All);
        }
        match reply {
            // Said of the request: which instance it is about, if any, is found out one by one.
            Ok(Reply::All(_)) if sent.len() > 1 => Ok(Heard::OneByOne),
            Ok(reply) => told(&reply, &passage, &sent, sink).await,
            Err(failure) => {
                // Of several it is not known which one it is that the far side fails at; of one it is.
                if let [ready] = sent.as_slice()
                    && upload.was_taken()
                {
                    sink.tell(&ready.job, &Outcome::Failed(failure.clone())).await?;
                }
                Err(Broke::Destination(failure))
            }
        }
    }

    async fn post(&self, objects: Vec<Object>, upload: &Upload) -> Result<Reply, Failure> {
        let boundary = format!("causeway-{:032x}", rand::random::<u128>());
        let content_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, "application/dicom+json")
            .body(Body::wrap_stream(multipart(objects, boundary, upload)));
        if let Some(token) = self.token_file.as_deref().map(read_token).transpose()? {
            request = request.bearer_auth(token);
        }
        // Not the client's own read timeout: that one runs while we send, however fast the far side takes it.
        let response = tokio::select! {
            response = request.send() => response.map_err(|error| broken(&error))?,
            () = upload.silent_for(self.patience) => return Err(silent()),
        };
        read_reply(response, self.patience).await
    }
}

/// Tells each instance its answer. A far side that has no room for one is not sent more for now.
async fn told(
    reply: &Reply,
    passage: &Passage,
    sent: &[&Ready],
    sink: &mut impl Sink,
) -> Result<Heard, Broke> {
    let mut full = None;
    for ready in sent {
        let outcome = reply.of(passage.sop_instance(&ready.instance).as_str());
        sink.tell(&ready.job, &outcome).await?;
        if let Outcome::Failed(failure) = outcome
            && failure.kind == Kind::Exhausted
        {
            full = Some(failure);
        }
    }
    full.map_or(Ok(Heard::All), |failure| Err(Broke::Destination(failure)))
}

/// How many of `batch`, from its beginning, one request takes; at least one.
fn one_request(batch: &[Ready], request_bytes: u64) -> usize {
    let mut bytes = 0_u64;
    let fits = batch.iter().take_while(|ready| {
        bytes = bytes.saturating_add(ready.instance.object_bytes);
        bytes <= request_bytes
    });
    fits.count().max(1)
}
