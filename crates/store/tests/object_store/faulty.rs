//! An object store in memory that fails as it is told to, and counts what is asked of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::sync::Semaphore;

/// What goes wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Nothing is answered.
    pub(crate) is_away: AtomicBool,
    /// Objects are written in vain.
    pub(crate) puts_fail: AtomicBool,
    /// So many parts are taken, and then none: 0 for no bound.
    pub(crate) parts: AtomicUsize,
    /// Bytes by which lengths are told wrong.
    pub(crate) lies: AtomicU64,
    /// Writes wait at the gate.
    pub(crate) waits: AtomicBool,
    /// Whoever asks for names from one on is given all.
    pub(crate) begins_anew: AtomicBool,
    pub(crate) puts: AtomicUsize,
    pub(crate) heads: AtomicUsize,
    pub(crate) gets: AtomicUsize,
    pub(crate) aborts: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: InMemory,
    pub(crate) faults: Arc<Faults>,
    /// A writer that has come to the gate, and leave to pass it.
    pub(crate) came: Arc<Semaphore>,
    pub(crate) leave: Arc<Semaphore>,
}

impl Faulty {
    pub(crate) fn new() -> Arc<Self> {
        let (came, leave) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        Arc::new(Self { inner: InMemory::new(), faults: Arc::default(), came, leave })
    }

    fn look(&self) -> Result<()> {
        if self.faults.is_away.load(Ordering::SeqCst) { Err(broken("connection refused")) } else { Ok(()) }
    }

    async fn gate(&self) {
        if self.faults.waits.load(Ordering::SeqCst) {
            self.came.add_permits(1);
            self.leave.acquire().await.unwrap().forget();
        }
    }
}

fn broken(words: &'static str) -> Error {
    Error::Generic { store: "faulty", source: words.into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.look()?;
        self.faults.puts.fetch_add(1, Ordering::SeqCst);
        self.gate().await;
        if self.faults.puts_fail.load(Ordering::SeqCst) {
            return Err(broken("it broke off"));
        }
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.look()?;
        let inner = self.inner.put_multipart_opts(path, options).await?;
        self.gate().await;
        Ok(Box::new(Parts { inner, faults: Arc::clone(&self.faults), taken: 0 }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.look()?;
        let counted = if options.head { &self.faults.heads } else { &self.faults.gets };
        counted.fetch_add(1, Ordering::SeqCst);
        let mut found = self.inner.get_opts(path, options).await?;
        found.meta.size += self.faults.lies.load(Ordering::SeqCst);
        Ok(found)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.look() {
            Ok(()) => self.inner.delete_stream(paths),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.look() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.faults.begins_anew.load(Ordering::SeqCst) {
            return self.list(prefix);
        }
        match self.look() {
            Ok(()) => self.inner.list_with_offset(prefix, offset),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct Parts {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
    taken: usize,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.taken += 1;
        let most = self.faults.parts.load(Ordering::SeqCst);
        if most > 0 && self.taken > most {
            return Box::pin(async { Err(broken("it broke off")) });
        }
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.faults.aborts.fetch_add(1, Ordering::SeqCst);
        self.inner.abort().await
    }
}
