//! Instances that are no pictures: documents and videos as they are in the object, reports as text. What is passed through
//! is read as it goes out, and a range of its bytes can be had (RFC 9110 §14), which players ask for.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{ACCEPT_RANGES, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{BulkValue, DocumentError, RetrieveError};
use causeway_core::StoredInstance;
use causeway_dataset::report::Form;
use futures_util::{StreamExt, stream};

use super::super::ranged::{beyond, chunks, mark, put};
use super::super::{etag, location};
use super::ask::Ask;
use super::category::{self, HTML, OF_A_REPORT, Stream, XML};
use crate::accept::Offer;
use crate::multipart::write::{Boundary, Place, Whole};
use crate::problem::Problem;
use crate::range::{self, Wanted};
use crate::streamed::Streamed;

/// Bytes of a video that show what container it is in.
const START_BYTES: u64 = 16;
/// A foreign page is shown as a page of nobody: it runs nothing and fetches nothing.
const SANDBOX: &str = "default-src 'none'; sandbox";

/// The document in an instance, which is of media type `media`.
pub(super) async fn document(
    ask: &Ask<'_>,
    instance: &StoredInstance,
    media: &'static str,
) -> Result<Response, Problem> {
    let offer = ask.choose(&category::offers(&[media]))?;
    let value = ask.door.archive.document(instance).await?;
    let value = value.ok_or_else(|| Problem::not_acceptable("the instance has no document in it"))?;
    Answer { ask, instance, offer }.pass(value).await
}

/// A clinical document as text, or as it is: where no text can be made of it, only that.
pub(super) async fn clinical(ask: &Ask<'_>, instance: &StoredInstance) -> Result<Response, Problem> {
    let answer = Answer { ask, instance, offer: ask.choose(&category::offers(&OF_A_REPORT))? };
    let form = match answer.media() {
        XML => return document(ask, instance, XML).await,
        HTML => Form::Html,
        _ => Form::Plain,
    };
    let (digest, tag) = answer.tag();
    if let Some(response) = etag::not_modified(ask.headers, &tag) {
        return Ok(response);
    }
    match ask.door.archive.clinical(instance, form).await {
        Ok(text) => {
            let length = text.len() as u64;
            answer.framed(stream::iter([Ok(text)]), length, digest, tag)
        }
        Err(error @ DocumentError::Clinical(_)) if ask.choose(&category::offers(&[XML])).is_err() => {
            Err(told(error))
        }
        Err(DocumentError::Clinical(_)) => document(ask, instance, XML).await,
        Err(error) => Err(told(error)),
    }
}

/// The stream of a video.
pub(super) async fn video(
    ask: &Ask<'_>,
    instance: &StoredInstance,
    stream: Stream,
) -> Result<Response, Problem> {
    let none = || Problem::not_acceptable("the instance has no pixel data");
    let mut value = ask.door.archive.video(instance).await?.ok_or_else(none)?;
    let first = value.peek(START_BYTES).await?;
    let offer = ask.choose(&category::offers(&category::of_a_video(stream, &first)))?;
    Answer { ask, instance, offer }.pass(value).await
}

/// A structured report as text.
pub(super) async fn report(ask: &Ask<'_>, instance: &StoredInstance) -> Result<Response, Problem> {
    let offer = ask.choose(&category::offers(&OF_A_REPORT))?;
    let answer = Answer { ask, instance, offer };
    let (digest, tag) = answer.tag();
    if let Some(response) = etag::not_modified(ask.headers, &tag) {
        return Ok(response);
    }
    let text = match answer.media() {
        XML => Bytes::from(ask.door.archive.xml_metadata(instance, &answer.base()).await?),
        media => {
            let form = if media == HTML { Form::Html } else { Form::Plain };
            ask.door.archive.report(instance, form).await.map_err(told)?
        }
    };
    let length = text.len() as u64;
    answer.framed(stream::iter([Ok(text)]), length, digest, tag)
}

fn told(error: DocumentError) -> Problem {
    match error {
        DocumentError::Retrieve(error) => error.into(),
        DocumentError::Report(error) => Problem::not_acceptable(error.to_string()),
        DocumentError::Clinical(error) => Problem::not_acceptable(error.to_string()),
    }
}

/// An answer in the making.
struct Answer<'a> {
    ask: &'a Ask<'a>,
    instance: &'a StoredInstance,
    offer: Offer,
}

impl Answer<'_> {
    fn media(&self) -> &'static str {
        self.offer.root.unwrap_or(self.offer.essence)
    }

    fn base(&self) -> String {
        self.ask.base()
    }

    fn tag(&self) -> ([u8; 32], HeaderValue) {
        let mut maker = etag::Maker::new(&format!("rendered {:?}", self.offer), &self.base());
        maker.add(self.instance, &self.instance.transfer_syntax);
        let digest = maker.finish();
        (digest, etag::header(&digest))
    }

    /// Bytes as they are, all or a range of them. The first are read before the status goes out.
    async fn pass(self, mut value: BulkValue) -> Result<Response, Problem> {
        let headers = self.ask.headers;
        let (digest, tag) = self.tag();
        if let Some(response) = etag::not_modified(headers, &tag) {
            return Ok(response);
        }
        let whole = value.bytes();
        // A range is one of the answer itself; among parts there would be none to apply it to.
        let is_alone = self.offer.root.is_none();
        let part = match if is_alone { range::wanted(headers, whole, &tag) } else { Wanted::Whole } {
            Wanted::Whole => None,
            Wanted::Part(part) => Some(part),
            Wanted::Beyond => return Ok(beyond(whole, format!("there are {whole} bytes"))),
        };
        if let Some(part) = &part {
            value.narrow(part.clone());
        }
        let length = value.bytes();
        let chunks = chunks(value).await?;
        let mut response = self.framed(chunks, length, digest, tag)?;
        if is_alone {
            response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        if let Some(part) = part {
            mark(&mut response, &part, whole);
        }
        Ok(response)
    }

    /// The chunks with what stands around them.
    fn framed(
        &self,
        chunks: impl futures_util::Stream<Item = Result<Bytes, RetrieveError>> + Send + 'static,
        length: u64,
        digest: [u8; 32],
        tag: HeaderValue,
    ) -> Result<Response, Problem> {
        let media = self.media();
        let media_type = match media {
            HTML | "text/plain" => format!("{media}; charset=utf-8"),
            media => media.to_owned(),
        };
        let boundary = Boundary::of(digest);
        let (before, after, content_type) = match self.offer.root {
            None => (String::new(), String::new(), media_type),
            Some(root) => {
                let place = format!("{}/rendered", location(&self.base(), &self.instance.ids));
                let bytes = usize::try_from(length)
                    .map_err(|_| Problem::not_acceptable("it is too long to be one of several parts"))?;
                let whole = Whole { content_type: &media_type, location: Some(&place), bytes };
                let before = boundary.before_whole(Place::First, &whole);
                (before, boundary.closing(), boundary.content_type(root))
            }
        };
        let length = length + (before.len() + after.len()) as u64;
        let text = |text: String| stream::iter((!text.is_empty()).then(|| Ok(Bytes::from(text))));
        let all = text(before).chain(chunks).chain(text(after));
        let mut response = Response::new(Body::new(Streamed::new(Box::pin(all), Some(length))));
        let headers = response.headers_mut();
        headers.insert(ETAG, tag);
        put(headers, CONTENT_TYPE, content_type);
        if media == HTML || media == XML {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
        }
        Ok(response)
    }
}
