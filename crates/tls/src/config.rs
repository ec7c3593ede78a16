//! `[dimse.tls]`, `[web.tls]` and `[catalog.tls]` of `causeway.toml`. Read by `node` as parts of other tables, owned here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::setting::Table;

/// Settings of TLS, as the DIMSE side has them. Files are PEM; a relative path begins where the node was started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the listener that speaks TLS; the registered port is 2762. Not given: none.
    pub listen: Option<SocketAddr>,
    /// The node's own certificate, with those of the CAs between it and the root behind it.
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`.
    pub key: Option<PathBuf>,
    /// CAs whose certificates callers may present. Not given: any certificate is taken, and says who it is only to
    /// a remote that lists it.
    pub client_ca: Option<PathBuf>,
    /// Whether callers must present a certificate. Not given: `required` with `client_ca`, else `requested`.
    pub client_certificates: Option<ClientCertificates>,
    /// Seconds in which a handshake must be done.
    pub handshake_seconds: u32,
    /// CAs that may have issued the certificates of the remotes we call. Not given: those the machine trusts.
    pub ca: Option<PathBuf>,
    /// The certificate that we present when we call. Not given: `certificate`.
    pub client_certificate: Option<PathBuf>,
    /// The private key of `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// Where the settings stand.
    #[serde(skip)]
    pub(crate) table: Table,
}

/// Settings of TLS on the web listener, in the words of [`Config`]; that they are there turns it on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// The node's own certificate, with those of the CAs between it and the root behind it.
    pub certificate: PathBuf,
    /// The private key of `certificate`.
    pub key: PathBuf,
    /// CAs one of whose certificates every caller must present, beside whatever it needs to be let in. Not given: none
    /// is asked for.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Seconds in which a handshake must be done.
    #[serde(default = "handshake_seconds")]
    pub handshake_seconds: u32,
}

const fn handshake_seconds() -> u32 {
    HANDSHAKE_SECONDS
}

impl From<WebConfig> for Config {
    fn from(config: WebConfig) -> Self {
        let asked =
            config.client_ca.as_ref().map_or(ClientCertificates::None, |_| ClientCertificates::Required);
        Self {
            certificate: Some(config.certificate),
            key: Some(config.key),
            client_ca: config.client_ca,
            client_certificates: Some(asked),
            handshake_seconds: config.handshake_seconds,
            table: Table::Web,
            ..Self::default()
        }
    }
}

/// Settings of TLS towards the server of the catalog, in the words of [`Config`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogConfig {
    /// CAs one of which issued the certificate of the server. Not given: those the machine trusts.
    pub ca: Option<PathBuf>,
    /// The certificate that is presented to the server. Not given: none.
    pub client_certificate: Option<PathBuf>,
    /// The private key of `client_certificate`.
    pub client_key: Option<PathBuf>,
}

impl From<CatalogConfig> for Config {
    fn from(config: CatalogConfig) -> Self {
        Self {
            ca: config.ca,
            client_certificate: config.client_certificate,
            client_key: config.client_key,
            table: Table::Catalog,
            ..Self::default()
        }
    }
}

/// What is asked of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// A caller without a certificate is refused.
    Required,
    /// A caller may present a certificate.
    Requested,
    /// No certificate is asked for.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            certificate: None,
            key: None,
            client_ca: None,
            client_certificates: None,
            handshake_seconds: HANDSHAKE_SECONDS,
            ca: None,
            client_certificate: None,
            client_key: None,
            table: Table::Dimse,
        }
    }
}

/// Time for a handshake where nothing else is set, in seconds.
const HANDSHAKE_SECONDS: u32 = 10;
/// Longest time for a handshake, in seconds.
const MAX_HANDSHAKE_SECONDS: u32 = 120;

