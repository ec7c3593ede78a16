//! For tests only: data sets made of random elements, written in every layout by code that shares nothing with the
//! code under test, and a sink that records what it is told.

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};
use proptest::prelude::*;

use crate::scanner::{Flow, Header, Sink};

/// An element of a made data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) tag: Tag,
    pub(crate) vr: Vr,
    pub(crate) value: Content,
}

/// What a made element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A value, little endian.
    Bytes(Vec<u8>),
    /// Items, and how their ends and that of the sequence are told.
    Items { items: Vec<Vec<Made>>, sequence: Ends, item: Ends },
    /// Encapsulated pixel data.
    Fragments(Vec<Vec<u8>>),
}

/// How an end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    ByLength,
    ByDelimiter,
}

impl Made {
    pub(crate) fn bytes(tag: Tag, vr: Vr, bytes: &[u8]) -> Self {
        Self { tag, vr, value: Content::Bytes(bytes.to_vec()) }
    }

    pub(crate) fn text(tag: Tag, vr: Vr, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == Vr::UI { 0 } else { b' ' });
        }
        Self::bytes(tag, vr, &bytes)
    }

    pub(crate) fn sequence(tag: Tag, items: Vec<Vec<Self>>, ends: Ends) -> Self {
        Self { tag, vr: Vr::SQ, value: Content::Items { items, sequence: ends, item: ends } }
    }
}

/// Writes a data set; the deflated layout is written plain.
pub(crate) fn write(elements: &[Made], layout: Layout) -> Vec<u8> {
    let mut out = Vec::new();
    for element in elements {
        write_element(element, layout, &mut out);
    }
    out
}

fn u16_bytes(value: u16, layout: Layout) -> [u8; 2] {
    if layout == Layout::ExplicitBigEndian { value.to_be_bytes() } else { value.to_le_bytes() }
}

fn u32_bytes(value: u32, layout: Layout) -> [u8; 4] {
    if layout == Layout::ExplicitBigEndian { value.to_be_bytes() } else { value.to_le_bytes() }
}

fn write_tag(tag: Tag, layout: Layout, out: &mut Vec<u8>) {
    out.extend(u16_bytes(tag.group(), layout));
    out.extend(u16_bytes(tag.element(), layout));
}

fn write_header(tag: Tag, vr: Vr, length: u32, layout: Layout, out: &mut Vec<u8>) {
    write_tag(tag, layout, out);
    if layout == Layout::ImplicitLittleEndian {
        out.extend(u32_bytes(length, layout));
    } else if vr.has_long_header() {
        out.extend(vr.as_str().bytes());
        out.extend([0, 0]);
        out.extend(u32_bytes(length, layout));
    } else {
        out.extend(vr.as_str().bytes());
        out.extend(u16_bytes(u16::try_from(length).unwrap(), layout));
    }
}

fn write_item(tag: Tag, length: u32, layout: Layout, out: &mut Vec<u8>) {
    write_tag(tag, layout, out);
    out.extend(u32_bytes(length, layout));
}

pub(crate) fn write_element(element: &Made, layout: Layout, out: &mut Vec<u8>) {
    let undefined = u32::MAX;
    match &element.value {
        Content::Bytes(bytes) => {
            let bytes =
                if layout == Layout::ExplicitBigEndian { swapped(bytes, element.vr) } else { bytes.clone() };
            write_header(element.tag, element.vr, u32::try_from(bytes.len()).unwrap(), layout, out);
            out.extend(bytes);
        }
        Content::Items { items, sequence, item } => {
            // The items of UN are implicit little endian whatever surrounds them (PS3.5 §6.2.2).
            let inner = if element.vr == Vr::UN { Layout::ImplicitLittleEndian } else { layout };
            let mut body = Vec::new();
            for elements in items {
                let content = write(elements, inner);
                match item {
                    Ends::ByLength => {
                        write_item(Tag::ITEM, u32::try_from(content.len()).unwrap(), inner, &mut body)
                    }
                    Ends::ByDelimiter => write_item(Tag::ITEM, undefined, inner, &mut body),
                }
                body.extend(content);
                if *item == Ends::ByDelimiter {
                    write_item(Tag::ITEM_DELIMITATION, 0, inner, &mut body);
                }
            }
            let by_length = *sequence == Ends::ByLength && element.vr == Vr::SQ;
            let length = if by_length { u32::try_from(body.len()).unwrap() } else { undefined };
            write_header(element.tag, element.vr, length, layout, out);
            out.extend(body);
            if !by_length {
                write_item(Tag::SEQUENCE_DELIMITATION, 0, inner, out);
            }
        }
        Content::Fragments(fragments) => {
            write_header(element.tag, element.vr, undefined, layout, out);
            for fragment in fragments {
                write_item(Tag::ITEM, u32::try_from(fragment.len()).unwrap(), layout, out);
                out.extend(fragment);
            }
            write_item(Tag::SEQUENCE_DELIMITATION, 0, layout, out);
        }
    }
}

