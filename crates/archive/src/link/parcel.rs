//! An instance as it goes out over a link: what is said of it before its bytes. Where a transform changes it on its way,
//! it is read through once for that.

use causeway_core::{Digest, StoredInstance, Uid};
use sha2::{Digest as _, Sha256};

use crate::error::RetrieveError;
use crate::{Archive, Passage, Wanted};

/// What is said of an instance ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// SOP Instance UID.
    pub instance: Uid,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Transfer syntax.
    pub transfer_syntax: Uid,
    /// Digest of the data set.
    pub digest: Digest,
    /// Bytes of the data set.
    pub bytes: u64,
}

impl Archive {
    /// What a remote that is given instances through `passage` is told of this one.
    ///
    /// # Errors
    /// As [`Archive::open_for`], and when it cannot be read to its end.
    pub async fn parcel(
        &self,
        passage: &Passage,
        instance: &StoredInstance,
    ) -> Result<Parcel, RetrieveError> {
        if passage.is_unchanged() {
            return Ok(Parcel {
                instance: instance.ids.instance.clone(),
                sop_class: instance.sop_class.clone(),
                transfer_syntax: instance.transfer_syntax.clone(),
                digest: instance.digest,
                bytes: instance.data_set_bytes(),
            });
        }
        let mut object = self.open_for(passage, instance, &Wanted::Stored).await?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        while let Some(chunk) = object.chunk().await? {
            hasher.update(&chunk);
            bytes += chunk.len() as u64;
        }
        Ok(Parcel {
            instance: passage.sop_instance(instance),
            sop_class: instance.sop_class.clone(),
            transfer_syntax: object.transfer_syntax.clone(),
            digest: Digest(hasher.finalize().into()),
            bytes,
        })
    }
}
