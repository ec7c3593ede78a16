//! The story of a study, with where each delivery stands and why: nothing is stuck without a line that says so.

use causeway_catalog::delivery::{DeliveryStory, SourceCount, Story};
use causeway_core::{Opening, Principal, Schedule, Uid};
use jiff::Timestamp;
use serde::Serialize;

use super::{AdminError, admin};
use crate::health::Health;
use crate::worker::Forwarder;

/// The whole story of a study.
#[derive(Debug, Clone, Serialize)]
pub struct StudyStory {
    /// The study.
    pub study: Uid,
    /// Instances that are here.
    pub instances: u64,
    /// Series that are here.
    pub series: u64,
    /// Where they came from.
    pub sources: Vec<SourceCount>,
    /// Where they go.
    pub deliveries: Vec<Delivery>,
}

/// One delivery of it.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Where it stands.
    pub state: State,
    /// Why, in words.
    pub why: String,
    /// What is written down of it.
    #[serde(flatten)]
    pub told: DeliveryStory,
}

/// Where a delivery stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It, or its latest part, waits for more to come.
    Gathering,
    /// It is held up by hand.
    Paused,
    /// Its route sends at other times.
    Closed,
    /// Its destination failed and is left alone for a while.
    Held,
    /// It waits for its turn, or for its next attempt.
    Waiting,
    /// It is being sent.
    Sending,
    /// Some of it needs a decision.
    Parked,
    /// The far side said of each instance that it has it.
    Confirmed,
    /// The same, and it proved it.
    Committed,
    /// Nothing of it is sent.
    Cancelled,
}

/// What is known beside the delivery itself.
struct Around<'a> {
    now: Timestamp,
    health: Health,
    is_paused: bool,
    schedule: Option<&'a Schedule>,
    has_remote: bool,
    /// What is said of a remote that is to collect it and does not come.
    absence: Option<String>,
}

impl Forwarder {
    /// The whole story of a study; `None` when nothing is known of it.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn story(&self, principal: &Principal, study: Uid) -> Result<Option<StudyStory>, AdminError> {
        admin(principal)?;
        let Some(story) = self.inner.catalog.story(study).await? else { return Ok(None) };
        let Story { study, instances, series, sources, deliveries } = story;
        let paused = self.inner.catalog.paused().await?;
        let (routes, now) = (self.inner.router.routes(), self.inner.clock.now());
        let with_why = |told: DeliveryStory| {
            let around = Around {
                now,
                health: self.inner.health(&told.remote),
                is_paused: paused.iter().any(|paused| paused.remote == told.remote),
                schedule: routes.find(&told.route).map(|route| &route.record.schedule),
                has_remote: self.inner.archive.remote(&told.remote).is_some(),
                absence: self.inner.absence(&told.remote),
            };
            let (state, why) = judge(&told, &around);
            Delivery { state, why, told }
        };
        let deliveries = deliveries.into_iter().map(with_why).collect();
        Ok(Some(StudyStory { study, instances, series, sources, deliveries }))
    }
}

/// Where a delivery stands, and why. What hinders it most comes first.
fn judge(told: &DeliveryStory, around: &Around<'_>) -> (State, String) {
    let is_gathering = told.released < told.revision;
    let open = told.waiting + told.sending;
    if open == 0 && !is_gathering {
        return ended(told);
    }
    if told.paused_at.is_some() {
        return (State::Paused, "held up by hand; `causeway queue resume` lets it go on".to_owned());
    }
    if is_gathering && told.released == 0 {
        return (State::Gathering, gathering(told, around.now));
    }
    let of_parts = if is_gathering { "; what came late gathers" } else { "" };
    let (state, why) = on_its_way(told, around);
    (state, why + of_parts)
}

fn gathering(told: &DeliveryStory, now: Timestamp) -> String {
    let known = told.evidence.as_ref().and_then(|evidence| evidence.get("words")?.as_str());
    let seconds = told.due_at.duration_since(now).as_secs().max(0);
    match known {
        Some(words) => format!("{words}; looked at again in {seconds} s"),
        None => format!("quiet in {seconds} s unless more comes"),
    }
}

