//! The attributes that say what pixels look like, by tag (PS3.6), and where each is looked for.

use causeway_core::Tag;

use super::notes::Place;
pub(super) use crate::presentation::PALETTE;

pub(super) const SHARED_GROUPS: Tag = Tag::new(0x5200, 0x9229);
pub(super) const FRAME_GROUPS: Tag = Tag::new(0x5200, 0x9230);
pub(super) const MODALITY_LUT: Tag = Tag::new(0x0028, 0x3000);
pub(super) const VOI_LUT: Tag = Tag::new(0x0028, 0x3010);

/// Sequences of one functional group each: Pixel Measures, Frame VOI LUT, Pixel Value Transformation, Plane Position.
pub(super) const GROUPS: [Tag; 4] =
    [Tag::new(0x0028, 0x9110), Tag::new(0x0028, 0x9132), Tag::new(0x0028, 0x9145), Tag::new(0x0020, 0x9113)];

pub(super) const LUT_DESCRIPTOR: Tag = Tag::new(0x0028, 0x3002);
pub(super) const LUT_DATA: Tag = Tag::new(0x0028, 0x3006);

/// What says how long frames are shown.
pub(super) const FRAME_INCREMENT_POINTER: Tag = Tag::new(0x0028, 0x0009);
pub(super) const FRAME_TIME: Tag = Tag::new(0x0018, 0x1063);
pub(super) const FRAME_TIME_VECTOR: Tag = Tag::new(0x0018, 0x1065);
pub(super) const CINE_RATE: Tag = Tag::new(0x0018, 0x0040);
pub(super) const DISPLAY_RATE: Tag = Tag::new(0x0008, 0x2144);

/// What is told of how an image was made, besides what `core` has a name for.
pub(super) const SERIES_NUMBER: Tag = Tag::new(0x0020, 0x0011);
pub(super) const INSTANCE_NUMBER: Tag = Tag::new(0x0020, 0x0013);
pub(super) const IMAGE_POSITION: Tag = Tag::new(0x0020, 0x0032);
pub(super) const SLICE_THICKNESS: Tag = Tag::new(0x0018, 0x0050);
pub(super) const KVP: Tag = Tag::new(0x0018, 0x0060);
pub(super) const TUBE_CURRENT: Tag = Tag::new(0x0018, 0x1151);

pub(super) const BITS_STORED: Tag = Tag::new(0x0028, 0x0101);
pub(super) const HIGH_BIT: Tag = Tag::new(0x0028, 0x0102);
pub(super) const PADDING: Tag = Tag::new(0x0028, 0x0120);
pub(super) const PADDING_LIMIT: Tag = Tag::new(0x0028, 0x0121);
pub(super) const WINDOW_CENTER: Tag = Tag::new(0x0028, 0x1050);
pub(super) const WINDOW_WIDTH: Tag = Tag::new(0x0028, 0x1051);
pub(super) const RESCALE_INTERCEPT: Tag = Tag::new(0x0028, 0x1052);
pub(super) const RESCALE_SLOPE: Tag = Tag::new(0x0028, 0x1053);
pub(super) const VOI_LUT_FUNCTION: Tag = Tag::new(0x0028, 0x1056);

pub(super) const PIXEL_SPACING: Tag = Tag::new(0x0028, 0x0030);
pub(super) const PIXEL_ASPECT_RATIO: Tag = Tag::new(0x0028, 0x0034);
pub(super) const IMAGER_PIXEL_SPACING: Tag = Tag::new(0x0018, 0x1164);

/// Noted in the data set and in functional groups.
const OF_IMAGE: [Tag; 12] = [
    BITS_STORED,
    HIGH_BIT,
    PADDING,
    PADDING_LIMIT,
    WINDOW_CENTER,
    WINDOW_WIDTH,
    RESCALE_INTERCEPT,
    RESCALE_SLOPE,
    VOI_LUT_FUNCTION,
    PIXEL_SPACING,
    PIXEL_ASPECT_RATIO,
    IMAGER_PIXEL_SPACING,
];

/// Noted too: what is burnt in where that is asked for, and what a film needs.
const OF_INSTANCE: [Tag; 20] = [
    Tag::SPECIFIC_CHARACTER_SET,
    Tag::PATIENT_NAME,
    Tag::PATIENT_ID,
    Tag::PATIENT_BIRTH_DATE,
    Tag::PATIENT_SEX,
    Tag::MODALITY,
    Tag::STUDY_DATE,
    Tag::STUDY_TIME,
    Tag::STUDY_DESCRIPTION,
    Tag::SERIES_DESCRIPTION,
    SERIES_NUMBER,
    INSTANCE_NUMBER,
    IMAGE_POSITION,
    SLICE_THICKNESS,
    KVP,
    TUBE_CURRENT,
    FRAME_INCREMENT_POINTER,
    FRAME_TIME,
    FRAME_TIME_VECTOR,
    CINE_RATE,
];

/// Whether the value of `tag` is noted in `place`.
pub(super) fn is_noted(place: Place, tag: Tag) -> bool {
    match place {
        Place::Image => {
            let is_simple = OF_IMAGE.contains(&tag) || OF_INSTANCE.contains(&tag) || tag == DISPLAY_RATE;
            is_simple || PALETTE.iter().flatten().any(|other| *other == tag)
        }
        Place::ModalityLut | Place::VoiLut => tag == LUT_DESCRIPTOR || tag == LUT_DATA,
    }
}

/// Whether it is part of what turns stored values into what they mean (PS3.3 §C.11.1).
pub(super) fn is_modality(place: Place, tag: Tag) -> bool {
    place == Place::ModalityLut
        || (place == Place::Image && [RESCALE_INTERCEPT, RESCALE_SLOPE].contains(&tag))
}

/// Whether it is part of what chooses the values that are shown (PS3.3 §C.11.2).
pub(super) fn is_voi(place: Place, tag: Tag) -> bool {
    let of_window = [WINDOW_CENTER, WINDOW_WIDTH, VOI_LUT_FUNCTION];
    place == Place::VoiLut || (place == Place::Image && of_window.contains(&tag))
}
