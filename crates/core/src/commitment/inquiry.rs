//! Storage commitment over the web in words (PS3.18 Annex J): what is asked, what is answered, and both as attributes.
//! Pure.
//!
//! A request names instances one by one, or below their studies and series, or both; its answer has the same form. The
//! Transaction UID is the resource's, and stands in no data set (PS3.18 §13.4.1.1).

use std::collections::{BTreeMap, HashSet};

use super::{
    MAX_REFERENCES, Reference, Unusable, failed_item, put_items, reference, sop_class, sop_instance, uid,
};
use crate::attributes::{Attributes, Element};
use crate::status::Status;
use crate::tag::Tag;
use crate::uid::Uid;
use crate::vr::Vr;

/// Where an instance is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Whereabouts {
    /// Study Instance UID.
    pub study: Uid,
    /// Series Instance UID.
    pub series: Uid,
}

/// An instance that a request names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// Which.
    pub reference: Reference,
    /// Where it is, if the request says so: one that is elsewhere is not meant.
    pub within: Option<Whereabouts>,
}

/// A request for commitment whose result is come for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// By which the result is known.
    pub transaction: Uid,
    /// What is to be kept safe: 1 to [`MAX_REFERENCES`], none twice.
    pub named: Vec<Named>,
}

/// The result of an inquiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was named, in its order, with the Failure Reason (PS3.3 §C.14.1.1) of what is not kept safe.
    pub fates: Vec<(Named, Option<Status>)>,
}

impl Inquiry {
    /// Reads the Storage Commitment Request Module (PS3.18 Table J.1-1), in one data set or in several that are one
    /// request. The same instance twice in one form counts once.
    ///
    /// # Errors
    /// When no instance is named, an attribute of type 1 is missing or unreadable, or too many instances are named.
    pub fn read(transaction: Uid, data_sets: &[Attributes]) -> Result<Self, Unusable> {
        let mut list = List::default();
        for data_set in data_sets {
            for item in items(data_set, Tag::REFERENCED_SOP_SEQUENCE) {
                list.add(reference(item)?, None)?;
            }
            for study in items(data_set, Tag::REFERENCED_STUDY_SEQUENCE) {
                list.add_study(study)?;
            }
        }
        if list.named.is_empty() {
            let words = "neither Referenced SOP nor Study Sequence has an item";
            return Err(Unusable::Attribute { tag: Tag::REFERENCED_SOP_SEQUENCE, words });
        }
        Ok(Self { transaction, named: list.named })
    }
}

/// What was read so far.
#[derive(Default)]
struct List {
    named: Vec<Named>,
    seen: HashSet<Named>,
    read: usize,
}

impl List {
    fn add(&mut self, reference: Reference, within: Option<&Whereabouts>) -> Result<(), Unusable> {
        self.read += 1;
        if self.read > MAX_REFERENCES {
            return Err(Unusable::TooMany);
        }
        let named = Named { reference, within: within.cloned() };
        if self.seen.insert(named.clone()) {
            self.named.push(named);
        }
        Ok(())
    }

    fn add_study(&mut self, item: &Attributes) -> Result<(), Unusable> {
        let study = uid(item, Tag::STUDY_INSTANCE_UID, "an item without a usable Study Instance UID")?;
        let words = "a study without an item of Referenced Series Sequence";
        for item in some_items(item, Tag::REFERENCED_SERIES_SEQUENCE, words)? {
            let words = "an item without a usable Series Instance UID";
            let series = uid(item, Tag::SERIES_INSTANCE_UID, words)?;
            self.add_series(item, &Whereabouts { study: study.clone(), series })?;
        }
        Ok(())
    }

    fn add_series(&mut self, item: &Attributes, within: &Whereabouts) -> Result<(), Unusable> {
        let words = "a series without Referenced Instances by SOP Class";
        for of_class in some_items(item, Tag::REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE, words)? {
            let sop_class = sop_class(of_class)?;
            let words = "a SOP class without Referenced Instance Sequence";
            for item in some_items(of_class, Tag::REFERENCED_INSTANCE_SEQUENCE, words)? {
                let sop_instance = sop_instance(item)?;
                self.add(Reference { sop_class: sop_class.clone(), sop_instance }, Some(within))?;
            }
        }
        Ok(())
    }
}

fn items(attributes: &Attributes, tag: Tag) -> &[Attributes] {
    attributes.get(tag).map(Element::items).unwrap_or_default()
}

fn some_items<'a>(
    attributes: &'a Attributes,
    tag: Tag,
    words: &'static str,
) -> Result<&'a [Attributes], Unusable> {
    let items = items(attributes, tag);
    if items.is_empty() { Err(Unusable::Attribute { tag, words }) } else { Ok(items) }
}

