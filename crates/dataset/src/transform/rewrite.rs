//! The sink that writes a data set anew as was decided, element by element as it streams by.
//!
//! Held are single values that change: UIDs, dates, descriptions, text that becomes UTF-8, each within
//! [`MAX_HELD_BYTES`]. Everything else is handed on as it comes.

use std::collections::BTreeMap;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Tag, Value, Vr};

use super::action::{Action, Basic, Mode, is_free_text};
use super::plan::{Decision, OUTWARD, Uids};
use super::{dates, dummy, tags, words};
use crate::scanner::{Flow, Header, Scanner, Sink};
use crate::scope::Scopes;
use crate::transcode::Relay;
use crate::{Error, identifier};

/// Longest value that is held to be changed, in bytes.
pub(super) const MAX_HELD_BYTES: u32 = 16 * 1024 * 1024;
/// Defined Term of UTF-8 (PS3.3 §C.12.1.1.2).
const UTF_8_TERM: &str = "ISO_IR 192";
const CODE_MEANING: Tag = Tag::new(0x0008, 0x0104);

/// What is made of a value that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Making {
    Uids,
    Shifted(Basic),
    Cleaned(Basic),
    Utf8,
    /// Items that stand in a value of UN, treated so.
    Items(Mode),
    /// Nothing: it only says how others are to be read.
    Nothing,
}

/// What happens to the bytes of the value that is going by.
#[derive(Debug, Clone, Copy)]
enum Going {
    On,
    /// On, and noted beside.
    OnNoted(Tag),
    AsZeros,
    Held {
        tag: Tag,
        vr: Vr,
        making: Making,
    },
}

/// Writes a data set anew.
#[derive(Debug)]
pub(super) struct Rewriter {
    relay: Relay,
    decision: Decision,
    /// What is still to be written or left out among the attributes outside of any sequence.
    pending: BTreeMap<Tag, Option<Element>>,
    scopes: Scopes,
    /// How the items of each open sequence are treated.
    modes: Vec<Mode>,
    /// Open sequences and fragments that are left out.
    left_out: usize,
    /// The item that is to be the last of the outermost open sequence.
    appended: Option<Attributes>,
    going: Option<Going>,
    held: Vec<u8>,
    error: Option<Error>,
}

impl Rewriter {
    pub(super) fn new(to: Layout, mut decision: Decision) -> Self {
        let mut pending = std::mem::take(&mut decision.puts);
        if decision.to_utf8 {
            let term = Element::text(Vr::CS, vec![UTF_8_TERM.to_owned()]);
            pending.insert(Tag::SPECIFIC_CHARACTER_SET, Some(term));
        }
        if decision.original.is_some() {
            // Its place; the item itself is put there.
            pending.insert(tags::ORIGINAL_ATTRIBUTES, None);
        }
        Self {
            relay: Relay::new(to),
            decision,
            pending,
            scopes: Scopes::default(),
            modes: Vec::new(),
            left_out: 0,
            appended: None,
            going: None,
            held: Vec::new(),
            error: None,
        }
    }

