//! The state machine over plain (inflated) bytes.
//!
//! ```text
//!            ┌───────────── element, item, delimiter ────────────┐
//!            ▼                                                   │
//!  feed ─► Header ── element with a value, fragment ─► Value ── all of it ─► Header
//!            │ ├──── zeros after the last element ───► Padding
//!            │ └──── the sink says Stop ─────────────► Stopped
//!            └─ before each header: what ends here is closed
//! ```

use causeway_core::limits::MAX_SEQUENCE_DEPTH;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use super::frame::{End, Form, Frame, Kind};
use super::header::{self, MAX_HEADER_BYTES, MIN_HEADER_BYTES, Raw, Read};
use super::{Flow, Header, Progress, Sink, is_pixel_data};
use crate::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A header comes next.
    Header,
    /// `left` bytes of a value come next.
    Value { left: u64, wanted: Wanted },
    /// What comes is of no meaning.
    Padding,
    /// The sink has enough.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

/// Bytes that were carried over and stand behind the header that they turned out to hold.
#[derive(Debug, Default)]
struct Over {
    bytes: [u8; MAX_HEADER_BYTES - MIN_HEADER_BYTES],
    count: usize,
}

#[derive(Debug)]
pub(super) struct Walker<S> {
    pub(super) sink: S,
    state: State,
    /// The innermost open thing.
    frame: Frame,
    /// The open things around it, outermost first.
    around: Vec<Frame>,
    /// Open items, and those the whole is nested in already.
    depth: usize,
    /// Bytes taken so far, those in `carry` not counted.
    position: u64,
    /// The beginning of a header whose rest has not come yet.
    carry: [u8; MAX_HEADER_BYTES],
    carried: usize,
}

impl<S: Sink> Walker<S> {
    pub(super) fn new(layout: Layout, sink: S) -> Self {
        Self::within(Frame::data_set(Form::of(layout)), 0, sink)
    }

    pub(super) fn of_items(depth: usize, sink: S) -> Self {
        Self::within(Frame { kind: Kind::Sequence, ..Frame::data_set(Form::IMPLICIT) }, depth, sink)
    }

