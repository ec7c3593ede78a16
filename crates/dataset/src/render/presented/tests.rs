//! Frames as a presentation state shows them.

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use super::*;
use crate::presentation::Reader;
use crate::testing::{Ends, Made, write};

const LAYOUT: Layout = Layout::ExplicitLittleEndian;

fn state(elements: &[Made]) -> Arc<Presentation> {
    let mut reader = Reader::of_state(LAYOUT);
    reader.feed(&write(elements, LAYOUT)).unwrap();
    Arc::new(reader.finish(Pipeline::Grayscale).unwrap())
}

fn shown(elements: &[Made], frame: &Raster, viewport: Option<&Viewport>) -> Raster {
    let image = Uid::parse("1.2").unwrap();
    let presented = Presented { state: state(elements), image, frame: 1, overlays: Arc::new([]) };
    presented.show(frame.clone(), viewport).unwrap()
}

fn grey(width: u32, height: u32, bytes: &[u8]) -> Raster {
    Raster { width, height, channels: Channels::Grey, bytes: bytes.to_vec() }
}

fn numbers(tag: (u16, u16), vr: Vr, bytes: impl IntoIterator<Item = u8>) -> Made {
    Made::bytes(Tag::new(tag.0, tag.1), vr, &bytes.into_iter().collect::<Vec<_>>())
}

fn word(tag: (u16, u16), vr: Vr, text: &str) -> Made {
    Made::text(Tag::new(tag.0, tag.1), vr, text)
}

fn rotation(degrees: u16) -> Made {
    numbers((0x0070, 0x0042), Vr::US, degrees.to_le_bytes())
}

fn area(from: [i32; 2], to: [i32; 2]) -> Made {
    let corner = |element, corner: [i32; 2]| {
        numbers((0x0070, element), Vr::SL, corner.into_iter().flat_map(i32::to_le_bytes))
    };
    let items = vec![vec![corner(0x0052, from), corner(0x0053, to)]];
    Made::sequence(Tag::new(0x0070, 0x005A), items, Ends::ByLength)
}

fn flip() -> Made {
    word((0x0070, 0x0041), Vr::CS, "Y")
}

/// A layer with one graphic in it.
fn drawn(kind: &str, units: &str, points: &[f32]) -> [Made; 2] {
    let data = numbers((0x0070, 0x0022), Vr::FL, points.iter().flat_map(|number| number.to_le_bytes()));
    let graphic = vec![word((0x0070, 0x0005), Vr::CS, units), data, word((0x0070, 0x0023), Vr::CS, kind)];
    let graphics = Made::sequence(Tag::new(0x0070, 0x0009), vec![graphic], Ends::ByLength);
    let annotation = vec![word((0x0070, 0x0002), Vr::CS, "A"), graphics];
    let layer = vec![
        word((0x0070, 0x0002), Vr::CS, "A"),
        word((0x0070, 0x0062), Vr::IS, "1"),
        numbers((0x0070, 0x0066), Vr::US, [0xFF, 0xFF]),
    ];
    [
        Made::sequence(Tag::new(0x0070, 0x0001), vec![annotation], Ends::ByLength),
        Made::sequence(Tag::new(0x0070, 0x0060), vec![layer], Ends::ByLength),
    ]
}

#[test]
fn images_are_turned_clockwise_and_then_turned_over() {
    let frame = grey(3, 2, &[1, 2, 3, 4, 5, 6]);
    for (degrees, wanted, turned_over) in [
        (0, [1, 2, 3, 4, 5, 6], [3, 2, 1, 6, 5, 4]),
        (90, [4, 1, 5, 2, 6, 3], [1, 4, 2, 5, 3, 6]),
        (180, [6, 5, 4, 3, 2, 1], [4, 5, 6, 1, 2, 3]),
        (270, [3, 6, 2, 5, 1, 4], [6, 3, 5, 2, 4, 1]),
    ] {
        assert_eq!(shown(&[rotation(degrees)], &frame, None).bytes, wanted, "{degrees}");
        assert_eq!(shown(&[flip(), rotation(degrees)], &frame, None).bytes, turned_over, "{degrees}");
    }
}

