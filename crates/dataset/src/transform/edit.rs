//! Edits applied to the attributes of one instance. Pure.

use std::collections::{BTreeMap, BTreeSet};

use causeway_core::transform::{Edit, Issued, UniversalEntity};
use causeway_core::{Attributes, Element, Tag, Transform, Value, Vr};

use super::check::{self, PlanError, Target};
use super::tags;

/// What edits came to.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// What each attribute becomes; none: it goes.
    pub(super) puts: BTreeMap<Tag, Option<Element>>,
    /// What those that change were before; those that were absent are not among them.
    pub(super) before: Attributes,
}

/// Attributes that the edits read or write.
pub(super) fn read(transform: &Transform) -> Result<BTreeSet<Tag>, PlanError> {
    let mut read = BTreeSet::new();
    for edit in &transform.edits {
        match edit {
            Edit::Copy { from, to } => read.extend([check::target(from)?.tag, check::target(to)?.tag]),
            _ => read.extend(goals(edit)),
        }
    }
    Ok(read)
}

/// Attributes that the edits write.
pub(super) fn written(transform: &Transform) -> BTreeSet<Tag> {
    transform.edits.iter().flat_map(goals).collect()
}

fn goals(edit: &Edit) -> Vec<Tag> {
    match edit {
        Edit::Set { attribute, .. }
        | Edit::Remove { attribute }
        | Edit::Map { attribute, .. }
        | Edit::Prefix { attribute, .. }
        | Edit::Suffix { attribute, .. }
        | Edit::Copy { to: attribute, .. } => {
            check::target(attribute).map(|target| target.tag).into_iter().collect()
        }
        Edit::Issuer { of: Issued::PatientId, .. } => {
            vec![Tag::PATIENT_ID, Tag::ISSUER_OF_PATIENT_ID, tags::ISSUER_QUALIFIERS]
        }
        Edit::Issuer { of: Issued::AccessionNumber, .. } => {
            vec![tags::ACCESSION_NUMBER, tags::ISSUER_OF_ACCESSION_NUMBER]
        }
    }
}

/// Applies the edits in their order to what there is when they begin; `seen` says what is told as having been there.
pub(super) fn apply(
    transform: &Transform,
    kept: &Attributes,
    seen: &Attributes,
) -> Result<Changed, (Tag, &'static str)> {
    let mut state = State { now: kept.clone(), seen, touched: BTreeSet::new() };
    for edit in &transform.edits {
        state.edit(edit).map_err(|tag| (tag, "of which nothing is known"))?;
    }
    let mut changed = Changed::default();
    for tag in state.touched {
        let (now, before) = (state.now.get(tag), seen.get(tag));
        if now == before && !transform.deidentifies() {
            continue;
        }
        if let Some(reason) = now.and_then(fault) {
            return Err((tag, reason));
        }
        if let Some(before) = before {
            changed.before.put(tag, before.clone());
        }
        changed.puts.insert(tag, now.cloned());
    }
    Ok(changed)
}

fn fault(element: &Element) -> Option<&'static str> {
    element.values().iter().find_map(|value| check::fault(element.vr, value))
}

struct State<'a> {
    now: Attributes,
    seen: &'a Attributes,
    touched: BTreeSet<Tag>,
}

impl State<'_> {
    fn put(&mut self, target: &Target, values: Vec<String>) {
        self.touched.insert(target.tag);
        self.now.put(target.tag, Element::text(target.vr, values));
    }

    fn each(&mut self, name: &str, change: impl Fn(&str) -> String) -> Result<(), Tag> {
        let target = known(name)?;
        let Some(element) = self.now.get(target.tag) else { return Ok(()) };
        let values = element.values().iter().map(|value| change(value)).collect();
        self.put(&target, values);
        Ok(())
    }

    /// Fails with the attribute that is none, which a plan has ruled out.
    fn edit(&mut self, edit: &Edit) -> Result<(), Tag> {
        match edit {
            Edit::Set { attribute, values } => self.put(&known(attribute)?, values.clone()),
            Edit::Remove { attribute } => {
                let target = known(attribute)?;
                self.touched.insert(target.tag);
                self.now.remove(target.tag);
            }
            Edit::Copy { from, to } => {
                if let Some(element) = self.now.get(known(from)?.tag) {
                    let values = element.values().to_vec();
                    self.put(&known(to)?, values);
                }
            }
            Edit::Map { attribute, table } => {
                self.each(attribute, |value| table.get(value).map_or(value, String::as_str).to_owned())?;
            }
            Edit::Prefix { attribute, text } => self.each(attribute, |value| extended(text, value, ""))?,
            Edit::Suffix { attribute, text } => self.each(attribute, |value| extended("", value, text))?,
            Edit::Issuer { of, namespace, universal } => self.issue(*of, namespace, universal.as_ref()),
        }
        Ok(())
    }

    fn issue(&mut self, of: Issued, namespace: &str, universal: Option<&UniversalEntity>) {
        let identifier = match of {
            Issued::PatientId => Tag::PATIENT_ID,
            Issued::AccessionNumber => tags::ACCESSION_NUMBER,
        };
        let is_there =
            |attributes: &Attributes| attributes.first(identifier).is_some_and(|value| !value.is_empty());
        if !is_there(&self.now) && !is_there(self.seen) {
            return;
        }
        let mut item = Attributes::new();
        if let Some(UniversalEntity { id, kind }) = universal {
            item.put_text(tags::UNIVERSAL_ID, Vr::UT, id.as_str());
            item.put_text(tags::UNIVERSAL_ID_TYPE, Vr::CS, kind.as_str());
        }
        let sequence = match of {
            Issued::PatientId => {
                let issuer = Target { tag: Tag::ISSUER_OF_PATIENT_ID, vr: Vr::LO };
                self.put(&issuer, vec![namespace.to_owned()]);
                tags::ISSUER_QUALIFIERS
            }
            Issued::AccessionNumber => {
                item.put_text(tags::LOCAL_NAMESPACE, Vr::UT, namespace);
                tags::ISSUER_OF_ACCESSION_NUMBER
            }
        };
        self.touched.insert(sequence);
        if item.is_empty() {
            self.now.remove(sequence);
        } else {
            self.now.put(sequence, Element { vr: Vr::SQ, value: Value::Items(vec![item]) });
        }
    }
}

