//! The identifier of a C-MOVE or C-GET request (PS3.4 §C.4.2.1.4, §C.4.3.1.3) as a `Selection`.

use causeway_core::{Attributes, Element, Level, Selection, Tag, Uid};

use super::{Hierarchy, Refusal, Root, check_view, level, name};

/// Most UIDs in one request.
const MAX_UIDS: usize = 10_000;

/// Reads the identifier: unique keys only; a list only at the level asked at (PS3.4 §C.4.2.2.1). A relational
/// retrieval may leave out the levels above (PS3.4 §C.4.2.2.2).
pub(crate) fn selection(
    root: Root,
    hierarchy: Hierarchy,
    identifier: &Attributes,
) -> Result<Selection, Refusal> {
    let level = level(root, identifier)?;
    check_view(identifier)?;
    for above in root.above(level) {
        let tag = above.unique_key();
        let count = values(identifier, tag).count();
        if count != 1 && !(count == 0 && hierarchy == Hierarchy::Relational) {
            let comment = format!("{} level needs one {}", level.as_str(), name(above));
            return Err(Refusal::mismatch(tag, comment));
        }
    }
    for below in [Level::Study, Level::Series, Level::Instance].into_iter().filter(|below| *below > level) {
        if values(identifier, below.unique_key()).next().is_some() {
            let comment = format!("a key of level {} does not fit level {}", below.as_str(), level.as_str());
            return Err(Refusal::mismatch(below.unique_key(), comment));
        }
    }
    if values(identifier, level.unique_key()).next().is_none() {
        return Err(Refusal::mismatch(
            level.unique_key(),
            format!("no unique key of level {}", level.as_str()),
        ));
    }
    let patient_ids: Vec<&str> = values(identifier, Tag::PATIENT_ID).collect();
    if level == Level::Patient && patient_ids.len() != 1 {
        return Err(Refusal::mismatch(Tag::PATIENT_ID, "PATIENT level takes one Patient ID"));
    }
    Ok(Selection {
        patient_id: patient_ids.first().filter(|_| root == Root::Patient).map(ToString::to_string),
        studies: uids(identifier, Tag::STUDY_INSTANCE_UID)?,
        series: uids(identifier, Tag::SERIES_INSTANCE_UID)?,
        instances: uids(identifier, Tag::SOP_INSTANCE_UID)?,
    })
}

fn values(identifier: &Attributes, tag: Tag) -> impl Iterator<Item = &str> {
    let values = identifier.get(tag).map(Element::values).unwrap_or_default();
    values.iter().map(String::as_str).filter(|value| !value.is_empty())
}

fn uids(identifier: &Attributes, tag: Tag) -> Result<Vec<Uid>, Refusal> {
    if values(identifier, tag).count() > MAX_UIDS {
        return Err(Refusal::mismatch(tag, format!("more than {MAX_UIDS} UIDs in one request")));
    }
    let uids: Result<Vec<Uid>, _> = values(identifier, tag).map(Uid::parse).collect();
    uids.map_err(|error| Refusal::mismatch(tag, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::identifier;
    use super::*;

    #[test]
    fn a_list_stands_only_at_the_level_asked_at() {
        let at = |level: &str| {
            identifier(&[
                (Tag::QUERY_RETRIEVE_LEVEL, level),
                (Tag::STUDY_INSTANCE_UID, "1.2"),
                (Tag::SERIES_INSTANCE_UID, "1.3\\1.4"),
            ])
        };
        assert_eq!(selection(Root::Study, Hierarchy::Strict, &at("SERIES")).unwrap().series.len(), 2);
        assert_eq!(
            selection(Root::Study, Hierarchy::Strict, &at("STUDY")).unwrap_err().offending,
            Tag::SERIES_INSTANCE_UID
        );
        assert_eq!(
            selection(Root::Study, Hierarchy::Strict, &at("IMAGE")).unwrap_err().offending,
            Tag::SERIES_INSTANCE_UID
        );
    }

    #[test]
    fn a_request_that_names_nothing_is_refused_and_never_means_everything() {
        let nothing = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY")]);
        assert_eq!(
            selection(Root::Study, Hierarchy::Strict, &nothing).unwrap_err().offending,
            Tag::STUDY_INSTANCE_UID
        );
        let wild = identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "STUDY"), (Tag::STUDY_INSTANCE_UID, "*")]);
        assert!(selection(Root::Study, Hierarchy::Strict, &wild).is_err());
    }

    #[test]
    fn a_view_that_was_not_negotiated_is_refused() {
        let view = identifier(&[
            (Tag::QUERY_RETRIEVE_LEVEL, "STUDY"),
            (Tag::STUDY_INSTANCE_UID, "1.2"),
            (Tag::QUERY_RETRIEVE_VIEW, "CLASSIC"),
        ]);
        assert_eq!(
            selection(Root::Study, Hierarchy::Strict, &view).unwrap_err().offending,
            Tag::QUERY_RETRIEVE_VIEW
        );
    }

    #[test]
    fn patient_root_needs_the_patient() {
        let study = |patient: &str| {
            identifier(&[
                (Tag::QUERY_RETRIEVE_LEVEL, "STUDY"),
                (Tag::PATIENT_ID, patient),
                (Tag::STUDY_INSTANCE_UID, "1.2"),
            ])
        };
        assert_eq!(
            selection(Root::Patient, Hierarchy::Strict, &study("")).unwrap_err().offending,
            Tag::PATIENT_ID
        );
        assert_eq!(
            selection(Root::Patient, Hierarchy::Strict, &study("P1")).unwrap().patient_id.as_deref(),
            Some("P1")
        );
        assert_eq!(selection(Root::Study, Hierarchy::Strict, &study("P1")).unwrap().patient_id, None);
    }

    #[test]
    fn a_relational_retrieval_may_leave_out_the_levels_above_but_not_its_own() {
        let series =
            |uid: &str| identifier(&[(Tag::QUERY_RETRIEVE_LEVEL, "SERIES"), (Tag::SERIES_INSTANCE_UID, uid)]);
        assert!(selection(Root::Study, Hierarchy::Strict, &series("1.3")).is_err());
        for root in [Root::Study, Root::Patient] {
            let found = selection(root, Hierarchy::Relational, &series("1.3\\1.4")).unwrap();
            assert_eq!((found.studies.len(), found.series.len()), (0, 2));
            assert!(selection(root, Hierarchy::Relational, &series("")).is_err());
        }
        let two = identifier(&[
            (Tag::QUERY_RETRIEVE_LEVEL, "SERIES"),
            (Tag::STUDY_INSTANCE_UID, "1.2\\1.3"),
            (Tag::SERIES_INSTANCE_UID, "1.4"),
        ]);
        assert!(selection(Root::Study, Hierarchy::Relational, &two).is_err());
    }
}
