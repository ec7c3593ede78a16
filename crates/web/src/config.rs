//! `[web]` of `causeway.toml`: where the door listens, what it calls itself, whom it asks for a token, and its
//! bounds. Read by `node`, owned here.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use causeway_archive::Archive;
use hyper::Uri;
use serde::Deserialize;

use crate::viewers::ViewerName;

/// Settings of the DICOMweb door.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the listener. Without tokens and an identity provider this must be a loopback address.
    pub listen: SocketAddr,
    /// TLS on the listener. Not given: it speaks HTTP as it is.
    pub tls: Option<causeway_tls::WebConfig>,
    /// The node's root URL as its users see it, when proxies in between do not say (`Forwarded`).
    pub public_url: Option<PublicUrl>,
    /// Origins of web pages that may call this door from a browser, such as `https://viewer.example.org`.
    pub cors: Vec<String>,
    /// Who must show a token.
    pub authentication: Authentication,
    /// What happens to a request without an Accept header (PS3.18 §8.7.5).
    pub missing_accept: MissingAccept,
    /// Folders of viewers that the door serves, by their names: `{ ohif = "/srv/ohif/dist" }`.
    pub viewers: BTreeMap<ViewerName, PathBuf>,
    /// Bounds.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            public_url: None,
            cors: Vec::new(),
            authentication: Authentication::default(),
            missing_accept: MissingAccept::default(),
            viewers: BTreeMap::new(),
            limits: Limits::default(),
        }
    }
}

/// Who must show a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// Everyone.
    Required,
    /// Everyone but callers from this very machine, as long as the listener is on a loopback address.
    #[default]
    LoopbackExempt,
}

/// What happens to a request without an Accept header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingAccept {
    /// It gets the resource's default media type, as most servers do.
    #[default]
    Default,
    /// It gets 406, as PS3.18 §8.7.5 says.
    Refuse,
}

/// Bounds of the door, each with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at once; more wait in the listener's backlog.
    pub connections: u32,
    /// Requests under way at once, on whatever connections, until the last byte of their answers; more are asked to
    /// come back.
    pub requests: u32,
    /// Requests a second of one caller in the long run, of its principal or else of its address; ten times as many may
    /// come at once. Callers from this machine that need no token are not counted.
    pub requests_per_second: u32,
    /// Requests a second of one address that are refused for want of a good token, in the long run; then it is told to
    /// wait. Good tokens are taken from there all the same.
    pub refusals_per_second: u32,
    /// Requests that store at once; more are asked to come back.
    pub stores: u32,
    /// Instances of one store request that are made durable at once.
    pub parts_in_flight: u32,
    /// Most answers to one search; the rest can be asked for with `offset`.
    pub results: u32,
    /// Seconds in which the head of a request must have arrived, and that a connection may idle between requests.
    pub head_seconds: u32,
    /// Seconds that a sender may pause within a request's body.
    pub read_seconds: u32,
    /// Seconds that a receiver may pause within an answer.
    pub write_seconds: u32,
    /// Seconds that requests under way are given to finish when the node stops.
    pub drain_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            requests: 1024,
            requests_per_second: 1000,
            refusals_per_second: 10,
            stores: 16,
            parts_in_flight: 8,
            results: 10_000,
            head_seconds: 20,
            read_seconds: 60,
            write_seconds: 60,
            drain_seconds: 20,
        }
    }
}

impl Limits {
    pub(crate) const fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.head_seconds as u64)
    }

    pub(crate) const fn read_timeout(&self) -> Duration {
        Duration::from_secs(self.read_seconds as u64)
    }

    pub(crate) const fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_seconds as u64)
    }

    pub(crate) const fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_seconds as u64)
    }
}

/// Why the door cannot open as it is set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Others could reach it, and no one could prove who they are.
    #[error(
        "[web] listen = \"{0}\" can be reached from other machines, but there is no token yet; create one with \
         `causeway token add NAME --allow query,retrieve,store --data DIR`, set [auth.oidc], or listen on 127.0.0.1"
    )]
    OpenToOthers(SocketAddr),
    /// Everyone must show a token, and there is none.
    #[error(
        "[web] authentication = \"required\", but there is no token yet; create one with \
         `causeway token add NAME --allow query,retrieve,store --data DIR`, or set [auth.oidc]"
    )]
    NoToken,
    /// A bound of zero would let nothing through.
    #[error("[web.limits] {0} must be at least 1")]
    Zero(&'static str),
}

