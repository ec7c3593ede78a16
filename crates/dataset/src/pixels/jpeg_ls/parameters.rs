//! What the stream says of its coding, and what follows from it (T.87 §A.1, §A.2.1, §C.2).

use super::super::PixelError;
use super::super::jpeg_header::Header;
use super::{Interleave, broken};

/// Least counter at which the contexts are halved (T.87 §C.2.4.1.1).
const MIN_RESET: i32 = 3;

/// The header of a scan.
#[derive(Debug)]
pub(super) struct ScanHeader {
    pub(super) components: usize,
    pub(super) near: i32,
    pub(super) interleave: Interleave,
}

impl ScanHeader {
    pub(super) fn read(segment: &[u8]) -> Result<Self, PixelError> {
        let cut = || broken("the header of a scan is cut short");
        let (count, rest) = segment.split_first().ok_or_else(cut)?;
        let components = usize::from(*count);
        let (selectors, rest) = rest.split_at_checked(components * 2).ok_or_else(cut)?;
        let [near, interleave, transform, ..] = rest else { return Err(cut()) };
        let has_tables = selectors.as_chunks::<2>().0.iter().any(|[_, table]| *table != 0);
        if has_tables || *transform != 0 {
            return Err(broken("mapping tables and point transforms are not decoded"));
        }
        let interleave = match interleave {
            0 if components == 1 => Interleave::None,
            1 => Interleave::ByLine,
            2 => Interleave::BySample,
            _ => return Err(broken("the interleaving of its components is unknown")),
        };
        Ok(Self { components, near: i32::from(*near), interleave })
    }
}

/// The parameters of one scan, named as T.87 names them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    pub(super) maxval: i32,
    pub(super) near: i32,
    pub(super) thresholds: [i32; 3],
    pub(super) reset: i32,
    pub(super) range: i32,
    /// Bits of an error that is written out.
    pub(super) qbpp: u32,
    /// Longest code, in bits.
    pub(super) limit: u32,
}

impl Parameters {
    pub(super) fn new(header: &Header, scan: &ScanHeader) -> Result<Self, PixelError> {
        if !(2..=16).contains(&header.precision) {
            return Err(broken("samples have 2 to 16 bits"));
        }
        let most = (1 << header.precision) - 1;
        let mut presets = [0; 5];
        for value in &header.presets {
            // The first byte says what the segment holds; 1: these five numbers.
            let [1, numbers @ ..] = value.as_slice() else {
                return Err(broken("mapping tables and large sizes are not decoded"));
            };
            for (preset, bytes) in presets.iter_mut().zip(numbers.as_chunks::<2>().0) {
                *preset = i32::from(u16::from_be_bytes(*bytes));
            }
        }
        let [maxval, t1, t2, t3, reset] = presets;
        let maxval = if maxval == 0 { most } else { maxval };
        let near = scan.near;
        let reset = if reset == 0 { 64 } else { reset };
        if maxval > most || near > 255.min(maxval / 2) || reset < MIN_RESET {
            return Err(broken("its coding parameters contradict each other"));
        }
        let chosen = |preset: i32, default: i32| if preset == 0 { default } else { preset };
        let [d1, d2, d3] = defaults(maxval, near);
        let thresholds = [chosen(t1, d1), chosen(t2, d2), chosen(t3, d3)];
        let [t1, t2, t3] = thresholds;
        if !(near < t1 && t1 <= t2 && t2 <= t3 && t3 <= maxval) {
            return Err(broken("its coding parameters contradict each other"));
        }
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bpp = bits(maxval + 1).max(2);
        Ok(Self { maxval, near, thresholds, reset, range, qbpp: bits(range), limit: 2 * (bpp + bpp.max(8)) })
    }
}

/// Bits that tell `count` values apart.
const fn bits(count: i32) -> u32 {
    if count <= 1 { 0 } else { i32::BITS - (count - 1).leading_zeros() }
}

/// The thresholds where the stream names none (T.87 §C.2.4.1.1.1).
fn defaults(maxval: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| if value > maxval || value < least { least } else { value };
    let [b1, b2, b3] = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        [factor + 2, 4 * factor + 3, 17 * factor + 4]
    } else {
        let factor = 256 / (maxval + 1);
        [2.max(3 / factor), 3.max(7 / factor), 4.max(21 / factor)]
    };
    let t1 = clamp(b1 + 3 * near, near + 1);
    let t2 = clamp(b2 + 5 * near, t1);
    [t1, t2, clamp(b3 + 7 * near, t2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_standard() {
        assert_eq!(defaults(255, 0), [3, 7, 21]);
        assert_eq!(defaults(4095, 0), [18, 67, 276]);
        assert_eq!(defaults(65535, 0), [18, 67, 276]);
        assert_eq!(defaults(255, 2), [9, 17, 35]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let scan = |near| ScanHeader { components: 1, near, interleave: Interleave::None };
        let preset = |numbers: [u16; 5]| {
            let bytes = [1].into_iter().chain(numbers.into_iter().flat_map(u16::to_be_bytes));
            Header { precision: 8, presets: vec![bytes.collect()], ..Header::default() }
        };
        assert!(Parameters::new(&preset([0; 5]), &scan(0)).is_ok());
        assert!(Parameters::new(&preset([0; 5]), &scan(127)).is_ok());
        assert!(Parameters::new(&preset([0; 5]), &scan(128)).is_err());
        for bad in [[256, 0, 0, 0, 0], [0, 9, 7, 0, 0], [0, 0, 0, 256, 0], [0, 0, 0, 0, 2]] {
            assert!(Parameters::new(&preset(bad), &scan(0)).is_err(), "{bad:?}");
        }
        let table = Header { precision: 8, presets: vec![vec![2, 0]], ..Header::default() };
        assert!(Parameters::new(&table, &scan(0)).is_err());
        assert!(Parameters::new(&Header { precision: 17, ..Header::default() }, &scan(0)).is_err());
    }

    #[test]
    fn the_header_of_a_scan_is_read() {
        let scan = ScanHeader::read(&[1, 1, 0, 3, 0, 0]).unwrap();
        assert_eq!((scan.components, scan.near, scan.interleave), (1, 3, Interleave::None));
        for bad in [
            &[][..],
            &[1, 1, 0, 0, 0],
            &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0],
            &[1, 1, 1, 0, 0, 0],
            &[1, 1, 0, 0, 0, 1],
        ] {
            assert!(ScanHeader::read(bad).is_err(), "{bad:?}");
        }
    }
}
