//! The JSON form of single values (PS3.18 §F.2.3), written by hand into the output: each element of each stored
//! object passes here.

use std::io::Write as _;

use causeway_core::{Tag, Vr};

use crate::value::Number;

/// Writes a JSON string.
pub(super) fn put_string(text: &str, out: &mut Vec<u8>) {
    // Writing into a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Writes a tag as eight hexadecimal digits, in quotes.
pub(super) fn put_tag(tag: Tag, out: &mut Vec<u8>) {
    let _ = write!(out, "\"{:04X}{:04X}\"", tag.group(), tag.element());
}

/// Writes one value of text: IS and DS as numbers where they are some, PN by its groups, nothing as `null`.
pub(super) fn put_text(text: &str, vr: Vr, out: &mut Vec<u8>) {
    match vr {
        _ if text.is_empty() => out.extend(b"null"),
        Vr::PN => put_name(text, out),
        Vr::IS | Vr::DS if put_decimal(text, out) => {}
        _ => put_string(text, out),
    }
}

fn put_name(name: &str, out: &mut Vec<u8>) {
    let groups = ["Alphabetic", "Ideographic", "Phonetic"];
    let mut before = b'{';
    for (group, part) in groups.iter().zip(name.split('=')).filter(|(_, part)| !part.is_empty()) {
        out.push(before);
        put_string(group, out);
        out.push(b':');
        put_string(part, out);
        before = b',';
    }
    out.extend(if before == b'{' { b"null".as_slice() } else { b"}" });
}

/// Writes the digits of a decimal number as they stand, so that nothing is lost, in JSON's grammar, which is
/// narrower than that of IS and DS (PS3.5 §6.2): no plus, no leading zeros, digits on both sides of the point.
/// Whether it was one, and one that a reader's 64-bit float can hold.
fn put_decimal(text: &str, out: &mut Vec<u8>) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() + fraction.len() == 0 {
        return false;
    }
    // Infinite where the exponent is too large, an error where it is none.
    if !text.parse::<f64>().is_ok_and(f64::is_finite) {
        return false;
    }
    if text.starts_with('-') {
        out.push(b'-');
    }
    let whole = whole.trim_start_matches('0');
    out.extend(if whole.is_empty() { b"0" } else { whole.as_bytes() });
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend(fraction.as_bytes());
    }
    if let Some(exponent) = exponent {
        out.push(b'e');
        out.extend(exponent.as_bytes());
    }
    true
}

/// Writes one number of a binary VR. JSON has no form for what is not finite: those are told in text, in the
/// words that JavaScript's own conversion takes.
pub(super) fn put_number(number: Number, out: &mut Vec<u8>) {
    let _ = match number {
        Number::Unsigned(number) => write!(out, "{number}"),
        Number::Signed(number) => write!(out, "{number}"),
        Number::Single(number) => return put_real(f64::from(number), out),
        Number::Double(number) => return put_real(number, out),
        Number::Tag(tag) => return put_tag(tag, out),
    };
}

fn put_real(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend(b"\"NaN\"");
    } else if number.is_infinite() {
        out.extend(if number > 0.0 { b"\"Infinity\"".as_slice() } else { b"\"-Infinity\"" });
    } else {
        let _ = serde_json::to_writer(out, &number);
    }
}

/// Writes bytes in base64, in quotes.
pub(super) fn put_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    put_base64_letters(bytes, out);
    out.push(b'"');
}

/// Writes bytes in base64 (RFC 4648 §4).
pub(crate) fn put_base64_letters(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| LETTERS.get((bits & 0x3F) as usize).copied().unwrap_or(b'=');
    for group in bytes.chunks(3) {
        let byte = |at| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.push(letter(bits >> 18));
        out.push(letter(bits >> 12));
        out.push(if group.len() > 1 { letter(bits >> 6) } else { b'=' });
        out.push(if group.len() > 2 { letter(bits) } else { b'=' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &str, vr: Vr) -> String {
        let mut out = Vec::new();
        put_text(value, vr, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_numbers_where_json_has_them() {
        for (value, json) in [
            ("1", "1"),
            ("+1.50", "1.50"),
            ("-0.5", "-0.5"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("5.", "5"),
            ("007", "7"),
            ("-00", "-0"),
            ("1e5", "1e5"),
            ("1.E+05", "1e+05"),
            ("0.12345678901234", "0.12345678901234"),
            ("9007199254740993", "9007199254740993"),
            ("1e999", "\"1e999\""),
            (".", "\".\""),
            ("-", "\"-\""),
            ("1,5", "\"1,5\""),
            ("NaN", "\"NaN\""),
            ("inf", "\"inf\""),
            ("1e", "\"1e\""),
            ("1 2", "\"1 2\""),
            ("--1", "\"--1\""),
            ("", "null"),
        ] {
            assert_eq!(text(value, Vr::DS), json);
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok());
        }
    }

    #[test]
    fn a_name_is_told_by_the_groups_it_has() {
        assert_eq!(text("A^B", Vr::PN), r#"{"Alphabetic":"A^B"}"#);
        assert_eq!(text("=山", Vr::PN), r#"{"Ideographic":"山"}"#);
        assert_eq!(text("A=山=ま=x", Vr::PN), r#"{"Alphabetic":"A","Ideographic":"山","Phonetic":"ま"}"#);
        assert_eq!(text("==", Vr::PN), "null");
    }

    #[test]
    fn bytes_are_told_in_base64() {
        for (bytes, told) in [
            ("", "\"\""),
            ("f", "\"Zg==\""),
            ("fo", "\"Zm8=\""),
            ("foo", "\"Zm9v\""),
            ("\u{FF}?", "\"w78/\""),
        ] {
            let mut out = Vec::new();
            put_base64(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), told);
        }
    }

    #[test]
    fn what_is_not_finite_is_told_in_text() {
        for (number, told) in
            [(f64::NAN, "\"NaN\""), (f64::NEG_INFINITY, "\"-Infinity\""), (1e300, "1e300"), (2.0, "2.0")]
        {
            let mut out = Vec::new();
            put_number(Number::Double(number), &mut out);
            let told: serde_json::Value = serde_json::from_str(told).unwrap();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), told);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_json(value in "[-+.eE0-9 \"\\\\\u{0}-\u{1F}=é]{0,12}") {
            for vr in [Vr::DS, Vr::IS, Vr::PN, Vr::LO] {
                let json = text(&value, vr);
                prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
            }
        }
    }
}
