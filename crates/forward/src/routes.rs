//! The routes in their order, and what they do with one instance together. Pure.
//!
//! Ordinary routes are asked one after another, until one that stops; a fallback route only when none of them sends the
//! instance. Each remote is sent it once, for the first route that does.

use causeway_catalog::{Role, RouteRecord, Then};
use causeway_core::{InstanceRecord, PlannedDelivery, RemoteName};
use serde::Serialize;

use crate::route::{Route, Says};

/// Routes in the order in which they are asked, fallback routes after the ordinary ones.
#[derive(Debug, Clone, Default)]
pub struct Routes(Vec<Route>);

/// What one route does with an instance, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The remotes that it is sent to for this route's sake.
    pub sends_to: Vec<RemoteName>,
    /// Why, or why not, in words.
    pub because: String,
}

impl Routes {
    /// In the order in which an administrator put them.
    #[must_use]
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| route.record.role == Role::Fallback);
        Self(routes)
    }

    /// All of them, as they are asked.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    /// As they were saved.
    #[must_use]
    pub fn records(&self) -> Vec<RouteRecord> {
        self.0.iter().map(|route| route.record.clone()).collect()
    }

    /// The route of this name.
    #[must_use]
    pub fn find(&self, name: &RemoteName) -> Option<&Route> {
        self.0.iter().find(|route| route.record.name == *name)
    }

    /// The same with a draft in the place of the one of its name, or after all others.
    #[must_use]
    pub fn with(&self, draft: Route) -> Self {
        let mut routes = self.0.clone();
        match routes.iter_mut().find(|route| route.record.name == draft.record.name) {
            Some(route) => *route = draft,
            None => routes.push(draft),
        }
        Self::new(routes)
    }

    /// Where an instance is to go.
    #[must_use]
    pub fn plan(&self, record: &InstanceRecord) -> Vec<PlannedDelivery> {
        let mut planned: Vec<PlannedDelivery> = Vec::new();
        let mut is_taken = false;
        for route in &self.0 {
            if is_taken && route.record.role == Role::Fallback {
                continue;
            }
            let Says::Sends(to) = route.ask(record) else { continue };
            is_taken = true;
            for remote in to {
                if planned.iter().all(|earlier| earlier.remote != remote) {
                    planned.push(route.delivery_to(remote));
                }
            }
            if route.record.then == Then::Stop {
                break;
            }
        }
        planned
    }

    /// What each route does with an instance, in words: the same as [`Routes::plan`] does.
    #[must_use]
    pub fn explain(&self, record: &InstanceRecord) -> Vec<(&Route, Explained)> {
        let mut taken: Vec<(RemoteName, RemoteName)> = Vec::new();
        let (mut stopper, mut taker): (Option<&Route>, Option<&Route>) = (None, None);
        let mut all = Vec::with_capacity(self.0.len());
        for route in &self.0 {
            let explained = match (stopper, taker) {
                (Some(earlier), _) => leaves(format!("route '{}' takes it and stops", earlier.record.name)),
                (None, Some(earlier)) if route.record.role == Role::Fallback => {
                    leaves(format!("it is a fallback, and route '{}' takes it", earlier.record.name))
                }
                _ => match route.ask(record) {
                    Says::Leaves(words) => leaves(words),
                    Says::Sends(to) => {
                        taker = taker.or(Some(route));
                        stopper = (route.record.then == Then::Stop).then_some(route);
                        sends(route, to, &mut taken)
                    }
                },
            };
            all.push((route, explained));
        }
        all
    }
}

fn leaves(because: String) -> Explained {
    Explained { sends_to: Vec::new(), because }
}

/// What a route sends, but for what an earlier one does; `taken` has each remote with the route it is sent to for.
fn sends(route: &Route, to: Vec<RemoteName>, taken: &mut Vec<(RemoteName, RemoteName)>) -> Explained {
    let mut because = "the condition holds".to_owned();
    let mut sends_to = Vec::new();
    for remote in to {
        match taken.iter().find(|(known, _)| *known == remote) {
            Some((_, earlier)) => {
                because.push_str(&format!("; route '{earlier}' sends it to {remote} already"));
            }
            None => {
                taken.push((remote.clone(), route.record.name.clone()));
                sends_to.push(remote);
            }
        }
    }
    Explained { sends_to, because }
}

#[cfg(test)]
mod tests {
    use causeway_core::Trigger;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::record;

