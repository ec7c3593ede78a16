//! Whom we believe to be who he says: the verifiers of a handshake, around those of rustls.
//!
//! Each handshake has verifiers of its own, which note what was presented and what was wrong with it: rustls tells
//! the peer, these tell us. Whatever is believed of a certificate, the peer always has to prove that it holds the
//! key, by a signature over the handshake.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_core::Fingerprint;
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::certificate::{Certificate, Unreadable, fingerprint};
use crate::refusal::Reason;
use crate::suites::provider;

/// What a verifier noted of its handshake.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

/// What was presented, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    pub(crate) certificate: Option<Certificate>,
    pub(crate) reason: Option<Reason>,
}

impl Notes {
    pub(crate) fn read(&self) -> Noted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn presented(&self, der: &[u8]) -> Result<Certificate, Unreadable> {
        let certificate = Certificate::of(der);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).certificate = certificate.clone().ok();
        certificate
    }

    fn refused(&self, reason: Reason) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reason = Some(reason);
    }

    /// Sorts a refusal by rustls, notes it, and hands it on.
    fn sorted<T>(&self, verdict: Result<T, Error>, called: Option<&ServerName<'_>>) -> Result<T, Error> {
        if let Err(Error::InvalidCertificate(error)) = &verdict {
            let certificate = self.read().certificate;
            self.refused(sort(error, certificate.as_ref(), called));
        }
        verdict
    }
}

/// What `error` says of `certificate`.
fn sort(
    error: &CertificateError,
    certificate: Option<&Certificate>,
    called: Option<&ServerName<'_>>,
) -> Reason {
    let Some(certificate) = certificate else { return Reason::Unreadable };
    if !certificate.is_version_3 {
        return Reason::OldVersion;
    }
    let at_end = |time: UnixTime| seconds(time).is_some_and(|time| time == certificate.not_after);
    let at_start = |time: UnixTime| seconds(time).is_some_and(|time| time == certificate.not_before);
    match error {
        CertificateError::ExpiredContext { not_after, .. } if !at_end(*not_after) => Reason::ChainOutOfTime,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::Expired,
        CertificateError::NotValidYetContext { not_before, .. } if !at_start(*not_before) => {
            Reason::ChainOutOfTime
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Reason::NotYetValid,
        CertificateError::UnknownIssuer if certificate.is_self_issued() => Reason::SelfSigned,
        CertificateError::UnknownIssuer => Reason::UnknownIssuer,
        CertificateError::BadSignature => Reason::OtherIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Reason::Name { expected: called.map(|name| name.to_str().into_owned()).unwrap_or_default() }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Reason::Purpose,
        CertificateError::Revoked => Reason::Revoked,
        CertificateError::BadEncoding => Reason::Unreadable,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Reason::Algorithm,
        CertificateError::Other(_) if certificate.is_ca => Reason::IsCa,
        other => Reason::Other(other.to_string()),
    }
}

fn seconds(time: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()
}

/// Refuses a certificate out of its time, as rustls would.
fn in_time(certificate: &Certificate, now: UnixTime) -> Result<(), CertificateError> {
    let now = seconds(now).ok_or(CertificateError::Expired)?;
    if now > certificate.not_after {
        Err(CertificateError::Expired)
    } else if now < certificate.not_before {
        Err(CertificateError::NotValidYet)
    } else {
        Ok(())
    }
}

/// The signature by which a peer proves that it holds the key of its certificate.
#[derive(Clone, Copy)]
struct Proof(WebPkiSupportedAlgorithms);

impl Proof {
    fn new() -> Self {
        Self(provider().signature_verification_algorithms)
    }

    fn tls12(
        self,
        notes: &Notes,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        noted(notes, verify_tls12_signature(message, certificate, signature, &self.0))
    }

    fn tls13(
        self,
        notes: &Notes,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        noted(notes, verify_tls13_signature(message, certificate, signature, &self.0))
    }
}

fn noted(
    notes: &Notes,
    verdict: Result<HandshakeSignatureValid, Error>,
) -> Result<HandshakeSignatureValid, Error> {
    match &verdict {
        Err(Error::InvalidCertificate(CertificateError::BadSignature)) => notes.refused(Reason::Key),
        Err(Error::InvalidCertificate(_)) => notes.refused(Reason::Algorithm),
        _ => {}
    }
    verdict
}

/// Whether a caller may go without a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    Required,
    Requested,
}

/// Judges the certificates of callers.
pub(crate) struct OfCallers {
    /// Judges by CAs. None: any certificate within its time passes, and the remotes' lists of certificates decide
    /// what it is worth.
    pub(crate) authorities: Option<Arc<dyn ClientCertVerifier>>,
    pub(crate) demand: Demand,
    pub(crate) notes: Notes,
}

impl fmt::Debug for OfCallers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfCallers").field("demand", &self.demand).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for OfCallers {
    fn client_auth_mandatory(&self) -> bool {
        self.demand == Demand::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.as_ref().map_or(&[], |authorities| authorities.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let presented = self.notes.presented(end_entity);
        let verdict = match &self.authorities {
            Some(authorities) => authorities.verify_client_cert(end_entity, intermediates, now),
            None => presented
                .map_err(|Unreadable| CertificateError::BadEncoding.into())
                .and_then(|certificate| in_time(&certificate, now).map_err(Error::from))
                .and_then(|()| ParsedCertificate::try_from(end_entity).map(|_| ()))
                .map(|()| ClientCertVerified::assertion()),
        };
        self.notes.sorted(verdict, None)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Proof::new().tls12(&self.notes, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Proof::new().tls13(&self.notes, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Proof::new().0.supported_schemes()
    }
}

/// By what the certificate of a peer that we call is judged.
#[derive(Clone)]
pub(crate) enum Standard {
    /// By who issued it, and the name we call.
    Authorities(Arc<dyn ServerCertVerifier>),
    /// By its fingerprint alone, within its time.
    Pinned(Vec<Fingerprint>),
}

/// Judges the certificate of a peer that we call.
pub(crate) struct OfCalled {
    pub(crate) standard: Standard,
    pub(crate) notes: Notes,
}

impl fmt::Debug for OfCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfCalled").finish_non_exhaustive()
    }
}

impl OfCalled {
    fn pinned(
        &self,
        pins: &[Fingerprint],
        presented: Result<Certificate, Unreadable>,
        end_entity: &CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !pins.contains(&fingerprint(end_entity)) {
            self.notes.refused(Reason::NotPinned);
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let certificate = presented.map_err(|Unreadable| CertificateError::BadEncoding);
        let verdict = certificate.and_then(|certificate| in_time(&certificate, now)).map_err(Error::from);
        self.notes.sorted(verdict.map(|()| ServerCertVerified::assertion()), None)
    }
}

impl ServerCertVerifier for OfCalled {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = self.notes.presented(end_entity);
        match &self.standard {
            Standard::Pinned(pins) => self.pinned(pins, presented, end_entity, now),
            Standard::Authorities(authorities) => {
                let verdict = authorities.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
                self.notes.sorted(verdict, Some(server_name))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Proof::new().tls12(&self.notes, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Proof::new().tls13(&self.notes, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Proof::new().0.supported_schemes()
    }
}
