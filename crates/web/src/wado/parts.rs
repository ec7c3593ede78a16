//! The parts of a multipart answer as a stream: while one is being sent, the next few are already being opened and
//! their first bytes read, so that a study of small instances does not wait for the disk at each of them.
//!
//! No task is spawned and nothing is read that nobody takes: it all happens when the connection asks for more.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use bytes::Bytes;
use causeway_archive::{Archive, Object, RetrieveError, Wanted};
use causeway_core::{StoredInstance, Uid};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, Stream, StreamExt};

use crate::multipart::write::{Boundary, Part, Place};

/// Parts that are opened ahead of the one being sent; each holds the first chunk of its bytes.
pub(crate) const PARTS_AHEAD: usize = 4;

/// Media type of the parts.
pub(super) const MEDIA_TYPE: &str = "application/dicom";

/// An instance in the form in which it goes out.
pub(super) struct Parcel {
    pub(super) instance: StoredInstance,
    pub(super) transfer_syntax: Uid,
    pub(super) location: String,
}

impl Parcel {
    /// The header fields of its part.
    pub(super) fn part(&self, bytes: Option<u64>) -> Part<'_> {
        let (media, transfer_syntax) = (MEDIA_TYPE, &self.transfer_syntax);
        Part { media, transfer_syntax, location: &self.location, bytes }
    }
}

/// Where the part at `index` stands.
pub(super) const fn place(index: usize) -> Place {
    if index == 0 { Place::First } else { Place::Later }
}

/// A part that is ready to go.
struct Opened {
    /// Delimiter, header fields, File Meta Information.
    head: Bytes,
    first: Option<Bytes>,
    /// What comes after the first chunk, if anything may.
    rest: Option<Object>,
}

type Opening = BoxFuture<'static, Result<Opened, RetrieveError>>;
type Reading = BoxFuture<'static, Result<Option<(Bytes, Object)>, RetrieveError>>;

/// All parts of an answer, with what stands between and behind them.
pub(super) struct PartStream {
    archive: Archive,
    boundary: Boundary,
    waiting: std::iter::Enumerate<vec::IntoIter<Parcel>>,
    opening: FuturesOrdered<Opening>,
    opened: VecDeque<Result<Opened, RetrieveError>>,
    first: Option<Bytes>,
    rest: Option<Object>,
    reading: Option<Reading>,
    ended: bool,
}

impl PartStream {
    pub(super) fn new(archive: Archive, parcels: Vec<Parcel>, boundary: Boundary) -> Self {
        Self {
            archive,
            boundary,
            waiting: parcels.into_iter().enumerate(),
            opening: FuturesOrdered::new(),
            opened: VecDeque::new(),
            first: None,
            rest: None,
            reading: None,
            ended: false,
        }
    }

    /// Keeps the next parts coming.
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        loop {
            while self.opening.len() + self.opened.len() < PARTS_AHEAD {
                let Some((index, parcel)) = self.waiting.next() else { break };
                let opening = open(self.archive.clone(), self.boundary.clone(), index, parcel);
                self.opening.push_back(Box::pin(opening));
            }
            match self.opening.poll_next_unpin(cx) {
                Poll::Ready(Some(opened)) => self.opened.push_back(opened),
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }

    /// The next bytes of the part being sent; `None` when it has no more.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RetrieveError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(object) = self.rest.take() {
            self.reading = Some(Box::pin(read(object)));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(reading.as_mut().poll(cx));
        self.reading = None;
        Poll::Ready(match read {
            Ok(Some((chunk, object))) => {
                self.rest = Some(object);
                Some(Ok(chunk))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

impl Stream for PartStream {
    type Item = Result<Bytes, RetrieveError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        this.look_ahead(cx);
        match ready!(this.poll_part(cx)) {
            Some(Ok(chunk)) => return Poll::Ready(Some(Ok(chunk))),
            Some(Err(error)) => {
                this.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
            None => {}
        }
        match this.opened.pop_front() {
            Some(Ok(Opened { head, first, rest })) => {
                (this.first, this.rest) = (first, rest);
                Poll::Ready(Some(Ok(head)))
            }
            Some(Err(error)) => {
                this.ended = true;
                Poll::Ready(Some(Err(error)))
            }
            None if this.opening.is_empty() => {
                this.ended = true;
                Poll::Ready(Some(Ok(Bytes::from(this.boundary.closing()))))
            }
            None => Poll::Pending,
        }
    }
}

async fn open(
    archive: Archive,
    boundary: Boundary,
    index: usize,
    parcel: Parcel,
) -> Result<Opened, RetrieveError> {
    let wanted = Wanted::OneOf(vec![parcel.transfer_syntax.clone()]);
    let mut object = archive.open_instance(&parcel.instance, &wanted).await?;
    let mut head = boundary.before(place(index), &parcel.part(object.file_bytes())).into_bytes();
    head.extend_from_slice(&object.file_meta);
    let first = object.chunk().await?;
    let whole = first.as_ref().map(|chunk| chunk.len() as u64) == object.data_set_bytes;
    let rest = (first.is_some() && !whole).then_some(object);
    Ok(Opened { head: Bytes::from(head), first, rest })
}

async fn read(mut object: Object) -> Result<Option<(Bytes, Object)>, RetrieveError> {
    Ok(object.chunk().await?.map(|chunk| (chunk, object)))
}
