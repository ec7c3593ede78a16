//! Frames of stored instances as pictures (PS3.18 §10.4.1.1.3): only the frame that is asked for is read and decoded,
//! on the threads that decode. Never here: how a frame becomes a picture, which is `dataset`'s.

use std::sync::Arc;

use bytes::Bytes;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{StoredInstance, Uid};
use causeway_dataset::render::{self, FrameReader, RenderError, Turn};
use causeway_store::{Blob, Pool};

use crate::Archive;
use crate::error::{RetrieveError, unreadable};
use crate::retrieve::{Object, Wanted};

/// Objects up to this length are read at once, and longer ones by pieces of it, in bytes.
const PIECE_BYTES: u64 = 1024 * 1024;
/// The first piece of a longer object, in bytes: few heads are longer.
const HEAD_BYTES: u64 = 32 * 1024;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum RenderedError {
    /// The instance cannot be read, or its pixels not decoded.
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    /// It can, but this cannot be made of it.
    #[error(transparent)]
    Render(RenderError),
}

/// The frames of an instance, to be had as pictures.
pub struct Pictures {
    source: Source,
    reader: FrameReader,
    pool: Arc<Pool>,
    stored: Uid,
    frames: u32,
}

impl Archive {
    /// Opens an instance and finds its pixels. The instance comes from [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When it has no pixels, they are not decoded here, or the store fails.
    pub async fn pictures(&self, instance: &StoredInstance) -> Result<Pictures, RenderedError> {
        let stored = instance.transfer_syntax.clone();
        let (source, syntax) = match Layout::of(&stored) {
            Layout::ImplicitLittleEndian | Layout::ExplicitLittleEndian => {
                let blob = self.inner.store.open_blob(&instance.object).await.map_err(RetrieveError::from)?;
                (Source::Blob(InPlace::new(blob, instance.data_set_offset.into())), stored.clone())
            }
            // Neither can be read from any place in the middle.
            Layout::ExplicitBigEndian | Layout::DeflatedExplicitLittleEndian => {
                let explicit = Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).map_err(unreadable)?;
                let onward = Onward::new(self.clone(), instance.clone(), explicit.clone()).await?;
                (Source::Onward(Box::new(onward)), explicit)
            }
        };
        let reader = FrameReader::new(&syntax).ok_or_else(|| RetrieveError::NotDecodable {
            stored: stored.clone(),
            reason: "there is no decoder for it".to_owned(),
        })?;
        let pool = self.inner.decoders.pool()?;
        let mut pictures = Pictures { source, reader, pool, stored, frames: 0 };
        pictures.turn().await?;
        pictures.frames = pictures.reader.frames().unwrap_or_default();
        Ok(pictures)
    }
}

impl Pictures {
    /// How many there are.
    #[must_use]
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// The picture of a frame, counted from 1.
    ///
    /// # Errors
    /// When there is no such frame, it cannot be decoded, is of a kind that is not rendered, or the store fails. A
    /// call that failed or was given up midway cannot be followed by another.
    pub async fn picture(&mut self, frame: u32, wanted: &render::Wanted) -> Result<Bytes, RenderedError> {
        let Some(index) = frame.checked_sub(1) else {
            return Err(RenderedError::Render(RenderError::NoSuchFrame { frame, frames: self.frames }));
        };
        self.reader.want(index);
        loop {
            if let Turn::Has(stored) = self.turn().await? {
                let wanted = *wanted;
                let job = move || render::render(*stored, &wanted);
                let picture = self.pool.run(job).await.map_err(RetrieveError::from)?;
                return picture.map(Bytes::from).map_err(|error| self.told(error));
            }
        }
    }

    /// Gives the reader what it wants until it knows or has something.
    async fn turn(&mut self) -> Result<Turn, RenderedError> {
        loop {
            match self.reader.turn().map_err(|error| self.told(error))? {
                Turn::Wants => {}
                Turn::WantsFrom(offset) => self.source.go_to(offset).await?,
                turn @ (Turn::Knows | Turn::Has(_)) => return Ok(turn),
            }
            let bytes = self.source.next().await?;
            if bytes.is_empty() {
                self.reader.end();
            } else {
                self.reader.give(bytes);
            }
        }
    }

