//! One key as a condition of SQL.

use causeway_core::query::dates::Range;
use causeway_core::query::{Key, Matching};
use causeway_core::{Level, Uid, person_name};
use rusqlite::types::Value;

use super::columns::{self, Column};
use crate::instances;

/// Stars beyond which a pattern is left to the matcher, whose time is bounded; LIKE's is not.
const MAX_STARS_IN_SQL: usize = 3;

/// A condition, and whether it says all that the key says.
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    pub(super) is_exact: bool,
}

impl Condition {
    fn exact(sql: String, values: Vec<Value>) -> Option<Self> {
        Some(Self { sql, values, is_exact: true })
    }

    /// A condition that holds wherever the key holds, and elsewhere too.
    fn narrowing(sql: String, values: Vec<Value>) -> Option<Self> {
        Some(Self { sql, values, is_exact: false })
    }
}

/// The condition that `key` becomes; none where the rows must be looked at.
pub(super) fn of(key: &Key, level: Level) -> Option<Condition> {
    let known = causeway_core::query::levels::known(key.tag)?;
    if known.vr != key.vr {
        return None;
    }
    match (columns::of(key.tag, level)?, &key.matching) {
        (Column::Uid(column), Matching::UidList(uids)) => uid_list(column, uids),
        (Column::Text(column), Matching::Single(text)) => {
            Condition::exact(format!("{column} = ?"), vec![value(text)])
        }
        (Column::Text(column), Matching::AnyOf(texts)) => any_of(column, texts),
        (Column::Text(column), Matching::Wildcard(pattern)) => wildcard(&[column], pattern),
        (Column::Number(column), Matching::Single(text)) => number(column, text),
        (Column::Date(column) | Column::Time(column), Matching::Date(range) | Matching::Time(range)) => {
            let (sql, values) = within(column, range.from.as_deref(), range.to.as_deref());
            Condition::exact(sql, values)
        }
        (Column::Date(column), Matching::Combined { range, .. }) => combined(column, range),
        (Column::Name(columns), Matching::Single(name)) if !name.contains('=') => {
            let folded = person_name::fold(name);
            let sql = columns.map(|column| format!("{column} = ?")).join(" OR ");
            Condition::exact(format!("({sql})"), vec![value(&folded); columns.len()])
        }
        (Column::Name(columns), Matching::Wildcard(pattern)) if !pattern.contains('=') => {
            wildcard(&columns, &person_name::fold(pattern))
        }
        (Column::ModalitiesInStudy, Matching::Single(modality)) => modalities("= ?", value(modality)),
        (Column::ModalitiesInStudy, Matching::AnyOf(texts)) if !texts.iter().any(|text| is_pattern(text)) => {
            modalities("IN (SELECT value FROM json_each(?))", list(texts))
        }
        _ => None,
    }
}

fn value(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(texts: &[String]) -> Value {
    Value::Text(serde_json::json!(texts).to_string())
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn uid_list(column: &str, uids: &[Uid]) -> Option<Condition> {
    match uids {
        [one] => Condition::exact(format!("{column} = ?"), vec![value(one.as_str())]),
        many => Condition::exact(
            format!("{column} IN (SELECT value FROM json_each(?))"),
            vec![Value::Text(instances::json(many))],
        ),
    }
}

fn any_of(column: &str, texts: &[String]) -> Option<Condition> {
    // An empty text in the list asks for nothing that a value could be.
    if texts.iter().any(|text| is_pattern(text) || text.contains('\0')) {
        return None;
    }
    Condition::exact(format!("{column} IN (SELECT value FROM json_each(?))"), vec![list(texts)])
}

/// `05` and `5.0` are 5; what is no whole number in the column may still be equal as written.
fn number(column: &str, text: &str) -> Option<Condition> {
    let number = text.trim().parse().ok().map(Value::Integer)?;
    Condition::narrowing(format!("({column} = ? OR {column} IS NULL)"), vec![number])
}

fn within(column: &str, from: Option<&str>, to: Option<&str>) -> (String, Vec<Value>) {
    let bounds = [(">=", from), ("<=", to)];
    let given = bounds.iter().filter_map(|(sign, bound)| bound.map(|bound| (sign, bound)));
    let (conditions, values): (Vec<String>, Vec<Value>) =
        given.map(|(sign, bound)| (format!("{column} {sign} ?"), value(bound))).unzip();
    if conditions.is_empty() {
        (format!("{column} IS NOT NULL"), values)
    } else {
        (conditions.join(" AND "), values)
    }
}

/// The days of a range of moments; the matcher looks at the hours.
fn combined(column: &str, range: &Range) -> Option<Condition> {
    let day = |moment: &Option<String>| moment.as_deref().and_then(|text| text.get(..8)).map(str::to_owned);
    let (from, to) = (day(&range.from), day(&range.to));
    let (sql, values) = within(column, from.as_deref(), to.as_deref());
    Condition::narrowing(sql, values)
}

/// LIKE for what it matches, and a range over the letters before the first star for the index.
fn wildcard(columns: &[&str], pattern: &str) -> Option<Condition> {
    if pattern.contains('\0') {
        return None;
    }
    let prefix: String = pattern.chars().take_while(|letter| !matches!(letter, '*' | '?')).collect();
    let end = format!("{prefix}\u{10FFFF}");
    let in_sql = pattern.matches('*').count() <= MAX_STARS_IN_SQL;
    if !in_sql && prefix.is_empty() {
        return None;
    }
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    for column in columns {
        let mut parts = Vec::new();
        if !prefix.is_empty() {
            parts.push(format!("{column} >= ? AND {column} < ?"));
            values.extend([value(&prefix), value(&end)]);
        }
        if in_sql {
            parts.push(format!("{column} LIKE ? ESCAPE '\\'"));
            values.push(Value::Text(like(pattern)));
        }
        conditions.push(format!("({})", parts.join(" AND ")));
    }
    let sql = format!("({})", conditions.join(" OR "));
    if in_sql { Condition::exact(sql, values) } else { Condition::narrowing(sql, values) }
}

fn like(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len() + 4);
    for letter in pattern.chars() {
        match letter {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '%' | '_' | '\\' => like.extend(['\\', letter]),
            other => like.push(other),
        }
    }
    like
}

fn modalities(condition: &str, value: Value) -> Option<Condition> {
    Condition::exact(
        format!(
            "study.id IN (SELECT of_modality.study FROM series AS of_modality WHERE of_modality.modality {condition})"
        ),
        vec![value],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_a_like_and_its_own_signs_are_letters() {
        assert_eq!(like("a*b?c%d_e\\"), "a%b_c\\%d\\_e\\\\");
    }

    #[test]
    fn a_pattern_of_many_stars_only_narrows() {
        assert!(wildcard(&["c"], "a*b*c*").unwrap().is_exact);
        assert!(!wildcard(&["c"], "a*b*c*d*").unwrap().is_exact);
        assert!(wildcard(&["c"], "*b*c*d*").is_none());
    }
}
