//! How much may go to a remote in a second, by the hour. Pure.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::schedule::{Opening, Schedule, ScheduleError, Window};

/// Most limits of one remote.
pub const MAX_LIMITS: usize = 32;
/// Least limit: a tenth of it would be too slow for any peer's patience.
const MIN_BITS_PER_SECOND: u64 = 64_000;
/// Largest limit.
const MAX_BITS_PER_SECOND: u64 = 1_000_000_000_000;
/// What a limit may be written in, in bits a second.
const UNITS: [(&str, u64); 6] = [
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("kB/s", 8_000),
    ("MB/s", 8_000_000),
    ("GB/s", 8_000_000_000),
];
const UNLIMITED: &str = "unlimited";

/// Bits a second: `20Mbit/s`, `500kbit/s`, `2MB/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

/// A limit that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BandwidthError {
    /// Not of the form of a rate, or out of bounds.
    #[error("'{0}' is no bandwidth; one is written as '20Mbit/s', '500kbit/s' or '2MB/s', 64kbit/s at least")]
    Rate(String),
    /// Its time is none.
    #[error(transparent)]
    Time(#[from] ScheduleError),
    /// More than [`MAX_LIMITS`].
    #[error("a remote has at most {MAX_LIMITS} limits of bandwidth")]
    TooMany,
    /// Two limits for the same time.
    #[error(
        "two limits of bandwidth hold at any time; one of them needs its hours, as in 'Mon-Fri 07:00-19:00=5Mbit/s'"
    )]
    TwoForAlways,
}

impl Rate {
    /// Bytes a second.
    #[must_use]
    pub const fn bytes_per_second(self) -> u64 {
        self.0.get().div_ceil(8)
    }
}

impl FromStr for Rate {
    type Err = BandwidthError;

    fn from_str(text: &str) -> Result<Self, BandwidthError> {
        let read = || {
            let text = text.trim();
            let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
            let (_, bits) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
            let bits = number.parse::<u64>().ok()?.checked_mul(*bits)?;
            let fine = (MIN_BITS_PER_SECOND..=MAX_BITS_PER_SECOND).contains(&bits);
            fine.then(|| NonZeroU64::new(bits)).flatten().map(Self)
        };
        read().ok_or_else(|| BandwidthError::Rate(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.get();
        let unit = UNITS.iter().take(3).rev().find(|(_, unit)| bits.is_multiple_of(*unit));
        match unit {
            Some((name, unit)) => write!(f, "{}{name}", bits / unit),
            None => write!(f, "{}kbit/s", bits.div_ceil(1_000)),
        }
    }
}

/// A limit and when it holds: `20Mbit/s` at any time, `Mon-Fri 07:00-19:00 Europe/Berlin=5Mbit/s`, `Sat,Sun
/// 00:00-24:00=unlimited` on the clock of UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// When.
    pub time: Schedule,
    /// What; none: as much as the line takes.
    pub rate: Option<Rate>,
}

impl FromStr for Limit {
    type Err = BandwidthError;

    fn from_str(text: &str) -> Result<Self, BandwidthError> {
        let (time, rate) = text.rsplit_once('=').map_or((None, text), |(time, rate)| (Some(time), rate));
        let rate = if rate.trim() == UNLIMITED { None } else { Some(rate.parse()?) };
        let Some(time) = time.map(str::trim) else { return Ok(Self { time: Schedule::default(), rate }) };
        let mut words = time.splitn(3, ' ');
        let (days, hours) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let window: Window = format!("{days} {hours}").parse()?;
        let time = Schedule::new(vec![window], words.next().map_or("UTC", str::trim))?;
        Ok(Self { time, rate })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.time.is_always() {
            write!(f, "{}=", self.time)?;
        }
        match self.rate {
            Some(rate) => rate.fmt(f),
            None => f.write_str(UNLIMITED),
        }
    }
}

/// The limits of a remote: of those with hours the first whose time it is, else the one without, else none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Bandwidth(Vec<Limit>);

impl Bandwidth {
    /// These limits.
    ///
    /// # Errors
    /// When there are too many, or two hold at any time.
    pub fn new(limits: Vec<Limit>) -> Result<Self, BandwidthError> {
        if limits.len() > MAX_LIMITS {
            return Err(BandwidthError::TooMany);
        }
        if limits.iter().filter(|limit| limit.time.is_always()).count() > 1 {
            return Err(BandwidthError::TwoForAlways);
        }
        Ok(Self(limits))
    }

