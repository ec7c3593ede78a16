//! What becomes of an attribute when identities are taken away (PS3.15 §E.2, §E.3): the profile's action, or that of an
//! option that was chosen. Never here: what a value becomes.

use causeway_core::transform::ProfileOption;
use causeway_core::{Tag, Transform, Vr};

use super::table_gen::TABLE;
use crate::dictionary;
use crate::scanner::Header;

/// The action of the profile without options (PS3.15 Table E.1-1a), that which serves an attribute of any Type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basic {
    /// X
    Remove,
    /// Z
    Empty,
    /// D
    Dummy,
    /// U
    Uid,
}

/// The options as bits: what they keep, and what they clean.
pub(super) mod bits {
    pub(crate) const UIDS: u32 = 1;
    pub(crate) const DEVICE: u32 = 1 << 1;
    pub(crate) const INSTITUTION: u32 = 1 << 2;
    pub(crate) const PATIENT: u32 = 1 << 3;
    pub(crate) const FULL_DATES: u32 = 1 << 4;
    pub(crate) const MODIFIED_DATES: u32 = 1 << 5;
    pub(crate) const DESCRIPTORS: u32 = 1 << 6;
    pub(crate) const STRUCTURED: u32 = 1 << 7;
    pub(crate) const GRAPHICS: u32 = 1 << 8;
    const CLEAN_SHIFT: u32 = 16;

    pub(crate) const fn keep(options: u32) -> u32 {
        options
    }

    pub(crate) const fn clean(options: u32) -> u32 {
        options << CLEAN_SHIFT
    }
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    tag: u32,
    basic: Basic,
    options: u32,
}

impl Line {
    pub(super) const fn new(tag: u32, basic: Basic, options: u32) -> Self {
        Self { tag, basic, options }
    }
}

/// What becomes of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Keep,
    Remove,
    Empty,
    Dummy,
    Uid,
    /// A date is shifted; what is no date is treated as the profile says.
    Shift(Basic),
    /// What is known to tell nothing stays; where nothing does, as the profile says.
    Clean(Basic),
}

impl From<Basic> for Action {
    fn from(basic: Basic) -> Self {
        match basic {
            Basic::Remove => Self::Remove,
            Basic::Empty => Self::Empty,
            Basic::Dummy => Self::Dummy,
            Basic::Uid => Self::Uid,
        }
    }
}

/// How the items of a sequence are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// As the table says; what it does not name stays.
    Table,
    /// As the table says; what it does not name becomes a dummy.
    Dummy,
    /// As the table says; of text that it does not name stays what is known to tell nothing.
    Clean,
}

/// The profile with the options that were chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile(u32);

/// Data Set Trailing Padding.
const TRAILING_PADDING: Tag = Tag::new(0xFFFC, 0xFFFC);

impl Profile {
    /// None where no identity is taken away.
    pub(super) fn of(transform: &Transform) -> Option<Self> {
        let chosen = transform.deidentify.as_ref()?.options.iter();
        Some(Self(chosen.fold(0, |bits, option| bits | bit(*option))))
    }

    /// The action for a standard attribute that the table names.
    pub(super) fn named(self, tag: Tag) -> Option<Action> {
        let index = TABLE.binary_search_by_key(&tag, |line| tag_of(line.tag)).ok()?;
        let Line { basic, options, .. } = *TABLE.get(index)?;
        Some(if options & bits::clean(bits::MODIFIED_DATES) & self.0 != 0 {
            Action::Shift(basic)
        } else if options & self.0 & bits::keep(u32::from(u16::MAX)) != 0 {
            Action::Keep
        } else if options & self.0 != 0 {
            Action::Clean(basic)
        } else {
            basic.into()
        })
    }

    /// The action for an element or a sequence, in items that are treated so.
    pub(super) fn action(self, header: &Header, vr: Vr, is_sequence: bool, mode: Mode) -> Action {
        let tag = header.tag;
        if tag.is_private() || is_drawn_over(tag) || tag == TRAILING_PADDING {
            return Action::Remove;
        }
        if let Some(action) = self.named(tag) {
            return action;
        }
        // What nobody knows may say anything, and so may a sequence that cannot be looked into.
        let Some(known) = dictionary::vr_of(tag) else { return Action::Remove };
        if (known == Vr::SQ) != is_sequence {
            return Action::Remove;
        }
        match mode {
            Mode::Table if vr == Vr::PN => Action::Dummy,
            Mode::Table => Action::Keep,
            Mode::Dummy if is_sequence => Action::Dummy,
            Mode::Dummy if tells_nothing(vr) => Action::Keep,
            Mode::Dummy => Action::Dummy,
            Mode::Clean if is_sequence => Action::Clean(Basic::Dummy),
            Mode::Clean if vr == Vr::PN => Action::Dummy,
            Mode::Clean if is_free_text(vr) && !is_code(tag) => Action::Clean(Basic::Dummy),
            Mode::Clean => Action::Keep,
        }
    }
}

