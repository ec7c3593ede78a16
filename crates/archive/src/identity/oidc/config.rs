//! `[auth.oidc]`: whose tokens are believed, and what they allow.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use causeway_core::Permissions;
use jsonwebtoken::Algorithm;
use serde::Deserialize;

use crate::identity::jwt::ALGORITHMS;

/// Largest `leeway_seconds`.
const MAX_LEEWAY_SECONDS: u32 = 300;
/// Largest `refresh_seconds` and `retry_seconds`: a day.
const MAX_REFRESH_SECONDS: u32 = 86_400;

/// Settings of an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who must have issued a token (`iss`): the provider's URL, to the letter.
    pub issuer: String,
    /// For whom it must be meant (`aud`).
    pub audience: String,
    /// Where the provider's keys are. Not given, nor a file: where its discovery document says (OpenID Connect
    /// Discovery 1.0 §4).
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// File with the provider's keys, for a node that cannot reach it.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// What a token may be signed with; not given: any signature with a public key.
    #[serde(default)]
    pub algorithms: Algorithms,
    /// How far the provider's clock may be off.
    #[serde(default = "leeway_seconds")]
    pub leeway_seconds: u32,
    /// How often keys are fetched.
    #[serde(default = "refresh_seconds")]
    pub refresh_seconds: u32,
    /// How soon they are fetched again after a failure, or for a token that names an unknown key.
    #[serde(default = "retry_seconds")]
    pub retry_seconds: u32,
    /// The claim that names the bearer in log and audit trail.
    #[serde(default = "name_claim")]
    pub name_claim: String,
    /// The claim that says what the bearer may do, perhaps inside others: `realm_access.roles`. Not given: `scope`, or
    /// else `scp`.
    #[serde(default)]
    pub scope_claim: Option<String>,
    /// What the provider's scopes (or roles) allow. Not given: a scope is called as its permission is.
    #[serde(default)]
    pub scopes: BTreeMap<String, Permissions>,
    /// The claim that lists the UIDs of studies that the bearer sees. Once it or one of the next two is set, a bearer
    /// sees what they list and nothing else; `*` in one of them is everything.
    #[serde(default)]
    pub studies_claim: Option<String>,
    /// The claim that lists the patients whose studies the bearer sees: `ID`, or `ID^^^ISSUER`.
    #[serde(default)]
    pub patients_claim: Option<String>,
    /// The claim that lists the remotes whose studies the bearer sees, by name.
    #[serde(default)]
    pub remotes_claim: Option<String>,
}

const fn leeway_seconds() -> u32 {
    60
}

const fn refresh_seconds() -> u32 {
    900
}

const fn retry_seconds() -> u32 {
    30
}

fn name_claim() -> String {
    "sub".to_owned()
}

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A text that must say something says nothing.
    #[error("[auth.oidc] {0} is empty")]
    Empty(&'static str),
    /// What comes over an open network could be anyone's keys.
    #[error("[auth.oidc] {0} must be an https URL; http is for this machine only")]
    Insecure(&'static str),
    /// Keys can come from one place only.
    #[error("[auth.oidc] has jwks_url and jwks_file; give one of both")]
    TwoSources,
    /// A number is out of its bounds.
    #[error("[auth.oidc] {key} is {value}; it must be {least} to {most}")]
    Bounds {
        /// Which.
        key: &'static str,
        /// What it is.
        value: u32,
        /// The least that it may be.
        least: u32,
        /// The most that it may be.
        most: u32,
    },
}

impl Config {
    /// Whether the settings can be used.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (key, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if text.trim().is_empty() {
                return Err(ConfigError::Empty(key));
            }
        }
        match (&self.jwks_url, &self.jwks_file) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoSources),
            (Some(url), None) if !is_secure(url) => return Err(ConfigError::Insecure("jwks_url")),
            (None, None) if !is_secure(&self.issuer) => return Err(ConfigError::Insecure("issuer")),
            (Some(_) | None, None) | (None, Some(_)) => {}
        }
        for (key, value, least, most) in [
            ("leeway_seconds", self.leeway_seconds, 0, MAX_LEEWAY_SECONDS),
            ("refresh_seconds", self.refresh_seconds, 1, MAX_REFRESH_SECONDS),
            ("retry_seconds", self.retry_seconds, 1, MAX_REFRESH_SECONDS),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::Bounds { key, value, least, most });
            }
        }
        Ok(())
    }
}

