//! Retention rules: after how long a study goes, and under which conditions. Pure: facts of a study and a rule in, a verdict
//! out.
//!
//! A rule says when a study may go; what keeps it whatever a rule says stands here too: a hold, and deliveries and requests
//! that are not done with it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Age;
use crate::remote::RemoteName;

/// When a study goes: all that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// So long ago its newest instance came, or it was last brought back.
    pub older_than: Age,
    /// So long it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_for: Option<Age>,
    /// All of it came from this remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RemoteName>,
    /// Somebody else has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
}

/// Who else must have a study: of each instance that is said, and of nothing that was to be sent it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// What the far side said.
    pub proof: Proof,
    /// By this route; none: by any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<RemoteName>,
    /// To this remote; none: to any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<RemoteName>,
}

/// What a far side said of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// That it has it.
    Delivered,
    /// That it keeps it: by storage commitment, or a receipt over a link.
    Committed,
}

/// A rule that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rule says after how long a study goes: older_than is at least a second, and so is unused_for")]
pub struct RuleError;

impl Rule {
    /// Refuses a rule by which everything would go at once.
    ///
    /// # Errors
    /// When an age is none.
    pub fn check(&self) -> Result<(), RuleError> {
        let is_none = self.older_than.is_zero() || self.unused_for.is_some_and(Age::is_zero);
        if is_none { Err(RuleError) } else { Ok(()) }
    }
}

/// What is known of a study when it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// When its newest instance came, or it was last brought back.
    pub arrived_at: Timestamp,
    /// When it was last read; where that is not known, since when it would be.
    pub used_at: Timestamp,
    /// The remote that its first instance came from.
    pub origin: Option<RemoteName>,
    /// Instances that came from elsewhere than the first.
    pub from_elsewhere: u64,
    /// Whether it is on hold.
    pub is_held: bool,
    /// Instances of it that are to be sent, or parked.
    pub open_jobs: u64,
    /// Requests that are open about it: commitments, notices, counts, copies under another identity.
    pub open_errands: u64,
    /// Its instances.
    pub instances: u64,
    /// Instances of which the far side that the rule names said what it must.
    pub sent: u64,
    /// Instances that were to be sent there and were not.
    pub unsent: u64,
}

/// What becomes of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Go,
    /// It stays.
    Keep(Why),
}

/// Why a study stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is not old enough.
    Young,
    /// It was read since.
    Used,
    /// It, or some of it, came from elsewhere.
    FromElsewhere,
    /// It is on hold.
    Held,
    /// So many instances are to be sent still, or parked.
    Open(u64),
    /// So many requests about it are open.
    Asked(u64),
    /// So many instances were not delivered as the rule wants it.
    NotDelivered(u64),
    /// So many instances are not committed as the rule wants it.
    NotCommitted(u64),
}

impl Why {
    /// Whether something is in the way of a study that would go: the rest is only not due.
    #[must_use]
    pub const fn is_in_the_way(&self) -> bool {
        match self {
            Self::Held | Self::Open(_) | Self::Asked(_) | Self::NotDelivered(_) | Self::NotCommitted(_) => {
                true
            }
            Self::Young | Self::Used | Self::FromElsewhere => false,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Young => f.write_str("it is not old enough"),
            Self::Used => f.write_str("it was read since"),
            Self::FromElsewhere => f.write_str("not all of it came from there"),
            Self::Held => f.write_str("it is on hold"),
            Self::Open(jobs) => write!(f, "{jobs} deliveries of its instances are open or parked"),
            Self::Asked(errands) => write!(f, "{errands} requests about it are open"),
            Self::NotDelivered(instances) => write!(f, "{instances} instances are not delivered"),
            Self::NotCommitted(instances) => write!(f, "{instances} instances are not committed"),
        }
    }
}

