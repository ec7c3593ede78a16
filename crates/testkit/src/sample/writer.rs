//! A writer of Explicit VR Little Endian (PS3.5 §7.1.2, §A.2) and of File Meta Information (PS3.10 §7.1).
//!
//! The caller states tags in ascending order, and values that fit their VR; nothing is looked up.

use causeway_core::Vr;

/// Elements, written one after the other.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// What has been written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An element of text, padded to an even length as its VR wants (PS3.5 §6.2).
    pub(super) fn text(&mut self, group: u16, element: u16, vr: Vr, value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == Vr::UI { 0 } else { b' ' });
        }
        self.bytes(group, element, vr, &bytes);
    }

    /// An element of one unsigned short.
    pub(super) fn short(&mut self, group: u16, element: u16, value: u16) {
        self.bytes(group, element, Vr::US, &value.to_le_bytes());
    }

    /// A sequence of the one item that `fill` writes; both with a length that is stated (PS3.5 §7.5).
    pub(super) fn item(&mut self, group: u16, element: u16, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        let mut item = Self::default();
        item.tag(0xFFFE, 0xE000);
        item.length(inner.0.len());
        item.0.extend(inner.0);
        self.bytes(group, element, Vr::SQ, &item.0);
    }

    /// An element of `value` as it stands.
    pub(super) fn bytes(&mut self, group: u16, element: u16, vr: Vr, value: &[u8]) {
        self.tag(group, element);
        self.0.extend_from_slice(vr.as_str().as_bytes());
        if has_long_length(vr) {
            self.0.extend_from_slice(&[0, 0]);
            self.length(value.len());
        } else {
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            self.0.extend_from_slice(&length.to_le_bytes());
        }
        self.0.extend_from_slice(value);
    }

    fn tag(&mut self, group: u16, element: u16) {
        self.0.extend_from_slice(&group.to_le_bytes());
        self.0.extend_from_slice(&element.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
}

/// Whether the VR's length field has 32 bits; of those, only the VRs that are written here (PS3.5 Table 7.1-1).
fn has_long_length(vr: Vr) -> bool {
    matches!(vr, Vr::OB | Vr::OW | Vr::SQ | Vr::UN | Vr::UT)
}

/// The preamble and File Meta Information that stand before a data set.
pub(super) fn head(sop_class: &str, instance: &str, transfer_syntax: &str, source: &str) -> Vec<u8> {
    let mut meta = Writer::default();
    meta.bytes(0x0002, 0x0001, Vr::OB, &[0, 1]);
    meta.text(0x0002, 0x0002, Vr::UI, sop_class);
    meta.text(0x0002, 0x0003, Vr::UI, instance);
    meta.text(0x0002, 0x0010, Vr::UI, transfer_syntax);
    meta.text(0x0002, 0x0012, Vr::UI, IMPLEMENTATION);
    meta.text(0x0002, 0x0013, Vr::SH, "SAMPLE_1");
    meta.text(0x0002, 0x0016, Vr::AE, source);
    let length = u32::try_from(meta.0.len()).unwrap_or(u32::MAX);

    let mut head = Writer(vec![0; 128]);
    head.0.extend_from_slice(b"DICM");
    head.bytes(0x0002, 0x0000, Vr::UL, &length.to_le_bytes());
    head.0.extend(meta.0);
    head.0
}

/// Implementation Class UID of this writer: not the product's, which did not write these files.
const IMPLEMENTATION: &str = "2.25.101903216441876539702245391837465200113";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_headers_are_laid_out_as_the_standard_shows() {
        let mut writer = Writer::default();
        writer.text(0x0010, 0x0010, Vr::PN, "A^B");
        writer.text(0x0008, 0x0018, Vr::UI, "1.2");
        writer.bytes(0x7FE0, 0x0010, Vr::OW, &[1, 2]);
        let expected: &[u8] =
            b"\x10\0\x10\0PN\x04\0A^B \x08\0\x18\0UI\x04\x001.2\0\xE0\x7F\x10\0OW\0\0\x02\0\0\0\x01\x02";
        assert_eq!(writer.into_bytes(), expected);
    }

    #[test]
    fn an_item_stands_in_its_sequence() {
        let mut writer = Writer::default();
        writer.item(0x0040, 0x0275, |item| item.short(0x0028, 0x0010, 5));
        let expected: &[u8] =
            b"\x40\0\x75\x02SQ\0\0\x12\0\0\0\xFE\xFF\0\xE0\x0A\0\0\0\x28\0\x10\0US\x02\0\x05\0";
        assert_eq!(writer.into_bytes(), expected);
    }

    #[test]
    fn the_group_length_counts_what_follows_it() {
        let head = head("1.2", "1.3", "1.2.840.10008.1.2.1", "SCANNER");
        assert_eq!(&head[128..132], b"DICM");
        let length = u32::from_le_bytes(head[140..144].try_into().unwrap());
        assert_eq!(head.len(), 144 + length as usize);
    }
}
