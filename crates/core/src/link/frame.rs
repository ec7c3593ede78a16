//! What an upload is made of: frames, each with its kind, its length and as many bytes. Reader and writer, pure.
//!
//! ```text
//! kind  1 byte   1 begin · 2 data · 3 packed · 4 end · 5 withdrawn
//! bytes 4 bytes  big endian
//! ```
//! Data are handed on as they come in, so that what arrived before a line broke is kept to its last byte; a packed
//! frame (deflate) is gathered first. What follows a begin belongs to it, up to its end.

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::words::Begin;

/// Bytes of a frame's head.
const HEAD_BYTES: usize = 5;
/// Largest head of an instance.
pub const MAX_BEGIN_BYTES: usize = 8 * 1024;
/// Most bytes of a data set in one frame, packed or not.
pub const MAX_DATA_BYTES: usize = 256 * 1024;
/// Fewest bytes that are worth packing.
const MIN_PACKED_BYTES: usize = 512;

const BEGIN: u8 = 1;
const DATA: u8 = 2;
const PACKED: u8 = 3;
const END: u8 = 4;
const WITHDRAWN: u8 = 5;

/// What a reader finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An instance begins.
    Begin(Box<Begin>),
    /// Some more of its data set, as it is to be kept.
    Data(Bytes),
    /// Its data set is whole.
    End,
    /// The sender cannot send the rest of it.
    Withdrawn,
}

/// Bytes that are no upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A kind that there is not.
    #[error("a frame of kind {0} is none of this protocol")]
    Kind(u8),
    /// Longer than its kind may be.
    #[error("a frame of kind {kind} says that it has {bytes} bytes")]
    Length {
        /// Its kind.
        kind: u8,
        /// What it says.
        bytes: u32,
    },
    /// The head of an instance cannot be read.
    #[error("the head of an instance cannot be read")]
    Begin,
    /// What was packed cannot be unpacked, or is larger than it may be.
    #[error("packed bytes cannot be unpacked, or are more than {MAX_DATA_BYTES}")]
    Packed,
    /// A frame in the wrong place.
    #[error("a frame of kind {0} is out of its place")]
    Order(u8),
    /// The bytes end in the middle.
    #[error("the upload ends in the middle of an instance")]
    Short,
}

/// What the reader waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Head,
    /// The rest of a frame that is gathered.
    Gather {
        kind: u8,
        bytes: usize,
    },
    /// The rest of a data frame, handed on as it comes.
    Pass {
        bytes: usize,
    },
}

/// Reads frames out of chunks of any size.
#[derive(Debug)]
pub struct Reader {
    input: Bytes,
    held: BytesMut,
    waiting: Waiting,
    is_within: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self { input: Bytes::new(), held: BytesMut::new(), waiting: Waiting::Head, is_within: false }
    }
}

impl Reader {
    /// Takes the next chunk. All that the last one held must have been taken out by [`Self::find`].
    pub fn feed(&mut self, chunk: Bytes) {
        debug_assert!(self.input.is_empty(), "a chunk is fed before the last one is read out");
        self.input = chunk;
    }

    /// The next thing found; `None`: more must be fed.
    ///
    /// # Errors
    /// When the bytes are no upload. The reader is of no use then.
    pub fn find(&mut self) -> Result<Option<Found>, FrameError> {
        loop {
            match self.waiting {
                Waiting::Head => {
                    let Some(head) = self.gather(HEAD_BYTES) else { return Ok(None) };
                    let Some((&[kind, a, b, c, d], _)) = head.split_first_chunk::<HEAD_BYTES>() else {
                        return Err(FrameError::Short);
                    };
                    self.waiting = self.after_head(kind, u32::from_be_bytes([a, b, c, d]))?;
                }
                Waiting::Gather { kind, bytes } => {
                    let Some(body) = self.gather(bytes) else { return Ok(None) };
                    self.waiting = Waiting::Head;
                    return self.gathered(kind, &body).map(Some);
                }
                Waiting::Pass { bytes: 0 } => self.waiting = Waiting::Head,
                Waiting::Pass { bytes } => {
                    if self.input.is_empty() {
                        return Ok(None);
                    }
                    let data = self.input.split_to(bytes.min(self.input.len()));
                    self.waiting = Waiting::Pass { bytes: bytes - data.len() };
                    return Ok(Some(Found::Data(data)));
                }
            }
        }
    }

