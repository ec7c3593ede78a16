//! Settings of this room: the table `[forward]` of `causeway.toml`. Every number has its unit in its name and its
//! bounds in [`Config::check`].

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::errands;

/// How deliveries are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Destinations that are sent to at the same time; the others wait for their turn.
    pub destinations_at_once: u32,
    /// Associations held to one destination at the same time, where it takes as many and there is enough to send.
    pub associations_per_destination: u32,
    /// The same to one that is far away: an association waits a round trip for each answer, so the longer that is, the more
    /// are held, up to so many.
    pub associations_far: u32,
    /// Instances on their way to one destination at once, over DIMSE, where it takes more than one (PS3.7 §D.3.3.3).
    pub operations: u32,
    /// Instances claimed, and sent, in one go.
    pub batch_instances: u32,
    /// Most bytes in one STOW request; a single larger instance goes alone.
    pub request_bytes: u64,
    /// How long a claimed job stays claimed when nothing more is heard of its worker.
    pub lease_seconds: u32,
    /// How long a destination may take to take up a connection and to agree to an association.
    pub connect_seconds: u32,
    /// How long a destination may be silent, while sending and after an instance was sent.
    pub response_seconds: u32,
    /// How long an association is kept open for more to come.
    pub linger_seconds: u32,
    /// Longest pause between two attempts.
    pub retry_ceiling_seconds: u32,
    /// Attempts after an answer that says neither yes nor no, before the instance is parked.
    pub unclear_attempts: u32,
    /// How long sending goes on after the node was told to stop.
    pub drain_seconds: u32,
    /// Storage commitment and notices.
    pub errands: errands::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            destinations_at_once: 16,
            associations_per_destination: 4,
            associations_far: 48,
            operations: 8,
            batch_instances: 64,
            request_bytes: 64 * 1024 * 1024,
            lease_seconds: 60,
            connect_seconds: 10,
            response_seconds: 120,
            linger_seconds: 5,
            retry_ceiling_seconds: 15 * 60,
            unclear_attempts: 5,
            drain_seconds: 20,
            errands: errands::Config::default(),
        }
    }
}

/// A setting that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[forward] {key} is {value}; it must be {least} to {most}")]
pub struct ConfigError {
    /// Which.
    pub key: &'static str,
    /// What it is.
    pub value: u64,
    /// Least value.
    pub least: u64,
    /// Most.
    pub most: u64,
}

impl Config {
    /// Refuses what is out of bounds.
    ///
    /// # Errors
    /// Names the first setting that is.
    pub fn check(&self) -> Result<(), ConfigError> {
        let table: [(&'static str, u64, RangeInclusive<u64>); 13] = [
            ("destinations_at_once", self.destinations_at_once.into(), 1..=256),
            ("associations_per_destination", self.associations_per_destination.into(), 1..=16),
            ("associations_far", self.associations_far.into(), 1..=64),
            ("operations", self.operations.into(), 1..=256),
            ("batch_instances", self.batch_instances.into(), 1..=1000),
            ("request_bytes", self.request_bytes, 1..=4 * 1024 * 1024 * 1024),
            ("lease_seconds", self.lease_seconds.into(), 3..=3600),
            ("connect_seconds", self.connect_seconds.into(), 1..=300),
            ("response_seconds", self.response_seconds.into(), 1..=3600),
            ("linger_seconds", self.linger_seconds.into(), 0..=300),
            ("retry_ceiling_seconds", self.retry_ceiling_seconds.into(), 1..=24 * 3600),
            ("unclear_attempts", self.unclear_attempts.into(), 1..=1000),
            ("drain_seconds", self.drain_seconds.into(), 0..=600),
        ];
        match table.into_iter().find(|(_, value, bounds)| !bounds.contains(value)) {
            Some((key, value, bounds)) => {
                Err(ConfigError { key, value, least: *bounds.start(), most: *bounds.end() })
            }
            None => self.errands.check(),
        }
    }

    /// As the protocol counts them.
    pub(crate) fn operations(&self) -> u16 {
        u16::try_from(self.operations).unwrap_or(u16::MAX)
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    pub(crate) fn response(&self) -> Duration {
        Duration::from_secs(self.response_seconds.into())
    }

    pub(crate) fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_seconds.into())
    }

    pub(crate) fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_seconds.into())
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn a_setting_is_refused_below_and_above_its_bounds_and_taken_at_them() {
        for (lease, fine) in [(2, false), (3, true), (3600, true), (3601, false)] {
            let config = Config { lease_seconds: lease, ..Config::default() };
            assert_eq!(config.check().is_ok(), fine, "{lease}");
        }
        let error = Config { batch_instances: 0, ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "[forward] batch_instances is 0; it must be 1 to 1000");
    }

    #[test]
    fn an_unknown_key_is_refused_and_a_missing_one_has_its_default() {
        assert!(serde_json::from_str::<Config>(r#"{"lease_secs": 5}"#).is_err());
        let config: Config = serde_json::from_str(r#"{"lease_seconds": 5}"#).unwrap();
        assert_eq!(config, Config { lease_seconds: 5, ..Config::default() });
    }
}
