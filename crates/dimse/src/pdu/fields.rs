//! Walking bytes of association control: numbers big endian, items of type, reserved byte and length (PS3.8 §9.3.1).

use causeway_core::Uid;

/// What is left of a PDU or of an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

/// An item or sub-item.
pub(super) struct Item<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    /// Bytes behind a 16-bit length.
    pub(super) fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        self.bytes(usize::from(length))
    }

    /// The next item: none at the end, an error when it is cut short.
    pub(super) fn item(&mut self) -> Result<Option<Item<'a>>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut read = || {
            let [kind, _] = self.take()?;
            Some(Item { kind, value: self.sized()? })
        };
        read().map(Some).ok_or("an item of association control is longer than what holds it")
    }
}

/// The UID in `value`, padded or not; none when it is no UID.
pub(super) fn uid(value: &[u8]) -> Option<Uid> {
    Uid::parse(std::str::from_utf8(value).ok()?.trim()).ok()
}

/// The text in `value` without padding, at most `limit` characters; none when nothing is left.
pub(super) fn text(value: &[u8], limit: usize) -> Option<String> {
    let text: String = value.iter().filter(|b| (b' '..=b'~').contains(*b)).map(|b| char::from(*b)).collect();
    let text: String = text.trim().chars().take(limit).collect();
    (!text.is_empty()).then_some(text)
}
