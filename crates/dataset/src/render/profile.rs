//! Colour profiles (ICC.1:2010): those of spaces with a name, made here, and the look at one that an object brings. Pure.

/// What colours a picture says that it has (PS3.18 §8.3.5.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Profile {
    /// Nothing.
    #[default]
    None,
    /// Those of the object, or where it says nothing, sRGB.
    Own,
    /// sRGB, to which colours are converted.
    Srgb,
    /// Adobe RGB, to which they are.
    AdobeRgb,
    /// ROMM RGB, to which they are.
    RommRgb,
}

/// Most bytes of a profile that is put into a picture.
pub(super) const MAX_PROFILE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of the head of a profile, before the table of its tags.
const HEAD_BYTES: usize = 128;

/// Numbers of ICC.1 §4.6: 16 bits before the point, 16 behind it.
type Fixed = i32;

/// The white of D50, which everything in a profile is relative to.
const D50: [Fixed; 3] = [0xF6D6, 0x1_0000, 0xD32D];
/// How D65 was moved to D50 (Bradford).
const ADAPTATION: [Fixed; 9] = [0x1_0C42, 0x05DE, -0x0CDB, 0x0793, 0xFD90, -0x045F, -0x025E, 0x03DB, 0xC06E];

/// A space of red, green and blue with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// IEC 61966-2.1.
    Srgb,
    /// Adobe RGB (1998).
    AdobeRgb,
    /// ROMM RGB (ISO 22028-2).
    RommRgb,
}

impl Space {
    const fn name(self) -> &'static str {
        match self {
            Self::Srgb => "sRGB",
            Self::AdobeRgb => "Adobe RGB (1998)",
            Self::RommRgb => "ROMM RGB",
        }
    }

    /// Red, green and blue, moved to D50.
    const fn primaries(self) -> [[Fixed; 3]; 3] {
        match self {
            Self::Srgb => [[0x6FA2, 0x38F5, 0x0390], [0x6299, 0xB785, 0x18DA], [0x24A0, 0x0F84, 0xB6CF]],
            Self::AdobeRgb => [[0x9C18, 0x4FA5, 0x04FC], [0x348D, 0xA02C, 0x0F95], [0x2631, 0x102F, 0xBE9C]],
            Self::RommRgb => [[0xCC34, 0x49BB, 0], [0x229C, 0xB63F, 0], [0x0806, 0x0006, 0xD32D]],
        }
    }

    /// The curve as a function: its type, and g, then a, b, c, d where it has a straight part.
    const fn curve(self) -> (u8, &'static [Fixed]) {
        match self {
            Self::Srgb => (3, &[0x2_6666, 0xF2A7, 0x0D59, 0x13D0, 0x0A5B]),
            Self::AdobeRgb => (0, &[0x2_3300]),
            Self::RommRgb => (3, &[0x1_CCCD, 0x1_0000, 0, 0x1000, 0x0800]),
        }
    }

    /// Its profile.
    pub(super) fn profile(self) -> Vec<u8> {
        let mut tags: Vec<(&[u8; 4], Vec<u8>)> = vec![
            (b"desc", words(self.name())),
            (b"cprt", words("No copyright, use freely")),
            (b"wtpt", numbers(b"XYZ ", &D50)),
        ];
        if self != Self::RommRgb {
            tags.push((b"chad", numbers(b"sf32", &ADAPTATION)));
        }
        let primaries = self.primaries().map(|primary| numbers(b"XYZ ", &primary));
        tags.extend([b"rXYZ", b"gXYZ", b"bXYZ"].into_iter().zip(primaries));
        let (kind, parameters) = self.curve();
        tags.extend([b"rTRC", b"gTRC", b"bTRC"].map(|name| (name, curve(kind, parameters))));
        whole(&tags)
    }
}

fn whole(tags: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let table_bytes = 4 + 12 * tags.len();
    let (mut table, mut data): (Vec<u8>, Vec<u8>) = (word(tags.len()), Vec::new());
    for (name, element) in tags {
        table.extend(*name);
        table.extend(word(HEAD_BYTES + table_bytes + data.len()));
        table.extend(word(element.len()));
        data.extend(element);
    }
    let mut profile = head(HEAD_BYTES + table.len() + data.len());
    profile.extend(table);
    profile.extend(data);
    profile
}

/// A number of 32 bits.
fn word(number: usize) -> Vec<u8> {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes().to_vec()
}

