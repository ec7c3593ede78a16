//! All long values of a data set that metadata name by a BulkDataURI (PS3.18 §10.4.3.3.5), in their order.
//!
//! Lives here: [`BulkList`], which asks for pieces of a data set as [`super::BulkFinder`] does, and tells of each value
//! as it comes by. Which values they are is `model`'s, which writes the metadata too, so that none is in one and not in
//! the other.

use std::ops::Range;
use std::str;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Uid, Vr};

use super::BulkPath;
use crate::Error;
use crate::model::{Elsewhere, Field, Form, MetadataWriter, Opening, Options};

/// A long value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands among the attributes.
    pub path: BulkPath,
    /// Its bytes in the data set, from its start; none for fragments.
    pub at: Option<Range<u64>>,
}

/// Lists values. Ask it what it [`wants`](Self::wants) and [`give`](Self::give) it that, until it wants nothing more.
#[derive(Debug)]
pub struct BulkList {
    writer: Option<MetadataWriter<Lines>>,
    at: u64,
}

impl BulkList {
    /// For a data set in `transfer_syntax`, whose metadata have binary values of up to `max_inline_bytes` in
    /// themselves; a deflated one would have to be inflated first.
    #[must_use]
    pub fn new(transfer_syntax: &Uid, max_inline_bytes: usize) -> Self {
        let options = Options { bulk_data_uri: String::new(), max_inline_bytes, transfer_syntax: None };
        Self { writer: Some(MetadataWriter::new(Layout::of(transfer_syntax), options)), at: 0 }
    }

    /// The offset from which bytes of the data set are wanted, any number of them. None: all is known.
    #[must_use]
    pub const fn wants(&self) -> Option<u64> {
        if self.writer.is_some() { Some(self.at) } else { None }
    }

    /// Gives the bytes that were wanted; none, where the data set ends before. Tells of the values that begin in them.
    ///
    /// # Errors
    /// When these are no data set.
    pub fn give(&mut self, bytes: &[u8]) -> Result<Vec<Listed>, Error> {
        let Some(mut writer) = self.writer.take() else { return Ok(Vec::new()) };
        if bytes.is_empty() {
            return Ok(listed(&writer.finish()?));
        }
        writer.feed(bytes)?;
        let skippable = writer.skippable();
        writer.skip(skippable);
        self.at = self.at.saturating_add(bytes.len() as u64).saturating_add(skippable);
        let found = listed(&writer.take());
        self.writer = Some(writer);
        Ok(found)
    }
}

/// What was written as [`Lines`].
fn listed(lines: &[u8]) -> Vec<Listed> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| read(str::from_utf8(line).ok()?)).collect()
}

fn read(line: &str) -> Option<Listed> {
    let (path, at) = line.strip_prefix('/')?.split_once(' ')?;
    let at = match at.split_once(' ') {
        Some((start, end)) => Some(start.parse().ok()?..end.parse().ok()?),
        None => None,
    };
    Some(Listed { path: path.parse().ok()?, at })
}

/// A form of metadata that has nothing but the long values, each in a line: its path, where it begins, where it ends.
#[derive(Debug, Clone)]
struct Lines;

impl Form for Lines {
    const NAMES_CREATORS: bool = false;

    fn bulk(elsewhere: Elsewhere<'_>, out: &mut Vec<u8>) {
        out.extend(elsewhere.uri.bytes());
        let at = elsewhere.at.map_or_else(String::new, |at| format!("{} {}", at.start, at.end));
        out.extend(format!(" {at}\n").bytes());
    }

    fn open(_out: &mut Vec<u8>) {}
    fn close(_out: &mut Vec<u8>) {}
    fn begin(_opening: Opening<'_>, _out: &mut Vec<u8>) {}
    fn end(_out: &mut Vec<u8>) {}
    fn bytes(_bytes: &[u8], _out: &mut Vec<u8>) {}
    fn texts(_values: &[String], _vr: Vr, _out: &mut Vec<u8>) {}
    fn numbers(_field: Field<'_>, _out: &mut Vec<u8>) {}
    fn begin_item(_number: usize, _out: &mut Vec<u8>) {}
    fn end_item(_out: &mut Vec<u8>) {}
    fn end_items(_out: &mut Vec<u8>) {}
}
