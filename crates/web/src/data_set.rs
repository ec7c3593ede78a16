//! A data set on the wire: the forms it comes in, and how one goes out in the form that was chosen (PS3.18 §8.7.3.2).
//! Pure.

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use causeway_core::Attributes;
use causeway_dataset::xml::write_attributes;
use sha2::{Digest, Sha256};

use crate::accept::{DICOM_JSON, JSON_IN_A_PART, Offer, XML, XML_ALONE};
use crate::media::MediaType;
use crate::multipart::read::Reader;
use crate::multipart::write::{Boundary, Place, Whole};
use crate::problem::Problem;

/// The form that a data set comes in (PS3.18 Table 8.7.3-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Xml,
}

impl Form {
    /// The form that a media type is the name of.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        let kind = kind.trim();
        if kind.eq_ignore_ascii_case(Self::Json.media_type()) {
            Some(Self::Json)
        } else if kind.eq_ignore_ascii_case(Self::Xml.media_type()) {
            Some(Self::Xml)
        } else {
            None
        }
    }

    /// The form of a data set in a part of this Content-Type, under the name that others give it, too.
    pub(crate) fn of_part(content_type: Option<&str>) -> Option<Self> {
        let media = MediaType::parse(content_type?)?;
        [Self::Json, Self::Xml].into_iter().find(|form| form.is_of(&media))
    }

    /// Whether a part of this media type holds a data set in this form, under the name that others give it, too.
    pub(crate) fn is_of(self, media: &MediaType) -> bool {
        let plain: &[&str] = match self {
            Self::Json => &["application/json"],
            Self::Xml => &["application/xml", "text/xml"],
        };
        Self::of(&media.essence) == Some(self) || plain.contains(&media.essence.as_str())
    }

    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => DICOM_JSON.essence,
            Self::Xml => XML_ALONE.essence,
        }
    }
}

/// A reader of the parts of a body of this type.
pub(crate) fn reader(media: &MediaType) -> Result<Box<Reader>, Problem> {
    let boundary = media.parameter("boundary").ok_or_else(|| {
        Problem::bad_request("the Content-Type multipart/related has no boundary parameter")
    })?;
    let reader = Reader::new(boundary).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Box::new(reader))
}

/// Refuses a body that is coded beyond its media type.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    if encoding.is_some_and(|encoding| encoding != b"identity") {
        return Err(Problem::unsupported_media_type("a body with a Content-Encoding is not taken"));
    }
    Ok(())
}

/// An answer that is this data set.
pub(crate) fn respond_with(data_set: &Attributes, offer: Offer) -> Response {
    let written = if offer == XML || offer == XML_ALONE {
        let mut xml = Vec::new();
        write_attributes(data_set, &mut xml);
        xml
    } else {
        data_set.to_json().into_bytes()
    };
    let mut content_type = HeaderValue::from_static(offer.essence);
    let root = [XML, JSON_IN_A_PART].into_iter().find(|it| *it == offer).and_then(|it| it.root);
    let body = match root {
        Some(root) => {
            let boundary = Boundary::of(Sha256::digest(&written).into());
            if let Ok(value) = HeaderValue::try_from(boundary.content_type(root)) {
                content_type = value;
            }
            let whole = Whole { content_type: root, location: None, bytes: written.len() };
            let before = boundary.before_whole(Place::First, &whole).into_bytes();
            [before, written, boundary.closing().into_bytes()].concat()
        }
        None => written,
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_goes_by_other_names_in_parts() {
        let of = |form: Form, text| form.is_of(&MediaType::parse(text).unwrap());
        assert!(of(Form::Json, "application/dicom+json; transfer-syntax=1.2.840.10008.1.2.1"));
        assert!(of(Form::Json, "application/json"));
        assert!(of(Form::Xml, "text/xml; charset=utf-8"));
        assert!(!of(Form::Xml, "application/dicom+json"));
        assert!(!of(Form::Json, "application/octet-stream"));
    }

    #[test]
    fn each_offer_names_what_it_gives() {
        let named = |offer| {
            let response = respond_with(&Attributes::new(), offer);
            response.headers()[CONTENT_TYPE].to_str().unwrap().split("; boundary").next().unwrap().to_owned()
        };
        for offer in [DICOM_JSON, crate::accept::JSON, XML_ALONE, XML, JSON_IN_A_PART] {
            assert_eq!(named(offer), offer.name());
        }
    }
}
