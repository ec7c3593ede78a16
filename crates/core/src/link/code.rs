//! The invitation: one line that a person copies from one node to another. It says where the inviting node is, by which
//! certificate it is known, and holds a secret that is good once. A checksum tells a slip of the hand before anyone is
//! called.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Crc;

use crate::fingerprint::Fingerprint;

/// How a code begins: what it is, and which version of it.
const PREFIX: &str = "causeway1.";
/// Longest code that is read, in characters.
pub const MAX_CODE_CHARS: usize = 1024;
/// Longest URL in a code, in bytes.
pub const MAX_URL_BYTES: usize = 512;
/// Bytes of the secret.
pub const SECRET_BYTES: usize = 16;
const PIN_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// What an invitation says. Its text is a secret: it is printed once and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode {
    /// Root URL of the node that invites.
    pub url: String,
    /// Good once.
    pub secret: [u8; SECRET_BYTES],
    /// The certificate that it presents, where that is vouched for by no one else.
    pub certificate: Option<Fingerprint>,
}

/// Why a text is no invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It does not begin like one.
    #[error("an invitation begins with `{PREFIX}`; copy it whole, as `causeway link invite` printed it")]
    NotOne,
    /// It is not what was printed.
    #[error(
        "the invitation has a typing error or is not whole; copy it as `causeway link invite` printed it"
    )]
    Garbled,
    /// Its URL cannot be called.
    #[error("the URL in the invitation is not https, which only a node on the same machine may go without")]
    Insecure,
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteCode({})", self.url)
    }
}

impl InviteCode {
    /// The line to copy.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut bytes = vec![u8::from(self.certificate.is_some())];
        bytes.extend_from_slice(&self.secret);
        if let Some(Fingerprint(pin)) = &self.certificate {
            bytes.extend_from_slice(pin);
        }
        bytes.extend_from_slice(self.url.as_bytes());
        bytes.extend_from_slice(&checksum(&bytes));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for InviteCode {
    type Err = CodeError;
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).take(MAX_CODE_CHARS + 1).collect();
        let coded = text.strip_prefix(PREFIX).ok_or(CodeError::NotOne)?;
        if text.len() > MAX_CODE_CHARS {
            return Err(CodeError::Garbled);
        }
        let bytes = URL_SAFE_NO_PAD.decode(coded).map_err(|_| CodeError::Garbled)?;
        let (said, found) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(CodeError::Garbled)?;
        if checksum(said) != *found {
            return Err(CodeError::Garbled);
        }
        let (has_pin, rest) = said.split_first().ok_or(CodeError::Garbled)?;
        let (secret, rest) = rest.split_first_chunk::<SECRET_BYTES>().ok_or(CodeError::Garbled)?;
        let (certificate, url) = match has_pin {
            0 => (None, rest),
            1 => {
                let (pin, url) = rest.split_first_chunk::<PIN_BYTES>().ok_or(CodeError::Garbled)?;
                (Some(Fingerprint(*pin)), url)
            }
            _ => return Err(CodeError::Garbled),
        };
        let url = std::str::from_utf8(url).map_err(|_| CodeError::Garbled)?;
        if !may_be_called(url) {
            return Err(CodeError::Insecure);
        }
        Ok(Self { url: url.to_owned(), secret: *secret, certificate })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

/// Whether a link may lead to `url`: over TLS, or to this very machine.
#[must_use]
pub fn may_be_called(url: &str) -> bool {
    if url.len() > MAX_URL_BYTES || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return false;
    }
    if let Some(rest) = url.strip_prefix("https://") {
        return !authority(rest).is_empty();
    }
    url.strip_prefix("http://").is_some_and(|rest| is_this_machine(authority(rest)))
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<std::net::IpAddr>();
    !authority.contains('@')
        && (host == "localhost" || address.is_ok_and(|it| it.to_canonical().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(certificate: Option<Fingerprint>) -> InviteCode {
        InviteCode { url: "https://b.example/pacs".to_owned(), secret: [7; SECRET_BYTES], certificate }
    }

    #[test]
    fn a_code_is_read_back_also_with_the_breaks_of_a_mail() {
        for certificate in [None, Some(Fingerprint([9; 32]))] {
            let line = code(certificate).to_line();
            assert_eq!(line.parse(), Ok(code(certificate)));
            let (begin, end) = line.split_at(30);
            assert_eq!(format!(" {begin}\r\n {end}\n").parse(), Ok(code(certificate)));
        }
    }

    #[test]
    fn every_single_slip_is_told() {
        let line = code(Some(Fingerprint([9; 32]))).to_line();
        for at in PREFIX.len()..line.len() {
            let other = if line.as_bytes()[at] == b'A' { "B" } else { "A" };
            let slipped = format!("{}{other}{}", &line[..at], &line[at + 1..]);
            assert_eq!(slipped.parse::<InviteCode>(), Err(CodeError::Garbled), "{at}");
            let shorter = format!("{}{}", &line[..at], &line[at + 1..]);
            assert_eq!(shorter.parse::<InviteCode>(), Err(CodeError::Garbled), "{at}");
        }
        assert_eq!("hello".parse::<InviteCode>(), Err(CodeError::NotOne));
    }

    #[test]
    fn a_link_leads_over_tls_or_to_this_machine() {
        for fine in [
            "https://b.example",
            "https://b:8443/x",
            "http://localhost:1",
            "http://127.0.0.1:8080",
            "http://[::1]:80/",
        ] {
            assert!(may_be_called(fine), "{fine}");
        }
        for not in [
            "http://b.example",
            "http://localhost.b.example",
            "http://localhost:x@b.example/",
            "ftp://b",
            "https://",
            "https://a b",
        ] {
            assert!(!may_be_called(not), "{not}");
        }
        let insecure = InviteCode { url: "http://b.example".to_owned(), ..code(None) };
        assert_eq!(insecure.to_line().parse::<InviteCode>(), Err(CodeError::Insecure));
    }

    #[test]
    fn its_secret_is_not_in_what_is_logged() {
        assert_eq!(format!("{:?}", code(None)), "InviteCode(https://b.example/pacs)");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
            let _ = text.parse::<InviteCode>();
            let _ = format!("{PREFIX}{text}").parse::<InviteCode>();
        }
    }
}
