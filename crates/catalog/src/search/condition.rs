//! One key as a condition of SQL.

use causeway_core::query::dates::Range;
use causeway_core::query::fuzzy::FuzzyName;
use causeway_core::query::{Key, Matching, Query, levels};
use causeway_core::{Level, Tag, Uid, person_name};

use super::columns::{self, Column};
use crate::engine::Value;
use crate::instances;
use crate::people::Words;
use crate::record::MAX_SEARCHED_CHARS;
use crate::sight;

/// Stars beyond which a pattern is left to the matcher, whose time is bounded; LIKE's is not.
const MAX_STARS_IN_SQL: usize = 3;

/// How many rows a condition leaves, as far as can be said without knowing any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Yield {
    /// What it names there is once, or a few times.
    Few,
    /// It may be few or many.
    Some,
    /// A good part of all, as a rule: an index for it is of use only where there is nothing better.
    Many,
}

/// Of which rows a condition says all that the key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exact {
    Always,
    /// Of all but those of which this is true, which are in doubt.
    Unless(String),
    Never,
}

/// A condition, and whether it says all that the key says.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) sql: String,
    /// The same for one row at hand, where `sql` is better for finding rows; with the same values.
    pub(super) of_row: Option<String>,
    pub(super) values: Vec<Value>,
    pub(super) exact: Exact,
    pub(super) leaves: Yield,
}

impl Condition {
    fn exact(sql: String, values: Vec<Value>) -> Option<Self> {
        Some(Self { sql, of_row: None, values, exact: Exact::Always, leaves: Yield::Some })
    }

    /// A condition that holds wherever the key holds, and elsewhere too.
    fn narrowing(sql: String, values: Vec<Value>) -> Option<Self> {
        Some(Self { exact: Exact::Never, ..Self::exact(sql, values)? })
    }

    /// The condition as it is said of one row at hand.
    pub(super) fn of_row(&self) -> &str {
        self.of_row.as_deref().unwrap_or(&self.sql)
    }

    /// All of `parts`; none for no parts.
    fn all(parts: Vec<Self>) -> Option<Self> {
        let join = |texts: Vec<&str>| texts.join(" AND ");
        let sql = join(parts.iter().map(|part| part.sql.as_str()).collect());
        let of_row = join(parts.iter().map(Self::of_row).collect());
        let exact = parts.iter().all(|part| part.exact == Exact::Always);
        let exact = if exact { Exact::Always } else { Exact::Never };
        let leaves = parts.iter().map(|part| part.leaves).min()?;
        let values: Vec<Value> = parts.into_iter().flat_map(|part| part.values).collect();
        (!values.is_empty()).then_some(Self { sql, of_row: Some(of_row), values, exact, leaves })
    }
}

/// Rows of `owner` of which rows of another table hold a condition: the other table's `column` names the owner.
struct Having {
    owner: &'static str,
    table: &'static str,
    column: &'static str,
}

impl Having {
    fn condition(&self, of_other: &str, values: Vec<Value>, exact: Exact) -> Condition {
        let Self { owner, table, column } = self;
        Condition {
            sql: format!("{owner}.id IN (SELECT other.{column} FROM {table} AS other WHERE {of_other})"),
            of_row: Some(format!(
                "EXISTS (SELECT 1 FROM {table} AS other WHERE other.{column} = {owner}.id AND {of_other})"
            )),
            values,
            exact,
            leaves: Yield::Some,
        }
    }
}

/// The condition that a row is seen by who asks: a study, what is below one, or a patient with one.
pub(super) fn seen(query: &Query) -> Option<Condition> {
    if query.level > Level::Patient {
        let (sql, values) = sight::condition(&query.sight, "study")?;
        return Condition::exact(sql, values);
    }
    let (sql, values) = sight::condition(&query.sight, "own")?;
    let of_row = format!("EXISTS (SELECT 1 FROM study AS own WHERE own.patient = patient.id AND {sql})");
    let sql = format!("patient.id IN (SELECT own.patient FROM study AS own WHERE {sql})");
    Some(Condition { of_row: Some(of_row), ..Condition::exact(sql, values)? })
}

/// The condition that `key` becomes; none where the rows must be looked at.
pub(super) fn of(key: &Key, query: &Query) -> Option<Condition> {
    let leaves = leaves(key);
    let condition = in_sql(key, query)?;
    let of_row = match (columns::of(key.tag, query.level)?, condition.of_row) {
        (Column::Text(column) | Column::Date(column) | Column::Time(column), None) => {
            Some(condition.sql.replace(column, &format!("CAST({column} AS TEXT)")))
        }
        (Column::Number(column), None) => {
            Some(condition.sql.replace(column, &format!("CAST({column} AS BIGINT)")))
        }
        (_, of_row) => of_row,
    };
    Some(Condition { of_row, leaves, ..condition })
}

