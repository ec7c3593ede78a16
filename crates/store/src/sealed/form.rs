//! The form of a sealed object: segments, each of which stands for itself, so that any range is read by one request and
//! nothing of the object need be known.
//!
//! ```text
//!  segment   = head ‖ AES-256-GCM(plain bytes) ‖ tag          64 KiB plain each, but for the last
//!  head      = magic (8) ‖ id of the key (16) ‖ salt (32)     the same in all segments of an object
//!  its key   = HKDF-SHA256(key of the file; salt ‖ name of the object)
//!  its nonce = number of the segment;  beside it is sealed: head ‖ plain bytes of the whole object ‖ number
//! ```
//! What is cut off, put in, lengthened, moved within the object or brought from another one does not open: the whole length,
//! the number and the name are part of what was sealed. The name is that below the prefix of the store, so that a bucket can
//! be copied as it is.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use aws_lc_rs::rand;
use bytes::{Bytes, BytesMut};

use super::fault::Fault;
use super::keys::{Key, KeyId, MAX_ID_BYTES};

/// How each segment begins. The last byte is the version of the form; the first is in no text.
pub const MAGIC: [u8; 8] = *b"\x9cCWSEAL\x01";
/// Plain bytes of a segment.
pub const SEGMENT_BYTES: u64 = 64 * 1024;
const SALT_BYTES: usize = 32;
/// Bytes before what is sealed.
pub(super) const HEAD_BYTES: usize = MAGIC.len() + MAX_ID_BYTES + SALT_BYTES;
/// Bytes behind it.
const TAG_BYTES: usize = 16;
/// What a segment is longer than its plain bytes.
pub(super) const MORE_BYTES: u64 = (HEAD_BYTES + TAG_BYTES) as u64;
/// Bytes of a whole segment.
pub(super) const SEALED_SEGMENT_BYTES: u64 = SEGMENT_BYTES + MORE_BYTES;

/// Segments of an object of so many plain bytes. One that is empty has one, too: that it is empty is sealed.
pub(super) const fn segments(plain_bytes: u64) -> u64 {
    let count = plain_bytes.div_ceil(SEGMENT_BYTES);
    if count == 0 { 1 } else { count }
}

/// Plain bytes of an object that is so long when it is sealed; none: no object is.
pub(super) fn plain_bytes(sealed_bytes: u64) -> Option<u64> {
    let count = sealed_bytes.div_ceil(SEALED_SEGMENT_BYTES);
    let plain = sealed_bytes.checked_sub(count.checked_mul(MORE_BYTES)?)?;
    (count > 0 && segments(plain) == count).then_some(plain)
}

/// What stands before each segment of an object.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: KeyId,
    bytes: [u8; HEAD_BYTES],
}

impl Head {
    fn new(id: &KeyId) -> Result<Self, Fault> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| Fault::Cryptography("drawing a salt"))?;
        let mut bytes = [0; HEAD_BYTES];
        let parts = MAGIC.iter().chain(id.padded().iter()).chain(&salt).copied().collect::<Vec<u8>>();
        bytes.copy_from_slice(&parts);
        Ok(Self { id: id.clone(), bytes })
    }

    /// Reads it from the beginning of a segment; none: that is no segment.
    pub(super) fn read(segment: &[u8]) -> Result<Option<Self>, Fault> {
        if !segment.starts_with(&MAGIC) {
            return Ok(None);
        }
        let bytes: [u8; HEAD_BYTES] =
            *segment.first_chunk().ok_or(Fault::Form("it ends within a segment"))?;
        let id = bytes.get(MAGIC.len()..MAGIC.len() + MAX_ID_BYTES).and_then(KeyId::unpadded);
        let id = id.ok_or(Fault::Form("the id of its key is none"))?;
        Ok(Some(Self { id, bytes }))
    }

    fn salt(&self) -> Result<&[u8; SALT_BYTES], Fault> {
        self.bytes.last_chunk().ok_or(Fault::Form("it has no salt"))
    }
}

/// Seals and opens the segments of one object.
pub(super) struct Cipher {
    head: Head,
    key: LessSafeKey,
    plain_bytes: u64,
}

impl Cipher {
    /// For a new object. The salt, and thus the key, is used for this one alone.
    pub(super) fn new(key: &Key, name: &str, plain_bytes: u64) -> Result<Self, Fault> {
        Self::of(Head::new(&key.id)?, key, name, plain_bytes)
    }

    /// For one that begins like this.
    pub(super) fn of(head: Head, key: &Key, name: &str, plain_bytes: u64) -> Result<Self, Fault> {
        let key = key.of_object(head.salt()?, name)?;
        Ok(Self { head, key, plain_bytes })
    }

    pub(super) const fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// Plain bytes of a segment.
    pub(super) fn segment_bytes(&self, number: u64) -> u64 {
        self.plain_bytes.saturating_sub(number.saturating_mul(SEGMENT_BYTES)).min(SEGMENT_BYTES)
    }

    /// A segment that is yet to be filled and sealed.
    pub(super) fn begin(&self, number: u64) -> BytesMut {
        let room = self.segment_bytes(number) + MORE_BYTES;
        let mut segment = BytesMut::with_capacity(usize::try_from(room).unwrap_or_default());
        segment.extend_from_slice(&self.head.bytes);
        segment
    }

    /// Seals what was filled in.
    pub(super) fn seal(&self, number: u64, mut segment: BytesMut) -> Result<Bytes, Fault> {
        let failed = Fault::Cryptography("sealing");
        let plain = segment.get_mut(HEAD_BYTES..).ok_or(Fault::Form("a segment has no head"))?;
        let tag = self.key.seal_in_place_separate_tag(nonce(number), self.beside(number), plain);
        segment.extend_from_slice(tag.map_err(|_| failed)?.as_ref());
        Ok(segment.freeze())
    }

    /// The plain bytes of a segment.
    pub(super) fn open(&self, number: u64, segment: &[u8]) -> Result<Bytes, Fault> {
        let changed = || Fault::Changed(self.head.id.clone());
        let sealed = segment.strip_prefix(&self.head.bytes).ok_or_else(changed)?;
        if sealed.len() as u64 != self.segment_bytes(number) + TAG_BYTES as u64 {
            return Err(Fault::Form("it ends early"));
        }
        let mut room = sealed.to_vec();
        let opened = self.key.open_in_place(nonce(number), self.beside(number), &mut room);
        let length = opened.map_err(|_| changed())?.len();
        room.truncate(length);
        Ok(Bytes::from(room))
    }

    fn beside(&self, number: u64) -> Aad<[u8; HEAD_BYTES + 16]> {
        let mut beside = [0; HEAD_BYTES + 16];
        let (whole, at) = (self.plain_bytes.to_be_bytes(), number.to_be_bytes());
        let parts = self.head.bytes.iter().chain(&whole).chain(&at);
        beside.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Aad::from(beside)
    }
}

/// Each number is used once with a key that is one object's own.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    if let Some(end) = nonce.last_chunk_mut() {
        *end = number.to_be_bytes();
    }
    Nonce::assume_unique_for_key(nonce)
}
