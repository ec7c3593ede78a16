//! Asking a node that shares our catalog for what only its spool has.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::members::{self, Fellows, MemberSecret};
use causeway_archive::{Blob, Elsewhere};
use causeway_core::{Clock, ObjectKey};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use reqwest::header::{AUTHORIZATION, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};

use super::{OBJECTS, SCHEME};

/// How long a connection may take: a node that is gone is to be known soon.
const CONNECT: Duration = Duration::from_secs(2);
/// How long it may say nothing.
const SILENCE: Duration = Duration::from_secs(10);

/// Calls nodes that share our catalog.
#[derive(Clone)]
pub struct Calls {
    client: Client,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    /// Trusts the certificates that the machine trusts.
    ///
    /// # Errors
    /// When those cannot be read.
    pub fn new(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(Policy::none())
            .tcp_nodelay(true)
            .no_proxy()
            .build();
        Ok(Self { client: client.map_err(told)?, clock })
    }
}

impl Fellows for Calls {
    fn open<'a>(
        &'a self,
        address: &'a str,
        secret: &'a MemberSecret,
        object: &'a ObjectKey,
    ) -> members::Opening<'a> {
        let there = There {
            calls: self.clone(),
            url: format!("{}{OBJECTS}/{object}", address.trim_end_matches('/')),
            secret: *secret,
            object: object.clone(),
        };
        async move {
            let answer = there.ask(Method::HEAD, None).await?;
            let length = answer.headers().get(reqwest::header::CONTENT_LENGTH);
            let length = length.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
            let bytes = length.ok_or_else(|| io::Error::other("it does not say how long the object is"))?;
            Ok(Blob::elsewhere(bytes, Arc::new(there)))
        }
        .boxed()
    }
}

/// An object in another node's spool.
#[derive(Clone)]
struct There {
    calls: Calls,
    url: String,
    secret: MemberSecret,
    object: ObjectKey,
}

impl There {
    async fn ask(&self, method: Method, range: Option<Range<u64>>) -> io::Result<Response> {
        let pass = members::pass(&self.secret, &self.object, self.calls.clock.now());
        let mut request =
            self.calls.client.request(method, &self.url).header(AUTHORIZATION, format!("{SCHEME} {pass}"));
        let expected = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        if let Some(range) = range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        let answer = request.send().await.map_err(told)?;
        // A range that is the whole is answered as the whole.
        match answer.status() {
            status if status == expected || status == StatusCode::OK => Ok(answer),
            status => Err(io::Error::other(format!("it answered {status}"))),
        }
    }
}

impl Elsewhere for There {
    fn read(&self, range: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>> {
        let there = self.clone();
        async move {
            let wanted = range.end - range.start;
            let bytes = there.ask(Method::GET, Some(range)).await?.bytes().await.map_err(told)?;
            if bytes.len() as u64 == wanted { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        }
        .boxed()
    }

    fn stream(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let (there, wanted) = (self.clone(), range.end - range.start);
        if wanted == 0 {
            return stream::empty().boxed();
        }
        let opened = async move {
            let answer = there.ask(Method::GET, Some(range)).await?;
            if answer.content_length() != Some(wanted) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            Ok(answer.bytes_stream().map_err(told))
        };
        stream::once(opened).try_flatten().boxed()
    }
}

/// The last of the causes says what is wrong; the URL stays out of it.
fn told(error: reqwest::Error) -> io::Error {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    io::Error::other(cause.to_string())
}
