//! An instance for the tests of conditions and routes.

use causeway_core::{
    AeTitle, Attributes, Digest, Door, Element, Envelope, Identifiers, InstanceRecord, ObjectKey, PatientKey,
    Tag, Uid, Vr,
};

/// A CT image that came from the remote `pacs-1`.
pub(crate) fn record() -> InstanceRecord {
    let uid = |text: &str| Uid::parse(text).unwrap();
    let mut attributes = Attributes::new();
    attributes.put_text(Tag::MODALITY, Vr::CS, "CT");
    attributes.put_text(Tag::STUDY_DESCRIPTION, Vr::LO, "CT Head \u{e9}t\u{e9}");
    attributes.put_text(Tag::ROWS, Vr::US, "512");
    attributes.put_text(Tag::STUDY_DATE, Vr::DA, "20260131");
    attributes.put_text(Tag::new(0x0010, 0x1030), Vr::DS, "71.5");
    attributes.put(
        Tag::new(0x0008, 0x0008),
        Element::text(Vr::CS, vec!["ORIGINAL".into(), "PRIMARY".into(), "AXIAL".into()]),
    );
    InstanceRecord {
        patient: PatientKey { id: "1".into(), issuer: String::new() },
        ids: Identifiers { study: uid("1.2"), series: uid("1.2.3"), instance: uid("1.2.3.4") },
        sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        object: ObjectKey::parse(&"0".repeat(32)).unwrap(),
        object_bytes: 100,
        data_set_offset: 10,
        digest: Digest([0; 32]),
        envelope: Envelope {
            door: Door::Dimse,
            received_at: jiff::Timestamp::UNIX_EPOCH,
            calling_ae: Some(AeTitle::parse("PACS1").unwrap()),
            remote: Some("pacs-1".parse().unwrap()),
            source_address: Some("::ffff:10.0.0.7".parse().unwrap()),
            came_back: None,
            via: causeway_core::Via::default(),
        },
        attributes,
    }
}
