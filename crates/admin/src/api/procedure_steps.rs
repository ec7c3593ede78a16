//! Performed procedure steps as modalities told of them: list, show.

use axum::Json;
use axum::extract::{Path, Query, State};
use causeway_archive::{PerformedFilter, PerformedStep};
use causeway_core::worklist::PerformedStatus;
use causeway_core::{Attributes, Element, Tag, Uid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Caller;
use super::worklist::form::{iso_date, moment};
use crate::problem::Problem;
use crate::state::Node;

/// Steps that are listed when no limit is given, and at most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    status: Option<String>,
    study: Option<Uid>,
    limit: Option<u32>,
    offset: Option<u32>,
}

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let filter = PerformedFilter {
        status: asked.status.as_deref().map(status).transpose()?,
        study: asked.study,
        limit: asked.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
        offset: asked.offset.unwrap_or(0),
    };
    let steps = node.archive.performed_steps(&caller, filter).await?;
    Ok(Json(steps.iter().map(shown).collect()))
}

pub(crate) async fn show(
    State(node): State<Node>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Json<Value>, Problem> {
    let uid = Uid::parse(&uid).map_err(|error| Problem::bad_request(error.to_string()))?;
    let Some(step) = node.archive.performed(&caller, &uid).await? else {
        return Err(Problem::not_found(format!("there is no performed procedure step {uid}")));
    };
    let mut document = shown(&step);
    if let Value::Object(document) = &mut document {
        document.insert("dicom".to_owned(), json!(step.attributes));
    }
    Ok(Json(document))
}

fn status(text: &str) -> Result<PerformedStatus, Problem> {
    PerformedStatus::parse(&text.to_uppercase().replace('-', " "))
        .ok_or_else(|| Problem::bad_request("a status is in-progress, completed or discontinued"))
}

fn shown(step: &PerformedStep) -> Value {
    let attributes = &step.attributes;
    let text = |tag| attributes.first(tag);
    let scheduled = items(attributes, Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE);
    let of_scheduled = |tag| scheduled.iter().filter_map(|item| item.first(tag)).collect::<Vec<_>>();
    let reasons = items(attributes, Tag::PERFORMED_PROCEDURE_STEP_DISCONTINUATION_REASON_CODE_SEQUENCE);
    json!({
        "uid": step.uid,
        "status": step.status,
        "station_ae": text(Tag::PERFORMED_STATION_AE_TITLE),
        "modality": text(Tag::MODALITY),
        "id": text(Tag::PERFORMED_PROCEDURE_STEP_ID),
        "description": text(Tag::PERFORMED_PROCEDURE_STEP_DESCRIPTION),
        "patient": {
            "id": text(Tag::PATIENT_ID),
            "issuer": text(Tag::ISSUER_OF_PATIENT_ID),
            "name": text(Tag::PATIENT_NAME),
            "birth_date": text(Tag::PATIENT_BIRTH_DATE).and_then(iso_date),
            "sex": text(Tag::PATIENT_SEX),
        },
        "started": moment(
            text(Tag::PERFORMED_PROCEDURE_STEP_START_DATE),
            text(Tag::PERFORMED_PROCEDURE_STEP_START_TIME),
        ),
        "ended": moment(
            text(Tag::PERFORMED_PROCEDURE_STEP_END_DATE),
            text(Tag::PERFORMED_PROCEDURE_STEP_END_TIME),
        ),
        "discontinuation_reason": reasons.first().and_then(|code| code.first(Tag::CODE_MEANING)),
        "study_instance_uids": of_scheduled(Tag::STUDY_INSTANCE_UID),
        "accession_numbers": of_scheduled(Tag::ACCESSION_NUMBER),
        "worklist": step.items,
        "series": items(attributes, Tag::PERFORMED_SERIES_SEQUENCE).iter().map(series).collect::<Vec<_>>(),
        "told_by": step.who,
        "created_at": step.created_at,
        "changed_at": step.changed_at,
    })
}

fn series(item: &Attributes) -> Value {
    json!({
        "series_instance_uid": item.first(Tag::SERIES_INSTANCE_UID),
        "protocol": item.first(Tag::PROTOCOL_NAME),
        "description": item.first(Tag::SERIES_DESCRIPTION),
        "images": items(item, Tag::REFERENCED_IMAGE_SEQUENCE).len(),
        "others": items(item, Tag::REFERENCED_NON_IMAGE_COMPOSITE_SOP_INSTANCE_SEQUENCE).len(),
    })
}

fn items(attributes: &Attributes, tag: Tag) -> &[Attributes] {
    attributes.get(tag).map(Element::items).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_people_write_it() {
        for (text, expected) in [
            ("in-progress", PerformedStatus::InProgress),
            ("IN PROGRESS", PerformedStatus::InProgress),
            ("completed", PerformedStatus::Completed),
        ] {
            assert_eq!(status(text).ok(), Some(expected));
        }
        assert!(status("done").is_err());
    }
}
