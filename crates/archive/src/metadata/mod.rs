//! Metadata of stored instances (PS3.18 §10.4.1.1.2). DICOM JSON is prepared behind ingest, many instances of a series
//! to a [`sheet`], compressed, in the catalog; what is not prepared yet is read from the heads of the objects. XML,
//! which hardly anyone asks for, is made one instance at a time.
//!
//! `preparing` writes the sheets. A sheet is never the truth: without it the answer is the same, only later.

mod preparing;
mod sheet;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{ObjectKey, StoredInstance, Uid};
use causeway_dataset::json::{self, Json};
use causeway_dataset::model::{Form, MetadataWriter, Options};
use causeway_dataset::xml::Xml;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::Archive;
use crate::error::{RetrieveError, unreadable};
use crate::kept::Weigh;
pub(crate) use preparing::Waiting;
use sheet::Sheet;

/// Most memory that answers take which are kept, in bytes.
pub(crate) const MAX_ANSWERS_BYTES: u64 = 64 * 1024 * 1024;
/// Longest binary value that stands in the JSON itself, in bytes.
pub const MAX_INLINE_BYTES: usize = 1024;
/// Objects whose heads are read at the same time.
const CONCURRENT_READS: usize = 8;
/// Bytes read of an object at a time: few heads are longer.
const READ_BYTES: u64 = 32 * 1024;
/// So few instances are sooner read by their heads than found in sheets.
const FEW: usize = 4;

/// A series, and the root that its answer's URLs have.
pub(crate) type Key = (Uid, String);

/// An answer that is kept.
#[derive(Clone)]
pub(crate) struct Answer {
    /// What it was made of: it serves only a question about exactly these.
    objects: Arc<[ObjectKey]>,
    json: Bytes,
}

impl Weigh for Answer {
    fn weight_bytes(&self) -> usize {
        /// A key of 32 digits, and what holds it.
        const OBJECT_BYTES: usize = 64;
        self.json.len() + self.objects.len() * OBJECT_BYTES
    }
}

impl Archive {
    /// The DICOM JSON objects of `instances`, which all belong to one series, joined by commas: the inside of an
    /// array. Bulk data is named by URLs below `base_url` (the service's root, without a slash at its end).
    ///
    /// # Errors
    /// When the store fails, or an object cannot be read as a data set.
    pub async fn series_metadata(
        &self,
        instances: &[StoredInstance],
        base_url: &str,
    ) -> Result<Bytes, RetrieveError> {
        let Some(first) = instances.first() else { return Ok(Bytes::new()) };
        let key = (first.ids.series.clone(), base_url.to_owned());
        let objects: Arc<[ObjectKey]> = instances.iter().map(|instance| instance.object.clone()).collect();
        let kept = self.inner.answers.find(&key).filter(|answer| answer.objects == objects);
        if let Some(answer) = kept {
            return Ok(answer.json);
        }
        let parts = self.parts(instances).await?;
        let json = join(instances, &parts, base_url);
        self.inner.answers.keep(key, Answer { objects, json: json.clone() });
        Ok(json)
    }

    /// The objects by the keys of what they were made of, bulk data named from behind the service's root.
    async fn parts(&self, instances: &[StoredInstance]) -> Result<HashMap<ObjectKey, Bytes>, RetrieveError> {
        let mut parts = HashMap::new();
        if let Some(first) = instances.first().filter(|_| instances.len() > FEW) {
            for sheet in self.sheets(first).await? {
                parts.extend(sheet.into_parts());
            }
        }
        let missing: Vec<StoredInstance> =
            instances.iter().filter(|instance| !parts.contains_key(&instance.object)).cloned().collect();
        if missing.len() > FEW {
            self.inner.preparing.ask(missing.iter().map(|instance| instance.object.clone()));
        }
        let told = self.read_parts(missing.clone()).await?;
        parts.extend(missing.into_iter().map(|instance| instance.object).zip(told));
        Ok(parts)
    }

    /// The sheets of the series of an instance. Each is a task of its own, so that more than one processor unpacks.
    async fn sheets(&self, instance: &StoredInstance) -> Result<Vec<Sheet>, RetrieveError> {
        let (study, series) = (instance.ids.study.clone(), instance.ids.series.clone());
        let kept = self.inner.catalog.sheets(study, series, sheet::FORM).await?;
        let tasks: Vec<_> =
            kept.into_iter().map(|kept| tokio::spawn(async move { Sheet::read(&kept.body) })).collect();
        let mut sheets = Vec::with_capacity(tasks.len());
        for task in tasks {
            match task.await.map_err(unreadable)? {
                Ok(sheet) => sheets.push(sheet),
                Err(error) => tracing::error!(%error, "prepared metadata cannot be read; they are made anew"),
            }
        }
        Ok(sheets)
    }

    /// The objects one by one. Each is a task of its own, so that more than one processor reads and writes.
    async fn read_parts(&self, instances: Vec<StoredInstance>) -> Result<Vec<Bytes>, RetrieveError> {
        let reads: Vec<_> = instances
            .into_iter()
            .map(|instance| {
                let archive = self.clone();
                async move {
                    let task = tokio::spawn(async move { archive.told::<Json>(&instance, "").await });
                    task.await.map_err(unreadable)?.map(Bytes::from)
                }
            })
            .collect();
        stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await
    }

    /// The metadata of an instance in the Native DICOM Model (PS3.19 §A.1), bulk data named as in the JSON.
    ///
    /// # Errors
    /// When the store fails, or the object cannot be read as a data set.
    pub async fn xml_metadata(
        &self,
        instance: &StoredInstance,
        base_url: &str,
    ) -> Result<Vec<u8>, RetrieveError> {
        self.told::<Xml>(instance, base_url).await
    }

    async fn told<F: Form>(
        &self,
        instance: &StoredInstance,
        base_url: &str,
    ) -> Result<Vec<u8>, RetrieveError> {
        let blob = self.open_object(instance).await?;
        let ids = &instance.ids;
        let options = Options {
            bulk_data_uri: format!(
                "{base_url}/studies/{}/series/{}/instances/{}/bulkdata",
                ids.study, ids.series, ids.instance
            ),
            max_inline_bytes: MAX_INLINE_BYTES,
            transfer_syntax: Some(instance.transfer_syntax.clone()),
        };
        let mut writer = MetadataWriter::<F>::new(Layout::of(&instance.transfer_syntax), options);
        let (mut at, end) = (u64::from(instance.data_set_offset), blob.bytes());
        while at < end {
            let skippable = writer.skippable();
            if skippable > 0 {
                writer.skip(skippable);
                at = at.saturating_add(skippable);
                continue;
            }
            let until = end.min(at + READ_BYTES);
            writer.feed(&blob.read(at..until).await?).map_err(unreadable)?;
            at = until;
        }
        writer.finish().map_err(unreadable)
    }
}

/// The objects of `instances` in their order, joined by commas, bulk data named below `base_url`.
fn join(instances: &[StoredInstance], parts: &HashMap<ObjectKey, Bytes>, base_url: &str) -> Bytes {
    let bytes: usize = parts.values().map(|part| part.len() + 1).sum();
    let mut joined = Vec::with_capacity(bytes + bytes / 16);
    for part in instances.iter().filter_map(|instance| parts.get(&instance.object)) {
        if !joined.is_empty() {
            joined.push(b',');
        }
        json::rebase(part, base_url, &mut joined);
    }
    Bytes::from(joined)
}
