//! Holding what a caller says of itself against the identity that its remote must show (PS3.7 §D.3.3.7).
//!
//! Lives here: the examiner, a thread of its own, since a hash that is hard to guess is slow to make; one file per
//! proof, and how often an address may be wrong; beside them `oidc`, the web's tokens of an identity provider, which
//! are signed like those of DIMSE (`jwt`). Never here: which remote a caller is. Secrets are compared in constant time
//! and get into no log line and no error.

pub(crate) mod attempts;
mod jwt;
pub mod oidc;
pub(crate) mod passcode;
mod token;

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use causeway_core::Clock;
use causeway_core::identity::{Identity, Proof};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

pub use passcode::{HashError, hash};
use token::Keys;

/// Examinations that may wait; one takes some 30 ms at most.
const MAX_WAITING: usize = 32;

/// `[dimse.identity]`: whose JSON Web Tokens are believed. All three belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who must have issued a token (`iss`, RFC 7519 §4.1.1).
    pub issuer: Option<String>,
    /// For whom it must be meant (`aud`, RFC 7519 §4.1.3).
    pub audience: Option<String>,
    /// File with the issuer's public keys as JSON Web Key Set (RFC 7517); read again when it changes.
    pub jwks_file: Option<PathBuf>,
}

/// Settings of which one goes without the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("[dimse.identity] needs issuer, audience and jwks_file together")]
pub struct ConfigError;

impl Config {
    /// Refuses a part of the settings.
    ///
    /// # Errors
    /// When some are given and some are not.
    pub const fn check(&self) -> Result<(), ConfigError> {
        match (&self.issuer, &self.audience, &self.jwks_file) {
            (None, None, None) | (Some(_), Some(_), Some(_)) => Ok(()),
            _ => Err(ConfigError),
        }
    }
}

/// What a caller says of itself.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Offered {
    /// Nothing.
    #[default]
    Nothing,
    /// A username.
    Name(Vec<u8>),
    /// A username and a passcode.
    Passcode {
        /// The username.
        user: Vec<u8>,
        /// The passcode.
        passcode: Vec<u8>,
    },
    /// A JSON Web Token.
    Token(Vec<u8>),
    /// Something else, by its type: 3 is Kerberos, 4 SAML.
    Other(u8),
}

impl Offered {
    /// What it is, for people.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "no identity",
            Self::Name(_) => "a username",
            Self::Passcode { .. } => "username and passcode",
            Self::Token(_) => "a JSON Web Token",
            Self::Other(3) => "a Kerberos ticket, which is not supported",
            Self::Other(4) => "a SAML assertion, which is not supported",
            Self::Other(_) => "an identity of a type that the standard does not have",
        }
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What became of an identity that is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identified {
    /// All that was offered was looked at, and is right.
    Confirmed,
    /// Nothing was offered, or something of what was offered was not looked at.
    #[default]
    NotLookedAt,
}

/// Why an identity is not good enough; the words are for our administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Something else must be offered.
    #[error("that is not what is asked for")]
    Kind,
    /// Another name than the remote's.
    #[error("the username is another")]
    Name,
    /// Username or passcode is wrong; which of both is not told.
    #[error("username or passcode is wrong")]
    Passcode,
    /// The hash that is kept cannot be used.
    #[error("the hash kept of its passcode cannot be used; set the passcode anew")]
    Hash,
    /// No keys are set.
    #[error("no tokens are believed here; set issuer, audience and jwks_file of [dimse.identity]")]
    NoKeys,
    /// The keys cannot be read.
    #[error("[dimse.identity] jwks_file cannot be read")]
    Keys,
    /// No key fits the token.
    #[error("the token is signed with no key of [dimse.identity] jwks_file")]
    UnknownKey,
    /// It is no token, is signed wrongly, or lacks what must be in it.
    #[error("the token is malformed, its signature is wrong, or exp, iss, aud or sub is missing")]
    Token,
    /// It comes from another issuer or is meant for another audience.
    #[error("the token has another issuer or audience than [dimse.identity] has")]
    Issuer,
    /// It is no longer valid, or not yet.
    #[error("the token has expired or is not valid yet")]
    Time,
    /// Its subject is another.
    #[error("the subject of the token is another")]
    Subject,
    /// Too many are being examined.
    #[error("too many identities wait to be examined")]
    Busy,
}

