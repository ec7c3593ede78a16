//! Images shown as a presentation state says (PS3.18 §8.3.5.1.6): the state is read, with it the overlay planes that an
//! image has itself. Never here: what stands in a state, and how it is applied, which are `dataset`'s.

use std::sync::Arc;

use causeway_core::StoredInstance;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::presentation::{Pipeline, PresentationError, Reader};
use causeway_dataset::render::{Profile, RenderError};

use crate::Archive;
use crate::error::RetrieveError;
use crate::pieces::Pieces;
use crate::rendered::{Pictures, RenderedError, State};

/// Bytes read at a time: few states are longer.
const READ_BYTES: u64 = 64 * 1024;

impl Archive {
    /// A presentation state of this pipeline. The instance comes from [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or the state cannot be read or asks for what is not done.
    pub async fn presentation(
        &self,
        instance: &StoredInstance,
        pipeline: Pipeline,
    ) -> Result<State, RenderedError> {
        let mut pieces = self.pieces(instance).await?;
        let reader = Reader::of_state(Layout::of(&pieces.transfer_syntax));
        let presentation = read(&mut pieces, reader).await?.finish(pipeline).map_err(unfit)?;
        Ok(State { presentation: Arc::new(presentation), object: instance.object.clone() })
    }

    /// Opens an image whose every picture is as a state says. Without a state it is as [`Archive::pictures`] gives it.
    ///
    /// # Errors
    /// When it has no pixels, they are not decoded here, or the store fails.
    pub async fn presented(
        &self,
        instance: &StoredInstance,
        profile: Profile,
        state: Option<&State>,
    ) -> Result<Pictures, RenderedError> {
        let Some(state) = state else { return self.pictures(instance, profile).await };
        let mut pictures = self.opened(instance).await?;
        let overlays = if state.presentation.wants_overlays() {
            let mut pieces = self.pieces(instance).await?;
            let reader = Reader::of_overlays(Layout::of(&pieces.transfer_syntax));
            read(&mut pieces, reader).await?.overlays().map_err(unfit)?
        } else {
            Vec::new()
        };
        pictures.present(state, instance.ids.instance.clone(), overlays);
        match state.presentation.profile() {
            Some(own) => pictures.set_profile(profile, Some(own)),
            None => self.profiled(&mut pictures, instance, profile).await?,
        }
        Ok(pictures)
    }
}

/// Reads as much as the reader wants.
async fn read(pieces: &mut Pieces, mut reader: Reader) -> Result<Reader, RenderedError> {
    let mut at = 0_u64;
    while !reader.is_done() {
        let bytes = pieces.some(at, READ_BYTES).await?;
        if bytes.is_empty() {
            break;
        }
        let skippable = reader.feed(&bytes).map_err(unfit)?;
        at = at.saturating_add(bytes.len() as u64).saturating_add(skippable);
    }
    Ok(reader)
}

fn unfit(error: PresentationError) -> RenderedError {
    match error {
        PresentationError::DataSet(error) => RetrieveError::Frames(error.to_string()).into(),
        error => RenderedError::Render(RenderError::NotRendered(error.to_string())),
    }
}