    /// Says that there are no more chunks.
    ///
    /// # Errors
    /// When they end within a frame or an instance.
    pub fn finish(&self) -> Result<(), FrameError> {
        let is_between = matches!(self.waiting, Waiting::Head | Waiting::Pass { bytes: 0 });
        if is_between && self.held.is_empty() && self.input.is_empty() && !self.is_within {
            Ok(())
        } else {
            Err(FrameError::Short)
        }
    }

    /// What a frame's head announces, where it may stand here.
    fn after_head(&mut self, kind: u8, length: u32) -> Result<Waiting, FrameError> {
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let most = match kind {
            BEGIN => MAX_BEGIN_BYTES,
            DATA | PACKED => MAX_DATA_BYTES,
            END | WITHDRAWN => 0,
            _ => return Err(FrameError::Kind(kind)),
        };
        if bytes > most {
            return Err(FrameError::Length { kind, bytes: length });
        }
        if self.is_within == (kind == BEGIN) {
            return Err(FrameError::Order(kind));
        }
        Ok(if kind == DATA { Waiting::Pass { bytes } } else { Waiting::Gather { kind, bytes } })
    }

    fn gathered(&mut self, kind: u8, body: &[u8]) -> Result<Found, FrameError> {
        match kind {
            BEGIN => {
                let begin = serde_json::from_slice(body).map_err(|_| FrameError::Begin)?;
                self.is_within = true;
                Ok(Found::Begin(Box::new(begin)))
            }
            PACKED => unpack(body).map(Found::Data),
            END | WITHDRAWN => {
                self.is_within = false;
                Ok(if kind == END { Found::End } else { Found::Withdrawn })
            }
            _ => Err(FrameError::Kind(kind)),
        }
    }

    /// Exactly so many bytes, once they are there.
    fn gather(&mut self, bytes: usize) -> Option<Bytes> {
        if self.held.is_empty() && self.input.len() >= bytes {
            return Some(self.input.split_to(bytes));
        }
        let missing = bytes.saturating_sub(self.held.len());
        let part = self.input.split_to(missing.min(self.input.len()));
        self.held.extend_from_slice(&part);
        (self.held.len() >= bytes).then(|| std::mem::take(&mut self.held).freeze())
    }
}

/// The frame with which an instance begins.
#[must_use]
pub fn begin(begin: &Begin) -> Bytes {
    // A `Begin` is bounded text; that it cannot be written does not happen.
    let body = serde_json::to_vec(begin).unwrap_or_default();
    let mut frame = head(BEGIN, body.len());
    frame.extend_from_slice(&body);
    frame.freeze()
}

/// The frame with which an instance ends.
#[must_use]
pub fn end() -> Bytes {
    head(END, 0).freeze()
}

/// The frame that says that the rest of the instance will not come.
#[must_use]
pub fn withdrawn() -> Bytes {
    head(WITHDRAWN, 0).freeze()
}

/// The head of a frame for these data, which follow as they are; at most [`MAX_DATA_BYTES`].
#[must_use]
pub fn data_head(data: &[u8]) -> Bytes {
    head(DATA, data.len()).freeze()
}

/// These data as a packed frame, where that saves at least an eighth of them.
#[must_use]
pub fn packed(data: &[u8]) -> Option<Bytes> {
    if data.len() < MIN_PACKED_BYTES || data.len() > MAX_DATA_BYTES {
        return None;
    }
    let room = data.len() - data.len() / 8;
    let mut packed = Vec::with_capacity(room);
    let status =
        Compress::new(Compression::fast(), false).compress_vec(data, &mut packed, FlushCompress::Finish);
    if !matches!(status, Ok(Status::StreamEnd)) {
        return None;
    }
    let mut frame = head(PACKED, packed.len());
    frame.extend_from_slice(&packed);
    Some(frame.freeze())
}

fn unpack(packed: &[u8]) -> Result<Bytes, FrameError> {
    // One byte more than may come out, so that what is too large is told from what just fits.
    let mut data = Vec::with_capacity(MAX_DATA_BYTES + 1);
    let status = Decompress::new(false).decompress_vec(packed, &mut data, FlushDecompress::Finish);
    let fits = data.len() <= MAX_DATA_BYTES;
    match status {
        Ok(Status::StreamEnd) if fits => Ok(Bytes::from(data)),
        _ => Err(FrameError::Packed),
    }
}

