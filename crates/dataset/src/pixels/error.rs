//! Why pixel data cannot be decoded.

use super::shape::MAX_FRAME_BYTES;

/// What is wrong with pixel data, in words for an administrator; they hold no patient data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    /// An attribute without which pixels mean nothing (PS3.3 §C.7.6.3).
    #[error("{0} is missing or is no number")]
    Missing(&'static str),
    /// An attribute with a value that makes no image that is decoded here.
    #[error("{attribute} is {value}, which is not decoded")]
    Unfit {
        /// Which one.
        attribute: &'static str,
        /// What it says.
        value: u64,
    },
    /// A frame would take more memory than is given to one.
    #[error("a frame takes {bytes} bytes, at most {MAX_FRAME_BYTES} are decoded at once")]
    FrameTooLarge {
        /// Bytes of the frame, coded or decoded.
        bytes: u64,
    },
    /// The coded stream is not what its codec allows, or uses what the decoder lacks.
    #[error("{codec}: {words}")]
    Codec {
        /// Which codec.
        codec: &'static str,
        /// What it said.
        words: String,
    },
    /// The coded stream describes another image than the data set does (PS3.5 §8.2).
    #[error("the coded image has {what} {found}, the data set says {said}")]
    Differs {
        /// What of it.
        what: &'static str,
        /// In the stream.
        found: u64,
        /// In the data set.
        said: u64,
    },
    /// A decoded frame is shorter or longer than its attributes make it.
    #[error("a decoded frame has {found} bytes, its attributes make it {expected}")]
    WrongLength {
        /// As Rows, Columns, Samples per Pixel and Bits Allocated have it.
        expected: u64,
        /// As it came out.
        found: u64,
    },
    /// The fragments make more or fewer frames than Number of Frames says.
    #[error("the pixel data hold {found} frames, Number of Frames says {said}")]
    FrameCount {
        /// Frames found; when there are too many, one more than said.
        found: u32,
        /// Number of Frames.
        said: u32,
    },
    /// Decoded, it does not fit a length field of 32 bits (PS3.5 §8.1.1, note).
    #[error("decoded the pixel data take {bytes} bytes, more than a length field can say")]
    TooLong {
        /// Bytes of all frames together.
        bytes: u64,
    },
    /// One frame is coded in another colour space than the first, so no attribute fits them all.
    #[error("the frames are coded in different colour spaces")]
    ColourChanges,
    /// What is said of the pixels, frame by frame, is more than is held at once.
    #[error("what the data set says of its frames takes too much room")]
    TooMuchToNote,
    /// The sequence of fragments is broken (PS3.5 §A.4).
    #[error("the fragments are broken: {0}")]
    Fragments(&'static str),
}

impl PixelError {
    /// What a codec said.
    pub(super) fn codec(codec: &'static str, words: impl std::fmt::Display) -> Self {
        Self::Codec { codec, words: words.to_string() }
    }
}
