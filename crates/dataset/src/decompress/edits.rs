//! What is changed of a data set on its way: few elements, known by where their headers begin; all else is relaid.

use std::collections::BTreeMap;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use crate::scanner::{Flow, Header, Sink};
use crate::transcode::Relay;

/// An element that is written in place of another, or besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) tag: Tag,
    pub(super) vr: Vr,
    pub(super) value: Vec<u8>,
}

/// What becomes of an element, a sequence included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Change {
    #[default]
    Keep,
    Drop,
    Replace(Put),
}

/// What is written before an element, and what becomes of it.
#[derive(Debug, Default)]
struct Edit {
    before: Vec<Put>,
    change: Change,
}

/// All changes, by the offset of an element's header.
#[derive(Debug, Default)]
pub(super) struct Edits(BTreeMap<u64, Edit>);

impl Edits {
    pub(super) fn change(&mut self, offset: u64, change: Change) {
        self.0.entry(offset).or_default().change = change;
    }

    pub(super) fn insert(&mut self, offset: u64, put: Put) {
        self.0.entry(offset).or_default().before.push(put);
    }
}

/// Relays what it is told of, changed.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) relay: Relay,
    edits: Edits,
    /// Open sequences that are left out.
    left_out: usize,
    /// Fragments are being passed over: what they decode to has been written.
    is_replaced: bool,
}

impl Edited {
    pub(super) const fn new(relay: Relay, edits: Edits) -> Self {
        Self { relay, edits, left_out: 0, is_replaced: false }
    }

    /// Writes what comes before the element at `offset`; gives what becomes of it.
    pub(super) fn arrive(&mut self, offset: u64) -> Change {
        if self.left_out > 0 {
            return Change::Drop;
        }
        let Edit { before, change } = self.edits.0.remove(&offset).unwrap_or_default();
        for put in &before {
            self.put(put);
        }
        if let Change::Replace(put) = &change {
            self.put(put);
        }
        change
    }

    fn put(&mut self, put: &Put) {
        let header = Header {
            tag: put.tag,
            vr: put.vr,
            length: u32::try_from(put.value.len()).ok(),
            offset: 0,
            value_offset: 0,
            depth: 0,
            layout: Layout::ExplicitLittleEndian,
        };
        if self.relay.element(&header) == Flow::Value {
            self.relay.value(&put.value);
            self.relay.end_element();
        }
    }
}

impl Sink for Edited {
    fn element(&mut self, header: &Header) -> Flow {
        match self.arrive(header.offset) {
            Change::Keep => self.relay.element(header),
            Change::Drop | Change::Replace(_) => Flow::Skip,
        }
    }

    fn value(&mut self, chunk: &[u8]) {
        self.relay.value(chunk);
    }

    fn end_element(&mut self) {
        self.relay.end_element();
    }

    fn begin_sequence(&mut self, header: &Header) {
        match self.arrive(header.offset) {
            Change::Keep => self.relay.begin_sequence(header),
            Change::Drop | Change::Replace(_) => self.left_out += 1,
        }
    }

    fn begin_item(&mut self) {
        if self.left_out == 0 {
            self.relay.begin_item();
        }
    }

    fn end_item(&mut self) {
        if self.left_out == 0 {
            self.relay.end_item();
        }
    }

    fn end_sequence(&mut self) {
        if self.left_out == 0 {
            self.relay.end_sequence();
        } else {
            self.left_out -= 1;
        }
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        match self.arrive(header.offset) {
            Change::Keep => self.relay.begin_fragments(header),
            Change::Drop | Change::Replace(_) => {
                self.is_replaced = true;
                Flow::Skip
            }
        }
    }

    fn begin_fragment(&mut self, length: u32) -> Flow {
        if self.is_replaced { Flow::Skip } else { self.relay.begin_fragment(length) }
    }

    fn end_fragments(&mut self) {
        if !std::mem::take(&mut self.is_replaced) {
            self.relay.end_fragments();
        }
    }
}