    fn within(frame: Frame, depth: usize, sink: S) -> Self {
        Self {
            sink,
            state: State::Header,
            frame,
            around: Vec::new(),
            depth,
            position: 0,
            carry: [0; MAX_HEADER_BYTES],
            carried: 0,
        }
    }

    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) const fn skippable(&self) -> u64 {
        match self.state {
            State::Value { left, wanted: Wanted::No } => left,
            State::Padding | State::Stopped => u64::MAX,
            State::Value { .. } | State::Header => 0,
        }
    }

    pub(super) fn skip(&mut self, bytes: u64) {
        if let State::Value { left, wanted: Wanted::No } = &mut self.state {
            *left = left.saturating_sub(bytes);
            self.position = self.position.saturating_add(bytes);
            if *left == 0 {
                self.state = State::Header;
            }
        }
    }

    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Progress, Error> {
        let mut input = input;
        loop {
            match self.state {
                State::Header => {
                    if self.frame.is_at_end(self.position) {
                        self.close();
                    } else if !self.header(&mut input)? {
                        return Ok(Progress::More);
                    }
                }
                State::Value { left, wanted } => {
                    if !self.value(&mut input, left, wanted) {
                        return Ok(Progress::More);
                    }
                }
                State::Padding => {
                    self.position = self.position.saturating_add(input.len() as u64);
                    return Ok(Progress::More);
                }
                State::Stopped => return Ok(Progress::Stopped),
            }
        }
    }

    /// Takes bytes of a value; whether it is complete.
    #[inline]
    fn value(&mut self, input: &mut &[u8], left: u64, wanted: Wanted) -> bool {
        let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let (now, rest) = input.split_at_checked(take).unwrap_or((input, &[]));
        *input = rest;
        self.position = self.position.saturating_add(now.len() as u64);
        if wanted == Wanted::Yes && !now.is_empty() {
            self.sink.value(now);
        }
        let left = left - now.len() as u64;
        if left > 0 {
            self.state = State::Value { left, wanted };
            return false;
        }
        if wanted == Wanted::Yes {
            self.sink.end_element();
        }
        self.state = State::Header;
        true
    }

    /// Takes one header and acts on it; whether there was a whole one.
    #[inline]
    fn header(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        let left = self.frame.left(self.position);
        if left < MIN_HEADER_BYTES as u64 {
            // Too little for an element: what a writer left over at the end of an item or sequence.
            self.state = State::Value { left, wanted: Wanted::No };
            return Ok(true);
        }
        let mut over = Over::default();
        let raw = if self.carried == 0 {
            match self.read(input, left) {
                Read::Header(raw) => {
                    *input = input.get(raw.bytes..).unwrap_or_default();
                    raw
                }
                Read::Needs(_) => {
                    self.carry_over(input, MAX_HEADER_BYTES);
                    return Ok(false);
                }
            }
        } else {
            match self.read_carried(input, left) {
                Some((raw, behind)) => {
                    over = behind;
                    raw
                }
                None => return Ok(false),
            }
        };
        if raw.bytes as u64 > left {
            return Err(self.too_long(raw, left));
        }
        match self.frame.kind {
            Kind::DataSet | Kind::Item => self.in_data_set(raw)?,
            Kind::Sequence => self.in_sequence(raw)?,
            Kind::Fragments => self.in_fragments(raw)?,
        }
        if over.count > 0 {
            // Too few for another header: this ends after one step.
            self.feed(over.bytes.get(..over.count).unwrap_or_default())?;
        }
        Ok(true)
    }

    #[inline]
    fn read(&self, bytes: &[u8], left: u64) -> Read {
        match self.frame.kind {
            Kind::DataSet | Kind::Item => header::element(bytes, self.frame.form, self.frame.fresh, left),
            Kind::Sequence | Kind::Fragments => header::item(bytes, self.frame.form),
        }
    }

    /// Reads a header whose beginning was carried over, and gives what was carried of the bytes behind it: to see
    /// that the header is a short one may have taken as many bytes as a long one has.
    fn read_carried(&mut self, input: &mut &[u8], left: u64) -> Option<(Raw, Over)> {
        loop {
            let carried = self.carry;
            let bytes = carried.get(..self.carried)?;
            match self.read(bytes, left) {
                Read::Header(raw) => {
                    self.carried = 0;
                    let mut over = Over::default();
                    let behind = bytes.get(raw.bytes..).unwrap_or_default();
                    for (room, byte) in over.bytes.iter_mut().zip(behind) {
                        *room = *byte;
                        over.count += 1;
                    }
                    return Some((raw, over));
                }
                Read::Needs(bytes) => {
                    self.carry_over(input, bytes);
                    if self.carried < bytes {
                        return None;
                    }
                }
            }
        }
    }

    /// Moves bytes from `input` to the carry until it holds `bytes`, or as many as there are.
    fn carry_over(&mut self, input: &mut &[u8], bytes: usize) {
        let take = bytes.saturating_sub(self.carried).min(input.len());
        let (now, rest) = input.split_at_checked(take).unwrap_or((&[], input));
        if let Some(room) = self.carry.get_mut(self.carried..self.carried + take) {
            room.copy_from_slice(now);
            self.carried += take;
            *input = rest;
        }
    }

    fn in_data_set(&mut self, raw: Raw) -> Result<(), Error> {
        match raw.tag {
            Tag::ITEM_DELIMITATION if self.ends_by_delimiter(Kind::Item) => {
                self.pass(raw);
                self.close();
                return Ok(());
            }
            Tag::ITEM | Tag::SEQUENCE_DELIMITATION if self.ends_by_delimiter(Kind::Item) => {
                // The item's own delimiter is missing: this belongs to the sequence around it.
                self.close();
                return self.in_sequence(raw);
            }
            // A delimiter where a length has placed the end, or where nothing is open.
            Tag::ITEM_DELIMITATION | Tag::SEQUENCE_DELIMITATION => {
                self.pass(raw);
                return Ok(());
            }
            Tag::ITEM => return Err(Error::Misplaced { tag: raw.tag, offset: self.position }),
            tag if tag == NOTHING && self.is_padding(raw) => {
                self.state = State::Padding;
                return Ok(());
            }
            _ => {}
        }
        if self.frame.fresh {
            self.frame.fresh = false;
            self.frame.form.explicit |= raw.form.explicit;
        }
        self.element(raw)
    }

    fn element(&mut self, raw: Raw) -> Result<(), Error> {
        let header = Header {
            tag: raw.tag,
            vr: raw.vr,
            length: raw.length,
            offset: self.position,
            value_offset: self.position + raw.bytes as u64,
            depth: self.depth,
            layout: raw.form.layout(),
        };
        self.check_length(raw)?;
        self.pass(raw);
        let Some(length) = raw.length.filter(|_| raw.vr != Vr::SQ) else {
            return self.container(&header, raw);
        };
        match self.sink.element(&header) {
            Flow::Value => self.state = State::Value { left: u64::from(length), wanted: Wanted::Yes },
            Flow::Skip => self.state = State::Value { left: u64::from(length), wanted: Wanted::No },
            Flow::Stop => self.state = State::Stopped,
        }
        Ok(())
    }

    /// An element that holds items or fragments.
    fn container(&mut self, header: &Header, raw: Raw) -> Result<(), Error> {
        let fragments = is_pixel_data(raw.tag) || raw.form.explicit && raw.vr.is_binary() && raw.vr != Vr::UN;
        if raw.vr != Vr::SQ && fragments {
            match self.sink.begin_fragments(header) {
                Flow::Stop => self.state = State::Stopped,
                Flow::Skip | Flow::Value => self.open(Kind::Fragments, None, self.frame.form),
            }
            return Ok(());
        }
        let form = match raw.vr {
            Vr::SQ => raw.form,
            Vr::UN => Form::IMPLICIT,
            _ if !raw.form.explicit => raw.form,
            _ => return Err(Error::UndefinedLength { tag: raw.tag, offset: header.offset }),
        };
        if self.depth >= MAX_SEQUENCE_DEPTH {
            return Err(Error::TooDeep { offset: header.offset });
        }
        self.sink.begin_sequence(header);
        self.open(Kind::Sequence, raw.length, form);
        Ok(())
    }

    fn in_sequence(&mut self, raw: Raw) -> Result<(), Error> {
        match raw.tag {
            Tag::ITEM => {
                self.check_length(raw)?;
                self.pass(raw);
                self.sink.begin_item();
                self.depth += 1;
                self.open(Kind::Item, raw.length, self.frame.form);
            }
            Tag::SEQUENCE_DELIMITATION => {
                self.pass(raw);
                if self.ends_by_delimiter(Kind::Sequence) {
                    self.close();
                }
            }
            Tag::ITEM_DELIMITATION => self.pass(raw),
            tag => return Err(Error::NotAnItem { tag, offset: self.position }),
        }
        Ok(())
    }

    fn in_fragments(&mut self, raw: Raw) -> Result<(), Error> {
        match (raw.tag, raw.length) {
            (Tag::ITEM, Some(length)) => {
                self.check_length(raw)?;
                self.pass(raw);
                self.state = match self.sink.begin_fragment(length) {
                    Flow::Value => State::Value { left: u64::from(length), wanted: Wanted::Yes },
                    Flow::Skip => State::Value { left: u64::from(length), wanted: Wanted::No },
                    Flow::Stop => State::Stopped,
                };
                Ok(())
            }
            (Tag::SEQUENCE_DELIMITATION, _) => {
                self.pass(raw);
                self.close();
                Ok(())
            }
            (tag, _) => Err(Error::NotAnItem { tag, offset: self.position }),
        }
    }

    /// Counts a header as taken.
    const fn pass(&mut self, raw: Raw) {
        self.position = self.position.saturating_add(raw.bytes as u64);
    }

    fn open(&mut self, kind: Kind, length: Option<u32>, form: Form) {
        let inner = self.frame.inner(kind, self.position, length, form);
        self.around.push(std::mem::replace(&mut self.frame, inner));
    }

    /// Closes the innermost open thing.
    fn close(&mut self) {
        let Some(around) = self.around.pop() else {
            // Items scanned on their own have nothing around them: what follows their end means nothing.
            self.state = State::Padding;
            return;
        };
        match std::mem::replace(&mut self.frame, around).kind {
            Kind::Item => {
                self.depth -= 1;
                self.sink.end_item();
            }
            Kind::Sequence => self.sink.end_sequence(),
            Kind::Fragments => self.sink.end_fragments(),
            Kind::DataSet => {}
        }
    }

    fn ends_by_delimiter(&self, kind: Kind) -> bool {
        self.frame.kind == kind && self.frame.end == End::Delimiter
    }

    /// Whether this is the zero bytes that some writers fill a file up with.
    fn is_padding(&self, raw: Raw) -> bool {
        self.frame.kind == Kind::DataSet && !self.frame.fresh && raw.length == Some(0)
    }

    fn check_length(&self, raw: Raw) -> Result<(), Error> {
        let left = self.frame.left(self.position).saturating_sub(raw.bytes as u64);
        if raw.length.is_some_and(|length| u64::from(length) > left) {
            return Err(self.too_long(raw, left));
        }
        Ok(())
    }

    fn too_long(&self, raw: Raw, left: u64) -> Error {
        Error::TooLong { tag: raw.tag, offset: self.position, length: raw.length.unwrap_or(u32::MAX), left }
    }

    pub(super) fn finish(mut self) -> Result<S, Error> {
        while self.state == State::Header && self.frame.is_at_end(self.position) && !self.around.is_empty() {
            self.close();
        }
        let offset = self.position.saturating_add(self.carried as u64);
        let stray = self.carry.get(..self.carried).unwrap_or_default();
        let between = self.around.is_empty() && stray.iter().all(|byte| *byte == 0);
        match self.state {
            State::Stopped | State::Padding => Ok(self.sink),
            State::Header if between => Ok(self.sink),
            State::Header | State::Value { .. } => Err(Error::CutShort { offset }),
        }
    }
}

const NOTHING: Tag = Tag::new(0, 0);