impl Wrong {
    /// Whether it may be one of many tries; whoever shows nothing of what is asked for tries nothing.
    pub(crate) const fn is_a_guess(self) -> bool {
        match self {
            Self::Name
            | Self::Passcode
            | Self::UnknownKey
            | Self::Token
            | Self::Issuer
            | Self::Time
            | Self::Subject => true,
            Self::Kind | Self::Hash | Self::NoKeys | Self::Keys | Self::Busy => false,
        }
    }
}

/// The thread that examines; there is none before the first identity.
pub(crate) struct Examiner {
    config: Config,
    clock: Arc<dyn Clock>,
    jobs: OnceLock<SyncSender<Job>>,
}

struct Job {
    identity: Identity,
    offered: Offered,
    now_seconds: i64,
    answer: oneshot::Sender<Result<Identified, Wrong>>,
}

impl Examiner {
    /// Nothing runs yet.
    pub(crate) const fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, jobs: OnceLock::new() }
    }

    /// The way to the thread.
    fn jobs(&self) -> &SyncSender<Job> {
        self.jobs.get_or_init(|| {
            let (jobs, receiver) = sync_channel(MAX_WAITING);
            let keys = Keys::new(self.config.clone());
            let started =
                thread::Builder::new().name("identity".to_owned()).spawn(move || work(&receiver, keys));
            if let Err(error) = started {
                tracing::error!(%error, "no identity can be examined until the node is started again");
            }
            jobs
        })
    }

    /// Whether `offered` shows `identity`.
    pub(crate) async fn examine(&self, identity: &Identity, offered: Offered) -> Result<Identified, Wrong> {
        let (answer, answered) = oneshot::channel();
        let now_seconds = self.clock.now().as_second();
        let job = Job { identity: identity.clone(), offered, now_seconds, answer };
        match self.jobs().try_send(job) {
            Ok(()) => answered.await.unwrap_or(Err(Wrong::Busy)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Wrong::Busy),
        }
    }
}

/// Examines one after another until the examiner is gone. Whoever went away meanwhile is not examined.
fn work(jobs: &Receiver<Job>, mut keys: Keys) {
    while let Ok(job) = jobs.recv() {
        if !job.answer.is_closed() {
            let found = compare(&mut keys, &job.identity, &job.offered, job.now_seconds);
            let _ = job.answer.send(found);
        }
    }
}

fn compare(
    keys: &mut Keys,
    identity: &Identity,
    offered: &Offered,
    now_seconds: i64,
) -> Result<Identified, Wrong> {
    let is_user = |name: &[u8]| bool::from(identity.user.as_str().as_bytes().ct_eq(name));
    match (&identity.proof, offered) {
        (Proof::Name, Offered::Name(user)) if is_user(user) => Ok(Identified::Confirmed),
        // There is nothing to hold the passcode against.
        (Proof::Name, Offered::Passcode { user, .. }) if is_user(user) => Ok(Identified::NotLookedAt),
        (Proof::Name, Offered::Name(_) | Offered::Passcode { .. }) => Err(Wrong::Name),
        (Proof::Passcode(hash), Offered::Passcode { user, passcode }) => {
            // Both are looked at, so that the time does not tell which is wrong.
            let (right_user, right_passcode) = (is_user(user), passcode::verify(hash, passcode)?);
            if right_user & right_passcode { Ok(Identified::Confirmed) } else { Err(Wrong::Passcode) }
        }
        (Proof::Token, Offered::Token(token)) => {
            keys.verify(token, identity.user.as_str(), now_seconds)?;
            Ok(Identified::Confirmed)
        }
        (
            Proof::Name | Proof::Passcode(_) | Proof::Token,
            Offered::Nothing
            | Offered::Name(_)
            | Offered::Passcode { .. }
            | Offered::Token(_)
            | Offered::Other(_),
        ) => Err(Wrong::Kind),
    }
}

#[cfg(test)]
mod tests;
