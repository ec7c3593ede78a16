//! Writing the jobs of an instance that comes in: part of the transaction that keeps it.

use causeway_core::{
    EventKind, Identifiers, InstanceRecord, Late, PlannedDelivery, RemoteName, Trigger, Uid,
};

use crate::audit;
use crate::engine::Connection;
use crate::error::Error;

/// The state of a job that is never sent, as it is kept.
const CANCELLED: i64 = 4;

/// Writes the jobs that bring one instance to where its routes want it. Quiet time begins anew for the study or
/// series.
pub(crate) fn plan(
    connection: &Connection,
    record: &InstanceRecord,
    instance: i64,
    deliveries: &[PlannedDelivery],
    now: i64,
) -> Result<(), Error> {
    for planned in deliveries {
        let part = match planned.trigger {
            Trigger::Instance => at_once(connection, &record.ids, planned, now)?,
            Trigger::Series { quiet_seconds } => {
                gathered(connection, &record.ids, &record.ids.series, quiet_seconds, planned, now)?
            }
            Trigger::Study { quiet_seconds } => {
                gathered(connection, &record.ids, &record.ids.study, quiet_seconds, planned, now)?
            }
        };
        if has_come_round(connection, record, planned)? {
            let words = format!(
                "{} was sent it before, and it comes from elsewhere now: a loop ends here",
                planned.remote
            );
            leave(connection, &part, instance, planned, &words, now)?;
            audit::append(
                connection,
                now,
                planned.remote.as_str(),
                EventKind::LoopEnded.verb(),
                record.ids.instance.as_str(),
            )?;
        } else if part.is_closed {
            leave(
                connection,
                &part,
                instance,
                planned,
                "it came late, and the route leaves what comes late",
                now,
            )?;
        } else {
            connection
                .prepare_cached(
                    "INSERT INTO job (delivery, instance, remote, state, attempt, next_at, revision, created_at,
                     changed_at) VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, ?6, ?6)
                     ON CONFLICT (delivery, instance) DO NOTHING",
                )?
                .send((part.delivery, instance, planned.remote.as_str(), part.at, part.revision, now))?;
        }
    }
    Ok(())
}

/// Where in a delivery a job has its place.
struct Part {
    delivery: i64,
    revision: i64,
    /// When the job is due, once it is released.
    at: i64,
    /// Whether the delivery takes nothing more.
    is_closed: bool,
}

/// A delivery that holds nothing back but for its delay.
fn at_once(
    connection: &Connection,
    ids: &Identifiers,
    planned: &PlannedDelivery,
    now: i64,
) -> Result<Part, Error> {
    let at = now.saturating_add(i64::from(planned.delay_seconds) * 1000);
    let (delivery, revision) = connection
        .prepare_cached(
            "INSERT INTO delivery (route, remote, study_uid, scope_uid, due_at, created_at, since, priority, released,
             released_at, next_at) VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?5, ?6, 1, ?5, ?4)
             ON CONFLICT (route, remote, scope_uid) DO UPDATE SET due_at = excluded.due_at,
             priority = excluded.priority, released = delivery.revision, released_at = excluded.released_at,
             next_at = CASE WHEN delivery.paused_at IS NULL
             THEN min(coalesce(delivery.next_at, excluded.next_at), excluded.next_at) END
             RETURNING id, revision",
        )?
        .query_row(
            (
                planned.route.as_str(),
                planned.remote.as_str(),
                ids.study.as_str(),
                at,
                now,
                planned.priority as i64,
            ),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    Ok(Part { delivery, revision, at, is_closed: false })
}

/// A delivery that waits until nothing more has come for a while; what comes after it was released is its next
/// revision.
fn gathered(
    connection: &Connection,
    ids: &Identifiers,
    scope: &Uid,
    quiet_seconds: u32,
    planned: &PlannedDelivery,
    now: i64,
) -> Result<Part, Error> {
    let due_at = now.saturating_add(i64::from(quiet_seconds) * 1000);
    let leaves_late = planned.late == Late::Leave;
    let (delivery, revision, released): (i64, i64, i64) = connection
        .prepare_cached(
            "INSERT INTO delivery (route, remote, study_uid, scope_uid, due_at, created_at, since, priority)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
             ON CONFLICT (route, remote, scope_uid) DO UPDATE SET priority = excluded.priority,
             due_at = CASE WHEN delivery.released = delivery.revision AND ?8 <> 0 THEN delivery.due_at
             ELSE excluded.due_at END,
             since = CASE WHEN delivery.released = delivery.revision AND ?8 = 0 THEN excluded.since
             ELSE delivery.since END,
             revision = CASE WHEN delivery.released = delivery.revision AND ?8 = 0 THEN delivery.revision + 1
             ELSE delivery.revision END
             RETURNING id, revision, released",
        )?
        .query_row(
            (
                planned.route.as_str(),
                planned.remote.as_str(),
                ids.study.as_str(),
                scope.as_str(),
                due_at,
                now,
                planned.priority as i64,
                leaves_late,
            ),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
    Ok(Part { delivery, revision, at: now, is_closed: revision == released })
}

/// Whether the remote was sent this very instance before it was deleted here, and it comes back by another way than
/// it first came: then it goes round, and would for ever.
fn has_come_round(
    connection: &Connection,
    record: &InstanceRecord,
    planned: &PlannedDelivery,
) -> Result<bool, Error> {
    let known = connection
        .prepare_cached(
            "SELECT 1 FROM job WHERE uid = ?1 AND remote = ?2 AND state = 2 AND coalesce(source, '') <> ?3",
        )?
        .exists((
            record.ids.instance.as_str(),
            planned.remote.as_str(),
            source(record).unwrap_or_default(),
        ))?;
    Ok(known)
}

/// Who sent it, where a registered remote did.
fn source(record: &InstanceRecord) -> Option<&str> {
    record.envelope.remote.as_ref().map(RemoteName::as_str)
}

/// A job that is there to say why nothing is sent.
fn leave(
    connection: &Connection,
    part: &Part,
    instance: i64,
    planned: &PlannedDelivery,
    words: &str,
    now: i64,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO job (delivery, instance, remote, state, attempt, next_at, revision, created_at, changed_at,
             class, words) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?5, ?5, 'caller', ?7)
             ON CONFLICT (delivery, instance) DO NOTHING",
        )?
        .send((
            part.delivery,
            instance,
            planned.remote.as_str(),
            CANCELLED,
            now,
            part.revision,
            words,
        ))?;
    Ok(())
}