    /// What was written since the last time.
    pub(super) fn take(&mut self) -> Result<Bytes, Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        self.relay.take()
    }

    /// Writes what comes after the last element, and gives what is left.
    pub(super) fn end(mut self) -> Result<Bytes, Error> {
        while let Some((tag, put)) = self.pending.pop_first() {
            self.write_put(tag, put);
        }
        self.take()
    }

    fn mode(&self) -> Mode {
        self.modes.last().copied().unwrap_or(Mode::Table)
    }

    /// Comes to an attribute outside of any sequence: writes what stands before it. Says whether it is to be left
    /// out, since another stands in its place or none does.
    fn arrive(&mut self, header: &Header) -> bool {
        if header.depth > 0 {
            return false;
        }
        while let Some(entry) = self.pending.first_entry().filter(|entry| *entry.key() < header.tag) {
            let (tag, put) = entry.remove_entry();
            self.write_put(tag, put);
        }
        match self.pending.remove(&header.tag) {
            None => false,
            Some(_) if header.tag == tags::ORIGINAL_ATTRIBUTES && self.decision.original.is_some() => {
                self.appended = self.decision.original.take();
                false
            }
            put => {
                self.write_put(header.tag, put.flatten());
                true
            }
        }
    }

    fn write_put(&mut self, tag: Tag, put: Option<Element>) {
        let put = match put {
            Some(put) => put,
            None if tag == tags::ORIGINAL_ATTRIBUTES => match self.decision.original.take() {
                Some(item) => Element { vr: Vr::SQ, value: Value::Items(vec![item]) },
                None => return,
            },
            None => return,
        };
        if tag == Tag::SPECIFIC_CHARACTER_SET {
            let text = put.values().first().cloned().unwrap_or_default();
            return self.write(tag, Vr::CS, text.as_bytes());
        }
        let mut one = Attributes::new();
        one.put(tag, put);
        let mut out = Vec::new();
        identifier::encode_elements(&one, self.relay.layout(), &mut out);
        self.relay.put_raw(&out);
    }

    /// Writes an element with this value.
    fn write(&mut self, tag: Tag, vr: Vr, value: &[u8]) {
        let header = header_of(tag, vr, u32::try_from(value.len()).ok());
        if self.relay.element(&header) == Flow::Value {
            if !value.is_empty() {
                self.relay.value(value);
            }
            self.relay.end_element();
        }
    }

    fn action(&self, header: &Header, vr: Vr, is_sequence: bool) -> Action {
        match self.decision.profile {
            Some(profile) => profile.action(header, vr, is_sequence, self.mode()),
            None => Action::Keep,
        }
    }

    /// What happens to the value of an element that has one.
    fn value_of(&mut self, header: &Header, vr: Vr) -> Flow {
        let is_empty = header.length == Some(0);
        if vr == Vr::SQ && header.vr == Vr::UN && !is_empty && self.looks_into_everything() {
            return match self.mode_of(header) {
                Some(mode) => self.hold(header, vr, Making::Items(mode)),
                None => Flow::Skip,
            };
        }
        match self.action(header, vr, false) {
            Action::Remove => Flow::Skip,
            // Nothing tells nothing.
            _ if is_empty => self.hand_on(header),
            Action::Empty => self.without_value(header, vr),
            Action::Dummy => self.dummy(header, vr),
            Action::Uid => self.hold(header, vr, Making::Uids),
            Action::Shift(basic) if matches!(vr, Vr::DA | Vr::DT | Vr::TM) => {
                self.hold(header, vr, Making::Shifted(basic))
            }
            Action::Clean(basic) if is_free_text(vr) => self.hold(header, vr, Making::Cleaned(basic)),
            Action::Shift(basic) | Action::Clean(basic) => self.as_profile_says(header, vr, basic),
            Action::Keep if vr == Vr::UI && matches!(self.decision.uids, Uids::Known(_)) => {
                self.hold(header, vr, Making::Uids)
            }
            Action::Keep if self.decision.to_utf8 && vr.uses_character_set() => {
                self.hold(header, vr, Making::Utf8)
            }
            Action::Keep => self.hand_on(header),
        }
    }

    fn as_profile_says(&mut self, header: &Header, vr: Vr, basic: Basic) -> Flow {
        match basic {
            Basic::Remove => Flow::Skip,
            Basic::Empty => self.without_value(header, vr),
            Basic::Dummy | Basic::Uid => self.dummy(header, vr),
        }
    }

    fn hand_on(&mut self, header: &Header) -> Flow {
        let flow = self.relay.element(header);
        self.going = Some(if Scopes::wants(header.tag) { Going::OnNoted(header.tag) } else { Going::On });
        flow
    }

    fn without_value(&mut self, header: &Header, vr: Vr) -> Flow {
        self.write(header.tag, vr, &[]);
        Flow::Skip
    }

    fn dummy(&mut self, header: &Header, vr: Vr) -> Flow {
        if let Some(text) = dummy::text(header.tag, vr) {
            self.write(header.tag, vr, text.as_bytes());
            return Flow::Skip;
        }
        if vr == Vr::UI {
            return self.hold(header, vr, Making::Uids);
        }
        let flow = self.relay.element(header);
        self.going = Some(Going::AsZeros);
        flow
    }

    fn hold(&mut self, header: &Header, vr: Vr, making: Making) -> Flow {
        let is_short = header.length.is_some_and(|length| length <= MAX_HELD_BYTES);
        if !is_short {
            return match making {
                Making::Shifted(basic) | Making::Cleaned(basic) => self.as_profile_says(header, vr, basic),
                Making::Uids | Making::Utf8 | Making::Items(_) | Making::Nothing => {
                    self.error = Some(Error::TooLongToChange { tag: header.tag, limit: MAX_HELD_BYTES });
                    Flow::Stop
                }
            };
        }
        self.going = Some(Going::Held { tag: header.tag, vr, making });
        Flow::Value
    }

    /// Whether nothing may go out that was not looked at.
    const fn looks_into_everything(&self) -> bool {
        self.decision.profile.is_some() || matches!(self.decision.uids, Uids::Known(_))
    }

    /// How the items of a sequence are treated; `None` when they are left out, and an empty one was written where one
    /// is due.
    fn mode_of(&mut self, header: &Header) -> Option<Mode> {
        match self.action(header, Vr::SQ, true) {
            Action::Keep => Some(self.mode()),
            Action::Uid => Some(Mode::Table),
            Action::Dummy => Some(Mode::Dummy),
            Action::Clean(_) => Some(Mode::Clean),
            Action::Remove | Action::Shift(Basic::Remove) => None,
            Action::Empty | Action::Shift(_) => {
                self.write(header.tag, Vr::SQ, &[]);
                None
            }
        }
    }

    /// Items in a value of UN, which are in implicit VR (PS3.5 §6.2.2), become a sequence. What cannot be read as items
    /// is left out.
    fn make_items(&mut self, tag: Tag, mode: Mode, value: &[u8]) {
        let inner = Self {
            scopes: self.scopes.inherit(),
            modes: vec![mode],
            ..Self::new(self.relay.layout(), self.decision.within())
        };
        let mut scanner = Scanner::of_items(self.modes.len(), inner);
        let read = scanner.feed(value).and_then(|_| scanner.finish()).and_then(Self::end);
        let Ok(items) = read else { return };
        let header = header_of(tag, Vr::SQ, None);
        self.relay.begin_sequence(&header);
        self.relay.put_raw(&items);
        self.relay.end_sequence();
    }

    /// Writes what a held value becomes.
    fn make(&mut self, tag: Tag, vr: Vr, making: Making, value: &[u8]) {
        let decoded = self.scopes.sets().decode(value, vr);
        let made = match making {
            Making::Nothing => return,
            Making::Items(mode) => return self.make_items(tag, mode, value),
            Making::Uids => join(decoded.values.iter().map(|uid| self.uid(uid))),
            Making::Utf8 if decoded.is_lossy => {
                self.error = Some(Error::CannotRelay("text cannot be read as its character set says"));
                return;
            }
            Making::Utf8 => join(decoded.values.into_iter()),
            Making::Shifted(basic) => {
                let days = self.decision.days;
                let shifted: Option<Vec<_>> =
                    decoded.values.iter().map(|text| dates::shift(text, vr, days)).collect();
                match shifted {
                    Some(shifted) => join(shifted.into_iter()),
                    None => return self.make_basic(tag, vr, basic),
                }
            }
            Making::Cleaned(_) if tag == CODE_MEANING => {
                let telling = &self.decision.telling;
                let is_kept = decoded.values.iter().all(|text| words::clean_meaning(text, telling).is_some());
                if is_kept && !decoded.is_lossy && !self.decision.to_utf8 {
                    return self.write(tag, vr, value);
                }
                dummy::TEXT.to_owned()
            }
            Making::Cleaned(basic) => {
                let telling = &self.decision.telling;
                let cleaned = decoded.values.iter().map(|text| words::clean(text, telling));
                let cleaned: Vec<_> = cleaned.filter(|text| !text.is_empty()).collect();
                if cleaned.is_empty() {
                    return self.make_basic(tag, vr, basic);
                }
                join(cleaned.into_iter())
            }
        };
        self.write(tag, vr, made.as_bytes());
    }

    fn make_basic(&mut self, tag: Tag, vr: Vr, basic: Basic) {
        match basic {
            Basic::Remove => {}
            Basic::Empty => self.write(tag, vr, &[]),
            Basic::Dummy | Basic::Uid => {
                self.write(tag, vr, dummy::text(tag, vr).unwrap_or_default().as_bytes());
            }
        }
    }

    fn uid(&self, uid: &str) -> String {
        match &self.decision.uids {
            Uids::Known(known) => known.get(uid).map_or(uid, String::as_str).to_owned(),
            Uids::Made if uid.is_empty() || tags::is_of_the_standard(uid) => uid.to_owned(),
            Uids::Made => self.decision.secret.uid(OUTWARD, uid).as_str().to_owned(),
        }
    }
}

