//! What a remote has, by QIDO-RS page by page (PS3.18 §10.6).

use causeway_core::remote::DicomWebAddress;
use causeway_core::{Attributes, Tag, Uid};
use serde_json::value::RawValue;

use super::{Listed, MAX_INSTANCES, Wanted};
use crate::dicomweb::{Answer, DicomWeb};
use crate::sender::Patience;

/// Matches that are asked for at a time.
const PAGE: usize = 1000;
/// Longest answer to one question.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Most questions: servers may give shorter pages than they are asked for.
const MAX_PAGES: usize = 2000;

pub(super) async fn survey(
    address: &DicomWebAddress,
    patience: Patience,
    wanted: &Wanted,
) -> Result<Listed, String> {
    let web = DicomWeb::new(address, patience).map_err(|failure| failure.words)?;
    let Wanted { study, series, instance } = wanted;
    let path = match series {
        Some(series) => format!("studies/{study}/series/{series}/instances"),
        None => format!("studies/{study}/instances"),
    };
    let mut listed = Listed::new();
    let mut told = 0;
    for _ in 0..MAX_PAGES {
        let mut query = vec![
            ("includefield", Tag::SOP_CLASS_UID.to_hex()),
            ("limit", PAGE.to_string()),
            ("offset", told.to_string()),
        ];
        query.extend(instance.as_ref().map(|instance| ("SOPInstanceUID", instance.to_string())));
        let matches = match web.get(&path, &query, MAX_ANSWER_BYTES).await.map_err(|failure| failure.words)? {
            Answer::Found(body) => read(&body)?,
            Answer::Nothing => Vec::new(),
        };
        let (before, count) = (listed.len(), matches.len());
        listed.extend(matches);
        if listed.len() > MAX_INSTANCES {
            return Err(format!("it lists more than {MAX_INSTANCES}"));
        }
        // One that passes over `offset` says the same again and again.
        if count == 0 || listed.len() == before {
            return Ok(listed);
        }
        told += count;
    }
    Err(format!("it takes more than {MAX_PAGES} questions to hear all that it lists"))
}

/// What a remote has at `path`; of each match what is asked for: `keys` with a value are matched, the others told.
pub(super) async fn matches(
    address: &DicomWebAddress,
    patience: Patience,
    path: &str,
    keys: &Attributes,
    most: usize,
) -> Result<Vec<Attributes>, String> {
    let web = DicomWeb::new(address, patience).map_err(|failure| failure.words)?;
    let mut query = vec![("limit".to_owned(), most.to_string())];
    for (tag, element) in keys.iter() {
        match element.values().first() {
            Some(value) if !value.is_empty() => query.push((tag.to_hex(), value.clone())),
            _ => query.push(("includefield".to_owned(), tag.to_hex())),
        }
    }
    let query: Vec<(&str, String)> =
        query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    match web.get(path, &query, MAX_ANSWER_BYTES).await.map_err(|failure| failure.words)? {
        Answer::Found(body) => objects(&body),
        Answer::Nothing => Ok(Vec::new()),
    }
}

fn objects(body: &[u8]) -> Result<Vec<Attributes>, String> {
    let unreadable = || "its answer is no DICOM JSON".to_owned();
    let matches: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| unreadable())?;
    matches.iter().map(|one| Attributes::from_json(one.get()).map_err(|_| unreadable())).collect()
}

fn read(body: &[u8]) -> Result<Matches, String> {
    let matches = objects(body)?;
    let uid = |attributes: &Attributes, tag| attributes.first(tag).and_then(|text| Uid::parse(text).ok());
    let mut found = Vec::with_capacity(matches.len());
    for attributes in matches {
        if let Some(instance) = uid(&attributes, Tag::SOP_INSTANCE_UID) {
            found.push((instance, uid(&attributes, Tag::SOP_CLASS_UID)));
        }
    }
    Ok(found)
}

/// Matches in their order.
type Matches = Vec<(Uid, Option<Uid>)>;
