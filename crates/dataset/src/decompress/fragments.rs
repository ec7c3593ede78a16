//! From the items of encapsulated pixel data to coded frames (PS3.5 §A.4).
//!
//! ```text
//!  Header ── item ──► Table (the first) ──► Header
//!    ▲  └─── item ──► Fragment ── all of it ──► Header      a frame is handed out when the next one begins,
//!    │                    │                                  when it is known to be whole, or at the end
//!    └────────────────────┘     Header ── delimiter ──► Ended
//! ```

use super::offsets::{MAX_TABLE_BYTES, Offsets};
use crate::Error;
use crate::pixels::{Framing, MAX_FRAME_BYTES, PixelError};

/// Bytes of the header of an item.
const HEADER_BYTES: usize = 8;
/// Bytes that show whether a fragment is the first of a frame.
const START_BYTES: usize = 12;
const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const DELIMITER: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];

/// What came of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// They are taken, and more are needed.
    More,
    /// A coded frame. Bytes may be left.
    Frame(Vec<u8>),
    /// The last item is behind; bytes that are left belong to what follows.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Table { left: u32 },
    Fragment { left: u32, is_judged: bool },
    Ended,
}

/// What is told to a reader of fragments.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) framing: Framing,
    pub(crate) frames: u32,
    /// Bytes of a decoded frame.
    pub(crate) frame_bytes: u64,
}

/// Gathers fragments into frames. Holds one coded frame and the beginning of the next.
#[derive(Debug)]
pub(crate) struct Fragments {
    layout: Layout,
    state: State,
    header: Vec<u8>,
    table: Vec<u8>,
    offsets: Offsets,
    /// The table of offsets is behind.
    has_begun: bool,
    /// Bytes behind the table of offsets that were taken.
    position: u64,
    coded: Vec<u8>,
    /// Where in `coded` the fragment begins that is being read, and where among the items.
    fragment_at: usize,
    fragment_position: u64,
    frames: u32,
}

impl Fragments {
    /// A reader of the items behind the header of the pixel data. `extended` is the Extended Offset Table.
    pub(crate) fn new(layout: Layout, extended: &[u8]) -> Self {
        let offsets = Offsets::read(extended, 8, layout.frames);
        Self {
            layout,
            state: State::Header,
            header: Vec::with_capacity(HEADER_BYTES),
            table: Vec::new(),
            offsets,
            has_begun: false,
            position: 0,
            coded: Vec::new(),
            fragment_at: 0,
            fragment_position: 0,
            frames: 0,
        }
    }

    /// Frames handed out so far.
    pub(crate) const fn frames(&self) -> u32 {
        self.frames
    }

    /// Takes from `bytes` until a frame is whole.
    ///
    /// # Errors
    /// When these are no fragments, a frame is longer than any, or there are more than Number of Frames says.
    pub(crate) fn read(&mut self, bytes: &mut &[u8]) -> Result<Found, Error> {
        loop {
            let found = match self.state {
                State::Header => self.item(bytes)?,
                State::Table { left } => self.offset_table(bytes, left),
                State::Fragment { left, is_judged } => self.fragment(bytes, left, is_judged)?,
                State::Ended => return Ok(Found::End),
            };
            match found {
                Some(found) => return Ok(found),
                None => continue,
            }
        }
    }

    fn item(&mut self, bytes: &mut &[u8]) -> Result<Option<Found>, Error> {
        let wanted = HEADER_BYTES - self.header.len();
        self.header.extend_from_slice(taken(bytes, wanted));
        let Some((tag, length)) = self.header.split_first_chunk::<4>() else { return Ok(Some(Found::More)) };
        let Some(length) = length.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else {
            return Ok(Some(Found::More));
        };
        let tag = *tag;
        self.header.clear();
        match tag {
            ITEM if !self.has_begun => {
                self.state = State::Table { left: length };
                Ok(None)
            }
            ITEM => {
                self.fragment_at = self.coded.len();
                self.fragment_position = self.position;
                self.position = self.position.saturating_add(HEADER_BYTES as u64);
                let whole = (self.coded.len() as u64).saturating_add(length.into());
                // A frame and the beginning of the next are held at once.
                if u64::from(length) > MAX_FRAME_BYTES || whole > 2 * MAX_FRAME_BYTES {
                    return Err(PixelError::FrameTooLarge { bytes: whole }.into());
                }
                self.state = State::Fragment { left: length, is_judged: false };
                Ok(None)
            }
            DELIMITER => {
                self.state = State::Ended;
                if self.coded.is_empty() { Ok(Some(Found::End)) } else { self.hand_out(0).map(Some) }
            }
            _ => Err(PixelError::Fragments("something other than an item stands between them").into()),
        }
    }

