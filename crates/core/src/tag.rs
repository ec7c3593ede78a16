//! Attribute tags (PS3.5 §7.1) and the few that this node's own logic names.

use std::fmt;

/// A data element tag: group and element number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// The tag of `group` and `element`.
    #[must_use]
    pub const fn new(group: u16, element: u16) -> Self {
        Self(((group as u32) << 16) | element as u32)
    }

    /// Group number.
    #[must_use]
    pub const fn group(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// Element number.
    #[must_use]
    pub const fn element(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }

    /// Whether this is a private tag, its creator included (PS3.5 §7.8).
    #[must_use]
    pub const fn is_private(self) -> bool {
        self.group() % 2 == 1
    }

    /// Eight upper-case hexadecimal digits, the key of DICOM JSON (PS3.18 §F.2.2).
    #[must_use]
    pub fn to_hex(self) -> String {
        format!("{:08X}", self.0)
    }

    /// Reads eight hexadecimal digits of either case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.group(), self.element())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident = $group:literal, $element:literal;)*) => {
        impl Tag { $($(#[$doc])* #[expect(missing_docs, reason = "each name is the keyword of PS3.6")] pub const $name: Tag = Tag::new($group, $element);)* }
    };
}

named! {
    TRANSFER_SYNTAX_UID = 0x0002, 0x0010;
    SPECIFIC_CHARACTER_SET = 0x0008, 0x0005;
    INSTANCE_CREATION_DATE = 0x0008, 0x0012;
    INSTANCE_CREATION_TIME = 0x0008, 0x0013;
    SOP_CLASS_UID = 0x0008, 0x0016;
    SOP_INSTANCE_UID = 0x0008, 0x0018;
    STUDY_DATE = 0x0008, 0x0020;
    SERIES_DATE = 0x0008, 0x0021;
    ACQUISITION_DATE = 0x0008, 0x0022;
    CONTENT_DATE = 0x0008, 0x0023;
    STUDY_TIME = 0x0008, 0x0030;
    SERIES_TIME = 0x0008, 0x0031;
    ACQUISITION_TIME = 0x0008, 0x0032;
    CONTENT_TIME = 0x0008, 0x0033;
    ACCESSION_NUMBER = 0x0008, 0x0050;
    QUERY_RETRIEVE_LEVEL = 0x0008, 0x0052;
    QUERY_RETRIEVE_VIEW = 0x0008, 0x0053;
    RETRIEVE_AE_TITLE = 0x0008, 0x0054;
    INSTANCE_AVAILABILITY = 0x0008, 0x0056;
    FAILED_SOP_INSTANCE_UID_LIST = 0x0008, 0x0058;
    MODALITY = 0x0008, 0x0060;
    MODALITIES_IN_STUDY = 0x0008, 0x0061;
    SOP_CLASSES_IN_STUDY = 0x0008, 0x0062;
    ANATOMIC_REGIONS_IN_STUDY_CODE_SEQUENCE = 0x0008, 0x0063;
    INSTITUTION_NAME = 0x0008, 0x0080;
    REFERRING_PHYSICIAN_NAME = 0x0008, 0x0090;
    CODE_VALUE = 0x0008, 0x0100;
    CODING_SCHEME_DESIGNATOR = 0x0008, 0x0102;
    CODE_MEANING = 0x0008, 0x0104;
    LONG_CODE_VALUE = 0x0008, 0x0119;
    URN_CODE_VALUE = 0x0008, 0x0120;
    TIMEZONE_OFFSET_FROM_UTC = 0x0008, 0x0201;
    STATION_NAME = 0x0008, 0x1010;
    STUDY_DESCRIPTION = 0x0008, 0x1030;
    PROCEDURE_CODE_SEQUENCE = 0x0008, 0x1032;
    SERIES_DESCRIPTION = 0x0008, 0x103E;
    PHYSICIANS_OF_RECORD = 0x0008, 0x1048;
    PERFORMING_PHYSICIAN_NAME = 0x0008, 0x1050;
    NAME_OF_PHYSICIANS_READING_STUDY = 0x0008, 0x1060;
    REFERENCED_STUDY_SEQUENCE = 0x0008, 0x1110;
    REFERENCED_PATIENT_SEQUENCE = 0x0008, 0x1120;
    REFERENCED_IMAGE_SEQUENCE = 0x0008, 0x1140;
    REFERENCED_SOP_SEQUENCE = 0x0008, 0x1199;
    REFERENCED_SOP_CLASS_UID = 0x0008, 0x1150;
    REFERENCED_SOP_INSTANCE_UID = 0x0008, 0x1155;
    REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE = 0x0008, 0x1111;
    REFERENCED_INSTANCES_BY_SOP_CLASS_SEQUENCE = 0x0008, 0x1112;
    REFERENCED_SERIES_SEQUENCE = 0x0008, 0x1115;
    REFERENCED_INSTANCE_SEQUENCE = 0x0008, 0x114A;
    RETRIEVE_URL = 0x0008, 0x1190;
    TRANSACTION_UID = 0x0008, 0x1195;
    WARNING_REASON = 0x0008, 0x1196;
    FAILURE_REASON = 0x0008, 0x1197;
    FAILED_SOP_SEQUENCE = 0x0008, 0x1198;
    OTHER_FAILURES_SEQUENCE = 0x0008, 0x119A;
    FAILED_STUDY_SEQUENCE = 0x0008, 0x119B;
    ANATOMIC_REGION_SEQUENCE = 0x0008, 0x2218;
    ALTERNATE_REPRESENTATION_SEQUENCE = 0x0008, 0x3001;
    AVAILABLE_TRANSFER_SYNTAX_UID = 0x0008, 0x3002;
    PATIENT_NAME = 0x0010, 0x0010;
    PATIENT_ID = 0x0010, 0x0020;
    ISSUER_OF_PATIENT_ID = 0x0010, 0x0021;
    PATIENT_BIRTH_DATE = 0x0010, 0x0030;
    PATIENT_BIRTH_TIME = 0x0010, 0x0032;
    PATIENT_SEX = 0x0010, 0x0040;
    BODY_PART_EXAMINED = 0x0018, 0x0015;
    PROTOCOL_NAME = 0x0018, 0x1030;
    STUDY_INSTANCE_UID = 0x0020, 0x000D;
    SERIES_INSTANCE_UID = 0x0020, 0x000E;
    STUDY_ID = 0x0020, 0x0010;
    SERIES_NUMBER = 0x0020, 0x0011;
    INSTANCE_NUMBER = 0x0020, 0x0013;
    NUMBER_OF_PATIENT_RELATED_STUDIES = 0x0020, 0x1200;
    NUMBER_OF_PATIENT_RELATED_SERIES = 0x0020, 0x1202;
    NUMBER_OF_PATIENT_RELATED_INSTANCES = 0x0020, 0x1204;
    NUMBER_OF_STUDY_RELATED_SERIES = 0x0020, 0x1206;
    NUMBER_OF_STUDY_RELATED_INSTANCES = 0x0020, 0x1208;
    NUMBER_OF_SERIES_RELATED_INSTANCES = 0x0020, 0x1209;
    NUMBER_OF_FRAMES = 0x0028, 0x0008;
    ROWS = 0x0028, 0x0010;
    COLUMNS = 0x0028, 0x0011;
    BITS_ALLOCATED = 0x0028, 0x0100;
    REQUESTED_PROCEDURE_DESCRIPTION = 0x0032, 0x1060;
    REQUESTED_PROCEDURE_CODE_SEQUENCE = 0x0032, 0x1064;
    SCHEDULED_STATION_AE_TITLE = 0x0040, 0x0001;
    SCHEDULED_PROCEDURE_STEP_START_DATE = 0x0040, 0x0002;
    SCHEDULED_PROCEDURE_STEP_START_TIME = 0x0040, 0x0003;
    SCHEDULED_PERFORMING_PHYSICIAN_NAME = 0x0040, 0x0006;
    SCHEDULED_PROCEDURE_STEP_DESCRIPTION = 0x0040, 0x0007;
    SCHEDULED_PROTOCOL_CODE_SEQUENCE = 0x0040, 0x0008;
    SCHEDULED_PROCEDURE_STEP_STATUS = 0x0040, 0x0020;
    SCHEDULED_PROCEDURE_STEP_SEQUENCE = 0x0040, 0x0100;
    REFERENCED_NON_IMAGE_COMPOSITE_SOP_INSTANCE_SEQUENCE = 0x0040, 0x0220;
    PERFORMED_STATION_AE_TITLE = 0x0040, 0x0241;
    PERFORMED_PROCEDURE_STEP_END_DATE = 0x0040, 0x0250;
    PERFORMED_PROCEDURE_STEP_END_TIME = 0x0040, 0x0251;
    PERFORMED_PROCEDURE_STEP_STATUS = 0x0040, 0x0252;
    PERFORMED_PROCEDURE_STEP_ID = 0x0040, 0x0253;
    PERFORMED_PROCEDURE_STEP_DESCRIPTION = 0x0040, 0x0254;
    PERFORMED_PROTOCOL_CODE_SEQUENCE = 0x0040, 0x0260;
    SCHEDULED_STEP_ATTRIBUTES_SEQUENCE = 0x0040, 0x0270;
    REQUEST_ATTRIBUTES_SEQUENCE = 0x0040, 0x0275;
    SCHEDULED_PROCEDURE_STEP_ID = 0x0040, 0x0009;
    PERFORMED_PROCEDURE_STEP_START_DATE = 0x0040, 0x0244;
    PERFORMED_PROCEDURE_STEP_START_TIME = 0x0040, 0x0245;
    PERFORMED_PROCEDURE_STEP_DISCONTINUATION_REASON_CODE_SEQUENCE = 0x0040, 0x0281;
    PERFORMED_SERIES_SEQUENCE = 0x0040, 0x0340;
    REQUESTED_PROCEDURE_ID = 0x0040, 0x1001;
    PRESENTATION_CREATION_DATE = 0x0070, 0x0082;
    PRESENTATION_CREATION_TIME = 0x0070, 0x0083;
    FLOAT_PIXEL_DATA = 0x7FE0, 0x0008;
    DOUBLE_FLOAT_PIXEL_DATA = 0x7FE0, 0x0009;
    PIXEL_DATA = 0x7FE0, 0x0010;
    ITEM = 0xFFFE, 0xE000;
    ITEM_DELIMITATION = 0xFFFE, 0xE00D;
    SEQUENCE_DELIMITATION = 0xFFFE, 0xE0DD;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(Tag::PIXEL_DATA.to_hex(), "7FE00010");
        assert_eq!(Tag::from_hex("7fe00010"), Some(Tag::PIXEL_DATA));
        assert_eq!(Tag::from_hex("+fe00010"), None);
        assert_eq!(Tag::from_hex("7FE0010"), None);
    }
}
