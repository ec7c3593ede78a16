//! JPEG 2000 and High-Throughput JPEG 2000 (ISO 15444-1, -15; PS3.5 §8.2.4, §A.4.4).

use std::ops::RangeInclusive;

use jpeg2k::{DecodeParameters, Image, ImageComponent};
use memchr::memmem;

use super::samples::Cells;
use super::shape::{Planar, Shape};
use super::{Frame, PixelError, RGB};

const CODEC: &str = "JPEG 2000";
/// Start of the codestream, and of the segment with its sizes, which always comes next.
const START: &[u8] = &[0xFF, 0x4F, 0xFF, 0x51];
/// Most tiles of one frame: each takes some thousand bytes, whatever its size.
const MAX_TILES: u64 = 8192;

fn broken(words: &'static str) -> PixelError {
    PixelError::codec(CODEC, words)
}

/// What the segment SIZ says (ISO 15444-1 §A.5.1).
pub(super) struct Sizes {
    pub(super) columns: u64,
    pub(super) rows: u64,
    tiles: u64,
    /// Precision, and whether there is a sign, of the first component, as one byte has them.
    pub(super) depths: Vec<[u8; 3]>,
}

/// The samples that one component can have.
#[derive(Debug, PartialEq, Eq)]
struct Depth {
    precision: u32,
    range: RangeInclusive<i32>,
}

/// Decodes one frame.
pub(super) fn decode(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    // What a file format may put around the codestream has no meaning here (PS3.5 §8.2.4).
    let start = memmem::find(coded, START).ok_or_else(|| broken("there is no codestream"))?;
    let codestream = coded.get(start..).unwrap_or_default();
    let sizes = Sizes::read(codestream).ok_or_else(|| broken("the sizes of the image are cut short"))?;
    let Depth { precision, range } = sizes.fit(shape)?;
    let image = Image::from_bytes_with(codestream, DecodeParameters::new().strict(true))
        .map_err(|error| PixelError::codec(CODEC, error))?;
    let components = image.components();
    let is_whole = |component: &ImageComponent| {
        (component.width(), component.height()) == (shape.columns.into(), shape.rows.into())
            && component.data().len() == shape.pixels()
    };
    if components.len() != usize::from(shape.samples) || !components.iter().all(is_whole) {
        return Err(broken("a component is not of the size of the image"));
    }
    let mut cells = Cells::new(shape, precision)?;
    // What was quantised may come out beyond what it was made of.
    let mut push = |sample: &i32| cells.push((*sample).clamp(*range.start(), *range.end()).cast_unsigned());
    let planes: Vec<&[i32]> = components.iter().map(ImageComponent::data).collect();
    if let [plane] = planes.as_slice() {
        plane.iter().for_each(push);
    } else {
        for pixel in 0..shape.pixels() {
            planes.iter().filter_map(|plane| plane.get(pixel)).for_each(&mut push);
        }
    }
    // The transformation of components, where there is one, has been undone by the decoder (PS3.5 §8.2.4).
    let photometric = match shape.photometric.as_str() {
        "YBR_ICT" | "YBR_RCT" => RGB.to_owned(),
        _ => return Ok(Frame::unconverted(shape, cells.finish())),
    };
    Ok(Frame { bytes: cells.finish(), photometric, planar: Planar::ByPixel })
}

