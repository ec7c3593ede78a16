//! What is offered in a handshake: versions, cipher suites, key exchanges (PS3.15 §B.12, RFC 9325 §4).
//!
//! TLS 1.2 with ECDHE and an AEAD cipher, and TLS 1.3. These are all that rustls has: no DHE, no CCM, no Camellia,
//! which the Modified profile (PS3.15 §B.13) and the retired ones of §B.10 and §B.11 ask of a server besides.

use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedCipherSuite};

/// Suites in the order in which we like them. As a server we choose by this order, not by the caller's
/// (RFC 9325 §4.2.1).
const SUITES: [SupportedCipherSuite; 9] = [
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Key exchanges in the order in which we like them; the first withstands what is recorded today and attacked later.
const GROUPS: [&dyn SupportedKxGroup; 4] =
    [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];

/// Protocol versions.
pub(crate) const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        cipher_suites: SUITES.to_vec(),
        kx_groups: GROUPS.to_vec(),
        ..default_provider()
    })
});

/// The cryptography of every handshake.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// Makes aws-lc-rs what the whole process uses, HTTP clients included: the first act of `main`, as the tree holds
/// a second provider and rustls will not choose. A second call changes nothing.
pub fn install() {
    // It fails when one is installed already, which then serves as well.
    let _ = default_provider().install_default();
}

/// A cipher suite that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    /// Its name in the registry of IANA.
    pub name: &'static str,
    /// The version of TLS that has it.
    pub version: &'static str,
}

/// All suites that are offered, the best first: for the conformance statement.
#[must_use]
pub fn offered() -> Vec<Suite> {
    let suite = |suite: &SupportedCipherSuite| {
        let version = if suite.tls13().is_some() { "1.3" } else { "1.2" };
        // rustls parts the names of version 1.3 from the others by a prefix that IANA does not have.
        let name = suite.suite().as_str().unwrap_or_default();
        Suite { name: iana(name), version }
    };
    SUITES.iter().map(suite).collect()
}

/// A key exchange that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExchange {
    /// Its name in the registry of IANA.
    pub name: String,
    /// The versions of TLS that have it.
    pub versions: &'static str,
}

/// All key exchanges that are offered, the best first: for the conformance statement.
#[must_use]
pub fn key_exchanges() -> Vec<KeyExchange> {
    let exchange = |group: &&dyn SupportedKxGroup| KeyExchange {
        name: format!("{:?}", group.name()),
        versions: if group.usable_for_version(ProtocolVersion::TLSv1_2) { "1.3, 1.2" } else { "1.3" },
    };
    GROUPS.iter().map(exchange).collect()
}

/// Whether a suite of this name is offered.
pub(crate) fn is_offered(name: &str) -> bool {
    offered().iter().any(|suite| suite.name == name)
}

/// The name as IANA has it.
pub(crate) fn iana(name: &'static str) -> &'static str {
    match name {
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        "TLS13_AES_128_CCM_SHA256" => "TLS_AES_128_CCM_SHA256",
        "TLS13_AES_128_CCM_8_SHA256" => "TLS_AES_128_CCM_8_SHA256",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_what_the_conformance_statement_says() {
        let offered: Vec<_> = offered().iter().map(|suite| (suite.version, suite.name)).collect();
        assert_eq!(
            offered,
            [
                ("1.3", "TLS_AES_256_GCM_SHA384"),
                ("1.3", "TLS_AES_128_GCM_SHA256"),
                ("1.3", "TLS_CHACHA20_POLY1305_SHA256"),
                ("1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
                ("1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
                ("1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
                ("1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
                ("1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
                ("1.2", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
            ]
        );
        let exchanges = key_exchanges();
        let exchanges: Vec<_> = exchanges.iter().map(|it| (it.name.as_str(), it.versions)).collect();
        assert_eq!(
            exchanges,
            [
                ("X25519MLKEM768", "1.3"),
                ("X25519", "1.3, 1.2"),
                ("secp256r1", "1.3, 1.2"),
                ("secp384r1", "1.3, 1.2"),
            ]
        );
    }

    #[test]
    fn nothing_that_the_provider_recommends_is_left_out() {
        let suites = default_provider().cipher_suites;
        assert!(suites.iter().all(|suite| SUITES.contains(suite)), "{suites:?}");
        assert_eq!(suites.len(), SUITES.len());
    }
}
