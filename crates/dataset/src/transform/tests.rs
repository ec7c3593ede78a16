//! Data sets changed on their way: what goes, what stays, what comes back.

use causeway_core::transform::{Deidentify, Edit, ProfileOption};
use causeway_core::{Attributes, RemoteName, Tag, Transform, Uid, Vr};
use proptest::prelude::*;

use super::*;
use crate::scanner::Progress;
use crate::testing::{Ends, Made, data_set, pieces, plain_layout, sizes, write};

use Layout::{ExplicitLittleEndian as Explicit, ImplicitLittleEndian as Implicit};

const WHEN: &str = "20240101120000";
const STUDY: &str = "1.2.3.1";
const SERIES: &str = "1.2.3.2";
const INSTANCE: &str = "1.2.3.3";
const REFERENCED: Tag = Tag::new(0x0008, 0x1155);
const STUDY_DESCRIPTION: Tag = Tag::new(0x0008, 0x1030);
const STUDY_DATE: Tag = Tag::new(0x0008, 0x0020);
const CONTENT: Tag = Tag::new(0x0040, 0xA730);

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn deidentifying(options: &[ProfileOption]) -> Plan {
    let mut transform = Transform::named(name("trial"));
    transform.deidentify = Some(Deidentify { options: options.iter().copied().collect() });
    Plan::new(transform, [7; SECRET_BYTES]).unwrap()
}

fn editing(edits: Vec<Edit>) -> Plan {
    let transform = Transform { edits, ..Transform::named(name("relabel")) };
    Plan::new(transform, [7; SECRET_BYTES]).unwrap()
}

fn set(attribute: &str, value: &str) -> Edit {
    Edit::Set { attribute: attribute.to_owned(), values: vec![value.to_owned()] }
}

fn surveyed(plan: &Plan, bytes: &[u8], layout: Layout) -> Result<Survey, Error> {
    let mut surveyor = plan.surveyor(layout);
    let _: Progress = surveyor.feed(bytes)?;
    Ok(surveyor.finish())
}

fn transformed(bytes: &[u8], from: Layout, to: Layout, decision: Decision) -> Result<Vec<u8>, Error> {
    let mut transformer = Transformer::new(from, to, decision);
    let mut out = transformer.feed(bytes)?.to_vec();
    out.extend(transformer.finish()?);
    Ok(out)
}

fn changed(plan: &Plan, elements: &[Made], to: Layout) -> Vec<u8> {
    let bytes = write(elements, Explicit);
    let decision = plan.decide(&surveyed(plan, &bytes, Explicit).unwrap(), WHEN).unwrap();
    transformed(&bytes, Explicit, to, decision).unwrap()
}

fn read(bytes: &[u8], layout: Layout) -> Attributes {
    crate::identifier::decode(bytes, layout).unwrap()
}

fn text(tag: Tag, vr: Vr, text: &str) -> Made {
    Made::text(tag, vr, text)
}

fn ct() -> Vec<Made> {
    vec![
        text(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        text(Tag::SOP_INSTANCE_UID, Vr::UI, INSTANCE),
        text(STUDY_DATE, Vr::DA, "20240301"),
        text(tags::ACCESSION_NUMBER, Vr::SH, "ACC1"),
        text(tags::MODALITY, Vr::CS, "CT"),
        text(STUDY_DESCRIPTION, Vr::LO, "CT Chest Miller"),
        Made::sequence(
            Tag::new(0x0008, 0x1140),
            vec![vec![text(REFERENCED, Vr::UI, SERIES), text(Tag::PATIENT_NAME, Vr::PN, "Miller^Mary")]],
            Ends::ByLength,
        ),
        text(Tag::new(0x0009, 0x0010), Vr::LO, "ACME"),
        text(Tag::new(0x0009, 0x1001), Vr::LO, "Miller"),
        text(Tag::PATIENT_NAME, Vr::PN, "Miller^Mary"),
        text(Tag::PATIENT_ID, Vr::LO, "4711"),
        text(Tag::STUDY_INSTANCE_UID, Vr::UI, STUDY),
        text(Tag::SERIES_INSTANCE_UID, Vr::UI, SERIES),
        Made::bytes(Tag::ROWS, Vr::US, &[2, 0]),
        Made::bytes(Tag::new(0x6000, 0x3000), Vr::OW, &[1, 2]),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[9, 8, 7, 6]),
    ]
}

