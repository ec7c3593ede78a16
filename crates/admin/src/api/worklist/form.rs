//! The flat form of an entry of the worklist: JSON that people write, and the attributes it means. Pure.

use causeway_core::worklist::change_step;
use causeway_core::{Attributes, Element, Tag, Vr, worklist};
use jiff::civil::{Date, DateTime, Time};
use serde_json::{Map, Value, json};

use super::fields::{CODE, FIELDS, Field, GROUPS, Kind, Place, SHOWN_ONLY, START, field};

/// A field that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Its name.
    pub(super) field: String,
    /// What is wrong with it, to follow its name.
    pub(super) words: String,
}

impl Fault {
    fn new(field: impl Into<String>, words: impl Into<String>) -> Self {
        Self { field: field.into(), words: words.into() }
    }
}

/// What a document says. Whether it is enough is for the archive to say.
pub(super) fn read(document: &Value) -> Result<Attributes, Fault> {
    let Value::Object(document) = document else {
        return Err(Fault::new("", "the entry must be a JSON object"));
    };
    let mut reader = Reader::default();
    for (name, value) in document.iter().filter(|(name, _)| !SHOWN_ONLY.contains(&name.as_str())) {
        match value {
            Value::Object(group) if GROUPS.contains(&name.as_str()) => {
                for (inner, value) in group {
                    reader.take(&format!("{name}.{inner}"), value)?;
                }
            }
            value => reader.take(name, value)?,
        }
    }
    let Reader { mut entry, step } = reader;
    change_step(&mut entry, |empty| *empty = step);
    Ok(entry)
}

#[derive(Default)]
struct Reader {
    entry: Attributes,
    step: Attributes,
}

impl Reader {
    fn take(&mut self, path: &str, value: &Value) -> Result<(), Fault> {
        if path == START {
            return self.start(value);
        }
        let Some(field) = field(path) else { return Err(unknown(path)) };
        if let Some(element) = element(field, value)? {
            let place = if field.place == Place::Step { &mut self.step } else { &mut self.entry };
            place.put(field.tag, element);
        }
        Ok(())
    }

    /// `2025-01-31T08:30`, seconds or not.
    fn start(&mut self, value: &Value) -> Result<(), Fault> {
        let Some(text) = text(START, value)? else { return Ok(()) };
        let start: DateTime =
            text.parse().map_err(|_| Fault::new(START, "is no date and time such as 2025-01-31T08:30"))?;
        let (date, time) = (start.strftime("%Y%m%d"), start.strftime("%H%M%S"));
        self.step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Vr::DA, date.to_string());
        self.step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, Vr::TM, time.to_string());
        Ok(())
    }
}

fn unknown(path: &str) -> Fault {
    let group = path.split_once('.').map(|(group, _)| group);
    let known = FIELDS.iter().map(|field| field.path).chain([START]);
    let near: Vec<&str> =
        known.filter(|known| known.split_once('.').map(|(group, _)| group) == group).collect();
    Fault::new(path, format!("is not known here; known are {}", near.join(", ")))
}

/// The attribute that `value` means; none for one that says nothing.
fn element(field: &Field, value: &Value) -> Result<Option<Element>, Fault> {
    let path = field.path;
    let element = match field.kind {
        Kind::Text => text(path, value)?.map(|text| Element::text(field.vr, vec![text])),
        Kind::Texts => {
            let values = match value {
                Value::Array(values) => values.iter().map(|value| text(path, value)).collect(),
                value => text(path, value).map(|text| vec![text]),
            };
            let values: Vec<String> = values?.into_iter().flatten().collect();
            (!values.is_empty()).then(|| Element::text(field.vr, values))
        }
        Kind::Date => match text(path, value)? {
            Some(text) => Some(Element::text(field.vr, vec![date(path, &text)?])),
            None => None,
        },
        Kind::Code => match value {
            Value::Null => None,
            value => Some(items(vec![code(path, value)?])),
        },
        Kind::Codes => match value {
            Value::Null => None,
            Value::Array(codes) if codes.is_empty() => None,
            Value::Array(codes) => {
                Some(items(codes.iter().map(|value| code(path, value)).collect::<Result<_, _>>()?))
            }
            _ => return Err(Fault::new(path, "must be a list of codes")),
        },
    };
    Ok(element)
}

