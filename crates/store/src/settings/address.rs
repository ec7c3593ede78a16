//! The URL of a store, and the address at which one answers.

use std::net::IpAddr;
use std::path::PathBuf;

use object_store::path::Path;
use url::{Host, Url};

use super::SettingsError;

/// The kinds of stores, by how their URLs begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    File,
    S3,
    Google,
    Azure,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::File, Self::S3, Self::Google, Self::Azure];

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::File => "file://",
            Self::S3 => "s3://",
            Self::Google => "gs://",
            Self::Azure => "az://",
        }
    }
}

/// A URL, taken apart.
pub(super) struct Address {
    pub(super) scheme: Scheme,
    /// Of a folder.
    pub(super) folder: PathBuf,
    /// Bucket, or container.
    pub(super) bucket: String,
    /// What every name in it begins with; empty: nothing.
    pub(super) prefix: Path,
}

pub(super) fn parse(url: &str) -> Result<Address, SettingsError> {
    let wrong = |words: &str| SettingsError::new(format!("url = \"{url}\": {words}"));
    let found = Scheme::ALL.into_iter().find_map(|scheme| Some((scheme, url.strip_prefix(scheme.prefix())?)));
    let (scheme, rest) = found.ok_or_else(|| {
        wrong("it must be file:///absolute/path, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    })?;
    if scheme == Scheme::File {
        if !rest.starts_with('/') {
            return Err(wrong("the folder must be absolute: file:///absolute/path"));
        }
        return Ok(Address { scheme, folder: rest.into(), bucket: String::new(), prefix: Path::default() });
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if bucket.is_empty() || !bucket.bytes().all(is_name) {
        return Err(wrong(
            "the name of the bucket is of letters, digits, '.', '_' and '-'; keys and endpoints are keys of [store]",
        ));
    }
    let prefix = Path::parse(prefix.trim_end_matches('/'))
        .map_err(|_| wrong("what follows the bucket cannot be the beginning of a name"))?;
    Ok(Address { scheme, folder: PathBuf::new(), bucket: bucket.to_owned(), prefix })
}

/// Where a store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: Url,
}

impl Endpoint {
    /// Reads an address; without TLS it must be on this very machine, unless that is asked for.
    pub(super) fn read(text: &str, allow_http: bool) -> Result<Self, SettingsError> {
        let wrong = |words: &str| SettingsError::new(format!("endpoint = \"{text}\": {words}"));
        let url = Url::parse(text).map_err(|_| wrong("it must be https://host:port"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::new("endpoint holds a password: keys are keys of [store]"));
        }
        if url.query().is_some() || url.fragment().is_some() || url.host().is_none() {
            return Err(wrong("it must be https://host:port, and nothing behind it but a path"));
        }
        match url.scheme() {
            "https" => Ok(Self { url }),
            "http" if allow_http || is_loopback(&url) => Ok(Self { url }),
            "http" => Err(wrong(
                "without TLS anyone on the way reads what is stored: use https://, or set allow_http = true",
            )),
            _ => Err(wrong("it must begin with https://")),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// As a client wants it: without a slash at the end.
    pub(super) fn text(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// The same with the bucket before the name of the host.
    pub(super) fn of_bucket(&self, bucket: &str) -> Result<String, SettingsError> {
        let mut url = self.url.clone();
        let host = format!("{bucket}.{}", url.host_str().unwrap_or_default());
        let is_named = matches!(self.url.host(), Some(Host::Domain(_))) && url.set_host(Some(&host)).is_ok();
        if !is_named {
            return Err(SettingsError::new(
                "path_style = false needs an endpoint whose host is a name, to put the bucket before it",
            ));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