#[test]
fn no_identity_is_left_and_pixels_are() {
    for to in [Explicit, Implicit] {
        let plan = deidentifying(&[]);
        let out = changed(&plan, &ct(), to);
        for telling in ["Miller", "4711", "ACC1", "ACME", "20240301", STUDY, SERIES, INSTANCE] {
            let found = out.windows(telling.len()).any(|window| window == telling.as_bytes());
            assert!(!found, "{telling} is in {to:?}");
        }
        assert!(out.ends_with(&[9, 8, 7, 6]));
        let read = read(&out, to);
        let series = plan.uid(&Uid::parse(SERIES).unwrap());
        assert_eq!(read.first(Tag::SERIES_INSTANCE_UID), Some(series.as_str()));
        let referenced = read.get(Tag::new(0x0008, 0x1140)).unwrap().items();
        assert_eq!(referenced[0].first(REFERENCED), Some(series.as_str()));
        assert_eq!(read.first(Tag::SOP_CLASS_UID), Some("1.2.840.10008.5.1.4.1.1.2"));
        assert_eq!(read.first(tags::IDENTITY_REMOVED), Some("YES"));
        assert_eq!(read.get(tags::METHOD_CODES).unwrap().items().len(), 1);
        assert_eq!(read.first(tags::TEMPORAL_MODIFIED), Some("REMOVED"));
        assert!(!read.contains(tags::ORIGINAL_ATTRIBUTES));
        assert_eq!(read.get(STUDY_DATE).map(causeway_core::Element::is_empty), Some(true));
        assert!(!read.contains(STUDY_DESCRIPTION));
    }
}

#[test]
fn options_keep_shift_and_clean() {
    let shifting = deidentifying(&[ProfileOption::RetainModifiedDates, ProfileOption::CleanDescriptors]);
    let out = read(&changed(&shifting, &ct(), Explicit), Explicit);
    let date = out.first(STUDY_DATE).unwrap();
    assert!(date.len() == 8 && date < "20240301", "{date}");
    assert_eq!(out.first(STUDY_DESCRIPTION), Some("CT Chest"));
    assert_eq!(out.first(tags::TEMPORAL_MODIFIED), Some("MODIFIED"));
    assert_eq!(out.get(tags::METHOD_CODES).unwrap().items().len(), 3);

    let keeping = deidentifying(&[ProfileOption::RetainUids, ProfileOption::RetainFullDates]);
    let out = read(&changed(&keeping, &ct(), Explicit), Explicit);
    assert_eq!(out.first(STUDY_DATE), Some("20240301"));
    assert_eq!(out.first(Tag::STUDY_INSTANCE_UID), Some(STUDY));
}

