//! Bulk data (PS3.18 §10.4.1.1.5) and the pixel data of an instance (§10.4.1.1.6): the value that a BulkDataURI of the
//! metadata leads to, as octets in little endian, whole or in part; pixel data in fragments as frames.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LOCATION, CONTENT_TYPE, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{BulkData, BulkValue, Frames};
use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{StoredInstance, Uid};
use causeway_dataset::bulk::BulkPath;
use futures_util::{StreamExt, stream};

use super::frames::{respond, the_instance};
use super::pixels::{self, Alone, Content, Form};
use super::ranged::{beyond, chunks, mark, put};
use super::sending::{Packing, Sending};
use super::{etag, location};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::multipart::write::{Boundary, Part, Place};
use crate::problem::Problem;
use crate::range::{self, Wanted};
use crate::streamed::Streamed;
use crate::target::Target;

/// The elements that hold pixels (PS3.3 §C.7.6.3, §C.7.6.24); an instance has one of them.
pub(super) const PIXEL_DATA: [&str; 3] = ["7FE00010", "7FE00008", "7FE00009"];

/// The path of an attribute, behind `bulkdata/`.
pub(crate) struct Attribute(BulkPath);

impl<S: Send + Sync> FromRequestParts<S> for Attribute {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = |_| Problem::bad_request("the path cannot be read");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(unreadable)?;
        let text = params.iter().find(|(name, _)| *name == "attribute").map(|(_, value)| value);
        let path = text.unwrap_or_default().parse();
        path.map(Self)
            .map_err(|error: causeway_dataset::bulk::BulkPathError| Problem::bad_request(error.to_string()))
    }
}

/// Answers with the value that the path names.
pub(crate) async fn bulkdata(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    Attribute(path): Attribute,
    request: Request,
) -> Result<Response, Problem> {
    let instance = the_instance(&door, &principal, &target).await?;
    let name = path.to_string();
    let Some(found) = door.archive.bulk_data(&instance, path).await? else {
        return Err(Problem::not_found("the instance has no such attribute"));
    };
    answer(&door, &instance, found, &name, &request.into_parts().0).await
}

/// Answers with the pixel data of an instance, whichever element they are in.
pub(crate) async fn pixeldata(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    let instance = the_instance(&door, &principal, &target).await?;
    for name in PIXEL_DATA {
        let Ok(path) = name.parse() else { continue };
        if let Some(found) = door.archive.bulk_data(&instance, path).await? {
            return answer(&door, &instance, found, name, &request.into_parts().0).await;
        }
    }
    Err(Problem::not_found("the instance has no pixel data"))
}

async fn answer(
    door: &Door,
    instance: &StoredInstance,
    found: BulkData,
    name: &str,
    request: &Parts,
) -> Result<Response, Problem> {
    let (uri, headers) = (&request.uri, &request.headers);
    let resource = location(&base_url(&door.config, uri, headers), &instance.ids);
    let missing = door.config.missing_accept;
    match found {
        BulkData::Value(value) => {
            // What is no pixel data in fragments is octets, whatever the transfer syntax.
            let plain = Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN)
                .map_err(|_| Problem::not_acceptable("there is no form to give this in"))?;
            let form = pixels::choose(&plain, Alone::Always, headers, uri.query(), missing)?;
            value_answer(instance, value, form, format!("{resource}/bulkdata/{name}"), headers).await
        }
        BulkData::Frames(frames) => {
            let alone = if frames.count() == 1 { Alone::Always } else { Alone::Samples };
            let form = pixels::choose(&instance.transfer_syntax, alone, headers, uri.query(), missing)?;
            respond(instance, all_of(frames, form, &resource, name), headers).await
        }
    }
}

/// All frames: samples as one value, coded ones each by itself.
pub(super) fn all_of(frames: Frames, form: Form, resource: &str, name: &str) -> Sending {
    let numbers = (1..=frames.count()).filter_map(NonZeroU32::new).collect();
    let is_one = form.content == Content::Samples || frames.count() == 1;
    let (packing, location) = if is_one {
        (Packing::Together, format!("{resource}/bulkdata/{name}"))
    } else {
        (Packing::Each, format!("{resource}/frames"))
    };
    Sending { frames, numbers, form, packing, location }
}

async fn value_answer(
    instance: &StoredInstance,
    mut value: BulkValue,
    form: Form,
    location: String,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let mut maker = etag::Maker::new(if form.is_multipart { "bulk parts" } else { "bulk" }, &location);
    maker.add(instance, &form.transfer_syntax);
    let digest = maker.finish();
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let whole = value.bytes();
    // A range is one of the answer itself; among parts there would be none to apply it to.
    let wanted = if form.is_multipart { Wanted::Whole } else { range::wanted(headers, whole, &tag) };
    let part = match wanted {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Beyond => return Ok(beyond(whole, format!("the value has {whole} bytes"))),
    };
    if let Some(part) = &part {
        value.narrow(part.clone());
    }
    let boundary = Boundary::of(digest);
    let mut response = body(value, &form, &location, &boundary).await?;
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    if !form.is_multipart {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        put(headers, CONTENT_LOCATION, location);
    }
    if let Some(part) = part {
        mark(&mut response, &part, whole);
    }
    Ok(response)
}

/// The value with what stands around it. Its first bytes are read before the status goes out.
async fn body(
    value: BulkValue,
    form: &Form,
    location: &str,
    boundary: &Boundary,
) -> Result<Response, Problem> {
    let bytes = value.bytes();
    let Form { media, transfer_syntax, .. } = form;
    let (before, after, content_type) = if form.is_multipart {
        let part = Part { media, transfer_syntax, location, bytes: Some(bytes) };
        (boundary.before(Place::First, &part), boundary.closing(), boundary.content_type(media))
    } else {
        (String::new(), String::new(), format!("{media}; transfer-syntax={transfer_syntax}"))
    };
    let length = before.len() as u64 + bytes + after.len() as u64;
    let chunks = chunks(value).await?;
    let framed = |text: String| stream::iter((!text.is_empty()).then(|| Ok(Bytes::from(text))));
    let all = framed(before).chain(chunks).chain(framed(after));
    let mut response = Response::new(Body::new(Streamed::new(Box::pin(all), Some(length))));
    put(response.headers_mut(), CONTENT_TYPE, content_type);
    Ok(response)
}
