//! What is gathered of a file for its records, while the file passes by.

use std::sync::LazyLock;

use causeway_core::limits::MAX_INFLATED_HEAD_BYTES;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Tag, Vr};

use super::records;
use crate::dictionary;
use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Progress, Scanner};

/// Longest value that is a key, and all values of a sequence together, in bytes. Longer ones are left out.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// All attributes that any record has, in order.
static WANTED: LazyLock<Vec<Tag>> = LazyLock::new(|| {
    let mut wanted: Vec<Tag> =
        records::all().flat_map(|record| record.needed.iter().chain(record.if_there)).copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
});

#[derive(Debug)]
struct Keys;

impl Choice for Keys {
    const MAX_VALUE_BYTES: usize = MAX_KEY_BYTES;

    fn keeps(&self, tag: Tag) -> Option<Vr> {
        WANTED.binary_search(&tag).ok()?;
        Some(dictionary::vr_of(tag).unwrap_or(Vr::UN))
    }

    fn stops_at(&mut self, header: &Header) -> bool {
        WANTED.last().is_none_or(|last| header.tag > *last)
    }
}

/// Gathers the keys of a data set that passes by. What is no data set has the keys that came before that showed.
#[derive(Debug)]
pub struct KeyReader {
    scanner: Scanner<Gather<Keys>>,
    is_done: bool,
}

impl KeyReader {
    /// For a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { scanner: Scanner::new(layout, MAX_INFLATED_HEAD_BYTES, Gather::new(Keys)), is_done: false }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.is_done {
            self.is_done = !matches!(self.scanner.feed(bytes), Ok(Progress::More));
        }
    }

    /// What was gathered, in UTF-8.
    #[must_use]
    pub fn finish(self) -> Attributes {
        self.scanner.sink().outermost().clone()
    }
}
