//! Storage commitment in words (PS3.4 §J.3): what is asked, what is answered, and both as attributes. Pure.
//!
//! Lives here: the data sets of N-ACTION and N-EVENT-REPORT, read and made; in `inquiry`, those of the web. Never here:
//! who may ask, what is kept.

mod inquiry;

use std::collections::HashSet;

use crate::attributes::{Attributes, Element, Value};
use crate::status::Status;
use crate::tag::Tag;
use crate::uid::{MAX_UID_CHARS, Uid};
use crate::vr::Vr;

pub use inquiry::{Answer, Inquiry, Named, Whereabouts};

/// The one SOP instance that commitment is asked of (PS3.4 §J.3.5).
pub const INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Action Type ID of a request for storage commitment (PS3.4 Table J.3-1).
pub const REQUEST: u16 = 1;
/// Event Type ID: all are committed (PS3.4 Table J.3-2).
pub const ALL_COMMITTED: u16 = 1;
/// Event Type ID: some are not.
pub const SOME_FAILED: u16 = 2;
/// Most instances that one request may name.
pub const MAX_REFERENCES: usize = 20_000;
/// Most bytes of the data set of a request or a result: [`MAX_REFERENCES`] with the longest UIDs stay below.
pub const MAX_DATA_SET_BYTES: usize = 8 * 1024 * 1024;

/// An instance that is referred to, with the class it is said to be of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// SOP Class UID.
    pub sop_class: Uid,
    /// SOP Instance UID.
    pub sop_instance: Uid,
}

/// A request for commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// By which the result is known.
    pub transaction: Uid,
    /// What is to be kept safe: 1 to [`MAX_REFERENCES`], none twice.
    pub references: Vec<Reference>,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Of which request.
    pub transaction: Uid,
    /// What is kept safe.
    pub committed: Vec<Reference>,
    /// What is not, with the Failure Reason (PS3.3 §C.14.1.1).
    pub failed: Vec<(Reference, Status)>,
}

/// Why a data set is no request or no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// An attribute is missing, empty or no UID.
    #[error("{words}")]
    Attribute {
        /// Which.
        tag: Tag,
        /// What is wrong, short enough for an Error Comment.
        words: &'static str,
    },
    /// Too many references.
    #[error("at most {MAX_REFERENCES} instances in one request")]
    TooMany,
}

impl Request {
    /// Reads the Action Information of a request. The same reference twice counts once.
    ///
    /// # Errors
    /// When an attribute of type 1 is missing or unreadable, or too many instances are named.
    pub fn read(attributes: &Attributes) -> Result<Self, Unusable> {
        let transaction = transaction(attributes)?;
        let items = attributes.get(Tag::REFERENCED_SOP_SEQUENCE).map(Element::items).unwrap_or_default();
        if items.is_empty() {
            let words = "Referenced SOP Sequence is missing or empty";
            return Err(Unusable::Attribute { tag: Tag::REFERENCED_SOP_SEQUENCE, words });
        }
        if items.len() > MAX_REFERENCES {
            return Err(Unusable::TooMany);
        }
        let mut seen = HashSet::with_capacity(items.len());
        let mut references = Vec::with_capacity(items.len());
        for item in items {
            let reference = reference(item)?;
            if seen.insert(reference.clone()) {
                references.push(reference);
            }
        }
        Ok(Self { transaction, references })
    }

    /// The Action Information (PS3.4 Table J.3-1).
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let items = self.references.iter().map(Reference::item).collect();
        with_transaction(&self.transaction, [(Tag::REFERENCED_SOP_SEQUENCE, items)])
    }
}

