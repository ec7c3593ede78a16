//! What stands in a value field: numbers (PS3.5 §6.2, §7.3), and anything that has a form as text.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use causeway_core::{Tag, Vr};

use crate::charset::{CharacterSets, Decoded};

/// One number of a binary VR.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    Signed(i64),
    Single(f32),
    Double(f64),
    Tag(Tag),
}

impl Number {
    fn to_text(self) -> String {
        match self {
            Self::Unsigned(number) => number.to_string(),
            Self::Signed(number) => number.to_string(),
            Self::Single(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Tag(tag) => tag.to_hex(),
        }
    }
}

/// The numbers of a value field; none for a VR that has no numbers. A rest shorter than a number is passed over.
pub(crate) fn numbers(bytes: &[u8], vr: Vr, is_big_endian: bool) -> impl Iterator<Item = Number> {
    let width = vr.width().unwrap_or(usize::MAX);
    bytes.chunks_exact(width).filter_map(move |bytes| number(bytes, vr, is_big_endian))
}

fn number(bytes: &[u8], vr: Vr, is_big_endian: bool) -> Option<Number> {
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    let width = bytes.len();
    if is_big_endian {
        // A tag is two numbers (PS3.5 §6.2).
        for part in wide.get_mut(..width)?.chunks_mut(if vr == Vr::AT { 2 } else { width }) {
            part.reverse();
        }
    }
    let [b0, b1, b2, b3, ..] = wide;
    let (short, long) = ([b0, b1], [b0, b1, b2, b3]);
    Some(match vr {
        Vr::US => Number::Unsigned(u16::from_le_bytes(short).into()),
        Vr::SS => Number::Signed(i16::from_le_bytes(short).into()),
        Vr::UL => Number::Unsigned(u32::from_le_bytes(long).into()),
        Vr::SL => Number::Signed(i32::from_le_bytes(long).into()),
        Vr::UV => Number::Unsigned(u64::from_le_bytes(wide)),
        Vr::SV => Number::Signed(i64::from_le_bytes(wide)),
        Vr::FL => Number::Single(f32::from_le_bytes(long)),
        Vr::FD => Number::Double(f64::from_le_bytes(wide)),
        Vr::AT => Number::Tag(Tag::new(u16::from_le_bytes(short), u16::from_le_bytes([b2, b3]))),
        _ => return None,
    })
}

/// The values of a field as text; none for bytes that have no such form.
pub(crate) fn texts(bytes: &[u8], vr: Vr, is_big_endian: bool, sets: CharacterSets) -> Decoded {
    if vr.is_text() {
        return sets.decode(bytes, vr);
    }
    Decoded { values: numbers(bytes, vr, is_big_endian).map(Number::to_text).collect(), is_lossy: false }
}

/// Writes one value of a numeric VR from its text, little endian; zero where the text is no such number.
pub(crate) fn put_number(text: &str, vr: Vr, out: &mut Vec<u8>) {
    match vr {
        Vr::US => out.extend(text.parse::<u16>().unwrap_or_default().to_le_bytes()),
        Vr::SS => out.extend(text.parse::<i16>().unwrap_or_default().to_le_bytes()),
        Vr::UL => out.extend(text.parse::<u32>().unwrap_or_default().to_le_bytes()),
        Vr::SL => out.extend(text.parse::<i32>().unwrap_or_default().to_le_bytes()),
        Vr::UV => out.extend(text.parse::<u64>().unwrap_or_default().to_le_bytes()),
        Vr::SV => out.extend(text.parse::<i64>().unwrap_or_default().to_le_bytes()),
        Vr::FL => out.extend(text.parse::<f32>().unwrap_or_default().to_le_bytes()),
        Vr::FD => out.extend(text.parse::<f64>().unwrap_or_default().to_le_bytes()),
        Vr::AT => {
            let tag = Tag::from_hex(text).unwrap_or(Tag::new(0, 0));
            out.extend(tag.group().to_le_bytes());
            out.extend(tag.element().to_le_bytes());
        }
        _ => {}
    }
}

/// Bytes of one number inside a value, which are the other way round in big endian (PS3.5 §7.3); 1 where there
/// are none.
pub(crate) const fn swap_width(vr: Vr) -> usize {
    match vr {
        Vr::US | Vr::SS | Vr::OW | Vr::AT => 2,
        Vr::UL | Vr::SL | Vr::FL | Vr::OF | Vr::OL => 4,
        Vr::FD | Vr::OD | Vr::OV | Vr::SV | Vr::UV => 8,
        _ => 1,
    }
}

/// Turns the numbers in `bytes` round; a rest shorter than a number stays.
pub(crate) fn swap(bytes: &mut [u8], vr: Vr) {
    let width = swap_width(vr);
    if width > 1 {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}

/// Letters of base64 (RFC 4648 §4), with or without their padding; blanks between them are passed over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that base64 tells.
pub(crate) fn from_base64(letters: &str) -> Option<Vec<u8>> {
    if !letters.bytes().any(|letter| letter.is_ascii_whitespace()) {
        return BASE64.decode(letters).ok();
    }
    let letters: Vec<u8> = letters.bytes().filter(|letter| !letter.is_ascii_whitespace()).collect();
    BASE64.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NUMERIC: [Vr; 9] = [Vr::US, Vr::SS, Vr::UL, Vr::SL, Vr::UV, Vr::SV, Vr::FL, Vr::FD, Vr::AT];

    #[test]
    fn extremes_are_read() {
        let all = [0xFF; 8];
        assert_eq!(numbers(&all, Vr::US, false).count(), 4);
        assert_eq!(numbers(&all, Vr::UV, false).next(), Some(Number::Unsigned(u64::MAX)));
        assert_eq!(numbers(&all, Vr::SV, true).next(), Some(Number::Signed(-1)));
        assert_eq!(
            numbers(&[1, 2, 3, 4, 5], Vr::AT, true).next(),
            Some(Number::Tag(Tag::new(0x0102, 0x0304)))
        );
        assert_eq!(numbers(&all, Vr::LO, false).next(), None);
        assert_eq!(numbers(&[], Vr::US, false).next(), None);
    }

    proptest! {
        #[test]
        fn numbers_come_back_as_they_went(bytes in proptest::array::uniform8(any::<u8>()), big: bool) {
            for vr in NUMERIC {
                let first: Vec<u8> = bytes[..vr.width().unwrap()].to_vec();
                let decoded = texts(&first, vr, big, CharacterSets::default());
                prop_assume!(!decoded.values[0].contains("NaN"));
                let mut back = Vec::new();
                put_number(&decoded.values[0], vr, &mut back);
                if big {
                    swap(&mut back, vr);
                }
                prop_assert_eq!(back, first);
            }
        }
    }
}
