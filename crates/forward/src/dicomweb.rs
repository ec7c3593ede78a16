//! Asking a remote's DICOMweb side: its base URL, and what an HTTP status means there. Never here: what is asked for.

use std::path::PathBuf;

use causeway_core::remote::DicomWebAddress;
use reqwest::header::ACCEPT;
use reqwest::{Client, Response, StatusCode};

use crate::failure::{Failure, Kind};
use crate::http::{self, authorized, broken, client, silent};
use crate::sender::Patience;

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
        let client = client(http::builder(patience.connect).read_timeout(patience.response))?;
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
        let request = self.client.get(format!("{}/{path}", self.base)).query(query).header(ACCEPT, accept);
        let request = authorized(request, self.token_file.as_deref())?;
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