    fn offset_table(&mut self, bytes: &mut &[u8], left: u32) -> Option<Found> {
        let some = taken(bytes, left as usize);
        // One that is too long says nothing.
        if self.table.len() + some.len() <= MAX_TABLE_BYTES as usize {
            self.table.extend_from_slice(some);
        }
        let left = left.saturating_sub(u32::try_from(some.len()).unwrap_or(u32::MAX));
        self.state = State::Table { left };
        if left > 0 {
            return Some(Found::More);
        }
        if self.offsets.is_empty() {
            self.offsets = Offsets::read(&std::mem::take(&mut self.table), 4, self.layout.frames);
        }
        self.has_begun = true;
        self.state = State::Header;
        None
    }

    fn fragment(&mut self, bytes: &mut &[u8], left: u32, is_judged: bool) -> Result<Option<Found>, Error> {
        let read = self.coded.len() - self.fragment_at;
        let most =
            if is_judged { left as usize } else { (START_BYTES - read.min(START_BYTES)).min(left as usize) };
        let some = taken(bytes, most);
        self.coded.extend_from_slice(some);
        let count = u32::try_from(some.len()).unwrap_or(u32::MAX);
        self.position = self.position.saturating_add(count.into());
        let left = left.saturating_sub(count);
        let is_judged_now = is_judged || left == 0 || read + some.len() >= START_BYTES;
        self.state = State::Fragment { left, is_judged: is_judged_now };
        if is_judged_now && !is_judged && self.begins_a_frame() {
            let at = self.fragment_at;
            return self.hand_out(at).map(Some);
        }
        if left > 0 {
            return Ok(bytes.is_empty().then_some(Found::More));
        }
        self.state = State::Header;
        let is_whole = self.layout.framing == Framing::EachFragment && self.layout.frames > 1;
        if is_whole && !self.coded.is_empty() { self.hand_out(self.coded.len()).map(Some) } else { Ok(None) }
    }

    /// Whether the fragment that is being read is the first of a frame, and not of the first one.
    fn begins_a_frame(&mut self) -> bool {
        let is_named = self.offsets.begins(self.fragment_position);
        if self.layout.frames == 1 || self.fragment_at == 0 {
            return false;
        }
        let fragment = self.coded.get(self.fragment_at..).unwrap_or_default();
        is_named
            || match self.layout.framing {
                Framing::EachFragment => true,
                Framing::Length => self.fragment_at as u64 >= self.layout.frame_bytes,
                Framing::StartMarker(starts) => starts.iter().any(|start| fragment.starts_with(start)),
            }
    }

    /// Hands out what was gathered, up to `end`; 0: all of it.
    fn hand_out(&mut self, end: usize) -> Result<Found, Error> {
        let rest = if end == 0 { Vec::new() } else { self.coded.split_off(end.min(self.coded.len())) };
        let frame = std::mem::replace(&mut self.coded, rest);
        self.fragment_at = 0;
        self.frames = self.frames.saturating_add(1);
        let said = self.layout.frames;
        if self.frames > said {
            return Err(PixelError::FrameCount { found: self.frames, said }.into());
        }
        if frame.len() as u64 > MAX_FRAME_BYTES {
            return Err(PixelError::FrameTooLarge { bytes: frame.len() as u64 }.into());
        }
        Ok(Found::Frame(frame))
    }
}

/// The first `most` of `bytes`, taken off them.
fn taken<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (some, rest) = bytes.split_at_checked(most).unwrap_or((bytes, &[]));
    *bytes = rest;
    some
}

#[cfg(test)]
mod tests;