#[test]
fn an_area_may_begin_outside_of_the_image() {
    let frame = grey(3, 2, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(shown(&[area([2, 1], [3, 2])], &frame, None).bytes, [2, 3, 5, 6]);
    let around = shown(&[area([0, 0], [4, 3])], &frame, None);
    assert_eq!((around.width, around.height), (5, 4));
    assert_eq!(around.bytes, [0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0]);
    let elsewhere = shown(&[area([10, 10], [11, 11])], &frame, None);
    assert_eq!(elsewhere.bytes, [0; 4]);
}

#[test]
fn points_come_to_lie_where_their_pixels_do() {
    let mut frame = grey(8, 6, &[0; 48]);
    frame.bytes[2 * 8 + 5] = 255;
    for degrees in [0, 90, 180, 270] {
        for flip in [vec![], vec![flip()]] {
            for area in [vec![], vec![area([3, 2], [7, 5])], vec![area([-2, -1], [9, 9])]] {
                let spatial: Vec<Made> =
                    flip.iter().cloned().chain([rotation(degrees)]).chain(area).collect();
                let pixel = shown(&spatial, &frame, None);
                let line: Vec<Made> =
                    drawn("POLYLINE", "PIXEL", &[5.5, 2.5, 5.5, 2.5]).into_iter().chain(spatial).collect();
                let mut line = line;
                line.sort_by_key(|element| element.tag);
                assert_eq!(shown(&line, &grey(8, 6, &[0; 48]), None), pixel, "{degrees}");
            }
        }
    }
}

#[test]
fn graphics_in_the_displayed_area_count_its_parts() {
    let picture = shown(&drawn("POLYLINE", "DISPLAY", &[0.0, 0.5, 1.0, 0.5]), &grey(4, 4, &[0; 16]), None);
    assert_eq!(picture.bytes, [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]);
}

#[test]
fn round_lines_go_through_their_points() {
    let frame = grey(20, 20, &[0; 400]);
    let bright = |picture: &Raster, x: usize, y: usize| picture.bytes[y * 20 + x] == 255;
    let circle = shown(&drawn("CIRCLE", "PIXEL", &[10.5, 10.5, 14.5, 10.5]), &frame, None);
    assert!(
        bright(&circle, 14, 10)
            && bright(&circle, 6, 10)
            && bright(&circle, 10, 6)
            && bright(&circle, 10, 14)
    );
    assert!(!bright(&circle, 10, 10));
    let ellipse = drawn("ELLIPSE", "PIXEL", &[2.5, 10.5, 18.5, 10.5, 10.5, 7.5, 10.5, 13.5]);
    let ellipse = shown(&ellipse, &frame, None);
    assert!(
        bright(&ellipse, 2, 10)
            && bright(&ellipse, 18, 10)
            && bright(&ellipse, 10, 7)
            && bright(&ellipse, 10, 13)
    );
    let bent = drawn("INTERPOLATED", "PIXEL", &[2.5, 2.5, 10.5, 6.5, 18.5, 2.5]);
    let bent = shown(&bent, &frame, None);
    assert!(bright(&bent, 2, 2) && bright(&bent, 10, 6) && bright(&bent, 18, 2));
}

#[test]
fn points_far_away_are_no_harm() {
    for kind in ["POLYLINE", "INTERPOLATED", "CIRCLE", "POINT"] {
        let picture = drawn(kind, "PIXEL", &[-3e38, 3e38, 3e38, -3e38]);
        assert_eq!(shown(&picture, &grey(9, 9, &[0; 81]), None).bytes.len(), 81);
    }
}

#[test]
fn what_lies_outside_of_a_shutter_is_covered() {
    let shapes = |elements: &[Made]| shown(elements, &grey(5, 5, &[9; 25]), None).bytes;
    let shape = |name| word((0x0018, 0x1600), Vr::CS, name);
    let edges = [(0x1602, "2"), (0x1604, "4"), (0x1606, "3"), (0x1608, "4")];
    let edges = edges.map(|(element, edge)| word((0x0018, element), Vr::IS, edge));
    let covered = numbers((0x0018, 0x1622), Vr::US, [0xFF, 0xFF]);
    let rectangle: Vec<Made> =
        [shape("RECTANGULAR")].into_iter().chain(edges).chain([covered.clone()]).collect();
    let mut wanted = [255; 25];
    for at in [11, 12, 13, 16, 17, 18] {
        wanted[at] = 9;
    }
    assert_eq!(shapes(&rectangle), wanted);
    let polygon = word((0x0018, 0x1620), Vr::IS, "3\\2\\3\\4\\4\\4\\4\\2");
    assert_eq!(shapes(&[shape("POLYGONAL"), polygon, covered.clone()]), wanted);
    let circle = [word((0x0018, 0x1610), Vr::IS, "3\\3"), word((0x0018, 0x1612), Vr::IS, "1")];
    let circle: Vec<Made> = [shape("CIRCULAR")].into_iter().chain(circle).chain([covered]).collect();
    let open: Vec<usize> = (0..25).filter(|at| shapes(&circle)[*at] == 9).collect();
    assert_eq!(open, [7, 11, 12, 13, 17]);
}

#[test]
fn an_area_is_scaled_to_a_viewport_and_may_be_magnified() {
    let frame = grey(4, 2, &[9; 8]);
    let viewport = Viewport::of_part(Some(8), Some(8), None).unwrap();
    let fitted = shown(&[], &frame, Some(&viewport));
    assert_eq!((fitted.width, fitted.height), (8, 4));
    let turned = shown(&[rotation(90)], &frame, Some(&viewport));
    assert_eq!((turned.width, turned.height), (4, 8));
    let corner = |element, numbers_of: [i32; 2]| {
        numbers((0x0070, element), Vr::SL, numbers_of.into_iter().flat_map(i32::to_le_bytes))
    };
    let item = vec![
        corner(0x0052, [1, 1]),
        corner(0x0053, [4, 2]),
        word((0x0070, 0x0100), Vr::CS, "MAGNIFY"),
        numbers((0x0070, 0x0103), Vr::FL, 3.0_f32.to_le_bytes()),
    ];
    let magnified = [Made::sequence(Tag::new(0x0070, 0x005A), vec![item], Ends::ByLength)];
    let picture = shown(&magnified, &frame, None);
    assert_eq!((picture.width, picture.height), (12, 6));
    let picture = shown(&magnified, &frame, Some(&viewport));
    assert_eq!((picture.width, picture.height), (8, 6));
}

#[test]
fn all_that_is_drawn_is_bounded() {
    let mut raster = grey(4, 4, &[0; 16]);
    let mut pen = pen::Pen::new(&mut raster);
    assert!(pen.spend(pen::MAX_DRAWN_PIXELS - 1).is_ok() && pen.spend(1).is_ok());
    assert!(matches!(pen.spend(1), Err(RenderError::NotRendered(_))));
}
