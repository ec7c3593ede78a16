//! From what rustls and the system say to what an administrator can act on. Pure.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::inlet::Opening;
use crate::refusal::{HandshakeError, Peer, Reason, Refused};
use crate::suites::is_offered;
use crate::trust::Noted;

/// Most cipher suites of a peer that are named.
const MAX_SUITES_NAMED: usize = 8;
/// Content type of a TLS record that carries a handshake, and of one that carries an alert.
const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;

/// What is known of a handshake that failed.
pub(crate) struct Attempt {
    pub(crate) peer: Peer,
    pub(crate) opening: Opening,
    pub(crate) noted: Noted,
    /// Names of the cipher suites that a caller offered.
    pub(crate) suites: Vec<String>,
}

impl Attempt {
    /// Why it failed.
    pub(crate) fn explain(self, error: &io::Error) -> HandshakeError {
        let Some(tls) = of_rustls(error) else { return self.broken(error) };
        match tls {
            Error::InvalidCertificate(certificate) => self.certificate(certificate),
            Error::NoCertificatesPresented => HandshakeError::NoCertificate(self.peer.table()),
            Error::PeerIncompatible(incompatible) => {
                HandshakeError::Incompatible(self.incompatible(incompatible))
            }
            Error::AlertReceived(alert) => HandshakeError::Alert(alert_words(*alert)),
            Error::InvalidMessage(_) => match self.other_language() {
                Some(words) => HandshakeError::NotTls(words),
                None => HandshakeError::Other("the peer sent what TLS does not allow".to_owned()),
            },
            other => HandshakeError::Other(other.to_string()),
        }
    }

    fn broken(&self, error: &io::Error) -> HandshakeError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                if self.opening.bytes().is_empty() && matches!(self.peer, Peer::Caller(_)) {
                    HandshakeError::Silent
                } else {
                    HandshakeError::Closed
                }
            }
            _ => HandshakeError::Broken(error.to_string()),
        }
    }

    fn certificate(self, error: &CertificateError) -> HandshakeError {
        let reason = self.noted.reason.unwrap_or_else(|| Reason::Other(error.to_string()));
        let certificate = self.noted.certificate;
        HandshakeError::Certificate(Box::new(Refused { peer: self.peer, certificate, reason }))
    }

    /// What the peer speaks when it is not TLS.
    fn other_language(&self) -> Option<&'static str> {
        match (self.peer, self.opening.bytes()) {
            (_, [HANDSHAKE | ALERT, 3, ..]) => None,
            (Peer::Caller(_), [1..=7, 0, ..]) => {
                Some("it speaks DICOM without TLS, for which [dimse] listen is the port")
            }
            (Peer::Called(_), [1..=7, 0, ..]) => {
                Some("it answers in DICOM without TLS; is this its port for TLS?")
            }
            (_, [b'A'..=b'Z', b'A'..=b'Z', ..]) => Some("it speaks HTTP, or another language in letters"),
            _ => Some("its first bytes are none of TLS"),
        }
    }

    fn incompatible(&self, incompatible: &PeerIncompatible) -> String {
        // Of a caller that is old in all, rustls names what it looks at first.
        if self.old_version().is_some() {
            return self.versions();
        }
        if !self.suites.is_empty() && !self.suites.iter().any(|suite| is_offered(suite)) {
            return self.suites();
        }
        match incompatible {
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => self.versions(),
            PeerIncompatible::NoCipherSuitesInCommon => self.suites(),
            PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
                "no key exchange in common: this node takes X25519, P-256, P-384 and X25519MLKEM768"
                    .to_owned()
            }
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
                "no kind of signature in common: the peer takes none that the certificate's key can make"
                    .to_owned()
            }
            other => format!("the peer's TLS and ours do not fit: {other:?}"),
        }
    }

    /// The version that a peer's first message speaks of, when it is older than all of ours.
    fn old_version(&self) -> Option<&'static str> {
        match self.opening.bytes() {
            [HANDSHAKE, .., 3, 0] => Some("SSL 3.0"),
            [HANDSHAKE, .., 3, 1] => Some("TLS 1.0"),
            [HANDSHAKE, .., 3, 2] => Some("TLS 1.1"),
            _ => None,
        }
    }

    fn versions(&self) -> String {
        let offered = self.old_version().map_or("older ones".to_owned(), |version| format!("only {version}"));
        format!("no version of TLS in common: the peer offers {offered}, this node TLS 1.2 and 1.3")
    }

    fn suites(&self) -> String {
        let named: Vec<&str> = self.suites.iter().take(MAX_SUITES_NAMED).map(String::as_str).collect();
        let theirs = match self.suites.len().saturating_sub(named.len()) {
            _ if named.is_empty() => "none that is known".to_owned(),
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        };
        format!(
            "no cipher suite in common: the peer offers {theirs}; this node takes ECDHE with AES-GCM or \
             ChaCha20-Poly1305, for the kind of key that its certificate has"
        )
    }
}

