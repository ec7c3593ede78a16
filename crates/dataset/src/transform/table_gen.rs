//! Actions of the Basic Application Level Confidentiality Profile and its options: PS3.15 2024e Table E.1-1.
//! Written by `cargo xtask tables`, not by hand.

use super::action::Basic::{Dummy, Empty, Remove, Uid};
use super::action::Line;
use super::action::bits::{
    DESCRIPTORS, DEVICE, FULL_DATES, GRAPHICS, INSTITUTION, MODIFIED_DATES, PATIENT, STRUCTURED, UIDS, clean,
    keep,
};

/// By tag, in ascending order.
#[rustfmt::skip]
pub(super) const TABLE: &[Line] = &[
    Line::new(0x00020003, Uid, keep(UIDS)), // Media Storage SOP Instance UID
    Line::new(0x00041511, Uid, keep(UIDS)), // Referenced SOP Instance UID in File
    Line::new(0x00080012, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Instance Creation Date
    Line::new(0x00080013, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Instance Creation Time
    Line::new(0x00080014, Uid, keep(UIDS)), // Instance Creator UID
    Line::new(0x00080015, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Instance Coercion DateTime
    Line::new(0x00080017, Uid, keep(UIDS)), // Acquisition UID
    Line::new(0x00080018, Uid, keep(UIDS)), // SOP Instance UID
    Line::new(0x00080019, Uid, keep(UIDS)), // Pyramid UID
    Line::new(0x00080020, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Date
    Line::new(0x00080021, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Series Date
    Line::new(0x00080022, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Acquisition Date
    Line::new(0x00080023, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Content Date
    Line::new(0x00080024, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Overlay Date
    Line::new(0x00080025, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Curve Date
    Line::new(0x0008002A, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Acquisition DateTime
    Line::new(0x00080030, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Time
    Line::new(0x00080031, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Series Time
    Line::new(0x00080032, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Acquisition Time
    Line::new(0x00080033, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Content Time
    Line::new(0x00080034, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Overlay Time
    Line::new(0x00080035, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Curve Time
    Line::new(0x00080050, Empty, 0), // Accession Number
    Line::new(0x00080054, Remove, clean(DEVICE)), // Retrieve AE Title
    Line::new(0x00080055, Remove, clean(DEVICE)), // Station AE Title
    Line::new(0x00080058, Uid, keep(UIDS)), // Failed SOP Instance UID List
    Line::new(0x00080080, Dummy, keep(INSTITUTION)), // Institution Name
    Line::new(0x00080081, Remove, keep(INSTITUTION)), // Institution Address
    Line::new(0x00080082, Dummy, keep(INSTITUTION)), // Institution Code Sequence
    Line::new(0x00080090, Empty, 0), // Referring Physician's Name
    Line::new(0x00080092, Remove, 0), // Referring Physician's Address
    Line::new(0x00080094, Remove, 0), // Referring Physician's Telephone Numbers
    Line::new(0x00080096, Remove, 0), // Referring Physician Identification Sequence
    Line::new(0x0008009C, Empty, 0), // Consulting Physician's Name
    Line::new(0x0008009D, Remove, 0), // Consulting Physician Identification Sequence
    Line::new(0x00080106, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Context Group Version
    Line::new(0x00080107, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Context Group Local Version
    Line::new(0x00080201, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Timezone Offset From UTC
    Line::new(0x00081000, Remove, clean(DEVICE)), // Network ID
    Line::new(0x00081010, Dummy, keep(DEVICE)), // Station Name
    Line::new(0x00081030, Remove, clean(DESCRIPTORS)), // Study Description
    Line::new(0x0008103E, Remove, clean(DESCRIPTORS)), // Series Description
    Line::new(0x00081040, Remove, keep(INSTITUTION)), // Institutional Department Name
    Line::new(0x00081041, Remove, keep(INSTITUTION)), // Institutional Department Type Code Sequence
    Line::new(0x00081048, Remove, 0), // Physician(s) of Record
    Line::new(0x00081049, Remove, 0), // Physician(s) of Record Identification Sequence
    Line::new(0x00081050, Remove, 0), // Performing Physician's Name
    Line::new(0x00081052, Remove, 0), // Performing Physician Identification Sequence
    Line::new(0x00081060, Remove, 0), // Name of Physician(s) Reading Study
    Line::new(0x00081062, Remove, 0), // Physician(s) Reading Study Identification Sequence
    Line::new(0x00081070, Dummy, 0), // Operators' Name
    Line::new(0x00081072, Dummy, 0), // Operator Identification Sequence
    Line::new(0x00081080, Remove, clean(DESCRIPTORS)), // Admitting Diagnoses Description
    Line::new(0x00081084, Remove, clean(DESCRIPTORS)), // Admitting Diagnoses Code Sequence
    Line::new(0x00081088, Remove, clean(DESCRIPTORS)), // Pyramid Description
    Line::new(0x00081110, Remove, keep(UIDS)), // Referenced Study Sequence
    Line::new(0x00081111, Dummy, keep(UIDS)), // Referenced Performed Procedure Step Sequence
    Line::new(0x00081120, Remove, keep(UIDS)), // Referenced Patient Sequence
    Line::new(0x00081140, Uid, keep(UIDS)), // Referenced Image Sequence
    Line::new(0x00081155, Uid, keep(UIDS)), // Referenced SOP Instance UID
    Line::new(0x00081195, Uid, keep(UIDS)), // Transaction UID
    Line::new(0x00082111, Remove, clean(DESCRIPTORS)), // Derivation Description
    Line::new(0x00082112, Uid, keep(UIDS)), // Source Image Sequence
    Line::new(0x00083010, Uid, keep(UIDS)), // Irradiation Event UID
    Line::new(0x00084000, Remove, clean(DESCRIPTORS)), // Identifying Comments
    Line::new(0x00100010, Empty, 0), // Patient's Name
    Line::new(0x00100020, Dummy, 0), // Patient ID
    Line::new(0x00100021, Remove, 0), // Issuer of Patient ID
    Line::new(0x00100030, Empty, 0), // Patient's Birth Date
    Line::new(0x00100032, Remove, 0), // Patient's Birth Time
    Line::new(0x00100040, Empty, keep(PATIENT)), // Patient's Sex
    Line::new(0x00100050, Remove, 0), // Patient's Insurance Plan Code Sequence
    Line::new(0x00100101, Remove, 0), // Patient's Primary Language Code Sequence
    Line::new(0x00100102, Remove, 0), // Patient's Primary Language Modifier Code Sequence
    Line::new(0x00101000, Remove, 0), // Other Patient IDs
    Line::new(0x00101001, Remove, 0), // Other Patient Names
    Line::new(0x00101002, Remove, 0), // Other Patient IDs Sequence
    Line::new(0x00101005, Remove, 0), // Patient's Birth Name
    Line::new(0x00101010, Remove, keep(PATIENT)), // Patient's Age
    Line::new(0x00101020, Remove, keep(PATIENT)), // Patient's Size
    Line::new(0x00101030, Remove, keep(PATIENT)), // Patient's Weight
    Line::new(0x00101040, Remove, 0), // Patient's Address
    Line::new(0x00101050, Remove, 0), // Insurance Plan Identification
    Line::new(0x00101060, Remove, 0), // Patient's Mother's Birth Name
    Line::new(0x00101080, Remove, 0), // Military Rank
    Line::new(0x00101081, Remove, 0), // Branch of Service
    Line::new(0x00101090, Remove, 0), // Medical Record Locator
    Line::new(0x00101100, Remove, 0), // Referenced Patient Photo Sequence
    Line::new(0x00102000, Remove, clean(DESCRIPTORS)), // Medical Alerts
    Line::new(0x00102110, Remove, clean(PATIENT) | clean(DESCRIPTORS)), // Allergies
    Line::new(0x00102150, Remove, 0), // Country of Residence
    Line::new(0x00102152, Remove, 0), // Region of Residence
    Line::new(0x00102154, Remove, 0), // Patient's Telephone Numbers
    Line::new(0x00102155, Remove, 0), // Patient's Telecom Information
    Line::new(0x00102160, Remove, keep(PATIENT)), // Ethnic Group
    Line::new(0x00102180, Remove, clean(DESCRIPTORS)), // Occupation
    Line::new(0x001021A0, Remove, keep(PATIENT)), // Smoking Status
    Line::new(0x001021B0, Remove, clean(DESCRIPTORS)), // Additional Patient History
    Line::new(0x001021C0, Remove, keep(PATIENT)), // Pregnancy Status
    Line::new(0x001021D0, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Last Menstrual Date
    Line::new(0x001021F0, Remove, 0), // Patient's Religious Preference
    Line::new(0x00102203, Empty, keep(PATIENT)), // Patient's Sex Neutered
    Line::new(0x00102297, Remove, 0), // Responsible Person
    Line::new(0x00102299, Remove, 0), // Responsible Organization
    Line::new(0x00104000, Remove, clean(DESCRIPTORS)), // Patient Comments
    Line::new(0x00120010, Dummy, 0), // Clinical Trial Sponsor Name
    Line::new(0x00120020, Dummy, 0), // Clinical Trial Protocol ID
    Line::new(0x00120021, Empty, 0), // Clinical Trial Protocol Name
    Line::new(0x00120022, Remove, 0), // Issuer of Clinical Trial Protocol ID
    Line::new(0x00120023, Remove, 0), // Other Clinical Trial Protocol IDs Sequence
    Line::new(0x00120030, Empty, keep(INSTITUTION)), // Clinical Trial Site ID
    Line::new(0x00120031, Empty, keep(INSTITUTION)), // Clinical Trial Site Name
    Line::new(0x00120032, Remove, 0), // Issuer of Clinical Trial Site ID
    Line::new(0x00120040, Dummy, 0), // Clinical Trial Subject ID
    Line::new(0x00120041, Remove, 0), // Issuer of Clinical Trial Subject ID
    Line::new(0x00120042, Dummy, 0), // Clinical Trial Subject Reading ID
    Line::new(0x00120043, Remove, 0), // Issuer of Clinical Trial Subject Reading ID
    Line::new(0x00120050, Empty, 0), // Clinical Trial Time Point ID
    Line::new(0x00120051, Remove, clean(DESCRIPTORS)), // Clinical Trial Time Point Description
    Line::new(0x00120055, Remove, 0), // Issuer of Clinical Trial Time Point ID
    Line::new(0x00120060, Empty, keep(INSTITUTION)), // Clinical Trial Coordinating Center Name
    Line::new(0x00120071, Remove, 0), // Clinical Trial Series ID
    Line::new(0x00120072, Remove, clean(DESCRIPTORS)), // Clinical Trial Series Description
    Line::new(0x00120073, Remove, 0), // Issuer of Clinical Trial Series ID
    Line::new(0x00120081, Dummy, keep(INSTITUTION)), // Clinical Trial Protocol Ethics Committee Name
    Line::new(0x00120082, Remove, 0), // Clinical Trial Protocol Ethics Committee Approval Number
    Line::new(0x00120086, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Ethics Committee Approval Effectiveness Start Date
    Line::new(0x00120087, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Ethics Committee Approval Effectiveness End Date
    Line::new(0x0014407C, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Calibration Time
    Line::new(0x0014407E, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Calibration Date
    Line::new(0x0016002B, Remove, clean(DESCRIPTORS)), // Maker Note
    Line::new(0x0016004B, Remove, clean(DESCRIPTORS)), // Device Setting Description
    Line::new(0x0016004D, Remove, 0), // Camera Owner Name
    Line::new(0x0016004E, Remove, keep(DEVICE)), // Lens Specification
    Line::new(0x0016004F, Remove, keep(DEVICE)), // Lens Make
    Line::new(0x00160050, Remove, keep(DEVICE)), // Lens Model
    Line::new(0x00160051, Remove, keep(DEVICE)), // Lens Serial Number
    Line::new(0x00160070, Remove, 0), // GPS Version ID
    Line::new(0x00160071, Remove, 0), // GPS Latitude Ref
    Line::new(0x00160072, Remove, 0), // GPS Latitude
    Line::new(0x00160073, Remove, 0), // GPS Longitude Ref
    Line::new(0x00160074, Remove, 0), // GPS Longitude
    Line::new(0x00160075, Remove, 0), // GPS Altitude Ref
    Line::new(0x00160076, Remove, 0), // GPS Altitude
    Line::new(0x00160077, Remove, 0), // GPS Time Stamp
    Line::new(0x00160078, Remove, 0), // GPS Satellites
    Line::new(0x00160079, Remove, 0), // GPS Status
    Line::new(0x0016007A, Remove, 0), // GPS Measure Mode
    Line::new(0x0016007B, Remove, 0), // GPS DOP
    Line::new(0x0016007C, Remove, 0), // GPS Speed Ref
    Line::new(0x0016007D, Remove, 0), // GPS Speed
    Line::new(0x0016007E, Remove, 0), // GPS Track Ref
    Line::new(0x0016007F, Remove, 0), // GPS Track
    Line::new(0x00160080, Remove, 0), // GPS Img Direction Ref
    Line::new(0x00160081, Remove, 0), // GPS Img Direction
    Line::new(0x00160082, Remove, 0), // GPS Map Datum
    Line::new(0x00160083, Remove, 0), // GPS Dest Latitude Ref
    Line::new(0x00160084, Remove, 0), // GPS Dest Latitude
    Line::new(0x00160085, Remove, 0), // GPS Dest Longitude Ref
    Line::new(0x00160086, Remove, 0), // GPS Dest Longitude
    Line::new(0x00160087, Remove, 0), // GPS Dest Bearing Ref
    Line::new(0x00160088, Remove, 0), // GPS Dest Bearing
    Line::new(0x00160089, Remove, 0), // GPS Dest Distance Ref
    Line::new(0x0016008A, Remove, 0), // GPS Dest Distance
    Line::new(0x0016008B, Remove, 0), // GPS Processing Method
    Line::new(0x0016008C, Remove, 0), // GPS Area Information
    Line::new(0x0016008D, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // GPS Date Stamp
    Line::new(0x0016008E, Remove, 0), // GPS Differential
    Line::new(0x00180010, Dummy, clean(DESCRIPTORS)), // Contrast/Bolus Agent
    Line::new(0x00180027, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Intervention Drug Stop Time
    Line::new(0x00180035, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Intervention Drug Start Time
    Line::new(0x00181000, Dummy, keep(DEVICE)), // Device Serial Number
    Line::new(0x00181002, Uid, keep(UIDS) | keep(DEVICE)), // Device UID
    Line::new(0x00181004, Remove, keep(DEVICE)), // Plate ID
    Line::new(0x00181005, Remove, keep(DEVICE)), // Generator ID
    Line::new(0x00181007, Remove, keep(DEVICE)), // Cassette ID
    Line::new(0x00181008, Remove, keep(DEVICE)), // Gantry ID
    Line::new(0x00181009, Remove, keep(DEVICE)), // Unique Device Identifier
    Line::new(0x0018100A, Remove, keep(DEVICE)), // UDI Sequence
    Line::new(0x0018100B, Uid, keep(UIDS) | keep(DEVICE)), // Manufacturer's Device Class UID
    Line::new(0x00181012, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date of Secondary Capture
    Line::new(0x00181014, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Time of Secondary Capture
    Line::new(0x00181030, Dummy, clean(DESCRIPTORS)), // Protocol Name
    Line::new(0x00181042, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Contrast/Bolus Start Time
    Line::new(0x00181043, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Contrast/Bolus Stop Time
    Line::new(0x00181072, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Radiopharmaceutical Start Time
    Line::new(0x00181073, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Radiopharmaceutical Stop Time
    Line::new(0x00181078, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Radiopharmaceutical Start DateTime
    Line::new(0x00181079, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Radiopharmaceutical Stop DateTime
    Line::new(0x001811BB, Dummy, clean(DESCRIPTORS)), // Acquisition Field Of View Label
    Line::new(0x00181200, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date of Last Calibration
    Line::new(0x00181201, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Time of Last Calibration
    Line::new(0x00181202, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // DateTime of Last Calibration
    Line::new(0x00181203, Empty, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Calibration DateTime
    Line::new(0x00181204, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date of Manufacture
    Line::new(0x00181205, Remove, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date of Installation
    Line::new(0x00181400, Dummy, clean(DESCRIPTORS)), // Acquisition Device Processing Description
    Line::new(0x00182042, Uid, keep(UIDS)), // Target UID
    Line::new(0x00184000, Remove, clean(DESCRIPTORS)), // Acquisition Comments
    Line::new(0x00185011, Remove, keep(DEVICE)), // Transducer Identification Sequence
    Line::new(0x0018700A, Dummy, keep(DEVICE)), // Detector ID
    Line::new(0x0018700C, Dummy, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date of Last Detector Calibration
    Line::new(0x0018700E, Dummy, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Time of Last Detector Calibration
    Line::new(0x00189074, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Frame Acquisition DateTime
    Line::new(0x00189151, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Frame Reference DateTime
    Line::new(0x00189185, Remove, clean(DESCRIPTORS)), // Respiratory Motion Compensation Technique Description
    Line::new(0x00189367, Dummy, keep(DEVICE)), // X-Ray Source ID
    Line::new(0x00189369, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Source Start DateTime
    Line::new(0x0018936A, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Source End DateTime
    Line::new(0x00189371, Dummy, keep(DEVICE)), // X-Ray Detector ID
    Line::new(0x00189373, Remove, keep(DEVICE)), // X-Ray Detector Label
    Line::new(0x0018937B, Remove, clean(DESCRIPTORS)), // Multi-energy Acquisition Description
    Line::new(0x0018937F, Remove, clean(DESCRIPTORS)), // Decomposition Description
    Line::new(0x00189424, Remove, clean(DESCRIPTORS)), // Acquisition Protocol Description
    Line::new(0x00189516, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Start Acquisition DateTime
    Line::new(0x00189517, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // End Acquisition DateTime
    Line::new(0x00189623, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Functional Sync Pulse
    Line::new(0x00189701, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Decay Correction DateTime
    Line::new(0x00189804, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Exclusion Start DateTime
    Line::new(0x00189919, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Instruction Performed DateTime
    Line::new(0x00189937, Remove, clean(DESCRIPTORS)), // Requested Series Description
    Line::new(0x0018A002, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Contribution DateTime
    Line::new(0x0018A003, Remove, clean(DESCRIPTORS)), // Contribution Description
    Line::new(0x0020000D, Uid, keep(UIDS)), // Study Instance UID
    Line::new(0x0020000E, Uid, keep(UIDS)), // Series Instance UID
    Line::new(0x00200010, Empty, 0), // Study ID
    Line::new(0x00200027, Remove, clean(DESCRIPTORS)), // Pyramid Label
    Line::new(0x00200052, Uid, keep(UIDS)), // Frame of Reference UID
    Line::new(0x00200200, Uid, keep(UIDS)), // Synchronization Frame of Reference UID
    Line::new(0x00203401, Remove, keep(DEVICE)), // Modifying Device ID
    Line::new(0x00203403, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Modified Image Date
    Line::new(0x00203405, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Modified Image Time
    Line::new(0x00203406, Remove, 0), // Modified Image Description
    Line::new(0x00204000, Remove, clean(DESCRIPTORS)), // Image Comments
    Line::new(0x00209158, Remove, clean(DESCRIPTORS)), // Frame Comments
    Line::new(0x00209161, Uid, keep(UIDS)), // Concatenation UID
    Line::new(0x00209164, Uid, keep(UIDS)), // Dimension Organization UID
    Line::new(0x00281199, Uid, keep(UIDS)), // Palette Color Lookup Table UID
    Line::new(0x00281214, Uid, keep(UIDS)), // Large Palette Color Lookup Table UID
    Line::new(0x00284000, Remove, 0), // Image Presentation Comments
    Line::new(0x00320012, Remove, 0), // Study ID Issuer
    Line::new(0x00320032, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Verified Date
    Line::new(0x00320033, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Verified Time
    Line::new(0x00320034, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Read Date
    Line::new(0x00320035, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Read Time
    Line::new(0x00321000, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Study Start Date
    Line::new(0x00321001, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Study Start Time
    Line::new(0x00321010, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Study Stop Date
    Line::new(0x00321011, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Study Stop Time
    Line::new(0x00321020, Remove, keep(DEVICE)), // Scheduled Study Location
    Line::new(0x00321021, Remove, clean(DEVICE)), // Scheduled Study Location AE Title
    Line::new(0x00321030, Remove, clean(DESCRIPTORS)), // Reason for Study
    Line::new(0x00321032, Remove, 0), // Requesting Physician
    Line::new(0x00321033, Remove, 0), // Requesting Service
    Line::new(0x00321040, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Arrival Date
    Line::new(0x00321041, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Arrival Time
    Line::new(0x00321050, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Completion Date
    Line::new(0x00321051, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Study Completion Time
    Line::new(0x00321060, Empty, clean(DESCRIPTORS)), // Requested Procedure Description
    Line::new(0x00321066, Remove, clean(DESCRIPTORS)), // Reason for Visit
    Line::new(0x00321067, Remove, clean(DESCRIPTORS)), // Reason for Visit Code Sequence
    Line::new(0x00321070, Remove, clean(DESCRIPTORS)), // Requested Contrast Agent
    Line::new(0x00324000, Remove, clean(DESCRIPTORS)), // Study Comments
    Line::new(0x00340001, Dummy, 0), // Flow Identifier Sequence
    Line::new(0x00340002, Dummy, 0), // Flow Identifier
    Line::new(0x00340005, Dummy, 0), // Source Identifier
    Line::new(0x00340007, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Frame Origin Timestamp
    Line::new(0x00380004, Remove, 0), // Referenced Patient Alias Sequence
    Line::new(0x00380010, Remove, 0), // Admission ID
    Line::new(0x00380011, Remove, 0), // Issuer of Admission ID
    Line::new(0x00380014, Remove, 0), // Issuer of Admission ID Sequence
    Line::new(0x0038001A, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Admission Date
    Line::new(0x0038001B, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Admission Time
    Line::new(0x0038001C, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Discharge Date
    Line::new(0x0038001D, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Discharge Time
    Line::new(0x0038001E, Remove, 0), // Scheduled Patient Institution Residence
    Line::new(0x00380020, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Admitting Date
    Line::new(0x00380021, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Admitting Time
    Line::new(0x00380030, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Discharge Date
    Line::new(0x00380032, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Discharge Time
    Line::new(0x00380040, Remove, clean(DESCRIPTORS)), // Discharge Diagnosis Description
    Line::new(0x00380050, Remove, clean(PATIENT)), // Special Needs
    Line::new(0x00380060, Remove, 0), // Service Episode ID
    Line::new(0x00380061, Remove, 0), // Issuer of Service Episode ID
    Line::new(0x00380062, Remove, clean(DESCRIPTORS)), // Service Episode Description
    Line::new(0x00380064, Remove, 0), // Issuer of Service Episode ID Sequence
    Line::new(0x00380300, Remove, 0), // Current Patient Location
    Line::new(0x00380400, Remove, 0), // Patient's Institution Residence
    Line::new(0x00380500, Remove, clean(PATIENT) | clean(DESCRIPTORS)), // Patient State
    Line::new(0x00384000, Remove, clean(DESCRIPTORS)), // Visit Comments
    Line::new(0x003A0310, Uid, keep(UIDS)), // Multiplex Group UID
    Line::new(0x003A0314, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Impedance Measurement DateTime
    Line::new(0x003A0329, Remove, clean(DESCRIPTORS)), // Waveform Filter Description
    Line::new(0x003A032B, Remove, clean(DESCRIPTORS)), // Filter Lookup Table Description
    Line::new(0x00400001, Remove, clean(DEVICE)), // Scheduled Station AE Title
    Line::new(0x00400002, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step Start Date
    Line::new(0x00400003, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step Start Time
    Line::new(0x00400004, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step End Date
    Line::new(0x00400005, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step End Time
    Line::new(0x00400006, Remove, 0), // Scheduled Performing Physician's Name
    Line::new(0x00400007, Remove, clean(DESCRIPTORS)), // Scheduled Procedure Step Description
    Line::new(0x00400009, Remove, 0), // Scheduled Procedure Step ID
    Line::new(0x0040000B, Remove, 0), // Scheduled Performing Physician Identification Sequence
    Line::new(0x00400010, Remove, keep(DEVICE)), // Scheduled Station Name
    Line::new(0x00400011, Remove, keep(DEVICE)), // Scheduled Procedure Step Location
    Line::new(0x00400012, Remove, clean(PATIENT)), // Pre-Medication
    Line::new(0x00400241, Remove, clean(DEVICE)), // Performed Station AE Title
    Line::new(0x00400242, Remove, keep(DEVICE)), // Performed Station Name
    Line::new(0x00400243, Remove, 0), // Performed Location
    Line::new(0x00400244, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Performed Procedure Step Start Date
    Line::new(0x00400245, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Performed Procedure Step Start Time
    Line::new(0x00400250, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Performed Procedure Step End Date
    Line::new(0x00400251, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Performed Procedure Step End Time
    Line::new(0x00400253, Remove, 0), // Performed Procedure Step ID
    Line::new(0x00400254, Remove, clean(DESCRIPTORS)), // Performed Procedure Step Description
    Line::new(0x00400275, Remove, clean(DESCRIPTORS)), // Request Attributes Sequence
    Line::new(0x00400280, Remove, clean(DESCRIPTORS)), // Comments on the Performed Procedure Step
    Line::new(0x00400310, Remove, clean(DESCRIPTORS)), // Comments on Radiation Dose
    Line::new(0x0040050A, Remove, 0), // Specimen Accession Number
    Line::new(0x00400512, Dummy, 0), // Container Identifier
    Line::new(0x00400513, Empty, 0), // Issuer of the Container Identifier Sequence
    Line::new(0x0040051A, Remove, clean(DESCRIPTORS)), // Container Description
    Line::new(0x00400551, Dummy, 0), // Specimen Identifier
    Line::new(0x00400554, Uid, keep(UIDS)), // Specimen UID
    Line::new(0x00400555, Empty, clean(STRUCTURED)), // Acquisition Context Sequence
    Line::new(0x00400562, Empty, 0), // Issuer of the Specimen Identifier Sequence
    Line::new(0x00400600, Remove, clean(DESCRIPTORS)), // Specimen Short Description
    Line::new(0x00400602, Remove, clean(DESCRIPTORS)), // Specimen Detailed Description
    Line::new(0x00400610, Empty, clean(STRUCTURED)), // Specimen Preparation Sequence
    Line::new(0x004006FA, Remove, 0), // Slide Identifier
    Line::new(0x00401001, Remove, 0), // Requested Procedure ID
    Line::new(0x00401002, Remove, clean(DESCRIPTORS)), // Reason for the Requested Procedure
    Line::new(0x00401004, Remove, 0), // Patient Transport Arrangements
    Line::new(0x00401005, Remove, 0), // Requested Procedure Location
    Line::new(0x0040100A, Remove, clean(DESCRIPTORS)), // Reason for Requested Procedure Code Sequence
    Line::new(0x00401010, Remove, 0), // Names of Intended Recipients of Results
    Line::new(0x00401011, Remove, 0), // Intended Recipients of Results Identification Sequence
    Line::new(0x00401101, Dummy, 0), // Person Identification Code Sequence
    Line::new(0x00401102, Remove, 0), // Person's Address
    Line::new(0x00401103, Remove, 0), // Person's Telephone Numbers
    Line::new(0x00401104, Remove, 0), // Person's Telecom Information
    Line::new(0x00401400, Remove, clean(DESCRIPTORS)), // Requested Procedure Comments
    Line::new(0x00402001, Remove, clean(DESCRIPTORS)), // Reason for the Imaging Service Request
    Line::new(0x00402004, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Issue Date of Imaging Service Request
    Line::new(0x00402005, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Issue Time of Imaging Service Request
    Line::new(0x00402008, Remove, 0), // Order Entered By
    Line::new(0x00402009, Remove, 0), // Order Enterer's Location
    Line::new(0x00402010, Remove, 0), // Order Callback Phone Number
    Line::new(0x00402011, Remove, 0), // Order Callback Telecom Information
    Line::new(0x00402016, Empty, 0), // Placer Order Number / Imaging Service Request
    Line::new(0x00402017, Empty, 0), // Filler Order Number / Imaging Service Request
    Line::new(0x00402400, Remove, clean(DESCRIPTORS)), // Imaging Service Request Comments
    Line::new(0x00403001, Remove, 0), // Confidentiality Constraint on Patient Data Description
    Line::new(0x00404005, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step Start DateTime
    Line::new(0x00404008, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step Expiration DateTime
    Line::new(0x00404010, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Scheduled Procedure Step Modification DateTime
    Line::new(0x00404011, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Expected Completion DateTime
    Line::new(0x00404023, Uid, keep(UIDS)), // Referenced General Purpose Scheduled Procedure Step Transaction UID
    Line::new(0x00404025, Remove, keep(DEVICE)), // Scheduled Station Name Code Sequence
    Line::new(0x00404027, Remove, keep(DEVICE)), // Scheduled Station Geographic Location Code Sequence
    Line::new(0x00404028, Remove, keep(DEVICE)), // Performed Station Name Code Sequence
    Line::new(0x00404030, Remove, keep(DEVICE)), // Performed Station Geographic Location Code Sequence
    Line::new(0x00404034, Remove, 0), // Scheduled Human Performers Sequence
    Line::new(0x00404035, Remove, 0), // Actual Human Performers Sequence
    Line::new(0x00404036, Remove, 0), // Human Performer's Organization
    Line::new(0x00404037, Remove, 0), // Human Performer's Name
    Line::new(0x00404050, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Performed Procedure Step Start DateTime
    Line::new(0x00404051, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Performed Procedure Step End DateTime
    Line::new(0x00404052, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Procedure Step Cancellation DateTime
    Line::new(0x0040A023, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Findings Group Recording Date (Trial)
    Line::new(0x0040A024, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Findings Group Recording Time (Trial)
    Line::new(0x0040A027, Dummy, 0), // Verifying Organization
    Line::new(0x0040A030, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Verification DateTime
    Line::new(0x0040A032, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Observation DateTime
    Line::new(0x0040A033, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Observation Start DateTime
    Line::new(0x0040A073, Dummy, 0), // Verifying Observer Sequence
    Line::new(0x0040A075, Dummy, 0), // Verifying Observer Name
    Line::new(0x0040A078, Remove, 0), // Author Observer Sequence
    Line::new(0x0040A07A, Remove, 0), // Participant Sequence
    Line::new(0x0040A07C, Remove, 0), // Custodial Organization Sequence
    Line::new(0x0040A082, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Participation DateTime
    Line::new(0x0040A088, Empty, 0), // Verifying Observer Identification Code Sequence
    Line::new(0x0040A110, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date of Document or Verbal Transaction (Trial)
    Line::new(0x0040A112, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Time of Document Creation or Verbal Transaction (Trial)
    Line::new(0x0040A120, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // DateTime
    Line::new(0x0040A121, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Date
    Line::new(0x0040A122, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Time
    Line::new(0x0040A123, Dummy, 0), // Person Name
    Line::new(0x0040A124, Uid, 0), // UID
    Line::new(0x0040A13A, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Referenced DateTime
    Line::new(0x0040A171, Uid, keep(UIDS)), // Observation UID
    Line::new(0x0040A172, Uid, keep(UIDS)), // Referenced Observation UID (Trial)
    Line::new(0x0040A192, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Observation Date (Trial)
    Line::new(0x0040A193, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Observation Time (Trial)
    Line::new(0x0040A307, Remove, 0), // Current Observer (Trial)
    Line::new(0x0040A352, Remove, 0), // Verbal Source (Trial)
    Line::new(0x0040A353, Remove, 0), // Address (Trial)
    Line::new(0x0040A354, Remove, 0), // Telephone Number (Trial)
    Line::new(0x0040A358, Remove, 0), // Verbal Source Identifier Code Sequence (Trial)
    Line::new(0x0040A402, Uid, keep(UIDS)), // Observation Subject UID (Trial)
    Line::new(0x0040A730, Dummy, clean(STRUCTURED)), // Content Sequence
    Line::new(0x0040DB06, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Template Version
    Line::new(0x0040DB07, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Template Local Version
    Line::new(0x0040DB0C, Uid, keep(UIDS)), // Template Extension Organization UID
    Line::new(0x0040DB0D, Uid, keep(UIDS)), // Template Extension Creator UID
    Line::new(0x0040E004, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // HL7 Document Effective Time
    Line::new(0x00420011, Dummy, 0), // Encapsulated Document
    Line::new(0x00440004, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Approval Status DateTime
    Line::new(0x0044000B, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Product Expiration DateTime
    Line::new(0x00440010, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Substance Administration DateTime
    Line::new(0x00440104, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Assertion DateTime
    Line::new(0x00440105, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Assertion Expiration DateTime
    Line::new(0x0050001B, Remove, 0), // Container Component ID
    Line::new(0x00500020, Remove, keep(DEVICE)), // Device Description
    Line::new(0x00500021, Remove, clean(DESCRIPTORS)), // Long Device Description
    Line::new(0x00620021, Uid, keep(UIDS)), // Tracking UID
    Line::new(0x00640003, Uid, keep(UIDS)), // Source Frame of Reference UID
    Line::new(0x00686226, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Effective DateTime
    Line::new(0x00686270, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Information Issue DateTime
    Line::new(0x006A0003, Dummy, keep(UIDS)), // Annotation Group UID
    Line::new(0x006A0005, Dummy, clean(DESCRIPTORS)), // Annotation Group Label
    Line::new(0x006A0006, Remove, clean(DESCRIPTORS)), // Annotation Group Description
    Line::new(0x00700001, Dummy, clean(GRAPHICS)), // Graphic Annotation Sequence
    Line::new(0x00700082, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Presentation Creation Date
    Line::new(0x00700083, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Presentation Creation Time
    Line::new(0x00700084, Dummy, 0), // Content Creator's Name
    Line::new(0x00700086, Remove, 0), // Content Creator's Identification Code Sequence
    Line::new(0x0070031A, Uid, keep(UIDS)), // Fiducial UID
    Line::new(0x00701101, Uid, keep(UIDS)), // Presentation Display Collection UID
    Line::new(0x00701102, Uid, keep(UIDS)), // Presentation Sequence Collection UID
    Line::new(0x0072000A, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Hanging Protocol Creation DateTime
    Line::new(0x0072005E, Dummy, clean(DEVICE)), // Selector AE Value
    Line::new(0x0072005F, Dummy, keep(PATIENT)), // Selector AS Value
    Line::new(0x00720061, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Selector DA Value
    Line::new(0x00720063, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Selector DT Value
    Line::new(0x00720065, Dummy, 0), // Selector OB Value
    Line::new(0x00720066, Dummy, clean(DESCRIPTORS)), // Selector LO Value
    Line::new(0x00720068, Dummy, clean(DESCRIPTORS)), // Selector LT Value
    Line::new(0x0072006A, Dummy, 0), // Selector PN Value
    Line::new(0x0072006B, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Selector TM Value
    Line::new(0x0072006C, Dummy, clean(DESCRIPTORS)), // Selector SH Value
    Line::new(0x0072006D, Dummy, 0), // Selector UN Value
    Line::new(0x0072006E, Dummy, clean(DESCRIPTORS)), // Selector ST Value
    Line::new(0x00720070, Dummy, clean(DESCRIPTORS)), // Selector UT Value
    Line::new(0x00720071, Dummy, 0), // Selector UR Value
    Line::new(0x00741234, Remove, clean(DEVICE)), // Receiving AE
    Line::new(0x00741236, Remove, clean(DEVICE)), // Requesting AE
    Line::new(0x00880140, Uid, keep(UIDS)), // Storage Media File-set UID
    Line::new(0x00880200, Remove, 0), // Icon Image Sequence
    Line::new(0x00880904, Remove, 0), // Topic Title
    Line::new(0x00880906, Remove, 0), // Topic Subject
    Line::new(0x00880910, Remove, 0), // Topic Author
    Line::new(0x00880912, Remove, 0), // Topic Keywords
    Line::new(0x01000420, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // SOP Authorization DateTime
    Line::new(0x04000100, Uid, 0), // Digital Signature UID
    Line::new(0x04000105, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Digital Signature DateTime
    Line::new(0x04000115, Dummy, 0), // Certificate of Signer
    Line::new(0x04000310, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Certified Timestamp
    Line::new(0x04000402, Remove, 0), // Referenced Digital Signature Sequence
    Line::new(0x04000403, Remove, 0), // Referenced SOP Instance MAC Sequence
    Line::new(0x04000404, Remove, 0), // MAC
    Line::new(0x04000550, Remove, 0), // Modified Attributes Sequence
    Line::new(0x04000551, Remove, 0), // Nonconforming Modified Attributes Sequence
    Line::new(0x04000552, Remove, 0), // Nonconforming Data Element Value
    Line::new(0x04000561, Remove, 0), // Original Attributes Sequence
    Line::new(0x04000562, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Attribute Modification DateTime
    Line::new(0x04000563, Dummy, keep(DEVICE)), // Modifying System
    Line::new(0x04000564, Empty, keep(INSTITUTION)), // Source of Previous Values
    Line::new(0x04000565, Dummy, clean(DESCRIPTORS)), // Reason for the Attribute Modification
    Line::new(0x04000600, Remove, 0), // Instance Origin Status
    Line::new(0x20300020, Remove, 0), // Text String
    Line::new(0x21000040, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Creation Date
    Line::new(0x21000050, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Creation Time
    Line::new(0x21000070, Remove, clean(DEVICE)), // Originator
    Line::new(0x21000140, Dummy, clean(DEVICE)), // Destination AE
    Line::new(0x22000002, Empty, clean(DESCRIPTORS)), // Label Text
    Line::new(0x22000005, Empty, 0), // Barcode Value
    Line::new(0x30020121, Remove, clean(DESCRIPTORS)), // Position Acquisition Template Name
    Line::new(0x30020123, Remove, clean(DESCRIPTORS)), // Position Acquisition Template Description
    Line::new(0x30060002, Dummy, clean(DESCRIPTORS)), // Structure Set Label
    Line::new(0x30060004, Remove, clean(DESCRIPTORS)), // Structure Set Name
    Line::new(0x30060006, Remove, clean(DESCRIPTORS)), // Structure Set Description
    Line::new(0x30060008, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Structure Set Date
    Line::new(0x30060009, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Structure Set Time
    Line::new(0x30060024, Uid, keep(UIDS)), // Referenced Frame of Reference UID
    Line::new(0x30060026, Empty, clean(DESCRIPTORS)), // ROI Name
    Line::new(0x30060028, Remove, clean(DESCRIPTORS)), // ROI Description
    Line::new(0x3006002D, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // ROI DateTime
    Line::new(0x3006002E, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // ROI Observation DateTime
    Line::new(0x30060038, Remove, clean(DESCRIPTORS)), // ROI Generation Description
    Line::new(0x3006004D, Remove, 0), // ROI Creator Sequence
    Line::new(0x3006004E, Remove, 0), // ROI Interpreter Sequence
    Line::new(0x30060085, Remove, clean(DESCRIPTORS)), // ROI Observation Label
    Line::new(0x30060088, Remove, clean(DESCRIPTORS)), // ROI Observation Description
    Line::new(0x300600A6, Empty, 0), // ROI Interpreter
    Line::new(0x300600C2, Uid, keep(UIDS)), // Related Frame of Reference UID
    Line::new(0x30080024, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Treatment Control Point Date
    Line::new(0x30080025, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Treatment Control Point Time
    Line::new(0x30080054, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // First Treatment Date
    Line::new(0x30080056, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Most Recent Treatment Date
    Line::new(0x30080105, Empty, keep(DEVICE)), // Source Serial Number
    Line::new(0x30080162, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Safe Position Exit Date
    Line::new(0x30080164, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Safe Position Exit Time
    Line::new(0x30080166, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Safe Position Return Date
    Line::new(0x30080168, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Safe Position Return Time
    Line::new(0x30080250, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Treatment Date
    Line::new(0x30080251, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Treatment Time
    Line::new(0x300A0002, Dummy, clean(DESCRIPTORS)), // RT Plan Label
    Line::new(0x300A0003, Remove, clean(DESCRIPTORS)), // RT Plan Name
    Line::new(0x300A0004, Remove, clean(DESCRIPTORS)), // RT Plan Description
    Line::new(0x300A0006, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // RT Plan Date
    Line::new(0x300A0007, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // RT Plan Time
    Line::new(0x300A000B, Remove, clean(DESCRIPTORS)), // Treatment Sites
    Line::new(0x300A000E, Remove, clean(DESCRIPTORS)), // Prescription Description
    Line::new(0x300A0013, Uid, keep(UIDS)), // Dose Reference UID
    Line::new(0x300A0016, Remove, clean(DESCRIPTORS)), // Dose Reference Description
    Line::new(0x300A0072, Remove, clean(DESCRIPTORS)), // Fraction Group Description
    Line::new(0x300A0083, Uid, keep(UIDS)), // Referenced Dose Reference UID
    Line::new(0x300A00B2, Empty, keep(DEVICE)), // Treatment Machine Name
    Line::new(0x300A00C3, Remove, clean(DESCRIPTORS)), // Beam Description
    Line::new(0x300A00DD, Remove, clean(DESCRIPTORS)), // Bolus Description
    Line::new(0x300A0196, Remove, clean(DESCRIPTORS)), // Fixation Device Description
    Line::new(0x300A01A6, Remove, clean(DESCRIPTORS)), // Shielding Device Description
    Line::new(0x300A01B2, Remove, clean(DESCRIPTORS)), // Setup Technique Description
    Line::new(0x300A0216, Remove, keep(DEVICE)), // Source Manufacturer
    Line::new(0x300A022C, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Source Strength Reference Date
    Line::new(0x300A022E, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Source Strength Reference Time
    Line::new(0x300A02EB, Remove, clean(DESCRIPTORS)), // Compensator Description
    Line::new(0x300A0608, Dummy, clean(DESCRIPTORS)), // Treatment Position Group Label
    Line::new(0x300A0609, Uid, keep(UIDS)), // Treatment Position Group UID
    Line::new(0x300A0611, Empty, 0), // RT Accessory Holder Slot ID
    Line::new(0x300A0615, Empty, 0), // RT Accessory Device Slot ID
    Line::new(0x300A0619, Dummy, clean(DESCRIPTORS)), // Radiation Dose Identification Label
    Line::new(0x300A0623, Dummy, clean(DESCRIPTORS)), // Radiation Dose In-Vivo Measurement Label
    Line::new(0x300A062A, Dummy, clean(DESCRIPTORS)), // RT Tolerance Set Label
    Line::new(0x300A0650, Uid, keep(UIDS)), // Patient Setup UID
    Line::new(0x300A0676, Remove, clean(DESCRIPTORS)), // Equipment Frame of Reference Description
    Line::new(0x300A067C, Dummy, clean(DESCRIPTORS)), // Radiation Generation Mode Label
    Line::new(0x300A067D, Empty, clean(DESCRIPTORS)), // Radiation Generation Mode Description
    Line::new(0x300A0700, Uid, keep(UIDS)), // Treatment Session UID
    Line::new(0x300A0734, Dummy, clean(DESCRIPTORS)), // Treatment Tolerance Violation Description
    Line::new(0x300A0736, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Treatment Tolerance Violation DateTime
    Line::new(0x300A073A, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Recorded RT Control Point DateTime
    Line::new(0x300A0741, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interlock DateTime
    Line::new(0x300A0742, Dummy, clean(DESCRIPTORS)), // Interlock Description
    Line::new(0x300A0760, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Override DateTime
    Line::new(0x300A0783, Dummy, clean(DESCRIPTORS)), // Interlock Origin Description
    Line::new(0x300A0785, Uid, keep(UIDS)), // Referenced Treatment Position Group UID
    Line::new(0x300A078E, Remove, clean(DESCRIPTORS)), // Patient Treatment Preparation Procedure Parameter Description
    Line::new(0x300A0792, Remove, clean(DESCRIPTORS)), // Patient Treatment Preparation Method Description
    Line::new(0x300A0794, Remove, clean(DESCRIPTORS)), // Patient Setup Photo Description
    Line::new(0x300A079A, Remove, clean(DESCRIPTORS)), // Displacement Reference Label
    Line::new(0x300C0113, Remove, clean(DESCRIPTORS)), // Reason for Omission Description
    Line::new(0x300C0127, Dummy, keep(DEVICE) | keep(FULL_DATES) | clean(MODIFIED_DATES)), // Beam Hold Transition DateTime
    Line::new(0x300E0004, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Review Date
    Line::new(0x300E0005, Empty, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Review Time
    Line::new(0x300E0008, Empty, 0), // Reviewer Name
    Line::new(0x30100006, Uid, keep(UIDS)), // Conceptual Volume UID
    Line::new(0x3010000B, Uid, keep(UIDS)), // Referenced Conceptual Volume UID
    Line::new(0x3010000F, Empty, clean(DESCRIPTORS)), // Conceptual Volume Combination Description
    Line::new(0x30100013, Uid, keep(UIDS)), // Constituent Conceptual Volume UID
    Line::new(0x30100015, Uid, keep(UIDS)), // Source Conceptual Volume UID
    Line::new(0x30100017, Empty, clean(DESCRIPTORS)), // Conceptual Volume Description
    Line::new(0x3010001B, Empty, 0), // Device Alternate Identifier
    Line::new(0x3010002D, Dummy, keep(DEVICE)), // Device Label
    Line::new(0x30100031, Uid, keep(UIDS)), // Referenced Fiducials UID
    Line::new(0x30100033, Dummy, clean(DESCRIPTORS)), // User Content Label
    Line::new(0x30100034, Dummy, clean(DESCRIPTORS)), // User Content Long Label
    Line::new(0x30100035, Dummy, clean(DESCRIPTORS)), // Entity Label
    Line::new(0x30100036, Remove, clean(DESCRIPTORS)), // Entity Name
    Line::new(0x30100037, Remove, clean(DESCRIPTORS)), // Entity Description
    Line::new(0x30100038, Dummy, clean(DESCRIPTORS)), // Entity Long Label
    Line::new(0x3010003B, Uid, keep(UIDS)), // RT Treatment Phase UID
    Line::new(0x30100043, Empty, keep(DEVICE)), // Manufacturer's Device Identifier
    Line::new(0x3010004C, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Intended Phase Start Date
    Line::new(0x3010004D, Dummy, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Intended Phase End Date
    Line::new(0x30100054, Dummy, clean(DESCRIPTORS)), // RT Prescription Label
    Line::new(0x30100056, Dummy, clean(DESCRIPTORS)), // RT Treatment Approach Label
    Line::new(0x3010005A, Empty, clean(DESCRIPTORS)), // RT Physician Intent Narrative
    Line::new(0x3010005C, Empty, clean(DESCRIPTORS)), // Reason for Superseding
    Line::new(0x30100061, Remove, clean(DESCRIPTORS)), // Prior Treatment Dose Description
    Line::new(0x3010006E, Uid, keep(UIDS)), // Dosimetric Objective UID
    Line::new(0x3010006F, Uid, keep(UIDS)), // Referenced Dosimetric Objective UID
    Line::new(0x30100077, Dummy, clean(DESCRIPTORS)), // Treatment Site
    Line::new(0x3010007A, Empty, clean(DESCRIPTORS)), // Treatment Technique Notes
    Line::new(0x3010007B, Empty, clean(DESCRIPTORS)), // Prescription Notes
    Line::new(0x3010007F, Empty, clean(DESCRIPTORS)), // Fractionation Notes
    Line::new(0x30100081, Empty, clean(DESCRIPTORS)), // Prescription Notes Sequence
    Line::new(0x30100085, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Intended Fraction Start Time
    Line::new(0x40000010, Remove, 0), // Arbitrary
    Line::new(0x40004000, Remove, 0), // Text Comments
    Line::new(0x40080040, Remove, 0), // Results ID
    Line::new(0x40080042, Remove, 0), // Results ID Issuer
    Line::new(0x40080100, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interpretation Recorded Date
    Line::new(0x40080101, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interpretation Recorded Time
    Line::new(0x40080102, Remove, 0), // Interpretation Recorder
    Line::new(0x40080108, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interpretation Transcription Date
    Line::new(0x40080109, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interpretation Transcription Time
    Line::new(0x4008010A, Remove, 0), // Interpretation Transcriber
    Line::new(0x4008010B, Remove, clean(DESCRIPTORS)), // Interpretation Text
    Line::new(0x4008010C, Remove, 0), // Interpretation Author
    Line::new(0x40080111, Remove, 0), // Interpretation Approver Sequence
    Line::new(0x40080112, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interpretation Approval Date
    Line::new(0x40080113, Remove, keep(FULL_DATES) | clean(MODIFIED_DATES)), // Interpretation Approval Time
    Line::new(0x40080114, Remove, 0), // Physician Approving Interpretation
    Line::new(0x40080115, Remove, clean(DESCRIPTORS)), // Interpretation Diagnosis Description
    Line::new(0x40080118, Remove, 0), // Results Distribution List Sequence
    Line::new(0x40080119, Remove, 0), // Distribution Name
    Line::new(0x4008011A, Remove, 0), // Distribution Address
    Line::new(0x40080200, Remove, 0), // Interpretation ID
    Line::new(0x40080202, Remove, 0), // Interpretation ID Issuer
    Line::new(0x40080300, Remove, clean(DESCRIPTORS)), // Impressions
    Line::new(0x40084000, Remove, clean(DESCRIPTORS)), // Results Comments
    Line::new(0xFFFAFFFA, Remove, 0), // Digital Signatures Sequence
    Line::new(0xFFFCFFFC, Remove, 0), // Data Set Trailing Padding
];
