//! Decoded numbers into the cells of a frame (PS3.5 §8.1.1).

use super::PixelError;
use super::shape::{Representation, Shape};

/// The cells of one frame, samples of a pixel together, as they fill up.
pub(super) struct Cells {
    bytes: Vec<u8>,
    width: usize,
    mask: u32,
    sign: u32,
}

impl Cells {
    /// Room for a frame of `shape` whose coded samples have `precision` bits.
    ///
    /// What a coded stream cannot say about its samples, such as their sign, the data set says (PS3.5 §8.2.1,
    /// note 4): the `precision` low bits of a number are the sample, and its sign fills the cell above them.
    pub(super) fn new(shape: &Shape, precision: u32) -> Result<Self, PixelError> {
        let width = shape.sample_bytes();
        if !matches!(width, 1 | 2 | 4) {
            let value = shape.bits_allocated.into();
            return Err(PixelError::Unfit { attribute: "Bits Allocated", value });
        }
        if precision == 0 || precision > u32::from(shape.bits_allocated) {
            let (found, said) = (precision.into(), shape.bits_allocated.into());
            return Err(PixelError::Differs { what: "samples of a number of bits,", found, said });
        }
        let mask = u32::MAX >> (32 - precision);
        let sign = if shape.representation == Representation::Signed { 1 << (precision - 1) } else { 0 };
        // The frame's length is bounded by its shape.
        let capacity = shape.pixels() * usize::from(shape.samples) * width;
        Ok(Self { bytes: Vec::with_capacity(capacity), width, mask, sign })
    }

    /// The next sample.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        let low = number & self.mask;
        let cell = if low & self.sign == 0 { low } else { low | !self.mask };
        self.bytes.extend(cell.to_le_bytes().iter().take(self.width));
    }

    /// The frame.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::tests::shape;
    use super::*;

    fn cells(
        representation: Representation,
        bits_allocated: u16,
        precision: u32,
        numbers: &[u32],
    ) -> Vec<u8> {
        let shape = Shape { representation, ..shape(1, 2, 1, bits_allocated) };
        let mut cells = Cells::new(&shape, precision).unwrap();
        numbers.iter().for_each(|number| cells.push(*number));
        cells.finish()
    }

    #[test]
    fn the_data_set_says_whether_a_sample_has_a_sign() {
        assert_eq!(cells(Representation::Unsigned, 16, 12, &[0xFFF, u32::MAX]), [0xFF, 0x0F, 0xFF, 0x0F]);
        assert_eq!(cells(Representation::Signed, 16, 12, &[0xFFF, 0x7FF]), [0xFF, 0xFF, 0xFF, 0x07]);
        assert_eq!(cells(Representation::Signed, 8, 8, &[0x80, 0x7F]), [0x80, 0x7F]);
        assert_eq!(cells(Representation::Unsigned, 32, 32, &[u32::MAX]), [0xFF; 4]);
    }

    #[test]
    fn samples_never_take_more_bits_than_their_cell() {
        assert!(Cells::new(&shape(1, 1, 1, 8), 8).is_ok());
        for (bits_allocated, precision) in [(8, 9), (8, 0), (16, 17), (64, 8), (1, 1)] {
            assert!(Cells::new(&shape(1, 1, 1, bits_allocated), precision).is_err());
        }
    }
}
