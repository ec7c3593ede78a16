//! The identifier of a pending C-FIND answer (PS3.4 §C.4.1.1.3.2): exactly the attributes asked for, those we do
//! not have empty, and where to retrieve from.

use causeway_core::query::matching::matching_items;
use causeway_core::query::{Key, Matching};
use causeway_core::{AeTitle, Attributes, Element, Level, Query, Tag, Value, Vr};

/// What the answers to one query look like.
pub(crate) struct Shape {
    requested: Attributes,
    /// Sequences of which only the items that match are shown.
    sequences: Vec<Key>,
    level: Level,
    our_ae: AeTitle,
}

impl Shape {
    pub(crate) fn of(query: &Query, mut requested: Attributes, our_ae: &AeTitle) -> Self {
        let sequences = query.keys.iter().filter(|key| !item_keys(key).is_empty()).cloned().collect();
        requested.remove(Tag::SPECIFIC_CHARACTER_SET);
        Self { sequences, requested, level: query.level, our_ae: our_ae.clone() }
    }

    /// The answer for one match.
    pub(crate) fn answer(&self, mut found: Attributes) -> Attributes {
        let keys = |tag| self.sequences.iter().find(|key| key.tag == tag).map_or(&[][..], item_keys);
        let mut shown: Attributes = self
            .requested
            .iter()
            .map(|(tag, wanted)| match found.remove(tag) {
                Some(has) => (tag, narrow(wanted, has, keys(tag))),
                None => (tag, Element::empty(wanted.vr)),
            })
            .collect();
        shown.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, self.level.as_str());
        shown.put_text(Tag::RETRIEVE_AE_TITLE, Vr::AE, self.our_ae.as_str());
        if shown.get(Tag::TIMEZONE_OFFSET_FROM_UTC).is_some_and(Element::is_empty) {
            // Not to be sent with zero length (PS3.4 §C.4.1.1.3.2).
            shown.remove(Tag::TIMEZONE_OFFSET_FROM_UTC);
        }
        if self.requested.contains(Tag::INSTANCE_AVAILABILITY) {
            shown.put_text(Tag::INSTANCE_AVAILABILITY, Vr::CS, "ONLINE");
        }
        shown
    }
}

/// Of a sequence only the items that match, and of these only the attributes that the key's item names, when it
/// names any (PS3.4 §C.2.2.2.6).
fn narrow(wanted: &Element, has: Element, keys: &[Key]) -> Element {
    match wanted.items().first() {
        Some(named) if !named.is_empty() => {
            let items = matching_items(keys, has.items()).map(|item| project(named, item, keys)).collect();
            Element { vr: Vr::SQ, value: Value::Items(items) }
        }
        _ => has,
    }
}

fn project(named: &Attributes, item: &Attributes, keys: &[Key]) -> Attributes {
    named
        .iter()
        .map(|(tag, wanted)| {
            let nested = keys.iter().find(|key| key.tag == tag).map_or(&[][..], item_keys);
            let has = item.get(tag).cloned();
            (tag, has.map_or_else(|| Element::empty(wanted.vr), |has| narrow(wanted, has, nested)))
        })
        .collect()
}

/// The keys that the items of a sequence are held against.
fn item_keys(key: &Key) -> &[Key] {
    match &key.matching {
        Matching::Sequence(keys) => keys,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::identifier;
    use super::*;

    fn shape(query: &Query, requested: Attributes) -> Shape {
        Shape::of(query, requested, &AeTitle::parse("CAUSEWAY").unwrap())
    }

    #[test]
    fn exactly_what_was_asked_is_shown_and_what_is_missing_is_empty() {
        let requested =
            identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY"), (Tag::STUDY_ID, ""), (Tag::PATIENT_NAME, "")]);
        let found = identifier(&[(Tag::PATIENT_NAME, "Doe^Jane"), (Tag::ACCESSION_NUMBER, "A1")]);
        let shown = shape(&Query::all(Level::Study), requested).answer(found);
        assert_eq!(shown.first(Tag::PATIENT_NAME), Some("Doe^Jane"));
        assert!(shown.get(Tag::STUDY_ID).unwrap().is_empty());
        assert!(!shown.contains(Tag::ACCESSION_NUMBER));
        assert_eq!(shown.first(Tag::RETRIEVE_AE_TITLE), Some("CAUSEWAY"));
        assert!(!shown.contains(Tag::INSTANCE_AVAILABILITY));
    }

    #[test]
    fn of_a_sequence_the_items_that_match_are_shown_with_what_was_asked_of_them() {
        let tag = Tag::REQUEST_ATTRIBUTES_SEQUENCE;
        let sequence = |items: Vec<Attributes>| Element { vr: Vr::SQ, value: Value::Items(items) };
        let item = |step: &str, procedure: &str| {
            identifier(&[(Tag::SCHEDULED_PROCEDURE_STEP_ID, step), (Tag::REQUESTED_PROCEDURE_ID, procedure)])
        };
        let found = || -> Attributes {
            [(tag, sequence(vec![item("S1", "R1"), item("S2", "R2")]))].into_iter().collect()
        };
        let asked = |step: &str| -> Attributes {
            [(tag, sequence(vec![identifier(&[(Tag::SCHEDULED_PROCEDURE_STEP_ID, step)])]))]
                .into_iter()
                .collect()
        };
        let key = Key {
            tag: Tag::SCHEDULED_PROCEDURE_STEP_ID,
            vr: Vr::SH,
            matching: Matching::Single("S2".to_owned()),
        };
        let query =
            Query::all(Level::Series).with(Key { tag, vr: Vr::SQ, matching: Matching::Sequence(vec![key]) });
        let shown = shape(&query, asked("S2")).answer(found());
        let items = shown.get(tag).unwrap().items();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].first(Tag::SCHEDULED_PROCEDURE_STEP_ID), Some("S2"));
        assert!(!items[0].contains(Tag::REQUESTED_PROCEDURE_ID));
        let whole: Attributes = [(tag, sequence(Vec::new()))].into_iter().collect();
        assert_eq!(
            shape(&Query::all(Level::Series), whole).answer(found()).get(tag).unwrap().items().len(),
            2
        );
        let all = shape(&Query::all(Level::Series), asked("")).answer(found());
        assert_eq!(all.get(tag).unwrap().items().len(), 2);
    }
}
