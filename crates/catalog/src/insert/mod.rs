//! Keeping an instance: its rows on four levels, its deliveries and its line in the trail, in one transaction. What a
//! server is asked is on its way before anything is waited for: as a rule twice for each instance.

mod place;

use causeway_core::{EventKind, Identifiers, InstanceRecord, ObjectKey, PlannedDelivery};

use crate::Catalog;
use crate::aliases;
use crate::audit;
use crate::delete;
use crate::delivery;
use crate::engine::{Asked, Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::hold;
use crate::incoming::Incoming;
use crate::instances::object_key;
use crate::quota;
use crate::record;
use crate::regions;
use place::{Above, Place};

/// What to do when the SOP Instance UID is kept already, with other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Refuse the new bytes.
    KeepFirst,
    /// Let the new bytes take the place, unless the study is on hold.
    Replace,
}

/// What became of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept, and was not before.
    New,
    /// This very object was kept before: a replay.
    Known,
    /// The same bytes are kept under another object; the new object is not needed.
    SameBytes {
        /// The object that is kept.
        object: ObjectKey,
    },
    /// It took the place of other bytes, whose object is not needed any more.
    Replaced {
        /// The object that was replaced.
        object: ObjectKey,
    },
    /// Other bytes are kept under this UID, and stay.
    Conflict,
    /// Other bytes took the place of these before: what was replaced once never comes back.
    Superseded,
}

impl Catalog {
    /// Keeps an instance and writes its deliveries. Answers after the commit, which a crash may undo: the caller
    /// holds the bytes durably and writes them again.
    ///
    /// # Errors
    /// When the database fails; nothing is kept then.
    pub async fn insert(
        &self,
        record: InstanceRecord,
        deliveries: Vec<PlannedDelivery>,
        on_conflict: OnConflict,
    ) -> Result<Inserted, Error> {
        let now = self.now_ms();
        let incoming = Incoming::of(record, self.spool())?;
        self.engine
            .write(Durability::Replayable, move |connection| {
                insert(connection, &incoming, &deliveries, on_conflict, now)
            })
            .await
    }
}

impl Incoming {
    /// Writes the rows of an instance that was here, under the number that it had, if any, and nothing else.
    pub(crate) fn put_back(
        &self,
        connection: &Connection,
        id: Option<i64>,
        who: &str,
        now: i64,
    ) -> Result<(), Error> {
        let above = Above::ask(connection, &self.record.ids)?.take().optional()?;
        let place = Place::of(connection, self, above, who, now)?;
        let added = add_instance(connection, self, place.series)?;
        if let Some(id) = id {
            let added = added.take()?;
            connection.prepare_cached("UPDATE instance SET id = ?2 WHERE id = ?1")?.send((added, id))?;
        }
        count(connection, self, place, Moments { arrived_at: now, now })?;
        forget_tombstones(connection, &self.record)
    }
}

fn insert(
    connection: &Connection,
    incoming: &Incoming,
    deliveries: &[PlannedDelivery],
    on_conflict: OnConflict,
    now: i64,
) -> Result<Inserted, Error> {
    let record = &incoming.record;
    let uid = record.ids.instance.as_str();
    let before = Before::ask(connection, &record.ids)?;
    let mut above = Above::ask(connection, &record.ids)?;
    let mut before = before.take()?;
    let who = who(record);
    let inserted = match before.kept {
        None => Inserted::New,
        Some(Kept { object, .. }) if object == record.object.as_str() => return Ok(Inserted::Known),
        Some(Kept { object, digest, .. }) if digest == record.digest.0 => {
            return Ok(Inserted::SameBytes { object: object_key(&object)? });
        }
        Some(Kept { id, .. })
            if on_conflict == OnConflict::KeepFirst || hold::holds_instance(connection, id)? =>
        {
            audit::append(connection, now, &who, EventKind::InstanceConflict.verb(), uid)?;
            return Ok(Inserted::Conflict);
        }
        // Keys are ordered by time: a replay must not bring back what was replaced.
        Some(Kept { object, .. }) if record.object.as_str() < object.as_str() => {
            return Ok(Inserted::Superseded);
        }
        Some(Kept { id, object, .. }) => {
            delete::take_out(connection, &[id], now)?;
            above = Above::ask(connection, &record.ids)?;
            before.had_gone = true;
            audit::append(connection, now, &who, EventKind::InstanceReplaced.verb(), uid)?;
            Inserted::Replaced { object: object_key(&object)? }
        }
    };
    let place = Place::of(connection, incoming, above.take().optional()?, &who, now)?;
    let instance = add_instance(connection, incoming, place.series)?;
    let arrived_at = record.envelope.received_at.as_millisecond();
    count(connection, incoming, place, Moments { arrived_at, now })?;
    if before.had_gone {
        forget_tombstones(connection, record)?;
    }
    if before.is_disguised {
        aliases::expect(connection, record, now)?;
    }
    audit::append(connection, now, &who, EventKind::InstanceStored.verb(), uid)?;
    if !deliveries.is_empty() {
        delivery::plan(connection, record, instance.take()?, deliveries, now)?;
    }
    Ok(inserted)
}

/// What is known of an instance before it comes.
struct Before {
    kept: Option<Kept>,
    /// Whether it, its series or its study was removed.
    had_gone: bool,
    /// Whether its study has a name under which something was sent.
    is_disguised: bool,
}

