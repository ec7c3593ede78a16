//! Rows into an answer (PS3.18 §10.6.3): an array of DICOM JSON objects, or a part of XML for each; 204 where there
//! is none, a warning where there are more. A small answer is one piece with its length and an entity tag; a large one
//! streams, so that memory stays bounded.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use causeway_archive::{Answers, Archive, SearchError};
use causeway_core::{Attributes, Element, Level, Principal, Query, Tag, Vr};
use causeway_dataset::xml::write_attributes;
use futures_util::{Stream, stream};
use sha2::{Digest, Sha256};

use super::parse::Search;
use crate::accept::{Offer, XML, XML_ALONE};
use crate::multipart::write::{Boundary, Place, Whole};
use crate::problem::Problem;
use crate::wado::etag;

/// Bytes of rows that are gathered before an answer begins to stream.
const GATHER_BYTES: usize = 512 * 1024;
/// Bytes of one piece of a streamed answer.
const PIECE_BYTES: usize = 64 * 1024;
/// How far matches beyond an answer's end are counted for its warning. There may be more; to count millions would take
/// longer than the answer.
const MAX_COUNTED: u64 = 1_000;

/// What the URL and the header fields say of the answer.
pub(super) struct Asked<'a> {
    pub(super) level: Level,
    pub(super) base: String,
    pub(super) offer: Offer,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

/// Asks the archive and answers.
pub(super) async fn answer(
    archive: &Archive,
    principal: &Principal,
    search: Search,
    asked: Asked<'_>,
) -> Result<Response, Problem> {
    let Search { query, shown, warnings } = search;
    let limit = query.limit.unwrap_or(u32::MAX);
    let mut rows = archive.search(principal, query.clone()).await?;
    let mut writer = Writer { level: asked.level, shape: asked.shape(), base: asked.base, shown, written: 0 };
    let mut body = Vec::with_capacity(4096);
    writer.open(&mut body);
    let mut ended = Ended::No;
    while body.len() < GATHER_BYTES {
        let Some(row) = rows.next().await.map_err(SearchError::from)? else {
            ended = Ended::Yes;
            break;
        };
        writer.write(row, &mut body);
    }
    let mut headers = HeaderMap::new();
    for text in &warnings {
        warn(&mut headers, &writer.base, text);
    }
    let left = match ended {
        Ended::Yes if writer.written == limit => rows.behind(MAX_COUNTED).await.map_err(SearchError::from)?,
        Ended::Yes => 0,
        Ended::No => remaining(archive, principal, query).await?,
    };
    if left > 0 {
        let text = format!("There are {left} additional results that can be requested");
        warn(&mut headers, &writer.base, &text);
    }
    if ended == Ended::Yes && writer.written == 0 {
        return Ok(respond(StatusCode::NO_CONTENT, headers, Body::empty()));
    }
    if let Ok(content_type) = HeaderValue::try_from(writer.content_type()) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if ended == Ended::No {
        return Ok(respond(StatusCode::OK, headers, Body::from_stream(rest(rows, writer, body))));
    }
    writer.close(&mut body);
    let tag = tag(&headers, &body);
    if let Some(response) = etag::not_modified(asked.headers, &tag) {
        return Ok(response);
    }
    headers.insert(ETAG, tag);
    Ok(respond(StatusCode::OK, headers, Body::from(body)))
}

/// The entity tag of an answer that is all there: whatever changes in it, or in its warnings, changes the tag.
fn tag(headers: &HeaderMap, body: &[u8]) -> HeaderValue {
    let mut hasher = Sha256::new();
    for value in headers.values() {
        hasher.update(value);
        hasher.update([0]);
    }
    hasher.update(body);
    etag::header(&hasher.finalize().into())
}