/// What rustls says in an error of a stream.
pub(crate) fn of_rustls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What a peer's alert means.
pub(crate) fn alert_words(alert: AlertDescription) -> String {
    let meaning = match alert {
        AlertDescription::UnknownCA => "it does not trust who issued our certificate",
        AlertDescription::CertificateExpired => "it says that our certificate has expired",
        AlertDescription::CertificateRevoked => "it says that our certificate is revoked",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => "it does not accept our certificate",
        AlertDescription::CertificateRequired => {
            "it asks for a certificate and we presented none; set [dimse.tls] certificate and key"
        }
        AlertDescription::AccessDenied => "it does not let the holder of our certificate in",
        AlertDescription::ProtocolVersion => "it takes neither TLS 1.2 nor TLS 1.3",
        AlertDescription::HandshakeFailure => {
            "no cipher suite in common, or it asks for a certificate that we did not present"
        }
        AlertDescription::InsufficientSecurity => "it asks for stronger cipher suites",
        AlertDescription::UnrecognisedName => "it does not go by the name we called",
        AlertDescription::DecryptError => "a signature of ours did not convince it",
        _ => "it gave no reason that is known",
    };
    format!("{meaning} (alert {alert:?})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Table;

    fn attempt(peer: Peer, opening: &[u8]) -> Attempt {
        Attempt { peer, opening: Opening::of(opening), noted: Noted::default(), suites: Vec::new() }
    }

    fn said(error: Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn a_peer_that_speaks_something_else_is_told_apart_by_its_first_bytes() {
        let garbled = || said(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType));
        let plain =
            attempt(Peer::Caller(Table::Dimse), &[1, 0, 0, 0, 0, 200, 0, 1, 0, 0, b'A']).explain(&garbled());
        assert!(plain.to_string().contains("DICOM without TLS"), "{plain}");
        let browser = attempt(Peer::Caller(Table::Dimse), b"GET / HTTP/1").explain(&garbled());
        assert!(browser.to_string().contains("HTTP"), "{browser}");
        let noise = attempt(Peer::Caller(Table::Dimse), &[0xFF; 4]).explain(&garbled());
        assert!(matches!(noise, HandshakeError::NotTls(_)), "{noise}");
        let tls = attempt(Peer::Caller(Table::Dimse), &[HANDSHAKE, 3, 1]).explain(&garbled());
        assert!(matches!(tls, HandshakeError::Other(_)), "{tls}");
    }

    #[test]
    fn an_old_version_is_named() {
        let old = said(PeerIncompatible::Tls12NotOffered.into());
        let hello = [HANDSHAKE, 3, 1, 0, 99, 1, 0, 0, 95, 3, 1];
        let words = attempt(Peer::Caller(Table::Dimse), &hello).explain(&old).to_string();
        assert!(words.contains("only TLS 1.0"), "{words}");
    }

    #[test]
    fn the_suites_of_a_peer_are_named_up_to_a_bound() {
        for (count, more) in [(0, "none"), (8, "S7;"), (9, "and 1 more")] {
            let suites = (0..count).map(|number| format!("S{number}")).collect();
            let attempt = Attempt { suites, ..attempt(Peer::Caller(Table::Dimse), &[]) };
            let words = attempt.explain(&said(PeerIncompatible::NoCipherSuitesInCommon.into())).to_string();
            assert!(words.contains(more), "{words}");
        }
    }

    #[test]
    fn a_connection_closed_before_its_first_byte_is_no_attempt() {
        let end = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(attempt(Peer::Caller(Table::Dimse), &[]).explain(&end), HandshakeError::Silent);
        assert_eq!(
            attempt(Peer::Caller(Table::Dimse), &[HANDSHAKE, 3, 1]).explain(&end),
            HandshakeError::Closed
        );
        assert_eq!(attempt(Peer::Called(Table::Dimse), &[]).explain(&end), HandshakeError::Closed);
    }
}
