//! The data set of a C-STORE, as a source of slices.

use std::collections::VecDeque;
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

/// How much of a body is read before its message begins, in bytes.
pub const AHEAD_BYTES: usize = 1024 * 1024;

/// A body whose beginning has been read: what cannot be read there costs no message, and so no association. A body that
/// is no longer than [`AHEAD_BYTES`] cannot fail any more.
#[derive(Debug)]
pub struct Ahead<B> {
    read: VecDeque<Bytes>,
    /// What is left; none when all has been read.
    rest: Option<B>,
}

impl<B: Body> Ahead<B> {
    /// Reads the beginning of `body`.
    ///
    /// # Errors
    /// When `body` fails there.
    pub async fn of(mut body: B) -> Result<Self, BodyError> {
        let (mut read, mut length) = (VecDeque::new(), 0_usize);
        while length <= AHEAD_BYTES {
            let Some(bytes) = body.chunk().await? else { return Ok(Self { read, rest: None }) };
            length = length.saturating_add(bytes.len());
            read.push_back(bytes);
        }
        Ok(Self { read, rest: Some(body) })
    }
}

impl<B: Body> Body for Ahead<B> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(bytes) = self.read.pop_front() {
            return Ok(Some(bytes));
        }
        match &mut self.rest {
            Some(rest) => rest.chunk().await,
            None => Ok(None),
        }
    }
}

/// How fast bytes may go out.
pub trait Pace: Send + Sync {
    /// Waits until some bytes may go out; says how many, 1 to `wanted`.
    fn leave(&self, wanted: usize) -> impl Future<Output = usize> + Send {
        std::future::ready(wanted)
    }
}

/// A body that goes out as fast as it has leave to.
#[derive(Debug)]
pub struct Paced<'a, B, P> {
    body: B,
    pace: &'a P,
    rest: Bytes,
}

impl<'a, B, P> Paced<'a, B, P> {
    /// `body`, at this pace.
    #[must_use]
    pub const fn new(body: B, pace: &'a P) -> Self {
        Self { body, pace, rest: Bytes::new() }
    }
}

impl<B: Body, P: Pace> Body for Paced<'_, B, P> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        while self.rest.is_empty() {
            let Some(chunk) = self.body.chunk().await? else { return Ok(None) };
            self.rest = chunk;
        }
        let leave = self.pace.leave(self.rest.len()).await;
        Ok(Some(self.rest.split_to(leave.clamp(1, self.rest.len()))))
    }
}

impl<B: Body> Body for &mut B {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        (**self).chunk().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many chunks of 256 KiB, then a failure.
    struct Fails(usize);

    impl Body for Fails {
        async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
            let Some(left) = self.0.checked_sub(1) else { return Err("no more".into()) };
            self.0 = left;
            Ok(Some(Bytes::from(vec![0; 256 * 1024])))
        }
    }

    #[tokio::test]
    async fn what_fails_within_the_first_mebibyte_fails_before_its_message() {
        for (chunks, early) in [(0, true), (4, true), (5, false), (9, false)] {
            let ahead = Ahead::of(Fails(chunks)).await;
            assert_eq!(ahead.is_err(), early, "{chunks}");
            let Ok(mut ahead) = ahead else { continue };
            for _ in 0..chunks {
                assert!(ahead.chunk().await.unwrap().is_some());
            }
            assert!(ahead.chunk().await.is_err());
        }
    }

    #[tokio::test]
    async fn what_was_read_ahead_comes_out_once_and_in_order() {
        let mut ahead = Ahead::of(Whole::new(vec![7; 10])).await.unwrap();
        assert_eq!(ahead.chunk().await.unwrap().unwrap(), vec![7; 10]);
        assert!(ahead.chunk().await.unwrap().is_none());
    }
}
