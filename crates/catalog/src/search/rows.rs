//! A row as the attributes of an answer: those of its levels, those that are counted or gathered, the unique keys.

use std::rc::Rc;

use causeway_core::query::{Key, Matching};
use causeway_core::{Attributes, Element, Level, Query, Tag, Vr};

use crate::engine::{Row, Value};
use crate::error::Error;
use crate::regions;
use crate::sight;

/// The counted attributes of a patient cost a query each, so they are read only when asked for.
const PATIENT_COUNTS: [Tag; 3] = [
    Tag::NUMBER_OF_PATIENT_RELATED_STUDIES,
    Tag::NUMBER_OF_PATIENT_RELATED_SERIES,
    Tag::NUMBER_OF_PATIENT_RELATED_INSTANCES,
];

fn counts_patient(query: &Query) -> bool {
    let asked = |tag: &Tag| query.keys.iter().any(|key| key.tag == *tag);
    let shown = |tag: &Tag| query.returned.shows(*tag);
    let named = matches!(query.returned, causeway_core::query::Returned::Only(_));
    PATIENT_COUNTS.iter().any(|tag| asked(tag) || (shown(tag) && (named || query.level == Level::Patient)))
}

/// The columns that [`Assembler::assemble`] reads, after the first, which is the row's number; and their values.
pub(super) fn columns(query: &Query) -> (String, Vec<Value>) {
    let mut columns = vec!["patient.id, patient.patient_id, patient.attributes"];
    let (counts, values) = patient_counts(query);
    columns.push(&counts);
    if query.level >= Level::Study {
        columns.push(
            "study.id, study.uid, study.attributes, study.modalities, study.sop_classes, study.series_count,
             study.instance_count, study.regions",
        );
    }
    if query.level >= Level::Series {
        columns.push("series.id, series.uid, series.attributes, series.instance_count");
    }
    if query.level >= Level::Instance {
        columns.push("instance.uid, instance.sop_class, instance.transfer_syntax, instance.attributes");
    }
    (columns.join(", "), values)
}

/// What of the patient's is counted: no study that is not seen.
fn patient_counts(query: &Query) -> (String, Vec<Value>) {
    if !counts_patient(query) {
        return ("NULL, NULL, NULL".to_owned(), Vec::new());
    }
    let (seen, values) = match sight::condition(&query.sight, "own") {
        Some((seen, values)) => (format!(" AND {seen}"), values),
        None => (String::new(), Vec::new()),
    };
    let count =
        |what: &str| format!("(SELECT {what} FROM study AS own WHERE own.patient = patient.id{seen})");
    let counts = [
        "count(*)",
        "CAST(coalesce(sum(own.series_count), 0) AS BIGINT)",
        "CAST(coalesce(sum(own.instance_count), 0) AS BIGINT)",
    ];
    (counts.map(count).join(", "), counts.iter().flat_map(|_| values.clone()).collect())
}

/// Attributes that are needed beside those that an answer shows.
enum Beside {
    All,
    These(Vec<Tag>),
}

impl Beside {
    fn has(&self, tag: Tag) -> bool {
        match self {
            Self::All => true,
            Self::These(tags) => tags.contains(&tag),
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::These(tags) if tags.is_empty())
    }
}

/// The attributes that [`key_matches`](causeway_core::query::matching::key_matches) looks at for these keys.
fn tags_to_hold_against(keys: &[Key]) -> Vec<Tag> {
    let mut tags: Vec<Tag> = keys.iter().map(|key| key.tag).collect();
    tags.extend(keys.iter().filter_map(|key| match key.matching {
        Matching::Combined { time, .. } => Some(time),
        _ => None,
    }));
    if !tags.is_empty() {
        tags.push(Tag::TIMEZONE_OFFSET_FROM_UTC);
    }
    tags
}

/// Puts answers together; what rows next to each other share is read once.
pub(super) struct Assembler<'q> {
    query: &'q Query,
    /// What is needed and not shown.
    beside: Beside,
    parents: [Option<(i64, Rc<Attributes>)>; 3],
}

impl<'q> Assembler<'q> {
    /// `leftovers`: the keys that will be held against what is put together.
    pub(super) fn new(query: &'q Query, leftovers: &[Key]) -> Self {
        // To tell a moment in another zone takes its date, its time, and where the device was.
        let beside =
            if query.zones.is_some() { Beside::All } else { Beside::These(tags_to_hold_against(leftovers)) };
        Self { query, beside, parents: [const { None }; 3] }
    }

