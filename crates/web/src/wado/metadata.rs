//! Metadata (PS3.18 §10.4.1.1.2). As DICOM JSON: one array over all instances, series by series, while the next
//! series is being prepared. As XML: one part for each instance, while the next few are being read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{Archive, RetrieveError};
use causeway_core::StoredInstance;
use futures_util::{Stream, StreamExt, stream};

use super::{absent, etag, location, parts};
use crate::accept::{self, FOR_DATA_SETS, XML};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::multipart::write::{Boundary, Whole};
use crate::problem::Problem;
use crate::streamed::Streamed;
use crate::target::Target;

/// Series that are prepared at once.
const SERIES_AHEAD: usize = 2;
/// XML documents that are made at once.
const DOCUMENTS_AHEAD: usize = 4;
const DICOM_XML: &str = "application/dicom+xml";

/// Answers with the metadata of what the path names.
pub(crate) async fn metadata(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let selected = accept::select(FOR_DATA_SETS, headers, uri.query(), door.config.missing_accept)?;
    let instances = door.archive.select(&principal, &target.selection()).await?;
    if instances.is_empty() {
        return Err(absent(&door, &principal, &target).await?);
    }
    let base = base_url(&door.config, uri, headers);
    let is_xml = selected.offer == XML;
    let mut maker = etag::Maker::new(if is_xml { "metadata as XML" } else { "metadata" }, &base);
    for instance in &instances {
        maker.add(instance, &instance.transfer_syntax);
    }
    let digest = maker.finish();
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let archive = door.archive.clone();
    let (body, content_type) = if is_xml {
        let boundary = Boundary::of(digest);
        let content_type = HeaderValue::try_from(boundary.content_type(DICOM_XML)).ok();
        (documents(archive, instances, base, boundary).await?, content_type)
    } else {
        let content_type = HeaderValue::from_static(selected.offer.essence);
        (array(archive, instances, base).await?, Some(content_type))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
    headers.insert(ETAG, tag);
    Ok(response)
}

/// The parts. The first is ready before the status goes out, so that what fails at once is told in a status.
async fn documents(
    archive: Archive,
    instances: Vec<StoredInstance>,
    base: String,
    boundary: Boundary,
) -> Result<Body, Problem> {
    let closing = Bytes::from(boundary.closing());
    let part = move |(index, instance): (usize, StoredInstance)| {
        let (archive, base, boundary) = (archive.clone(), base.clone(), boundary.clone());
        async move {
            let xml = archive.xml_metadata(&instance, &base).await?;
            let location = format!("{}/metadata", location(&base, &instance.ids));
            let whole = Whole { content_type: DICOM_XML, location: Some(&location), bytes: xml.len() };
            let mut part = boundary.before_whole(parts::place(index), &whole).into_bytes();
            part.extend(xml);
            Ok::<_, RetrieveError>(Bytes::from(part))
        }
    };
    let count = instances.len();
    let mut parts =
        Box::pin(stream::iter(instances.into_iter().enumerate()).map(part).buffered(DOCUMENTS_AHEAD));
    let first = parts.next().await.transpose()?.unwrap_or_default();
    let length = (count == 1).then_some((first.len() + closing.len()) as u64);
    let all = stream::iter([Ok(first)]).chain(parts).chain(stream::iter([Ok(closing)]));
    Ok(Body::new(Streamed::new(all, length)))
}

/// The array. Its first series is ready before the status goes out, so that what fails at once is told in a status.
async fn array(archive: Archive, instances: Vec<StoredInstance>, base: String) -> Result<Body, Problem> {
    let series: Vec<Vec<StoredInstance>> =
        instances.chunk_by(|a, b| a.ids.series == b.ids.series).map(<[_]>::to_vec).collect();
    let count = series.len();
    let mut pieces = Box::pin(prepared(archive, series, base));
    let first = pieces.next().await.transpose()?.unwrap_or_default();
    let length = (count == 1).then_some(first.len() as u64 + 2);
    let open = stream::iter([Ok(Bytes::from_static(b"[")), Ok(first)]);
    let rest = pieces.flat_map(|piece| stream::iter([Ok(Bytes::from_static(b",")), piece]));
    let close = stream::iter([Ok(Bytes::from_static(b"]"))]);
    Ok(Body::new(Streamed::new(open.chain(rest).chain(close), length)))
}

/// The insides of each series' array, in order.
fn prepared(
    archive: Archive,
    series: Vec<Vec<StoredInstance>>,
    base: String,
) -> impl Stream<Item = Result<Bytes, RetrieveError>> + Send {
    stream::iter(series)
        .map(move |instances| {
            let (archive, base) = (archive.clone(), base.clone());
            async move { archive.series_metadata(&instances, &base).await }
        })
        .buffered(SERIES_AHEAD)
}