/// Of what was released and is not all decided.
fn on_its_way(told: &DeliveryStory, around: &Around<'_>) -> (State, String) {
    let remote = &told.remote;
    if !around.has_remote {
        return (State::Parked, format!("there is no remote '{remote}' any more; reroute or cancel it"));
    }
    if around.is_paused {
        return (
            State::Paused,
            format!("{remote} is held up by hand; `causeway queue resume --remote {remote}`"),
        );
    }
    if told.sending > 0 {
        return (State::Sending, format!("{} of {} delivered", told.delivered, told.instances));
    }
    if told.waiting == 0 {
        return ended(told);
    }
    if let Some(Opening::Closed { until }) = around.schedule.map(|schedule| schedule.at(around.now)) {
        return (State::Closed, format!("its route sends at other times; next at {until}"));
    }
    if let Health::Held { until, because, .. } = &around.health {
        let seconds = until.duration_since(around.now).as_secs().max(0);
        return (State::Held, format!("{remote} is tried again in {seconds} s: {}", because.words));
    }
    if let Some(words) = &around.absence {
        return (State::Waiting, words.clone());
    }
    (State::Waiting, waiting(told, around.now))
}

fn waiting(told: &DeliveryStory, now: Timestamp) -> String {
    let last =
        told.answers.iter().find(|answer| answer.state.as_str() == "waiting" && answer.words.is_some());
    let seconds = told.next_at.map_or(0, |at| at.duration_since(now).as_secs().max(0));
    match (last.and_then(|answer| answer.words.as_deref()), seconds) {
        (Some(words), _) => format!("tried again in {seconds} s: {words}"),
        (None, 0) => "waits for its turn".to_owned(),
        (None, _) => format!("kept back for {seconds} s"),
    }
}

/// Of what is decided.
fn ended(told: &DeliveryStory) -> (State, String) {
    if told.parked > 0 {
        let words = told.answers.iter().find(|answer| answer.state.as_str() == "parked");
        let words = words.and_then(|answer| answer.words.as_deref()).unwrap_or("parked by hand");
        return (State::Parked, format!("{} of {} need a decision: {words}", told.parked, told.instances));
    }
    if told.delivered == 0 {
        let words =
            told.answers.first().and_then(|answer| answer.words.as_deref()).unwrap_or("nothing to send");
        return (State::Cancelled, words.to_owned());
    }
    let of = match told.cancelled {
        0 => String::new(),
        cancelled => format!("; {cancelled} were not sent"),
    };
    if told.committed == told.delivered {
        return (State::Committed, format!("{} delivered and committed{of}", told.delivered));
    }
    (State::Confirmed, format!("{} delivered{of}", told.delivered))
}

#[cfg(test)]
mod tests {
    use causeway_catalog::delivery::{AnswerCount, JobState};
    use causeway_core::{Class, Priority};

    use super::*;
    use crate::failure::{Failure, Kind};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn told() -> DeliveryStory {
        DeliveryStory {
            id: 1,
            route: "route".parse().unwrap(),
            remote: "reader".parse().unwrap(),
            series: None,
            priority: Priority::Routine,
            revision: 1,
            released: 1,
            since: NOW,
            due_at: NOW,
            released_at: Some(NOW),
            next_at: None,
            paused_at: None,
            evidence: None,
            priors: None,
            instances: 3,
            waiting: 0,
            sending: 0,
            delivered: 0,
            parked: 0,
            cancelled: 0,
            committed: 0,
            first_delivered_at: None,
            last_delivered_at: None,
            acknowledged: 0,
            last_acknowledged_at: None,
            answers: Vec::new(),
        }
    }