/// An instance that is kept.
struct Kept {
    id: i64,
    object: String,
    digest: [u8; 32],
}

impl Before {
    /// Asks for it.
    fn ask<'c>(connection: &'c Connection, ids: &Identifiers) -> Result<Asked<'c, Self>, Error> {
        let mut statement = connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM tombstone WHERE uid IN (?1, ?2, ?3)),
             EXISTS (SELECT 1 FROM alias_study WHERE pseudonym = ?1), instance.id, instance.object, instance.digest
             FROM (SELECT 1 AS one) AS always LEFT JOIN instance ON instance.uid = ?3",
        )?;
        let (study, series) = (ids.study.as_str(), ids.series.as_str());
        let asked = statement.ask((study, series, ids.instance.as_str()), |row| {
            let kept = match row.get(2)? {
                Some(id) => Some(Kept { id, object: row.get(3)?, digest: row.get(4)? }),
                None => None,
            };
            Ok(Self { kept, had_gone: row.get(0)?, is_disguised: row.get(1)? })
        })?;
        Ok(asked)
    }
}

fn who(record: &InstanceRecord) -> String {
    let envelope = &record.envelope;
    match (&envelope.remote, &envelope.calling_ae) {
        (Some(remote), _) => remote.to_string(),
        (None, Some(ae)) => ae.to_string(),
        (None, None) => "local".to_owned(),
    }
}

/// Writes the row of the instance; gives its number.
fn add_instance<'c>(
    connection: &'c Connection,
    incoming: &Incoming,
    series: i64,
) -> Result<Asked<'c, i64>, Error> {
    let record = &incoming.record;
    let own = &incoming.levels.instance;
    let values = (
        series,
        record.ids.instance.as_str(),
        record.sop_class.as_str(),
        record.transfer_syntax.as_str(),
        record::number(&own.attributes, causeway_core::Tag::INSTANCE_NUMBER),
        record.object.as_str(),
        i64::try_from(record.object_bytes).unwrap_or(i64::MAX),
        record.data_set_offset,
        record.digest.0,
        record.envelope.received_at.as_millisecond(),
        &incoming.envelope,
        &own.json,
        incoming.spool,
    );
    let added = connection
        .prepare_cached(
            "INSERT INTO instance (series, uid, sop_class, transfer_syntax, number, object, object_bytes,
             data_set_offset, digest, received_at, settled, envelope, attributes, spool)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13)",
        )?
        .ask_insert(values)?;
    quota::add(connection, record)?;
    Ok(added)
}

/// When an instance came, or was brought back, and when that is written.
#[derive(Clone, Copy)]
struct Moments {
    arrived_at: i64,
    now: i64,
}

/// Counts the new instance in its series and study.
fn count(
    connection: &Connection,
    Incoming { record, levels, .. }: &Incoming,
    Place { study, series, modality, modalities, sop_classes }: Place,
    Moments { arrived_at, now }: Moments,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE series SET instance_count = instance_count + 1, changed_at = ?2 WHERE id = ?1",
        )?
        .send((series, now))?;
    connection
        .prepare_cached(
            "UPDATE study SET instance_count = instance_count + 1, series_count = series_count
             + (SELECT CASE WHEN series.instance_count = 1 THEN 1 ELSE 0 END FROM series WHERE series.id = ?2),
             changed_at = ?3, arrived_at = CASE WHEN arrived_at < ?4 THEN ?4 ELSE arrived_at END WHERE id = ?1",
        )?
        .send((study, series, now, arrived_at))?;
    let more_modalities = modality.and_then(|modality| with_word(&modalities, &modality));
    let more_classes = with_word(&sop_classes, record.sop_class.as_str());
    if more_modalities.is_some() || more_classes.is_some() {
        connection
            .prepare_cached("UPDATE study SET modalities = ?2, sop_classes = ?3 WHERE id = ?1")?
            .send((study, more_modalities.unwrap_or(modalities), more_classes.unwrap_or(sop_classes)))?;
    }
    regions::add(connection, study, regions::of(&levels.instance.attributes))
}

/// The sorted list `words`, parted by backslash, with `word` in it; `None` when it was.
fn with_word(words: &str, word: &str) -> Option<String> {
    let mut all: Vec<&str> = words.split('\\').filter(|known| !known.is_empty()).collect();
    if all.contains(&word) || word.is_empty() {
        return None;
    }
    all.push(word);
    all.sort_unstable();
    Some(all.join("\\"))
}

/// What comes again is not gone any more.
fn forget_tombstones(connection: &Connection, record: &InstanceRecord) -> Result<(), Error> {
    let ids = &record.ids;
    connection.prepare_cached("DELETE FROM tombstone WHERE uid IN (?1, ?2, ?3)")?.send((
        ids.study.as_str(),
        ids.series.as_str(),
        ids.instance.as_str(),
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_joins_a_sorted_list_once() {
        assert_eq!(with_word("", "CT").unwrap(), "CT");
        assert_eq!(with_word("MR", "CT").unwrap(), "CT\\MR");
        assert_eq!(with_word("CT\\MR", "CT"), None);
        assert_eq!(with_word("CT", ""), None);
    }
}