/// The header of an element that is written anew.
const fn header_of(tag: Tag, vr: Vr, length: Option<u32>) -> Header {
    Header { tag, vr, length, offset: 0, value_offset: 0, depth: 0, layout: Layout::ExplicitLittleEndian }
}

fn join(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join("\\")
}

impl Sink for Rewriter {
    fn element(&mut self, header: &Header) -> Flow {
        self.going = None;
        if self.error.is_some() {
            return Flow::Stop;
        }
        if self.left_out > 0 || header.tag.element() == 0 || header.tag.group() == Tag::ITEM.group() {
            return Flow::Skip;
        }
        let vr = self.scopes.known_vr(header);
        let is_sets = header.tag == Tag::SPECIFIC_CHARACTER_SET;
        if self.arrive(header) || (is_sets && self.decision.to_utf8) {
            return if Scopes::wants(header.tag) {
                self.hold(header, vr, Making::Nothing)
            } else {
                Flow::Skip
            };
        }
        if is_sets { self.hand_on(header) } else { self.value_of(header, vr) }
    }

    fn value(&mut self, chunk: &[u8]) {
        match self.going {
            Some(Going::OnNoted(_)) => {
                let room = (MAX_HELD_BYTES as usize).saturating_sub(self.held.len());
                self.held.extend(chunk.iter().take(room));
                self.relay.value(chunk);
            }
            Some(Going::On) | None => self.relay.value(chunk),
            Some(Going::AsZeros) => {
                const ZEROS: [u8; 4096] = [0; 4096];
                for piece in chunk.chunks(ZEROS.len()) {
                    self.relay.value(ZEROS.get(..piece.len()).unwrap_or_default());
                }
            }
            Some(Going::Held { .. }) => self.held.extend_from_slice(chunk),
        }
    }

