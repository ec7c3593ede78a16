//! Reading back: which instances are meant, and their bytes, as stored or laid out anew.
//!
//! What goes out has File Meta Information of its own, written afresh from the row; the data set is the stored
//! bytes, untouched where the stored transfer syntax suffices.

use bytes::Bytes;
use causeway_core::transfer_syntax::{
    EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Layout, TransferSyntax,
};
use causeway_core::{Permission, Principal, Selection, StoredInstance, Uid};
use causeway_dataset::file_meta;
use causeway_dataset::transcode::Transcoder;
use causeway_store::{Blob, BlobStream};
use futures_util::StreamExt;

use crate::error::{RetrieveError, unreadable};
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
    /// Bytes of the data set that comes out, where it is known ahead: for stored bytes, not for relaid ones.
    pub data_set_bytes: Option<u64>,
    data_set: BlobStream,
    transcoder: Option<Transcoder>,
}

impl Object {
    /// Bytes of the whole Part 10 file that comes out, where known ahead.
    #[must_use]
    pub fn file_bytes(&self) -> Option<u64> {
        self.data_set_bytes.map(|bytes| bytes + self.file_meta.len() as u64)
    }

    /// The next chunk of the data set; `None` at its end.
    ///
    /// # Errors
    /// When the store fails, or the stored bytes cannot be laid out anew.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        loop {
            let Some(chunk) = self.data_set.next().await.transpose()? else {
                let Some(transcoder) = self.transcoder.take() else { return Ok(None) };
                let rest = transcoder.finish().map_err(unreadable)?;
                return Ok((!rest.is_empty()).then_some(rest));
            };
            let Some(transcoder) = &mut self.transcoder else { return Ok(Some(chunk)) };
            let out = transcoder.feed(&chunk).map_err(unreadable)?;
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }
}

impl Archive {
    /// The instances that `selection` names, in order of study, series, instance number and arrival.
    ///
    /// # Errors
    /// When the caller may not retrieve, or the catalog fails.
    pub async fn select(
        &self,
        principal: &Principal,
        selection: &Selection,
    ) -> Result<Vec<StoredInstance>, RetrieveError> {
        access::allow(principal, Permission::Retrieve)?;
        Ok(self.inner.catalog.instances(selection.clone()).await?)
    }

    /// Whether what `selection` names was here once and was deleted (HTTP 410, not 404).
    ///
    /// # Errors
    /// When the caller may not retrieve, or the catalog fails.
    pub async fn was_deleted(
        &self,
        principal: &Principal,
        selection: &Selection,
    ) -> Result<bool, RetrieveError> {
        access::allow(principal, Permission::Retrieve)?;
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
        let blob: Blob = self.inner.store.open_blob(&instance.object).await?;
        if blob.bytes() != instance.object_bytes {
            let words = format!("the object has {} bytes, {} were kept", blob.bytes(), instance.object_bytes);
            return Err(RetrieveError::Unreadable(words));
        }
        let transcoder = (transfer_syntax != *stored)
            .then(|| Transcoder::new(Layout::of(stored), Layout::of(&transfer_syntax)));
        let file_meta = file_meta::write(&file_meta::FileMeta {
            sop_class: instance.sop_class.clone(),
            sop_instance: instance.ids.instance.clone(),
            transfer_syntax: transfer_syntax.clone(),
            receiving_ae: None,
            envelope: None,
        });
        Ok(Object {
            transfer_syntax,
            file_meta: Bytes::from(file_meta),
            data_set_bytes: transcoder.is_none().then(|| instance.data_set_bytes()),
            data_set: blob.stream(u64::from(instance.data_set_offset)..instance.object_bytes),
            transcoder,
        })
    }
}

fn describe(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Stored | Wanted::Web => "the stored transfer syntax".to_owned(),
        Wanted::OneOf(uids) => uids.iter().map(Uid::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// The transfer syntax to answer in: the stored one where it will do, else one that differs from it only in how
/// elements are laid out. Pixels are never touched here.
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
        Wanted::OneOf(uids) => uids.iter().find(|uid| can_relay(stored, uid)).cloned(),
    }
}

/// Whether `to` can be made of `from` by laying out elements anew.
fn can_relay(from: &Uid, to: &Uid) -> bool {
    let plain = [
        EXPLICIT_VR_LITTLE_ENDIAN,
        IMPLICIT_VR_LITTLE_ENDIAN,
        causeway_core::transfer_syntax::EXPLICIT_VR_BIG_ENDIAN,
        causeway_core::transfer_syntax::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ];
    let target = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
    TransferSyntax::of(from.as_str()).is_some_and(|from| plain.contains(&from.uid))
        && target.contains(&to.as_str())
}
