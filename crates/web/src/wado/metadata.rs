//! Metadata as DICOM JSON (PS3.18 §10.4.1.1.2): one array over all instances, series by series, while the next
//! series is being prepared.

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

use super::{absent, etag};
use crate::accept::{self, DICOM_JSON, JSON};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::streamed::Streamed;
use crate::target::Target;

/// Series that are prepared at once.
const SERIES_AHEAD: usize = 2;

/// Answers with the metadata of what the path names.
pub(crate) async fn metadata(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let selected = accept::select(&[DICOM_JSON, JSON], headers, uri.query(), door.config.missing_accept)?;
    let instances = door.archive.select(&principal, &target.selection()).await?;
    if instances.is_empty() {
        return Err(absent(&door, &principal, &target).await?);
    }
    let base = base_url(&door.config, uri, headers);
    let mut maker = etag::Maker::new("metadata", &base);
    for instance in &instances {
        maker.add(instance, &instance.transfer_syntax);
    }
    let tag = etag::header(&maker.finish());
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let mut response = Response::new(array(door.archive.clone(), instances, base).await?);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(selected.offer.essence));
    headers.insert(ETAG, tag);
    Ok(response)
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
