//! A length of time as settings and rules have it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest age, in seconds: two hundred years.
pub const MAX_AGE_SECONDS: u64 = 200 * YEAR;
/// A year has no fewer days than any: what is to be kept for five years is never kept for less.
const YEAR: u64 = 366 * DAY;
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * 60;
/// From the longest to the shortest.
const UNITS: [(&str, u64); 6] = [("y", YEAR), ("w", 7 * DAY), ("d", DAY), ("h", HOUR), ("m", 60), ("s", 1)];

/// A length of time in whole seconds: `5y`, `90d`, `12h`, `30s`, or `0`. A year is one of 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Age {
    seconds: u64,
}

/// As settings have it: `0` needs no quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

/// A text that is no age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no length of time; one is written as '5y', '12w', '90d', '12h', '30m', '10s' or '0', up to 200y"
)]
pub struct AgeError(String);

impl Age {
    /// No time at all.
    pub const ZERO: Self = Self { seconds: 0 };
    /// A minute.
    pub const MINUTE: Self = Self { seconds: 60 };
    /// Seven days.
    pub const WEEK: Self = Self { seconds: 7 * DAY };

    /// Whether it is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.seconds == 0
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// In milliseconds.
    #[must_use]
    pub fn milliseconds(self) -> i64 {
        i64::try_from(self.seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
    }

    /// As the clock's own measure.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whether what was at `then` is so old at `now`.
    #[must_use]
    pub fn is_reached(self, then: Timestamp, now: Timestamp) -> bool {
        now.as_millisecond().saturating_sub(then.as_millisecond()) >= self.milliseconds()
    }
}

impl FromStr for Age {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let read = || {
            let text = text.trim();
            let (number, unit) =
                text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
            let number: u64 = number.parse().ok()?;
            let seconds = match unit.trim() {
                "" => (number == 0).then_some(0)?,
                unit => {
                    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
                    number.checked_mul(*length)?
                }
            };
            (seconds <= MAX_AGE_SECONDS).then_some(Self { seconds })
        };
        read().ok_or_else(|| AgeError(text.chars().take(64).collect()))
    }
}

impl TryFrom<Written> for Age {
    type Error = AgeError;

    fn try_from(written: Written) -> Result<Self, AgeError> {
        match written {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

/// In the longest unit of which it is a whole number.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |length: u64| self.seconds > 0 && self.seconds.is_multiple_of(length);
        match UNITS.iter().find(|(_, length)| fits(*length)) {
            Some((name, length)) => write!(f, "{}{name}", self.seconds / length),
            None => f.write_str("0"),
        }
    }
}

impl From<Age> for String {
    fn from(age: Age) -> Self {
        age.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("0", 0),
            ("0d", 0),
            ("10s", 10),
            ("90 d", 90 * 86_400),
            ("7d", 7 * 86_400),
            ("2w", 14 * 86_400),
            ("5y", 5 * 366 * 86_400),
            ("200y", MAX_AGE_SECONDS),
        ] {
            assert_eq!(text.parse::<Age>().unwrap().seconds(), seconds, "{text}");
        }
        for text in ["", "7", "d", "-1d", "1.5d", "7 days", "201y", "99999999999999999999s", "1d2h"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_is_written_as_it_is_read() {
        for (text, told) in [("7d", "1w"), ("90d", "90d"), ("3600s", "1h"), ("0s", "0"), ("90s", "90s")] {
            let age: Age = text.parse().unwrap();
            assert_eq!(age.to_string(), told);
            assert_eq!(told.parse::<Age>().unwrap(), age);
        }
        assert_eq!(Age::WEEK.to_string(), "1w");
    }

    #[test]
    fn an_age_is_reached_at_its_moment_and_not_before() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let age: Age = "10s".parse().unwrap();
        assert!(!age.is_reached(at(0), at(9_999)));
        assert!(age.is_reached(at(0), at(10_000)));
        assert!(!age.is_reached(at(20_000), at(0)), "what is to come is not old");
        assert!(Age::ZERO.is_reached(at(5), at(5)));
    }
}
