//! Where a long value is that metadata name by a BulkDataURI (PS3.18 §F.2.2, §10.4.1.1.5), by the path that
//! [`crate::json`] writes.
//!
//! Lives here: [`BulkPath`], and [`BulkFinder`], which asks for pieces of a data set, wherever they stand in it. It reads
//! no value but of a sequence that was written as UN (PS3.5 §6.2.2), which is as short as `json` reads one, and what
//! describes a coded icon. [`list`] names all long values of a data set.

pub mod list;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use causeway_core::limits::MAX_SEQUENCE_DEPTH;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Uid, Vr};

use crate::Error;
use crate::model::MAX_UNKNOWN_BYTES;
use crate::pixels::shape::PixelAttributes;
use crate::pixels::{PixelError, Shape};
use crate::scanner::{Flow, Header, Progress, Scanner, Sink};
use crate::scope::Scopes;

/// An attribute, by the items it stands in: `7FE00010`, or `00400275/1/00091001`. Items count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPath {
    items: Vec<(Tag, u32)>,
    tag: Tag,
}

/// A text that is no such path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "bulk data are named by eight hexadecimal digits of a tag, after a tag and the number of an item for each sequence"
)]
pub struct BulkPathError;

impl FromStr for BulkPath {
    type Err = BulkPathError;

    fn from_str(text: &str) -> Result<Self, BulkPathError> {
        let mut items = Vec::new();
        let mut rest = text;
        loop {
            let Some((sequence, after)) = rest.split_once('/') else {
                return Ok(Self { items, tag: Tag::from_hex(rest).ok_or(BulkPathError)? });
            };
            let (item, after) = after.split_once('/').ok_or(BulkPathError)?;
            let is_number = item.bytes().all(|byte| byte.is_ascii_digit());
            let number = item.parse().ok().filter(|number| is_number && *number > 0).ok_or(BulkPathError)?;
            if items.len() == MAX_SEQUENCE_DEPTH {
                return Err(BulkPathError);
            }
            items.push((Tag::from_hex(sequence).ok_or(BulkPathError)?, number));
            rest = after;
        }
    }
}

impl fmt::Display for BulkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (tag, item) in &self.items {
            write!(f, "{}/{item}/", tag.to_hex())?;
        }
        f.write_str(&self.tag.to_hex())
    }
}

/// What was found. Offsets are bytes from the start of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bulk {
    /// A value.
    Value(Range<u64>),
    /// The pixel data of the instance, encapsulated.
    Frames,
    /// A coded image inside an item, such as an icon: where its own items begin, and what it looks like.
    Icon(u64, Result<Shape, PixelError>),
}

/// Finds a value. Ask it what it [`wants`](Self::wants) and [`give`](Self::give) it that, until it wants nothing more.
#[derive(Debug)]
pub struct BulkFinder {
    scanner: Option<Scanner<Locator>>,
    found: Option<Bulk>,
    at: u64,
}

impl BulkFinder {
    /// For a data set in `transfer_syntax`; a deflated one would have to be inflated first.
    #[must_use]
    pub fn new(transfer_syntax: &Uid, path: BulkPath) -> Self {
        let scanner = Scanner::new(Layout::of(transfer_syntax), 0, Locator::new(path));
        Self { scanner: Some(scanner), found: None, at: 0 }
    }

    /// The offset from which bytes of the data set are wanted, any number of them. None: all is known.
    #[must_use]
    pub const fn wants(&self) -> Option<u64> {
        if self.scanner.is_some() { Some(self.at) } else { None }
    }

    /// Gives the bytes that were wanted; none, where the data set ends before.
    ///
    /// # Errors
    /// When these are no data set.
    pub fn give(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(mut scanner) = self.scanner.take() else { return Ok(()) };
        if bytes.is_empty() {
            self.found = scanner.finish()?.found;
        } else if scanner.feed(bytes)? == Progress::Stopped {
            self.found = scanner.into_sink().found;
        } else {
            let skippable = scanner.skippable();
            scanner.skip(skippable);
            self.at = self.at.saturating_add(bytes.len() as u64).saturating_add(skippable);
            self.scanner = Some(scanner);
        }
        Ok(())
    }

    /// What was found; none where there is no such attribute.
    #[must_use]
    pub fn finish(self) -> Option<Bulk> {
        self.found
    }
}

/// An open sequence.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Whether it is one of the path.
    is_named: bool,
    items: u32,
}

