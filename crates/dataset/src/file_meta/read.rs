//! Reading the beginning of a file as it arrives.
//!
//! Tolerated, because such files are met with: no preamble; no group 2 at all; a group length that is wrong (the
//! group's end is seen from the group numbers); group 2 in implicit VR; no Transfer Syntax UID.

use bytes::{Bytes, BytesMut};
use causeway_core::limits::MAX_FILE_META_BYTES;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Envelope, Tag, Uid, Vr, implementation};

use super::guess::{self, GUESS_BYTES};
use super::{
    GROUP, GROUP_LENGTH, PREAMBLE_BYTES, PREFIX, PRIVATE_CREATOR, PRIVATE_INFORMATION, Parsed, ReadMeta,
    SOP_CLASS, SOP_INSTANCE, Step,
};
use crate::Error;

/// Reads the beginning of a file as it arrives.
#[derive(Debug, Default)]
pub struct Part10Reader {
    /// What was fed so far, where it was not enough.
    held: BytesMut,
    stage: Stage,
    /// Where in it the next element begins.
    cursor: usize,
    /// Where group 2 begins.
    start: usize,
    /// Where its group length says that it ends.
    stated_end: Option<usize>,
    said: Said,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Beginning,
    Group2,
    DataSet,
}

/// What group 2 said so far.
#[derive(Debug, Default)]
struct Said {
    sop_class: Option<Uid>,
    sop_instance: Option<Uid>,
    transfer_syntax: Option<Uid>,
    is_ours: bool,
    envelope: Option<Envelope>,
}

/// Whether something could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    /// More bytes are needed.
    Short,
    /// It is not there: group 2 is over.
    Over,
}

