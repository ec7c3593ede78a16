//! Verification: every object is read again at a set pace and held against its row (`rows`), then every object that is
//! there is looked up among the rows (`objects`). What is found is written down and never removed.
//!
//! It goes on over restarts from where it was written last; one is under way at a time. Where it is to mend what it finds,
//! an orphan is taken in as a replay would, and an instance that is lost or damaged is asked for where it came from, which
//! is the forwarder's affair ([`Archive::next_to_mend`]): its bytes come in as any others, and take the place of those that
//! are lacking ([`Archive::repeated`]).

mod objects;
mod rows;

use std::future::Future;
use std::time::Duration;

use causeway_catalog::{
    Fate, Finding, FindingKind, Fresh, Mends, NewFinding, Verification, VerificationPhase, VerificationState,
    VerificationStep,
};
use causeway_core::{InstanceRecord, ObjectKey, Permission, Principal};
use tokio::sync::Notify;

use crate::error::{IngestError, SearchError};
use crate::{Archive, access};

/// Bytes read in a second where nobody says.
pub const DEFAULT_BYTES_PER_SECOND: u64 = 20 << 20;
/// Least that may be said.
pub const MIN_BYTES_PER_SECOND: u64 = 64 << 10;
/// Most.
pub const MAX_BYTES_PER_SECOND: u64 = 100 << 30;
/// Most findings that are told at a time.
pub const MAX_FINDINGS_TOLD: u32 = 1000;
/// How often it is looked for one that is to go on, without being told.
const IDLE: Duration = Duration::from_secs(30);
/// How long it waits after store or catalog failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The bells of verification: of the one who reads, and of the one who asks remotes.
#[derive(Default)]
pub(crate) struct Verifying {
    reading: Notify,
    mending: Notify,
}

/// What of an object its row would tell, should it take another's place.
pub(crate) fn fresh(record: &InstanceRecord) -> Fresh {
    Fresh {
        object: record.object.clone(),
        object_bytes: record.object_bytes,
        data_set_offset: record.data_set_offset,
        digest: record.digest,
    }
}

