//! `[store]`: where objects settle, as an administrator writes it, and how it becomes a client of an object store.
//!
//! Read once, at the start. What is unknown, or belongs to another kind of store, is refused with what to do about it.

mod address;
mod azure;
mod client;
mod google;
mod s3;
mod secret;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use causeway_core::space::{Amount, Marks};
use serde::Deserialize;

pub use secret::Secret;

use crate::Remote;
use crate::sealed::{Plain, Ring};
use address::Scheme;

/// Uploads under way at the same time where nobody says.
pub const DEFAULT_UPLOADS: usize = 16;
/// Most that may be said.
pub const MAX_UPLOADS: usize = 256;

/// Looks a variable of the environment up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Settings that cannot hold. The words say what to change, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[store] {0}")]
pub struct SettingsError(String);

impl SettingsError {
    fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// The keys of `[store]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where objects settle: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. Not
    /// given: a folder of the node's own.
    pub url: Option<String>,
    /// Below so much free on the disk of a store that is a folder a warning comes.
    pub warn_free: Option<Amount>,
    /// Below so much nothing more is taken in.
    pub stop_free: Option<Amount>,
    /// Objects that are uploaded at the same time.
    pub uploads: Option<NonZeroUsize>,
    /// Where the store answers, when it is not the provider's own address: `https://minio.example.org:9000`.
    pub endpoint: Option<String>,
    /// Whether an endpoint may be reached without TLS from beyond this machine.
    pub allow_http: Option<bool>,
    /// Certificates of authorities that are trusted besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// S3: the region of the bucket.
    pub region: Option<String>,
    /// S3: whether the bucket stands in the path and not in the name of the host. Default: where an endpoint is given.
    pub path_style: Option<bool>,
    /// S3: name of a key. None: the environment, a web identity, or the role of the machine.
    pub access_key_id: Option<String>,
    /// S3: a file that holds it.
    pub access_key_id_file: Option<PathBuf>,
    /// S3: the key.
    pub secret_access_key: Option<Secret>,
    /// S3: a file that holds it.
    pub secret_access_key_file: Option<PathBuf>,
    /// S3: what goes with a key that is lent.
    pub session_token: Option<Secret>,
    /// S3: a file that holds it.
    pub session_token_file: Option<PathBuf>,
    /// S3: how the server encrypts what it keeps.
    pub sse: Option<Sse>,
    /// S3: the key that it does so with, for `aws:kms`.
    pub sse_key: Option<String>,
    /// How objects are sealed before they go to the store.
    pub encryption: Option<Encryption>,
    /// Another store, in which objects settled before: they are read from it where this one has none, and
    /// `causeway store move` moves them to this one.
    pub also: Option<Box<Self>>,
    /// Google: a file with the key of a service account. None: the environment, or the role of the machine.
    pub service_account: Option<PathBuf>,
    /// Azure: the storage account.
    pub account: Option<String>,
    /// Azure: its key. None: the environment, or the identity of the machine.
    pub account_key: Option<Secret>,
    /// Azure: a file that holds it.
    pub account_key_file: Option<PathBuf>,
}

/// `[store.encryption]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The file of the keys: a line for each, `ID base64-of-32-bytes`; the first seals, all open.
    pub keys: PathBuf,
    /// What is done with an object that is not sealed.
    #[serde(default)]
    pub plain: Plain,
}

/// How an S3 server encrypts what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Sse {
    /// With keys of its own.
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of the key management service.
    #[serde(rename = "aws:kms")]
    Kms,
}

/// Where objects settle.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// An object store.
    Bucket(Box<Bucket>),
}

/// An object store that can be opened.
#[derive(Debug, Clone)]
pub struct Bucket {
    kind: Kind,
    prefix: object_store::path::Path,
    uploads: usize,
    name: String,
    sealing: Option<(Ring, Plain)>,
}

#[derive(Debug, Clone)]
enum Kind {
    S3(s3::S3),
    Google(google::Google),
    Azure(azure::Azure),
}

impl Settings {
    /// What of its disk is to stay free.
    #[must_use]
    pub const fn marks(&self) -> Marks {
        Marks { warn: self.warn_free, stop: self.stop_free }
    }

    /// Where objects settle; `own`: the folder where nothing is said. Files that hold secrets are read.
    ///
    /// # Errors
    /// When the settings cannot hold together, or a file that they name cannot be read.
    pub fn place(&self, own: PathBuf, environment: Environment<'_>) -> Result<Place, SettingsError> {
        let uploads = self.uploads.map_or(DEFAULT_UPLOADS, NonZeroUsize::get);
        if uploads > MAX_UPLOADS {
            return Err(SettingsError::new(format!("uploads is {uploads}; it must be 1 to {MAX_UPLOADS}")));
        }
        let Some(url) = &self.url else {
            self.refuse_strangers(Scheme::File)?;
            return Ok(Place::Folder(own));
        };
        let address = address::parse(url)?;
        self.refuse_strangers(address.scheme)?;
        let kind = match address.scheme {
            Scheme::File => return Ok(Place::Folder(address.folder)),
            Scheme::S3 => Kind::S3(s3::S3::read(self, address.bucket, environment)?),
            Scheme::Google => Kind::Google(google::Google::read(self, address.bucket, environment)?),
            Scheme::Azure => Kind::Azure(azure::Azure::read(self, address.bucket, environment)?),
        };
        let (sealing, name) = (self.sealing()?, url.clone());
        Ok(Place::Bucket(Box::new(Bucket { kind, prefix: address.prefix, uploads, name, sealing })))
    }

