//! Whether the store answers, and lets us do what must be done: asked once, before a node relies on it.

use std::time::Duration;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutPayload};

use super::RemoteObjects;
use crate::sealed::{Fault, MAGIC};
use crate::{layout, words};

/// How long it may take altogether.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is written and removed.
const CONTENT: &[u8] = b"causeway looks whether it may write here\n";
/// How the name begins under which it is written.
const NAME: &str = "causeway-probe-";

/// How a store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It answers, and objects can be written, read and removed.
    Well,
    /// It does not answer, or says that it cannot now: it may by itself.
    Away(String),
    /// It answers, and will not have us until something is changed.
    Wrong(String),
}

impl Probe {
    /// The same of the place that is moved from, which has a table of settings of its own.
    fn of_also(self) -> Self {
        match self {
            Self::Wrong(words) => Self::Wrong(words.replace("[store]", "[store.also]")),
            other => other,
        }
    }
}

impl RemoteObjects {
    /// Lists, writes, reads and removes.
    pub(crate) async fn probe(&self) -> Probe {
        match tokio::time::timeout(PATIENCE, self.try_all()).await {
            Ok(Ok(())) => Probe::Well,
            Ok(Err((verb, error))) => self.judge(verb, &error),
            Err(_) => {
                Probe::Away(format!("{} did not answer within {} s", self.remote.name, PATIENCE.as_secs()))
            }
        }
    }

    /// Lists alone, where objects are only moved from.
    pub(crate) async fn probe_reading(&self) -> Probe {
        let listing = async { self.remote.reading.list(None).next().await.transpose().map(drop) };
        match tokio::time::timeout(PATIENCE, listing).await {
            Ok(Ok(())) => Probe::Well,
            Ok(Err(error)) => self.judge("list", &error).of_also(),
            Err(_) => {
                Probe::Away(format!("{} did not answer within {} s", self.remote.name, PATIENCE.as_secs()))
            }
        }
    }

    async fn try_all(&self) -> Result<(), (&'static str, Error)> {
        let of = |verb| move |error| (verb, error);
        let first = self.remote.reading.list(None).next().await.transpose().map_err(of("list"))?;
        if let Some(first) = first {
            self.open_one(&first.location).await.map_err(of("read"))?;
        }
        let path = Path::from(format!("{NAME}{}", layout::new_key()));
        let put = self.remote.writing.put(&path, PutPayload::from_static(CONTENT)).await;
        put.map_err(of("write"))?;
        let read = async { self.remote.reading.get(&path).await?.bytes().await };
        let read = read.await.map_err(of("read"));
        self.remote.reading.delete(&path).await.map_err(of("delete"))?;
        read.map(drop)
    }

    /// Sees whether what is there can be read with the keys that there are. One object that is damaged, or gone meanwhile,
    /// says nothing of the others.
    async fn open_one(&self, path: &Path) -> Result<(), Error> {
        let options = GetOptions { range: Some((0..MAGIC.len() as u64).into()), ..GetOptions::default() };
        let found = async { self.remote.reading.get_opts(path, options).await?.bytes().await };
        match found.await {
            Ok(begins) if begins.starts_with(&MAGIC) => Err(Fault::NotSealing.into()),
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => match Fault::of(&error) {
                Some(Fault::NoKey(_) | Fault::Plain) | None => Err(error),
                Some(fault) => {
                    tracing::error!(object = %path, %fault, "an object of the store cannot be read");
                    Ok(())
                }
            },
        }
    }

    fn judge(&self, verb: &str, error: &Error) -> Probe {
        let (name, told) = (&self.remote.name, words::of(error));
        let code = words::code(error).unwrap_or_default();
        let status = words::status(error).unwrap_or_default();
        if let Some(fault) = Fault::of(error) {
            return Probe::Wrong(format!("{name}: the first object in it cannot be read: {fault}"));
        }
        let wrong = |words: String| Probe::Wrong(format!("{words} ({told})"));
        match (code.as_str(), status.as_str()) {
            ("NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName", _) => wrong(format!(
                "{name}: there is no bucket or container of this name: make it, or correct [store] url"
            )),
            ("InvalidAccessKeyId", _) => {
                wrong(format!("{name}: the store does not know the key: correct [store] access_key_id"))
            }
            ("SignatureDoesNotMatch" | "AuthenticationFailed", _) => wrong(format!(
                "{name}: the secret is not that of the key: correct [store] secret_access_key or account_key"
            )),
            ("ExpiredToken" | "InvalidToken", _) => {
                wrong(format!("{name}: the session token is not valid any more: renew [store] session_token"))
            }
            (
                "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException",
                _,
            )
            | (_, "301" | "307") => wrong(format!(
                "{name}: the bucket is in another region or at another address: correct [store] region or endpoint"
            )),
            ("RequestTimeTooSkewed", _) => {
                wrong(format!("{name}: the clock of this machine or of the store is wrong"))
            }
            (_, "401") => {
                wrong(format!("{name}: the store does not accept who we are: correct the keys of [store]"))
            }
            (_, "403") => wrong(format!(
                "{name}: we may not {verb} there: correct the keys of [store], or have the key allowed to list, \
                 write, read and delete"
            )),
            (_, "404") => wrong(format!("{name}: there is no such bucket or container: correct [store] url")),
            (_, "400" | "405" | "501") => {
                wrong(format!("{name}: the store refuses to {verb}: correct [store] endpoint and region"))
            }
            _ => Probe::Away(format!("{name} cannot {verb}: {told}")),
        }
    }
}
