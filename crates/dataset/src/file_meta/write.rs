//! Writing preamble, prefix and group 2, always explicit VR little endian (PS3.10 §7.1).

use causeway_core::{Tag, Vr, implementation};

use super::{
    FileMeta, GROUP_LENGTH, IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, PREAMBLE_BYTES, PREFIX,
    PRIVATE_CREATOR, PRIVATE_INFORMATION, RECEIVING_AE, SOP_CLASS, SOP_INSTANCE, VERSION,
};
use crate::Error;

/// Bytes of the group length element, which counts what comes after it.
const GROUP_LENGTH_BYTES: usize = 12;
/// Bytes of the header of Private Information.
const INFORMATION_HEADER_BYTES: usize = 12;

/// Preamble, prefix and group 2.
#[must_use]
pub fn write(meta: &FileMeta) -> Vec<u8> {
    let mut body = elements(meta);
    if meta.envelope.is_some() {
        put_information(&information(meta), &mut body);
    }
    file(&body)
}

/// The same, made exactly `len` bytes long by padding the private information.
///
/// # Errors
/// When it does not fit in `len`, or `len` is odd.
pub fn write_padded(meta: &FileMeta, len: usize) -> Result<Vec<u8>, Error> {
    let plain = write(meta);
    if plain.len() == len {
        return Ok(plain);
    }
    let mut body = elements(meta);
    if meta.envelope.is_none() {
        put_text(PRIVATE_CREATOR, Vr::UI, implementation::ENVELOPE_CREATOR_UID, &mut body);
    }
    let fixed = PREAMBLE_BYTES + PREFIX.len() + GROUP_LENGTH_BYTES + body.len() + INFORMATION_HEADER_BYTES;
    let mut information = information(meta);
    let needed = fixed + even(information.len());
    if len < needed || len % 2 == 1 {
        return Err(Error::DoesNotFit { needed, wanted: len });
    }
    information.resize(len - fixed, b' ');
    put_information(&information, &mut body);
    Ok(file(&body))
}

/// Everything between group length and Private Information.
fn elements(meta: &FileMeta) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    put_header(VERSION, Vr::OB, 2, &mut out);
    out.extend([0, 1]);
    put_text(SOP_CLASS, Vr::UI, meta.sop_class.as_str(), &mut out);
    put_text(SOP_INSTANCE, Vr::UI, meta.sop_instance.as_str(), &mut out);
    put_text(Tag::TRANSFER_SYNTAX_UID, Vr::UI, meta.transfer_syntax.as_str(), &mut out);
    put_text(IMPLEMENTATION_CLASS, Vr::UI, implementation::CLASS_UID, &mut out);
    put_text(IMPLEMENTATION_VERSION, Vr::SH, implementation::VERSION_NAME, &mut out);
    if let Some(title) = &meta.receiving_ae {
        put_text(RECEIVING_AE, Vr::AE, title.as_str(), &mut out);
    }
    if meta.envelope.is_some() {
        put_text(PRIVATE_CREATOR, Vr::UI, implementation::ENVELOPE_CREATOR_UID, &mut out);
    }
    out
}

/// The envelope as JSON.
fn information(meta: &FileMeta) -> Vec<u8> {
    // Names, titles and timestamps always have a JSON form.
    meta.envelope.as_ref().and_then(|envelope| serde_json::to_vec(envelope).ok()).unwrap_or_default()
}

fn file(body: &[u8]) -> Vec<u8> {
    let mut out = vec![0; PREAMBLE_BYTES];
    out.reserve_exact(PREFIX.len() + GROUP_LENGTH_BYTES + body.len());
    out.extend(PREFIX);
    put_header(GROUP_LENGTH, Vr::UL, 4, &mut out);
    out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(body);
    out
}

const fn even(length: usize) -> usize {
    length + length % 2
}

fn put_header(tag: Tag, vr: Vr, length: usize, out: &mut Vec<u8>) {
    out.extend(tag.group().to_le_bytes());
    out.extend(tag.element().to_le_bytes());
    out.extend(vr.as_str().bytes());
    if vr.has_long_header() {
        out.extend([0, 0]);
        out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    } else {
        out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    }
}

fn put_text(tag: Tag, vr: Vr, text: &str, out: &mut Vec<u8>) {
    put_header(tag, vr, even(text.len()), out);
    out.extend(text.bytes());
    if text.len() % 2 == 1 {
        out.push(if vr == Vr::UI { 0 } else { b' ' });
    }
}

fn put_information(information: &[u8], out: &mut Vec<u8>) {
    put_header(PRIVATE_INFORMATION, Vr::OB, even(information.len()), out);
    out.extend(information);
    if information.len() % 2 == 1 {
        out.push(b' ');
    }
}
