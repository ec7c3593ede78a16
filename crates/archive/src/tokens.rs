//! Bearer tokens for the web: kept as SHA-256, shown once, held in memory for the door.

use std::sync::{Arc, PoisonError, RwLock};

use causeway_catalog::{Catalog, TokenRecord};
use causeway_core::{Credential, Permission, Permissions, Principal, Sight};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

use crate::error::SearchError;
use crate::remotes::to_its_end;
use crate::{Archive, access};

/// A new secret of 256 random bits in hexadecimal, and its digest.
#[must_use]
pub fn new_secret() -> (String, [u8; 32]) {
    let secret: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
    let sha256 = Sha256::digest(secret.as_bytes()).into();
    (secret, sha256)
}

/// All tokens as they stand.
pub(crate) struct Keyring {
    tokens: RwLock<Arc<Vec<TokenRecord>>>,
    /// Held while the list is read and put in force, so that an older one never takes the place of a newer.
    refreshing: Mutex<()>,
}

impl Keyring {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Self, causeway_catalog::Error> {
        let tokens = RwLock::new(Arc::new(catalog.tokens().await?));
        Ok(Self { tokens, refreshing: Mutex::default() })
    }

    pub(crate) async fn refresh(&self, catalog: &Catalog) -> Result<(), causeway_catalog::Error> {
        let _alone = self.refreshing.lock().await;
        let tokens = Arc::new(catalog.tokens().await?);
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        Ok(())
    }

    fn snapshot(&self) -> Arc<Vec<TokenRecord>> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Compares hashes in constant time. The token itself is long and random, so that its plain hash tells
    /// nothing.
    pub(crate) fn find(&self, token: &str) -> Option<Principal> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let tokens = self.snapshot();
        let found = tokens.iter().find(|record| bool::from(record.sha256.ct_eq(&hash)))?;
        Some(Principal {
            name: found.name.clone(),
            credential: Credential::Token,
            permissions: found.permissions.clone(),
            sight: found.sight.clone(),
        })
    }
}

impl Archive {
    /// Whether any token exists.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        !self.inner.tokens.snapshot().is_empty()
    }

    /// Names, permissions and sight of all tokens.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn tokens(&self, principal: &Principal) -> Result<Vec<(String, Permissions, Sight)>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let tokens = self.inner.tokens.snapshot();
        let told = |it: &TokenRecord| (it.name.clone(), it.permissions.clone(), it.sight.clone());
        Ok(tokens.iter().map(told).collect())
    }

    /// Adds a token, or gives the one of that name a new secret; in force when this returns. Gives the secret, of
    /// which only the hash is kept.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn put_token(
        &self,
        principal: &Principal,
        name: String,
        permissions: Permissions,
        sight: Sight,
    ) -> Result<String, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let (secret, sha256) = new_secret();
        let record = TokenRecord { name, sha256, permissions, sight };
        let (inner, who) = (Arc::clone(&self.inner), principal.name.clone());
        let change = async move {
            inner.catalog.put_token(record, &who).await?;
            inner.tokens.refresh(&inner.catalog).await
        };
        to_its_end(change).await?;
        Ok(secret)
    }

    /// Removes a token; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_token(&self, principal: &Principal, name: &str) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let (inner, name, who) = (Arc::clone(&self.inner), name.to_owned(), principal.name.clone());
        let change = async move {
            let removed = inner.catalog.remove_token(&name, &who).await?;
            inner.tokens.refresh(&inner.catalog).await?;
            Ok(removed)
        };
        Ok(to_its_end(change).await?)
    }
}
