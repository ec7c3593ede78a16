//! Presentation states (PS3.3 §A.33): read, and applied to an image of sixteen pixels. Whatever a state asks for, making a
//! picture ends, and the picture is one.
//!
//! Input: layout, pipeline, the data set of the state.

use std::sync::Arc;

use bytes::Bytes;
use causeway_core::Uid;
use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_dataset::presentation::{Pipeline, Reader};
use causeway_dataset::render::{Annotations, Coding, Surveyor, Viewport, Wanted, render};

/// Rows, columns, bits and the pixels of an image, in explicit VR little endian.
const IMAGE: &[u8] = b"\x28\0\x02\0US\x02\0\x01\0\x28\0\x04\0CS\x0C\0MONOCHROME2 \x28\0\x10\0US\x02\0\x04\0\
\x28\0\x11\0US\x02\0\x04\0\x28\0\x00\x01US\x02\0\x08\0\x28\0\x01\x01US\x02\0\x08\0\x28\0\x02\x01US\x02\0\x07\0\
\x28\0\x03\x01US\x02\0\0\0\xE0\x7F\x10\0OB\0\0\x10\0\0\x000123456789abcdef";
const PIXELS: &[u8] = b"0123456789abcdef";

pub(crate) fn run(data: &[u8]) {
    let Some(([layout, pipeline], state)) = data.split_first_chunk::<2>() else { return };
    let pipeline = match pipeline % 3 {
        0 => Pipeline::Grayscale,
        1 => Pipeline::Color,
        _ => Pipeline::PseudoColor,
    };
    let mut reader = Reader::of_state(super::layout(*layout));
    let Ok(_) = reader.feed(state) else { return };
    let Ok(state) = reader.finish(pipeline) else { return };
    let viewport = Viewport::of_part(Some(32), None, None);
    for viewport in [None, viewport] {
        let Ok(syntax) = Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN) else { return };
        let mut surveyor = Surveyor::new(&syntax);
        assert!(surveyor.give(IMAGE).is_ok(), "the image is none");
        let Some(mut views) = surveyor.finish() else { return };
        views.present(Arc::new(state.clone()), syntax, Vec::new());
        let wanted =
            Wanted { window: None, viewport, coding: Coding::Png, annotations: Annotations::default() };
        let Ok(frame) = views.frame(0, Bytes::from_static(PIXELS), None, &wanted) else { return };
        if let Ok(picture) = render(frame, &wanted) {
            assert!(picture.starts_with(b"\x89PNG"));
        }
    }
}
