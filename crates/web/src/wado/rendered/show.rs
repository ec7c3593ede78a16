//! Pictures one after the other, each made when the one before it was taken, and the parts of a multipart answer
//! made of them.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU32;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{Archive, Pictures, RenderedError, State};
use causeway_core::StoredInstance;
use causeway_dataset::render::{Profile, RenderError, Wanted};
use futures_util::{StreamExt, stream};

use super::super::frames::FrameList;
use super::super::location;
use super::problem;
use crate::multipart::write::{Boundary, Place, Whole};
use crate::problem::Problem;

/// What is shown of an instance.
pub(super) struct Exhibit {
    pub(super) instance: StoredInstance,
    /// Frames; none: all there are.
    pub(super) frames: Option<FrameList>,
    /// The instance, where it is open already.
    pub(super) pictures: Option<Pictures>,
    /// The presentation state that says how it looks.
    pub(super) state: Option<State>,
}

impl Exhibit {
    /// An instance that is not open yet.
    pub(super) const fn of(instance: StoredInstance, frames: Option<FrameList>) -> Self {
        Self { instance, frames, pictures: None, state: None }
    }

    /// An instance as a state says.
    pub(super) const fn presented(instance: StoredInstance, frames: Option<FrameList>, state: State) -> Self {
        Self { instance, frames, pictures: None, state: Some(state) }
    }
}

/// A picture, and where it can be had; with a presentation state it can be had nowhere else.
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    pub(super) location: Option<String>,
}

/// All pictures of an answer.
pub(super) struct Show {
    archive: Archive,
    exhibits: VecDeque<Exhibit>,
    /// Whether images that have nothing to render are passed over, since there are others.
    is_mixed: bool,
    /// What is wrong with the viewport for the first image that was passed over since it has no such region.
    unsuited: Option<Problem>,
    wanted: Wanted,
    profile: Profile,
    base: String,
    open: Option<Open>,
}

/// The instance that is being shown.
struct Open {
    pictures: Pictures,
    location: Option<String>,
    frames: VecDeque<NonZeroU32>,
}

impl Show {
    pub(super) fn new(
        archive: Archive,
        exhibits: Vec<Exhibit>,
        wanted: Wanted,
        profile: Profile,
        base: String,
    ) -> Self {
        let is_mixed = exhibits.len() > 1;
        Self {
            archive,
            exhibits: exhibits.into(),
            is_mixed,
            unsuited: None,
            wanted,
            profile,
            base,
            open: None,
        }
    }

    /// The next picture.
    pub(super) async fn next(&mut self) -> Result<Option<Picture>, Problem> {
        loop {
            if let Some(open) = &mut self.open
                && let Some(frame) = open.frames.pop_front()
            {
                let bytes = match open.pictures.picture(frame, &self.wanted).await {
                    Err(error) if self.is_mixed && has_nothing_to_render(&error) => continue,
                    Err(error) if self.is_mixed && is_outside(&error) => {
                        self.unsuited.get_or_insert_with(|| problem(error));
                        continue;
                    }
                    made => made.map_err(problem)?,
                };
                let location =
                    open.location.as_ref().map(|location| format!("{location}/frames/{frame}/rendered"));
                return Ok(Some(Picture { bytes, location }));
            }
            let Some(exhibit) = self.exhibits.pop_front() else { return Ok(None) };
            self.open = self.opened(exhibit).await?;
        }
    }

    async fn opened(&mut self, exhibit: Exhibit) -> Result<Option<Open>, Problem> {
        let pictures = match exhibit.pictures {
            Some(pictures) => pictures,
            None => {
                match self.archive.presented(&exhibit.instance, self.profile, exhibit.state.as_ref()).await {
                    Ok(pictures) => pictures,
                    Err(error) if self.is_mixed && has_nothing_to_render(&error) => return Ok(None),
                    Err(error) => return Err(problem(error)),
                }
            }
        };
        let count = pictures.count();
        let frames: VecDeque<NonZeroU32> = match exhibit.frames {
            Some(list) => {
                list.check(count)?;
                list.0.into()
            }
            None => (1..=count).filter_map(NonZeroU32::new).collect(),
        };
        pictures.check(frames.iter().copied())?;
        let location = exhibit.state.is_none().then(|| location(&self.base, &exhibit.instance.ids));
        Ok(Some(Open { pictures, location, frames }))
    }
}

/// Whether the instance is of a kind that has no rendered representation, which is no failure.
const fn has_nothing_to_render(error: &RenderedError) -> bool {
    matches!(error, RenderedError::Render(RenderError::NoPixels | RenderError::NotRendered(_)))
}

/// Whether the image has nothing in the region of the viewport, where another may (PS3.18 §8.3.5.1.3).
const fn is_outside(error: &RenderedError) -> bool {
    matches!(error, RenderedError::Render(RenderError::Viewport(_)))
}

/// The answer whose parts are these pictures. The first is made before the status goes out, so that what fails at
/// once is told in a status.
pub(super) async fn multipart(
    mut show: Show,
    media: &'static str,
    digest: [u8; 32],
) -> Result<Response, Problem> {
    let Some(first) = show.next().await? else {
        let why = show.unsuited.take();
        return Err(why.unwrap_or_else(|| Problem::not_acceptable("nothing here has pixels")));
    };
    let boundary = Boundary::of(digest);
    let content_type = HeaderValue::try_from(boundary.content_type(media)).ok();
    let closing = Bytes::from(boundary.closing());
    let others = stream::try_unfold(show, |mut show| async move {
        let next = show.next().await.map_err(|problem| {
            // The status is out: all that is left is to break off, and to say here why.
            tracing::warn!(error = problem.detail(), "an answer with pictures was broken off");
            io::Error::other(problem.detail().to_owned())
        })?;
        Ok(next.map(|picture| ((Place::Later, picture), show)))
    });
    let pictures = stream::iter([Ok::<_, io::Error>((Place::First, first))]).chain(others);
    let parts = pictures.flat_map(move |picture| {
        let chunks = match picture {
            Ok((place, Picture { bytes, location })) => {
                let whole = Whole { content_type: media, location: location.as_deref(), bytes: bytes.len() };
                vec![Ok(Bytes::from(boundary.before_whole(place, &whole))), Ok(bytes)]
            }
            Err(error) => vec![Err(error)],
        };
        stream::iter(chunks)
    });
    let all = parts.chain(stream::iter([Ok(closing)]));
    let mut response = Response::new(Body::from_stream(all));
    if let Some(value) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(response)
}
