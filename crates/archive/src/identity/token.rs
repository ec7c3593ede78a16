//! JSON Web Tokens (RFC 7519), held against the keys of a JSON Web Key Set (RFC 7517).
//!
//! The algorithms are settled here, whatever a token says: signatures with public keys alone.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::{Config, Wrong};

/// What a token may be signed with.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the issuer's clock may be off.
const LEEWAY_SECONDS: f64 = 60.0;
/// Largest set of keys that is read.
const MAX_JWKS_BYTES: u64 = 1024 * 1024;

/// The keys, as they were when they were last looked at.
pub(super) struct Keys {
    config: Config,
    read: Option<(Stamp, JwkSet)>,
}

/// What changes when a file does.
type Stamp = (Option<SystemTime>, u64);

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

impl Keys {
    pub(super) const fn new(config: Config) -> Self {
        Self { config, read: None }
    }

    /// Whether `token` says, today and to us, that its bearer is `user`.
    pub(super) fn verify(&mut self, token: &[u8], user: &str, now_seconds: i64) -> Result<(), Wrong> {
        let Config { issuer: Some(issuer), audience: Some(audience), jwks_file: Some(file) } = &self.config
        else {
            return Err(Wrong::NoKeys);
        };
        let mut validation = Validation::default();
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would ask the system's clock; the times are looked at below.
        validation.validate_exp = false;
        let header = decode_header(token).map_err(|_| Wrong::Token)?;
        let keys = read(&mut self.read, file)?;
        let key = choose(keys, header.kid.as_deref(), header.alg).ok_or(Wrong::UnknownKey)?;
        validation.algorithms = vec![header.alg];
        let claims = decode::<Claims>(token, &key, &validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => Wrong::Issuer,
            _ => Wrong::Token,
        })?;
        let Claims { sub, exp, nbf } = claims.claims;
        // Exact up to the year 285,000,000.
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age fit the mantissa")]
        let now = now_seconds as f64;
        let is_valid = now < exp + LEEWAY_SECONDS && nbf.is_none_or(|nbf| now + LEEWAY_SECONDS >= nbf);
        match (is_valid, sub == user) {
            (false, _) => Err(Wrong::Time),
            (true, false) => Err(Wrong::Subject),
            (true, true) => Ok(()),
        }
    }
}

/// The keys of `file`, read when it changed.
fn read<'a>(kept: &'a mut Option<(Stamp, JwkSet)>, file: &Path) -> Result<&'a JwkSet, Wrong> {
    let meta = fs::metadata(file).map_err(|_| Wrong::Keys)?;
    let stamp = (meta.modified().ok(), meta.len());
    if kept.as_ref().is_none_or(|(before, _)| *before != stamp) {
        let mut text = String::new();
        let opened = fs::File::open(file).map_err(|_| Wrong::Keys)?;
        opened.take(MAX_JWKS_BYTES).read_to_string(&mut text).map_err(|_| Wrong::Keys)?;
        *kept = Some((stamp, serde_json::from_str(&text).map_err(|_| Wrong::Keys)?));
    }
    kept.as_ref().map(|(_, keys)| keys).ok_or(Wrong::Keys)
}

/// The key that a token says it was signed with, when it is one for `algorithm`; a token that names none is held
/// against the only key there is.
fn choose(keys: &JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    if !ALGORITHMS.contains(&algorithm) {
        return None;
    }
    let key = match (id, keys.keys.as_slice()) {
        (Some(id), _) => keys.find(id)?,
        (None, [only]) => only,
        (None, _) => return None,
    };
    let fits = |key: &Jwk| {
        let signs = key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        let named = key.common.key_algorithm.is_none_or(|it| it == KeyAlgorithm::from(algorithm));
        signs && named
    };
    // A key of another kind than the algorithm's is refused when the signature is looked at.
    if fits(key) { DecodingKey::from_jwk(key).ok() } else { None }
}
