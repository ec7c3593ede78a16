//! A data set whose pixels are compressed, given plain: frame after frame decoded, all else laid out anew
//! (PS3.5 §8.2, §A.1, §A.2, §A.4).
//!
//! Lives here: [`Decompressor`], which takes the bytes in pieces and asks for those it wants; `survey`, its first
//! look; `edits`, what it changes: Pixel Data, and Photometric Interpretation and Planar Configuration where they
//! would no longer be true; `fragments` and `offsets`, which tell frames apart. It holds one coded and one decoded
//! frame at a time, and the piece it was given. Never here: the codecs themselves, and where bytes come from.

mod edits;
mod fragments;
pub(crate) mod offsets;
mod survey;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Uid, Vr};

use crate::Error;
use crate::pixels::{Codec, Frame, PixelError, Planar, Shape, decode_frame};
use crate::scanner::{Progress, Scanner};
use crate::transcode::{Relay, Transcoder};
use edits::{Edited, Edits};
use fragments::{Found, Fragments};
use survey::{Main, Survey, pixel_vr};

/// Longest value of a length field that is even, and no undefined length.
const MAX_VALUE_BYTES: u64 = 0xFFFF_FFFE;

/// What a [`Decompressor`] wants, or has.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next bytes of the data set, or word that there are none.
    Wants,
    /// The bytes of the data set from this offset on, instead of those that would come next.
    WantsFrom(u64),
    /// Bytes of what comes out.
    Has(Bytes),
    /// All has come out.
    Done,
}

/// What it works at. The head is what stands before the pixel data.
#[derive(Debug)]
enum Stage {
    Survey { scanner: Box<Scanner<Survey>>, found: Option<Box<Begun>> },
    Head { scanner: Box<Scanner<Edited>>, pixels: Option<Box<Pixels>>, end: u64 },
    Pixels(Box<Pixels>),
    Tail(Box<Transcoder>),
    Ended,
}

/// The pixel data were found, and their first frame is being gathered.
#[derive(Debug)]
struct Begun {
    main: Main,
    shape: Shape,
    fragments: Fragments,
    survey: Survey,
}

/// The pixel data as they are decoded.
#[derive(Debug)]
struct Pixels {
    main: Main,
    shape: Shape,
    fragments: Fragments,
    photometric: String,
    planar: Planar,
    /// The first frame, until it goes out.
    first: Option<Vec<u8>>,
    /// Where the bytes go on behind what was read for it.
    resume_at: u64,
}

/// Rewrites an encapsulated data set in explicit or implicit VR little endian.
#[derive(Debug)]
pub struct Decompressor {
    codec: Codec,
    to: Layout,
    stage: Stage,
    /// Bytes that were given and not yet used, and the offset of the first of them.
    input: Bytes,
    position: u64,
    has_ended: bool,
    /// The first piece: the head seldom has more, and need not be read twice then.
    opening: Bytes,
    /// Where reading has to go on before the stage does.
    jump: Option<u64>,
    left_out: Vec<String>,
}

impl Decompressor {
    /// For a data set stored in `transfer_syntax`; `None` where that is not decoded here.
    #[must_use]
    pub fn new(transfer_syntax: &Uid, to: Layout) -> Option<Self> {
        let codec = Codec::of(transfer_syntax)?;
        let scanner = Scanner::new(Layout::ExplicitLittleEndian, 0, Survey::new(codec));
        Some(Self {
            codec,
            to,
            stage: Stage::Survey { scanner: Box::new(scanner), found: None },
            input: Bytes::new(),
            position: 0,
            has_ended: false,
            opening: Bytes::new(),
            jump: None,
            left_out: Vec::new(),
        })
    }

    /// Gives the bytes that were wanted.
    pub fn give(&mut self, bytes: Bytes) {
        // Once the head is written, what is given is no opening, though there is none any more.
        if self.position == 0 && matches!(self.stage, Stage::Survey { .. }) {
            self.opening = bytes.clone();
        }
        self.input = bytes;
    }

    /// Says that there are no more.
    pub const fn end(&mut self) {
        self.has_ended = true;
    }

    /// Why icons were left out of what comes out; said once.
    pub fn left_out(&mut self) -> Vec<String> {
        std::mem::take(&mut self.left_out)
    }