/// The answer from `piece` on, which holds what was gathered of it.
fn rest(rows: Answers, writer: Writer, piece: Vec<u8>) -> impl Stream<Item = Result<Bytes, SearchError>> {
    stream::try_unfold((Some(rows), writer, piece), |(rows, mut writer, mut piece)| async {
        let Some(mut rows) = rows else { return Ok(None) };
        while piece.len() < PIECE_BYTES {
            let Some(row) = rows.next().await.map_err(SearchError::from)? else {
                writer.close(&mut piece);
                return Ok(Some((Bytes::from(piece), (None, writer, Vec::new()))));
            };
            writer.write(row, &mut piece);
        }
        let next = Vec::with_capacity(PIECE_BYTES + 4096);
        Ok::<_, SearchError>(Some((Bytes::from(piece), (Some(rows), writer, next))))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Yes,
    No,
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Matches beyond an answer that is not all read yet (PS3.18 §8.3.4.4.1).
async fn remaining(archive: &Archive, principal: &Principal, query: Query) -> Result<u64, Problem> {
    let seen = u64::from(query.offset) + u64::from(query.limit.unwrap_or(u32::MAX));
    let total = archive.count(principal, query, seen.saturating_add(MAX_COUNTED)).await?;
    Ok(total.saturating_sub(seen))
}

/// A Warning header in the words of PS3.18 §8.3.4.
fn warn(headers: &mut HeaderMap, base: &str, text: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("299 {base}: {text}")) {
        headers.append(WARNING, value);
    }
}

/// The form of an answer.
enum Shape {
    /// An array, told as this media type.
    Json(&'static str),
    /// A part for each row.
    Xml(Boundary),
}

impl Asked<'_> {
    fn shape(&self) -> Shape {
        if self.offer != XML {
            return Shape::Json(self.offer.essence);
        }
        // A row cannot hold the boundary: our XML has no carriage return, which a delimiter begins with.
        let mut hasher = Sha256::new();
        for text in [&self.base, self.uri.path(), self.uri.query().unwrap_or_default()] {
            hasher.update(text);
            hasher.update([0]);
        }
        Shape::Xml(Boundary::of(hasher.finalize().into()))
    }
}

/// Writes rows.
struct Writer {
    level: Level,
    shape: Shape,
    base: String,
    shown: Vec<(Tag, Vr)>,
    written: u32,
}

impl Writer {
    fn content_type(&self) -> String {
        match &self.shape {
            Shape::Json(essence) => (*essence).to_owned(),
            Shape::Xml(boundary) => boundary.content_type(XML_ALONE.essence),
        }
    }

    fn open(&self, out: &mut Vec<u8>) {
        match self.shape {
            Shape::Json(_) => out.push(b'['),
            Shape::Xml(_) => {}
        }
    }

    fn close(&self, out: &mut Vec<u8>) {
        match &self.shape {
            Shape::Json(_) => out.push(b']'),
            Shape::Xml(boundary) => out.extend(boundary.closing().into_bytes()),
        }
    }

    fn write(&mut self, mut row: Attributes, out: &mut Vec<u8>) {
        for (tag, vr) in &self.shown {
            if !row.contains(*tag) {
                row.put(*tag, Element::empty(*vr));
            }
        }
        row.put_text(Tag::INSTANCE_AVAILABILITY, Vr::CS, "ONLINE");
        let url = retrieve_url(&self.base, self.level, &row);
        if let Some(url) = &url {
            row.put_text(Tag::RETRIEVE_URL, Vr::UR, url);
        }
        let place = if self.written == 0 { Place::First } else { Place::Later };
        self.written += 1;
        match &self.shape {
            Shape::Json(_) => {
                if place == Place::Later {
                    out.push(b',');
                }
                row.write_json(out);
            }
            Shape::Xml(boundary) => {
                let mut xml = Vec::with_capacity(4096);
                write_attributes(&row, &mut xml);
                let whole =
                    Whole { content_type: XML_ALONE.essence, location: url.as_deref(), bytes: xml.len() };
                out.extend(boundary.before_whole(place, &whole).into_bytes());
                out.extend(xml);
            }
        }
    }
}

/// Where what the row describes can be had, made from the row's own UIDs.
fn retrieve_url(base: &str, level: Level, row: &Attributes) -> Option<String> {
    let study = row.first(Tag::STUDY_INSTANCE_UID)?;
    match level {
        Level::Patient => None,
        Level::Study => Some(format!("{base}/studies/{study}")),
        Level::Series => {
            let series = row.first(Tag::SERIES_INSTANCE_UID)?;
            Some(format!("{base}/studies/{study}/series/{series}"))
        }
        Level::Instance => {
            let series = row.first(Tag::SERIES_INSTANCE_UID)?;
            let instance = row.first(Tag::SOP_INSTANCE_UID)?;
            Some(format!("{base}/studies/{study}/series/{series}/instances/{instance}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_where_it_can_be_had_and_what_it_has_no_value_for() {
        let mut writer = Writer {
            level: Level::Series,
            shape: Shape::Json("application/dicom+json"),
            base: "http://h/dicom-web".to_owned(),
            shown: vec![(Tag::MODALITY, Vr::CS), (Tag::SERIES_NUMBER, Vr::IS)],
            written: 0,
        };
        let mut row = Attributes::new();
        row.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2");
        row.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.3");
        row.put_text(Tag::SERIES_NUMBER, Vr::IS, "7");
        let mut out = Vec::new();
        writer.write(row.clone(), &mut out);
        writer.write(row, &mut out);
        let json: Vec<serde_json::Value> =
            serde_json::from_str(&format!("[{}]", String::from_utf8(out).unwrap())).unwrap();
        assert_eq!(json.len(), 2);
        assert_eq!(json[0]["00080060"], serde_json::json!({"vr": "CS"}));
        assert_eq!(json[0]["00200011"]["Value"][0], 7);
        assert_eq!(json[1]["00081190"]["Value"][0], "http://h/dicom-web/studies/1.2/series/1.2.3");
    }

    #[test]
    fn the_tag_changes_with_the_body_and_with_the_warnings() {
        let mut headers = HeaderMap::new();
        let plain = tag(&headers, b"[]");
        assert_eq!(plain, tag(&headers, b"[]"));
        assert_ne!(plain, tag(&headers, b"[1]"));
        warn(&mut headers, "http://h/dicom-web", "x");
        assert_ne!(plain, tag(&headers, b"[]"));
    }

    #[test]
    fn a_warning_names_the_service() {
        let mut headers = HeaderMap::new();
        warn(&mut headers, "http://h/dicom-web", "There are 3 additional results that can be requested");
        assert_eq!(
            headers[WARNING],
            "299 http://h/dicom-web: There are 3 additional results that can be requested"
        );
    }
}
