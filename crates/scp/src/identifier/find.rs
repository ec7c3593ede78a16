//! The identifier of a C-FIND request (PS3.4 §C.4.1.1.3) as a `Query`.

use causeway_core::query::moments::Offset;
use causeway_core::query::reading::{Asked, Reading};
use causeway_core::query::{Key, Matching, Returned, Zones, levels};
use causeway_core::{Attributes, Element, Level, Query, Tag, Value};

use super::options::{QueryOptions, Timezone};
use super::{Hierarchy, Refusal, Root, check_view, level, name};

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
    options: &QueryOptions,
    mut identifier: Attributes,
) -> Result<FindRequest, Refusal> {
    let level = level(root, &identifier)?;
    check_view(&identifier)?;
    identifier.remove(Tag::QUERY_RETRIEVE_VIEW);
    if options.hierarchy == Hierarchy::Strict {
        check_levels_above(root, level, &identifier)?;
    }
    let zone = zone(options, &identifier)?;
    let is_key = |tag: Tag| !NO_KEYS.contains(&tag) && tag.element() != 0;
    let is_supported = |tag: Tag| levels::known(tag).is_some_and(|kept| kept.level <= level);
    let asked = identifier.len();
    // What is not supported is not returned either (PS3.4 §C.2.2.1.3).
    identifier.retain(|tag| !is_key(tag) || is_supported(tag));
    let has_unsupported_keys = identifier.len() < asked;
    let query = Query {
        keys: keys(options.reading(zone), identifier.iter().filter(|(tag, _)| is_key(*tag)))?,
        returned: Returned::Only(identifier.iter().map(|(tag, _)| tag).collect()),
        zones: zone.map(Zones::of),
        ..Query::all(level)
    };
    Ok(FindRequest { query, requested: identifier, has_unsupported_keys })
}

/// The zone that the query is told in, where that was agreed upon and one is named.
fn zone(options: &QueryOptions, identifier: &Attributes) -> Result<Option<Offset>, Refusal> {
    let tag = Tag::TIMEZONE_OFFSET_FROM_UTC;
    match (options.timezone, identifier.first(tag)) {
        (Timezone::AsKept, _) | (Timezone::Adjusted, None) => Ok(None),
        (Timezone::Adjusted, Some(text)) => match Offset::parse(text) {
            Some(offset) => Ok(Some(offset)),
            None => Err(Refusal::mismatch(tag, "Timezone Offset From UTC is not +HHMM or -HHMM")),
        },
    }
}

