//! Frames of an image (PS3.18 §10.4.1.1.6), one at a time: only the bytes of the frame that is asked for are read, and
//! only that frame is decoded, on the threads that decode. Where the frames of an instance are is found once and kept
//! for a while. Never here: how they are found and decoded, which is `dataset`'s.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use causeway_core::{ObjectKey, StoredInstance, Uid};
use causeway_dataset::frames::{Chart, Charter};
use causeway_dataset::pixels::{Codec, Frame, Planar, Shape, decode_frame};
use causeway_store::Pool;

use crate::Archive;
use crate::error::RetrieveError;
use crate::pieces::Pieces;

/// Most memory that charts take which are kept, in bytes.
pub const MAX_CHARTS_BYTES: usize = 16 * 1024 * 1024;
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

    /// Whether [`Self::decoded`] can give samples.
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
    pub async fn decoded(&mut self, number: NonZeroU32) -> Result<Frame, RetrieveError> {
        let bytes = self.stored(number).await?;
        let shape = self.chart.shape();
        if !self.is_encapsulated() {
            let planar = shape.planar.unwrap_or(Planar::ByPixel);
            return Ok(Frame { bytes: bytes.into(), photometric: shape.photometric.clone(), planar });
        }
        let not_decodable =
            |reason: String| RetrieveError::NotDecodable { stored: self.stored.clone(), reason };
        let (Some(codec), Some(decoders)) = (self.codec, &self.decoders) else {
            return Err(not_decodable("there is no decoder for it".to_owned()));
        };
        let chart = Arc::clone(&self.chart);
        let decoded = decoders.run(move || decode_frame(codec, chart.shape(), &bytes)).await?;
        decoded.map_err(|error| not_decodable(error.to_string()))
    }
}

/// Charts that were made, the one made longest ago going first when space runs out.
#[derive(Default)]
pub(crate) struct Charts(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    charts: HashMap<ObjectKey, Arc<Chart>>,
    order: VecDeque<ObjectKey>,
    bytes: usize,
}

impl Charts {
    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, object: &ObjectKey) -> Option<Arc<Chart>> {
        self.shelf().charts.get(object).cloned()
    }

    /// Keeps a chart of an object, whose bytes never change.
    fn keep(&self, object: ObjectKey, chart: Arc<Chart>) {
        let mut shelf = self.shelf();
        let weight = weight_bytes(&chart);
        if weight > MAX_CHARTS_BYTES / 4 || shelf.charts.contains_key(&object) {
            return;
        }
        shelf.bytes += weight;
        shelf.charts.insert(object.clone(), chart);
        shelf.order.push_back(object);
        while shelf.bytes > MAX_CHARTS_BYTES {
            let Some(oldest) = shelf.order.pop_front() else { break };
            if let Some(chart) = shelf.charts.remove(&oldest) {
                shelf.bytes = shelf.bytes.saturating_sub(weight_bytes(&chart));
            }
        }
    }
}

/// What a chart takes with its place on the shelf.
fn weight_bytes(chart: &Chart) -> usize {
    /// Two keys of 32 digits, and what holds them.
    const PLACE_BYTES: usize = 192;
    chart.weight_bytes() + PLACE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chart of an image whose fragments make `count` frames.
    fn chart(count: u32) -> Arc<Chart> {
        let mut bytes = Vec::new();
        let mut element = |tag: [u8; 4], vr: &[u8; 2], value: &[u8]| {
            bytes.extend(tag);
            bytes.extend(vr);
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            bytes.extend(value);
        };
        element([0x28, 0, 0x08, 0], b"IS", format!("{count:<12}").as_bytes());
        element([0x28, 0, 0x10, 0], b"US", &[1, 0]);
        element([0x28, 0, 0x11, 0], b"US", &[1, 0]);
        element([0x28, 0, 0x00, 1], b"US", &[8, 0]);
        bytes.extend(b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0");
        for _ in 0..count {
            bytes.extend(b"\xFE\xFF\0\xE0\0\0\0\0");
        }
        bytes.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        let mut charter = Charter::new(&Uid::parse("1.2.840.10008.1.2.5").unwrap());
        while let Some(at) = charter.wants() {
            charter.give(&bytes[usize::try_from(at).unwrap()..]).unwrap();
        }
        Arc::new(charter.finish().unwrap())
    }

    fn object(number: u32) -> ObjectKey {
        ObjectKey::parse(&format!("{number:032x}")).unwrap()
    }

    #[test]
    fn a_chart_is_found_by_its_object() {
        let charts = Charts::default();
        charts.keep(object(1), chart(3));
        assert_eq!(charts.find(&object(1)).map(|chart| chart.shape().frames), Some(3));
        assert!(charts.find(&object(2)).is_none());
    }

    #[test]
    fn the_shelf_never_holds_more_than_its_bound_and_none_beyond_a_quarter_of_it() {
        let charts = Charts::default();
        let largest = u32::try_from(MAX_CHARTS_BYTES / 4 / 8 - 64).unwrap();
        let (fits, beyond) = (chart(largest), chart(largest + 128));
        charts.keep(object(0), beyond);
        assert_eq!(charts.shelf().bytes, 0);
        for number in 1..=5 {
            charts.keep(object(number), Arc::clone(&fits));
            assert!(charts.shelf().bytes <= MAX_CHARTS_BYTES);
        }
        assert!(charts.find(&object(1)).is_none());
        assert!(charts.find(&object(5)).is_some());
    }
}
