//! STOW-RS: instances as parts of one request, streamed; the answer names each (PS3.18 §10.5).

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use causeway_archive::{Archive, Object, Wanted};
use causeway_core::remote::DicomWebAddress;
use causeway_core::{Attributes, Status, Tag};
use futures_util::stream::{self, Stream, StreamExt};
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Body, Client, Response, StatusCode};

use super::{Broke, Patience, Ready, Sink, unreadable};
use crate::failure::{Answer, Failure, Kind, answer};
use crate::job::Outcome;

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Longest token file that is read.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

const FAILED_SOP_SEQUENCE: Tag = Tag::new(0x0008, 0x1198);
const REFERENCED_SOP_SEQUENCE: Tag = Tag::new(0x0008, 0x1199);
const REFERENCED_SOP_INSTANCE_UID: Tag = Tag::new(0x0008, 0x1155);
const FAILURE_REASON: Tag = Tag::new(0x0008, 0x1197);
const WARNING_REASON: Tag = Tag::new(0x0008, 0x1196);

/// A remote's DICOMweb side.
pub(crate) struct Stow {
    archive: Archive,
    client: Client,
    url: String,
    token_file: Option<PathBuf>,
    request_bytes: u64,
}

impl Stow {
    pub(super) fn new(
        address: &DicomWebAddress,
        archive: Archive,
        patience: Patience,
        request_bytes: u64,
    ) -> Result<Self, Failure> {
        let client = Client::builder()
            .connect_timeout(patience.connect)
            .read_timeout(patience.response)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
        Ok(Self {
            archive,
            client,
            url: format!("{}/studies", address.url.trim_end_matches('/')),
            token_file: address.token_file.as_ref().map(PathBuf::from),
            request_bytes,
        })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        let mut rest = batch;
        while !rest.is_empty() {
            let (fits, more) = rest.split_at(one_request(rest, self.request_bytes));
            rest = more;
            self.request(fits, sink).await?;
        }
        Ok(())
    }

    async fn request(&self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        let mut opened = Vec::with_capacity(batch.len());
        let mut sent = Vec::with_capacity(batch.len());
        for ready in batch {
            match self.archive.open_instance(&ready.instance, &Wanted::Web).await {
                Ok(object) => {
                    opened.push(object);
                    sent.push(ready);
                }
                Err(error) => sink.tell(&ready.job, &Outcome::Failed(unreadable(&error))).await?,
            }
        }
        if sent.is_empty() {
            return Ok(());
        }
        let reply = self.post(opened).await.map_err(Broke::Destination)?;
        for ready in sent {
            sink.tell(&ready.job, &reply.of(ready.instance.ids.instance.as_str())).await?;
        }
        Ok(())
    }

    async fn post(&self, objects: Vec<Object>) -> Result<Reply, Failure> {
        let boundary = format!("causeway-{:032x}", rand::random::<u128>());
        let content_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, "application/dicom+json")
            .body(Body::wrap_stream(multipart(objects, boundary)));
        if let Some(token) = self.token().await? {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| broken(&error))?;
        read_reply(response).await
    }

    async fn token(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let unreadable = |words: String| Failure::new(Kind::Refused, words);
        // A few bytes of a local file: no thread is worth it.
        let length = std::fs::metadata(path).map(|file| file.len());
        match length {
            Ok(length) if length <= MAX_TOKEN_BYTES => {}
            Ok(_) => return Err(unreadable("the token file is too long".to_owned())),
            Err(error) => return Err(unreadable(format!("the token file cannot be read: {error}"))),
        }
        let token = std::fs::read_to_string(path)
            .map_err(|error| unreadable(format!("the token file cannot be read: {error}")))?;
        Ok(Some(token.trim().to_owned()))
    }
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

/// The request's body (RFC 2046 §5.1), never whole in memory.
fn multipart(objects: Vec<Object>, boundary: String) -> impl Stream<Item = Result<Bytes, io::Error>> {
    let end = format!("\r\n--{boundary}--\r\n");
    let parts = stream::iter(objects).flat_map(move |object| part(object, &boundary));
    parts.chain(stream::once(async move { Ok(Bytes::from(end)) }))
}

fn part(object: Object, boundary: &str) -> impl Stream<Item = Result<Bytes, io::Error>> + use<> {
    let head = format!(
        "\r\n--{boundary}\r\nContent-Type: application/dicom; transfer-syntax={}\r\n\r\n",
        object.transfer_syntax
    );
    let before = stream::iter([Ok(Bytes::from(head)), Ok(object.file_meta.clone())]);
    let data_set = stream::unfold(Some(object), |object| async move {
        let mut object = object?;
        match object.chunk().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(object))),
            Ok(None) => None,
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    });
    before.chain(data_set)
}

