//! The identifier of a C-FIND of the modality worklist (PS3.4 §K.4.1.1.3), and those of its answers. Pure.
//!
//! Entries are kept whole, so that every attribute of the standard is matched and returned wherever it stands; keys
//! beyond it, private ones and those of other services, restrict nothing and are answered with FF01.

use causeway_archive::WorklistQuery;
use causeway_core::query::dates::Range;
use causeway_core::query::{Key, Matching};
use causeway_core::worklist::ScheduledStatus;
use causeway_core::{Attributes, Element, Tag, Value, Vr};
use causeway_dataset::dictionary;

use super::Refusal;

/// What a C-FIND of the worklist asks.
#[derive(Debug)]
pub(crate) struct WorklistRequest {
    /// The question.
    pub(crate) query: WorklistQuery,
    /// Whether some key is one that is not supported: answers say so with FF01.
    pub(crate) has_unsupported_keys: bool,
    /// The keys as they stood in the identifier: what an answer shows.
    requested: Attributes,
}

/// Attributes that are no keys: what texts are written in, and in which zone times are told.
const NO_KEYS: [Tag; 2] = [Tag::SPECIFIC_CHARACTER_SET, Tag::TIMEZONE_OFFSET_FROM_UTC];
/// Keys of other information models.
const FOREIGN: [Tag; 3] = [Tag::QUERY_RETRIEVE_LEVEL, Tag::RETRIEVE_AE_TITLE, Tag::INSTANCE_AVAILABILITY];
/// Sequences that are returned and never matched: Pertinent Documents, Protocol Context (PS3.4 Table K.6-1).
const ONLY_RETURNED: [Tag; 2] = [Tag::new(0x0038, 0x0100), Tag::new(0x0040, 0x0440)];
/// A date and the time that belongs to it: ranges of both are one range of moments (PS3.4 Table K.6-1).
const START: (Tag, Tag) =
    (Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Tag::SCHEDULED_PROCEDURE_STEP_START_TIME);

/// Reads the identifier. Steps that are under way or over are found only by a query that asks for their status.
pub(crate) fn worklist_request(identifier: Attributes) -> Result<WorklistRequest, Refusal> {
    let mut has_unsupported_keys = false;
    let mut requested = supported(identifier, &mut has_unsupported_keys);
    let keys = keys(&requested)?;
    requested.remove(Tag::SPECIFIC_CHARACTER_SET);
    let open = || ScheduledStatus::ALL.into_iter().filter(|status| status.is_open()).collect();
    let statuses = if asks_for_status(&keys) { Vec::new() } else { open() };
    let query = WorklistQuery { keys, statuses, limit: None, offset: 0 };
    Ok(WorklistRequest { query, has_unsupported_keys, requested })
}

impl WorklistRequest {
    /// The identifier of the answer for one entry.
    pub(crate) fn answer(&self, entry: &Attributes) -> Attributes {
        let mut shown = project(&self.requested, entry);
        if shown.get(Tag::TIMEZONE_OFFSET_FROM_UTC).is_some_and(Element::is_empty) {
            // Not to be sent with zero length (PS3.4 §K.4.1.1.3.2).
            shown.remove(Tag::TIMEZONE_OFFSET_FROM_UTC);
        }
        shown
    }
}

/// What of `entry` was asked for; what it does not have is empty.
fn project(requested: &Attributes, entry: &Attributes) -> Attributes {
    requested
        .iter()
        .map(|(tag, wanted)| {
            let has = entry.get(tag);
            (tag, has.map_or_else(|| Element::empty(wanted.vr), |has| narrow(wanted, has)))
        })
        .collect()
}

/// Of a sequence only the attributes that the key's item names, when it names any (PS3.4 §C.2.2.2.6).
fn narrow(wanted: &Element, has: &Element) -> Element {
    match wanted.items().first() {
        Some(named) if !named.is_empty() => {
            let items = has.items().iter().map(|item| project(named, item)).collect();
            Element { vr: Vr::SQ, value: Value::Items(items) }
        }
        _ => has.clone(),
    }
}

