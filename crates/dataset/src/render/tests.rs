//! What is asked of the pipeline from end to end: data sets made here, read in both layouts, against values worked out
//! by hand.

use std::num::NonZeroU32;

use bytes::Bytes;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{Tag, Uid, Vr};
use proptest::prelude::*;

use super::*;
use crate::frames::{Charter, MIN_WINDOW_BYTES};
use crate::pixels::Codec;
use crate::testing::{Ends, Made, write};

const PIXEL_DATA: Tag = Tag::PIXEL_DATA;
const ROWS: Tag = Tag::ROWS;
const COLUMNS: Tag = Tag::COLUMNS;

fn short(tag: Tag, value: u16) -> Made {
    Made::bytes(tag, Vr::US, &value.to_le_bytes())
}

fn tag(element: u16) -> Tag {
    Tag::new(0x0028, element)
}

/// A grey image of `bits` bits, all of them stored; `more` in place of what it has by itself.
fn image(rows: u16, columns: u16, bits: u16, more: Vec<Made>, pixels: &[u8]) -> Vec<Made> {
    let vr = if bits > 8 { Vr::OW } else { Vr::OB };
    let mut elements = vec![
        short(tag(0x0002), 1),
        Made::text(tag(0x0004), Vr::CS, "MONOCHROME2"),
        short(ROWS, rows),
        short(COLUMNS, columns),
        short(Tag::BITS_ALLOCATED, bits),
        short(tag(0x0101), bits),
        short(tag(0x0102), bits - 1),
        short(tag(0x0103), 0),
    ];
    elements.retain(|element| more.iter().all(|other| other.tag != element.tag));
    elements.extend(more);
    elements.push(Made::bytes(PIXEL_DATA, vr, pixels));
    elements.sort_by_key(|element| element.tag);
    elements
}

/// Reads one frame, counted from 0, out of a data set, in pieces of `piece` bytes.
fn stored(data_set: &[u8], syntax: &str, frame: u32, piece: usize) -> Result<StoredFrame, RenderError> {
    let syntax = Uid::parse(syntax).unwrap();
    let from = |at: u64, most: usize| {
        let at = usize::try_from(at).unwrap().min(data_set.len());
        &data_set[at..(at + most).min(data_set.len())]
    };
    let mut charter = Charter::new(&syntax);
    while let Some(at) = charter.wants() {
        charter.give(from(at, piece.max(MIN_WINDOW_BYTES)))?;
    }
    let chart = charter.finish().ok_or(RenderError::NoPixels)?;
    let mut surveyor = Surveyor::new(&syntax);
    while let Some(at) = surveyor.wants() {
        surveyor.give(from(at, piece))?;
    }
    let views = surveyor.finish().ok_or(RenderError::NoPixels)?;
    let number = NonZeroU32::new(frame + 1).unwrap();
    let span = chart.span(number)?;
    let bytes = from(span.start, usize::try_from(span.end - span.start).unwrap());
    let bytes = chart.cut(number, &Bytes::copy_from_slice(bytes))?;
    let wanted =
        Wanted { window: None, viewport: None, coding: Coding::Png, annotations: Annotations::default() };
    views.frame(frame, bytes, Codec::of(&syntax), &wanted)
}

fn shades_of(elements: &[Made], frame: u32, window: Option<Window>) -> Result<Vec<u8>, RenderError> {
    let explicit = write(elements, Layout::ExplicitLittleEndian);
    let one = stored(&explicit, EXPLICIT_VR_LITTLE_ENDIAN, frame, 7)?;
    let implicit = write(elements, Layout::ImplicitLittleEndian);
    let other = stored(&implicit, IMPLICIT_VR_LITTLE_ENDIAN, frame, 4096)?;
    assert_eq!(one.bytes, other.bytes);
    let (one, other) = (picture(one, window)?, picture(other, window)?);
    assert_eq!(one, other);
    Ok(one.bytes)
}

fn shades(elements: &[Made]) -> Vec<u8> {
    shades_of(elements, 0, None).unwrap()
}

