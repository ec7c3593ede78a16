//! The bounded push scanner.
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use crate::Error;

/// The header of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its tag.
    pub tag: Tag,
    /// Its VR: written out, or from the dictionary.
    pub vr: Vr,
    /// Its length; `None`: undefined.
    pub length: Option<u32>,
    /// Where the header begins, in bytes from the start of the (inflated) data set.
    pub offset: u64,
    /// Where the value begins.
    pub value_offset: u64,
    /// How many items it is nested in.
    pub depth: usize,
}

/// What a sink wants of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Its value.
    Value,
    /// Not its value.
    Skip,
    /// Nothing more of the data set at all.
    Stop,
}

/// Receives what the scanner finds.
pub trait Sink {
    /// An element with a value.
    fn element(&mut self, header: &Header) -> Flow;
    /// The next piece of a value.
    fn value(&mut self, chunk: &[u8]);
    /// The value is complete.
    fn end_element(&mut self);
}

/// How far a feed came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are welcome.
    More,
    /// The sink has stopped the scan; further bytes are ignored.
    Stopped,
}

/// Walks a data set.
pub struct Scanner<S> {
    sink: S,
}

impl<S: Sink> Scanner<S> {
    /// A scanner of a data set laid out as `layout`.
    pub fn new(layout: Layout, sink: S) -> Self {
        let _ = layout;
        Self { sink }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they break the bounds of a data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        let _ = bytes;
        Ok(Progress::More)
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// When they end in the middle.
    pub fn finish(self) -> Result<S, Error> {
        Ok(self.sink)
    }
}
