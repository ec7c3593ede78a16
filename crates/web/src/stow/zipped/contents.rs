//! The end of a zip archive, which says how large its table of contents is: looked at before anyone reads the table
//! (APPNOTE.TXT §4.3.14 to §4.3.16).

use std::io::{self, Read, Seek, SeekFrom};

/// The record at the end, without its comment.
const END_BYTES: usize = 22;
const END: &[u8] = b"PK\x05\x06";
/// A comment is as long as two bytes can tell.
const MAX_COMMENT_BYTES: usize = 65_535;
/// What stands before it in large archives, and leads to a record with wider numbers.
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const WIDE_END: &[u8] = b"PK\x06\x06";
const WIDE_END_BYTES: usize = 56;

/// How many members each of the records that could be the end of an archive claims, the most of all; none where there
/// is no such record.
pub(super) fn claimed_members(archive: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let bytes = archive.seek(SeekFrom::End(0))?;
    let tail_bytes = bytes.min((END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES) as u64);
    archive.seek(SeekFrom::Start(bytes - tail_bytes))?;
    let mut tail = Vec::new();
    archive.take(tail_bytes).read_to_end(&mut tail)?;
    let mut most = None;
    for at in memchr::memmem::find_iter(&tail, END) {
        let Some(members) = number::<2>(&tail, at + 10) else { continue };
        most = most.max(Some(members));
        let locator = at.checked_sub(LOCATOR_BYTES).filter(|at| starts_at(&tail, *at, LOCATOR));
        let wide = locator.and_then(|at| number::<8>(&tail, at + 8));
        if let Some(wide) = wide {
            most = most.max(members_of_wide_end(archive, wide)?);
        }
    }
    archive.seek(SeekFrom::Start(0))?;
    Ok(most)
}

fn members_of_wide_end(archive: &mut (impl Read + Seek), at: u64) -> io::Result<Option<u64>> {
    let mut record = Vec::new();
    archive.seek(SeekFrom::Start(at))?;
    archive.take(WIDE_END_BYTES as u64).read_to_end(&mut record)?;
    Ok(number::<8>(&record, 32).filter(|_| starts_at(&record, 0, WIDE_END)))
}

fn starts_at(bytes: &[u8], at: usize, what: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(what))
}

/// A little endian number of so many bytes.
fn number<const BYTES: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let found = bytes.get(at..)?.first_chunk::<BYTES>()?;
    Some(found.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn end(members: u16) -> Vec<u8> {
        [END, &[0; 6], &members.to_le_bytes(), &[0; 10]].concat()
    }

    fn claimed(archive: &[u8]) -> Option<u64> {
        claimed_members(&mut Cursor::new(archive)).unwrap()
    }

    #[test]
    fn the_most_that_is_claimed_counts() {
        assert_eq!(claimed(b""), None);
        assert_eq!(claimed(b"PK\x05\x06"), None);
        assert_eq!(claimed(&end(7)), Some(7));
        assert_eq!(claimed(&[vec![1; 100], end(7), vec![b'c'; MAX_COMMENT_BYTES]].concat()), Some(7));
        assert_eq!(claimed(&[end(9), end(7)].concat()), Some(9));
    }

    #[test]
    fn wide_numbers_are_followed() {
        let wide = [WIDE_END, &[0; 28], &1_000_000_u64.to_le_bytes(), &[0; 16]].concat();
        let locator = [LOCATOR, &[0; 4], &5_u64.to_le_bytes(), &[0; 4]].concat();
        assert_eq!(
            claimed(&[vec![0; 5], wide.clone(), locator.clone(), end(0xFFFF)].concat()),
            Some(1_000_000)
        );
        assert_eq!(claimed(&[vec![0; 6], wide, locator, end(3)].concat()), Some(3));
    }
}
