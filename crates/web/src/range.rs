//! Ranges of bytes (RFC 9110 §14): a single one is given, several are not, and the whole is in their place. Pure.

use std::ops::Range;

use axum::http::header::{IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue};

/// What part of a value is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have (416).
    Beyond,
}

/// Reads the Range header for something of `length` bytes with that entity tag. What is malformed, of another unit
/// or more than one range is passed over, as RFC 9110 §14.2 allows; so is a range of another version (If-Range).
pub(crate) fn wanted(headers: &HeaderMap, length: u64, tag: &HeaderValue) -> Wanted {
    let is_other = headers.get(IF_RANGE).is_some_and(|version| version != tag);
    let text = headers.get(RANGE).filter(|_| !is_other).and_then(|value| value.to_str().ok());
    text.and_then(|text| part(text, length)).unwrap_or(Wanted::Whole)
}

fn part(text: &str, length: u64) -> Option<Wanted> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // One that no number holds is beyond the end of everything.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = if first.is_empty() {
        // The last so many bytes.
        length.saturating_sub(number(last)?)..length
    } else {
        let first = number(first)?;
        let last = if last.is_empty() { u64::MAX } else { number(last)? };
        if last < first {
            return None;
        }
        first..last.saturating_add(1).min(length)
    };
    Some(if range.is_empty() { Wanted::Beyond } else { Wanted::Part(range) })
}

/// The value of Content-Range for a part of something of `length` bytes.
pub(crate) fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(range: &str) -> Wanted {
        let headers = [(RANGE, HeaderValue::from_str(range).unwrap())].into_iter().collect();
        wanted(&headers, 10, &HeaderValue::from_static("\"a\""))
    }

    #[test]
    fn a_single_range_is_read_below_at_and_above_the_end() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("bytes=9-9", 9..10),
            ("bytes=9-10", 9..10),
            ("bytes=3-", 3..10),
            ("bytes=-4", 6..10),
            ("bytes=-11", 0..10),
            ("Bytes = 0-99999999999999999999", 0..10),
        ] {
            assert_eq!(ask(range), Wanted::Part(part), "{range}");
        }
        for beyond in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(ask(beyond), Wanted::Beyond, "{beyond}");
        }
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_passed_over() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "bytes=a-b",
            "items=0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(ask(range), Wanted::Whole, "{range}");
        }
        let none = wanted(&HeaderMap::new(), 10, &HeaderValue::from_static("\"a\""));
        assert_eq!(none, Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_version_is_passed_over() {
        let tag = HeaderValue::from_static("\"a\"");
        let with = |version: &'static str| {
            let headers =
                [(RANGE, "bytes=0-1".parse().unwrap()), (IF_RANGE, HeaderValue::from_static(version))];
            wanted(&headers.into_iter().collect(), 10, &tag)
        };
        assert_eq!(with("\"a\""), Wanted::Part(0..2));
        assert_eq!(with("\"b\""), Wanted::Whole);
    }

    #[test]
    fn a_part_is_told_by_its_first_and_last_byte() {
        assert_eq!(content_range(&(2..6), 10), "bytes 2-5/10");
    }
}
