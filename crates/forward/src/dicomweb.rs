//! Asking a remote's DICOMweb side: its base URL, and what an HTTP status means there. Never here: what is asked for.

use std::path::PathBuf;

use causeway_core::remote::DicomWebAddress;
use reqwest::header::{ACCEPT, WARNING};
use reqwest::{Client, Response, StatusCode};
use url::form_urlencoded::byte_serialize;

use crate::failure::{Failure, Kind};
use crate::http::{self, authorized, broken, client, silent};
use crate::sender::Patience;

/// The longest text of a `Warning` field that is heard.
const MAX_WARNING_BYTES: usize = 2048;

/// A remote's DICOMweb side.
pub(crate) struct DicomWeb {
    client: Client,
    base: String,
    token_file: Option<PathBuf>,
    patience: Patience,
}

/// What it answered.
pub(crate) enum Answer {
    /// This.
    Found(Found),
    /// That there is nothing (204).
    Nothing,
    /// That there is no such resource (404): of a study it does not have, or of a service that it does not serve.
    Missing,
}

/// An answer with a body.
pub(crate) struct Found {
    pub(crate) body: Vec<u8>,
    /// What it warns of (PS3.18 §8.3.4.4, §8.3.4.5): more matches than it tells, names not matched fuzzily.
    pub(crate) warning: Option<String>,
}

impl DicomWeb {
    pub(crate) fn new(address: &DicomWebAddress, patience: Patience) -> Result<Self, Failure> {
        let client = client(http::builder(patience.connect).read_timeout(patience.response))?;
        Ok(Self::over(client, address, patience))
    }

    /// Over lines that are there.
    pub(crate) fn over(client: Client, address: &DicomWebAddress, patience: Patience) -> Self {
        Self {
            client,
            base: address.url.trim_end_matches('/').to_owned(),
            token_file: address.token_file.as_ref().map(PathBuf::from),
            patience,
        }
    }

    /// Asks for DICOM JSON below the base URL; an answer longer than `limit` bytes is a failure.
    pub(crate) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: usize,
    ) -> Result<Answer, Failure> {
        let mut response = self.ask(path, query, "application/dicom+json").await?;
        match response.status() {
            StatusCode::NO_CONTENT => return Ok(Answer::Nothing),
            StatusCode::NOT_FOUND => return Ok(Answer::Missing),
            _ => {}
        }
        let warning = warning(&response);
        let mut body = Vec::new();
        loop {
            let chunk = tokio::time::timeout(self.patience.response, response.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| silent())?.map_err(|error| broken(&error))? else { break };
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(Failure::new(Kind::Unclear, "its answer is too long"));
            }
        }
        Ok(Answer::Found(Found { body, warning }))
    }

    /// Asks for what is at `path` below the base URL in a form of its own; nothing when it has none.
    pub(crate) async fn open(&self, path: &str, accept: &str) -> Result<Option<Response>, Failure> {
        let response = self.ask(path, &[], accept).await?;
        Ok((response.status() == StatusCode::OK).then_some(response))
    }

    /// The answer, when it is one: 200, 204 or 404.
    async fn ask(&self, path: &str, query: &[(&str, String)], accept: &str) -> Result<Response, Failure> {
        let question = if query.is_empty() { String::new() } else { format!("?{}", written(query)) };
        let request = self.client.get(format!("{}/{path}{question}", self.base)).header(ACCEPT, accept);
        let request = authorized(request, self.token_file.as_deref())?;
        let sent = tokio::time::timeout(self.patience.response, request.send()).await;
        let response = sent.map_err(|_| silent())?.map_err(|error| broken(&error))?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(response),
            status => Err(refusal(status)),
        }
    }
}

/// A query as PS3.18 §8.3.4.1 has it: the commas of a list of UIDs part its values, all others are part of one; a space is
/// no `+`, which is a plus to whoever reads URLs rather than forms.
fn written(query: &[(&str, String)]) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let is_uids = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    let pairs = query.iter().map(|(name, value)| {
        let value = if is_uids(value) { value.clone() } else { encoded(value) };
        format!("{}={value}", encoded(name))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// What another status says of a question.
fn refusal(status: StatusCode) -> Failure {
    let (kind, remedy) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            (Kind::Refused, ": it does not let us in; check the token file")
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            (Kind::Permanent, ": it does not serve this; check the URL")
        }
        StatusCode::BAD_REQUEST => (Kind::Unclear, ": it does not understand the question; ask about less"),
        StatusCode::NOT_ACCEPTABLE => (Kind::Unclear, ": it does not answer in DICOM JSON"),
        StatusCode::PAYLOAD_TOO_LARGE => (Kind::Unclear, ": more matches than it tells; ask for less"),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::INSUFFICIENT_STORAGE => (Kind::Exhausted, ": it is busy; ask later"),
        _ if status.is_redirection() => {
            (Kind::Refused, ": it points elsewhere, which is not followed; check the URL")
        }
        _ if status.is_server_error() => (Kind::Transient, ": it failed"),
        _ => (Kind::Unclear, ""),
    };
    let words = format!("HTTP {} to a question{remedy}", status.as_u16());
    Failure::with_status(kind, status.as_u16(), words)
}

/// What the far side warns of, made harmless: the text of each `Warning` field (RFC 7234 §5.5).
fn warning(response: &Response) -> Option<String> {
    let fields = response.headers().get_all(WARNING).iter().filter_map(|field| field.to_str().ok());
    let words = fields.collect::<Vec<_>>().join("; ");
    let words = words.get(..MAX_WARNING_BYTES).unwrap_or(&words);
    let words = crate::failure::clean(words.trim());
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_uids_keeps_its_commas_and_a_space_is_no_plus() {
        for (name, value, expected) in [
            ("SOPInstanceUID", "1.2,1.3", "SOPInstanceUID=1.2,1.3"),
            ("PatientName", "Doe,John", "PatientName=Doe%2CJohn"),
            ("00400275.00080050", "A 1+2&b=c", "00400275.00080050=A%201%2B2%26b%3Dc"),
            ("limit", "10", "limit=10"),
        ] {
            assert_eq!(written(&[(name, value.to_owned())]), expected);
        }
        assert_eq!(written(&[("a", "1".to_owned()), ("b", String::new())]), "a=1&b=");
    }
}
