//! Storage commitment: requests taken durably and decided by what is settled, and the results of our own requests
//! (PS3.4 §J.3, PS3.18 §13).
//!
//! Invariant: an instance is committed only when its bytes are in the store and its row is on disk, as the SOP class
//! that was named, by whichever door it was asked. The doors take requests and results, `forward` calls out to whoever
//! is to be told; the bell tells both of news. Who asked over the web comes for the result, which is decided at once
//! where it can be.

use std::time::Duration;

use causeway_catalog::errand::{
    Answered, Errand, Finding, Inquired, Inquirer, Peer, Received, Requester, Standing, Step, Undecided,
};
use causeway_core::commitment::{Answer, Inquiry, Request, Settlement};
use causeway_core::{Permission, Principal, RemoteName, Sight, Status, Uid, sop_class};
use tokio::sync::watch;

use crate::error::CommitmentError;
use crate::{Archive, CatalogError, access};

/// Most requests that are decided in one go.
pub const MAX_DECIDED: u32 = 1000;
/// How long a result is kept for whoever asked over the web, when it asks for no more than the catalog keeps for one: a
/// week.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

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

/// How a request that was asked over the web stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Instances are on their way into the store.
    Working,
    /// Its result.
    Done(Answer),
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
        from: Peer,
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

    /// Takes a request of the web, on disk when this returns, and decides it at once if that can be.
    ///
    /// # Errors
    /// When the caller may not ask, has used the transaction before, or waits for too many, or the catalog fails.
    pub async fn inquire_commitment(
        &self,
        principal: &Principal,
        inquiry: Inquiry,
    ) -> Result<Progress, CommitmentError> {
        access::allow(principal, Permission::Commit)?;
        let from = Inquirer { name: principal.name.clone(), sight: principal.sight.clone() };
        let transaction = inquiry.transaction.clone();
        let errand = match self.inner.catalog.commitment_inquired(from.clone(), inquiry).await? {
            Inquired::New(errand) => errand,
            Inquired::Duplicate => return Err(CommitmentError::Duplicate),
            Inquired::TooMany => return Err(CommitmentError::TooMany),
        };
        let request = Undecided { errand, asked_at: self.inner.clock.now(), from: Requester::Inquirer(from) };
        let found = match self.decide_one(&request, Patience::Patient, KEPT).await {
            Ok(Verdicts::Decided) => self.commitment_result(principal, transaction).await,
            Ok(Verdicts::Waiting) => Ok(Progress::Working),
            Err(error) => Err(error.into()),
        };
        // It is taken, whatever failed after that: whoever decides the others decides it.
        Ok(found.unwrap_or_else(|error| {
            tracing::warn!(errand, %error, "a request for storage commitment was not decided at once");
            self.inner.commitments.ring();
            Progress::Working
        }))
    }

    /// How a request stands that this caller asked over the web.
    ///
    /// # Errors
    /// When the caller may not ask, has never asked under this Transaction UID, or the result is not kept any more, or
    /// the catalog fails.
    pub async fn commitment_result(
        &self,
        principal: &Principal,
        transaction: Uid,
    ) -> Result<Progress, CommitmentError> {
        access::allow(principal, Permission::Commit)?;
        match self.inner.catalog.inquiry(principal.name.clone(), transaction).await? {
            Standing::Unknown => Err(CommitmentError::Unknown),
            Standing::Gone => Err(CommitmentError::Gone),
            Standing::Open => Ok(Progress::Working),
            Standing::Decided(answer) => Ok(Progress::Done(answer)),
        }
    }

    /// Decides the requests that can be: those of which every instance is settled or will never be. After `patience`
    /// what is still not settled has failed. Results are owed for as long as `keep`, and to whoever comes for them kept
    /// for as long as [`KEPT`].
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
            let patience = if is_overdue { Patience::Over } else { Patience::Patient };
            let keep = match request.from {
                Requester::Peer(_) => keep,
                Requester::Inquirer(_) => KEPT,
            };
            match self.decide_one(&request, patience, keep).await? {
                Verdicts::Decided => round.decided += 1,
                Verdicts::Waiting => round.waiting += 1,
            }
        }
        if round.decided > 0 {
            self.inner.commitments.ring();
        }
        Ok(round)
    }

    async fn decide_one(
        &self,
        request: &Undecided,
        patience: Patience,
        keep: Duration,
    ) -> Result<Verdicts, CatalogError> {
        let Undecided { errand, ref from, .. } = *request;
        let findings = self.inner.catalog.findings(errand, self.sight_of(from)).await?;
        let Some(failed) = decide(&findings, patience) else { return Ok(Verdicts::Waiting) };
        tracing::info!(
            errand,
            instances = findings.len(),
            failed = failed.len(),
            "a request for storage commitment was decided"
        );
        self.inner.catalog.decide(errand, failed, keep).await?;
        Ok(Verdicts::Decided)
    }

    /// What is here for who asked.
    fn sight_of(&self, from: &Requester) -> Sight {
        match from {
            Requester::Peer(Peer { remote, .. }) => {
                let remote = remote.as_ref().and_then(|name| self.remote(name));
                remote.map(|remote| remote.sight()).unwrap_or_default()
            }
            Requester::Inquirer(Inquirer { sight, .. }) => sight.clone(),
        }
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
    pub async fn results_owed(&self, to: Peer) -> Result<Vec<i64>, CatalogError> {
        if self.can_be_told(&to) { Ok(Vec::new()) } else { self.inner.catalog.results_owed(to).await }
    }

    /// Whether it can be called to be told a result.
    #[must_use]
    pub fn can_be_told(&self, peer: &Peer) -> bool {
        let remote = peer.remote.as_ref().and_then(|name| self.remote(name));
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

/// Whether it is still waited for what is on its way into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Patient,
    Over,
}

/// What came of a look at one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdicts {
    Decided,
    Waiting,
}

