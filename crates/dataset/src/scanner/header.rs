//! Reading one header (PS3.5 §7.1.2, §7.1.3, §7.5.1): pure, from the bytes that are there.

use causeway_core::{Tag, Vr};

use super::frame::Form;
use crate::dictionary;

/// Longest header: tag, VR, two reserved bytes, 32-bit length.
pub(super) const MAX_HEADER_BYTES: usize = 12;
/// Shortest header.
pub(super) const MIN_HEADER_BYTES: usize = 8;

const UNDEFINED_LENGTH: u32 = 0xFFFF_FFFF;

/// What stands in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) tag: Tag,
    pub(super) vr: Vr,
    pub(super) length: Option<u32>,
    /// How this element turned out to be laid out.
    pub(super) form: Form,
    /// Bytes of the header itself.
    pub(super) bytes: usize,
}

/// What the first bytes of a header give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// A header.
    Header(Raw),
    /// So many bytes are needed in all.
    Needs(usize),
}

const fn length(value: u32) -> Option<u32> {
    if value == UNDEFINED_LENGTH { None } else { Some(value) }
}

/// Reads the header of an item or a delimiter, which have no VR in any layout.
#[inline]
pub(super) fn item(bytes: &[u8], form: Form) -> Read {
    let Some(&[g0, g1, e0, e1, l0, l1, l2, l3]) = bytes.first_chunk::<MIN_HEADER_BYTES>() else {
        return Read::Needs(MIN_HEADER_BYTES);
    };
    let tag = Tag::new(form.u16([g0, g1]), form.u16([e0, e1]));
    let length = length(form.u32([l0, l1, l2, l3]));
    Read::Header(Raw { tag, vr: Vr::UN, length, form, bytes: MIN_HEADER_BYTES })
}

/// Reads the header of an element. A `fresh` data set of implicit layout is taken for an explicit one when its
/// first element has a VR: the length would otherwise have to be larger than 16 KiB in the first element already.
#[inline]
pub(super) fn element(bytes: &[u8], form: Form, fresh: bool, left: u64) -> Read {
    let Some(head) = bytes.first_chunk::<MIN_HEADER_BYTES>() else { return Read::Needs(MIN_HEADER_BYTES) };
    let &[g0, g1, e0, e1, v0, v1, l0, l1] = head;
    let tag = Tag::new(form.u16([g0, g1]), form.u16([e0, e1]));
    if tag.group() == 0xFFFE {
        return item(bytes, form);
    }
    let known = if form.explicit || fresh { Vr::from_bytes([v0, v1]) } else { None };
    let is_explicit = form.explicit || fresh && known.is_some() && fits(bytes, form, left);
    if !is_explicit {
        return Read::Header(implicit(tag, form.u32([v0, v1, l0, l1])));
    }
    let form = Form { explicit: true, ..form };
    let short = u32::from(form.u16([l0, l1]));
    let raw = |vr, length, bytes| Read::Header(Raw { tag, vr, length, form, bytes });
    match known {
        Some(vr) if vr.has_long_header() => long(bytes, tag, vr, form),
        Some(vr) => raw(vr, Some(short), MIN_HEADER_BYTES),
        // A VR of a later edition has a long header (PS3.5 §7.1.2); one that fills the reserved bytes has not.
        None if v0.is_ascii_uppercase() && v1.is_ascii_uppercase() && short == 0 => {
            long(bytes, tag, Vr::UN, form)
        }
        None if v0.is_ascii_uppercase() && v1.is_ascii_uppercase() || is_placeholder([v0, v1]) => {
            raw(dictionary::vr_of(tag).unwrap_or(Vr::UN), Some(short), MIN_HEADER_BYTES)
        }
        None if form.big_endian => Read::Header(Raw { form, ..implicit(tag, form.u32([v0, v1, l0, l1])) }),
        None => Read::Header(implicit(tag, form.u32([v0, v1, l0, l1]))),
    }
}

#[inline]
fn long(bytes: &[u8], tag: Tag, vr: Vr, form: Form) -> Read {
    let Some(&[.., l0, l1, l2, l3]) = bytes.first_chunk::<MAX_HEADER_BYTES>() else {
        return Read::Needs(MAX_HEADER_BYTES);
    };
    let length = length(form.u32([l0, l1, l2, l3]));
    Read::Header(Raw { tag, vr, length, form, bytes: MAX_HEADER_BYTES })
}

#[inline]
fn implicit(tag: Tag, value: u32) -> Raw {
    let vr = dictionary::vr_of(tag).unwrap_or(Vr::UN);
    Raw { tag, vr, length: length(value), form: Form::IMPLICIT, bytes: MIN_HEADER_BYTES }
}

/// Whether the header, read with a VR, leaves a length that its parent has room for.
fn fits(bytes: &[u8], form: Form, left: u64) -> bool {
    match element(bytes, Form { explicit: true, ..form }, false, left) {
        Read::Header(raw) => raw.length.is_none_or(|length| u64::from(length) + raw.bytes as u64 <= left),
        Read::Needs(bytes) => bytes as u64 <= left,
    }
}

/// What some writers put where they know no VR.
const fn is_placeholder(letters: [u8; 2]) -> bool {
    matches!(&letters, b"??" | b"--" | b"  ")
}