    pub(super) fn assemble(&mut self, row: &Row<'_>) -> Result<Attributes, Error> {
        let mut answer = self.level(row, 0, 1, 3)?;
        if self.query.level >= Level::Study {
            answer.merge(self.level(row, 1, 7, 9)?);
        }
        if self.query.level >= Level::Series {
            answer.merge(self.level(row, 2, 15, 17)?);
        }
        self.patient(row, &mut answer)?;
        if self.query.level >= Level::Study {
            self.study(row, &mut answer)?;
        }
        if self.query.level >= Level::Series {
            answer.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, row.get::<String>(16)?);
            self.put(&mut answer, Tag::NUMBER_OF_SERIES_RELATED_INSTANCES, || Ok(number(row.get(18)?)))?;
        }
        if self.query.level >= Level::Instance {
            answer.merge(self.parse(row.get_ref(22)?.as_str().map_err(|_| Error::Corrupt("attributes"))?)?);
            answer.put_text(Tag::SOP_INSTANCE_UID, Vr::UI, row.get::<String>(19)?);
            self.put(&mut answer, Tag::SOP_CLASS_UID, || Ok(Element::text(Vr::UI, vec![row.get(20)?])))?;
            self.put(&mut answer, Tag::AVAILABLE_TRANSFER_SYNTAX_UID, || {
                Ok(Element::text(Vr::UI, vec![row.get(21)?]))
            })?;
            self.put(&mut answer, Tag::ALTERNATE_REPRESENTATION_SEQUENCE, || Ok(Element::empty(Vr::SQ)))?;
        }
        if let Some(zones) = self.query.zones.as_ref().filter(|_| self.query.level >= Level::Study) {
            zones.tell(&mut answer);
        }
        Ok(answer)
    }

    /// What of `attributes` the query shows.
    pub(super) fn shown(&self, mut attributes: Attributes) -> Attributes {
        if !self.beside.is_nothing() {
            attributes.retain(|tag| self.is_shown(tag));
        }
        attributes
    }

    fn is_needed(&self, tag: Tag) -> bool {
        self.is_shown(tag) || self.beside.has(tag)
    }

    fn is_shown(&self, tag: Tag) -> bool {
        let mut levels = [Level::Patient, Level::Study, Level::Series, Level::Instance].into_iter();
        self.query.returned.shows(tag)
            || levels.any(|level| level <= self.query.level && level.unique_key() == tag)
    }

    fn parse(&self, json: &str) -> Result<Attributes, Error> {
        Attributes::from_json_only(json, |tag| self.is_needed(tag)).map_err(|_| Error::Corrupt("attributes"))
    }

    /// The attributes of a level above the last, read anew only when the row's parent is another.
    fn level(&mut self, row: &Row<'_>, place: usize, id: usize, json: usize) -> Result<Attributes, Error> {
        let id: i64 = row.get(id)?;
        if let Some(Some((known, attributes))) = self.parents.get(place)
            && *known == id
        {
            return Ok(Attributes::clone(attributes));
        }
        let json = row.get_ref(json)?;
        let attributes = self.parse(json.as_str().map_err(|_| Error::Corrupt("attributes"))?)?;
        if let Some(parent) = self.parents.get_mut(place) {
            *parent = Some((id, Rc::new(attributes.clone())));
        }
        Ok(attributes)
    }

    fn patient(&self, row: &Row<'_>, answer: &mut Attributes) -> Result<(), Error> {
        let id: String = row.get(2)?;
        let element = if id.is_empty() { Element::empty(Vr::LO) } else { Element::text(Vr::LO, vec![id]) };
        answer.put(Tag::PATIENT_ID, element);
        for (tag, column) in PATIENT_COUNTS.into_iter().zip(4..) {
            if let Some(count) = row.get::<Option<i64>>(column)? {
                self.put(answer, tag, || Ok(number(count)))?;
            }
        }
        Ok(())
    }

    fn study(&self, row: &Row<'_>, answer: &mut Attributes) -> Result<(), Error> {
        answer.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, row.get::<String>(8)?);
        self.put(answer, Tag::MODALITIES_IN_STUDY, || Ok(words(Vr::CS, &row.get::<String>(10)?)))?;
        self.put(answer, Tag::SOP_CLASSES_IN_STUDY, || Ok(words(Vr::UI, &row.get::<String>(11)?)))?;
        self.put(answer, Tag::NUMBER_OF_STUDY_RELATED_SERIES, || Ok(number(row.get(12)?)))?;
        self.put(answer, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES, || Ok(number(row.get(13)?)))?;
        self.put(answer, Tag::ANATOMIC_REGIONS_IN_STUDY_CODE_SEQUENCE, || {
            let regions = row.get_ref(14)?.as_str().map_err(|_| Error::Corrupt("regions"))?;
            Ok(regions::element(regions)?.unwrap_or_else(|| Element::empty(Vr::SQ)))
        })
    }

    fn put(
        &self,
        answer: &mut Attributes,
        tag: Tag,
        element: impl FnOnce() -> Result<Element, Error>,
    ) -> Result<(), Error> {
        if self.is_needed(tag) {
            answer.put(tag, element()?);
        }
        Ok(())
    }
}

fn number(count: i64) -> Element {
    Element::text(Vr::IS, vec![count.to_string()])
}

fn words(vr: Vr, words: &str) -> Element {
    Element::text(vr, words.split('\\').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}
