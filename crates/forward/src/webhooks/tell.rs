//! Telling one webhook: a POST of JSON, and what its answer means.

use std::time::Duration;

use causeway_catalog::{Event, WebhookRecord};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde::Serialize;

use super::sign::signature;
use crate::failure::{Failure, Kind};
use crate::http::{self, broken, client, silent};
use crate::sender::Patience;

/// Who is told, and signs: `Causeway-Signature`.
const SIGNATURE: HeaderName = HeaderName::from_static("causeway-signature");

pub(super) struct Teller<'a> {
    record: &'a WebhookRecord,
    client: Client,
    patience: Patience,
}

#[derive(Serialize)]
struct Body<'a> {
    webhook: &'a str,
    events: &'a [Event],
}

impl<'a> Teller<'a> {
    pub(super) fn new(record: &'a WebhookRecord, patience: Patience) -> Result<Self, Failure> {
        let client = client(http::builder(patience.connect))?;
        Ok(Self { record, client, patience })
    }

    /// Tells it of events; what it answered, in words, when it took them.
    pub(super) async fn tell(&self, events: &[Event], now: Timestamp) -> Result<String, Failure> {
        let body = Body { webhook: self.record.name.as_str(), events };
        let body = serde_json::to_vec(&body).map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
        let request = self
            .client
            .post(&self.record.url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signature(self.record.secret.as_bytes(), now, &body))
            .body(body);
        let sent = tokio::time::timeout(self.patience.response, request.send()).await;
        let response = sent.map_err(|_| silent())?.map_err(|error| broken(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(format!("HTTP {}", status.as_u16()));
        }
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Kind::Exhausted,
            _ if status.is_server_error() => Kind::Transient,
            _ => Kind::Refused,
        };
        let wish = response.headers().get(RETRY_AFTER).and_then(|wish| wish.to_str().ok()?.parse().ok());
        let words = format!("HTTP {}", status.as_u16());
        let failure = Failure::with_status(kind, status.as_u16(), words);
        Err(Failure { not_before: wish.map(Duration::from_secs), ..failure })
    }
}