/// What keeps a study whatever a rule says.
#[must_use]
pub fn barred(facts: &Facts) -> Option<Why> {
    if facts.is_held {
        Some(Why::Held)
    } else if facts.open_jobs > 0 {
        Some(Why::Open(facts.open_jobs))
    } else if facts.open_errands > 0 {
        Some(Why::Asked(facts.open_errands))
    } else {
        None
    }
}

/// Judges a study by a rule.
#[must_use]
pub fn judge(rule: &Rule, facts: &Facts, now: Timestamp) -> Verdict {
    let why = undue(rule, facts, now).or_else(|| barred(facts)).or_else(|| unproven(rule, facts));
    why.map_or(Verdict::Go, Verdict::Keep)
}

fn undue(rule: &Rule, facts: &Facts, now: Timestamp) -> Option<Why> {
    if !rule.older_than.is_reached(facts.arrived_at, now) {
        return Some(Why::Young);
    }
    let last = facts.used_at.max(facts.arrived_at);
    if rule.unused_for.is_some_and(|age| !age.is_reached(last, now)) {
        return Some(Why::Used);
    }
    let is_elsewhere = rule
        .from
        .as_ref()
        .is_some_and(|from| facts.origin.as_ref() != Some(from) || facts.from_elsewhere > 0);
    is_elsewhere.then_some(Why::FromElsewhere)
}

