//! The matching table (PS3.4 §C.2.2.2), once for both doors and for the catalog's leftovers.
//!
//! Pure: a condition, a value, yes or no. What the catalog says in SQL must give the same answers; a property
//! test there holds it to that.

use super::dates::{self, Range};
use super::fuzzy::FuzzyName;
use super::moments::{Edge, Moment, Offset, Span};
use super::{Key, Query};
use crate::attributes::{Attributes, Element};
use crate::person_name;
use crate::tag::Tag;
use crate::uid::Uid;
use crate::vr::Vr;

/// Most values in one list of UIDs or one multi-valued key.
pub const MAX_KEY_VALUES: usize = 10_000;
/// Longest text of a key that is matched as a pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// A condition on one attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Matching {
    /// Any value, or none (PS3.4 §C.2.2.2.3).
    Universal,
    /// No value at all (PS3.4 §C.2.2.2.7).
    Empty,
    /// This value exactly (PS3.4 §C.2.2.2.1); for a person name, folded.
    Single(String),
    /// One of these UIDs (PS3.4 §C.2.2.2.2).
    UidList(Vec<Uid>),
    /// One of these values, where nothing is agreed upon what several mean.
    AnyOf(Vec<String>),
    /// All of these values, among others perhaps (PS3.4 §C.2.2.2.8).
    AllOf(Vec<String>),
    /// A pattern with `*` and `?` (PS3.4 §C.2.2.2.4).
    Wildcard(String),
    /// A date (PS3.4 §C.2.2.2.5).
    Date(Range),
    /// A time of day.
    Time(Range),
    /// A date-time.
    DateTime(Span),
    /// A date together with the time at `time`, as one moment (PS3.4 §C.2.2.2.5.4).
    Combined {
        /// The attribute that holds the time.
        time: Tag,
        /// Bounds of twenty digits: date, then time.
        range: Range,
    },
    /// A name with words that begin so (fuzzy semantic matching, PS3.4 §C.2.2.2.1.1).
    Fuzzy(FuzzyName),
    /// Some item for which all of these hold (PS3.4 §C.2.2.2.6).
    Sequence(Vec<Key>),
}

/// Why a key's value cannot be matched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatchingError {
    /// Not a date, time or range of its VR.
    #[error("the value is no {vr} and no range of {vr}")]
    Range {
        /// The VR expected.
        vr: Vr,
    },
    /// Not a UID, or a list with something else in it.
    #[error("the value is no UID and no list of UIDs")]
    Uid,
    /// More than [`MAX_KEY_VALUES`] or [`MAX_PATTERN_BYTES`].
    #[error("the value is too long for a key")]
    TooLong,
}

impl Matching {
    /// What the text of a key of VR `vr` asks for. Several values are parted by backslash.
    ///
    /// # Errors
    /// When a date, time or UID is malformed, or the value is beyond the bounds.
    pub fn parse(vr: Vr, text: &str) -> Result<Self, MatchingError> {
        let text = if vr == Vr::UI { text.trim_matches(['\0', ' ']) } else { text.trim() };
        if text.is_empty() {
            return Ok(Self::Universal);
        }
        match vr {
            Vr::UI => Self::parse_uids(text),
            Vr::DA => dates::date_range(text).map(Self::Date).ok_or(MatchingError::Range { vr }),
            Vr::TM => dates::time_range(text).map(Self::Time).ok_or(MatchingError::Range { vr }),
            Vr::DT => Span::parse(text).map(Self::DateTime).ok_or(MatchingError::Range { vr }),
            _ => Self::parse_text(vr, text),
        }
    }

    fn parse_uids(text: &str) -> Result<Self, MatchingError> {
        if text == "*" {
            return Ok(Self::Universal);
        }
        if text.split('\\').count() > MAX_KEY_VALUES {
            return Err(MatchingError::TooLong);
        }
        let uids: Result<Vec<Uid>, _> = text.split('\\').filter(|t| !t.is_empty()).map(Uid::parse).collect();
        uids.map(Self::UidList).map_err(|_| MatchingError::Uid)
    }