/// What the far side answered.
#[derive(Debug)]
enum Reply {
    /// Instance by instance.
    Each(Attributes),
    /// The same for all.
    All(Failure),
}

impl Reply {
    /// What was said of one instance. Silence is not a yes.
    fn of(&self, instance: &str) -> Outcome {
        let answered = match self {
            Self::All(failure) => return Outcome::Failed(failure.clone()),
            Self::Each(answered) => answered,
        };
        let item = |sequence: Tag| {
            let items = answered.get(sequence).map(causeway_core::Element::items).unwrap_or_default();
            items.iter().find(|item| item.first(REFERENCED_SOP_INSTANCE_UID) == Some(instance))
        };
        if let Some(failed) = item(FAILED_SOP_SEQUENCE) {
            let code = code(failed, FAILURE_REASON).unwrap_or(Status::PROCESSING_FAILURE);
            return match answer(code, "") {
                Answer::HasNot(failure) => Outcome::Failed(failure),
                Answer::Has(_) => Outcome::Failed(Failure::with_status(
                    Kind::Unclear,
                    code.0,
                    "listed as failed, with a reason that is none",
                )),
            };
        }
        match item(REFERENCED_SOP_SEQUENCE) {
            Some(stored) => Outcome::Delivered(code(stored, WARNING_REASON).unwrap_or(Status::SUCCESS)),
            None => Outcome::Failed(Failure::new(Kind::Unclear, "the answer does not name the instance")),
        }
    }
}

fn code(item: &Attributes, tag: Tag) -> Option<Status> {
    item.first(tag)?.parse().ok().map(Status)
}

/// Sorts an HTTP status (PS3.18 Table 10.5.3-1); an error is the destination's when it speaks of no instance.
async fn read_reply(response: Response) -> Result<Reply, Failure> {
    let status = response.status();
    let not_before = retry_after(&response);
    let say = |kind: Kind, words: &str| Failure {
        not_before,
        ..Failure::with_status(kind, status.as_u16(), format!("HTTP {}: {words}", status.as_u16()))
    };
    match status {
        StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT => {
            let body = read_body(response).await?;
            match std::str::from_utf8(&body).ok().and_then(|text| Attributes::from_json(text).ok()) {
                Some(answered) => Ok(Reply::Each(answered)),
                None => Ok(Reply::All(say(Kind::Unclear, "the answer is no DICOM JSON"))),
            }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(say(Kind::Refused, "not let in; check the token file"))
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            Err(say(Kind::Refused, "no STOW-RS there; check the URL"))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Ok(Reply::All(say(Kind::Permanent, "the instance is too large for it")))
        }
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::NOT_ACCEPTABLE => {
            Ok(Reply::All(say(Kind::Unclear, "the request was not understood")))
        }
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::INSUFFICIENT_STORAGE => Err(say(Kind::Exhausted, "busy or full")),
        _ if status.is_server_error() => Err(say(Kind::Transient, "it failed")),
        _ => Ok(Reply::All(say(Kind::Unclear, "an answer that STOW-RS does not have"))),
    }
}

fn retry_after(response: &Response) -> Option<std::time::Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(std::time::Duration::from_secs(seconds))
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(Failure::new(Kind::Unclear, "the answer is too long"));
        }
    }
    Ok(body)
}

/// The line broke, or nobody answered. The URL stays out of the words: it may hold a secret.
fn broken(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "timed out"
    } else {
        "the connection broke"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let deepest = if cause.is::<reqwest::Error>() { String::new() } else { format!(": {cause}") };
    Failure::new(Kind::Transient, format!("{what}{deepest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(json: &str) -> Reply {
        Reply::Each(Attributes::from_json(json).unwrap())
    }

    #[test]
    fn each_instance_has_its_own_answer_and_silence_is_not_a_yes() {
        let reply = reply(
            r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]},
                "00081197":{"vr":"US","Value":[42752]}}]},
                "00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]}},
                {"00081155":{"vr":"UI","Value":["1.4"]},"00081196":{"vr":"US","Value":[45056]}}]}}"#,
        );
        assert!(matches!(reply.of("1.2"), Outcome::Failed(Failure { kind: Kind::Exhausted, .. })));
        assert_eq!(reply.of("1.3"), Outcome::Delivered(Status::SUCCESS));
        assert_eq!(reply.of("1.4"), Outcome::Delivered(Status(0xB000)));
        assert!(matches!(reply.of("1.5"), Outcome::Failed(Failure { kind: Kind::Unclear, .. })));
    }

    #[test]
    fn an_instance_listed_as_failed_is_failed_whatever_its_reason() {
        let reply = reply(
            r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]},
                "00081197":{"vr":"US","Value":[0]}}]},
                "00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2"]}}]}}"#,
        );
        assert!(matches!(reply.of("1.2"), Outcome::Failed(_)));
    }
}
