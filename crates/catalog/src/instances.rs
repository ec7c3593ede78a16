//! Instances by their UIDs: which are meant by a selection, which were deleted, which are settled.

use causeway_core::{
    Digest, ExpectedObject, Identifiers, ObjectKey, Selection, Sight, StoredInstance, Uid, Via,
};
use jiff::Timestamp;

use crate::Catalog;
use crate::engine::{Connection, Durability, OptionalExtension, Row, Value, params_from_iter};
use crate::error::Error;
use crate::sight;

impl Catalog {
    /// The instances that `selection` means and that are seen, by study, series number, series and instance number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn instances(&self, selection: Selection, sight: Sight) -> Result<Vec<StoredInstance>, Error> {
        self.engine
            .read(move |connection| {
                Ok(select(connection, &selection, &sight)?.into_iter().map(|(_, it)| it).collect())
            })
            .await
    }

    /// Whether what `selection` names was here and was deleted. The lowest level that is named decides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn was_deleted(&self, selection: Selection) -> Result<bool, Error> {
        self.engine
            .read(move |connection| {
                let Selection { studies, series, instances, .. } = &selection;
                let lowest = [instances, series, studies].into_iter().find(|uids| !uids.is_empty());
                let mut statement = connection.prepare_cached(
                    "SELECT 1 FROM tombstone WHERE uid IN (SELECT value FROM json_each(?1))",
                )?;
                Ok(match lowest {
                    Some(uids) => statement.exists([json(uids)])?,
                    None => false,
                })
            })
            .await
    }

    /// Whether the instance was deleted at `moment` or later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deleted_since(&self, instance: Uid, moment: Timestamp) -> Result<bool, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT 1 FROM tombstone WHERE uid = ?1 AND deleted_at >= ?2")?;
                Ok(statement.exists((instance.as_str(), moment.as_millisecond()))?)
            })
            .await
    }

    /// Objects that are still in this member's spool, oldest first, at most `limit`, the first `skip` left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsettled(&self, limit: u32, skip: u32) -> Result<Vec<ExpectedObject>, Error> {
        let spool = self.spool();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT object, object_bytes, data_set_offset, digest FROM instance
                     WHERE spool = ?3 AND settled = 0 ORDER BY id LIMIT ?1 OFFSET ?2",
                )?;
                let mut rows = statement.query((limit, skip, spool))?;
                let mut found = Vec::new();
                while let Some(row) = &rows.next()? {
                    found.push(expected(row)?);
                }
                Ok(found)
            })
            .await
    }

    /// What an object must be; none: no instance has its bytes in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expected(&self, object: ObjectKey) -> Result<Option<ExpectedObject>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT object, object_bytes, data_set_offset, digest FROM instance WHERE object = ?1",
                )?;
                let found = statement.query_row([object.as_str()], |row| Ok(expected(row))).optional()?;
                found.transpose()
            })
            .await
    }

    /// How many objects are still in this member's spool, and their bytes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsettled_sum(&self) -> Result<(u64, u64), Error> {
        let spool = self.spool();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT count(*), CAST(coalesce(sum(object_bytes), 0) AS BIGINT) FROM instance
                     WHERE spool = ?1 AND settled = 0",
                )?;
                let sum = statement.query_row([spool], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
                let count = |number: i64| u64::try_from(number).unwrap_or_default();
                Ok((count(sum.0), count(sum.1)))
            })
            .await
    }

    /// Says that these objects are in their place. Unknown ones are passed over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_settled(&self, objects: Vec<ObjectKey>) -> Result<(), Error> {
        self.engine
            .write(Durability::Replayable, move |connection| {
                let objects: Vec<&str> = objects.iter().map(ObjectKey::as_str).collect();
                connection
                    .prepare_cached(
                        "UPDATE instance SET settled = 1 WHERE object IN (SELECT value FROM json_each(?1))",
                    )?
                    .send([serde_json::json!(objects).to_string()])?;
                Ok(())
            })
            .await
    }

    /// Whether an instance has its bytes in this object, or one that was removed and whose bytes are to stay for now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn object_known(&self, object: ObjectKey) -> Result<bool, Error> {
        self.engine.read(move |connection| is_known(connection, &object)).await
    }

    /// The same, once every commit that was under way has ended, also one whose caller was told that
    /// it failed since the line to the database was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn object_known_by_now(&self, object: ObjectKey) -> Result<bool, Error> {
        // A transaction that writes has its turn after those before it, of whichever connection.
        self.engine.write(Durability::Replayable, move |connection| is_known(connection, &object)).await
    }
}

/// Whether an instance has its bytes in this object.
pub(crate) fn has_row(connection: &Connection, object: &ObjectKey) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM instance WHERE object = ?1")?;
    Ok(statement.exists([object.as_str()])?)
}

/// Whether an instance has its bytes in this object, or one that was removed.
pub(crate) fn is_known(connection: &Connection, object: &ObjectKey) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM instance WHERE object = ?1 UNION ALL SELECT 1 FROM removed WHERE object = ?1",
    )?;
    Ok(statement.exists([object.as_str()])?)
}