/// The sink that looks for a value.
#[derive(Debug)]
struct Locator {
    path: BulkPath,
    open: Vec<Open>,
    scopes: Scopes,
    found: Option<Bulk>,
    /// What the item that is named says of pixels.
    attributes: PixelAttributes,
    reading: Option<Reading>,
    value: Vec<u8>,
}

/// A value that is read.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// One that describes pixels.
    Attribute(Tag),
    /// A sequence that was written as UN, and where it begins.
    Sequence(u64),
}

impl Locator {
    fn new(path: BulkPath) -> Self {
        Self {
            path,
            open: Vec::new(),
            scopes: Scopes::default(),
            found: None,
            attributes: PixelAttributes::default(),
            reading: None,
            value: Vec::new(),
        }
    }

    /// Whether everything that is open is of the path.
    fn is_on_path(&self) -> bool {
        self.open.iter().enumerate().all(|(level, open)| {
            open.is_named && self.path.items.get(level).is_some_and(|(_, item)| *item == open.items)
        })
    }

    fn is_named(&self, tag: Tag) -> bool {
        self.is_on_path() && self.path.items.get(self.open.len()).is_some_and(|(named, _)| *named == tag)
    }

    /// Whether what stands here stands beside the attribute that is wanted.
    fn is_beside(&self) -> bool {
        self.open.len() == self.path.items.len() && self.is_on_path()
    }

    fn is_wanted(&self, tag: Tag) -> bool {
        self.path.tag == tag && self.is_beside()
    }

    /// Looks into a sequence that was written as UN.
    fn look_into(&mut self, value: &[u8], at: u64) {
        let items = self.path.items.get(self.open.len()..).unwrap_or_default();
        let mut inner = Self::new(BulkPath { items: items.to_vec(), tag: self.path.tag });
        inner.open.push(Open { is_named: true, items: 0 });
        let mut scanner = Scanner::of_items(self.open.len(), inner);
        // What is no sequence after all holds nothing.
        let scanned = scanner.feed(value).is_ok();
        if let Some(Bulk::Value(range)) = scanner.into_sink().found.filter(|_| scanned) {
            let moved = |offset: u64| at.saturating_add(offset);
            self.found = Some(Bulk::Value(moved(range.start)..moved(range.end)));
        }
    }
}

impl Sink for Locator {
    fn element(&mut self, header: &Header) -> Flow {
        if self.found.is_some() {
            return Flow::Stop;
        }
        let length = header.length.unwrap_or_default();
        if self.is_wanted(header.tag) {
            let end = header.value_offset.saturating_add(length.into());
            self.found = Some(Bulk::Value(header.value_offset..end));
            return Flow::Stop;
        }
        let is_short = usize::try_from(length).is_ok_and(|length| length <= MAX_UNKNOWN_BYTES);
        self.reading = if self.is_named(header.tag) && is_short && self.scopes.known_vr(header) == Vr::SQ {
            Some(Reading::Sequence(header.value_offset))
        } else if PixelAttributes::wants(header.tag, length) && self.is_beside() {
            Some(Reading::Attribute(header.tag))
        } else {
            None
        };
        if self.reading.is_some() { Flow::Value } else { Flow::Skip }
    }

    fn value(&mut self, chunk: &[u8]) {
        self.value.extend_from_slice(chunk);
    }

    fn end_element(&mut self) {
        let value = std::mem::take(&mut self.value);
        match self.reading.take() {
            Some(Reading::Attribute(tag)) => self.attributes.note(tag, &value),
            Some(Reading::Sequence(at)) => self.look_into(&value, at),
            None => {}
        }
    }

    fn begin_sequence(&mut self, header: &Header) {
        let is_named = self.is_named(header.tag);
        self.open.push(Open { is_named, items: 0 });
    }

    fn begin_item(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.items = open.items.saturating_add(1);
        }
    }

    fn end_sequence(&mut self) {
        self.open.pop();
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if !self.is_wanted(header.tag) {
            return Flow::Skip;
        }
        // An icon is one image, whatever is said around it.
        let shape = || self.attributes.shape_of_each().map(|shape| Shape { frames: 1, ..shape });
        let is_image = header.is_pixel_data();
        self.found = Some(if is_image { Bulk::Frames } else { Bulk::Icon(header.value_offset, shape()) });
        Flow::Stop
    }
}

#[cfg(test)]
mod tests;