impl Answer {
    /// The Storage Commitment Response Module (PS3.18 Table J.2-1); a sequence without items is left out.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let (mut committed, mut failed) = (Vec::new(), Vec::new());
        let (mut committed_below, mut failed_below) = (Studies::default(), Studies::default());
        for (Named { reference, within }, reason) in &self.fates {
            match (within, reason) {
                (None, None) => committed.push(reference.item()),
                (None, Some(reason)) => failed.push(failed_item(reference.item(), *reason)),
                (Some(within), None) => committed_below.add(within, reference, None),
                (Some(within), Some(reason)) => failed_below.add(within, reference, Some(*reason)),
            }
        }
        let mut attributes = Attributes::new();
        put_items(&mut attributes, Tag::REFERENCED_SOP_SEQUENCE, committed);
        put_items(&mut attributes, Tag::FAILED_SOP_SEQUENCE, failed);
        put_items(&mut attributes, Tag::REFERENCED_STUDY_SEQUENCE, committed_below.into_items());
        put_items(&mut attributes, Tag::FAILED_STUDY_SEQUENCE, failed_below.into_items());
        attributes
    }
}

/// Items of Referenced Instance Sequence by study, series and SOP class.
#[derive(Default)]
struct Studies<'a>(BTreeMap<&'a Uid, BTreeMap<&'a Uid, BTreeMap<&'a Uid, Vec<Attributes>>>>);

impl<'a> Studies<'a> {
    fn add(&mut self, within: &'a Whereabouts, reference: &'a Reference, reason: Option<Status>) {
        let mut item = Attributes::new();
        item.put_text(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, reference.sop_instance.as_str());
        let item = match reason {
            Some(reason) => failed_item(item, reason),
            None => item,
        };
        let series = self.0.entry(&within.study).or_default();
        let classes = series.entry(&within.series).or_default();
        classes.entry(&reference.sop_class).or_default().push(item);
    }

    fn into_items(self) -> Vec<Attributes> {
        each(self.0, Tag::STUDY_INSTANCE_UID, Tag::REFERENCED_SERIES_SEQUENCE, |series| {
            let by_class = Tag::REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE;
            each(series, Tag::SERIES_INSTANCE_UID, by_class, |classes| {
                let instances = Tag::REFERENCED_INSTANCE_SEQUENCE;
                each(classes, Tag::REFERENCED_SOP_CLASS_UID, instances, |items| items)
            })
        })
    }
}

