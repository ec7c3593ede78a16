//! A query as SQL: which tables, which conditions, in which order.
//!
//! What is found is numbered by some statements and read by another. At the top are the patients of a search for patients,
//! and the studies of any other: they are gone through newest first, either by looking at one after another, or found by
//! an index and sorted. What is below a study is looked for within some studies at a time, in the order in which it came;
//! so no statement ever gathers the instances of an archive.

use causeway_core::query::{Key, levels};
use causeway_core::{Level, Query};

use super::condition::{self, Condition, Exact, Yield};
use super::rows;
use crate::engine::{Numbered, Value};

/// What SQL answers, and what it leaves.
pub(super) struct Plan {
    pub(super) level: Level,
    /// How rows are read.
    pub(super) rows: Numbered,
    /// What holds of the rows at the top.
    top: Vec<Condition>,
    /// What holds of the series and instances within.
    within: Vec<Condition>,
    /// Keys that must be held against each row.
    pub(super) leftovers: Vec<Key>,
    /// Keys that must be held against rows that are in doubt.
    pub(super) doubts: Vec<Key>,
}

/// A statement and its values. Its text depends on the kinds of keys alone, so that it is prepared once.
pub(super) type Statement = (String, Vec<Value>);

/// The tables from a level upwards, each but the first with how it is joined.
const fn tables(level: Level) -> &'static [(&'static str, &'static str)] {
    const STUDY: (&str, &str) = ("study", "study.id = series.study");
    const PATIENT: (&str, &str) = ("patient", "patient.id = study.patient");
    match level {
        Level::Patient => &[("patient", "")],
        Level::Study => &[("study", ""), PATIENT],
        Level::Series => &[("series", ""), STUDY, PATIENT],
        Level::Instance => &[("instance", ""), ("series", "series.id = instance.series"), STUDY, PATIENT],
    }
}

/// The table of a level.
const fn table(level: Level) -> &'static str {
    match level {
        Level::Patient => "patient",
        Level::Study => "study",
        Level::Series => "series",
        Level::Instance => "instance",
    }
}

impl Plan {
    pub(super) fn of(query: &Query) -> Self {
        let level = query.level;
        let all = joined(tables(level));
        let (columns, values) = rows::columns(query);
        let of_level = table(level);
        let mut plan = Self {
            level,
            rows: Numbered {
                select: format!("SELECT {of_level}.id, {columns} FROM {all}"),
                number: format!("{of_level}.id"),
                values,
            },
            top: Vec::new(),
            within: Vec::new(),
            leftovers: Vec::new(),
            doubts: Vec::new(),
        };
        plan.top.extend(condition::seen(query));
        for key in query.keys.iter().filter(|key| !key.matching.is_universal()) {
            let condition = condition::of(key, query);
            let is_below = levels::known(key.tag).is_none_or(|known| known.level > Level::Study);
            match condition.as_ref().map(|condition| &condition.exact) {
                Some(Exact::Always) => {}
                Some(Exact::Unless(_)) if is_below => plan.doubts.push(key.clone()),
                Some(Exact::Unless(_) | Exact::Never) | None => plan.leftovers.push(key.clone()),
            }
            let Some(condition) = condition else { continue };
            if !is_below {
                plan.top.push(condition);
            } else {
                plan.top.extend(condition::of_study(&condition, key.tag));
                plan.within.push(condition);
            }
        }
        plan
    }

    // The top.

