//! Settings of errands: the table `[forward.errands]` of `causeway.toml`. Every number has its unit in its name and its
//! bounds in [`Config::check`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::count::Looks;
use crate::config::ConfigError;

/// How errands are carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long an instance that a storage commitment names, and that is here, may take to get into the store; after
    /// that it is not committed.
    pub settle_minutes: u32,
    /// How long a result of a storage commitment, or a notice, is tried to be told before it is given up.
    pub report_hours: u32,
    /// How long after the last delivery the far side is asked to commit.
    pub gather_seconds: u32,
    /// Instances in one request for storage commitment.
    pub request_instances: u32,
    /// How long a request for storage commitment is tried.
    pub request_hours: u32,
    /// How long its result is waited for.
    pub result_hours: u32,
    /// How long the association of a request is kept open for its result.
    pub linger_seconds: u32,
    /// How long nothing more of a study must have come before a notice tells of it.
    pub notice_quiet_seconds: u32,
    /// How often at most a remote that was sent to over the web is asked whether it lists all of it.
    pub count_looks: u32,
    /// How long after the first time it is asked again; each pause is four times as long as the one before.
    pub count_pause_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settle_minutes: 10,
            report_hours: 72,
            gather_seconds: 15,
            request_instances: 1000,
            request_hours: 72,
            result_hours: 24,
            linger_seconds: 5,
            notice_quiet_seconds: 60,
            count_looks: 6,
            count_pause_seconds: 30,
        }
    }
}

impl Config {
    /// Refuses what is out of bounds.
    ///
    /// # Errors
    /// Names the first setting that is.
    pub fn check(&self) -> Result<(), ConfigError> {
        let year = 365 * 24;
        let table = [
            ("errands.settle_minutes", self.settle_minutes, 1..=24 * 60),
            ("errands.report_hours", self.report_hours, 1..=year),
            ("errands.gather_seconds", self.gather_seconds, 1..=3600),
            ("errands.request_instances", self.request_instances, 1..=10_000),
            ("errands.request_hours", self.request_hours, 1..=year),
            ("errands.result_hours", self.result_hours, 1..=year),
            ("errands.linger_seconds", self.linger_seconds, 0..=300),
            ("errands.notice_quiet_seconds", self.notice_quiet_seconds, 1..=24 * 3600),
            ("errands.count_looks", self.count_looks, 1..=20),
            ("errands.count_pause_seconds", self.count_pause_seconds, 1..=3600),
        ];
        match table.into_iter().find(|(_, value, bounds)| !bounds.contains(value)) {
            Some((key, value, bounds)) => Err(ConfigError {
                key,
                value: value.into(),
                least: (*bounds.start()).into(),
                most: (*bounds.end()).into(),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn settle(&self) -> Duration {
        Duration::from_secs(u64::from(self.settle_minutes) * 60)
    }

    pub(super) fn report(&self) -> Duration {
        hours(self.report_hours)
    }

    pub(super) fn gather(&self) -> Duration {
        Duration::from_secs(self.gather_seconds.into())
    }

    pub(super) fn request(&self) -> Duration {
        hours(self.request_hours)
    }

    pub(super) fn result(&self) -> Duration {
        hours(self.result_hours)
    }

    pub(super) fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_seconds.into())
    }

    pub(super) fn looks(&self) -> Looks {
        Looks { most: self.count_looks, pause: Duration::from_secs(self.count_pause_seconds.into()) }
    }

    pub(super) fn notice_quiet(&self) -> Duration {
        Duration::from_secs(self.notice_quiet_seconds.into())
    }
}

fn hours(hours: u32) -> Duration {
    Duration::from_secs(u64::from(hours) * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_refused_below_and_above_its_bounds_and_taken_at_them() {
        assert_eq!(Config::default().check(), Ok(()));
        for (request_instances, fine) in [(0, false), (1, true), (10_000, true), (10_001, false)] {
            let config = Config { request_instances, ..Config::default() };
            assert_eq!(config.check().is_ok(), fine, "{request_instances}");
        }
        let error = Config { linger_seconds: 301, ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "[forward] errands.linger_seconds is 301; it must be 0 to 300");
    }
}