/// A study of which nothing was ever sent is not delivered.
fn unproven(rule: &Rule, facts: &Facts) -> Option<Why> {
    let sent = rule.sent.as_ref()?;
    let lacking = facts.instances.saturating_sub(facts.sent).max(facts.unsent);
    (lacking > 0).then_some(match sent.proof {
        Proof::Delivered => Why::NotDelivered(lacking),
        Proof::Committed => Why::NotCommitted(lacking),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_millisecond(days * DAY_MS).unwrap()
    }

    fn age(text: &str) -> Age {
        text.parse().unwrap()
    }

    fn rule() -> Rule {
        Rule { older_than: age("30d"), unused_for: None, from: None, sent: None }
    }

    fn facts() -> Facts {
        Facts {
            arrived_at: at(100),
            used_at: at(0),
            origin: Some("ct1".parse().unwrap()),
            from_elsewhere: 0,
            is_held: false,
            open_jobs: 0,
            open_errands: 0,
            instances: 10,
            sent: 0,
            unsent: 0,
        }
    }

    #[test]
    fn a_study_goes_when_its_newest_instance_is_old_enough_and_not_before() {
        assert_eq!(judge(&rule(), &facts(), at(129)), Verdict::Keep(Why::Young));
        assert_eq!(judge(&rule(), &facts(), at(130)), Verdict::Go);
    }

    #[test]
    fn all_conditions_must_hold() {
        let now = at(200);
        let unused = Rule { unused_for: Some(age("60d")), ..rule() };
        let from = |name: &str| Rule { from: Some(name.parse().unwrap()), ..rule() };
        let mixed = Facts { from_elsewhere: 1, ..facts() };
        let used = |days| Facts { used_at: at(days), ..facts() };
        for (rule, facts, expected) in [
            (&unused, used(141), Verdict::Keep(Why::Used)),
            (&unused, used(140), Verdict::Go),
            (&from("ct1"), facts(), Verdict::Go),
            (&from("ct2"), facts(), Verdict::Keep(Why::FromElsewhere)),
            (&from("ct1"), mixed.clone(), Verdict::Keep(Why::FromElsewhere)),
            (&from("ct1"), Facts { origin: None, ..facts() }, Verdict::Keep(Why::FromElsewhere)),
            (&rule(), mixed, Verdict::Go),
        ] {
            assert_eq!(judge(rule, &facts, now), expected, "{rule:?} {facts:?}");
        }
    }

    #[test]
    fn each_instance_must_be_with_the_far_side_and_nothing_failed_or_given_up() {
        let now = at(200);
        let wants = |proof| Rule { sent: Some(Sent { proof, by: None, to: None }), ..rule() };
        let sent = |sent, unsent| Facts { sent, unsent, ..facts() };
        for (facts, lacking) in [(sent(0, 0), 10), (sent(9, 0), 1), (sent(9, 3), 3), (sent(10, 1), 1)] {
            let kept = judge(&wants(Proof::Delivered), &facts, now);
            assert_eq!(kept, Verdict::Keep(Why::NotDelivered(lacking)), "{facts:?}");
            let kept = judge(&wants(Proof::Committed), &facts, now);
            assert_eq!(kept, Verdict::Keep(Why::NotCommitted(lacking)), "{facts:?}");
        }
        assert_eq!(judge(&wants(Proof::Committed), &sent(10, 0), now), Verdict::Go);
    }

    #[test]
    fn a_rule_without_an_age_is_none() {
        assert!(rule().check().is_ok());
        assert_eq!(Rule { older_than: Age::ZERO, ..rule() }.check(), Err(RuleError));
        assert_eq!(Rule { unused_for: Some(Age::ZERO), ..rule() }.check(), Err(RuleError));
        assert!(serde_json::from_str::<Rule>(r#"{"older_than":"5y","from":"ct1"}"#).is_ok());
        assert!(serde_json::from_str::<Rule>(r#"{"older_then":"5y"}"#).is_err());
    }

    prop_compose! {
        fn any_facts()(
            arrived in 0_i64..400, used in 0_i64..400, from_elsewhere in 0_u64..2, is_held in any::<bool>(),
            open_jobs in 0_u64..2, open_errands in 0_u64..2, sent in 0_u64..4, unsent in 0_u64..2,
        ) -> Facts {
            let (arrived_at, used_at) = (at(arrived), at(used));
            Facts { arrived_at, used_at, from_elsewhere, is_held, open_jobs, open_errands, instances: 3, sent, unsent, ..facts() }
        }
    }

    prop_compose! {
        fn any_rule()(
            older in 1_u64..300, unused in proptest::option::of(1_u64..300), from in any::<bool>(),
            sent in proptest::option::of(any::<bool>()),
        ) -> Rule {
            let days = |days: u64| age(&format!("{days}d"));
            let proof = |is_committed| if is_committed { Proof::Committed } else { Proof::Delivered };
            Rule {
                older_than: days(older),
                unused_for: unused.map(days),
                from: from.then(|| "ct1".parse().unwrap()),
                sent: sent.map(|it| Sent { proof: proof(it), by: None, to: None }),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_held_open_young_used_or_unproven_never_goes(rule in any_rule(), facts in any_facts(), now in 0_i64..800) {
            let now = at(now);
            let since = |then: Timestamp| u64::try_from(now.as_second() - then.as_second()).unwrap_or(0);
            if judge(&rule, &facts, now) == Verdict::Go {
                prop_assert!(!facts.is_held && facts.open_jobs == 0 && facts.open_errands == 0);
                prop_assert!(since(facts.arrived_at) >= rule.older_than.seconds());
                if let Some(unused) = rule.unused_for {
                    prop_assert!(since(facts.used_at) >= unused.seconds());
                }
                prop_assert!(rule.from.is_none() || facts.from_elsewhere == 0);
                prop_assert!(rule.sent.is_none() || (facts.sent >= facts.instances && facts.unsent == 0));
            }
        }

        #[test]
        fn what_goes_at_a_moment_goes_at_every_later_one(rule in any_rule(), facts in any_facts(), now in 0_i64..800, later in 0_i64..800) {
            if judge(&rule, &facts, at(now)) == Verdict::Go {
                prop_assert_eq!(judge(&rule, &facts, at(now + later)), Verdict::Go);
            }
        }

        #[test]
        fn a_rule_that_asks_for_less_lets_no_less_go(rule in any_rule(), facts in any_facts(), now in 0_i64..800) {
            let less = Rule { unused_for: None, from: None, sent: None, ..rule.clone() };
            if judge(&rule, &facts, at(now)) == Verdict::Go {
                prop_assert_eq!(judge(&less, &facts, at(now)), Verdict::Go);
            }
        }
    }
}
