//! The sink that writes as it is told of elements (PS3.18 §F.2, PS3.19 §A.1).

use std::fmt::Write as _;
use std::marker::PhantomData;

use causeway_core::{Tag, Vr};

use super::{Creators, Elsewhere, Field, Form, Opening, Options, Position};
use crate::scanner::{Flow, Header, Scanner, Sink};
use crate::scope::Scopes;
use crate::{Error, value};

/// Largest value of text or numbers that is written inline, in bytes; larger ones are named by a BulkDataURI,
/// which Table F.2.2-1 allows.
const MAX_VALUE_BYTES: usize = 1024 * 1024;
/// Largest value with VR UN that is read in the VR of the dictionary: a writer uses UN where the VR's own length
/// field is too short, and such long ones are bulk (PS3.5 §6.2.2).
pub(crate) const MAX_UNKNOWN_BYTES: usize = 0xFFFE;
/// Most that is written of one data set.
const MAX_WRITTEN_BYTES: usize = 256 * 1024 * 1024;

const FILE_META_GROUP: u16 = 0x0002;

/// Writes as it is told.
#[derive(Debug)]
pub(super) struct Writer<F> {
    form: PhantomData<F>,
    out: Vec<u8>,
    options: Options,
    stops_at_pixel_data: bool,
    /// What is written of the innermost object so far.
    object: Object,
    /// The open sequences, outermost first.
    sequences: Vec<Sequence>,
    /// How many sequences are open of which nothing is written.
    ignored: usize,
    scopes: Scopes,
    /// The element whose value is being read.
    element: Option<Element>,
    value: Vec<u8>,
    /// Where in the data set the scan began.
    origin: u64,
}

#[derive(Debug, Clone, Default)]
struct Object {
    /// The attribute written last.
    last: Option<Tag>,
    creators: Creators,
}

#[derive(Debug, Clone)]
struct Sequence {
    tag: Tag,
    items: usize,
    around: Object,
}

#[derive(Debug, Clone, Copy)]
struct Element {
    tag: Tag,
    vr: Vr,
    is_big_endian: bool,
    value_offset: u64,
}

impl<F: Form> Writer<F> {
    pub(super) fn new(options: Options, stops_at_pixel_data: bool) -> Self {
        let mut out = Vec::new();
        F::open(&mut out);
        Self {
            form: PhantomData,
            out,
            options,
            stops_at_pixel_data,
            object: Object::default(),
            sequences: Vec::new(),
            ignored: 0,
            scopes: Scopes::default(),
            element: None,
            value: Vec::new(),
            origin: 0,
        }
    }

    /// Whether all is well.
    pub(super) const fn check(&self) -> Result<(), Error> {
        if self.out.len() > MAX_WRITTEN_BYTES {
            return Err(Error::MetadataTooLong { limit: MAX_WRITTEN_BYTES });
        }
        Ok(())
    }

    /// What was written since it was last taken.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// All of it, closed.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.tell_transfer_syntax(None);
        F::close(&mut self.out);
        self.out
    }

    /// Writes Available Transfer Syntax UID when its turn has come: before `next`, or at the end.
    fn tell_transfer_syntax(&mut self, next: Option<Tag>) {
        let is_next = next.is_none_or(|next| next > Tag::AVAILABLE_TRANSFER_SYNTAX_UID);
        if !is_next || !self.sequences.is_empty() {
            return;
        }
        if let Some(uid) = self.options.transfer_syntax.take() {
            self.begin(Tag::AVAILABLE_TRANSFER_SYNTAX_UID, Vr::UI);
            F::texts(&[uid.as_str().to_owned()], Vr::UI, &mut self.out);
            F::end(&mut self.out);
        }
    }

    /// Whether nothing is written of an attribute: it is no part of a data set in JSON (PS3.18 §F.2.2), it is
    /// there already, or it is what is told of the object as it is stored.
    fn is_left_out(&self, tag: Tag) -> bool {
        self.ignored > 0
            || tag.element() == 0
            || tag.group() == FILE_META_GROUP
            || self.object.last == Some(tag)
            || tag == Tag::AVAILABLE_TRANSFER_SYNTAX_UID
                && self.sequences.is_empty()
                && self.options.transfer_syntax.is_some()
    }

    fn begin(&mut self, tag: Tag, vr: Vr) {
        let position =
            if self.object.last.replace(tag).is_some() { Position::Later } else { Position::First };
        let creator = if F::NAMES_CREATORS { self.object.creators.of(tag) } else { None };
        F::begin(Opening { tag, vr, creator, position }, &mut self.out);
    }

    fn put_empty(&mut self, tag: Tag, vr: Vr) {
        self.begin(tag, vr);
        F::end(&mut self.out);
    }

    fn put_bulk(&mut self, header: &Header, vr: Vr) {
        let Header { tag, length, value_offset, .. } = *header;
        let start = self.origin.saturating_add(value_offset);
        let at = length.map(|length| start..start.saturating_add(length.into()));
        let mut uri = self.options.bulk_data_uri.clone();
        // Writing into a String cannot fail.
        for Sequence { tag, items, .. } in &self.sequences {
            let _ = write!(uri, "/{:04X}{:04X}/{items}", tag.group(), tag.element());
        }
        let _ = write!(uri, "/{:04X}{:04X}", tag.group(), tag.element());
        self.begin(tag, vr);
        F::bulk(Elsewhere { uri: &uri, at }, &mut self.out);
        F::end(&mut self.out);
    }

    fn put_bytes(&mut self, tag: Tag, vr: Vr, bytes: &[u8]) {
        self.begin(tag, vr);
        F::bytes(bytes, &mut self.out);
        F::end(&mut self.out);
    }

    fn put_value(&mut self, element: Element, bytes: &mut [u8]) {
        let Element { tag, vr, is_big_endian, .. } = element;
        if vr.is_binary() {
            if is_big_endian {
                value::swap(bytes, vr);
            }
            self.put_bytes(tag, vr, bytes);
            return;
        }
        if vr == Vr::SQ {
            self.put_unknown_sequence(element, bytes);
            return;
        }
        self.begin(tag, vr);
        if vr.is_text() {
            self.put_texts(tag, vr, bytes);
        } else {
            F::numbers(Field { bytes, vr, is_big_endian }, &mut self.out);
        }
        F::end(&mut self.out);
    }

    fn put_texts(&mut self, tag: Tag, vr: Vr, bytes: &[u8]) {
        let values = if tag == Tag::SPECIFIC_CHARACTER_SET {
            // What is written is UTF-8, whatever the object is in (PS3.18 §F.2).
            vec!["ISO_IR 192".to_owned()]
        } else {
            self.scopes.sets().decode(bytes, vr).values
        };
        if F::NAMES_CREATORS && Creators::is_creator(tag) {
            self.object.creators.note(tag, &values.join("\\"));
        }
        if values.iter().any(|value| !value.is_empty()) {
            F::texts(&values, vr, &mut self.out);
        }
    }

    /// A sequence that was written as UN (PS3.5 §6.2.2); bytes when it is none after all.
    fn put_unknown_sequence(&mut self, element: Element, bytes: &[u8]) {
        let Element { tag, value_offset, .. } = element;
        let mut inner = Self::new(Options { transfer_syntax: None, ..self.options.clone() }, false);
        inner.out.clear();
        inner.origin = self.origin.saturating_add(value_offset);
        inner.scopes = self.scopes.inherit();
        inner.sequences.clone_from(&self.sequences);
        inner.sequences.push(Sequence { tag, items: 0, around: Object::default() });
        let mut scanner = Scanner::of_items(self.sequences.len(), inner);
        let scanned = scanner.feed(bytes).and_then(|_| scanner.finish());
        let Ok(inner) = scanned else { return self.put_bytes(tag, Vr::UN, bytes) };
        self.begin(tag, Vr::SQ);
        self.out.extend(&inner.out);
        if inner.sequences.last().is_some_and(|sequence| sequence.items > 0) {
            F::end_items(&mut self.out);
        }
        F::end(&mut self.out);
    }

    /// The VR that the value is written in.
    fn vr(&self, header: &Header, length: usize) -> Vr {
        if length <= MAX_UNKNOWN_BYTES { self.scopes.known_vr(header) } else { self.scopes.vr(header) }
    }
}

