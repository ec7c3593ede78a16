//! Files in the body of a request: the parts of a form (RFC 7578), or the body itself; read as they come, never gathered.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use causeway_archive::BodyError;
use causeway_core::Class;
use causeway_forward::visit::Files;
use futures_util::StreamExt as _;
use multer::{Field, Multipart};

use crate::problem::Problem;

/// Longest pause of the sender in the middle of its request.
const PAUSE: Duration = Duration::from_secs(60);

/// Files one after another.
pub(super) enum Form {
    /// In parts.
    Parts { parts: Box<Multipart<'static>>, part: Option<Box<Field<'static>>> },
    /// The body is the file.
    One { body: BodyDataStream, is_begun: bool },
}

impl Form {
    /// How the request carries its files.
    pub(super) fn of(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = body.into_data_stream();
        if content_type.starts_with("application/dicom") || content_type == "application/octet-stream" {
            return Ok(Self::One { body, is_begun: false });
        }
        let boundary = multer::parse_boundary(content_type).map_err(|_| {
            let words = "files are sent as multipart/form-data, or one as application/dicom";
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words)
        })?;
        Ok(Self::Parts { parts: Box::new(Multipart::new(body, boundary)), part: None })
    }
}

fn broken(words: impl std::fmt::Display) -> BodyError {
    BodyError { words: words.to_string(), class: Class::Peer }
}

/// What comes within the pause that is borne.
async fn in_time<T>(coming: impl Future<Output = T> + Send) -> Result<T, BodyError> {
    let coming = tokio::time::timeout(PAUSE, coming).await;
    coming.map_err(|_| broken("the sender paused longer than the node waits"))
}

impl Files for Form {
    async fn next(&mut self) -> Result<bool, BodyError> {
        match self {
            Self::One { is_begun, .. } => Ok(!std::mem::replace(is_begun, true)),
            Self::Parts { parts, part } => {
                *part = None;
                *part = in_time(parts.next_field()).await?.map_err(broken)?.map(Box::new);
                Ok(part.is_some())
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self {
            Self::One { body, .. } => in_time(body.next()).await?.transpose().map_err(broken),
            Self::Parts { part: Some(part), .. } => in_time(part.chunk()).await?.map_err(broken),
            Self::Parts { part: None, .. } => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(content_type: &str, body: &'static str) -> Result<Form, Problem> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        Form::of(&headers, Body::from(body))
    }

    async fn files(mut form: Form) -> Result<Vec<String>, BodyError> {
        let mut files = Vec::new();
        while form.next().await? {
            let mut file = Vec::new();
            while let Some(chunk) = form.chunk().await? {
                file.extend_from_slice(&chunk);
            }
            files.push(String::from_utf8(file).unwrap());
        }
        Ok(files)
    }

    const TWO: &str = "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"1\"\r\n\r\none\r\n\
                       --x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--x--\r\n";

    #[tokio::test]
    async fn each_part_is_a_file_and_so_is_a_body_of_its_own() {
        let parts = form("multipart/form-data; boundary=x", TWO).ok().unwrap();
        assert_eq!(files(parts).await.unwrap(), ["one", ""]);
        let one = form("application/dicom", "all of it").ok().unwrap();
        assert_eq!(files(one).await.unwrap(), ["all of it"]);
        assert!(form("application/json", "{}").is_err() && form("multipart/form-data", "").is_err());
    }

    #[tokio::test]
    async fn a_file_that_is_not_read_to_its_end_is_passed_over_and_a_form_that_breaks_off_is_an_error() {
        let mut parts = form("multipart/form-data; boundary=x", TWO).ok().unwrap();
        assert!(parts.next().await.unwrap() && parts.next().await.unwrap());
        assert!(parts.chunk().await.unwrap().unwrap_or_default().is_empty());
        assert!(!parts.next().await.unwrap());
        let cut = form("multipart/form-data; boundary=x", &TWO[..TWO.len() - 12]).ok().unwrap();
        assert!(files(cut).await.is_err());
    }
}
