//! Application Entity titles (PS3.8 §9.3.2, PS3.5 §6.2 VR AE).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest AE title, in bytes (PS3.8 Table 9-11).
pub const MAX_AE_TITLE_BYTES: usize = 16;

/// An AE title: 1 to 16 printable ASCII characters without backslash; leading and trailing spaces carry no
/// meaning and are dropped; compared exactly, case and all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AeTitle(String);

/// Why a text is no AE title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AeTitleError {
    /// Nothing but spaces.
    #[error("the AE title is empty")]
    Empty,
    /// More than [`MAX_AE_TITLE_BYTES`].
    #[error("the AE title is longer than {MAX_AE_TITLE_BYTES} characters")]
    TooLong,
    /// A control character, a backslash, or something outside ASCII.
    #[error("the AE title holds a character that is not printable ASCII, or a backslash")]
    Character,
}

impl AeTitle {
    /// Parses `text`, dropping spaces at both ends.
    ///
    /// # Errors
    /// Says which rule the text broke.
    pub fn parse(text: &str) -> Result<Self, AeTitleError> {
        let text = text.trim_matches(['\0', ' ']);
        if text.is_empty() {
            return Err(AeTitleError::Empty);
        }
        if text.len() > MAX_AE_TITLE_BYTES {
            return Err(AeTitleError::TooLong);
        }
        if !text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\') {
            return Err(AeTitleError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The title's text, without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AeTitle {
    type Err = AeTitleError;
    fn from_str(s: &str) -> Result<Self, AeTitleError> {
        Self::parse(s)
    }
}

impl TryFrom<String> for AeTitle {
    type Error = AeTitleError;
    fn try_from(s: String) -> Result<Self, AeTitleError> {
        Self::parse(&s)
    }
}

impl From<AeTitle> for String {
    fn from(title: AeTitle) -> Self {
        title.0
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_at_the_ends_mean_nothing_and_case_means_much() {
        assert_eq!(AeTitle::parse(" PACS 1  ").unwrap().as_str(), "PACS 1");
        assert_ne!(AeTitle::parse("PACS").unwrap(), AeTitle::parse("pacs").unwrap());
    }

    #[test]
    fn the_length_is_held_at_and_above_the_bound() {
        assert!(AeTitle::parse("ABCDEFGHIJKLMNOP").is_ok());
        assert_eq!(AeTitle::parse("ABCDEFGHIJKLMNOPQ"), Err(AeTitleError::TooLong));
    }

    #[test]
    fn spaces_alone_a_backslash_and_control_characters_are_refused() {
        assert_eq!(AeTitle::parse("                "), Err(AeTitleError::Empty));
        assert_eq!(AeTitle::parse("A\\B"), Err(AeTitleError::Character));
        assert_eq!(AeTitle::parse("A\nB"), Err(AeTitleError::Character));
    }
}