impl Settlement {
    /// Reads the Event Information of a result.
    ///
    /// # Errors
    /// When an attribute of type 1 is missing or unreadable, or too many instances are named. A sequence that is
    /// missing names nothing.
    pub fn read(attributes: &Attributes) -> Result<Self, Unusable> {
        let items = |tag| attributes.get(tag).map(Element::items).unwrap_or_default();
        let (committed, failed) = (items(Tag::REFERENCED_SOP_SEQUENCE), items(Tag::FAILED_SOP_SEQUENCE));
        if committed.len().saturating_add(failed.len()) > MAX_REFERENCES {
            return Err(Unusable::TooMany);
        }
        // A reason that cannot be read is none; that the instance failed is said all the same.
        let reason = |item: &Attributes| {
            let code = item.first(Tag::FAILURE_REASON).and_then(|text| text.parse().ok());
            code.map_or(Status::PROCESSING_FAILURE, Status)
        };
        Ok(Self {
            transaction: transaction(attributes)?,
            committed: committed.iter().map(reference).collect::<Result<_, _>>()?,
            failed: failed
                .iter()
                .map(|item| Ok((reference(item)?, reason(item))))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The Event Type ID that says this (PS3.4 §J.3.3.1.2).
    #[must_use]
    pub fn event_type(&self) -> u16 {
        if self.failed.is_empty() { ALL_COMMITTED } else { SOME_FAILED }
    }

    /// The Event Information (PS3.4 Table J.3-2); a sequence without items is left out.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let committed = self.committed.iter().map(Reference::item).collect();
        let failed = self.failed.iter().map(|(reference, reason)| failed_item(reference.item(), *reason));
        with_transaction(
            &self.transaction,
            [(Tag::REFERENCED_SOP_SEQUENCE, committed), (Tag::FAILED_SOP_SEQUENCE, failed.collect())],
        )
    }
}

impl Reference {
    /// An item of Referenced SOP Sequence.
    #[must_use]
    pub fn item(&self) -> Attributes {
        let mut item = Attributes::new();
        item.put_text(Tag::REFERENCED_SOP_CLASS_UID, Vr::UI, self.sop_class.as_str());
        item.put_text(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, self.sop_instance.as_str());
        item
    }
}

fn with_transaction<const N: usize>(transaction: &Uid, sequences: [(Tag, Vec<Attributes>); N]) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.put_text(Tag::TRANSACTION_UID, Vr::UI, transaction.as_str());
    for (tag, items) in sequences {
        put_items(&mut attributes, tag, items);
    }
    attributes
}

/// A sequence without items is left out.
fn put_items(attributes: &mut Attributes, tag: Tag, items: Vec<Attributes>) {
    if !items.is_empty() {
        attributes.put(tag, Element { vr: Vr::SQ, value: Value::Items(items) });
    }
}

fn failed_item(mut item: Attributes, reason: Status) -> Attributes {
    item.put_text(Tag::FAILURE_REASON, Vr::US, reason.0.to_string());
    item
}

fn transaction(attributes: &Attributes) -> Result<Uid, Unusable> {
    uid(attributes, Tag::TRANSACTION_UID, "Transaction UID is missing or no UID")
}

fn reference(item: &Attributes) -> Result<Reference, Unusable> {
    Ok(Reference { sop_class: sop_class(item)?, sop_instance: sop_instance(item)? })
}

fn sop_class(item: &Attributes) -> Result<Uid, Unusable> {
    uid(item, Tag::REFERENCED_SOP_CLASS_UID, "an item without a usable Referenced SOP Class UID")
}

fn sop_instance(item: &Attributes) -> Result<Uid, Unusable> {
    uid(item, Tag::REFERENCED_SOP_INSTANCE_UID, "an item without a usable Referenced SOP Instance UID")
}

fn uid(attributes: &Attributes, tag: Tag, words: &'static str) -> Result<Uid, Unusable> {
    let text = attributes.first(tag).unwrap_or_default();
    Uid::parse(text).map_err(|_| Unusable::Attribute { tag, words })
}

/// Bytes that an instance takes at most, in explicit VR: one of its own study, as `inquiry` has it, with the headers of
/// four items, three sequences and four UIDs.
const MAX_ITEM_BYTES: usize = 8 * 4 + 12 * 3 + (8 + MAX_UID_CHARS) * 4;
const _: () = assert!(MAX_REFERENCES * MAX_ITEM_BYTES < MAX_DATA_SET_BYTES, "a legal request must be read");

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn references(count: usize) -> Vec<Reference> {
        let reference =
            |number| Reference { sop_class: uid("1.2.840"), sop_instance: uid(&format!("1.2.{number}")) };
        (0..count).map(reference).collect()
    }

