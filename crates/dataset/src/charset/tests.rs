//! The examples of PS3.5 Annexes H, I, J, K, and what senders do besides.

use causeway_core::Vr;
use proptest::prelude::*;

use super::*;

fn read(sets: &str, bytes: &[u8], vr: Vr) -> Vec<String> {
    let decoded = CharacterSets::parse(sets.as_bytes()).decode(bytes, vr);
    assert!(!decoded.is_lossy, "{decoded:?}");
    decoded.values
}

#[test]
fn japanese_names_of_annex_h_are_read() {
    let name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    assert_eq!(read("\\ISO 2022 IR 87", name, Vr::PN), ["Yamada^Tarou=山田^太郎=やまだ^たろう"]);
    let name = b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J";
    assert_eq!(read("ISO 2022 IR 13\\ISO 2022 IR 87", name, Vr::PN), ["ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"]);
}

#[test]
fn korean_names_of_annex_i_are_read_escaped_again_or_not() {
    let name =
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
    assert_eq!(read("\\ISO 2022 IR 149", name, Vr::PN), ["Hong^Gildong=洪^吉洞=홍^길동"]);
    let name = b"Hong^Gildong=\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7=\xc8\xab^\xb1\xe6\xb5\xbf";
    assert_eq!(read("\\ISO 2022 IR 149", name, Vr::PN), ["Hong^Gildong=洪^吉洞=홍^길동"]);
}

#[test]
fn chinese_names_of_annex_j_and_k_are_read() {
    let name = "Wang^XiaoDong=王^小東=";
    assert_eq!(read("ISO_IR 192", name.as_bytes(), Vr::PN), [name]);
    let name = b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=";
    assert_eq!(read("GB18030", name, Vr::PN), ["Wang^XiaoDong=王^小东="]);
    assert_eq!(read("GBK", name, Vr::PN), ["Wang^XiaoDong=王^小东="]);
    let name = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=";
    assert_eq!(read("\\ISO 2022 IR 58", name, Vr::PN), ["Zhang^XiaoDong=张^小东="]);
}

#[test]
fn a_second_byte_of_5c_is_no_backslash() {
    // GBK 815C is one character.
    assert_eq!(read("GBK", b"\x81\x5c\\A", Vr::LO), ["乗", "A"]);
    // So is JIS X 0208 2D5C, 305C.
    assert_eq!(read("\\ISO 2022 IR 87", b"\x1b$B0\\\x1b(B\\B", Vr::LO), ["移", "B"]);
    assert_eq!(read("\\ISO 2022 IR 159", b"\x1b$(D0\\\x1b(B", Vr::LO).len(), 1);
}

#[test]
fn each_single_byte_set_has_its_upper_half() {
    for (set, byte, letter) in [
        ("100", 0xC4, "Ä"),
        ("101", 0xB1, "ą"),
        ("109", 0xA1, "Ħ"),
        ("110", 0xA1, "Ą"),
        ("144", 0xBB, "Л"),
        ("127", 0xC7, "ا"),
        ("126", 0xC4, "Δ"),
        ("138", 0xF9, "ש"),
        ("148", 0xDD, "İ"),
        ("166", 0xA1, "ก"),
        ("203", 0xA4, "€"),
        ("13", 0xB1, "ｱ"),
    ] {
        assert_eq!(read(&format!("ISO_IR {set}"), &[b'x', byte], Vr::LO), [format!("x{letter}")], "{set}");
        assert_eq!(
            read(&format!("ISO 2022 IR {set}"), &[b'x', byte], Vr::LO),
            [format!("x{letter}")],
            "{set}"
        );
    }
}

#[test]
fn an_escape_holds_until_the_delimiter() {
    let text = b"\xc4\x1b-F\xc4\\\xc4 \r\n\x1b-F\xc4\n\xc4";
    assert_eq!(read("ISO 2022 IR 100\\ISO 2022 IR 126", text, Vr::LO), ["ÄΔ", "Ä \r\nΔ\nÄ"]);
    assert_eq!(read("ISO 2022 IR 100\\ISO 2022 IR 126", b"\x1b-F\xc4^\xc4=\xc4", Vr::PN), ["Δ^Ä=Ä"]);
}

