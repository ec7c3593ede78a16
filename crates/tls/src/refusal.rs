//! Why a handshake came to nothing, in words that say what to change. Pure.

use std::fmt;

use causeway_core::Class;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::certificate::Certificate;
use crate::setting::{Setting, Table};

/// Which side the peer is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It called us, at the port of these settings.
    Caller(Table),
    /// We called it, as these settings say.
    Called(Table),
}

/// Why a handshake came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It took too long.
    #[error("the peer did not finish the TLS handshake within {seconds} s")]
    Timeout {
        /// The bound.
        seconds: u64,
    },
    /// The peer closed before it said anything.
    #[error("the peer closed the connection without a word")]
    Silent,
    /// The peer closed in the middle.
    #[error("the peer closed the connection in the middle of the TLS handshake")]
    Closed,
    /// The connection broke.
    #[error("the connection broke in the TLS handshake: {0}")]
    Broken(String),
    /// The peer speaks something else.
    #[error("the peer does not speak TLS here: {0}")]
    NotTls(&'static str),
    /// No version, suite or the like in common.
    #[error("{0}")]
    Incompatible(String),
    /// The peer has to present a certificate and did not.
    #[error("the caller presented no certificate; give it one with its key, or {}", uncertified(*.0))]
    NoCertificate(Table),
    /// The peer's certificate is not accepted.
    #[error(transparent)]
    Certificate(Box<Refused>),
    /// The peer would not go on.
    #[error("the peer ended the TLS handshake: {0}")]
    Alert(String),
    /// The name of the peer's machine cannot stand in a certificate.
    #[error("'{0}' is neither the name nor the address of a host")]
    Host(String),
    /// This node has nothing to present.
    #[error("this node has no certificate of its own: set [dimse.tls] certificate and key")]
    NoIdentity,
    /// Nobody is trusted.
    #[error(
        "no CA is trusted, as this machine has none: set [dimse.tls] ca, or pin the peer's certificate with \
         `causeway remote add … --tls --certificate FINGERPRINT`"
    )]
    NoTrust,
    /// Anything else.
    #[error("the TLS handshake failed: {0}")]
    Other(String),
}

/// What would let a caller in that has no certificate.
const fn uncertified(table: Table) -> &'static str {
    match table {
        Table::Dimse => "set [dimse.tls] client_certificates = \"requested\"",
        Table::Web => "leave [web.tls] client_ca out",
        Table::Catalog => "set [catalog.tls] client_certificate and client_key",
    }
}

impl Peer {
    /// The settings that it is judged by.
    pub(crate) const fn table(self) -> Table {
        match self {
            Self::Caller(table) | Self::Called(table) => table,
        }
    }
}

impl HandshakeError {
    /// What this failure calls for.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Timeout { .. } | Self::Silent | Self::Closed | Self::Broken(_) => Class::Transient,
            Self::NotTls(_)
            | Self::Incompatible(_)
            | Self::NoCertificate(_)
            | Self::Certificate(_)
            | Self::Alert(_)
            | Self::Host(_)
            | Self::NoIdentity
            | Self::NoTrust
            | Self::Other(_) => Class::Peer,
        }
    }
}

/// A peer's certificate that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// On which side the peer is.
    pub peer: Peer,
    /// What it presented; none when it could not be read.
    pub certificate: Option<Certificate>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a peer's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its time is over.
    Expired,
    /// A certificate of a CA between it and the root is out of its time.
    ChainOutOfTime,
    /// Its time has not come.
    NotYetValid,
    /// It is its own issuer, and not pinned.
    SelfSigned,
    /// Nobody we trust issued it.
    UnknownIssuer,
    /// It is signed with another key than its issuer's: a CA of the same name.
    OtherIssuer,
    /// It is not for the name we called.
    Name {
        /// The name we called.
        expected: String,
    },
    /// The remote has other certificates.
    NotPinned,
    /// It is for other purposes.
    Purpose,
    /// It is a CA's own certificate.
    IsCa,
    /// It is not of version 3.
    OldVersion,
    /// It is revoked.
    Revoked,
    /// Its key or signature is of a kind, or a size, that is not taken.
    Algorithm,
    /// The peer does not hold the certificate's key.
    Key,
    /// It cannot be read.
    Unreadable,
    /// Anything else, as rustls says it.
    Other(String),
}

/// A day, as people write it.
pub(crate) fn day(moment: Timestamp) -> impl fmt::Display {
    moment.to_zoned_datetime(TimeZone::UTC).date()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Peer::Caller(_) => f.write_str("the caller's certificate")?,
            Peer::Called(_) => f.write_str("the peer's certificate")?,
        }
        let Some(certificate) = &self.certificate else {
            return write!(f, " cannot be read as an X.509 certificate; it must be issued anew");
        };
        write!(f, " ({certificate}) ")?;
        self.reason_words(f, certificate)
    }
}

