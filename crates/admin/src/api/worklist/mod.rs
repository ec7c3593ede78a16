//! The worklist: list, show, add, change, remove, and which entry a study may belong to. Entries go in and out in a
//! flat form for people (`form`), or as DICOM JSON where the caller says `application/dicom+json`.

mod fields;
pub(super) mod form;
mod listing;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use causeway_archive::worklist::Invalid;
use causeway_archive::{WorklistError, WorklistItem};
use causeway_core::{Attributes, Tag, Uid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, removed};
use crate::problem::Problem;
use crate::router::BASE;
use crate::state::Node;
use listing::Asked;

/// The media type of DICOM JSON (PS3.18 §8.7.3).
const DICOM_JSON: &str = "application/dicom+json";

/// How an entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Flat,
    Dicom,
}

impl Form {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Self {
        let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if text.contains(DICOM_JSON) { Self::Dicom } else { Self::Flat }
    }

    /// An entry as this form has it.
    fn shown(self, item: &WorklistItem) -> Value {
        match self {
            Self::Flat => flat(item),
            Self::Dicom => json!(item.attributes),
        }
    }

    fn answer(self, status: StatusCode, body: &Value) -> Response {
        let mut response = (status, Json(body)).into_response();
        if self == Self::Dicom {
            response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(DICOM_JSON));
        }
        response
    }
}

fn flat(item: &WorklistItem) -> Value {
    let mut document = serde_json::Map::new();
    document.insert("id".to_owned(), json!(item.id));
    document.extend(form::write(&item.attributes));
    document.insert("changed_at".to_owned(), json!(item.changed_at));
    Value::Object(document)
}

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let form = Form::of(&headers, &ACCEPT);
    let mut entries = node.archive.worklist(&caller, asked.query()?)?;
    let mut items = Vec::new();
    while let Some(item) = entries.next().await.map_err(WorklistError::Catalog).map_err(problem(form))? {
        items.push(form.shown(&item));
    }
    Ok(form.answer(StatusCode::OK, &Value::Array(items)))
}

pub(crate) async fn show(
    State(node): State<Node>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let form = Form::of(&headers, &ACCEPT);
    match node.archive.worklist_item(&caller, id).await? {
        Some(item) => Ok(form.answer(StatusCode::OK, &form.shown(&item))),
        None => Err(Problem::not_found(format!("the worklist has no entry {id}"))),
    }
}

pub(crate) async fn add(
    State(node): State<Node>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let told = Form::of(&headers, &CONTENT_TYPE);
    let entry = read(told, &body)?;
    let item = node.archive.add_worklist_item(&caller, entry).await.map_err(problem(told))?;
    let form = Form::of(&headers, &ACCEPT);
    let location = format!("{BASE}/worklist/{}", item.id);
    Ok(([(LOCATION, location)], form.answer(StatusCode::CREATED, &form.shown(&item))).into_response())
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<Response, Problem> {
    let told = Form::of(&headers, &CONTENT_TYPE);
    let entry = read(told, &body)?;
    let item = node.archive.put_worklist_item(&caller, id, entry).await.map_err(problem(told))?;
    let form = Form::of(&headers, &ACCEPT);
    Ok(form.answer(StatusCode::OK, &form.shown(&item)))
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let was_there = node.archive.remove_worklist_item(&caller, id).await?;
    removed(was_there, "entry of the worklist", &id.to_string())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matched {
    study: Uid,
}

/// Entries that a study may belong to, the likeliest first, with the words why.
pub(crate) async fn matches(
    State(node): State<Node>,
    caller: Caller,
    Query(Matched { study }): Query<Matched>,
) -> Result<Json<Value>, Problem> {
    let Some(candidates) = node.archive.worklist_matches(&caller, &study).await? else {
        return Err(Problem::not_found(format!("study {study} is not here")));
    };
    let shown = candidates.iter().map(|candidate| {
        json!({ "score": candidate.score, "reasons": candidate.reasons, "entry": flat(&candidate.item) })
    });
    Ok(Json(shown.collect()))
}

fn read(form: Form, body: &[u8]) -> Result<Attributes, Problem> {
    let wrong =
        |error: serde_json::Error| Problem::bad_request(format!("the body is no JSON entry: {error}"));
    match form {
        Form::Flat => {
            let document: Value = serde_json::from_slice(body).map_err(wrong)?;
            form::read(&document).map_err(|fault| {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Problem::new(status, format!("{} {}", fault.field, fault.words).trim()).at(fault.field)
            })
        }
        Form::Dicom => {
            let text =
                std::str::from_utf8(body).map_err(|_| Problem::bad_request("the body is not UTF-8"))?;
            Attributes::from_json(text).map_err(wrong)
        }
    }
}

/// An error in the words of the form that the caller used.
fn problem(form: Form) -> impl Fn(WorklistError) -> Problem {
    move |error| match error {
        WorklistError::Access(error) => error.into(),
        WorklistError::Invalid(invalid) => {
            let field = name(form, &invalid);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let words = match form {
                Form::Flat => format!("{field} {}", invalid.words),
                Form::Dicom => invalid.to_string(),
            };
            Problem::new(status, words).at(field)
        }
        WorklistError::Taken(_) => Problem::new(StatusCode::CONFLICT, error.to_string()),
        WorklistError::Unknown(_) => Problem::not_found(error.to_string()),
        WorklistError::Catalog(error) => Problem::inside(&error),
    }
}

/// What the caller calls the attribute.
fn name(form: Form, invalid: &Invalid) -> String {
    let flat = if form == Form::Flat { fields::name_of(&invalid.place) } else { None };
    flat.map_or_else(
        || invalid.place.iter().map(|tag: &Tag| tag.to_hex()).collect::<Vec<_>>().join("."),
        str::to_owned,
    )
}