fn head(whole_bytes: usize) -> Vec<u8> {
    let mut head = word(whole_bytes);
    head.extend([0; 4]); // no colour management module is preferred
    head.extend(b"\x04\x20\0\0mntrRGB XYZ ");
    // Made at the beginning of 2024: the same bytes each time.
    head.extend([2024_u16, 1, 1, 0, 0, 0].map(u16::to_be_bytes).concat());
    head.extend(b"acsp");
    head.extend([0; 28]); // platform, flags, device, attributes, intent
    head.extend(D50.map(i32::to_be_bytes).concat());
    head.resize(HEAD_BYTES, 0);
    head
}

/// English words (ICC.1 §10.13).
fn words(text: &str) -> Vec<u8> {
    let letters: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut element = b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS".to_vec();
    element.extend(word(letters.len()));
    element.extend(word(28));
    element.extend(letters);
    padded(element)
}

fn numbers(kind: &[u8; 4], numbers: &[Fixed]) -> Vec<u8> {
    let mut element = kind.to_vec();
    element.extend([0; 4]);
    element.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    element
}

fn curve(kind: u8, parameters: &[Fixed]) -> Vec<u8> {
    let mut element = b"para\0\0\0\0\0".to_vec();
    element.extend([kind, 0, 0]);
    element.extend(parameters.iter().flat_map(|number| number.to_be_bytes()));
    element
}

/// Filled up to four bytes, on which every element begins.
fn padded(mut element: Vec<u8>) -> Vec<u8> {
    element.resize(element.len().next_multiple_of(4), 0);
    element
}

/// A profile of an object for pictures of red, green and blue, without what fills up its value; none where it is
/// no such profile.
pub(super) fn of_object(value: &[u8]) -> Option<&[u8]> {
    let said = usize::try_from(u32::from_be_bytes(*value.first_chunk()?)).ok()?;
    let is_profile = value.get(36..40) == Some(b"acsp") && value.get(16..20) == Some(b"RGB ");
    let fits = (HEAD_BYTES..=value.len().min(MAX_PROFILE_BYTES)).contains(&said);
    if is_profile && fits { value.get(..said) } else { None }
}

/// Whether a profile calls itself one of sRGB, in letters of 8 or of 16 bits.
pub(super) fn is_srgb(profile: &[u8]) -> bool {
    let wide: Vec<u8> = "sRGB".encode_utf16().flat_map(u16::to_be_bytes).collect();
    [b"sRGB".as_slice(), &wide].iter().any(|name| memchr::memmem::find(profile, name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_spaces_with_a_name_are_whole() {
        for space in [Space::Srgb, Space::AdobeRgb, Space::RommRgb] {
            let profile = space.profile();
            assert_eq!(of_object(&profile), Some(profile.as_slice()));
            assert_eq!(is_srgb(&profile), space == Space::Srgb);
            // White is all three primaries together, but for how each of them was rounded where it was published.
            let sum = |at: usize| space.primaries().iter().map(|primary| primary[at]).sum::<Fixed>();
            assert!((0..3).all(|at| (sum(at) - D50[at]).abs() <= 16), "{space:?}");
        }
    }

    #[test]
    fn the_profile_of_srgb_has_its_tags() {
        let profile = Space::Srgb.profile();
        assert_eq!(of_object(&profile), Some(profile.as_slice()));
        assert!(is_srgb(&profile) && is_srgb(b"xsRGB IEC") && !is_srgb(b"Adobe RGB"));
        let mut filled = profile.clone();
        filled.push(0);
        assert_eq!(of_object(&filled), Some(profile.as_slice()));
        let number = |at: usize| u32::from_be_bytes(profile[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((number(0), number(128)), (profile.len(), 10));
        for tag in 0..10 {
            let (at, length) = (number(128 + 4 + 12 * tag + 4), number(128 + 4 + 12 * tag + 8));
            assert!(at % 4 == 0 && at + length <= profile.len());
        }
    }

    #[test]
    fn what_is_no_profile_of_colours_is_none() {
        let profile = Space::Srgb.profile();
        let changed = |at: usize, byte: u8| {
            let mut profile = profile.clone();
            profile[at] = byte;
            profile
        };
        assert_eq!(of_object(b""), None);
        assert_eq!(of_object(&profile[..100]), None);
        assert_eq!(of_object(&profile[..profile.len() - 1]), None);
        assert_eq!(of_object(&changed(36, b'x')), None);
        assert_eq!(of_object(&changed(16, b'G')), None);
        assert_eq!(of_object(&changed(0, 1)), None);
    }
}