/// The places of what failed; none while instances are on their way into the store.
fn decide(findings: &[Finding], patience: Patience) -> Option<Vec<(i64, Status)>> {
    let mut failed = Vec::new();
    for finding in findings {
        match (judge(finding), patience) {
            (Verdict::Committed, _) => {}
            (Verdict::Failed(reason), _) => failed.push((finding.place, reason)),
            (Verdict::NotSettled, Patience::Over) => failed.push((finding.place, Status::PROCESSING_FAILURE)),
            (Verdict::NotSettled, Patience::Patient) => return None,
        }
    }
    Some(failed)
}

/// PS3.3 §C.14.1.1. What is kept in another study or series than was said is not what was named.
fn judge(finding: &Finding) -> Verdict {
    let named = &finding.named.reference.sop_class;
    let within = finding.named.within.as_ref();
    match finding.known.as_ref().filter(|known| within.is_none_or(|within| *within == known.within)) {
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
    use causeway_core::commitment::{Named, Reference, Whereabouts};

    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

    fn finding(place: i64, named: &str, known: Option<(&str, bool)>) -> Finding {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let known = known.map(|(class, is_settled)| Known {
            sop_class: uid(class),
            within: within("1.2", "1.2.1"),
            is_settled,
        });
        let reference = Reference { sop_class: uid(named), sop_instance: uid("1.2.3") };
        Finding { place, named: Named { reference, within: None }, known }
    }

    fn within(study: &str, series: &str) -> Whereabouts {
        Whereabouts { study: Uid::parse(study).unwrap(), series: Uid::parse(series).unwrap() }
    }

    #[test]
    fn what_is_kept_elsewhere_than_was_said_is_not_what_was_named() {
        for (study, series, verdict) in [
            ("1.2", "1.2.1", Verdict::Committed),
            ("1.2", "1.2.2", Verdict::Failed(Status::NO_SUCH_OBJECT)),
            ("1.3", "1.2.1", Verdict::Failed(Status::NO_SUCH_OBJECT)),
        ] {
            let mut finding = finding(0, CT, Some((CT, true)));
            finding.named.within = Some(within(study, series));
            assert_eq!(judge(&finding), verdict, "{study} {series}");
        }
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
        assert_eq!(decide(&findings, Patience::Patient), None);
        let failed = vec![(1, Status::NO_SUCH_OBJECT), (2, Status::PROCESSING_FAILURE)];
        assert_eq!(decide(&findings, Patience::Over), Some(failed));
        assert_eq!(decide(&findings[..2], Patience::Patient), Some(vec![(1, Status::NO_SUCH_OBJECT)]));
    }
}
