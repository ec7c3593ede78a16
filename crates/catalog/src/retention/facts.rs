//! What is known of a study when it is judged.

use causeway_core::Uid;
use causeway_core::keeping::retention::{Facts, Proof, Sent};

use crate::delivery::{moment, name};
use crate::engine::{Connection, OptionalExtension};
use crate::error::Error;
use crate::hold;

/// The facts of a study, and its bytes.
pub(crate) struct Seen {
    pub(crate) facts: Facts,
    pub(crate) bytes: u64,
}

/// What is known of a study; `sent`: who else must have it, if anybody.
pub(crate) fn facts(
    connection: &Connection,
    study: &Uid,
    sent: Option<&Sent>,
) -> Result<Option<Seen>, Error> {
    let study = study.as_str();
    let row: Option<(i64, Option<String>, i64, Option<i64>)> = connection
        .prepare_cached("SELECT id, origin, arrived_at, used_at FROM study WHERE uid = ?1")?
        .query_row([study], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((id, origin, arrived_at, used_at)) = row else { return Ok(None) };
    let own = Own::of(connection, id, origin.as_deref())?;
    let (sent, unsent) = match sent {
        Some(sent) => proven(connection, study, sent)?,
        None => (0, 0),
    };
    let used_at = used_at.map_or_else(|| uses_known_since(connection), Ok)?;
    let facts = Facts {
        arrived_at: moment(arrived_at.max(own.newest)),
        used_at: moment(used_at),
        origin: origin.as_deref().map(name).transpose()?,
        from_elsewhere: own.from_elsewhere,
        is_held: hold::of(connection, study)?.is_some(),
        open_jobs: count(connection, OPEN_JOBS, study)?,
        open_errands: open_errands(connection, study)?,
        instances: own.instances,
        sent,
        unsent,
    };
    Ok(Some(Seen { facts, bytes: own.bytes }))
}

/// What a study's instances tell.
struct Own {
    newest: i64,
    instances: u64,
    bytes: u64,
    from_elsewhere: u64,
}

impl Own {
    fn of(connection: &Connection, study: i64, origin: Option<&str>) -> Result<Self, Error> {
        let mut statement = connection.prepare_cached(
            "SELECT coalesce(max(received_at), 0), count(*), CAST(coalesce(sum(object_bytes), 0) AS BIGINT),
             CAST(coalesce(sum(CASE WHEN envelope ->> 'remote' IS DISTINCT FROM ?2 THEN 1 ELSE 0 END), 0) AS BIGINT)
             FROM series JOIN instance ON instance.series = series.id WHERE series.study = ?1",
        )?;
        let own = statement.query_row((study, origin), |row| {
            Ok(Self {
                newest: row.get(0)?,
                instances: row.get(1)?,
                bytes: row.get(2)?,
                from_elsewhere: row.get(3)?,
            })
        })?;
        Ok(own)
    }
}

const OPEN_JOBS: &str = "SELECT count(*) FROM delivery JOIN job ON job.delivery = delivery.id
    WHERE delivery.study_uid = ?1 AND job.state IN (0, 1, 3)";
/// What is to be asked, or was and is not answered, of what was delivered.
const UNANSWERED: &str = "SELECT count(*) FROM delivery JOIN job ON job.delivery = delivery.id
    WHERE delivery.study_uid = ?1 AND job.state = 2 AND job.commitment IN (0, 1)";
/// Notices and counts; a count is of the study as the far side knows it.
const ABOUT_STUDY: &str =
    "SELECT count(*) FROM errand WHERE state < 3 AND kind IN (2, 4) AND (uid = ?1 OR EXISTS (
    SELECT 1 FROM alias_study WHERE alias_study.pseudonym = errand.uid AND alias_study.remote = errand.remote
    AND alias_study.original = ?1))";
/// Commitments that were asked of us.
const ASKED_OF_US: &str = "SELECT count(DISTINCT errand.id) FROM errand
    JOIN errand_item ON errand_item.errand = errand.id JOIN instance ON instance.uid = errand_item.sop_instance
    JOIN series ON series.id = instance.series JOIN study ON study.id = series.study
    WHERE errand.state < 3 AND errand.kind IN (0, 3) AND study.uid = ?1";
const COMING_BACK: &str = "SELECT count(*) FROM way_back JOIN instance ON instance.id = way_back.instance
    JOIN series ON series.id = instance.series JOIN study ON study.id = series.study WHERE study.uid = ?1";

fn open_errands(connection: &Connection, study: &str) -> Result<u64, Error> {
    let counted =
        [UNANSWERED, ABOUT_STUDY, ASKED_OF_US, COMING_BACK].map(|sql| count(connection, sql, study));
    counted.into_iter().sum()
}

fn count(connection: &Connection, sql: &str, study: &str) -> Result<u64, Error> {
    Ok(connection.prepare_cached(sql)?.query_row([study], |row| row.get(0))?)
}

/// A moment that is never past: in the year 9999.
const NEVER_UNUSED: i64 = 253_402_207_200_000;

fn uses_known_since(connection: &Connection) -> Result<i64, Error> {
    let since = connection
        .prepare_cached("SELECT uses_known_since FROM keeping")?
        .query_row([], |row| row.get(0))
        .optional()?;
    // Not said yet: nothing is known of any use, so that everything counts as used.
    Ok(since.unwrap_or(NEVER_UNUSED))
}

/// Instances of which the far side said what it must, and jobs that did not come to that.
fn proven(connection: &Connection, study: &str, sent: &Sent) -> Result<(u64, u64), Error> {
    let scope =
        "FROM delivery JOIN job ON job.delivery = delivery.id JOIN instance ON instance.id = job.instance
        JOIN series ON series.id = instance.series JOIN study ON study.id = series.study
        WHERE delivery.study_uid = ?1 AND study.uid = ?1 AND (delivery.route = ?2 OR ?2 IS NULL)
        AND (delivery.remote = ?3 OR ?3 IS NULL)";
    let proof = match sent.proof {
        Proof::Delivered => "job.state = 2",
        Proof::Committed => "job.state = 2 AND job.commitment = 2",
    };
    let by = sent.by.as_ref().map(causeway_core::RemoteName::as_str);
    let to = sent.to.as_ref().map(causeway_core::RemoteName::as_str);
    let ask = |sql: String| -> Result<u64, Error> {
        Ok(connection.prepare_cached(&sql)?.query_row((study, by, to), |row| row.get(0))?)
    };
    let proven = ask(format!("SELECT count(DISTINCT instance.id) {scope} AND {proof}"))?;
    let others = ask(format!("SELECT count(*) {scope} AND job.state <> 2"))?;
    Ok((proven, others))
}
