//! From a stored data set to one frame as it stands in it, with what says how it looks.
//!
//! ```text
//!  Head ── pixel data ──► Found ── native ──► Native(frame)        a frame's bytes are asked for by offset
//!                               └─ encapsulated ──► Coded(next)    fragments are passed over up to the frame
//! ```
//!
//! Lives here: [`FrameReader`], which takes bytes in pieces and asks for those it wants. It holds one frame. Frames
//! asked for in rising order cost one pass over the pixel data. Never here: decoding, and where bytes come from.

use bytes::Bytes;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{Tag, Uid};

use super::RenderError;
use super::image::Look;
use super::notes::{PixelData, Survey};
use crate::Error;
use crate::decompress::fragments::{self, Found, Fragments};
use crate::pixels::{Codec, PixelError, Shape};
use crate::scanner::Scanner;

/// What a [`FrameReader`] wants, or has.
#[derive(Debug)]
pub enum Turn {
    /// The next bytes of the data set, or word that there are none.
    Wants,
    /// The bytes of the data set from this offset on, instead of those that would come next.
    WantsFrom(u64),
    /// What stands before the pixel data was read: [`FrameReader::frames`] says how many there are.
    Knows,
    /// The frame.
    Has(Box<StoredFrame>),
}

/// One frame as it stands in the data set, and what says how it looks.
#[derive(Debug)]
pub struct StoredFrame {
    /// Native samples, or coded ones.
    pub(super) bytes: Vec<u8>,
    pub(super) codec: Option<Codec>,
    pub(super) look: Look,
}

/// What it works at.
#[derive(Debug)]
enum Stage {
    Head(Box<Scanner<Survey>>),
    Found,
    /// Of single bits the frame may begin in the middle of a byte.
    Native {
        bytes: Vec<u8>,
        wanted: usize,
        first_bit: u32,
    },
    Coded {
        fragments: Box<Fragments>,
    },
}

/// What the head said.
#[derive(Debug)]
struct Head {
    survey: Survey,
    pixels: PixelData,
    shape: Shape,
    /// Bits of one native frame.
    frame_bits: u64,
}

/// Finds frames in a data set.
#[derive(Debug)]
pub struct FrameReader {
    codec: Option<Codec>,
    head: Option<Box<Head>>,
    stage: Stage,
    frame: u32,
    /// Bytes that were given and not yet used, and the offset of the first of them.
    input: Bytes,
    position: u64,
    has_ended: bool,
}

impl FrameReader {
    /// For a data set in `transfer_syntax`; `None` where its pixels are not decoded here. What is deflated or in
    /// big endian has to be laid out in explicit VR little endian before.
    #[must_use]
    pub fn new(transfer_syntax: &Uid) -> Option<Self> {
        let codec = Codec::of(transfer_syntax);
        let is_plain =
            [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].contains(&transfer_syntax.as_str());
        if codec.is_none() && !is_plain {
            return None;
        }
        let scanner = Scanner::new(Layout::of(transfer_syntax), 0, Survey::default());
        Some(Self {
            codec,
            head: None,
            stage: Stage::Head(Box::new(scanner)),
            frame: 0,
            input: Bytes::new(),
            position: 0,
            has_ended: false,
        })
    }

    /// Asks for a frame, counted from 0: the next [`Self::turn`]s lead to it.
    pub fn want(&mut self, frame: u32) {
        self.frame = frame;
    }

    /// Number of Frames, once it is known.
    #[must_use]
    pub fn frames(&self) -> Option<u32> {
        self.head.as_ref().map(|head| head.shape.frames)
    }

    /// Gives the bytes that were wanted.
    pub fn give(&mut self, bytes: Bytes) {
        self.input = bytes;
    }

    /// Says that there are no more.
    pub const fn end(&mut self) {
        self.has_ended = true;
    }

    /// Goes on.
    ///
    /// # Errors
    /// When the bytes are no data set, hold no pixels or not this frame. It cannot go on after an error.
    pub fn turn(&mut self) -> Result<Turn, RenderError> {
        if let Some(frames) = self.frames().filter(|frames| self.frame >= *frames) {
            return Err(RenderError::NoSuchFrame { frame: self.frame.saturating_add(1), frames });
        }
        loop {
            let turn = match std::mem::replace(&mut self.stage, Stage::Found) {
                Stage::Head(scanner) => self.read_head(scanner)?,
                Stage::Found => self.begin_frame()?,
                Stage::Native { bytes, wanted, first_bit } => self.native(bytes, wanted, first_bit)?,
                Stage::Coded { fragments } => self.coded(fragments)?,
            };
            if let Some(turn) = turn {
                return Ok(turn);
            }
        }
    }

    /// Has the bytes from `offset` on come next.
    fn jump(&mut self, offset: u64) -> Turn {
        self.input = Bytes::new();
        self.position = offset;
        self.has_ended = false;
        Turn::WantsFrom(offset)
    }

    const fn cut_short(&self) -> RenderError {
        RenderError::DataSet(Error::CutShort { offset: self.position })
    }

    fn read_head(&mut self, mut scanner: Box<Scanner<Survey>>) -> Result<Option<Turn>, RenderError> {
        let bytes = std::mem::take(&mut self.input);
        if bytes.is_empty() && self.has_ended {
            return Err(RenderError::NoPixels);
        }
        self.position = self.position.saturating_add(bytes.len() as u64);
        scanner.feed(&bytes)?;
        if !scanner.is_stopped() {
            let skippable = scanner.skippable();
            scanner.skip(skippable);
            self.stage = Stage::Head(scanner);
            if skippable == 0 {
                return Ok(Some(Turn::Wants));
            }
            return Ok(Some(self.jump(self.position.saturating_add(skippable))));
        }
        let mut survey = scanner.into_sink();
        if let Some(error) = survey.error.take() {
            return Err(error.into());
        }
        let pixels = survey.pixels.ok_or(RenderError::NoPixels)?;
        let shape = survey.shape.shape_of_each()?;
        let frame_bits = native_frame_bits(&shape, pixels);
        self.head = Some(Box::new(Head { survey, pixels, shape, frame_bits }));
        Ok(Some(Turn::Knows))
    }

