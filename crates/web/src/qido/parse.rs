//! A search URL into a `Query` (PS3.18 §8.3.4, §10.6.1.2). Pure.
//!
//! Pairs are split at `&` and `=` before anything is decoded, so that an encoded one stays part of a value; a list
//! of UIDs is split at the comma before it is decoded, for the same reason. Errors name the parameter, never its
//! value, which may be a patient's name.

use causeway_core::query::Query;
use causeway_core::{Tag, Vr};

use super::Scope;
use super::combine::combine;
use super::fields::{self, Include};
use super::keys::{self, Match, Reading};
use crate::percent::{self, PercentError};

/// Most parameters of one search.
pub(crate) const MAX_PARAMETERS: usize = 256;
/// Longest name of a parameter that is repeated in a message, in bytes.
const MAX_NAME_BYTES: usize = 80;

/// A search as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// What to ask the archive.
    pub(crate) query: Query,
    /// Attributes that an answer shows empty when the entity has none.
    pub(crate) shown: Vec<(Tag, Vr)>,
    /// What was asked for and is not done, in words for Warning headers.
    pub(crate) warnings: Vec<String>,
}

/// Why a search URL cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// A name or value with broken percent-encoding.
    #[error("the value of {name} cannot be read: {error}")]
    Percent { name: String, error: PercentError },
    /// More than [`MAX_PARAMETERS`].
    #[error("a search takes at most {MAX_PARAMETERS} parameters")]
    TooMany,
    /// No parameter and no attribute has this name.
    #[error("{0} is neither a parameter of a search nor a keyword or tag of an attribute")]
    UnknownName(String),
    /// A sequence path deeper than [`keys::MAX_PATH_DEPTH`], or through something that is no sequence.
    #[error("{0} names no path through sequences that can be searched")]
    Path(String),
    /// The same attribute twice.
    #[error("{0} is there more than once; each attribute may be matched once")]
    Repeated(String),
    /// A flag or number that is none.
    #[error("{name} takes {wanted}")]
    Parameter { name: &'static str, wanted: &'static str },
    /// An attribute of a level below the resource's.
    #[error("{name} describes {below}, and cannot be matched in a search for {level}")]
    Below { name: String, below: &'static str, level: &'static str },
    /// A value that its VR does not allow.
    #[error("{name}: {reason}")]
    Value { name: String, reason: String },
}

/// What a search URL says, before anything is made of it.
#[derive(Default)]
struct Draft<'a> {
    matches: Vec<Match<'a>>,
    include: Include,
    limit: Option<u32>,
    offset: u32,
    reading: Reading,
}

/// Reads the query part of a search URL. `most`: answers that the node gives at once.
pub(crate) fn parse(scope: &Scope, query: &str, most: u32) -> Result<Search, QueryError> {
    let mut draft = Draft::default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count == MAX_PARAMETERS {
            return Err(QueryError::TooMany);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        draft.take(name, value)?;
    }
    draft.finish(scope, most)
}

impl<'a> Draft<'a> {
    fn take(&mut self, name: &'a str, value: &'a str) -> Result<(), QueryError> {
        match name {
            "limit" => self.limit = Some(number("limit", value)?),
            "offset" => self.offset = number("offset", value)?,
            "includefield" => self.include.add(value)?,
            "fuzzymatching" => self.reading.fuzzy = flag("fuzzymatching", value)?,
            "emptyvaluematching" => self.reading.empty = flag("emptyvaluematching", value)?,
            "multiplevaluematching" => self.reading.multiple = flag("multiplevaluematching", value)?,
            // Content negotiation, which is not the search's business.
            "accept" | "charset" => {}
            _ => {
                let found = keys::read_match(name, value)?;
                if self.matches.iter().any(|other| other.path == found.path) {
                    return Err(QueryError::Repeated(found.name));
                }
                self.matches.push(found);
            }
        }
        Ok(())
    }

    fn finish(self, scope: &Scope, most: u32) -> Result<Search, QueryError> {
        let mut warnings = self.include.warnings();
        let mut keys = Vec::with_capacity(self.matches.len() + 2);
        let unique = [(Tag::STUDY_INSTANCE_UID, &scope.study), (Tag::SERIES_INSTANCE_UID, &scope.series)];
        for (tag, uid) in unique {
            keys.extend(uid.iter().map(|uid| keys::exactly(tag, uid)));
        }
        let asked = keys::build(&self.matches, scope, self.reading, &mut warnings)?;
        let fields = fields::fields(scope, &asked, &self.include);
        keys.extend(combine(asked).into_iter().filter(|key| !key.matching.is_universal()));
        let query = Query {
            level: scope.level,
            keys,
            returned: fields.returned,
            limit: Some(self.limit.map_or(most, |limit| limit.min(most))),
            offset: self.offset,
        };
        Ok(Search { query, shown: fields.shown, warnings })
    }
}

/// A number of PS3.18 §8.3.4.4, the largest we can count to where it is larger.
fn number(name: &'static str, value: &str) -> Result<u32, QueryError> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(QueryError::Parameter { name, wanted: "a number without sign" });
    }
    Ok(value.parse().unwrap_or(u32::MAX))
}

fn flag(name: &'static str, value: &str) -> Result<keys::Flag, QueryError> {
    match value {
        "true" => Ok(keys::Flag::On),
        "false" => Ok(keys::Flag::Off),
        _ => Err(QueryError::Parameter { name, wanted: "true or false" }),
    }
}

/// A parameter's name as it may be repeated in a message: the caller's own, but short and harmless.
pub(super) fn harmless(name: &str) -> String {
    let name = percent::decode(name).unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(MAX_NAME_BYTES)
        .collect();
    if name.is_empty() { "a nameless parameter".to_owned() } else { name }
}
