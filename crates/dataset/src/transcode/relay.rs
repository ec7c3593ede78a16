//! The sink that writes each element in the other layout as it is told of it.

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use crate::scanner::{Flow, Header, Sink};
use crate::scope::Scopes;
use crate::{Error, value};

const UNDEFINED_LENGTH: u32 = u32::MAX;
/// The group of items and delimiters; what else it holds is no element, and would be read as one of them.
const DELIMITER_GROUP: u16 = Tag::ITEM.group();
/// Widest number there is.
const MAX_NUMBER_BYTES: usize = 8;

/// Writes what it is told.
#[derive(Debug)]
pub(crate) struct Relay {
    out: Vec<u8>,
    /// How elements are written here: inside a UN of undefined length always implicit (PS3.5 §6.2.2).
    is_explicit: bool,
    /// The same, for what is around each open sequence.
    around: Vec<bool>,
    scopes: Scopes,
    element: Option<Element>,
    /// A small value that says how others are to be read.
    noted: Vec<u8>,
    /// The beginning of a number whose rest has not come yet.
    number: Vec<u8>,
    error: Option<Error>,
}

/// What is needed of the element whose value is being written.
#[derive(Debug, Clone, Copy)]
struct Element {
    tag: Tag,
    /// The VR by which numbers are turned round, where they are.
    swapped: Option<Vr>,
    /// What makes its length even, where it is odd.
    padding: Option<u8>,
}

impl Relay {
    pub(crate) fn new(to: Layout) -> Self {
        let is_possible = matches!(to, Layout::ImplicitLittleEndian | Layout::ExplicitLittleEndian);
        Self {
            out: Vec::new(),
            is_explicit: to == Layout::ExplicitLittleEndian,
            around: Vec::new(),
            scopes: Scopes::default(),
            element: None,
            noted: Vec::new(),
            number: Vec::with_capacity(MAX_NUMBER_BYTES),
            error: (!is_possible)
                .then_some(Error::CannotRelay("only plain little endian layouts are written")),
        }
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Result<Bytes, Error> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(Bytes::from(std::mem::take(&mut self.out))),
        }
    }

    /// How elements are written at this place.
    pub(crate) const fn layout(&self) -> Layout {
        if self.is_explicit { Layout::ExplicitLittleEndian } else { Layout::ImplicitLittleEndian }
    }

    /// Writes elements or items that are laid out so already.
    pub(crate) fn put_raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn put_tag(&mut self, tag: Tag) {
        self.out.extend(tag.group().to_le_bytes());
        self.out.extend(tag.element().to_le_bytes());
    }

    /// Writes an item or a delimiter, which have no VR.
    fn put_item(&mut self, tag: Tag, length: u32) {
        self.put_tag(tag);
        self.out.extend(length.to_le_bytes());
    }

    /// Writes the header of an element.
    pub(crate) fn put_header(&mut self, tag: Tag, vr: Vr, length: u32) {
        if self.is_explicit {
            put_explicit_header(tag, vr, length, &mut self.out);
        } else {
            self.put_item(tag, length);
        }
    }

    fn put_value(&mut self, chunk: &[u8], swapped: Option<Vr>) {
        let Some(vr) = swapped else { return self.out.extend_from_slice(chunk) };
        let width = value::swap_width(vr);
        let mut rest = chunk;
        if !self.number.is_empty() {
            let take = (width - self.number.len().min(width)).min(rest.len());
            let (now, after) = rest.split_at_checked(take).unwrap_or((rest, &[]));
            self.number.extend_from_slice(now);
            rest = after;
            if self.number.len() < width {
                return;
            }
            self.out.extend(self.number.drain(..).rev());
        }
        let whole = rest.len() - rest.len() % width;
        let (numbers, after) = rest.split_at_checked(whole).unwrap_or((rest, &[]));
        let start = self.out.len();
        self.out.extend_from_slice(numbers);
        value::swap(self.out.get_mut(start..).unwrap_or_default(), vr);
        self.number.extend_from_slice(after);
    }
}

