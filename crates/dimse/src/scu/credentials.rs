//! Who we say to be: credentials out of their files, as a user identity (PS3.7 §D.3.3.7).

use std::fs::File;
use std::io::{self, Read as _};

use causeway_core::identity::Credentials;

use crate::negotiation::UserIdentity;

/// Longest secret that is read: as long as its field can be (PS3.7 Table D.3-14).
const MAX_SECRET_BYTES: u64 = u16::MAX as u64;
/// Username.
const NAME: u8 = 1;
/// Username and passcode.
const NAME_AND_PASSCODE: u8 = 2;
/// JSON Web Token.
const TOKEN: u8 = 5;

/// The identity to offer, its secret read anew from its file.
///
/// # Errors
/// When the file cannot be read, is empty or holds more than a secret.
pub(super) fn identity(credentials: &Credentials) -> io::Result<UserIdentity> {
    let (kind, primary, secondary) = match credentials {
        Credentials::User { name, passcode_file: None } => (NAME, name.as_str().into(), Vec::new()),
        Credentials::User { name, passcode_file: Some(file) } => {
            (NAME_AND_PASSCODE, name.as_str().into(), secret(file)?)
        }
        Credentials::Token { file } => (TOKEN, secret(file)?, Vec::new()),
    };
    Ok(UserIdentity { kind, wants_answer: true, primary, secondary })
}

/// What a file holds, without the end of its last line. A few bytes of a local file: no thread is worth it.
fn secret(file: &str) -> io::Result<Vec<u8>> {
    let wrong = |words: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{file}: {words}"));
    let mut secret = Vec::new();
    let opened =
        File::open(file).map_err(|error| io::Error::new(error.kind(), format!("{file}: {error}")))?;
    opened.take(MAX_SECRET_BYTES + 1).read_to_end(&mut secret)?;
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    match secret.len() as u64 {
        0 => Err(wrong("it is empty")),
        length if length > MAX_SECRET_BYTES => Err(wrong("it is longer than any secret can be")),
        _ => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(credentials: &Credentials) -> (u8, Vec<u8>, Vec<u8>) {
        let identity = identity(credentials).unwrap();
        (identity.kind, identity.primary, identity.secondary)
    }

    #[test]
    fn each_kind_has_its_number_and_a_secret_ends_before_its_line_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "open sesame \r\n").unwrap();
        let file = path.to_str().unwrap().to_owned();
        let user = |passcode_file| Credentials::User { name: "alice".parse().unwrap(), passcode_file };
        assert_eq!(offered(&user(None)), (1, b"alice".to_vec(), Vec::new()));
        let expected = (2, b"alice".to_vec(), b"open sesame ".to_vec());
        assert_eq!(offered(&user(Some(file.clone()))), expected);
        assert_eq!(offered(&Credentials::Token { file }), (5, b"open sesame ".to_vec(), Vec::new()));
    }

    #[test]
    fn a_file_that_is_missing_empty_or_too_long_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, length, fine) in [("empty", 0, false), ("most", 65_535, true), ("more", 65_536, false)] {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            let file = path.to_str().unwrap().to_owned();
            assert_eq!(identity(&Credentials::Token { file }).is_ok(), fine, "{name}");
        }
        let error = identity(&Credentials::Token { file: "/none/such".to_owned() }).unwrap_err();
        assert!(error.to_string().contains("/none/such"), "{error}");
    }
}
