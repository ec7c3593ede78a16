//! What is offered in a handshake: versions, cipher suites, key exchanges (PS3.15 §B.12, RFC 9325 §4).
//!
//! TLS 1.2 with ECDHE and an AEAD cipher, and TLS 1.3. These are all that rustls has: no DHE, no CCM, no Camellia,
//! which the Modified profile (PS3.15 §B.13) and the retired ones of §B.10 and §B.11 ask of a server besides.

use std::sync::{Arc, LazyLock};

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};

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

/// Whether a suite of this name is offered.
pub(crate) fn is_offered(name: &str) -> bool {
    SUITES.iter().any(|suite| suite.suite().as_str().is_some_and(|offered| iana(offered) == name))
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
    use causeway_core::tls::{self, Offer};
    use rustls::ProtocolVersion;

    use super::*;

    #[test]
    fn what_is_offered_is_what_the_conformance_statement_says() {
        let suites = SUITES.map(|suite| {
            let versions = if suite.tls13().is_some() { "1.3" } else { "1.2" };
            Offer { name: suite.suite().as_str().map(iana).unwrap(), versions }
        });
        assert_eq!(suites, tls::SUITES);
        let exchanges = GROUPS.map(|group| {
            let both = group.usable_for_version(ProtocolVersion::TLSv1_2);
            (format!("{:?}", group.name()), if both { "1.3, 1.2" } else { "1.3" })
        });
        assert_eq!(exchanges, tls::KEY_EXCHANGES.map(|it| (it.name.to_owned(), it.versions)));
    }

    #[test]
    fn nothing_that_the_provider_recommends_is_left_out() {
        let suites = default_provider().cipher_suites;
        assert!(suites.iter().all(|suite| SUITES.contains(suite)), "{suites:?}");
        assert_eq!(suites.len(), SUITES.len());
    }
}
