//! Values that say nothing and are valid for their VR (PS3.15 §E.1.1: D).

use causeway_core::{Tag, Vr};

/// What stands in the place of text.
pub(super) const TEXT: &str = "Anonymized";

/// A value in the place of another; `None` for VRs whose numbers or bytes are made zero.
pub(super) const fn text(tag: Tag, vr: Vr) -> Option<&'static str> {
    Some(match vr {
        Vr::AE => "ANON",
        Vr::AS => "000Y",
        Vr::CS => "ANON",
        Vr::DA => "19000101",
        Vr::DS | Vr::IS => "0",
        Vr::DT => "19000101000000",
        Vr::TM => "000000",
        Vr::PN => "Anonymous",
        Vr::UR => "urn:uuid:00000000-0000-0000-0000-000000000000",
        // Codes of nobody's own (PS3.16 §8.1).
        _ if tag.group() == 0x0008 && tag.element() == 0x0102 => "99ANON",
        Vr::LO | Vr::LT | Vr::SH | Vr::ST | Vr::UC | Vr::UT => TEXT,
        _ => return None,
    })
}
