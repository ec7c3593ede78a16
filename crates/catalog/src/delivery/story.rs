//! The whole story of a study: where it came from, when, how many, where it went and what was answered.

use causeway_core::{AeTitle, Class, Door, Priority, RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use super::JobState;
use super::claim::{moment, name};
use super::list::priority;
use super::outcome::class_of;
use crate::Catalog;
use crate::engine::{Connection, OptionalExtension, Row};
use crate::error::Error;

/// Different answers that are told of one delivery, at most; the most frequent ones.
const MAX_ANSWERS: u32 = 100;

/// What is known of a study and its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The study.
    pub study: Uid,
    /// Instances that are here.
    pub instances: u64,
    /// Series that are here.
    pub series: u64,
    /// Where they came from.
    pub sources: Vec<SourceCount>,
    /// Where they go.
    pub deliveries: Vec<DeliveryStory>,
}

/// Instances that came the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceCount {
    /// The registered remote that sent them.
    pub remote: Option<RemoteName>,
    /// The AE title that it called itself.
    pub calling_ae: Option<AeTitle>,
    /// Which way they came.
    pub door: Door,
    /// How many.
    pub instances: u64,
    /// When the first was in.
    pub first_at: Timestamp,
    /// When the last was.
    pub last_at: Timestamp,
    /// Of how many whoever sent them over its link acknowledged this node's receipt.
    pub acknowledged: u64,
    /// When it did last.
    pub last_acknowledged_at: Option<Timestamp>,
}

/// What one route sends of a study, or of a series of it, to one remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryStory {
    /// Its number.
    pub id: i64,
    /// The route.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// The series, where it is one and not the study.
    pub series: Option<Uid>,
    /// What it goes before.
    pub priority: Priority,
    /// Which part of it gathers, or did last, from 1.
    pub revision: i64,
    /// Up to which part it was released; less than `revision`: it gathers.
    pub released: i64,
    /// Since when that part has been gathering.
    pub since: Timestamp,
    /// When it has been quiet for long enough, or is looked at again.
    pub due_at: Timestamp,
    /// When it was released last.
    pub released_at: Option<Timestamp>,
    /// Not later than when its next job is due; none: none is open.
    pub next_at: Option<Timestamp>,
    /// Since when it is held up by hand.
    pub paused_at: Option<Timestamp>,
    /// What is known of its completeness.
    pub evidence: Option<serde_json::Value>,
    /// What came of looking for earlier studies of the patient, where its route sends some along.
    pub priors: Option<String>,
    /// Instances in all.
    pub instances: u64,
    /// To be sent.
    pub waiting: u64,
    /// Being sent.
    pub sending: u64,
    /// The far side said that it has them.
    pub delivered: u64,
    /// Need a decision.
    pub parked: u64,
    /// Are not sent.
    pub cancelled: u64,
    /// Delivered ones that the far side has committed to.
    pub committed: u64,
    /// When the first was delivered.
    pub first_delivered_at: Option<Timestamp>,
    /// When the last was.
    pub last_delivered_at: Option<Timestamp>,
    /// Receipts of the far side, over its link, that this node acknowledged.
    pub acknowledged: u64,
    /// When it did last.
    pub last_acknowledged_at: Option<Timestamp>,
    /// What was answered, the most frequent first.
    pub answers: Vec<AnswerCount>,
}

/// Instances of a delivery that got the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerCount {
    /// The state that they are in.
    pub state: JobState,
    /// The class of the failure, where it was one.
    pub class: Option<Class>,
    /// The status, where there was one.
    pub status: Option<u16>,
    /// In words.
    pub words: Option<String>,
    /// How many.
    pub instances: u64,
    /// Most attempts that were made for one of them.
    pub attempts: u32,
    /// When the last of them changed.
    pub last_at: Timestamp,
}

