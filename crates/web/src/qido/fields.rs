//! Which attributes the answers to a search show (PS3.18 §10.6.3.3): those of the resource, those asked for, those
//! matched; and which of them are shown empty when there is no value. Pure.

use causeway_core::query::reading::Asked;
use causeway_core::query::{Returned, levels};
use causeway_core::{Level, Tag, Vr};
use causeway_dataset::dictionary;

use super::Scope;
use super::keys::read_path;
use super::parse::{QueryError, harmless};
use crate::percent;

/// Most attributes named by `includefield`.
pub(crate) const MAX_INCLUDED: usize = 1024;

/// What `includefield` asks for (PS3.18 §8.3.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Include {
    /// `all` was among them, and says the rest too.
    all: bool,
    tags: Vec<Tag>,
    unknown: Vec<String>,
}

impl Include {
    /// Adds one `includefield`, which may hold a list.
    pub(super) fn add(&mut self, raw: &str) -> Result<(), QueryError> {
        let unreadable = |error| QueryError::Percent { name: "includefield".to_owned(), error };
        // An encoded comma is tolerated: no name holds one.
        let list = percent::decode(raw).map_err(unreadable)?;
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "all" {
                self.all = true;
                continue;
            }
            if self.tags.len() + self.unknown.len() == MAX_INCLUDED {
                return Err(QueryError::Parameter { name: "includefield", wanted: "fewer attributes" });
            }
            match read_path(name).ok().as_deref() {
                // The whole sequence is shown, not a part of its items.
                Some([top, ..]) => self.tags.push(*top),
                Some([]) | None => self.unknown.push(harmless(name)),
            }
        }
        Ok(())
    }

    /// What was asked for and is no attribute.
    pub(super) fn warnings(&self) -> Vec<String> {
        let one = |name: &String| format!("The includefield {name} is not supported. It has been ignored.");
        self.unknown.iter().map(one).collect()
    }
}

/// What answers show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) returned: Returned,
    /// Shown even without a value.
    pub(super) shown: Vec<(Tag, Vr)>,
}

/// Attributes that are left out when nothing is known of them; the other defaults are shown empty then.
const CONDITIONAL: &[Tag] = &[
    Tag::TIMEZONE_OFFSET_FROM_UTC,
    Tag::SERIES_DESCRIPTION,
    Tag::PERFORMED_PROCEDURE_STEP_START_DATE,
    Tag::PERFORMED_PROCEDURE_STEP_START_TIME,
    Tag::REQUEST_ATTRIBUTES_SEQUENCE,
    Tag::ROWS,
    Tag::COLUMNS,
    Tag::BITS_ALLOCATED,
    Tag::NUMBER_OF_FRAMES,
];

/// The attributes that answers within `scope` show.
pub(super) fn fields(scope: &Scope, asked: &[Asked], include: &Include) -> Fields {
    let floor = floor(scope);
    let mut returned: Vec<Tag> = levels::defaults(scope.level)
        .filter(|tag| levels::level_of(*tag) >= floor || *tag == Tag::TIMEZONE_OFFSET_FROM_UTC)
        .collect();
    let mut shown: Vec<Tag> = returned.iter().copied().filter(|tag| !CONDITIONAL.contains(tag)).collect();
    let wanted = asked.iter().map(|asked| asked.key.tag).chain(include.tags.iter().copied());
    let wanted = wanted.filter(|tag| levels::known(*tag).is_some_and(|kept| kept.level <= scope.level));
    for tag in wanted {
        if !returned.contains(&tag) {
            returned.push(tag);
        }
        if !shown.contains(&tag) {
            shown.push(tag);
        }
    }
    let returned = if include.all { Returned::All } else { Returned::Only(returned) };
    Fields { returned, shown: shown.into_iter().filter_map(with_vr).collect() }
}

/// The highest level of which answers show the defaults: what the path names already is not repeated.
fn floor(scope: &Scope) -> Level {
    match (scope.level, &scope.study, &scope.series) {
        (Level::Patient | Level::Study, ..) | (_, None, _) => Level::Patient,
        (Level::Instance, Some(_), Some(_)) => Level::Instance,
        (Level::Series | Level::Instance, Some(_), _) => Level::Series,
    }
}

fn with_vr(tag: Tag) -> Option<(Tag, Vr)> {
    let vr = levels::known(tag).map(|kept| kept.vr).or_else(|| dictionary::vr_of(tag))?;
    Some((tag, vr))
}
