//! Documents of others and of our own, and what breaks them.

use causeway_core::transfer_syntax::Layout;

use super::*;
use crate::model::Options;
use crate::scanner::tests::scan;

const MAX: usize = 1 << 20;

fn document(attributes: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xml:space=\"preserve\">{attributes}</NativeDicomModel>\n"
    )
}

fn error(attributes: &str) -> ComposeError {
    read(document(attributes).as_bytes(), MAX).unwrap_err().error
}

fn made(attributes: &str) -> Composed {
    read(document(attributes).as_bytes(), MAX).unwrap()
}

fn again(composed: &Composed) -> String {
    let options = Options { bulk_data_uri: String::new(), max_inline_bytes: 1000, transfer_syntax: None };
    let xml = crate::xml::write_metadata(&composed.bytes, Layout::ExplicitLittleEndian, options).unwrap();
    String::from_utf8(xml).unwrap()
}

#[test]
fn what_this_node_writes_is_read_back() {
    let attributes = concat!(
        "<DicomAttribute tag=\"00080005\" vr=\"CS\" keyword=\"SpecificCharacterSet\"><Value number=\"1\">ISO_IR 192</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00080018\" vr=\"UI\" keyword=\"SOPInstanceUID\"><Value number=\"1\">1.2.3</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00081140\" vr=\"SQ\" keyword=\"ReferencedImageSequence\"><Item number=\"1\">",
        "<DicomAttribute tag=\"00081155\" vr=\"UI\" keyword=\"ReferencedSOPInstanceUID\"><Value number=\"1\">1.2.4</Value></DicomAttribute>",
        "</Item><Item number=\"2\"></Item></DicomAttribute>",
        "<DicomAttribute tag=\"00100010\" vr=\"PN\" keyword=\"PatientName\"><PersonName number=\"1\"><Alphabetic><FamilyName>A&amp;Ö</FamilyName><NamePrefix>Dr</NamePrefix></Alphabetic><Phonetic><FamilyName>や</FamilyName></Phonetic></PersonName></DicomAttribute>",
        "<DicomAttribute tag=\"00104000\" vr=\"LT\" keyword=\"PatientComments\"><Value number=\"1\"> a&#13;&#10;&lt;b&gt;</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00280010\" vr=\"US\" keyword=\"Rows\"><Value number=\"1\">512</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00290010\" vr=\"LO\"><Value number=\"1\">ACME &quot;1&quot;</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00290001\" vr=\"OB\" privateCreator=\"ACME &quot;1&quot;\"><InlineBinary>AQI=</InlineBinary></DicomAttribute>",
    );
    let composed = made(attributes);
    assert_eq!(again(&composed), document(attributes));
    assert_eq!(composed.named.sop_instance.unwrap().as_str(), "1.2.3");
}

#[test]
fn attributes_are_named_as_the_examples_of_the_standard_write_them_too() {
    let plain =
        made("<DicomAttribute tag=\"00080018\" vr=\"UI\"><Value number=\"1\">1.2.3</Value></DicomAttribute>");
    let capital = "<DicomAttribute Tag=\"00080018\" VR=\"UI\" Keyword=\"SOPInstanceUID\"><Value number=\"1\">1.2.3</Value></DicomAttribute>";
    assert_eq!(made(capital), plain);
    assert_eq!(error("<DicomAttribute TAG=\"00080018\" vr=\"UI\"></DicomAttribute>"), ComposeError::NotATag);
}

#[test]
fn a_declared_encoding_is_read() {
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><NativeDicomModel><DicomAttribute tag='00100020' vr='LO'><Value number='1'>\xE9</Value></DicomAttribute></NativeDicomModel>";
    assert!(again(&read(latin, MAX).unwrap()).contains("<Value number=\"1\">é</Value>"));
    let broken = |bytes: &[u8]| matches!(read(bytes, MAX).unwrap_err().error, ComposeError::Syntax { .. });
    assert!(broken(b"<NativeDicomModel><DicomAttribute tag='00100020' vr='LO'><Value>\xE9</Value></DicomAttribute></NativeDicomModel>"));
    assert!(broken(b"<?xml version='1.0' encoding='martian'?><NativeDicomModel/>"));
}

