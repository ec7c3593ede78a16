//! Reading back: which instances are meant, and their bytes, as stored, laid out anew or decompressed.
//!
//! What goes out has File Meta Information of its own, written afresh from the row; the data set is the stored
//! bytes, untouched where the stored transfer syntax suffices.

use std::ops::ControlFlow;

use bytes::Bytes;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Layout, Plain};
use causeway_core::{Permission, Principal, Selection, StoredInstance, Uid};
use causeway_dataset::file_meta;
use causeway_store::{Blob, BlobStream};
use futures_util::StreamExt;

use crate::decoded::Decoded;
use crate::error::{RetrieveError, unreadable};
use crate::passage::{Changing, not_transformed};
use crate::relaying::Relaying;
use crate::{Archive, access};

/// The form in which an instance is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// As it is stored, whatever that is.
    Stored,
    /// As it is stored, but never implicit VR nor big endian, which the web does not carry (PS3.18 §8.7.3).
    Web,
    /// In one of these transfer syntaxes, the first that can be made.
    OneOf(Vec<Uid>),
}

/// An instance, opened for reading.
pub struct Object {
    /// Transfer syntax of what comes out.
    pub transfer_syntax: Uid,
    /// Preamble and File Meta Information for what comes out.
    pub file_meta: Bytes,
    /// Bytes of the data set that comes out, where it is known ahead: for stored bytes, not for others.
    pub data_set_bytes: Option<u64>,
    data_set: DataSet,
}

/// Where the bytes of the data set come from.
enum DataSet {
    /// From the store, as they are.
    Stored(BlobStream),
    /// Their elements are laid out anew.
    Relaid { stored: BlobStream, relaying: Relaying },
    /// Their pixels are decoded.
    Decoded(Box<Decoded>),
    /// It is changed on its way.
    Changed(Box<Changed>),
}

/// A data set that is changed on its way.
struct Changed {
    data_set: DataSet,
    changing: Changing,
}

impl Object {
    /// Bytes of the whole Part 10 file that comes out, where known ahead.
    #[must_use]
    pub fn file_bytes(&self) -> Option<u64> {
        self.data_set_bytes.map(|bytes| bytes + self.file_meta.len() as u64)
    }

    /// The next chunk of the data set; `None` at its end. A call that is given up midway cannot be followed by
    /// another: bytes would be missing.
    ///
    /// # Errors
    /// When the store fails, or the stored bytes cannot be laid out anew or decoded.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        self.data_set.chunk().await
    }

    /// The same, its data set changed on its way; how long it comes out is not known ahead.
    pub(crate) fn changed(self, changing: Changing, file_meta: Bytes) -> Self {
        let changed = Changed { data_set: self.data_set, changing };
        Self {
            transfer_syntax: self.transfer_syntax,
            file_meta,
            data_set_bytes: None,
            data_set: DataSet::Changed(Box::new(changed)),
        }
    }
}

impl Changed {
    async fn chunk(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        loop {
            let came = Box::pin(self.data_set.chunk()).await?;
            if let ControlFlow::Break(out) = self.changing.take(came).map_err(not_transformed)? {
                return Ok(out);
            }
        }
    }
}

impl DataSet {
    async fn chunk(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        match self {
            Self::Stored(stored) => Ok(stored.next().await.transpose()?),
            Self::Relaid { stored, relaying } => loop {
                let came = stored.next().await.transpose()?;
                if let ControlFlow::Break(out) = relaying.take(came).map_err(unreadable)? {
                    return Ok(out);
                }
            },
            Self::Decoded(decoded) => decoded.chunk().await,
            Self::Changed(changed) => changed.chunk().await,
        }
    }
}

impl Archive {
    /// The instances that `selection` names and that the caller sees, in order of study, series, instance number and arrival.
    /// Their studies count as read.
    ///
    /// # Errors
    /// When the caller may not retrieve, or the catalog fails.
    pub async fn select(
        &self,
        principal: &Principal,
        selection: &Selection,
    ) -> Result<Vec<StoredInstance>, RetrieveError> {
        let found = self.look_up(principal, selection).await?;
        self.inner.uses.note(&found);
        Ok(found)
    }

    /// The same, for the node's own purposes: nobody reads them.
    ///
    /// # Errors
    /// As for [`Archive::select`].
    pub async fn look_up(
        &self,
        principal: &Principal,
        selection: &Selection,
    ) -> Result<Vec<StoredInstance>, RetrieveError> {
        let sight = access::sight(principal, Permission::Retrieve)?;
        Ok(self.inner.catalog.instances(selection.clone(), sight).await?)
    }

    /// Whether what `selection` names was here once and was deleted (HTTP 410, not 404). Whoever does not see every
    /// study is not told: nothing says any more whether it saw that one.
    ///
    /// # Errors
    /// When the caller may neither retrieve nor delete, or the catalog fails.
    pub async fn was_deleted(
        &self,
        principal: &Principal,
        selection: &Selection,
    ) -> Result<bool, RetrieveError> {
        access::allow(principal, Permission::Delete)
            .or_else(|_| access::allow(principal, Permission::Retrieve))?;
        if principal.sight.is_confined() {
            return Ok(false);
        }
        Ok(self.inner.catalog.was_deleted(selection.clone()).await?)
    }