    fn parse_text(vr: Vr, text: &str) -> Result<Self, MatchingError> {
        if text.bytes().all(|b| b == b'*') && takes_wildcards(vr) {
            return Ok(Self::Universal);
        }
        if text.len() > MAX_PATTERN_BYTES * 8 || text.split('\\').count() > MAX_KEY_VALUES {
            return Err(MatchingError::TooLong);
        }
        if vr.is_multi_valued() && text.contains('\\') {
            return Ok(Self::AnyOf(text.split('\\').map(|value| value.trim().to_owned()).collect()));
        }
        if text.len() > MAX_PATTERN_BYTES {
            return Err(MatchingError::TooLong);
        }
        if takes_wildcards(vr) && text.contains(['*', '?']) {
            return Ok(Self::Wildcard(text.to_owned()));
        }
        Ok(Self::Single(text.to_owned()))
    }

    /// Whether this condition holds for anything.
    #[must_use]
    pub const fn is_universal(&self) -> bool {
        matches!(self, Self::Universal)
    }
}

/// Whether `*` and `?` have a meaning in a key of `vr` (PS3.4 §C.2.2.2.4).
#[must_use]
pub const fn takes_wildcards(vr: Vr) -> bool {
    matches!(vr, Vr::AE | Vr::CS | Vr::LO | Vr::LT | Vr::PN | Vr::SH | Vr::ST | Vr::UC | Vr::UR | Vr::UT)
}

/// Whether all keys of `query` hold for an entity with these attributes.
#[must_use]
pub fn matches(query: &Query, attributes: &Attributes) -> bool {
    query.keys.iter().all(|key| key_matches(key, attributes))
}

/// Whether one key holds.
#[must_use]
pub fn key_matches(key: &Key, attributes: &Attributes) -> bool {
    let element = attributes.get(key.tag);
    match &key.matching {
        Matching::Universal => true,
        Matching::Empty => element.is_none_or(Element::is_empty),
        Matching::Sequence(keys) => sequence_matches(keys, element),
        Matching::Combined { time, range } => combined_matches(key.tag, *time, range, attributes),
        Matching::AllOf(wanted) => wanted.iter().filter(|wanted| !wanted.is_empty()).all(|wanted| {
            let mut values = element.map(Element::values).unwrap_or_default().iter();
            values.any(|value| one_of_several_matches(key.vr, wanted, value))
        }),
        matching => {
            let values = element.map(Element::values).unwrap_or_default();
            let around = || attributes.first(Tag::TIMEZONE_OFFSET_FROM_UTC).and_then(Offset::parse);
            values
                .iter()
                .filter(|value| !value.is_empty())
                .any(|value| value_matches(key.vr, matching, value, around))
        }
    }
}

/// The items of a sequence that hold all of `keys`: those that an answer shows (PS3.4 §C.2.2.2.6).
pub fn matching_items<'a>(keys: &'a [Key], items: &'a [Attributes]) -> impl Iterator<Item = &'a Attributes> {
    items.iter().filter(|item| keys.iter().all(|key| key_matches(key, item)))
}

/// A sequence without keys that ask for something matches everything (PS3.4 §C.2.2.2.6).
fn sequence_matches(keys: &[Key], element: Option<&Element>) -> bool {
    if keys.iter().all(|key| key.matching.is_universal()) {
        return true;
    }
    matching_items(keys, element.map(Element::items).unwrap_or_default()).next().is_some()
}

fn combined_matches(date: Tag, time: Tag, range: &Range, attributes: &Attributes) -> bool {
    let Some(date) = attributes.first(date).and_then(dates::date) else { return false };
    let time = attributes.first(time).and_then(|text| dates::time(text, '0'));
    range.contains(&format!("{date}{}", time.unwrap_or_else(|| "0".repeat(12))))
}

