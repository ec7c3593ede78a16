//! SOP classes (PS3.4 Annex B.5, PS3.6 Table A-1): which UIDs name something to be stored, and which a service.

use crate::sop_class_gen::STORAGE;
use crate::uid::Uid;

/// Verification (PS3.4 §A.4).
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Patient Root Query/Retrieve Information Model - FIND (PS3.4 §C.6.1).
pub const PATIENT_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.1.1";
/// Patient Root Query/Retrieve Information Model - MOVE.
pub const PATIENT_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.1.2";
/// Patient Root Query/Retrieve Information Model - GET.
pub const PATIENT_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.1.3";
/// Study Root Query/Retrieve Information Model - FIND (PS3.4 §C.6.2).
pub const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
/// Study Root Query/Retrieve Information Model - MOVE.
pub const STUDY_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
/// Study Root Query/Retrieve Information Model - GET.
pub const STUDY_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
/// Modality Worklist Information Model - FIND (PS3.4 §K.6.1.4).
pub const MODALITY_WORKLIST_FIND: &str = "1.2.840.10008.5.1.4.31";
/// Modality Performed Procedure Step (PS3.4 §F.7.3).
pub const MODALITY_PERFORMED_PROCEDURE_STEP: &str = "1.2.840.10008.3.1.2.3.3";
/// Modality Performed Procedure Step Retrieve (PS3.4 §F.8.3).
pub const MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE: &str = "1.2.840.10008.3.1.2.3.4";
/// Media Storage Directory Storage: a DICOMDIR, which names instances and is none itself (PS3.10 §8).
pub const MEDIA_STORAGE_DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// Storage Commitment Push Model (PS3.4 §J.3).
pub const STORAGE_COMMITMENT_PUSH: &str = "1.2.840.10008.1.20.1";
/// Instance Availability Notification (PS3.4 §R.3).
pub const INSTANCE_AVAILABILITY: &str = "1.2.840.10008.5.1.4.33";

/// Root under which the standard registers the storage SOP classes of the Storage Service.
const STANDARD_STORAGE_ROOT: &str = "1.2.840.10008.5.1.4.1.1.";
/// Root of everything that the standard registers.
const STANDARD_ROOT: &str = "1.2.840.10008.";

/// Whether `uid` is a storage SOP class of the standard, retired ones included. A number under the standard's
/// root for storage that a later edition may have given out counts as one.
#[must_use]
pub fn is_storage(uid: &Uid) -> bool {
    STORAGE.binary_search_by(|(known, _)| (*known).cmp(uid.as_str())).is_ok()
        || uid.as_str().starts_with(STANDARD_STORAGE_ROOT)
}

/// Whether `uid` could be a private storage SOP class: nothing that the standard registers.
#[must_use]
pub fn is_private(uid: &Uid) -> bool {
    !uid.as_str().starts_with(STANDARD_ROOT)
}

/// The name of a storage SOP class in PS3.6.
#[must_use]
pub fn name(uid: &Uid) -> Option<&'static str> {
    let index = STORAGE.binary_search_by(|(known, _)| (*known).cmp(uid.as_str())).ok()?;
    STORAGE.get(index).map(|(_, name)| *name)
}

/// Every storage SOP class of the standard, by UID.
pub fn storage() -> impl Iterator<Item = (&'static str, &'static str)> {
    STORAGE.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(STORAGE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(STORAGE.len() > 150);
    }

    #[test]
    fn services_and_directories_are_not_storage() {
        for uid in [VERIFICATION, STUDY_ROOT_FIND, PATIENT_ROOT_MOVE, MEDIA_STORAGE_DIRECTORY] {
            assert!(!is_storage(&Uid::parse(uid).unwrap()), "{uid}");
        }
        assert!(is_storage(&Uid::parse("1.2.840.10008.5.1.4.1.1.2").unwrap()));
    }

    #[test]
    fn a_vendor_s_own_class_is_private() {
        assert!(is_private(&Uid::parse("1.3.12.2.1107.5.9.1").unwrap()));
        assert!(!is_private(&Uid::parse(VERIFICATION).unwrap()));
    }
}
