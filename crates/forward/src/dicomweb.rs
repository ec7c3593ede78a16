//! Asking a remote's DICOMweb side: its base URL, the token that is sent, what an HTTP status means there. Never here:
//! what is asked for.

use std::path::{Path, PathBuf};

use causeway_core::remote::DicomWebAddress;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Client, Response, StatusCode};

use crate::failure::{Failure, Kind};
use crate::sender::Patience;

/// Longest token file that is read.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

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
    Found(Vec<u8>),
    /// That there is nothing.
    Nothing,
}

impl DicomWeb {
    pub(crate) fn new(address: &DicomWebAddress, patience: Patience) -> Result<Self, Failure> {
        let client = Client::builder()
            .connect_timeout(patience.connect)
            .read_timeout(patience.response)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
        Ok(Self {
            client,
            base: address.url.trim_end_matches('/').to_owned(),
            token_file: address.token_file.as_ref().map(PathBuf::from),
            patience,
        })
    }

    /// Asks for DICOM JSON below the base URL; an answer longer than `limit` bytes is a failure.
    pub(crate) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: usize,
    ) -> Result<Answer, Failure> {
        let Some(mut response) = self.ask(path, query, "application/dicom+json").await? else {
            return Ok(Answer::Nothing);
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(Failure::new(Kind::Unclear, "its answer is too long"));
            }
        }
        Ok(Answer::Found(body))
    }
}

impl DicomWeb {
    /// Asks for what is at `path` below the base URL in a form of its own; nothing when it has none.
    pub(crate) async fn open(&self, path: &str, accept: &str) -> Result<Option<Response>, Failure> {
        self.ask(path, &[], accept).await
    }

    async fn ask(
        &self,
        path: &str,
        query: &[(&str, String)],
        accept: &str,
    ) -> Result<Option<Response>, Failure> {
        let mut request =
            self.client.get(format!("{}/{path}", self.base)).query(query).header(ACCEPT, accept);
        if let Some(token) = self.token_file.as_deref().map(read_token).transpose()? {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let sent = tokio::time::timeout(self.patience.response, request.send()).await;
        let response = sent.map_err(|_| silent())?.map_err(|error| broken(&error))?;
        match response.status() {
            StatusCode::OK => Ok(Some(response)),
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(None),
            status => {
                let words = format!("HTTP {} to a question", status.as_u16());
                Err(Failure::with_status(Kind::Unclear, status.as_u16(), words))
            }
        }
    }
}

/// The token that is in a file, which may change at any time.
pub(crate) fn read_token(path: &Path) -> Result<String, Failure> {
    let unreadable = |words: String| Failure::new(Kind::Refused, words);
    // A few bytes of a local file: no thread is worth it.
    match std::fs::metadata(path).map(|file| file.len()) {
        Ok(length) if length <= MAX_TOKEN_BYTES => {}
        Ok(_) => return Err(unreadable("the token file is too long".to_owned())),
        Err(error) => return Err(unreadable(format!("the token file cannot be read: {error}"))),
    }
    let token = std::fs::read_to_string(path)
        .map_err(|error| unreadable(format!("the token file cannot be read: {error}")))?;
    Ok(token.trim().to_owned())
}

/// The far side neither takes nor says anything any more.
pub(crate) fn silent() -> Failure {
    Failure::new(Kind::Transient, "timed out: it neither took nor said anything")
}

/// The line broke, or nobody answered. The URL stays out of the words: it may hold a secret.
pub(crate) fn broken(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "timed out"
    } else {
        "the connection broke"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let deepest = if cause.is::<reqwest::Error>() { String::new() } else { format!(": {cause}") };
    Failure::new(Kind::Transient, format!("{what}{deepest}"))
}
