//! Frames of one instance as a film: one `image/gif` that moves, made and sent frame by frame.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU32;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::Pictures;
use causeway_dataset::render::{Coding, FilmPart, Wanted};
use futures_util::{StreamExt, stream};

use super::problem;
use crate::accept::Offer;
use crate::problem::Problem;

/// Media type of a film.
pub(super) const FILM: Offer = Offer { essence: "image/gif", root: None };
/// Most frames of a film.
pub(super) const MAX_FILM_FRAMES: usize = 2_000;
/// Most pixels of all frames of a film together: as many as 2,000 frames of 512 by 512 have, nearly.
pub(super) const MAX_FILM_PIXELS: u64 = 512 * 1024 * 1024;
/// What stands at the end of a GIF.
const TRAILER: &[u8] = b"\x3B";

/// Frames that are still to come.
struct Reel {
    pictures: Pictures,
    frames: VecDeque<NonZeroU32>,
    wanted: Wanted,
    part: FilmPart,
}

impl Reel {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(frame) = self.frames.pop_front() else { return Ok(None) };
        self.wanted.coding = Coding::Film(self.part);
        self.part = FilmPart::Later;
        self.pictures.picture(frame, &self.wanted).await.map(Some).map_err(problem)
    }
}

/// The film of these frames. Its first is made before the status goes out, so that what fails at once is told in a
/// status.
pub(super) async fn film(
    pictures: Pictures,
    frames: Vec<NonZeroU32>,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let pixels = pictures.pixels(&wanted).saturating_mul(frames.len() as u64);
    if frames.len() > MAX_FILM_FRAMES || pixels > MAX_FILM_PIXELS {
        return Err(Problem::not_acceptable(format!(
            "a film has at most {MAX_FILM_FRAMES} frames and {MAX_FILM_PIXELS} pixels in all of them: ask for fewer \
             frames, for a smaller viewport, or for multipart/related"
        )));
    }
    pictures.check(frames.iter().copied())?;
    let mut reel = Reel { pictures, frames: frames.into(), wanted, part: FilmPart::First };
    let first = reel.next().await?.unwrap_or_default();
    let rest = stream::try_unfold(reel, |mut reel| async {
        let next = reel.next().await.map_err(|problem| io::Error::other(problem.detail().to_owned()))?;
        Ok(next.map(|bytes| (bytes, reel)))
    });
    let whole = stream::iter([Ok::<_, io::Error>(first)])
        .chain(rest)
        .chain(stream::iter([Ok(Bytes::from_static(TRAILER))]));
    let mut response = Response::new(Body::from_stream(whole));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FILM.essence));
    Ok(response)
}
