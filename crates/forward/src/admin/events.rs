//! What others follow: the feed of events, and webhooks.

use causeway_catalog::{Events, Since, Webhook, WebhookRecord};
use causeway_core::{EventKind, Principal, RemoteName};
use tokio::sync::watch;

use super::{AdminError, admin};
use crate::worker::Forwarder;

/// Most events that are told in one go.
pub const MAX_EVENTS: u32 = 1000;
/// Longest URL of a webhook.
const MAX_URL_BYTES: usize = 2048;

impl Forwarder {
    /// What happened after the event of number `after`, of some kinds only, when any are named; at most `limit` and
    /// [`MAX_EVENTS`].
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn events(
        &self,
        principal: &Principal,
        after: i64,
        kinds: Vec<EventKind>,
        limit: u32,
    ) -> Result<Events, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.events(after, kinds, limit.min(MAX_EVENTS)).await?)
    }

    /// Changes when something may have happened.
    #[must_use]
    pub fn nudges(&self) -> watch::Receiver<u64> {
        self.inner.router.nudges()
    }

    /// Webhooks and how they fare. Their secrets are not for showing.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn webhooks(&self, principal: &Principal) -> Result<Vec<Webhook>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.webhooks().await?)
    }

    /// Adds a webhook, or changes the one of its name; gives the secret that what it is told is signed with.
    ///
    /// # Errors
    /// When the caller is no administrator, its URL is none, or the catalog fails.
    pub async fn put_webhook(
        &self,
        principal: &Principal,
        name: RemoteName,
        url: String,
        kinds: Vec<EventKind>,
        since: Since,
    ) -> Result<String, AdminError> {
        admin(principal)?;
        let is_url = reqwest::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_url || url.len() > MAX_URL_BYTES {
            return Err(AdminError::NoUrl);
        }
        let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let record = WebhookRecord { name, url, secret: secret.clone(), kinds };
        self.inner.catalog.put_webhook(record, since, &principal.name).await?;
        causeway_archive::Dispatcher::nudge(&*self.inner.router);
        Ok(secret)
    }

    /// Removes a webhook; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_webhook(&self, principal: &Principal, name: RemoteName) -> Result<bool, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.remove_webhook(name, &principal.name).await?)
    }
}
