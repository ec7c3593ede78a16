//! Instances as files (PS3.18 §10.4.1.1.1): `multipart/related` or one archive for a study, a series or an instance, or
//! the one file of an instance by itself.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LOCATION, CONTENT_TYPE, ETAG, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use causeway_archive::Wanted;
use causeway_core::{Principal, StoredInstance, Uid};
use causeway_dataset::file_meta::{self, FileMeta};
use futures_util::{StreamExt, stream};

use super::collected::{self, Extent};
use super::parts::{Parcel, PartStream};
use super::zip::{self, Readme};
use super::{absent, etag, form, location};
use crate::accept::{self, FILE, FOR_INSTANCE, FOR_INSTANCES, OCTETS_IN_PARTS, Selected, Wish, ZIP};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::multipart::write::Boundary;
use crate::problem::Problem;
use crate::streamed::Streamed;
use crate::target::Target;

/// Answers with the files of what the path names.
pub(crate) async fn objects(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let offers = if target.instance.is_some() { FOR_INSTANCE } else { FOR_INSTANCES };
    let selected = accept::select(offers, headers, uri.query(), door.config.missing_accept)?;
    if selected.offer == OCTETS_IN_PARTS {
        // Kept for callers of old: the same as asking for the bulk data (PS3.18 §10.4.4).
        return collected::give(&door, &principal, &target, Extent::All, (uri, headers)).await;
    }
    give(&door, &principal, &target, &selected, (uri, headers)).await
}

/// Answers with the files of `target` in the form that was selected. `asked`: where, and with which header fields.
pub(super) async fn give(
    door: &Door,
    principal: &Principal,
    target: &Target,
    selected: &Selected,
    asked: (&Uri, &HeaderMap),
) -> Result<Response, Problem> {
    let (uri, headers) = asked;
    let is_zip = selected.offer == ZIP;
    let readme = if is_zip { Readme::asked(uri.query())? } else { Readme::Without };
    let instances = door.archive.select(principal, &target.selection()).await?;
    if instances.is_empty() {
        return Err(absent(door, principal, target).await?);
    }
    let base = base_url(&door.config, uri, headers);
    let packed = pack(instances, &selected.wishes, &base)?;
    let mut maker = etag::Maker::new(selected.offer.essence, &base);
    for parcel in &packed.parcels {
        maker.add(&parcel.instance, &parcel.transfer_syntax);
    }
    if readme == Readme::With {
        maker.note("readme");
    }
    let digest = maker.finish();
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let mut response = if selected.offer == FILE {
        single(door, packed.parcels).await?
    } else if is_zip {
        zip::answer(door.archive.clone(), packed.parcels, readme, target.noun(), digest).await?
    } else {
        multipart(door, packed.parcels, &Boundary::of(digest)).await?
    };
    response.headers_mut().insert(ETAG, tag);
    if packed.left_out > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        say_what_is_missing(response.headers_mut(), &base, packed.left_out);
    }
    Ok(response)
}

/// Instances in the forms in which they go out.
struct Packed {
    parcels: Vec<Parcel>,
    /// How many cannot go out in any form that was asked for.
    left_out: usize,
}

fn pack(instances: Vec<StoredInstance>, wishes: &[Wish], base: &str) -> Result<Packed, Problem> {
    let total = instances.len();
    let mut chosen: HashMap<Uid, Option<Uid>> = HashMap::new();
    let mut parcels = Vec::with_capacity(total);
    for instance in instances {
        let stored = &instance.transfer_syntax;
        let form = chosen.entry(stored.clone()).or_insert_with(|| form::choose(stored, wishes));
        if let Some(transfer_syntax) = form.clone() {
            let location = location(base, &instance.ids);
            parcels.push(Parcel { instance, transfer_syntax, location });
        }
    }
    if parcels.is_empty() {
        return Err(nothing_fits(chosen.keys()));
    }
    let left_out = total - parcels.len();
    Ok(Packed { parcels, left_out })
}

fn nothing_fits<'a>(stored: impl Iterator<Item = &'a Uid>) -> Problem {
    let mut stored: Vec<&str> = stored.map(Uid::as_str).collect();
    stored.sort_unstable();
    Problem::not_acceptable(format!(
        "stored in transfer syntax {}, which this node does not decode into the one asked for; name it, or ask \
         with transfer-syntax=*",
        stored.join(", ")
    ))
}

fn say_what_is_missing(headers: &mut HeaderMap, base: &str, left_out: usize) {
    let text =
        format!("299 {base}: {left_out} instances cannot be given in a transfer syntax that was asked for");
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(WARNING, value);
    }
}

async fn single(door: &Door, parcels: Vec<Parcel>) -> Result<Response, Problem> {
    let Some(Parcel { instance, transfer_syntax, location }) = parcels.into_iter().next() else {
        return Err(Problem::not_found("there is no such instance"));
    };
    let object = door.archive.open_instance(&instance, &Wanted::OneOf(vec![transfer_syntax.clone()])).await?;
    let length = object.file_bytes();
    let meta = object.file_meta.clone();
    let data_set = stream::try_unfold(object, |mut object| async {
        let chunk = object.chunk().await?;
        Ok::<_, causeway_archive::RetrieveError>(chunk.map(|chunk| (chunk, object)))
    });
    let file = stream::once(async { Ok(meta) }).chain(data_set);
    let mut response = Response::new(Body::new(Streamed::new(Box::pin(file), length)));
    let headers = response.headers_mut();
    let content_type = format!("application/dicom; transfer-syntax={transfer_syntax}");
    for (name, value) in [(CONTENT_TYPE, content_type), (CONTENT_LOCATION, location)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

async fn multipart(door: &Door, parcels: Vec<Parcel>, boundary: &Boundary) -> Result<Response, Problem> {
    let length = total_bytes(&parcels, boundary);
    let content_type = boundary.content_type(super::parts::MEDIA_TYPE);
    let mut parts = PartStream::new(door.archive.clone(), parcels, boundary.clone());
    // The first part is opened before the status goes out, so that what fails at once is told in a status.
    let first = match parts.next().await {
        Some(Ok(first)) => Some(Ok(first)),
        Some(Err(error)) => return Err(error.into()),
        None => None,
    };
    let all = stream::iter(first).chain(parts);
    let mut response = Response::new(Body::new(Streamed::new(all, length)));
    if let Ok(value) = HeaderValue::try_from(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(response)
}

/// Bytes of the whole answer, when each part's are known ahead.
fn total_bytes(parcels: &[Parcel], boundary: &Boundary) -> Option<u64> {
    let mut total = boundary.closing().len() as u64;
    for (index, parcel) in parcels.iter().enumerate() {
        let bytes = part_bytes(parcel)?;
        total += boundary.before(super::parts::place(index), &parcel.part(Some(bytes))).len() as u64 + bytes;
    }
    Some(total)
}

/// Bytes of one file, when its data set goes out as it is stored.
fn part_bytes(parcel: &Parcel) -> Option<u64> {
    if parcel.transfer_syntax != parcel.instance.transfer_syntax {
        return None;
    }
    let meta = file_meta::write(&FileMeta {
        sop_class: parcel.instance.sop_class.clone(),
        sop_instance: parcel.instance.ids.instance.clone(),
        transfer_syntax: parcel.transfer_syntax.clone(),
        receiving_ae: None,
        envelope: None,
    });
    Some(meta.len() as u64 + parcel.instance.data_set_bytes())
}
