//! Which order a study that came from elsewhere may belong to: a score, and the words why. Pure; decides nothing.

use causeway_catalog::WorklistItem;
use causeway_core::query::dates;
use causeway_core::{Attributes, Element, Tag, person_name, worklist};
use jiff::civil::Date;
use serde::Serialize;

/// An entry of the worklist that a study may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The entry.
    pub item: WorklistItem,
    /// 0 to [`MAX_SCORE`].
    pub score: u32,
    /// What speaks for it and against it.
    pub reasons: Vec<Reason>,
}

/// Something that speaks for a candidate or against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// How much; negative: against.
    pub points: i32,
    /// In words, without a value of either side.
    pub words: &'static str,
}

/// The score of an entry that names the very study.
pub const MAX_SCORE: u32 = 100;
/// Days between the study and the step within which they may well be the same visit.
const NEAR_DAYS: i32 = 7;

const SAME_STUDY: Reason = Reason { points: 100, words: "the same Study Instance UID" };
const SAME_ACCESSION: Reason = Reason { points: 40, words: "the same accession number" };
const SAME_PATIENT: Reason = Reason { points: 30, words: "the same patient ID from the same issuer" };
const SAME_ID: Reason = Reason { points: 20, words: "the same patient ID; who issued it is not said" };
const OTHER_ISSUER: Reason = Reason { points: 0, words: "the same patient ID, but from another issuer" };
const SAME_NAME_AND_BIRTH: Reason = Reason { points: 25, words: "the same name and birth date" };
const SAME_NAME: Reason = Reason { points: 10, words: "the same name" };
const SAME_MODALITY: Reason = Reason { points: 10, words: "the same modality" };
const NEAR: Reason = Reason { points: 5, words: "scheduled within a week of the study" };
const OTHER_BIRTH: Reason = Reason { points: -40, words: "another birth date" };
const OTHER_SEX: Reason = Reason { points: -30, words: "another sex" };
const OTHER_MODALITY: Reason = Reason { points: -10, words: "another modality" };

/// The candidates among `items`, the likeliest first; those of equal score newest first.
pub(super) fn rank(study: &Attributes, items: Vec<WorklistItem>) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = items
        .into_iter()
        .map(|item| {
            let reasons = reasons(study, &item.attributes);
            let points: i32 = reasons.iter().map(|reason| reason.points).sum();
            let score = u32::try_from(points).unwrap_or_default().min(MAX_SCORE);
            Candidate { item, score, reasons }
        })
        .filter(|candidate| candidate.score > 0)
        .collect();
    candidates
        .sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), std::cmp::Reverse(candidate.item.id)));
    candidates
}

fn reasons(study: &Attributes, entry: &Attributes) -> Vec<Reason> {
    let same = |tag| Some(study.first(tag)? == entry.first(tag)?);
    let mut reasons = Vec::new();
    reasons.extend((same(Tag::STUDY_INSTANCE_UID) == Some(true)).then_some(SAME_STUDY));
    reasons.extend((same(Tag::ACCESSION_NUMBER) == Some(true)).then_some(SAME_ACCESSION));
    if same(Tag::PATIENT_ID) == Some(true) {
        reasons.push(match same(Tag::ISSUER_OF_PATIENT_ID) {
            Some(true) => SAME_PATIENT,
            None => SAME_ID,
            Some(false) => OTHER_ISSUER,
        });
    }
    let born = same(Tag::PATIENT_BIRTH_DATE);
    match (is_same_name(study, entry), born) {
        (true, Some(true)) => reasons.push(SAME_NAME_AND_BIRTH),
        (true, _) => reasons.push(SAME_NAME),
        (false, _) => {}
    }
    reasons.extend((born == Some(false)).then_some(OTHER_BIRTH));
    reasons.extend((same(Tag::PATIENT_SEX) == Some(false)).then_some(OTHER_SEX));
    let Some(step) = worklist::step(entry) else { return reasons };
    let modalities = study.get(Tag::MODALITIES_IN_STUDY).map(Element::values).unwrap_or_default();
    if let Some(modality) = step.first(Tag::MODALITY).filter(|_| !modalities.is_empty()) {
        let is_same = modalities.iter().any(|other| other == modality);
        reasons.push(if is_same { SAME_MODALITY } else { OTHER_MODALITY });
    }
    let days = days_apart(study.first(Tag::STUDY_DATE), step.first(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE));
    reasons.extend(days.is_some_and(|days| days <= NEAR_DAYS).then_some(NEAR));
    reasons
}

