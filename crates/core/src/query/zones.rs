//! Time zones in a query (PS3.4 §C.2.2.2.1.3, §C.4.1.1.3): the dates and times of what is found, told in the zone
//! that was asked for. Matching and answering then both work on what is told.
//!
//! A data set says its own zone in Timezone Offset From UTC (0008,0201). What says none was told in the zone that
//! the archive assumes, summer time as it was on that day. Pure.

use jiff::tz::TimeZone;

use super::levels::DATES_AND_TIMES;
use super::moments::{Edge, Moment, Offset, civil, moved};
use crate::attributes::{Attributes, Element, Value};
use crate::tag::Tag;
use crate::vr::Vr;

/// Digits of a date, and of a time down to its minutes.
const DATE_DIGITS: usize = 8;
const MINUTE_DIGITS: usize = 4;

/// The zone that is asked for, and the one that is assumed where a data set does not say its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Zones {
    /// The zone of the query and of its answers.
    pub wanted: Offset,
    /// The zone of what says none.
    pub assumed: TimeZone,
}

impl Zones {
    /// Answers in `wanted`; what says no zone is taken to be UTC until [`Self::assume`] says otherwise.
    #[must_use]
    pub const fn of(wanted: Offset) -> Self {
        Self { wanted, assumed: TimeZone::UTC }
    }

    /// Takes what says no zone to be of `zone`.
    pub fn assume(&mut self, zone: &TimeZone) {
        self.assumed = zone.clone();
    }

    /// Tells the dates and times of `attributes` in the zone that is wanted. A date without its time, and a time
    /// without its date where no offset is known, is no moment and stays as it is.
    pub fn tell(&self, attributes: &mut Attributes) {
        let own = attributes.first(Tag::TIMEZONE_OFFSET_FROM_UTC).and_then(Offset::parse);
        self.tell_all(attributes, own);
        attributes.put_text(Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, self.wanted.to_string());
    }

    fn tell_all(&self, attributes: &mut Attributes, own: Option<Offset>) {
        for (date, time) in DATES_AND_TIMES {
            self.tell_pair(attributes, *date, *time, own);
        }
        for element in attributes.elements_mut() {
            match &mut element.value {
                Value::Text(values) if element.vr == Vr::DT => {
                    for value in values.iter_mut() {
                        if let Some(told) = self.date_time(value, own) {
                            *value = told;
                        }
                    }
                }
                Value::Items(items) => {
                    for item in items {
                        let own = item.first(Tag::TIMEZONE_OFFSET_FROM_UTC).and_then(Offset::parse).or(own);
                        self.tell_all(item, own);
                    }
                }
                Value::Text(_) => {}
            }
        }
    }

    fn tell_pair(&self, attributes: &mut Attributes, date: Tag, time: Tag, own: Option<Offset>) {
        let day = attributes.first(date).and_then(super::dates::date);
        let Some(of_day) = attributes.first(time).and_then(of_day) else { return };
        let Some(told) = self.moment(day.as_deref(), &of_day, own) else { return };
        let (told_day, told_time) = told.split_at_checked(DATE_DIGITS).unwrap_or_default();
        if day.is_some() {
            attributes.put(date, Element::text(Vr::DA, vec![told_day.to_owned()]));
        }
        attributes.put(time, Element::text(Vr::TM, vec![told_time.to_owned()]));
    }

    /// Date and time together, told anew.
    fn moment(&self, day: Option<&str>, of_day: &str, own: Option<Offset>) -> Option<String> {
        // Any day will do where there is none: only the time of day is taken of it.
        let digits = format!("{}{of_day}", day.unwrap_or("20000102"));
        let from = match (own, day) {
            (Some(own), _) => own,
            (None, Some(_)) => self.offset_then(&digits)?,
            (None, None) => return None,
        };
        moved(&digits, i32::from(self.wanted.minutes()) - i32::from(from.minutes()))
    }

    /// A value of VR DT without an offset, told anew; none for one that has an offset, or is not told down to hours.
    fn date_time(&self, value: &str, own: Option<Offset>) -> Option<String> {
        let value = value.trim();
        Moment::parse(value, Edge::First).filter(|moment| moment.offset.is_none())?;
        let (day, rest) = value.split_at_checked(DATE_DIGITS)?;
        self.moment(Some(day), &of_day(rest)?, own)
    }

    /// The offset that the assumed zone had at this local time.
    fn offset_then(&self, digits: &str) -> Option<Offset> {
        let local = self.assumed.to_ambiguous_zoned_datetime(civil(digits)?);
        let offset = local.compatible().ok()?.offset();
        Offset::of_minutes(i16::try_from(offset.seconds() / 60).ok()?)
    }
}