/// How many rows a key leaves.
fn leaves(key: &Key) -> Yield {
    let names = matches!(key.matching, Matching::Single(_) | Matching::AnyOf(_) | Matching::UidList(_));
    match key.tag {
        Tag::STUDY_INSTANCE_UID
        | Tag::SERIES_INSTANCE_UID
        | Tag::SOP_INSTANCE_UID
        | Tag::PATIENT_ID
        | Tag::ACCESSION_NUMBER
        | Tag::STUDY_ID
            if names =>
        {
            Yield::Few
        }
        Tag::PATIENT_SEX
        | Tag::STUDY_TIME
        | Tag::MODALITIES_IN_STUDY
        | Tag::MODALITY
        | Tag::SERIES_NUMBER
        | Tag::BODY_PART_EXAMINED
        | Tag::PERFORMED_PROCEDURE_STEP_START_TIME
        | Tag::SOP_CLASS_UID => Yield::Many,
        _ => Yield::Some,
    }
}

/// The condition on a study that some of its series or instances hold a condition of theirs; none where no index tells.
pub(super) fn of_study(own: &Condition, tag: Tag) -> Option<Condition> {
    let known = levels::known(tag)?;
    let (table, having) = match known.tag {
        Tag::SOP_INSTANCE_UID => {
            let sql = own.sql.replace("instance.", "own.");
            let sql = format!(
                "study.id IN (SELECT other.study FROM instance AS own JOIN series AS other ON other.id = own.series \
                 WHERE {sql})"
            );
            let condition = Condition::narrowing(sql, own.values.clone())?;
            return Some(Condition { leaves: own.leaves, ..condition });
        }
        Tag::SOP_CLASS_UID => ("instance.", HAVING_CLASS),
        _ if known.level == Level::Series => ("series.", HAVING_SERIES),
        _ => return None,
    };
    let condition = having.condition(&own.sql.replace(table, "other."), own.values.clone(), Exact::Never);
    Some(Condition { leaves: own.leaves, ..condition })
}

fn in_sql(key: &Key, query: &Query) -> Option<Condition> {
    let known = levels::known(key.tag)?;
    if known.vr != key.vr || is_beyond_columns(&key.matching) {
        return None;
    }
    let column = columns::of(key.tag, query.level)?;
    if query.zones.is_some() && is_of_a_moment(key.tag) {
        return in_zone(column, &key.matching);
    }
    match (column, &key.matching) {
        (Column::Uid(column), Matching::UidList(uids)) => uid_list(column, uids),
        (Column::Text(column), matching) => text(column, matching),
        (Column::Identity(column), matching) => {
            // Said in so many words, the planner sees that the index will do; and no key asks for an empty one.
            let condition = text(column, matching)?;
            Some(Condition { sql: format!("{} AND {column} <> ''", condition.sql), ..condition })
        }
        (Column::Number(column), Matching::Single(text)) => number(column, text),
        (Column::Date(column) | Column::Time(column), Matching::Date(range) | Matching::Time(range)) => {
            let (sql, values) = within(column, range.from.as_deref(), range.to.as_deref());
            Condition::exact(sql, values)
        }
        (Column::Date(column), Matching::Combined { range, .. }) => days(column, &days_of(range)),
        (Column::Name(columns, _), Matching::Single(name)) if !name.contains('=') => {
            let folded = person_name::fold(name);
            let sql = columns.map(|column| format!("{column} = ?")).join(" OR ");
            Condition::exact(format!("({sql})"), vec![value(&folded); columns.len()])
        }
        (Column::Name(columns, _), Matching::Wildcard(pattern)) if !pattern.contains('=') => {
            wildcard(&columns, &person_name::fold(pattern))
        }
        (Column::Name(_, words), Matching::Fuzzy(name)) => fuzzy(words, name),
        (Column::ModalitiesInStudy, Matching::Single(modality)) => modalities("= ?", value(modality)),
        (Column::ModalitiesInStudy, Matching::AnyOf(texts)) if !texts.iter().any(|text| is_pattern(text)) => {
            modalities("IN (SELECT value FROM json_each(?))", list(texts))
        }
        (Column::ModalitiesInStudy, Matching::AllOf(texts)) if !texts.iter().any(|text| is_pattern(text)) => {
            all_modalities(texts)
        }
        _ => None,
    }
}

