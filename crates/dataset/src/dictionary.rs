//! The data dictionary (PS3.6): tag, keyword, VR.
use causeway_core::{Tag, Vr};

/// The VR of a standard attribute.
#[must_use]
pub fn vr_of(tag: Tag) -> Option<Vr> {
    let _ = tag;
    None
}

/// The keyword of a standard attribute.
#[must_use]
pub fn keyword_of(tag: Tag) -> Option<&'static str> {
    let _ = tag;
    None
}

/// Reads an attribute's name as a URL carries it: a keyword of PS3.6 or eight hexadecimal digits (PS3.18 §8.3.4.1).
#[must_use]
pub fn parse_attribute(name: &str) -> Option<Tag> {
    Tag::from_hex(name)
}
