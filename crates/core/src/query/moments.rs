//! Moments (PS3.5 §6.2 on DT): a date and a time of day together, with the offset from UTC that they were told in.
//!
//! Lives here: the offset (PS3.3 §C.12.1.1.8), date-times as keys and values, and the arithmetic that takes a
//! moment from one offset to another. Pure.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// Digits of a moment: date, hours, minutes, seconds, millionths.
const DIGITS: usize = 20;
/// Digits of a moment down to its minutes, which is as far as an offset reaches.
const TO_MINUTES: usize = 12;
/// Digits of a date.
const DATE_DIGITS: usize = 8;

/// An offset from UTC: local time minus UTC, -12:00 to +14:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset {
    minutes: i16,
}

impl Offset {
    /// No offset.
    pub const UTC: Self = Self { minutes: 0 };
    const MIN_MINUTES: i16 = -12 * 60;
    const MAX_MINUTES: i16 = 14 * 60;

    /// The offset of so many minutes, where it can be.
    #[must_use]
    pub fn of_minutes(minutes: i16) -> Option<Self> {
        (Self::MIN_MINUTES..=Self::MAX_MINUTES).contains(&minutes).then_some(Self { minutes })
    }

    /// How many minutes local time is ahead of UTC.
    #[must_use]
    pub const fn minutes(self) -> i16 {
        self.minutes
    }

    /// Reads `+HHMM` or `-HHMM`, the value of Timezone Offset From UTC (0008,0201).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, digits) = match text.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes) = digits.split_at_checked(2)?;
        let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
        if minutes > 59 {
            return None;
        }
        Self::of_minutes(sign * (hours * 60 + minutes))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.unsigned_abs();
        write!(f, "{sign}{:02}{:02}", minutes / 60, minutes % 60)
    }
}

/// A moment: twenty digits, so that comparing texts compares moments, and the offset that they were told in, where
/// one was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    digits: String,
    /// The offset it was told in.
    pub offset: Option<Offset>,
}

/// Which moment of those that a text of low precision means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The earliest.
    First,
    /// The latest.
    Last,
}

impl Moment {
    /// Reads a value of VR DT.
    #[must_use]
    pub fn parse(text: &str, edge: Edge) -> Option<Self> {
        let (moment, rest) = Self::take(text.trim(), edge)?;
        rest.is_empty().then_some(moment)
    }

    /// Takes a moment from the front of `text`; gives it with what is left, without the spaces before it.
    fn take(text: &str, edge: Edge) -> Option<(Self, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (written, rest) = text.split_at_checked(end)?;
        let digits = full(written, edge)?;
        // A `-` is an offset where four digits make one and end there, else it parts a range: years begin later
        // than any offset does (PS3.5 §6.2 note on DT).
        let offset = rest.get(..5).and_then(Offset::parse);
        let ends = rest.get(5..).is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit()));
        match offset.filter(|_| ends) {
            Some(offset) => {
                let rest = rest.get(5..)?.trim_start();
                Some((Self { digits, offset: Some(offset) }, rest))
            }
            None => Some((Self { digits, offset: None }, rest.trim_start())),
        }
    }

    /// The digits of this moment at `offset`; as they are where there is no such moment.
    fn at(&self, offset: Offset) -> String {
        match self.offset {
            Some(own) => moved(&self.digits, i32::from(offset.minutes) - i32::from(own.minutes))
                .unwrap_or_else(|| self.digits.clone()),
            None => self.digits.clone(),
        }
    }
}

/// A range of moments; an open end has no bound. Both ends belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Earliest.
    pub from: Option<Moment>,
    /// Latest.
    pub to: Option<Moment>,
}

impl Span {
    /// Reads a key of VR DT (PS3.4 §C.2.2.2.5.3): `M`, `M-`, `-M` or `M1-M2`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(to) = text.strip_prefix('-') {
            return Some(Self { from: None, to: Some(Moment::parse(to, Edge::Last)?) });
        }
        let (from, rest) = Moment::take(text, Edge::First)?;
        let Some(to) = rest.strip_prefix('-') else {
            return Some(Self { from: Some(from), to: Some(Moment::parse(text, Edge::Last)?) });
        };
        let to = if to.trim().is_empty() { None } else { Some(Moment::parse(to, Edge::Last)?) };
        Some(Self { from: Some(from), to })
    }

    /// Takes bounds without an offset to be told in `offset`.
    #[must_use]
    pub fn told_in(mut self, offset: Offset) -> Self {
        for bound in [&mut self.from, &mut self.to].into_iter().flatten() {
            bound.offset.get_or_insert(offset);
        }
        self
    }

    /// Whether `value` lies within. Of a value without an offset `around` says which it was told in; where nothing
    /// does, and where a bound has none, both are taken to be told in the same.
    #[must_use]
    pub fn contains(&self, value: &Moment, around: Option<Offset>) -> bool {
        let value = Moment { offset: value.offset.or(around), ..value.clone() };
        let text_for = |bound: &Moment| match (bound.offset, value.offset) {
            (Some(offset), Some(_)) => value.at(offset),
            _ => value.digits.clone(),
        };
        self.from.as_ref().is_none_or(|from| from.digits <= text_for(from))
            && self.to.as_ref().is_none_or(|to| text_for(to) <= to.digits)
    }
}

