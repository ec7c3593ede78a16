//! The files of the settings of TLS: read with a bound, told by setting when they cannot be used.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::setting::Setting;

/// Largest file that is read, in bytes; the CAs of a whole operating system take a quarter of it.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The settings contradict themselves.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A file cannot be read.
    #[error("{}{} cannot be read: {source}", named(setting), path.display())]
    Read {
        /// The setting that names it; none for a file that was named otherwise.
        setting: Option<Setting>,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}{} {problem}", named(setting), path.display())]
    Content {
        /// The setting that names it; none for a file that was named otherwise.
        setting: Option<Setting>,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

fn named(setting: &Option<Setting>) -> String {
    setting.map(|setting| format!("{setting}: ")).unwrap_or_default()
}

/// A file and the setting that names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) setting: Option<Setting>,
    pub(crate) path: &'a Path,
}

impl Named<'_> {
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> LoadError {
        LoadError::Content { setting: self.setting, path: self.path.to_owned(), problem: problem.into() }
    }

    fn bytes(&self) -> Result<Vec<u8>, LoadError> {
        let failed = |source| LoadError::Read { setting: self.setting, path: self.path.to_owned(), source };
        let file = std::fs::File::open(self.path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(self.wrong(format!("is larger than {MAX_FILE_BYTES} bytes")));
        }
        Ok(bytes)
    }

    /// The certificates in the file, in its order.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, LoadError> {
        let bytes = self.bytes()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err(self.wrong("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")),
            Err(error) => Err(self.wrong(format!("is not well-formed PEM: {error}"))),
        }
    }

    /// The private key in the file.
    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, LoadError> {
        let bytes = self.bytes()?;
        if is_encrypted(&bytes) {
            return Err(self.wrong(
                "holds a key that is encrypted with a password; store it without one, readable by the node alone \
                 (openssl pkey -in … -out …)",
            ));
        }
        // What rustls says of a key it cannot read may hold a part of it.
        PrivateKeyDer::from_pem_slice(&bytes)
            .map_err(|_| self.wrong("holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"))
    }

    /// Whether others than its owner and group can read the file.
    pub(crate) fn is_open_to_others(&self) -> bool {
        std::fs::metadata(self.path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0)
    }
}

fn is_encrypted(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// What shows that a file was changed or another took its place, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
    device: u64,
}

/// The stamp of a file; none while it cannot be had.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        bytes: metadata.len(),
        inode: metadata.ino(),
        device: metadata.dev(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Table;
    use crate::testing::Leaf;

    fn named(path: &Path) -> Named<'_> {
        Named { setting: Some(Table::Dimse.key("certificate")), path }
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_is_told_by_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pem");
        let words = named(&path).certificates().unwrap_err().to_string();
        assert!(
            words.starts_with("[dimse.tls] certificate: ") && words.contains("cannot be read"),
            "{words}"
        );
        std::fs::write(&path, "hello").unwrap();
        assert!(named(&path).certificates().unwrap_err().to_string().contains("no certificate"));
        assert!(named(&path).key().unwrap_err().to_string().contains("no private key"));
        std::fs::write(
            &path,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(named(&path).key().unwrap_err().to_string().contains("password"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(named(&path).certificates().unwrap_err().to_string().contains("not well-formed"));
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pem");
        let pem = Leaf::named("x").alone().pem;
        let padded = |bytes: u64| format!("{pem}{}", " ".repeat(usize::try_from(bytes).unwrap() - pem.len()));
        std::fs::write(&path, padded(MAX_FILE_BYTES)).unwrap();
        assert_eq!(named(&path).certificates().unwrap().len(), 1);
        std::fs::write(&path, padded(MAX_FILE_BYTES + 1)).unwrap();
        assert!(named(&path).certificates().unwrap_err().to_string().contains("larger"));
    }

    #[test]
    fn a_stamp_shows_that_another_file_took_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("x.pem"), folder.path().join("y.pem"));
        assert_eq!(stamp(&path), None);
        std::fs::write(&path, "one").unwrap();
        let before = stamp(&path);
        assert_eq!(stamp(&path), before);
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(stamp(&path), before);
    }
}
