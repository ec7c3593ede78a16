//! Windows of the week in which something is done, on the clock of a time zone. Pure.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Most windows of a schedule.
pub const MAX_WINDOWS: usize = 64;

/// A part of some days of the week: `Mon-Fri 20:00-06:00`, `Sat,Sun 00:00-24:00`, `daily 12:00-13:00`.
///
/// A window whose end is not after its beginning lasts into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// One bit for each weekday on which it begins, Monday first.
    days: u8,
    /// Minutes after midnight, 0 to 1439.
    from: u16,
    /// Minutes after midnight, 1 to 1440.
    to: u16,
}

/// A text that is no window, or a schedule that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not of the form of a window.
    #[error("'{0}' is no window of the week; one is written as 'Mon-Fri 20:00-06:00' or 'daily 00:00-24:00'")]
    Window(String),
    /// The zone.
    #[error("'{0}' is no time zone that is known here; one is written as 'Europe/Berlin' or 'UTC'")]
    Zone(String),
    /// More than [`MAX_WINDOWS`].
    #[error("a schedule has at most {MAX_WINDOWS} windows")]
    TooMany,
}

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];
const EVERY_DAY: u8 = 0x7F;
const DAY_MINUTES: u16 = 24 * 60;

impl Window {
    fn begins_on(self, day: Weekday) -> bool {
        self.days & (1 << day.to_monday_zero_offset()) != 0
    }

    /// When the window that begins on `date` opens and closes.
    fn on(self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if !self.begins_on(date.weekday()) {
            return None;
        }
        let last = if self.to > self.from { date } else { date.tomorrow().ok()? };
        Some((moment(date, self.from, zone)?, moment(last, self.to, zone)?))
    }
}

/// The moment at which a clock in `zone` shows so many minutes after the midnight of `date`. A time that the clock
/// leaves out is the one as long after the gap.
fn moment(date: Date, minutes: u16, zone: &TimeZone) -> Option<Timestamp> {
    let (date, minutes) = if minutes == DAY_MINUTES { (date.tomorrow().ok()?, 0) } else { (date, minutes) };
    let time = Time::midnight().checked_add(Span::new().minutes(i64::from(minutes))).ok()?;
    zone.to_timestamp(date.to_datetime(time)).ok()
}

fn day(text: &str) -> Option<u8> {
    let place = DAYS.iter().position(|(name, _)| name.eq_ignore_ascii_case(text))?;
    u8::try_from(place).ok()
}

fn days(text: &str) -> Option<u8> {
    if text.eq_ignore_ascii_case("daily") {
        return Some(EVERY_DAY);
    }
    text.split(',').try_fold(0_u8, |days, part| {
        let Some((first, last)) = part.split_once('-') else { return Some(days | 1 << day(part)?) };
        let (mut at, last) = (day(first)?, day(last)?);
        let mut run = 1 << at;
        while at != last {
            at = (at + 1) % 7;
            run |= 1 << at;
        }
        Some(days | run)
    })
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| {
        let fine = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        fine.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MINUTES).then_some(all)
}

impl FromStr for Window {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let read = || {
            let (names, times) = text.trim().split_once(' ')?;
            let (from, to) = times.trim().split_once('-')?;
            let window = Self { days: days(names)?, from: minutes(from)?, to: minutes(to)? };
            (window.from < DAY_MINUTES && window.to > 0 && window.from != window.to).then_some(window)
        };
        read().ok_or_else(|| ScheduleError::Window(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days == EVERY_DAY {
            f.write_str("daily")?;
        } else {
            let named = DAYS.iter().filter(|(_, day)| self.begins_on(*day)).map(|(name, _)| *name);
            f.write_str(&named.collect::<Vec<_>>().join(","))?;
        }
        let Self { from, to, .. } = self;
        write!(f, " {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl TryFrom<String> for Window {
    type Error = ScheduleError;
    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

/// When something is done: at any time, or in some windows of the week.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    windows: Vec<Window>,
    /// Set where there are windows.
    zone: Option<TimeZone>,
}

/// What a schedule says of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Open.
    Open,
    /// Closed until then.
    Closed {
        /// When it opens.
        until: Timestamp,
    },
}

impl Schedule {
    /// Windows on the clock of a zone of the IANA database; no windows: at any time.
    ///
    /// # Errors
    /// When the zone is not known here, or there are too many windows.
    pub fn new(windows: Vec<Window>, zone: &str) -> Result<Self, ScheduleError> {
        if windows.len() > MAX_WINDOWS {
            return Err(ScheduleError::TooMany);
        }
        if windows.is_empty() {
            return Ok(Self::default());
        }
        let known = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.chars().take(64).collect()))?;
        Ok(Self { windows, zone: Some(known) })
    }

    /// Whether nothing is ever closed.
    #[must_use]
    pub const fn is_always(&self) -> bool {
        self.windows.is_empty()
    }

    /// The windows; none: at any time.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// What it says of `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Opening {
        let Some(zone) = &self.zone else { return Opening::Open };
        let today = now.to_zoned_datetime(zone.clone()).date();
        // A window of yesterday may last until today; one of each day of a week comes within eight days.
        let dates = (-1..=8).filter_map(|days: i64| today.checked_add(days.days()).ok());
        let mut next: Option<Timestamp> = None;
        for (opens, closes) in
            dates.flat_map(|date| self.windows.iter().filter_map(move |window| window.on(date, zone)))
        {
            if opens <= now && now < closes {
                return Opening::Open;
            }
            if opens > now && next.is_none_or(|next| opens < next) {
                next = Some(opens);
            }
        }
        // At the end of time there is no next window: what cannot be waited for is not held back.
        next.map_or(Opening::Open, |until| Opening::Closed { until })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(zone) = &self.zone else { return f.write_str("at any time") };
        let windows = self.windows.iter().map(Window::to_string).collect::<Vec<_>>().join(" and ");
        write!(f, "{windows} {}", zone.iana_name().unwrap_or("UTC"))
    }
}

