//! `[catalog]`: a file of this machine, or a database on a server.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use causeway_catalog::Server;
use causeway_tls::CatalogConfig;
use serde::Deserialize;

/// How the URL of a server begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 4096;

/// `[catalog]`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CatalogSettings {
    /// Where the catalog is: `sqlite:///…`, or `postgres://user@host:port/database`. Not given: `catalog.db` in the data
    /// folder.
    url: Option<String>,
    /// The password of the server's user.
    password: Option<String>,
    /// The file that has the password.
    password_file: Option<PathBuf>,
    /// Certificates for the way to the server.
    pub(crate) tls: CatalogConfig,
}

impl fmt::Debug for CatalogSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may have a password in it.
        f.debug_struct("CatalogSettings").field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// Where a catalog is.
#[derive(Debug)]
pub(crate) enum CatalogPlace {
    /// A file.
    File(PathBuf),
    /// A database on a server.
    Server(Box<Server>),
}

impl CatalogSettings {
    /// A database on a server, as a command names it.
    pub(crate) fn of_server(url: String, password_file: Option<PathBuf>, ca: Option<PathBuf>) -> Self {
        let tls = CatalogConfig { ca, ..CatalogConfig::default() };
        Self { url: Some(url), password: None, password_file, tls }
    }

    /// Where it is, for a node with this data folder.
    pub(crate) fn place(&self, data: &Path) -> anyhow::Result<CatalogPlace> {
        match &self.url {
            Some(url) if SCHEMES.iter().any(|scheme| url.starts_with(scheme)) => self.server(url),
            _ if self.password.is_some() || self.password_file.is_some() => {
                bail!(
                    "[catalog] has a password, and its url names no server: postgres://user@host:port/database"
                )
            }
            None => Ok(CatalogPlace::File(data.join("catalog.db"))),
            Some(url) => Ok(CatalogPlace::File(super::local(url, "sqlite://", "[catalog] url")?)),
        }
    }

    fn server(&self, url: &str) -> anyhow::Result<CatalogPlace> {
        let server = Server::parse(url).context("[catalog] url")?;
        let server = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                bail!("[catalog] password and password_file are both set: one of them is too many")
            }
            (Some(password), None) => server.with_password(password),
            (None, Some(file)) => server.with_password(&read(file)?),
            (None, None) => server,
        };
        Ok(CatalogPlace::Server(Box::new(server)))
    }
}

/// The first line of a file that has a password.
fn read(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("[catalog] password_file {} cannot be read", file.display()))?;
    match text.lines().next() {
        Some(password) if !password.is_empty() && password.len() <= MAX_PASSWORD_BYTES => {
            Ok(password.to_owned())
        }
        _ => bail!("[catalog] password_file {} has no password in its first line", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> CatalogSettings {
        CatalogSettings { url: Some(url.to_owned()), ..CatalogSettings::default() }
    }

    fn place(settings: &CatalogSettings) -> anyhow::Result<CatalogPlace> {
        settings.place(Path::new("/data"))
    }

    #[test]
    fn a_catalog_is_a_file_unless_a_server_is_named() {
        let CatalogPlace::File(file) = place(&CatalogSettings::default()).unwrap() else { panic!() };
        assert_eq!(file, Path::new("/data/catalog.db"));
        let CatalogPlace::File(file) = place(&settings("sqlite:///a/b.db")).unwrap() else { panic!() };
        assert_eq!(file, Path::new("/a/b.db"));
        let CatalogPlace::Server(server) = place(&settings("postgres://me:secret@db/c")).unwrap() else {
            panic!()
        };
        assert_eq!(server.to_string(), "postgres://me@db:5432/c");
        assert!(server.wants_tls());
        for url in ["mysql://me@db/c", "sqlite://b.db", "postgres://db/c"] {
            assert!(place(&settings(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_is_said_once_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "secret\n").unwrap();
        let with_file =
            CatalogSettings { password_file: Some(file.clone()), ..settings("postgres://me@db/c") };
        assert!(place(&with_file).is_ok());
        let twice = CatalogSettings { password: Some("secret".to_owned()), ..with_file };
        assert!(!place(&twice).unwrap_err().to_string().contains("secret"));
        assert!(!format!("{twice:?}").contains("secret"));
        let for_nobody =
            CatalogSettings { password: Some("secret".to_owned()), ..CatalogSettings::default() };
        assert!(place(&for_nobody).is_err());
        std::fs::write(&file, "\n").unwrap();
        let empty = CatalogSettings { password_file: Some(file), ..settings("postgres://me@db/c") };
        assert!(place(&empty).is_err());
    }
}