    fn around() -> Around<'static> {
        Around {
            now: NOW,
            health: Health::Well,
            is_paused: false,
            schedule: None,
            has_remote: true,
            absence: None,
        }
    }

    fn answered(state: JobState, words: &str) -> Vec<AnswerCount> {
        let class = Some(Class::Peer);
        let words = Some(words.to_owned());
        vec![AnswerCount { state, class, status: None, words, instances: 1, attempts: 1, last_at: NOW }]
    }

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_gathers_says_what_it_waits_for() {
        let gathers = DeliveryStory { released: 0, due_at: later(30), waiting: 3, ..told() };
        assert_eq!(
            judge(&gathers, &around()),
            (State::Gathering, "quiet in 30 s unless more comes".to_owned())
        );
        let evidence = Some(serde_json::json!({"words": "212 of 214 known at PACS1"}));
        let known = DeliveryStory { evidence, ..gathers };
        let said = "212 of 214 known at PACS1; looked at again in 30 s";
        assert_eq!(judge(&known, &around()), (State::Gathering, said.to_owned()));
        let late = DeliveryStory { revision: 2, waiting: 1, sending: 1, delivered: 1, ..told() };
        assert_eq!(
            judge(&late, &around()),
            (State::Sending, "1 of 3 delivered; what came late gathers".to_owned())
        );
    }

    #[test]
    fn what_waits_says_for_whom_or_for_what() {
        let waits = DeliveryStory { waiting: 3, next_at: Some(NOW), ..told() };
        assert_eq!(judge(&waits, &around()), (State::Waiting, "waits for its turn".to_owned()));
        let kept = DeliveryStory { next_at: Some(later(60)), ..waits.clone() };
        assert_eq!(judge(&kept, &around()).1, "kept back for 60 s");
        let refused = DeliveryStory { answers: answered(JobState::Waiting, "A700H: full"), ..kept };
        assert_eq!(judge(&refused, &around()).1, "tried again in 60 s: A700H: full");
        let because = Failure::new(Kind::Transient, "no connection");
        let health = Health::Held { failures: 1, until: later(9), because };
        let held = Around { health, ..around() };
        assert_eq!(
            judge(&waits, &held),
            (State::Held, "reader is tried again in 9 s: no connection".to_owned())
        );
        let schedule = Schedule::new(vec!["Sat 00:00-24:00".parse().unwrap()], "UTC").unwrap();
        let closed = Around { schedule: Some(&schedule), ..around() };
        assert_eq!(judge(&waits, &closed).0, State::Closed);
        assert!(judge(&waits, &closed).1.contains("1970-01-03T00:00:00Z"));
        assert_eq!(judge(&waits, &Around { is_paused: true, ..around() }).0, State::Paused);
        let paused = DeliveryStory { paused_at: Some(NOW), ..waits.clone() };
        assert_eq!(judge(&paused, &around()).0, State::Paused);
        let gone = judge(&waits, &Around { has_remote: false, ..around() });
        assert!(gone.1.contains("reroute or cancel"), "{}", gone.1);
    }

    #[test]
    fn what_is_decided_says_what_was_answered() {
        let all = DeliveryStory { delivered: 3, ..told() };
        assert_eq!(judge(&all, &around()), (State::Confirmed, "3 delivered".to_owned()));
        let proved = DeliveryStory { committed: 3, ..all.clone() };
        assert_eq!(judge(&proved, &around()), (State::Committed, "3 delivered and committed".to_owned()));
        let but_one = DeliveryStory {
            delivered: 2,
            parked: 1,
            answers: answered(JobState::Parked, "C000H: no"),
            ..told()
        };
        let said = "1 of 3 need a decision: C000H: no";
        assert_eq!(judge(&but_one, &around()), (State::Parked, said.to_owned()));
        let none = DeliveryStory {
            cancelled: 3,
            answers: answered(JobState::Cancelled, "cancelled by hand"),
            ..told()
        };
        assert_eq!(judge(&none, &around()), (State::Cancelled, "cancelled by hand".to_owned()));
    }
}