    /// Goes on. Decodes at most one frame of the image, which takes its time: not for an async thread.
    ///
    /// # Errors
    /// When the bytes are no data set, or a frame cannot be decoded. The first frame is decoded before anything
    /// comes out. Nothing more comes out after an error.
    pub fn turn(&mut self) -> Result<Turn, Error> {
        loop {
            if let Some(from) = self.jump.take() {
                self.input = Bytes::new();
                self.position = from;
                self.has_ended = false;
                return Ok(Turn::WantsFrom(from));
            }
            let turn = match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Survey { scanner, found } => self.survey(scanner, found)?,
                Stage::Head { scanner, pixels, end } => self.head(scanner, pixels, end)?,
                Stage::Pixels(pixels) => self.pixels(pixels)?,
                Stage::Tail(tail) => self.tail(tail)?,
                Stage::Ended => return Ok(Turn::Done),
            };
            match turn {
                Some(Turn::Has(bytes)) if bytes.is_empty() => {}
                Some(turn) => return Ok(turn),
                None => {}
            }
        }
    }

    /// All the bytes that were given, as used.
    fn take_input(&mut self) -> Bytes {
        let bytes = std::mem::take(&mut self.input);
        self.position = self.position.saturating_add(bytes.len() as u64);
        bytes
    }

    fn survey(
        &mut self,
        mut scanner: Box<Scanner<Survey>>,
        found: Option<Box<Begun>>,
    ) -> Result<Option<Turn>, Error> {
        if let Some(begun) = found {
            return self.first_frame(scanner, begun);
        }
        if self.input.is_empty() && !self.has_ended {
            self.stage = Stage::Survey { scanner, found: None };
            return Ok(Some(Turn::Wants));
        }
        if self.input.is_empty() {
            // There are no coded pixels: the rest is a matter of layout.
            let survey = scanner.finish()?;
            self.begin_head(survey.edits, survey.left_out, None);
            return Ok(None);
        }
        let start = self.position;
        let bytes = self.take_input();
        if scanner.feed(&bytes)? == Progress::More {
            self.stage = Stage::Survey { scanner, found: None };
            return Ok(None);
        }
        let codec = self.codec;
        let survey = std::mem::replace(scanner.sink_mut(), Survey::new(codec));
        if let Some(error) = survey.error {
            return Err(error);
        }
        let main = survey.main.ok_or(Error::CutShort { offset: self.position })?;
        let shape = survey.place.shape()?;
        let total = u64::from(shape.frames).saturating_mul(shape.frame_bytes());
        if total > MAX_VALUE_BYTES {
            return Err(PixelError::TooLong { bytes: total }.into());
        }
        let layout = fragments::Layout {
            framing: codec.framing(),
            frames: shape.frames,
            frame_bytes: shape.frame_bytes(),
        };
        let fragments = Fragments::new(layout, &survey.table);
        let used = usize::try_from(main.value_offset.saturating_sub(start)).unwrap_or(usize::MAX);
        self.position = main.value_offset;
        self.input = bytes.slice(used.min(bytes.len())..);
        let begun = Begun { main, shape, fragments, survey };
        self.stage = Stage::Survey { scanner, found: Some(Box::new(begun)) };
        Ok(None)
    }

    /// Gathers and decodes the first frame, which shows what all of them will be.
    fn first_frame(
        &mut self,
        scanner: Box<Scanner<Survey>>,
        mut begun: Box<Begun>,
    ) -> Result<Option<Turn>, Error> {
        match self.next_found(&mut begun.fragments)? {
            Found::More => {
                self.stage = Stage::Survey { scanner, found: Some(begun) };
                Ok(Some(Turn::Wants))
            }
            Found::End => Err(PixelError::FrameCount { found: 0, said: begun.shape.frames }.into()),
            Found::Frame(coded) => {
                let Begun { main, shape, fragments, mut survey } = *begun;
                let Frame { bytes, photometric, planar } = decode_frame(self.codec, &shape, &coded)?;
                let frame = Frame { bytes: Vec::new(), photometric, planar };
                survey.place.correct(&shape, &frame, main.offset, &mut survey.edits);
                let pixels = Pixels {
                    main,
                    shape,
                    fragments,
                    photometric: frame.photometric,
                    planar,
                    first: Some(bytes),
                    resume_at: self.position,
                };
                self.begin_head(survey.edits, survey.left_out, Some(Box::new(pixels)));
                Ok(None)
            }
        }
    }

    /// What the fragments make of the bytes at hand.
    fn next_found(&mut self, fragments: &mut Fragments) -> Result<Found, Error> {
        let mut rest = self.input.as_ref();
        let found = fragments.read(&mut rest);
        let used = self.input.len() - rest.len();
        self.position = self.position.saturating_add(used as u64);
        self.input = self.input.slice(used..);
        match found? {
            Found::More if self.has_ended => Err(Error::CutShort { offset: self.position }),
            found => Ok(found),
        }
    }

    fn begin_head(&mut self, edits: Edits, left_out: Vec<String>, pixels: Option<Box<Pixels>>) {
        self.left_out = left_out;
        let sink = Edited::new(Relay::new(self.to), edits);
        let scanner = Box::new(Scanner::new(Layout::ExplicitLittleEndian, 0, sink));
        let end = pixels.as_ref().map_or(u64::MAX, |pixels| pixels.main.offset);
        if end > self.opening.len() as u64 {
            self.jump = Some(0);
        }
        self.stage = Stage::Head { scanner, pixels, end };
    }

    fn head(
        &mut self,
        mut scanner: Box<Scanner<Edited>>,
        pixels: Option<Box<Pixels>>,
        end: u64,
    ) -> Result<Option<Turn>, Error> {
        let opening = std::mem::take(&mut self.opening);
        if end <= opening.len() as u64 {
            // It is all at hand, and the bytes given last are those that follow.
            scanner.feed(opening.get(..usize::try_from(end).unwrap_or(usize::MAX)).unwrap_or_default())?;
            return self.end_head(scanner, pixels, None);
        }
        let left = end.saturating_sub(self.position);
        let is_over = left == 0 || (self.input.is_empty() && self.has_ended);
        if is_over {
            let resume_at = pixels.as_ref().map(|pixels| pixels.resume_at);
            return self.end_head(scanner, pixels, resume_at);
        }
        if self.input.is_empty() {
            self.stage = Stage::Head { scanner, pixels, end };
            return Ok(Some(Turn::Wants));
        }
        let bytes = self.take_input();
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        scanner.feed(bytes.get(..wanted).unwrap_or_default())?;
        self.position = self.position.min(end);
        let out = scanner.sink_mut().relay.take()?;
        self.stage = Stage::Head { scanner, pixels, end };
        Ok(Some(Turn::Has(out)))
    }

    /// The head is written: gives its rest with the header of the pixel data.
    fn end_head(
        &mut self,
        scanner: Box<Scanner<Edited>>,
        pixels: Option<Box<Pixels>>,
        resume_at: Option<u64>,
    ) -> Result<Option<Turn>, Error> {
        let mut sink = scanner.finish()?;
        let Some(pixels) = pixels else { return Ok(Some(Turn::Has(sink.relay.take()?))) };
        sink.arrive(pixels.main.offset);
        let bytes = pixels.total_bytes();
        let length = u32::try_from(bytes + bytes % 2).map_err(|_| PixelError::TooLong { bytes })?;
        let vr: Vr = pixel_vr(&pixels.shape);
        sink.relay.put_header(Tag::PIXEL_DATA, vr, length);
        self.jump = resume_at;
        self.stage = Stage::Pixels(pixels);
        Ok(Some(Turn::Has(sink.relay.take()?)))
    }

    fn pixels(&mut self, mut pixels: Box<Pixels>) -> Result<Option<Turn>, Error> {
        if let Some(first) = pixels.first.take() {
            self.stage = Stage::Pixels(pixels);
            return Ok(Some(Turn::Has(Bytes::from(first))));
        }
        match self.next_found(&mut pixels.fragments)? {
            Found::More => {
                self.stage = Stage::Pixels(pixels);
                Ok(Some(Turn::Wants))
            }
            Found::Frame(coded) => {
                let frame = decode_frame(self.codec, &pixels.shape, &coded)?;
                if frame.photometric != pixels.photometric || frame.planar != pixels.planar {
                    return Err(PixelError::ColourChanges.into());
                }
                self.stage = Stage::Pixels(pixels);
                Ok(Some(Turn::Has(Bytes::from(frame.bytes))))
            }
            Found::End => {
                let (found, said) = (pixels.fragments.frames(), pixels.shape.frames);
                if found != said {
                    return Err(PixelError::FrameCount { found, said }.into());
                }
                let padding: &[u8] = if pixels.total_bytes() % 2 == 1 { &[0] } else { &[] };
                self.stage = Stage::Tail(Box::new(Transcoder::new(Layout::ExplicitLittleEndian, self.to)));
                Ok(Some(Turn::Has(Bytes::from_static(padding))))
            }
        }
    }

    /// What stands behind the pixel data.
    fn tail(&mut self, mut tail: Box<Transcoder>) -> Result<Option<Turn>, Error> {
        if self.input.is_empty() && self.has_ended {
            return Ok(Some(Turn::Has(tail.finish()?)));
        }
        if self.input.is_empty() {
            self.stage = Stage::Tail(tail);
            return Ok(Some(Turn::Wants));
        }
        let out = tail.feed(&self.take_input())?;
        self.stage = Stage::Tail(tail);
        Ok(Some(Turn::Has(out)))
    }
}

impl Pixels {
    const fn total_bytes(&self) -> u64 {
        self.shape.frame_bytes() * self.shape.frames as u64
    }
}

#[cfg(test)]
mod tests;
