//! Inflating a deflated data set (PS3.5 §A.5), piece by piece and never further than allowed.

use flate2::{Decompress, FlushDecompress, Status};

use crate::Error;

/// Bytes inflated at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// Inflates what comes in pieces.
pub(crate) struct Inflater {
    stream: Decompress,
    piece: Box<[u8]>,
    limit: u64,
    complete: bool,
}

impl Inflater {
    /// Inflates at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        let piece = vec![0; PIECE_BYTES].into_boxed_slice();
        Self { stream: Decompress::new(false), piece, limit, complete: false }
    }

    /// The next inflated piece; `None`: all of `input` is used up, or the deflated stream is at its end.
    /// What stands after that end (a padding byte) is passed over.
    pub(crate) fn inflate(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, Error> {
        while !self.complete {
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(input, &mut self.piece, FlushDecompress::None)
                .map_err(|_| Error::Inflate)?;
            let used = usize::try_from(self.stream.total_in() - read).unwrap_or(usize::MAX);
            *input = input.get(used..).unwrap_or_default();
            self.complete = status == Status::StreamEnd;
            if self.stream.total_out() > self.limit {
                return Err(Error::InflatesTooFar { limit: self.limit });
            }
            let made = usize::try_from(self.stream.total_out() - written).unwrap_or(usize::MAX);
            if made > 0 {
                return Ok(self.piece.get(..made));
            }
            if used == 0 && !self.complete {
                return Ok(None);
            }
        }
        *input = &[];
        Ok(None)
    }

    /// Whether the deflated stream has come to its end.
    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("total_out", &self.stream.total_out()).finish_non_exhaustive()
    }
}
