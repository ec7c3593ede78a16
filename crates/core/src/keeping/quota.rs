//! How much is kept of what one remote sends.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happens when a quota is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// What the remote sends is refused.
    #[default]
    Refuse,
    /// The oldest studies that came from it as a whole go, unless something keeps them.
    RemoveOldest,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    /// There is room.
    Ample,
    /// Nine tenths are taken.
    Low,
    /// There is none.
    Full,
}

impl Fill {
    /// How a quota of `limit` bytes stands of which `used` are taken.
    #[must_use]
    pub fn of(used: u64, limit: u64) -> Self {
        if used >= limit {
            Self::Full
        } else if u128::from(used) * 10 >= u128::from(limit) * 9 {
            Self::Low
        } else {
            Self::Ample
        }
    }
}

impl fmt::Display for WhenFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::RemoveOldest => "remove-oldest",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_low_at_nine_tenths_and_full_at_its_end() {
        for (used, limit, fill) in [
            (0, 10, Fill::Ample),
            (8, 10, Fill::Ample),
            (9, 10, Fill::Low),
            (10, 10, Fill::Full),
            (11, 10, Fill::Full),
            (0, 0, Fill::Full),
            (u64::MAX - 1, u64::MAX, Fill::Low),
        ] {
            assert_eq!(Fill::of(used, limit), fill, "{used} of {limit}");
        }
    }
}
