//! What is open: the data set itself, sequences, items, fragments (PS3.5 §7.5, §A.4).

use causeway_core::transfer_syntax::Layout;

/// What stands in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Elements: of the data set.
    DataSet,
    /// Elements: of an item.
    Item,
    /// Items of a sequence.
    Sequence,
    /// Fragments of encapsulated pixel data.
    Fragments,
}

/// How an end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By a length.
    Length,
    /// By a delimiter.
    Delimiter,
}

/// How the elements of a frame are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Form {
    pub(super) const IMPLICIT: Self = Self { explicit: false, big_endian: false };
    pub(super) const EXPLICIT: Self = Self { explicit: true, big_endian: false };

    pub(super) const fn of(layout: Layout) -> Self {
        match layout {
            Layout::ImplicitLittleEndian => Self::IMPLICIT,
            Layout::ExplicitLittleEndian | Layout::DeflatedExplicitLittleEndian => Self::EXPLICIT,
            Layout::ExplicitBigEndian => Self { explicit: true, big_endian: true },
        }
    }

    pub(super) const fn layout(self) -> Layout {
        match self {
            Self { explicit: false, .. } => Layout::ImplicitLittleEndian,
            Self { explicit: true, big_endian: false } => Layout::ExplicitLittleEndian,
            Self { explicit: true, big_endian: true } => Layout::ExplicitBigEndian,
        }
    }

    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// One open thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) end: End,
    /// No byte at or beyond this position is part of it: its own end, or that of the nearest thing around it
    /// that has a length.
    pub(super) limit: u64,
    pub(super) form: Form,
    /// Nothing has been read in it yet, so that it may still turn out to be laid out otherwise.
    pub(super) fresh: bool,
}

impl Frame {
    pub(super) const fn data_set(form: Form) -> Self {
        Self { kind: Kind::DataSet, end: End::Delimiter, limit: u64::MAX, form, fresh: true }
    }

    /// A thing inside this one, beginning at `start`; `length` has been checked against [`Self::left`].
    pub(super) const fn inner(&self, kind: Kind, start: u64, length: Option<u32>, form: Form) -> Self {
        let (end, limit) = match length {
            Some(length) => (End::Length, start.saturating_add(length as u64)),
            None => (End::Delimiter, self.limit),
        };
        Self { kind, end, limit, form, fresh: true }
    }

    /// Bytes from `position` to where it must end at the latest.
    pub(super) const fn left(&self, position: u64) -> u64 {
        self.limit.saturating_sub(position)
    }

    pub(super) const fn is_at_end(&self, position: u64) -> bool {
        position >= self.limit
    }
}
