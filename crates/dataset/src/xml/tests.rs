//! The Native DICOM Model of made data sets, held against PS3.19 §A.1, and against the JSON of the same data sets.

use causeway_core::{Attributes, Element, Tag, Value, Vr};
use proptest::prelude::*;

use super::*;
use crate::testing::{Content, Ends, Made, data_set, pieces, plain_layout, sizes, write};

const LAYOUTS: [Layout; 3] =
    [Layout::ImplicitLittleEndian, Layout::ExplicitLittleEndian, Layout::ExplicitBigEndian];
const OPEN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xml:space=\"preserve\">";
const CLOSE: &str = "</NativeDicomModel>\n";

fn options() -> Options {
    Options { bulk_data_uri: "http://h/b?a&c".to_owned(), max_inline_bytes: 8, transfer_syntax: None }
}

/// What stands between the root's tags.
fn told_as(elements: &[Made], layout: Layout) -> String {
    let bytes = write_metadata(&write(elements, layout), layout, options()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.strip_prefix(OPEN).and_then(|text| text.strip_suffix(CLOSE)).unwrap().to_owned()
}

fn told(elements: &[Made]) -> String {
    told_as(elements, Layout::ExplicitLittleEndian)
}

#[test]
fn each_kind_of_value_has_its_form() {
    let fd: Vec<u8> = [0.5_f64, f64::NAN, f64::NEG_INFINITY].iter().flat_map(|n| n.to_le_bytes()).collect();
    let elements = [
        Made::text(Tag::new(0x0008, 0x0008), Vr::CS, "ORIGINAL\\\\AXIAL"),
        Made::text(Tag::STUDY_DATE, Vr::DA, ""),
        Made::text(Tag::new(0x0018, 0x0050), Vr::DS, "1.50 \\-.5\\x"),
        Made::bytes(Tag::new(0x0018, 0x9087), Vr::FD, &fd),
        Made::bytes(Tag::new(0x0020, 0x9165), Vr::AT, &[0x10, 0, 0x20, 0]),
        Made::bytes(Tag::ROWS, Vr::US, &[0, 2]),
    ];
    let expected = "<DicomAttribute tag=\"00080008\" vr=\"CS\" keyword=\"ImageType\">\
         <Value number=\"1\">ORIGINAL</Value><Value number=\"2\"></Value><Value number=\"3\">AXIAL</Value>\
         </DicomAttribute>\
         <DicomAttribute tag=\"00080020\" vr=\"DA\" keyword=\"StudyDate\"></DicomAttribute>\
         <DicomAttribute tag=\"00180050\" vr=\"DS\" keyword=\"SliceThickness\">\
         <Value number=\"1\">1.50</Value><Value number=\"2\">-.5</Value><Value number=\"3\">x</Value>\
         </DicomAttribute>\
         <DicomAttribute tag=\"00189087\" vr=\"FD\" keyword=\"DiffusionBValue\">\
         <Value number=\"1\">0.5</Value><Value number=\"2\">NaN</Value><Value number=\"3\">-INF</Value>\
         </DicomAttribute>\
         <DicomAttribute tag=\"00209165\" vr=\"AT\" keyword=\"DimensionIndexPointer\">\
         <Value number=\"1\">00100020</Value></DicomAttribute>\
         <DicomAttribute tag=\"00280010\" vr=\"US\" keyword=\"Rows\"><Value number=\"1\">512</Value></DicomAttribute>";
    for layout in LAYOUTS {
        assert_eq!(told_as(&elements, layout), expected);
    }
}

#[test]
fn a_name_is_told_by_groups_and_components() {
    let name = |text: &str| {
        let mut out = Vec::new();
        put_name(1, text, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        name("A&B^C^^Dr^X^Y=山"),
        "<PersonName number=\"1\"><Alphabetic><FamilyName>A&amp;B</FamilyName><GivenName>C</GivenName>\
         <NamePrefix>Dr</NamePrefix><NameSuffix>X^Y</NameSuffix></Alphabetic>\
         <Ideographic><FamilyName>山</FamilyName></Ideographic></PersonName>"
    );
    assert_eq!(name(""), "<PersonName number=\"1\"></PersonName>");
    assert_eq!(
        name("==ま"),
        "<PersonName number=\"1\"><Phonetic><FamilyName>ま</FamilyName></Phonetic></PersonName>"
    );
}

#[test]
fn a_private_attribute_names_its_creator_within_its_own_item() {
    let item = vec![Made::text(Tag::new(0x0029, 0x1001), Vr::LO, "inside")];
    let elements = [
        Made::text(Tag::new(0x0029, 0x0010), Vr::LO, "A \"&\" B"),
        Made::text(Tag::new(0x0029, 0x1001), Vr::LO, "one"),
        Made::sequence(Tag::new(0x0029, 0x1002), vec![item], Ends::ByLength),
        Made::bytes(Tag::new(0x0029, 0x1103), Vr::OB, &[1, 2]),
    ];
    assert_eq!(
        told(&elements),
        "<DicomAttribute tag=\"00290010\" vr=\"LO\"><Value number=\"1\">A &quot;&amp;&quot; B</Value></DicomAttribute>\
         <DicomAttribute tag=\"00290001\" vr=\"LO\" privateCreator=\"A &quot;&amp;&quot; B\">\
         <Value number=\"1\">one</Value></DicomAttribute>\
         <DicomAttribute tag=\"00290002\" vr=\"SQ\" privateCreator=\"A &quot;&amp;&quot; B\"><Item number=\"1\">\
         <DicomAttribute tag=\"00291001\" vr=\"LO\"><Value number=\"1\">inside</Value></DicomAttribute>\
         </Item></DicomAttribute>\
         <DicomAttribute tag=\"00291103\" vr=\"OB\"><InlineBinary>AQI=</InlineBinary></DicomAttribute>"
    );
}

#[test]
fn long_bytes_and_pixels_are_named_by_a_url() {
    let pixels =
        Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(vec![vec![], vec![1, 2]]) };
    let item = vec![Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2])];
    let elements = [Made::sequence(Tag::new(0x0088, 0x0200), vec![vec![], item], Ends::ByDelimiter), pixels];
    assert_eq!(
        told(&elements),
        "<DicomAttribute tag=\"00880200\" vr=\"SQ\" keyword=\"IconImageSequence\"><Item number=\"1\"></Item>\
         <Item number=\"2\"><DicomAttribute tag=\"7FE00010\" vr=\"OW\" keyword=\"PixelData\">\
         <BulkData uri=\"http://h/b?a&amp;c/00880200/2/7FE00010\"></BulkData></DicomAttribute></Item></DicomAttribute>\
         <DicomAttribute tag=\"7FE00010\" vr=\"OB\" keyword=\"PixelData\">\
         <BulkData uri=\"http://h/b?a&amp;c/7FE00010\"></BulkData></DicomAttribute>"
    );
}

