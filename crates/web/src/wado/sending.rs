//! Frames on their way out: part after part, or all of them as one; one frame is in memory at a time.

use std::num::NonZeroU32;
use std::vec;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LOCATION, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{Frames, RetrieveError};
use futures_util::{StreamExt, stream};

use super::again::Again;
use super::parts::place;
use super::pixels::{Content, Form};
use crate::multipart::write::{Boundary, Part, Place};
use crate::problem::Problem;
use crate::streamed::Streamed;

/// How frames are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Each is a part.
    Each,
    /// Together they are one.
    Together,
}

/// Frames that go out.
pub(super) struct Sending {
    pub(super) frames: Frames,
    /// Which, in this order.
    pub(super) numbers: Vec<NonZeroU32>,
    pub(super) form: Form,
    pub(super) packing: Packing,
    /// URL of what is sent; where each frame is a part, the number of the frame is put behind it.
    pub(super) location: String,
}

/// What is left to send.
pub(super) struct Run {
    sending: Sending,
    boundary: Boundary,
    numbers: vec::IntoIter<NonZeroU32>,
    again: Again,
    /// Where the next part stands.
    place: Place,
    /// Whether a frame has gone out.
    is_begun: bool,
    /// Bytes that go out before the next frame is read.
    ready: Option<Bytes>,
    is_closed: bool,
}

impl Sending {
    /// The answer. Its first frame is read, and decoded where need be, and the others are looked for before the status
    /// goes out, so that what fails at once is told in a status.
    pub(super) async fn answer(mut self, boundary: Boundary) -> Result<Response, Problem> {
        let numbers = std::mem::take(&mut self.numbers);
        self.frames.check(numbers.iter().copied())?;
        let length = self.length(&numbers, &boundary);
        let content_type = if self.form.is_multipart {
            boundary.content_type(self.form.media)
        } else {
            format!("{}; transfer-syntax={}", self.form.media, self.form.transfer_syntax)
        };
        let is_one = numbers.len() == 1;
        let location =
            if self.form.is_multipart { None } else { numbers.first().map(|one| self.location_of(*one)) };
        let is_closed = !self.form.is_multipart;
        let mut run = Run::new(self, numbers, boundary, Place::First);
        run.is_closed = is_closed;
        let first = run.next().await?.unwrap_or_default();
        // A frame by itself is all there is, and is at hand.
        let length = if is_closed && is_one { Some(first.len() as u64) } else { length };
        let rest = stream::try_unfold(run, |mut run| async {
            Ok::<_, RetrieveError>(run.next().await?.map(|bytes| (bytes, run)))
        });
        let all = stream::once(async { Ok(first) }).chain(rest);
        let mut response = Response::new(Body::new(Streamed::new(Box::pin(all), length)));
        let headers = response.headers_mut();
        for (name, value) in [(CONTENT_TYPE, Some(content_type)), (CONTENT_LOCATION, location)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        Ok(response)
    }

    /// The parts of these frames among those of others, the first of which stands at `place`.
    ///
    /// # Errors
    /// When the pixel data do not hold all of them.
    pub(super) fn among(mut self, boundary: Boundary, place: Place) -> Result<Run, RetrieveError> {
        let numbers = std::mem::take(&mut self.numbers);
        self.frames.check(numbers.iter().copied())?;
        Ok(Run::new(self, numbers, boundary, place))
    }

    fn location_of(&self, number: NonZeroU32) -> String {
        match self.packing {
            Packing::Each => format!("{}/{number}", self.location),
            Packing::Together => self.location.clone(),
        }
    }

    /// What stands before a part.
    fn before(&self, boundary: &Boundary, place: Place, number: NonZeroU32, bytes: Option<u64>) -> String {
        let location = self.location_of(number);
        let Form { media, transfer_syntax, .. } = &self.form;
        boundary.before(place, &Part { media, transfer_syntax, location: &location, bytes })
    }

    /// Bytes of all frames together, where they are samples and so known ahead.
    fn sample_bytes(&self, frames: usize) -> Option<u64> {
        let is_known = self.form.content == Content::Samples;
        is_known.then(|| self.frames.sample_bytes().saturating_mul(frames as u64))
    }

    /// Bytes of the whole answer, where they are known ahead.
    fn length(&self, numbers: &[NonZeroU32], boundary: &Boundary) -> Option<u64> {
        let samples = self.sample_bytes(numbers.len())?;
        if !self.form.is_multipart {
            return Some(samples);
        }
        let parts = match self.packing {
            Packing::Each => numbers,
            Packing::Together => numbers.get(..1)?,
        };
        let each = samples / parts.len().max(1) as u64;
        let before = |(index, number): (usize, &NonZeroU32)| {
            self.before(boundary, place(index), *number, Some(each)).len() as u64
        };
        let heads: u64 = parts.iter().enumerate().map(before).sum();
        Some(heads + samples + boundary.closing().len() as u64)
    }

    async fn frame(&mut self, number: NonZeroU32) -> Result<Bytes, RetrieveError> {
        match self.form.content {
            Content::Samples => self.frames.samples(number).await,
            Content::Coded => self.frames.stored(number).await,
        }
    }
}

impl Run {
    fn new(sending: Sending, numbers: Vec<NonZeroU32>, boundary: Boundary, place: Place) -> Self {
        let again = Again::among(&numbers);
        let numbers = numbers.into_iter();
        Self { sending, boundary, numbers, again, place, is_begun: false, ready: None, is_closed: true }
    }

    /// The frame, which is decoded once however often it is asked for.
    async fn frame(&mut self, number: NonZeroU32) -> Result<Bytes, RetrieveError> {
        if let Some(bytes) = self.again.take(number) {
            return Ok(bytes);
        }
        let bytes = self.sending.frame(number).await?;
        self.again.keep(number, &bytes);
        Ok(bytes)
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When a frame cannot be read or decoded.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        let Some(number) = self.numbers.next() else {
            let closing = (!self.is_closed).then(|| Bytes::from(self.boundary.closing()));
            self.is_closed = true;
            return Ok(closing);
        };
        let bytes = self.frame(number).await?;
        let is_part = self.sending.packing == Packing::Each || !self.is_begun;
        self.is_begun = true;
        if !self.sending.form.is_multipart || !is_part {
            return Ok(Some(bytes));
        }
        let length = match self.sending.packing {
            Packing::Each => Some(bytes.len() as u64),
            Packing::Together => match self.sending.sample_bytes(self.numbers.len() + 1) {
                None if self.numbers.len() == 0 => Some(bytes.len() as u64),
                known => known,
            },
        };
        let before = self.sending.before(&self.boundary, self.place, number, length);
        self.place = Place::Later;
        self.ready = Some(bytes);
        Ok(Some(Bytes::from(before)))
    }
}