/// Each level above must be named by one single value of its unique key (PS3.4 §C.4.1.2.1).
fn check_levels_above(root: Root, level: Level, identifier: &Attributes) -> Result<(), Refusal> {
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

/// The conditions that the attributes of an identifier or of an item make.
fn keys<'a>(
    reading: Reading,
    attributes: impl Iterator<Item = (Tag, &'a Element)>,
) -> Result<Vec<Key>, Refusal> {
    let asked: Result<Vec<Option<Asked>>, Refusal> =
        attributes.map(|(tag, element)| key(reading, tag, element)).collect();
    Ok(reading.together(asked?.into_iter().flatten().collect()))
}

/// The condition that one attribute of the identifier makes, if it makes any.
fn key(reading: Reading, tag: Tag, element: &Element) -> Result<Option<Asked>, Refusal> {
    let vr = levels::known(tag).map_or(element.vr, |kept| kept.vr);
    let items = match &element.value {
        Value::Text(values) => {
            let asked = reading.key(tag, vr, &values.join("\\"));
            return asked.map(Some).map_err(|error| Refusal::mismatch(tag, error.to_string()));
        }
        Value::Items(items) => items,
    };
    // Only universal matching is defined for it (PS3.4 §C.6.1.1.5.1).
    if tag == Tag::ALTERNATE_REPRESENTATION_SEQUENCE {
        return Ok(None);
    }
    match items.as_slice() {
        [] => Ok(None),
        [item] => {
            let keys = keys(reading, item.iter())?;
            let key = Key { tag, vr, matching: Matching::Sequence(keys) };
            Ok(Some(Asked::plain(key)).filter(|asked| asks(&asked.key)))
        }
        _ => Err(Refusal::mismatch(tag, "a sequence as a key has one item (PS3.4 C.2.2.2.6)")),
    }
}

fn asks(key: &Key) -> bool {
    !matches!(&key.matching, Matching::Sequence(keys) if keys.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::identifier;
    use super::*;
    use causeway_core::query::reading::{Dates, Names};
    use causeway_core::{Status, Vr};

    fn strict() -> QueryOptions {
        QueryOptions::granted(None, Hierarchy::Strict)
    }

    fn relational() -> QueryOptions {
        QueryOptions::granted(None, Hierarchy::Relational)
    }

    fn study(entries: &[(Tag, &str)]) -> Attributes {
        let mut all = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY")]);
        all.merge(identifier(entries));
        all
    }

    #[test]
    fn empty_keys_are_returned_and_match_everything() {
        let request = find_request(
            Root::Study,
            &strict(),
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
        let refusal = find_request(Root::Study, &strict(), series()).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.offending),
            (Status::IDENTIFIER_DOES_NOT_MATCH, Tag::STUDY_INSTANCE_UID)
        );
        assert!(find_request(Root::Study, &relational(), series()).is_ok());
        let study = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY")]);
        let refusal = find_request(Root::Patient, &strict(), study).unwrap_err();
        assert_eq!(refusal.offending, Tag::PATIENT_ID);
    }

    #[test]
    fn a_list_does_not_name_a_level_above() {
        let series =
            identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "SERIES"), (Tag::STUDY_INSTANCE_UID, "1.2\\1.3")]);
        assert!(find_request(Root::Study, &strict(), series).is_err());
    }

    #[test]
    fn a_key_that_is_not_kept_is_said_to_be_unsupported_and_restricts_nothing() {
        let unknown = Tag::new(0x0018, 0x0050);
        let request = find_request(
            Root::Study,
            &strict(),
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
        assert_eq!(find_request(Root::Study, &strict(), wrong).unwrap_err().offending, Tag::STUDY_DATE);
    }

    #[test]
    fn a_view_that_was_not_negotiated_is_refused_and_an_empty_one_passed_over() {
        for view in ["CLASSIC", "ENHANCED", "OTHER"] {
            let refusal =
                find_request(Root::Study, &strict(), study(&[(Tag::QUERY_RETRIEVE_VIEW, view)])).unwrap_err();
            assert_eq!(refusal.status, Status::IDENTIFIER_DOES_NOT_MATCH);
            assert_eq!(refusal.offending, Tag::QUERY_RETRIEVE_VIEW);
        }
        let empty = find_request(Root::Study, &strict(), study(&[(Tag::QUERY_RETRIEVE_VIEW, "")])).unwrap();
        assert!(!empty.requested.contains(Tag::QUERY_RETRIEVE_VIEW));
        assert!(!empty.has_unsupported_keys);
    }

    #[test]
    fn what_is_negotiated_changes_how_keys_are_read_and_nothing_else_does() {
        let asked = || {
            study(&[
                (Tag::PATIENT_NAME, "doe"),
                (Tag::STUDY_DATE, "20240101-20240102"),
                (Tag::STUDY_TIME, "10-12"),
                (Tag::TIMEZONE_OFFSET_FROM_UTC, "+0100"),
            ])
        };
        let plain = find_request(Root::Study, &strict(), asked()).unwrap().query;
        assert_eq!((plain.keys.len(), &plain.zones), (3, &None));
        let options = QueryOptions {
            dates: Dates::Combined,
            names: Names::Fuzzy,
            timezone: Timezone::Adjusted,
            ..strict()
        };
        let query = find_request(Root::Study, &options, asked()).unwrap().query;
        assert_eq!(query.keys.len(), 2);
        assert_eq!(query.zones.unwrap().wanted.to_string(), "+0100");
        assert!(query.keys.iter().any(|key| matches!(key.matching, Matching::Combined { .. })));
        assert!(query.keys.iter().any(|key| matches!(key.matching, Matching::Fuzzy(_))));
        let wrong = study(&[(Tag::TIMEZONE_OFFSET_FROM_UTC, "CET")]);
        assert_eq!(
            find_request(Root::Study, &options, wrong).unwrap_err().offending,
            Tag::TIMEZONE_OFFSET_FROM_UTC
        );
    }

    #[test]
    fn a_sequence_asks_with_one_item_and_with_an_empty_one_for_nothing() {
        let with = |items: Vec<Attributes>| {
            let mut asked = study(&[]);
            let element = Element { vr: Vr::SQ, value: Value::Items(items) };
            asked.put(Tag::new(0x0008, 0x1032), element);
            find_request(Root::Study, &strict(), asked)
        };
        let code = || identifier(&[(Tag::CODE_VALUE, "T1"), (Tag::CODING_SCHEME_DESIGNATOR, "")]);
        let query = with(vec![code()]).unwrap().query;
        let Matching::Sequence(keys) = &query.keys[0].matching else { panic!("it is a sequence") };
        assert_eq!(keys.len(), 1);
        for nothing in [vec![], vec![Attributes::new()], vec![identifier(&[(Tag::CODE_VALUE, "")])]] {
            assert!(with(nothing).unwrap().query.keys.is_empty());
        }
        assert_eq!(with(vec![code(), code()]).unwrap_err().offending, Tag::new(0x0008, 0x1032));
    }

    #[test]
    fn every_key_of_the_level_and_of_those_above_is_supported() {
        for level in [Level::Study, Level::Series, Level::Instance] {
            for kept in levels::KEPT.iter().chain(levels::COMPUTED) {
                let mut asked = Attributes::new();
                asked.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, level.as_str());
                asked.put(kept.tag, Element::empty(kept.vr));
                let request = find_request(Root::Study, &relational(), asked).unwrap();
                assert_eq!(request.has_unsupported_keys, kept.level > level, "{} at {level:?}", kept.tag);
            }
        }
    }
}
