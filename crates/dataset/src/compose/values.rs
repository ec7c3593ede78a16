//! Value fields made of values in text, as JSON and XML tell them (PS3.18 §F.2.3, PS3.19 §A.1.6). Numbers are held to
//! what their VR can hold.

use std::borrow::Cow;

use causeway_core::{Tag, Vr};

use super::ComposeError;

/// Most empty values that may be left out between two values.
const MAX_LEFT_OUT: usize = 65_536;
/// Longest value of DS (PS3.5 §6.2).
const MAX_DS_CHARS: usize = 16;

/// One value as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A number, in the letters that it came in.
    Number(&'a str),
    /// An empty value.
    Nothing,
}

/// The value field of an element of one VR, value by value.
#[derive(Debug)]
pub(crate) struct Values {
    tag: Tag,
    vr: Vr,
    count: usize,
    out: Vec<u8>,
    max_bytes: usize,
    is_coerced: bool,
}

impl Values {
    /// A value field of at most `max_bytes`.
    pub(crate) const fn new(tag: Tag, vr: Vr, max_bytes: usize) -> Self {
        Self { tag, vr, count: 0, out: Vec::new(), max_bytes, is_coerced: false }
    }

    fn error(&self, words: &'static str) -> ComposeError {
        ComposeError::Value { tag: self.tag, vr: self.vr, words }
    }

    /// Leaves values empty up to that of this number, which counts from 1 and is the next one's.
    pub(crate) fn fill_up_to(&mut self, number: usize) -> Result<(), ComposeError> {
        let left_out = number.checked_sub(self.count + 1);
        let left_out =
            left_out.ok_or_else(|| self.error("its values are not in the order of their numbers"))?;
        if left_out > MAX_LEFT_OUT {
            return Err(self.error("too many of its values are left out"));
        }
        (0..left_out).try_for_each(|_| self.push(&Given::Nothing))
    }

    /// Adds a value.
    pub(crate) fn push(&mut self, given: &Given<'_>) -> Result<(), ComposeError> {
        if self.vr.is_text() {
            self.push_text(given)?;
        } else if self.vr.width().is_some() {
            let text = match given {
                Given::Text(text) => text.trim(),
                Given::Number(text) => text,
                Given::Nothing => return Err(self.error("a number is left empty")),
            };
            if !put_number(text, self.vr, &mut self.out) {
                return Err(self.error("a value is no number of its range"));
            }
        } else {
            return Err(self.error("its bytes stand as values"));
        }
        self.count += 1;
        if self.out.len() > self.max_bytes {
            return Err(ComposeError::TooLong { limit: self.max_bytes });
        }
        Ok(())
    }

    fn push_text(&mut self, given: &Given<'_>) -> Result<(), ComposeError> {
        let text = match given {
            Given::Nothing => Cow::Borrowed(""),
            Given::Number(number) => {
                let text = self.number_as_text(number)?;
                self.is_coerced |= text.parse::<f64>() != number.parse::<f64>();
                text
            }
            Given::Text(text) => Cow::Borrowed(trimmed(text, self.vr)),
        };
        if self.count > 0 {
            if !self.vr.is_multi_valued() {
                return Err(self.error("it has more than one value"));
            }
            self.out.push(b'\\');
        }
        if self.vr.is_multi_valued() && text.contains('\\') {
            return Err(self.error("a value holds a backslash"));
        }
        self.out.extend(text.bytes());
        Ok(())
    }

    fn number_as_text<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, ComposeError> {
        match self.vr {
            Vr::IS => {
                let number = whole(text).and_then(|number| i32::try_from(number).ok());
                let number = number.ok_or_else(|| self.error("a value is no number of its range"))?;
                Ok(Cow::Owned(number.to_string()))
            }
            Vr::DS => decimal(text).ok_or_else(|| self.error("a value is no number of its range")),
            _ => Err(self.error("a number stands where text is due")),
        }
    }

    /// Whether a value was changed to fit.
    pub(crate) const fn is_coerced(&self) -> bool {
        self.is_coerced
    }

