//! How the text of a key is to be read: what a caller negotiated for C-FIND (PS3.4 §C.5.1.1) or switched on in a
//! URL (PS3.18 §8.3.4). Both doors make their keys here. Pure.

use super::Key;
use super::dates::Range;
use super::fuzzy::FuzzyName;
use super::levels::{self, DATES_AND_TIMES};
use super::matching::{MAX_PATTERN_BYTES, Matching, MatchingError};
use super::moments::Offset;
use crate::tag::Tag;
use crate::vr::Vr;

/// How names are matched (PS3.4 §C.2.2.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// As they are written, case aside.
    #[default]
    Literal,
    /// By the beginnings of their words.
    Fuzzy,
}

/// How ranges of a date and of its time are matched (PS3.4 §C.2.2.2.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dates {
    /// Each on its own: these hours of each of these days.
    #[default]
    Separate,
    /// As one range of moments.
    Combined,
}

/// What two quotation marks as a key ask for (PS3.4 §C.2.2.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Empties {
    /// Two quotation marks.
    #[default]
    Literal,
    /// No value.
    Matched,
}

/// What several values of a key ask for (PS3.4 §C.2.2.2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Several {
    /// Any of them: what the standard leaves open where nothing is agreed upon.
    #[default]
    Any,
    /// All of them, of an attribute that may have several; of others any.
    All,
}

/// How keys are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Person names.
    pub names: Names,
    /// Dates with their times.
    pub dates: Dates,
    /// Two quotation marks.
    pub empties: Empties,
    /// Several values.
    pub several: Several,
    /// The zone of date-times that do not say theirs.
    pub zone: Option<Offset>,
}

/// Which form of range a date or time was written in; only two of one form are read as one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// None.
    NoRange,
    /// `A-B`.
    Between,
    /// `A-`.
    From,
    /// `-B`.
    Until,
}

/// A condition, and how it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The condition.
    pub key: Key,
    /// How it was written.
    pub form: Form,
}

impl Asked {
    /// A condition that is no range.
    #[must_use]
    pub const fn plain(key: Key) -> Self {
        Self { key, form: Form::NoRange }
    }
}

/// What asks for an attribute without a value.
const EMPTY: &str = "\"\"";

impl Reading {
    /// What the text of a key asks for. Several values are parted by backslash.
    ///
    /// # Errors
    /// When a date, time or UID is malformed, or the value is beyond the bounds.
    pub fn key(&self, tag: Tag, vr: Vr, text: &str) -> Result<Asked, MatchingError> {
        let matching = match vr {
            _ if self.empties == Empties::Matched && text.trim() == EMPTY => Matching::Empty,
            Vr::PN if self.names == Names::Fuzzy => fuzzy(text)?,
            _ => Matching::parse(vr, text)?,
        };
        let matching = match (matching, self.zone) {
            (Matching::AnyOf(values), _) if self.several == Several::All && may_have_several(tag) => {
                Matching::AllOf(values)
            }
            (Matching::DateTime(span), Some(zone)) => Matching::DateTime(span.told_in(zone)),
            (matching, _) => matching,
        };
        Ok(Asked { key: Key { tag, vr, matching }, form: form(vr, text) })
    }

    /// The keys of one data set or item, dates and times of one form made one where that is wanted. Those that ask
    /// for nothing are left out.
    #[must_use]
    pub fn together(&self, mut asked: Vec<Asked>) -> Vec<Key> {
        let pairs = if self.dates == Dates::Combined { DATES_AND_TIMES } else { &[] };
        for (date, time) in pairs {
            if let Some(range) = moment(&asked, *date, *time) {
                asked.retain(|asked| asked.key.tag != *time);
                for asked in asked.iter_mut().filter(|asked| asked.key.tag == *date) {
                    asked.key.matching = Matching::Combined { time: *time, range: range.clone() };
                }
            }
        }
        asked.into_iter().map(|asked| asked.key).filter(|key| !key.matching.is_universal()).collect()
    }
}

fn may_have_several(tag: Tag) -> bool {
    levels::known(tag).is_some_and(|known| known.is_multiple)
}

fn fuzzy(text: &str) -> Result<Matching, MatchingError> {
    if text.len() > MAX_PATTERN_BYTES {
        return Err(MatchingError::TooLong);
    }
    Ok(FuzzyName::parse(text).map_or(Matching::Universal, Matching::Fuzzy))
}

fn form(vr: Vr, text: &str) -> Form {
    if !matches!(vr, Vr::DA | Vr::TM) {
        return Form::NoRange;
    }
    match text.trim().split_once('-') {
        None => Form::NoRange,
        Some(("", _)) => Form::Until,
        Some((_, "")) => Form::From,
        Some(_) => Form::Between,
    }
}

/// The range that a date and a time make together, when both are ranges of one form: from the tenth at six until
/// the twelfth at nine, not six to nine on each day.
fn moment(asked: &[Asked], date: Tag, time: Tag) -> Option<Range> {
    let find = |tag| asked.iter().find(|asked| asked.key.tag == tag);
    let (date, time) = (find(date)?, find(time)?);
    if date.form != time.form || date.form == Form::NoRange {
        return None;
    }
    match (&date.key.matching, &time.key.matching) {
        (Matching::Date(date), Matching::Time(time)) => {
            Some(Range { from: joined(&date.from, &time.from), to: joined(&date.to, &time.to) })
        }
        _ => None,
    }
}