    /// The table at the top.
    pub(super) fn top_table(&self) -> &'static str {
        table(self.level.min(Level::Study))
    }

    /// Whether all rows at the top are meant.
    pub(super) const fn means_all(&self) -> bool {
        self.top.is_empty()
    }

    /// Whether there can be few rows at the top only.
    pub(super) fn names_few(&self) -> bool {
        self.top.iter().any(|condition| condition.leaves == Yield::Few)
    }

    /// The rows at the top between `over` and `under`, newest first, by looking at one after another.
    pub(super) fn walk(&self, over: Option<i64>, under: Option<i64>, limit: u32) -> Statement {
        let top = self.top_table();
        let mut conditions: Vec<String> =
            self.top.iter().map(|condition| condition.of_row().to_owned()).collect();
        let mut values = self.top_values();
        for (sign, bound) in [(">", over), ("<", under)] {
            if let Some(bound) = bound {
                conditions.push(format!("{top}.id {sign} ?"));
                values.push(Value::Integer(bound));
            }
        }
        values.push(Value::Integer(limit.into()));
        // Forbids any index on the first table but its row numbers, and any other order (SQLite, "CROSS JOIN").
        let patient =
            if self.speaks_of_patient() { " CROSS JOIN patient ON patient.id = study.patient" } else { "" };
        let sql = format!(
            "SELECT {top}.id FROM {top} NOT INDEXED{patient}{} ORDER BY {top}.id DESC LIMIT ?",
            where_all(&conditions)
        );
        (sql, values)
    }

    /// The rows at the top up to `last`, newest first, found as the planner thinks best.
    pub(super) fn find(&self, last: i64, limit: u32) -> Statement {
        let top = self.top_table();
        let best = self.top.iter().map(|condition| condition.leaves).min();
        let is_better = best.is_some_and(|best| best < Yield::Many);
        let said = |condition: &Condition| match condition.leaves {
            Yield::Many if is_better => condition.of_row().to_owned(),
            Yield::Few | Yield::Some | Yield::Many => condition.sql.clone(),
        };
        let conditions: Vec<String> = self.top.iter().map(said).collect();
        let tables = match (self.speaks_of_patient(), self.best_is_of_patients()) {
            (false, _) => top.to_owned(),
            (true, false) => joined(tables(Level::Study)),
            (true, true) => "patient CROSS JOIN study ON study.patient = patient.id".to_owned(),
        };
        // The sign keeps both planners from looking at one row after another in the hope of meeting enough soon.
        let conditions = [conditions, vec![format!("+{top}.id <= ?")]].concat();
        let sql = format!(
            "SELECT {top}.id FROM {tables}{} ORDER BY +{top}.id DESC LIMIT ?",
            where_all(&conditions)
        );
        let mut values = self.top_values();
        values.extend([Value::Integer(last), Value::Integer(limit.into())]);
        (sql, values)
    }

    fn top_values(&self) -> Vec<Value> {
        values(&self.top)
    }

    /// Whether rows of patients are joined to those at the top.
    fn speaks_of_patient(&self) -> bool {
        self.level > Level::Patient && self.top.iter().any(is_of_patient)
    }

    /// Whether a condition on patients leaves fewer rows than any on studies.
    fn best_is_of_patients(&self) -> bool {
        let best = |of_patients: bool| {
            let them = self.top.iter().filter(|condition| is_of_patient(condition) == of_patients);
            them.map(|condition| condition.leaves).min()
        };
        match (best(true), best(false)) {
            (Some(patients), Some(studies)) => patients < studies,
            (patients, _) => patients.is_some(),
        }
    }

    // Within.

    /// Whether all is meant that is within the studies.
    pub(super) const fn means_all_within(&self) -> bool {
        self.within.is_empty()
    }

    /// What is within these studies: study, series and row of the level, and whether it is in doubt; study by study in the
    /// order of their numbers.
    pub(super) fn within(&self, studies: &[i64], limit: u32) -> Statement {
        let chosen = serde_json::json!(studies).to_string();
        let condition = "series.study IN (SELECT CAST(value AS BIGINT) FROM json_each(?))";
        self.within_where(condition, vec![Value::Text(chosen)], limit)
    }

    /// What is within one study after `after`, a series and a row.
    pub(super) fn within_after(&self, study: i64, after: (i64, i64), limit: u32) -> Statement {
        let (condition, places) = match self.level {
            Level::Instance => {
                ("series.study = ? AND (series.id, instance.id) > (?, ?)", vec![study, after.0, after.1])
            }
            Level::Patient | Level::Study | Level::Series => {
                ("series.study = ? AND series.id > ?", vec![study, after.0])
            }
        };
        self.within_where(condition, places.into_iter().map(Value::Integer).collect(), limit)
    }

    fn within_where(&self, first: &str, mut all_values: Vec<Value>, limit: u32) -> Statement {
        let of_row = self.within.iter().map(|condition| condition.of_row().to_owned());
        let conditions: Vec<String> = [first.to_owned()].into_iter().chain(of_row).collect();
        all_values.extend(values(&self.within));
        all_values.push(Value::Integer(limit.into()));
        let (tables, own, order) = match self.level {
            Level::Instance => {
                ("series CROSS JOIN instance ON instance.series = series.id", "instance.id", ", instance.id")
            }
            Level::Patient | Level::Study | Level::Series => ("series", "series.id", ""),
        };
        let sql = format!(
            "SELECT series.study, series.id, {own}, {} FROM {tables}{} \
             ORDER BY series.study DESC, series.id{order} LIMIT ?",
            self.doubt(),
            where_all(&conditions)
        );
        (sql, all_values)
    }

    /// Whether a row within a study is in doubt.
    fn doubt(&self) -> String {
        let doubts = self.within.iter().filter_map(|condition| match &condition.exact {
            Exact::Unless(doubt) => Some(doubt),
            Exact::Always | Exact::Never => None,
        });
        doubts.fold("FALSE".to_owned(), |any, doubt| format!("{any} OR {doubt}"))
    }

    /// How many series or instances these studies have.
    pub(super) fn counted(&self, studies: &[i64]) -> Statement {
        let column = if self.level == Level::Series { "series_count" } else { "instance_count" };
        let sql = format!(
            "SELECT CAST(coalesce(sum({column}), 0) AS BIGINT) FROM study
             WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"
        );
        (sql, vec![Value::Text(serde_json::json!(studies).to_string())])
    }
}

fn joined(tables: &[(&str, &str)]) -> String {
    let mut sql = String::new();
    for (index, (table, on)) in tables.iter().enumerate() {
        match index {
            0 => sql.push_str(table),
            _ => sql.extend([" JOIN ", *table, " ON ", *on]),
        }
    }
    sql
}

fn is_of_patient(condition: &Condition) -> bool {
    condition.of_row().contains("patient.") && !condition.of_row().contains("study.")
}

fn values(conditions: &[Condition]) -> Vec<Value> {
    conditions.iter().flat_map(|condition| condition.values.iter().cloned()).collect()
}

fn where_all(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}
