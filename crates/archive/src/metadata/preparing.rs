//! Preparing metadata behind ingest: what has settled is read once more while it is still in the machine's memory, and
//! written into sheets. Runs on a nudge, after the burst; what was not prepared, since the node stopped or older
//! versions did not, is when someone asks for it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_catalog::NewSheet;
use causeway_core::{ObjectKey, StoredInstance, Uid};
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::sheet::{self, Sheet};
use super::{CONCURRENT_READS, Json};
use crate::Archive;
use crate::error::{RetrieveError, unreadable};

/// Most objects that wait to be prepared; those beyond are when someone asks.
const MAX_WAITING: usize = 65_536;
/// Objects prepared in one go.
const ROUND: usize = 512;
/// A burst is over when nothing more has come for so long.
const QUIET: Duration = Duration::from_millis(100);
/// How long one is waited for at most: few, large sheets cost less than many, and late ones help nobody.
const GATHER: Duration = Duration::from_secs(1);

/// What waits to be prepared.
#[derive(Default)]
pub(crate) struct Waiting {
    objects: Mutex<Vec<ObjectKey>>,
    bell: Notify,
}

impl Waiting {
    /// Asks for these objects to be prepared.
    pub(crate) fn ask(&self, objects: impl IntoIterator<Item = ObjectKey>) {
        let mut waiting = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_WAITING.saturating_sub(waiting.len());
        waiting.extend(objects.into_iter().take(room));
        self.bell.notify_one();
    }

    /// The next ones, those that waited longest first.
    fn take(&self) -> Vec<ObjectKey> {
        let mut waiting = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let next = waiting.len().min(ROUND);
        waiting.drain(..next).collect()
    }

    /// Waits for the end of a burst.
    async fn gather(&self) {
        let burst = async { while timeout(QUIET, self.bell.notified()).await.is_ok() {} };
        // What is still coming is taken as far as it came.
        let _ = timeout(GATHER, burst).await;
    }
}

impl Archive {
    /// Prepares metadata until `shutdown` completes. One such task runs per node.
    pub async fn prepare_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            // Cancel-safe: what waits stays where it is.
            tokio::select! {
                () = self.inner.preparing.bell.notified() => {}
                () = &mut shutdown => return,
            }
            tokio::select! {
                () = self.inner.preparing.gather() => {}
                () = &mut shutdown => return,
            }
            tokio::select! {
                () = self.prepare_waiting() => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Prepares what waits.
    pub async fn prepare_waiting(&self) {
        loop {
            let objects = self.inner.preparing.take();
            if objects.is_empty() {
                return;
            }
            if let Err(error) = self.prepare(objects).await {
                tracing::warn!(%error, "metadata could not be prepared; they are read when someone asks");
            }
        }
    }

    async fn prepare(&self, objects: Vec<ObjectKey>) -> Result<(), RetrieveError> {
        let mut series: BTreeMap<(Uid, Uid), Vec<StoredInstance>> = BTreeMap::new();
        for instance in self.inner.catalog.instances_of(objects).await? {
            let key = (instance.ids.study.clone(), instance.ids.series.clone());
            series.entry(key).or_default().push(instance);
        }
        for ((study, series), instances) in series {
            let mut written = Vec::new();
            let mut sheet = Sheet::default();
            for (object, json) in self.readable(instances).await? {
                if let Err((object, json)) = sheet.put(object, json) {
                    written.push(std::mem::take(&mut sheet));
                    // What is too long for an empty sheet has no place in any.
                    let _ = sheet.put(object, json);
                }
            }
            written.push(sheet);
            for sheet in written.into_iter().filter(|sheet| !sheet.is_empty()) {
                self.keep_sheet(&study, &series, sheet).await?;
            }
        }
        Ok(())
    }

    /// The objects' JSON; what cannot be read has none, and is told of when someone asks for it.
    async fn readable(
        &self,
        instances: Vec<StoredInstance>,
    ) -> Result<Vec<(ObjectKey, bytes::Bytes)>, RetrieveError> {
        let reads: Vec<_> = instances
            .into_iter()
            .map(|instance| {
                let archive = self.clone();
                async move {
                    let object = instance.object.clone();
                    let task = tokio::spawn(async move { archive.told::<Json>(&instance, "").await });
                    Ok::<_, RetrieveError>(
                        task.await.map_err(unreadable)?.ok().map(|json| (object, json.into())),
                    )
                }
            })
            .collect();
        let read: Vec<Result<Option<_>, _>> = stream::iter(reads).buffered(CONCURRENT_READS).collect().await;
        read.into_iter().filter_map(Result::transpose).collect()
    }

    /// Keeps a sheet. The latest ones of the series go into it as long as they are not much longer: instances that come
    /// one by one do not leave a sheet each, and none is written anew more often than a few times.
    async fn keep_sheet(&self, study: &Uid, series: &Uid, mut sheet: Sheet) -> Result<(), RetrieveError> {
        let mut replaces = Vec::new();
        let kept = self.inner.catalog.sheet_sizes(study.clone(), series.clone(), sheet::FORM).await?;
        let mut count = sheet.objects().count();
        for (id, instances) in kept.into_iter().rev() {
            if instances as usize > count.saturating_mul(2) {
                break;
            }
            let Some(older) = self.inner.catalog.sheet(id).await? else { continue };
            let Ok(older) = Sheet::read(&older.body) else { continue };
            if sheet.take_in(older).is_err() {
                break;
            }
            replaces.push(id);
            count = count.saturating_add(instances as usize);
        }
        let new = NewSheet {
            study: study.clone(),
            series: series.clone(),
            form: sheet::FORM,
            objects: sheet.objects().cloned().collect(),
            body: sheet.write().map_err(unreadable)?,
            replaces,
        };
        self.inner.catalog.keep_sheet(new).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    #[test]
    fn so_many_wait_and_no_more_and_the_first_come_first() {
        let waiting = Waiting::default();
        let object = |number: usize| ObjectKey::parse(&format!("{number:032x}")).unwrap();
        waiting.ask((0..MAX_WAITING + 1).map(object));
        assert_eq!(waiting.take()[..2], [object(0), object(1)]);
        let rest = std::iter::from_fn(|| Some(waiting.take().len()).filter(|count| *count > 0));
        assert_eq!(rest.sum::<usize>(), MAX_WAITING - ROUND);
    }
    #[tokio::test(start_paused = true)]
    async fn a_burst_is_over_when_it_is_quiet_and_is_not_waited_for_for_ever() {
        let waiting = Waiting::default();
        let start = Instant::now();
        waiting.gather().await;
        assert_eq!(start.elapsed(), QUIET);
        let drip = async {
            loop {
                waiting.bell.notify_one();
                sleep(QUIET / 2).await;
            }
        };
        let start = Instant::now();
        tokio::select! {
            () = waiting.gather() => {}
            () = drip => {}
        }
        assert_eq!(start.elapsed(), GATHER);
    }
}
