//! Rendered resources (PS3.18 §10.4.1.1.3, §10.4.1.1.4): instances and frames as JPEG, PNG or GIF, one by itself or
//! several in `multipart/related`; documents, reports and videos of single instances. The URI service (§9.5) gives the
//! same, one at a time.

mod ask;
mod category;
mod cine;
mod document;
mod parse;
mod scene;
mod show;
mod thumbnail;

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use causeway_archive::RenderedError;
use causeway_core::StoredInstance;
use causeway_dataset::render::{Coding, Profile, Quality, RenderError, Wanted};

use super::frames::FrameList;
use super::{absent, etag};
use crate::accept::{FOR_FRAMES, FOR_PICTURE, FOR_PICTURES, FOR_THUMBNAIL, Offer};
use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::target::Target;
pub(super) use ask::{Ask, Service};
use category::Category;
use parse::Kind;
pub(crate) use parse::{OF_A_PICTURE, OF_A_THUMBNAIL};
pub(super) use parse::{Parameters, annotations, decimal, quality, whole};
use scene::{Count, Scene, scene};
use show::{Exhibit, Show};
pub(crate) use thumbnail::thumbnail;

/// Answers with the pictures of what the path names.
pub(crate) async fn rendered(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let request = request.into_parts().0;
    answer(Ask::restful(&door, &principal, target, &path, &request, Kind::Rendered)?).await
}

/// Answers with what is asked for.
pub(super) async fn answer(ask: Ask<'_>) -> Result<Response, Problem> {
    let instances = selected(&ask).await?;
    if let ([instance], None) = (instances.as_slice(), &ask.frames) {
        match Category::of(instance) {
            Category::Image => {}
            Category::Document(media) => return document::document(&ask, instance, media).await,
            Category::Clinical => return document::clinical(&ask, instance).await,
            Category::Report => return document::report(&ask, instance).await,
            Category::Video(stream) => return document::video(&ask, instance, stream).await,
        }
    }
    let mut scene = scene(&ask, instances).await?;
    let offer = ask.choose(offers(&ask, scene.count)?)?;
    let parameters = &ask.parameters;
    let wanted = Wanted {
        window: parameters.window,
        viewport: parameters.viewport,
        coding: coding(offer, parameters.quality),
        annotations: parameters.annotations,
    };
    if wanted.coding == Coding::Gif {
        if parameters.profile.is_some_and(|profile| profile != Profile::None) {
            return Err(Problem::bad_request("a GIF has no place for a colour profile (PS3.18 §8.3.5.1.5)"));
        }
        scene.profile = Profile::None;
    }
    let left_out = if ask.is_restful() || wanted.coding == Coding::Gif { 0 } else { scene.only_first() };
    let base = ask.base();
    let kind = format!("{base} {:?}", scene.profile);
    let digest = digest_of(&scene.exhibits, scene.state.as_ref(), offer, &wanted, &kind);
    let tag = etag::header(&digest);
    if let Some(response) = etag::not_modified(ask.headers, &tag) {
        return Ok(response);
    }
    let mut response = match (offer.root, scene.count) {
        (None, Count::Frames) => film(&ask, scene.exhibits.pop(), wanted).await?,
        (root, _) => {
            let archive = ask.door.archive.clone();
            let exhibits = std::mem::take(&mut scene.exhibits);
            let show = Show::new(archive, exhibits, wanted, scene.profile, base.clone());
            match root {
                None => single(show, offer.essence).await?,
                Some(media) => show::multipart(show, media, digest).await?,
            }
        }
    };
    response.headers_mut().insert(ETAG, tag);
    say_what_is_missing(&mut response, &base, &scene, left_out);
    Ok(response)
}

/// The forms that there are of so many pictures.
fn offers(ask: &Ask<'_>, count: Count) -> Result<&'static [Offer], Problem> {
    match (count, ask.is_restful()) {
        (Count::One, _) => Ok(FOR_PICTURE),
        (Count::Frames, true) => Ok(FOR_FRAMES),
        // One of the frames, or all of them as one picture that moves.
        (Count::Frames, false) => Ok(FOR_THUMBNAIL),
        (Count::Instances, true) => Ok(FOR_PICTURES),
        (Count::Instances, false) => Err(Problem::not_acceptable(
            "these are several pictures, which the URI service has no form for: they can be had over WADO-RS",
        )),
    }
}

impl Scene {
    /// Leaves only the first picture of several, and says how many are left out.
    fn only_first(&mut self) -> usize {
        if self.count != Count::Frames {
            return 0;
        }
        self.count = Count::One;
        let Some(exhibit) = self.exhibits.first_mut() else { return 0 };
        let pictures = exhibit.pictures.as_ref().map(|pictures| pictures.count() as usize);
        let named = exhibit.frames.as_ref().map(|list| list.0.len());
        let first = exhibit.frames.as_ref().and_then(|list| list.0.first().copied());
        exhibit.frames = Some(FrameList(vec![first.unwrap_or(NonZeroU32::MIN)]));
        named.or(pictures).unwrap_or(1).saturating_sub(1)
    }
}

async fn selected(ask: &Ask<'_>) -> Result<Vec<StoredInstance>, Problem> {
    let instances = ask.door.archive.select(ask.principal, &ask.target.selection()).await?;
    if instances.is_empty() {
        Err(absent(ask.door, ask.principal, &ask.target).await?)
    } else {
        Ok(instances)
    }
}

fn coding(offer: Offer, quality: Option<Quality>) -> Coding {
    match offer.root.unwrap_or(offer.essence) {
        "image/png" => Coding::Png,
        "image/gif" => Coding::Gif,
        _ => Coding::Jpeg(quality.unwrap_or(Quality::DEFAULT)),
    }
}

/// A digest over all that decides what the answer is.
fn digest_of(
    exhibits: &[Exhibit],
    state: Option<&StoredInstance>,
    offer: Offer,
    wanted: &Wanted,
    base: &str,
) -> [u8; 32] {
    let mut maker = etag::Maker::new(&format!("{offer:?} {wanted:?}"), base);
    for exhibit in exhibits {
        maker.add(&exhibit.instance, &exhibit.instance.transfer_syntax);
        maker.note(&format!("{:?}", exhibit.frames));
    }
    if let Some(state) = state {
        maker.add(state, &state.transfer_syntax);
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
async fn film(ask: &Ask<'_>, exhibit: Option<Exhibit>, wanted: Wanted) -> Result<Response, Problem> {
    let Some(Exhibit { instance, frames, pictures, state }) = exhibit else {
        return Err(Problem::not_acceptable("the instance has no pixels"));
    };
    let pictures = match pictures {
        Some(pictures) => pictures,
        None => {
            let opened = ask.door.archive.presented(&instance, Profile::None, state.as_ref());
            opened.await.map_err(problem)?
        }
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

/// Says that some have no picture here: PS3.18 §8.5 has 206 for that. That a picture stands for several frames is only
/// said: it is all that was asked for.
fn say_what_is_missing(response: &mut Response, base: &str, scene: &Scene, left_out: usize) {
    let (not_decoded, not_kept) = (scene.not_decoded, scene.not_kept);
    if not_decoded + not_kept > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    for (count, words) in [
        (not_decoded, "instances are stored in a transfer syntax that is not decoded here"),
        (not_kept, "images that the presentation state refers to are not here"),
        (left_out, "more frames can be had, each with frameNumber, or all of them as image/gif"),
    ] {
        if count > 0 {
            warn(response.headers_mut(), &format!("299 {base}: {count} {words}"));
        }
    }
}

fn warn(headers: &mut HeaderMap, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.append(WARNING, value);
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
