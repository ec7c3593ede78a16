//! What a certificate says of itself: read for people, never trusted for it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use causeway_core::Fingerprint;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};

use crate::files::{LoadError, Named};

/// Most characters of a name in a certificate that are told.
const MAX_NAME_CHARS: usize = 128;
/// Most names of hosts in a certificate that are told.
const MAX_NAMES: usize = 16;

/// A certificate's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whose it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Names and addresses of hosts that it is for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// Whether it is one of a certificate authority.
    pub is_ca: bool,
    /// Whether it is of version 3, the only one that is taken of a peer.
    pub is_version_3: bool,
}

/// Bytes that are no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be read as an X.509 certificate")]
pub struct Unreadable;

/// The fingerprint of a certificate in DER.
pub(crate) fn fingerprint(der: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(der).into())
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(der: &[u8]) -> Result<Self, Unreadable> {
        let certificate = x509_cert::Certificate::from_der(der).map_err(|_| Unreadable)?;
        let tbs = certificate.tbs_certificate();
        let moment = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs())
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
        };
        Ok(Self {
            fingerprint: fingerprint(der),
            subject: clean(&tbs.subject().to_string()),
            issuer: clean(&tbs.issuer().to_string()),
            names: names(tbs),
            not_before: moment(tbs.validity().not_before).ok_or(Unreadable)?,
            not_after: moment(tbs.validity().not_after).ok_or(Unreadable)?,
            is_ca: is_ca(tbs),
            is_version_3: tbs.version() == Version::V3,
        })
    }

    /// The certificates of a file in PEM, in its order.
    ///
    /// # Errors
    /// When it cannot be read, holds none, or one that cannot be read.
    pub fn in_file(path: &Path) -> Result<Vec<Self>, LoadError> {
        let file = Named { setting: None, path };
        let read = |der: &[u8]| {
            Self::of(der).map_err(|error| file.wrong(format!("holds a certificate, but {error}")))
        };
        file.certificates()?.iter().map(|der| read(der)).collect()
    }

    /// Whether it names itself as its issuer.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() { self.fingerprint.fmt(f) } else { f.write_str(&self.subject) }
    }
}

fn is_ca(tbs: &TbsCertificate) -> bool {
    let constraints = tbs.get_extension::<BasicConstraints>();
    constraints.ok().flatten().is_some_and(|(_, constraints)| constraints.ca)
}

fn names(tbs: &TbsCertificate) -> Vec<String> {
    let Ok(Some((_, SubjectAltName(names)))) = tbs.get_extension::<SubjectAltName>() else {
        return Vec::new();
    };
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(clean(name.as_str())),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()).map(|address| address.to_string()),
        _ => None,
    };
    names.iter().filter_map(text).take(MAX_NAMES).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| IpAddr::from(Ipv6Addr::from(octets)))).ok()
}

/// One line without control characters, of bounded length: whoever made the certificate chose the words.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, Leaf, days_from_now};

    #[test]
    fn a_certificate_tells_whose_it_is_from_whom_for_what_and_until_when() {
        let authority = Authority::new("Test CA");
        let leaf =
            authority.issue(&Leaf { names: &["pacs.example.org", "192.0.2.7"], ..Leaf::named("pacs") });
        let told = Certificate::of(&leaf.der).unwrap();
        assert_eq!((told.subject.as_str(), told.issuer.as_str()), ("CN=pacs", "CN=Test CA"));
        assert_eq!(told.names, ["pacs.example.org", "192.0.2.7"]);
        assert_eq!(told.not_after, days_from_now(100));
        assert_eq!(told.fingerprint, fingerprint(&leaf.der));
        assert!(!told.is_ca && told.is_version_3 && !told.is_self_issued());
        let ca = Certificate::of(&authority.der()).unwrap();
        assert!(ca.is_ca && ca.is_self_issued());
    }

    #[test]
    fn a_name_with_a_line_break_stays_on_its_line() {
        let told = Certificate::of(&Leaf::named("a\nERROR all is lost").alone().der).unwrap();
        assert!(told.subject.starts_with("CN=a") && !told.subject.contains(char::is_control), "{told}");
    }

    #[test]
    fn no_prefix_of_a_certificate_is_one_and_none_brings_the_reader_down() {
        let der = Leaf::named("x").alone().der;
        for end in 0..der.len() {
            assert_eq!(Certificate::of(der.get(..end).unwrap()), Err(Unreadable), "{end}");
        }
        let mut broken = der.clone();
        for at in 0..der.len() {
            broken[at] ^= 0xFF;
            let _ = Certificate::of(&broken);
            broken[at] ^= 0xFF;
        }
    }
}
