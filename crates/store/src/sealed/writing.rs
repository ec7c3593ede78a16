//! Sealing on the way out: a whole object, or one in parts.
//!
//! It is done where it is asked for, as TLS does it: a part takes the time of a few milliseconds.

use std::fmt;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};

use super::Sealed;
use super::fault::Fault;
use super::form::{Cipher, segments};
use super::ring::Ring;

/// What a sealed object is, for whoever looks at the bucket.
const MEDIA_TYPE: &str = "application/octet-stream";

/// How long an upload in parts will be, beside its options: it is sealed into the first part already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WholeBytes(pub(crate) u64);

/// Takes plain bytes in their order, and gives segments.
pub(super) struct Sealer {
    cipher: Cipher,
    /// The number of the segment that is being filled; as many as there are: all were.
    number: u64,
    segment: BytesMut,
    /// What is still to come of it.
    missing: u64,
    given: u64,
}

impl Sealer {
    /// For an object of this name that will be so long, with the key that seals now.
    pub(super) async fn of(ring: &Ring, name: &str, bytes: u64) -> Result<Self, Fault> {
        let key = ring.now().await.sealing();
        Ok(Self::new(Cipher::new(&key, name, bytes)?))
    }

    fn new(cipher: Cipher) -> Self {
        let (segment, missing) = (cipher.begin(0), cipher.segment_bytes(0));
        Self { cipher, number: 0, segment, missing, given: 0 }
    }

    /// Seals what is full. What is not is kept for the next.
    pub(super) fn take(&mut self, payload: &PutPayload) -> Result<PutPayload, Fault> {
        let mut sealed = Vec::new();
        for chunk in payload {
            let mut rest = chunk.clone();
            self.given = self.given.saturating_add(rest.len() as u64);
            while !rest.is_empty() {
                if self.missing == 0 {
                    return Err(self.wrong_length());
                }
                let some = usize::try_from(self.missing).unwrap_or(usize::MAX).min(rest.len());
                self.segment.extend_from_slice(&rest.split_to(some));
                self.missing -= some as u64;
                if self.missing == 0 {
                    sealed.push(self.next()?);
                }
            }
        }
        // One that is empty is never filled.
        if self.cipher.plain_bytes() == 0 && self.number == 0 {
            sealed.push(self.next()?);
        }
        Ok(sealed.into_iter().collect())
    }

    fn next(&mut self) -> Result<Bytes, Fault> {
        let number = self.number;
        self.number += 1;
        let is_last = self.number == segments(self.cipher.plain_bytes());
        let next = if is_last { BytesMut::new() } else { self.cipher.begin(self.number) };
        self.missing = if is_last { 0 } else { self.cipher.segment_bytes(self.number) };
        self.cipher.seal(number, std::mem::replace(&mut self.segment, next))
    }

    /// That all of it was given.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.given == self.cipher.plain_bytes() { Ok(()) } else { Err(self.wrong_length()) }
    }

    fn wrong_length(&self) -> Fault {
        Fault::Length { expected: self.cipher.plain_bytes(), given: self.given }
    }
}

impl Sealed {
    pub(super) async fn put_whole(
        &self,
        path: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let mut sealer =
            Sealer::of(&self.ring, &super::bound_name(path), payload.content_length() as u64).await?;
        let sealed = sealer.take(&payload)?;
        drop(payload);
        options.attributes = described(options.attributes);
        self.inner.put_opts(path, sealed, options).await
    }

    pub(super) async fn put_in_parts(
        &self,
        path: &Path,
        mut options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let whole = options.extensions.remove::<WholeBytes>();
        let WholeBytes(bytes) = whole.ok_or(Fault::Form("its length was not announced"))?;
        let sealer = Sealer::of(&self.ring, &super::bound_name(path), bytes).await?;
        options.attributes = described(options.attributes);
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(Parts { inner, sealer }))
    }
}

fn described(attributes: Attributes) -> Attributes {
    let media_type = (Attribute::ContentType, MEDIA_TYPE.into());
    let rest = attributes.into_iter().filter(|(name, _)| **name != Attribute::ContentType);
    rest.map(|(name, value)| (name.clone(), value.clone())).chain([media_type]).collect()
}

/// An upload in parts.
struct Parts {
    inner: Box<dyn MultipartUpload>,
    sealer: Sealer,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.sealer.take(&data) {
            Ok(sealed) if sealed.content_length() == 0 => Box::pin(async { Ok(()) }),
            Ok(sealed) => self.inner.put_part(sealed),
            Err(fault) => Box::pin(async { Err(fault.into()) }),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.sealer.check()?;
        // Of one that is empty no part was given, perhaps.
        let rest = self.sealer.take(&PutPayload::new())?;
        if rest.content_length() > 0 {
            self.inner.put_part(rest).await?;
        }
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