impl Part10Reader {
    /// A reader at the start of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When this is no DICOM file.
    pub fn feed(&mut self, bytes: Bytes) -> Result<Step, Error> {
        let data = if self.held.is_empty() {
            bytes
        } else {
            self.held.extend_from_slice(&bytes);
            std::mem::take(&mut self.held).freeze()
        };
        match self.advance(&data, false)? {
            Some(transfer_syntax) => Ok(Step::Done(self.parsed(transfer_syntax, &data))),
            None => {
                self.held = BytesMut::from(data);
                Ok(Step::More)
            }
        }
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// When this is no DICOM file.
    pub fn finish(mut self) -> Result<Parsed, Error> {
        let data = std::mem::take(&mut self.held).freeze();
        let transfer_syntax = self.advance(&data, true)?.ok_or(Error::NotDicom)?;
        Ok(self.parsed(transfer_syntax, &data))
    }

    fn parsed(&mut self, transfer_syntax: Uid, data: &Bytes) -> Parsed {
        let said = std::mem::take(&mut self.said);
        let meta = ReadMeta {
            sop_class: said.sop_class,
            sop_instance: said.sop_instance,
            transfer_syntax,
            envelope: said.envelope,
        };
        Parsed { meta, data_set_offset: self.cursor as u64, rest: data.slice(self.cursor.min(data.len())..) }
    }

    /// Goes as far as `data` allow; the transfer syntax once the end of group 2 has been reached.
    fn advance(&mut self, data: &[u8], is_end: bool) -> Result<Option<Uid>, Error> {
        loop {
            match self.stage {
                Stage::Beginning => {
                    if data.len() < PREAMBLE_BYTES + PREFIX.len() && !is_end {
                        return Ok(None);
                    }
                    (self.stage, self.start) = beginning(data)?;
                    self.cursor = self.start;
                }
                Stage::Group2 => match self.element(data)? {
                    Taken::Yes => {}
                    Taken::Short if !is_end => return Ok(None),
                    Taken::Short if data.len().saturating_sub(self.cursor) < 2 => self.stage = Stage::DataSet,
                    Taken::Short => return Err(Error::FileMeta("it ends in the middle of an element")),
                    Taken::Over => self.stage = Stage::DataSet,
                },
                Stage::DataSet => {
                    if let Some(transfer_syntax) = self.said.transfer_syntax.take() {
                        return Ok(Some(transfer_syntax));
                    }
                    let rest = data.get(self.cursor..).unwrap_or_default();
                    if rest.len() < GUESS_BYTES && !is_end {
                        return Ok(None);
                    }
                    let uid = guess::transfer_syntax(rest).and_then(|uid| Uid::parse(uid).ok());
                    return uid.map(Some).ok_or(Error::FileMeta("it names no transfer syntax"));
                }
            }
        }
    }

    /// Takes one element of group 2.
    fn element(&mut self, data: &[u8]) -> Result<Taken, Error> {
        // Deflated bytes may look like anything, so there the group length has to be believed.
        if self.stated_end == Some(self.cursor) && self.is_deflated() {
            return Ok(Taken::Over);
        }
        let rest = data.get(self.cursor..).unwrap_or_default();
        let Some(group) = rest.first_chunk::<2>() else { return Ok(Taken::Short) };
        if u16::from_le_bytes(*group) != GROUP {
            return Ok(Taken::Over);
        }
        let Some((tag, header_bytes, length)) = header(rest) else { return Ok(Taken::Short) };
        let length = usize::try_from(length).map_err(|_| Error::FileMetaTooLong)?;
        let bytes = header_bytes.saturating_add(length);
        if (self.cursor - self.start).saturating_add(bytes) > MAX_FILE_META_BYTES {
            return Err(Error::FileMetaTooLong);
        }
        let Some(value) = rest.get(header_bytes..bytes) else { return Ok(Taken::Short) };
        self.cursor += bytes;
        self.take(tag, value);
        Ok(Taken::Yes)
    }

    fn take(&mut self, tag: Tag, value: &[u8]) {
        match tag {
            GROUP_LENGTH => {
                let length = value.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
                let length = length.and_then(|length| usize::try_from(length).ok());
                self.stated_end = length.map(|length| self.cursor.saturating_add(length));
            }
            SOP_CLASS => self.said.sop_class = uid(value),
            SOP_INSTANCE => self.said.sop_instance = uid(value),
            Tag::TRANSFER_SYNTAX_UID => self.said.transfer_syntax = uid(value),
            PRIVATE_CREATOR => {
                self.said.is_ours =
                    uid(value).is_some_and(|uid| uid.as_str() == implementation::ENVELOPE_CREATOR_UID);
            }
            PRIVATE_INFORMATION if self.said.is_ours => {
                self.said.envelope = serde_json::from_slice(value).ok();
            }
            _ => {}
        }
    }

    fn is_deflated(&self) -> bool {
        let layout = self.said.transfer_syntax.as_ref().map(Layout::of);
        layout == Some(Layout::DeflatedExplicitLittleEndian)
    }
}

/// What a file begins with, and where group 2 or the data set does.
fn beginning(data: &[u8]) -> Result<(Stage, usize), Error> {
    let has_prefix = |at| data.get(at..).is_some_and(|rest: &[u8]| rest.starts_with(PREFIX));
    if has_prefix(PREAMBLE_BYTES) {
        return Ok((Stage::Group2, PREAMBLE_BYTES + PREFIX.len()));
    }
    if has_prefix(0) {
        return Ok((Stage::Group2, PREFIX.len()));
    }
    if let Some((tag, _, length)) = header(data) {
        let bounded = length as usize <= MAX_FILE_META_BYTES;
        if tag.group() == GROUP && tag.element() <= PRIVATE_INFORMATION.element() && bounded {
            return Ok((Stage::Group2, 0));
        }
    }
    if guess::transfer_syntax(data).is_some() { Ok((Stage::DataSet, 0)) } else { Err(Error::NotDicom) }
}

/// Tag, bytes and length field of a header in group 2, explicit or, as some have it, implicit.
fn header(bytes: &[u8]) -> Option<(Tag, usize, u32)> {
    let &[g0, g1, e0, e1, v0, v1, l0, l1] = bytes.first_chunk::<8>()?;
    let tag = Tag::new(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
    match Vr::from_bytes([v0, v1]) {
        Some(vr) if vr.has_long_header() => {
            let &[.., l0, l1, l2, l3] = bytes.first_chunk::<12>()?;
            Some((tag, 12, u32::from_le_bytes([l0, l1, l2, l3])))
        }
        Some(_) => Some((tag, 8, u32::from(u16::from_le_bytes([l0, l1])))),
        None => Some((tag, 8, u32::from_le_bytes([v0, v1, l0, l1]))),
    }
}

fn uid(value: &[u8]) -> Option<Uid> {
    Uid::parse(std::str::from_utf8(value).ok()?).ok()
}
