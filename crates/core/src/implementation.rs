//! How this implementation names itself to peers and in files (PS3.7 §D.3.3.2, PS3.10 §7.1).

/// Implementation Class UID. Changes only when the implementation becomes another one.
pub const CLASS_UID: &str = "2.25.291412503648099390477678217271654396827";

/// Implementation Version Name, at most 16 characters.
pub const VERSION_NAME: &str = "CAUSEWAY_010";

/// Creator UID of what we keep in Private Information (0002,0102) of a stored file. Read back only by us, so it
/// must never change its meaning: another content gets another UID.
pub const ENVELOPE_CREATOR_UID: &str = "2.25.291412503648099390477678217271654396828";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uid;

    #[test]
    fn the_names_fit_what_carries_them() {
        assert!(Uid::parse(CLASS_UID).is_ok());
        assert!(Uid::parse(ENVELOPE_CREATOR_UID).is_ok());
        assert!(!VERSION_NAME.is_empty() && VERSION_NAME.len() <= 16);
    }
}
