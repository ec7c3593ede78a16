//! A blob, opened for reading: by range, or as a stream that reads ahead by one chunk.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use causeway_core::ObjectKey;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use object_store::GetResult;

use crate::Store;
use crate::error::Error;

/// How much a stream reads at a time, in bytes.
pub const CHUNK_BYTES: u64 = 512 * 1024;
/// A whole blob up to this length is read in one go.
const WHOLE_BYTES: u64 = 1024 * 1024;

/// Least that is read of an object store, in bytes.
const BLOCK_BYTES: u64 = 256 * 1024;

/// An open blob. It stays readable while it settles, and when it is deleted. Clones read the same bytes.
#[derive(Clone)]
pub struct Blob {
    bytes: u64,
    source: Source,
}

/// Bytes that lie in the spool of another node.
pub trait Elsewhere: Send + Sync + 'static {
    /// Reads a range, all of it.
    fn read(&self, range: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>>;

    /// Reads a range in chunks.
    fn stream(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>>;
}

#[derive(Clone)]
enum Source {
    File { store: Store, file: Arc<File> },
    Remote(RemoteBlob),
    Memory(Bytes),
    Elsewhere(Arc<dyn Elsewhere>),
}

impl Blob {
    pub(crate) fn file(store: Store, file: File, bytes: u64) -> Self {
        Self { bytes, source: Source::File { store, file: Arc::new(file) } }
    }

    pub(crate) fn remote(store: Store, key: ObjectKey, bytes: u64) -> Self {
        Self { bytes, source: Source::Remote(RemoteBlob { store, key, bytes, block: Arc::default() }) }
    }

    /// A blob of so many bytes that another node has.
    #[must_use]
    pub fn elsewhere(bytes: u64, source: Arc<dyn Elsewhere>) -> Self {
        Self { bytes, source: Source::Elsewhere(source) }
    }

    /// A blob of bytes that are in memory and in no store.
    #[must_use]
    pub fn memory(bytes: Bytes) -> Self {
        Self { bytes: bytes.len() as u64, source: Source::Memory(bytes) }
    }

    /// Its length.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads a range; what lies beyond the end is left out.
    ///
    /// # Errors
    /// When the disk or the object store fails, or the file ends early.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let range = self.clip(range);
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        match &self.source {
            Source::File { store, file } => read_file(store.clone(), Arc::clone(file), range).await,
            Source::Remote(remote) => remote.read(range).await,
            Source::Memory(bytes) => Ok(slice(bytes, range)),
            Source::Elsewhere(source) => source.read(range).await.map_err(not_given),
        }
    }

    /// The bytes of a range, in chunks; an object store that fails at once is told of here, before a chunk is waited for.
    ///
    /// # Errors
    /// When there is no such object any more, or the object store fails.
    pub async fn begin(self, range: Range<u64>) -> Result<BlobStream, Error> {
        let range = self.clip(range);
        match self.source {
            Source::Remote(remote) if !range.is_empty() => Ok(BlobStream(remote.begin(range).await?)),
            _ => Ok(self.stream(range)),
        }
    }

    /// The bytes of a range, in chunks.
    #[must_use]
    pub fn stream(self, range: Range<u64>) -> BlobStream {
        let range = self.clip(range);
        match self.source {
            Source::File { store, file } => BlobStream(Box::pin(FileStream::new(store, file, range))),
            Source::Remote(remote) => BlobStream(remote.stream(range)),
            Source::Memory(bytes) => {
                let whole = slice(&bytes, range);
                BlobStream(Box::pin(stream::iter((!whole.is_empty()).then_some(Ok(whole)))))
            }
            Source::Elsewhere(source) => BlobStream(Box::pin(source.stream(range).map_err(not_given))),
        }
    }

    fn clip(&self, range: Range<u64>) -> Range<u64> {
        let end = range.end.min(self.bytes);
        range.start.min(end)..end
    }
}

fn not_given(source: io::Error) -> Error {
    Error::Disk { operation: "reading from another node".to_owned(), source }
}

/// A range that lies within.
fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A stream of chunks.
pub struct BlobStream(Chunks);