fn items(items: Vec<Attributes>) -> Element {
    Element { vr: Vr::SQ, value: causeway_core::Value::Items(items) }
}

/// The text of a value; none for null and for an empty text.
fn text(path: &str, value: &Value) -> Result<Option<String>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(Fault::new(path, "must be a text")),
    }
}

fn date(path: &str, text: &str) -> Result<String, Fault> {
    let read = text.parse::<Date>().or_else(|_| Date::strptime("%Y%m%d", text));
    let date = read.map_err(|_| Fault::new(path, "is no date such as 1970-12-31"))?;
    Ok(date.strftime("%Y%m%d").to_string())
}

fn code(path: &str, value: &Value) -> Result<Attributes, Fault> {
    let Value::Object(parts) = value else {
        return Err(Fault::new(path, "must be {\"value\": …, \"scheme\": …, \"meaning\": …}"));
    };
    if let Some(name) = parts.keys().find(|name| CODE.iter().all(|(known, ..)| known != name)) {
        return Err(Fault::new(
            format!("{path}.{name}"),
            "is not known here; known are value, scheme, meaning",
        ));
    }
    let mut item = Attributes::new();
    for (name, tag, vr) in CODE {
        let place = format!("{path}.{name}");
        match text(&place, parts.get(name).unwrap_or(&Value::Null))? {
            Some(text) => item.put_text(tag, vr, text),
            None => return Err(Fault::new(place, "is missing")),
        }
    }
    Ok(item)
}

/// The flat form of an entry.
pub(super) fn write(entry: &Attributes) -> Map<String, Value> {
    let empty = Attributes::new();
    let step = worklist::step(entry).unwrap_or(&empty);
    let mut document = Map::new();
    for field in FIELDS {
        let place = if field.place == Place::Step { step } else { entry };
        if let Some(value) = place.get(field.tag).and_then(|element| shown(field.kind, element)) {
            put(&mut document, field.path, value);
        }
        if field.path == "step.modality"
            && let Some(start) = moment(
                step.first(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE),
                step.first(Tag::SCHEDULED_PROCEDURE_STEP_START_TIME),
            )
        {
            put(&mut document, START, Value::String(start));
        }
    }
    document
}

fn put(document: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((group, name)) = path.split_once('.') else {
        document.insert(path.to_owned(), value);
        return;
    };
    let group = document.entry(group).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(group) = group {
        group.insert(name.to_owned(), value);
    }
}

fn shown(kind: Kind, element: &Element) -> Option<Value> {
    let first = || element.values().first().filter(|text| !text.is_empty());
    match kind {
        Kind::Text => first().map(|text| json!(text)),
        Kind::Texts if element.is_empty() => None,
        Kind::Texts => Some(json!(element.values())),
        Kind::Date => first().map(|text| json!(iso_date(text).unwrap_or_else(|| text.clone()))),
        Kind::Code => element.items().first().map(shown_code),
        Kind::Codes if element.items().is_empty() => None,
        Kind::Codes => Some(element.items().iter().map(shown_code).collect()),
    }
}

fn shown_code(item: &Attributes) -> Value {
    let part = |(name, tag, _): (&str, Tag, Vr)| Some((name.to_owned(), json!(item.first(tag)?)));
    Value::Object(CODE.into_iter().filter_map(part).collect())
}

/// A DICOM date as ISO 8601 has it.
pub(crate) fn iso_date(text: &str) -> Option<String> {
    let digits = causeway_core::query::dates::date(text)?;
    Some(Date::strptime("%Y%m%d", digits).ok()?.to_string())
}

