//! Attribute matching of a search URL (PS3.18 §8.3.4.1): names to tags, values to conditions, sequence paths to
//! nested conditions. What a value means is `core::query::reading`'s; here is only how a URL writes it.

use std::borrow::Cow;

use causeway_core::query::moments::Offset;
use causeway_core::query::reading::{Asked, Reading, Several};
use causeway_core::query::{Key, Matching, levels};
use causeway_core::{Level, Tag, Uid, Vr};
use causeway_dataset::dictionary;

use super::Scope;
use super::parse::{QueryError, harmless};
use crate::percent::{self, PercentError};

/// Longest path through sequences, in attributes.
pub(crate) const MAX_PATH_DEPTH: usize = 8;

/// One `attribute=value` as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match<'a> {
    /// From the data set down to the attribute that is matched.
    pub(super) path: Vec<Tag>,
    /// The attribute's name as the caller wrote it, made harmless.
    pub(super) name: String,
    /// The value, still encoded.
    raw: &'a str,
}

/// The condition that names one entity.
pub(super) fn exactly(tag: Tag, uid: &Uid) -> Key {
    Key { tag, vr: Vr::UI, matching: Matching::UidList(vec![uid.clone()]) }
}

/// Reads the name of a match parameter; its value waits until all flags are known.
pub(super) fn read_match<'a>(name: &'a str, raw: &'a str) -> Result<Match<'a>, QueryError> {
    let path = read_path(name)?;
    Ok(Match { path, name: harmless(name), raw })
}

/// Tags or keywords parted by dots. Tags may be written as eight digits or as keywords, mixed at will.
pub(super) fn read_path(name: &str) -> Result<Vec<Tag>, QueryError> {
    let decoded = percent::decode(name)
        .map_err(|error| QueryError::Percent { name: "a parameter's name".to_owned(), error })?;
    let path: Option<Vec<Tag>> = decoded.split('.').map(dictionary::parse_attribute).collect();
    let path = path.ok_or_else(|| QueryError::UnknownName(harmless(name)))?;
    if path.len() > MAX_PATH_DEPTH { Err(QueryError::Path(harmless(name))) } else { Ok(path) }
}