#[test]
fn a_report_becomes_dummies_and_keeps_its_shape_or_is_cleaned() {
    let item = vec![
        text(Tag::new(0x0040, 0xA040), Vr::CS, "TEXT"),
        text(Tag::new(0x0040, 0xA160), Vr::UT, "Miller has a lung, right"),
        Made::sequence(
            Tag::new(0x0040, 0xA043),
            vec![vec![
                text(Tag::new(0x0008, 0x0100), Vr::SH, "121106"),
                text(Tag::new(0x0008, 0x0102), Vr::SH, "DCM"),
                text(Tag::new(0x0008, 0x0104), Vr::LO, "Comment"),
            ]],
            Ends::ByDelimiter,
        ),
    ];
    let mut report = ct();
    report.retain(|made| made.tag < Tag::new(0x0028, 0));
    report.push(Made::sequence(CONTENT, vec![item], Ends::ByLength));
    let content = |plan: &Plan| {
        let out = read(&changed(plan, &report, Explicit), Explicit);
        out.get(CONTENT).unwrap().items()[0].clone()
    };
    let dummies = content(&deidentifying(&[]));
    assert_eq!(dummies.first(Tag::new(0x0040, 0xA040)), Some("TEXT"));
    assert_eq!(dummies.first(Tag::new(0x0040, 0xA160)), Some("Anonymized"));
    let code = dummies.get(Tag::new(0x0040, 0xA043)).unwrap().items();
    assert_eq!(code[0].first(Tag::new(0x0008, 0x0102)), Some("99ANON"));

    let cleaned = content(&deidentifying(&[ProfileOption::CleanStructuredContent]));
    assert_eq!(cleaned.first(Tag::new(0x0040, 0xA160)), Some("lung right"));
    let code = cleaned.get(Tag::new(0x0040, 0xA043)).unwrap().items();
    assert_eq!(code[0].first(Tag::new(0x0008, 0x0100)), Some("121106"));
    assert_eq!(code[0].first(Tag::new(0x0008, 0x0104)), Some("Comment"));
}

#[test]
fn items_in_a_value_of_un_are_looked_into() {
    let tag = Tag::new(0x300C, 0x0002);
    let inner = [Made::sequence(
        tag,
        vec![vec![text(REFERENCED, Vr::UI, SERIES), text(Tag::PATIENT_NAME, Vr::PN, "Miller")]],
        Ends::ByLength,
    )];
    // The value of a sequence in implicit VR, behind its header of eight bytes.
    let value = write(&inner, Implicit).split_off(8);
    let mut elements = ct();
    elements.retain(|made| made.tag < Tag::new(0x6000, 0));
    elements.push(Made::bytes(tag, Vr::UN, &value));
    let plan = deidentifying(&[]);
    for to in [Explicit, Implicit] {
        let out = changed(&plan, &elements, to);
        assert!(!out.windows(6).any(|window| window == b"Miller"));
        let read = read(&out, to);
        let items = read.get(tag).unwrap().items();
        let series = plan.uid(&Uid::parse(SERIES).unwrap());
        assert_eq!(items[0].first(REFERENCED), Some(series.as_str()), "{to:?}");
    }
}

#[test]
fn edits_keep_what_there_was_behind_what_was_kept_already() {
    let plan = editing(vec![set("PatientID", "H-1"), set("AccessionNumber", "ACC1")]);
    let earlier = vec![text(Tag::new(0x0400, 0x0563), Vr::LO, "earlier")];
    for with_earlier in [false, true] {
        let mut elements = ct();
        if with_earlier {
            let at = elements.iter().position(|made| made.tag > tags::ORIGINAL_ATTRIBUTES).unwrap();
            let kept = Made::sequence(tags::ORIGINAL_ATTRIBUTES, vec![earlier.clone()], Ends::ByLength);
            elements.insert(at, kept);
        }
        let bytes = changed(&plan, &elements, Explicit);
        let out = read(&bytes, Explicit);
        assert_eq!(out.first(Tag::PATIENT_ID), Some("H-1"));
        assert_eq!(out.first(Tag::PATIENT_NAME), Some("Miller^Mary"));
        let items = out.get(tags::ORIGINAL_ATTRIBUTES).unwrap().items();
        assert_eq!(items.len(), 1 + usize::from(with_earlier));
        let last = items.last().unwrap();
        let before = &last.get(tags::MODIFIED_ATTRIBUTES).unwrap().items()[0];
        assert_eq!(before.first(Tag::PATIENT_ID), Some("4711"));
        assert_eq!(before.len(), 1, "what did not change is not told as changed");
        assert_eq!(last.first(tags::MODIFICATION_TIME), Some(WHEN));
        assert!(bytes.ends_with(&[9, 8, 7, 6]));
    }
}

