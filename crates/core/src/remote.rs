//! A remote: another system that this node knows by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ae_title::AeTitle;
use crate::bandwidth::Bandwidth;
use crate::fingerprint::Fingerprint;
use crate::identity::{Credentials, Identity};
use crate::link::LinkAddress;
use crate::network::Network;
use crate::principal::Permissions;
use crate::quirk::Quirks;
use crate::sight::{Scope, Sight};

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
    /// Whether it is called over TLS.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tls: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
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
    /// Its side of a link, where it was paired with this node; made by pairing alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkAddress>,
    /// What it may do here.
    #[serde(default)]
    pub allow: Permissions,
    /// Addresses and networks it may call from; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Network>,
    /// Certificates that are its own: one of them it must present, over TLS, when it calls and when it is called;
    /// none: certificates are judged by who issued them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Fingerprint>,
    /// Who it must show to be when it calls; none: whoever comes from where it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Who we say to be when we call it; none: nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Remotes to which it may have instances moved; empty: to any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<RemoteName>,
    /// Associations that it may have open at once; none: as many as anyone may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associations: Option<u32>,
    /// What it cannot bear.
    #[serde(default, skip_serializing_if = "Quirks::is_empty")]
    pub quirks: Quirks,
    /// What it is told or asked beside the instances that are forwarded to it.
    #[serde(default, skip_serializing_if = "Follow::is_nothing")]
    pub follow: Follow,
    /// Which studies it sees here.
    #[serde(default, skip_serializing_if = "Sees::is_everything")]
    pub sees: Sees,
    /// The transform through which it is given instances; none: they go as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<RemoteName>,
    /// Lines on which it is sent to at once: associations, or requests; none: as many as its distance is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
    /// How much may go to it in a second, over all lines together.
    #[serde(default, skip_serializing_if = "Bandwidth::is_unlimited")]
    pub bandwidth: Bandwidth,
}

/// Which studies a remote sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sees {
    /// All of them.
    #[default]
    Everything,
    /// Those whose first instance came from it.
    Own,
}

impl Sees {
    /// Whether nothing is hidden.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        matches!(self, Self::Everything)
    }
}

/// What follows a forward, where the remote takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Follow {
    /// It is asked to commit to what it was sent (PS3.4 §J).
    pub commitment: bool,
    /// It is told what is available here (PS3.4 §R).
    pub availability: bool,
    /// Sent to over DICOMweb, it is not asked what it lists of that (PS3.18 §10.6), as it else is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_count: bool,
}

impl Follow {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        !self.commitment && !self.availability && !self.no_count
    }
}

impl Remote {
    /// A remote of this name that cannot be reached and may do nothing.
    #[must_use]
    pub fn named(name: RemoteName) -> Self {
        Self {
            name,
            dimse: None,
            dicomweb: None,
            link: None,
            allow: Permissions::default(),
            addresses: Vec::new(),
            certificates: Vec::new(),
            identity: None,
            credentials: None,
            destinations: Vec::new(),
            associations: None,
            quirks: Quirks::default(),
            follow: Follow::default(),
            sees: Sees::default(),
            transform: None,
            lines: None,
            bandwidth: Bandwidth::default(),
        }
    }

    /// What it sees here.
    #[must_use]
    pub fn sight(&self) -> Sight {
        match self.sees {
            Sees::Everything => Sight::Everything,
            Sees::Own => Sight::Only(Scope::of_remote(self.name.clone())),
        }
    }

    /// Its link, where it can be called over it.
    #[must_use]
    pub fn callable_link(&self) -> Option<&LinkAddress> {
        self.link.as_ref().filter(|link| link.url.is_some())
    }

    /// Whether what is for it waits here until it collects it: it was paired, and cannot be called in any way.
    #[must_use]
    pub fn collects(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.url.is_none())
            && self.dicomweb.is_none()
            && self.dimse_peer().is_none()
    }

    /// The link over which it is sent to, if it is: the one on which it is called, or collects.
    #[must_use]
    pub fn sending_link(&self) -> Option<&LinkAddress> {
        self.callable_link().or_else(|| self.link.as_ref().filter(|_| self.collects()))
    }

    /// Whether it can be asked what it has: over DIMSE or DICOMweb.
    #[must_use]
    pub fn can_be_asked(&self) -> bool {
        self.dimse_peer().is_some() || self.dicomweb.is_some()
    }

    /// Whom and where to call over DIMSE: AE title, host, port. `None` for a remote that only calls us.
    #[must_use]
    pub fn dimse_peer(&self) -> Option<(&AeTitle, &str, u16)> {
        let DimseAddress { ae_title, host, port, .. } = self.dimse.as_ref()?;
        Some((ae_title, host.as_deref()?, (*port)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_a_name_alone_is_a_remote_and_comes_back_as_short() {
        let document = r#"{"name":"ct1","allow":[]}"#;
        let remote: Remote = serde_json::from_str(document).unwrap();
        assert_eq!(remote, Remote::named("ct1".parse().unwrap()));
        assert_eq!(serde_json::to_string(&remote).unwrap(), document);
        assert!(serde_json::from_str::<Remote>(r#"{"name":"ct1","quirks":["none-such"]}"#).is_err());
    }
}
