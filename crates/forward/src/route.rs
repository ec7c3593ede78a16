//! A route: a name, a condition, remotes, a trigger, and what else is said of how it sends. Pure.

use std::collections::BTreeSet;

use causeway_catalog::{Priors, RouteRecord};
use causeway_core::{InstanceRecord, PlannedDelivery, RemoteName, Trigger};

use crate::condition::{Condition, ConditionError, Verdict};
use crate::router::WAY_BACK;

/// Longest time that a study or series may have to be quiet, or is waited for, in seconds: a day.
pub const MAX_QUIET_SECONDS: u32 = 24 * 3600;
/// Longest time that what is ready is kept back, in seconds: 31 days.
pub const MAX_DELAY_SECONDS: u32 = 31 * 24 * 3600;
/// Most earlier studies that go along with one.
pub const MAX_PRIORS: u32 = 50;
/// Oldest ones, in years.
pub const MAX_PRIOR_YEARS: u32 = 150;
/// Most remotes of one route.
pub const MAX_DESTINATIONS: usize = 32;

/// Why a route cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// Its condition.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// Its remote.
    #[error("there is no remote '{0}'; add it first with `causeway remote add {0}`")]
    UnknownRemote(RemoteName),
    /// Its remote cannot be called.
    #[error(
        "remote '{0}' has neither --host and --port nor --dicomweb, nor was it paired: nothing can be sent to it"
    )]
    Unreachable(RemoteName),
    /// Its name.
    #[error("'{WAY_BACK}' names what goes back to where a study came from; call the route otherwise")]
    Reserved,
    /// Its trigger.
    #[error("a study or series may have to be quiet for 1 to {MAX_QUIET_SECONDS} seconds, not for {0}")]
    Quiet(u32),
    /// Its delay.
    #[error("what is ready may be kept back for at most {MAX_DELAY_SECONDS} seconds, not for {0}")]
    Delay(u32),
    /// Its wait for what is not here yet.
    #[error("what is not here yet may be waited for for at most {MAX_QUIET_SECONDS} seconds, not for {0}")]
    Wait(u32),
    /// Its earlier studies.
    #[error("a route sends 1 to {MAX_PRIORS} earlier studies along, at most {MAX_PRIOR_YEARS} years old")]
    Priors,
    /// The same, where it does not wait for a study.
    #[error(
        "a route that sends each instance at once sends no earlier studies along; let it wait for the study"
    )]
    PriorsOfInstances,
    /// Its remotes.
    #[error("a route has 1 to {MAX_DESTINATIONS} remotes, each once, not {0}")]
    Destinations(usize),
    /// Whom it asks what there is.
    #[error(
        "remote '{0}' has neither --host and --port nor --dicomweb: it cannot be asked what there is (a link is not asked)"
    )]
    NotAskable(RemoteName),
}

/// A route that is in force.
#[derive(Debug, Clone)]
pub struct Route {
    /// As it was saved.
    pub record: RouteRecord,
    condition: Condition,
}

/// What a route says of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Says {
    /// It sends it, to these.
    Sends(Vec<RemoteName>),
    /// It does not; why, in words.
    Leaves(String),
}

impl Route {
    /// Reads a route that is to be saved, or was.
    ///
    /// # Errors
    /// Says what is wrong with its condition, its trigger or its other terms.
    pub fn parse(record: RouteRecord) -> Result<Self, RouteError> {
        match record.trigger {
            Trigger::Series { quiet_seconds } | Trigger::Study { quiet_seconds }
                if !(1..=MAX_QUIET_SECONDS).contains(&quiet_seconds) =>
            {
                return Err(RouteError::Quiet(quiet_seconds));
            }
            _ => {}
        }
        if record.delay_seconds > MAX_DELAY_SECONDS {
            return Err(RouteError::Delay(record.delay_seconds));
        }
        if record.completeness.wait_seconds > MAX_QUIET_SECONDS {
            return Err(RouteError::Wait(record.completeness.wait_seconds));
        }
        let fits = |priors: &Priors| {
            (1..=MAX_PRIORS).contains(&priors.most)
                && priors.years.is_none_or(|years| years <= MAX_PRIOR_YEARS)
        };
        if !record.priors.as_ref().is_none_or(fits) {
            return Err(RouteError::Priors);
        }
        if record.priors.is_some() && record.trigger == Trigger::Instance {
            return Err(RouteError::PriorsOfInstances);
        }
        let different: BTreeSet<_> = record.to.iter().collect();
        if different.len() != record.to.len() || !(1..=MAX_DESTINATIONS).contains(&record.to.len()) {
            return Err(RouteError::Destinations(record.to.len()));
        }
        Ok(Self { condition: Condition::parse(&record.when)?, record })
    }