/// One item for each of `all`, with its UID as `name` and what is below it as `sequence`.
fn each<T>(
    all: BTreeMap<&Uid, T>,
    name: Tag,
    sequence: Tag,
    below: impl Fn(T) -> Vec<Attributes>,
) -> Vec<Attributes> {
    let one = |(uid, inner): (&Uid, T)| {
        let mut item = Attributes::new();
        item.put_text(name, Vr::UI, uid.as_str());
        put_items(&mut item, sequence, below(inner));
        item
    };
    all.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Value;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn reference(number: usize) -> Reference {
        Reference { sop_class: uid("1.2.840"), sop_instance: uid(&format!("1.2.{number}")) }
    }

    fn within(study: &str, series: &str) -> Option<Whereabouts> {
        Some(Whereabouts { study: uid(study), series: uid(series) })
    }

    fn answer(named: Vec<Named>) -> Answer {
        Answer { fates: named.into_iter().map(|named| (named, None)).collect() }
    }

    /// The request for these: an answer that commits to all of them has the same form (Table J.2-1).
    fn request(named: Vec<Named>) -> Attributes {
        answer(named).attributes()
    }

    fn read(attributes: &Attributes) -> Result<Vec<Named>, Unusable> {
        let inquiry = Inquiry::read(uid("1.9"), std::slice::from_ref(attributes))?;
        assert_eq!(inquiry.transaction, uid("1.9"));
        Ok(inquiry.named)
    }

    fn flat(count: usize) -> Vec<Named> {
        (0..count).map(|number| Named { reference: reference(number), within: None }).collect()
    }

    fn nested() -> Vec<Named> {
        let named = |number, within| Named { reference: reference(number), within };
        vec![
            named(1, within("1.3.1", "1.4.1")),
            named(2, within("1.3.1", "1.4.1")),
            named(3, within("1.3.1", "1.4.2")),
            named(1, within("1.3.2", "1.4.1")),
        ]
    }

    #[test]
    fn both_forms_go_both_ways_and_beside_each_other() {
        let both = [flat(2), nested()].concat();
        for named in [flat(2), nested(), both] {
            assert_eq!(read(&request(named.clone())).unwrap(), named);
        }
    }

    #[test]
    fn several_data_sets_are_one_request_and_the_same_instance_counts_once() {
        let parts = [request(flat(2)), request(nested()), request(flat(3)), request(nested())];
        let inquiry = Inquiry::read(uid("1.9"), &parts).unwrap();
        assert_eq!(inquiry.named, [flat(2), nested(), flat(3).split_off(2)].concat());
    }

    #[test]
    fn the_count_is_held_below_at_and_above_its_bound_over_both_forms() {
        for (count, fine) in [(0, false), (1, true), (MAX_REFERENCES, true), (MAX_REFERENCES + 1, false)] {
            assert_eq!(read(&request(flat(count))).is_ok(), fine, "{count}");
        }
        let both = |count| [request(flat(count)), request(nested())];
        assert!(Inquiry::read(uid("1.9"), &both(MAX_REFERENCES - 4)).is_ok());
        assert_eq!(Inquiry::read(uid("1.9"), &both(MAX_REFERENCES - 3)), Err(Unusable::TooMany));
        let same = vec![Named { reference: reference(1), within: None }; MAX_REFERENCES + 1];
        assert_eq!(read(&request(same)), Err(Unusable::TooMany), "what is read counts, not what is left");
    }

    /// With the attribute of this tag taken out, wherever it is.
    fn without(attributes: &mut Attributes, tag: Tag) {
        attributes.remove(tag);
        for element in attributes.elements_mut() {
            if let Value::Items(items) = &mut element.value {
                items.iter_mut().for_each(|item| without(item, tag));
            }
        }
    }

    #[test]
    fn what_is_missing_is_named_by_its_tag_at_each_level() {
        for tag in [
            Tag::STUDY_INSTANCE_UID,
            Tag::REFERENCED_SERIES_SEQUENCE,
            Tag::SERIES_INSTANCE_UID,
            Tag::REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE,
            Tag::REFERENCED_SOP_CLASS_UID,
            Tag::REFERENCED_INSTANCE_SEQUENCE,
            Tag::REFERENCED_SOP_INSTANCE_UID,
        ] {
            let mut attributes = request(nested());
            without(&mut attributes, tag);
            let error = read(&attributes).unwrap_err();
            assert!(
                matches!(error, Unusable::Attribute { tag: named, .. } if named == tag),
                "{tag}: {error}"
            );
        }
        assert!(read(&Attributes::new()).is_err());
    }

    #[test]
    fn what_failed_is_beside_what_is_committed_in_the_form_it_was_asked_in() {
        let mut answer = answer([flat(2), nested()].concat());
        for place in [1, 3] {
            answer.fates[place].1 = Some(Status::NO_SUCH_OBJECT);
        }
        let json: serde_json::Value = serde_json::from_str(&answer.attributes().to_json()).unwrap();
        let at = |path: &str| json.pointer(path).unwrap_or_else(|| panic!("{path} of {json}"));
        assert_eq!(at("/00081199/Value/0/00081155/Value/0"), "1.2.0");
        assert_eq!(at("/00081198/Value/0/00081155/Value/0"), "1.2.1");
        assert_eq!(at("/00081198/Value/0/00081197/Value/0"), 0x0112);
        let below = "/0008119B/Value/0/00081115/Value/0/00081112/Value/0";
        assert_eq!(at("/0008119B/Value/0/0020000D/Value/0"), "1.3.1");
        assert_eq!(at(&format!("{below}/00081150/Value/0")), "1.2.840");
        assert_eq!(at(&format!("{below}/0008114A/Value/0/00081155/Value/0")), "1.2.2");
        assert_eq!(at(&format!("{below}/0008114A/Value/0/00081197/Value/0")), 0x0112);
        assert_eq!(at("/00081110/Value").as_array().unwrap().len(), 2);
        assert_eq!(at("/00081110/Value/0/00081115/Value/1/0020000E/Value/0"), "1.4.2");
    }

    #[test]
    fn a_sequence_without_items_is_left_out() {
        let all = answer(flat(1)).attributes();
        assert_eq!(all.iter().map(|(tag, _)| tag).collect::<Vec<_>>(), [Tag::REFERENCED_SOP_SEQUENCE]);
        let (named, reason) = (nested(), Some(Status::NO_SUCH_OBJECT));
        let none = Answer { fates: named.into_iter().map(|named| (named, reason)).collect() };
        let tags: Vec<Tag> = none.attributes().iter().map(|(tag, _)| tag).collect();
        assert_eq!(tags, [Tag::FAILED_STUDY_SEQUENCE]);
    }
}