impl Config {
    /// Whether the door may open so: closed by default, explained in words.
    ///
    /// # Errors
    /// Says what is missing and what to set.
    pub fn check(&self, archive: &Archive) -> Result<(), ConfigError> {
        self.check_limits()?;
        if archive.takes_tokens() {
            return Ok(());
        }
        match self.authentication {
            Authentication::Required => Err(ConfigError::NoToken),
            Authentication::LoopbackExempt if self.listen.ip().is_loopback() => Ok(()),
            Authentication::LoopbackExempt => Err(ConfigError::OpenToOthers(self.listen)),
        }
    }

    /// Whether the bounds are sound, whatever the archive holds.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        let all = [
            ("connections", limits.connections),
            ("requests", limits.requests),
            ("requests_per_second", limits.requests_per_second),
            ("refusals_per_second", limits.refusals_per_second),
            ("stores", limits.stores),
            ("parts_in_flight", limits.parts_in_flight),
            ("results", limits.results),
            ("head_seconds", limits.head_seconds),
            ("read_seconds", limits.read_seconds),
            ("write_seconds", limits.write_seconds),
        ];
        match all.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }

    /// How an address of this listener begins.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Whether callers from this machine need no token.
    pub(crate) fn exempts_loopback(&self) -> bool {
        self.authentication == Authentication::LoopbackExempt && self.listen.ip().is_loopback()
    }
}

/// The root URL of the node as its users see it: scheme, authority and perhaps a path; no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl {
    text: String,
    host: String,
}

/// A text that is no root URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("public_url is an http or https URL without query, such as https://images.example.org")]
pub struct PublicUrlError;

impl PublicUrl {
    /// Reads a root URL.
    ///
    /// # Errors
    /// When `text` is no absolute http(s) URL, or has a query.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| PublicUrlError)?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        match uri.host() {
            Some(host) if known && uri.query().is_none() && !text.contains(['"', '\\', '<', '>', '@']) => {
                Ok(Self { host: host.to_ascii_lowercase(), text: text.to_owned() })
            }
            _ => Err(PublicUrlError),
        }
    }

    /// The URL's text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme and authority, without a path.
    #[must_use]
    pub fn origin(&self) -> &str {
        let authority = self.text.find("://").map_or(0, |at| at + "://".len());
        let path = self.text.get(authority..).and_then(|rest| rest.find('/')).map(|at| authority + at);
        path.and_then(|path| self.text.get(..path)).unwrap_or(&self.text)
    }

    /// Its host, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = PublicUrlError;
    fn try_from(text: String) -> Result<Self, PublicUrlError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_absolute_and_has_no_query() {
        assert_eq!(
            PublicUrl::parse("https://Pacs.example.org/x/").unwrap().as_str(),
            "https://Pacs.example.org/x"
        );
        assert_eq!(PublicUrl::parse("https://Pacs.example.org/x/").unwrap().host(), "pacs.example.org");
        for text in ["https://p.example:8443/x/y", "https://p.example:8443"] {
            assert_eq!(PublicUrl::parse(text).unwrap().origin(), "https://p.example:8443");
        }
        for text in ["pacs.example.org", "/x", "ftp://x", "https://x?y=1", "https://u@x", "", "https://"] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"listne": "127.0.0.1:1"}"#).is_err());
        let config: Config =
            serde_json::from_str(r#"{"listen": "127.0.0.1:1", "authentication": "required"}"#).unwrap();
        assert!(serde_json::from_str::<Config>(r#"{"viewers": {"../x": "/srv"}}"#).is_err());
        assert_eq!(config.authentication, Authentication::Required);
        assert!(!config.exempts_loopback());
    }

    #[test]
    fn a_listener_that_others_can_reach_exempts_no_one() {
        let config = Config { listen: SocketAddr::from(([0, 0, 0, 0], 8080)), ..Config::default() };
        assert!(!config.exempts_loopback());
        assert!(Config::default().exempts_loopback());
    }

    #[test]
    fn a_limit_of_zero_is_refused_and_one_is_not() {
        let with = |parts_in_flight| Config {
            limits: Limits { parts_in_flight, ..Limits::default() },
            ..Config::default()
        };
        assert_eq!(with(0).check_limits(), Err(ConfigError::Zero("parts_in_flight")));
        assert_eq!(with(1).check_limits(), Ok(()));
    }
}