    fn told(&self, error: RenderError) -> RenderedError {
        match error {
            RenderError::DataSet(error) => unreadable(error).into(),
            RenderError::Pixels(error) => {
                RetrieveError::NotDecodable { stored: self.stored.clone(), reason: error.to_string() }.into()
            }
            error @ (RenderError::NoPixels
            | RenderError::NoSuchFrame { .. }
            | RenderError::Viewport(_)
            | RenderError::NotRendered(_)) => RenderedError::Render(error),
        }
    }
}

/// Where bytes of the data set come from.
enum Source {
    Blob(InPlace),
    Onward(Box<Onward>),
}

impl Source {
    /// Has the bytes from `offset` of the data set on come next.
    async fn go_to(&mut self, offset: u64) -> Result<(), RetrieveError> {
        match self {
            Self::Blob(blob) => {
                blob.at = blob.start.saturating_add(offset);
                Ok(())
            }
            Self::Onward(onward) => onward.go_to(offset).await,
        }
    }

    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Bytes, RetrieveError> {
        match self {
            Self::Blob(blob) => blob.next().await,
            Self::Onward(onward) => onward.next().await,
        }
    }
}

/// An object that is read where it is needed.
struct InPlace {
    blob: Blob,
    /// Where in the object the data set begins, and where the next bytes do.
    start: u64,
    at: u64,
    /// What was read last, and where it begins.
    held: Bytes,
    held_at: u64,
}

impl InPlace {
    const fn new(blob: Blob, start: u64) -> Self {
        Self { blob, start, at: start, held: Bytes::new(), held_at: u64::MAX }
    }

    async fn next(&mut self) -> Result<Bytes, RetrieveError> {
        if let Some(rest) = self.rest() {
            self.at = self.at.saturating_add(rest.len() as u64);
            return Ok(rest);
        }
        let is_head = self.held.is_empty() && self.blob.bytes() > PIECE_BYTES;
        let piece = if is_head { HEAD_BYTES } else { PIECE_BYTES };
        self.held = self.blob.read(self.at..self.at.saturating_add(piece)).await?;
        self.held_at = self.at;
        self.at = self.at.saturating_add(self.held.len() as u64);
        Ok(self.held.clone())
    }

    /// What is held of the next bytes.
    fn rest(&self) -> Option<Bytes> {
        let from = usize::try_from(self.at.checked_sub(self.held_at)?).ok()?;
        (from < self.held.len()).then(|| self.held.slice(from..))
    }
}

/// An object whose elements are laid out anew: what has come by comes again only from the beginning.
struct Onward {
    archive: Archive,
    instance: StoredInstance,
    syntax: Uid,
    object: Object,
    at: u64,
    /// What came and was passed over only in part.
    held: Bytes,
}

impl Onward {
    async fn new(archive: Archive, instance: StoredInstance, syntax: Uid) -> Result<Self, RetrieveError> {
        let object = archive.open_instance(&instance, &Wanted::OneOf(vec![syntax.clone()])).await?;
        Ok(Self { archive, instance, syntax, object, at: 0, held: Bytes::new() })
    }

    async fn go_to(&mut self, offset: u64) -> Result<(), RetrieveError> {
        if offset < self.at {
            let wanted = Wanted::OneOf(vec![self.syntax.clone()]);
            self.object = self.archive.open_instance(&self.instance, &wanted).await?;
            (self.at, self.held) = (0, Bytes::new());
        }
        while self.at < offset {
            let bytes = self.next().await?;
            if bytes.is_empty() {
                return Ok(());
            }
            let beyond = usize::try_from(self.at.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.held = bytes.slice(bytes.len() - beyond.min(bytes.len())..);
            self.at = self.at.saturating_sub(self.held.len() as u64);
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Bytes, RetrieveError> {
        let bytes = match std::mem::take(&mut self.held) {
            held if held.is_empty() => self.object.chunk().await?.unwrap_or_default(),
            held => held,
        };
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(bytes)
    }
}
