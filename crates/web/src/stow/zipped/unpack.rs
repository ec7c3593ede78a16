//! The members of an archive, one after another, told to whoever takes them. Blocking.

use std::io::{self, BufReader, Read};

use bytes::{Bytes, BytesMut};
use causeway_archive::AsideReader;
use tokio::sync::mpsc;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::MAX_MEMBERS;
use super::contents::claimed_members;
use crate::stow::broken::Broken;

/// Bytes of one piece.
const PIECE_BYTES: usize = 256 * 1024;
/// Where `DICM` stands (PS3.10 §7.1).
const MAGIC_AT: usize = 128;

/// What is found in an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    /// A file begins.
    Begin,
    Data(Bytes),
    /// The file is whole.
    End,
    /// The file is not whole, or a member cannot be unpacked.
    Broken(String),
    /// A DICOMDIR.
    Directory,
    /// An archive.
    Archive,
    /// Something that is no DICOM file.
    Other,
}

type Sender = mpsc::Sender<Unpacked>;

/// Unpacks all members, which together may be `max_bytes`. Ends early when no one listens any more.
pub(super) fn unpack(mut archive: AsideReader, max_bytes: u64, sender: &Sender) -> Result<(), Broken> {
    let no_archive = |error: &dyn std::fmt::Display| Broken::NoArchive(error.to_string());
    let claimed = claimed_members(&mut archive).map_err(|error| no_archive(&error.kind()))?;
    if claimed.is_some_and(|members| members > MAX_MEMBERS as u64) {
        return Err(Broken::TooManyMembers);
    }
    let mut archive = ZipArchive::new(BufReader::new(archive))
        .map_err(|_| no_archive(&"its table of contents is broken"))?;
    if archive.len() > MAX_MEMBERS {
        return Err(Broken::TooManyMembers);
    }
    let mut left = max_bytes;
    for index in 0..archive.len() {
        let went = match archive.by_index(index) {
            Ok(member) if member.is_dir() => Ok(()),
            Ok(member) => unpack_member(member, index, &mut left, sender),
            Err(_) => {
                tell(sender, Unpacked::Broken(format!("member {index} of the archive cannot be unpacked")))
            }
        };
        match went {
            Ok(()) => {}
            Err(Ended::Unheard) => return Ok(()),
            Err(Ended::Bomb) => return Err(Broken::Bomb),
        }
    }
    Ok(())
}

/// Why no more is unpacked.
enum Ended {
    /// No one listens.
    Unheard,
    /// It is more than may be.
    Bomb,
}

fn tell(sender: &Sender, unpacked: Unpacked) -> Result<(), Ended> {
    sender.blocking_send(unpacked).map_err(|_| Ended::Unheard)
}

fn unpack_member(
    mut member: ZipFile<'_, BufReader<AsideReader>>,
    index: usize,
    left: &mut u64,
    sender: &Sender,
) -> Result<(), Ended> {
    let is_directory = member.name().is_ok_and(|name| {
        name.rsplit(['/', '\\']).next().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR"))
    });
    if is_directory {
        return tell(sender, Unpacked::Directory);
    }
    let mut begun = false;
    loop {
        // One byte more than is left, to see whether there is more.
        let most = usize::try_from(left.saturating_add(1)).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let Ok(piece) = piece(&mut member, most) else {
            let words = format!("member {index} of the archive is broken");
            return tell(sender, Unpacked::Broken(words));
        };
        if !begun {
            if let Some(what) = aside_of(&piece) {
                return tell(sender, what);
            }
            tell(sender, Unpacked::Begin)?;
            begun = true;
        }
        if piece.is_empty() {
            return tell(sender, Unpacked::End);
        }
        *left = match left.checked_sub(piece.len() as u64) {
            Some(left) => left,
            None => {
                tell(sender, Unpacked::Broken("the archive unpacks to more than it may".to_owned()))?;
                return Err(Ended::Bomb);
            }
        };
        tell(sender, Unpacked::Data(piece))?;
    }
}

/// The next bytes of a member, as many as asked for but at its end.
fn piece(member: &mut impl Read, bytes: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(bytes);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match member.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.freeze())
}

/// What a member is that is no DICOM file; of one that may be, the archive says more.
fn aside_of(beginning: &[u8]) -> Option<Unpacked> {
    let has_prefix = beginning.get(MAGIC_AT..MAGIC_AT + 4) == Some(b"DICM");
    // A first element of group 0002 or 0008 without a preamble.
    let is_bare = matches!(beginning.get(..4), Some([0x02 | 0x08, 0, _, 0] | [0, 0x08, 0, _]));
    if has_prefix || is_bare {
        None
    } else if beginning.starts_with(b"PK\x03\x04") {
        Some(Unpacked::Archive)
    } else {
        Some(Unpacked::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_file_is_told_by_its_beginning() {
        let mut file = vec![0; MAGIC_AT];
        assert_eq!(aside_of(&file), Some(Unpacked::Other));
        file.extend_from_slice(b"DICM");
        assert_eq!(aside_of(&file), None);
        assert_eq!(aside_of(b"\x08\x00\x05\x00CS"), None);
        assert_eq!(aside_of(b"PK\x03\x04rest"), Some(Unpacked::Archive));
        assert_eq!(aside_of(b""), Some(Unpacked::Other));
    }

    #[test]
    fn pieces_are_full_until_the_end() {
        let mut member = io::Cursor::new([7; 10]).chain(io::Cursor::new([8; 3]));
        assert_eq!(piece(&mut member, 12).unwrap().len(), 12);
        assert_eq!(piece(&mut member, 12).unwrap().len(), 1);
        assert_eq!(piece(&mut member, 12).unwrap().len(), 0);
    }
}
