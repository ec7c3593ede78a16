//! Pictures one after the other, each made when the one before it was taken, and the parts of a multipart answer
//! made of them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{Archive, Pictures, RenderedError};
use causeway_core::StoredInstance;
use causeway_dataset::render::{RenderError, Wanted};
use futures_util::{StreamExt, stream};

use super::super::location;
use super::problem;
use crate::problem::Problem;

/// What is shown of an instance.
pub(super) struct Exhibit {
    pub(super) instance: StoredInstance,
    /// Frames, counted from 1; none: all there are.
    pub(super) frames: Option<Vec<u32>>,
    /// The instance, where it is open already.
    pub(super) pictures: Option<Pictures>,
}

impl Exhibit {
    /// An instance that is not open yet.
    pub(super) const fn of(instance: StoredInstance, frames: Option<Vec<u32>>) -> Self {
        Self { instance, frames, pictures: None }
    }
}

/// A picture, and where it can be had.
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    pub(super) location: String,
}

/// All pictures of an answer.
pub(super) struct Show {
    archive: Archive,
    exhibits: VecDeque<Exhibit>,
    /// Whether instances without pixels are passed over, since there are others.
    is_mixed: bool,
    wanted: Wanted,
    base: String,
    open: Option<Open>,
}

/// The instance that is being shown.
struct Open {
    pictures: Pictures,
    location: String,
    frames: VecDeque<u32>,
}

impl Show {
    pub(super) fn new(archive: Archive, exhibits: Vec<Exhibit>, wanted: Wanted, base: String) -> Self {
        let is_mixed = exhibits.len() > 1;
        Self { archive, exhibits: exhibits.into(), is_mixed, wanted, base, open: None }
    }

    /// The next picture.
    pub(super) async fn next(&mut self) -> Result<Option<Picture>, Problem> {
        loop {
            if let Some(open) = &mut self.open
                && let Some(frame) = open.frames.pop_front()
            {
                let bytes = open.pictures.picture(frame, &self.wanted).await.map_err(problem)?;
                let location = format!("{}/frames/{frame}/rendered", open.location);
                return Ok(Some(Picture { bytes, location }));
            }
            let Some(exhibit) = self.exhibits.pop_front() else { return Ok(None) };
            self.open = self.opened(exhibit).await?;
        }
    }

    async fn opened(&mut self, exhibit: Exhibit) -> Result<Option<Open>, Problem> {
        let pictures = match exhibit.pictures {
            Some(pictures) => pictures,
            None => match self.archive.pictures(&exhibit.instance).await {
                Ok(pictures) => pictures,
                Err(RenderedError::Render(RenderError::NoPixels)) if self.is_mixed => return Ok(None),
                Err(error) => return Err(problem(error)),
            },
        };
        let count = pictures.frames();
        let frames: VecDeque<u32> = exhibit.frames.map_or_else(|| (1..=count).collect(), VecDeque::from);
        if let Some(frame) = frames.iter().find(|frame| **frame > count) {
            let words = format!("there is no frame {frame}, the instance has {count}");
            return Err(Problem::not_found(words));
        }
        Ok(Some(Open { pictures, location: location(&self.base, &exhibit.instance.ids), frames }))
    }
}

/// The answer whose parts are these pictures. The first is made before the status goes out, so that what fails at
/// once is told in a status.
pub(super) async fn multipart(
    mut show: Show,
    media: &'static str,
    digest: [u8; 32],
) -> Result<Response, Problem> {
    // A picture would have to know the digest of what it is made of to hold it.
    let boundary = digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let content_type = format!("multipart/related; type=\"{media}\"; boundary={boundary}");
    let Some(first) = show.next().await? else {
        return Err(Problem::not_acceptable("nothing here has pixels"));
    };
    let closing = Bytes::from(format!("--{boundary}--\r\n"));
    let head = move |picture: &Picture| {
        let (bytes, location) = (picture.bytes.len(), &picture.location);
        Bytes::from(format!(
            "--{boundary}\r\nContent-Type: {media}\r\nContent-Length: {bytes}\r\nContent-Location: {location}\r\n\r\n"
        ))
    };
    let others = stream::try_unfold(show, |mut show| async move {
        let next = show.next().await.map_err(|problem| io::Error::other(problem.detail().to_owned()))?;
        Ok(next.map(|picture| (picture, show)))
    });
    let pictures = stream::iter([Ok::<_, io::Error>(first)]).chain(others);
    let parts = pictures.flat_map(move |picture| {
        let chunks = match picture {
            Ok(picture) => vec![Ok(head(&picture)), Ok(picture.bytes), Ok(Bytes::from_static(b"\r\n"))],
            Err(error) => vec![Err(error)],
        };
        stream::iter(chunks)
    });
    let all = parts.chain(stream::iter([Ok(closing)]));
    let mut response = Response::new(Body::from_stream(all));
    if let Ok(value) = HeaderValue::try_from(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(response)
}
