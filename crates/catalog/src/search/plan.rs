//! A query as SQL: which tables, which conditions, in which order, one page at a time.

use causeway_core::query::Key;
use causeway_core::{Level, Query};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::condition;
use super::rows;
use crate::error::Error;

/// What SQL answers, and what it leaves.
pub(super) struct Plan {
    level: Level,
    columns: String,
    conditions: Vec<String>,
    values: Vec<Value>,
    /// Keys that must be held against each row.
    pub(super) leftovers: Vec<Key>,
}

/// The tables that a search at `level` joins. CROSS JOIN is not used: the planner may begin with any of them.
const fn tables(level: Level) -> &'static str {
    match level {
        Level::Patient => "patient",
        Level::Study => "study JOIN patient ON patient.id = study.patient",
        Level::Series => {
            "series JOIN study ON study.id = series.study JOIN patient ON patient.id = study.patient"
        }
        Level::Instance => {
            "instance JOIN series ON series.id = instance.series JOIN study ON study.id = series.study
             JOIN patient ON patient.id = study.patient"
        }
    }
}

/// The column that orders the answers at `level`, and the comparison that continues after a row: patients and
/// studies newest first, what is below them as it came.
const fn order(level: Level) -> (&'static str, &'static str, &'static str) {
    match level {
        Level::Patient => ("patient.id", "<", "DESC"),
        Level::Study => ("study.id", "<", "DESC"),
        Level::Series => ("series.id", ">", "ASC"),
        Level::Instance => ("instance.id", ">", "ASC"),
    }
}

impl Plan {
    pub(super) fn of(query: &Query) -> Self {
        let mut plan = Self {
            level: query.level,
            columns: rows::columns(query),
            conditions: Vec::new(),
            values: Vec::new(),
            leftovers: Vec::new(),
        };
        for key in query.keys.iter().filter(|key| !key.matching.is_universal()) {
            match condition::of(key, query.level) {
                Some(condition) => {
                    plan.conditions.push(condition.sql);
                    plan.values.extend(condition.values);
                    if !condition.is_exact {
                        plan.leftovers.push(key.clone());
                    }
                }
                None => plan.leftovers.push(key.clone()),
            }
        }
        plan
    }

    /// The statement for the rows after `after`. Its text depends on the kinds of keys alone, so that it is
    /// prepared once.
    pub(super) fn page(&self, after: Option<i64>, offset: u32, limit: u32) -> (String, Vec<Value>) {
        let (column, beyond, direction) = order(self.level);
        let mut conditions = self.conditions.clone();
        let mut values = self.values.clone();
        if let Some(after) = after {
            conditions.push(format!("{column} {beyond} ?"));
            values.push(Value::Integer(after));
        }
        values.extend([Value::Integer(limit.into()), Value::Integer(offset.into())]);
        let sql = format!(
            "SELECT {column}, {} FROM {}{} ORDER BY {column} {direction} LIMIT ? OFFSET ?",
            self.columns,
            tables(self.level),
            where_all(&conditions)
        );
        (sql, values)
    }

    pub(super) fn count(&self, connection: &Connection, up_to: i64) -> Result<i64, Error> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {}{} LIMIT ?)",
            tables(self.level),
            where_all(&self.conditions)
        );
        let mut values = self.values.clone();
        values.push(Value::Integer(up_to));
        Ok(connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?)
    }
}

fn where_all(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}