#[test]
fn misspelt_terms_are_understood() {
    for set in [
        "ISO IR 100",
        "ISO-IR 100",
        "iso_ir_100",
        "ISO_IR100 ",
        "ISO_IR 2022 100",
        "ISO 8859-1",
        "ISO IR 100\0",
    ] {
        assert_eq!(read(set, b"\xc4", Vr::LO), ["Ä"], "{set}");
    }
    for set in
        ["ISO_IR_192", "ISO IR 192", "UTF-8", "ISO_IR 192\\ISO_IR 100", "\\ISO_IR 192", "ISO 2022 IR 192"]
    {
        assert_eq!(read(set, "Ä".as_bytes(), Vr::LO), ["Ä"], "{set}");
    }
    assert_eq!(read("ISO 2022 IR 6\\ISO 2022 IR 87", b"\x1b$B;3\x1b(B", Vr::LO), ["山"]);
}

#[test]
fn undeclared_text_is_taken_for_utf_8_or_latin_1() {
    for set in ["", "ISO_IR 6", "NONSENSE", "ISO_IR 999"] {
        assert_eq!(read(set, "Ä".as_bytes(), Vr::LO), ["Ä"]);
        assert_eq!(read(set, b"\xc4", Vr::LO), ["Ä"]);
        assert_eq!(read(set, b"\xc4", Vr::CS), ["Ä"]);
    }
}

#[test]
fn what_cannot_be_read_is_replaced_and_told() {
    for (set, bytes) in [
        ("ISO_IR 192", b"A\xff".as_slice()),
        ("ISO_IR 13", b"A\xff"),
        ("\\ISO 2022 IR 87", b"A\xff"),
        ("\\ISO 2022 IR 149", b"A\xc8"),
        ("\\ISO 2022 IR 87", b"A\x1b"),
        ("\\ISO 2022 IR 87", b"A\x1b$B;"),
    ] {
        let decoded = CharacterSets::parse(set.as_bytes()).decode(bytes, Vr::LO);
        assert!(decoded.is_lossy, "{set}");
        assert!(decoded.values[0].starts_with("A\u{FFFD}"), "{set} {decoded:?}");
    }
}

#[test]
fn padding_goes_where_it_is_insignificant() {
    assert_eq!(read("", b" A \\ B\0 ", Vr::LO), ["A", "B"]);
    assert_eq!(read("", b" A\\B ", Vr::LT), [" A\\B"]);
    assert_eq!(read("", b" A^B ", Vr::PN), [" A^B"]);
    assert_eq!(read("", b"1.2\0", Vr::UI), ["1.2"]);
    assert_eq!(read("", b"A\\\\B", Vr::CS), ["A", "", "B"]);
    assert_eq!(read("", b"  ", Vr::CS), Vec::<String>::new());
    assert_eq!(read("", b"", Vr::CS), Vec::<String>::new());
    assert_eq!(read("", b"\\", Vr::CS), ["", ""]);
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(
        sets in proptest::collection::vec(any::<u8>(), 0..40),
        number in proptest::sample::select(vec!["", "6", "13", "87", "100", "149", "58", "159", "192", "166"]),
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0x1B), Just(b'$'), Just(b'('), Just(b'\\')], 0..60),
    ) {
        for vr in [Vr::PN, Vr::LT, Vr::CS] {
            let _ = CharacterSets::parse(&sets).decode(&bytes, vr);
            let _ = CharacterSets::parse(format!("\\ISO 2022 IR {number}").as_bytes()).decode(&bytes, vr);
            let _ = CharacterSets::parse(format!("ISO_IR {number}").as_bytes()).decode(&bytes, vr);
        }
    }

    #[test]
    fn utf_8_comes_back_as_it_went(text in "[a-zA-Z0-9é山Ж][a-zA-Z0-9 é山Ж]{0,20}[a-zA-Z0-9é山Ж]") {
        prop_assert_eq!(read("ISO_IR 192", text.as_bytes(), Vr::LO), [text]);
    }
}
