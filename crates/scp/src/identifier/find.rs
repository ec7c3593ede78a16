//! The identifier of a C-FIND request (PS3.4 §C.4.1.1.3) as a `Query`.

use causeway_core::query::{Key, Matching, Returned, levels};
use causeway_core::{Attributes, Element, Query, Tag, Value};

use super::{Hierarchy, Refusal, Root, level, name};

/// What a C-FIND asks.
#[derive(Debug)]
pub(crate) struct FindRequest {
    /// The question.
    pub(crate) query: Query,
    /// The keys as they stood in the identifier: what an answer shows.
    pub(crate) requested: Attributes,
    /// Whether some key is one we do not keep: answers say so with FF01.
    pub(crate) has_unsupported_keys: bool,
}

/// Attributes that steer the request and are no keys.
const NO_KEYS: [Tag; 5] = [
    Tag::QUERY_RETRIEVE_LEVEL,
    Tag::SPECIFIC_CHARACTER_SET,
    Tag::TIMEZONE_OFFSET_FROM_UTC,
    Tag::RETRIEVE_AE_TITLE,
    Tag::INSTANCE_AVAILABILITY,
];

/// Reads the identifier.
pub(crate) fn find_request(
    root: Root,
    hierarchy: Hierarchy,
    mut identifier: Attributes,
) -> Result<FindRequest, Refusal> {
    let level = level(root, &identifier)?;
    if hierarchy == Hierarchy::Strict {
        check_levels_above(root, level, &identifier)?;
    }
    let mut query = Query::all(level);
    let is_key = |tag: Tag| !NO_KEYS.contains(&tag) && tag.element() != 0;
    let is_supported = |tag: Tag| levels::known(tag).is_some_and(|kept| kept.level <= level);
    let asked = identifier.len();
    // What is not supported is not returned either (PS3.4 §C.2.2.1.3).
    identifier.retain(|tag| !is_key(tag) || is_supported(tag));
    let has_unsupported_keys = identifier.len() < asked;
    for (tag, element) in identifier.iter().filter(|(tag, _)| is_key(*tag)) {
        if let Some(key) = key(tag, element)? {
            query.keys.push(key);
        }
    }
    query.returned = Returned::Only(identifier.iter().map(|(tag, _)| tag).collect());
    Ok(FindRequest { query, requested: identifier, has_unsupported_keys })
}

/// Each level above must be named by one single value of its unique key (PS3.4 §C.4.1.2.1).
fn check_levels_above(
    root: Root,
    level: causeway_core::Level,
    identifier: &Attributes,
) -> Result<(), Refusal> {
    for above in root.above(level) {
        let tag = above.unique_key();
        let values = identifier.get(tag).map(Element::values).unwrap_or_default();
        let single = matches!(values, [one] if !one.is_empty() && !one.contains(['*', '?']));
        if !single {
            let comment = format!("{} level needs one {} (not relational)", level.as_str(), name(above));
            return Err(Refusal::mismatch(tag, comment));
        }
    }
    Ok(())
}

/// The condition that one attribute of the identifier makes, if it makes any.
fn key(tag: Tag, element: &Element) -> Result<Option<Key>, Refusal> {
    let vr = levels::known(tag).map_or(element.vr, |kept| kept.vr);
    let matching = match &element.value {
        Value::Items(items) => {
            let Some(item) = items.first() else { return Ok(None) };
            let keys: Result<Vec<Option<Key>>, Refusal> =
                item.iter().map(|(tag, nested)| key(tag, nested)).collect();
            Matching::Sequence(keys?.into_iter().flatten().collect())
        }
        Value::Text(values) => Matching::parse(vr, &values.join("\\"))
            .map_err(|error| Refusal::mismatch(tag, error.to_string()))?,
    };
    let asks = match &matching {
        Matching::Universal => false,
        Matching::Sequence(keys) => !keys.is_empty(),
        _ => true,
    };
    Ok(asks.then_some(Key { tag, vr, matching }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::identifier;
    use super::*;
    use causeway_core::Status;

    #[test]
    fn empty_keys_are_returned_and_match_everything() {
        let request = find_request(
            Root::Study,
            Hierarchy::Strict,
            identifier(&[
                (Tag::QUERY_RETRIEVE_LEVEL, "STUDY"),
                (Tag::PATIENT_NAME, ""),
                (Tag::STUDY_DATE, "20240101-"),
            ]),
        )
        .unwrap();
        assert_eq!(request.query.keys.len(), 1);
        assert!(request.query.returned.shows(Tag::PATIENT_NAME));
        assert!(!request.has_unsupported_keys);
    }

    #[test]
    fn a_level_above_without_its_key_is_refused_unless_relational() {
        let series = || identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "SERIES"), (Tag::MODALITY, "CT")]);
        let refusal = find_request(Root::Study, Hierarchy::Strict, series()).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.offending),
            (Status::IDENTIFIER_DOES_NOT_MATCH, Tag::STUDY_INSTANCE_UID)
        );
        assert!(find_request(Root::Study, Hierarchy::Relational, series()).is_ok());
        let study = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY")]);
        let refusal = find_request(Root::Patient, Hierarchy::Strict, study).unwrap_err();
        assert_eq!(refusal.offending, Tag::PATIENT_ID);
    }

    #[test]
    fn a_list_does_not_name_a_level_above() {
        let series =
            identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "SERIES"), (Tag::STUDY_INSTANCE_UID, "1.2\\1.3")]);
        assert!(find_request(Root::Study, Hierarchy::Strict, series).is_err());
    }

    #[test]
    fn a_key_that_is_not_kept_is_said_to_be_unsupported_and_restricts_nothing() {
        let unknown = Tag::new(0x0018, 0x0050);
        let request = find_request(
            Root::Study,
            Hierarchy::Strict,
            identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY"), (unknown, "5")]),
        )
        .unwrap();
        assert!(request.has_unsupported_keys);
        assert!(!request.requested.contains(unknown));
        assert!(request.query.keys.is_empty());
    }

    #[test]
    fn a_malformed_date_is_refused_with_its_tag() {
        let wrong = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY"), (Tag::STUDY_DATE, "yesterday")]);
        assert_eq!(
            find_request(Root::Study, Hierarchy::Strict, wrong).unwrap_err().offending,
            Tag::STUDY_DATE
        );
    }
}
