//! Person names as columns: three folded groups, each empty one NULL.

use causeway_core::person_name::Folded;

/// Alphabetic, ideographic, phonetic.
pub(crate) fn columns(name: Option<&str>) -> [Option<String>; 3] {
    let folded = name.map(Folded::of).unwrap_or_default();
    folded.groups().map(|group| (!group.is_empty()).then(|| group.to_owned()))
}
