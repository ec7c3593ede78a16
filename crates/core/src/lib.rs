//! The words that every room speaks: identifiers, statuses, attributes, queries, limits.
//!
//! Lives here: types that mean the same to a PACS, a browser and the catalog, and the pure
//! functions over them (matching above all). Never here: I/O, async, dicom-rs.
//!
//! Clauses are cited as `PS3.4 §C.2.2.2`; the edition meant is DICOM 2024e throughout.

pub mod ae_title;
pub mod attributes;
pub mod availability;
pub mod bandwidth;
pub mod clock;
pub mod commitment;
pub mod delivery;
pub mod digest;
pub mod event;
pub mod failure;
pub mod fingerprint;
pub mod identity;
pub mod implementation;
pub mod incident;
pub mod instance;
pub mod keeping;
pub mod limits;
pub mod link;
pub mod network;
pub mod person_name;
pub mod principal;
pub mod query;
pub mod quirk;
pub mod remote;
pub mod schedule;
pub mod selection;
pub mod service;
pub mod sight;
pub mod sop_class;
mod sop_class_gen;
pub mod space;
pub mod status;
pub mod tag;
pub mod tls;
pub mod transfer_syntax;
pub mod transform;
pub mod uid;
pub mod vr;
pub mod worklist;

pub use ae_title::AeTitle;
pub use attributes::{Attributes, Element, Value};
pub use bandwidth::Bandwidth;
pub use clock::{Clock, ManualClock, SystemClock};
pub use delivery::{Late, PlannedDelivery, Priority, Trigger};
pub use digest::Digest;
pub use event::EventKind;
pub use failure::Class;
pub use fingerprint::Fingerprint;
pub use identity::{Credentials, Identity};
pub use incident::{Incident, IncidentKind, IncidentRecord};
pub use instance::{
    CameBack, Door, Envelope, ExpectedObject, Identifiers, InstanceRecord, ObjectKey, PatientKey,
};
pub use link::{LinkReceipt, NodeId, Via};
pub use network::Network;
pub use principal::{Credential, Permission, Permissions, Principal};
pub use query::{Level, Query};
pub use quirk::{Quirk, Quirks};
pub use remote::{Remote, RemoteName};
pub use schedule::{Opening, Schedule};
pub use selection::{Selection, StoredInstance};
pub use sight::{Scope, Sight};
pub use status::Status;
pub use tag::Tag;
pub use transfer_syntax::TransferSyntax;
pub use transform::Transform;
pub use uid::Uid;
pub use vr::Vr;