/// Whether nobody in between can put other keys in the place of those at `url`: https, or this machine.
pub(super) fn is_secure(url: &str) -> bool {
    let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let is_plain = |it: &str| {
        !it.is_empty()
            && it.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
    };
    if let Some(rest) = url.strip_prefix("https://") {
        return is_plain(&authority(rest));
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = authority(rest);
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_plain(&authority) && is_here
}

/// What a token may be signed with: one or more signatures with public keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Algorithms(Vec<Algorithm>);

/// A list of algorithms that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; others prove nothing here"
)]
pub struct AlgorithmsError(String);

impl Algorithms {
    pub(super) fn as_slice(&self) -> &[Algorithm] {
        &self.0
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self(ALGORITHMS.to_vec())
    }
}

impl TryFrom<Vec<String>> for Algorithms {
    type Error = AlgorithmsError;
    fn try_from(names: Vec<String>) -> Result<Self, AlgorithmsError> {
        let read = |name: String| match name.parse::<Algorithm>() {
            Ok(algorithm) if ALGORITHMS.contains(&algorithm) => Ok(algorithm),
            _ => Err(AlgorithmsError(name)),
        };
        let algorithms: Vec<Algorithm> = names.into_iter().map(read).collect::<Result<_, _>>()?;
        if algorithms.is_empty() { Err(AlgorithmsError(String::new())) } else { Ok(Self(algorithms)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config(changes: &Value) -> Result<Result<(), ConfigError>, serde_json::Error> {
        let mut settings = json!({ "issuer": "https://id.example.org", "audience": "causeway" });
        for (key, value) in changes.as_object().unwrap() {
            settings[key] = value.clone();
        }
        serde_json::from_value::<Config>(settings).map(|config| config.check())
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for (url, expected) in [
            ("https://id.example.org/keys", true),
            ("https://id.example.org:8443", true),
            ("http://127.0.0.1:9000/realms/x", true),
            ("http://[::1]:9000/", true),
            ("http://localhost/x", true),
            ("http://id.example.org/keys", false),
            ("http://127.0.0.1.example.org/", false),
            ("http://127.0.0.1@id.example.org/", false),
            ("http://127.0.0.1\\@id.example.org/", false),
            ("http://localhost.example.org", false),
            ("https://", false),
            ("ftp://id.example.org", false),
            ("file:///etc/passwd", false),
            ("id.example.org", false),
        ] {
            assert_eq!(is_secure(url), expected, "{url}");
        }
    }

    #[test]
    fn settings_that_would_believe_anyone_are_refused() {
        assert_eq!(config(&json!({})).unwrap(), Ok(()));
        let insecure = json!({ "issuer": "http://id.example.org" });
        assert_eq!(config(&insecure).unwrap(), Err(ConfigError::Insecure("issuer")));
        let known_by_file = json!({ "issuer": "http://id.example.org", "jwks_file": "keys.json" });
        assert_eq!(config(&known_by_file).unwrap(), Ok(()));
        let twice = json!({ "jwks_url": "https://x/", "jwks_file": "keys.json" });
        assert_eq!(config(&twice).unwrap(), Err(ConfigError::TwoSources));
        assert_eq!(config(&json!({ "audience": " " })).unwrap(), Err(ConfigError::Empty("audience")));
        for algorithm in ["none", "HS256", "RS1", ""] {
            assert!(config(&json!({ "algorithms": [algorithm] })).is_err(), "{algorithm}");
        }
        assert!(config(&json!({ "algorithms": [] })).is_err());
        assert!(config(&json!({ "algorithms": ["ES256"] })).is_ok());
        assert!(config(&json!({ "isuer": "x" })).is_err());
    }

    #[test]
    fn seconds_are_held_below_at_and_above_their_bounds() {
        for (key, value, fine) in [
            ("leeway_seconds", 0, true),
            ("leeway_seconds", 300, true),
            ("leeway_seconds", 301, false),
            ("refresh_seconds", 0, false),
            ("refresh_seconds", 1, true),
            ("retry_seconds", 86_400, true),
            ("retry_seconds", 86_401, false),
        ] {
            assert_eq!(config(&json!({ key: value })).unwrap().is_ok(), fine, "{key} {value}");
        }
    }
}