#[test]
fn text_beyond_the_declared_set_makes_all_text_utf_8() {
    let latin = vec![
        text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 100"),
        text(Tag::SOP_INSTANCE_UID, Vr::UI, INSTANCE),
        Made::bytes(STUDY_DESCRIPTION, Vr::LO, b"Sch\xE4del"),
        Made::bytes(Tag::PATIENT_NAME, Vr::PN, b"M\xFCller"),
        text(Tag::PATIENT_ID, Vr::LO, "1"),
    ];
    let out = changed(&editing(vec![set("PatientName", "\u{5c71}\u{7530}")]), &latin, Explicit);
    let read_back = read(&out, Explicit);
    assert!(out.windows(10).any(|window| window == b"ISO_IR 192"));
    assert_eq!(read_back.first(STUDY_DESCRIPTION), Some("Sch\u{e4}del"));
    assert_eq!(read_back.first(Tag::PATIENT_NAME), Some("\u{5c71}\u{7530}"));
    let plain = changed(&editing(vec![set("PatientID", "2")]), &latin, Explicit);
    assert!(plain.windows(10).any(|window| window == b"ISO_IR 100"));
    assert_eq!(read(&plain, Explicit).first(Tag::PATIENT_NAME), Some("M\u{fc}ller"));
}

#[test]
fn pixels_that_may_tell_are_refused_in_words_unless_told_otherwise() {
    let mut plan = deidentifying(&[]);
    let with = |tag, vr, value: &str| {
        let mut elements = ct();
        elements.retain(|made| made.tag != tag);
        let at = elements.iter().position(|made| made.tag > tag).unwrap();
        elements.insert(at, text(tag, vr, value));
        write(&elements, Explicit)
    };
    let burned = with(tags::BURNED_IN_ANNOTATION, Vr::CS, "YES");
    let ultrasound = with(tags::MODALITY, Vr::CS, "US");
    for bytes in [&burned, &ultrasound] {
        let refused = plan.decide(&surveyed(&plan, bytes, Explicit).unwrap(), WHEN).unwrap_err();
        assert!(refused.to_string().contains("Burned In Annotation"), "{refused}");
    }
    let mut transform = plan.transform().clone();
    transform.burned_in = Some(causeway_core::transform::BurnedIn::Send);
    plan = Plan::new(transform, [7; SECRET_BYTES]).unwrap();
    assert!(plan.decide(&surveyed(&plan, &burned, Explicit).unwrap(), WHEN).is_ok());
}

#[test]
fn projects_differ_and_transforms_of_one_project_agree() {
    let uid = Uid::parse(STUDY).unwrap();
    let one = deidentifying(&[]);
    let other = Plan::new(one.transform().clone(), [8; SECRET_BYTES]).unwrap();
    assert_ne!(one.uid(&uid), other.uid(&uid));
    assert_eq!(one.uid(&uid), deidentifying(&[ProfileOption::RetainDevice]).uid(&uid));
    assert_eq!(editing(vec![]).uid(&uid), uid);
}

