//! Dates shifted by days (PS3.15 §E.3.6). Times of day stay: the shift is of whole days.

use causeway_core::Vr;
use jiff::ToSpan as _;
use jiff::civil::Date;

/// The value so many days earlier, in the precision that it had; `None` where it is no date.
pub(super) fn shift(text: &str, vr: Vr, days: i64) -> Option<String> {
    match vr {
        Vr::TM => {
            text.bytes().all(|byte| byte.is_ascii_digit() || b".:".contains(&byte)).then(|| text.to_owned())
        }
        // The form of editions before DICOM 3.0 too (PS3.5 §6.2).
        Vr::DA if text.len() == 10 => shift(&text.replace('.', ""), vr, days).filter(|text| text.len() == 8),
        Vr::DA if text.len() != 8 => None,
        Vr::DA | Vr::DT => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (date, rest) = text.split_at_checked(digits.min(8))?;
            let is_time = rest.bytes().all(|byte| byte.is_ascii_digit() || b".+-".contains(&byte));
            let part =
                |range: std::ops::Range<usize>| date.get(range).and_then(|text| text.parse::<i8>().ok());
            let year: i16 = date.get(..4)?.parse().ok()?;
            let (month, day) = (part(4..6).unwrap_or(1), part(6..8).unwrap_or(1));
            let shifted = Date::new(year, month, day).ok()?.checked_sub(days.days()).ok()?;
            let shifted = format!("{:04}{:02}{:02}", shifted.year(), shifted.month(), shifted.day());
            (is_time && date.len() % 2 == 0)
                .then(|| shifted.get(..date.len()).map(|date| format!("{date}{rest}")))?
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_back_in_the_precision_that_they_had_and_what_is_none_is_not_kept() {
        for (vr, text, expected) in [
            (Vr::DA, "20240301", Some("20240229")),
            (Vr::DA, "2024.03.01", Some("20240229")),
            (Vr::DA, "20240101", Some("20231231")),
            (Vr::DA, "202401", None),
            (Vr::DA, "yesterday", None),
            (Vr::DA, "20241301", None),
            (Vr::DT, "20240301120000.5+0100", Some("20240229120000.5+0100")),
            (Vr::DT, "2024", Some("2023")),
            (Vr::DT, "202403", Some("202402")),
            (Vr::DT, "20240301 Smith", None),
            (Vr::TM, "1200", Some("1200")),
            (Vr::TM, "noon", None),
            (Vr::LO, "20240301", None),
            (Vr::DT, "äöüä", None),
        ] {
            assert_eq!(shift(text, vr, 1).as_deref(), expected, "{vr} {text}");
        }
    }
}
