//! The DIMSE services of the node as data: their SOP classes, which side of each we are, and what each of our statuses
//! means. Doors and workers take the numbers from [`Status`]; the conformance statement is generated from here.

use crate::sop_class as class;
use crate::status::Status;
use crate::uid::Uid;

/// A DIMSE service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Verification (PS3.4 §A.4).
    Verification,
    /// Storage (PS3.4 §B).
    Storage,
    /// Query (PS3.4 §C.4.1).
    Find,
    /// Retrieval to a third party (PS3.4 §C.4.2).
    Move,
    /// Retrieval on the same association (PS3.4 §C.4.3).
    Get,
    /// The modality worklist (PS3.4 §K.4.1).
    Worklist,
    /// Performed procedure steps, as modalities tell of them (PS3.4 §F.7).
    PerformedStep,
    /// Performed procedure steps, read back (PS3.4 §F.8).
    PerformedStepRetrieve,
    /// Storage commitment (PS3.4 §J.3).
    Commitment,
    /// Notices of what is available (PS3.4 §R.3).
    Availability,
}

/// A SOP class that is not for storage, and which side of it we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceClass {
    /// SOP Class UID.
    pub uid: &'static str,
    /// Its name in PS3.6.
    pub name: &'static str,
    /// The service.
    pub service: Service,
    /// Whether we use it.
    pub user: bool,
    /// Whether we provide it.
    pub provider: bool,
}

use Service::{
    Availability, Commitment, Find, Get, Move, PerformedStep, PerformedStepRetrieve, Storage, Verification,
    Worklist,
};

const fn row(uid: &'static str, name: &'static str, service: Service, user: bool) -> ServiceClass {
    ServiceClass { uid, name, service, user, provider: true }
}

/// Every SOP class we know that is not for storage.
pub const CLASSES: &[ServiceClass] = &[
    row(class::VERIFICATION, "Verification", Verification, true),
    row(class::PATIENT_ROOT_FIND, "Patient Root Query/Retrieve - FIND", Find, true),
    row(class::PATIENT_ROOT_MOVE, "Patient Root Query/Retrieve - MOVE", Move, false),
    row(class::PATIENT_ROOT_GET, "Patient Root Query/Retrieve - GET", Get, false),
    row(class::STUDY_ROOT_FIND, "Study Root Query/Retrieve - FIND", Find, true),
    row(class::STUDY_ROOT_MOVE, "Study Root Query/Retrieve - MOVE", Move, true),
    row(class::STUDY_ROOT_GET, "Study Root Query/Retrieve - GET", Get, true),
    row(class::MODALITY_WORKLIST_FIND, "Modality Worklist - FIND", Worklist, false),
    row(class::MODALITY_PERFORMED_PROCEDURE_STEP, "Modality Performed Procedure Step", PerformedStep, false),
    row(
        class::MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE,
        "Modality Performed Procedure Step Retrieve",
        PerformedStepRetrieve,
        false,
    ),
    row(class::STORAGE_COMMITMENT_PUSH, "Storage Commitment Push Model", Commitment, true),
    ServiceClass {
        uid: class::INSTANCE_AVAILABILITY,
        name: "Instance Availability Notification",
        service: Availability,
        user: true,
        provider: false,
    },
];

/// The class with this UID.
#[must_use]
pub fn class(uid: &Uid) -> Option<&'static ServiceClass> {
    CLASSES.iter().find(|class| class.uid == uid.as_str())
}

/// What we mean by a status of a service that we provide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The service.
    pub service: Service,
    /// The status.
    pub status: Status,
    /// What it means here, for people.
    pub words: &'static str,
}

const fn means(service: Service, status: Status, words: &'static str) -> Meaning {
    Meaning { service, status, words }
}

/// Every status of every service that we provide.
pub fn all_meanings() -> impl Iterator<Item = Meaning> {
    MEANINGS.iter().chain(COMMITMENT).copied()
}