#[test]
fn what_was_made_from_it_comes_back_under_the_original_identity() {
    let plan = deidentifying(&[]);
    let bytes = write(&ct(), Explicit);
    let survey = surveyed(&plan, &bytes, Explicit).unwrap();
    let uids =
        survey.uids.iter().map(|uid| (plan.uid(&Uid::parse(uid).unwrap()).as_str().to_owned(), uid.clone()));
    let original = Original { attributes: Plan::identity(&survey), uids: uids.collect() };
    let sent = |uid: &str| plan.uid(&Uid::parse(uid).unwrap()).as_str().to_owned();
    let report = [
        text(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.88.33"),
        text(Tag::SOP_INSTANCE_UID, Vr::UI, "9.1"),
        text(Tag::PATIENT_NAME, Vr::PN, "P123"),
        text(Tag::PATIENT_ID, Vr::LO, "P123"),
        text(tags::IDENTITY_REMOVED, Vr::CS, "YES"),
        text(Tag::STUDY_INSTANCE_UID, Vr::UI, &sent(STUDY)),
        text(Tag::SERIES_INSTANCE_UID, Vr::UI, "9.2"),
        Made::sequence(
            CONTENT,
            vec![vec![text(REFERENCED, Vr::UI, &sent(INSTANCE))], vec![text(REFERENCED, Vr::UI, "9.1")]],
            Ends::ByLength,
        ),
    ];
    let bytes = write(&report, Explicit);
    let came = surveyed(&plan, &bytes, Explicit).unwrap();
    let back = plan.way_back(&came, &original, "reader", WHEN).unwrap();
    let out = read(&transformed(&bytes, Explicit, Explicit, back.decision).unwrap(), Explicit);
    assert_eq!(out.first(Tag::STUDY_INSTANCE_UID), Some(STUDY));
    assert_eq!(out.first(Tag::PATIENT_NAME), Some("Miller^Mary"));
    assert_eq!(out.first(Tag::PATIENT_ID), Some("4711"));
    assert_eq!(out.first(tags::ACCESSION_NUMBER), Some("ACC1"));
    assert!(!out.contains(tags::IDENTITY_REMOVED));
    let own = out.first(Tag::SOP_INSTANCE_UID).unwrap();
    assert_eq!(own, back.sop_instance.as_str());
    assert!(own != "9.1" && out.first(Tag::SERIES_INSTANCE_UID) != Some("9.2"));
    let items = out.get(CONTENT).unwrap().items();
    assert_eq!(items[0].first(REFERENCED), Some(INSTANCE));
    assert_eq!(items[1].first(REFERENCED), Some(own), "a reference to itself stays one");
    let before = out.get(tags::ORIGINAL_ATTRIBUTES).unwrap().items()[0].clone();
    assert_eq!(
        before.get(tags::MODIFIED_ATTRIBUTES).unwrap().items()[0].first(Tag::PATIENT_ID),
        Some("P123")
    );
}

#[test]
fn a_value_that_is_too_long_to_be_changed_is_an_error() {
    let plan = deidentifying(&[]);
    let at_bound = vec![b'1'; rewrite::MAX_HELD_BYTES as usize];
    for (length, fits) in [(at_bound.len() - 2, true), (at_bound.len(), true), (at_bound.len() + 2, false)] {
        let mut bytes = write(&ct()[..2], Implicit);
        let decision = plan.decide(&surveyed(&plan, &bytes, Implicit).unwrap(), WHEN).unwrap();
        bytes.extend([0x08, 0, 0x55, 0x11]);
        bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
        bytes.extend(std::iter::repeat_n(b'1', length));
        assert_eq!(transformed(&bytes, Implicit, Explicit, decision).is_ok(), fits, "{length}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_changed_alike_in_pieces_and_can_be_read(
        elements in data_set(), from in plain_layout(), sizes in sizes(), to_implicit: bool,
    ) {
        let to = if to_implicit { Implicit } else { Explicit };
        let options = [ProfileOption::CleanDescriptors, ProfileOption::CleanStructuredContent];
        let plan = deidentifying(&options);
        let bytes = write(&elements, from);
        let survey = surveyed(&plan, &bytes, from).unwrap();
        let Ok(decision) = plan.decide(&survey, WHEN) else { return Ok(()) };
        let Ok(at_once) = transformed(&bytes, from, to, decision.clone()) else { return Ok(()) };
        let mut transformer = Transformer::new(from, to, decision);
        let mut out = Vec::new();
        for piece in pieces(&bytes, &sizes) {
            out.extend(transformer.feed(piece).unwrap());
        }
        out.extend(transformer.finish().unwrap());
        prop_assert_eq!(&out, &at_once);
        let mut head = crate::head::HeadCollector::new(to);
        prop_assert!(head.feed(&out).and_then(|()| head.finish().map(drop)).is_ok());
        if let Ok(read) = crate::identifier::decode(&out, to) {
            prop_assert!(read.iter().all(|(tag, _)| !tag.is_private()));
        }
    }
}
