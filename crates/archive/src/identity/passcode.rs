//! Passcodes as Argon2id hashes (RFC 9106).

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use causeway_core::identity::PasscodeHash;

use super::Wrong;

/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Most memory that a hash made elsewhere may ask for, in KiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Most rounds that it may ask for.
const MAX_ROUNDS: u32 = 16;

/// A passcode that could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// There is none.
    #[error("the passcode is empty")]
    Empty,
    /// The function refused.
    #[error("the passcode could not be hashed")]
    Failed,
}

/// Hashes a passcode with a salt of its own. Takes some 30 ms, on the thread it is called on.
///
/// # Errors
/// When the passcode is empty, or too long for the function.
pub fn hash(passcode: &[u8]) -> Result<PasscodeHash, HashError> {
    if passcode.is_empty() {
        return Err(HashError::Empty);
    }
    let salt: [u8; SALT_BYTES] = rand::random();
    let hashed = Argon2::default().hash_password_with_salt(passcode, &salt).map_err(|_| HashError::Failed)?;
    PasscodeHash::try_from(hashed.to_string()).map_err(|_| HashError::Failed)
}

/// Whether `passcode` is the one that was hashed.
pub(super) fn verify(hash: &PasscodeHash, passcode: &[u8]) -> Result<bool, Wrong> {
    let hash = PasswordHash::new(hash.as_str()).map_err(|_| Wrong::Hash)?;
    let costs = Params::try_from(&hash).map_err(|_| Wrong::Hash)?;
    if costs.m_cost() > MAX_MEMORY_KIB || costs.t_cost() > MAX_ROUNDS {
        return Err(Wrong::Hash);
    }
    match Argon2::default().verify_password(passcode, &hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(Wrong::Hash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_passcode_is_found_right_and_any_other_wrong() {
        let hashed = hash(b"correct horse").unwrap();
        assert_eq!(verify(&hashed, b"correct horse"), Ok(true));
        assert_eq!(verify(&hashed, b"correct horsf"), Ok(false));
        assert_eq!(verify(&hashed, b""), Ok(false));
        assert_ne!(hash(b"correct horse").unwrap(), hashed, "each has a salt of its own");
        assert_eq!(hash(b""), Err(HashError::Empty));
    }

    #[test]
    fn a_hash_that_would_cost_too_much_is_not_tried() {
        let costly = |memory: u32, rounds: u32| {
            let text = format!(
                "$argon2id$v=19$m={memory},t={rounds},p=1$c2FsdHNhbHRzYWx0c2FsdA\
                 $AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
            );
            PasscodeHash::try_from(text).unwrap()
        };
        assert_eq!(verify(&costly(64, MAX_ROUNDS), b"x"), Ok(false));
        assert_eq!(verify(&costly(64, MAX_ROUNDS + 1), b"x"), Err(Wrong::Hash));
        assert_eq!(verify(&costly(MAX_MEMORY_KIB + 1, 1), b"x"), Err(Wrong::Hash));
    }
}
