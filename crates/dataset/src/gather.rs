//! From scanned elements to attributes: the sink that heads and identifiers share.

use causeway_core::{Attributes, Element, Tag, Value, Vr};

use crate::scanner::{Flow, Header, Sink};
use crate::scope::Scopes;
use crate::value;

/// What is gathered, and how much of it.
pub(crate) trait Choice {
    /// The VR in which the element is kept; `None`: it is not. Asked for elements that are in no item.
    fn keeps(&self, tag: Tag) -> Option<Vr>;
    /// Most bytes of one value, of all values together in a sequence.
    const MAX_VALUE_BYTES: usize;
    /// Whether the scan ends at an element like this.
    fn stops_at(&mut self, header: &Header) -> bool;
}

/// What an element or item costs beside its value, when a sequence is held against its bound.
const OVERHEAD_BYTES: usize = 16;

/// Gathers what its choice keeps, sequences with everything in them.
#[derive(Debug, Default)]
pub(crate) struct Gather<C> {
    pub(crate) choice: C,
    /// Attributes of the innermost open item.
    pub(crate) attributes: Attributes,
    /// Whether text could not be read as its character set says.
    pub(crate) is_lossy: bool,
    /// Whether something was left out because it is longer than the choice's bound.
    pub(crate) is_cut: bool,
    open: Vec<Open>,
    /// How many sequences are open that are not kept.
    ignored: usize,
    /// Bytes gathered of the outermost open sequence.
    gathered: usize,
    scopes: Scopes,
    /// The element whose value is being read.
    element: Option<(Tag, Vr, bool)>,
    value: Vec<u8>,
}

/// A sequence that is being read.
#[derive(Debug)]
struct Open {
    tag: Tag,
    items: Vec<Attributes>,
    /// Attributes of what it stands in, while an item of it is read.
    around: Attributes,
}

impl<C: Choice> Gather<C> {
    pub(crate) fn new(choice: C) -> Self {
        Self {
            choice,
            attributes: Attributes::new(),
            is_lossy: false,
            is_cut: false,
            open: Vec::new(),
            ignored: 0,
            gathered: 0,
            scopes: Scopes::default(),
            element: None,
            value: Vec::new(),
        }
    }

    /// What was gathered so far outside of any item.
    pub(crate) fn outermost(&self) -> &Attributes {
        self.open.first().map_or(&self.attributes, |open| &open.around)
    }

    /// The VR that the value is read in.
    fn vr(&self, header: &Header) -> Option<Vr> {
        let kept = if self.open.is_empty() { self.choice.keeps(header.tag)? } else { header.vr };
        let said = self.scopes.known_vr(header);
        Some(match said {
            _ if said.is_binary() && !kept.is_binary() => kept,
            // Text is text, whatever the sender calls it.
            _ if said.is_text() && kept.is_text() => kept,
            _ => said,
        })
    }

    fn is_too_much(&self) -> bool {
        self.gathered > C::MAX_VALUE_BYTES
    }
}

/// Group lengths (PS3.5 §7.2) and what marks items and their ends (§7.5) are no attributes, wherever they stand; the
/// latter could not be written back.
fn is_attribute(tag: Tag) -> bool {
    tag.element() != 0 && tag.group() != Tag::ITEM.group()
}

impl<C: Choice> Sink for Gather<C> {
    fn element(&mut self, header: &Header) -> Flow {
        if header.depth == 0 && self.choice.stops_at(header) {
            return Flow::Stop;
        }
        if self.ignored > 0 || !is_attribute(header.tag) {
            return Flow::Skip;
        }
        let length = header.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        if Scopes::wants(header.tag) && length <= C::MAX_VALUE_BYTES {
            self.element = Some((header.tag, self.scopes.vr(header), header.is_big_endian()));
            return Flow::Value;
        }
        let Some(vr) = self.vr(header).filter(|vr| *vr != Vr::SQ) else { return Flow::Skip };
        if !self.open.is_empty() {
            self.gathered = self.gathered.saturating_add(length).saturating_add(OVERHEAD_BYTES);
        }
        if length > C::MAX_VALUE_BYTES || self.is_too_much() {
            self.is_cut |= !vr.is_binary();
            return Flow::Skip;
        }
        if vr.is_binary() {
            self.attributes.put(header.tag, Element::empty(vr));
            return Flow::Skip;
        }
        self.element = Some((header.tag, vr, header.is_big_endian()));
        Flow::Value
    }

    fn value(&mut self, chunk: &[u8]) {
        self.value.extend_from_slice(chunk);
    }

    fn end_element(&mut self) {
        let Some((tag, vr, is_big_endian)) = self.element.take() else { return };
        if Scopes::wants(tag) {
            self.scopes.note(tag, &self.value);
        }
        let kept = !self.open.is_empty() || self.choice.keeps(tag).is_some();
        // What is gathered is UTF-8, so what the bytes were in before means nothing any more.
        if kept && tag != Tag::SPECIFIC_CHARACTER_SET {
            let decoded = value::texts(&self.value, vr, is_big_endian, self.scopes.sets());
            self.is_lossy |= decoded.is_lossy;
            self.attributes.put(tag, Element::text(vr, decoded.values));
        }
        self.value.clear();
    }

    fn begin_sequence(&mut self, header: &Header) {
        let kept = !self.open.is_empty()
            || self.choice.keeps(header.tag).is_some_and(|vr| vr == Vr::SQ || vr == Vr::UN);
        if self.ignored > 0 || !kept || !is_attribute(header.tag) {
            self.ignored += 1;
            return;
        }
        self.gathered = self.gathered.saturating_add(OVERHEAD_BYTES);
        self.open.push(Open { tag: header.tag, items: Vec::new(), around: Attributes::new() });
    }

    fn begin_item(&mut self) {
        if self.ignored > 0 {
            return;
        }
        self.scopes.open();
        self.gathered = self.gathered.saturating_add(OVERHEAD_BYTES);
        if let Some(open) = self.open.last_mut() {
            open.around = std::mem::take(&mut self.attributes);
        }
    }

    fn end_item(&mut self) {
        if self.ignored > 0 {
            return;
        }
        self.scopes.close();
        let is_too_much = self.is_too_much();
        if let Some(open) = self.open.last_mut() {
            let item = std::mem::replace(&mut self.attributes, std::mem::take(&mut open.around));
            if !is_too_much {
                open.items.push(item);
            }
        }
    }

    fn end_sequence(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        self.is_cut |= self.is_too_much();
        if let Some(open) = self.open.pop().filter(|_| !self.is_too_much()) {
            self.attributes.put(open.tag, Element { vr: Vr::SQ, value: Value::Items(open.items) });
        }
        if self.open.is_empty() {
            self.gathered = 0;
        }
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if header.depth == 0 && self.choice.stops_at(header) { Flow::Stop } else { Flow::Skip }
    }
}
