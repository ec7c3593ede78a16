//! How much of a disk is to stay free, and what follows when it does not. Pure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Largest share of a disk that may be kept free, in per cent.
const MAX_PERCENT: u8 = 90;
/// What bytes may be written in.
const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
/// Without a setting a warning comes below the smaller of these.
const WARN_PERCENT: u8 = 10;
const WARN_BYTES: u64 = 20 << 30;
/// Without a setting nothing more is taken in below the smaller of these.
const STOP_PERCENT: u8 = 2;
const STOP_BYTES: u64 = 1 << 30;
/// A state is left when there is this share more than what it begins at: a tenth.
const BACK_SHARE: u64 = 10;

/// A part of a disk: `5%`, `10 GiB`, `500MB`, or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub enum Amount {
    /// So many bytes.
    Bytes(u64),
    /// So many per cent of all there is.
    Percent(u8),
}

/// A text or number that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no amount of space; one is written as '5%' (at most {MAX_PERCENT}%), '10 GiB' or '500 MB'")]
pub struct AmountError(String);

/// As settings have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Bytes(u64),
    Text(String),
}

impl TryFrom<Written> for Amount {
    type Error = AmountError;

    fn try_from(written: Written) -> Result<Self, AmountError> {
        match written {
            Written::Bytes(bytes) => Ok(Self::Bytes(bytes)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let read = || {
            let text = text.trim();
            let (number, unit) =
                text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
            let number: u64 = number.parse().ok()?;
            if unit.trim() == "%" {
                return u8::try_from(number).ok().filter(|it| *it <= MAX_PERCENT).map(Self::Percent);
            }
            let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
            number.checked_mul(*bytes).map(Self::Bytes)
        };
        read().ok_or_else(|| AmountError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} B"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl Amount {
    /// In bytes, on a disk of `total` bytes.
    #[must_use]
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => share(total, percent),
        }
    }
}

fn share(total: u64, percent: u8) -> u64 {
    u64::try_from(u128::from(total) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// How a disk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// There is enough.
    #[default]
    Ample,
    /// There is little.
    Low,
    /// What is left is the node's own: nothing more is taken in.
    Full,
}

impl Level {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Ample, Self::Low, Self::Full];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ample => "ample",
            Self::Low => "low",
            Self::Full => "full",
        }
    }
}

/// What of a disk is to stay free. What is not given is the smaller of a share and a number of bytes: 10 % and 20 GiB for
/// the warning, 2 % and 1 GiB for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Below it a warning comes.
    pub warn: Option<Amount>,
    /// Below it nothing more is taken in.
    pub stop: Option<Amount>,
}

/// The marks on a disk of known size, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarksInBytes {
    /// Below it a warning comes; never below `stop`.
    pub warn: u64,
    /// Below it nothing more is taken in.
    pub stop: u64,
}

impl Marks {
    /// On a disk of `total` bytes.
    #[must_use]
    pub fn of(self, total: u64) -> MarksInBytes {
        let stop =
            self.stop.map_or_else(|| share(total, STOP_PERCENT).min(STOP_BYTES), |amount| amount.of(total));
        let warn =
            self.warn.map_or_else(|| share(total, WARN_PERCENT).min(WARN_BYTES), |amount| amount.of(total));
        MarksInBytes { warn: warn.max(stop), stop }
    }
}

impl MarksInBytes {
    /// How a disk stands with `free` bytes that stood as `was`. A state that was entered is left only when there is a tenth
    /// more than where it begins, so that it does not come and go with each instance.
    #[must_use]
    pub fn judge(self, was: Level, free: u64) -> Level {
        let is_below = |mark: u64, is_in: bool| {
            let bound = if is_in { mark.saturating_add(mark / BACK_SHARE) } else { mark };
            free < bound
        };
        if is_below(self.stop, matches!(was, Level::Full)) {
            Level::Full
        } else if is_below(self.warn, !matches!(was, Level::Ample)) {
            Level::Low
        } else {
            Level::Ample
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_bytes_with_a_unit_or_a_share() {
        for (text, amount) in [
            ("5%", Amount::Percent(5)),
            ("0%", Amount::Percent(0)),
            ("90 %", Amount::Percent(90)),
            ("10 GiB", Amount::Bytes(10 << 30)),
            ("500MB", Amount::Bytes(500_000_000)),
            ("7", Amount::Bytes(7)),
        ] {
            assert_eq!(text.parse(), Ok(amount), "{text}");
            assert_eq!(amount.to_string().parse(), Ok(amount), "{text}");
        }
        for text in ["", "%", "91%", "-1", "5 GB free", "18446744073709551615 kB", "1.5 GB"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_set_is_a_share_of_a_small_disk_and_bytes_of_a_large_one() {
        let (small, large) = (Marks::default().of(1_000), Marks::default().of(1 << 50));
        assert_eq!(small, MarksInBytes { warn: 100, stop: 20 });
        assert_eq!(large, MarksInBytes { warn: WARN_BYTES, stop: STOP_BYTES });
        let crossed = Marks { warn: Some(Amount::Bytes(1)), stop: Some(Amount::Percent(50)) };
        assert_eq!(crossed.of(10), MarksInBytes { warn: 5, stop: 5 });
    }

    #[test]
    fn a_state_begins_below_its_mark_and_ends_a_tenth_above_it() {
        let marks = MarksInBytes { warn: 1_000, stop: 100 };
        let cells = [
            (Level::Ample, 1_000, Level::Ample),
            (Level::Ample, 999, Level::Low),
            (Level::Ample, 99, Level::Full),
            (Level::Low, 1_099, Level::Low),
            (Level::Low, 1_100, Level::Ample),
            (Level::Low, 100, Level::Low),
            (Level::Low, 99, Level::Full),
            (Level::Full, 109, Level::Full),
            (Level::Full, 110, Level::Low),
            (Level::Full, 1_099, Level::Low),
            (Level::Full, 1_100, Level::Ample),
        ];
        for (was, free, becomes) in cells {
            assert_eq!(marks.judge(was, free), becomes, "{was:?} with {free}");
        }
    }

    #[test]
    fn marks_at_nothing_are_never_reached() {
        for was in Level::ALL {
            assert_eq!(MarksInBytes::default().judge(was, 0), Level::Ample);
        }
    }
}
