//! The data dictionary (PS3.6 §6 and §7): tag, keyword, VR of the standard attributes.
//!
//! Lives here: the one place that asks the `dicom-dictionary-std` tables. Private attributes have no entry; what
//! stands in their place (creators, group lengths) is answered here too (PS3.5 §7.8.1, §7.2).

use std::sync::atomic::{AtomicU64, Ordering};

use causeway_core::{Tag, Vr};
use dicom_core::dictionary::{DataDictionary, TagRange, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

/// What PS3.6 says of the VR of an attribute. Where it names several, the data set decides which it is
/// (PS3.5 §A.1, §A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// This VR.
    Exact(Vr),
    /// US or SS: as the samples are, by Pixel Representation (0028,0103).
    UsOrSs,
    /// US or OW: a lookup table.
    UsOrOw,
    /// OB or OW: samples of overlays, curves, waveforms.
    ObOrOw,
    /// OB or OW: Pixel Data.
    PixelData,
}

impl Entry {
    /// The VR to take where nothing decides: the samples unsigned, in words, as implicit VR has them (PS3.5 §A.1).
    #[must_use]
    pub const fn plain(self) -> Vr {
        match self {
            Self::Exact(vr) => vr,
            Self::UsOrSs => Vr::US,
            Self::UsOrOw | Self::ObOrOw | Self::PixelData => Vr::OW,
        }
    }
}

/// The entry of `tag`; none for private attributes and for those that the standard does not know.
#[must_use]
pub fn entry(tag: Tag) -> Option<Entry> {
    let slot = MEMO.get(memo_index(tag));
    if let Some(slot) = slot {
        let memo = slot.load(Ordering::Relaxed);
        if memo >> 8 == memo_key(tag) >> 8 && memo != 0 {
            return unpack(memo);
        }
    }
    let found = look_up(tag);
    if let Some(slot) = slot {
        slot.store(memo_key(tag) | pack(found), Ordering::Relaxed);
    }
    found
}

/// The VR of `tag` where one is known, [`Entry::plain`] where PS3.6 leaves a choice.
#[must_use]
pub fn vr_of(tag: Tag) -> Option<Vr> {
    entry(tag).map(Entry::plain)
}

/// The keyword of a standard attribute, of one member of a repeating group too.
#[must_use]
pub fn keyword_of(tag: Tag) -> Option<&'static str> {
    if tag.is_private() {
        return None;
    }
    StandardDataDictionary.by_tag(dicom_tag(tag)).map(|entry| entry.alias)
}

/// The tag of a keyword. A repeating attribute (PS3.5 §7.6) is answered with its first group.
#[must_use]
pub fn tag_of(keyword: &str) -> Option<Tag> {
    let entry = StandardDataDictionary.by_name(keyword)?;
    match entry.tag {
        TagRange::Single(tag) | TagRange::Group100(tag) | TagRange::Element100(tag) => {
            Some(Tag::new(tag.0, tag.1))
        }
        TagRange::GroupLength | TagRange::PrivateCreator => None,
    }
}

/// Reads an attribute's name as a URL carries it: eight hexadecimal digits or a keyword (PS3.18 §8.3.4.1).
#[must_use]
pub fn parse_attribute(name: &str) -> Option<Tag> {
    Tag::from_hex(name).or_else(|| tag_of(name))
}

fn look_up(tag: Tag) -> Option<Entry> {
    if tag.element() == 0 {
        return Some(Entry::Exact(Vr::UL));
    }
    if tag.is_private() {
        // The tables take an odd group for a member of a repeating one; PS3.5 §7.6 does not.
        let creator = (0x0010..=0x00FF).contains(&tag.element());
        return creator.then_some(Entry::Exact(Vr::LO));
    }
    match StandardDataDictionary.by_tag(dicom_tag(tag))?.vr {
        VirtualVr::Exact(vr) => Vr::parse(vr.to_string()).map(Entry::Exact),
        VirtualVr::Xs => Some(Entry::UsOrSs),
        VirtualVr::Lt => Some(Entry::UsOrOw),
        VirtualVr::Ox => Some(Entry::ObOrOw),
        VirtualVr::Px => Some(Entry::PixelData),
        _ => None,
    }
}

fn dicom_tag(tag: Tag) -> dicom_core::Tag {
    dicom_core::Tag(tag.group(), tag.element())
}

// An implicit data set asks for every element, and the tables answer by several hashed look-ups. What was asked
// once is remembered here: tag in the upper bits, the packed answer in the lowest eight.

const MEMO_SLOTS: usize = 1 << 12;

static MEMO: [AtomicU64; MEMO_SLOTS] = [const { AtomicU64::new(0) }; MEMO_SLOTS];

fn memo_key(tag: Tag) -> u64 {
    (u64::from(tag.group()) << 24) | (u64::from(tag.element()) << 8)
}

