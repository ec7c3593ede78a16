//! Bearer tokens of an identity provider (OpenID Connect Core 1.0, RFC 6750, RFC 9068): the node as resource server.
//!
//! Lives here: whether a token is believed (`jwt` holds it against the keys), which keys those are (`keys`), and what
//! its bearer may do (`claims`, pure). Never here: HTTP; keys are fetched through [`Fetch`], which a door provides.

mod claims;
mod config;
mod keys;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use causeway_core::{Clock, Principal};

pub use config::{Algorithms, Config, ConfigError};
pub use keys::{KeysReport, KeysState};

use self::keys::Keys;
use super::jwt::{self, Claims, Flaw, Rules};
use crate::Archive;

/// Longest bearer token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What comes of fetching.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;

/// Why something could not be fetched, for our administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// The seam to HTTP: who fetches a document, without the archive knowing how.
pub trait Fetch: Send + Sync + 'static {
    /// The body of `url`, which is https or on this machine; an error when it has more than `max_bytes`, is no 200, or
    /// takes too long. Redirects are not followed.
    fn fetch<'a>(&'a self, url: &'a str, max_bytes: usize) -> Fetching<'a>;
}

/// Why a bearer token is not believed. The words are for whoever shows it: they tell nothing of our settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// It is none of ours, and no identity provider is set.
    #[error("the token is not known here")]
    Unknown,
    /// It is longer than any that is looked at.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// It is no token, is signed wrongly, or lacks what must be in it.
    #[error("the token is malformed, its signature is wrong, or exp, iss, aud or sub is missing")]
    Malformed,
    /// No key fits it.
    #[error("the token is signed with no key and algorithm that are believed here")]
    UnknownKey,
    /// It comes from another issuer or is meant for another audience.
    #[error("the token was issued by someone else or for something else")]
    Elsewhere,
    /// It is no longer valid, or not yet.
    #[error("the token has expired or is not valid yet")]
    Time,
    /// No key of its issuer is known yet.
    #[error("the keys of the token's issuer cannot be had at the moment")]
    NoKeys,
}

impl From<Flaw> for BearerError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Token => Self::Malformed,
            Flaw::UnknownKey => Self::UnknownKey,
            Flaw::Issuer => Self::Elsewhere,
            Flaw::Time => Self::Time,
        }
    }
}

/// An identity provider whose tokens are believed. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provider").field(&self.inner.config.issuer).finish()
    }
}

impl Provider {
    /// A provider whose keys are not known yet.
    #[must_use]
    pub fn new(config: Config, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        let keys = Arc::new(Keys::new(config.clone(), fetch, Arc::clone(&clock)));
        Self { inner: Arc::new(Inner { config, keys, clock }) }
    }

    /// Whose token this is. One that names a key that is not known has the keys fetched, if that was not done just now.
    pub(crate) async fn bearer(&self, token: &str) -> Result<Principal, BearerError> {
        let keys = &self.inner.keys;
        let found = match self.verify(token) {
            Err(BearerError::UnknownKey | BearerError::NoKeys) if keys.renew().await => self.verify(token),
            found => found,
        };
        Ok(claims::principal(&self.inner.config, &found?))
    }

    fn verify(&self, token: &str) -> Result<Claims, BearerError> {
        let keys = self.inner.keys.known().ok_or(BearerError::NoKeys)?;
        let config = &self.inner.config;
        let rules = Rules {
            issuer: &config.issuer,
            audience: &config.audience,
            algorithms: config.algorithms.as_slice(),
            leeway_seconds: config.leeway_seconds,
        };
        Ok(jwt::verify(token.as_bytes(), &keys, rules, self.inner.clock.now().as_second())?)
    }

    /// Fetches the keys now and again until `shutdown` completes.
    async fn keep_keys_until(&self, shutdown: impl Future<Output = ()>) {
        let keys = &self.inner.keys;
        let config = &self.inner.config;
        tokio::pin!(shutdown);
        loop {
            // A fetch that the end breaks off leaves the keys as they were.
            let seconds = tokio::select! {
                _ = keys.renew() => if keys.is_fresh() { config.refresh_seconds } else { config.retry_seconds },
                () = &mut shutdown => return,
            };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(u64::from(seconds.max(1)))) => {}
                () = &mut shutdown => return,
            }
        }
    }
}

impl Archive {
    /// Whose bearer token this is: one of ours, or one of the identity provider's.
    ///
    /// # Errors
    /// Says to its bearer why it is not believed.
    pub async fn bearer(&self, token: &str) -> Result<Principal, BearerError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(BearerError::TooLong);
        }
        if let Some(principal) = self.inner.tokens.find(token) {
            return Ok(principal);
        }
        if let Some(principal) = self.link_bearer(token) {
            return Ok(principal);
        }
        match &self.inner.config.provider {
            Some(provider) => provider.bearer(token).await,
            None => Err(BearerError::Unknown),
        }
    }

    /// Whether any bearer token could be good here: a web listener away from the loopback address needs that.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.has_tokens() || !self.inner.links.is_empty() || self.inner.config.provider.is_some()
    }

    /// Keeps the keys of the identity provider fresh until `shutdown` completes; without a provider it only waits. One
    /// such task runs per node.
    pub async fn keep_keys_until(&self, shutdown: impl Future<Output = ()>) {
        match &self.inner.config.provider {
            Some(provider) => provider.keep_keys_until(shutdown).await,
            None => shutdown.await,
        }
    }

    /// How it stands with the keys of the identity provider, where there is one.
    #[must_use]
    pub fn provider_keys(&self) -> Option<KeysReport> {
        self.inner.config.provider.as_ref().map(|provider| provider.inner.keys.report())
    }
}