/// A DICOM date and time as ISO 8601 has them, without a zone: nobody told it.
pub(crate) fn moment(date: Option<&str>, time: Option<&str>) -> Option<String> {
    let date = iso_date(date?)?;
    let digits = causeway_core::query::dates::time(time?, '0')?;
    let time = Time::strptime("%H%M%S", digits.get(..6)?).ok()?;
    Some(format!("{date}T{time}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "status": "READY",
            "patient": {
                "id": "P1", "issuer": "CLINIC", "name": "Doe^Jane", "birth_date": "1970-12-31", "sex": "F",
                "weight": "61.5", "allergies": ["Latex", "Iodine"]
            },
            "accession_number": "A1",
            "study_instance_uid": "1.2.3",
            "referring_physician": "House^Gregory",
            "requested_procedure": {
                "id": "R1", "description": "CT head",
                "code": { "value": "CTHEAD", "scheme": "99LOCAL", "meaning": "CT head" }
            },
            "step": {
                "id": "S1", "station_ae": ["CT1", "CT2"], "modality": "CT", "start": "2025-01-31T08:30:00",
                "description": "CT head", "protocol_codes": [{ "value": "P", "scheme": "L", "meaning": "M" }],
                "performing_physician": "Roe^Rita"
            }
        })
    }

    #[test]
    fn what_is_written_is_read_back() {
        let entry = read(&document()).unwrap();
        let step = worklist::step(&entry).unwrap();
        assert_eq!(entry.first(Tag::PATIENT_BIRTH_DATE), Some("19701231"));
        assert_eq!(step.first(Tag::SCHEDULED_PROCEDURE_STEP_START_TIME), Some("083000"));
        assert_eq!(step.get(Tag::SCHEDULED_STATION_AE_TITLE).unwrap().values(), ["CT1", "CT2"]);
        let codes = entry.get(Tag::REQUESTED_PROCEDURE_CODE_SEQUENCE).unwrap().items();
        assert_eq!(codes[0].first(Tag::CODE_VALUE), Some("CTHEAD"));
        assert_eq!(Value::Object(write(&entry)), document());
    }

    #[test]
    fn what_says_nothing_is_nothing_and_one_text_is_a_list_of_one() {
        let document = json!({
            "id": 7, "changed_at": "x", "accession_number": "", "patient": { "issuer": null, "weight": 61 },
            "step": { "station_ae": "CT1", "start": "2025-01-31 08:30" }
        });
        let entry = read(&document).unwrap();
        assert!(!entry.contains(Tag::ACCESSION_NUMBER));
        assert!(!entry.contains(Tag::ISSUER_OF_PATIENT_ID));
        let shown = Value::Object(write(&entry));
        assert_eq!(shown["patient"], json!({ "weight": "61" }));
        assert_eq!(shown["step"], json!({ "station_ae": ["CT1"], "start": "2025-01-31T08:30:00" }));
    }

    #[test]
    fn a_field_that_cannot_be_read_is_named() {
        for (document, field) in [
            (json!({ "step": { "start": "tomorrow" } }), "step.start"),
            (json!({ "step": { "start": "2025-02-30T08:00" } }), "step.start"),
            (json!({ "patient": { "birth_date": "31.12.1970" } }), "patient.birth_date"),
            (json!({ "patient": { "nmae": "Doe" } }), "patient.nmae"),
            (json!({ "patient": "Doe" }), "patient"),
            (json!({ "accession": "A1" }), "accession"),
            (json!({ "requested_procedure": { "code": "CT" } }), "requested_procedure.code"),
            (
                json!({ "requested_procedure": { "code": { "value": "CT", "scheme": "L" } } }),
                "requested_procedure.code.meaning",
            ),
            (json!({ "step": { "protocol_codes": [{ "vlaue": "CT" }] } }), "step.protocol_codes.vlaue"),
            (json!({ "patient": { "id": true } }), "patient.id"),
            (json!([]), ""),
        ] {
            assert_eq!(read(&document).unwrap_err().field, field, "{document}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_its_neighbours() {
        let fault = read(&json!({ "patient": { "nmae": "Doe" } })).unwrap_err();
        assert!(fault.words.contains("patient.name") && !fault.words.contains("step."), "{}", fault.words);
    }
}