    /// The value field.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// A value without the white space around it that no value of its VR begins or ends with: documents are indented.
fn trimmed(text: &str, vr: Vr) -> &str {
    const BLANKS: [char; 5] = [' ', '\t', '\r', '\n', '\0'];
    let is_indented = text.contains(['\t', '\r', '\n']) && !vr.uses_character_set();
    if is_indented || matches!(vr, Vr::UI | Vr::IS | Vr::DS) { text.trim_matches(BLANKS) } else { text }
}

/// A whole number, which JSON may write with a fraction of zeros or an exponent.
fn whole(text: &str) -> Option<i128> {
    /// Up to here each whole number is a 64-bit float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(number) = text.parse::<i128>() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT;
    #[expect(clippy::cast_possible_truncation, reason = "held to the range above")]
    is_whole.then_some(number as i128)
}

/// A number as DS has room for it; what is too long for it is rounded.
fn decimal(text: &str) -> Option<Cow<'_, str>> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if text.len() <= MAX_DS_CHARS {
        return Some(Cow::Borrowed(text));
    }
    let shortest = [number.to_string(), format!("{number:e}")].into_iter();
    let rounded =
        (0..MAX_DS_CHARS).flat_map(|digits| [format!("{number:.digits$}"), format!("{number:.digits$e}")]);
    let away = |text: &String| text.parse().map_or(f64::INFINITY, |near: f64| (near - number).abs());
    let fitting = shortest.chain(rounded).filter(|text| text.len() <= MAX_DS_CHARS);
    fitting.min_by(|one, other| away(one).total_cmp(&away(other))).map(Cow::Owned)
}

/// Writes a number little endian. Whether it is one of that VR.
fn put_number(text: &str, vr: Vr, out: &mut Vec<u8>) -> bool {
    let integer = || whole(text);
    let bytes: Option<Vec<u8>> = match vr {
        Vr::US => integer().and_then(|n| u16::try_from(n).ok()).map(|n| n.to_le_bytes().to_vec()),
        Vr::SS => integer().and_then(|n| i16::try_from(n).ok()).map(|n| n.to_le_bytes().to_vec()),
        Vr::UL => integer().and_then(|n| u32::try_from(n).ok()).map(|n| n.to_le_bytes().to_vec()),
        Vr::SL => integer().and_then(|n| i32::try_from(n).ok()).map(|n| n.to_le_bytes().to_vec()),
        Vr::UV => integer().and_then(|n| u64::try_from(n).ok()).map(|n| n.to_le_bytes().to_vec()),
        Vr::SV => integer().and_then(|n| i64::try_from(n).ok()).map(|n| n.to_le_bytes().to_vec()),
        Vr::FL => real(text).and_then(single).map(|n| n.to_le_bytes().to_vec()),
        Vr::FD => real(text).map(|n| n.to_le_bytes().to_vec()),
        Vr::AT => tag(text).map(|tag| [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat()),
        _ => None,
    };
    bytes.is_some_and(|bytes| {
        out.extend(bytes);
        true
    })
}

/// A real number, or one of the words for those that are none (PS3.18 §F.2.3, XML Schema).
fn real(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_word = ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    text.parse().ok().filter(|number: &f64| is_word || number.is_finite())
}

fn single(number: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "what becomes infinite is refused")]
    let single = number as f32;
    (single.is_finite() || !number.is_finite()).then_some(single)
}

