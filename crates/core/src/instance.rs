//! An instance as the archive knows it: its identifiers, where its bytes are, and how it came.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ae_title::AeTitle;
use crate::attributes::Attributes;
use crate::digest::Digest;
use crate::link::Via;
use crate::remote::RemoteName;
use crate::uid::Uid;

/// Identity of a patient: the ID means something only together with who issued it. An absent issuer is the
/// empty text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PatientKey {
    /// Patient ID (0010,0020).
    pub id: String,
    /// Issuer of Patient ID (0010,0021).
    pub issuer: String,
}

/// The UIDs that place an instance (PS3.3 §C.12.1, §C.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identifiers {
    /// Study Instance UID (0020,000D).
    pub study: Uid,
    /// Series Instance UID (0020,000E).
    pub series: Uid,
    /// SOP Instance UID (0008,0018).
    pub instance: Uid,
}

/// Where an object's bytes are: a name of ours, ordered by time, that says nothing of a patient.
/// 32 lower-case hexadecimal digits (a UUID of version 7).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

/// A text that is no object key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object key is 32 lower-case hexadecimal digits")]
pub struct ObjectKeyError;

impl ObjectKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When the text is not 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, ObjectKeyError> {
        let fine = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fine { Ok(Self(text.to_owned())) } else { Err(ObjectKeyError) }
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = ObjectKeyError;
    fn try_from(text: String) -> Result<Self, ObjectKeyError> {
        Self::parse(&text)
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object, and what it must be: whoever moves it holds its bytes against this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedObject {
    /// Where it is.
    pub object: ObjectKey,
    /// Its length.
    pub object_bytes: u64,
    /// The digest is of the bytes from here to the end.
    pub digest_from: u64,
    /// SHA-256, noted when they came.
    pub digest: Digest,
}

/// Which way an instance came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// C-STORE.
    Dimse,
    /// STOW-RS.
    Web,
    /// The link from another node.
    Link,
    /// Made or copied in by the node itself.
    Local,
}

/// How an instance came: travels with the object in its File Meta Information, so that a replay after a crash
/// decides as the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Which way.
    pub door: Door,
    /// When its last byte was in, to the millisecond.
    pub received_at: Timestamp,
    /// AE title of the sender, where the door knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calling_ae: Option<AeTitle>,
    /// The registered remote that sent it, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteName>,
    /// Address it was sent from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<IpAddr>,
    /// That it is a copy, under the original identity, of what a remote made for a study that it was sent under
    /// another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_back: Option<Box<CameBack>>,
    /// The nodes that it passed before it came here.
    #[serde(default, skip_serializing_if = "Via::is_empty")]
    pub via: Via,
}

impl Envelope {
    /// Of which nothing is known but the way; when it was in is set when it is.
    #[must_use]
    pub const fn of(door: Door) -> Self {
        let received_at = Timestamp::UNIX_EPOCH;
        Self {
            door,
            received_at,
            calling_ae: None,
            remote: None,
            source_address: None,
            came_back: None,
            via: Via::NONE,
        }
    }
}

/// From where an instance came back, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameBack {
    /// The remote that made it.
    pub from: RemoteName,
    /// The remote that its study came from, where it came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<RemoteName>,
}

/// Everything the catalog keeps of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceRecord {
    /// Whose it is.
    pub patient: PatientKey,
    /// Which it is.
    pub ids: Identifiers,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Transfer syntax the bytes are in.
    pub transfer_syntax: Uid,
    /// Where the bytes are.
    pub object: ObjectKey,
    /// Bytes of the whole object: preamble, File Meta, data set.
    pub object_bytes: u64,
    /// Bytes before the data set: preamble and File Meta Information.
    pub data_set_offset: u32,
    /// Digest of the data set.
    pub digest: Digest,
    /// How it came.
    pub envelope: Envelope,
    /// Attributes kept for search and answers, all levels together.
    pub attributes: Attributes,
}