fn words(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn windowed(center: &str, width: &str) -> Vec<Made> {
    vec![Made::text(tag(0x1050), Vr::DS, center), Made::text(tag(0x1051), Vr::DS, width)]
}

#[test]
fn without_a_window_a_frame_goes_from_its_least_to_its_greatest_value() {
    let pixels = words(&[100, 200, 150, 100]);
    assert_eq!(shades(&image(2, 2, 16, vec![], &pixels)), [0, 255, 128, 0]);
}

#[test]
fn values_of_8_bits_are_shown_as_they_are() {
    assert_eq!(shades(&image(2, 2, 8, vec![], &[0, 100, 101, 255])), [0, 100, 101, 255]);
}

#[test]
fn single_bits_are_dark_and_bright_the_lowest_first() {
    assert_eq!(shades(&image(2, 4, 1, vec![], &[0b1000_0001, 0])), [255, 0, 0, 0, 0, 0, 0, 255]);
}

#[test]
fn frames_of_single_bits_may_begin_in_the_middle_of_a_byte() {
    let more = vec![Made::text(Tag::NUMBER_OF_FRAMES, Vr::IS, "3")];
    // 011 101 11|0
    let elements = image(1, 3, 1, more, &[0b1110_1110, 0]);
    let frames = [0, 1, 2].map(|frame| shades_of(&elements, frame, None).unwrap());
    assert_eq!(frames, [[0, 255, 255], [255, 0, 255], [255, 255, 0]]);
}

#[test]
fn the_first_window_counts_and_stands_on_rescaled_values() {
    let mut more = windowed("0\\500", "201\\1");
    more.extend([Made::text(tag(0x1052), Vr::DS, "-1000"), Made::text(tag(0x1053), Vr::DS, "2")]);
    // -0.5 is the middle: from -100.5 to 99.5.
    let pixels = words(&[449, 450, 500, 549, 550, 0]);
    assert_eq!(shades(&image(2, 3, 16, more, &pixels)), [0, 1, 128, 253, 255, 0]);
}

#[test]
fn a_window_that_is_asked_for_stands_in_place_of_the_stored_one() {
    let elements = image(1, 3, 16, windowed("0", "1"), &words(&[10, 20, 30]));
    let window = Window::new(20.0, 20.0, Function::LinearExact);
    assert_eq!(shades_of(&elements, 0, window).unwrap(), [0, 128, 255]);
}

#[test]
fn little_is_bright_where_the_image_says_so() {
    let more = vec![Made::text(tag(0x0004), Vr::CS, "MONOCHROME1")];
    assert_eq!(shades(&image(1, 3, 16, more, &words(&[0, 10, 5]))), [255, 0, 127]);
}

#[test]
fn bits_beside_the_stored_ones_count_for_nothing_and_signs_are_kept() {
    let more = vec![short(tag(0x0101), 12), short(tag(0x0102), 11), short(tag(0x0103), 1)];
    // -1, 0 and 1 of 12 bits, with something else in the upper four.
    assert_eq!(shades(&image(1, 3, 16, more, &words(&[0x0FFF, 0xF000, 0x5001]))), [0, 128, 255]);
    let more = vec![short(tag(0x0101), 12), short(tag(0x0102), 15)];
    assert_eq!(shades(&image(1, 3, 16, more, &words(&[0x0010, 0x002F, 0x0035]))), [0, 128, 255]);
}

#[test]
fn padding_is_background_and_does_not_widen_the_window() {
    let more = vec![short(tag(0x0120), 5000), short(tag(0x0121), 6000)];
    let pixels = words(&[10, 20, 5000, 5999, 6000, 15]);
    assert_eq!(shades(&image(2, 3, 16, more, &pixels)), [0, 255, 0, 0, 0, 128]);
}

#[test]
fn look_up_tables_come_before_windows() {
    let table = |descriptor: &[u16], data: &[u16]| {
        vec![
            Made::bytes(tag(0x3002), Vr::US, &words(descriptor)),
            Made::bytes(tag(0x3006), Vr::OW, &words(data)),
        ]
    };
    let mut more = windowed("0", "1");
    let modality = table(&[3, 10, 16], &[1, 2, 3]);
    let voi = table(&[2, 2, 10], &[0, 1023]);
    more.push(Made::sequence(tag(0x3000), vec![modality], Ends::ByLength));
    more.push(Made::sequence(tag(0x3010), vec![voi, table(&[1, 0, 8], &[7])], Ends::ByDelimiter));
    // Below, at, within, above: 1, 1, 2, 3, 3.
    let pixels = words(&[0, 10, 11, 12, 13]);
    assert_eq!(shades(&image(1, 5, 16, more, &pixels)), [0, 0, 0, 255, 255]);
}

#[test]
fn what_a_functional_group_says_of_a_frame_counts_for_that_frame() {
    let group = |center: &str| vec![Made::sequence(tag(0x9132), vec![windowed(center, "2")], Ends::ByLength)];
    let mut elements = image(1, 1, 16, windowed("1000", "1"), &words(&[10, 10]));
    elements.push(Made::text(Tag::NUMBER_OF_FRAMES, Vr::IS, "2"));
    let rescale = vec![Made::text(tag(0x1052), Vr::DS, "90"), Made::text(tag(0x1053), Vr::DS, "1")];
    let shared = vec![Made::sequence(tag(0x9145), vec![rescale], Ends::ByLength)];
    elements.push(Made::sequence(Tag::new(0x5200, 0x9229), vec![shared], Ends::ByLength));
    let frames = vec![group("50"), group("101")];
    elements.push(Made::sequence(Tag::new(0x5200, 0x9230), frames, Ends::ByDelimiter));
    elements.sort_by_key(|element| element.tag);
    assert_eq!(shades_of(&elements, 0, None).unwrap(), [255]);
    assert_eq!(shades_of(&elements, 1, None).unwrap(), [0]);
}

#[test]
fn palettes_are_read_whole_and_in_segments() {
    let palette =
        |numbers: [u16; 3]| numbers.map(|element| Made::bytes(tag(element), Vr::US, &words(&[4, 1, 16])));
    let mut more = palette([0x1101, 0x1102, 0x1103]).to_vec();
    more.push(Made::text(tag(0x0004), Vr::CS, "PALETTE COLOR"));
    more.push(Made::bytes(tag(0x1201), Vr::OW, &words(&[0, 0x5555, 0xAAAA, 0xFFFF])));
    // One entry, then three in a line up to the greatest; the blue ones all discrete.
    more.push(Made::bytes(tag(0x1222), Vr::OW, &words(&[0, 1, 0, 1, 3, 0xFFFF])));
    more.push(Made::bytes(tag(0x1203), Vr::OW, &words(&[0xFFFF, 0xFFFF, 0, 0])));
    let found = shades(&image(1, 5, 8, more, &[0, 1, 2, 4, 5, 0]));
    assert_eq!(found, [0, 0, 255, 0, 0, 255, 85, 85, 255, 255, 255, 0, 255, 255, 0]);
}

#[test]
fn colour_by_planes_and_with_halved_chrominance_is_put_together() {
    let colour = |photometric: &str, planar| {
        vec![short(tag(0x0002), 3), Made::text(tag(0x0004), Vr::CS, photometric), short(tag(0x0006), planar)]
    };
    let by_plane = image(1, 2, 8, colour("RGB", 1), &[1, 2, 3, 4, 5, 6]);
    assert_eq!(shades(&by_plane), [1, 3, 5, 2, 4, 6]);
    let halved = image(1, 2, 8, colour("YBR_FULL_422", 0), &[10, 20, 128, 128]);
    assert_eq!(shades(&halved), [10, 10, 10, 20, 20, 20]);
    let full = image(1, 2, 8, colour("YBR_FULL", 0), &[10, 128, 128, 20, 128, 128]);
    assert_eq!(shades(&full), [10, 10, 10, 20, 20, 20]);
    let wide = [0_u32, 1 << 31, u32::MAX].map(u32::to_le_bytes).concat();
    assert_eq!(shades(&image(1, 1, 32, colour("RGB", 0), &wide)), [0, 128, 255]);
    let odd = shades_of(&image(1, 2, 8, colour("HSV", 0), &[0; 6]), 0, None);
    assert!(matches!(odd, Err(RenderError::NotRendered(_))));
}

#[test]
fn floating_point_pixels_and_wide_integers_are_rendered() {
    let mut floats = image(1, 4, 32, vec![], &[]);
    floats.retain(|element| element.tag != PIXEL_DATA);
    let values = [f32::NAN, -0.5, 0.0, 0.5].map(f32::to_le_bytes).concat();
    floats.push(Made::bytes(Tag::new(0x7FE0, 0x0008), Vr::OF, &values));
    assert_eq!(shades(&floats), [0, 0, 128, 255]);
    let wide: Vec<u8> = [-10_i32, 0, 10].iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!(shades(&image(1, 3, 32, vec![short(tag(0x0103), 1)], &wide)), [0, 128, 255]);
}

#[test]
fn what_has_no_pixels_or_too_few_is_told() {
    let mut elements = image(2, 2, 16, vec![], &[0; 7]);
    assert!(matches!(shades_of(&elements, 0, None), Err(RenderError::Pixels(_))));
    elements.pop();
    assert_eq!(shades_of(&elements, 0, None), Err(RenderError::NoPixels));
    let whole = write(&image(2, 2, 16, vec![], &[0; 8]), Layout::ExplicitLittleEndian);
    let cut = stored(&whole[..whole.len() - 1], EXPLICIT_VR_LITTLE_ENDIAN, 0, 4096);
    assert!(matches!(cut, Err(RenderError::Pixels(_))));
}

#[test]
fn frames_in_fragments_are_found_in_any_order() {
    let mut elements = image(1, 2, 8, vec![Made::text(Tag::NUMBER_OF_FRAMES, Vr::IS, "3")], &[]);
    elements.retain(|element| element.tag != PIXEL_DATA);
    let fragments = vec![vec![], vec![1, 2], vec![3, 4], vec![5, 6]];
    let value = crate::testing::Content::Fragments(fragments);
    elements.push(Made { tag: PIXEL_DATA, vr: Vr::OB, value });
    let data_set = write(&elements, Layout::ExplicitLittleEndian);
    for frame in [1, 2, 0, 1, 1] {
        let stored = stored(&data_set, "1.2.840.10008.1.2.1.98", frame, 5).unwrap();
        let first = u8::try_from(frame * 2 + 1).unwrap();
        assert_eq!(picture(stored, None).unwrap().bytes, [first, first + 1]);
    }
}

/// Values that are, or nearly are, those of an image.
fn any_element() -> impl Strategy<Value = Made> {
    let numbers = [0x0002, 0x0006, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103, 0x0120, 0x0121];
    let shorts = (prop::sample::select(numbers.to_vec()), prop_oneof![0_u16..20, any::<u16>()])
        .prop_map(|(element, value)| short(tag(element), value));
    let texts =
        (prop::sample::select(vec![0x0008, 0x0030, 0x1050, 0x1051, 0x1052, 0x1053]), "[-0-9.eE\\\\]{0,8}")
            .prop_map(|(element, text)| Made::text(tag(element), Vr::DS, &text));
    let names =
        ["MONOCHROME1", "PALETTE COLOR", "RGB", "YBR_FULL_422", "YBR_FULL", "YBR_PARTIAL_422", "", "X"];
    let photometric =
        prop::sample::select(names.to_vec()).prop_map(|name| Made::text(tag(0x0004), Vr::CS, name));
    let tables =
        prop::sample::select(vec![0x1101, 0x1102, 0x1103, 0x1201, 0x1202, 0x1203, 0x1221, 0x1222, 0x1223]);
    let tables = (tables, prop::collection::vec(prop_oneof![0_u16..9, any::<u16>()], 0..12))
        .prop_map(|(element, numbers)| Made::bytes(tag(element), Vr::OW, &words(&numbers)));
    let lut = prop::collection::vec(prop_oneof![0_u16..17, any::<u16>()], 0..12).prop_map(|numbers| {
        let (descriptor, data) = numbers.split_at(numbers.len().min(3));
        let item = vec![
            Made::bytes(tag(0x3002), Vr::US, &words(descriptor)),
            Made::bytes(tag(0x3006), Vr::OW, &words(data)),
        ];
        Made::sequence(tag(0x3000), vec![item], Ends::ByLength)
    });
    prop_oneof![shorts, texts, photometric, tables, lut]
}

proptest! {
    #[test]
    fn any_attributes_make_a_picture_or_an_error(
        more in prop::collection::vec(any_element(), 0..14),
        pixels in prop::collection::vec(any::<u8>(), 0..64),
        bits in prop::sample::select(vec![1_u16, 8, 16, 32, 64]),
        viewport in (1_u32..20, 1_u32..20, -9.0..9.0_f64, -9.0..9.0_f64),
    ) {
        let mut elements = image(2, 3, bits, more, &pixels);
        elements.dedup_by_key(|element| element.tag);
        let data_set = write(&elements, Layout::ExplicitLittleEndian);
        if let Ok(stored) = stored(&data_set, EXPLICIT_VR_LITTLE_ENDIAN, 0, 64) {
            let pixels = stored.look.shape.pixels();
            // Some shapes here are as large as they may be, which takes long.
            prop_assume!(pixels <= 1 << 16);
            let (width, height, x, side) = viewport;
            let region = Region { x, y: 0.0, width: Some(side), height: None };
            if let Ok(raster) = picture(stored, None) {
                let samples = if raster.channels == Channels::Rgb { 3 } else { 1 };
                prop_assert_eq!(raster.bytes.len(), pixels * samples);
                if let Some(viewport) = Viewport::new(width, height, region)
                    && let Ok(fitted) = geometry::fit(raster, &viewport, 1.0)
                {
                    prop_assert!(fitted.width <= width && fitted.height <= height);
                    prop_assert!(fitted.encode(Coding::Png, &Extras::default()).is_ok());
                }
            }
        }
    }
}
