//! Rendered resources (PS3.18 §10.4.1.1.3, §10.4.1.1.4): instances and frames as JPEG, PNG or GIF, one by itself or
//! several in `multipart/related`, and one small picture that stands for a study, a series, an instance or a frame;
//! documents, reports and videos of single instances.

mod category;
mod cine;
mod document;
mod parse;
mod show;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use causeway_archive::{Pictures, RenderedError};
use causeway_core::transfer_syntax::Plain;
use causeway_core::{Principal, StoredInstance};
use causeway_dataset::render::{
    Annotations, Coding, Profile, Quality, Region, RenderError, Viewport, Wanted,
};

use super::frames::FrameList;
use super::{absent, etag};
use crate::accept::{self, FOR_FRAMES, FOR_PICTURE, FOR_PICTURES, FOR_THUMBNAIL, Offer};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::target::Target;
use category::Category;
use parse::Kind;
pub(crate) use parse::{OF_A_PICTURE, OF_A_THUMBNAIL};
use show::{Exhibit, Show};

/// Sides of a thumbnail for which no viewport is asked, in pixels: too small to read what is burned in.
const THUMBNAIL_SIDE: u32 = 128;
/// Instances that are tried for a thumbnail, from the middle outwards.
const MAX_TRIED: usize = 32;

/// Answers with the pictures of what the path names.
pub(crate) async fn rendered(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let request = request.into_parts().0;
    let (uri, headers) = (&request.uri, &request.headers);
    let parameters = parse::parse(uri.query().unwrap_or_default(), Kind::Rendered)?;
    let frames = frames_in(&path)?;
    let instances = selected(&door, &principal, &target).await?;
    if let ([instance], None) = (instances.as_slice(), &frames) {
        match Category::of(instance) {
            Category::Image => {}
            Category::Document(media) => return document::document(&door, instance, media, &request).await,
            Category::Report => return document::report(&door, instance, &request).await,
            Category::Video(stream) => return document::video(&door, instance, stream, &request).await,
        }
    }
    let all = instances.len();
    let (mut exhibits, count) = exhibits(&door, instances, frames, parameters.profile).await?;
    let left_out = all - exhibits.len();
    let offers = match count {
        Count::One => FOR_PICTURE,
        Count::Frames => FOR_FRAMES,
        Count::Instances => FOR_PICTURES,
    };
    let offer = accept::select(offers, headers, uri.query(), door.config.missing_accept)?.offer;
    let wanted = Wanted {
        window: parameters.window,
        viewport: parameters.viewport,
        coding: coding(offer, parameters.quality),
        annotations: parameters.annotations,
    };
    if wanted.coding == Coding::Gif && parameters.profile != Profile::None {
        return Err(Problem::bad_request("a GIF has no place for a colour profile (PS3.18 §8.3.5.1.5)"));
    }
    let base = base_url(&door.config, uri, headers);
    let kind = format!("{base} {:?}", parameters.profile);
    let digest = digest_of(&exhibits, offer, &wanted, &kind);
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let mut response = match (offer.root, count) {
        (None, Count::Frames) => film(&door, exhibits.pop(), wanted).await?,
        (root, _) => {
            let show = Show::new(door.archive.clone(), exhibits, wanted, parameters.profile, base.clone());
            match root {
                None => single(show, offer.essence).await?,
                Some(media) => show::multipart(show, media, digest).await?,
            }
        }
    };
    response.headers_mut().insert(ETAG, tag);
    if left_out > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        say_what_is_missing(response.headers_mut(), &base, left_out);
    }
    Ok(response)
}

/// Answers with a small picture that stands for what the path names.
pub(crate) async fn thumbnail(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let parameters = parse::parse(uri.query().unwrap_or_default(), Kind::Thumbnail)?;
    let frames = frames_in(&path)?;
    let offer = accept::select(FOR_THUMBNAIL, headers, uri.query(), door.config.missing_accept)?.offer;
    let instances = selected(&door, &principal, &target).await?;
    let (instance, mut pictures) = representative(&door, instances).await?;
    let frame = match frames {
        Some(list) => {
            list.check(pictures.count())?;
            list.0.get((list.0.len() - 1) / 2).copied()
        }
        None => NonZeroU32::new(pictures.count().div_ceil(2)),
    };
    let frame = frame.unwrap_or(NonZeroU32::MIN);
    let viewport =
        parameters.viewport.or_else(|| Viewport::new(THUMBNAIL_SIDE, THUMBNAIL_SIDE, Region::default()));
    let annotations = Annotations::default();
    let wanted = Wanted { window: None, viewport, coding: coding(offer, None), annotations };
    let exhibit = Exhibit::of(instance, Some(FrameList(vec![frame])));
    let tag = etag::header(&digest_of(std::slice::from_ref(&exhibit), offer, &wanted, "thumbnail"));
    if let Some(response) = etag::not_modified(headers, &tag) {
        return Ok(response);
    }
    let picture = pictures.picture(frame, &wanted).await.map_err(problem)?;
    let mut response = Response::new(Body::from(picture));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(offer.essence));
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

