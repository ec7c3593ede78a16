//! Objects, each looked up among the rows: those in the spool, then those that have settled. An orphan is one that no row
//! tells of, also when it is asked for again after a while: between an object and its row there is a moment.

use std::time::Duration;

use causeway_catalog::{
    Fate, FindingKind, Inserted, Mends, NewFinding, OnConflict, Verification, VerificationPhase,
    VerificationState, VerificationStep,
};
use causeway_core::ObjectKey;
use causeway_store::layout;
use futures_util::StreamExt;

use crate::error::IngestError;
use crate::replay::is_of_one_file;
use crate::{Archive, StoreError};

/// How long an object waits for its row, before it counts as an orphan.
const GRACE: Duration = Duration::from_secs(3);
/// Objects that are asked for at a time.
const OBJECTS_AT_A_TIME: usize = 500;
/// Where the walk is when it has passed the spool.
const PAST_SPOOL: &str = "objects:";

impl Archive {
    pub(super) async fn verify_objects(
        &self,
        verification: &Verification,
    ) -> Result<VerificationStep, IngestError> {
        let mut step = VerificationStep {
            phase: VerificationPhase::Objects,
            position: PAST_SPOOL.to_owned(),
            state: VerificationState::UnderWay,
            objects: 0,
            bytes: 0,
            findings: Vec::new(),
        };
        let Some(position) = verification.position.strip_prefix(PAST_SPOOL) else {
            step.findings = self.orphans_of_spool(verification).await?;
            return Ok(step);
        };
        match self.inner.store.settled_after(position).await? {
            Some(settled) => {
                step.position = format!("{PAST_SPOOL}{}", settled.position);
                for objects in settled.objects.chunks(OBJECTS_AT_A_TIME) {
                    step.findings.extend(self.orphans(verification, objects.to_vec()).await?);
                }
            }
            None if verification.mends == Mends::WhatItCan => step.phase = VerificationPhase::Mending,
            None => step.state = VerificationState::Done,
        }
        Ok(step)
    }

    async fn orphans_of_spool(&self, verification: &Verification) -> Result<Vec<NewFinding>, IngestError> {
        let mut findings = Vec::new();
        let mut spooled = self.inner.store.spooled().chunks(OBJECTS_AT_A_TIME);
        while let Some(objects) = spooled.next().await {
            let objects = objects.into_iter().collect::<Result<Vec<_>, _>>()?;
            findings.extend(self.orphans(verification, objects).await?);
        }
        Ok(findings)
    }

    /// Those of `objects` that no row tells of. What is younger than the verification is not its affair.
    async fn orphans(
        &self,
        verification: &Verification,
        mut objects: Vec<ObjectKey>,
    ) -> Result<Vec<NewFinding>, IngestError> {
        let began_at = u64::try_from(verification.began_at.as_millisecond()).unwrap_or_default();
        objects.retain(|object| layout::given_at_ms(object) < began_at);
        let mut unknown = self.inner.catalog.unknown_objects(objects).await?;
        if !unknown.is_empty() {
            tokio::time::sleep(GRACE).await;
            unknown = self.inner.catalog.unknown_objects(unknown).await?;
        }
        let mut findings = Vec::new();
        for object in unknown {
            // What was deleted meanwhile is no orphan.
            if self.inner.store.open_blob(&object).await.is_ok() {
                let words = "no row tells of it".to_owned();
                findings.push(NewFinding {
                    kind: FindingKind::Orphan,
                    object,
                    ids: None,
                    remote: None,
                    words,
                });
            }
        }
        Ok(findings)
    }

    /// Takes an orphan in, as a replay would, and says what became of it. Nothing is removed.
    pub(super) async fn take_in(&self, verification: i64, object: ObjectKey) -> Result<(), IngestError> {
        let (fate, words) = match self.replay_one(&object, OnConflict::KeepFirst).await {
            Ok(Inserted::New | Inserted::Known) => (Fate::Mended, "it was taken in".to_owned()),
            Ok(Inserted::Replaced { object: old }) => {
                (Fate::Mended, format!("it took the place of object {old}"))
            }
            Ok(Inserted::SameBytes { object: kept }) => {
                (Fate::Left, format!("the same bytes are kept as object {kept}; it stays"))
            }
            Ok(Inserted::Conflict) => {
                (Fate::Left, "its instance is kept with other bytes; it stays".to_owned())
            }
            Ok(Inserted::Superseded) => {
                (Fate::Left, "its instance was deleted or replaced after it came; it stays".to_owned())
            }
            Err(IngestError::Store(StoreError::NotFound(_))) => (Fate::Left, "it is gone".to_owned()),
            Err(error) if is_of_one_file(&error) => {
                (Fate::Left, format!("it cannot be taken in ({error}); it stays"))
            }
            Err(error) => return Err(error),
        };
        Ok(self.inner.catalog.conclude_finding(verification, object, fate, words).await?)
    }
}
