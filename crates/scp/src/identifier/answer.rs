//! The identifier of a pending C-FIND answer (PS3.4 §C.4.1.1.3.2): exactly the attributes asked for, those we do
//! not have empty, and where to retrieve from.

use causeway_core::{AeTitle, Attributes, Element, Level, Tag, Value, Vr};

/// The answer for one match.
pub(crate) fn answer(
    requested: &Attributes,
    level: Level,
    found: &Attributes,
    our_ae: &AeTitle,
) -> Attributes {
    let mut shown = project(requested, found);
    shown.remove(Tag::SPECIFIC_CHARACTER_SET);
    shown.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, level.as_str());
    shown.put_text(Tag::RETRIEVE_AE_TITLE, Vr::AE, our_ae.as_str());
    if shown.get(Tag::TIMEZONE_OFFSET_FROM_UTC).is_some_and(Element::is_empty) {
        // Not to be sent with zero length (PS3.4 §C.4.1.1.3.2).
        shown.remove(Tag::TIMEZONE_OFFSET_FROM_UTC);
    }
    if requested.contains(Tag::INSTANCE_AVAILABILITY) {
        shown.put_text(Tag::INSTANCE_AVAILABILITY, Vr::CS, "ONLINE");
    }
    shown
}

fn project(requested: &Attributes, found: &Attributes) -> Attributes {
    requested
        .iter()
        .map(|(tag, wanted)| {
            (tag, found.get(tag).map_or_else(|| Element::empty(wanted.vr), |has| narrow(wanted, has)))
        })
        .collect()
}

/// Of a sequence only the attributes that the key's item names, when it names any (PS3.4 §C.2.2.2.6).
fn narrow(wanted: &Element, has: &Element) -> Element {
    match wanted.items().first() {
        Some(keys) if !keys.is_empty() => Element {
            vr: Vr::SQ,
            value: Value::Items(has.items().iter().map(|item| project(keys, item)).collect()),
        },
        _ => has.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::identifier;
    use super::*;

    #[test]
    fn exactly_what_was_asked_is_shown_and_what_is_missing_is_empty() {
        let requested =
            identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY"), (Tag::STUDY_ID, ""), (Tag::PATIENT_NAME, "")]);
        let found = identifier(&[(Tag::PATIENT_NAME, "Doe^Jane"), (Tag::ACCESSION_NUMBER, "A1")]);
        let shown = answer(&requested, Level::Study, &found, &AeTitle::parse("CAUSEWAY").unwrap());
        assert_eq!(shown.first(Tag::PATIENT_NAME), Some("Doe^Jane"));
        assert!(shown.get(Tag::STUDY_ID).unwrap().is_empty());
        assert!(!shown.contains(Tag::ACCESSION_NUMBER));
        assert_eq!(shown.first(Tag::RETRIEVE_AE_TITLE), Some("CAUSEWAY"));
        assert!(!shown.contains(Tag::INSTANCE_AVAILABILITY));
    }
}
