//! Objects of others and of our own, and what breaks them.

use causeway_core::transfer_syntax::Layout;

use super::*;
use crate::model::Options;
use crate::scanner::tests::scan;

const MAX: usize = 1 << 20;

fn all(text: &str) -> Vec<Result<Composed, Refused>> {
    read(text.as_bytes(), 10, MAX).unwrap()
}

fn one(members: &str) -> Result<Composed, ComposeError> {
    let text = format!("[{{{members}}}]");
    all(&text).pop().unwrap().map_err(|refused| refused.error)
}

fn again(composed: &Composed) -> String {
    let options = Options { bulk_data_uri: String::new(), max_inline_bytes: 1000, transfer_syntax: None };
    let json = crate::json::write_metadata(&composed.bytes, Layout::ExplicitLittleEndian, options).unwrap();
    String::from_utf8(json).unwrap()
}

#[test]
fn what_this_node_writes_is_read_back() {
    let members = concat!(
        r#""00080005":{"vr":"CS","Value":["ISO_IR 192"]},"#,
        r#""00080018":{"vr":"UI","Value":["1.2.3"]},"#,
        r#""00081140":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.4"]}},{}]},"#,
        r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Phonetic":"や"},null,{"Ideographic":"山"}]},"#,
        r#""00100020":{"vr":"LO","Value":["a \"b\" \n"]},"#,
        r#""00100030":{"vr":"DA"},"#,
        r#""00180050":{"vr":"DS","Value":[1.50,-2,null]},"#,
        r#""00280009":{"vr":"AT","Value":["00181063"]},"#,
        r#""00280010":{"vr":"US","Value":[512]},"#,
        r#""00291001":{"vr":"UN","InlineBinary":"AQI="},"#,
        r#""00720076":{"vr":"FL","Value":[0.5,"NaN"]}"#,
    );
    let composed = one(members).unwrap();
    assert_eq!(again(&composed), format!("{{{members}}}"));
    assert_eq!(composed.named.sop_instance.unwrap().as_str(), "1.2.3");
}

