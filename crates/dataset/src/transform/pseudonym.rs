//! What stands in the place of UIDs and IDs, and by how many days dates are shifted: made of a project's secret, so
//! that equal things become equal things and nobody without the secret finds the way back.
//!
//! Each is HMAC-SHA-256 (RFC 2104) over a label and what it is made of.

use causeway_core::Uid;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of a project's secret.
pub const SECRET_BYTES: usize = 32;
/// Dates go back by one day at least and by this many at most.
const MAX_SHIFT_DAYS: u64 = 3650;

/// A project's secret.
#[derive(Clone)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) const fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    fn keyed(&self, label: &str, parts: &[&str]) -> [u8; 32] {
        let mut message = Vec::new();
        for part in std::iter::once(&label).chain(parts) {
            // Lengths first: no two lists of parts make one message.
            message.extend((part.len() as u64).to_be_bytes());
            message.extend(part.as_bytes());
        }
        hmac(&self.0, &message)
    }

    /// The UID in the place of another: made of a UUID of version 8 (RFC 9562 §5.8, PS3.5 §B.2).
    pub(crate) fn uid(&self, label: &str, uid: &str) -> Uid {
        const VERSION: u128 = 0xF << 76;
        const VARIANT: u128 = 0b11 << 62;
        let digest = self.keyed(label, &[uid]);
        let number = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        Uid::of_uuid(number & !VERSION & !VARIANT | 0x8 << 76 | 0b10 << 62)
    }

    /// An ID in the place of another: a letter and fourteen hexadecimal digits, short enough for SH.
    pub(crate) fn id(&self, letter: char, parts: &[&str]) -> String {
        let digest = self.keyed(&format!("id {letter}"), parts);
        digest.iter().take(7).fold(letter.to_string(), |id, byte| format!("{id}{byte:02X}"))
    }

    /// How many days the dates of a patient go back.
    pub(crate) fn days(&self, patient: &[&str]) -> i64 {
        let digest = self.keyed("days", patient);
        let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        i64::try_from(number % MAX_SHIFT_DAYS).unwrap_or_default() + 1
    }
}

fn hmac(key: &[u8; SECRET_BYTES], message: &[u8]) -> [u8; 32] {
    // It takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac() {
        // RFC 4231 §4.2, its key padded with the zeros that HMAC pads it with.
        let mut key = [0; SECRET_BYTES];
        key[..20].fill(0x0B);
        let hex: String = hmac(&key, b"Hi There").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn what_is_made_is_valid_and_belongs_to_its_secret() {
        let (one, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let uid = one.uid("uid", "1.2.3");
        assert_eq!(uid, one.uid("uid", "1.2.3"));
        assert_ne!(uid, other.uid("uid", "1.2.3"));
        assert_ne!(uid, one.uid("back", "1.2.3"));
        assert!(uid.as_str().starts_with("2.25.") && uid.as_str().len() <= 64);
        assert_eq!(one.id('P', &["7"]).len(), 15);
        assert_ne!(one.id('P', &["ab", "c"]), one.id('P', &["a", "bc"]));
        assert!((1..=3650).contains(&one.days(&["7"])));
    }
}
