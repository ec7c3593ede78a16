//! How what a webhook is told is signed, so that it knows who says so and when. Pure.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// `t=SECONDS,v1=HEX`: HMAC-SHA-256 (RFC 2104) of the seconds since 1970, a full stop and the body.
pub(super) fn signature(secret: &[u8], at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second();
    // It takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let code = mac.finalize().into_bytes();
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_depends_on_secret_time_and_body() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let signed = signature(b"secret", at, b"{}");
        // Made with Python's hmac.
        assert_eq!(
            signed,
            "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
        );
        assert_ne!(signature(b"other", at, b"{}"), signed);
        assert_ne!(signature(b"secret", at, b"{ }"), signed);
        assert_ne!(signature(b"secret", Timestamp::UNIX_EPOCH, b"{}"), signed);
    }
}
