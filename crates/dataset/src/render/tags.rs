//! The attributes that say what pixels look like, by tag (PS3.6), and where each is looked for.

use causeway_core::Tag;

use super::notes::Place;

pub(super) const SHARED_GROUPS: Tag = Tag::new(0x5200, 0x9229);
pub(super) const FRAME_GROUPS: Tag = Tag::new(0x5200, 0x9230);
pub(super) const MODALITY_LUT: Tag = Tag::new(0x0028, 0x3000);
pub(super) const VOI_LUT: Tag = Tag::new(0x0028, 0x3010);

/// Sequences of one functional group each: Pixel Measures, Frame VOI LUT, Pixel Value Transformation.
pub(super) const GROUPS: [Tag; 3] =
    [Tag::new(0x0028, 0x9110), Tag::new(0x0028, 0x9132), Tag::new(0x0028, 0x9145)];

pub(super) const LUT_DESCRIPTOR: Tag = Tag::new(0x0028, 0x3002);
pub(super) const LUT_DATA: Tag = Tag::new(0x0028, 0x3006);

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

/// Descriptor, entries and segmented entries of the red, green and blue look-up table.
pub(super) const PALETTE: [[Tag; 3]; 3] = [
    [Tag::new(0x0028, 0x1101), Tag::new(0x0028, 0x1201), Tag::new(0x0028, 0x1221)],
    [Tag::new(0x0028, 0x1102), Tag::new(0x0028, 0x1202), Tag::new(0x0028, 0x1222)],
    [Tag::new(0x0028, 0x1103), Tag::new(0x0028, 0x1203), Tag::new(0x0028, 0x1223)],
];

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

/// Whether the value of `tag` is noted in `place`.
pub(super) fn is_noted(place: Place, tag: Tag) -> bool {
    match place {
        Place::Image => OF_IMAGE.contains(&tag) || PALETTE.iter().flatten().any(|other| *other == tag),
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
