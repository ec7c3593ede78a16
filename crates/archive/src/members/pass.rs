//! What a node shows to those that share its catalog: that it knows their secret, for one object and one moment. Pure.

use causeway_catalog::MemberSecret;
use causeway_core::ObjectKey;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How much the clocks of two nodes may differ, and a call may take, in seconds.
const MAX_AGE_SECONDS: u64 = 120;

/// `SECONDS.HEX`: HMAC-SHA-256 (RFC 2104) under the members' secret of the seconds since 1970 and the object's name.
#[must_use]
pub fn pass(secret: &MemberSecret, object: &ObjectKey, at: Timestamp) -> String {
    let seconds = at.as_second();
    // It takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{seconds}.{object}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{seconds}.{hex}")
}

/// Whether `shown` is the pass for an object about now.
pub(super) fn is_good(shown: &str, secret: &MemberSecret, object: &ObjectKey, now: Timestamp) -> bool {
    let seconds = shown.split_once('.').and_then(|(seconds, _)| seconds.parse::<i64>().ok());
    let Some(at) = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) else { return false };
    at.as_second().abs_diff(now.as_second()) <= MAX_AGE_SECONDS
        && bool::from(pass(secret, object, at).as_bytes().ct_eq(shown.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_good_for_its_object_its_secret_and_a_while() {
        let (secret, at) = ([7; 32], Timestamp::from_second(1_700_000_000).unwrap());
        let object = |text: &str| ObjectKey::parse(text).unwrap();
        let this = object("0193520a7b3c7def8123456789abcdef");
        let shown = pass(&secret, &this, at);
        // Made with Python's hmac.
        assert_eq!(shown, "1700000000.aa36a6274dc763cffe7e40d30b6245639f1463b9f31a5d9a413c9987f06e844e");
        let later = |seconds| at.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        assert!(is_good(&shown, &secret, &this, later(120)));
        assert!(is_good(&shown, &secret, &this, later(-120)));
        assert!(!is_good(&shown, &secret, &this, later(121)));
        assert!(!is_good(&shown, &[8; 32], &this, at));
        assert!(!is_good(&shown, &secret, &object("0193520a7b3c7def8123456789abcdee"), at));
        for other in ["", ".", "1700000000", "1700000000.", "x.y", "9223372036854775807.00"] {
            assert!(!is_good(other, &secret, &this, at), "{other}");
        }
    }
}
