//! Rows, each held against its object: whether it is there, as long as it should be, and of the same digest.

use std::time::Duration;

use causeway_catalog::{
    FindingKind, NewFinding, RowToVerify, Verification, VerificationPhase, VerificationState,
    VerificationStep,
};
use causeway_core::{Digest, StoredInstance};
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::error::IngestError;
use crate::{Archive, StoreError};

/// Rows in one step.
const ROWS_PER_STEP: u32 = 64;
/// Bytes after which a step ends, whatever rows are left of it.
const BYTES_PER_STEP: u64 = 64 << 20;

/// Holds a reader to so many bytes a second, from its beginning on.
pub(super) struct Pace {
    bytes_per_second: u64,
    began: Instant,
    bytes: u64,
}

impl Pace {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), began: Instant::now(), bytes: 0 }
    }

    /// Waits until `bytes` more may have been read.
    async fn read(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        tokio::time::sleep_until(self.began + due(self.bytes, self.bytes_per_second)).await;
    }
}

/// When so many bytes may have been read.
fn due(bytes: u64, bytes_per_second: u64) -> Duration {
    let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// What is wrong with an object, if anything is.
type Verdict = Option<(FindingKind, String)>;

impl Archive {
    pub(super) async fn verify_rows(
        &self,
        verification: &Verification,
    ) -> Result<VerificationStep, IngestError> {
        let after: i64 = verification.position.parse().unwrap_or(0);
        let rows =
            self.inner.catalog.rows_to_verify(after, verification.last_instance, ROWS_PER_STEP).await?;
        let mut step = VerificationStep {
            phase: VerificationPhase::Rows,
            position: verification.position.clone(),
            state: VerificationState::UnderWay,
            objects: 0,
            bytes: 0,
            findings: Vec::new(),
        };
        if rows.is_empty() {
            return Ok(VerificationStep {
                phase: VerificationPhase::Objects,
                position: String::new(),
                ..step
            });
        }
        let mut pace = Pace::new(verification.bytes_per_second);
        for RowToVerify { number, instance, remote } in rows {
            let verdict = self.verify_object(&instance, &mut pace).await?;
            // What another node's spool has settles later: a verification after that reads it.
            let is_elsewhere = verdict.as_ref().is_some_and(|(kind, _)| *kind == FindingKind::Lost)
                && self.is_elsewhere(&instance.object).await?;
            if let Some((kind, words)) = verdict.filter(|_| !is_elsewhere) {
                let (object, ids) = (instance.object.clone(), Some(instance.ids.clone()));
                step.findings.push(NewFinding { kind, object, ids, remote, words });
            }
            step.position = number.to_string();
            step.objects += 1;
            step.bytes += instance.object_bytes;
            if step.bytes >= BYTES_PER_STEP {
                break;
            }
        }
        Ok(step)
    }

    /// Reads an object to its end. A disk that cannot read it is a finding; an object store that does not answer is none.
    async fn verify_object(&self, instance: &StoredInstance, pace: &mut Pace) -> Result<Verdict, StoreError> {
        let blob = match self.inner.store.open_blob(&instance.object).await {
            Ok(blob) => blob,
            Err(error) => return judge(error),
        };
        if blob.bytes() != instance.object_bytes {
            let words = format!("it has {} bytes, and {} were stored", blob.bytes(), instance.object_bytes);
            return Ok(Some((FindingKind::Damaged, words)));
        }
        let data_set = u64::from(instance.data_set_offset)..blob.bytes();
        let mut chunks = blob.stream(data_set);
        let mut hasher = Sha256::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return judge(error),
            };
            hasher.update(&chunk);
            pace.read(chunk.len() as u64).await;
        }
        let digest = Digest(hasher.finalize().into());
        if digest == instance.digest {
            return Ok(None);
        }
        let words = format!("its digest is {digest}, and {} was stored", instance.digest);
        Ok(Some((FindingKind::Damaged, words)))
    }
}

/// What an object is that was not read; the error, where it is not of the object.
fn judge(error: StoreError) -> Result<Verdict, StoreError> {
    match error {
        StoreError::NotFound(_) => Ok(Some((FindingKind::Lost, "the object is not there".to_owned()))),
        error if error.is_of_settings() => Ok(Some((FindingKind::Unopened, error.to_string()))),
        error if error.is_of_one_object() || matches!(error, StoreError::Length { .. }) => {
            Ok(Some((FindingKind::Damaged, error.to_string())))
        }
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bytes_are_read_in_a_second_and_no_more() {
        assert_eq!(due(0, 1), Duration::ZERO);
        assert_eq!(due(1_000, 1_000), Duration::from_secs(1));
        assert_eq!(due(1_001, 1_000), Duration::from_millis(1_001));
        assert!(due(u64::MAX, 1) > Duration::from_secs(1 << 33));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_is_kept_over_many_pieces() {
        let began = Instant::now();
        let mut pace = Pace::new(1_000);
        for _ in 0..10 {
            pace.read(300).await;
        }
        assert_eq!(began.elapsed().as_millis(), 3_000);
    }
}
