//! Opening on the way in: of a range the segments that hold it are asked for, by one request.
//!
//! Where objects may be plain, what is asked for holds both: the bytes where they are in a plain object, and the segments
//! where they are in a sealed one. The magic tells which it is.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use object_store::path::Path;
use object_store::{Extensions, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, Result};

use super::fault::Fault;
use super::form::{Cipher, HEAD_BYTES, Head, SEALED_SEGMENT_BYTES, SEGMENT_BYTES, plain_bytes};
use super::ring::Ring;
use super::{Plain, Sealed, bound_name};

/// What is wanted of an object, in its plain bytes.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    start: u64,
    /// None: to its end.
    end: Option<u64>,
}

impl Wanted {
    const ALL: Self = Self { start: 0, end: None };

    const fn first_segment(self) -> u64 {
        self.start / SEGMENT_BYTES
    }

    /// Where the first segment begins.
    const fn sealed_start(self) -> u64 {
        self.first_segment().saturating_mul(SEALED_SEGMENT_BYTES)
    }

    fn sealed_end(self) -> Option<u64> {
        self.end.map(|end| end.div_ceil(SEGMENT_BYTES).saturating_mul(SEALED_SEGMENT_BYTES))
    }

    /// What of an object of so many bytes that is.
    fn within(self, bytes: u64) -> Option<Range<u64>> {
        let end = self.end.unwrap_or(bytes).min(bytes);
        (self.start < end || (self.start == 0 && bytes == 0)).then_some(self.start..end)
    }
}

/// The bytes of an answer, as many at a time as are asked for.
struct Answer {
    chunks: BoxStream<'static, Result<Bytes>>,
    ahead: BytesMut,
}

impl Answer {
    /// The next bytes; fewer at the end.
    async fn take(&mut self, bytes: u64) -> Result<Bytes> {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.fill(wanted).await?;
        let some = wanted.min(self.ahead.len());
        Ok(self.ahead.split_to(some).freeze())
    }

    /// Reads ahead.
    async fn fill(&mut self, bytes: usize) -> Result<()> {
        while self.ahead.len() < bytes {
            let Some(chunk) = self.chunks.next().await else { break };
            self.ahead.extend_from_slice(&chunk?);
        }
        Ok(())
    }
}

/// Segments that are opened one after the other.
struct Opening {
    answer: Answer,
    cipher: Cipher,
    number: u64,
    /// What is still to be given, of all plain bytes.
    rest: Range<u64>,
}

impl Opening {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.open_next().await.map(Some)
    }

    async fn open_next(&mut self) -> Result<Bytes> {
        let (number, start) = (self.number, self.number * SEGMENT_BYTES);
        let segment = self.answer.take(SEALED_SEGMENT_BYTES).await?;
        let plain = self.cipher.open(number, &segment)?;
        let end = self.rest.end.min(start + plain.len() as u64);
        let within =
            |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX).min(plain.len());
        let given = plain.slice(within(self.rest.start.min(end))..within(end));
        (self.number, self.rest.start) = (number + 1, end);
        Ok(given)
    }

    fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        let opened =
            |mut opening: Self| async move { Ok(opening.next().await?.map(|plain| (plain, opening))) };
        stream::try_unfold(self, opened).boxed()
    }
}

/// The plain bytes of a whole object, of which so many sealed ones come, and how many they are.
pub(super) async fn open_whole(
    ring: &Ring,
    name: &str,
    sealed_bytes: u64,
    chunks: BoxStream<'static, Result<Bytes>>,
) -> Result<(u64, BoxStream<'static, Result<Bytes>>)> {
    let mut answer = Answer { chunks, ahead: BytesMut::new() };
    answer.fill(HEAD_BYTES).await?;
    let head = Head::read(&answer.ahead)?.ok_or(Fault::Plain)?;
    let bytes = plain_bytes(sealed_bytes).ok_or(Fault::Form("no object is so long"))?;
    let cipher = Cipher::of(head.clone(), &*ring.opening(&head.id).await?, name, bytes)?;
    let opening = Opening { answer, cipher, number: 0, rest: 0..bytes };
    Ok((bytes, opening.into_stream()))
}

