//! JSON Web Tokens as user identities (PS3.7 §D.3.3.7): the keys' file, and whose token it is.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use jsonwebtoken::jwk::JwkSet;

use super::jwt::{self, ALGORITHMS, Flaw, MAX_JWKS_BYTES, Rules};
use super::{Config, Wrong};

/// How far the issuer's clock may be off.
const LEEWAY_SECONDS: u32 = 60;

/// The keys, as they were when they were last looked at.
pub(super) struct Keys {
    config: Config,
    read: Option<(Stamp, JwkSet)>,
}

/// What changes when a file does.
type Stamp = (Option<SystemTime>, u64);

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
        let rules = Rules { issuer, audience, algorithms: &ALGORITHMS, leeway_seconds: LEEWAY_SECONDS };
        let keys = kept(&mut self.read, file)?;
        let claims = jwt::verify(token, keys, rules, now_seconds)?;
        if claims.sub == user { Ok(()) } else { Err(Wrong::Subject) }
    }
}

impl From<Flaw> for Wrong {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Token => Self::Token,
            Flaw::UnknownKey => Self::UnknownKey,
            Flaw::Issuer => Self::Issuer,
            Flaw::Time => Self::Time,
        }
    }
}

/// The keys of `file`, read when it changed.
fn kept<'a>(kept: &'a mut Option<(Stamp, JwkSet)>, file: &Path) -> Result<&'a JwkSet, Wrong> {
    let meta = fs::metadata(file).map_err(|_| Wrong::Keys)?;
    let stamp = (meta.modified().ok(), meta.len());
    if kept.as_ref().is_none_or(|(before, _)| *before != stamp) {
        let text = read(file).map_err(|_| Wrong::Keys)?;
        *kept = Some((stamp, jwt::key_set(&text).ok_or(Wrong::Keys)?));
    }
    kept.as_ref().map(|(_, keys)| keys).ok_or(Wrong::Keys)
}

/// The text of a file with keys, as far as a set of them may be long.
pub(super) fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(file)?.take(MAX_JWKS_BYTES as u64).read_to_end(&mut text)?;
    Ok(text)
}
