//! Metadata of stored instances (PS3.18 §10.4.1.1.2), read from the heads of the objects. DICOM JSON is made one
//! series at a time, and kept prepared in memory, so that a viewer's second question costs no reading; XML, which
//! hardly anyone asks for, is made one instance at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use causeway_core::transfer_syntax::Layout;
use causeway_core::{ObjectKey, StoredInstance, Uid};
use causeway_dataset::json::Json;
use causeway_dataset::model::{Form, MetadataWriter, Options};
use causeway_dataset::xml::Xml;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::Archive;
use crate::error::{RetrieveError, unreadable};

/// Most bytes of prepared answers held in memory.
pub const MAX_PREPARED_BYTES: usize = 64 * 1024 * 1024;
/// Longest binary value that stands in the JSON itself, in bytes.
pub const MAX_INLINE_BYTES: usize = 1024;
/// Objects whose heads are read at the same time.
const CONCURRENT_READS: usize = 8;
/// Bytes read of an object at a time: few heads are longer.
const READ_BYTES: u64 = 32 * 1024;

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
        let key = Key { series: first.ids.series.clone(), base_url: base_url.to_owned() };
        let objects: Vec<ObjectKey> = instances.iter().map(|instance| instance.object.clone()).collect();
        if let Some(json) = self.inner.prepared.find(&key, &objects) {
            return Ok(json);
        }
        let parts = self.parts(instances, base_url).await?;
        let json = join(&parts);
        self.inner.prepared.keep(key, Answer { objects, json: json.clone() });
        Ok(json)
    }

    /// The objects one by one. Each is a task of its own, so that more than one processor reads and writes.
    async fn parts(
        &self,
        instances: &[StoredInstance],
        base_url: &str,
    ) -> Result<Vec<Vec<u8>>, RetrieveError> {
        let base_url: Arc<str> = base_url.into();
        // Collected first: a closure over borrowed instances inside the stream would not be `Send`.
        let reads: Vec<_> = instances
            .iter()
            .map(|instance| {
                let (archive, instance, base_url) = (self.clone(), instance.clone(), Arc::clone(&base_url));
                async move {
                    let task = tokio::spawn(async move { archive.told::<Json>(&instance, &base_url).await });
                    task.await.map_err(unreadable)?
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
        let blob = self.inner.store.open_blob(&instance.object).await?;
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

fn join(parts: &[Vec<u8>]) -> Bytes {
    let bytes: usize = parts.iter().map(|part| part.len() + 1).sum();
    let mut json = BytesMut::with_capacity(bytes);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            json.put_u8(b',');
        }
        json.put_slice(part);
    }
    json.freeze()
}

/// Prepared answers, the one made longest ago going first when space runs out.
#[derive(Default)]
pub(crate) struct Prepared(Mutex<Shelf>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    series: Uid,
    base_url: String,
}

#[derive(Default)]
struct Shelf {
    answers: HashMap<Key, Answer>,
    order: VecDeque<Key>,
    bytes: usize,
}

struct Answer {
    /// What the answer was made of: it serves only a question about exactly these.
    objects: Vec<ObjectKey>,
    json: Bytes,
}

impl Prepared {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key, objects: &[ObjectKey]) -> Option<Bytes> {
        let shelf = self.shelf();
        let answer = shelf.answers.get(key)?;
        (answer.objects == objects).then(|| answer.json.clone())
    }

    fn keep(&self, key: Key, answer: Answer) {
        if answer.json.len() > MAX_PREPARED_BYTES / 4 {
            return;
        }
        let mut shelf = self.shelf();
        shelf.remove(&key);
        shelf.bytes += answer.json.len();
        shelf.answers.insert(key.clone(), answer);
        shelf.order.push_back(key);
        while shelf.bytes > MAX_PREPARED_BYTES {
            let Some(oldest) = shelf.order.front().cloned() else { break };
            shelf.remove(&oldest);
        }
    }
}

impl Shelf {
    fn remove(&mut self, key: &Key) {
        if let Some(answer) = self.answers.remove(key) {
            self.bytes = self.bytes.saturating_sub(answer.json.len());
            self.order.retain(|other| other != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(series: &str) -> Key {
        Key { series: Uid::parse(series).unwrap(), base_url: "http://h/dicom-web".to_owned() }
    }

    fn object(digit: char) -> ObjectKey {
        ObjectKey::parse(&digit.to_string().repeat(32)).unwrap()
    }

    #[test]
    fn an_answer_serves_only_the_objects_it_was_made_of() {
        let prepared = Prepared::default();
        prepared.keep(key("1.2"), Answer { objects: vec![object('a')], json: Bytes::from_static(b"{}") });
        assert!(prepared.find(&key("1.2"), &[object('a')]).is_some());
        assert!(prepared.find(&key("1.2"), &[object('a'), object('b')]).is_none());
        assert!(prepared.find(&key("1.3"), &[object('a')]).is_none());
    }

    #[test]
    fn the_shelf_never_holds_more_than_its_bound() {
        let prepared = Prepared::default();
        let quarter = Bytes::from(vec![b' '; MAX_PREPARED_BYTES / 4]);
        for series in ["1.1", "1.2", "1.3", "1.4", "1.5"] {
            prepared.keep(key(series), Answer { objects: Vec::new(), json: quarter.clone() });
        }
        assert!(prepared.shelf().bytes <= MAX_PREPARED_BYTES);
        assert!(prepared.find(&key("1.1"), &[]).is_none());
        assert!(prepared.find(&key("1.5"), &[]).is_some());
    }

    #[test]
    fn an_answer_beyond_a_quarter_of_the_shelf_is_not_kept() {
        let prepared = Prepared::default();
        let large = Bytes::from(vec![b' '; MAX_PREPARED_BYTES / 4 + 1]);
        prepared.keep(key("1.1"), Answer { objects: Vec::new(), json: large });
        assert_eq!(prepared.shelf().bytes, 0);
    }
}
