//! User identities (PS3.7 §D.3.3.7): who a remote must show to be when it calls, and who we are when we call it.
//!
//! Never here: a secret. What a remote's passcode is held against is a hash, what we send is read from a file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest username, in bytes of UTF-8.
pub const MAX_USER_NAME_BYTES: usize = 256;
/// Longest hash that is kept, in bytes.
const MAX_HASH_BYTES: usize = 512;
/// How the only hashes begin that are kept.
const ARGON2ID: &str = "$argon2id$";

/// A username: 1 to [`MAX_USER_NAME_BYTES`] bytes of UTF-8 without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// A text that can be no username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a username is 1 to {MAX_USER_NAME_BYTES} bytes without control characters")]
pub struct UserNameError;

impl UserName {
    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;
    fn from_str(text: &str) -> Result<Self, UserNameError> {
        let fine = (1..=MAX_USER_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if fine { Ok(Self(text.to_owned())) } else { Err(UserNameError) }
    }
}

impl TryFrom<String> for UserName {
    type Error = UserNameError;
    fn try_from(text: String) -> Result<Self, UserNameError> {
        text.parse()
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Argon2id hash of a passcode as a PHC string, so that a passcode itself is never taken for one. It stays out of
/// whatever is printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasscodeHash(String);

/// A text that is no such hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a passcode is kept as its Argon2id hash in PHC form, '{ARGON2ID}v=19$…'; `causeway remote add … \
     --password-file FILE` makes it"
)]
pub struct PasscodeHashError;

impl PasscodeHash {
    /// The hash as PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PasscodeHash {
    type Error = PasscodeHashError;
    fn try_from(text: String) -> Result<Self, PasscodeHashError> {
        let fine = text.starts_with(ARGON2ID) && text.len() <= MAX_HASH_BYTES && text.is_ascii();
        if fine { Ok(Self(text)) } else { Err(PasscodeHashError) }
    }
}

impl From<PasscodeHash> for String {
    fn from(hash: PasscodeHash) -> Self {
        hash.0
    }
}

impl fmt::Debug for PasscodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasscodeHash")
    }
}

/// Who a remote must show to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its username.
    pub user: UserName,
    /// What proves it.
    #[serde(default)]
    pub proof: Proof,
}

/// What proves a username.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Nothing: the name alone is asked for.
    #[default]
    Name,
    /// A passcode with this hash.
    Passcode(PasscodeHash),
    /// A JSON Web Token of which it is the subject, signed with one of the keys of `[dimse.identity]`.
    Token,
}

impl Proof {
    /// What must be offered, for people.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Name => "by its username",
            Self::Passcode(_) => "by username and passcode",
            Self::Token => "by a JSON Web Token",
        }
    }
}

/// Who we say to be when we call a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Credentials {
    /// A username, with a passcode or without.
    User {
        /// The username.
        name: UserName,
        /// File that holds the passcode.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passcode_file: Option<String>,
    },
    /// A JSON Web Token.
    Token {
        /// File that holds it.
        file: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_taken_at_its_bounds_and_refused_beyond() {
        for (length, fine) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!("x".repeat(length).parse::<UserName>().is_ok(), fine, "{length}");
        }
        assert!("a\nb".parse::<UserName>().is_err());
        assert!("Müller".parse::<UserName>().is_ok());
    }

    #[test]
    fn a_passcode_is_never_kept_in_place_of_its_hash_and_no_hash_is_printed() {
        assert!(serde_json::from_str::<Proof>(r#"{"passcode":"secret"}"#).is_err());
        let hash = r#"{"passcode":"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"}"#;
        let proof: Proof = serde_json::from_str(hash).unwrap();
        assert_eq!(serde_json::to_string(&proof).unwrap(), hash);
        assert_eq!(format!("{proof:?}"), "Passcode(PasscodeHash)");
    }

    #[test]
    fn an_identity_without_proof_is_a_name_alone() {
        let identity: Identity = serde_json::from_str(r#"{"user":"alice"}"#).unwrap();
        assert_eq!(identity.proof, Proof::Name);
        let credentials: Credentials = serde_json::from_str(r#"{"user":{"name":"alice"}}"#).unwrap();
        assert_eq!(credentials, Credentials::User { name: "alice".parse().unwrap(), passcode_file: None });
    }
}
