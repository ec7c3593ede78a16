//! A date and a time asked for as ranges of one form are one moment (PS3.18 §8.3.4.1.1, PS3.4 §C.2.2.2.5.4):
//! from the tenth at six until the twelfth at nine, not six to nine on each day. Pure.

use causeway_core::Tag;
use causeway_core::query::dates::Range;
use causeway_core::query::{Key, Matching};

use super::keys::{Asked, Form};

/// Dates and the times that belong to them.
const PAIRS: &[(Tag, Tag)] = &[
    (Tag::STUDY_DATE, Tag::STUDY_TIME),
    (Tag::SERIES_DATE, Tag::SERIES_TIME),
    (Tag::ACQUISITION_DATE, Tag::ACQUISITION_TIME),
    (Tag::CONTENT_DATE, Tag::CONTENT_TIME),
    (Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Tag::PERFORMED_PROCEDURE_STEP_START_TIME),
];

/// The keys of a query, dates and times of one form made one.
pub(super) fn combine(mut asked: Vec<Asked>) -> Vec<Key> {
    for (date, time) in PAIRS {
        if let Some(range) = moment(&asked, *date, *time) {
            asked.retain(|asked| asked.key.tag != *time);
            for asked in asked.iter_mut().filter(|asked| asked.key.tag == *date) {
                asked.key.matching = Matching::Combined { time: *time, range: range.clone() };
            }
        }
    }
    asked.into_iter().map(|asked| asked.key).collect()
}

/// The range that a date and a time make together, when both are ranges of one form.
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