/// What was asked for, in the words of `core`. What cannot be matched here is left out with a warning, as C-FIND
/// leaves out an optional key it does not know.
pub(super) fn build(
    matches: &[Match<'_>],
    scope: &Scope,
    reading: Reading,
    warnings: &mut Vec<String>,
) -> Result<Vec<Asked>, QueryError> {
    let mut nodes = Vec::with_capacity(matches.len());
    for found in matches {
        let Some(&top) = found.path.first() else { continue };
        if top == Tag::SPECIFIC_CHARACTER_SET {
            // A URL is UTF-8; there is nothing to declare.
            continue;
        }
        if top == Tag::TIMEZONE_OFFSET_FROM_UTC {
            // It says how to read the others; see `zone`.
            continue;
        }
        let Some(kept) = levels::known(top) else {
            warnings.push(format!("The {} parameter is not supported. It has been ignored.", found.name));
            continue;
        };
        if kept.level > scope.level {
            return Err(QueryError::Below {
                name: found.name.clone(),
                below: noun(kept.level),
                level: noun(scope.level),
            });
        }
        insert(&mut nodes, &found.path, kept.vr, found, reading)?;
    }
    Ok(nodes.into_iter().map(|node| node.into_asked(reading)).collect())
}

/// The zone that dates and times are told in, where the URL names one (PS3.18 §8.3.4.1.1).
pub(super) fn zone(matches: &[Match<'_>]) -> Result<Option<Offset>, QueryError> {
    let Some(found) = matches.iter().find(|found| found.path == [Tag::TIMEZONE_OFFSET_FROM_UTC]) else {
        return Ok(None);
    };
    let unreadable = |error| QueryError::Percent { name: found.name.clone(), error };
    let text = percent::decode(found.raw).map_err(unreadable)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Offset::parse(&text) {
        Some(zone) => Ok(Some(zone)),
        None => {
            let reason = "the value is no offset of the form +HHMM or -HHMM".to_owned();
            Err(QueryError::Value { name: found.name.clone(), reason })
        }
    }
}

const fn noun(level: Level) -> &'static str {
    match level {
        Level::Patient => "patients",
        Level::Study => "studies",
        Level::Series => "series",
        Level::Instance => "instances",
    }
}

/// Conditions as the paths of a URL spell them out: those through one sequence belong together, since one item
/// must meet them all (PS3.4 §C.2.2.2.6).
enum Node {
    Leaf(Asked),
    Branch { tag: Tag, nodes: Vec<Node> },
}

impl Node {
    fn into_asked(self, reading: Reading) -> Asked {
        match self {
            Self::Leaf(asked) => asked,
            Self::Branch { tag, nodes } => {
                let asked = nodes.into_iter().map(|node| node.into_asked(reading)).collect();
                let matching = Matching::Sequence(reading.together(asked));
                Asked::plain(Key { tag, vr: Vr::SQ, matching })
            }
        }
    }
}

/// Puts the condition `found` where `path`, which is what is left of its path, says. Goes as deep as
/// [`MAX_PATH_DEPTH`], which the path was held to when it was read.
fn insert(
    nodes: &mut Vec<Node>,
    path: &[Tag],
    vr: Vr,
    found: &Match<'_>,
    reading: Reading,
) -> Result<(), QueryError> {
    let astray = || QueryError::Path(found.name.clone());
    match path {
        [] => Err(astray()),
        [tag] if vr != Vr::SQ => {
            nodes.push(Node::Leaf(leaf(*tag, vr, found, reading)?));
            Ok(())
        }
        // A sequence as a whole can be asked for, not matched.
        [tag] if found.raw.is_empty() => {
            nodes.push(Node::Branch { tag: *tag, nodes: Vec::new() });
            Ok(())
        }
        [tag, rest @ ..] => {
            let next = rest.first().and_then(|tag| dictionary::vr_of(*tag)).ok_or_else(astray)?;
            if vr != Vr::SQ {
                return Err(astray());
            }
            let known = nodes.iter().position(|node| matches!(node, Node::Branch { tag: t, .. } if t == tag));
            let index = known.unwrap_or(nodes.len());
            if known.is_none() {
                nodes.push(Node::Branch { tag: *tag, nodes: Vec::new() });
            }
            match nodes.get_mut(index) {
                Some(Node::Branch { nodes, .. }) => insert(nodes, rest, next, found, reading),
                Some(Node::Leaf(_)) | None => Err(astray()),
            }
        }
    }
}

fn leaf(tag: Tag, vr: Vr, found: &Match<'_>, reading: Reading) -> Result<Asked, QueryError> {
    let unreadable = |error| QueryError::Percent { name: found.name.clone(), error };
    let text = value(vr, found.raw, reading).map_err(unreadable)?;
    let refused = |reason: String| QueryError::Value { name: found.name.clone(), reason };
    reading.key(tag, vr, &text).map_err(|error| refused(error.to_string()))
}

/// The value as C-FIND would write it: values of a list parted by backslash. UIDs are always a list, and have no commas
/// of their own: an encoded one, as most HTTP clients write it, parts them too. Other values are a list when the caller
/// said so, for a comma that should have been encoded is common in names.
fn value(vr: Vr, raw: &str, reading: Reading) -> Result<Cow<'_, str>, PercentError> {
    if vr == Vr::UI {
        let decoded = percent::decode(raw)?;
        return Ok(if decoded.contains(',') { Cow::Owned(decoded.replace(',', "\\")) } else { decoded });
    }
    if !raw.contains(',') || reading.several == Several::Any {
        return percent::decode(raw);
    }
    let values: Result<Vec<Cow<'_, str>>, PercentError> = raw.split(',').map(percent::decode).collect();
    Ok(Cow::Owned(values?.join("\\")))
}