#[test]
fn decoded_attributes_are_told_as_stored_ones_are() {
    let mut item = Attributes::new();
    item.put_text(Tag::PATIENT_ID, Vr::LO, "<1>");
    let mut attributes = Attributes::new();
    attributes.put_text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 100");
    attributes.put(Tag::STUDY_DATE, Element::empty(Vr::DA));
    attributes.put_text(Tag::PATIENT_NAME, Vr::PN, "A^B");
    attributes.put(Tag::new(0x0010, 0x1002), Element { vr: Vr::SQ, value: Value::Items(vec![item]) });
    attributes.put_text(Tag::INSTANCE_NUMBER, Vr::IS, "7");
    let mut out = Vec::new();
    write_attributes(&attributes, &mut out);
    let item = vec![Made::text(Tag::PATIENT_ID, Vr::LO, "<1>")];
    let elements = [
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 100"),
        Made::text(Tag::STUDY_DATE, Vr::DA, ""),
        Made::text(Tag::PATIENT_NAME, Vr::PN, "A^B"),
        Made::sequence(Tag::new(0x0010, 0x1002), vec![item], Ends::ByLength),
        Made::text(Tag::INSTANCE_NUMBER, Vr::IS, "7"),
    ];
    assert_eq!(String::from_utf8(out).unwrap(), format!("{OPEN}{}{CLOSE}", told(&elements)));
}

/// Whether tags open and close in pairs, and nothing but escaped text stands between them.
fn is_well_formed(xml: &str) -> bool {
    let mut open = Vec::new();
    let body = xml.split_once("?>").map_or(xml, |(_, body)| body);
    for piece in body.split('<').skip(1) {
        let Some((tag, text)) = piece.split_once('>') else { return false };
        if text.contains('>') || text.chars().any(|c| c.is_control() && c != '\n' && c < ' ') {
            return false;
        }
        match tag.strip_prefix('/') {
            Some(name) if open.pop() == Some(name) => {}
            Some(_) => return false,
            None => open.push(tag.split(' ').next().unwrap_or_default()),
        }
    }
    open.is_empty()
}

proptest! {
    #[test]
    fn any_data_set_gives_well_formed_xml_the_same_in_pieces(elements in data_set(), layout in plain_layout(), sizes in sizes()) {
        let bytes = write(&elements, layout);
        let whole = write_metadata(&bytes, layout, options()).unwrap();
        let mut writer = MetadataWriter::new(layout, options());
        for piece in pieces(&bytes, &sizes) {
            writer.feed(piece).unwrap();
        }
        prop_assert_eq!(&writer.finish().unwrap(), &whole);
        let text = String::from_utf8(whole).unwrap();
        prop_assert!(is_well_formed(&text), "{}", text);
        prop_assert!(!text.contains('\r'));
    }

    #[test]
    fn the_xml_tells_as_many_attributes_as_the_json(elements in data_set(), layout in plain_layout()) {
        let bytes = write(&elements, layout);
        let xml = String::from_utf8(write_metadata(&bytes, layout, options()).unwrap()).unwrap();
        let json = crate::json::write_metadata(&bytes, layout, options()).unwrap();
        let json = String::from_utf8(json).unwrap();
        prop_assert_eq!(xml.matches("<DicomAttribute ").count(), json.matches("\"vr\":\"").count());
        prop_assert_eq!(xml.matches("<BulkData ").count(), json.matches("\"BulkDataURI\":").count());
    }

    #[test]
    fn hostile_bytes_never_panic(elements in data_set(), layout in plain_layout(), at: proptest::sample::Index, byte: u8) {
        let mut bytes = write(&elements, layout);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(xml) = write_metadata(&bytes, layout, options()) {
            prop_assert!(is_well_formed(&String::from_utf8(xml).unwrap()));
        }
    }
}