fn text(column: &str, matching: &Matching) -> Option<Condition> {
    match matching {
        Matching::Single(text) => Condition::exact(format!("{column} = ?"), vec![value(text)]),
        Matching::AnyOf(texts) => any_of(column, texts),
        Matching::Wildcard(pattern) => wildcard(&[column], pattern),
        _ => None,
    }
}

/// Whether a text is longer than what columns hold of one: then rows are looked at.
fn is_beyond_columns(matching: &Matching) -> bool {
    let is_long = |text: &String| text.chars().count() >= MAX_SEARCHED_CHARS;
    match matching {
        Matching::Single(text) | Matching::Wildcard(text) => is_long(text),
        Matching::AnyOf(texts) | Matching::AllOf(texts) => texts.iter().any(is_long),
        _ => false,
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
    let doubt = format!("{column} IS NULL");
    let condition = Condition::narrowing(format!("({column} = ? OR {doubt})"), vec![number])?;
    Some(Condition { exact: Exact::Unless(doubt), ..condition })
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

/// The days of a range of moments.
fn days_of(range: &Range) -> Range {
    let day = |moment: &Option<String>| moment.as_deref().and_then(|text| text.get(..8)).map(str::to_owned);
    Range { from: day(&range.from), to: day(&range.to) }
}

/// The days; the matcher looks at the hours.
fn days(column: &str, range: &Range) -> Option<Condition> {
    let (sql, values) = within(column, range.from.as_deref(), range.to.as_deref());
    Condition::narrowing(sql, values)
}

/// Whether `tag` is a date or time that another zone tells otherwise.
fn is_of_a_moment(tag: Tag) -> bool {
    levels::DATES_AND_TIMES.iter().any(|(date, time)| *date == tag || *time == tag)
}

/// A date or time in another zone: on the day that is meant, or on the one before or after it; the rest is for the
/// matcher.
fn in_zone(column: Column, matching: &Matching) -> Option<Condition> {
    match (column, matching) {
        (Column::Date(column), Matching::Date(range)) => days(column, &range.widened()),
        (Column::Date(column), Matching::Combined { range, .. }) => days(column, &days_of(range).widened()),
        _ => None,
    }
}

/// Rows with words that begin so; the matcher sees that they stand in one group.
fn fuzzy(words: Words, name: &FuzzyName) -> Option<Condition> {
    let having = Having { owner: words.owner, table: words.table, column: words.owner };
    let words = name.beginnings().map(|beginning| {
        let values = vec![value(beginning), value(&format!("{beginning}\u{10FFFF}"))];
        having.condition("other.word >= ? AND other.word < ?", values, Exact::Never)
    });
    Condition::all(words.collect())
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

const HAVING_SERIES: Having = Having { owner: "study", table: "series", column: "study" };
const HAVING_CLASS: Having = Having { owner: "study", table: "study_class", column: "study" };

fn modalities(condition: &str, value: Value) -> Option<Condition> {
    Some(HAVING_SERIES.condition(&format!("other.modality {condition}"), vec![value], Exact::Always))
}

fn all_modalities(texts: &[String]) -> Option<Condition> {
    let texts = texts.iter().filter(|text| !text.is_empty());
    Condition::all(texts.filter_map(|text| modalities("= ?", value(text))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_core::Vr;

    #[test]
    fn a_pattern_becomes_a_like_and_its_own_signs_are_letters() {
        assert_eq!(like("a*b?c%d_e\\"), "a%b_c\\%d\\_e\\\\");
    }

    #[test]
    fn a_patient_is_found_by_the_index_of_those_who_have_an_id() {
        let key =
            |text| Key { tag: Tag::PATIENT_ID, vr: Vr::LO, matching: Matching::parse(Vr::LO, text).unwrap() };
        for text in ["P1", "P*", "P1\\P2"] {
            let sql = of(&key(text), &Query::all(Level::Study)).unwrap().sql;
            assert!(sql.ends_with(" AND patient.patient_id <> ''"), "{sql}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_only_narrows() {
        assert_eq!(wildcard(&["c"], "a*b*c*").unwrap().exact, Exact::Always);
        assert_eq!(wildcard(&["c"], "a*b*c*d*").unwrap().exact, Exact::Never);
        assert!(wildcard(&["c"], "*b*c*d*").is_none());
    }
}
