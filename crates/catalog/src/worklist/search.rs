//! Entries of the worklist by keys (PS3.4 §K.4.1.3.1).
//!
//! SQL narrows down by what has a column; [`key_matches`] decides on the row, whose attributes are all there. Answers
//! come by the time they are scheduled for, in pages, so that a caller who stops reading holds no connection.

use std::collections::VecDeque;
use std::sync::Arc;

use causeway_core::Tag;
use causeway_core::query::dates::Range;
use causeway_core::query::matching::key_matches;
use causeway_core::query::{Key, Matching};
use causeway_core::worklist::ScheduledStatus;

use super::WorklistItem;
use super::row::{COLUMNS, item};
use crate::Catalog;
use crate::engine::{Connection, Value, params_from_iter};
use crate::error::Error;

/// Rows that are read in one go.
const PAGE_ROWS: u32 = 200;

/// Which entries are sought.
#[derive(Debug, Clone, PartialEq)]
pub struct WorklistQuery {
    /// All of these must hold. Keys of a step stand in one of Scheduled Procedure Step Sequence.
    pub keys: Vec<Key>,
    /// Statuses, one of which the step must have; empty: any.
    pub statuses: Vec<ScheduledStatus>,
    /// Most entries to give; `None`: all.
    pub limit: Option<u32>,
    /// Entries to pass over first.
    pub offset: u32,
}

/// The entries that match, one after another.
pub struct Entries {
    catalog: Catalog,
    plan: Arc<Plan>,
    page: VecDeque<WorklistItem>,
    /// Where the last page ended.
    after: Option<Place>,
    left: Option<u32>,
    to_skip: u32,
    is_done: bool,
}

/// The place of a row in the order of answers.
#[derive(Debug, Clone)]
struct Place {
    date: String,
    time: String,
    id: i64,
}

struct Page {
    items: VecDeque<WorklistItem>,
    after: Option<Place>,
    is_last: bool,
}

impl Catalog {
    /// Begins a search of the worklist.
    #[must_use]
    pub fn worklist(&self, query: WorklistQuery) -> Entries {
        let (left, to_skip) = (query.limit, query.offset);
        let plan = Arc::new(Plan::of(query));
        let page = VecDeque::new();
        Entries { catalog: self.clone(), plan, page, after: None, left, to_skip, is_done: false }
    }
}

impl Entries {
    /// The next entry; `None` after the last.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn next(&mut self) -> Result<Option<WorklistItem>, Error> {
        loop {
            if self.left == Some(0) {
                return Ok(None);
            }
            let Some(item) = self.page.pop_front() else {
                if self.is_done {
                    return Ok(None);
                }
                self.turn().await?;
                continue;
            };
            if self.to_skip > 0 {
                self.to_skip -= 1;
                continue;
            }
            self.left = self.left.map(|left| left.saturating_sub(1));
            return Ok(Some(item));
        }
    }

    async fn turn(&mut self) -> Result<(), Error> {
        let (plan, after) = (Arc::clone(&self.plan), self.after.clone());
        let page = self.catalog.engine.read(move |connection| plan.page(connection, after)).await?;
        self.page = page.items;
        self.after = page.after;
        self.is_done = page.is_last;
        Ok(())
    }
}

struct Plan {
    conditions: Vec<String>,
    values: Vec<Value>,
    keys: Vec<Key>,
}

impl Plan {
    fn of(query: WorklistQuery) -> Self {
        let mut plan = Self { conditions: Vec::new(), values: Vec::new(), keys: Vec::new() };
        if !query.statuses.is_empty() {
            let statuses: Vec<&str> = query.statuses.iter().map(|status| status.as_str()).collect();
            let statuses = serde_json::json!(statuses).to_string();
            plan.narrow("worklist.status IN (SELECT value FROM json_each(?))", Value::Text(statuses));
        }
        for key in &query.keys {
            match &key.matching {
                Matching::Sequence(keys) if key.tag == Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE => {
                    keys.iter().for_each(|key| plan.narrow_by_step(key));
                }
                Matching::Single(text) => plan.narrow_by_order(key.tag, text),
                Matching::UidList(uids) if key.tag == Tag::STUDY_INSTANCE_UID => {
                    if let [uid] = uids.as_slice() {
                        plan.narrow("worklist.study_uid = ?", Value::Text(uid.to_string()));
                    }
                }
                _ => {}
            }
        }
        plan.keys = query.keys;
        plan
    }

    fn narrow(&mut self, condition: &str, value: Value) {
        self.conditions.push(condition.to_owned());
        self.values.push(value);
    }

    fn narrow_by_order(&mut self, tag: Tag, text: &str) {
        let condition = match tag {
            Tag::PATIENT_ID => "worklist.patient_id = ?",
            Tag::ACCESSION_NUMBER => "worklist.accession = ?",
            _ => return,
        };
        self.narrow(condition, Value::Text(text.to_owned()));
    }

    fn narrow_by_step(&mut self, key: &Key) {
        match (key.tag, &key.matching) {
            (Tag::SCHEDULED_STATION_AE_TITLE, Matching::Single(title)) => {
                let condition = "worklist.id IN (SELECT item FROM worklist_station WHERE ae_title = ?)";
                self.narrow(condition, Value::Text(title.clone()));
            }
            (Tag::MODALITY, Matching::Single(modality)) => {
                self.narrow("worklist.modality = ?", Value::Text(modality.clone()));
            }
            (
                Tag::SCHEDULED_PROCEDURE_STEP_START_DATE,
                Matching::Date(range) | Matching::Combined { range, .. },
            ) => self.narrow_by_day(range),
            _ => {}
        }
    }

    /// The days of a range of dates or of moments; the matcher looks at the hours.
    fn narrow_by_day(&mut self, range: &Range) {
        let day = |bound: &Option<String>| bound.as_deref().and_then(|text| text.get(..8)).map(str::to_owned);
        if let Some(from) = day(&range.from) {
            self.narrow("worklist.start_date >= ?", Value::Text(from));
        }
        if let Some(to) = day(&range.to) {
            self.narrow("worklist.start_date <= ?", Value::Text(to));
        }
    }

    fn page(&self, connection: &Connection, after: Option<Place>) -> Result<Page, Error> {
        let (mut conditions, mut values) = (self.conditions.clone(), self.values.clone());
        if let Some(Place { date, time, id }) = after.clone() {
            conditions.push("(worklist.start_date, worklist.start_time, worklist.id) > (?, ?, ?)".to_owned());
            values.extend([Value::Text(date), Value::Text(time), Value::Integer(id)]);
        }
        let filter =
            if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        let sql = format!(
            "SELECT {COLUMNS}, worklist.start_date, worklist.start_time FROM worklist {filter}
             ORDER BY worklist.start_date, worklist.start_time, worklist.id LIMIT {PAGE_ROWS}"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut page = Page { items: VecDeque::new(), after, is_last: false };
        let mut read = 0;
        while let Some(row) = &rows.next()? {
            read += 1;
            let found = item(row)?;
            page.after = Some(Place { date: row.get(3)?, time: row.get(4)?, id: found.id });
            if self.keys.iter().all(|key| key_matches(key, &found.attributes)) {
                page.items.push_back(found);
            }
        }
        page.is_last = read < PAGE_ROWS;
        Ok(page)
    }
}