fn value_matches(vr: Vr, matching: &Matching, value: &str, around: impl Fn() -> Option<Offset>) -> bool {
    match matching {
        Matching::Single(wanted) => single_matches(vr, wanted, value),
        Matching::AnyOf(wanted) => wanted.iter().any(|wanted| one_of_several_matches(vr, wanted, value)),
        Matching::UidList(wanted) => wanted.iter().any(|wanted| wanted.as_str() == value),
        Matching::Wildcard(pattern) => pattern_matches(vr, pattern, value),
        Matching::Date(range) => dates::date(value).is_some_and(|value| range.contains(&value)),
        Matching::Time(range) => dates::time(value, '0').is_some_and(|value| range.contains(&value)),
        Matching::DateTime(span) => {
            Moment::parse(value, Edge::First).is_some_and(|value| span.contains(&value, around()))
        }
        Matching::Fuzzy(wanted) => wanted.matches(value),
        Matching::Universal
        | Matching::Empty
        | Matching::AllOf(_)
        | Matching::Combined { .. }
        | Matching::Sequence(_) => false,
    }
}

fn one_of_several_matches(vr: Vr, wanted: &str, value: &str) -> bool {
    if takes_wildcards(vr) && wanted.contains(['*', '?']) {
        pattern_matches(vr, wanted, value)
    } else {
        single_matches(vr, wanted, value)
    }
}

fn single_matches(vr: Vr, wanted: &str, value: &str) -> bool {
    match vr {
        Vr::PN => names_match(wanted, value, |wanted, value| wanted == value),
        Vr::IS | Vr::DS | Vr::US | Vr::UL | Vr::SS | Vr::SL | Vr::FL | Vr::FD => {
            wanted == value
                || matches!((wanted.trim().parse::<f64>(), value.trim().parse::<f64>()), (Ok(a), Ok(b)) if a == b)
        }
        _ => wanted == value,
    }
}

fn pattern_matches(vr: Vr, pattern: &str, value: &str) -> bool {
    if vr == Vr::PN { names_match(pattern, value, wildcard) } else { wildcard(pattern, value) }
}

/// A name asked for in one group is held against each group of the value; in several, group by group, where an
/// empty group asks for nothing.
fn names_match(wanted: &str, value: &str, holds: impl Fn(&str, &str) -> bool) -> bool {
    let value = person_name::Folded::of(value);
    if !wanted.contains('=') {
        let wanted = person_name::fold(wanted);
        return value.groups().iter().any(|group| !group.is_empty() && holds(&wanted, group));
    }
    let wanted = person_name::Folded::of(wanted);
    wanted
        .groups()
        .iter()
        .zip(value.groups())
        .all(|(wanted, group)| wanted.is_empty() || holds(wanted, group))
}

