//! Identifiers of queries and retrievals (PS3.4 §C.4): what a peer asked, turned into the house's own words.
//!
//! Pure: decoded attributes in, a `Query` or a `Selection` out, or a refusal with the status, the offending
//! attribute and a comment that its administrator can read.

pub(crate) mod answer;
pub(crate) mod find;
pub(crate) mod options;
pub(crate) mod retrieve;
pub(crate) mod worklist;

use causeway_core::{Attributes, Level, Status, Tag, Uid, sop_class};

/// The information model of a query or retrieval (PS3.4 §C.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Patient,
    Study,
}

impl Root {
    /// The model that an abstract syntax names.
    pub(crate) fn of(sop_class: &Uid) -> Option<Self> {
        match sop_class.as_str() {
            sop_class::PATIENT_ROOT_FIND | sop_class::PATIENT_ROOT_MOVE | sop_class::PATIENT_ROOT_GET => {
                Some(Self::Patient)
            }
            sop_class::STUDY_ROOT_FIND | sop_class::STUDY_ROOT_MOVE | sop_class::STUDY_ROOT_GET => {
                Some(Self::Study)
            }
            _ => None,
        }
    }

    /// Its levels above `level`, from the top.
    fn above(self, level: Level) -> impl Iterator<Item = Level> {
        [Level::Patient, Level::Study, Level::Series]
            .into_iter()
            .filter(move |above| *above < level && (self == Self::Patient || *above != Level::Patient))
    }
}

/// Whether the levels above must be named by their unique keys (PS3.4 §C.4.1.2.1, §C.4.1.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// They must.
    Strict,
    /// They need not be: relational queries, negotiated or allowed by the administrator.
    Relational,
}

/// Why an identifier is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) offending: Tag,
    pub(crate) comment: String,
}

impl Refusal {
    /// Error A900: the identifier does not fit its SOP class.
    fn mismatch(offending: Tag, comment: impl Into<String>) -> Self {
        Self { status: Status::IDENTIFIER_DOES_NOT_MATCH, offending, comment: comment.into() }
    }
}

/// The level asked at, which must be one of the model's.
fn level(root: Root, identifier: &Attributes) -> Result<Level, Refusal> {
    let text = identifier.first(Tag::QUERY_RETRIEVE_LEVEL).unwrap_or_default();
    let refused = |comment: &str| Err(Refusal::mismatch(Tag::QUERY_RETRIEVE_LEVEL, comment));
    match Level::parse(text) {
        None if text.is_empty() => refused("Query/Retrieve Level is missing"),
        None => refused("Query/Retrieve Level is none of PATIENT, STUDY, SERIES, IMAGE"),
        Some(Level::Patient) if root == Root::Study => refused("Study Root has no PATIENT level"),
        Some(level) => Ok(level),
    }
}

/// Refuses Query/Retrieve View (0008,0053), which only who has negotiated it may send (PS3.4 §C.4.1.1.3.1,
/// §C.4.2.1.4.1): to answer as if it were not there would pass one view off as another.
fn check_view(identifier: &Attributes) -> Result<(), Refusal> {
    match identifier.first(Tag::QUERY_RETRIEVE_VIEW) {
        None => Ok(()),
        Some(_) => {
            let comment = "Query/Retrieve View was not negotiated; leave it out";
            Err(Refusal::mismatch(Tag::QUERY_RETRIEVE_VIEW, comment))
        }
    }
}

/// The name of a level's unique key.
const fn name(level: Level) -> &'static str {
    match level {
        Level::Patient => "Patient ID",
        Level::Study => "Study Instance UID",
        Level::Series => "Series Instance UID",
        Level::Instance => "SOP Instance UID",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use causeway_core::{Element, Vr};

    use super::*;

    /// An identifier with these texts, VRs as the standard has them.
    pub(crate) fn identifier(entries: &[(Tag, &str)]) -> Attributes {
        entries
            .iter()
            .map(|(tag, text)| {
                let vr = causeway_core::query::levels::known(*tag).map_or(Vr::CS, |kept| kept.vr);
                let values =
                    if text.is_empty() { Vec::new() } else { text.split('\\').map(String::from).collect() };
                (*tag, Element::text(vr, values))
            })
            .collect()
    }

    #[test]
    fn a_missing_unknown_or_foreign_level_is_refused_with_its_tag() {
        for (root, text) in [(Root::Study, ""), (Root::Study, "FOO"), (Root::Study, "PATIENT")] {
            let refusal = level(root, &identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, text)])).unwrap_err();
            assert_eq!(refusal.status, Status::IDENTIFIER_DOES_NOT_MATCH);
            assert_eq!(refusal.offending, Tag::QUERY_RETRIEVE_LEVEL);
        }
        let patient = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "PATIENT")]);
        assert_eq!(level(Root::Patient, &patient), Ok(Level::Patient));
    }
}
