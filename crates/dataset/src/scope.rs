//! What a data set and each of its items say about the elements that come after: character set and signedness.
//!
//! An item that says nothing is read as what it is nested in (PS3.3 §C.12.1.1.2, PS3.5 §7.5).

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use crate::charset::CharacterSets;
use crate::dictionary::{self, Entry};
use crate::scanner::Header;

/// Pixel Representation.
const PIXEL_REPRESENTATION: Tag = Tag::new(0x0028, 0x0103);

/// What holds in one place.
#[derive(Debug, Clone, Copy, Default)]
struct Scope {
    sets: CharacterSets,
    is_signed: bool,
}

/// What holds here, and in everything around it.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    here: Scope,
    around: Vec<Scope>,
}

impl Scopes {
    /// What holds in something inside that is read on its own.
    pub(crate) const fn inherit(&self) -> Self {
        Self { here: self.here, around: Vec::new() }
    }

    /// An item begins.
    pub(crate) fn open(&mut self) {
        self.around.push(self.here);
    }

    /// It ends.
    pub(crate) fn close(&mut self) {
        self.here = self.around.pop().unwrap_or_default();
    }

    /// The character sets that text is in.
    pub(crate) const fn sets(&self) -> CharacterSets {
        self.here.sets
    }

    /// Whether the value of `tag` has to be noted.
    pub(crate) fn wants(tag: Tag) -> bool {
        tag == Tag::SPECIFIC_CHARACTER_SET || tag == PIXEL_REPRESENTATION
    }

    /// Takes note of a value.
    pub(crate) fn note(&mut self, tag: Tag, value: &[u8]) {
        match tag {
            Tag::SPECIFIC_CHARACTER_SET => self.here.sets = CharacterSets::parse(value),
            // 0 or 1, whichever of the two bytes comes first.
            PIXEL_REPRESENTATION => self.here.is_signed = value.contains(&1),
            _ => {}
        }
    }

    /// The VR of an element, where PS3.6 leaves a choice of signedness and the header does not say.
    pub(crate) fn vr(&self, header: &Header) -> Vr {
        let is_open = header.vr == Vr::US && header.layout == Layout::ImplicitLittleEndian;
        if is_open { self.signed(header.tag).unwrap_or(header.vr) } else { header.vr }
    }

    /// The same, the dictionary asked where the header says UN.
    pub(crate) fn known_vr(&self, header: &Header) -> Vr {
        match self.vr(header) {
            Vr::UN => self.signed(header.tag).or_else(|| dictionary::vr_of(header.tag)).unwrap_or(Vr::UN),
            vr => vr,
        }
    }

    fn signed(&self, tag: Tag) -> Option<Vr> {
        (self.here.is_signed && dictionary::entry(tag) == Some(Entry::UsOrSs)).then_some(Vr::SS)
    }
}