/// Twenty digits from four or more.
fn full(written: &str, edge: Edge) -> Option<String> {
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    let fine = whole.len() >= 4
        && whole.len() <= TO_MINUTES + 2
        && whole.len().is_multiple_of(2)
        && fraction.len() <= DIGITS - TO_MINUTES - 2
        && (whole.len() == TO_MINUTES + 2 || !written.contains('.'))
        && fraction.bytes().all(|b| b.is_ascii_digit());
    if !fine {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    if digits.len() < 6 {
        digits.push_str(if edge == Edge::First { "01" } else { "12" });
    }
    if digits.len() < DATE_DIGITS {
        let day = if edge == Edge::First { 1 } else { last_day(&digits)? };
        digits.push_str(&format!("{day:02}"));
    }
    let rest = if edge == Edge::First { "000000000000" } else { "235959999999" };
    digits.push_str(rest.get(digits.len() - DATE_DIGITS..)?);
    Some(digits)
}

/// The last day of a month told in six digits.
fn last_day(month: &str) -> Option<i8> {
    let (year, month) = month.split_at_checked(4)?;
    let first = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    Some(first.days_in_month())
}

/// The minute that the digits of a moment tell, where there is such a one.
pub(crate) fn civil(digits: &str) -> Option<DateTime> {
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize, to: usize| i8::try_from(number(from, to)?).ok();
    DateTime::new(number(0, 4)?, small(4, 6)?, small(6, 8)?, small(8, 10)?, small(10, 12)?, 0, 0).ok()
}

/// `digits` of a moment, at least down to its minutes, moved by `minutes`; what is finer stays as it is. None where
/// there is no such moment.
#[must_use]
pub(crate) fn moved(digits: &str, minutes: i32) -> Option<String> {
    let rest = digits.get(TO_MINUTES..)?;
    let after = civil(digits)?.checked_add(SignedDuration::from_mins(minutes.into())).ok()?;
    if after.year() < 0 {
        return None;
    }
    Some(format!(
        "{:04}{:02}{:02}{:02}{:02}{rest}",
        after.year(),
        after.month(),
        after.day(),
        after.hour(),
        after.minute()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn within(key: &str, value: &str, around: Option<&str>) -> bool {
        let around = around.map(|text| Offset::parse(text).unwrap());
        Span::parse(key).unwrap().contains(&Moment::parse(value, Edge::First).unwrap(), around)
    }

    #[test]
    fn an_offset_is_read_at_its_bounds_and_not_beyond() {
        for (text, minutes) in
            [("+0000", Some(0)), ("-1200", Some(-720)), ("+1400", Some(840)), ("+0530", Some(330))]
        {
            assert_eq!(Offset::parse(text).map(Offset::minutes), minutes);
            assert_eq!(Offset::parse(text).unwrap().to_string(), text);
        }
        for text in ["-1201", "+1401", "0100", "+01", "+01:0", "+0160", "+01000", "", "+é00"] {
            assert_eq!(Offset::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_of_low_precision_is_widened_to_its_edge() {
        let digits = |text, edge| Moment::parse(text, edge).unwrap().digits;
        assert_eq!(digits("2024", Edge::First), "20240101000000000000");
        assert_eq!(digits("2024", Edge::Last), "20241231235959999999");
        assert_eq!(digits("202402", Edge::Last), "20240229235959999999");
        assert_eq!(digits("2024020310", Edge::Last), "20240203105959999999");
        assert_eq!(digits("20240203101500.5", Edge::Last), "20240203101500599999");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in
            ["", "202", "20241", "2024-02-03", "2024.02.03", "20241301T", "20240203101500.1234567", "+0100"]
        {
            assert_eq!(Moment::parse(text, Edge::First), None, "{text}");
        }
    }

    #[test]
    fn a_hyphen_is_an_offset_where_it_can_be_one_and_else_parts_a_range() {
        let span = |text| Span::parse(text).unwrap();
        assert_eq!(span("20240203-0500").from.unwrap().offset, Offset::parse("-0500"));
        assert!(span("2004-2005").to.unwrap().digits.starts_with("2005"));
        let both = span("20240203-0500-20240204+0100");
        assert_eq!(both.from.unwrap().offset, Offset::parse("-0500"));
        assert_eq!(both.to.unwrap().offset, Offset::parse("+0100"));
        assert_eq!(span("20240203-").to, None);
        assert_eq!(span("-20240203-0500").to.unwrap().offset, Offset::parse("-0500"));
        assert_eq!(span("20240203 - 20240204").from.unwrap().offset, None);
    }

    #[test]
    fn offsets_are_taken_into_account_on_both_sides() {
        assert!(within("20240203120000+0100", "20240203110000+0000", None));
        assert!(!within("20240203120000+0100", "20240203120000+0000", None));
        assert!(within("20240203120000+0100", "20240203110000", Some("+0000")));
        assert!(within("20240203120000+0100", "20240203120000", None));
        assert!(within("20240203120000", "20240203120000-0500", None));
        assert!(within("20240203120000-20240203130000", "20240203123000", Some("+0900")));
    }

    #[test]
    fn moving_crosses_days_and_years_and_stops_at_the_end_of_time() {
        assert_eq!(moved("202312312330", 60).unwrap(), "202401010030");
        assert_eq!(moved("20240301003059.5", -60).unwrap(), "20240229233059.5");
        assert_eq!(moved("999912312330", 60), None);
        assert_eq!(moved("000001010000", -60), None);
        assert_eq!(moved("20241301", 60), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,60}") {
            let _ = (Span::parse(&text), Moment::parse(&text, Edge::Last), Offset::parse(&text));
        }

        #[test]
        fn moving_there_and_back_changes_nothing(
            (year, month, day) in (1900_i16..2100, 1_i8..=12, 1_i8..=28),
            (hour, minute) in (0_i8..24, 0_i8..60),
            by in -2000_i32..2000,
        ) {
            let digits = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}30123456");
            prop_assert_eq!(moved(&moved(&digits, by).unwrap(), -by).unwrap(), digits);
        }
    }
}
