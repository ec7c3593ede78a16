//! All that the files of one table of settings hold at one time: identities, CAs, and when they run out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_core::Clock;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{Error, InconsistentKeys, RootCertStore};

use crate::certificate::Certificate;
use crate::config::Config;
use crate::expiry::{Expiry, Notice, Role, Urgency};
use crate::files::{LoadError, Named, Stamp, stamp};
use crate::setting::Table;
use crate::suites::provider;

/// Most certificates that one file may hold.
const MAX_CERTIFICATES: usize = 1000;

/// What is in force.
pub(crate) struct Material {
    /// The settings that it was read by.
    pub(crate) table: Table,
    /// What the node presents to callers.
    pub(crate) own: Option<Arc<SingleCertAndKey>>,
    /// What it presents to those it calls.
    pub(crate) client: Option<Arc<SingleCertAndKey>>,
    /// Judges callers by CAs.
    pub(crate) client_ca: Option<Arc<dyn ClientCertVerifier>>,
    /// Judges those we call by CAs; none when there is no CA at all.
    pub(crate) ca: Option<Arc<dyn ServerCertVerifier>>,
    /// The certificates that the node holds.
    pub(crate) held: Vec<Expiry>,
    /// What an administrator should put right.
    pub(crate) remarks: Vec<Notice>,
}

impl Material {
    /// Reads all files.
    ///
    /// # Errors
    /// Names the first that cannot be used.
    pub(crate) fn load(config: &Config) -> Result<Self, LoadError> {
        let mut reading = Reading { table: config.table, ..Reading::default() };
        let own = reading.identity(Role::Own, &config.certificate, "key", &config.key)?;
        let other =
            reading.identity(Role::Client, &config.client_certificate, "client_key", &config.client_key)?;
        let client_ca = match &config.client_ca {
            Some(path) => {
                let roots = reading.authorities(Role::ClientCa, path)?;
                Some(judge_of_callers(roots, reading.file(Role::ClientCa, path))?)
            }
            None => None,
        };
        let ca = match (config.table, &config.ca) {
            (Table::Dimse | Table::Catalog, Some(path)) => {
                judge_of_called(reading.authorities(Role::Ca, path)?)
            }
            (Table::Dimse | Table::Catalog, None) => judge_of_called(reading.machine()),
            // Nobody is called from there.
            (Table::Web, _) => None,
        };
        let client = other.or_else(|| own.clone());
        Ok(Self {
            table: config.table,
            own,
            client,
            client_ca,
            ca,
            held: reading.held,
            remarks: reading.remarks,
        })
    }
}

/// The files' stamps, in the order of the settings.
pub(crate) fn stamps(config: &Config) -> Vec<Option<Stamp>> {
    let files = [
        &config.certificate,
        &config.key,
        &config.client_ca,
        &config.ca,
        &config.client_certificate,
        &config.client_key,
    ];
    files.into_iter().map(|file| file.as_deref().and_then(stamp)).collect()
}

/// What is gathered while the files are read.
#[derive(Default)]
struct Reading {
    table: Table,
    held: Vec<Expiry>,
    remarks: Vec<Notice>,
}

impl Reading {
    const fn file<'a>(&self, role: Role, path: &'a Path) -> Named<'a> {
        Named { setting: Some(self.table.key(role.key())), path }
    }

    fn identity(
        &mut self,
        role: Role,
        certificate: &Option<PathBuf>,
        key_setting: &'static str,
        key: &Option<PathBuf>,
    ) -> Result<Option<Arc<SingleCertAndKey>>, LoadError> {
        let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
        let file = self.file(role, certificate);
        let key_file = Named { setting: Some(self.table.key(key_setting)), path: key };
        let chain = file.certificates()?;
        self.hold(role, file, &chain)?;
        if key_file.is_open_to_others() {
            self.remarks.push(Notice {
                subject: self.table.key(key_setting).to_string(),
                urgency: Urgency::Soon,
                words: "every user of this machine can read the private key".to_owned(),
                remedy: Some("chmod it to 600"),
            });
        }
        let identity =
            CertifiedKey::from_der(chain, key_file.key()?, &provider()).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => key_file.wrong(format!(
                    "is not the key of the first certificate in {}; the node's own certificate comes first, those of \
                     the CAs after it",
                    self.table.key(role.key())
                )),
                // What rustls says of a key it cannot read may hold a part of it.
                _ => key_file.wrong("holds a key that cannot be used: RSA, ECDSA or Ed25519 in PKCS#8 can"),
            })?;
        Ok(Some(Arc::new(SingleCertAndKey::from(identity))))
    }

    fn authorities(&mut self, role: Role, path: &Path) -> Result<RootCertStore, LoadError> {
        let file = self.file(role, path);
        let certificates = file.certificates()?;
        self.hold(role, file, &certificates)?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|error| {
                file.wrong(format!("holds a CA's certificate that cannot be used: {error}"))
            })?;
        }
        Ok(roots)
    }

    /// The CAs that the machine trusts.
    fn machine(&mut self) -> RootCertStore {
        let found = rustls_native_certs::load_native_certs();
        if let Some(error) = found.errors.first().filter(|_| found.certs.is_empty()) {
            self.remarks.push(Notice {
                subject: self.table.key(Role::Ca.key()).to_string(),
                urgency: Urgency::Soon,
                words: format!("it is not set, and the CAs that this machine trusts cannot be read: {error}"),
                remedy: Some("set it, or pin the certificates of remotes that are called over TLS"),
            });
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        roots
    }

    fn hold(
        &mut self,
        role: Role,
        file: Named<'_>,
        certificates: &[rustls::pki_types::CertificateDer<'_>],
    ) -> Result<(), LoadError> {
        if certificates.len() > MAX_CERTIFICATES {
            return Err(file.wrong(format!("holds more than {MAX_CERTIFICATES} certificates")));
        }
        for (index, der) in certificates.iter().enumerate() {
            let certificate = Certificate::of(der).map_err(|error| {
                file.wrong(format!("holds a certificate, number {}, but {error}", index + 1))
            })?;
            self.held.push(Expiry { table: self.table, role, certificate });
        }
        Ok(())
    }
}

fn judge_of_callers(roots: RootCertStore, file: Named<'_>) -> Result<Arc<dyn ClientCertVerifier>, LoadError> {
    // Whether a caller must present a certificate is decided around this one.
    let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    judge.map_err(|error| file.wrong(format!("cannot be used: {error}")))
}

fn judge_of_called(roots: RootCertStore) -> Option<Arc<dyn ServerCertVerifier>> {
    // It cannot be built without a single CA, which is said when it is needed.
    let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()?;
    Some(judge)
}

/// The node's clock, as rustls asks for the time.
pub(crate) struct Hands(pub(crate) Arc<dyn Clock>);

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hands")
    }
}

impl TimeProvider for Hands {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}
