//! Person names in the catalog: three folded groups as columns, each empty one NULL, and their words as an index.

use std::collections::BTreeSet;

use causeway_core::person_name::{self, Folded};
use causeway_core::{Attributes, Element, Tag};

use crate::engine::Connection;
use crate::error::Error;
use crate::record::cut;

/// Alphabetic, ideographic, phonetic.
pub(crate) fn columns(name: Option<&str>) -> [Option<String>; 3] {
    let folded = name.map(Folded::of).unwrap_or_default();
    folded.groups().map(|group| (!group.is_empty()).then(|| cut(group).to_owned()))
}

/// A table of words: whose they are, and the name they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// The table.
    pub(crate) table: &'static str,
    /// The table of whom they are of, and the column that names one of those.
    pub(crate) owner: &'static str,
    /// The name.
    pub(crate) name: Tag,
}

impl Words {
    /// Words of Patient's Name.
    pub(crate) const PATIENT: Self =
        Self { table: "patient_word", owner: "patient", name: Tag::PATIENT_NAME };
    /// Words of Referring Physician's Name.
    pub(crate) const STUDY: Self =
        Self { table: "study_word", owner: "study", name: Tag::REFERRING_PHYSICIAN_NAME };

    /// Writes the words of one owner's name, in place of those that were there.
    pub(crate) fn write(
        self,
        connection: &Connection,
        owner: i64,
        attributes: &Attributes,
    ) -> Result<(), Error> {
        let Self { table, owner: column, .. } = self;
        connection.prepare_cached(&format!("DELETE FROM {table} WHERE {column} = ?1"))?.send([owner])?;
        self.add(connection, owner, attributes)
    }

    /// Writes the words of one owner's name, of whom there are none yet.
    pub(crate) fn add(
        self,
        connection: &Connection,
        owner: i64,
        attributes: &Attributes,
    ) -> Result<(), Error> {
        let Self { table, owner: column, name } = self;
        let names = attributes.get(name).map(Element::values).unwrap_or_default();
        let groups = names.iter().flat_map(|name| name.split('='));
        let words: BTreeSet<String> = groups.flat_map(person_name::words).collect();
        let sql = format!("INSERT INTO {table} (word, {column}) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
        let mut statement = connection.prepare_cached(&sql)?;
        for word in words {
            statement.send((word, owner))?;
        }
        Ok(())
    }
}