impl Sizes {
    pub(super) fn read(codestream: &[u8]) -> Option<Self> {
        codestream.starts_with(START).then_some(())?;
        // Behind the two markers: length and capabilities, then eight sizes, then the number of components.
        let fixed = codestream.get(START.len() + 4..)?;
        let (sizes, rest) = fixed.split_at_checked(32)?;
        let mut numbers = sizes.as_chunks::<4>().0.iter().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
        let mut number = || numbers.next();
        let (right, bottom, left, top) = (number()?, number()?, number()?, number()?);
        let (tile_columns, tile_rows, tile_left, tile_top) = (number()?, number()?, number()?, number()?);
        let count = rest.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))?;
        let tiles =
            |end: u64, start: u64, size: u64| (size > 0).then(|| end.saturating_sub(start).div_ceil(size));
        let depths: Vec<[u8; 3]> =
            rest.get(2..)?.as_chunks::<3>().0.iter().copied().take(count.into()).collect();
        (depths.len() == usize::from(count)).then_some(Self {
            columns: right.checked_sub(left)?,
            rows: bottom.checked_sub(top)?,
            tiles: tiles(right, tile_left, tile_columns)?.saturating_mul(tiles(bottom, tile_top, tile_rows)?),
            depths,
        })
    }

    /// Holds the sizes against the data set; gives the precision of the samples.
    fn fit(&self, shape: &Shape) -> Result<Depth, PixelError> {
        let pairs = [
            ("rows:", self.rows, u64::from(shape.rows)),
            ("columns:", self.columns, u64::from(shape.columns)),
            ("samples per pixel:", self.depths.len() as u64, u64::from(shape.samples)),
        ];
        if let Some((what, found, said)) = pairs.into_iter().find(|(_, found, said)| found != said) {
            return Err(PixelError::Differs { what, found, said });
        }
        if self.tiles > MAX_TILES {
            return Err(broken("the image has too many tiles"));
        }
        let Some([depth, ..]) = self.depths.first() else { return Err(broken("the image has no component")) };
        if self.depths.iter().any(|other| other != &[*depth, 1, 1]) {
            return Err(broken("components of different depths or sizes are not decoded"));
        }
        let precision = u32::from(depth & 0x7F) + 1;
        let Some(values) = 1i32.checked_shl(precision).filter(|_| precision < 31) else {
            return Err(broken("samples of more than 30 bits are not decoded"));
        };
        let range = if depth & 0x80 == 0 { 0..=values - 1 } else { -values / 2..=values / 2 - 1 };
        Ok(Depth { precision, range })
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::tests::shape;
    use super::*;

    fn sizes(sizes: [u32; 8], depths: &[[u8; 3]]) -> Option<Sizes> {
        let mut codestream = [START, &[0, 41, 0, 0]].concat();
        codestream.extend(sizes.into_iter().flat_map(u32::to_be_bytes));
        codestream.extend(u16::try_from(depths.len()).unwrap().to_be_bytes());
        codestream.extend(depths.concat());
        Sizes::read(&codestream)
    }

    #[test]
    fn sizes_are_held_against_the_data_set() {
        let whole = sizes([3, 2, 0, 0, 3, 2, 0, 0], &[[11, 1, 1]]).unwrap();
        assert_eq!(whole.fit(&shape(2, 3, 1, 16)), Ok(Depth { precision: 12, range: 0..=4095 }));
        let signed = sizes([3, 2, 0, 0, 3, 2, 0, 0], &[[0x8B, 1, 1]]).unwrap();
        assert_eq!(signed.fit(&shape(2, 3, 1, 16)), Ok(Depth { precision: 12, range: -2048..=2047 }));
        for (depth, is_fine) in [(29, true), (30, false), (37, false)] {
            let deep = sizes([3, 2, 0, 0, 3, 2, 0, 0], &[[depth, 1, 1]]).unwrap();
            assert_eq!(deep.fit(&shape(2, 3, 1, 32)).is_ok(), is_fine, "{depth}");
        }
        for other in [shape(3, 3, 1, 16), shape(2, 2, 1, 16), shape(2, 3, 3, 16)] {
            assert!(whole.fit(&other).is_err());
        }
        let halved = sizes([3, 2, 0, 0, 3, 2, 0, 0], &[[7, 1, 1], [7, 2, 1], [7, 2, 1]]).unwrap();
        assert!(halved.fit(&shape(2, 3, 3, 8)).is_err());
    }

    #[test]
    fn tiles_are_bounded() {
        let of = |rows: u32| sizes([1, rows, 0, 0, 1, 1, 0, 0], &[[7, 1, 1]]).unwrap();
        assert!(of(8192).fit(&shape(8192, 1, 1, 8)).is_ok());
        assert!(of(8193).fit(&shape(8193, 1, 1, 8)).is_err());
        assert!(sizes([1, 1, 0, 0, 0, 1, 0, 0], &[[7, 1, 1]]).is_none());
    }
}
