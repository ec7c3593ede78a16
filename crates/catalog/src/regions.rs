//! Anatomic Regions in Study Code Sequence (PS3.4 §C.3.4): the codes of Anatomic Region Sequence in the instances of
//! a study, each once.

use causeway_core::{Attributes, Element, Tag, Value, Vr};

use crate::engine::{Connection, OptionalExtension};
use crate::error::Error;

/// Most regions that are gathered of one study; the body has not many more.
const MAX_REGIONS: usize = 64;
/// What of an item is its code (PS3.3 Table 8.8-1).
const CODE: std::ops::RangeInclusive<u16> = 0x0100..=0x0123;

/// The regions that an instance shows.
pub(crate) fn of(instance: &Attributes) -> Vec<Attributes> {
    let items = instance.get(Tag::ANATOMIC_REGION_SEQUENCE).map(Element::items).unwrap_or_default();
    items
        .iter()
        .map(|item| {
            let mut code = item.clone();
            code.retain(|tag| tag.group() == 0x0008 && CODE.contains(&tag.element()));
            code
        })
        .filter(|code| identity(code).iter().any(|text| !text.is_empty()))
        .collect()
}

/// What makes two codes the same.
fn identity(code: &Attributes) -> [&str; 4] {
    let tags = [Tag::CODE_VALUE, Tag::LONG_CODE_VALUE, Tag::URN_CODE_VALUE, Tag::CODING_SCHEME_DESIGNATOR];
    tags.map(|tag| code.first(tag).unwrap_or_default())
}

/// Adds the regions of a new instance to those of its study.
pub(crate) fn add(connection: &Connection, study: i64, regions: Vec<Attributes>) -> Result<(), Error> {
    if regions.is_empty() {
        return Ok(());
    }
    let kept: String = connection
        .prepare_cached("SELECT regions FROM study WHERE id = ?1")?
        .query_row([study], |row| row.get(0))?;
    match joined(read(&kept)?, regions) {
        Some(all) => write(connection, study, all),
        None => Ok(()),
    }
}

/// Gathers the regions of a study anew, when instances of it have gone.
pub(crate) fn recount(connection: &Connection, study: i64) -> Result<(), Error> {
    let had_some = connection
        .prepare_cached("SELECT 1 FROM study WHERE id = ?1 AND regions <> ''")?
        .query_row([study], |_| Ok(()))
        .optional()?;
    if had_some.is_none() {
        return Ok(());
    }
    let mut all = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT instance.attributes FROM instance JOIN series ON series.id = instance.series
         WHERE series.study = ?1 ORDER BY instance.id",
    )?;
    let mut rows = statement.query([study])?;
    while let Some(row) = rows.next()? {
        let json = row.get_ref(0)?.as_str().map_err(|_| Error::Corrupt("attributes"))?;
        let only = Attributes::from_json_only(json, |tag| tag == Tag::ANATOMIC_REGION_SEQUENCE);
        if let Some(more) = joined(all.clone(), of(&only.map_err(|_| Error::Corrupt("attributes"))?)) {
            all = more;
        }
    }
    write(connection, study, all)
}

/// `kept` with those of `regions` that are not among them; none where all are.
fn joined(mut kept: Vec<Attributes>, regions: Vec<Attributes>) -> Option<Vec<Attributes>> {
    let before = kept.len();
    for region in regions {
        if kept.len() < MAX_REGIONS && !kept.iter().any(|known| identity(known) == identity(&region)) {
            kept.push(region);
        }
    }
    (kept.len() > before).then_some(kept)
}

fn read(text: &str) -> Result<Vec<Attributes>, Error> {
    let Some(element) = element(text)? else { return Ok(Vec::new()) };
    Ok(element.items().to_vec())
}

/// The attribute that the column `regions` holds; none when it is empty.
pub(crate) fn element(text: &str) -> Result<Option<Element>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut attributes = Attributes::from_json(text).map_err(|_| Error::Corrupt("regions"))?;
    Ok(attributes.remove(Tag::ANATOMIC_REGIONS_IN_STUDY_CODE_SEQUENCE))
}

fn write(connection: &Connection, study: i64, regions: Vec<Attributes>) -> Result<(), Error> {
    let mut text = String::new();
    if !regions.is_empty() {
        let element = Element { vr: Vr::SQ, value: Value::Items(regions) };
        let tag = Tag::ANATOMIC_REGIONS_IN_STUDY_CODE_SEQUENCE;
        text = [(tag, element)].into_iter().collect::<Attributes>().to_json();
    }
    connection.prepare_cached("UPDATE study SET regions = ?2 WHERE id = ?1")?.execute((study, text))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(codes: &[&str]) -> Attributes {
        let item = |code: &&str| -> Attributes {
            let text = |value: &str| Element::text(Vr::SH, vec![value.to_owned()]);
            let modifier = Element { vr: Vr::SQ, value: Value::Items(Vec::new()) };
            [
                (Tag::CODE_VALUE, text(code)),
                (Tag::CODING_SCHEME_DESIGNATOR, text("SCT")),
                (Tag::new(0x0008, 0x2220), modifier),
            ]
            .into_iter()
            .collect()
        };
        let items = Value::Items(codes.iter().map(item).collect());
        [(Tag::ANATOMIC_REGION_SEQUENCE, Element { vr: Vr::SQ, value: items })].into_iter().collect()
    }

    #[test]
    fn each_code_is_gathered_once_without_what_is_no_code() {
        let first = joined(Vec::new(), of(&instance(&["51185008", "113345001", "51185008"]))).unwrap();
        assert_eq!(first.len(), 2);
        assert_eq!(first[0].len(), 2);
        assert_eq!(joined(first, of(&instance(&["113345001"]))), None);
        assert!(of(&instance(&[""]))[0].contains(Tag::CODING_SCHEME_DESIGNATOR));
        assert!(of(&Attributes::new()).is_empty());
    }

    #[test]
    fn the_number_of_regions_is_held_below_at_and_above_the_bound() {
        let codes: Vec<String> = (0..=MAX_REGIONS).map(|n| n.to_string()).collect();
        for (count, kept) in [(63, 63), (64, 64), (65, 64)] {
            let codes: Vec<&str> = codes.iter().take(count).map(String::as_str).collect();
            assert_eq!(joined(Vec::new(), of(&instance(&codes))).unwrap().len(), kept);
        }
    }
}