fn known(name: &str) -> Result<Target, Tag> {
    check::target(name).map_err(|_| Tag::new(0, 0))
}

fn extended(before: &str, value: &str, behind: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{before}{value}{behind}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(edits: &str) -> Changed {
        let mut transform = Transform::named("t".parse().unwrap());
        transform.edits = serde_json::from_str(edits).unwrap();
        let mut seen = Attributes::new();
        seen.put_text(Tag::PATIENT_ID, Vr::LO, "7");
        seen.put_text(tags::ACCESSION_NUMBER, Vr::SH, "A1");
        seen.put_text(Tag::new(0x0010, 0x0040), Vr::CS, "M");
        apply(&transform, &seen, &seen).unwrap()
    }

    fn text(changed: &Changed, tag: Tag) -> Option<String> {
        changed.puts.get(&tag)?.as_ref()?.values().first().cloned()
    }

    #[test]
    fn edits_follow_each_other_and_what_was_there_is_remembered() {
        let changed = applied(
            r#"[{"action":"prefix","attribute":"PatientID","text":"H-"},
                {"action":"copy","from":"PatientID","to":"StudyID"},
                {"action":"map","attribute":"PatientSex","table":{"M":"O"}},
                {"action":"map","attribute":"AccessionNumber","table":{"other":"B"}},
                {"action":"remove","attribute":"PatientName"}]"#,
        );
        assert_eq!(text(&changed, Tag::PATIENT_ID).as_deref(), Some("H-7"));
        assert_eq!(text(&changed, Tag::new(0x0020, 0x0010)).as_deref(), Some("H-7"));
        assert_eq!(text(&changed, Tag::new(0x0010, 0x0040)).as_deref(), Some("O"));
        assert_eq!(changed.before.first(Tag::PATIENT_ID), Some("7"));
        // What did not change is not told as changed.
        assert!(!changed.puts.contains_key(&tags::ACCESSION_NUMBER));
        assert!(!changed.puts.contains_key(&Tag::PATIENT_NAME));
        assert_eq!(changed.before.len(), 2);
    }

    #[test]
    fn an_issuer_is_named_beside_its_identifier() {
        let changed = applied(
            r#"[{"action":"issuer","of":"patient-id","namespace":"CLINIC"},
                {"action":"issuer","of":"accession-number","namespace":"RIS","universal":{"id":"1.2.3","type":"ISO"}}]"#,
        );
        assert_eq!(text(&changed, Tag::ISSUER_OF_PATIENT_ID).as_deref(), Some("CLINIC"));
        let items = changed.puts.get(&tags::ISSUER_OF_ACCESSION_NUMBER).unwrap().as_ref().unwrap().items();
        assert_eq!(items[0].first(tags::LOCAL_NAMESPACE), Some("RIS"));
        assert_eq!(items[0].first(tags::UNIVERSAL_ID_TYPE), Some("ISO"));
    }

    #[test]
    fn a_value_that_becomes_too_long_is_an_error_that_names_it() {
        let mut transform = Transform::named("t".parse().unwrap());
        transform.edits =
            vec![Edit::Suffix { attribute: "AccessionNumber".to_owned(), text: "0123456789".to_owned() }];
        let mut seen = Attributes::new();
        seen.put_text(tags::ACCESSION_NUMBER, Vr::SH, "1234567");
        assert_eq!(apply(&transform, &seen, &seen).unwrap_err().0, tags::ACCESSION_NUMBER);
    }
}
