//! What is asked of a report as text: trees made here, in bounds and beyond them.

use causeway_core::limits::MAX_SEQUENCE_DEPTH;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Tag, Value, Vr};
use proptest::prelude::*;

use super::{Collector, Form, MAX_TREE_BYTES, Report, ReportError, tags};
use crate::identifier::encode;

fn code(meaning: &str) -> Attributes {
    let mut item = Attributes::new();
    item.put_text(Tag::CODE_VALUE, Vr::SH, "1234");
    item.put_text(Tag::CODE_MEANING, Vr::LO, meaning);
    item
}

fn items(items: Vec<Attributes>) -> Element {
    Element { vr: Vr::SQ, value: Value::Items(items) }
}

fn item(kind: &str, relation: &str, name: &str) -> Attributes {
    let mut item = Attributes::new();
    item.put_text(tags::VALUE_TYPE, Vr::CS, kind);
    item.put_text(tags::RELATIONSHIP, Vr::CS, relation);
    item.put(tags::CONCEPT_NAME, items(vec![code(name)]));
    item
}

fn text(name: &str, said: &str) -> Attributes {
    let mut item = item("TEXT", "CONTAINS", name);
    item.put_text(tags::TEXT, Vr::UT, said);
    item
}

fn report(children: Vec<Attributes>) -> Attributes {
    let mut report = item("CONTAINER", "", "Chest report");
    report.remove(tags::RELATIONSHIP);
    report.put_text(Tag::PATIENT_NAME, Vr::PN, "Müller^Änne");
    report.put_text(Tag::STUDY_DATE, Vr::DA, "20240131");
    report.put(tags::CONTENT, items(children));
    report
}

fn collect(bytes: &[u8], layout: Layout) -> Result<Report, ReportError> {
    let mut collector = Collector::new(layout);
    collector.feed(bytes)?;
    collector.finish()
}

fn told(report: &Attributes, form: Form) -> String {
    let layout = Layout::ExplicitLittleEndian;
    String::from_utf8(collect(&encode(report, layout), layout).unwrap().tell(form)).unwrap()
}

#[test]
fn names_values_units_and_nesting_are_told_in_every_layout() {
    let mut units = code("millimeter");
    units.put_text(Tag::CODE_VALUE, Vr::SH, "mm");
    let mut measured = Attributes::new();
    measured.put_text(tags::NUMERIC_VALUE, Vr::DS, "12.5");
    measured.put(tags::UNITS, items(vec![units]));
    let mut length = item("NUM", "HAS PROPERTIES", "Length");
    length.put(tags::MEASURED, items(vec![measured]));
    let mut finding = text("Finding", "Nodule\r\nin the left lung");
    finding.put(tags::CONTENT, items(vec![length]));
    let report = report(vec![text("History", "none"), finding]);
    let expected = "Chest report\nPatient: Müller Änne\nStudy date: 2024-01-31\n\n1.1 History: none\n1.2 Finding: Nodule\n    \
                    in the left lung\n  1.2.1 (has properties) Length: 12.5 millimeter\n";
    for layout in
        [Layout::ImplicitLittleEndian, Layout::ExplicitLittleEndian, Layout::DeflatedExplicitLittleEndian]
    {
        let found = collect(&encode(&report, layout), layout).unwrap().tell(Form::Plain);
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{layout:?}");
    }
    let html = told(&report, Form::Html);
    assert!(html.contains("<td>Müller Änne</td>"), "{html}");
    assert!(html.contains("<strong>Finding</strong> Nodule<br>\nin the left lung<ul>"), "{html}");
    assert!(html.contains(
        "<li id=\"item-1.2.1\"><em>has properties</em> <strong>Length</strong> 12.5 millimeter</li>"
    ));
}