/// A time down to its minutes at least, as it is written behind them: `10` becomes `1000`, `10:15:30.5` is
/// `101530.5`.
fn of_day(text: &str) -> Option<String> {
    let text: String = text.trim().chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let fine = matches!(whole.len(), 2 | MINUTE_DIGITS | 6)
        && whole.bytes().all(|b| b.is_ascii_digit())
        && fraction.is_none_or(|fraction| whole.len() == 6 && fraction.bytes().all(|b| b.is_ascii_digit()));
    let minutes = if whole.len() == 2 { "00" } else { "" };
    fine.then(|| format!("{text}{minutes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(zones: &Zones, entries: &[(Tag, Vr, &str)]) -> Attributes {
        let mut attributes: Attributes = entries
            .iter()
            .map(|(tag, vr, text)| (*tag, Element::text(*vr, vec![(*text).to_owned()])))
            .collect();
        zones.tell(&mut attributes);
        attributes
    }

    fn study(zone: &str, date: &str, time: &str) -> Vec<(Tag, Vr, String)> {
        [
            (Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, zone),
            (Tag::STUDY_DATE, Vr::DA, date),
            (Tag::STUDY_TIME, Vr::TM, time),
        ]
        .into_iter()
        .filter(|(_, _, text)| !text.is_empty())
        .map(|(tag, vr, text)| (tag, vr, text.to_owned()))
        .collect()
    }

    fn both(zones: &Zones, zone: &str, date: &str, time: &str) -> (String, String, String) {
        let entries = study(zone, date, time);
        let entries: Vec<(Tag, Vr, &str)> = entries.iter().map(|(a, b, c)| (*a, *b, c.as_str())).collect();
        let attributes = told(zones, &entries);
        let text = |tag| attributes.first(tag).unwrap_or_default().to_owned();
        (text(Tag::STUDY_DATE), text(Tag::STUDY_TIME), text(Tag::TIMEZONE_OFFSET_FROM_UTC))
    }

    fn said(date: &str, time: &str, zone: &str) -> (String, String, String) {
        (date.to_owned(), time.to_owned(), zone.to_owned())
    }

    #[test]
    fn a_study_s_own_offset_counts_and_the_day_may_change() {
        let zones = Zones::of(Offset::parse("+0900").unwrap());
        assert_eq!(both(&zones, "-0500", "20240131", "101530.25"), said("20240201", "001530.25", "+0900"));
        assert_eq!(both(&zones, "+0900", "20240131", "10"), said("20240131", "1000", "+0900"));
    }

    #[test]
    fn what_says_no_offset_is_of_the_assumed_zone_with_its_summer_time() {
        let mut zones = Zones::of(Offset::UTC);
        assert_eq!(both(&zones, "", "20240131", "1015"), said("20240131", "1015", "+0000"));
        zones.assume(&TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        assert_eq!(both(&zones, "", "20240131", "0015"), said("20240130", "2315", "+0000"));
        assert_eq!(both(&zones, "", "20240731", "0015"), said("20240730", "2215", "+0000"));
    }

    #[test]
    fn a_date_alone_is_no_moment_and_a_time_alone_only_with_an_offset() {
        let mut zones = Zones::of(Offset::parse("+0100").unwrap());
        zones.assume(&TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        assert_eq!(both(&zones, "+0000", "20240131", "").0, "20240131");
        assert_eq!(both(&zones, "+0000", "", "2330").1, "0030");
        assert_eq!(both(&zones, "", "", "2330").1, "2330");
    }

    #[test]
    fn a_date_time_is_told_anew_unless_it_has_an_offset_of_its_own() {
        let zones = Zones::of(Offset::parse("+0100").unwrap());
        let at = |text: &str| {
            let tag = Tag::new(0x0008, 0x002A);
            let zone = (Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, "+0000");
            told(&zones, &[zone, (tag, Vr::DT, text)]).first(tag).unwrap().to_owned()
        };
        assert_eq!(at("20240131233000.5"), "20240201003000.5");
        assert_eq!(at("20240131233000-0500"), "20240131233000-0500");
        assert_eq!(at("202401"), "202401");
    }

    #[test]
    fn times_in_items_are_told_anew_and_birthdays_are_not() {
        let zones = Zones::of(Offset::parse("+0100").unwrap());
        let item: Attributes = [
            (Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Element::text(Vr::DA, vec!["20240131".into()])),
            (Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, Element::text(Vr::TM, vec!["2330".into()])),
        ]
        .into_iter()
        .collect();
        let mut attributes = Attributes::new();
        attributes
            .put(Tag::REQUEST_ATTRIBUTES_SEQUENCE, Element { vr: Vr::SQ, value: Value::Items(vec![item]) });
        attributes.put_text(Tag::PATIENT_BIRTH_DATE, Vr::DA, "19700101");
        attributes.put_text(Tag::PATIENT_BIRTH_TIME, Vr::TM, "2330");
        attributes.put_text(Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, "+0000");
        zones.tell(&mut attributes);
        let item = &attributes.get(Tag::REQUEST_ATTRIBUTES_SEQUENCE).unwrap().items()[0];
        assert_eq!(item.first(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE), Some("20240201"));
        assert_eq!(attributes.first(Tag::PATIENT_BIRTH_DATE), Some("19700101"));
    }
}