    /// What it says of an instance. An instance never goes back to the remote it came from.
    #[must_use]
    pub(crate) fn ask(&self, record: &InstanceRecord) -> Says {
        let from = record.envelope.remote.as_ref();
        let maker = record.envelope.came_back.as_ref().map(|came_back| &came_back.from);
        let is_another = |to: &&RemoteName| from != Some(*to) && maker != Some(*to);
        let others: Vec<_> = self.record.to.iter().filter(is_another).cloned().collect();
        if others.is_empty() {
            return Says::Leaves("it came from there".to_owned());
        }
        match self.condition.ask(record) {
            Verdict::Holds => Says::Sends(others),
            Verdict::DoesNotHold => Says::Leaves("the condition does not hold".to_owned()),
            Verdict::Lacks(name) => Says::Leaves(format!("the instance has no {name}")),
            Verdict::Failed(words) => {
                tracing::warn!(route = %self.record.name, words, "the condition could not be asked of an instance");
                Says::Leaves(words.to_owned())
            }
        }
    }

    /// What is to be sent to one of its remotes, on its terms.
    pub(crate) fn delivery_to(&self, remote: RemoteName) -> PlannedDelivery {
        let RouteRecord { name, trigger, priority, late, delay_seconds, .. } = &self.record;
        PlannedDelivery {
            route: name.clone(),
            remote,
            trigger: *trigger,
            priority: *priority,
            late: *late,
            delay_seconds: *delay_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use causeway_catalog::Completeness;
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
        Route::parse(RouteRecord::plain(name("r"), when, name("reader"), trigger))
    }

    fn sends(route: &Route, instance: &InstanceRecord) -> Vec<String> {
        match route.ask(instance) {
            Says::Sends(to) => to.iter().map(RemoteName::to_string).collect(),
            Says::Leaves(_) => Vec::new(),
        }
    }

    #[test]
    fn a_route_takes_what_its_condition_holds_for() {
        let route = route("Modality == 'CT'", Trigger::Instance).unwrap();
        assert_eq!(sends(&route, &instance("CT", None)), ["reader"]);
        assert_eq!(route.ask(&instance("MR", None)), Says::Leaves("the condition does not hold".to_owned()));
    }

    #[test]
    fn an_instance_never_goes_back_to_where_it_came_from() {
        let mut route = route("true", Trigger::Instance).unwrap();
        assert_eq!(sends(&route, &instance("CT", Some("scanner"))), ["reader"]);
        let from_reader = instance("CT", Some("reader"));
        assert_eq!(route.ask(&from_reader), Says::Leaves("it came from there".to_owned()));
        route.record.to.push("archive".parse().unwrap());
        assert_eq!(sends(&route, &from_reader), ["archive"]);
        assert_eq!(sends(&route, &instance("CT", None)), ["reader", "archive"]);
    }

    #[test]
    fn times_are_held_at_and_beyond_their_bounds() {
        for (quiet_seconds, fine) in
            [(0, false), (1, true), (MAX_QUIET_SECONDS, true), (MAX_QUIET_SECONDS + 1, false)]
        {
            assert_eq!(route("true", Trigger::Study { quiet_seconds }).is_ok(), fine, "{quiet_seconds}");
        }
        assert!(matches!(route("Modalty == 'CT'", Trigger::Instance), Err(RouteError::Condition(_))));
        let plain = route("true", Trigger::Instance).unwrap().record;
        for (delay_seconds, fine) in [(MAX_DELAY_SECONDS, true), (MAX_DELAY_SECONDS + 1, false)] {
            assert_eq!(Route::parse(RouteRecord { delay_seconds, ..plain.clone() }).is_ok(), fine);
        }
        for (wait_seconds, fine) in [(0, true), (MAX_QUIET_SECONDS, true), (MAX_QUIET_SECONDS + 1, false)] {
            let completeness = Completeness { wait_seconds, ..Completeness::default() };
            assert_eq!(Route::parse(RouteRecord { completeness, ..plain.clone() }).is_ok(), fine);
        }
    }

    #[test]
    fn earlier_studies_are_bounded_in_number_and_age() {
        let plain = route("true", Trigger::Study { quiet_seconds: 1 }).unwrap().record;
        let bounds = [(0, None, false), (1, Some(0), true), (MAX_PRIORS, Some(MAX_PRIOR_YEARS), true)];
        let beyond = [(MAX_PRIORS + 1, None, false), (1, Some(MAX_PRIOR_YEARS + 1), false)];
        for (most, years, fine) in bounds.into_iter().chain(beyond) {
            let priors = Some(Priors { most, years, same: Vec::new() });
            assert_eq!(
                Route::parse(RouteRecord { priors, ..plain.clone() }).is_ok(),
                fine,
                "{most} {years:?}"
            );
        }
    }

    #[test]
    fn a_route_has_some_remotes_each_once_and_not_too_many() {
        let plain = route("true", Trigger::Instance).unwrap().record;
        let many = |count: usize| (0..count).map(|at| format!("r{at}").parse().unwrap()).collect();
        for (count, fine) in [(0, false), (1, true), (MAX_DESTINATIONS, true), (MAX_DESTINATIONS + 1, false)]
        {
            assert_eq!(
                Route::parse(RouteRecord { to: many(count), ..plain.clone() }).is_ok(),
                fine,
                "{count}"
            );
        }
        let twice = vec!["a".parse().unwrap(), "a".parse().unwrap()];
        assert!(Route::parse(RouteRecord { to: twice, ..plain }).is_err());
    }
}
