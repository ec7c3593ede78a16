//! All bulk data (PS3.18 §10.4.1.1.5) or all pixel data (§10.4.1.1.6) of a study, a series or an instance: a part for
//! each value, or for each coded frame, under the URI that the metadata give it (§10.4.3.3.5, §10.4.3.3.6).

mod forms;
mod giving;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use causeway_archive::RetrieveError;
use causeway_core::Principal;
use futures_util::{StreamExt, stream};

use super::ranged::put;
use super::{absent, etag};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::multipart::write::Boundary;
use crate::problem::Problem;
use crate::streamed::Streamed;
use crate::target::Target;
use forms::Forms;
use giving::{Giving, Lot};

/// What is given of each instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every value that its metadata name by a BulkDataURI.
    All,
    /// Its pixel data, those of icons and the like not among them.
    Pixels,
}

/// Answers with all bulk data of what the path names.
pub(crate) async fn all_bulkdata(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    give(&door, &principal, &target, Extent::All, (request.uri(), request.headers())).await
}

/// Answers with all pixel data of what the path names.
pub(crate) async fn all_pixeldata(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    give(&door, &principal, &target, Extent::Pixels, (request.uri(), request.headers())).await
}

/// Answers with what there is of that extent at `target`. `asked`: where, and with which header fields.
pub(super) async fn give(
    door: &Door,
    principal: &Principal,
    target: &Target,
    extent: Extent,
    asked: (&Uri, &HeaderMap),
) -> Result<Response, Problem> {
    let (uri, headers) = asked;
    let instances = door.archive.select(principal, &target.selection()).await?;
    if instances.is_empty() {
        return Err(absent(door, principal, target).await?);
    }
    let stored = instances.iter().map(|instance| &instance.transfer_syntax);
    let forms = Forms::choose(stored, headers, uri.query(), door.config.missing_accept)?;
    let base = base_url(&door.config, uri, headers);
    let mut maker = etag::Maker::new(&format!("all {extent:?}"), &base);
    for instance in &instances {
        maker.add(instance, &instance.transfer_syntax);
        maker.note(&forms.noted(&instance.transfer_syntax));
    }
    let digest = maker.finish();
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let lot = Arc::new(Lot { archive: door.archive.clone(), extent, forms, base });
    let is_partial = lot.leaves_out(&instances).await?;
    let boundary = Boundary::of(digest);
    let mut giving = Giving::new(Arc::clone(&lot), instances, boundary.clone());
    // The first part's first bytes are read before the status goes out, so that what fails at once is told in a status.
    let (head, first) = (giving.next().await?, giving.next().await?);
    let Some(media) = giving.root() else {
        return Err(if is_partial { lot.forms.refusal() } else { nothing_there(extent, target) });
    };
    let rest = stream::try_unfold(giving, |mut giving| async {
        Ok::<_, RetrieveError>(giving.next().await?.map(|bytes| (bytes, giving)))
    });
    let all = stream::iter([head, first].into_iter().flatten().map(Ok)).chain(rest);
    let mut response = Response::new(Body::new(Streamed::new(Box::pin(all), None)));
    let headers = response.headers_mut();
    put(headers, CONTENT_TYPE, boundary.content_type(media));
    headers.insert(ETAG, tag);
    if is_partial {
        say_that_some_is_missing(&mut response, &lot.base);
    }
    Ok(response)
}

fn nothing_there(extent: Extent, target: &Target) -> Problem {
    let what = match extent {
        Extent::All => "bulk data",
        Extent::Pixels => "pixel data",
    };
    Problem::not_found(format!("the {} has no {what}", target.noun()))
}

/// 206, with words to it (PS3.18 §8.5).
fn say_that_some_is_missing(response: &mut Response, base: &str) {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let text = format!("299 {base}: some values cannot be given in a form that was asked for");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WARNING, value);
    }
}