    /// The other store, in which objects settled before.
    ///
    /// # Errors
    /// As for [`Self::place`].
    pub fn also_place(&self, environment: Environment<'_>) -> Result<Option<Place>, SettingsError> {
        let Some(also) = &self.also else { return Ok(None) };
        let of_also = |SettingsError(words)| SettingsError(format!("also: {words}"));
        also.may_be_also(self).map_err(of_also)?;
        also.place(PathBuf::new(), environment).map(Some).map_err(of_also)
    }

    fn may_be_also(&self, first: &Self) -> Result<(), SettingsError> {
        if self.url.is_none() {
            return Err(SettingsError::new("url is not given: name the store that has the objects"));
        }
        let named = |it: &Self| (it.url.clone(), it.endpoint.clone(), it.account.clone());
        if named(self) == named(first) {
            return Err(SettingsError::new(
                "it is that of [store]: name the store that objects were in before",
            ));
        }
        if self.also.is_some() {
            return Err(SettingsError::new(
                "it cannot have another beside it: finish one move, then begin the next",
            ));
        }
        let of_writing = self.warn_free.is_some() || self.stop_free.is_some() || self.uploads.is_some();
        if of_writing {
            return Err(SettingsError::new(
                "warn_free, stop_free and uploads are for a store that is written to: take them out",
            ));
        }
        Ok(())
    }

    fn sealing(&self) -> Result<Option<(Ring, Plain)>, SettingsError> {
        let Some(Encryption { keys, plain }) = &self.encryption else { return Ok(None) };
        let ring =
            Ring::open(keys).map_err(|words| SettingsError(format!("encryption: the key file {words}")))?;
        Ok(Some((ring, *plain)))
    }

    /// Keys that mean nothing to the store that is named: whoever wrote them meant something.
    fn refuse_strangers(&self, scheme: Scheme) -> Result<(), SettingsError> {
        use Scheme::{Azure, File, Google, S3};
        let is_of_disk = self.warn_free.is_some() || self.stop_free.is_some();
        let all: [(&str, bool, &[Scheme]); 19] = [
            ("warn_free and stop_free", is_of_disk, &[File]),
            ("uploads", self.uploads.is_some(), &[S3, Google, Azure]),
            ("encryption", self.encryption.is_some(), &[S3, Google, Azure]),
            ("endpoint", self.endpoint.is_some(), &[S3, Google, Azure]),
            ("allow_http", self.allow_http.is_some(), &[S3, Google, Azure]),
            ("ca_file", self.ca_file.is_some(), &[S3, Google, Azure]),
            ("region", self.region.is_some(), &[S3]),
            ("path_style", self.path_style.is_some(), &[S3]),
            ("access_key_id", self.access_key_id.is_some(), &[S3]),
            ("access_key_id_file", self.access_key_id_file.is_some(), &[S3]),
            ("secret_access_key", self.secret_access_key.is_some(), &[S3]),
            ("secret_access_key_file", self.secret_access_key_file.is_some(), &[S3]),
            ("session_token", self.session_token.is_some() || self.session_token_file.is_some(), &[S3]),
            ("sse", self.sse.is_some(), &[S3]),
            ("sse_key", self.sse_key.is_some(), &[S3]),
            ("service_account", self.service_account.is_some(), &[Google]),
            ("account", self.account.is_some(), &[Azure]),
            ("account_key", self.account_key.is_some(), &[Azure]),
            ("account_key_file", self.account_key_file.is_some(), &[Azure]),
        ];
        for (key, is_set, of) in all {
            if is_set && !of.contains(&scheme) {
                let of: Vec<&str> = of.iter().map(|scheme| scheme.prefix()).collect();
                return Err(SettingsError::new(format!(
                    "{key} is for {} alone, and url is {}: take it out, or correct the url",
                    of.join(", "),
                    self.url.as_deref().unwrap_or("not given"),
                )));
            }
        }
        Ok(())
    }
}

impl Bucket {
    /// Makes the client. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// When a key or a certificate is not of the form that it must have.
    pub fn open(&self) -> Result<Remote, SettingsError> {
        let built = |pace| match &self.kind {
            Kind::S3(s3) => s3.build(pace),
            Kind::Google(google) => google.build(pace),
            Kind::Azure(azure) => azure.build(pace),
        };
        let (reading, writing) = (built(client::Pace::Reading)?, built(client::Pace::Writing)?);
        let remote = Remote::new(reading, writing).below(&self.prefix);
        let remote = match &self.sealing {
            Some((ring, plain)) => remote.sealed(ring, *plain),
            None => remote,
        };
        Ok(remote.with_uploads(self.uploads).named(&self.name))
    }

    /// The keys that seal what goes there, if any do.
    #[must_use]
    pub fn keys(&self) -> Option<&Ring> {
        self.sealing.as_ref().map(|(ring, _)| ring)
    }

    /// The URL that it was set by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests;
