//! The fingerprint that names a certificate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// SHA-256 of a certificate in DER, as it is presented over TLS. Written as `SHA256:` and pairs of hexadecimal
/// digits; read with or without the prefix, colons and spaces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, colons between them or not")]
pub struct FingerprintError;

const PREFIX: &str = "SHA256:";

impl FromStr for Fingerprint {
    type Err = FingerprintError;
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.trim().strip_prefix(PREFIX).unwrap_or(text.trim());
        let digits: String = digits.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        let digest = crate::Digest::parse(&digits).map_err(|_| FingerprintError)?;
        Ok(Self(digest.0))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;
    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_prints_is_read_and_what_we_print_is_read_back() {
        let fingerprint = Fingerprint([0xAB; 32]);
        let text = fingerprint.to_string();
        assert!(text.starts_with("SHA256:AB:AB:"));
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!("ab".repeat(32).parse(), Ok(fingerprint));
        assert_eq!("ab".repeat(31).parse::<Fingerprint>(), Err(FingerprintError));
    }
}
