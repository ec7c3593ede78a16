//! Items of encapsulated pixel data in bytes that are at hand (PS3.5 §A.4, §7.5).

use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::pixels::PixelError;

/// Bytes of the header of an item.
pub const ITEM_HEADER_BYTES: usize = 8;
/// Bytes that show whether a fragment is the first of a frame.
pub(super) const START_BYTES: usize = 12;
/// Fewest bytes that are given at a time, unless there are no more.
pub const MIN_WINDOW_BYTES: usize = ITEM_HEADER_BYTES + START_BYTES;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const DELIMITER: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];

/// What stands where an item is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// An item with a value of so many bytes.
    Of(u32),
    /// The end of all items.
    Delimiter,
}

impl Item {
    /// The header at the beginning of `bytes`; none where that is not all there.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Some((tag, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let Some(length) = rest.first_chunk().map(|length| u32::from_le_bytes(*length)) else {
            return Ok(None);
        };
        match *tag {
            ITEM => Ok(Some(Self::Of(length))),
            DELIMITER => Ok(Some(Self::Delimiter)),
            _ => Err(PixelError::Fragments("something other than an item stands between them").into()),
        }
    }
}

/// The fragments of a frame put together, from the items they are in; a single one is not copied.
pub(super) fn joined(items: &Bytes) -> Result<Bytes, Error> {
    let mut rest = items.clone();
    let mut frame: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while !rest.is_empty() {
        let fragment = fragment(&mut rest)?;
        match frame.take() {
            None => frame = Some(fragment),
            Some(first) => {
                if more.is_empty() {
                    more.reserve(items.len());
                    more.extend_from_slice(&first);
                }
                more.extend_from_slice(&fragment);
                frame = Some(first);
            }
        }
    }
    let broken = || PixelError::Fragments("a frame has none").into();
    if more.is_empty() { frame.ok_or_else(broken) } else { Ok(more.freeze()) }
}

/// Takes the first item off `rest`.
fn fragment(rest: &mut Bytes) -> Result<Bytes, Error> {
    let broken = || PixelError::Fragments("a frame ends in the middle of one");
    let Some(Item::Of(length)) = Item::read(rest)? else { return Err(broken().into()) };
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(ITEM_HEADER_BYTES));
    let end = end.filter(|end| *end <= rest.len()).ok_or_else(broken)?;
    Ok(rest.split_to(end).slice(ITEM_HEADER_BYTES..))
}
