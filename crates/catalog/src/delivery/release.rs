//! Deliveries that gather: which have been quiet for long enough, and what is decided about them.

use causeway_core::{EventKind, Late, RemoteName, Uid};
use jiff::Timestamp;

use super::claim::{look_by, moment, name};
use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability};
use crate::error::Error;

/// A delivery of whose study or series nothing more has come for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Its number.
    pub delivery: i64,
    /// The route that made it.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// The study.
    pub study: Uid,
    /// The series, where one is gathered and not the study.
    pub series: Option<Uid>,
    /// Which part of it, from 1.
    pub revision: i64,
    /// Since when it has been gathering.
    pub since: Timestamp,
    /// The remote that the study's first instance came from, where it came from one.
    pub origin: Option<RemoteName>,
}

/// What is decided about a gathered delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub delivery: i64,
    /// Which part of it.
    pub revision: i64,
    /// When its jobs are due.
    pub at: Timestamp,
    /// Whether what was sent before goes once more.
    pub late: Late,
    /// Whether earlier studies of the patient are to be found and sent along; once for each delivery.
    pub wants_priors: bool,
    /// What is known of its completeness, as a JSON object.
    pub evidence: Option<String>,
}

impl Catalog {
    /// Deliveries that have been quiet for long enough, those that have been for longest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gathered(&self, limit: u32) -> Result<Vec<Gathered>, Error> {
        let now = self.now_ms();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT delivery.id, route, remote, study_uid, scope_uid, revision, since, study.origin
                     FROM delivery LEFT JOIN study ON study.uid = study_uid
                     WHERE released < revision AND paused_at IS NULL AND due_at <= ?1
                     ORDER BY due_at, delivery.id LIMIT ?2",
                )?;
                let mut rows = statement.query((now, limit))?;
                let mut gathered = Vec::new();
                while let Some(row) = rows.next()? {
                    let uid = |text: String| Uid::parse(&text).map_err(|_| Error::Corrupt("a UID"));
                    let (study, scope): (String, String) = (row.get(3)?, row.get(4)?);
                    gathered.push(Gathered {
                        delivery: row.get(0)?,
                        route: name(&row.get::<String>(1)?)?,
                        remote: name(&row.get::<String>(2)?)?,
                        series: (scope != study).then(|| uid(scope)).transpose()?,
                        study: uid(study)?,
                        revision: row.get(5)?,
                        since: moment(row.get(6)?),
                        origin: row.get::<Option<String>>(7)?.as_deref().map(name).transpose()?,
                    });
                }
                Ok(gathered)
            })
            .await
    }

    /// When the next delivery will have been quiet for long enough, as far as is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_gathered(&self) -> Result<Option<Timestamp>, Error> {
        self.engine
            .read(|connection| {
                let at: Option<i64> = connection
                    .prepare_cached(
                        "SELECT min(due_at) FROM delivery WHERE released < revision AND paused_at IS NULL",
                    )?
                    .query_row([], |row| row.get(0))?;
                Ok(at.map(moment))
            })
            .await
    }

    /// Lets deliveries go, but those of which more has come meanwhile; says how many went. A crash may undo it: they
    /// are found gathered again.
    ///
    /// # Errors
    /// When the database fails; none is released then.
    pub async fn release(&self, releases: Vec<Release>) -> Result<u64, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Replayable, move |connection| {
                releases
                    .iter()
                    .try_fold(0, |gone, release| Ok(gone + u64::from(go(connection, release, now)?)))
            })
            .await
    }

    /// Lets a gathered delivery wait until it is looked at again, with what is known of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_back(
        &self,
        gathered: &Gathered,
        until: Timestamp,
        evidence: String,
    ) -> Result<(), Error> {
        let (delivery, revision) = (gathered.delivery, gathered.revision);
        self.engine
            .write(Durability::Replayable, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE delivery SET due_at = max(due_at, ?3), evidence = ?4
                         WHERE id = ?1 AND revision = ?2 AND released < revision",
                    )?
                    .execute((delivery, revision, until.as_millisecond(), evidence))?;
                Ok(())
            })
            .await
    }
}

fn go(connection: &Connection, release: &Release, now: i64) -> Result<bool, Error> {
    let at = release.at.as_millisecond().max(now);
    let gone = connection
        .prepare_cached(
            "UPDATE delivery SET released = revision, released_at = ?3, evidence = ?4,
             priors = CASE WHEN ?5 <> 0 THEN coalesce(priors, 0) ELSE priors END
             WHERE id = ?1 AND revision = ?2 AND released < revision AND due_at <= ?3",
        )?
        .execute((release.delivery, release.revision, now, &release.evidence, release.wants_priors))?;
    if gone == 0 {
        return Ok(false);
    }
    if at > now {
        connection
            .prepare_cached(
                "UPDATE job SET next_at = ?3 WHERE delivery = ?1 AND revision = ?2 AND state = 0",
            )?
            .execute((release.delivery, release.revision, at))?;
    }
    if release.late == Late::Whole && release.revision > 1 {
        connection
            .prepare_cached(
                "UPDATE job SET state = 0, attempt = 0, next_at = ?3, changed_at = ?4, commitment = NULL,
                 words = 'sent before; it goes once more with what came late'
                 WHERE delivery = ?1 AND revision < ?2 AND state = 2 AND uid IS NULL",
            )?
            .execute((release.delivery, release.revision, at, now))?;
    }
    look_by(connection, release.delivery, at)?;
    let verb = EventKind::DeliveryReleased.verb();
    audit::append(connection, now, "forwarder", verb, &release.delivery.to_string())?;
    Ok(true)
}