/// The attributes that are keys here; notes whether there are others.
fn supported(attributes: Attributes, has_others: &mut bool) -> Attributes {
    let mut kept = Attributes::new();
    for (tag, Element { vr, value }) in attributes {
        let is_known = !tag.is_private() && dictionary::entry(tag).is_some() && !FOREIGN.contains(&tag);
        if tag.element() == 0 {
            continue;
        }
        if !is_known {
            *has_others = true;
            continue;
        }
        let value = match value {
            Value::Items(items) => {
                Value::Items(items.into_iter().map(|item| supported(item, has_others)).collect())
            }
            text @ Value::Text(_) => text,
        };
        kept.put(tag, Element { vr, value });
    }
    kept
}

/// The conditions that an identifier makes, or an item of it.
fn keys(attributes: &Attributes) -> Result<Vec<Key>, Refusal> {
    let mut keys = Vec::new();
    for (tag, element) in attributes.iter().filter(|(tag, _)| !NO_KEYS.contains(tag)) {
        keys.extend(key(tag, element)?);
    }
    combine(&mut keys, attributes);
    Ok(keys)
}

/// The condition that one attribute makes, if it makes any.
fn key(tag: Tag, element: &Element) -> Result<Option<Key>, Refusal> {
    let vr = dictionary::vr_of(tag).unwrap_or(element.vr);
    let matching = match &element.value {
        Value::Items(items) => match items.as_slice() {
            _ if ONLY_RETURNED.contains(&tag) => return Ok(None),
            [] => return Ok(None),
            [item] => Matching::Sequence(keys(item)?),
            _ => return Err(Refusal::mismatch(tag, "a sequence as a key has one item")),
        },
        Value::Text(_) if vr == Vr::SQ => return Ok(None),
        Value::Text(values) => Matching::parse(vr, &values.join("\\"))
            .map_err(|error| Refusal::mismatch(tag, error.to_string()))?,
    };
    let asks = match &matching {
        Matching::Universal => false,
        Matching::Sequence(keys) => !keys.is_empty(),
        _ => true,
    };
    Ok(asks.then_some(Key { tag, vr, matching }))
}

/// Makes one condition of the start's date and time, when both are ranges of one form.
fn combine(keys: &mut Vec<Key>, asked: &Attributes) {
    let (date, time) = START;
    let form = |tag| asked.first(tag).and_then(|text| text.trim().split_once('-'));
    let (Some(days), Some(hours)) = (form(date), form(time)) else { return };
    if days.0.is_empty() != hours.0.is_empty() || days.1.is_empty() != hours.1.is_empty() {
        return;
    }
    let find = |tag| keys.iter().find(|key| key.tag == tag).map(|key| &key.matching);
    let (Some(Matching::Date(days)), Some(Matching::Time(hours))) = (find(date), find(time)) else { return };
    let joined = |day: &Option<String>, hour: &Option<String>| {
        Some(format!("{}{}", day.as_deref()?, hour.as_deref()?))
    };
    let range = Range { from: joined(&days.from, &hours.from), to: joined(&days.to, &hours.to) };
    keys.retain(|key| key.tag != time);
    for key in keys.iter_mut().filter(|key| key.tag == date) {
        key.matching = Matching::Combined { time, range: range.clone() };
    }
}

fn asks_for_status(keys: &[Key]) -> bool {
    keys.iter().any(|key| match &key.matching {
        Matching::Sequence(keys) => asks_for_status(keys),
        _ => key.tag == Tag::SCHEDULED_PROCEDURE_STEP_STATUS,
    })
}

#[cfg(test)]
mod tests {
    use causeway_core::Status;
    use causeway_core::query::matching::key_matches;

    use super::*;

    const STEP: Tag = Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE;

    fn with(entries: &[(Tag, &str)], items: Vec<Attributes>) -> Attributes {
        let mut attributes: Attributes = entries
            .iter()
            .map(|(tag, text)| {
                let vr = dictionary::vr_of(*tag).unwrap_or(Vr::LO);
                let values = text.split('\\').filter(|text| !text.is_empty()).map(str::to_owned).collect();
                (*tag, Element::text(vr, values))
            })
            .collect();
        if !items.is_empty() {
            attributes.put(STEP, Element { vr: Vr::SQ, value: Value::Items(items) });
        }
        attributes
    }

    fn step(entries: &[(Tag, &str)]) -> Attributes {
        with(&[], vec![with(entries, Vec::new())])
    }

    fn matches(asked: Attributes, entry: &Attributes) -> bool {
        worklist_request(asked).unwrap().query.keys.iter().all(|key| key_matches(key, entry))
    }