    /// Opens an instance in the form wanted. The instance comes from [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When that form cannot be made, or the store fails.
    pub async fn open_instance(
        &self,
        instance: &StoredInstance,
        wanted: &Wanted,
    ) -> Result<Object, RetrieveError> {
        let stored = &instance.transfer_syntax;
        let transfer_syntax = choose(stored, wanted).ok_or_else(|| RetrieveError::NotAcceptable {
            stored: stored.clone(),
            wanted: describe(wanted),
        })?;
        let blob = self.open_blob_of(instance).await?;
        let file_meta = file_meta::write(&file_meta::FileMeta {
            sop_class: instance.sop_class.clone(),
            sop_instance: instance.ids.instance.clone(),
            transfer_syntax: transfer_syntax.clone(),
            receiving_ae: None,
            envelope: None,
        });
        let data_set_bytes = (transfer_syntax == *stored).then(|| instance.data_set_bytes());
        let data_set = self.data_set(instance, blob, &transfer_syntax).await?;
        Ok(Object { transfer_syntax, file_meta: Bytes::from(file_meta), data_set_bytes, data_set })
    }

    /// The object of an instance, as long as it was when it was kept. An object store says so when it is read.
    pub(crate) async fn open_blob_of(&self, instance: &StoredInstance) -> Result<Blob, RetrieveError> {
        let blob = self.open_object(instance).await?;
        if blob.bytes() != instance.object_bytes {
            let words = format!("the object has {} bytes, {} were kept", blob.bytes(), instance.object_bytes);
            return Err(RetrieveError::Unreadable(words));
        }
        Ok(blob)
    }

    async fn data_set(
        &self,
        instance: &StoredInstance,
        blob: Blob,
        transfer_syntax: &Uid,
    ) -> Result<DataSet, RetrieveError> {
        let stored = &instance.transfer_syntax;
        let bytes = u64::from(instance.data_set_offset)..instance.object_bytes;
        if transfer_syntax == stored {
            return Ok(DataSet::Stored(blob.begin(bytes).await?));
        }
        let to = Layout::of(transfer_syntax);
        if Plain::of(stored) == Some(Plain::ByDecoding) {
            let decoders = self.inner.decoders.pool()?;
            let which = (&instance.ids.instance, stored);
            let decoded = Decoded::begin(decoders, blob, bytes, which, to).await?;
            return Ok(DataSet::Decoded(Box::new(decoded)));
        }
        let relaying = Relaying::new(Layout::of(stored), to);
        Ok(DataSet::Relaid { stored: blob.begin(bytes).await?, relaying })
    }
}

fn describe(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Stored | Wanted::Web => "the stored transfer syntax".to_owned(),
        Wanted::OneOf(uids) => uids.iter().map(Uid::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// The transfer syntax to answer in: the stored one where it will do, else a plain one that can be made of it.
fn choose(stored: &Uid, wanted: &Wanted) -> Option<Uid> {
    match wanted {
        Wanted::Stored => Some(stored.clone()),
        Wanted::Web => match Layout::of(stored) {
            Layout::ImplicitLittleEndian | Layout::ExplicitBigEndian => {
                Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).ok()
            }
            Layout::ExplicitLittleEndian | Layout::DeflatedExplicitLittleEndian => Some(stored.clone()),
        },
        Wanted::OneOf(uids) if uids.contains(stored) => Some(stored.clone()),
        Wanted::OneOf(uids) => {
            let is_plain =
                |uid: &&Uid| [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&uid.as_str());
            Plain::of(stored).and_then(|_| uids.iter().find(is_plain).cloned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &str = "1.2.840.10008.1.2.4.70";
    const VIDEO: &str = "1.2.840.10008.1.2.4.102";

    fn chosen(stored: &str, wanted: &[&str]) -> Option<String> {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let wanted = Wanted::OneOf(wanted.iter().map(|text| uid(text)).collect());
        choose(&uid(stored), &wanted).map(|uid| uid.as_str().to_owned())
    }

    #[test]
    fn the_stored_one_comes_first_then_a_plain_one_where_it_can_be_made() {
        let (explicit, implicit) = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN);
        for (stored, wanted, expected) in [
            (JPEG, &[explicit, JPEG][..], Some(JPEG)),
            (JPEG, &[implicit, explicit], Some(implicit)),
            (JPEG, &["1.2.840.10008.1.2.4.90", explicit], Some(explicit)),
            (explicit, &[implicit], Some(implicit)),
            (explicit, &[JPEG], None),
            (VIDEO, &[explicit, implicit], None),
            ("1.2.3.4", &[explicit], None),
        ] {
            assert_eq!(chosen(stored, wanted).as_deref(), expected, "{stored} {wanted:?}");
        }
    }
}
