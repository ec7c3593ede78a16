//! Character sets (PS3.3 §C.12.1.1.2, PS3.5 §6.1).
use causeway_core::Vr;

/// What Specific Character Set (0008,0005) said.
#[derive(Debug, Clone, Default)]
pub struct CharacterSets {}

/// Text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The values, padding trimmed.
    pub values: Vec<String>,
    /// Whether bytes could not be read: U+FFFD stands in their place.
    pub is_lossy: bool,
}

impl CharacterSets {
    /// Reads the value of Specific Character Set; never fails.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let _ = value;
        Self {}
    }

    /// Reads a value field.
    #[must_use]
    pub fn decode(&self, bytes: &[u8], vr: Vr) -> Decoded {
        let _ = (bytes, vr);
        Decoded { values: Vec::new(), is_lossy: false }
    }
}