fn memo_index(tag: Tag) -> usize {
    (usize::from(tag.group()) << 5 ^ usize::from(tag.group()) >> 3 ^ usize::from(tag.element()))
        & (MEMO_SLOTS - 1)
}

const PACKED_NONE: u64 = 0xFF;
const PACKED_US_OR_SS: u64 = 0xFE;
const PACKED_US_OR_OW: u64 = 0xFD;
const PACKED_OB_OR_OW: u64 = 0xFC;
const PACKED_PIXEL_DATA: u64 = 0xFB;

/// Never zero, so that an empty slot is no answer.
fn pack(entry: Option<Entry>) -> u64 {
    match entry {
        None => PACKED_NONE,
        Some(Entry::Exact(vr)) => vr as u64 + 1,
        Some(Entry::UsOrSs) => PACKED_US_OR_SS,
        Some(Entry::UsOrOw) => PACKED_US_OR_OW,
        Some(Entry::ObOrOw) => PACKED_OB_OR_OW,
        Some(Entry::PixelData) => PACKED_PIXEL_DATA,
    }
}

fn unpack(memo: u64) -> Option<Entry> {
    match memo & 0xFF {
        PACKED_US_OR_SS => Some(Entry::UsOrSs),
        PACKED_US_OR_OW => Some(Entry::UsOrOw),
        PACKED_OB_OR_OW => Some(Entry::ObOrOw),
        PACKED_PIXEL_DATA => Some(Entry::PixelData),
        packed => {
            let index = usize::try_from(packed).ok()?.checked_sub(1)?;
            Vr::ALL.get(index).copied().map(Entry::Exact)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_attribute_has_keyword_and_vr() {
        assert_eq!(entry(Tag::PATIENT_NAME), Some(Entry::Exact(Vr::PN)));
        assert_eq!(keyword_of(Tag::PATIENT_NAME), Some("PatientName"));
        assert_eq!(tag_of("PatientName"), Some(Tag::PATIENT_NAME));
        assert_eq!(entry(Tag::PIXEL_DATA), Some(Entry::PixelData));
        assert_eq!(entry(Tag::new(0x0028, 0x0106)), Some(Entry::UsOrSs));
        assert_eq!(entry(Tag::new(0x0028, 0x3006)), Some(Entry::UsOrOw));
        assert_eq!(vr_of(Tag::new(0x0008, 0xFFFF)), None);
    }

    #[test]
    fn repeating_groups_are_known_and_their_odd_neighbours_are_private() {
        assert_eq!(keyword_of(Tag::new(0x6002, 0x3000)), Some("OverlayData"));
        assert_eq!(vr_of(Tag::new(0x601E, 0x0010)), Some(Vr::US));
        assert_eq!(vr_of(Tag::new(0x6001, 0x3000)), None);
        assert_eq!(vr_of(Tag::new(0x7FE1, 0x0010)), Some(Vr::LO));
        assert_eq!(tag_of("OverlayData"), Some(Tag::new(0x6000, 0x3000)));
    }

    #[test]
    fn private_creators_and_group_lengths_are_known_everywhere() {
        assert_eq!(vr_of(Tag::new(0x0009, 0x0010)), Some(Vr::LO));
        assert_eq!(vr_of(Tag::new(0x0009, 0x0100)), None);
        assert_eq!(vr_of(Tag::new(0x0009, 0x1010)), None);
        assert_eq!(vr_of(Tag::new(0x0009, 0x0000)), Some(Vr::UL));
        assert_eq!(vr_of(Tag::new(0x7FE0, 0x0000)), Some(Vr::UL));
        assert_eq!(tag_of("GenericGroupLength"), None);
    }

    #[test]
    fn a_name_in_a_url_is_a_keyword_or_eight_digits() {
        assert_eq!(parse_attribute("00100010"), Some(Tag::PATIENT_NAME));
        assert_eq!(parse_attribute("StudyInstanceUID"), Some(Tag::STUDY_INSTANCE_UID));
        assert_eq!(parse_attribute("studyinstanceuid"), None);
        assert_eq!(parse_attribute("0010,0010"), None);
        assert_eq!(parse_attribute(""), None);
    }

    #[test]
    fn what_is_remembered_is_what_was_looked_up() {
        for _ in 0..2 {
            for group in (0..=0x7FE0_u16).step_by(7).chain([0x0008, 0x0010, 0x0028, 0x7FE0, 0xFFFF]) {
                for element in [0, 1, 0x10, 0x20, 0x103, 0x1010, 0x3000, 0xFFFF] {
                    let tag = Tag::new(group, element);
                    assert_eq!(entry(tag), look_up(tag), "{tag}");
                }
            }
        }
    }

    #[test]
    fn every_kept_attribute_has_the_vr_that_the_dictionary_says() {
        for kept in causeway_core::query::levels::KEPT {
            assert_eq!(vr_of(kept.tag), Some(kept.vr), "{}", kept.tag);
        }
    }
}
