//! Frames of stored instances as pictures (PS3.18 §10.4.1.1.3): only the frame that is asked for is read and decoded,
//! on the threads that decode. Never here: how a frame becomes a picture, which is `dataset`'s.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use causeway_core::{ObjectKey, StoredInstance, Uid};
use causeway_dataset::bulk::BulkPath;
use causeway_dataset::presentation::{Overlay, Presentation};
use causeway_dataset::render::{self, Profile, RenderError, Surveyor, Views};
use causeway_store::Pool;

use crate::Archive;
use crate::bulk::BulkData;
use crate::error::RetrieveError;
use crate::frames::{Frames, READ_BYTES};

/// ICC Profile, in the data set or in that of the first optical path (PS3.3 §C.11.15, §C.8.12.5).
const PROFILES: [&str; 2] = ["00282000", "00480105/1/00282000"];
/// Most bytes of a colour profile that are read.
const MAX_PROFILE_BYTES: u64 = 4 * 1024 * 1024;

/// Most memory that is taken by what is known of how frames look, in bytes.
pub(crate) const MAX_VIEWS_BYTES: u64 = 16 * 1024 * 1024;
/// Most memory that pictures take which are kept, in bytes.
pub(crate) const MAX_PICTURES_BYTES: u64 = 64 * 1024 * 1024;

/// A frame of an object, and all that is asked of its picture, in words.
pub(crate) type Key = (ObjectKey, NonZeroU32, String);

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

/// A presentation state, and the object that it was read from.
#[derive(Debug, Clone)]
pub struct State {
    /// What it says.
    pub presentation: Arc<Presentation>,
    pub(crate) object: ObjectKey,
}

/// The frames of an instance, to be had as pictures.
pub struct Pictures {
    archive: Archive,
    object: ObjectKey,
    frames: Frames,
    views: Views,
    profile: Profile,
    /// The object of the presentation state that they are shown in.
    state: Option<ObjectKey>,
    decoders: Arc<Pool>,
    stored: Uid,
}

impl Archive {
    /// Opens an instance and finds its pixels; every picture has that colour profile in it. The instance comes from
    /// [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When it has no pixels, they are not decoded here, or the store fails.
    pub async fn pictures(
        &self,
        instance: &StoredInstance,
        profile: Profile,
    ) -> Result<Pictures, RenderedError> {
        let mut pictures = self.opened(instance).await?;
        self.profiled(&mut pictures, instance, profile).await?;
        Ok(pictures)
    }

    /// The same without a profile.
    pub(crate) async fn opened(&self, instance: &StoredInstance) -> Result<Pictures, RenderedError> {
        let stored = instance.transfer_syntax.clone();
        let no_pixels = || RenderedError::Render(RenderError::NoPixels);
        let mut frames = self.frames(instance).await?.ok_or_else(no_pixels)?;
        if !frames.is_decodable() {
            let reason = "there is no decoder for it".to_owned();
            return Err(RetrieveError::NotDecodable { stored, reason }.into());
        }
        let views = match self.inner.views.find(&instance.object) {
            Some(views) => views,
            None => {
                let views = surveyed(&mut frames, &stored).await?.ok_or_else(no_pixels)?;
                self.inner.views.keep(instance.object.clone(), views.clone());
                views
            }
        };
        let (archive, object) = (self.clone(), instance.object.clone());
        let decoders = self.inner.decoders.pool()?;
        let (profile, state) = (Profile::None, None);
        Ok(Pictures { archive, object, frames, views, profile, state, decoders, stored })
    }

    /// Has every picture of an instance carry a profile, where one is asked for.
    pub(crate) async fn profiled(
        &self,
        pictures: &mut Pictures,
        instance: &StoredInstance,
        profile: Profile,
    ) -> Result<(), RenderedError> {
        if profile == Profile::None {
            return Ok(());
        }
        let own = self.own_profile(instance).await?;
        pictures.set_profile(profile, own.as_deref());
        Ok(())
    }

    /// The colour profile that an instance brings.
    async fn own_profile(&self, instance: &StoredInstance) -> Result<Option<Vec<u8>>, RetrieveError> {
        for path in PROFILES {
            let Ok(path) = path.parse::<BulkPath>() else { continue };
            let Some(BulkData::Value(mut value)) = self.bulk_data(instance, path).await? else { continue };
            value.narrow(0..MAX_PROFILE_BYTES);
            let mut profile = Vec::new();
            while let Some(chunk) = value.chunk().await? {
                profile.extend_from_slice(&chunk);
            }
            return Ok(Some(profile));
        }
        Ok(None)
    }
}

async fn surveyed(frames: &mut Frames, stored: &Uid) -> Result<Option<Views>, RenderedError> {
    let mut surveyor = Surveyor::new(&frames.pieces.transfer_syntax);
    while let Some(at) = surveyor.wants() {
        let bytes = frames.pieces.some(at, READ_BYTES).await?;
        surveyor.give(&bytes).map_err(|error| told(stored, error))?;
    }
    Ok(surveyor.finish())
}

impl Pictures {
    /// Pixels of one picture, at most.
    #[must_use]
    pub fn pixels(&self, wanted: &render::Wanted) -> u64 {
        self.views.picture_pixels(wanted)
    }

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
        let key = (self.object.clone(), number, format!("{wanted:?} {:?} {:?}", self.profile, self.state));
        if let Some(picture) = self.archive.inner.pictures.find(&key) {
            return Ok(picture);
        }
        let bytes = self.frames.stored(number).await?;
        let codec = self.frames.codec();
        let wanted = *wanted;
        let frame = self.views.frame(number.get() - 1, bytes, codec, &wanted);
        let frame = frame.map_err(|error| self.told(error))?;
        let job = move || render::render(frame, &wanted);
        let picture = self.decoders.run(job).await.map_err(RetrieveError::from)?;
        let picture = picture.map(Bytes::from).map_err(|error| self.told(error))?;
        self.archive.inner.pictures.keep(key, picture.clone());
        Ok(picture)
    }

    /// Has every picture carry a profile; `own` is that of what is shown.
    pub(crate) fn set_profile(&mut self, profile: Profile, own: Option<&[u8]>) {
        self.views.set_profile(profile, own);
        self.profile = profile;
    }

    /// Shows every frame as a presentation state says.
    pub(crate) fn present(&mut self, state: &State, image: Uid, overlays: Vec<Overlay>) {
        self.views.present(Arc::clone(&state.presentation), image, overlays);
        self.state = Some(state.object.clone());
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