/// The statuses of the services whose objects are instances, and of the worklist.
const MEANINGS: &[Meaning] = &[
    means(Verification, Status::SUCCESS, "we are here"),
    means(
        Storage,
        Status::SUCCESS,
        "the instance is safe on disk and recorded, or was kept before with the same bytes; with \
         `acknowledge = \"store\"`: it has settled as well",
    ),
    means(Storage, Status::OUT_OF_RESOURCES, "out of space, or busy: try again"),
    means(
        Storage,
        Status::DATA_SET_DOES_NOT_MATCH,
        "SOP Class or SOP Instance UID is not the one of the command, or an identifying UID is missing or no UID",
    ),
    means(Storage, Status::CANNOT_UNDERSTAND, "the data set cannot be read to its end, or breaks a bound"),
    means(
        Storage,
        Status::CONFLICTING_DUPLICATE,
        "the SOP Instance UID is kept with other bytes, and the first are kept",
    ),
    means(Storage, Status::PROCESSING_FAILURE, "a fault of the node"),
    means(Storage, Status(0x0115), "the command's SOP Class UID is no UID"),
    means(Storage, Status::INVALID_SOP_INSTANCE, "the command's SOP Instance UID is no UID"),
    means(Storage, Status(0x0120), "the command lacks a UID"),
    means(
        Storage,
        Status::SOP_CLASS_NOT_SUPPORTED,
        "Media Storage Directory Storage, or a SOP class other than that of the context",
    ),
    means(Storage, Status::NOT_AUTHORIZED, "the caller may not store"),
    means(Storage, Status::MISTYPED_ARGUMENT, "the request has no data set"),
    means(Find, Status::PENDING, "a match"),
    means(Find, Status::PENDING_UNSUPPORTED_KEYS, "a match; some key is not supported"),
    means(Find, Status::SUCCESS, "that was all"),
    means(Find, Status::CANCEL, "cancelled by C-CANCEL"),
    means(Find, Status::OUT_OF_RESOURCES, "out of resources, or more matches than are answered"),
    means(
        Find,
        Status::IDENTIFIER_DOES_NOT_MATCH,
        "the level, a unique key above it or a value does not fit; with Offending Element and Error Comment",
    ),
    means(Find, Status::UNABLE_TO_PROCESS, "the identifier cannot be read, or the search failed"),
    means(Find, Status::SOP_CLASS_NOT_SUPPORTED, "on a context of another service"),
    means(Find, Status::NOT_AUTHORIZED, "the caller may not query"),
    means(Find, Status::MISTYPED_ARGUMENT, "no identifier"),
    means(Move, Status::PENDING, "under way, with the counts"),
    means(Move, Status::SUCCESS, "all sent; also when nothing matched"),
    means(Move, Status::SUBOPERATIONS_WITH_FAILURES, "some failed, or were taken with a warning"),
    means(Move, Status::UNABLE_TO_PERFORM_SUBOPERATIONS, "all failed"),
    means(Move, Status::UNABLE_TO_COUNT_MATCHES, "the catalog is busy or full: try again"),
    means(
        Move,
        Status::MOVE_DESTINATION_UNKNOWN,
        "no such destination, or none of this caller's, or the Move Destination is no AE title",
    ),
    means(
        Move,
        Status::IDENTIFIER_DOES_NOT_MATCH,
        "the identifier does not fit; with Offending Element and Error Comment",
    ),
    means(Move, Status::UNABLE_TO_PROCESS, "the identifier cannot be read, or the record failed"),
    means(Move, Status::CANCEL, "cancelled, with the counts"),
    means(Move, Status::SOP_CLASS_NOT_SUPPORTED, "on a context of another service"),
    means(Move, Status::NOT_AUTHORIZED, "the caller may not retrieve"),
    means(Move, Status::MISTYPED_ARGUMENT, "no identifier"),
    means(Get, Status::PENDING, "under way, with the counts"),
    means(Get, Status::SUCCESS, "all given; also when nothing matched"),
    means(Get, Status::SUBOPERATIONS_WITH_FAILURES, "some failed, or were taken with a warning"),
    means(Get, Status::UNABLE_TO_PERFORM_SUBOPERATIONS, "all failed"),
    means(Get, Status::UNABLE_TO_COUNT_MATCHES, "the catalog is busy or full: try again"),
    means(
        Get,
        Status::IDENTIFIER_DOES_NOT_MATCH,
        "the identifier does not fit; with Offending Element and Error Comment",
    ),
    means(Get, Status::UNABLE_TO_PROCESS, "the identifier cannot be read, or the record failed"),
    means(Get, Status::CANCEL, "cancelled, with the counts"),
    means(Get, Status::SOP_CLASS_NOT_SUPPORTED, "on a context of another service"),
    means(Get, Status::NOT_AUTHORIZED, "the caller may not retrieve"),
    means(Get, Status::MISTYPED_ARGUMENT, "no identifier"),
    means(Worklist, Status::PENDING, "a match"),
    means(Worklist, Status::PENDING_UNSUPPORTED_KEYS, "a match; some key is not of the standard"),
    means(Worklist, Status::SUCCESS, "that was all"),
    means(Worklist, Status::CANCEL, "cancelled by C-CANCEL"),
    means(Worklist, Status::OUT_OF_RESOURCES, "the catalog is busy or full: try again"),
    means(
        Worklist,
        Status::IDENTIFIER_DOES_NOT_MATCH,
        "a value or a sequence does not fit; with Offending Element and Error Comment",
    ),
    means(Worklist, Status::UNABLE_TO_PROCESS, "the identifier cannot be read, or the search failed"),
    means(Worklist, Status::NOT_AUTHORIZED, "the caller may not read the worklist"),
    means(Worklist, Status::MISTYPED_ARGUMENT, "no identifier"),
    means(PerformedStep, Status::SUCCESS, "it is on disk, and the worklist follows it"),
    means(
        PerformedStep,
        Status::INVALID_ATTRIBUTE_VALUE,
        "a value cannot be, or a new step is not IN PROGRESS; with Offending Element and an Attribute List",
    ),
    means(
        PerformedStep,
        Status::ATTRIBUTE_LIST_ERROR,
        "all was set but the attributes listed, which may not change after N-CREATE",
    ),
    means(
        PerformedStep,
        Status::PROCESSING_FAILURE,
        "the step has ended (Error ID A710), the data set cannot be read, or a fault of the node",
    ),
    means(PerformedStep, Status::DUPLICATE_SOP_INSTANCE, "a step of this UID is kept already"),
    means(PerformedStep, Status::NO_SUCH_OBJECT, "there is no step of this UID"),
    means(PerformedStep, Status(0x0115), "the SOP Class UID is no UID"),
    means(PerformedStep, Status::INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID"),
    means(PerformedStep, Status::NO_SUCH_SOP_CLASS, "a SOP class other than that of the context"),
    means(
        PerformedStep,
        Status::MISSING_ATTRIBUTE,
        "attributes that must have a value are missing; with the Attribute Identifier List",
    ),
    means(
        PerformedStep,
        Status::MISSING_ATTRIBUTE_VALUE,
        "attributes that must have a value have none; with the Attribute Identifier List",
    ),
    means(PerformedStep, Status::NOT_AUTHORIZED, "the caller may not report on procedure steps"),
    means(PerformedStep, Status::UNRECOGNIZED_OPERATION, "neither N-CREATE nor N-SET"),
    means(PerformedStep, Status::MISTYPED_ARGUMENT, "N-SET without a data set"),
    means(
        PerformedStep,
        Status::RESOURCE_LIMITATION,
        "the data set is longer than 1 MiB, or the catalog is busy or full: try again",
    ),
    means(PerformedStepRetrieve, Status::SUCCESS, "the attributes asked for, or all"),
    means(PerformedStepRetrieve, Status::ATTRIBUTES_NOT_SUPPORTED, "some attributes asked for are not kept"),
    means(PerformedStepRetrieve, Status::PROCESSING_FAILURE, "a fault of the node"),
    means(PerformedStepRetrieve, Status::NO_SUCH_OBJECT, "there is no step of this UID"),
    means(PerformedStepRetrieve, Status(0x0115), "the SOP Class UID is no UID"),
    means(PerformedStepRetrieve, Status::INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID"),
    means(PerformedStepRetrieve, Status::NO_SUCH_SOP_CLASS, "a SOP class other than that of the context"),
    means(PerformedStepRetrieve, Status::MISSING_ATTRIBUTE, "the command lacks a UID"),
    means(PerformedStepRetrieve, Status::NOT_AUTHORIZED, "the caller may not read procedure steps"),
    means(PerformedStepRetrieve, Status::UNRECOGNIZED_OPERATION, "no N-GET"),
    means(PerformedStepRetrieve, Status::RESOURCE_LIMITATION, "the catalog is busy or full: try again"),
];

/// What a request for storage commitment, or the result of one of ours, is answered with.
const COMMITMENT: &[Meaning] = &[
    means(
        Commitment,
        Status::SUCCESS,
        "the request is on disk, and its result will be told; or the result of a request of ours is written",
    ),
    means(
        Commitment,
        Status::PROCESSING_FAILURE,
        "a fault of the node, or the result of something that was not asked of this caller",
    ),
    means(Commitment, Status::NO_SUCH_OBJECT, "the SOP instance is not 1.2.840.10008.1.20.1.1"),
    means(Commitment, Status::NO_SUCH_EVENT_TYPE, "the Event Type ID is neither 1 nor 2"),
    means(
        Commitment,
        Status::INVALID_ARGUMENT,
        "the data set is missing, cannot be read, or lacks a UID; with Error Comment",
    ),
    means(Commitment, Status::INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID"),
    means(Commitment, Status::NO_SUCH_SOP_CLASS, "a SOP class other than that of the context"),
    means(Commitment, Status::MISSING_ATTRIBUTE, "the command lacks a UID"),
    means(Commitment, Status::NO_SUCH_ACTION, "the Action Type ID is not 1"),
    means(Commitment, Status::NOT_AUTHORIZED, "the caller may not ask for commitment"),
    means(
        Commitment,
        Status::DUPLICATE_TRANSACTION,
        "the Transaction UID was used before for another request, or for one whose result was told",
    ),
    means(Commitment, Status::UNRECOGNIZED_OPERATION, "neither N-ACTION nor N-EVENT-REPORT"),
    means(
        Commitment,
        Status::RESOURCE_LIMITATION,
        "more than 20,000 instances in one request, 1,000 results wait for this caller, or the catalog is busy or \
         full: try again",
    ),
];

/// The statuses of one service, in the order of their numbers.
#[must_use]
pub fn meanings(service: Service) -> Vec<Meaning> {
    let mut found: Vec<Meaning> = all_meanings().filter(|meaning| meaning.service == service).collect();
    found.sort_by_key(|meaning| meaning.status.0);
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_class_and_each_status_of_a_service_stands_once() {
        let classes: BTreeSet<_> = CLASSES.iter().map(|class| class.uid).collect();
        assert_eq!(classes.len(), CLASSES.len());
        let meanings: BTreeSet<_> =
            all_meanings().map(|meaning| (meaning.service, meaning.status.0)).collect();
        assert_eq!(meanings.len(), all_meanings().count());
    }

    #[test]
    fn every_class_has_a_service_whose_statuses_are_told() {
        for class in CLASSES {
            let is_storage = Uid::parse(class.uid).is_ok_and(|uid| crate::sop_class::is_storage(&uid));
            assert!(!is_storage, "{}", class.uid);
            assert_eq!(meanings(class.service).is_empty(), !class.provider, "{:?}", class.service);
        }
    }
}