    fn request(count: usize) -> Attributes {
        Request { transaction: uid("1.2.3"), references: references(count) }.attributes()
    }

    #[test]
    fn a_request_goes_both_ways_and_a_repeated_reference_counts_once() {
        let request = Request { transaction: uid("1.2.3"), references: references(2) };
        assert_eq!(Request::read(&request.attributes()).unwrap(), request);
        let doubled = Request { references: [references(2), references(2)].concat(), ..request.clone() };
        assert_eq!(Request::read(&doubled.attributes()).unwrap(), request);
    }

    #[test]
    fn the_count_of_references_is_held_below_at_and_above_its_bound() {
        for (count, fine) in [
            (0, false),
            (1, true),
            (MAX_REFERENCES - 1, true),
            (MAX_REFERENCES, true),
            (MAX_REFERENCES + 1, false),
        ] {
            assert_eq!(Request::read(&request(count)).is_ok(), fine, "{count}");
        }
        assert_eq!(Request::read(&request(MAX_REFERENCES + 1)), Err(Unusable::TooMany));
    }

    #[test]
    fn what_is_missing_is_named_by_its_tag() {
        let without = |tag| {
            let mut attributes = request(1);
            attributes.remove(tag);
            attributes
        };
        for tag in [Tag::TRANSACTION_UID, Tag::REFERENCED_SOP_SEQUENCE] {
            let error = Request::read(&without(tag)).unwrap_err();
            assert!(matches!(error, Unusable::Attribute { tag: named, .. } if named == tag), "{error}");
        }
        for tag in [Tag::REFERENCED_SOP_CLASS_UID, Tag::REFERENCED_SOP_INSTANCE_UID] {
            let mut item = references(1)[0].item();
            item.put_text(tag, Vr::UI, "no uid");
            let mut attributes = request(1);
            attributes
                .put(Tag::REFERENCED_SOP_SEQUENCE, Element { vr: Vr::SQ, value: Value::Items(vec![item]) });
            let error = Request::read(&attributes).unwrap_err();
            assert!(matches!(error, Unusable::Attribute { tag: named, .. } if named == tag), "{error}");
            assert!(error.to_string().len() <= 64, "it goes into an Error Comment");
        }
    }

    #[test]
    fn a_result_goes_both_ways_and_its_event_type_says_whether_any_failed() {
        let references = references(2);
        let all = Settlement { transaction: uid("1.2.3"), committed: references.clone(), failed: Vec::new() };
        assert_eq!(all.event_type(), ALL_COMMITTED);
        assert!(!all.attributes().contains(Tag::FAILED_SOP_SEQUENCE));
        assert_eq!(Settlement::read(&all.attributes()).unwrap(), all);
        let failed = references.into_iter().map(|it| (it, Status::NO_SUCH_OBJECT)).collect();
        let none = Settlement { committed: Vec::new(), failed, ..all };
        assert_eq!(none.event_type(), SOME_FAILED);
        assert!(!none.attributes().contains(Tag::REFERENCED_SOP_SEQUENCE));
        assert_eq!(Settlement::read(&none.attributes()).unwrap(), none);
    }

    #[test]
    fn a_failure_without_a_reason_is_still_a_failure() {
        let mut attributes = request(1);
        let items = attributes.remove(Tag::REFERENCED_SOP_SEQUENCE).unwrap();
        attributes.put(Tag::FAILED_SOP_SEQUENCE, items);
        let read = Settlement::read(&attributes).unwrap();
        assert_eq!(read.failed, [(references(1)[0].clone(), Status::PROCESSING_FAILURE)]);
    }
}
