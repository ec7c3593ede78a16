//! Dates and times as query keys (PS3.4 §C.2.2.2.5): ranges over texts brought to one form, so that comparing texts
//! compares days and times of day, in SQL as in Rust.

/// Widest form of a time: `HHMMSS.FFFFFF`, without the dot, so that texts compare as numbers.
const TIME_DIGITS: usize = 12;
/// Digits of a date.
const DATE_DIGITS: usize = 8;

/// A range; an open end has no bound. Both ends belong to it. Bounds are in the form of [`date`], [`time`] or
/// their concatenation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Earliest.
    pub from: Option<String>,
    /// Latest.
    pub to: Option<String>,
}

impl Range {
    /// Whether `value`, in the same form as the bounds, lies within.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= value)
            && self.to.as_deref().is_none_or(|to| value <= to)
    }

    /// This range of dates and a day more at either end. A bound that is no day is none.
    #[must_use]
    pub fn widened(&self) -> Self {
        let moved = |day: &Option<String>, by: i32| {
            let noon = format!("{}1200", day.as_deref()?);
            super::moments::moved(&noon, by * 24 * 60)?.get(..DATE_DIGITS).map(str::to_owned)
        };
        Self { from: moved(&self.from, -1), to: moved(&self.to, 1) }
    }
}

/// A date as eight digits. Accepts the old form with dots (PS3.5 §6.2 note on DA) too.
#[must_use]
pub fn date(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != '.').collect();
    let fine = digits.len() == DATE_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    fine.then_some(digits)
}

/// A time as twelve digits, what is missing filled with `fill` ('0' for the earliest moment meant, '9' for the
/// latest). Accepts the old form with colons too.
#[must_use]
pub fn time(text: &str, fill: char) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '.')).collect();
    let fine = (2..=TIME_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fine.then(|| {
        let mut full = digits;
        while full.len() < TIME_DIGITS {
            // Minutes and seconds end at 59, fractions at 9.
            let tens = fill == '9' && matches!(full.len(), 2 | 4);
            full.push(if tens { '5' } else { fill });
        }
        full
    })
}

/// A range of dates: `D`, `D-`, `-D` or `D1-D2`.
#[must_use]
pub fn date_range(text: &str) -> Option<Range> {
    range(text, |part, _| date(part))
}

/// A range of times: `T`, `T-`, `-T` or `T1-T2`. A time of low precision means all moments that begin so.
#[must_use]
pub fn time_range(text: &str) -> Option<Range> {
    range(text, |part, end| time(part, end.fill()))
}

#[derive(Clone, Copy)]
enum End {
    From,
    To,
}

impl End {
    const fn fill(self) -> char {
        match self {
            Self::From => '0',
            Self::To => '9',
        }
    }
}

fn range(text: &str, bound: impl Fn(&str, End) -> Option<String>) -> Option<Range> {
    let text = text.trim();
    match text.split_once('-') {
        None => Some(Range { from: Some(bound(text, End::From)?), to: Some(bound(text, End::To)?) }),
        Some(("", "")) => None,
        Some(("", to)) => Some(Range { from: None, to: Some(bound(to, End::To)?) }),
        Some((from, "")) => Some(Range { from: Some(bound(from, End::From)?), to: None }),
        Some((from, to)) => {
            Some(Range { from: Some(bound(from, End::From)?), to: Some(bound(to, End::To)?) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_single_date_is_a_range_of_one_day() {
        let range = date_range("20240131").unwrap();
        assert!(range.contains("20240131"));
        assert!(!range.contains("20240201"));
    }

    #[test]
    fn a_range_is_widened_by_a_day_at_each_end_it_has() {
        let widened = date_range("20240301-20231231").unwrap().widened();
        assert_eq!((widened.from.as_deref(), widened.to.as_deref()), (Some("20240229"), Some("20240101")));
        assert_eq!(date_range("20240301-").unwrap().widened().to, None);
        assert_eq!(date_range("20241399-").unwrap().widened().from, None);
    }

    #[test]
    fn open_ends_have_no_bound() {
        assert!(date_range("-20240131").unwrap().contains("19000101"));
        assert!(date_range("20240131-").unwrap().contains("99991231"));
        assert!(date_range("-").is_none());
        assert!(date_range("2024").is_none());
    }

    #[test]
    fn a_time_of_low_precision_means_all_moments_that_begin_so() {
        let range = time_range("10").unwrap();
        for (text, within) in [("100000", true), ("1059", true), ("105959.999999", true), ("110000", false)] {
            assert_eq!(range.contains(&time(text, '0').unwrap()), within, "{text}");
        }
        assert!(time_range("0800-0959").unwrap().contains(&time("09:59:30", '0').unwrap()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,40}") {
            let _ = (date_range(&text), time_range(&text));
        }

        #[test]
        fn a_time_lies_in_the_range_it_names(h in 0u8..24, m in 0u8..60, s in 0u8..60) {
            let text = format!("{h:02}{m:02}{s:02}");
            let range = time_range(&text).unwrap();
            prop_assert!(range.contains(&time(&text, '0').unwrap()));
        }
    }
}