fn joined(date: &Option<String>, time: &Option<String>) -> Option<String> {
    Some(format!("{}{}", date.as_deref()?, time.as_deref()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::matching::key_matches;
    use crate::{Attributes, Element};

    fn keys(reading: Reading, entries: &[(Tag, Vr, &str)]) -> Vec<Key> {
        let asked = entries.iter().map(|(tag, vr, text)| reading.key(*tag, *vr, text).unwrap()).collect();
        reading.together(asked)
    }

    fn holds(reading: Reading, entries: &[(Tag, Vr, &str)], value: &[(Tag, Vr, &str)]) -> bool {
        let attributes: Attributes = value
            .iter()
            .map(|(tag, vr, text)| (*tag, Element::text(*vr, text.split('\\').map(str::to_owned).collect())))
            .collect();
        keys(reading, entries).iter().all(|key| key_matches(key, &attributes))
    }

    const COMBINED: Reading = Reading {
        names: Names::Literal,
        dates: Dates::Combined,
        empties: Empties::Literal,
        several: Several::Any,
        zone: None,
    };

    #[test]
    fn a_date_and_a_time_of_one_form_are_one_moment_only_where_that_is_agreed_upon() {
        let key = [(Tag::STUDY_DATE, Vr::DA, "20060705-20060707"), (Tag::STUDY_TIME, Vr::TM, "1000-1800")];
        let at = |date, time| [(Tag::STUDY_DATE, Vr::DA, date), (Tag::STUDY_TIME, Vr::TM, time)];
        let night = at("20060706", "230000");
        assert!(holds(COMBINED, &key, &night));
        assert!(!holds(Reading::default(), &key, &night));
        assert!(!holds(COMBINED, &key, &at("20060707", "180100")));
        assert!(holds(COMBINED, &key, &at("20060707", "1800")));
        assert!(!holds(COMBINED, &key, &at("20060705", "0959")));
    }

    #[test]
    fn a_date_and_a_time_of_two_forms_stay_two() {
        for (date, time) in [("20060705", "1000-1800"), ("20060705-", "-1800"), ("20060705-20060707", "10")] {
            let key = [(Tag::STUDY_DATE, Vr::DA, date), (Tag::STUDY_TIME, Vr::TM, time)];
            assert_eq!(keys(COMBINED, &key).len(), 2, "{date} {time}");
        }
        let strangers = [(Tag::STUDY_DATE, Vr::DA, "20060705-"), (Tag::CONTENT_TIME, Vr::TM, "10-")];
        assert_eq!(keys(COMBINED, &strangers).len(), 2);
    }

    #[test]
    fn names_are_fuzzy_only_where_that_is_agreed_upon() {
        let fuzzy = Reading { names: Names::Fuzzy, ..Reading::default() };
        let name = [(Tag::PATIENT_NAME, Vr::PN, "Müller^Jürgen")];
        assert!(holds(fuzzy, &[(Tag::PATIENT_NAME, Vr::PN, "jurg mull")], &name));
        assert!(!holds(Reading::default(), &[(Tag::PATIENT_NAME, Vr::PN, "jurg mull")], &name));
        assert!(keys(fuzzy, &[(Tag::PATIENT_NAME, Vr::PN, "* ^")]).is_empty());
        let long = |bytes: usize| fuzzy.key(Tag::PATIENT_NAME, Vr::PN, &"a".repeat(bytes));
        assert!(long(MAX_PATTERN_BYTES).is_ok());
        assert_eq!(long(MAX_PATTERN_BYTES + 1), Err(MatchingError::TooLong));
    }

    #[test]
    fn several_values_are_all_wanted_where_an_attribute_may_have_several() {
        let all = Reading { several: Several::All, ..Reading::default() };
        let both = [(Tag::MODALITIES_IN_STUDY, Vr::CS, "CT\\PT")];
        let has = |text| [(Tag::MODALITIES_IN_STUDY, Vr::CS, text)];
        assert!(holds(all, &both, &has("CT\\MR\\PT")));
        assert!(!holds(all, &both, &has("CT\\MR")));
        assert!(holds(Reading::default(), &both, &has("CT\\MR")));
        assert!(holds(all, &[(Tag::MODALITY, Vr::CS, "CT\\PT")], &[(Tag::MODALITY, Vr::CS, "PT")]));
    }

    #[test]
    fn two_quotation_marks_ask_for_no_value_only_where_that_is_agreed_upon() {
        let empty = Reading { empties: Empties::Matched, ..Reading::default() };
        let key = [(Tag::ACCESSION_NUMBER, Vr::SH, "\"\"")];
        assert!(holds(empty, &key, &[]));
        assert!(!holds(empty, &key, &[(Tag::ACCESSION_NUMBER, Vr::SH, "1")]));
        assert!(holds(empty, &[(Tag::STUDY_DATE, Vr::DA, "\"\"")], &[]));
        assert!(!holds(Reading::default(), &key, &[]));
    }

    #[test]
    fn a_date_time_without_an_offset_is_of_the_zone_of_the_query() {
        let zoned = Reading { zone: Offset::parse("+0100"), ..Reading::default() };
        let tag = Tag::new(0x0008, 0x002A);
        let key = [(tag, Vr::DT, "20240203120000")];
        assert!(holds(zoned, &key, &[(tag, Vr::DT, "20240203110000+0000")]));
        assert!(!holds(zoned, &key, &[(tag, Vr::DT, "20240203120000+0000")]));
    }
}
