//! What a request says its body is (PS3.18 §10.5.1.3, §10.5.4). Pure.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use causeway_dataset::compose::pixels::is_bulk;

use crate::data_set::{self, Form};
use crate::media::MediaType;
use crate::multipart::read::Reader;
use crate::problem::Problem;

/// What a body is made of.
pub(super) enum Payload {
    /// Files, one part each.
    Multipart(Box<Reader>),
    /// One file.
    Single,
    /// Metadata in this form, and bulk data behind them.
    Described(Form, Box<Reader>),
    /// What its first part says: files, or metadata and bulk data behind them.
    Parts(Box<Reader>),
    /// Files in a zip archive.
    Archive,
}

/// What is taken, as a capabilities description tells it.
pub(crate) const TAKEN: &[&str] = &[
    "multipart/related; type=\"application/dicom\"",
    "multipart/related; type=\"application/dicom+json\"",
    "multipart/related; type=\"application/dicom+xml\"",
    "multipart/related; type=\"application/octet-stream\"",
    "application/dicom",
    "application/zip",
];

/// What the header fields say, or why it is not taken.
pub(super) fn payload(headers: &HeaderMap) -> Result<Payload, Problem> {
    data_set::refuse_encoded(headers)?;
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = text.and_then(MediaType::parse).ok_or_else(not_taken)?;
    match (media.essence.as_str(), media.parameter("type").map(Root::of)) {
        ("application/dicom", _) => Ok(Payload::Single),
        ("application/zip", _) => Ok(Payload::Archive),
        ("multipart/related", None | Some(Some(Root::Files))) => {
            Ok(Payload::Multipart(data_set::reader(&media)?))
        }
        ("multipart/related", Some(Some(Root::Metadata(form)))) => {
            Ok(Payload::Described(form, data_set::reader(&media)?))
        }
        ("multipart/related", Some(Some(Root::Bulk))) => Ok(Payload::Parts(data_set::reader(&media)?)),
        _ => Err(not_taken()),
    }
}

/// What the first part of a multipart body is.
enum Root {
    Files,
    Metadata(Form),
    /// The bulk data that the body is mostly made of (PS3.18 Table 10.5.4-1). Metadata stand before them all the same
    /// (§8.6.1.2.2), so that this says nothing of the first part.
    Bulk,
}

impl Root {
    fn of(kind: &str) -> Option<Self> {
        let kind = kind.trim();
        if is_file(kind) {
            Some(Self::Files)
        } else if is_bulk(&kind.to_ascii_lowercase()) {
            Some(Self::Bulk)
        } else {
            Form::of(kind).map(Self::Metadata)
        }
    }
}

/// Whether a part with this Content-Type is to be read as a file. None at all, and the name of any octets, are
/// taken for one: what it is shows in its bytes.
pub(super) fn is_file_part(content_type: Option<&str>) -> bool {
    let Some(text) = content_type else { return true };
    MediaType::parse(text)
        .is_some_and(|media| is_file(&media.essence) || media.essence == "application/octet-stream")
}

fn is_file(media_type: &str) -> bool {
    media_type.trim().eq_ignore_ascii_case("application/dicom")
}

fn not_taken() -> Problem {
    Problem::unsupported_media_type(format!(
        "the Content-Type is not taken here; taken: {}",
        TAKEN.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::http::header::CONTENT_ENCODING;

    fn ask(content_type: &str) -> Result<&'static str, StatusCode> {
        let headers = [(CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
        match payload(&headers) {
            Ok(Payload::Multipart(_)) => Ok("multipart"),
            Ok(Payload::Single) => Ok("single"),
            Ok(Payload::Described(Form::Json, _)) => Ok("json"),
            Ok(Payload::Described(Form::Xml, _)) => Ok("xml"),
            Ok(Payload::Parts(_)) => Ok("parts"),
            Ok(Payload::Archive) => Ok("archive"),
            Err(problem) => Err(problem.status()),
        }
    }

    #[test]
    fn files_are_taken_in_parts_or_alone() {
        assert_eq!(ask("multipart/related; type=\"application/dicom\"; boundary=x"), Ok("multipart"));
        assert_eq!(ask("multipart/related; type=application/dicom; boundary=\"x y\""), Ok("multipart"));
        assert_eq!(ask("multipart/related; boundary=x"), Ok("multipart"));
        assert_eq!(ask("application/dicom"), Ok("single"));
        assert_eq!(ask("application/dicom; transfer-syntax=1.2.840.10008.1.2.1"), Ok("single"));
    }

    #[test]
    fn metadata_and_archives_are_taken() {
        assert_eq!(ask("multipart/related; type=\"application/dicom+json\"; boundary=x"), Ok("json"));
        assert_eq!(ask("multipart/related; type=application/DICOM+xml; boundary=x"), Ok("xml"));
        assert_eq!(ask("application/zip"), Ok("archive"));
        let boundless = "multipart/related; type=\"application/dicom+xml\"";
        assert_eq!(ask(boundless), Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn a_body_that_is_called_bulk_data_is_what_its_first_part_is() {
        for media in ["application/octet-stream", "image/jpeg", "IMAGE/PNG", "video/mp4", "image/dicom-rle"] {
            assert_eq!(
                ask(&format!("multipart/related; type=\"{media}\"; boundary=x")),
                Ok("parts"),
                "{media}"
            );
        }
        let of = |text| Form::of_part(Some(text));
        assert_eq!(of("application/dicom+json; charset=utf-8"), Some(Form::Json));
        assert_eq!(of("text/xml"), Some(Form::Xml));
        assert_eq!((of("application/octet-stream"), Form::of_part(None)), (None, None));
    }

    #[test]
    fn other_types_are_415_and_a_missing_boundary_is_400() {
        for content_type in [
            "multipart/related; type=\"text/plain\"; boundary=x",
            "application/octet-stream",
            "application/dicom+json",
            "multipart/form-data; boundary=x",
            "application/json",
            "nonsense",
        ] {
            assert_eq!(ask(content_type), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{content_type}");
        }
        assert_eq!(ask("multipart/related; type=\"application/dicom\""), Err(StatusCode::BAD_REQUEST));
        assert_eq!(payload(&HeaderMap::new()).err().unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }

    #[test]
    fn an_encoded_body_is_415() {
        let headers: HeaderMap = [
            (CONTENT_TYPE, "application/dicom".parse().unwrap()),
            (CONTENT_ENCODING, "gzip".parse().unwrap()),
        ]
        .into_iter()
        .collect();
        assert_eq!(payload(&headers).err().unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }

    #[test]
    fn a_part_without_a_type_is_taken_for_a_file() {
        assert!(is_file_part(None));
        assert!(is_file_part(Some("application/dicom;transfer-syntax=1.2.3")));
        assert!(is_file_part(Some("application/octet-stream")));
        assert!(!is_file_part(Some("application/dicom+json")));
        assert!(!is_file_part(Some("nonsense")));
    }
}