impl BlobStream {
    /// What an object store gives.
    pub(crate) fn found(found: GetResult) -> Self {
        Self(Box::pin(found.into_stream().map_err(Error::from)))
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// Reads a file chunk by chunk; while one is being sent, the next is being read, as long as the readers have room.
/// A stream that nobody reads from waits in no queue, so it keeps no other from reading.
struct FileStream {
    store: Store,
    file: Arc<File>,
    rest: Range<u64>,
    ahead: Option<BoxFuture<'static, Result<Bytes, Error>>>,
}

impl FileStream {
    fn new(store: Store, file: Arc<File>, rest: Range<u64>) -> Self {
        let mut stream = Self { store, file, rest, ahead: None };
        stream.read_ahead();
        stream
    }

    /// The range of the next chunk; nothing at the end.
    fn next_range(&self) -> Option<Range<u64>> {
        let left = self.rest.end.checked_sub(self.rest.start).filter(|left| *left > 0)?;
        let take = if left <= WHOLE_BYTES { left } else { CHUNK_BYTES };
        Some(self.rest.start..self.rest.start + take)
    }

    fn read_ahead(&mut self) {
        let Some(range) = self.next_range() else { return };
        let (file, end) = (Arc::clone(&self.file), range.end);
        if let Some(read) = self.store.inner.readers.try_run(move || read_exact(&file, range)) {
            self.rest.start = end;
            self.ahead = Some(read.map(|read| read?).boxed());
        }
    }

    /// What is being read, begun now where it was not.
    fn reading(&mut self) -> Option<&mut BoxFuture<'static, Result<Bytes, Error>>> {
        if self.ahead.is_none() {
            let range = self.next_range()?;
            self.rest.start = range.end;
            self.ahead = Some(read_file(self.store.clone(), Arc::clone(&self.file), range).boxed());
        }
        self.ahead.as_mut()
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes, Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reading) = self.reading() else { return Poll::Ready(None) };
        let Poll::Ready(chunk) = reading.poll_unpin(context) else { return Poll::Pending };
        self.ahead = None;
        match chunk {
            Ok(_) => self.read_ahead(),
            Err(_) => self.rest.start = self.rest.end,
        }
        Poll::Ready(Some(chunk))
    }
}

async fn read_file(store: Store, file: Arc<File>, range: Range<u64>) -> Result<Bytes, Error> {
    store.inner.readers.run(move || read_exact(&file, range)).await?
}

pub(crate) fn read_exact(file: &File, range: Range<u64>) -> Result<Bytes, Error> {
    let failed = |source: io::Error| Error::Disk { operation: "reading".to_owned(), source };
    let wanted =
        usize::try_from(range.end - range.start).map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
    let mut buffer: Vec<u8> = Vec::with_capacity(wanted);
    while buffer.len() < wanted {
        let at = range.start + buffer.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut buffer), at) {
            Ok(0) => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
    buffer.truncate(wanted);
    Ok(Bytes::from(buffer))
}

/// An object in an object store, of which nothing was asked yet but what the catalog knows.
#[derive(Clone)]
struct RemoteBlob {
    store: Store,
    key: ObjectKey,
    bytes: u64,
    /// What was read last, and where it begins: whoever goes through a data set reads on from there.
    block: Arc<Mutex<(u64, Bytes)>>,
}

/// Where a range of it is.
enum Found {
    Object(GetResult),
    File(File),
}

impl RemoteBlob {
    async fn get(&self, range: Range<u64>) -> Result<Found, Error> {
        match self.store.inner.objects.get(&self.key, self.bytes, range).await {
            Ok(found) => Ok(Found::Object(found)),
            Err(Error::NotFound(key)) => self.moved(key).await.map(Found::File),
            Err(error) => Err(error),
        }
    }

    /// An object that was in an object store when it was opened, and was moved to a folder since.
    async fn moved(&self, key: ObjectKey) -> Result<File, Error> {
        match self.store.open_file(&key).await? {
            Some((file, bytes)) if bytes == self.bytes => Ok(file),
            Some((_, found)) => Err(Error::Length { key, expected: self.bytes, found }),
            None => Err(Error::NotFound(key)),
        }
    }

    async fn begin(self, range: Range<u64>) -> Result<Chunks, Error> {
        Ok(match self.get(range.clone()).await? {
            Found::Object(found) => BlobStream::found(found).0,
            Found::File(file) => Box::pin(FileStream::new(self.store, Arc::new(file), range)),
        })
    }

    /// Reads a range. A short one is read with what comes behind it: a request costs more than its bytes.
    async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        if range.end - range.start >= BLOCK_BYTES {
            return self.read_exact(range).await;
        }
        if let Some(bytes) = self.read_before(&range) {
            return Ok(bytes);
        }
        let block = range.start..range.start.saturating_add(BLOCK_BYTES).min(self.bytes);
        let bytes = self.read_exact(block).await?;
        *self.block.lock().unwrap_or_else(PoisonError::into_inner) = (range.start, bytes.clone());
        Ok(slice(&bytes, 0..range.end - range.start))
    }

    /// What of it was read last.
    fn read_before(&self, range: &Range<u64>) -> Option<Bytes> {
        let block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = (range.start.checked_sub(block.0)?, range.end.checked_sub(block.0)?);
        (end <= block.1.len() as u64).then(|| slice(&block.1, start..end))
    }

    async fn read_exact(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let wanted = range.end - range.start;
        let bytes = match self.get(range.clone()).await? {
            Found::Object(found) => found.bytes().await?,
            Found::File(file) => return read_file(self.store.clone(), Arc::new(file), range).await,
        };
        if bytes.len() as u64 == wanted {
            return Ok(bytes);
        }
        let source = io::ErrorKind::UnexpectedEof.into();
        Err(Error::Disk { operation: "reading from the object store".to_owned(), source })
    }

    fn stream(self, range: Range<u64>) -> Chunks {
        if range.is_empty() {
            return Box::pin(stream::empty());
        }
        Box::pin(stream::once(self.begin(range)).try_flatten())
    }
}