fn is_same_name(study: &Attributes, entry: &Attributes) -> bool {
    let (Some(one), Some(other)) = (study.first(Tag::PATIENT_NAME), entry.first(Tag::PATIENT_NAME)) else {
        return false;
    };
    let (one, other) = (person_name::Folded::of(one), person_name::Folded::of(other));
    one.groups().iter().zip(other.groups()).any(|(one, other)| !one.is_empty() && *one == other)
}

fn days_apart(one: Option<&str>, other: Option<&str>) -> Option<i32> {
    let date = |text: &str| Date::strptime("%Y%m%d", dates::date(text)?).ok();
    let span = date(one?)?.until(date(other?)?).ok()?;
    Some(span.get_days().abs())
}

#[cfg(test)]
mod tests {
    use causeway_core::worklist::{ScheduledStatus, change_step};
    use causeway_core::{Value, Vr};
    use jiff::Timestamp;

    use super::*;

    fn patient(id: &str, issuer: &str, name: &str, born: &str) -> Attributes {
        let mut attributes = Attributes::new();
        for (tag, vr, text) in [
            (Tag::PATIENT_ID, Vr::LO, id),
            (Tag::ISSUER_OF_PATIENT_ID, Vr::LO, issuer),
            (Tag::PATIENT_NAME, Vr::PN, name),
            (Tag::PATIENT_BIRTH_DATE, Vr::DA, born),
        ] {
            attributes.put_text(tag, vr, text);
        }
        attributes
    }

    fn study() -> Attributes {
        let mut study = patient("P1", "HOSPITAL", "Doe^Jane", "19700101");
        study.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2");
        study.put_text(Tag::ACCESSION_NUMBER, Vr::SH, "A1");
        study.put_text(Tag::STUDY_DATE, Vr::DA, "20250131");
        let modalities = Value::Text(vec!["CT".to_owned(), "SR".to_owned()]);
        study.put(Tag::MODALITIES_IN_STUDY, Element { vr: Vr::CS, value: modalities });
        study
    }

    fn item(id: i64, mut attributes: Attributes, modality: &str, date: &str) -> WorklistItem {
        change_step(&mut attributes, |step| {
            step.put_text(Tag::MODALITY, Vr::CS, modality);
            step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Vr::DA, date);
        });
        let (status, changed_at) = (ScheduledStatus::Scheduled, Timestamp::UNIX_EPOCH);
        WorklistItem { id, status, changed_at, attributes }
    }

    #[test]
    fn the_entry_that_names_the_study_has_the_full_score() {
        let mut same = patient("X", "", "Someone^Else", "19700101");
        same.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2");
        let ranked = rank(&study(), vec![item(1, same, "MR", "20200101")]);
        assert_eq!(ranked[0].score, MAX_SCORE - 10);
        assert_eq!(ranked[0].reasons, [SAME_STUDY, OTHER_MODALITY]);
    }

    #[test]
    fn the_likeliest_stands_first() {
        let mut ordered = patient("LOCAL7", "CLINIC", "DOE^JANE", "19700101");
        ordered.put_text(Tag::ACCESSION_NUMBER, Vr::SH, "A1");
        let items = vec![
            item(1, patient("P1", "HOSPITAL", "Doe^Jane", "19700101"), "MR", "20200101"),
            item(2, ordered, "CT", "20250203"),
            item(3, patient("P1", "", "Roe^Rita", ""), "CT", "20250131"),
        ];
        let ranked = rank(&study(), items);
        let scores: Vec<(i64, u32)> = ranked.iter().map(|found| (found.item.id, found.score)).collect();
        assert_eq!(scores, [(2, 40 + 25 + 10 + 5), (1, 30 + 25 - 10), (3, 20 + 10 + 5)]);
    }

    #[test]
    fn a_patient_id_of_another_issuer_is_another_patient_s() {
        let other = item(1, patient("P1", "CLINIC", "Roe^Rita", "19800101"), "CT", "20250131");
        assert_eq!(rank(&study(), vec![other]), []);
    }

    #[test]
    fn a_week_is_near_and_a_day_more_is_not() {
        for (date, near) in [("20250207", true), ("20250208", false), ("20250124", true), ("20250123", false)]
        {
            let days = days_apart(Some("20250131"), Some(date));
            assert_eq!(days.is_some_and(|days| days <= NEAR_DAYS), near, "{date}");
        }
        assert_eq!(days_apart(Some("20250131"), None), None);
        assert_eq!(days_apart(Some("20250131"), Some("20240131")), Some(366));
    }
}
