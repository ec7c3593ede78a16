//! A stored data set in a form of the web: DICOM JSON (PS3.18 Annex F) or the Native DICOM Model (PS3.19 Annex A).
//!
//! Lives here: what the two have in common, which is everything but the letters: what is left out, what is named by
//! a URL, in which character set text is, what a private creator is called. [`Form`] is what they differ in; `json`
//! and `xml` each have one. Nothing is kept of the data set but the value at hand.

mod creators;
mod writer;

use std::fmt::Debug;
use std::ops::Range;

use causeway_core::limits::MAX_INFLATED_HEAD_BYTES;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Uid, Vr};

use crate::Error;
use crate::scanner::Scanner;
pub(crate) use creators::Creators;
pub(crate) use writer::MAX_UNKNOWN_BYTES;
use writer::Writer;

/// How to write.
#[derive(Debug, Clone)]
pub struct Options {
    /// What every BulkDataURI begins with; the path of the attribute follows: `…/7FE00010`,
    /// `…/00400275/1/00091001` (item numbers count from 1).
    pub bulk_data_uri: String,
    /// Largest binary value that is written inline, in bytes. Pixel data never are.
    pub max_inline_bytes: usize,
    /// Transfer syntax to tell in Available Transfer Syntax UID (0008,3002).
    pub transfer_syntax: Option<Uid>,
}

/// An attribute that begins.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Which.
    pub tag: Tag,
    /// The VR that its value is told in.
    pub vr: Vr,
    /// Who reserved its block (PS3.5 §7.8.1), where it is private and the form [names creators](Form::NAMES_CREATORS).
    pub creator: Option<&'a str>,
    /// Whether another stands before it in the same data set or item.
    pub position: Position,
}

/// Where something stands among its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Nothing stands before it.
    First,
    /// Something does.
    Later,
}

/// The letters of one form. What is written goes to the end of `out`.
pub trait Form: Debug + Clone + Send {
    /// Whether attributes tell who reserved their block.
    const NAMES_CREATORS: bool;
    /// What stands before all attributes.
    fn open(out: &mut Vec<u8>);
    /// What stands behind them.
    fn close(out: &mut Vec<u8>);
    /// An attribute begins.
    fn begin(opening: Opening<'_>, out: &mut Vec<u8>);
    /// It ends.
    fn end(out: &mut Vec<u8>);
    /// Its value is elsewhere.
    fn bulk(elsewhere: Elsewhere<'_>, out: &mut Vec<u8>);
    /// Its value, bytes as little endian has them.
    fn bytes(bytes: &[u8], out: &mut Vec<u8>);
    /// Its values, text in UTF-8, at least one of which is not empty.
    fn texts(values: &[String], vr: Vr, out: &mut Vec<u8>);
    /// Its values, the numbers of a value field.
    fn numbers(field: Field<'_>, out: &mut Vec<u8>);
    /// An item begins, counted from 1.
    fn begin_item(number: usize, out: &mut Vec<u8>);
    /// It ends.
    fn end_item(out: &mut Vec<u8>);
    /// A sequence of one or more items ends.
    fn end_items(out: &mut Vec<u8>);
}

/// A value that is named by a URL.
#[derive(Debug, Clone)]
pub struct Elsewhere<'a> {
    /// The URL.
    pub uri: &'a str,
    /// Where it is in the data set, in bytes from its start; none for fragments.
    pub at: Option<Range<u64>>,
}

/// A value field of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What they are.
    pub vr: Vr,
    /// Their order.
    pub is_big_endian: bool,
}

/// Writes, in the form `F`, a data set that arrives in pieces.
///
/// Of a deflated data set nothing is read beyond its pixel data, since passing over them means inflating them.
#[derive(Debug)]
pub struct MetadataWriter<F: Form> {
    scanner: Scanner<Writer<F>>,
}

impl<F: Form> MetadataWriter<F> {
    /// A writer for a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout, options: Options) -> Self {
        let stops_at_pixel_data = layout == Layout::DeflatedExplicitLittleEndian;
        let writer = Writer::new(options, stops_at_pixel_data);
        Self { scanner: Scanner::new(layout, MAX_INFLATED_HEAD_BYTES, writer) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.scanner.feed(bytes)?;
        self.scanner.sink().check()
    }

    /// Bytes that come next and need not be fed: the reader may pass over them with [`Self::skip`].
    #[must_use]
    pub const fn skippable(&self) -> u64 {
        self.scanner.skippable()
    }

    /// Passes over bytes that are not fed.
    pub fn skip(&mut self, bytes: u64) {
        self.scanner.skip(bytes);
    }

    /// What was written since it was last taken.
    pub fn take(&mut self) -> Vec<u8> {
        self.scanner.sink_mut().take()
    }

    /// What was written and not taken.
    ///
    /// # Errors
    /// When the data set ended in the middle.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        let writer = self.scanner.finish()?;
        writer.check()?;
        Ok(writer.finish())
    }
}

/// A data set that is all there, in the form `F`.
///
/// # Errors
/// When it is no data set.
pub fn write_metadata<F: Form>(data_set: &[u8], layout: Layout, options: Options) -> Result<Vec<u8>, Error> {
    let mut writer = MetadataWriter::<F>::new(layout, options);
    writer.feed(data_set)?;
    writer.finish()
}
