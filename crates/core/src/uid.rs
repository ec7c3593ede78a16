//! Unique identifiers (PS3.5 §9). Parsed once, at the edge; everywhere else a `Uid` is known to be harmless.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest UID, in characters (PS3.5 §9.1).
pub const MAX_UID_CHARS: usize = 64;

/// A unique identifier: 1 to 64 characters, digits and dots only, so that it can stand in a URL, a log line
/// or an SQL text without a second look.
///
/// Leading zeros in a component are illegal (PS3.5 §9.1) but common, so they are let through.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(Arc<str>);

/// Why a text is no UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Nothing but padding.
    #[error("the UID is empty")]
    Empty,
    /// More than [`MAX_UID_CHARS`].
    #[error("the UID is longer than {MAX_UID_CHARS} characters")]
    TooLong,
    /// Something other than a digit or a dot.
    #[error("the UID holds a character that is neither a digit nor a dot")]
    Character,
}

impl Uid {
    /// Parses `text`, dropping the NUL or space padding that a UI value carries on the wire (PS3.5 §6.2).
    ///
    /// # Errors
    /// Says which rule the text broke.
    pub fn parse(text: &str) -> Result<Self, UidError> {
        let text = text.trim_matches(['\0', ' ']);
        if text.is_empty() {
            return Err(UidError::Empty);
        }
        if text.len() > MAX_UID_CHARS {
            return Err(UidError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(UidError::Character);
        }
        Ok(Self(text.into()))
    }

    /// The identifier that a UUID makes (PS3.5 §B.2).
    #[must_use]
    pub fn of_uuid(uuid: u128) -> Self {
        Self(format!("2.25.{uuid}").into())
    }

    /// The identifier's text, without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uid {
    type Err = UidError;
    fn from_str(s: &str) -> Result<Self, UidError> {
        Self::parse(s)
    }
}

impl TryFrom<String> for Uid {
    type Error = UidError;
    fn try_from(s: String) -> Result<Self, UidError> {
        Self::parse(&s)
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0.as_ref().to_owned()
    }
}

impl AsRef<str> for Uid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Uid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_dropped_and_the_rest_is_kept() {
        assert_eq!(Uid::parse("1.2.840.10008.1.1\0").unwrap().as_str(), "1.2.840.10008.1.1");
        assert_eq!(Uid::parse("1.2 ").unwrap().as_str(), "1.2");
    }

    #[test]
    fn the_length_is_held_at_below_and_above_the_bound() {
        assert!(Uid::parse(&"1".repeat(63)).is_ok());
        assert!(Uid::parse(&"1".repeat(64)).is_ok());
        assert_eq!(Uid::parse(&"1".repeat(65)), Err(UidError::TooLong));
    }

    #[test]
    fn every_uuid_makes_a_uid() {
        for uuid in [0, 1, u128::MAX] {
            let uid = Uid::of_uuid(uuid);
            assert_eq!(Uid::parse(uid.as_str()), Ok(uid.clone()));
        }
    }

    #[test]
    fn a_path_is_no_uid() {
        for text in ["../1.2", "1.2/3", "1.2\\3", "1.2%2e", "1.2\n", "", " \0"] {
            assert!(Uid::parse(text).is_err(), "{text:?}");
        }
    }
}
