//! A structured report as text that anyone can read (PS3.18 §8.7.4, PS3.3 §C.17.3): HTML, or lines of plain text.
//!
//! Lives here: [`Collector`], which takes a data set in pieces; [`Report`], the tree of its content items; `value`, what
//! an item says; `html` and `plain`, the two forms. The whole tree is told, whatever its template: names, values, units,
//! references, how items relate. What is in a report is foreign text: nothing of it is ever markup.

mod html;
mod plain;
mod tags;
#[cfg(test)]
mod tests;
mod value;

use causeway_core::limits::MAX_INFLATED_HEAD_BYTES;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Tag, Vr};

use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Scanner};
use crate::{Error, dictionary};

/// Most bytes of a content tree that is told, with 16 for each of its items and attributes.
pub const MAX_TREE_BYTES: usize = 8 * 1024 * 1024;

/// In which form a report is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `text/html` in UTF-8.
    Html,
    /// `text/plain` in UTF-8.
    Plain,
}

/// Why a report is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is longer than [`MAX_TREE_BYTES`]; part of a report would be taken for all of it.
    #[error("the report is longer than {MAX_TREE_BYTES} bytes, which is the most that is told as text")]
    TooLong,
    /// It has no content items.
    #[error("the instance has no content items of a report")]
    NoContent,
    /// The bytes are no data set.
    #[error("the data set cannot be read: {0}")]
    DataSet(#[from] Error),
}

/// What of a data set is told.
#[derive(Debug)]
struct Told;

impl Choice for Told {
    const MAX_VALUE_BYTES: usize = MAX_TREE_BYTES;

    fn keeps(&self, tag: Tag) -> Option<Vr> {
        let is_told = tags::HEADING.iter().any(|(_, heading)| *heading == tag) || tags::is_of_item(tag);
        is_told.then(|| dictionary::vr_of(tag).unwrap_or(Vr::UN))
    }

    fn stops_at(&mut self, _: &Header) -> bool {
        false
    }
}

/// Reads a report that arrives in pieces.
#[derive(Debug)]
pub struct Collector {
    scanner: Scanner<Gather<Told>>,
}

impl Collector {
    /// For a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { scanner: Scanner::new(layout, MAX_INFLATED_HEAD_BYTES, Gather::new(Told)) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no data set, or sequences nest too deep.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ReportError> {
        self.scanner.feed(bytes)?;
        Ok(())
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

    /// The report.
    ///
    /// # Errors
    /// When the data set ended in the middle, is no report, or too long a one.
    pub fn finish(self) -> Result<Report, ReportError> {
        let Gather { attributes, is_cut, .. } = self.scanner.finish()?;
        if is_cut {
            return Err(ReportError::TooLong);
        }
        if !attributes.contains(tags::VALUE_TYPE) && !attributes.contains(tags::CONTENT) {
            return Err(ReportError::NoContent);
        }
        Ok(Report(attributes))
    }
}

/// A report: what it is about, and its content items.
#[derive(Debug)]
pub struct Report(Attributes);

impl Report {
    /// The report in a form, as UTF-8.
    #[must_use]
    pub fn tell(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Html => html::tell(self),
            Form::Plain => plain::tell(self),
        }
    }

    /// What it is called.
    fn title(&self) -> String {
        value::name(&self.0).unwrap_or_else(|| "Report".to_owned())
    }

    /// What it is about: labels and what stands for them.
    fn heading(&self) -> impl Iterator<Item = (&'static str, String)> {
        tags::HEADING.iter().filter_map(|(label, tag)| {
            let element = self.0.get(*tag)?;
            let text = if element.items().is_empty() {
                value::readable(element)
            } else {
                let told: Vec<String> = element.items().iter().map(value::observer).collect();
                told.join("; ")
            };
            (!text.is_empty()).then_some((*label, text))
        })
    }
}

/// Where a content item stands: numbers from 1, the root's first, as references have them (PS3.3 §C.17.3.2.5).
#[derive(Debug, Clone)]
struct Place(String);

impl Place {
    fn root() -> Self {
        Self("1".to_owned())
    }

    fn child(&self, number: usize) -> Self {
        Self(format!("{}.{number}", self.0))
    }
}