/// Settings that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file without its other half.
    #[error("{table} {present} is set and {missing} is not; they go together")]
    Half {
        /// Where they stand.
        table: Table,
        /// What is there.
        present: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// Callers' certificates are to be judged and are not asked for.
    #[error(
        "[dimse.tls] client_ca is set and client_certificates is \"none\": no certificate would ever be judged; \
         set \"required\" or \"requested\", or leave out client_ca"
    )]
    NeverAsked,
    /// A number out of its bounds.
    #[error("{0} handshake_seconds is {1}; it must be 1 to {MAX_HANDSHAKE_SECONDS}")]
    HandshakeSeconds(Table, u32),
}

impl Config {
    /// Refuses what does not fit together. Files are looked at by [`Tls::open`](crate::Tls::open).
    ///
    /// # Errors
    /// Names the first setting that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_HANDSHAKE_SECONDS).contains(&self.handshake_seconds) {
            return Err(ConfigError::HandshakeSeconds(self.table, self.handshake_seconds));
        }
        let halves = [
            ("certificate", self.certificate.is_some(), "key", self.key.is_some()),
            (
                "client_certificate",
                self.client_certificate.is_some(),
                "client_key",
                self.client_key.is_some(),
            ),
        ];
        for (one, has_one, other, has_other) in halves {
            if has_one != has_other {
                let (present, missing) = if has_one { (one, other) } else { (other, one) };
                return Err(ConfigError::Half { table: self.table, present, missing });
            }
        }
        if self.listen.is_some() && self.certificate.is_none() {
            return Err(ConfigError::Half { table: self.table, present: "listen", missing: "certificate" });
        }
        if self.client_ca.is_some() && self.client_certificates == Some(ClientCertificates::None) {
            return Err(ConfigError::NeverAsked);
        }
        Ok(())
    }

    /// What is asked of callers.
    pub(crate) const fn asked(&self) -> ClientCertificates {
        match (self.client_certificates, &self.client_ca) {
            (Some(asked), _) => asked,
            (None, Some(_)) => ClientCertificates::Required,
            (None, None) => ClientCertificates::Requested,
        }
    }

    pub(crate) const fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Option<PathBuf> {
        Some(PathBuf::from("x.pem"))
    }

    #[test]
    fn what_goes_together_is_asked_for_together() {
        let fine = Config { certificate: some(), key: some(), ..Config::default() };
        assert_eq!(fine.check(), Ok(()));
        let listen = Some(SocketAddr::from(([0, 0, 0, 0], 2762)));
        assert_eq!(Config { listen, ..fine }.check(), Ok(()));
        for (config, missing) in [
            (Config { certificate: some(), ..Config::default() }, "key"),
            (Config { key: some(), ..Config::default() }, "certificate"),
            (Config { client_certificate: some(), ..Config::default() }, "client_key"),
            (Config { listen, ..Config::default() }, "certificate"),
        ] {
            assert!(matches!(config.check(), Err(ConfigError::Half { missing: it, .. }) if it == missing));
        }
        let deaf = Config {
            client_ca: some(),
            client_certificates: Some(ClientCertificates::None),
            ..Config::default()
        };
        assert_eq!(deaf.check(), Err(ConfigError::NeverAsked));
    }

    #[test]
    fn the_time_for_a_handshake_is_bounded() {
        for (handshake_seconds, fine) in [(0, false), (1, true), (120, true), (121, false)] {
            let config = Config { handshake_seconds, ..Config::default() };
            assert_eq!(config.check().is_ok(), fine, "{handshake_seconds}");
        }
    }

    #[test]
    fn certificates_are_required_where_a_ca_can_judge_them() {
        assert_eq!(Config::default().asked(), ClientCertificates::Requested);
        let with_ca = Config { client_ca: some(), ..Config::default() };
        assert_eq!(with_ca.asked(), ClientCertificates::Required);
        let eased = Config { client_certificates: Some(ClientCertificates::Requested), ..with_ca };
        assert_eq!(eased.asked(), ClientCertificates::Requested);
    }
}
