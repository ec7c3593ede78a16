//! Which studies were read of late: noted in memory as answers go out, written by the keeper now and then. A crash loses what
//! was noted since, a minute at most; rules count in days.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_core::{StoredInstance, Uid};

/// Most studies that are noted between two looks of the keeper: beyond, those that are noted already stay.
const MAX_NOTED: usize = 50_000;

/// Studies that were read.
#[derive(Default)]
pub(crate) struct Uses(Mutex<BTreeSet<Uid>>);

impl Uses {
    fn noted(&self) -> MutexGuard<'_, BTreeSet<Uid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the studies of these, which come in the order of their studies.
    pub(crate) fn note(&self, instances: &[StoredInstance]) {
        let mut noted = self.noted();
        let mut last: Option<&Uid> = None;
        for study in instances.iter().map(|instance| &instance.ids.study) {
            if last != Some(study) && noted.len() < MAX_NOTED && !noted.contains(study) {
                noted.insert(study.clone());
            }
            last = Some(study);
        }
    }

    /// Takes what was noted.
    pub(crate) fn take(&self) -> Vec<Uid> {
        std::mem::take(&mut *self.noted()).into_iter().collect()
    }

    /// Notes again what could not be written.
    pub(crate) fn give_back(&self, studies: Vec<Uid>) {
        self.noted().extend(studies);
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::{Digest, Identifiers, ObjectKey};

    use super::*;

    fn instance(study: usize) -> StoredInstance {
        let uid = |text: String| Uid::parse(&text).unwrap();
        StoredInstance {
            ids: Identifiers {
                study: uid(format!("1.{study}")),
                series: uid("2".to_owned()),
                instance: uid("3".to_owned()),
            },
            sop_class: uid("4".to_owned()),
            transfer_syntax: uid("5".to_owned()),
            object: ObjectKey::parse(&"0".repeat(32)).unwrap(),
            object_bytes: 0,
            data_set_offset: 0,
            digest: Digest([0; 32]),
            received_at: jiff::Timestamp::UNIX_EPOCH,
            is_settled: true,
        }
    }

    #[test]
    fn a_study_is_noted_once_and_no_more_than_there_is_room_for() {
        let uses = Uses::default();
        uses.note(&[instance(1), instance(1), instance(2)]);
        uses.note(&[instance(1)]);
        let taken = uses.take();
        assert_eq!((taken.len(), uses.take().len()), (2, 0));
        uses.give_back(taken);
        let many: Vec<_> = (0..=MAX_NOTED).map(instance).collect();
        uses.note(&many);
        assert_eq!(uses.take().len(), MAX_NOTED);
    }
}