impl Archive {
    /// Begins a verification that reads so many bytes a second; none when one is under way.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn begin_verification(
        &self,
        principal: &Principal,
        mends: Mends,
        bytes_per_second: u64,
    ) -> Result<Option<Verification>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let rate = bytes_per_second.clamp(MIN_BYTES_PER_SECOND, MAX_BYTES_PER_SECOND);
        let begun = self.inner.catalog.begin_verification(mends, rate, &principal.name).await?;
        self.inner.verifying.reading.notify_one();
        Ok(begun)
    }

    /// The latest verification; none: there never was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn verification(&self, principal: &Principal) -> Result<Option<Verification>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.verification().await?)
    }

    /// Ends the verification that is under way; gives whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn stop_verification(&self, principal: &Principal) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.stop_verification(&principal.name).await?)
    }

    /// What the latest verification found, by object from beyond `after` on, at most [`MAX_FINDINGS_TOLD`].
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn findings(&self, principal: &Principal, after: String) -> Result<Vec<Finding>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let Some(latest) = self.inner.catalog.verification().await? else { return Ok(Vec::new()) };
        Ok(self.inner.catalog.verification_findings(latest.id, None, after, MAX_FINDINGS_TOLD).await?)
    }

    /// Verifies what is to be verified until `shutdown` completes. One such task runs per node.
    pub async fn verify_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            // Cancel-safe: what was read and not written down is read again.
            let went_on = tokio::select! {
                went_on = self.verify_some() => went_on,
                () = &mut shutdown => return,
            };
            let pause = match went_on {
                Ok(true) => continue,
                Ok(false) => IDLE,
                Err(error) => {
                    tracing::warn!(%error, "the verification cannot go on; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = self.inner.verifying.reading.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Reads a piece of what is to be verified, and writes down how far it is; gives whether there was anything to read.
    ///
    /// # Errors
    /// When store or catalog fail.
    async fn verify_some(&self) -> Result<bool, IngestError> {
        let Some(verification) = self.inner.catalog.verification().await? else { return Ok(false) };
        if verification.state != VerificationState::UnderWay {
            return Ok(false);
        }
        let step = match verification.phase {
            VerificationPhase::Rows => self.verify_rows(&verification).await?,
            VerificationPhase::Objects => self.verify_objects(&verification).await?,
            VerificationPhase::Mending => return Ok(false),
        };
        for finding in &step.findings {
            let NewFinding { kind, object, words, .. } = finding;
            tracing::warn!(?kind, %object, words, "a verification found what is not as it should be");
        }
        let after = self.inner.catalog.verified(verification.id, step).await?;
        match after {
            Some(after) if after.phase == VerificationPhase::Mending => {
                self.inner.verifying.mending.notify_one()
            }
            Some(after) if after.state == VerificationState::Done => told_of_its_end(&after),
            _ => {}
        }
        Ok(true)
    }

    /// Completes when something may have to be mended.
    pub async fn mending_rung(&self) {
        self.inner.verifying.mending.notified().await;
    }

    /// What is to be asked for next, with the number of its verification; none: nothing is. Orphans are taken in on the
    /// way. When all was tried, the verification ends.
    ///
    /// # Errors
    /// When store or catalog fail.
    pub async fn next_to_mend(&self) -> Result<Option<(i64, Finding)>, IngestError> {
        let catalog = &self.inner.catalog;
        let Some(verification) = catalog.verification().await? else { return Ok(None) };
        let is_at_it = verification.state == VerificationState::UnderWay
            && verification.phase == VerificationPhase::Mending;
        if !is_at_it {
            return Ok(None);
        }
        loop {
            let open =
                catalog.verification_findings(verification.id, Some(Fate::Open), String::new(), 1).await?;
            match open.into_iter().next() {
                Some(finding) if finding.kind == FindingKind::Orphan => {
                    self.take_in(verification.id, finding.object).await?;
                }
                Some(finding) if finding.kind == FindingKind::Unopened => {
                    let words = format!("{}; it stays", finding.words);
                    self.tried_to_mend(verification.id, &finding, words).await?;
                }
                Some(finding) => return Ok(Some((verification.id, finding))),
                None => break,
            }
        }
        let end = VerificationStep {
            phase: VerificationPhase::Mending,
            position: String::new(),
            state: VerificationState::Done,
            objects: 0,
            bytes: 0,
            findings: Vec::new(),
        };
        if let Some(after) = catalog.verified(verification.id, end).await? {
            told_of_its_end(&after);
        }
        Ok(None)
    }

    /// Says that a finding was tried to be mended. One whose bytes came counts as mended already; any other is left, for
    /// the reason in `words`.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn tried_to_mend(
        &self,
        verification: i64,
        finding: &Finding,
        words: String,
    ) -> Result<(), causeway_catalog::Error> {
        let object = finding.object.clone();
        self.inner.catalog.conclude_finding(verification, object, Fate::Left, words).await
    }

    /// The bytes of an instance that is kept came again. Where those that are kept were found lost or damaged, these take
    /// their place, and those are put aside; else these go. Gives the object that is kept.
    ///
    /// # Errors
    /// When store or catalog fail.
    pub(crate) async fn repeated(&self, fresh: Fresh, kept: ObjectKey) -> Result<ObjectKey, IngestError> {
        let object = fresh.object.clone();
        if self.inner.catalog.is_lacking(kept.clone()).await?
            && self.inner.catalog.rehome(kept.clone(), fresh).await?
        {
            let is_aside = self.inner.store.put_aside(&kept).await?;
            tracing::info!(lacking = %kept, %object, is_aside, "an object that was lost or damaged has its bytes again");
            self.inner.settling.nudge();
            return Ok(object);
        }
        self.inner.store.discard(&object).await?;
        Ok(kept)
    }
}

fn told_of_its_end(verification: &Verification) {
    let findings: u64 = verification.found.iter().map(|it| it.count).sum();
    tracing::info!(
        verification = verification.id,
        objects = verification.objects,
        bytes = verification.bytes,
        findings,
        "a verification is done"
    );
}
