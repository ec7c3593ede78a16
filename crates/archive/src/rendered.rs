//! Frames of stored instances as pictures (PS3.18 §10.4.1.1.3): only the frame that is asked for is read and decoded,
//! on the threads that decode. Never here: how a frame becomes a picture, which is `dataset`'s.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use causeway_core::{StoredInstance, Uid};
use causeway_dataset::render::{self, RenderError, Surveyor, Views};
use causeway_store::Pool;

use crate::Archive;
use crate::error::RetrieveError;
use crate::frames::{Frames, READ_BYTES};

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
    frames: Frames,
    views: Views,
    decoders: Arc<Pool>,
    stored: Uid,
}

impl Archive {
    /// Opens an instance and finds its pixels. The instance comes from [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When it has no pixels, they are not decoded here, or the store fails.
    pub async fn pictures(&self, instance: &StoredInstance) -> Result<Pictures, RenderedError> {
        let stored = instance.transfer_syntax.clone();
        let no_pixels = || RenderedError::Render(RenderError::NoPixels);
        let mut frames = self.frames(instance).await?.ok_or_else(no_pixels)?;
        if !frames.is_decodable() {
            let reason = "there is no decoder for it".to_owned();
            return Err(RetrieveError::NotDecodable { stored, reason }.into());
        }
        let mut surveyor = Surveyor::new(&frames.pieces.transfer_syntax);
        while let Some(at) = surveyor.wants() {
            let bytes = frames.pieces.some(at, READ_BYTES).await?;
            surveyor.give(&bytes).map_err(|error| told(&stored, error))?;
        }
        let views = surveyor.finish().ok_or_else(no_pixels)?;
        let decoders = self.inner.decoders.pool()?;
        Ok(Pictures { frames, views, decoders, stored })
    }
}

impl Pictures {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.frames.count()
    }

    /// Whether the pixel data hold all of these frames, as far as that can be told without reading them.
    ///
    /// # Errors
    /// When one is not there.
    pub fn check(&self, numbers: impl IntoIterator<Item = NonZeroU32>) -> Result<(), RetrieveError> {
        self.frames.check(numbers)
    }

    /// The picture of a frame, counted from 1.
    ///
    /// # Errors
    /// When there is no such frame, it cannot be decoded, is of a kind that is not rendered, or the store fails.
    pub async fn picture(
        &mut self,
        number: NonZeroU32,
        wanted: &render::Wanted,
    ) -> Result<Bytes, RenderedError> {
        let bytes = self.frames.stored(number).await?;
        let codec = self.frames.codec();
        let frame = self.views.frame(number.get() - 1, bytes, codec).map_err(|error| self.told(error))?;
        let wanted = *wanted;
        let job = move || render::render(frame, &wanted);
        let picture = self.decoders.run(job).await.map_err(RetrieveError::from)?;
        picture.map(Bytes::from).map_err(|error| self.told(error))
    }

    fn told(&self, error: RenderError) -> RenderedError {
        told(&self.stored, error)
    }
}

fn told(stored: &Uid, error: RenderError) -> RenderedError {
    match error {
        // Bytes that were kept as they came may be broken in their pixels: no fault of the store.
        error @ (RenderError::DataSet(_) | RenderError::Pixels(_)) => {
            RetrieveError::NotDecodable { stored: stored.clone(), reason: error.to_string() }.into()
        }
        error @ (RenderError::NoPixels | RenderError::Viewport(_) | RenderError::NotRendered(_)) => {
            RenderedError::Render(error)
        }
    }
}