/// Whether `text` is what `pattern` describes: `*` is any run of characters, `?` is any one. Takes at most
/// pattern × text steps.
#[must_use]
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(want) if *want == '?' || want == c => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    t = from + 1;
                    retry = Some((after_star, t));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(vr: Vr, key: &str, value: &str) -> bool {
        let tag = Tag::new(0x0009, 0x0010);
        let attributes = [(tag, Element::text(vr, vec![value.to_owned()]))].into_iter().collect();
        key_matches(&Key { tag, vr, matching: Matching::parse(vr, key).unwrap() }, &attributes)
    }

    #[test]
    fn an_empty_key_and_a_lone_star_match_everything_even_nothing() {
        let key =
            |text| Key { tag: Tag::STUDY_ID, vr: Vr::SH, matching: Matching::parse(Vr::SH, text).unwrap() };
        assert!(key_matches(&key(""), &Attributes::new()));
        assert!(key_matches(&key("*"), &Attributes::new()));
        assert!(!key_matches(&key("?"), &Attributes::new()));
    }

    #[test]
    fn case_counts_except_in_names() {
        assert!(!holds(Vr::LO, "head", "HEAD"));
        assert!(holds(Vr::PN, "doe^j*", "DOE^JOHN"));
        assert!(holds(Vr::PN, "Doe^John", "DOE^JOHN^^"));
        assert!(!holds(Vr::PN, "Doe", "DOE^JOHN"));
    }

    #[test]
    fn a_name_in_one_group_finds_it_in_any() {
        let name = "Yamada^Tarou=山田^太郎=やまだ^たろう";
        assert!(holds(Vr::PN, "山田*", name));
        assert!(holds(Vr::PN, "yamada*", name));
        assert!(holds(Vr::PN, "*=山田*", name));
        assert!(!holds(Vr::PN, "山田*=", name));
    }

    #[test]
    fn wildcards_mean_nothing_in_uids_numbers_and_dates() {
        assert_eq!(Matching::parse(Vr::UI, "1.2.*"), Err(MatchingError::Uid));
        assert!(!holds(Vr::IS, "1*", "12"));
        assert!(holds(Vr::IS, "5", "05"));
        assert!(Matching::parse(Vr::DA, "2024*").is_err());
    }

    #[test]
    fn a_list_of_uids_matches_each_of_them() {
        assert!(holds(Vr::UI, "1.2\\1.3", "1.3"));
        assert!(!holds(Vr::UI, "1.2\\1.3", "1.4"));
        assert_eq!(Matching::parse(Vr::UI, "1.2\\../3"), Err(MatchingError::Uid));
    }

    #[test]
    fn a_backslash_is_text_where_only_one_value_is_allowed() {
        assert_eq!(Matching::parse(Vr::LT, "a\\b"), Ok(Matching::Single("a\\b".to_owned())));
        assert!(holds(Vr::CS, "CT\\MR", "MR"));
    }

    #[test]
    fn some_item_must_hold_all_keys_of_a_sequence() {
        let item = |step: &str, procedure: &str| -> Attributes {
            let text = |value: &str| Element::text(Vr::SH, vec![value.to_owned()]);
            [(Tag::SCHEDULED_PROCEDURE_STEP_ID, text(step)), (Tag::REQUESTED_PROCEDURE_ID, text(procedure))]
                .into_iter()
                .collect()
        };
        let items = vec![item("S1", "R1"), item("S2", "R2")];
        let element = Element { vr: Vr::SQ, value: crate::Value::Items(items) };
        let attributes = [(Tag::REQUEST_ATTRIBUTES_SEQUENCE, element)].into_iter().collect();
        let ask = |step: &str, procedure: &str| {
            let key = |tag, text| Key { tag, vr: Vr::SH, matching: Matching::parse(Vr::SH, text).unwrap() };
            let keys = vec![
                key(Tag::SCHEDULED_PROCEDURE_STEP_ID, step),
                key(Tag::REQUESTED_PROCEDURE_ID, procedure),
            ];
            let matching = Matching::Sequence(keys);
            key_matches(&Key { tag: Tag::REQUEST_ATTRIBUTES_SEQUENCE, vr: Vr::SQ, matching }, &attributes)
        };
        assert!(ask("S1", "R1"));
        assert!(ask("S2", ""));
        assert!(!ask("S1", "R2"));
    }

    #[test]
    fn the_length_of_a_pattern_is_held_at_and_above_the_bound() {
        assert!(Matching::parse(Vr::LO, &"a".repeat(MAX_PATTERN_BYTES)).is_ok());
        assert_eq!(Matching::parse(Vr::LO, &"a".repeat(MAX_PATTERN_BYTES + 1)), Err(MatchingError::TooLong));
    }

    #[test]
    fn a_date_time_is_held_against_the_zone_around_it() {
        let tag = Tag::new(0x0008, 0x002A);
        let mut attributes = Attributes::new();
        attributes.put_text(tag, Vr::DT, "20240203120000");
        let key = |text| Key { tag, vr: Vr::DT, matching: Matching::parse(Vr::DT, text).unwrap() };
        assert!(key_matches(&key("20240203120000+0100"), &attributes));
        attributes.put_text(Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, "+0000");
        assert!(!key_matches(&key("20240203120000+0100"), &attributes));
        assert!(key_matches(&key("20240203130000+0100"), &attributes));
        assert!(key_matches(&key("20240203-"), &attributes));
    }

    /// The plain reading of the rule, slow and surely right.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
            Some((c, rest)) => {
                text.split_first().is_some_and(|(t, after)| (*c == '?' || c == t) && slow(rest, after))
            }
        }
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_the_plain_reading(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(wildcard(&pattern, &text), slow(&p, &t));
        }

        #[test]
        fn any_key_is_read_or_refused_without_panic(text in ".{0,60}") {
            for vr in [Vr::UI, Vr::DA, Vr::TM, Vr::DT, Vr::PN, Vr::LO, Vr::IS, Vr::LT] {
                let _ = Matching::parse(vr, &text);
            }
        }
    }
}
