//! File Meta Information (PS3.10 §7.1).
//!
//! Lives here: what of it this node writes ([`write()`], [`write_padded`]) and reads ([`Part10Reader`]), and the
//! guess at how a data set is laid out that comes without. Never here: the data set itself.

mod guess;
mod read;
mod write;

use bytes::Bytes;
use causeway_core::{AeTitle, Envelope, Tag, Uid};

pub use read::Part10Reader;
pub use write::{write, write_padded};

/// Bytes before the prefix.
const PREAMBLE_BYTES: usize = 128;
const PREFIX: &[u8; 4] = b"DICM";

const GROUP: u16 = 0x0002;
const GROUP_LENGTH: Tag = Tag::new(GROUP, 0x0000);
const VERSION: Tag = Tag::new(GROUP, 0x0001);
const SOP_CLASS: Tag = Tag::new(GROUP, 0x0002);
const SOP_INSTANCE: Tag = Tag::new(GROUP, 0x0003);
const IMPLEMENTATION_CLASS: Tag = Tag::new(GROUP, 0x0012);
const IMPLEMENTATION_VERSION: Tag = Tag::new(GROUP, 0x0013);
const RECEIVING_AE: Tag = Tag::new(GROUP, 0x0018);
const PRIVATE_CREATOR: Tag = Tag::new(GROUP, 0x0100);
const PRIVATE_INFORMATION: Tag = Tag::new(GROUP, 0x0102);

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: Uid,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: Uid,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: Uid,
    /// Receiving Application Entity Title (0002,0018).
    pub receiving_ae: Option<AeTitle>,
    /// How the object came; kept in Private Information (0002,0102).
    pub envelope: Option<Envelope>,
}

/// What group 2 said, or what the data set shows where there is no group 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: Option<Uid>,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: Option<Uid>,
    /// Transfer Syntax UID (0002,0010), or the plain one that the data set is seen to be in.
    pub transfer_syntax: Uid,
    /// The envelope, where it is a file of ours.
    pub envelope: Option<Envelope>,
}

/// A file's beginning, read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it said.
    pub meta: ReadMeta,
    /// Where the data set begins, in bytes from the start of the file.
    pub data_set_offset: u64,
    /// The bytes of the data set that were fed already.
    pub rest: Bytes,
}

/// How far a feed came.
#[derive(Debug, Clone)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// The File Meta Information is complete.
    Done(Parsed),
}

#[cfg(test)]
mod tests;