/// The columns that [`stored`] reads, from [`INSTANCE_TABLES`].
pub(crate) const STORED_COLUMNS: &str = "study.uid, series.uid, instance.uid, instance.sop_class,
    instance.transfer_syntax, instance.object, instance.object_bytes, instance.data_set_offset, instance.digest,
    instance.received_at, instance.id, instance.settled";
/// How many they are.
pub(crate) const STORED_COUNT: usize = 12;
/// An instance with its series and study.
pub(crate) const INSTANCE_TABLES: &str =
    "instance JOIN series ON series.id = instance.series JOIN study ON study.id = series.study";

/// The instances that `selection` means and that are seen, each with its number.
pub(crate) fn select(
    connection: &Connection,
    selection: &Selection,
    sight: &Sight,
) -> Result<Vec<(i64, StoredInstance)>, Error> {
    if selection.is_empty() {
        return Ok(Vec::new());
    }
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    for (column, uids) in [
        ("instance.uid", &selection.instances),
        ("series.uid", &selection.series),
        ("study.uid", &selection.studies),
    ] {
        match uids.as_slice() {
            [] => {}
            [one] => {
                conditions.push(format!("{column} = ?"));
                values.push(Value::Text(one.as_str().to_owned()));
            }
            many => {
                conditions.push(format!("{column} IN (SELECT value FROM json_each(?))"));
                values.push(Value::Text(json(many)));
            }
        }
    }
    if let Some(patient) = &selection.patient_id {
        conditions.push("study.patient IN (SELECT id FROM patient WHERE patient_id = ?)".to_owned());
        values.push(Value::Text(patient.clone()));
    }
    if let Some((seen, of_scope)) = sight::condition(sight, "study") {
        conditions.push(seen);
        values.extend(of_scope);
    }
    let sql = format!(
        "SELECT {STORED_COLUMNS} FROM {INSTANCE_TABLES} WHERE {}
         ORDER BY study.id, series.number NULLS FIRST, series.id, instance.number NULLS FIRST, instance.id",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = &rows.next()? {
        found.push((row.get(10)?, stored(row)?));
    }
    Ok(found)
}

/// One instance by its number, and the nodes that it passed before it came here: whoever hands it on says so.
pub(crate) fn by_id(connection: &Connection, id: i64) -> Result<Option<(StoredInstance, Via)>, Error> {
    let sql = format!(
        "SELECT {STORED_COLUMNS}, instance.envelope ->> 'via' FROM {INSTANCE_TABLES} WHERE instance.id = ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let both = |row: &Row<'_>| Ok::<_, Error>((stored(row)?, via(row, STORED_COUNT)?));
    let found = statement.query_row([id], |row| Ok(both(row))).optional()?;
    found.transpose()
}

pub(crate) fn stored(row: &Row<'_>) -> Result<StoredInstance, Error> {
    Ok(StoredInstance {
        ids: Identifiers { study: uid(row, 0)?, series: uid(row, 1)?, instance: uid(row, 2)? },
        sop_class: uid(row, 3)?,
        transfer_syntax: uid(row, 4)?,
        object: object_key(&row.get::<String>(5)?)?,
        object_bytes: u64::try_from(row.get::<i64>(6)?).map_err(|_| Error::Corrupt("a length"))?,
        data_set_offset: row.get(7)?,
        digest: Digest(row.get(8)?),
        received_at: Timestamp::from_millisecond(row.get(9)?).map_err(|_| Error::Corrupt("a moment"))?,
        is_settled: row.get(11)?,
    })
}

fn expected(row: &Row<'_>) -> Result<ExpectedObject, Error> {
    Ok(ExpectedObject {
        object: object_key(&row.get::<String>(0)?)?,
        object_bytes: u64::try_from(row.get::<i64>(1)?).map_err(|_| Error::Corrupt("a length"))?,
        digest_from: u64::from(row.get::<u32>(2)?),
        digest: Digest(row.get(3)?),
    })
}

fn via(row: &Row<'_>, index: usize) -> Result<Via, Error> {
    let text: Option<String> = row.get(index)?;
    text.map_or(Ok(Via::default()), |text| text.parse().map_err(|_| Error::Corrupt("a path over nodes")))
}

pub(crate) fn uid(row: &Row<'_>, index: usize) -> Result<Uid, Error> {
    Uid::parse(&row.get::<String>(index)?).map_err(|_| Error::Corrupt("a UID"))
}

pub(crate) fn object_key(text: &str) -> Result<ObjectKey, Error> {
    ObjectKey::parse(text).map_err(|_| Error::Corrupt("an object key"))
}

/// UIDs as one parameter, however many they are.
pub(crate) fn json(uids: &[Uid]) -> String {
    let quoted: Vec<String> = uids.iter().map(|uid| format!("\"{}\"", uid.as_str())).collect();
    format!("[{}]", quoted.join(","))
}