/// The frames that the path names, where it names any.
fn frames_in(path: &RawPathParams) -> Result<Option<FrameList>, Problem> {
    let list = path.iter().find(|(name, _)| *name == "frames");
    list.map(|(_, list)| FrameList::parse(list)).transpose()
}

async fn selected(
    door: &Door,
    principal: &Principal,
    target: &Target,
) -> Result<Vec<StoredInstance>, Problem> {
    let instances = door.archive.select(principal, &target.selection()).await?;
    if instances.is_empty() { Err(absent(door, principal, target).await?) } else { Ok(instances) }
}

/// How many pictures an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    One,
    /// Several of one instance.
    Frames,
    /// Those of several instances.
    Instances,
}

/// What is shown of the instances, but for those of several whose syntax has no decoder. Only of a single instance it is
/// known ahead how many frames it has.
async fn exhibits(
    door: &Door,
    instances: Vec<StoredInstance>,
    frames: Option<FrameList>,
    profile: Profile,
) -> Result<(Vec<Exhibit>, Count), Problem> {
    let instance = match <[StoredInstance; 1]>::try_from(instances) {
        Ok([instance]) => instance,
        Err(instances) => {
            let first = instances.first().cloned();
            let shown = instances.into_iter().filter(|it| Plain::of(&it.transfer_syntax).is_some());
            let mut exhibits: Vec<Exhibit> = shown.map(|instance| Exhibit::of(instance, None)).collect();
            if exhibits.is_empty() {
                // It says itself why there is no picture of it.
                exhibits.extend(first.map(|instance| Exhibit::of(instance, None)));
            }
            return Ok((exhibits, Count::Instances));
        }
    };
    let mut exhibit = Exhibit::of(instance, frames);
    let count = match &exhibit.frames {
        Some(list) => list.0.len(),
        None => {
            let pictures = door.archive.pictures(&exhibit.instance, profile).await.map_err(problem)?;
            let count = pictures.count() as usize;
            exhibit.pictures = Some(pictures);
            count
        }
    };
    let count = if count == 1 { Count::One } else { Count::Frames };
    Ok((vec![exhibit], count))
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

fn coding(offer: Offer, quality: Option<Quality>) -> Coding {
    match offer.root.unwrap_or(offer.essence) {
        "image/png" => Coding::Png,
        "image/gif" => Coding::Gif,
        _ => Coding::Jpeg(quality.unwrap_or(Quality::DEFAULT)),
    }
}

/// A digest over all that decides what the answer is.
fn digest_of(exhibits: &[Exhibit], offer: Offer, wanted: &Wanted, base: &str) -> [u8; 32] {
    let mut maker = etag::Maker::new(&format!("{offer:?} {wanted:?}"), base);
    for exhibit in exhibits {
        maker.add(&exhibit.instance, &exhibit.instance.transfer_syntax);
        maker.note(&format!("{:?}", exhibit.frames));
    }
    maker.finish()
}

async fn single(mut show: Show, media: &'static str) -> Result<Response, Problem> {
    let Some(picture) = show.next().await? else {
        return Err(Problem::not_acceptable("the instance has no pixels"));
    };
    let mut response = Response::new(Body::from(picture.bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    Ok(response)
}

/// Frames of an instance as one GIF that moves.
async fn film(door: &Door, exhibit: Option<Exhibit>, wanted: Wanted) -> Result<Response, Problem> {
    let Some(Exhibit { instance, frames, pictures }) = exhibit else {
        return Err(Problem::not_acceptable("the instance has no pixels"));
    };
    let pictures = match pictures {
        Some(pictures) => pictures,
        None => door.archive.pictures(&instance, Profile::None).await.map_err(problem)?,
    };
    let frames = match frames {
        Some(list) => {
            list.check(pictures.count())?;
            list.0
        }
        None => (1..=pictures.count()).filter_map(NonZeroU32::new).collect(),
    };
    cine::film(pictures, frames, wanted).await
}

/// Says that some have no picture here: PS3.18 §8.5 has 206 for that.
fn say_what_is_missing(headers: &mut HeaderMap, base: &str, left_out: usize) {
    let text =
        format!("299 {base}: {left_out} instances are stored in a transfer syntax that is not decoded here");
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(WARNING, value);
    }
}

/// What is without pixels has no representation of a rendered type (PS3.18 §8.7.8.1).
fn problem(error: RenderedError) -> Problem {
    match error {
        RenderedError::Retrieve(error) => error.into(),
        RenderedError::Render(error @ RenderError::Viewport(_)) => Problem::bad_request(error.to_string()),
        RenderedError::Render(error) => Problem::not_acceptable(error.to_string()),
    }
}
