//! Events: the lines of the audit trail that tell what happened to instances and deliveries, in their order. What a
//! line names is looked up when it is read.

use causeway_core::{EventKind, RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::delivery::{moment, name};
use crate::engine::{Connection, OptionalExtension, Row, ToSql, params_from_iter};
use crate::error::Error;

/// Lines of the trail that are passed over in search of the next event, at most.
const MAX_PASSED_OVER: i64 = 100_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number; a later event has a greater one.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Whose doing it was.
    pub who: String,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// An instance; study and series while it is here.
    Instance {
        /// Study Instance UID.
        #[serde(skip_serializing_if = "Option::is_none")]
        study: Option<Uid>,
        /// Series Instance UID.
        #[serde(skip_serializing_if = "Option::is_none")]
        series: Option<Uid>,
        /// SOP Instance UID.
        instance: Uid,
    },
    /// A delivery, as it stands.
    Delivery {
        /// Its number.
        delivery: i64,
        /// The route.
        route: RemoteName,
        /// Where to.
        remote: RemoteName,
        /// The study.
        study: Uid,
        /// The series, where it is one and not the study.
        #[serde(skip_serializing_if = "Option::is_none")]
        series: Option<Uid>,
    },
}

/// Some of what happened, and how far one has read with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Events {
    /// In their order.
    pub events: Vec<Event>,
    /// Where to go on.
    pub last: i64,
}

impl Catalog {
    /// What happened after the event of number `after`, at most `limit`; of some kinds only, when any are named. What
    /// is told is safe on disk: no crash takes it back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&self, after: i64, kinds: Vec<EventKind>, limit: u32) -> Result<Events, Error> {
        let told = self.engine.read(move |connection| read(connection, after, &kinds, limit)).await?;
        if told.last > after {
            self.sync().await?;
        }
        Ok(told)
    }

    /// The number of what happened last; 0: nothing did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_event(&self) -> Result<i64, Error> {
        self.engine.read(last).await
    }
}

pub(crate) fn last(connection: &Connection) -> Result<i64, Error> {
    let last = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM audit")?
        .query_row([], |row| row.get(0))?;
    Ok(last)
}

fn read(connection: &Connection, after: i64, kinds: &[EventKind], limit: u32) -> Result<Events, Error> {
    let kinds = if kinds.is_empty() { &EventKind::ALL } else { kinds };
    let up_to = last(connection)?.min(after.saturating_add(MAX_PASSED_OVER));
    let places = vec!["?"; kinds.len()].join(", ");
    let sql = format!(
        "SELECT id, at, who, what, subject FROM audit WHERE id > ? AND id <= ? AND what IN ({places})
         ORDER BY id LIMIT ?"
    );
    let verbs: Vec<&str> = kinds.iter().map(|kind| kind.verb()).collect();
    let parameters = [&after as &dyn ToSql, &up_to].into_iter();
    let parameters = parameters.chain(verbs.iter().map(|verb| verb as &dyn ToSql));
    let parameters = parameters.chain([&limit as &dyn ToSql]);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(parameters))?;
    let (mut events, mut last, mut count) = (Vec::new(), up_to, 0);
    while let Some(row) = &rows.next()? {
        let id: i64 = row.get(0)?;
        count += 1;
        if count == limit {
            last = id;
        }
        events.extend(event(connection, id, row)?);
    }
    Ok(Events { events, last: last.max(after) })
}

/// The event of a line; none when what it was about is not known any more.
fn event(connection: &Connection, id: i64, row: &Row<'_>) -> Result<Option<Event>, Error> {
    let Some(kind) = EventKind::of_verb(&row.get::<String>(3)?) else { return Ok(None) };
    let subject: String = row.get(4)?;
    let subject = if kind.is_of_delivery() {
        delivery(connection, &subject)?
    } else {
        Some(instance(connection, &subject)?)
    };
    let (at, who) = (moment(row.get(1)?), row.get(2)?);
    Ok(subject.map(|subject| Event { id, at, kind, who, subject }))
}

fn uid(text: &str) -> Result<Uid, Error> {
    Uid::parse(text).map_err(|_| Error::Corrupt("a UID"))
}

fn instance(connection: &Connection, text: &str) -> Result<Subject, Error> {
    let places: Option<(String, String)> = connection
        .prepare_cached(
            "SELECT study.uid, series.uid FROM instance JOIN series ON series.id = instance.series
             JOIN study ON study.id = series.study WHERE instance.uid = ?1",
        )?
        .query_row([text], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (study, series) = places.unzip();
    Ok(Subject::Instance {
        study: study.as_deref().map(uid).transpose()?,
        series: series.as_deref().map(uid).transpose()?,
        instance: uid(text)?,
    })
}

fn delivery(connection: &Connection, number: &str) -> Result<Option<Subject>, Error> {
    let found: Option<(i64, String, String, String, String)> = connection
        .prepare_cached("SELECT id, route, remote, study_uid, scope_uid FROM delivery WHERE id = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .optional()?;
    let Some((delivery, route, remote, study, scope)) = found else { return Ok(None) };
    Ok(Some(Subject::Delivery {
        delivery,
        route: name(&route)?,
        remote: name(&remote)?,
        series: (scope != study).then(|| uid(&scope)).transpose()?,
        study: uid(&study)?,
    }))
}
