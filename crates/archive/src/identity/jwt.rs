//! JSON Web Tokens (RFC 7519), held against the keys of a JSON Web Key Set (RFC 7517): pure.
//!
//! The algorithms are settled here, whatever a token says: signatures with public keys alone (RFC 8725 §3.1). Both who
//! calls over DIMSE and who calls over the web is judged by this file.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a token may be signed with.
pub(crate) const ALGORITHMS: [Algorithm; 9] = [
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
/// Largest set of keys that is read.
pub(crate) const MAX_JWKS_BYTES: usize = 1024 * 1024;
/// Most keys of a set that are looked at.
const MAX_KEYS: usize = 100;
/// What a token may call itself (RFC 7519 §5.1, RFC 9068 §2.1). Others, such as a notice of a logout, are signed by the
/// same keys and are meant for something else.
const TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// What a token is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// Who must have issued it.
    pub(crate) issuer: &'a str,
    /// For whom it must be meant.
    pub(crate) audience: &'a str,
    /// What it may be signed with: some of [`ALGORITHMS`].
    pub(crate) algorithms: &'a [Algorithm],
    /// How far the issuer's clock may be off.
    pub(crate) leeway_seconds: u32,
}

/// What a token says that is believed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claims {
    /// Whom it is about.
    pub(crate) sub: String,
    // Only a text: a list of issuers says that one of several may have issued it.
    iss: String,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    /// Whatever else it says.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is no token, is signed wrongly, or lacks what must be in it.
    Token,
    /// No key fits it.
    UnknownKey,
    /// It comes from another issuer or is meant for another audience.
    Issuer,
    /// It is no longer valid, or not yet.
    Time,
}

/// What `token` says, if it is signed with one of `keys` and meant for us today.
pub(crate) fn verify(
    token: &[u8],
    keys: &JwkSet,
    rules: Rules<'_>,
    now_seconds: i64,
) -> Result<Claims, Flaw> {
    let header = decode_header(token).map_err(|_| Flaw::Token)?;
    if !is_understood(&header) {
        return Err(Flaw::Token);
    }
    let id = header.kid.as_deref();
    if !(ALGORITHMS.contains(&header.alg) && rules.algorithms.contains(&header.alg)) {
        return Err(Flaw::UnknownKey);
    }
    let key = choose(keys, id, header.alg).ok_or(Flaw::UnknownKey)?;
    let claims = decode::<Claims>(token, &key, &validation(rules, header.alg));
    let claims = claims.map_err(|error| match error.kind() {
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => Flaw::Issuer,
        // Nothing but the signature says which key was meant, so that it may be one that is not known yet.
        ErrorKind::InvalidSignature if id.is_none() => Flaw::UnknownKey,
        _ => Flaw::Token,
    })?;
    let claims = claims.claims;
    if claims.iss != rules.issuer {
        return Err(Flaw::Issuer);
    }
    // Exact up to the year 285,000,000.
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age fit the mantissa")]
    let now = now_seconds as f64;
    let leeway = f64::from(rules.leeway_seconds);
    let is_valid = now < claims.exp + leeway && claims.nbf.is_none_or(|nbf| now + leeway >= nbf);
    if is_valid { Ok(claims) } else { Err(Flaw::Time) }
}

/// Nothing in the header asks for what is not done here (RFC 7515 §4.1.11), and the token is of a kind that lets in.
fn is_understood(header: &Header) -> bool {
    let kind = header.typ.as_deref().is_none_or(|kind| TYPES.contains(&kind.to_ascii_lowercase().as_str()));
    kind && header.crit.is_none() && header.enc.is_none() && header.zip.is_none()
}

fn validation(rules: Rules<'_>, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[rules.issuer]);
    validation.set_audience(&[rules.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library would ask the system's clock; the times are looked at by `verify`.
    validation.validate_exp = false;
    validation
}

/// The keys of a set that can be used: public ones. One that is of no known kind does not spoil the others (RFC 7517
/// §5). `None`: it is no set.
pub(crate) fn key_set(text: &[u8]) -> Option<JwkSet> {
    #[derive(Deserialize)]
    struct Raw {
        keys: Vec<Value>,
    }
    let Raw { keys } = serde_json::from_slice(text).ok()?;
    let keys = keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    Some(JwkSet { keys: keys.filter(is_public).collect() })
}

fn is_public(key: &Jwk) -> bool {
    matches!(
        key.algorithm,
        AlgorithmParameters::RSA(_)
            | AlgorithmParameters::EllipticCurve(_)
            | AlgorithmParameters::OctetKeyPair(_)
    )
}

/// The key that a token says it was signed with, when it is one for `algorithm`; a token that names none is held
/// against the only key there is.
fn choose(keys: &JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = |key: &&Jwk| {
        let signs = key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        let named = key.common.key_algorithm.is_none_or(|it| it == KeyAlgorithm::from(algorithm));
        signs && named
    };
    let key = match id {
        Some(id) => keys.keys.iter().filter(|key| key.common.key_id.as_deref() == Some(id)).find(fits)?,
        None => {
            let mut all = keys.keys.iter().filter(fits);
            let only = all.next()?;
            if all.next().is_some() {
                return None;
            }
            only
        }
    };
    // A key of another kind than the algorithm's is refused when the signature is looked at.
    DecodingKey::from_jwk(key).ok()
}
