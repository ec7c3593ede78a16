//! Frames of an image (PS3.18 §10.4.1.1.6), one at a time: only the bytes of the frame that is asked for are read, and
//! only that frame is decoded, on the threads that decode. Where the frames of an instance are is found once and kept
//! for a while. Never here: how they are found and decoded, which is `dataset`'s.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use causeway_core::{StoredInstance, Uid};
use causeway_dataset::frames::{Chart, Charter};
use causeway_dataset::pixels::{Codec, Shape, decode_frame};
use causeway_store::Pool;

use crate::Archive;
use crate::error::RetrieveError;
use crate::pieces::Pieces;

/// Most memory that charts take which are kept, in bytes.
pub(crate) const MAX_CHARTS_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes read at a time on the way to the pixel data, and over fragments.
pub(crate) const READ_BYTES: u64 = 16 * 1024;

/// The frames of an instance, opened for reading.
pub struct Frames {
    pub(crate) pieces: Pieces,
    pub(crate) chart: Arc<Chart>,
    stored: Uid,
    codec: Option<Codec>,
    decoders: Option<Arc<Pool>>,
}

impl Archive {
    /// The frames of an instance; none where it has no pixel data. The instance comes from [`Archive::select`], which
    /// asked for leave.
    ///
    /// # Errors
    /// When the store fails, or the pixel data cannot be told apart into frames.
    pub async fn frames(&self, instance: &StoredInstance) -> Result<Option<Frames>, RetrieveError> {
        let mut pieces = self.pieces(instance).await?;
        let chart = match self.inner.charts.find(&instance.object) {
            Some(chart) => chart,
            None => {
                let charter = Charter::new(&pieces.transfer_syntax);
                let Some(chart) = charted(&mut pieces, charter).await? else { return Ok(None) };
                let chart = Arc::new(chart);
                self.inner.charts.keep(instance.object.clone(), Arc::clone(&chart));
                chart
            }
        };
        self.framed(instance, pieces, chart).map(Some)
    }

    /// The one frame of a coded image inside an item, whose own items begin at that offset.
    pub(crate) async fn icon(
        &self,
        instance: &StoredInstance,
        mut pieces: Pieces,
        items_offset: u64,
        shape: Shape,
    ) -> Result<Option<Frames>, RetrieveError> {
        let charter = Charter::within(&pieces.transfer_syntax, items_offset, shape);
        let chart = charted(&mut pieces, charter).await?;
        chart.map(|chart| self.framed(instance, pieces, Arc::new(chart))).transpose()
    }

    fn framed(
        &self,
        instance: &StoredInstance,
        pieces: Pieces,
        chart: Arc<Chart>,
    ) -> Result<Frames, RetrieveError> {
        let codec = Codec::of(&pieces.transfer_syntax);
        let decoders = if codec.is_some() { Some(self.inner.decoders.pool()?) } else { None };
        Ok(Frames { pieces, chart, stored: instance.transfer_syntax.clone(), codec, decoders })
    }
}

async fn charted(pieces: &mut Pieces, mut charter: Charter) -> Result<Option<Chart>, RetrieveError> {
    while let Some(at) = charter.wants() {
        let bytes = pieces.some(at, READ_BYTES).await?;
        charter.give(&bytes).map_err(unfit)?;
    }
    Ok(charter.finish())
}

fn unfit(error: causeway_dataset::Error) -> RetrieveError {
    RetrieveError::Frames(error.to_string())
}

impl Frames {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.chart.shape().frames
    }

    /// What they look like.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        self.chart.shape()
    }

    /// Whether they are stored in fragments, which is how compressed ones are.
    #[must_use]
    pub fn is_encapsulated(&self) -> bool {
        self.chart.is_encapsulated()
    }

    /// Whether [`Self::samples`] can give any.
    #[must_use]
    pub fn is_decodable(&self) -> bool {
        !self.is_encapsulated() || self.codec.is_some()
    }

    /// What its frames are coded with, where they are coded and there is a decoder.
    pub(crate) const fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Bytes of each frame as samples.
    #[must_use]
    pub fn sample_bytes(&self) -> u64 {
        self.chart.native_frame_bytes().unwrap_or_else(|| self.shape().frame_bytes())
    }

    /// Whether the pixel data hold all of these frames, as far as that can be told without reading them.
    ///
    /// # Errors
    /// When one is not there.
    pub fn check(&self, numbers: impl IntoIterator<Item = NonZeroU32>) -> Result<(), RetrieveError> {
        numbers.into_iter().try_for_each(|number| self.chart.span(number).map(drop).map_err(unfit))
    }

    /// The frame `number`, counted from 1, as it is stored: a coded frame put together from its fragments, or samples
    /// in little endian.
    ///
    /// # Errors
    /// When the store fails, or there is no such frame in the pixel data.
    pub async fn stored(&mut self, number: NonZeroU32) -> Result<Bytes, RetrieveError> {
        let span = self.chart.span(number).map_err(unfit)?;
        let bytes = self.pieces.all(span).await?;
        self.chart.cut(number, &bytes).map_err(unfit)
    }

    /// The frame `number`, counted from 1, as samples in little endian. What was stored as samples is given as it is,
    /// chrominance that is halved included.
    ///
    /// # Errors
    /// When the store fails, there is no such frame in the pixel data, or it cannot be decoded.
    pub async fn samples(&mut self, number: NonZeroU32) -> Result<Bytes, RetrieveError> {
        let bytes = self.stored(number).await?;
        if !self.is_encapsulated() {
            return Ok(bytes);
        }
        let not_decodable =
            |reason: String| RetrieveError::NotDecodable { stored: self.stored.clone(), reason };
        let (Some(codec), Some(decoders)) = (self.codec, &self.decoders) else {
            return Err(not_decodable("there is no decoder for it".to_owned()));
        };
        let chart = Arc::clone(&self.chart);
        let decoded = decoders.run(move || decode_frame(codec, chart.shape(), &bytes)).await?;
        decoded.map(|frame| frame.bytes.into()).map_err(|error| not_decodable(error.to_string()))
    }
}
