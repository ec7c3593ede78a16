//! Whether a text can be a value of its VR (PS3.5 Table 6.2-1). Pure.

use causeway_core::query::dates;
use causeway_core::{AeTitle, Uid, Vr};
use jiff::civil::Date;

/// Most characters of a value, where the VR has a bound that only counts them.
const fn max_chars(vr: Vr) -> Option<usize> {
    match vr {
        Vr::IS => Some(12),
        Vr::DS | Vr::SH => Some(16),
        Vr::DT => Some(26),
        Vr::LO => Some(64),
        Vr::ST => Some(1024),
        Vr::LT => Some(10_240),
        _ => None,
    }
}

/// Most characters of one group of a person name.
const MAX_GROUP_CHARS: usize = 64;
/// Groups of a person name.
const MAX_GROUPS: usize = 3;
/// Most characters of a code string.
const MAX_CODE_CHARS: usize = 16;

/// What is wrong with `value`; nothing when it is empty.
pub(super) fn fault(vr: Vr, value: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    match vr {
        Vr::AE => AeTitle::parse(value).err().map(|error| error.to_string()),
        Vr::UI => Uid::parse(value).err().map(|error| error.to_string()),
        Vr::DA => (!is_date(value)).then(|| "is no date (YYYYMMDD)".to_owned()),
        Vr::TM => (!is_time(value)).then(|| "is no time (HHMMSS)".to_owned()),
        Vr::CS => code(value),
        Vr::PN => name(value),
        Vr::DS | Vr::FD | Vr::FL if value.trim().parse::<f64>().is_err() => Some("is no number".to_owned()),
        Vr::IS | Vr::SL | Vr::SS | Vr::SV | Vr::UL | Vr::US | Vr::UV
            if value.trim().parse::<i64>().is_err() =>
        {
            Some("is no whole number".to_owned())
        }
        _ => text(vr, value),
    }
}

fn is_date(value: &str) -> bool {
    let Some(digits) = dates::date(value) else { return false };
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<i16>().ok());
    let small = |from, to| number(from, to).and_then(|number| i8::try_from(number).ok());
    match (number(0, 4), small(4, 6), small(6, 8)) {
        (Some(year), Some(month), Some(day)) => Date::new(year, month, day).is_ok(),
        _ => false,
    }
}

fn is_time(value: &str) -> bool {
    let Some(digits) = dates::time(value, '0') else { return false };
    let within = |from: usize, most: u8| {
        digits.get(from..from + 2).and_then(|part| part.parse::<u8>().ok()).is_some_and(|part| part <= most)
    };
    // A leap second is a second.
    within(0, 23) && within(2, 59) && within(4, 60)
}

fn code(value: &str) -> Option<String> {
    if value.chars().count() > MAX_CODE_CHARS {
        return Some(too_long(MAX_CODE_CHARS));
    }
    let fine = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_');
    (!value.bytes().all(fine)).then(|| "holds something else than A-Z, 0-9, space and underscore".to_owned())
}

fn name(value: &str) -> Option<String> {
    if value.split('=').count() > MAX_GROUPS {
        return Some(format!("has more than {MAX_GROUPS} groups"));
    }
    if value.split('=').any(|group| group.chars().count() > MAX_GROUP_CHARS) {
        return Some(too_long(MAX_GROUP_CHARS));
    }
    text(Vr::PN, value)
}

fn text(vr: Vr, value: &str) -> Option<String> {
    if let Some(most) = max_chars(vr).filter(|most| value.chars().count() > *most) {
        return Some(too_long(most));
    }
    let is_long = matches!(vr, Vr::ST | Vr::LT | Vr::UT);
    let breaks = |c: char| is_long && matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    if value.chars().any(|c| c.is_control() && !breaks(c)) {
        return Some("holds a control character".to_owned());
    }
    (vr.is_multi_valued() && value.contains('\\')).then(|| "holds a backslash".to_owned())
}

fn too_long(most: usize) -> String {
    format!("is longer than {most} characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_at_its_bound_and_refused_above() {
        for (vr, most) in [(Vr::SH, 16), (Vr::LO, 64), (Vr::CS, 16), (Vr::AE, 16), (Vr::PN, 64)] {
            assert_eq!(fault(vr, &"A".repeat(most)), None, "{vr}");
            assert!(fault(vr, &"A".repeat(most + 1)).is_some(), "{vr}");
        }
        assert_eq!(fault(Vr::PN, &["A".repeat(64), "B".repeat(64), "C".repeat(64)].join("=")), None);
    }

    #[test]
    fn dates_and_times_must_be() {
        for (vr, value, fine) in [
            (Vr::DA, "20240229", true),
            (Vr::DA, "20230229", false),
            (Vr::DA, "2024-02-29", false),
            (Vr::TM, "0830", true),
            (Vr::TM, "235960.5", true),
            (Vr::TM, "2400", false),
            (Vr::TM, "8am", false),
        ] {
            assert_eq!(fault(vr, value).is_none(), fine, "{vr} {value}");
        }
    }

    #[test]
    fn what_would_break_a_value_in_two_is_refused() {
        assert!(fault(Vr::LO, "a\\b").is_some());
        assert!(fault(Vr::LO, "a\nb").is_some());
        assert_eq!(fault(Vr::LT, "a\\b\nc"), None);
        assert!(fault(Vr::CS, "ct").is_some());
        assert!(fault(Vr::UI, "1.2.x").is_some());
        assert!(fault(Vr::DS, "heavy").is_some());
    }
}