/// The same numbers with their bytes in the other order.
pub(crate) fn swapped(bytes: &[u8], vr: Vr) -> Vec<u8> {
    let width = match vr {
        Vr::US | Vr::SS | Vr::OW | Vr::AT => 2,
        Vr::UL | Vr::SL | Vr::FL | Vr::OF | Vr::OL => 4,
        Vr::FD | Vr::OD | Vr::OV | Vr::SV | Vr::UV => 8,
        _ => 1,
    };
    bytes.chunks(width).flat_map(|number| number.iter().rev().copied()).collect()
}

/// What the scanner told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Element(Tag, Vr, Vec<u8>),
    BeginSequence(Tag, Vr),
    EndSequence,
    BeginItem,
    EndItem,
    BeginFragments(Tag, Vr),
    Fragment(Vec<u8>),
    EndFragments,
}

/// Writes down everything.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) events: Vec<Event>,
    pub(crate) headers: Vec<Header>,
    /// Stop at the pixel data.
    pub(crate) stop: bool,
}

impl Sink for Recorder {
    fn element(&mut self, header: &Header) -> Flow {
        if self.stop && header.is_pixel_data() {
            return Flow::Stop;
        }
        self.headers.push(*header);
        self.events.push(Event::Element(header.tag, header.vr, Vec::new()));
        Flow::Value
    }
    fn value(&mut self, chunk: &[u8]) {
        assert!(!chunk.is_empty());
        match self.events.last_mut() {
            Some(Event::Element(_, _, value) | Event::Fragment(value)) => value.extend(chunk),
            other => panic!("a value where {other:?} came last"),
        }
    }
    fn end_element(&mut self) {
        assert!(matches!(self.events.last(), Some(Event::Element(..) | Event::Fragment(_))));
    }
    fn begin_sequence(&mut self, header: &Header) {
        self.headers.push(*header);
        self.events.push(Event::BeginSequence(header.tag, header.vr));
    }
    fn begin_item(&mut self) {
        self.events.push(Event::BeginItem);
    }
    fn end_item(&mut self) {
        self.events.push(Event::EndItem);
    }
    fn end_sequence(&mut self) {
        self.events.push(Event::EndSequence);
    }
    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if self.stop && header.is_pixel_data() {
            return Flow::Stop;
        }
        self.headers.push(*header);
        self.events.push(Event::BeginFragments(header.tag, header.vr));
        Flow::Skip
    }
    fn begin_fragment(&mut self, _: u32) -> Flow {
        self.events.push(Event::Fragment(Vec::new()));
        Flow::Value
    }
    fn end_fragments(&mut self) {
        self.events.push(Event::EndFragments);
    }
}

/// What the scanner must tell of a made data set written as `layout`.
pub(crate) fn expected(elements: &[Made], layout: Layout) -> Vec<Event> {
    let mut events = Vec::new();
    expect(elements, layout, &mut events);
    events
}

fn expect(elements: &[Made], layout: Layout, events: &mut Vec<Event>) {
    for element in elements {
        let implicit = layout == Layout::ImplicitLittleEndian;
        let vr = if implicit && element.tag.is_private() { Vr::UN } else { element.vr };
        match &element.value {
            Content::Bytes(bytes) => {
                let big = layout == Layout::ExplicitBigEndian;
                let bytes = if big { swapped(bytes, element.vr) } else { bytes.clone() };
                events.push(Event::Element(element.tag, vr, bytes));
            }
            Content::Items { items, .. } => {
                let inner = if element.vr == Vr::UN { Layout::ImplicitLittleEndian } else { layout };
                events.push(Event::BeginSequence(element.tag, vr));
                for item in items {
                    events.push(Event::BeginItem);
                    expect(item, inner, events);
                    events.push(Event::EndItem);
                }
                events.push(Event::EndSequence);
            }
            Content::Fragments(fragments) => {
                events.push(Event::BeginFragments(element.tag, vr));
                events.extend(fragments.iter().cloned().map(Event::Fragment));
                events.push(Event::EndFragments);
            }
        }
    }
}

const STANDARD: &[(u16, u16, Vr)] = &[
    (0x0008, 0x0008, Vr::CS),
    (0x0008, 0x0018, Vr::UI),
    (0x0008, 0x0020, Vr::DA),
    (0x0008, 0x0050, Vr::SH),
    (0x0008, 0x1030, Vr::LO),
    (0x0010, 0x0010, Vr::PN),
    (0x0010, 0x21B0, Vr::LT),
    (0x0018, 0x0050, Vr::DS),
    (0x0018, 0x605A, Vr::FL),
    (0x0018, 0x9087, Vr::FD),
    (0x0020, 0x0013, Vr::IS),
    (0x0020, 0x9165, Vr::AT),
    (0x0028, 0x0010, Vr::US),
    (0x0028, 0x1201, Vr::OW),
    (0x0018, 0x6060, Vr::FL),
    (0x0018, 0x6020, Vr::SL),
    (0x0028, 0x0002, Vr::US),
    (0x0040, 0xA160, Vr::UT),
    (0x0042, 0x0011, Vr::OB),
    (0x0066, 0x0016, Vr::OF),
    (0x7FE0, 0x0001, Vr::OV),
    (0x0008, 0x040C, Vr::UV),
    (0x0072, 0x0082, Vr::SV),
    (0x0072, 0x0073, Vr::OD),
    (0x0066, 0x0040, Vr::OL),
];

