//! Where frames begin among the items of encapsulated pixel data (PS3.5 §A.4): as an offset table says, or where there
//! is none, as the items themselves show.

use super::window::{ITEM_HEADER_BYTES, Item, MIN_WINDOW_BYTES, START_BYTES};
use crate::Error;
use crate::decompress::offsets::{MAX_TABLE_BYTES, Offsets};
use crate::pixels::{Framing, PixelError, Shape};

/// Most fragments that are walked over.
pub const MAX_FRAGMENTS: usize = 1024 * 1024;

/// A fragment that was passed.
#[derive(Debug, Clone, Copy)]
struct Fragment {
    offset: u64,
    length: u32,
    /// Whether it begins as the first one of a frame does.
    is_start: bool,
}

#[derive(Debug)]
enum Phase {
    /// The item of the Basic Offset Table comes next.
    Begin,
    Table {
        left: u32,
        bytes: Vec<u8>,
    },
    Fragments,
}

/// Whether more is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    GoesOn,
    Ended,
}

/// Walks over the items.
#[derive(Debug)]
pub(super) struct Items {
    framing: Option<Framing>,
    frames: u32,
    frame_bytes: u64,
    extended: Vec<u8>,
    phase: Phase,
    /// Where the item comes next that is wanted, and where the first fragment is.
    at: u64,
    base: u64,
    /// Where frames begin behind `base`, where a table says so.
    starts: Vec<u64>,
    fragments: Vec<Fragment>,
}

impl Items {
    /// For the items at `at`. `extended` is the value of the Extended Offset Table.
    pub(super) fn new(at: u64, shape: &Shape, framing: Option<Framing>, extended: Vec<u8>) -> Self {
        Self {
            framing,
            frames: shape.frames,
            frame_bytes: shape.frame_bytes(),
            extended,
            phase: Phase::Begin,
            at,
            base: at,
            starts: Vec::new(),
            fragments: Vec::new(),
        }
    }

    /// The offset from which bytes are wanted.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Takes bytes that stand at [`Self::at`].
    pub(super) fn give(&mut self, bytes: &[u8]) -> Result<Walk, Error> {
        let (began, mut rest) = (self.at, bytes);
        loop {
            if let Phase::Table { left, bytes: table } = &mut self.phase {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                let (now, after) = rest.split_at_checked(most).unwrap_or((rest, &[]));
                table.extend_from_slice(now);
                *left = left.saturating_sub(u32::try_from(most).unwrap_or(u32::MAX));
                self.at = self.at.saturating_add(most as u64);
                rest = after;
                if *left > 0 {
                    break;
                }
                let table = std::mem::take(table);
                if self.begin_fragments(&table) > 0 {
                    return Ok(Walk::GoesOn);
                }
            }
            let Some(item) = Item::read(rest)? else { break };
            match item {
                Item::Delimiter => return Ok(Walk::Ended),
                Item::Of(length) => match self.step(length, rest)? {
                    Some(after) => rest = after,
                    None => break,
                },
            }
        }
        // Bytes that bring it no further are all there are.
        if self.at == began && bytes.len() < MIN_WINDOW_BYTES {
            return Err(Error::CutShort { offset: self.at.saturating_add(bytes.len() as u64) });
        }
        Ok(Walk::GoesOn)
    }

    /// Passes the item at the beginning of `rest`; gives what of `rest` is behind it, or nothing where it goes on
    /// beyond, or its beginning is not all there.
    fn step<'a>(&mut self, length: u32, rest: &'a [u8]) -> Result<Option<&'a [u8]>, Error> {
        if matches!(self.phase, Phase::Begin) {
            let is_read = length <= MAX_TABLE_BYTES;
            let passed = ITEM_HEADER_BYTES as u64 + if is_read { 0 } else { u64::from(length) };
            self.at = self.at.saturating_add(passed);
            self.phase = Phase::Table { left: if is_read { length } else { 0 }, bytes: Vec::new() };
            return Ok(usize::try_from(passed).ok().and_then(|passed| rest.get(passed..)));
        }
        let shown = START_BYTES.min(usize::try_from(length).unwrap_or(usize::MAX));
        let Some(start) = rest.get(ITEM_HEADER_BYTES..ITEM_HEADER_BYTES + shown) else { return Ok(None) };
        if self.fragments.len() == MAX_FRAGMENTS {
            return Err(PixelError::Fragments("there are too many of them").into());
        }
        let is_start = match self.framing {
            Some(Framing::StartMarker(starts)) => starts.iter().any(|marker| start.starts_with(marker)),
            Some(Framing::EachFragment | Framing::Length) | None => false,
        };
        self.fragments.push(Fragment { offset: self.at, length, is_start });
        let passed = ITEM_HEADER_BYTES as u64 + u64::from(length);
        self.at = self.at.saturating_add(passed);
        Ok(usize::try_from(passed).ok().and_then(|passed| rest.get(passed..)))
    }

    /// The fragments begin here. Where a table says where frames begin, only the end of the last one is looked for:
    /// gives how many bytes are passed over on the way there.
    fn begin_fragments(&mut self, basic: &[u8]) -> u64 {
        self.phase = Phase::Fragments;
        self.base = self.at;
        self.starts = if self.frames == 1 {
            vec![0]
        } else {
            let extended = Offsets::read(&self.extended, 8, self.frames).into_list();
            if extended.is_empty() { Offsets::read(basic, 4, self.frames).into_list() } else { extended }
        };
        let last = self.starts.last().copied().unwrap_or_default();
        self.at = self.base.saturating_add(last);
        last
    }

    /// Where each frame begins, and where the last one ends.
    pub(super) fn bounds(self) -> Result<Vec<u64>, Error> {
        let (said, count) = (self.frames, self.fragments.len());
        let mut bounds: Vec<u64> = if self.starts.is_empty() {
            self.told_apart()
        } else {
            self.starts.iter().map(|start| self.base.saturating_add(*start)).collect()
        };
        let found = if count == 0 { 0 } else { u32::try_from(bounds.len()).unwrap_or(u32::MAX) };
        if found != said {
            return Err(PixelError::FrameCount { found, said }.into());
        }
        bounds.push(self.at);
        Ok(bounds)
    }

    /// Where frames begin, as the fragments show.
    fn told_apart(&self) -> Vec<u64> {
        let is_one_each = self.fragments.len() as u64 == u64::from(self.frames);
        let mut gathered = 0_u64;
        let mut begins = |fragment: &Fragment| {
            let is_begun = gathered > 0;
            let is_first = match self.framing {
                _ if is_one_each || !is_begun => true,
                Some(Framing::EachFragment) => true,
                Some(Framing::Length) => gathered >= self.frame_bytes,
                Some(Framing::StartMarker(_)) => fragment.is_start,
                // Nothing tells one from the next.
                None => false,
            };
            gathered = if is_first { 0 } else { gathered };
            gathered = gathered.saturating_add(fragment.length.max(1).into());
            is_first
        };
        self.fragments.iter().filter(|fragment| begins(fragment)).map(|fragment| fragment.offset).collect()
    }
}
