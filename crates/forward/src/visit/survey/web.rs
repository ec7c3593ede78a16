//! What a remote has, by QIDO-RS (PS3.18 §10.6).

use causeway_core::remote::DicomWebAddress;
use causeway_core::{Attributes, Level, Tag};

use super::{Listed, MAX_INSTANCES, Wanted};
use crate::dicomweb::DicomWeb;
use crate::qido::{Page, Search};
use crate::sender::Patience;

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
    let mut query = vec![("includefield", Tag::SOP_CLASS_UID.to_hex())];
    query.extend(instance.as_ref().map(|instance| ("SOPInstanceUID", instance.to_string())));
    // One more than is remembered shows that there are more.
    let mut search = Search::new(&web, path, query, Tag::SOP_INSTANCE_UID, MAX_INSTANCES + 1);
    let mut listed = Listed::new();
    while let Some(page) = search.next().await.map_err(|failure| failure.words)? {
        listed.extend(whole(&page)?.instances());
        if listed.len() > MAX_INSTANCES {
            return Err(format!("it lists more than {MAX_INSTANCES}"));
        }
    }
    Ok(listed)
}

/// What a remote has at `path`; of each match what is asked for: `keys` with a value are matched, the others told.
pub(super) async fn matches(
    address: &DicomWebAddress,
    patience: Patience,
    (level, path): (Level, String),
    keys: &Attributes,
    most: usize,
) -> Result<Vec<Attributes>, String> {
    let web = DicomWeb::new(address, patience).map_err(|failure| failure.words)?;
    let texts: Vec<(String, String)> = keys
        .iter()
        .map(|(tag, element)| match element.values().first() {
            Some(value) if !value.is_empty() => (tag.to_hex(), value.clone()),
            _ => ("includefield".to_owned(), tag.to_hex()),
        })
        .collect();
    let query = texts.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let mut search = Search::new(&web, path, query, level.unique_key(), most);
    let mut found = Vec::new();
    while let Some(page) = search.next().await.map_err(|failure| failure.words)? {
        whole(&page)?;
        found.extend(page.matches);
    }
    found.truncate(most);
    Ok(found)
}

/// A list of which a part cannot be read is no list of what is there.
fn whole(page: &Page) -> Result<&Page, String> {
    match page.unreadable {
        0 => Ok(page),
        unreadable => Err(format!("{unreadable} of its matches could not be read")),
    }
}
