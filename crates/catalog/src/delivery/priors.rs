//! Earlier studies of a patient that go along with one: which deliveries want some, what is here, and their own
//! deliveries by the same route.

use causeway_core::{PatientKey, RemoteName, Uid};

use super::claim::name;
use crate::Catalog;
use crate::engine::{Connection, Durability};
use crate::error::Error;

/// Studies of one patient that are read, at most.
const MAX_STUDIES: u32 = 1000;

/// A delivery for which earlier studies are to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// The delivery.
    pub delivery: i64,
    /// Its route.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// Whose they are.
    pub patient: PatientKey,
    /// The remote that the study came from, where it came from one.
    pub origin: Option<RemoteName>,
    /// The study itself.
    pub study: PriorStudy,
}

/// What is known of a study to choose by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorStudy {
    /// Study Instance UID.
    pub study: Uid,
    /// Study Date, eight digits; empty where there is none.
    pub date: String,
    /// Modalities of its series.
    pub modalities: Vec<String>,
    /// Body parts that its series name, in capitals.
    pub body_parts: Vec<String>,
}

impl Catalog {
    /// Deliveries for which earlier studies are to be found; those whose study is gone want none any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn priors_sought(&self, limit: u32) -> Result<Vec<Sought>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT delivery.id, route, remote, patient_id, issuer, study.origin, study.uid, study.id
                     FROM delivery JOIN study ON study.uid = study_uid JOIN patient ON patient.id = study.patient
                     WHERE priors = 0 ORDER BY delivery.id LIMIT ?1",
                )?;
                let mut rows = statement.query([limit])?;
                let mut sought = Vec::new();
                while let Some(row) = rows.next()? {
                    sought.push(Sought {
                        delivery: row.get(0)?,
                        route: name(&row.get::<String>(1)?)?,
                        remote: name(&row.get::<String>(2)?)?,
                        patient: PatientKey { id: row.get(3)?, issuer: row.get(4)? },
                        origin: row.get::<Option<String>>(5)?.as_deref().map(name).transpose()?,
                        study: study(connection, row.get(7)?, row.get(6)?)?,
                    });
                }
                Ok(sought)
            })
            .await
    }

    /// The studies of a patient that are here. Without an ID nobody can be told from anybody: none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn studies_of(&self, patient: PatientKey) -> Result<Vec<PriorStudy>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT study.id, study.uid FROM patient JOIN study ON study.patient = patient.id
                     WHERE patient_id = ?1 AND issuer = ?2 AND patient_id <> '' LIMIT ?3",
                )?;
                let mut rows = statement.query((&patient.id, &patient.issuer, MAX_STUDIES))?;
                let mut studies = Vec::new();
                while let Some(row) = rows.next()? {
                    studies.push(study(connection, row.get(0)?, row.get(1)?)?);
                }
                Ok(studies)
            })
            .await
    }

    /// Sends what is here of some studies along with a delivery, each as a delivery of its own by the same route, and
    /// says what came of looking for them. What went before is not sent again.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn send_along(&self, sought: &Sought, studies: Vec<Uid>, words: String) -> Result<u64, Error> {
        let now = self.now_ms();
        let delivery = sought.delivery;
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut jobs = 0;
                for study in &studies {
                    jobs += along(connection, delivery, study, now)?;
                }
                connection
                    .prepare_cached("UPDATE delivery SET priors = 1, priors_words = ?2 WHERE id = ?1")?
                    .execute((delivery, &words))?;
                Ok(jobs)
            })
            .await
    }
}

fn study(connection: &Connection, id: i64, uid: String) -> Result<PriorStudy, Error> {
    let (date, modalities): (Option<String>, String) = connection
        .prepare_cached("SELECT study_date, modalities FROM study WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let body_parts = connection
        .prepare_cached(
            "SELECT DISTINCT upper(body_part) FROM series WHERE study = ?1 AND body_part IS NOT NULL",
        )?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(PriorStudy {
        study: Uid::parse(&uid).map_err(|_| Error::Corrupt("a UID"))?,
        date: date.unwrap_or_default(),
        modalities: modalities.split('\\').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        body_parts,
    })
}

/// A delivery of an earlier study beside `delivery`; says how many jobs it got.
fn along(connection: &Connection, delivery: i64, study: &Uid, now: i64) -> Result<u64, Error> {
    let evidence = serde_json::json!({ "words": "sent along with a later study of the patient" }).to_string();
    let prior: i64 = connection
        .prepare_cached(
            "INSERT INTO delivery (route, remote, study_uid, scope_uid, due_at, created_at, since, priority, released,
             released_at, next_at, evidence)
             SELECT route, remote, ?2, ?2, ?3, ?3, ?3, priority, 1, ?3, ?3, ?4 FROM delivery WHERE id = ?1
             ON CONFLICT (route, remote, scope_uid) DO UPDATE SET
             next_at = CASE WHEN delivery.paused_at IS NULL
             THEN min(coalesce(delivery.next_at, ?3), ?3) END
             RETURNING id",
        )?
        .query_row((delivery, study.as_str(), now, evidence), |row| row.get(0))?;
    let jobs = connection
        .prepare_cached(
            "INSERT INTO job (delivery, instance, remote, state, attempt, next_at, revision, created_at, changed_at)
             SELECT delivery.id, instance.id, delivery.remote, 0, 0, ?3, delivery.released, ?3, ?3
             FROM delivery, study JOIN series ON series.study = study.id JOIN instance ON instance.series = series.id
             WHERE delivery.id = ?1 AND study.uid = ?2 ON CONFLICT (delivery, instance) DO NOTHING",
        )?
        .execute((prior, study.as_str(), now))?;
    Ok(jobs as u64)
}
