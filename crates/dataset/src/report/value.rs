//! What a content item says, as text (PS3.3 §C.17.3.2, §C.18).

use causeway_core::{Attributes, Element, Tag, Vr};

use super::tags;

/// The name of a content item.
pub(super) fn name(item: &Attributes) -> Option<String> {
    code(item, tags::CONCEPT_NAME)
}

/// How a content item relates to the one it stands in, unless it is only contained in it.
pub(super) fn relation(item: &Attributes) -> Option<String> {
    let relation = item.first(tags::RELATIONSHIP)?;
    (relation != "CONTAINS").then(|| relation.to_lowercase())
}

/// The number of the content item that one stands for by reference.
pub(super) fn referenced(item: &Attributes) -> Option<String> {
    let numbers = item.get(tags::REFERENCED_ITEM)?.values();
    (!numbers.is_empty()).then(|| numbers.join("."))
}

/// Everything that an item says beside its name, one text for each thing.
pub(super) fn values(item: &Attributes) -> Vec<String> {
    let plain = [tags::TEXT, tags::DATE_TIME, tags::DATE, tags::TIME, tags::PERSON_NAME, tags::UID];
    let mut told: Vec<String> = plain.into_iter().filter_map(|tag| item.get(tag)).map(readable).collect();
    told.extend(code(item, tags::CONCEPT_CODE));
    for measured in items(item, tags::MEASURED) {
        told.extend(measurement(measured));
    }
    told.extend(code(item, tags::QUALIFIER));
    told.extend(items(item, Tag::REFERENCED_SOP_SEQUENCE).map(reference));
    told.extend(shape(item));
    told.extend(moment(item));
    told.extend(item.get(tags::OBSERVED).map(|element| format!("observed {}", readable(element))));
    told.retain(|text| !text.trim().is_empty());
    told
}

/// Who verified a report, and when.
pub(super) fn observer(item: &Attributes) -> String {
    let parts = [tags::OBSERVER_NAME, tags::OBSERVER_ORGANIZATION, tags::VERIFIED];
    let told: Vec<String> = parts.into_iter().filter_map(|tag| item.get(tag)).map(readable).collect();
    told.join(", ")
}

/// The values of an element as people write them.
pub(super) fn readable(element: &Element) -> String {
    let values: Vec<String> =
        element.values().iter().map(|value| of_vr(value.trim_matches([' ', '\0']), element.vr)).collect();
    values.join(", ")
}

fn of_vr(value: &str, vr: Vr) -> String {
    match vr {
        Vr::DA => dashed(value).unwrap_or_else(|| value.to_owned()),
        Vr::TM => clock(value).unwrap_or_else(|| value.to_owned()),
        Vr::DT => value
            .split_at_checked(8)
            .and_then(|(date, time)| Some(format!("{} {}", dashed(date)?, clock(time)?)))
            .unwrap_or_else(|| value.to_owned()),
        Vr::PN => person(value),
        _ => value.to_owned(),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn dashed(date: &str) -> Option<String> {
    let is_date = date.len() == 8 && is_digits(date);
    is_date.then(|| Some(format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..)?)))?
}

fn clock(time: &str) -> Option<String> {
    let (hour, minute) = (time.get(..2)?, time.get(2..4)?);
    let rest = time.get(4..)?;
    if !is_digits(hour) || !is_digits(minute) {
        return None;
    }
    Some(if rest.is_empty() { format!("{hour}:{minute}") } else { format!("{hour}:{minute}:{rest}") })
}

/// A name's groups, its components set apart by spaces (PS3.5 §6.2.1.2).
fn person(name: &str) -> String {
    let groups = name.split('=').map(|group| {
        let parts: Vec<&str> = group.split('^').filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    });
    let groups: Vec<String> = groups.filter(|group| !group.is_empty()).collect();
    groups.join(" / ")
}

fn items(item: &Attributes, tag: Tag) -> impl Iterator<Item = &Attributes> {
    item.get(tag).into_iter().flat_map(|element| element.items())
}

/// A code by its meaning; by itself, where it has none (PS3.3 §8.8).
fn code(item: &Attributes, tag: Tag) -> Option<String> {
    let code = items(item, tag).next()?;
    let number = [Tag::CODE_VALUE, Tag::LONG_CODE_VALUE, Tag::URN_CODE_VALUE]
        .into_iter()
        .find_map(|tag| code.first(tag).filter(|text| !text.is_empty()));
    let meaning = code.first(Tag::CODE_MEANING).filter(|text| !text.trim().is_empty());
    meaning.or(number).map(str::to_owned)
}

fn measurement(item: &Attributes) -> Option<String> {
    let number = [tags::NUMERIC_VALUE, tags::FLOATING_POINT_VALUE].into_iter().find_map(|tag| item.get(tag));
    let number = readable(number?);
    // Units of a mere count are "1" (UCUM), which says nothing beside the number.
    let units = items(item, tags::UNITS).next().and_then(|units| {
        let letters = units.first(Tag::CODE_VALUE).unwrap_or_default();
        (!["1", "{no units}"].contains(&letters)).then(|| code(item, tags::UNITS))?
    });
    Some(units.map_or_else(|| number.clone(), |units| format!("{number} {units}")))
}

/// An instance that an item refers to, with the parts of it that are meant.
fn reference(item: &Attributes) -> String {
    let class = item.first(Tag::REFERENCED_SOP_CLASS_UID).unwrap_or_default();
    let class = causeway_core::Uid::parse(class)
        .ok()
        .and_then(|uid| causeway_core::sop_class::name(&uid))
        .unwrap_or(class)
        .to_owned();
    let mut text = format!("{class} {}", item.first(Tag::REFERENCED_SOP_INSTANCE_UID).unwrap_or_default());
    for (label, tag) in [("frames", tags::FRAMES), ("segments", tags::SEGMENTS), ("channels", tags::CHANNELS)]
    {
        if let Some(parts) = item.get(tag).map(readable).filter(|parts| !parts.is_empty()) {
            text.push_str(&format!(", {label} {parts}"));
        }
    }
    for other in items(item, Tag::REFERENCED_SOP_SEQUENCE) {
        let uid = other.first(Tag::REFERENCED_SOP_INSTANCE_UID).unwrap_or_default();
        text.push_str(&format!(", with {uid}"));
    }
    text
}

/// A shape on an image or in space.
fn shape(item: &Attributes) -> Option<String> {
    let kind = item.first(tags::GRAPHIC_TYPE)?.to_lowercase();
    let numbers = item.get(tags::GRAPHIC_DATA).map(readable).unwrap_or_default();
    let space = item.first(tags::FRAME_OF_REFERENCE).map(|uid| format!(", in frame of reference {uid}"));
    Some(format!("{kind} {numbers}{}", space.unwrap_or_default()))
}

/// Points or stretches of time.
fn moment(item: &Attributes) -> Option<String> {
    let kind = item.first(tags::RANGE_TYPE)?.to_lowercase();
    let when = [("samples", tags::SAMPLES), ("seconds", tags::OFFSETS), ("at", tags::MOMENTS)];
    let told =
        when.into_iter().find_map(|(label, tag)| Some(format!("{label} {}", readable(item.get(tag)?))));
    Some(format!("{kind} {}", told.unwrap_or_default()))
}
