//! Objects that are sealed before they leave: an object store around another one, which takes and gives plain bytes and plain
//! lengths, and has the other keep sealed ones (`form`). Who can read or write in the bucket and has no key reads nothing, and
//! what he changes, cuts, moves or puts there is not read, but told as what it is.
//!
//! Lives here: the keys (`keys`, their file `file`, and those of a node that runs `ring`), the form of a sealed object (`form`),
//! sealing and opening (`writing`, `reading`), files of that form (`whole`). The cryptography is that of the library which TLS uses.

pub(crate) mod fault;
pub mod file;
mod form;
mod keys;
mod reading;
mod ring;
mod whole;
mod writing;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use causeway_core::ObjectKey;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use serde::Deserialize;

pub use fault::Fault;
pub use form::{MAGIC, SEGMENT_BYTES};
pub use keys::{KeyId, Keys};
pub use ring::Ring;
pub(crate) use whole::Seal;
pub use whole::unsealed;
pub(crate) use writing::WholeBytes;

use crate::layout;
use crate::walk::ASIDE_NAME;

/// What is done with an object that is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plain {
    /// It is read as it is: it was put there before encryption was switched on, or by somebody else.
    Read,
    /// It is not read.
    #[default]
    Refuse,
}

/// An object store whose objects are sealed in another one.
#[derive(Debug)]
pub struct Sealed {
    inner: Arc<dyn ObjectStore>,
    ring: Ring,
    plain: Plain,
}

impl Sealed {
    /// Seals what is put into `inner`.
    #[must_use]
    pub const fn new(inner: Arc<dyn ObjectStore>, ring: Ring, plain: Plain) -> Self {
        Self { inner, ring, plain }
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.inner)
    }
}

/// The name that an object is sealed under: its own, and for one that was put aside that which it had. So it can be copied
/// there as it is, even when it does not open any more.
fn bound_name(path: &Path) -> Cow<'_, str> {
    let mut parts = path.parts();
    let original = (parts.next().is_some_and(|part| part.as_ref() == ASIDE_NAME))
        .then(|| path.filename()?.split_once('.'))
        .flatten()
        .and_then(|(key, _)| ObjectKey::parse(key).ok());
    match original {
        Some(key) => Cow::Owned(layout::object_path(&key).to_string()),
        None => Cow::Borrowed(path.as_ref()),
    }
}

/// What a list tells of an object. Whether it is sealed is not seen there: one whose length is that of no sealed object is told
/// as it is.
fn plain_meta(meta: ObjectMeta) -> ObjectMeta {
    let size = form::plain_bytes(meta.size).unwrap_or(meta.size);
    ObjectMeta { size, ..meta }
}

#[async_trait]
impl ObjectStore for Sealed {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.put_whole(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.put_in_parts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.get(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix).map(|found| found.map(plain_meta)).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset).map(|found| found.map(plain_meta)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        listed.objects = listed.objects.into_iter().map(plain_meta).collect();
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if bound_name(from) != bound_name(to) {
            return Err(Fault::Name.into());
        }
        self.inner.copy_opts(from, to, options).await
    }
}
