//! Certificates for tests, made when they are wanted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Midnight before the test, so that certificates and clocks agree to the second.
fn today() -> i64 {
    Timestamp::now().as_second().div_euclid(86_400) * 86_400
}

/// A moment this many days from today's midnight.
pub(crate) fn days_from_now(days: i64) -> Timestamp {
    Timestamp::from_second(today() + days * 86_400).unwrap()
}

/// A certificate authority.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate to be made.
#[derive(Clone)]
pub(crate) struct Leaf<'a> {
    pub(crate) name: &'a str,
    pub(crate) names: &'a [&'a str],
    /// From and until when it is valid, in days from today.
    pub(crate) days: (i64, i64),
    pub(crate) is_ca: bool,
    pub(crate) purposes: &'a [ExtendedKeyUsagePurpose],
}

/// A certificate and its key.
pub(crate) struct Made {
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = params(&Leaf { is_ca: true, ..Leaf::named(name) });
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn issue(&self, leaf: &Leaf<'_>) -> Made {
        let key = KeyPair::generate().unwrap();
        made(&params(leaf).signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

impl<'a> Leaf<'a> {
    pub(crate) const fn named(name: &'a str) -> Self {
        Leaf { name, names: &["127.0.0.1", "localhost"], days: (-10, 100), is_ca: false, purposes: &[] }
    }

    /// Signed by itself.
    pub(crate) fn alone(&self) -> Made {
        let key = KeyPair::generate().unwrap();
        made(&params(self).self_signed(&key).unwrap(), &key)
    }
}

impl Made {
    /// Writes certificate and key into `folder`, under `name`.
    pub(crate) fn save(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, &self.pem).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        (certificate, key)
    }
}

fn made(certificate: &rcgen::Certificate, key: &KeyPair) -> Made {
    Made { der: certificate.der().to_vec(), pem: certificate.pem(), key: key.serialize_pem() }
}

fn params(leaf: &Leaf<'_>) -> CertificateParams {
    let names: Vec<String> = leaf.names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, leaf.name);
    let midnight = std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(today()).unwrap());
    let moment = |days: i64| {
        let by = Duration::from_secs(days.unsigned_abs() * 86_400);
        if days < 0 { midnight - by } else { midnight + by }.into()
    };
    (params.not_before, params.not_after) = (moment(leaf.days.0), moment(leaf.days.1));
    if leaf.is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    }
    params.extended_key_usages = leaf.purposes.to_vec();
    params
}
