//! A remote: another system that this node knows by name.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ae_title::AeTitle;
use crate::principal::Permissions;

/// Longest name of a remote or a route, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// The name an administrator gave to a remote or a route: letters, digits, `-`, `_`, `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteName(String);

/// A text that cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to {MAX_NAME_CHARS} letters, digits, '-', '_' or '.', beginning with a letter or digit")]
pub struct NameError;

impl RemoteName {
    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RemoteName {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let fine = (1..=MAX_NAME_CHARS).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if fine { Ok(Self(s.to_owned())) } else { Err(NameError) }
    }
}

impl TryFrom<String> for RemoteName {
    type Error = NameError;
    fn try_from(s: String) -> Result<Self, NameError> {
        s.parse()
    }
}

impl From<RemoteName> for String {
    fn from(name: RemoteName) -> Self {
        name.0
    }
}

impl fmt::Display for RemoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a remote is reached over DIMSE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimseAddress {
    /// Its AE title: what we call, and what it calls itself.
    pub ae_title: AeTitle,
    /// Host name or address. `None`: it calls us, we never call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// TCP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// How a remote is reached over DICOMweb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DicomWebAddress {
    /// Base URL, the part before `/studies`.
    pub url: String,
    /// File that holds the bearer token to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
}

/// Another system: how to reach it, and what it may do here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// What an administrator calls it.
    pub name: RemoteName,
    /// Its DIMSE side, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimse: Option<DimseAddress>,
    /// Its DICOMweb side, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dicomweb: Option<DicomWebAddress>,
    /// What it may do here.
    #[serde(default)]
    pub allow: Permissions,
    /// Addresses it may call from; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
}

impl Remote {
    /// Whom and where to call over DIMSE: AE title, host, port. `None` for a remote that only calls us.
    #[must_use]
    pub fn dimse_peer(&self) -> Option<(&AeTitle, &str, u16)> {
        let DimseAddress { ae_title, host, port } = self.dimse.as_ref()?;
        Some((ae_title, host.as_deref()?, (*port)?))
    }
}