/// The bits of an option: all that it keeps and all that it cleans.
const fn bit(option: ProfileOption) -> u32 {
    let bits = match option {
        ProfileOption::RetainUids => bits::UIDS,
        ProfileOption::RetainDevice => bits::DEVICE,
        ProfileOption::RetainInstitution => bits::INSTITUTION,
        ProfileOption::RetainPatientCharacteristics => bits::PATIENT,
        ProfileOption::RetainFullDates => bits::FULL_DATES,
        ProfileOption::RetainModifiedDates => bits::MODIFIED_DATES,
        ProfileOption::CleanDescriptors => bits::DESCRIPTORS,
        ProfileOption::CleanStructuredContent => bits::STRUCTURED,
        ProfileOption::CleanGraphics => bits::GRAPHICS,
    };
    bits::keep(bits) | bits::clean(bits)
}

const fn tag_of(number: u32) -> Tag {
    Tag::new((number >> 16) as u16, (number & 0xFFFF) as u16)
}

/// Curves and overlays (PS3.3 §C.9, §C.10): what is drawn over the image, whole groups of it, so that no part of one
/// stands alone. Nobody can tell from its bits whether it is writing, so that cleaning takes it away too.
const fn is_drawn_over(tag: Tag) -> bool {
    matches!(tag.group(), 0x5000..=0x50FF | 0x6000..=0x60FF)
}

/// Counts, enumerations, kinds: no room for a name.
const fn tells_nothing(vr: Vr) -> bool {
    matches!(vr, Vr::CS | Vr::IS | Vr::US | Vr::SS | Vr::UL | Vr::SL | Vr::UV | Vr::SV | Vr::AT | Vr::UI)
}

/// Text that a person may have typed.
pub(super) const fn is_free_text(vr: Vr) -> bool {
    matches!(vr, Vr::LO | Vr::LT | Vr::SH | Vr::ST | Vr::UC | Vr::UT)
}

/// Code Value and what says whose code it is (PS3.3 §8).
const fn is_code(tag: Tag) -> bool {
    matches!((tag.group(), tag.element()), (0x0008, 0x0100..=0x0103 | 0x0119 | 0x0120))
}

#[cfg(test)]
mod tests {
    use causeway_core::transform::Deidentify;

    use super::*;

    fn profile(options: &[ProfileOption]) -> Profile {
        let mut transform = Transform::named("t".parse().unwrap());
        transform.deidentify = Some(Deidentify { options: options.iter().copied().collect() });
        Profile::of(&transform).unwrap()
    }

    #[test]
    fn the_table_is_in_order_and_whole() {
        assert!(TABLE.is_sorted_by(|one, next| one.tag < next.tag));
        assert!(TABLE.len() > 600, "{}", TABLE.len());
    }

    #[test]
    fn options_change_what_becomes_of_what_they_are_about_and_nothing_else() {
        let study_date = Tag::new(0x0008, 0x0020);
        let station = Tag::new(0x0008, 0x1010);
        let description = Tag::new(0x0008, 0x1030);
        let plain = profile(&[]);
        assert_eq!(plain.named(study_date), Some(Action::Empty));
        assert_eq!(plain.named(station), Some(Action::Dummy));
        assert_eq!(plain.named(Tag::ROWS), None);
        let full = profile(&[ProfileOption::RetainFullDates]);
        assert_eq!(full.named(study_date), Some(Action::Keep));
        let modified = profile(&[ProfileOption::RetainModifiedDates]);
        assert_eq!(modified.named(study_date), Some(Action::Shift(Basic::Empty)));
        assert_eq!(modified.named(station), Some(Action::Dummy));
        let device = profile(&[ProfileOption::RetainDevice]);
        assert_eq!(device.named(station), Some(Action::Keep));
        let clean = profile(&[ProfileOption::CleanDescriptors]);
        assert_eq!(clean.named(description), Some(Action::Clean(Basic::Remove)));
        let uids = profile(&[ProfileOption::RetainUids]);
        assert_eq!(uids.named(Tag::STUDY_INSTANCE_UID), Some(Action::Keep));
        assert_eq!(plain.named(Tag::STUDY_INSTANCE_UID), Some(Action::Uid));
    }
}
