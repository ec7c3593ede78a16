//! Taking instances out, with everything above them that becomes empty.

use std::collections::{BTreeMap, BTreeSet};

use causeway_core::keeping::Removal;
use causeway_core::{EventKind, Selection, Sight, StoredInstance};

use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::hold::{self, Hold, Removing};
use crate::instances;
use crate::quota;
use crate::regions;
use crate::removed;
use crate::sheets;

impl Catalog {
    /// Takes out what `selection` means and is seen, remembers that it was here, and gives what was taken out. Deliveries of
    /// it that are not done yet are cancelled. Its bytes stay until the grace is over; without one they may go at once. Where a
    /// study of it is on hold, nothing is taken out.
    ///
    /// # Errors
    /// When the database fails; nothing is taken out then.
    pub async fn delete(
        &self,
        selection: Selection,
        sight: Sight,
        removal: Removal,
    ) -> Result<Removing<Vec<StoredInstance>>, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                let found = instances::select(connection, &selection, &sight)?;
                if let Some(hold) = held(connection, &found)? {
                    return Ok(Removing::Held(hold));
                }
                remove(connection, &found, &removal, now)?;
                Ok(Removing::Done(found.into_iter().map(|(_, instance)| instance).collect()))
            })
            .await
    }
}

/// The first hold of the studies that the instances are of.
fn held(connection: &Connection, found: &[(i64, StoredInstance)]) -> Result<Option<Hold>, Error> {
    let studies: BTreeSet<&str> = found.iter().map(|(_, instance)| instance.ids.study.as_str()).collect();
    for study in studies {
        if let Some(hold) = hold::of(connection, study)? {
            return Ok(Some(hold));
        }
    }
    Ok(None)
}

/// Takes rows out, with a line in the trail for each instance.
pub(crate) fn remove(
    connection: &Connection,
    found: &[(i64, StoredInstance)],
    removal: &Removal,
    now: i64,
) -> Result<(), Error> {
    let verb = EventKind::InstanceDeleted.verb();
    for (id, instance) in found {
        let uid = instance.ids.instance.as_str();
        bury(connection, uid, now)?;
        audit::append(connection, now, &removal.who, verb, uid)?;
        removed::keep(connection, *id, instance, removal, now)?;
    }
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    take_out(connection, &ids, now)
}

/// Remembers that it was here.
pub(crate) fn bury(connection: &Connection, uid: &str, now: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO tombstone (uid, deleted_at) VALUES (?1, ?2)
             ON CONFLICT (uid) DO UPDATE SET deleted_at = excluded.deleted_at",
        )?
        .send((uid, now))?;
    Ok(())
}

/// Takes the rows out, cancels what was to be sent of them, and corrects or removes what stands above.
pub(crate) fn take_out(connection: &Connection, ids: &[i64], now: i64) -> Result<(), Error> {
    let mut touched = BTreeSet::new();
    let mut sources: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for id in ids {
        // Who was sent it is told of it by name from now on.
        connection
            .prepare_cached(
                "UPDATE job SET (uid, source) = (SELECT uid, envelope ->> 'remote' FROM instance WHERE id = ?1)
                 WHERE instance = ?1",
            )?
            .send([id])?;
        let gone: Option<(i64, Option<String>, i64)> = connection
            .prepare_cached(
                "DELETE FROM instance WHERE id = ?1 RETURNING series, envelope ->> 'remote', object_bytes",
            )?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if let Some((series, remote, bytes)) = gone {
            touched.insert(series);
            if let Some(remote) = remote {
                let (instances, all) = sources.entry(remote).or_insert((0, 0));
                (*instances, *all) = (*instances + 1, *all + bytes);
            }
        }
        connection
            .prepare_cached(
                "UPDATE job SET state = 4, lease_owner = NULL, changed_at = ?2,
                 words = 'the instance was deleted here' WHERE instance = ?1 AND state IN (0, 1, 3)",
            )?
            .send((id, now))?;
    }
    for (remote, (instances, bytes)) in sources {
        quota::subtract(connection, &remote, instances, bytes)?;
    }
    let mut studies = BTreeSet::new();
    for series in touched {
        sheets::take_out(connection, series)?;
        studies.insert(recount_series(connection, series, now)?);
    }
    studies.into_iter().try_for_each(|study| recount_study(connection, study, now))
}

/// Gives the series' study.
fn recount_series(connection: &Connection, series: i64, now: i64) -> Result<i64, Error> {
    let (study, uid, left): (i64, String, i64) = connection
        .prepare_cached(
            "UPDATE series SET changed_at = ?2,
             instance_count = (SELECT count(*) FROM instance WHERE series = ?1)
             WHERE id = ?1 RETURNING study, uid, instance_count",
        )?
        .query_row((series, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if left == 0 {
        connection.prepare_cached("DELETE FROM series WHERE id = ?1")?.execute([series])?;
        bury(connection, &uid, now)?;
    }
    Ok(study)
}

fn recount_study(connection: &Connection, study: i64, now: i64) -> Result<(), Error> {
    let (uid, patient, left): (String, i64, i64) = connection
        .prepare_cached(
            "UPDATE study SET changed_at = ?2,
             series_count = (SELECT count(*) FROM series WHERE study = ?1),
             instance_count = (SELECT coalesce(sum(instance_count), 0) FROM series WHERE study = ?1),
             modalities = coalesce((SELECT string_agg(modality, '\\') FROM
               (SELECT DISTINCT modality FROM series WHERE study = ?1 AND modality IS NOT NULL ORDER BY 1)
               AS found), ''),
             sop_classes = coalesce((SELECT string_agg(sop_class, '\\') FROM
               (SELECT DISTINCT sop_class FROM instance JOIN series ON series.id = instance.series
                WHERE series.study = ?1 ORDER BY 1) AS found), '')
             WHERE id = ?1 RETURNING uid, patient, instance_count",
        )?
        .query_row((study, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if left == 0 {
        connection.prepare_cached("DELETE FROM study WHERE id = ?1")?.execute([study])?;
        bury(connection, &uid, now)?;
        connection
            .prepare_cached(
                "DELETE FROM patient WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM study WHERE patient = ?1)",
            )?
            .execute([patient])?;
        return Ok(());
    }
    regions::recount(connection, study)
}