/// Writes the header of an element in Explicit VR Little Endian (PS3.5 §7.1.2).
pub(crate) fn put_explicit_header(tag: Tag, vr: Vr, length: u32, out: &mut Vec<u8>) {
    out.extend(tag.group().to_le_bytes());
    out.extend(tag.element().to_le_bytes());
    match u16::try_from(length) {
        Ok(short) if !vr.has_long_header() => {
            out.extend(vr.as_str().bytes());
            out.extend(short.to_le_bytes());
        }
        _ => {
            // What is too long for the length field of its VR goes as UN (PS3.5 §6.2.2).
            let vr = if vr.has_long_header() { vr } else { Vr::UN };
            out.extend(vr.as_str().bytes());
            out.extend([0, 0]);
            out.extend(length.to_le_bytes());
        }
    }
}

/// The byte that makes a value of odd length even, as all have to be (PS3.5 §7.1.1).
const fn padding(vr: Vr) -> u8 {
    if vr.is_text() && !matches!(vr, Vr::UI) { b' ' } else { 0 }
}

impl Sink for Relay {
    fn element(&mut self, header: &Header) -> Flow {
        if self.error.is_some() {
            return Flow::Stop;
        }
        let length = header.length.unwrap_or_default();
        if header.tag.element() == 0 || header.tag.group() == DELIMITER_GROUP {
            return Flow::Skip;
        }
        let vr = self.scopes.vr(header);
        let is_odd = length % 2 == 1;
        self.put_header(header.tag, vr, length.saturating_add(u32::from(is_odd)));
        self.element = Some(Element {
            tag: header.tag,
            swapped: (header.is_big_endian() && value::swap_width(vr) > 1).then_some(vr),
            padding: is_odd.then(|| padding(vr)),
        });
        Flow::Value
    }

    fn value(&mut self, chunk: &[u8]) {
        let Some(element) = self.element else { return self.out.extend_from_slice(chunk) };
        if Scopes::wants(element.tag) && self.noted.len() < MAX_NUMBER_BYTES {
            let room = MAX_NUMBER_BYTES - self.noted.len();
            self.noted.extend(chunk.iter().take(room));
        }
        self.put_value(chunk, element.swapped);
    }

    fn end_element(&mut self) {
        let Some(element) = self.element.take() else { return };
        // A rest that is no whole number stays as it is.
        self.out.append(&mut self.number);
        self.out.extend(element.padding);
        if Scopes::wants(element.tag) {
            self.scopes.note(element.tag, &self.noted);
            self.noted.clear();
        }
    }

    fn begin_sequence(&mut self, header: &Header) {
        // Implicit data may hold items where the dictionary knows of none.
        let vr = if header.vr == Vr::SQ { Vr::SQ } else { Vr::UN };
        self.put_header(header.tag, vr, UNDEFINED_LENGTH);
        self.around.push(self.is_explicit);
        self.is_explicit &= vr == Vr::SQ;
    }

    fn begin_item(&mut self) {
        self.scopes.open();
        self.put_item(Tag::ITEM, UNDEFINED_LENGTH);
    }

    fn end_item(&mut self) {
        self.scopes.close();
        self.put_item(Tag::ITEM_DELIMITATION, 0);
    }

    fn end_sequence(&mut self) {
        self.put_item(Tag::SEQUENCE_DELIMITATION, 0);
        self.is_explicit = self.around.pop().unwrap_or(self.is_explicit);
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if !self.is_explicit {
            // PS3.5 §A.4: what is encapsulated is explicit VR little endian.
            self.error = Some(Error::CannotRelay("encapsulated pixel data cannot be in implicit VR"));
            return Flow::Stop;
        }
        // Encapsulated is always OB (PS3.5 §A.4), which the dictionary alone does not say.
        let is_implicit = header.layout == Layout::ImplicitLittleEndian;
        let vr = if is_implicit { Vr::OB } else { header.vr };
        self.put_header(header.tag, vr, UNDEFINED_LENGTH);
        Flow::Value
    }

    fn begin_fragment(&mut self, length: u32) -> Flow {
        let is_odd = length % 2 == 1;
        self.put_item(Tag::ITEM, length.saturating_add(u32::from(is_odd)));
        self.element = Some(Element { tag: Tag::ITEM, swapped: None, padding: is_odd.then_some(0) });
        Flow::Value
    }

    fn end_fragments(&mut self) {
        self.put_item(Tag::SEQUENCE_DELIMITATION, 0);
    }
}
