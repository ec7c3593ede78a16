//! The bits of a scan (T.87 §A.1, §C.1): behind a byte FF a zero bit is stuffed, and a marker ends them.

use super::super::PixelError;
use super::broken;

/// Bits that one fill brings at most.
const BYTE: u32 = 8;

/// Reads bits, the most significant of a byte first.
pub(super) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// The bits read and not yet taken, at the low end.
    held: u64,
    count: u32,
    was_ff: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { bytes: data.iter(), held: 0, count: 0, was_ff: false }
    }

    /// Takes one more byte; nothing at a marker or the end.
    #[inline]
    fn fill(&mut self) -> Option<()> {
        let byte = *self.bytes.as_slice().first()?;
        if self.was_ff && byte & 0x80 != 0 {
            return None;
        }
        self.bytes.next();
        let bits = if self.was_ff { BYTE - 1 } else { BYTE };
        self.held = (self.held << bits) | u64::from(byte);
        self.count += bits;
        self.was_ff = byte == 0xFF;
        Some(())
    }

    /// The next `bits`, at most 32, as a number.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> Result<u32, PixelError> {
        while self.count < bits {
            self.fill().ok_or_else(|| broken("a scan ends before its last line"))?;
        }
        self.count -= bits;
        let taken = (self.held >> self.count) & ((1 << bits) - 1);
        Ok(u32::try_from(taken).unwrap_or_default())
    }

    /// Zero bits before the next one, which is taken as well. More than `most` are an error.
    #[inline]
    pub(super) fn zeros(&mut self, most: u32) -> Result<u32, PixelError> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > most {
                return Err(broken("a code is longer than any"));
            }
        }
        Ok(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuffed_bit_is_passed_over_and_a_marker_ends_the_bits() {
        let mut bits = Bits::new(&[0xFF, 0x7F, 0x80, 0xFF, 0xD9]);
        assert_eq!(bits.take(15).unwrap(), 0x7FFF);
        assert_eq!(bits.take(8).unwrap(), 0x80);
        assert_eq!(bits.take(8).unwrap(), 0xFF);
        assert!(bits.take(1).is_err());
    }

    #[test]
    fn zeros_are_counted_up_to_a_bound() {
        assert_eq!(Bits::new(&[0x10]).zeros(3).unwrap(), 3);
        assert!(Bits::new(&[0x08]).zeros(3).is_err());
        assert!(Bits::new(&[0]).zeros(30).is_err());
    }
}
