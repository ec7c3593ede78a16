//! Keys, and the text of the file that holds them: a line for each, `ID base64-of-32-bytes`. The first seals what is new,
//! all of them open. `ID lost` says that a key is gone for good. No key is ever shown.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::fault::Fault;

/// Longest id, in bytes: each segment of an object has room for it.
pub(super) const MAX_ID_BYTES: usize = 16;
/// Most keys in a file.
pub(super) const MAX_KEYS: usize = 256;
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// What a line says in place of a key that is gone for good.
const LOST: &str = "lost";
/// Parts what is derived here from whatever else may be derived of a key.
const LABEL: &[u8] = b"causeway sealed object 1";

/// The id of a key: letters, digits, '.', '_' and '-', at most [`MAX_ID_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// As it stands in an object: with zeros behind it.
    pub(super) fn padded(&self) -> [u8; MAX_ID_BYTES] {
        let mut padded = [0; MAX_ID_BYTES];
        for (to, from) in padded.iter_mut().zip(self.0.bytes()) {
            *to = from;
        }
        padded
    }

    /// Reads it from there.
    pub(super) fn unpadded(padded: &[u8]) -> Option<Self> {
        let id = padded.split(|byte| *byte == 0).next()?;
        let is_padding = padded.get(id.len()..)?.iter().all(|byte| *byte == 0);
        std::str::from_utf8(id).ok()?.parse().ok().filter(|_| is_padding)
    }
}

impl FromStr for KeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_sound) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("an id is 1 to {MAX_ID_BYTES} letters, digits, '.', '_' and '-'"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of a new key, as a line has them.
pub(super) fn generate() -> Result<Zeroizing<String>, Fault> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(bytes.as_mut()).map_err(|_| Fault::Cryptography("drawing a key"))?;
    Ok(Zeroizing::new(STANDARD.encode(bytes.as_ref())))
}

/// A key, of which only what is derived from it is held.
pub(super) struct Key {
    pub(super) id: KeyId,
    derived: Prk,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    fn new(id: KeyId, bytes: &[u8; KEY_BYTES]) -> Self {
        Self { id, derived: Salt::new(HKDF_SHA256, LABEL).extract(bytes) }
    }

    /// The key of the one object of this salt and name (RFC 5869). The salt is always as long, so that no two of them run
    /// into the same bytes.
    pub(super) fn of_object(&self, salt: &[u8; 32], name: &str) -> Result<LessSafeKey, Fault> {
        let failed = |_| Fault::Cryptography("deriving the key of an object");
        let info = [salt.as_slice(), name.as_bytes()];
        let derived = self.derived.expand(&info, &AES_256_GCM).map_err(failed)?;
        Ok(LessSafeKey::new(UnboundKey::from(derived)))
    }
}

/// The keys of a file.
#[derive(Debug, Clone)]
pub struct Keys {
    first: Arc<Key>,
    all: BTreeMap<KeyId, Option<Arc<Key>>>,
    order: Vec<KeyId>,
}

impl Keys {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// Says which line is wrong, and never what stands in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut seen: Vec<Zeroizing<[u8; KEY_BYTES]>> = Vec::new();
        let (mut first, mut all, mut order) = (None, BTreeMap::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |words: String| format!("line {number}: {words}");
            let Some((id, word)) = parts(line).map_err(|words| wrong(words.to_owned()))? else { continue };
            let id: KeyId = id.parse().map_err(wrong)?;
            if all.contains_key(&id) {
                return Err(wrong(format!("the id {id} stands there twice: give each key an id of its own")));
            }
            if all.len() == MAX_KEYS {
                return Err(wrong(format!(
                    "there are more than {MAX_KEYS} keys: take out what no object needs"
                )));
            }
            let key = if word == LOST {
                None
            } else {
                let bytes = decoded(word).map_err(|words| wrong(words.to_owned()))?;
                if seen.iter().any(|other| **other == *bytes) {
                    return Err(wrong(format!("{id} has the bytes of another id: take one of them out")));
                }
                let key = Arc::new(Key::new(id.clone(), &bytes));
                seen.push(bytes);
                first.get_or_insert_with(|| Arc::clone(&key));
                Some(key)
            };
            if first.is_none() {
                return Err(wrong(format!("{id} is lost, and the first key must seal what is new")));
            }
            all.insert(id.clone(), key);
            order.push(id);
        }
        let first = first.ok_or("there is no key in it: make one with `causeway store keys new`")?;
        Ok(Self { first, all, order })
    }

    /// The key that seals what is new.
    #[must_use]
    pub fn first(&self) -> &KeyId {
        &self.first.id
    }

    /// All ids, in the order of the file.
    #[must_use]
    pub fn ids(&self) -> &[KeyId] {
        &self.order
    }

    /// Whether a key is there and not lost.
    #[must_use]
    pub fn holds(&self, id: &KeyId) -> bool {
        self.all.get(id).is_some_and(Option::is_some)
    }

    pub(super) fn sealing(&self) -> Arc<Key> {
        Arc::clone(&self.first)
    }

    pub(super) fn opening(&self, id: &KeyId) -> Result<Arc<Key>, Fault> {
        match self.all.get(id) {
            Some(Some(key)) => Ok(Arc::clone(key)),
            Some(None) => Err(Fault::Lost(id.clone())),
            None => Err(Fault::NoKey(id.clone())),
        }
    }
}