    fn end_element(&mut self) {
        let value = std::mem::take(&mut self.held);
        match self.going.take() {
            None | Some(Going::On | Going::AsZeros) => self.relay.end_element(),
            Some(Going::OnNoted(tag)) => {
                self.relay.end_element();
                self.scopes.note(tag, &value);
            }
            Some(Going::Held { tag, vr, making }) => {
                if Scopes::wants(tag) {
                    self.scopes.note(tag, &value);
                }
                self.make(tag, vr, making, &value);
            }
        }
    }

    fn begin_sequence(&mut self, header: &Header) {
        if self.left_out > 0 || self.error.is_some() || self.arrive(header) {
            self.left_out += 1;
            return;
        }
        match self.mode_of(header) {
            Some(mode) => {
                self.modes.push(mode);
                self.relay.begin_sequence(header);
            }
            None => self.left_out += 1,
        }
    }

    fn begin_item(&mut self) {
        if self.left_out == 0 {
            self.scopes.open();
            self.relay.begin_item();
        }
    }

    fn end_item(&mut self) {
        if self.left_out == 0 {
            self.scopes.close();
            self.relay.end_item();
        }
    }

    fn end_sequence(&mut self) {
        if self.left_out > 0 {
            self.left_out -= 1;
            return;
        }
        self.modes.pop();
        if self.modes.is_empty()
            && let Some(item) = self.appended.take()
        {
            let mut out = Vec::new();
            identifier::encode_item(&item, self.relay.layout(), &mut out);
            self.relay.put_raw(&out);
        }
        self.relay.end_sequence();
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        self.going = None;
        if self.left_out > 0 || self.arrive(header) {
            return Flow::Skip;
        }
        self.relay.begin_fragments(header)
    }

    fn begin_fragment(&mut self, length: u32) -> Flow {
        if self.left_out > 0 { Flow::Skip } else { self.relay.begin_fragment(length) }
    }

    fn end_fragments(&mut self) {
        if self.left_out == 0 {
            self.relay.end_fragments();
        }
    }
}
