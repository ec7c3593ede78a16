//! A query as SQL: which tables, which conditions, in which order.
//!
//! Rows are numbered by one statement and read by another. The first numbering leaves it to the planner where to
//! begin: by an index, when few rows match. Who comes back for more has many, so further numberings walk the table
//! in its own order from where the last one ended: no row is looked at twice, and nothing is sorted.

use causeway_core::query::Key;
use causeway_core::{Level, Query};

use super::condition::{self, Condition};
use super::rows;
use crate::engine::{Connection, Value, params_from_iter};
use crate::error::Error;

/// What SQL answers, and what it leaves.
pub(super) struct Plan {
    level: Level,
    row: String,
    /// Values of the row's statement, before the row's number.
    row_values: Vec<Value>,
    conditions: Vec<Condition>,
    /// Keys that must be held against each row.
    pub(super) leftovers: Vec<Key>,
}

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

/// In which order tables are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The planner's.
    Planned,
    /// That of the level's own rows.
    Walked,
}

/// The first `count` tables of a level.
fn joined(level: Level, count: usize, way: Way) -> String {
    let (join, first) = match way {
        Way::Planned => (" JOIN ", ""),
        // Forbids any index on the first table but its row numbers, and any other order (SQLite, "CROSS JOIN").
        Way::Walked => (" CROSS JOIN ", " NOT INDEXED"),
    };
    let mut sql = String::new();
    for (index, (table, on)) in tables(level).iter().take(count).enumerate() {
        match index {
            0 => sql.extend([*table, first]),
            _ => sql.extend([join, *table, " ON ", *on]),
        }
    }
    sql
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
        let level = query.level;
        let (column, ..) = order(level);
        let all = joined(level, tables(level).len(), Way::Planned);
        let (columns, row_values) = rows::columns(query);
        let mut plan = Self {
            level,
            row: format!("SELECT {column}, {columns} FROM {all} WHERE {column} = ?"),
            row_values,
            conditions: Vec::new(),
            leftovers: Vec::new(),
        };
        plan.conditions.extend(condition::seen(query));
        for key in query.keys.iter().filter(|key| !key.matching.is_universal()) {
            match condition::of(key, query) {
                Some(condition) => {
                    if !condition.is_exact {
                        plan.leftovers.push(key.clone());
                    }
                    plan.conditions.push(condition);
                }
                None => plan.leftovers.push(key.clone()),
            }
        }
        plan
    }

    /// The statement that reads one row by its number.
    pub(super) fn row(&self) -> &str {
        &self.row
    }

    /// What the statement is given for this row.
    pub(super) fn row_values(&self, number: i64) -> impl Iterator<Item = Value> {
        self.row_values.iter().cloned().chain([Value::Integer(number)])
    }

    /// The statement for the numbers of the rows after `after`. Its text depends on the kinds of keys alone, so that
    /// it is prepared once.
    pub(super) fn numbers(&self, after: Option<i64>, offset: u32, limit: u32) -> (String, Vec<Value>) {
        let (column, beyond, direction) = order(self.level);
        let way = if after.is_none() { Way::Planned } else { Way::Walked };
        let mut conditions = self.conditions(way);
        let mut values = self.values();
        if let Some(after) = after {
            conditions.push(format!("{column} {beyond} ?"));
            values.push(Value::Integer(after));
        }
        values.extend([Value::Integer(limit.into()), Value::Integer(offset.into())]);
        let sql = format!(
            "SELECT {column} FROM {}{} ORDER BY {column} {direction} LIMIT ? OFFSET ?",
            joined(self.level, self.tables_needed(), way),
            where_all(&conditions)
        );
        (sql, values)
    }

    fn conditions(&self, way: Way) -> Vec<String> {
        let sql = |condition: &Condition| match (way, &condition.of_row) {
            (Way::Walked, Some(of_row)) => of_row.clone(),
            _ => condition.sql.clone(),
        };
        self.conditions.iter().map(sql).collect()
    }

    fn values(&self) -> Vec<Value> {
        self.conditions.iter().flat_map(|condition| condition.values.iter().cloned()).collect()
    }

    /// How many of the level's tables the conditions speak of, from the level upwards.
    fn tables_needed(&self) -> usize {
        let speaks_of = |table: &str| {
            let prefix = format!("{table}.");
            self.conditions.iter().any(|condition| condition.sql.contains(&prefix))
        };
        let last = tables(self.level).iter().rposition(|(table, _)| speaks_of(table));
        last.unwrap_or_default() + 1
    }

    pub(super) fn count(&self, connection: &Connection, up_to: i64) -> Result<i64, Error> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {}{} LIMIT ?) AS found",
            joined(self.level, self.tables_needed(), Way::Planned),
            where_all(&self.conditions(Way::Planned))
        );
        let mut values = self.values();
        values.push(Value::Integer(up_to));
        Ok(connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?)
    }
}

