//! Pairing: invitations that are good once and for a while, and the keys that come of them. Of what others show only
//! hashes are kept.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causeway_catalog::{Catalog, InviteRecord, Redeemed};
use causeway_core::link::LinkAddress;
use causeway_core::link::code::{InviteCode, SECRET_BYTES};
use causeway_core::link::words::{Pair, Paired};
use causeway_core::{Class, Credential, Permission, Principal, Remote, RemoteName};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use crate::error::SearchError;
use crate::remotes::to_its_end;
use crate::{AccessError, Archive, CatalogError, access};

/// Longest time for which an invitation is good.
pub const MAX_INVITE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Digits of the key that a paired node shows.
const TOKEN_DIGITS: usize = 64;

/// Why two nodes were not paired.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// The caller is no administrator.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is no such invitation.
    #[error("there is no such invitation: it was revoked, or is another node's; ask for a new one")]
    Unknown,
    /// Its time is over.
    #[error("the invitation has run out; ask for a new one")]
    Expired,
    /// It was taken up already.
    #[error("the invitation was used already and is good once; ask for a new one")]
    Used,
    /// It is this node's own.
    #[error("the invitation is this node's own: accept it on the other node")]
    Own,
    /// The request is none.
    #[error("the request is no pairing: {0}")]
    Malformed(&'static str),
    /// The catalog failed.
    #[error("the pairing could not be kept: {0}")]
    Catalog(#[from] CatalogError),
}

impl PairingError {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_) | Self::Unknown | Self::Expired | Self::Used | Self::Own | Self::Malformed(_) => {
                Class::Caller
            }
            Self::Catalog(error) => error.class(),
        }
    }
}

/// Hash of what each paired remote shows.
type Keys = Arc<Vec<(RemoteName, [u8; 32])>>;

/// The keys of paired remotes as they stand.
pub struct LinkKeys {
    keys: RwLock<Keys>,
    /// Held while the list is read and put in force, so that an older one never takes the place of a newer.
    refreshing: Mutex<()>,
}

impl LinkKeys {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Self, CatalogError> {
        Ok(Self { keys: RwLock::new(Arc::new(catalog.link_tokens().await?)), refreshing: Mutex::default() })
    }

    pub(crate) async fn refresh(&self, catalog: &Catalog) -> Result<(), CatalogError> {
        let _alone = self.refreshing.lock().await;
        let keys = Arc::new(catalog.link_tokens().await?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn snapshot(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.snapshot().is_empty()
    }

    fn find(&self, token: &str) -> Option<RemoteName> {
        let hash = sha256(token.as_bytes());
        let keys = self.snapshot();
        keys.iter().find(|(_, key)| bool::from(key.ct_eq(&hash))).map(|(name, _)| name.clone())
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new pairing from the side that was invited: what it says, to be sent as often as it takes.
#[must_use]
pub fn request(archive: &Archive, code: &InviteCode) -> Pair {
    Pair {
        secret: hex(&code.secret),
        node: archive.node_id().clone(),
        token: hex(&rand::random::<[u8; 32]>()),
    }
}

impl Archive {
    /// Invites a node, which will be called `name` here, for as long as `good_for`. Gives the secret, of which only the
    /// hash is kept; an older invitation of that name is void.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn invite(
        &self,
        principal: &Principal,
        name: RemoteName,
        good_for: Duration,
    ) -> Result<[u8; SECRET_BYTES], PairingError> {
        access::allow(principal, Permission::Admin)?;
        let secret = rand::random::<[u8; SECRET_BYTES]>();
        let now = self.inner.clock.now();
        let expires = now.checked_add(good_for.min(MAX_INVITE)).unwrap_or(now);
        let hash = sha256(hex(&secret).as_bytes());
        self.inner.catalog.put_invite(name, hash, expires, &principal.name).await?;
        Ok(secret)
    }

    /// All invitations, without their secrets.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn invites(&self, principal: &Principal) -> Result<Vec<InviteRecord>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.invites().await?)
    }

    /// Revokes an invitation; says whether there was one. Who took it up stays paired.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn revoke_invite(&self, principal: &Principal, name: &RemoteName) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.remove_invite(name.clone(), &principal.name).await?)
    }

    /// Takes up an invitation of ours for the node that shows its secret. In force when this returns.
    ///
    /// # Errors
    /// Says to that node why it is not paired.
    pub async fn redeem(&self, pair: &Pair) -> Result<Paired, PairingError> {
        let is_token =
            |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_token(&pair.token, TOKEN_DIGITS) || !is_token(&pair.secret, 2 * SECRET_BYTES) {
            return Err(PairingError::Malformed("secret and token are hexadecimal digits"));
        }
        if pair.node == *self.node_id() {
            return Err(PairingError::Own);
        }
        let (secret, token) = (sha256(pair.secret.as_bytes()), sha256(pair.token.as_bytes()));
        let (inner, node) = (Arc::clone(&self.inner), pair.node.clone());
        let change = async move {
            let redeemed = inner.catalog.redeem(secret, node, token).await?;
            inner.remotes.refresh(&inner.catalog).await?;
            inner.links.refresh(&inner.catalog).await?;
            Ok(redeemed)
        };
        match to_its_end(change).await? {
            Redeemed::Paired(name) => Ok(Paired { node: self.node_id().clone(), name: name.to_string() }),
            Redeemed::Unknown => Err(PairingError::Unknown),
            Redeemed::Expired => Err(PairingError::Expired),
            Redeemed::Used => Err(PairingError::Used),
        }
    }

    /// Keeps the node that invited this one as the remote `name`, with what it is shown. In force when this returns.
    ///
    /// # Errors
    /// When the caller is no administrator, the node is this one, or the catalog fails.
    pub async fn keep_paired(
        &self,
        principal: &Principal,
        name: RemoteName,
        code: &InviteCode,
        (asked, told): (&Pair, &Paired),
    ) -> Result<(), PairingError> {
        access::allow(principal, Permission::Admin)?;
        if told.node == *self.node_id() {
            return Err(PairingError::Own);
        }
        let mut remote = self.remote(&name).unwrap_or_else(|| Remote {
            allow: std::iter::once(Permission::Store).collect(),
            ..Remote::named(name)
        });
        let (node, url, certificate) = (told.node.clone(), Some(code.url.clone()), code.certificate);
        remote.link = Some(LinkAddress { node, url, certificate });
        let (inner, who, token) = (Arc::clone(&self.inner), principal.name.clone(), asked.token.clone());
        let change = async move {
            inner.catalog.put_paired(remote, token, &who).await?;
            inner.remotes.refresh(&inner.catalog).await
        };
        Ok(to_its_end(change).await?)
    }

    /// What we show `remote` when we call it over its link.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn link_secret(&self, remote: &RemoteName) -> Result<Option<String>, CatalogError> {
        self.inner.catalog.link_secret(remote.clone()).await
    }

    /// The paired remote that shows this key.
    pub(crate) fn link_bearer(&self, token: &str) -> Option<Principal> {
        let remote = self.remote(&self.inner.links.find(token)?)?;
        remote.link.as_ref()?;
        Some(other_end(&remote))
    }
}

/// Whoever is at the other end of a link, whichever of the two calls.
#[must_use]
pub fn other_end(remote: &Remote) -> Principal {
    Principal {
        name: remote.name.to_string(),
        credential: Credential::Remote,
        permissions: remote.allow.clone(),
        sight: remote.sight(),
    }
}
