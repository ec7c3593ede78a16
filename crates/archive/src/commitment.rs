//! Storage commitment: requests taken durably and decided by what is settled, and the results of our own requests
//! (PS3.4 §J.3).
//!
//! Invariant: an instance is committed only when its bytes are in the store and its row is on disk, as the SOP class
//! that was named. The doors take requests and results, `forward` calls out; the bell tells both of news.

use std::time::Duration;

use causeway_catalog::errand::{Answered, Errand, Finding, Received, Requester, Step};
use causeway_core::commitment::{Request, Settlement};
use causeway_core::{Permission, Principal, RemoteName, Status, sop_class};
use tokio::sync::watch;

use crate::error::CommitmentError;
use crate::{Archive, CatalogError, access};

/// Most requests that are decided in one go.
pub const MAX_DECIDED: u32 = 1000;

/// Rung when something of the commitments may have changed: a hint, the catalog is the truth.
#[derive(Debug, Default)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.send_modify(|rings| *rings = rings.wrapping_add(1));
    }
}

/// What came of a look at the requests that are not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decided {
    /// Requests that were decided.
    pub decided: usize,
    /// Requests that wait for instances to settle.
    pub waiting: usize,
}

/// What is to be said of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Committed,
    Failed(Status),
    /// It is here, and on its way into the store.
    NotSettled,
}

impl Archive {
    /// Woken when a request came, instances settled, or a result is ready to be told.
    #[must_use]
    pub fn commitment_bell(&self) -> watch::Receiver<u64> {
        self.inner.commitments.0.subscribe()
    }

    /// Takes a request for commitment; on disk when this returns its number. For `hold` its result is left to the
    /// association on which it was asked.
    ///
    /// # Errors
    /// When the caller may not ask, the transaction is another one's, too many results wait, or the catalog fails.
    pub async fn ask_commitment(
        &self,
        principal: &Principal,
        from: Requester,
        request: Request,
        hold: Duration,
    ) -> Result<i64, CommitmentError> {
        access::allow(principal, Permission::Commit)?;
        let errand = match self.inner.catalog.commitment_asked(from, request, hold).await? {
            Received::New(errand) | Received::Again(errand) => errand,
            Received::Duplicate => return Err(CommitmentError::Duplicate),
            Received::TooMany => return Err(CommitmentError::TooMany),
        };
        self.inner.commitments.ring();
        Ok(errand)
    }

    /// Decides the requests that can be: those of which every instance is settled or will never be. After `patience`
    /// what is still not settled has failed. Results are owed for as long as `keep`.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn decide_commitments(
        &self,
        patience: Duration,
        keep: Duration,
    ) -> Result<Decided, CatalogError> {
        let mut round = Decided::default();
        for request in self.inner.catalog.undecided(MAX_DECIDED).await? {
            let age = self.inner.clock.now().duration_since(request.asked_at);
            let is_overdue = Duration::try_from(age).is_ok_and(|age| age >= patience);
            let remote = request.remote.as_ref().and_then(|name| self.remote(name));
            let sight = remote.map(|remote| remote.sight()).unwrap_or_default();
            let findings = self.inner.catalog.findings(request.errand, sight).await?;
            match decide(&findings, is_overdue) {
                Some(failed) => {
                    tracing::info!(
                        errand = request.errand,
                        instances = findings.len(),
                        failed = failed.len(),
                        "a request for storage commitment was decided"
                    );
                    self.inner.catalog.decide(request.errand, failed, keep).await?;
                    round.decided += 1;
                }
                None => round.waiting += 1,
            }
        }
        if round.decided > 0 {
            self.inner.commitments.ring();
        }
        Ok(round)
    }

    /// Which of these requests are decided and held by nobody.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn results_ready(&self, errands: Vec<i64>) -> Result<Vec<i64>, CatalogError> {
        if errands.is_empty() { Ok(errands) } else { self.inner.catalog.decided(errands).await }
    }

    /// Results that are owed to a caller that cannot be called, oldest first.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn results_owed(&self, to: Requester) -> Result<Vec<i64>, CatalogError> {
        if self.can_be_told(&to) { Ok(Vec::new()) } else { self.inner.catalog.results_owed(to).await }
    }

    /// Whether it can be called to be told a result.
    #[must_use]
    pub fn can_be_told(&self, requester: &Requester) -> bool {
        let remote = requester.remote.as_ref().and_then(|name| self.remote(name));
        remote.is_some_and(|remote| remote.dimse_peer().is_some())
    }

    /// Takes a result to tell it on the association at hand, for `lease`; none when it is not to be told, or by
    /// another.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn take_result(
        &self,
        errand: i64,
        owner: String,
        lease: Duration,
    ) -> Result<Option<Errand>, CatalogError> {
        self.inner.catalog.claim_result(errand, owner, lease).await
    }

    /// Says that the peer has taken a result.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn result_told(&self, errand: i64, owner: String) -> Result<(), CatalogError> {
        self.inner.catalog.conclude_errand(errand, owner, Step::Done, None, "told".to_owned()).await
    }

    /// Gives back results that could not be told on the association at hand.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn release_results(&self, errands: Vec<i64>, owner: String) -> Result<(), CatalogError> {
        if !errands.is_empty() {
            self.inner.catalog.release_results(errands, owner).await?;
            self.inner.commitments.ring();
        }
        Ok(())
    }

    /// Takes the result of a request of ours, told by the remote that it was asked of.
    ///
    /// # Errors
    /// When nothing was asked of it under this Transaction UID, or the catalog fails.
    pub async fn commitment_told(
        &self,
        by: Option<&RemoteName>,
        settlement: Settlement,
    ) -> Result<(), CommitmentError> {
        let Some(remote) = by else { return Err(CommitmentError::Unknown) };
        let transaction = settlement.transaction.clone();
        match self.inner.catalog.commitment_told(remote.clone(), settlement).await? {
            Answered::Unknown => Err(CommitmentError::Unknown),
            Answered::Again => Ok(()),
            Answered::Noted { committed, resent, parked } => {
                if resent + parked > 0 {
                    tracing::warn!(
                        %remote, %transaction, committed, resent, parked,
                        "a remote does not commit to all that it was sent"
                    );
                } else {
                    tracing::info!(%remote, %transaction, committed, "a remote commits to what it was sent");
                }
                if resent > 0 {
                    self.inner.dispatcher.nudge();
                }
                Ok(())
            }
        }
    }
}