/// Widths that keep values whole, so that swapping and swapping back gives the same.
fn value_of(vr: Vr) -> BoxedStrategy<Vec<u8>> {
    let width = match vr {
        Vr::US | Vr::SS | Vr::OW => 2,
        Vr::AT | Vr::UL | Vr::SL | Vr::FL | Vr::OF | Vr::OL => 4,
        Vr::FD | Vr::OD | Vr::OV | Vr::SV | Vr::UV => 8,
        _ => 0,
    };
    if width > 0 {
        let number = proptest::collection::vec(any::<u8>(), width);
        return proptest::collection::vec(number, 0..5).prop_map(|numbers| numbers.concat()).boxed();
    }
    if vr.is_binary() {
        return proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|mut bytes| {
                bytes.truncate(bytes.len() / 2 * 2);
                bytes
            })
            .boxed();
    }
    "[A-Z0-9.]{0,11}(\\\\[A-Z0-9.]{0,9})?"
        .prop_map(move |text| {
            let Made { value: Content::Bytes(bytes), .. } = Made::text(Tag::ITEM, vr, &text) else {
                unreachable!()
            };
            bytes
        })
        .boxed()
}

fn leaf() -> BoxedStrategy<Made> {
    let standard = proptest::sample::select(STANDARD).prop_flat_map(|(group, element, vr)| {
        value_of(vr).prop_map(move |bytes| Made::bytes(Tag::new(group, element), vr, &bytes))
    });
    let vrs = vec![Vr::LO, Vr::OB, Vr::UN, Vr::US, Vr::FD, Vr::UT, Vr::OW, Vr::DS];
    let private = (0x1000_u16..0x10FF, proptest::sample::select(vrs)).prop_flat_map(|(element, vr)| {
        value_of(vr).prop_map(move |bytes| Made::bytes(Tag::new(0x0029, element), vr, &bytes))
    });
    prop_oneof![3 => standard, 1 => private].boxed()
}

fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![Just(Ends::ByLength), Just(Ends::ByDelimiter)]
}

/// Elements in ascending order, each tag once, as PS3.5 §7.1 asks.
fn in_order(mut elements: Vec<Made>) -> Vec<Made> {
    elements.sort_by_key(|element| element.tag);
    elements.dedup_by_key(|element| element.tag);
    elements
}

/// A random data set with nested sequences.
pub(crate) fn data_set() -> BoxedStrategy<Vec<Made>> {
    let tags = vec![Tag::new(0x0008, 0x1140), Tag::new(0x0040, 0x0275), Tag::new(0x0040, 0xA730)];
    let element = leaf().prop_recursive(4, 48, 6, move |inner| {
        let items =
            proptest::collection::vec(proptest::collection::vec(inner, 0..5).prop_map(in_order), 0..3);
        let unknown = prop_oneof![4 => Just(Vr::SQ), 1 => Just(Vr::UN)];
        (proptest::sample::select(tags.clone()), unknown, items, ends(), ends()).prop_map(
            |(tag, vr, items, sequence, item)| {
                let tag = if vr == Vr::UN { Tag::new(0x0029, 0x10FF) } else { tag };
                Made { tag, vr, value: Content::Items { items, sequence, item } }
            },
        )
    });
    proptest::collection::vec(element, 0..12).prop_map(in_order).boxed()
}

/// The four layouts that are written here.
pub(crate) fn plain_layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        Just(Layout::ImplicitLittleEndian),
        Just(Layout::ExplicitLittleEndian),
        Just(Layout::ExplicitBigEndian)
    ]
}

/// The bytes deflated as PS3.5 §A.5 says.
pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Cuts bytes into pieces of the sizes given, over and over.
pub(crate) fn pieces<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    std::iter::from_fn(move || {
        let size = (*sizes.next().unwrap_or(&1)).clamp(1, rest.len().max(1)).min(rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Sizes of pieces.
pub(crate) fn sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1_usize..20, 1..6)
}

#[test]
fn made_elements_are_those_of_the_dictionary() {
    for (group, element, vr) in STANDARD {
        assert_eq!(
            crate::dictionary::vr_of(Tag::new(*group, *element)),
            Some(*vr),
            "{group:04X},{element:04X}"
        );
    }
}
