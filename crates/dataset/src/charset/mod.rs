//! Character sets (PS3.3 §C.12.1.1.2, PS3.5 §6.1): from the bytes of a value field to text.
//!
//! Lives here: [`CharacterSets`], what a data set or an item declares; `terms`, the Defined Terms; `iso2022`,
//! code extension. Never here: writing in another set than UTF-8, which this node never does.

mod iso2022;
mod terms;

use causeway_core::Vr;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use iso2022::{Delimiters, Machine};
use terms::{G1, Term, term};

/// Most values of Specific Character Set that are looked at; no more make sense together.
const MAX_TERMS: usize = 16;

/// What Specific Character Set (0008,0005) said.
#[derive(Debug, Clone, Copy, Default)]
pub struct CharacterSets(Declared);

#[derive(Debug, Clone, Copy, Default)]
enum Declared {
    /// Nothing beyond the default repertoire, or nothing that is understood.
    #[default]
    Nothing,
    /// An encoding that knows no escapes.
    Whole(&'static Encoding),
    /// Sets of ISO 2022, and what stands in the upper half before any escape.
    Extended(Option<G1>),
}

/// Text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The values, padding trimmed.
    pub values: Vec<String>,
    /// Whether bytes could not be read: U+FFFD stands in their place.
    pub is_lossy: bool,
}

impl CharacterSets {
    /// Reads the value of Specific Character Set; never fails. What is no Defined Term counts as not there.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let mut terms = value.split(|byte| *byte == b'\\').take(MAX_TERMS).map(term);
        let first = terms.next().unwrap_or(Term::Default);
        if let Term::Whole(encoding) = first {
            return Self(Declared::Whole(encoding));
        }
        let mut upper = if let Term::Upper(set) = first { Some(set) } else { None };
        let (mut extended, mut whole) = (!matches!(first, Term::Default | Term::Unknown), None);
        for term in terms {
            match term {
                Term::Upper(set) => upper = upper.or(Some(set)),
                Term::Whole(encoding) => whole = whole.or(Some(encoding)),
                Term::Default | Term::Lower | Term::Unknown => {}
            }
            extended |= matches!(term, Term::Upper(_) | Term::Lower);
        }
        Self(match (extended, whole) {
            (true, _) => Declared::Extended(upper),
            (false, Some(encoding)) => Declared::Whole(encoding),
            (false, None) => Declared::Nothing,
        })
    }

    /// Whether text stands as UTF-8, so that UTF-8 can be written beside it. Where nothing is declared it does not:
    /// a reader would not know.
    pub(crate) fn is_utf8(&self) -> bool {
        matches!(self.0, Declared::Whole(encoding) if encoding == UTF_8)
    }

    /// Reads a value field.
    ///
    /// VRs that no character set applies to (PS3.5 §6.1.2.2) are ASCII; bytes beyond it, which some writers put
    /// there, are read as the other text is. Where nothing is declared they are taken for UTF-8 where they are
    /// that, else for ISO 8859-1.
    #[must_use]
    pub fn decode(&self, bytes: &[u8], vr: Vr) -> Decoded {
        let mut decoded = self.read(bytes, vr);
        for value in &mut decoded.values {
            trim(value, vr);
        }
        if decoded.values.iter().all(String::is_empty) && decoded.values.len() == 1 {
            decoded.values.clear();
        }
        decoded
    }

    fn read(&self, bytes: &[u8], vr: Vr) -> Decoded {
        let is_ascii = bytes.is_ascii();
        let escapes = matches!(self.0, Declared::Extended(_)) && memchr::memchr(0x1B, bytes).is_some();
        if is_ascii && !escapes {
            return split(&String::from_utf8_lossy(bytes), vr, false);
        }
        match self.0 {
            Declared::Nothing => guess(bytes, vr),
            Declared::Whole(encoding) => whole(encoding, bytes, vr),
            Declared::Extended(Some(G1::Single(encoding))) if !escapes => whole(encoding, bytes, vr),
            Declared::Extended(initial) => {
                let delimiters = Delimiters { backslash: vr.is_multi_valued(), name: vr == Vr::PN };
                Machine::new(initial, delimiters).read(bytes)
            }
        }
    }
}

fn guess(bytes: &[u8], vr: Vr) -> Decoded {
    match std::str::from_utf8(bytes) {
        Ok(text) => split(text, vr, false),
        Err(_) => whole(WINDOWS_1252, bytes, vr),
    }
}

/// Decoded before it is split, since 5CH may be the second byte of a character.
fn whole(encoding: &'static Encoding, bytes: &[u8], vr: Vr) -> Decoded {
    let (text, is_lossy) = encoding.decode_without_bom_handling(bytes);
    let text = if encoding == UTF_8 { text.strip_prefix('\u{FEFF}').unwrap_or(&text) } else { &text };
    split(text, vr, is_lossy)
}

fn split(text: &str, vr: Vr, is_lossy: bool) -> Decoded {
    let values = if vr.is_multi_valued() {
        text.split('\\').map(str::to_owned).collect()
    } else {
        vec![text.to_owned()]
    };
    Decoded { values, is_lossy }
}

/// Takes away padding: at the end always, at the beginning where PS3.5 Table 6.2-1 calls it insignificant.
fn trim(value: &mut String, vr: Vr) {
    const PADDING: [char; 2] = [' ', '\0'];
    value.truncate(value.trim_end_matches(PADDING).len());
    let insignificant = matches!(
        vr,
        Vr::AE | Vr::AS | Vr::CS | Vr::DA | Vr::DS | Vr::DT | Vr::IS | Vr::LO | Vr::SH | Vr::TM | Vr::UI
    );
    if insignificant && value.starts_with(PADDING) {
        *value = value.trim_start_matches(PADDING).to_owned();
    }
}

#[cfg(test)]
mod tests;
