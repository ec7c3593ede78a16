//! Retention: rules as rows, when studies were last read, and studies judged and removed by a rule. What is judged and what is
//! removed is one transaction: nothing that comes in between is lost. What a rule means is `core/keeping/retention`.

mod facts;
mod rules;

use causeway_core::keeping::retention::{Rule, Verdict, Why, judge};
use causeway_core::keeping::{Reason, Removal};
use causeway_core::{Selection, Sight, StoredInstance, Uid};
use jiff::Timestamp;

use crate::Catalog;
use crate::audit;
use crate::delete;
use crate::delivery::moment;
use crate::engine::{Connection, Durability};
use crate::error::Error;
use crate::instances::{self, uid};

pub(crate) use facts::facts;
pub use rules::{RetentionRule, Standing};

/// Some studies as a rule sees them, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Those that are old enough.
    pub studies: Vec<JudgedStudy>,
    /// After which study to go on; none: these were the last.
    pub next: Option<i64>,
}

/// A study as a rule sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedStudy {
    /// Study Instance UID.
    pub study: Uid,
    /// Its instances.
    pub instances: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When its newest instance came, or it was last brought back.
    pub arrived_at: Timestamp,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What became of a study that was to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retired {
    /// It went.
    Gone(Vec<StoredInstance>),
    /// It stays.
    Kept(Why),
    /// It was not there any more.
    Unknown,
}

impl Catalog {
    /// Judges those of the next `scan` studies beyond `after` that are old enough.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn judged(&self, rule: Rule, after: i64, scan: u32) -> Result<Judged, Error> {
        let now = self.now_ms();
        self.engine.read(move |connection| judged(connection, &rule, after, scan, now)).await
    }

    /// Removes a study if the rule still lets it go.
    ///
    /// # Errors
    /// When the database fails; nothing is removed then.
    pub async fn retire(&self, study: Uid, rule: Rule, removal: Removal) -> Result<Retired, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                let Some(seen) = facts(connection, &study, rule.sent.as_ref())? else {
                    return Ok(Retired::Unknown);
                };
                match judge(&rule, &seen.facts, moment(now)) {
                    Verdict::Go => Ok(Retired::Gone(retire(connection, &study, &removal, now)?)),
                    Verdict::Keep(why) => Ok(Retired::Kept(why)),
                }
            })
            .await
    }

    /// Notes that these studies were read now. It is written when nothing of the last hour is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn used(&self, studies: Vec<Uid>) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut note = connection.prepare_cached(
                    "UPDATE study SET used_at = ?2 WHERE uid = ?1 AND (used_at IS NULL OR used_at <= ?3)",
                )?;
                for study in &studies {
                    note.execute((study.as_str(), now, now - USE_NOTED_EVERY_MS))?;
                }
                Ok(())
            })
            .await
    }

    /// Says that from now on it is noted what is read, if that was not said before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_uses(&self) -> Result<(), Error> {
        let now = self.now_ms();
        let is_said =
            |connection: &Connection| Ok(connection.prepare_cached("SELECT 1 FROM keeping")?.exists([])?);
        if self.engine.read(is_said).await? {
            return Ok(());
        }
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO keeping (one, uses_known_since) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING",
                    )?
                    .execute([now])?;
                Ok(())
            })
            .await
    }
}

/// How finely it is noted when a study was read.
const USE_NOTED_EVERY_MS: i64 = 3_600_000;

/// Removes a whole study, with a line of its own in the trail.
pub(crate) fn retire(
    connection: &Connection,
    study: &Uid,
    removal: &Removal,
    now: i64,
) -> Result<Vec<StoredInstance>, Error> {
    let found = instances::select(connection, &Selection::study(study.clone()), &Sight::Everything)?;
    delete::remove(connection, &found, removal, now)?;
    let verb = match removal.reason {
        Reason::Quota(_) => "quota-remove-study",
        Reason::Rule(_) | Reason::Asked => "retention-remove-study",
    };
    audit::append(connection, now, &removal.who, verb, study.as_str())?;
    Ok(found.into_iter().map(|(_, instance)| instance).collect())
}

fn judged(connection: &Connection, rule: &Rule, after: i64, scan: u32, now: i64) -> Result<Judged, Error> {
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT max(id) FROM (SELECT id FROM study WHERE id > ?1 ORDER BY id LIMIT ?2) AS next",
        )?
        .query_row((after, scan), |row| row.get(0))?;
    let Some(last) = last else { return Ok(Judged { studies: Vec::new(), next: None }) };
    let from = rule.from.as_ref().map(causeway_core::RemoteName::as_str);
    let mut statement = connection.prepare_cached(
        "SELECT uid FROM study WHERE id > ?1 AND id <= ?2 AND arrived_at <= ?3 AND (origin = ?4 OR ?4 IS NULL)
         ORDER BY id",
    )?;
    let mut rows =
        statement.query((after, last, now.saturating_sub(rule.older_than.milliseconds()), from))?;
    let mut candidates = Vec::new();
    while let Some(row) = rows.next()? {
        candidates.push(uid(&row, 0)?);
    }
    let mut studies = Vec::new();
    for study in candidates {
        let Some(seen) = facts(connection, &study, rule.sent.as_ref())? else { continue };
        let verdict = judge(rule, &seen.facts, moment(now));
        if verdict != Verdict::Keep(Why::Young) {
            let (instances, arrived_at) = (seen.facts.instances, seen.facts.arrived_at);
            studies.push(JudgedStudy { study, instances, bytes: seen.bytes, arrived_at, verdict });
        }
    }
    Ok(Judged { studies, next: Some(last) })
}
