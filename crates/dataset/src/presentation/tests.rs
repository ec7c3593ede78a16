//! Presentation states as they are read, and the bounds that hold them.

use causeway_core::Vr;
use proptest::prelude::*;

use super::graphic::{MAX_OBJECTS, MAX_POINTS};
use super::layers::MAX_LAYERS;
use super::references::MAX_IMAGES;
use super::shutter::MAX_VERTICES;
use super::*;
use crate::testing::{Ends, Made, pieces, sizes, write};

const LAYOUT: Layout = Layout::ExplicitLittleEndian;

fn read_as(elements: &[Made], layout: Layout, sizes: &[usize]) -> Result<Presentation, PresentationError> {
    let mut reader = Reader::of_state(layout);
    let bytes = write(elements, layout);
    let mut passed = 0_u64;
    for piece in pieces(&bytes, sizes) {
        let skipped = usize::try_from(passed).unwrap().min(piece.len());
        passed -= skipped as u64;
        if let Some(rest) = piece.get(skipped..).filter(|rest| !rest.is_empty()) {
            passed += reader.feed(rest)?;
        }
    }
    reader.finish(Pipeline::Grayscale)
}

fn read(elements: &[Made]) -> Result<Presentation, PresentationError> {
    read_as(elements, LAYOUT, &[1 << 20])
}

