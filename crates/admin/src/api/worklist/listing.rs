//! Which entries of the worklist are listed: the parameters of a URL as a query. Pure.

use causeway_archive::WorklistQuery;
use causeway_core::query::{Key, Matching};
use causeway_core::worklist::ScheduledStatus;
use causeway_core::{Tag, Vr};
use jiff::civil::Date;
use serde::Deserialize;

use crate::problem::Problem;

/// Entries that are listed when no limit is given, and at most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// What a caller may narrow the list by. Texts take `*` and `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asked {
    patient_id: Option<String>,
    patient_name: Option<String>,
    accession_number: Option<String>,
    study: Option<String>,
    station_ae: Option<String>,
    modality: Option<String>,
    /// First day.
    from: Option<Date>,
    /// Last day.
    to: Option<Date>,
    /// `open` (the default), `any`, or statuses parted by commas.
    status: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
}

impl Asked {
    pub(super) fn query(&self) -> Result<WorklistQuery, Problem> {
        let mut keys = Vec::new();
        let entry = [
            (Tag::PATIENT_ID, Vr::LO, &self.patient_id),
            (Tag::PATIENT_NAME, Vr::PN, &self.patient_name),
            (Tag::ACCESSION_NUMBER, Vr::SH, &self.accession_number),
            (Tag::STUDY_INSTANCE_UID, Vr::UI, &self.study),
        ];
        for (tag, vr, text) in entry {
            keys.extend(key(tag, vr, text.as_deref())?);
        }
        let step = [
            (Tag::SCHEDULED_STATION_AE_TITLE, Vr::AE, &self.station_ae),
            (Tag::MODALITY, Vr::CS, &self.modality),
            (Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Vr::DA, &self.days()),
        ];
        let mut nested = Vec::new();
        for (tag, vr, text) in step {
            nested.extend(key(tag, vr, text.as_deref())?);
        }
        if !nested.is_empty() {
            let tag = Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE;
            keys.push(Key { tag, vr: Vr::SQ, matching: Matching::Sequence(nested) });
        }
        Ok(WorklistQuery {
            keys,
            statuses: statuses(self.status.as_deref().unwrap_or("open"))?,
            limit: Some(self.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT)),
            offset: self.offset.unwrap_or(0),
        })
    }

    fn days(&self) -> Option<String> {
        let day =
            |date: Option<Date>| date.map(|date| date.strftime("%Y%m%d").to_string()).unwrap_or_default();
        (self.from.is_some() || self.to.is_some()).then(|| format!("{}-{}", day(self.from), day(self.to)))
    }
}

fn key(tag: Tag, vr: Vr, text: Option<&str>) -> Result<Option<Key>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let matching = Matching::parse(vr, text).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok((!matching.is_universal()).then_some(Key { tag, vr, matching }))
}

fn statuses(text: &str) -> Result<Vec<ScheduledStatus>, Problem> {
    match text {
        "any" => Ok(Vec::new()),
        "open" => Ok(ScheduledStatus::ALL.into_iter().filter(|status| status.is_open()).collect()),
        named => named
            .split(',')
            .map(|name| {
                let status = ScheduledStatus::parse(&name.trim().to_uppercase());
                status.ok_or_else(|| {
                    let known: Vec<&str> =
                        ScheduledStatus::ALL.iter().map(|status| status.as_str()).collect();
                    Problem::bad_request(format!("a status is open, any, or of {}", known.join(", ")))
                })
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_the_open_entries_are_listed() {
        let query = Asked::default().query().ok().unwrap();
        assert_eq!((query.keys.len(), query.limit), (0, Some(DEFAULT_LIMIT)));
        assert!(query.statuses.iter().all(|status| status.is_open()) && query.statuses.len() == 3);
        assert!(statuses("any").ok().unwrap().is_empty());
        assert_eq!(
            statuses("ready, started").ok().unwrap(),
            [ScheduledStatus::Ready, ScheduledStatus::Started]
        );
        assert!(statuses("late").is_err());
    }

    #[test]
    fn a_limit_is_held_and_days_are_a_range_with_open_ends() {
        for (limit, held) in
            [(MAX_LIMIT - 1, MAX_LIMIT - 1), (MAX_LIMIT, MAX_LIMIT), (MAX_LIMIT + 1, MAX_LIMIT)]
        {
            let asked = Asked { limit: Some(limit), ..Asked::default() };
            assert_eq!(asked.query().ok().unwrap().limit, Some(held));
        }
        let asked = Asked { from: "2025-01-31".parse().ok(), ..Asked::default() };
        assert_eq!(asked.days().as_deref(), Some("20250131-"));
        let asked = Asked { to: "2025-01-31".parse().ok(), ..Asked::default() };
        assert_eq!(asked.days().as_deref(), Some("-20250131"));
    }
}