#[test]
fn private_blocks_are_found_or_made() {
    let of = |tag, creator, value| {
        format!(
            "<DicomAttribute tag=\"{tag}\" vr=\"LO\" privateCreator=\"{creator}\"><Value number=\"1\">{value}</Value></DicomAttribute>"
        )
    };
    let creator = "<DicomAttribute tag=\"00290011\" vr=\"LO\"><Value number=\"1\">B</Value></DicomAttribute>";
    let all =
        [of("00290010", "A", "x"), of("00290001", "B", "y"), creator.to_owned(), of("00291202", "C", "z")];
    let tags: Vec<String> = scan(&made(&all.concat()).bytes, Layout::ExplicitLittleEndian)
        .unwrap()
        .headers
        .iter()
        .map(|header| header.tag.to_hex())
        .collect();
    assert_eq!(tags, ["00290010", "00290011", "00290012", "00291010", "00291101", "00291202"]);
    let taken = [creator.to_owned(), of("00291101", "A", "x")].concat();
    assert_eq!(error(&taken), ComposeError::NoBlock(Tag::new(0x0029, 0x1101)));
}

#[test]
fn attributes_come_in_any_order_and_once() {
    let bulk = "<DicomAttribute tag=\"7FE00010\" vr=\"OW\"><BulkData uri=\"b/1\"/></DicomAttribute>";
    let rows = "<DicomAttribute tag=\"00280010\" vr=\"US\"><Value number=\"1\">1</Value></DicomAttribute>";
    let late = "<DicomAttribute tag=\"7FE10010\" vr=\"LO\"><Value>A</Value></DicomAttribute>";
    let composed = made(&[late, bulk, rows].concat());
    assert_eq!(composed.gaps.len(), 1);
    assert_eq!((composed.gaps[0].at, composed.gaps[0].uri.as_str()), (10, "b/1"));
    assert_eq!(composed.bytes.len(), 20);
    assert!(composed.gaps[0].is_pixel_data());
    assert_eq!(error(&[rows, rows].concat()), ComposeError::Twice(Tag::ROWS));
}

#[test]
fn document_types_and_entities_are_refused() {
    let bomb =
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><NativeDicomModel/>";
    assert_eq!(read(bomb.as_bytes(), MAX).unwrap_err().error, ComposeError::DocumentType);
    let outside = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><NativeDicomModel/>";
    assert_eq!(read(outside.as_bytes(), MAX).unwrap_err().error, ComposeError::DocumentType);
    let value = |text: &str| {
        error(&format!(
            "<DicomAttribute tag=\"00100020\" vr=\"LO\"><Value number=\"1\">{text}</Value></DicomAttribute>"
        ))
    };
    assert!(matches!(value("&file;"), ComposeError::Syntax { .. }));
    assert!(matches!(value("&#x110000;"), ComposeError::Syntax { .. }));
}

#[test]
fn what_is_no_model_is_refused() {
    for text in [
        "",
        "x",
        "<a/>",
        "<NativeDicomModel>",
        "<NativeDicomModel></b>",
        "<NativeDicomModel/><NativeDicomModel/>",
    ] {
        assert!(read(text.as_bytes(), MAX).is_err(), "{text}");
    }
    for attributes in [
        "x",
        "<b/>",
        "<DicomAttribute vr=\"LO\"/>",
        "<DicomAttribute tag=\"0010002\" vr=\"LO\"/>",
        "<DicomAttribute tag=\"00100020\" vr=\"ZZ\"/>",
        "<DicomAttribute tag=\"00100020\" vr=\"LO\"><Value number=\"0\">x</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"LO\"><Value number=\"2\">x</Value><Value number=\"1\">x</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"LO\"><Value><b/></Value></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"LO\"><Item number=\"1\"/></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"SQ\"><Value number=\"1\">x</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"OB\"><InlineBinary>!</InlineBinary></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"OB\"><InlineBinary>AA==</InlineBinary><BulkData uri=\"x\"/></DicomAttribute>",
        "<DicomAttribute tag=\"00100020\" vr=\"OB\"><BulkData/></DicomAttribute>",
        "<DicomAttribute tag=\"00280010\" vr=\"US\"><Value number=\"1\">65536</Value></DicomAttribute>",
        "<DicomAttribute tag=\"00100010\" vr=\"PN\"><PersonName><Other/></PersonName></DicomAttribute>",
        "<DicomAttribute tag=\"FFFEE000\" vr=\"LO\"/>",
    ] {
        read(document(attributes).as_bytes(), MAX).expect_err(attributes);
    }
}

#[test]
fn items_nest_as_deep_as_is_read_and_no_deeper() {
    let nested = |depth: usize| {
        let begin = "<DicomAttribute tag=\"00081140\" vr=\"SQ\"><Item number=\"1\">".repeat(depth);
        [begin, "</Item></DicomAttribute>".repeat(depth)].concat()
    };
    let most = causeway_core::limits::MAX_SEQUENCE_DEPTH;
    let composed = made(&nested(most));
    assert!(scan(&composed.bytes, Layout::ExplicitLittleEndian).is_ok());
    assert_eq!(error(&nested(most + 1)), ComposeError::TooDeep);
    assert_eq!(error(&nested(most * 100)), ComposeError::TooDeep);
}