fn shorts(tag: Tag, vr: Vr, numbers: &[u16]) -> Made {
    Made::bytes(tag, vr, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}

fn longs(tag: Tag, numbers: &[i32]) -> Made {
    Made::bytes(tag, Vr::SL, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}

fn floats(tag: Tag, numbers: &[f32]) -> Made {
    Made::bytes(tag, Vr::FL, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}

fn sequence(tag: Tag, items: Vec<Vec<Made>>) -> Made {
    Made::sequence(tag, items, Ends::ByLength)
}

fn image(uid: &str) -> Vec<Made> {
    vec![Made::text(tags::REFERENCED_INSTANCE, Vr::UI, uid)]
}

fn graphic(kind: &str, points: &[f32]) -> Vec<Made> {
    vec![
        Made::text(tags::GRAPHIC_UNITS, Vr::CS, "PIXEL"),
        floats(tags::GRAPHIC_DATA, points),
        Made::text(tags::GRAPHIC_TYPE, Vr::CS, kind),
    ]
}

/// A state with something of everything.
fn whole() -> Vec<Made> {
    let mut frames = image("1.2.3");
    frames.push(Made::text(tags::REFERENCED_FRAMES, Vr::IS, "2\\4"));
    let series = vec![
        sequence(tags::IMAGES, vec![frames, image("1.2.4")]),
        Made::text(tags::SERIES_UID, Vr::UI, "1.9"),
    ];
    let window = vec![
        sequence(tags::IMAGES, vec![image("1.2.4")]),
        Made::text(tags::WINDOW_CENTER, Vr::DS, "40"),
        Made::text(tags::WINDOW_WIDTH, Vr::DS, "400"),
    ];
    let area = vec![
        longs(tags::AREA_START, &[8, 6]),
        longs(tags::AREA_END, &[1, 2]),
        Made::text(tags::SIZE_MODE, Vr::CS, "MAGNIFY"),
        Made::text(tags::ASPECT, Vr::IS, "2\\1"),
        floats(tags::MAGNIFICATION, &[1.5]),
    ];
    let layer = |name, order| {
        vec![
            Made::text(tags::LAYER, Vr::CS, name),
            Made::text(tags::LAYER_ORDER, Vr::IS, order),
            shorts(tags::LAYER_GREY, Vr::US, &[7]),
        ]
    };
    let annotation = vec![
        Made::text(tags::LAYER, Vr::CS, "UP"),
        sequence(tags::GRAPHICS, vec![graphic("POLYLINE", &[0.0; 4])]),
    ];
    vec![
        sequence(tags::SERIES, vec![series]),
        Made::text(tags::SHUTTER_SHAPE, Vr::CS, "CIRCULAR"),
        Made::text(tags::SHUTTER_CENTER, Vr::IS, "5\\6"),
        Made::text(tags::SHUTTER_RADIUS, Vr::IS, "3"),
        Made::text(tags::RESCALE_INTERCEPT, Vr::DS, "-1024"),
        Made::text(tags::RESCALE_SLOPE, Vr::DS, "2"),
        sequence(tags::SOFTCOPY_VOI, vec![window]),
        sequence(tags::ANNOTATIONS, vec![annotation]),
        Made::text(tags::HORIZONTAL_FLIP, Vr::CS, "Y"),
        shorts(tags::ROTATION, Vr::US, &[270]),
        sequence(tags::AREAS, vec![area]),
        sequence(tags::LAYERS, vec![layer("UP", "2"), layer("DOWN", "1")]),
        Made::text(tags::PRESENTATION_SHAPE, Vr::CS, "INVERSE"),
        shorts(tags::overlay(0x6002, 0x0010), Vr::US, &[1]),
        shorts(tags::overlay(0x6002, 0x0011), Vr::US, &[16]),
        shorts(tags::overlay(0x6002, 0x0050), Vr::SS, &[3, 2]),
        Made::text(tags::overlay(0x6002, 0x1001), Vr::CS, "DOWN"),
        shorts(tags::overlay(0x6002, 0x3000), Vr::OW, &[0x8001]),
    ]
}

#[test]
fn everything_that_a_state_says_is_read() {
    let state = read(&whole()).unwrap();
    let uid = |text| Uid::parse(text).unwrap();
    let reference = |instance, frames: &[u32]| Reference {
        series: Some(uid("1.9")),
        instance: uid(instance),
        frames: frames.to_vec(),
    };
    assert_eq!(state.references(), [reference("1.2.3", &[2, 4]), reference("1.2.4", &[])]);
    assert_eq!(state.tones.meaning, Meaning::Rescale { slope: 2.0, intercept: -1024.0 });
    assert!(state.tones.interest(&uid("1.2.4"), 1).is_some());
    assert!(state.tones.interest(&uid("1.2.3"), 2).is_none());
    assert_eq!(state.tones.shape, Shape::Inverse);
    assert_eq!(state.shutter.openings, [Opening::Circle { row: 5.0, column: 6.0, radius: 3.0 }]);
    assert_eq!((state.space.rotation, state.space.flip), (Rotation::ThreeQuarters, Flip::Horizontal));
    let area = Area { left: 0, top: 1, width: 8, height: 5, size: Size::Magnified(1.5), aspect: 2.0 };
    assert_eq!(state.space.area(&uid("1.2.3"), 1), Some(area));
    assert_eq!(state.layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["DOWN", "UP"]);
    assert_eq!(state.annotations[0].graphics[0].kind, Kind::Polyline);
    assert_eq!(state.activations, [(0x6002, "DOWN".to_owned())]);
    assert!(!state.wants_overlays());
    let plane = &state.overlays[0];
    let set: Vec<i64> = (0..20).filter(|column| plane.is_set(*column, 2, 1)).collect();
    assert_eq!(set, [1, 16]);
    assert!(!plane.is_set(1, 1, 1) && !plane.is_set(1, 3, 1) && !plane.is_set(i64::MIN, i64::MAX, u32::MAX));
}

#[test]
fn what_a_state_does_not_say_is_an_identity() {
    let state = read(&[]).unwrap();
    let image = Uid::parse("1.2").unwrap();
    assert_eq!((&state.tones.meaning, &state.tones.shape), (&Meaning::Same, &Shape::Identity));
    assert!(state.tones.interest(&image, 1).is_none() && state.space.area(&image, 1).is_none());
    assert!(state.shutter.openings.is_empty() && state.layers.is_empty() && !state.wants_overlays());
}

#[test]
fn what_cannot_be_read_is_no_identity() {
    let wrong = [
        shorts(tags::ROTATION, Vr::US, &[45]),
        Made::text(tags::SHUTTER_SHAPE, Vr::CS, "CIRCULAR"),
        Made::text(tags::SHUTTER_SHAPE, Vr::CS, "STAR"),
        sequence(tags::SOFTCOPY_VOI, vec![Vec::new()]),
        sequence(tags::MODALITY_LUT, vec![Vec::new()]),
        sequence(tags::PRESENTATION_LUT, vec![Vec::new()]),
        sequence(tags::AREAS, vec![vec![longs(tags::AREA_START, &[1])]]),
        sequence(tags::MASK, vec![Vec::new()]),
        sequence(
            tags::ANNOTATIONS,
            vec![vec![sequence(tags::GRAPHICS, vec![graphic("POLYLINE", &[0.0; 2])])]],
        ),
        sequence(
            tags::ANNOTATIONS,
            vec![vec![sequence(tags::GRAPHICS, vec![graphic("CIRCLE", &[f32::NAN; 4])])]],
        ),
        sequence(tags::ANNOTATIONS, vec![vec![sequence(tags::TEXTS, vec![Vec::new()])]]),
        sequence(tags::SERIES, vec![vec![sequence(tags::IMAGES, vec![Vec::new()])]]),
    ];
    for element in wrong {
        assert!(read(std::slice::from_ref(&element)).is_err(), "{:?}", element.tag);
    }
}

/// Asserts that a state with one less than a bound and with as many is read, and one with one more is not.
#[track_caller]
fn is_bounded(most: usize, make: impl Fn(usize) -> Made) {
    assert!(read(&[make(most - 1)]).is_ok() && read(&[make(most)]).is_ok());
    assert!(matches!(read(&[make(most + 1)]), Err(PresentationError::TooMany(_, bound)) if bound == most));
}

#[test]
fn counts_are_bounded_at_below_and_above() {
    let images = |count| vec![image("1.2"); count];
    is_bounded(MAX_IMAGES, |count| sequence(tags::SERIES, vec![vec![sequence(tags::IMAGES, images(count))]]));
    is_bounded(MAX_LAYERS, |count| {
        sequence(tags::LAYERS, vec![vec![Made::text(tags::LAYER, Vr::CS, "A")]; count])
    });
    is_bounded(MAX_OBJECTS, |count| {
        let graphics = vec![graphic("POINT", &[0.0; 2]); count - 1];
        sequence(tags::ANNOTATIONS, vec![vec![sequence(tags::GRAPHICS, graphics)]])
    });
    is_bounded(MAX_POINTS, |count| {
        // A value of explicit VR has room for so many.
        let points = |count: usize| graphic("POINT", &vec![0.0; 2 * count]);
        let graphics = vec![points(5_000); (count - 1) / 5_000];
        let rest = points(count - graphics.len() * 5_000);
        let graphics = graphics.into_iter().chain([rest]).collect();
        sequence(tags::ANNOTATIONS, vec![vec![sequence(tags::GRAPHICS, graphics)]])
    });
}

#[test]
fn vertices_are_bounded_at_below_and_above() {
    let polygon = |count: usize| {
        let numbers = vec!["1"; 2 * count].join("\\");
        read(&[
            Made::text(tags::SHUTTER_SHAPE, Vr::CS, "POLYGONAL"),
            Made::text(tags::SHUTTER_VERTICES, Vr::IS, &numbers),
        ])
    };
    assert!(polygon(MAX_VERTICES - 1).is_ok() && polygon(MAX_VERTICES).is_ok());
    assert!(matches!(polygon(MAX_VERTICES + 1), Err(PresentationError::TooMany(_, MAX_VERTICES))));
}

#[test]
fn a_state_is_bounded_in_its_bytes_below_and_above() {
    let of = |bytes: usize| read(&[Made::bytes(tags::overlay(0x6000, 0x3000), Vr::OW, &vec![0; bytes])]);
    assert!(of(MAX_STATE_BYTES - 64).is_ok());
    assert_eq!(of(MAX_STATE_BYTES), Err(PresentationError::TooLong));
}

#[test]
fn overlays_of_an_image_are_read_up_to_its_pixels() {
    let mut elements = whole();
    elements.push(Made::bytes(Tag::new(0x7FE0, 0x0010), Vr::OW, &[0; 64]));
    let mut reader = Reader::of_overlays(LAYOUT);
    reader.feed(&write(&elements, LAYOUT)).unwrap();
    assert!(reader.is_done());
    assert_eq!(reader.overlays().unwrap().len(), 1);
}

proptest! {
    #[test]
    fn a_state_reads_the_same_in_pieces_of_any_size_and_in_either_layout(sizes in sizes()) {
        let all = read(&whole()).unwrap();
        for layout in [Layout::ExplicitLittleEndian, Layout::ImplicitLittleEndian] {
            prop_assert_eq!(&read_as(&whole(), layout, &sizes).unwrap(), &all);
        }
    }

    #[test]
    fn broken_states_are_read_or_refused(at in 0_usize..2_000, byte: u8) {
        let mut bytes = write(&whole(), LAYOUT);
        let length = bytes.len();
        bytes[at % length] = byte;
        let mut reader = Reader::of_state(LAYOUT);
        if reader.feed(&bytes).is_ok() {
            let _ = reader.finish(Pipeline::Grayscale);
        }
    }
}