/// A schedule as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    windows: Vec<Window>,
    #[serde(default = "utc")]
    zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let zone = self.zone.as_ref().and_then(TimeZone::iana_name).map_or_else(utc, str::to_owned);
        Written { windows: self.windows.clone(), zone }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { windows, zone } = Written::deserialize(deserializer)?;
        Self::new(windows, &zone).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(windows: &[&str]) -> Schedule {
        let windows = windows.iter().map(|text| text.parse().unwrap()).collect();
        Schedule::new(windows, "Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn closed(text: &str) -> Opening {
        Opening::Closed { until: at(text) }
    }

    #[test]
    fn a_window_is_open_from_its_first_minute_to_the_one_before_its_last() {
        // A Monday; Berlin is one hour ahead of UTC in winter.
        let night = schedule(&["Mon-Fri 20:00-06:00"]);
        assert_eq!(night.at(at("2026-01-05T18:59:59Z")), closed("2026-01-05T19:00:00Z"));
        assert_eq!(night.at(at("2026-01-05T19:00:00Z")), Opening::Open);
        assert_eq!(night.at(at("2026-01-06T04:59:59Z")), Opening::Open);
        assert_eq!(night.at(at("2026-01-06T05:00:00Z")), closed("2026-01-06T19:00:00Z"));
        // What begins on Friday ends on Saturday; then nothing until Monday.
        assert_eq!(night.at(at("2026-01-10T04:59:59Z")), Opening::Open);
        assert_eq!(night.at(at("2026-01-10T05:00:00Z")), closed("2026-01-12T19:00:00Z"));
    }

    #[test]
    fn the_clock_of_the_zone_counts_across_its_changes() {
        let morning = schedule(&["daily 07:00-08:00"]);
        // The clock is put forward on 29 March 2026.
        assert_eq!(morning.at(at("2026-03-28T07:00:00Z")), closed("2026-03-29T05:00:00Z"));
        // 02:30 is left out that night: the window opens as long after the gap.
        assert_eq!(
            schedule(&["Sun 02:30-04:00"]).at(at("2026-03-29T00:59:00Z")),
            closed("2026-03-29T01:30:00Z")
        );
    }

    #[test]
    fn a_whole_day_and_no_window_are_always_open() {
        assert_eq!(schedule(&["daily 00:00-24:00"]).at(at("2026-03-29T01:00:00Z")), Opening::Open);
        assert_eq!(Schedule::default().at(at("2026-03-29T01:00:00Z")), Opening::Open);
        assert_eq!(schedule(&["Sun 00:00-24:00"]).at(at("2026-01-04T22:59:59Z")), Opening::Open);
        assert_eq!(
            schedule(&["Sun 00:00-24:00"]).at(at("2026-01-04T23:00:00Z")),
            closed("2026-01-10T23:00:00Z")
        );
    }

    #[test]
    fn days_and_times_are_read_as_they_are_written() {
        let fine = [
            ("Mon-Fri 20:00-06:00", "Mon,Tue,Wed,Thu,Fri 20:00-06:00"),
            ("sat,SUN 00:00-24:00", "Sat,Sun 00:00-24:00"),
            ("Sat-Mon 01:00-02:00", "Mon,Sat,Sun 01:00-02:00"),
            ("daily 12:00-13:30", "daily 12:00-13:30"),
        ];
        for (text, written) in fine {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), written);
        }
        for text in [
            "",
            "Mon",
            "20:00-06:00",
            "Mon 20:00",
            "Mon 24:00-06:00",
            "Mon 20:00-24:01",
            "Mon 20:60-21:00",
            "Mon 12:00-12:00",
            "Mon 1:00-02:00",
            "Mon- 01:00-02:00",
            "Mond 01:00-02:00",
            "Mon +1:00-02:00",
            "Mon 12:00-00:00",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_zone_that_nobody_knows_is_refused_by_name() {
        let error = Schedule::new(vec!["Mon 01:00-02:00".parse().unwrap()], "Mars/Base").unwrap_err();
        assert!(error.to_string().contains("Mars/Base"));
        assert!(Schedule::new(vec!["Mon 01:00-02:00".parse().unwrap(); MAX_WINDOWS + 1], "UTC").is_err());
    }

    #[test]
    fn a_schedule_comes_back_as_it_was_written() {
        let written = schedule(&["Mon-Fri 20:00-06:00", "daily 12:00-13:00"]);
        let document = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&document).unwrap(), written);
        assert!(serde_json::from_str::<Schedule>(r#"{"windows":["never"]}"#).is_err());
    }

    proptest! {
        #[test]
        fn what_is_closed_opens_later_and_is_open_then(
            days in 1_u8..128, from in 0_u16..1440, to in 1_u16..=1440, second in 0_i64..200_000_000,
        ) {
            prop_assume!(from != to);
            let windows = vec![Window { days, from, to }];
            let schedule = Schedule::new(windows, "Europe/Berlin").unwrap();
            let now = Timestamp::from_second(1_700_000_000 + second).unwrap();
            if let Opening::Closed { until } = schedule.at(now) {
                prop_assert!(until > now);
                // A window that the clock swallows whole when it is put forward opens and closes at once.
                let swallowed = from >= 120 && to <= 180 && from < to;
                prop_assert!(swallowed || schedule.at(until) == Opening::Open);
            }
        }

        #[test]
        fn any_text_is_a_window_or_an_error(text: String) {
            if let Ok(window) = text.parse::<Window>() {
                prop_assert_eq!(window.to_string().parse::<Window>().unwrap(), window);
            }
        }
    }
}
