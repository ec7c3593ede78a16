//! The Defined Terms of Specific Character Set (PS3.3 §C.12.1.1.2, PS3.5 §6.1.2.5), and what they stand for.

use encoding_rs::{
    EUC_KR, Encoding, GB18030, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7,
    ISO_8859_8, ISO_8859_15, UTF_8, WINDOWS_874, WINDOWS_1252, WINDOWS_1254,
};

/// What stands in the lower half of the code table (PS3.5 §6.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum G0 {
    /// ISO 646, or JIS X 0201 romaji, which is read as the same: its yen sign is the delimiter all the same.
    Ascii,
    /// JIS X 0208, two bytes a character.
    Jis0208,
    /// JIS X 0212, two bytes a character.
    Jis0212,
}

/// What stands in the upper half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum G1 {
    /// One byte a character. The encodings of the web that stand in for ISO 8859-1, -9 and TIS 620 agree with
    /// them from A0H on, and give the bytes below, which DICOM forbids, the meaning that their writers had in mind.
    Single(&'static Encoding),
    /// JIS X 0201 katakana.
    Katakana,
    /// Two bytes a character: KS X 1001 or GB 2312.
    Double(&'static Encoding),
}

/// What one term stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    /// Nothing, or the default repertoire.
    Default,
    /// A set of the lower half that is reached by an escape only.
    Lower,
    /// A set of the upper half.
    Upper(G1),
    /// An encoding of its own that knows no escapes.
    Whole(&'static Encoding),
    /// No term at all.
    Unknown,
}

/// Reads one value. Only its letters and digits count: "ISO IR 100", "ISO-IR_100", "iso_ir100" are all met with.
pub(super) fn term(value: &[u8]) -> Term {
    let mut name: String = value
        .iter()
        .filter(|b| b.is_ascii_alphanumeric())
        .map(|b| char::from(b.to_ascii_uppercase()))
        .collect();
    match name.as_str() {
        "" => return Term::Default,
        "GB18030" => return Term::Whole(GB18030),
        "GBK" => return Term::Whole(GBK),
        "GB2312" => return Term::Upper(G1::Double(GBK)),
        "UTF8" => return Term::Whole(UTF_8),
        "LATIN1" | "ISO88591" => return Term::Upper(G1::Single(WINDOWS_1252)),
        _ => {}
    }
    for word in ["ISO", "2022", "IR"] {
        if let Some(rest) = name.strip_prefix(word) {
            name = rest.to_owned();
        }
    }
    // "ISO_IR 2022 100" has its words in another order.
    match name.strip_prefix("2022").filter(|rest| !rest.is_empty()).unwrap_or(&name) {
        "6" => Term::Default,
        "14" | "87" | "159" => Term::Lower,
        "100" => Term::Upper(G1::Single(WINDOWS_1252)),
        "101" => Term::Upper(G1::Single(ISO_8859_2)),
        "109" => Term::Upper(G1::Single(ISO_8859_3)),
        "110" => Term::Upper(G1::Single(ISO_8859_4)),
        "144" => Term::Upper(G1::Single(ISO_8859_5)),
        "127" => Term::Upper(G1::Single(ISO_8859_6)),
        "126" => Term::Upper(G1::Single(ISO_8859_7)),
        "138" => Term::Upper(G1::Single(ISO_8859_8)),
        "148" => Term::Upper(G1::Single(WINDOWS_1254)),
        "203" => Term::Upper(G1::Single(ISO_8859_15)),
        "166" => Term::Upper(G1::Single(WINDOWS_874)),
        "13" => Term::Upper(G1::Katakana),
        "149" => Term::Upper(G1::Double(EUC_KR)),
        "58" => Term::Upper(G1::Double(GBK)),
        "192" => Term::Whole(UTF_8),
        _ => Term::Unknown,
    }
}

/// What an escape designates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Designation {
    /// A set for the lower half.
    Lower(G0),
    /// A set for the upper half.
    Upper(G1),
}

/// The escapes of PS3.3 Tables C.12-3 and C.12-4, without their ESC.
const ESCAPES: &[(&[u8], Designation)] = &[
    (b"(B", Designation::Lower(G0::Ascii)),
    (b"(J", Designation::Lower(G0::Ascii)),
    (b"$B", Designation::Lower(G0::Jis0208)),
    (b"$@", Designation::Lower(G0::Jis0208)),
    (b"$(D", Designation::Lower(G0::Jis0212)),
    (b")I", Designation::Upper(G1::Katakana)),
    (b"$)C", Designation::Upper(G1::Double(EUC_KR))),
    (b"$)A", Designation::Upper(G1::Double(GBK))),
    (b"-A", Designation::Upper(G1::Single(WINDOWS_1252))),
    (b"-B", Designation::Upper(G1::Single(ISO_8859_2))),
    (b"-C", Designation::Upper(G1::Single(ISO_8859_3))),
    (b"-D", Designation::Upper(G1::Single(ISO_8859_4))),
    (b"-L", Designation::Upper(G1::Single(ISO_8859_5))),
    (b"-G", Designation::Upper(G1::Single(ISO_8859_6))),
    (b"-F", Designation::Upper(G1::Single(ISO_8859_7))),
    (b"-H", Designation::Upper(G1::Single(ISO_8859_8))),
    (b"-M", Designation::Upper(G1::Single(WINDOWS_1254))),
    (b"-b", Designation::Upper(G1::Single(ISO_8859_15))),
    (b"-T", Designation::Upper(G1::Single(WINDOWS_874))),
];

/// The escape that `bytes`, which come after an ESC, begin with, and its length.
pub(super) fn escape(bytes: &[u8]) -> Option<(Designation, usize)> {
    let (letters, designation) = ESCAPES.iter().find(|(letters, _)| bytes.starts_with(letters))?;
    Some((*designation, letters.len()))
}
