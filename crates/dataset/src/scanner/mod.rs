//! The bounded push scanner: a data set's elements, told as the bytes arrive (PS3.5 §7).
//!
//! Lives here: [`Scanner`], which takes bytes in pieces of any size and tells a [`Sink`] what it finds, and the
//! words the two share. It holds a header's few bytes and one small frame per open sequence and item, never a
//! value; every length is checked against what its parent has left, nesting against
//! [`MAX_SEQUENCE_DEPTH`](causeway_core::limits::MAX_SEQUENCE_DEPTH). Never here: what values mean.
//!
//! Tolerated, because senders do it and nothing is lost: odd lengths; delimiters where none is due, or none where
//! one is, as long as lengths place the end; elements without a VR inside explicit data and the other way round;
//! zero bytes after the last element; UN of undefined length, whose items are implicit VR little endian whatever
//! surrounds them (PS3.5 §6.2.2).

mod frame;
mod header;
mod inflate;
mod walker;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use crate::Error;
pub(crate) use inflate::Inflater;
use walker::Walker;

/// The header of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its tag.
    pub tag: Tag,
    /// Its VR: written out, or from the dictionary; UN where neither says.
    pub vr: Vr,
    /// Its length in bytes; `None`: undefined.
    pub length: Option<u32>,
    /// Where the header begins, in bytes from the start of the (inflated) data set.
    pub offset: u64,
    /// Where the value begins.
    pub value_offset: u64,
    /// How many items it is nested in.
    pub depth: usize,
    /// How this element is laid out, which inside a UN of undefined length is not how the data set is.
    /// Never the deflated layout.
    pub layout: Layout,
}

impl Header {
    /// Whether this is the pixel data of the instance (PS3.3 §C.7.6.3, §C.7.6.24), not that of an icon.
    #[must_use]
    pub const fn is_pixel_data(&self) -> bool {
        self.depth == 0 && is_pixel_data(self.tag)
    }

    /// Whether numbers in its value have their most significant byte first. The value of UN never does
    /// (PS3.5 §6.2.2).
    #[must_use]
    pub fn is_big_endian(&self) -> bool {
        self.layout == Layout::ExplicitBigEndian && self.vr != Vr::UN
    }
}

const fn is_pixel_data(tag: Tag) -> bool {
    tag.group() == 0x7FE0 && matches!(tag.element(), 0x0008 | 0x0009 | 0x0010)
}

/// What a sink wants of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Its value.
    Value,
    /// Everything but its value.
    Skip,
    /// Nothing more of the data set.
    Stop,
}

/// Receives what the scanner finds, in the order of the bytes.
///
/// `element`, then `value` any number of times and `end_element` where it wanted the value; or `begin_sequence`,
/// `begin_item` … `end_item` …, `end_sequence`; or `begin_fragments`, a `begin_fragment` with `value`s and
/// `end_element` for each fragment, `end_fragments` (PS3.5 §A.4).
pub trait Sink {
    /// An element with a value of known length.
    fn element(&mut self, header: &Header) -> Flow;
    /// The next piece of a wanted value, never empty.
    fn value(&mut self, chunk: &[u8]);
    /// A wanted value, or a wanted fragment, is complete.
    fn end_element(&mut self);
    /// A sequence: SQ, or UN of undefined length.
    fn begin_sequence(&mut self, header: &Header) {
        let _ = header;
    }
    /// An item of the innermost open sequence.
    fn begin_item(&mut self) {}
    /// The innermost open item is complete.
    fn end_item(&mut self) {}
    /// The innermost open sequence is complete.
    fn end_sequence(&mut self) {}
    /// Encapsulated pixel data. `Skip` and `Value` both lead to `begin_fragment`.
    fn begin_fragments(&mut self, header: &Header) -> Flow {
        let _ = header;
        Flow::Skip
    }
    /// A fragment, or the offset table before them, of `length` bytes.
    fn begin_fragment(&mut self, length: u32) -> Flow {
        let _ = length;
        Flow::Skip
    }
    /// The encapsulated pixel data are complete.
    fn end_fragments(&mut self) {}
}

/// How far a feed came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are welcome.
    More,
    /// The sink has stopped the scan; further bytes are ignored.
    Stopped,
}

/// Walks a data set and tells its sink.
#[derive(Debug)]
pub struct Scanner<S> {
    walker: Walker<S>,
    inflater: Option<Inflater>,
}

impl<S: Sink> Scanner<S> {
    /// A scanner of a data set laid out as `layout`. Of a deflated one at most `max_inflated_bytes` are read.
    pub fn new(layout: Layout, max_inflated_bytes: u64, sink: S) -> Self {
        let deflated = layout == Layout::DeflatedExplicitLittleEndian;
        Self {
            walker: Walker::new(layout, sink),
            inflater: deflated.then(|| Inflater::new(max_inflated_bytes)),
        }
    }

    /// A scanner of the items of a sequence alone, without the header of the element, in implicit VR little
    /// endian: the value of UN (PS3.5 §6.2.2). Sequences in it count as nested `depth` deep already.
    pub(crate) fn of_items(depth: usize, sink: S) -> Self {
        Self { walker: Walker::of_items(depth, sink), inflater: None }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they break a rule that is not tolerated; nothing more can be read then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        let Some(inflater) = &mut self.inflater else { return self.walker.feed(bytes) };
        let mut rest = bytes;
        while !self.walker.is_stopped() {
            match inflater.inflate(&mut rest)? {
                Some(inflated) => self.walker.feed(inflated)?,
                None => return Ok(Progress::More),
            };
        }
        Ok(Progress::Stopped)
    }

    /// Whether the sink has stopped the scan.
    pub const fn is_stopped(&self) -> bool {
        self.walker.is_stopped()
    }

    /// How many of the coming bytes need not be fed, because the sink does not want them.
    pub const fn skippable(&self) -> u64 {
        if self.inflater.is_some() { 0 } else { self.walker.skippable() }
    }

    /// Passes over bytes that will not be fed: at most [`Self::skippable`] of them; more are not passed over.
    pub fn skip(&mut self, bytes: u64) {
        self.walker.skip(bytes.min(self.skippable()));
    }

    /// The sink, while the scan goes on.
    pub const fn sink(&self) -> &S {
        &self.walker.sink
    }

    /// The sink, while the scan goes on.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.walker.sink
    }

    /// No more bytes come: gives the sink back.
    ///
    /// # Errors
    /// When the data set ends in the middle of an element and the sink has not stopped before.
    pub fn finish(self) -> Result<S, Error> {
        let inflated_whole = self.inflater.is_none_or(|inflater| inflater.is_complete());
        let position = self.walker.position();
        let stopped = self.walker.is_stopped();
        let sink = self.walker.finish()?;
        if inflated_whole || stopped { Ok(sink) } else { Err(Error::CutShort { offset: position }) }
    }

    /// The sink, however far the scan has come.
    pub fn into_sink(self) -> S {
        self.walker.sink
    }
}

#[cfg(test)]
pub(crate) mod tests;