    #[test]
    fn ranges_of_date_and_time_are_one_range_of_moments() {
        let (date, time) = START;
        let asked = || step(&[(date, "20250705-20250707"), (time, "1000-1800")]);
        for (day, hour, within) in [
            ("20250705", "0959", false),
            ("20250705", "1000", true),
            ("20250706", "0300", true),
            ("20250707", "1800", true),
            ("20250707", "1801", false),
        ] {
            assert_eq!(matches(asked(), &step(&[(date, day), (time, hour)])), within, "{day} {hour}");
        }
    }

    #[test]
    fn a_day_with_a_range_of_hours_means_these_hours_of_this_day() {
        let (date, time) = START;
        let asked = || step(&[(date, "20250705"), (time, "1000-1800")]);
        for (day, hour, within) in
            [("20250705", "1000", true), ("20250705", "1900", false), ("20250706", "1100", false)]
        {
            assert_eq!(matches(asked(), &step(&[(date, day), (time, hour)])), within, "{day} {hour}");
        }
        let open = step(&[(date, "20250705-"), (time, "1000-1200")]);
        assert!(
            !matches(open, &step(&[(date, "20250706"), (time, "1300")])),
            "forms differ: each on its own"
        );
    }

    #[test]
    fn only_steps_that_wait_are_found_unless_a_status_is_asked_for() {
        let all = worklist_request(step(&[(Tag::SCHEDULED_PROCEDURE_STEP_STATUS, "")])).unwrap();
        let open = [ScheduledStatus::Scheduled, ScheduledStatus::Arrived, ScheduledStatus::Ready];
        assert_eq!(all.query.statuses, open);
        let asked = worklist_request(step(&[(Tag::SCHEDULED_PROCEDURE_STEP_STATUS, "STARTED")])).unwrap();
        assert_eq!(asked.query.statuses, []);
    }

    #[test]
    fn keys_beyond_the_standard_are_said_to_be_unsupported_and_neither_matched_nor_returned() {
        let private = Tag::new(0x0009, 0x1001);
        let asked =
            with(&[(Tag::PATIENT_ID, "P1"), (Tag::QUERY_RETRIEVE_LEVEL, "STUDY"), (private, "x")], vec![]);
        let request = worklist_request(asked).unwrap();
        assert!(request.has_unsupported_keys);
        assert_eq!(request.query.keys.len(), 1);
        assert_eq!(request.answer(&with(&[(Tag::PATIENT_ID, "P1"), (private, "x")], vec![])).len(), 1);
        let within = step(&[(Tag::MODALITY, "CT"), (private, "x")]);
        assert!(worklist_request(within).unwrap().has_unsupported_keys);
        assert!(!worklist_request(step(&[(Tag::MODALITY, "CT")])).unwrap().has_unsupported_keys);
    }

    #[test]
    fn an_answer_holds_what_was_asked_for_and_nothing_else() {
        let asked = with(
            &[(Tag::PATIENT_NAME, ""), (Tag::ACCESSION_NUMBER, ""), (Tag::TIMEZONE_OFFSET_FROM_UTC, "+0100")],
            vec![with(&[(Tag::MODALITY, ""), (Tag::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "")], Vec::new())],
        );
        let entry = with(
            &[(Tag::PATIENT_NAME, "Doe^Jane"), (Tag::PATIENT_ID, "P1")],
            vec![with(&[(Tag::MODALITY, "CT"), (Tag::SCHEDULED_STATION_AE_TITLE, "CT1")], Vec::new())],
        );
        let answer = worklist_request(asked).unwrap().answer(&entry);
        let expected = with(
            &[(Tag::PATIENT_NAME, "Doe^Jane"), (Tag::ACCESSION_NUMBER, "")],
            vec![with(&[(Tag::MODALITY, "CT"), (Tag::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "")], Vec::new())],
        );
        assert_eq!(answer, expected);
        let whole = worklist_request(with(&[], vec![Attributes::new()])).unwrap().answer(&entry);
        assert_eq!(whole.get(STEP), entry.get(STEP), "an item that names nothing asks for all");
    }

    #[test]
    fn a_key_that_cannot_be_read_is_refused_with_its_tag() {
        let refusal =
            worklist_request(step(&[(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, "tomorrow")])).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.offending),
            (Status::IDENTIFIER_DOES_NOT_MATCH, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE)
        );
        let twice = with(&[], vec![Attributes::new(), Attributes::new()]);
        assert_eq!(worklist_request(twice).unwrap_err().offending, STEP);
    }
}