impl Catalog {
    /// The story of a study; `None` when nothing is known of it. What was deleted here is told as far as it was sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn story(&self, study: Uid) -> Result<Option<Story>, Error> {
        self.engine
            .read(move |connection| {
                let here: Option<(u64, u64)> = connection
                    .prepare_cached("SELECT instance_count, series_count FROM study WHERE uid = ?1")?
                    .query_row([study.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let deliveries = deliveries(connection, &study)?;
                if here.is_none() && deliveries.is_empty() {
                    return Ok(None);
                }
                let (instances, series) = here.unwrap_or_default();
                let sources = sources(connection, &study)?;
                Ok(Some(Story { study, instances, series, sources, deliveries }))
            })
            .await
    }
}

fn sources(connection: &Connection, study: &Uid) -> Result<Vec<SourceCount>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT envelope ->> 'remote', envelope ->> 'calling_ae', envelope ->> 'door', count(*), min(received_at),
         max(received_at), count(acknowledged_at), max(acknowledged_at)
         FROM study JOIN series ON series.study = study.id JOIN instance ON instance.series = series.id
         LEFT JOIN link_received ON link_received.remote = envelope ->> 'remote' AND link_received.instance = instance.uid
         WHERE study.uid = ?1 GROUP BY 1, 2, 3 ORDER BY 5",
    )?;
    let mut rows = statement.query([study.as_str()])?;
    let mut sources = Vec::new();
    while let Some(row) = rows.next()? {
        let (remote, ae): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
        let ae = ae.map(|ae| ae.parse().map_err(|_| Error::Corrupt("an AE title"))).transpose()?;
        let door = serde_json::from_value(serde_json::Value::String(row.get(2)?));
        sources.push(SourceCount {
            remote: remote.as_deref().map(name).transpose()?,
            calling_ae: ae,
            door: door.map_err(|_| Error::Corrupt("a door"))?,
            instances: row.get(3)?,
            first_at: moment(row.get(4)?),
            last_at: moment(row.get(5)?),
            acknowledged: row.get(6)?,
            last_acknowledged_at: row.get::<Option<i64>>(7)?.map(moment),
        });
    }
    Ok(sources)
}

fn deliveries(connection: &Connection, study: &Uid) -> Result<Vec<DeliveryStory>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT delivery.id, route, delivery.remote, scope_uid, delivery.priority, delivery.revision, released, since,
         due_at, released_at, delivery.next_at, paused_at, evidence, count(job.id), count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
         count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3), count(*) FILTER (WHERE state = 4), count(*) FILTER (WHERE commitment = 2),
         min(CASE WHEN state = 2 THEN changed_at END), max(CASE WHEN state = 2 THEN changed_at END),
         CASE WHEN priors = 0 THEN coalesce(priors_words, 'looked for') ELSE priors_words END,
         (SELECT count(acknowledged_at) FROM link_sent WHERE link_sent.delivery = delivery.id),
         (SELECT max(acknowledged_at) FROM link_sent WHERE link_sent.delivery = delivery.id)
         FROM delivery LEFT JOIN job ON job.delivery = delivery.id WHERE study_uid = ?1
         GROUP BY delivery.id ORDER BY delivery.id",
    )?;
    let mut rows = statement.query([study.as_str()])?;
    let mut deliveries = Vec::new();
    while let Some(row) = &rows.next()? {
        let mut delivery = delivery(row, study)?;
        delivery.answers = answers(connection, delivery.id)?;
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

fn delivery(row: &Row<'_>, study: &Uid) -> Result<DeliveryStory, Error> {
    let scope: String = row.get(3)?;
    let series = (scope != study.as_str()).then(|| Uid::parse(&scope));
    let evidence = row.get::<Option<String>>(12)?.map(|text| serde_json::from_str(&text));
    let at = |column: usize| Ok::<_, Error>(row.get::<Option<i64>>(column)?.map(moment));
    Ok(DeliveryStory {
        id: row.get(0)?,
        route: name(&row.get::<String>(1)?)?,
        remote: name(&row.get::<String>(2)?)?,
        series: series.transpose().map_err(|_| Error::Corrupt("a UID"))?,
        priority: priority(row.get(4)?)?,
        revision: row.get(5)?,
        released: row.get(6)?,
        since: moment(row.get(7)?),
        due_at: moment(row.get(8)?),
        released_at: at(9)?,
        next_at: at(10)?,
        paused_at: at(11)?,
        evidence: evidence.transpose().map_err(|_| Error::Corrupt("what is known of a delivery"))?,
        instances: row.get(13)?,
        waiting: row.get(14)?,
        sending: row.get(15)?,
        delivered: row.get(16)?,
        parked: row.get(17)?,
        cancelled: row.get(18)?,
        committed: row.get(19)?,
        first_delivered_at: at(20)?,
        last_delivered_at: at(21)?,
        priors: row.get(22)?,
        acknowledged: row.get(23)?,
        last_acknowledged_at: at(24)?,
        answers: Vec::new(),
    })
}

fn answers(connection: &Connection, delivery: i64) -> Result<Vec<AnswerCount>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT state, class, status, words, count(*), max(attempt), max(changed_at) FROM job WHERE delivery = ?1
         GROUP BY state, class, status, words ORDER BY count(*) DESC, state LIMIT ?2",
    )?;
    let mut rows = statement.query((delivery, MAX_ANSWERS))?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        answers.push(AnswerCount {
            state: JobState::of(row.get(0)?)?,
            class: class_of(row.get(1)?),
            status: row.get(2)?,
            words: row.get(3)?,
            instances: row.get(4)?,
            attempts: row.get(5)?,
            last_at: moment(row.get(6)?),
        });
    }
    Ok(answers)
}
