//! Quirks of remotes: named departures from what we do by default, for peers that cannot bear it.
//!
//! Each has a name for settings and words for people. Code that departs for the sake of one peer asks for a quirk of
//! this list; there is no other way.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// Neither offer role selection to it nor answer its own (PS3.7 §D.3.3.4).
    NoRoleSelection,
    /// Send to it in Implicit VR Little Endian only (PS3.5 §10.1).
    ImplicitOnly,
    /// Send to it, and let it send, P-DATA-TF PDUs of at most 16 KiB (PS3.8 §D.1).
    SmallPdus,
}

impl Quirk {
    /// Every quirk there is.
    pub const ALL: [Self; 3] = [Self::NoRoleSelection, Self::ImplicitOnly, Self::SmallPdus];

    /// Its name in settings and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoleSelection => "no-role-selection",
            Self::ImplicitOnly => "implicit-only",
            Self::SmallPdus => "small-pdus",
        }
    }

    /// What it does, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRoleSelection => "role selection is neither offered nor answered",
            Self::ImplicitOnly => "everything is sent in Implicit VR Little Endian",
            Self::SmallPdus => "PDUs of at most 16 KiB are sent and announced",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.as_str() == text)
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The quirks of one remote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quirks(BTreeSet<Quirk>);

impl Quirks {
    /// Whether `quirk` is among them.
    #[must_use]
    pub fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quirks, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Quirk> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quirk_has_one_name_in_settings_and_in_documents() {
        for quirk in Quirk::ALL {
            assert_eq!(Quirk::parse(quirk.as_str()), Some(quirk));
            assert_eq!(serde_json::to_value(quirk).unwrap(), quirk.as_str());
        }
    }
}