fn where_all(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;
    use causeway_core::query::Matching;
    use causeway_core::query::fuzzy::FuzzyName;
    use causeway_core::{PatientKey, Scope, Sight, Tag, Uid, Vr};

    fn plan(level: Level, tag: Tag, vr: Vr, text: &str) -> Plan {
        Plan::of(&Query::all(level).with(Key { tag, vr, matching: Matching::parse(vr, text).unwrap() }))
    }

    #[test]
    fn only_the_tables_that_a_condition_speaks_of_are_joined() {
        let study = plan(Level::Series, Tag::STUDY_DATE, Vr::DA, "20240101-");
        assert!(
            study.numbers(None, 0, 9).0.contains("FROM series JOIN study ON study.id = series.study WHERE")
        );
        let patient = plan(Level::Series, Tag::PATIENT_SEX, Vr::CS, "F");
        assert!(patient.numbers(None, 0, 9).0.contains("JOIN patient ON patient.id = study.patient WHERE"));
        let own = plan(Level::Instance, Tag::INSTANCE_NUMBER, Vr::IS, "1");
        assert!(own.numbers(None, 0, 9).0.contains("FROM instance WHERE"));
    }

    #[test]
    fn who_comes_back_walks_the_rows_in_their_order() {
        let plan = plan(Level::Study, Tag::PATIENT_SEX, Vr::CS, "F");
        let (sql, values) = plan.numbers(Some(7), 0, 9);
        assert!(sql.contains("FROM study NOT INDEXED CROSS JOIN patient ON"), "{sql}");
        assert!(sql.contains("study.id < ? ORDER BY study.id DESC"), "{sql}");
        assert_eq!(values.len(), 4);
    }

    /// How the database would go about a statement.
    fn explained((sql, values): (String, Vec<Value>)) -> String {
        let connection = engine::in_memory();
        connection.execute_batch(include_str!("../migrations/0001.sql")).unwrap();
        connection.execute_batch(include_str!("../migrations/0002.sql")).unwrap();
        connection.execute_batch(include_str!("../migrations/0007.sql")).unwrap();
        let mut statement = connection.prepare_cached(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map(params_from_iter(values), |row| row.get::<String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn no_walk_sorts_or_looks_at_a_row_twice() {
        for level in [Level::Patient, Level::Study, Level::Series, Level::Instance] {
            for (tag, vr, text) in [
                (Tag::PATIENT_NAME, Vr::PN, "A*"),
                (Tag::PATIENT_ID, Vr::LO, "A*"),
                (Tag::STUDY_DATE, Vr::DA, "20240101-"),
                (Tag::MODALITY, Vr::CS, "CT"),
                (Tag::MODALITIES_IN_STUDY, Vr::CS, "CT"),
            ] {
                let steps = explained(plan(level, tag, vr, text).numbers(Some(7), 0, 9));
                let first = steps.split(';').next().unwrap();
                assert!(first.contains("USING INTEGER PRIMARY KEY (rowid"), "{level:?} {tag}: {steps}");
                assert!(!steps.contains("TEMP B-TREE"), "{level:?} {tag}: {steps}");
            }
        }
    }

    #[test]
    fn what_someone_sees_is_found_by_indices_and_walked_in_order() {
        let scope = Scope {
            studies: vec![Uid::parse("1.2").unwrap()],
            patients: vec![PatientKey::parse("P1^^^H").unwrap()],
            remotes: vec!["ct1".parse().unwrap()],
        };
        for level in [Level::Patient, Level::Study, Level::Series, Level::Instance] {
            let query = Query { sight: Sight::Only(scope.clone()), ..Query::all(level) };
            let steps = explained(Plan::of(&query).numbers(None, 0, 9));
            for index in ["sqlite_autoindex_study_1", "patient_identity", "study_patient", "study_origin"] {
                assert!(steps.contains(index), "{level:?} {index}: {steps}");
            }
            let walked = explained(Plan::of(&query).numbers(Some(7), 0, 9));
            assert!(walked.contains("USING INTEGER PRIMARY KEY (rowid"), "{level:?}: {walked}");
            assert!(!walked.contains("TEMP B-TREE"), "{level:?}: {walked}");
        }
    }

    #[test]
    fn what_names_few_rows_is_found_by_an_index() {
        for (level, tag, vr, text, index) in [
            (Level::Study, Tag::PATIENT_ID, Vr::LO, "P1", "patient_identity"),
            (Level::Study, Tag::PATIENT_ID, Vr::LO, "P*", "patient_identity"),
            (Level::Study, Tag::PATIENT_NAME, Vr::PN, "Doe^J*", "patient_name_alphabetic"),
            (Level::Study, Tag::ACCESSION_NUMBER, Vr::SH, "A1", "study_accession"),
            (Level::Study, Tag::STUDY_DATE, Vr::DA, "20240101", "study_study_date"),
            (Level::Series, Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2", "sqlite_autoindex_study_1"),
            (Level::Instance, Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2", "series_uid"),
        ] {
            let steps = explained(plan(level, tag, vr, text).numbers(None, 0, 9));
            assert!(steps.contains(index), "{tag}: {steps}");
        }
        let matching = Matching::Fuzzy(FuzzyName::parse("doe jo").unwrap());
        let fuzzy = Query::all(Level::Study).with(Key { tag: Tag::PATIENT_NAME, vr: Vr::PN, matching });
        let steps = explained(Plan::of(&fuzzy).numbers(None, 0, 9));
        assert!(steps.contains("other USING PRIMARY KEY (word>? AND word<?)"), "{steps}");
        assert!(!steps.contains("SCAN"), "{steps}");
    }
}
