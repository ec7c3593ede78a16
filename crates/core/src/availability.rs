//! A notice of what is available here, as attributes (PS3.4 Table R.3.2-1). Pure.

use crate::ae_title::AeTitle;
use crate::attributes::{Attributes, Element, Value};
use crate::commitment::Reference;
use crate::selection::StoredInstance;
use crate::tag::Tag;
use crate::uid::Uid;
use crate::vr::Vr;

/// Most instances in one notice; a study of more is told of in several.
pub const MAX_INSTANCES: usize = 10_000;

/// Says that these instances of a study can be retrieved at once from `ae_title`. They come ordered by series, as
/// [`StoredInstance`]s are listed. Nothing else is said: what the table does not have is forbidden (§R.3.2.1.2).
#[must_use]
pub fn notice(study: &Uid, instances: &[StoredInstance], ae_title: &AeTitle) -> Attributes {
    let series = instances.chunk_by(|one, other| one.ids.series == other.ids.series);
    let series = series.filter_map(|of_one| {
        let uid = &of_one.first()?.ids.series;
        let mut item = Attributes::new();
        item.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, uid.as_str());
        let instances = of_one.iter().map(|instance| available(instance, ae_title)).collect();
        item.put(Tag::REFERENCED_SOP_SEQUENCE, sequence(instances));
        Some(item)
    });
    let mut notice = Attributes::new();
    notice.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, study.as_str());
    notice.put(Tag::REFERENCED_SERIES_SEQUENCE, sequence(series.collect()));
    notice.put(Tag::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Element::empty(Vr::SQ));
    notice
}

fn available(instance: &StoredInstance, ae_title: &AeTitle) -> Attributes {
    let reference =
        Reference { sop_class: instance.sop_class.clone(), sop_instance: instance.ids.instance.clone() };
    let mut item = reference.item();
    item.put_text(Tag::INSTANCE_AVAILABILITY, Vr::CS, "ONLINE");
    item.put_text(Tag::RETRIEVE_AE_TITLE, Vr::AE, ae_title.as_str());
    item
}

fn sequence(items: Vec<Attributes>) -> Element {
    Element { vr: Vr::SQ, value: Value::Items(items) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::instance::{Identifiers, ObjectKey};

    fn stored(series: &str, instance: &str) -> StoredInstance {
        let uid = |text: &str| Uid::parse(text).unwrap();
        StoredInstance {
            ids: Identifiers { study: uid("1.2"), series: uid(series), instance: uid(instance) },
            sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
            transfer_syntax: uid("1.2.840.10008.1.2"),
            object: ObjectKey::parse(&"0".repeat(32)).unwrap(),
            object_bytes: 2,
            data_set_offset: 1,
            digest: Digest([0; 32]),
            received_at: jiff::Timestamp::UNIX_EPOCH,
            is_settled: true,
        }
    }

    #[test]
    fn a_notice_names_each_instance_under_its_series_and_nothing_of_the_patient() {
        let instances = [stored("1.2.1", "1.2.1.1"), stored("1.2.1", "1.2.1.2"), stored("1.2.2", "1.2.2.1")];
        let notice = notice(&instances[0].ids.study, &instances, &AeTitle::parse("CAUSEWAY").unwrap());
        let tags: Vec<Tag> = notice.iter().map(|(tag, _)| tag).collect();
        let expected = [
            Tag::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
            Tag::REFERENCED_SERIES_SEQUENCE,
            Tag::STUDY_INSTANCE_UID,
        ];
        assert_eq!(tags, expected);
        let series = notice.get(Tag::REFERENCED_SERIES_SEQUENCE).unwrap().items();
        let counts: Vec<usize> =
            series.iter().map(|item| item.get(Tag::REFERENCED_SOP_SEQUENCE).unwrap().items().len()).collect();
        assert_eq!(counts, [2, 1]);
        let first = &series[0].get(Tag::REFERENCED_SOP_SEQUENCE).unwrap().items()[0];
        assert_eq!(first.first(Tag::REFERENCED_SOP_INSTANCE_UID), Some("1.2.1.1"));
        assert_eq!(first.first(Tag::INSTANCE_AVAILABILITY), Some("ONLINE"));
        assert_eq!(first.first(Tag::RETRIEVE_AE_TITLE), Some("CAUSEWAY"));
    }
}