    fn begin_frame(&mut self) -> Result<Option<Turn>, RenderError> {
        let Some(head) = &self.head else { return Err(RenderError::NoPixels) };
        if self.frame >= head.shape.frames {
            let (frame, frames) = (self.frame.saturating_add(1), head.shape.frames);
            return Err(RenderError::NoSuchFrame { frame, frames });
        }
        let (pixels, frame_bits) = (head.pixels, head.frame_bits);
        match (pixels.length, self.codec) {
            (Some(length), None) => {
                let before = u64::from(self.frame).saturating_mul(frame_bits);
                let (from, to) = (before / 8, before.saturating_add(frame_bits).div_ceil(8));
                if to > length.into() {
                    let expected = u64::from(head.shape.frames).saturating_mul(frame_bits).div_ceil(8);
                    return Err(PixelError::WrongLength { expected, found: length.into() }.into());
                }
                let wanted = usize::try_from(to - from).unwrap_or(usize::MAX);
                let first_bit = u32::try_from(before % 8).unwrap_or_default();
                self.stage = Stage::Native { bytes: Vec::with_capacity(wanted), wanted, first_bit };
                Ok(Some(self.jump(pixels.value_offset.saturating_add(from))))
            }
            (None, Some(codec)) => {
                self.stage = Stage::Coded { fragments: fragments_of(head, codec) };
                Ok(Some(self.jump(pixels.value_offset)))
            }
            _ => {
                let words = "pixel data that are not encapsulated as their transfer syntax says";
                Err(RenderError::NotRendered(words.to_owned()))
            }
        }
    }

    fn native(
        &mut self,
        mut bytes: Vec<u8>,
        wanted: usize,
        first_bit: u32,
    ) -> Result<Option<Turn>, RenderError> {
        let input = std::mem::take(&mut self.input);
        if input.is_empty() && self.has_ended {
            return Err(self.cut_short());
        }
        self.position = self.position.saturating_add(input.len() as u64);
        let some = wanted.saturating_sub(bytes.len()).min(input.len());
        bytes.extend_from_slice(input.get(..some).unwrap_or_default());
        if bytes.len() < wanted {
            self.stage = Stage::Native { bytes, wanted, first_bit };
            return Ok(Some(Turn::Wants));
        }
        self.has(if first_bit == 0 { bytes } else { moved(&bytes, first_bit) })
    }

    fn coded(&mut self, mut fragments: Box<Fragments>) -> Result<Option<Turn>, RenderError> {
        if fragments.frames() > self.frame {
            // It is behind: from the beginning again.
            return Ok(None);
        }
        loop {
            let mut rest = self.input.as_ref();
            let found = fragments.read(&mut rest);
            let used = self.input.len() - rest.len();
            self.position = self.position.saturating_add(used as u64);
            self.input = self.input.slice(used..);
            match found? {
                Found::More if self.has_ended => return Err(self.cut_short()),
                Found::More => {
                    self.stage = Stage::Coded { fragments };
                    return Ok(Some(Turn::Wants));
                }
                Found::End => {
                    let said = self.head.as_ref().map_or(0, |head| head.shape.frames);
                    return Err(PixelError::FrameCount { found: fragments.frames(), said }.into());
                }
                Found::Frame(bytes) if fragments.frames() == self.frame.saturating_add(1) => {
                    let turn = self.has(bytes)?;
                    self.stage = Stage::Coded { fragments };
                    return Ok(turn);
                }
                Found::Frame(_) => {}
            }
        }
    }

    fn has(&self, bytes: Vec<u8>) -> Result<Option<Turn>, RenderError> {
        let Some(head) = &self.head else { return Err(RenderError::NoPixels) };
        let notes = head.survey.notes(self.frame);
        let look = Look::of(&head.shape, head.pixels.tag, &notes)?;
        Ok(Some(Turn::Has(Box::new(StoredFrame { bytes, codec: self.codec, look }))))
    }
}

fn fragments_of(head: &Head, codec: Codec) -> Box<Fragments> {
    let layout = fragments::Layout {
        framing: codec.framing(),
        frames: head.shape.frames,
        frame_bytes: head.shape.frame_bytes(),
    };
    Box::new(Fragments::new(layout, &head.survey.table))
}

/// Bits of one native frame. Where chrominance is halved there are two samples for each pixel
/// (PS3.3 §C.7.6.3.1.2), unless the length of the pixel data shows that it is not.
fn native_frame_bits(shape: &Shape, pixels: PixelData) -> u64 {
    let whole = shape.frame_bits();
    let is_halved = shape.photometric.ends_with("_422")
        && shape.samples == 3
        && pixels.tag == Tag::PIXEL_DATA
        && pixels
            .length
            .is_some_and(|length| u64::from(length) < (whole / 8).saturating_mul(shape.frames.into()));
    if is_halved { whole / 3 * 2 } else { whole }
}

/// Bits from the `first_bit` of the first byte on, the first of them in the lowest bit of the first byte.
fn moved(bytes: &[u8], first_bit: u32) -> Vec<u8> {
    let next = bytes.iter().skip(1).chain([&0]);
    let pairs = bytes.iter().zip(next).map(|(low, high)| u16::from_le_bytes([*low, *high]));
    pairs.map(|pair| (pair >> first_bit).to_le_bytes()[0]).collect()
}