    fn route(name: &str, when: &str, to: &[&str], then: Then, role: Role) -> Route {
        let names = to.iter().map(|name| name.parse().unwrap()).collect();
        let plain = RouteRecord::plain(name.parse().unwrap(), when, "x".parse().unwrap(), Trigger::Instance);
        Route::parse(RouteRecord { to: names, then, role, ..plain }).unwrap()
    }

    fn planned(routes: &Routes) -> Vec<(String, String)> {
        let planned = routes.plan(&record());
        planned.iter().map(|it| (it.route.to_string(), it.remote.to_string())).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(route, remote)| ((*route).to_owned(), (*remote).to_owned())).collect()
    }

    #[test]
    fn each_remote_is_sent_to_once_for_the_first_route_that_does() {
        let routes = Routes::new(vec![
            route("one", "true", &["a", "b"], Then::Continue, Role::Ordinary),
            route("two", "true", &["b", "c"], Then::Continue, Role::Ordinary),
        ]);
        assert_eq!(planned(&routes), pairs(&[("one", "a"), ("one", "b"), ("two", "c")]));
        let record = record();
        let explained = routes.explain(&record);
        assert_eq!(explained[1].1.because, "the condition holds; route 'one' sends it to b already");
    }

    #[test]
    fn a_route_that_stops_is_the_last_that_is_asked() {
        let routes = Routes::new(vec![
            route("no", "Modality == 'MR'", &["z"], Then::Stop, Role::Ordinary),
            route("one", "true", &["a"], Then::Stop, Role::Ordinary),
            route("two", "true", &["b"], Then::Continue, Role::Ordinary),
            route("rest", "true", &["c"], Then::Continue, Role::Fallback),
        ]);
        assert_eq!(planned(&routes), pairs(&[("one", "a")]));
        let record = record();
        let because: Vec<_> = routes.explain(&record).into_iter().map(|(_, it)| it.because).collect();
        assert_eq!(because[0], "the condition does not hold");
        assert_eq!(because[2], "route 'one' takes it and stops");
        assert_eq!(because[3], "route 'one' takes it and stops");
    }

    #[test]
    fn a_fallback_is_asked_of_what_nobody_takes_wherever_it_stands() {
        let other = |when| route("other", when, &["a"], Then::Continue, Role::Ordinary);
        let rest = || route("rest", "true", &["c"], Then::Continue, Role::Fallback);
        assert_eq!(planned(&Routes::new(vec![rest(), other("true")])), pairs(&[("other", "a")]));
        assert_eq!(planned(&Routes::new(vec![rest(), other("false")])), pairs(&[("rest", "c")]));
        let second = route("second", "true", &["d"], Then::Continue, Role::Fallback);
        let routes = Routes::new(vec![rest(), second]);
        assert_eq!(planned(&routes), pairs(&[("rest", "c")]), "one fallback is enough");
    }

    #[test]
    fn a_draft_takes_the_place_of_the_route_of_its_name() {
        let routes = Routes::new(vec![
            route("one", "true", &["a"], Then::Stop, Role::Ordinary),
            route("two", "true", &["b"], Then::Continue, Role::Ordinary),
        ]);
        let draft = route("one", "false", &["a"], Then::Stop, Role::Ordinary);
        assert_eq!(planned(&routes.with(draft)), pairs(&[("two", "b")]));
        let new = route("three", "true", &["c"], Then::Continue, Role::Ordinary);
        assert_eq!(planned(&routes.with(new)), pairs(&[("one", "a")]));
    }

    fn any_route() -> impl Strategy<Value = Route> {
        let then = prop_oneof![Just(Then::Continue), Just(Then::Stop)];
        let role = prop_oneof![Just(Role::Ordinary), Just(Role::Fallback)];
        let to = proptest::sample::subsequence(vec!["a", "b", "pacs-1"], 1..=3);
        (0..100_u32, any::<bool>(), to, then, role).prop_map(|(number, holds, to, then, role)| {
            route(&format!("r{number}"), if holds { "true" } else { "false" }, &to, then, role)
        })
    }

    proptest! {
        #[test]
        fn what_is_explained_is_what_is_done(routes in proptest::collection::vec(any_route(), 0..8)) {
            let routes = Routes::new(routes);
            let record = record();
            let mut explained = Vec::new();
            for (route, it) in routes.explain(&record) {
                explained.extend(it.sends_to.iter().map(|to| (route.record.name.to_string(), to.to_string())));
            }
            prop_assert_eq!(&planned(&routes), &explained);
            prop_assert!(explained.iter().all(|(_, to)| to != "pacs-1"), "never back to where it came from");
        }
    }
}
