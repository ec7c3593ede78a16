//! A route: a name, a condition, a remote, a trigger. Pure.

use causeway_catalog::RouteRecord;
use causeway_core::{InstanceRecord, PlannedDelivery, Trigger};
use serde::Serialize;

use crate::condition::{Condition, ConditionError, Verdict};

/// Longest time that a study or series may have to be quiet, in seconds: a day.
pub const MAX_QUIET_SECONDS: u32 = 24 * 3600;

/// Why a route cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// Its condition.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// Its remote.
    #[error("there is no remote '{0}'; add it first with `causeway remote add {0}`")]
    UnknownRemote(causeway_core::RemoteName),
    /// Its remote cannot be called.
    #[error("remote '{0}' has neither --host and --port nor --dicomweb: nothing can be sent to it")]
    Unreachable(causeway_core::RemoteName),
    /// Its trigger.
    #[error("a study or series may have to be quiet for 1 to {MAX_QUIET_SECONDS} seconds, not for {0}")]
    Quiet(u32),
}

/// A route that is in force.
#[derive(Debug, Clone)]
pub struct Route {
    /// As it was saved.
    pub record: RouteRecord,
    condition: Condition,
}

/// What a route says of an instance, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Whether the route takes it.
    pub takes: bool,
    /// Why, in words.
    pub because: String,
}

impl Route {
    /// Reads a route that is to be saved, or was.
    ///
    /// # Errors
    /// Says what is wrong with its condition or trigger.
    pub fn parse(record: RouteRecord) -> Result<Self, RouteError> {
        match record.trigger {
            Trigger::Series { quiet_seconds } | Trigger::Study { quiet_seconds }
                if !(1..=MAX_QUIET_SECONDS).contains(&quiet_seconds) =>
            {
                return Err(RouteError::Quiet(quiet_seconds));
            }
            _ => {}
        }
        Ok(Self { condition: Condition::parse(&record.when)?, record })
    }

    /// What is to be sent of an instance, if anything. An instance never goes back to the remote it came from.
    #[must_use]
    pub fn plan(&self, record: &InstanceRecord) -> Option<PlannedDelivery> {
        if record.envelope.remote.as_ref() == Some(&self.record.to) {
            return None;
        }
        match self.condition.ask(record) {
            Verdict::Holds => Some(PlannedDelivery::plain(
                self.record.name.clone(),
                self.record.to.clone(),
                self.record.trigger,
            )),
            Verdict::DoesNotHold | Verdict::Lacks(_) => None,
            Verdict::Failed(words) => {
                tracing::warn!(route = %self.record.name, words, "the condition could not be asked of an instance");
                None
            }
        }
    }

    /// The same, in words.
    #[must_use]
    pub fn explain(&self, record: &InstanceRecord) -> Explained {
        if record.envelope.remote.as_ref() == Some(&self.record.to) {
            return Explained { takes: false, because: "it came from there".to_owned() };
        }
        let (takes, because) = match self.condition.ask(record) {
            Verdict::Holds => (true, "the condition holds".to_owned()),
            Verdict::DoesNotHold => (false, "the condition does not hold".to_owned()),
            Verdict::Lacks(name) => (false, format!("the instance has no {name}")),
            Verdict::Failed(words) => (false, words.to_owned()),
        };
        Explained { takes, because }
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::{Tag, Vr};

    use super::*;
    use crate::testing::record;

    fn instance(modality: &str, from: Option<&str>) -> InstanceRecord {
        let mut instance = record();
        instance.attributes.put_text(Tag::MODALITY, Vr::CS, modality);
        instance.envelope.remote = from.map(|name| name.parse().unwrap());
        instance
    }

    fn route(when: &str, trigger: Trigger) -> Result<Route, RouteError> {
        let name = |text: &str| text.parse().unwrap();
        Route::parse(RouteRecord { name: name("r"), when: when.to_owned(), to: name("reader"), trigger })
    }

    #[test]
    fn a_route_takes_what_its_condition_holds_for() {
        let route = route("Modality == 'CT'", Trigger::Instance).unwrap();
        assert_eq!(route.plan(&instance("CT", None)).unwrap().remote.as_str(), "reader");
        assert!(route.plan(&instance("MR", None)).is_none());
        assert!(route.explain(&instance("CT", None)).takes);
    }

    #[test]
    fn an_instance_never_goes_back_to_where_it_came_from() {
        let route = route("true", Trigger::Instance).unwrap();
        assert!(route.plan(&instance("CT", Some("reader"))).is_none());
        assert!(route.plan(&instance("CT", Some("scanner"))).is_some());
        assert_eq!(route.explain(&instance("CT", Some("reader"))).because, "it came from there");
    }

    #[test]
    fn quiet_time_is_held_at_and_beyond_its_bounds() {
        for (quiet_seconds, fine) in
            [(0, false), (1, true), (MAX_QUIET_SECONDS, true), (MAX_QUIET_SECONDS + 1, false)]
        {
            assert_eq!(route("true", Trigger::Study { quiet_seconds }).is_ok(), fine, "{quiet_seconds}");
        }
        assert!(matches!(route("Modalty == 'CT'", Trigger::Instance), Err(RouteError::Condition(_))));
    }
}