/// Id and key of a line; none: it is empty, or a comment.
fn parts(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(id), Some(key), None) => Ok(Some((id, key))),
        _ => Err("it must be an id, a space, and 32 bytes in base64"),
    }
}

fn decoded(word: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, &'static str> {
    const WRONG: &str = "the key must be 32 bytes in base64, as `openssl rand -base64 32` writes them";
    // The library asks for room for what is left over of three bytes.
    let mut room = Zeroizing::new([0; KEY_BYTES + 4]);
    match STANDARD.decode_slice(word, room.as_mut()) {
        Ok(KEY_BYTES) => {
            let key = room.first_chunk().ok_or(WRONG)?;
            Ok(Zeroizing::new(*key))
        }
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const TWO: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn the_first_key_seals_and_all_open() {
        let keys = Keys::parse(&format!("# ours\n\nnew {ONE}\n  old\t{TWO}  \ngone lost\n")).unwrap();
        assert_eq!(keys.first().to_string(), "new");
        assert_eq!(keys.ids().len(), 3);
        let id = |text: &str| text.parse::<KeyId>().unwrap();
        assert_eq!(keys.opening(&id("old")).unwrap().id, id("old"));
        assert_eq!(keys.opening(&id("gone")).unwrap_err(), Fault::Lost(id("gone")));
        assert_eq!(keys.opening(&id("other")).unwrap_err(), Fault::NoKey(id("other")));
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        for (text, words) in [
            (String::new(), "no key in it"),
            (format!("a {ONE}\nb"), "line 2: it must be an id"),
            (format!("a {ONE} x"), "line 1: it must be an id"),
            (format!("a {}", &ONE[1..]), "line 1: the key must be 32 bytes"),
            (format!("a {ONE}{ONE}"), "line 1: the key must be 32 bytes"),
            ("a c2hvcnQ=".to_owned(), "line 1: the key must be 32 bytes"),
            (format!("a {ONE}\na {TWO}"), "line 2: the id a stands there twice"),
            (format!("a {ONE}\nb {ONE}"), "line 2: b has the bytes of another id"),
            (format!("a lost\nb {ONE}"), "a is lost, and the first key must seal"),
            (format!("a/b {ONE}"), "line 1: an id is 1 to 16"),
            (format!("{} {ONE}", "x".repeat(17)), "line 1: an id is 1 to 16"),
        ] {
            let said = Keys::parse(&text).unwrap_err();
            assert!(said.contains(words), "{said}");
            assert!(!said.contains("AAAA") && !said.contains("c2hv"), "{said}");
        }
        let shown = format!("{:?}", Keys::parse(&format!("a {ONE}")).unwrap());
        assert!(!shown.contains("AAAA") && shown.contains("Key(a)"), "{shown}");
    }

    #[test]
    fn a_file_holds_so_many_keys_and_no_more() {
        let lines = |count: usize| {
            let lost = (1..count).map(|number| format!("key{number} lost\n"));
            std::iter::once(format!("first {ONE}\n")).chain(lost).collect::<String>()
        };
        assert!(Keys::parse(&lines(MAX_KEYS)).is_ok());
        assert!(Keys::parse(&lines(MAX_KEYS + 1)).unwrap_err().contains("more than 256"));
    }

    #[test]
    fn an_id_is_read_as_it_was_written() {
        for text in ["a", "0123456789abcdef", "k-2026.1_x"] {
            let id: KeyId = text.parse().unwrap();
            assert_eq!(KeyId::unpadded(&id.padded()), Some(id));
        }
        let mut padded = [0; MAX_ID_BYTES];
        assert_eq!(KeyId::unpadded(&padded), None);
        (padded[0], padded[2]) = (b'a', b'b');
        assert_eq!(KeyId::unpadded(&padded), None);
    }

    #[test]
    fn a_new_key_can_be_read_and_is_another_each_time() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(*one, *two);
        assert!(Keys::parse(&format!("a {}\nb {}", *one, *two)).is_ok());
    }
}
