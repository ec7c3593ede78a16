//! Manifests: Key Object Selection Documents that name all instances of a study (PS3.3 §A.35.4, §C.17.6.2; the titles of
//! PS3.16 CID 7010). Pure.

use std::collections::BTreeSet;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Tag, Uid, Vr};

use crate::Error;
use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Progress, Scanner};

/// Key Object Selection Document Storage.
pub const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// Most bytes of a document that are kept in memory: some 100,000 references.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Titles of documents that name all there is of a study: "Manifest", "Manifest with Description" (PS3.16 CID 7010).
const TITLES: [&str; 2] = ["113030", "113031"];

const CONCEPT_NAME_CODE_SEQUENCE: Tag = Tag::new(0x0040, 0xA043);
const CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE: Tag = Tag::new(0x0040, 0xA375);
const REFERENCED_SERIES_SEQUENCE: Tag = Tag::new(0x0008, 0x1115);
const CODE_VALUE: Tag = Tag::new(0x0008, 0x0100);
const CODING_SCHEME_DESIGNATOR: Tag = Tag::new(0x0008, 0x0102);

/// The instances that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Study, series, instance of each.
    pub references: BTreeSet<(Uid, Uid, Uid)>,
}

/// Reads a document as its bytes come.
#[derive(Debug)]
pub struct Reader {
    scanner: Scanner<Gather<Named>>,
}

#[derive(Debug)]
struct Named;

impl Choice for Named {
    const MAX_VALUE_BYTES: usize = MAX_BYTES;

    fn keeps(&self, tag: Tag) -> Option<Vr> {
        [CONCEPT_NAME_CODE_SEQUENCE, CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE]
            .contains(&tag)
            .then_some(Vr::SQ)
    }

    fn stops_at(&mut self, header: &Header) -> bool {
        header.depth == 0 && header.tag > CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE
    }
}

impl Reader {
    /// A reader for a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { scanner: Scanner::new(layout, MAX_BYTES as u64, Gather::new(Named)) }
    }

    /// Takes the next bytes; says whether more are wanted.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        Ok(self.scanner.feed(bytes)? == Progress::More)
    }

    /// The manifest; `None` when the document is none, or names more than is kept in memory.
    #[must_use]
    pub fn finish(self) -> Option<Manifest> {
        let gathered = self.scanner.into_sink();
        let attributes = &gathered.attributes;
        let is_manifest = items(attributes, CONCEPT_NAME_CODE_SEQUENCE).iter().any(|code| {
            code.first(CODING_SCHEME_DESIGNATOR) == Some("DCM")
                && code.first(CODE_VALUE).is_some_and(|value| TITLES.contains(&value))
        });
        (is_manifest && !gathered.is_cut).then(|| Manifest { references: references(attributes) })
    }
}

fn items(attributes: &Attributes, tag: Tag) -> &[Attributes] {
    attributes.get(tag).map(Element::items).unwrap_or_default()
}

fn references(attributes: &Attributes) -> BTreeSet<(Uid, Uid, Uid)> {
    let uid = |of: &Attributes, tag| of.first(tag).and_then(|text| Uid::parse(text).ok());
    let mut references = BTreeSet::new();
    for study in items(attributes, CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE) {
        let Some(study_uid) = uid(study, Tag::STUDY_INSTANCE_UID) else { continue };
        for series in items(study, REFERENCED_SERIES_SEQUENCE) {
            let Some(series_uid) = uid(series, Tag::SERIES_INSTANCE_UID) else { continue };
            for instance in items(series, Tag::REFERENCED_SOP_SEQUENCE) {
                if let Some(instance) = uid(instance, Tag::REFERENCED_SOP_INSTANCE_UID) {
                    references.insert((study_uid.clone(), series_uid.clone(), instance));
                }
            }
        }
    }
    references
}

#[cfg(test)]
mod tests {
    use causeway_core::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::identifier;

    const LAYOUT: Layout = Layout::ExplicitLittleEndian;

    fn sequence(items: Vec<Attributes>) -> Element {
        Element { vr: Vr::SQ, value: Value::Items(items) }
    }

    fn item(of: &[(Tag, Vr, &str)]) -> Attributes {
        let mut item = Attributes::new();
        of.iter().for_each(|(tag, vr, text)| item.put_text(*tag, *vr, *text));
        item
    }

    fn document(title: &str) -> Vec<u8> {
        let mut series = item(&[(Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.3")]);
        let image = |uid| item(&[(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, uid)]);
        series.put(Tag::REFERENCED_SOP_SEQUENCE, sequence(vec![image("1.2.3.1"), image("1.2.3.2")]));
        let mut study = item(&[(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2")]);
        study.put(REFERENCED_SERIES_SEQUENCE, sequence(vec![series]));
        let code = item(&[(CODE_VALUE, Vr::SH, title), (CODING_SCHEME_DESIGNATOR, Vr::SH, "DCM")]);
        let mut document = Attributes::new();
        document.put(CONCEPT_NAME_CODE_SEQUENCE, sequence(vec![code]));
        document.put(CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, sequence(vec![study]));
        identifier::encode(&document, LAYOUT)
    }

    fn read(bytes: &[u8]) -> Option<Manifest> {
        let mut reader = Reader::new(LAYOUT);
        for piece in bytes.chunks(7) {
            reader.feed(piece).ok()?;
        }
        reader.finish()
    }

    #[test]
    fn a_manifest_names_its_instances_below_study_and_series() {
        let manifest = read(&document("113030")).unwrap();
        let names: Vec<_> = manifest.references.iter().map(|(_, _, instance)| instance.as_str()).collect();
        assert_eq!(names, ["1.2.3.1", "1.2.3.2"]);
        assert!(read(&document("113031")).is_some());
    }

    #[test]
    fn a_selection_for_another_purpose_is_no_manifest() {
        assert_eq!(read(&document("113000")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_a_manifest_or_in_none(bytes: Vec<u8>, cut in 0_usize..400) {
            let _ = read(&bytes);
            let whole = document("113030");
            let _ = read(&whole[..cut.min(whole.len())]);
        }
    }
}