/// A tag, as JSON has it or as DCMTK writes it.
fn tag(text: &str) -> Option<Tag> {
    let bare = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    match bare.and_then(|text| text.split_once(',')) {
        Some((group, element)) => Tag::from_hex(&[group, element].concat()),
        None => Tag::from_hex(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(vr: Vr, given: &[Given<'_>]) -> Result<Vec<u8>, ComposeError> {
        let mut values = Values::new(Tag::PATIENT_ID, vr, 1000);
        given.iter().try_for_each(|given| values.push(given))?;
        Ok(values.finish())
    }

    fn number(vr: Vr, text: &str) -> Option<Vec<u8>> {
        let in_text = field(vr, &[Given::Text(text.into())]).ok();
        assert_eq!(field(vr, &[Given::Number(text)]).ok(), in_text, "{text}");
        in_text
    }

    #[test]
    fn numbers_are_held_to_their_range() {
        for (vr, most, least) in [
            (Vr::US, "65535", "0"),
            (Vr::SS, "32767", "-32768"),
            (Vr::UL, "4294967295", "0"),
            (Vr::SL, "2147483647", "-2147483648"),
            (Vr::UV, "18446744073709551615", "0"),
            (Vr::SV, "9223372036854775807", "-9223372036854775808"),
        ] {
            let beyond = |text: &str, by: i128| (text.parse::<i128>().unwrap() + by).to_string();
            assert!(number(vr, most).is_some() && number(vr, least).is_some(), "{vr:?}");
            assert_eq!(number(vr, &beyond(most, 1)), None, "{vr:?}");
            assert_eq!(number(vr, &beyond(least, -1)), None, "{vr:?}");
        }
        assert_eq!(number(Vr::US, "1.0"), Some(vec![1, 0]));
        assert_eq!(number(Vr::US, "1e2"), Some(vec![100, 0]));
        for text in ["1.5", "", "x", "0x10", "NaN", "1e400"] {
            assert_eq!(number(Vr::US, text), None, "{text}");
        }
    }

    #[test]
    fn reals_may_be_no_numbers_by_word_only() {
        assert_eq!(number(Vr::FD, "NaN").unwrap().len(), 8);
        assert_eq!(number(Vr::FD, "-INF"), Some(f64::NEG_INFINITY.to_le_bytes().to_vec()));
        assert_eq!(number(Vr::FL, "Infinity"), Some(f32::INFINITY.to_le_bytes().to_vec()));
        assert_eq!(number(Vr::FD, "1e999"), None);
        assert_eq!(number(Vr::FL, "1e39"), None);
        assert_eq!(number(Vr::FL, "0.5"), Some(0.5_f32.to_le_bytes().to_vec()));
    }

    #[test]
    fn tags_are_eight_digits_or_as_dcmtk_has_them() {
        for text in ["00280010", "(0028,0010)"] {
            assert_eq!(number(Vr::AT, text), Some(vec![0x28, 0, 0x10, 0]));
        }
        assert_eq!(number(Vr::AT, "0028,0010"), None);
    }

    #[test]
    fn text_is_parted_by_backslashes_and_holds_none() {
        let text = |text: &'static str| Given::Text(text.into());
        assert_eq!(field(Vr::LO, &[text("A"), Given::Nothing, text("B ")]), Ok(b"A\\\\B ".to_vec()));
        assert_eq!(field(Vr::UI, &[text("\n 1.2\n")]), Ok(b"1.2".to_vec()));
        assert_eq!(field(Vr::CS, &[text("\n A \n")]), Ok(b"A".to_vec()));
        assert_eq!(field(Vr::CS, &[text("A ")]), Ok(b"A ".to_vec()));
        assert!(field(Vr::LO, &[text("A\\B")]).is_err());
        assert_eq!(field(Vr::LT, &[text("A\\B")]), Ok(b"A\\B".to_vec()));
        assert!(field(Vr::LT, &[text("A"), text("B")]).is_err());
        assert!(field(Vr::LO, &[Given::Number("1")]).is_err());
        assert!(field(Vr::OB, &[Given::Number("1")]).is_err());
        assert!(field(Vr::US, &[Given::Nothing]).is_err());
    }

    #[test]
    fn decimals_are_as_long_as_ds_can_be() {
        for (given, written) in [
            ("1.50", "1.50"),
            ("0.12345678901234", "0.12345678901234"),
            ("-1.2345678901e-05", "-1.2345678901e-5"),
            ("100000000000000000", "1e17"),
            ("0.1234567890123456789", "0.12345678901235"),
            ("3.141592653589793", "3.14159265358979"),
            ("-0.00000000012345678912345", "-1.234567891e-10"),
        ] {
            assert_eq!(decimal(given).as_deref(), Some(written));
        }
        assert_eq!(decimal("1e999"), None);
        assert_eq!(field(Vr::IS, &[Given::Number("2147483648")]).ok(), None);
        assert_eq!(field(Vr::IS, &[Given::Number("-3.0")]).ok(), Some(b"-3".to_vec()));
    }

    #[test]
    fn numbers_of_values_leave_room_and_do_not_go_back() {
        let mut values = Values::new(Tag::PATIENT_ID, Vr::LO, 1_000_000);
        values.fill_up_to(3).unwrap();
        values.push(&Given::Text("x".into())).unwrap();
        assert!(values.fill_up_to(3).is_err());
        assert!(values.fill_up_to(4 + MAX_LEFT_OUT + 1).is_err());
        values.fill_up_to(4 + MAX_LEFT_OUT).unwrap();
        assert!(values.finish().starts_with(b"\\\\x\\"));
    }

    #[test]
    fn a_field_is_held_to_its_bound() {
        let mut values = Values::new(Tag::PATIENT_ID, Vr::US, 4);
        let one = Given::Number("1");
        assert!(values.push(&one).is_ok() && values.push(&one).is_ok());
        assert_eq!(values.push(&one), Err(ComposeError::TooLong { limit: 4 }));
    }
}
