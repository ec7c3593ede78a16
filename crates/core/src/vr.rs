//! Value representations (PS3.5 §6.2).

use std::fmt;

macro_rules! vrs {
    ($($name:ident)*) => {
        /// A value representation of PS3.5 Table 6.2-1.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are the standard's own")]
        pub enum Vr { $($name),* }

        impl Vr {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The VR of the two characters of an explicit header.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
                let [row, column] = bytes.map(|letter| letter.wrapping_sub(b'A'));
                if row >= LETTERS || column >= LETTERS {
                    return None;
                }
                BY_LETTERS.get(place(row, column)).copied().flatten()
            }

            /// Reads a two-letter name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its two characters.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

const LETTERS: u8 = 26;

const fn place(row: u8, column: u8) -> usize {
    row as usize * LETTERS as usize + column as usize
}

/// The VRs by their two letters: a scanner asks for every element.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks each index")]
const BY_LETTERS: [Option<Vr>; LETTERS as usize * LETTERS as usize] = {
    let mut table = [None; LETTERS as usize * LETTERS as usize];
    let mut index = 0;
    while index < Vr::ALL.len() {
        let name = Vr::ALL[index].as_str().as_bytes();
        table[place(name[0] - b'A', name[1] - b'A')] = Some(Vr::ALL[index]);
        index += 1;
    }
    table
};

vrs! { AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV }

impl Vr {
    /// Whether the explicit header has two reserved bytes and a 32-bit length (PS3.5 Table 7.1-1).
    #[must_use]
    pub const fn has_long_header(self) -> bool {
        matches!(
            self,
            Self::OB
                | Self::OD
                | Self::OF
                | Self::OL
                | Self::OV
                | Self::OW
                | Self::SQ
                | Self::SV
                | Self::UC
                | Self::UN
                | Self::UR
                | Self::UT
                | Self::UV
        )
    }

    /// Whether the value is text in the character set of Specific Character Set (PS3.5 §6.1.2.2).
    #[must_use]
    pub const fn uses_character_set(self) -> bool {
        matches!(self, Self::LO | Self::LT | Self::PN | Self::SH | Self::ST | Self::UC | Self::UT)
    }

    /// Whether the value is text of any kind.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::AE
                | Self::AS
                | Self::CS
                | Self::DA
                | Self::DS
                | Self::DT
                | Self::IS
                | Self::LO
                | Self::LT
                | Self::PN
                | Self::SH
                | Self::ST
                | Self::TM
                | Self::UC
                | Self::UI
                | Self::UR
                | Self::UT
        )
    }

    /// Whether the value is bytes that no one but its owner can read as text or numbers.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::OB | Self::OD | Self::OF | Self::OL | Self::OV | Self::OW | Self::UN)
    }

    /// Whether a backslash separates values: in ST, LT, UT and UR it is text (PS3.5 §6.4).
    #[must_use]
    pub const fn is_multi_valued(self) -> bool {
        !matches!(self, Self::ST | Self::LT | Self::UT | Self::UR | Self::SQ) && !self.is_binary()
    }

    /// Bytes of one value of a fixed-width numeric VR; `None` for the others.
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::SS | Self::US => Some(2),
            Self::AT | Self::FL | Self::SL | Self::UL => Some(4),
            Self::FD | Self::SV | Self::UV => Some(8),
            _ => None,
        }
    }
}

impl fmt::Display for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vr_is_found_by_its_letters_and_nothing_else_is() {
        for vr in Vr::ALL {
            let name = vr.as_str().as_bytes();
            assert_eq!(Vr::from_bytes([name[0], name[1]]), Some(*vr));
            assert_eq!(Vr::parse(vr.as_str()), Some(*vr));
        }
        let found = (0..=u16::MAX).filter(|pair| Vr::from_bytes(pair.to_be_bytes()).is_some()).count();
        assert_eq!(found, Vr::ALL.len());
    }
}