impl<F: Form> Sink for Writer<F> {
    fn element(&mut self, header: &Header) -> Flow {
        if self.out.len() > MAX_WRITTEN_BYTES {
            return Flow::Stop;
        }
        if self.is_left_out(header.tag) {
            return Flow::Skip;
        }
        self.tell_transfer_syntax(Some(header.tag));
        let length = header.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        let vr = self.vr(header, length);
        if length == 0 {
            self.put_empty(header.tag, vr);
            return Flow::Skip;
        }
        let most = if vr.is_binary() { self.options.max_inline_bytes } else { MAX_VALUE_BYTES };
        let is_pixel_data = Header { depth: 0, ..*header }.is_pixel_data();
        if is_pixel_data || length > most {
            self.put_bulk(header, vr);
            return if header.is_pixel_data() && self.stops_at_pixel_data { Flow::Stop } else { Flow::Skip };
        }
        let is_big_endian = header.is_big_endian();
        let Header { tag, value_offset, .. } = *header;
        self.element = Some(Element { tag, vr, is_big_endian, value_offset });
        Flow::Value
    }

    fn value(&mut self, chunk: &[u8]) {
        self.value.extend_from_slice(chunk);
    }

    fn end_element(&mut self) {
        let Some(element) = self.element.take() else { return };
        let mut bytes = std::mem::take(&mut self.value);
        if Scopes::wants(element.tag) {
            self.scopes.note(element.tag, &bytes);
        }
        self.put_value(element, &mut bytes);
        bytes.clear();
        self.value = bytes;
    }

    fn begin_sequence(&mut self, header: &Header) {
        if self.is_left_out(header.tag) {
            self.ignored += 1;
            return;
        }
        self.tell_transfer_syntax(Some(header.tag));
        self.begin(header.tag, Vr::SQ);
        self.sequences.push(Sequence { tag: header.tag, items: 0, around: Object::default() });
    }

    fn begin_item(&mut self) {
        if self.ignored > 0 {
            return;
        }
        self.scopes.open();
        if let Some(sequence) = self.sequences.last_mut() {
            sequence.around = std::mem::take(&mut self.object);
            sequence.items += 1;
            F::begin_item(sequence.items, &mut self.out);
        }
    }

    fn end_item(&mut self) {
        if self.ignored > 0 {
            return;
        }
        self.scopes.close();
        if let Some(sequence) = self.sequences.last_mut() {
            self.object = std::mem::take(&mut sequence.around);
            F::end_item(&mut self.out);
        }
    }

    fn end_sequence(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        if let Some(sequence) = self.sequences.pop() {
            if sequence.items > 0 {
                F::end_items(&mut self.out);
            }
            F::end(&mut self.out);
        }
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if !self.is_left_out(header.tag) {
            self.tell_transfer_syntax(Some(header.tag));
            self.put_bulk(header, header.vr);
        }
        if header.is_pixel_data() && self.stops_at_pixel_data { Flow::Stop } else { Flow::Skip }
    }
}