/// The places of what failed; none while instances are on their way into the store.
fn decide(findings: &[Finding], is_overdue: bool) -> Option<Vec<(i64, Status)>> {
    let mut failed = Vec::new();
    for finding in findings {
        match judge(finding) {
            Verdict::Committed => {}
            Verdict::Failed(reason) => failed.push((finding.place, reason)),
            Verdict::NotSettled if is_overdue => failed.push((finding.place, Status::PROCESSING_FAILURE)),
            Verdict::NotSettled => return None,
        }
    }
    Some(failed)
}

/// PS3.3 §C.14.1.1.
fn judge(finding: &Finding) -> Verdict {
    let named = &finding.reference.sop_class;
    match &finding.known {
        None if sop_class::is_storage(named) || sop_class::is_private(named) => {
            Verdict::Failed(Status::NO_SUCH_OBJECT)
        }
        None => Verdict::Failed(Status::SOP_CLASS_NOT_SUPPORTED),
        Some(known) if known.sop_class != *named => Verdict::Failed(Status::CLASS_INSTANCE_CONFLICT),
        Some(known) if known.is_settled => Verdict::Committed,
        Some(_) => Verdict::NotSettled,
    }
}

#[cfg(test)]
mod tests {
    use causeway_catalog::errand::Known;
    use causeway_core::Uid;
    use causeway_core::commitment::Reference;

    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

    fn finding(place: i64, named: &str, known: Option<(&str, bool)>) -> Finding {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let known = known.map(|(class, is_settled)| Known { sop_class: uid(class), is_settled });
        Finding { place, reference: Reference { sop_class: uid(named), sop_instance: uid("1.2.3") }, known }
    }

    #[test]
    fn only_what_is_settled_as_the_class_named_is_committed() {
        let verdicts = [
            (CT, Some((CT, true)), Verdict::Committed),
            (CT, Some((CT, false)), Verdict::NotSettled),
            (CT, Some((MR, true)), Verdict::Failed(Status::CLASS_INSTANCE_CONFLICT)),
            (CT, Some((MR, false)), Verdict::Failed(Status::CLASS_INSTANCE_CONFLICT)),
            (CT, None, Verdict::Failed(Status::NO_SUCH_OBJECT)),
            ("1.3.12.2.1107.5.9.1", None, Verdict::Failed(Status::NO_SUCH_OBJECT)),
            (sop_class::VERIFICATION, None, Verdict::Failed(Status::SOP_CLASS_NOT_SUPPORTED)),
            (sop_class::MEDIA_STORAGE_DIRECTORY, None, Verdict::Failed(Status::SOP_CLASS_NOT_SUPPORTED)),
        ];
        for (named, known, verdict) in verdicts {
            assert_eq!(judge(&finding(0, named, known)), verdict, "{named} {known:?}");
        }
    }

    #[test]
    fn a_request_waits_for_what_is_on_its_way_into_the_store_and_not_for_ever() {
        let findings =
            [finding(0, CT, Some((CT, true))), finding(1, CT, None), finding(2, CT, Some((CT, false)))];
        assert_eq!(decide(&findings, false), None);
        let failed = vec![(1, Status::NO_SUCH_OBJECT), (2, Status::PROCESSING_FAILURE)];
        assert_eq!(decide(&findings, true), Some(failed));
        assert_eq!(decide(&findings[..2], false), Some(vec![(1, Status::NO_SUCH_OBJECT)]));
    }
}
