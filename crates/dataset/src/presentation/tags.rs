//! Attributes of presentation states, by tag (PS3.6).

use causeway_core::Tag;

pub(super) const SERIES: Tag = Tag::new(0x0008, 0x1115);
pub(super) const IMAGES: Tag = Tag::new(0x0008, 0x1140);
pub(super) const REFERENCED_INSTANCE: Tag = Tag::new(0x0008, 0x1155);
pub(super) const REFERENCED_FRAMES: Tag = Tag::new(0x0008, 0x1160);
pub(super) const SERIES_UID: Tag = Tag::new(0x0020, 0x000E);

/// Modality LUT and rescaling, VOI, presentation LUT (PS3.3 §C.11.1, §C.11.8, §C.11.6).
pub(super) const MODALITY_LUT: Tag = Tag::new(0x0028, 0x3000);
pub(super) const RESCALE_INTERCEPT: Tag = Tag::new(0x0028, 0x1052);
pub(super) const RESCALE_SLOPE: Tag = Tag::new(0x0028, 0x1053);
pub(super) const SOFTCOPY_VOI: Tag = Tag::new(0x0028, 0x3110);
pub(super) const VOI_LUT: Tag = Tag::new(0x0028, 0x3010);
pub(super) const WINDOW_CENTER: Tag = Tag::new(0x0028, 0x1050);
pub(super) const WINDOW_WIDTH: Tag = Tag::new(0x0028, 0x1051);
pub(super) const VOI_FUNCTION: Tag = Tag::new(0x0028, 0x1056);
pub(super) const PRESENTATION_LUT: Tag = Tag::new(0x2050, 0x0010);
pub(super) const PRESENTATION_SHAPE: Tag = Tag::new(0x2050, 0x0020);
pub(super) const LUT_DESCRIPTOR: Tag = Tag::new(0x0028, 0x3002);
pub(super) const LUT_DATA: Tag = Tag::new(0x0028, 0x3006);
pub(super) const MASK: Tag = Tag::new(0x0028, 0x6100);
pub(super) const ICC_PROFILE: Tag = Tag::new(0x0028, 0x2000);
/// Descriptor, entries and segmented entries of the red, green and blue look-up table.
pub(crate) const PALETTE: [[Tag; 3]; 3] = [
    [Tag::new(0x0028, 0x1101), Tag::new(0x0028, 0x1201), Tag::new(0x0028, 0x1221)],
    [Tag::new(0x0028, 0x1102), Tag::new(0x0028, 0x1202), Tag::new(0x0028, 0x1222)],
    [Tag::new(0x0028, 0x1103), Tag::new(0x0028, 0x1203), Tag::new(0x0028, 0x1223)],
];

/// Shutters (PS3.3 §C.7.6.11, §C.7.6.15).
pub(super) const SHUTTER_SHAPE: Tag = Tag::new(0x0018, 0x1600);
pub(super) const SHUTTER_EDGES: [Tag; 4] =
    [Tag::new(0x0018, 0x1602), Tag::new(0x0018, 0x1604), Tag::new(0x0018, 0x1606), Tag::new(0x0018, 0x1608)];
pub(super) const SHUTTER_CENTER: Tag = Tag::new(0x0018, 0x1610);
pub(super) const SHUTTER_RADIUS: Tag = Tag::new(0x0018, 0x1612);
pub(super) const SHUTTER_VERTICES: Tag = Tag::new(0x0018, 0x1620);
pub(super) const SHUTTER_VALUE: Tag = Tag::new(0x0018, 0x1622);
pub(super) const SHUTTER_OVERLAY: Tag = Tag::new(0x0018, 0x1623);
pub(super) const SHUTTER_COLOUR: Tag = Tag::new(0x0018, 0x1624);

/// Displayed area and spatial transformation (PS3.3 §C.10.4, §C.10.6).
pub(super) const HORIZONTAL_FLIP: Tag = Tag::new(0x0070, 0x0041);
pub(super) const ROTATION: Tag = Tag::new(0x0070, 0x0042);
pub(super) const AREAS: Tag = Tag::new(0x0070, 0x005A);
pub(super) const AREA_START: Tag = Tag::new(0x0070, 0x0052);
pub(super) const AREA_END: Tag = Tag::new(0x0070, 0x0053);
pub(super) const SIZE_MODE: Tag = Tag::new(0x0070, 0x0100);
pub(super) const SPACING: Tag = Tag::new(0x0070, 0x0101);
pub(super) const ASPECT: Tag = Tag::new(0x0070, 0x0102);
pub(super) const MAGNIFICATION: Tag = Tag::new(0x0070, 0x0103);

/// Layers and annotations (PS3.3 §C.10.5, §C.10.7).
pub(super) const LAYERS: Tag = Tag::new(0x0070, 0x0060);
pub(super) const LAYER: Tag = Tag::new(0x0070, 0x0002);
pub(super) const LAYER_ORDER: Tag = Tag::new(0x0070, 0x0062);
pub(super) const LAYER_GREY: Tag = Tag::new(0x0070, 0x0066);
pub(super) const LAYER_COLOUR: Tag = Tag::new(0x0070, 0x0401);
pub(super) const ANNOTATIONS: Tag = Tag::new(0x0070, 0x0001);
pub(super) const TEXTS: Tag = Tag::new(0x0070, 0x0008);
pub(super) const BOX_UNITS: Tag = Tag::new(0x0070, 0x0003);
pub(super) const ANCHOR_UNITS: Tag = Tag::new(0x0070, 0x0004);
pub(super) const TEXT: Tag = Tag::new(0x0070, 0x0006);
pub(super) const BOX_START: Tag = Tag::new(0x0070, 0x0010);
pub(super) const BOX_END: Tag = Tag::new(0x0070, 0x0011);
pub(super) const JUSTIFICATION: Tag = Tag::new(0x0070, 0x0012);
pub(super) const ANCHOR: Tag = Tag::new(0x0070, 0x0014);
pub(super) const ANCHOR_VISIBLE: Tag = Tag::new(0x0070, 0x0015);
pub(super) const GRAPHICS: Tag = Tag::new(0x0070, 0x0009);
pub(super) const GRAPHIC_UNITS: Tag = Tag::new(0x0070, 0x0005);
pub(super) const GRAPHIC_DATA: Tag = Tag::new(0x0070, 0x0022);
pub(super) const GRAPHIC_TYPE: Tag = Tag::new(0x0070, 0x0023);
pub(super) const GRAPHIC_FILLED: Tag = Tag::new(0x0070, 0x0024);

/// An attribute of an overlay plane of a group (PS3.3 §C.9.2, §C.11.7).
pub(super) const fn overlay(group: u16, element: u16) -> Tag {
    Tag::new(group, element)
}
