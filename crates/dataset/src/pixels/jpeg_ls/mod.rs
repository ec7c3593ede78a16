//! JPEG-LS, lossless and near-lossless (ISO 14495-1, which is ITU-T T.87; PS3.5 §8.2.3, §A.4.3).
//!
//! Lives here: the order of scans and components; `parameters`, what the stream says of its coding; `bits`, the
//! entropy-coded bits; `model`, the contexts; `scan`, one line after the other. Written here because no library in
//! Rust decodes colour. Mapping tables, restarts and colour transforms of a maker are refused.

mod bits;
mod model;
mod parameters;
mod scan;

use super::jpeg_header::{Header, SOF55, segment};
use super::samples::Cells;
use super::shape::{Planar, Shape};
use super::{Frame, PixelError};
use parameters::{Parameters, ScanHeader};
use scan::Scan;

const CODEC: &str = "JPEG-LS";

fn broken(words: &'static str) -> PixelError {
    PixelError::codec(CODEC, words)
}

/// How the components of a scan follow one another (T.87 §C.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interleave {
    None,
    ByLine,
    BySample,
}

/// Decodes one frame.
pub(super) fn decode(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let header = Header::read(CODEC, coded)?;
    header.fits(shape)?;
    if header.frame != SOF55 || header.has_oddities {
        return Err(broken("the stream uses what is not decoded"));
    }
    if header.components.iter().any(|component| component.sampling != (1, 1)) {
        return Err(broken("components of different sizes are not decoded"));
    }
    let mut planes: Vec<Vec<u16>> = Vec::with_capacity(header.components.len());
    let mut at = header.scan_at;
    while planes.len() < header.components.len() {
        let value = segment(coded, at).ok_or_else(|| broken("the header of a scan is cut short"))?;
        let scan = ScanHeader::read(value)?;
        if scan.components == 0 || planes.len() + scan.components > header.components.len() {
            return Err(broken("its scans have other components than its frame"));
        }
        let parameters = Parameters::new(&header, &scan)?;
        let data = coded.get(at + 2 + value.len()..).unwrap_or_default();
        let (columns, rows) = (usize::from(shape.columns), usize::from(shape.rows));
        planes.extend(Scan::new(&parameters, &scan, columns, data).lines(rows)?);
        if planes.len() < header.components.len() {
            at = at + 2 + value.len() + next_scan(data).ok_or_else(|| broken("a scan is missing"))?;
        }
    }
    let mut cells = Cells::new(shape, header.precision.into())?;
    for pixel in 0..shape.pixels() {
        planes.iter().filter_map(|plane| plane.get(pixel)).for_each(|sample| cells.push(u32::from(*sample)));
    }
    Ok(Frame { planar: Planar::ByPixel, ..Frame::unconverted(shape, cells.finish()) })
}

/// Where the segment of the scan that follows begins, at its length. No marker stands in the bits of a scan.
fn next_scan(data: &[u8]) -> Option<usize> {
    let marker = data.windows(2).position(|pair| matches!(pair, [0xFF, 0x80..=0xFE]))?;
    (data.get(marker + 1) == Some(&0xDA)).then_some(marker + 2)
}
