//! Names of blobs, and where they lie. A name begins with the time it was given, so that blobs of one moment lie
//! in one folder: what is settled together touches one or two folders, and no folder grows without end.

use std::path::PathBuf;

use causeway_core::ObjectKey;
use uuid::Uuid;

/// Hexadecimal digits of the outer folder: one every three days.
const OUTER_DIGITS: usize = 5;
/// Digits of outer and inner folder together: one inner folder every 65 seconds.
const INNER_DIGITS: usize = 8;

/// Digits that say when a name was given.
const MOMENT_DIGITS: usize = 12;

/// A new name (UUID version 7, RFC 9562 §5.7).
pub(crate) fn new_key() -> ObjectKey {
    let text = Uuid::now_v7().simple().to_string();
    // A simple UUID is 32 lower-case hexadecimal digits, which is what a key is.
    ObjectKey::parse(&text).unwrap_or_else(|_| unreachable!("a UUID is a key"))
}

/// The folders below the root that a blob settles in, outer and inner.
pub(crate) fn folders(key: &ObjectKey) -> (&str, &str) {
    let text = key.as_str();
    let outer = text.get(..OUTER_DIGITS).unwrap_or(text);
    let inner = text.get(OUTER_DIGITS..INNER_DIGITS).unwrap_or(text);
    (outer, inner)
}

/// Whether a folder is an outer one by its name.
pub(crate) fn is_outer(name: &str) -> bool {
    name.len() == OUTER_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a folder is an inner one by its name.
pub(crate) fn is_inner(name: &str) -> bool {
    name.len() == INNER_DIGITS - OUTER_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// When a name was given, in milliseconds since 1970 (RFC 9562 §5.7).
#[must_use]
pub fn given_at_ms(key: &ObjectKey) -> u64 {
    key.as_str().get(..MOMENT_DIGITS).and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or_default()
}

/// Where a blob settles, relative to the root.
pub(crate) fn relative_path(key: &ObjectKey) -> PathBuf {
    let (outer, inner) = folders(key);
    [outer, inner, key.as_str()].iter().collect()
}

/// The same as the name of an object in an object store.
pub(crate) fn object_path(key: &ObjectKey) -> object_store::path::Path {
    let (outer, inner) = folders(key);
    object_store::path::Path::from_iter([outer, inner, key.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_time_and_differ() {
        let keys: Vec<ObjectKey> = (0..1000).map(|_| new_key()).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_blob_lies_two_folders_deep() {
        let key = ObjectKey::parse("0193520a7b3c7def8123456789abcdef").unwrap();
        assert_eq!(relative_path(&key), PathBuf::from("01935/20a/0193520a7b3c7def8123456789abcdef"));
        assert_eq!(object_path(&key).as_ref(), "01935/20a/0193520a7b3c7def8123456789abcdef");
    }
}
