//! Retrieval by WADO-RS (PS3.18 §10.4): what a remote's DICOMweb side gives goes into the archive, part by part, as files
//! that were stored here. Never here: what is fetched, and by which way.

use bytes::Bytes;
use causeway_archive::{Archive, Body, BodyError};
use causeway_core::remote::DicomWebAddress;
use causeway_core::{Class, Door, Envelope, Principal, RemoteName};
use multer::{Field, Multipart};

use super::retrieve::Telling;
use crate::dicomweb::DicomWeb;
use crate::sender::Patience;

/// Instances as files, each as it is kept there.
const FILES: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

/// For whom and from whom.
pub(super) struct Giver<'a> {
    pub(super) archive: &'a Archive,
    pub(super) principal: &'a Principal,
    pub(super) remote: &'a RemoteName,
    pub(super) address: &'a DicomWebAddress,
    pub(super) patience: Patience,
}

/// Takes what is at `path` below the base URL; in words what kept it from coming to its end.
pub(super) async fn take(giver: Giver<'_>, path: &str, telling: &mut Telling) -> Result<(), String> {
    let web = DicomWeb::new(giver.address, giver.patience).map_err(|failure| failure.words)?;
    let response = web.open(path, FILES).await.map_err(|failure| failure.words)?;
    let Some(response) = response else { return Err("it has nothing of this".to_owned()) };
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let boundary = kind.and_then(boundary).ok_or("its answer is no multipart message")?;
    let mut parts = Multipart::new(response.bytes_stream(), boundary);
    while let Some(part) = tokio::select! {
        part = parts.next_field() => part.map_err(|error| broken(&error))?,
        () = telling.closed() => return Err("nobody waits for it any more".to_owned()),
    } {
        keep(&giver, part, telling).await?;
    }
    Ok(())
}

/// Takes one file in. What is not taken is told; only a line that breaks ends the rest.
async fn keep(giver: &Giver<'_>, part: Field<'_>, telling: &mut Telling) -> Result<(), String> {
    let envelope = Envelope { remote: Some(giver.remote.clone()), ..Envelope::of(Door::Web) };
    let mut file = Part { part, broken: None };
    match giver.archive.ingest_file(giver.principal, envelope, &mut file, None).await {
        Ok(_) => telling.kept(),
        Err(_) if file.broken.is_some() => return Err(file.broken.unwrap_or_default()),
        Err(error) => {
            tracing::warn!(remote = %giver.remote, %error, "an instance that was fetched was not taken");
            telling.unkept(&error);
        }
    }
    Ok(())
}

/// A part as it comes.
struct Part<'a> {
    part: Field<'a>,
    /// Why it came to no end.
    broken: Option<String>,
}

impl Body for Part<'_> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.part.chunk().await.map_err(|error| {
            let words = broken(&error);
            self.broken = Some(words.clone());
            BodyError { words, class: Class::Transient }
        })
    }
}

fn broken(error: &multer::Error) -> String {
    format!("its answer broke off or is none: {}", crate::failure::clean(&error.to_string()))
}

/// The boundary parameter of a media type (RFC 2046 §5.1.1).
fn boundary(kind: &str) -> Option<String> {
    let mut parameters = kind.split(';').map(str::trim);
    parameters.next().filter(|kind| kind.eq_ignore_ascii_case("multipart/related"))?;
    let value = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (!value.is_empty() && value.len() <= 70).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_read_with_quotes_and_without() {
        for (kind, expected) in [
            ("multipart/related; type=\"application/dicom\"; boundary=abc", Some("abc")),
            ("Multipart/Related;boundary=\"a b\"", Some("a b")),
            ("multipart/related; type=x", None),
            ("application/dicom; boundary=abc", None),
            ("multipart/related; boundary=", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
        assert_eq!(boundary(&format!("multipart/related; boundary={}", "x".repeat(71))), None);
    }
}
