//! The nodes that share one catalog: this one among them. Each has a spool of its own; catalog and store are all that they
//! share.
//!
//! Lives here: joining, settings that another node changed, whose turn it is at what only one at a time may do (`turns`), what
//! lies in another's spool (`elsewhere`, `pass`).
//! Never here: what is done.
//!
//! Invariant: where the catalog is this node's alone, nothing of this costs a query; where it is not, what is done by turns
//! is done by one node, and a setting is in force on all a second after it was saved.

mod elsewhere;
mod pass;
mod turns;

use std::future::Future;
use std::time::Duration;

use causeway_catalog::Catalog;
pub use causeway_catalog::{Introduction, Member, MemberSecret};
use causeway_core::{Permission, Principal};
use tokio::sync::watch;

use crate::error::SearchError;
use crate::{Archive, access};
pub use elsewhere::{Fellows, Opening};
pub use pass::pass;
pub use turns::End;
use turns::Turns;

/// How often it is asked whether another node changed a setting.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How many looks pass until this node says again that it is there, and holds its turns longer.
const LOOKS_PER_GREETING: u32 = 12;

/// What this node says of itself to those that share its catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Introducing {
    /// What people call it; empty: nothing.
    pub name: String,
    /// Where the others reach it over the web, if they do.
    pub address: Option<String>,
}

/// This node among those that share its catalog.
pub(crate) struct Members {
    /// Of this node's spool.
    uid: String,
    secret: MemberSecret,
    turns: Turns,
    /// How often settings had been changed when they were last read.
    changes: watch::Sender<i64>,
}

impl Members {
    pub(crate) async fn join(
        catalog: &Catalog,
        uid: &str,
        introducing: Introducing,
    ) -> Result<Self, causeway_catalog::Error> {
        let Introducing { name, address } = introducing;
        let name = if name.is_empty() { uid.get(..8).unwrap_or(uid).to_owned() } else { name };
        let who = Introduction { uid: uid.to_owned(), name, address };
        let secret = catalog.join(who, rand::random()).await?;
        let changes = watch::Sender::new(catalog.changes().await?);
        Ok(Self { uid: uid.to_owned(), secret, turns: Turns::new(catalog.is_shared()), changes })
    }
}

impl Archive {
    /// Which node this is among those that share its catalog.
    #[must_use]
    pub fn member_uid(&self) -> &str {
        &self.inner.members.uid
    }

    /// The nodes that share the catalog, in the order in which they came.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn members(&self, principal: &Principal) -> Result<Vec<Member>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.members().await?)
    }

    /// Changes when another node changed a setting.
    #[must_use]
    pub fn settings_bell(&self) -> watch::Receiver<i64> {
        self.inner.members.changes.subscribe()
    }

    /// Keeps up with the nodes that share the catalog until `shutdown` completes; then lets go of all turns.
    pub async fn keep_up_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let members = &self.inner.members;
        if !self.inner.catalog.is_shared() {
            return shutdown.await;
        }
        let mut looks = 0_u32;
        loop {
            if let Err(error) = self.look(looks.is_multiple_of(LOOKS_PER_GREETING)).await {
                tracing::warn!(%error, "the other nodes cannot be kept up with; it is tried again");
            }
            looks = looks.wrapping_add(1);
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = &mut shutdown => break,
            }
        }
        if let Err(error) = members.turns.give_up(&self.inner.catalog).await {
            tracing::warn!(%error, "turns could not be given up; they end by themselves");
        }
    }

    async fn look(&self, is_greeting: bool) -> Result<(), causeway_catalog::Error> {
        let members = &self.inner.members;
        if is_greeting {
            self.inner.catalog.greet().await?;
            members.turns.hold(&self.inner.catalog).await?;
        }
        let changes = self.inner.catalog.changes().await?;
        if *members.changes.borrow() != changes {
            self.read_settings().await?;
            members.changes.send_replace(changes);
        }
        Ok(())
    }

    /// Reads all again that is held in memory of the settings.
    async fn read_settings(&self) -> Result<(), causeway_catalog::Error> {
        let inner = &self.inner;
        inner.links.refresh(&inner.catalog).await?;
        inner.transforms.refresh(&inner.catalog).await?;
        inner.tokens.refresh(&inner.catalog).await?;
        inner.remotes.refresh(&inner.catalog).await
    }
}