#[test]
fn members_come_in_any_order() {
    let composed = one(r#""00280010":{"Value":[3],"vr":"US"},"00100020":{"Value":["x"],"vr":"LO"}"#).unwrap();
    assert_eq!(
        again(&composed),
        r#"{"00100020":{"vr":"LO","Value":["x"]},"00280010":{"vr":"US","Value":[3]}}"#
    );
    assert_eq!(one(r#""00280010":{"vr":"US"},"00280010":{"vr":"US"}"#), Err(ComposeError::Twice(Tag::ROWS)));
}

#[test]
fn a_vr_that_is_missing_is_the_dictionarys() {
    assert!(again(&one(r#""00280010":{"Value":[3]}"#).unwrap()).contains("\"US\""));
    let private = Tag::new(0x0029, 0x1001);
    assert_eq!(one(r#""00291001":{"Value":[3]}"#), Err(ComposeError::Vr(private)));
    assert_eq!(one(r#""00291001":{"vr":"ZZ","Value":[3]}"#), Err(ComposeError::Vr(private)));
}

#[test]
fn what_is_told_of_the_object_is_no_part_of_it() {
    let composed = one(concat!(
        r#""00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.4.50"]},"00080000":{"vr":"UL","Value":[4]},"#,
        r#""00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00280008":{"vr":"IS","Value":[3]}"#,
    ))
    .unwrap();
    assert_eq!(composed.transfer_syntax.as_ref().unwrap().as_str(), "1.2.840.10008.1.2.4.50");
    assert_eq!(composed.frames, 3);
    assert_eq!(
        again(&composed),
        r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00280008":{"vr":"IS","Value":[3]}}"#
    );
    assert_eq!(one(r#""00083002":{"vr":"UI","Value":["1.2.3"]}"#).unwrap().bytes, b"");
}

#[test]
fn text_beyond_ascii_is_utf_8_and_says_so() {
    let composed = one(r#""00081140":{"vr":"SQ","Value":[{"00080104":{"vr":"LO","Value":["é"]}}]}"#).unwrap();
    assert!(again(&composed).starts_with(r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]}"#));
    let plain = one(r#""00080104":{"vr":"LO","Value":["e"]}"#).unwrap();
    assert!(!again(&plain).contains("00080005"));
}

#[test]
fn gaps_are_where_their_elements_belong() {
    let composed = one(concat!(
        r#""7FE00010":{"vr":"OW","BulkDataURI":"http://h/b/2"},"#,
        r#""00880200":{"vr":"SQ","Value":[{"7FE00010":{"vr":"OB","BulkDataURI":"1"}}]}"#,
    ))
    .unwrap();
    let gaps: Vec<(usize, &str, bool)> =
        composed.gaps.iter().map(|gap| (gap.at, gap.uri.as_str(), gap.is_pixel_data())).collect();
    assert_eq!(gaps, [(20, "1", false), (composed.bytes.len(), "http://h/b/2", true)]);
}

#[test]
fn one_that_is_wrong_is_wrong_alone() {
    let text = r#"[{"00080018":{"vr":"UI","Value":["1.2"]},"00280010":{"vr":"US","Value":[-1]}},{"00280010":{"vr":"US","Value":[1]}},7]"#;
    let made = all(text);
    let refused = made[0].as_ref().unwrap_err();
    assert_eq!(refused.named.sop_instance.as_ref().unwrap().as_str(), "1.2");
    assert!(matches!(refused.error, ComposeError::Value { vr: Vr::US, .. }));
    assert!(made[1].is_ok());
    assert!(matches!(made[2].as_ref().unwrap_err().error, ComposeError::Form { .. }));
}

#[test]
fn what_is_no_json_is_no_instance_at_all() {
    for text in ["", "[", "[{]", "{\"a\":}", "[{}] x", "\u{FEFF}[{}", "[\"\u{0}\"]"] {
        assert!(matches!(read(text.as_bytes(), 10, MAX), Err(ComposeError::Syntax { .. })), "{text}");
    }
    assert!(matches!(read(b"[\"\xFF\"]", 10, MAX), Err(ComposeError::Syntax { .. })));
    assert!(matches!(read(b"7", 10, MAX), Err(ComposeError::Form { .. })));
    assert_eq!(all("\u{FEFF} [ ] "), []);
    assert_eq!(all("{}").len(), 1);
}

#[test]
fn attributes_that_are_none_are_refused() {
    for members in [
        r#""0028001":{"vr":"US"}"#,
        r#""002800XX":{"vr":"US"}"#,
        r#""00280010":7"#,
        r#""00280010":null"#,
        r#""00280010":{"vr":"US","Value":7}"#,
        r#""00280010":{"vr":"US","Value":["x"]}"#,
        r#""00280010":{"vr":"US","Value":[true]}"#,
        r#""00280010":{"vr":"US","Value":[[1]]}"#,
        r#""00280010":{"vr":"US","vr":"US"}"#,
        r#""00280010":{"vr":"US","Value":[1],"InlineBinary":"AAA="}"#,
        r#""00100020":{"vr":"LO","Value":[1]}"#,
        r#""00100020":{"vr":"LO","Value":[{"Alphabetic":"x"}]}"#,
        r#""00100010":{"vr":"PN","Value":[{"Alphabetic":7}]}"#,
        r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"a=b"}]}"#,
        r#""7FE00010":{"vr":"OW","InlineBinary":"A"}"#,
        r#""7FE00010":{"vr":"OW","InlineBinary":"!!!!"}"#,
        r#""7FE00010":{"vr":"OW","Value":[1]}"#,
        r#""7FE00010":{"vr":"OW","BulkDataURI":1}"#,
        r#""00081140":{"vr":"SQ","Value":[1]}"#,
        r#""00081140":{"vr":"SQ","InlineBinary":"AAA="}"#,
        r#""00081140":{"vr":"SQ","BulkDataURI":"x"}"#,
        r#""FFFEE000":{"vr":"LO"}"#,
        r#""00000000":{"vr":"UL"}"#,
    ] {
        one(members).expect_err(members);
    }
}

#[test]
fn items_nest_as_deep_as_is_read_and_no_deeper() {
    let nested = |depth: usize| {
        let begin = r#""00081140":{"vr":"SQ","Value":[{"#.repeat(depth);
        one(&[begin, "}]}".repeat(depth)].concat())
    };
    let most = causeway_core::limits::MAX_SEQUENCE_DEPTH;
    assert!(scan(&nested(most).unwrap().bytes, Layout::ExplicitLittleEndian).is_ok());
    assert_eq!(nested(most + 1), Err(ComposeError::TooDeep));
    assert_eq!(nested(most * 100), Err(ComposeError::TooDeep));
    assert!(read("[".repeat(1_000_000).as_bytes(), 10, MAX).is_err());
}

#[test]
fn instances_and_bytes_are_held_to_their_bounds() {
    let text = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    assert_eq!(read(text(3).as_bytes(), 3, MAX).unwrap().len(), 3);
    assert_eq!(read(text(4).as_bytes(), 3, MAX), Err(ComposeError::TooMany { limit: 3 }));
    let rows = r#"[{"00280010":{"vr":"US","Value":[1]}},{"00280010":{"vr":"US","Value":[1]}}]"#;
    let fits = |most| read(rows.as_bytes(), 10, most).unwrap().iter().filter(|made| made.is_ok()).count();
    assert_eq!((fits(20), fits(19), fits(10), fits(9)), (2, 1, 1, 0));
}
