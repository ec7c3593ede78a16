//! The provider's keys: found, fetched within bounds, kept through failures, and never fetched more often than set.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use causeway_core::Clock;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::config::is_secure;
use super::{Config, Fetch, FetchError};
use crate::identity::jwt::{MAX_JWKS_BYTES, key_set};
use crate::identity::token;

/// Largest discovery document that is read.
const MAX_DISCOVERY_BYTES: usize = 256 * 1024;
/// Where it is, below the issuer (OpenID Connect Discovery 1.0 §4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// How it stands with the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysState {
    /// They are known and were had when they were last asked for.
    Fresh,
    /// They are known, and could not be had when they were last asked for.
    Kept,
    /// None are known: no token can be believed.
    Unknown,
}

/// How it stands with the keys, for our administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysReport {
    /// Whose they are.
    pub issuer: String,
    /// In one word.
    pub state: KeysState,
    /// How many there are.
    pub count: usize,
    /// Since when they are known.
    pub fetched_at: Option<Timestamp>,
    /// Why they could not be had when they were last asked for.
    pub because: Option<String>,
}

pub(super) struct Keys {
    config: Config,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
    /// When keys were last asked for; held while they are, so that one asks for all who wait.
    asked_at: Mutex<Option<Timestamp>>,
}

#[derive(Default)]
struct Known {
    keys: Option<(Arc<JwkSet>, Timestamp)>,
    because: Option<String>,
}

impl Keys {
    pub(super) fn new(config: Config, fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self { config, fetch, clock, known: RwLock::default(), asked_at: Mutex::default() }
    }

    /// The keys, if there are any.
    pub(super) fn known(&self) -> Option<Arc<JwkSet>> {
        self.look(|known| known.keys.as_ref().map(|(keys, _)| Arc::clone(keys)))
    }

    /// Whether they were had when they were last asked for.
    pub(super) fn is_fresh(&self) -> bool {
        self.look(|known| known.keys.is_some() && known.because.is_none())
    }

    pub(super) fn report(&self) -> KeysReport {
        self.look(|known| KeysReport {
            issuer: self.config.issuer.clone(),
            state: match (&known.keys, &known.because) {
                (None, _) => KeysState::Unknown,
                (Some(_), None) => KeysState::Fresh,
                (Some(_), Some(_)) => KeysState::Kept,
            },
            count: known.keys.as_ref().map_or(0, |(keys, _)| keys.keys.len()),
            fetched_at: known.keys.as_ref().map(|(_, at)| *at),
            because: known.because.clone(),
        })
    }

    fn look<T>(&self, at: impl FnOnce(&Known) -> T) -> T {
        at(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for the keys, unless that was done within `retry_seconds`. Says whether it is worth looking again: they
    /// came, or someone else asked while we waited.
    pub(super) async fn renew(self: &Arc<Self>) -> bool {
        let keys = Arc::clone(self);
        // A task of its own: a caller who hangs up takes nobody else's keys away.
        let asked = tokio::spawn(async move { keys.ask().await });
        asked.await.unwrap_or(false)
    }

    async fn ask(&self) -> bool {
        let waited_for = self.asked_at.try_lock().is_err();
        let mut asked_at = self.asked_at.lock().await;
        let now = self.clock.now();
        let is_due = asked_at.is_none_or(|at| is_due(at, now, self.config.retry_seconds));
        if !is_due {
            return waited_for;
        }
        *asked_at = Some(now);
        let got = self.get().await;
        self.take(got, now)
    }

    fn take(&self, got: Result<JwkSet, FetchError>, now: Timestamp) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match got {
            Ok(keys) => {
                if known.because.take().is_some() || known.keys.is_none() {
                    tracing::info!(keys = keys.keys.len(), "the keys of the identity provider are known");
                }
                known.keys = Some((Arc::new(keys), now));
                true
            }
            Err(FetchError(words)) => {
                if known.because.as_ref() != Some(&words) {
                    let has_keys = known.keys.is_some();
                    tracing::warn!(
                        error = words,
                        has_keys,
                        "the keys of the identity provider cannot be had; those that are known stay in force"
                    );
                }
                known.because = Some(words);
                false
            }
        }
    }

    async fn get(&self) -> Result<JwkSet, FetchError> {
        let text = match (&self.config.jwks_file, &self.config.jwks_url) {
            (Some(file), _) => read(file)?,
            (None, Some(url)) => self.fetch.fetch(url, MAX_JWKS_BYTES).await?,
            (None, None) => self.fetch.fetch(&self.discover().await?, MAX_JWKS_BYTES).await?,
        };
        let keys = key_set(&text).ok_or_else(|| FetchError("what came is no JSON Web Key Set".to_owned()))?;
        if keys.keys.is_empty() {
            return Err(FetchError("the JSON Web Key Set has no public key".to_owned()));
        }
        Ok(keys)
    }

    /// Where the issuer says its keys are.
    async fn discover(&self) -> Result<String, FetchError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }
        let issuer = &self.config.issuer;
        let url = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
        let text = self.fetch.fetch(&url, MAX_DISCOVERY_BYTES).await?;
        let document: Document = serde_json::from_slice(&text).map_err(|_| {
            FetchError("what came is no discovery document with issuer and jwks_uri".to_owned())
        })?;
        if document.issuer != *issuer {
            let words =
                format!("the discovery document is that of {:?}; set [auth.oidc] issuer so", document.issuer);
            return Err(FetchError(words));
        }
        if !is_secure(&document.jwks_uri) {
            return Err(FetchError(
                "the discovery document names keys that are not at an https URL".to_owned(),
            ));
        }
        Ok(document.jwks_uri)
    }
}

/// A small local file, and at most once in `retry_seconds`: no thread is worth it.
fn read(file: &Path) -> Result<Vec<u8>, FetchError> {
    token::read(file).map_err(|error| FetchError(format!("[auth.oidc] jwks_file cannot be read: {error}")))
}

/// Whether `now` is `seconds` after `then`, or before it: a clock that was put back does not put this off.
fn is_due(then: Timestamp, now: Timestamp, seconds: u32) -> bool {
    let passed = now.as_second() - then.as_second();
    passed < 0 || passed >= i64::from(seconds)
}