impl Sealed {
    pub(super) async fn get(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            return self.look(path, options).await;
        }
        let wanted = match &options.range {
            None => Wanted::ALL,
            Some(GetRange::Bounded(range)) => Wanted { start: range.start, end: Some(range.end) },
            Some(GetRange::Offset(start)) => Wanted { start: *start, end: None },
            Some(GetRange::Suffix(bytes)) => {
                let whole = self.look(path, options.clone()).await?.meta.size;
                Wanted { start: whole.saturating_sub(*bytes), end: None }
            }
        };
        let asked = match self.plain {
            Plain::Refuse => wanted.sealed_start(),
            Plain::Read => wanted.sealed_start().min(wanted.start),
        };
        let range = match (wanted.sealed_end(), asked) {
            (Some(end), _) => Some(GetRange::Bounded(asked..end)),
            (None, 0) => None,
            (None, start) => Some(GetRange::Offset(start)),
        };
        let found = self.inner.get_opts(path, GetOptions { range, ..options }).await?;
        self.open(path, found, wanted, asked).await
    }

    /// Makes of an answer that begins at `asked` what is wanted. The first segment is opened before this returns: what is
    /// wrong is told before a chunk is waited for.
    async fn open(&self, path: &Path, found: GetResult, wanted: Wanted, asked: u64) -> Result<GetResult> {
        if found.range.start != asked {
            return Err(Fault::Form("the store gave other bytes than it was asked for").into());
        }
        let (meta, attributes) = (found.meta.clone(), found.attributes.clone());
        let mut answer = Answer { chunks: found.into_stream(), ahead: BytesMut::new() };
        let skipped = answer.take(wanted.sealed_start() - asked).await?;
        answer.fill(HEAD_BYTES).await?;
        let mut kept = self.kept_as(&answer.ahead)?;
        if wanted.sealed_start() > 0 && matches!(kept, Kept::Plain) {
            // A segment that lost its magic, or is beyond the end, is none of a plain object: the beginning decides.
            kept = self.begin(path, GetOptions::default()).await?.1;
        }
        let stored_bytes = meta.size;
        let mut opened = GetResult {
            payload: GetResultPayload::Stream(stream::empty().boxed()),
            meta,
            range: 0..0,
            attributes,
            extensions: Extensions::new(),
        };
        match kept {
            Kept::Plain => {
                opened.range = wanted.within(stored_bytes).ok_or_else(|| beyond(wanted, stored_bytes))?;
                let chunks = stream::iter([Ok(skipped), Ok(answer.ahead.freeze())]).chain(answer.chunks);
                let skip = opened.range.start - asked;
                let plain = cut(chunks.boxed(), skip, opened.range.end - opened.range.start);
                opened.payload = GetResultPayload::Stream(plain);
            }
            Kept::Sealed(head) => {
                let bytes = plain_bytes(stored_bytes).ok_or(Fault::Form("no object is so long"))?;
                opened.range = wanted.within(bytes).ok_or_else(|| beyond(wanted, bytes))?;
                opened.meta.size = bytes;
                let key = self.ring.opening(&head.id).await?;
                let cipher = Cipher::of(head, &key, &bound_name(path), bytes)?;
                let (number, rest) = (wanted.first_segment(), opened.range.clone());
                let mut opening = Opening { answer, cipher, number, rest };
                let first = opening.open_next().await?;
                let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
                opened.payload = GetResultPayload::Stream(first.chain(opening.into_stream()).boxed());
            }
        }
        Ok(opened)
    }

    /// How long an object is: its first bytes say it, so they are asked for in place of nothing.
    async fn look(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (mut found, kept) = self.begin(path, options).await?;
        if let Kept::Sealed(_) = kept {
            found.meta.size = plain_bytes(found.meta.size).ok_or(Fault::Form("no object is so long"))?;
        }
        Ok(found)
    }

    /// What is told of an object, without its bytes, and how it is kept.
    async fn begin(&self, path: &Path, options: GetOptions) -> Result<(GetResult, Kept)> {
        let range = Some(GetRange::Bounded(0..HEAD_BYTES as u64));
        let found = self.inner.get_opts(path, GetOptions { range, head: false, ..options }).await?;
        let told = GetResult {
            payload: GetResultPayload::Stream(stream::empty().boxed()),
            meta: found.meta.clone(),
            range: 0..0,
            attributes: found.attributes.clone(),
            extensions: Extensions::new(),
        };
        let kept = self.kept_as(&found.bytes().await?)?;
        Ok((told, kept))
    }

    fn kept_as(&self, begins: &[u8]) -> Result<Kept, Fault> {
        match (Head::read(begins)?, self.plain) {
            (Some(head), _) => Ok(Kept::Sealed(head)),
            (None, Plain::Read) => Ok(Kept::Plain),
            (None, Plain::Refuse) => Err(Fault::Plain),
        }
    }
}

enum Kept {
    Plain,
    Sealed(Head),
}

/// As the stores of the library say it.
fn beyond(wanted: Wanted, bytes: u64) -> object_store::Error {
    let source = format!("a range from {} on is beyond an object of {bytes} bytes", wanted.start).into();
    object_store::Error::Generic { store: "sealed", source }
}

/// So many bytes of a stream, behind those that are skipped.
fn cut(
    chunks: BoxStream<'static, Result<Bytes>>,
    mut skip: u64,
    mut left: u64,
) -> BoxStream<'static, Result<Bytes>> {
    let cut = chunks.map_ok(move |mut chunk| {
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
        drop(chunk.split_to(skipped));
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        skip -= skipped as u64;
        left -= chunk.len() as u64;
        chunk
    });
    cut.try_filter(|chunk| future::ready(!chunk.is_empty())).boxed()
}