#[test]
fn what_is_in_a_report_is_never_markup() {
    let hostile = "<script>alert(1)</script>\"'&\u{7}";
    let mut by_reference = item("TEXT", hostile, hostile);
    by_reference.put_text(tags::REFERENCED_ITEM, Vr::UL, "1");
    let mut report = report(vec![text(hostile, hostile), by_reference]);
    report.put_text(Tag::PATIENT_ID, Vr::LO, hostile);
    let html = told(&report, Form::Html);
    assert!(!html.to_lowercase().contains("<script"), "{html}");
    assert!(html.contains("&lt;script&gt;") && html.contains("<a href=\"#item-1\">item 1</a>"), "{html}");
    assert!(!told(&report, Form::Plain).contains('\u{7}'));
}

#[test]
fn references_and_shapes_are_told() {
    let mut reference = Attributes::new();
    reference.put_text(Tag::REFERENCED_SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2");
    reference.put_text(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, "1.2.3");
    reference.put(tags::FRAMES, Element::text(Vr::IS, vec!["1".to_owned(), "4".to_owned()]));
    let mut image = item("IMAGE", "CONTAINS", "Source");
    image.put(Tag::REFERENCED_SOP_SEQUENCE, items(vec![reference]));
    let mut shape = item("SCOORD", "INFERRED FROM", "Outline");
    shape.put_text(tags::GRAPHIC_TYPE, Vr::CS, "POLYLINE");
    shape.put(tags::GRAPHIC_DATA, Element::text(Vr::FL, vec!["1".to_owned(), "2.5".to_owned()]));
    let plain = told(&report(vec![image, shape]), Form::Plain);
    assert!(plain.contains("1.1 Source: CT Image Storage 1.2.3, frames 1, 4\n"), "{plain}");
    assert!(plain.contains("1.2 (inferred from) Outline: polyline 1, 2.5\n"), "{plain}");
}

#[test]
fn nesting_is_bounded_at_below_and_above() {
    let nested = |depth: usize| {
        let mut inner = text("Leaf", "deep");
        for _ in 1..depth {
            let mut outer = item("CONTAINER", "CONTAINS", "Level");
            outer.put(tags::CONTENT, items(vec![inner]));
            inner = outer;
        }
        encode(&report(vec![inner]), Layout::ExplicitLittleEndian)
    };
    // The name of a leaf is a sequence inside it.
    for (depth, is_fine) in
        [(MAX_SEQUENCE_DEPTH - 2, true), (MAX_SEQUENCE_DEPTH - 1, true), (MAX_SEQUENCE_DEPTH, false)]
    {
        let found = collect(&nested(depth), Layout::ExplicitLittleEndian);
        assert_eq!(found.is_ok(), is_fine, "{depth}");
        for form in [Form::Html, Form::Plain] {
            let told = found.as_ref().map(|report| String::from_utf8(report.tell(form)).unwrap());
            assert!(told.map_or(!is_fine, |told| told.contains("deep")));
        }
    }
}

#[test]
fn a_report_is_told_whole_or_not_at_all() {
    let of = |bytes: usize| {
        let long = report(vec![text("Long", &"x".repeat(bytes))]);
        collect(&encode(&long, Layout::ExplicitLittleEndian), Layout::ExplicitLittleEndian).err()
    };
    assert_eq!(of(MAX_TREE_BYTES - 1024), None);
    assert_eq!(of(MAX_TREE_BYTES - 16), Some(ReportError::TooLong));
    assert_eq!(of(MAX_TREE_BYTES + 16), Some(ReportError::TooLong));
}

#[test]
fn what_is_no_report_is_none() {
    let mut other = Attributes::new();
    other.put_text(Tag::PATIENT_ID, Vr::LO, "1");
    let layout = Layout::ExplicitLittleEndian;
    assert_eq!(collect(&encode(&other, layout), layout).err(), Some(ReportError::NoContent));
    assert!(matches!(collect(b"\x08\0\x05\0CS\xFF\xFF", layout), Err(ReportError::DataSet(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_told_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for layout in [Layout::ImplicitLittleEndian, Layout::ExplicitLittleEndian] {
            if let Ok(report) = collect(&bytes, layout) {
                let _ = (report.tell(Form::Html), report.tell(Form::Plain));
            }
        }
    }
}
