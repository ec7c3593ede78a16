//! A certificate of one's own, signed by itself: what a node and its remotes need to know each other without a CA.

use std::time::{Duration, SystemTime};

use causeway_core::{Clock, Fingerprint};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};

use crate::certificate::fingerprint;

/// How long before now a fresh certificate is valid: peers' clocks are not all right.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);
/// Longest that a certificate may be made for, in days.
pub const MAX_DAYS: u32 = 3650;

/// What kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of 3072 bits: what every peer takes.
    Rsa,
    /// ECDSA on P-256: smaller and faster.
    Ecdsa,
}

/// A certificate to be made.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Names and addresses of the host; the first is also the subject's.
    pub names: Vec<String>,
    /// How long it is valid.
    pub days: u32,
    /// Its key.
    pub key: KeyKind,
}

/// What was made.
pub struct Made {
    /// The certificate in PEM.
    pub certificate: String,
    /// Its private key in PEM.
    pub key: String,
    /// Its fingerprint, for the remotes' lists.
    pub fingerprint: Fingerprint,
}

/// Why none was made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// No name.
    #[error("a certificate needs at least one name or address of a host")]
    Nameless,
    /// Too long, or no time at all.
    #[error("a certificate is valid for 1 to {MAX_DAYS} days, not {0}")]
    Days(u32),
    /// A name that cannot stand in one.
    #[error("the certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Makes a certificate for a host as server and as client, signed by itself.
///
/// # Errors
/// When the names or the days cannot be.
pub fn self_signed(wanted: &Wanted, clock: &dyn Clock) -> Result<Made, MakeError> {
    let first = wanted.names.first().ok_or(MakeError::Nameless)?;
    if !(1..=MAX_DAYS).contains(&wanted.days) {
        return Err(MakeError::Days(wanted.days));
    }
    let key = match wanted.key {
        KeyKind::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072)?,
        KeyKind::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
    };
    let mut params = CertificateParams::new(wanted.names.clone())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, first.as_str());
    let seconds = u64::try_from(clock.now().as_second()).unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + Duration::from_secs(u64::from(wanted.days) * 24 * 3600)).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key)?;
    Ok(Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        fingerprint: fingerprint(certificate.der()),
    })
}

#[cfg(test)]
mod tests {
    use causeway_core::SystemClock;

    use super::*;
    use crate::Certificate;

    #[test]
    fn what_is_made_can_be_read_and_serves_for_as_long_as_was_asked() {
        for key in [KeyKind::Rsa, KeyKind::Ecdsa] {
            let names = vec!["pacs.example.org".to_owned(), "192.0.2.7".to_owned()];
            let made = self_signed(&Wanted { names: names.clone(), days: 40, key }, &SystemClock).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("own.pem");
            std::fs::write(&path, &made.certificate).unwrap();
            let told = Certificate::in_file(&path).unwrap().remove(0);
            assert_eq!((told.subject.as_str(), &told.names), ("CN=pacs.example.org", &names));
            assert_eq!(told.fingerprint, made.fingerprint);
            assert!((39..=40).contains(&told.days_left(SystemClock.now())) && !told.is_ca);
            assert!(made.key.contains("PRIVATE KEY"));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let wanted = |names: &[&str], days| Wanted {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            days,
            key: KeyKind::Ecdsa,
        };
        let make = |wanted| self_signed(&wanted, &SystemClock);
        assert!(matches!(make(wanted(&[], 1)), Err(MakeError::Nameless)));
        for (days, fine) in [(0, false), (1, true), (MAX_DAYS, true), (MAX_DAYS + 1, false)] {
            assert_eq!(make(wanted(&["x"], days)).is_ok(), fine, "{days}");
        }
        assert!(make(wanted(&["n\u{e4}me"], 1)).is_err());
    }
}
