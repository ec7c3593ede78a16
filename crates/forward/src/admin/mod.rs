//! What an administrator sees and does: routes, queues, the story of a study, an echo. Every change asks for leave
//! first.

mod events;
mod queue;
mod routes;
mod story;

use causeway_catalog::acceptance::Acceptance;
use causeway_catalog::errand::{ErrandCount, ErrandFilter, ErrandRow};
use causeway_core::{Permission, Principal, Remote, RemoteName, Status};
use serde::Serialize;

use crate::route::RouteError;
use crate::sender;
use crate::worker::Forwarder;

pub use causeway_archive::AccessError;
pub use events::MAX_EVENTS;
pub use queue::DestinationReport;
pub use routes::{Answered, MAX_REHEARSED, Rehearsal, RouteExplained, Sends, StudySent};
pub use story::{Delivery, State, StudyStory};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The caller may not.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The route cannot be saved.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// Many are meant, and nothing says which.
    #[error("name a remote, a study or a route: a change of everything at once is not made")]
    NothingNamed,
    /// What is to be sent elsewhere has to be named by where it was to go.
    #[error("name the remote that they were to go to, and another that they are to go to now")]
    NowhereFrom,
    /// There is no such remote.
    #[error("there is no remote '{0}'; add it first with `causeway remote add {0}`")]
    NoRemote(RemoteName),
    /// Where a webhook is to be told.
    #[error("a webhook has a URL that begins with http:// or https://")]
    NoUrl,
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

/// The outcome of a C-ECHO or of asking a DICOMweb address.
#[derive(Debug, Clone, Serialize)]
pub struct Echoed {
    /// Whether it answered as it should.
    pub is_well: bool,
    /// In words.
    pub words: String,
}

fn admin(principal: &Principal) -> Result<(), AccessError> {
    causeway_archive::access::allow(principal, Permission::Admin)
}

/// What an echo came to.
fn echo_words(remote: &Remote, answered: sender::Answered) -> String {
    let words = match answered.status {
        Status::SUCCESS => "it answered".to_owned(),
        other => format!("it answered with status {other}"),
    };
    let unseen = remote.credentials.is_some() && !answered.has_confirmed_us;
    if unseen { format!("{words}, and did not say that it looked at who we are") } else { words }
}

impl Forwarder {
    /// Errands: commitments asked of us and by us, notices.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn errands(
        &self,
        principal: &Principal,
        filter: ErrandFilter,
    ) -> Result<Vec<ErrandRow>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.errands(filter).await?)
    }

    /// How many errands there are of each kind in each state.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn errand_counts(&self, principal: &Principal) -> Result<Vec<ErrandCount>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.errand_counts().await?)
    }

    /// What a remote was found to take and to refuse when it was sent to over DIMSE.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn acceptances(
        &self,
        principal: &Principal,
        remote: RemoteName,
    ) -> Result<Vec<Acceptance>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.acceptances(remote).await?)
    }

    /// Asks a remote whether it is there: C-ECHO (PS3.7 §9.1.5). `None` when there is no such remote.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub async fn echo(&self, principal: &Principal, name: &RemoteName) -> Result<Option<Echoed>, AdminError> {
        admin(principal)?;
        let Some(remote) = self.inner.archive.remote(name) else { return Ok(None) };
        let echoed = match sender::echo(&remote, &self.inner.caller, self.inner.patience()).await {
            Ok(answered) => {
                Echoed { is_well: answered.status == Status::SUCCESS, words: echo_words(&remote, answered) }
            }
            Err(failure) => Echoed { is_well: false, words: failure.words },
        };
        if echoed.is_well {
            self.inner.forgive(name);
        }
        Ok(Some(echoed))
    }
}