    /// Whether nothing is ever limited.
    #[must_use]
    pub const fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// What may go in a second at `now`; none: as much as the line takes.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<Rate> {
        let (always, hours): (Vec<_>, Vec<_>) = self.0.iter().partition(|limit| limit.time.is_always());
        let open = hours.into_iter().find(|limit| limit.time.at(now) == Opening::Open);
        open.or_else(|| always.into_iter().next()).and_then(|limit| limit.rate)
    }
}

impl TryFrom<Vec<String>> for Bandwidth {
    type Error = BandwidthError;
    fn try_from(texts: Vec<String>) -> Result<Self, BandwidthError> {
        Self::new(texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
    }
}

impl From<Bandwidth> for Vec<String> {
    fn from(Bandwidth(limits): Bandwidth) -> Self {
        limits.iter().map(Limit::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(texts: &[&str]) -> Result<Bandwidth, BandwidthError> {
        Bandwidth::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_rate_is_read_in_its_units_and_refused_out_of_bounds() {
        for (text, bytes) in [
            ("64kbit/s", 8_000),
            ("20Mbit/s", 2_500_000),
            ("2MB/s", 2_000_000),
            ("8 kB/s", 8_000),
            ("1Gbit/s", 125_000_000),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().bytes_per_second(), bytes, "{text}");
        }
        for text in
            ["63kbit/s", "0Mbit/s", "1001Gbit/s", "20", "20Mbps", "-1MB/s", "99999999999999999999GB/s", ""]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_down_reads_the_same() {
        let texts =
            ["Mon,Tue 07:00-19:00 Europe/Berlin=5Mbit/s", "daily 22:00-06:00 UTC=unlimited", "64kbit/s"];
        let bandwidth = limits(&texts).unwrap();
        assert_eq!(Vec::from(bandwidth.clone()), texts);
        let json = serde_json::to_string(&bandwidth).unwrap();
        assert_eq!(serde_json::from_str::<Bandwidth>(&json).unwrap(), bandwidth);
        assert_eq!(Vec::from(limits(&["2MB/s"]).unwrap()), ["16Mbit/s"]);
    }

    #[test]
    fn the_first_limit_whose_time_it_is_holds_else_the_one_without_a_time() {
        let bandwidth =
            limits(&["20Mbit/s", "Mon-Fri 07:00-19:00 Europe/Berlin=5Mbit/s", "daily 22:00-23:00=unlimited"])
                .unwrap();
        // A Monday in winter: Berlin is an hour ahead.
        for (moment, rate) in [
            ("2026-01-05T05:59:59Z", Some("20Mbit/s")),
            ("2026-01-05T06:00:00Z", Some("5Mbit/s")),
            ("2026-01-05T17:59:59Z", Some("5Mbit/s")),
            ("2026-01-05T18:00:00Z", Some("20Mbit/s")),
            ("2026-01-05T22:30:00Z", None),
            ("2026-01-04T12:00:00Z", Some("20Mbit/s")),
            ("2026-07-06T05:00:00Z", Some("5Mbit/s")),
        ] {
            let found = bandwidth.at(moment.parse().unwrap()).map(|rate| rate.to_string());
            assert_eq!(found.as_deref(), rate, "{moment}");
        }
        assert_eq!(Bandwidth::default().at(Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        assert!(matches!(limits(&["1MB/s", "2MB/s"]), Err(BandwidthError::TwoForAlways)));
        assert!(matches!(limits(&["Mon 7-19=1MB/s"]), Err(BandwidthError::Time(ScheduleError::Window(_)))));
        let nowhere = limits(&["Mon 07:00-19:00 Nowhere/None=1MB/s"]);
        assert!(matches!(nowhere, Err(BandwidthError::Time(ScheduleError::Zone(_)))));
        for (count, fine) in [(MAX_LIMITS, true), (MAX_LIMITS + 1, false)] {
            assert_eq!(limits(&vec!["daily 07:00-19:00=1MB/s"; count]).is_ok(), fine, "{count}");
        }
    }
}