fn head(kind: u8, bytes: usize) -> BytesMut {
    let mut head = BytesMut::with_capacity(HEAD_BYTES + bytes);
    head.put_u8(kind);
    head.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::link::Via;
    use crate::uid::Uid;
    use proptest::prelude::*;

    fn an_instance() -> Begin {
        let uid = Uid::parse("1.2.3").unwrap();
        Begin {
            instance: uid.clone(),
            sop_class: uid.clone(),
            transfer_syntax: uid,
            digest: Digest([1; 32]),
            bytes: 10,
            from: 0,
            via: Via::default(),
        }
    }

    /// All that is found in `bytes`, fed in pieces of `size`; data put together.
    fn read(bytes: &[u8], size: usize) -> Result<(Vec<Found>, Vec<u8>), FrameError> {
        let (mut reader, mut found, mut data) = (Reader::default(), Vec::new(), Vec::new());
        for chunk in bytes.chunks(size.max(1)) {
            reader.feed(Bytes::copy_from_slice(chunk));
            while let Some(next) = reader.find()? {
                match next {
                    Found::Data(some) => data.extend_from_slice(&some),
                    other => found.push(other),
                }
            }
        }
        reader.finish()?;
        Ok((found, data))
    }

    fn upload(data: &[u8]) -> Vec<u8> {
        let mut bytes = begin(&an_instance()).to_vec();
        for some in data.chunks(MAX_DATA_BYTES) {
            match packed(some) {
                Some(frame) => bytes.extend_from_slice(&frame),
                None => {
                    bytes.extend_from_slice(&data_head(some));
                    bytes.extend_from_slice(some);
                }
            }
        }
        bytes.extend_from_slice(&end());
        bytes
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was_up_to_the_bound_and_not_beyond() {
        for size in [MIN_PACKED_BYTES, MAX_DATA_BYTES - 1, MAX_DATA_BYTES] {
            let frame = packed(&vec![7; size]).unwrap();
            assert_eq!(unpack(&frame[HEAD_BYTES..]).unwrap(), vec![7; size]);
        }
        assert_eq!(packed(&[7; MIN_PACKED_BYTES - 1]), None);
        assert_eq!(packed(&vec![7; MAX_DATA_BYTES + 1]), None);
        let mut bomb = Vec::with_capacity(MAX_DATA_BYTES);
        let zeros = vec![0; MAX_DATA_BYTES + 1];
        Compress::new(Compression::best(), false)
            .compress_vec(&zeros, &mut bomb, FlushCompress::Finish)
            .unwrap();
        assert_eq!(unpack(&bomb), Err(FrameError::Packed));
    }

    #[test]
    fn frames_out_of_place_or_too_long_are_refused() {
        let within = begin(&an_instance());
        let cases: [(&[&[u8]], FrameError); 7] = [
            (&[&[9, 0, 0, 0, 0]], FrameError::Kind(9)),
            (&[&[END, 0, 0, 0, 0]], FrameError::Order(END)),
            (&[&[DATA, 0, 0, 0, 1, 0]], FrameError::Order(DATA)),
            (&[&within, &within], FrameError::Order(BEGIN)),
            (&[&within, &[DATA, 0, 4, 0, 1]], FrameError::Length { kind: DATA, bytes: 0x0004_0001 }),
            (&[&within, &[END, 0, 0, 0, 1]], FrameError::Length { kind: END, bytes: 1 }),
            (&[&[BEGIN, 0, 0, 0, 2, b'{', b'}']], FrameError::Begin),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(read(&bytes.concat(), 3), Err(wanted));
        }
        assert_eq!(read(&within, 3), Err(FrameError::Short));
        assert_eq!(read(&[&within[..], &[DATA, 0, 0, 0, 2, 1]].concat(), 3), Err(FrameError::Short));
    }

    #[test]
    fn data_are_handed_on_before_their_frame_is_whole() {
        let mut reader = Reader::default();
        reader.feed(begin(&an_instance()));
        assert!(matches!(reader.find(), Ok(Some(Found::Begin(_)))));
        reader.feed(Bytes::from_static(&[DATA, 0, 0, 0, 9, 1, 2]));
        assert_eq!(reader.find(), Ok(Some(Found::Data(Bytes::from_static(&[1, 2])))));
        assert_eq!(reader.find(), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            data in prop::collection::vec(any::<u8>(), 0..3000),
            runs in 0..4_usize,
            size in 1..700_usize,
        ) {
            let data = [data, vec![3; runs * 100_000]].concat();
            let (found, read) = read(&upload(&data), size).unwrap();
            prop_assert_eq!(found, vec![Found::Begin(Box::new(an_instance())), Found::End]);
            prop_assert_eq!(read, data);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1..9_usize) {
            let _ = read(&bytes, size);
            let _ = read(&[&begin(&an_instance()), &bytes[..]].concat(), size);
        }
    }
}
