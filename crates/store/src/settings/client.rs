//! How patient a client is, and whom it trusts.

use std::path::PathBuf;
use std::time::Duration;

use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};

use super::address::Endpoint;
use super::{Settings, SettingsError};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a store that is read from may say nothing. An answer may take as long as whoever reads it.
const SILENCE: Duration = Duration::from_secs(30);
/// How long one request of an upload may take, whatever its length: a bound behind the one that goes by the length.
const LONGEST_UPLOAD: Duration = Duration::from_secs(900);
/// After a failure of the network or the server a request is tried again so often, with these pauses. More than that is for
/// whoever asked: someone who waits is told, and what settles is tried again anyway.
const RETRIES: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After so long nothing is tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(20);

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// What is read streams at the pace of whoever reads.
    Reading,
    /// Nothing is heard while a request of an upload goes out.
    Writing,
}

/// What all kinds of stores have in common.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) endpoint: Option<Endpoint>,
    authorities: Vec<Certificate>,
}

impl Common {
    pub(super) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let allow_http = settings.allow_http.unwrap_or(false);
        let endpoint =
            settings.endpoint.as_deref().map(|text| Endpoint::read(text, allow_http)).transpose()?;
        if settings.allow_http.is_some() && endpoint.is_none() {
            return Err(SettingsError::new("allow_http goes with an endpoint, and none is given"));
        }
        let authorities = settings.ca_file.as_ref().map(read_authorities).transpose()?.unwrap_or_default();
        Ok(Self { endpoint, authorities })
    }

    pub(super) fn options(&self, pace: Pace) -> ClientOptions {
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_allow_http(self.endpoint.as_ref().is_some_and(Endpoint::is_plain));
        let options = match pace {
            Pace::Reading => options.with_timeout_disabled().with_read_timeout(SILENCE),
            Pace::Writing => options.with_timeout(LONGEST_UPLOAD),
        };
        self.authorities.iter().fold(options, |options, one| options.with_root_certificate(one.clone()))
    }
}

pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
        max_retries: RETRIES,
        retry_timeout: RETRY_WITHIN,
    }
}

fn read_authorities(path: &PathBuf) -> Result<Vec<Certificate>, SettingsError> {
    let wrong = |words: String| SettingsError::new(format!("ca_file = \"{}\": {words}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// A client that cannot be made, in the words of the library, which name keys and no values of secrets.
pub(super) fn not_built(error: &object_store::Error) -> SettingsError {
    SettingsError::new(format!("no client can be made of it: {}", crate::words::of(error)))
}
