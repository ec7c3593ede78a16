//! What is offered in a TLS handshake, by the names of IANA's registries: data for the conformance statement. The room
//! `tls` holds its own lists against these.

/// A cipher suite or a key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: &'static str,
    /// The versions of TLS that have it.
    pub versions: &'static str,
}

const fn offer(name: &'static str, versions: &'static str) -> Offer {
    Offer { name, versions }
}

/// Cipher suites, the best first.
pub const SUITES: [Offer; 9] = [
    offer("TLS_AES_256_GCM_SHA384", "1.3"),
    offer("TLS_AES_128_GCM_SHA256", "1.3"),
    offer("TLS_CHACHA20_POLY1305_SHA256", "1.3"),
    offer("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "1.2"),
    offer("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "1.2"),
    offer("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "1.2"),
    offer("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "1.2"),
    offer("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "1.2"),
    offer("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "1.2"),
];

/// Key exchanges, the best first.
pub const KEY_EXCHANGES: [Offer; 4] = [
    offer("X25519MLKEM768", "1.3"),
    offer("X25519", "1.3, 1.2"),
    offer("secp256r1", "1.3, 1.2"),
    offer("secp384r1", "1.3, 1.2"),
];
