//! Code extension by ISO 2022 (PS3.5 §6.1.2.4, §6.1.2.5): the machine that reads one value field.

use encoding_rs::EUC_JP;

use super::Decoded;
use super::terms::{Designation, G0, G1, escape};

const ESC: u8 = 0x1B;

/// Where a value ends and where the initial sets come back (PS3.5 §6.1.2.5.3).
#[derive(Debug, Clone, Copy)]
pub(super) struct Delimiters {
    /// A backslash parts values.
    pub(super) backslash: bool,
    /// `^` and `=` part what is in a value: a person name.
    pub(super) name: bool,
}

/// Reads a value field.
pub(super) struct Machine {
    delimiters: Delimiters,
    /// What stands in the upper half at the start and after each delimiter. Writers that leave out the escape
    /// which is due there again are many, so it is the one declared set where the first value declares none.
    initial: Option<G1>,
    lower: G0,
    upper: Option<G1>,
    values: Vec<String>,
    value: String,
    is_lossy: bool,
}

impl Machine {
    pub(super) fn new(initial: Option<G1>, delimiters: Delimiters) -> Self {
        Self {
            delimiters,
            initial,
            lower: G0::Ascii,
            upper: initial,
            values: Vec::new(),
            value: String::new(),
            is_lossy: false,
        }
    }

    pub(super) fn read(mut self, bytes: &[u8]) -> Decoded {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match byte {
                ESC => self.escape(after),
                0x21..=0x7E => self.lower(byte, after),
                0x80.. => self.upper(rest),
                _ => self.control(byte, after),
            };
        }
        self.values.push(self.value);
        Decoded { values: self.values, is_lossy: self.is_lossy }
    }

    fn reset(&mut self) {
        self.lower = G0::Ascii;
        self.upper = self.initial;
    }

    fn lose(&mut self) {
        self.value.push(char::REPLACEMENT_CHARACTER);
        self.is_lossy = true;
    }

    fn escape<'a>(&mut self, after: &'a [u8]) -> &'a [u8] {
        let Some((designation, length)) = escape(after) else {
            self.lose();
            return after;
        };
        match designation {
            Designation::Lower(set) => self.lower = set,
            Designation::Upper(set) => self.upper = Some(set),
        }
        after.get(length..).unwrap_or_default()
    }

    fn control<'a>(&mut self, byte: u8, after: &'a [u8]) -> &'a [u8] {
        if matches!(byte, b'\t' | b'\n' | 0x0C | b'\r') {
            self.reset();
        }
        self.value.push(char::from(byte));
        after
    }

    fn lower<'a>(&mut self, byte: u8, after: &'a [u8]) -> &'a [u8] {
        if self.lower != G0::Ascii {
            return self.lower_pair(byte, after);
        }
        match byte {
            b'\\' if self.delimiters.backslash => {
                self.values.push(std::mem::take(&mut self.value));
                self.reset();
            }
            b'^' | b'=' if self.delimiters.name => {
                self.value.push(char::from(byte));
                self.reset();
            }
            _ => self.value.push(char::from(byte)),
        }
        after
    }

    /// A character of two bytes in the lower half, 5CH among them: no backslash then.
    fn lower_pair<'a>(&mut self, first: u8, after: &'a [u8]) -> &'a [u8] {
        let Some((&second, after_pair)) =
            after.split_first().filter(|(second, _)| (0x21..=0x7E).contains(*second))
        else {
            self.lose();
            return after;
        };
        let pair = [first | 0x80, second | 0x80];
        let [lead, trail] = pair;
        match self.lower {
            G0::Jis0212 => self.decode(EUC_JP, &[0x8F, lead, trail]),
            G0::Jis0208 | G0::Ascii => self.decode(EUC_JP, &pair),
        }
        after_pair
    }

    fn upper<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let skip = match (self.upper, rest) {
            (Some(G1::Single(encoding)), _) => {
                let run = rest.iter().take_while(|byte| **byte >= 0x80).count();
                self.decode(encoding, rest.get(..run).unwrap_or_default());
                run
            }
            (Some(G1::Katakana), [byte @ 0xA1..=0xDF, ..]) => {
                let katakana = char::from_u32(0xFF61 + u32::from(*byte) - 0xA1);
                self.value.push(katakana.unwrap_or(char::REPLACEMENT_CHARACTER));
                1
            }
            (Some(G1::Double(encoding)), [0xA1..=0xFF, 0xA1..=0xFF, ..]) => {
                self.decode(encoding, rest.get(..2).unwrap_or_default());
                2
            }
            _ => {
                self.lose();
                1
            }
        };
        rest.get(skip..).unwrap_or_default()
    }

    fn decode(&mut self, encoding: &'static encoding_rs::Encoding, bytes: &[u8]) {
        let (text, is_lossy) = encoding.decode_without_bom_handling(bytes);
        self.value.push_str(&text);
        self.is_lossy |= is_lossy;
    }
}
