//! What a viewer is called: a piece of its URLs.

use std::fmt;

use serde::Deserialize;

/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 32;

/// The name of a viewer: 1 to 32 small letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ViewerName(String);

/// A text that names no viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a viewer's name has 1 to {MAX_NAME_BYTES} small letters, digits and dashes")]
pub struct ViewerNameError;

impl ViewerName {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is empty, too long, or holds anything but `a-z`, `0-9` and `-`.
    pub fn parse(text: &str) -> Result<Self, ViewerNameError> {
        let fine = (1..=MAX_NAME_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fine { Ok(Self(text.to_owned())) } else { Err(ViewerNameError) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ViewerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ViewerName {
    type Error = ViewerNameError;
    fn try_from(text: String) -> Result<Self, ViewerNameError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_piece_of_a_url_and_no_longer_than_its_bound() {
        assert_eq!(ViewerName::parse("ohif-3").unwrap().as_str(), "ohif-3");
        assert!(ViewerName::parse(&"a".repeat(MAX_NAME_BYTES)).is_ok());
        for text in ["", "OHIF", "a/b", "..", "a b", "é", &"a".repeat(MAX_NAME_BYTES + 1)] {
            assert_eq!(ViewerName::parse(text), Err(ViewerNameError), "{text}");
        }
    }
}
