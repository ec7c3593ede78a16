//! Where frames begin, as an offset table says (PS3.5 §A.4): the basic one of 32 bits, or the extended one of 64
//! (PS3.3 §C.7.6.3.1.8).

/// Longest table that is read, in bytes: half a million frames in the extended one. A longer one is not needed to
/// tell frames apart, and is passed over.
pub(crate) const MAX_TABLE_BYTES: u32 = 4 * 1024 * 1024;

/// Offsets of frames, rising.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    offsets: Vec<u64>,
    next: usize,
}

impl Offsets {
    /// The table with these bytes, of numbers of `width` bytes; empty where it is none for `frames` frames.
    pub(super) fn read(bytes: &[u8], width: usize, frames: u32) -> Self {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        let offsets: Vec<u64> = bytes.chunks_exact(width).map(number).collect();
        let is_one = offsets.len() as u64 == u64::from(frames)
            && offsets.first() == Some(&0)
            && offsets.is_sorted_by(|a, b| a < b);
        Self { offsets: if is_one { offsets } else { Vec::new() }, next: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Whether a frame begins at `offset`. Asked in rising order.
    pub(super) fn begins(&mut self, offset: u64) -> bool {
        while let Some(next) = self.offsets.get(self.next) {
            if *next >= offset {
                return *next == offset;
            }
            self.next += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(offsets: &[u32], frames: u32) -> Offsets {
        let bytes: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        Offsets::read(&bytes, 4, frames)
    }

    #[test]
    fn a_table_tells_where_frames_begin() {
        let mut offsets = basic(&[0, 20, 64], 3);
        let begins = [0, 10, 20, 30, 70].map(|offset| offsets.begins(offset));
        assert_eq!(begins, [true, false, true, false, false]);
        let extended: Vec<u8> = [0, 1 << 33].into_iter().flat_map(u64::to_le_bytes).collect();
        let mut offsets = Offsets::read(&extended, 8, 2);
        assert!(offsets.begins(0) && offsets.begins(1 << 33));
    }

    #[test]
    fn what_is_no_table_of_these_frames_says_nothing() {
        for bad in
            [basic(&[], 1), basic(&[0], 2), basic(&[8, 20], 2), basic(&[0, 20, 20], 3), basic(&[0, 9, 4], 3)]
        {
            assert!(bad.is_empty());
        }
    }
}
