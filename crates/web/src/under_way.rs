//! Requests under way, counted until the last byte of their answers: connections alone are no bound, as HTTP/2 carries
//! many requests on one.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

/// Largest body that holds no place, in bytes: it is at hand, and nothing is done for it any more.
const AT_HAND_BYTES: u64 = 64 * 1024;

/// A body that gives its place back when it is gone.
struct Held {
    body: Body,
    _place: OwnedSemaphorePermit,
}

/// The answer, holding its place until it is sent.
pub(crate) fn held(response: Response, place: OwnedSemaphorePermit) -> Response {
    if response.body().size_hint().exact().is_some_and(|bytes| bytes <= AT_HAND_BYTES) {
        return response;
    }
    response.map(|body| Body::new(Held { body, _place: place }))
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;

    use super::*;

    fn place(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        Arc::clone(places).try_acquire_owned().unwrap()
    }

    #[tokio::test]
    async fn a_place_is_held_until_a_large_answer_is_gone_and_a_small_one_holds_none() {
        let places = Arc::new(Semaphore::new(2));
        let bytes = usize::try_from(AT_HAND_BYTES).unwrap();
        let small = held(Response::new(Body::from(vec![0; bytes])), place(&places));
        assert_eq!(places.available_permits(), 2);
        drop(small);
        let large = held(Response::new(Body::from(vec![0; bytes + 1])), place(&places));
        let streamed = Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")]));
        let streamed = held(Response::new(streamed), place(&places));
        assert_eq!(places.available_permits(), 0);
        assert_eq!(large.body().size_hint().exact(), Some(AT_HAND_BYTES + 1));
        assert_eq!(large.into_body().collect().await.unwrap().to_bytes().len(), bytes + 1);
        drop(streamed);
        assert_eq!(places.available_permits(), 2);
    }
}
