//! Why something is removed, and what is remembered of it beside its bytes until they go.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::principal::Principal;
use crate::remote::RemoteName;

use super::Age;

/// Why something is removed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reason {
    /// Somebody asked for it.
    Asked,
    /// A retention rule of this name.
    Rule(RemoteName),
    /// The quota of this remote was full.
    Quota(RemoteName),
}

/// A text that is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason is 'asked', 'retention NAME' or 'quota NAME'")]
pub struct ReasonError;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked"),
            Self::Rule(name) => write!(f, "retention {name}"),
            Self::Quota(name) => write!(f, "quota {name}"),
        }
    }
}

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let name = |text: &str| text.parse().map_err(|_| ReasonError);
        match text.split_once(' ') {
            None if text == "asked" => Ok(Self::Asked),
            Some(("retention", rule)) => Ok(Self::Rule(name(rule)?)),
            Some(("quota", remote)) => Ok(Self::Quota(name(remote)?)),
            _ => Err(ReasonError),
        }
    }
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        text.parse()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.to_string()
    }
}

/// A removal: whose doing it is, why, and for how long it can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// As the trail names it.
    pub who: String,
    /// Why.
    pub reason: Reason,
    /// How long the bytes stay.
    pub grace: Age,
}

impl Removal {
    /// What somebody asks for.
    #[must_use]
    pub fn asked(by: &Principal, grace: Age) -> Self {
        Self { who: by.name.clone(), reason: Reason::Asked, grace }
    }

    /// What the node does by itself.
    #[must_use]
    pub fn by_itself(reason: Reason, grace: Age) -> Self {
        Self { who: reason.to_string(), reason, grace }
    }
}

/// What lies beside the bytes of what was removed while they stay, so that a catalog that is made anew does not bring it
/// back. It names nobody but who removed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalMark {
    /// When it was removed.
    pub removed_at: Timestamp,
    /// Whose doing it was.
    pub who: String,
    /// Why.
    pub reason: Reason,
    /// Until when the bytes stay.
    pub purge_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_as_it_is_read() {
        let name: RemoteName = "ct1".parse().unwrap();
        for reason in [Reason::Asked, Reason::Rule(name.clone()), Reason::Quota(name)] {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        for text in ["", "Asked", "retention", "retention ", "quota a b", "because"] {
            assert_eq!(text.parse::<Reason>(), Err(ReasonError), "{text}");
        }
    }
}