impl Refused {
    fn reason_words(&self, f: &mut fmt::Formatter<'_>, certificate: &Certificate) -> fmt::Result {
        let Certificate { fingerprint, issuer, not_before, not_after, .. } = certificate;
        match &self.reason {
            Reason::Expired => write!(f, "expired on {}; it must be renewed", day(*not_after)),
            Reason::ChainOutOfTime => {
                f.write_str("comes with a CA's certificate that is out of its time; the chain must be renewed")
            }
            Reason::NotYetValid => {
                write!(f, "is not valid before {}; compare the clocks of both machines", day(*not_before))
            }
            Reason::SelfSigned => write!(f, "is self-signed; {}: {fingerprint}", self.pin()),
            Reason::UnknownIssuer => write!(
                f,
                "was issued by {issuer}, which is not trusted; add that CA to {}, or {}: {fingerprint}",
                self.trust_key(),
                self.pin()
            ),
            Reason::OtherIssuer => write!(
                f,
                "is not signed by the {issuer} that is trusted, but by another of the same name; compare {}",
                self.trust_key()
            ),
            Reason::Name { expected } => write!(f, "is for {}, not for {expected}; {}", for_whom(certificate), {
                "call the peer by a name in its certificate, or pin the certificate"
            }),
            Reason::NotPinned => write!(f, "is none of those the remote lists; if it is right, add {fingerprint}"),
            Reason::Purpose => {
                let purpose = match self.peer {
                    Peer::Caller(_) => "client",
                    Peer::Called(_) => "server",
                };
                write!(f, "is not for use as a TLS {purpose}; its extended key usage must name it")
            }
            Reason::IsCa => write!(f, "is one of a CA, not of a peer; {}: {fingerprint}", self.pin()),
            Reason::OldVersion => f.write_str("is not of version 3 of X.509; it must be issued anew"),
            Reason::Revoked => f.write_str("is revoked"),
            Reason::Algorithm => f.write_str(
                "has a key or a signature that is not taken: RSA of 2048 bits or more, ECDSA on P-256, P-384 or \
                 P-521, or Ed25519, signed with SHA-256 or better",
            ),
            Reason::Key => f.write_str("is not its own: it could not prove to hold the key"),
            Reason::Unreadable => f.write_str("is not well formed; it must be issued anew"),
            Reason::Other(words) => write!(f, "is not accepted: {words}"),
        }
    }

    /// The setting that says whom to trust.
    const fn trust_key(&self) -> Setting {
        match self.peer {
            Peer::Caller(table) => table.key("client_ca"),
            Peer::Called(table) => table.key("ca"),
        }
    }

    /// What would let exactly this certificate in.
    const fn pin(&self) -> &'static str {
        match self.peer {
            Peer::Caller(Table::Dimse) => {
                "let a CA of [dimse.tls] client_ca issue one, or leave client_ca out and pin it"
            }
            Peer::Caller(Table::Web) => "let a CA of [web.tls] client_ca issue one, or add it to that file",
            Peer::Called(Table::Catalog) | Peer::Caller(Table::Catalog) => {
                "let a CA of [catalog.tls] ca issue one, or add it to that file"
            }
            Peer::Called(_) => "pin it with `causeway remote add … --tls --certificate FINGERPRINT`",
        }
    }
}

fn for_whom(certificate: &Certificate) -> String {
    if certificate.names.is_empty() {
        "no host (it has no subject alternative name)".to_owned()
    } else {
        certificate.names.join(", ")
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Leaf;

    #[test]
    fn words_say_what_is_wrong_and_what_to_do() {
        let certificate = Certificate::of(&Leaf { names: &[], ..Leaf::named("ct1") }.alone().der).unwrap();
        let words =
            |peer, reason| Refused { peer, certificate: Some(certificate.clone()), reason }.to_string();
        let expired = words(Peer::Caller(Table::Dimse), Reason::Expired);
        assert!(expired.starts_with("the caller's certificate (CN=ct1) expired on 2"), "{expired}");
        let unknown = words(Peer::Caller(Table::Dimse), Reason::UnknownIssuer);
        assert!(unknown.contains("[dimse.tls] client_ca"), "{unknown}");
        let own = words(Peer::Called(Table::Dimse), Reason::SelfSigned);
        assert!(own.contains("--certificate") && own.contains("SHA256:"), "{own}");
        let name = words(Peer::Called(Table::Dimse), Reason::Name { expected: "10.0.0.7".to_owned() });
        assert!(name.contains("is for no host") && name.contains("not for 10.0.0.7"), "{name}");
        let unreadable =
            Refused { peer: Peer::Called(Table::Dimse), certificate: None, reason: Reason::Unreadable };
        assert!(unreadable.to_string().contains("cannot be read"));
    }

    #[test]
    fn a_broken_line_is_worth_another_try_and_a_wrong_certificate_is_not() {
        assert_eq!(HandshakeError::Timeout { seconds: 1 }.class(), Class::Transient);
        assert_eq!(HandshakeError::NoCertificate(Table::Dimse).class(), Class::Peer);
    }
}
