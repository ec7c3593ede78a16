//! What holds for the queries of an association on one SOP class: what was negotiated (PS3.4 §C.5.1.1), or what the
//! administrator settled.

use causeway_core::query::moments::Offset;
use causeway_core::query::reading::{Dates, Empties, Names, Reading, Several};

use super::Hierarchy;

/// Whether the zone that a query names counts (PS3.4 §C.2.2.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Timezone {
    /// It does not: dates and times are matched and answered as they are kept.
    #[default]
    AsKept,
    /// It does.
    Adjusted,
}

/// Each sub-field of the extended negotiation of C-FIND that can be agreed upon. Enhanced Multi-Frame Image
/// Conversion is not among them: a view other than the default is never given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryOptions {
    /// Relational queries.
    pub(crate) hierarchy: Hierarchy,
    /// Date-time matching.
    pub(crate) dates: Dates,
    /// Fuzzy semantic matching of person names.
    pub(crate) names: Names,
    /// Timezone query adjustment.
    pub(crate) timezone: Timezone,
    /// Empty value matching.
    pub(crate) empties: Empties,
    /// Multiple value matching.
    pub(crate) several: Several,
}

impl QueryOptions {
    /// What an answer to extended negotiation grants; none was given: the baseline. `allowed` is what the
    /// administrator lets callers do that did not negotiate.
    pub(crate) fn granted(answered: Option<&[u8]>, allowed: Hierarchy) -> Self {
        let has = |index: usize| answered.and_then(|bytes| bytes.get(index)) == Some(&1);
        Self {
            hierarchy: if has(0) { Hierarchy::Relational } else { allowed },
            dates: if has(1) { Dates::Combined } else { Dates::Separate },
            names: if has(2) { Names::Fuzzy } else { Names::Literal },
            timezone: if has(3) { Timezone::Adjusted } else { Timezone::AsKept },
            empties: if has(5) { Empties::Matched } else { Empties::Literal },
            several: if has(6) { Several::All } else { Several::Any },
        }
    }

    /// How the keys of a query in `zone` are to be read.
    pub(crate) const fn reading(&self, zone: Option<Offset>) -> Reading {
        Reading { names: self.names, dates: self.dates, empties: self.empties, several: self.several, zone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sub_field_grants_its_own_and_those_left_out_grant_nothing() {
        let granted = |bytes: &[u8]| QueryOptions::granted(Some(bytes), Hierarchy::Strict);
        let baseline = QueryOptions::granted(None, Hierarchy::Strict);
        assert_eq!(baseline, granted(&[]));
        assert_eq!(baseline, granted(&[0, 0, 0, 0, 1, 0, 0]));
        assert_eq!(granted(&[1]), QueryOptions { hierarchy: Hierarchy::Relational, ..baseline });
        assert_eq!(granted(&[0, 1]), QueryOptions { dates: Dates::Combined, ..baseline });
        assert_eq!(granted(&[0, 0, 1]), QueryOptions { names: Names::Fuzzy, ..baseline });
        assert_eq!(granted(&[0, 0, 0, 1]), QueryOptions { timezone: Timezone::Adjusted, ..baseline });
        assert_eq!(granted(&[0, 0, 0, 0, 0, 1]), QueryOptions { empties: Empties::Matched, ..baseline });
        assert_eq!(granted(&[0, 0, 0, 0, 0, 0, 1]), QueryOptions { several: Several::All, ..baseline });
    }

    #[test]
    fn what_the_administrator_allows_needs_no_negotiation() {
        let allowed = QueryOptions::granted(Some(&[0, 1]), Hierarchy::Relational);
        assert_eq!((allowed.hierarchy, allowed.dates), (Hierarchy::Relational, Dates::Combined));
    }
}
