//! The data set of a C-STORE, as a source of slices.

use std::future::Future;

use bytes::Bytes;

use crate::error::BodyError;

/// Where the bytes of a data set come from, slice by slice, so that none is ever held as a whole.
pub trait Body: Send {
    /// The next slice, of any size; none at the end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, BodyError>> + Send;
}

/// A body that is in memory already.
#[derive(Debug, Clone)]
pub struct Whole(Option<Bytes>);

impl Whole {
    /// A body of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(Some(bytes.into()))
    }
}

impl Body for Whole {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.take())
    }
}

impl<B: Body> Body for &mut B {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        (**self).chunk().await
    }
}
