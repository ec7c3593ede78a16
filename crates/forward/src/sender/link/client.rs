//! How the far side of a link is called: over HTTP, with a certificate that was named when it was paired or one that
//! the machine trusts, and with what we show.

use std::sync::Arc;
use std::time::Duration;

use causeway_archive::Archive;
use causeway_core::link::code::may_be_called;
use causeway_core::link::{BASE, LinkAddress};
use causeway_core::{Clock, Fingerprint, Remote};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Failure, Kind};
use crate::http;
use crate::sender::Patience;

/// Most that is read of an answer that says no, in bytes.
const MAX_PROBLEM_BYTES: usize = 4096;

/// A far side that can be called. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client,
    base: String,
    token: Option<Arc<str>>,
}

impl Line {
    /// A line to the node at `url`. Nothing is connected yet.
    fn open(
        url: &str,
        certificate: Option<Fingerprint>,
        token: String,
        patience: Patience,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let line = Self::without_token(url, certificate, patience, clock)?;
        Ok(Self { token: Some(token.into()), ..line })
    }

    /// A line to a remote that was paired, with what we show it.
    pub(crate) async fn to(
        archive: &Archive,
        remote: &Remote,
        address: &LinkAddress,
        patience: Patience,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let secret = archive.link_secret(&remote.name).await;
        let secret = secret.map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
        let Some(token) = secret else {
            return Err(Failure::new(Kind::Refused, "it is not paired any more; pair it again"));
        };
        let url = address.url.as_deref().unwrap_or_default();
        Self::open(url, address.certificate, token, patience, clock)
    }

    /// The same for a node with which we are not paired yet.
    pub(crate) fn without_token(
        url: &str,
        certificate: Option<Fingerprint>,
        patience: Patience,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        if !may_be_called(url) {
            return Err(Failure::new(Kind::Refused, "a link leads over https, or to this very machine"));
        }
        let builder = http::builder(patience.connect);
        let builder = match certificate {
            None => builder,
            Some(pin) => {
                let tls = causeway_tls::pinned(pin, clock)
                    .map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
                builder.tls_backend_preconfigured(tls)
            }
        };
        Ok(Self {
            client: http::client(builder)?,
            base: format!("{}{BASE}", url.trim_end_matches('/')),
            token: None,
        })
    }

    /// A request to one of its resources.
    pub(crate) fn post(&self, resource: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}/{resource}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// Asks, and reads an answer of bounded length, within a time.
pub(crate) async fn call<T: DeserializeOwned>(
    request: RequestBuilder,
    patience: Duration,
    max_bytes: usize,
) -> Result<T, Failure> {
    let asked = async {
        let response = fine(request.send().await.map_err(|error| broken(&error))?).await?;
        gathered(response, max_bytes).await
    };
    let body = tokio::time::timeout(patience, asked).await.map_err(|_| silent())??;
    serde_json::from_slice(&body)
        .map_err(|_| Failure::new(Kind::Unclear, "its answer cannot be read; is it of another version?"))
}

/// Passes an answer that says yes.
pub(crate) async fn fine(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let words = gathered(response, MAX_PROBLEM_BYTES).await.ok();
    let problem = words.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    let kind = match status {
        StatusCode::REQUEST_TIMEOUT => Kind::Transient,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::INSUFFICIENT_STORAGE => Kind::Exhausted,
        _ if status.is_server_error() => Kind::Transient,
        _ => Kind::Refused,
    };
    let words = match detail {
        Some(detail) => format!("HTTP {}: {detail}", status.as_u16()),
        None => format!("HTTP {}, of no Causeway node; check the URL", status.as_u16()),
    };
    Err(Failure {
        not_before: seconds.map(Duration::from_secs),
        ..Failure::with_status(kind, status.as_u16(), words)
    })
}

async fn gathered(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(Failure::new(Kind::Unclear, "its answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The far side neither takes nor says anything any more.
pub(super) fn silent() -> Failure {
    Failure::new(Kind::Transient, "it is silent")
}

/// The line failed. Its words name no URL.
pub(crate) fn broken(error: &reqwest::Error) -> Failure {
    let mut words =
        if error.is_connect() { "it cannot be reached".to_owned() } else { "the line broke".to_owned() };
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(deeper) = cause {
        words = format!("{words}: {deeper}");
        cause = deeper.source();
    }
    Failure::new(Kind::Transient, words)
}
