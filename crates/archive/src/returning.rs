//! The way back: what a remote made for a study that it was sent under another identity is copied under the original
//! one, and goes to where the study came from.
//!
//! What came is kept as it came. The copy is an instance of its own, with a UID that is always the same for the same
//! original, so that making it twice makes one. Which instances wait for it is written with them in one transaction.

use std::time::Duration;

use bytes::Bytes;
use causeway_catalog::{CameBack as Became, DueBack, WayBack};
use causeway_core::{CameBack, Door, Envelope, Permission, Principal, Transform, Uid};
use causeway_dataset::transform::{Original, Plan};
use tokio::sync::Notify;

use crate::error::{IngestError, RetrieveError, SearchError};
use crate::passage::{moment, not_transformed};
use crate::{Announced, Archive, Body, BodyError, Object, Wanted, access};

/// Copies made in one round.
const ROUND: u32 = 16;
/// Most copies that are listed.
const MAX_LISTED: u32 = 1000;
/// Several instances that come at once are copied together.
const GATHER: Duration = Duration::from_millis(200);
/// How often it is looked for what is to be tried again.
const IDLE: Duration = Duration::from_secs(5);
/// How long a failed copy waits at first, and at most.
const FIRST_WAIT_MS: i64 = 30_000;
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// Rung when something was kept of which a copy may be due.
#[derive(Default)]
pub(crate) struct Returning(Notify);

impl Returning {
    pub(crate) fn nudge(&self) {
        self.0.notify_one();
    }
}

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
enum ReturnError {
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error(transparent)]
    Catalog(#[from] causeway_catalog::Error),
}

impl Archive {
    /// Makes copies until `shutdown` completes. One such task runs per node.
    pub async fn return_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let pause = match self.return_due().await {
                Ok(0) => {
                    // Cancel-safe: a nudge that is lost to the timer is made good by the timer.
                    tokio::select! {
                        () = self.inner.returning.0.notified() => GATHER,
                        () = tokio::time::sleep(IDLE) => Duration::ZERO,
                        () = &mut shutdown => return,
                    }
                }
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "what came back cannot be looked for; it is tried again");
                    IDLE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Makes the copies that are due, at most a round of them; gives how many there were.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn return_due(&self) -> Result<usize, causeway_catalog::Error> {
        let due = self.inner.catalog.due_back(ROUND).await?;
        let count = due.len();
        for due in due {
            let became = match self.bring_back(&due).await {
                Ok(()) => Became::Made,
                Err(error) => {
                    let words = error.to_string();
                    tracing::error!(
                        sop_instance.uid = %due.instance.ids.instance, remote = %due.remote, because = words,
                        "no copy under the original identity could be made; it is tried again"
                    );
                    let again_in_ms = FIRST_WAIT_MS.saturating_mul(1_i64 << due.attempt.min(20));
                    Became::Failed { words, again_in_ms: again_in_ms.min(LONGEST_WAIT_MS) }
                }
            };
            self.inner.catalog.came_back(due, became).await?;
        }
        Ok(count)
    }

    /// Copies that are due, those that were tried most often first; the first thousand.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn ways_back(&self, principal: &Principal) -> Result<Vec<WayBack>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.ways_back(MAX_LISTED).await?)
    }

    /// Tries the copy of this instance again at once; says whether one is due.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn retry_way_back(&self, principal: &Principal, instance: Uid) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let is_due = self.inner.catalog.retry_way_back(instance, &principal.name).await?;
        self.inner.returning.nudge();
        Ok(is_due)
    }

    /// Makes no copy of this instance, which stays as it came; says whether one was due.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn discard_way_back(&self, principal: &Principal, instance: Uid) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.discard_way_back(instance, &principal.name).await?)
    }

    async fn bring_back(&self, due: &DueBack) -> Result<(), ReturnError> {
        let (catalog, instance) = (&self.inner.catalog, &due.instance);
        let study = catalog.original_study(due.remote.clone(), instance.ids.study.clone()).await?;
        let Some(study) = study else { return Ok(()) };
        let secret = catalog.project_secret(study.project.clone()).await?;
        let secret = secret.ok_or_else(|| not_transformed("the secret of its project is not there"))?;
        let plan = Plan::new(Transform::named(study.project), secret).map_err(not_transformed)?;
        let survey = self.survey(instance, &plan).await?;
        let uids = catalog.originals(due.remote.clone(), survey.uids.iter().cloned().collect()).await?;
        if uids.contains_key(instance.ids.instance.as_str()) {
            // It was sent out from here; what it stands for is here.
            return Ok(());
        }
        let original = Original { attributes: study.identity, uids };
        let back = plan.way_back(&survey, &original, due.remote.as_str(), &moment(instance));
        let back = back.ok_or_else(|| not_transformed("it has no SOP Instance UID"))?;
        let object = self.open_changed(instance, &Wanted::Stored, back.decision, &back.sop_instance).await?;
        let announced = Announced {
            sop_class: Some(instance.sop_class.clone()),
            sop_instance: Some(back.sop_instance),
            transfer_syntax: object.transfer_syntax.clone(),
        };
        let envelope = Envelope {
            door: Door::Local,
            received_at: self.inner.clock.now(),
            calling_ae: None,
            remote: None,
            source_address: None,
            came_back: Some(Box::new(CameBack { from: due.remote.clone(), to: study.source })),
            via: due.via.clone(),
        };
        let mut body = Copied(object);
        self.ingest(&Principal::local(), envelope, announced, &mut body, Some(&study.uid)).await?;
        Ok(())
    }
}

/// The copy as it is taken in.
struct Copied(Object);

impl Body for Copied {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let wrong = |error: RetrieveError| BodyError { words: error.to_string(), class: error.class() };
        self.0.chunk().await.map_err(wrong)
    }
}
