//! One small picture that stands for a study, a series, an instance or a frame (PS3.18 §10.4.1.1.4).

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::response::Response;
use causeway_archive::Pictures;
use causeway_core::StoredInstance;
use causeway_dataset::render::{Annotations, Profile, Region, Viewport, Wanted};

use super::super::etag;
use super::super::frames::FrameList;
use super::ask::Ask;
use super::parse::Kind;
use super::show::Exhibit;
use super::{coding, problem, selected};
use crate::accept::FOR_THUMBNAIL;
use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::target::Target;

/// Sides of a thumbnail for which no viewport is asked, in pixels: too small to read what is burned in.
const THUMBNAIL_SIDE: u32 = 128;
/// Instances that are tried for a thumbnail, from the middle outwards.
const MAX_TRIED: usize = 32;

/// Answers with a small picture that stands for what the path names.
pub(crate) async fn thumbnail(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let request = request.into_parts().0;
    let ask = Ask::restful(&door, &principal, target, &path, &request, Kind::Thumbnail)?;
    let offer = ask.choose(FOR_THUMBNAIL)?;
    let instances = selected(&ask).await?;
    let (instance, mut pictures) = representative(&door, instances).await?;
    let frame = match &ask.frames {
        Some(list) => {
            list.check(pictures.count())?;
            list.0.get((list.0.len() - 1) / 2).copied()
        }
        None => NonZeroU32::new(pictures.count().div_ceil(2)),
    };
    let frame = frame.unwrap_or(NonZeroU32::MIN);
    let small = || Viewport::new(THUMBNAIL_SIDE, THUMBNAIL_SIDE, Region::default());
    let viewport = ask.parameters.viewport.or_else(small);
    let annotations = Annotations::default();
    let wanted = Wanted { window: None, viewport, coding: coding(offer, None), annotations };
    let exhibit = Exhibit::of(instance, Some(FrameList(vec![frame])));
    let digest = super::digest_of(std::slice::from_ref(&exhibit), None, offer, &wanted, "thumbnail");
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(ask.headers, &tag) {
        return Ok(response);
    }
    let picture = pictures.picture(frame, &wanted).await.map_err(problem)?;
    let mut response = Response::new(Body::from(picture));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(offer.essence));
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

/// The instance in the middle, or the nearest to it that has pixels.
async fn representative(
    door: &Door,
    mut instances: Vec<StoredInstance>,
) -> Result<(StoredInstance, Pictures), Problem> {
    let mut last = Problem::not_acceptable("nothing here has pixels");
    for _ in 0..MAX_TRIED {
        if instances.is_empty() {
            break;
        }
        let instance = instances.remove((instances.len() - 1) / 2);
        match door.archive.pictures(&instance, Profile::None).await {
            Ok(pictures) => return Ok((instance, pictures)),
            Err(error) => last = problem(error),
        }
    }
    Err(last)
}
