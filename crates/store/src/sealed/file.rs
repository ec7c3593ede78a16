//! The file of the keys: who may read it, and how it is changed. All of it blocks.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::keys::{self, KeyId, Keys};
use crate::files;

/// Longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// What nobody but the owner may, and the group but read (0640).
const FORBIDDEN_MODE: u32 = 0o037;
/// The first lines of a new file.
const TITLE: &str = "# Keys of the objects of a Causeway node: the first seals, all open. `causeway store keys` adds to them.\n\
                     # Without its key an object is lost: keep a copy of this file apart from the store and from its backups.\n";

/// Where a new key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It seals from now on.
    First,
    /// It opens only: for nodes to learn of before one seals with it.
    Last,
}

/// Reads a key file.
///
/// # Errors
/// Says what is wrong with it, and what to do.
pub fn read(path: &Path) -> Result<Keys, String> {
    read_both(path).map(|(_, keys)| keys)
}

/// Adds a new key, of this id or of one that tells the month of `now`, in UTC; makes the file where there is none. Gives the id.
///
/// # Errors
/// When there is a file that cannot be read or written, or it holds the id.
pub fn add(path: &Path, id: Option<KeyId>, place: Place, now: Timestamp) -> Result<KeyId, String> {
    let there = if path.exists() { Some(read_both(path)?) } else { None };
    let known = there.as_ref().map_or(&[][..], |(_, keys)| keys.ids());
    let id = match id {
        Some(id) if known.contains(&id) => {
            return Err(format!("{}: there is a key {id} already: choose another id", path.display()));
        }
        Some(id) => id,
        None => free_id(known, now),
    };
    let key = keys::generate().map_err(|fault| fault.to_string())?;
    let line = Zeroizing::new(format!("{id} {}\n", *key));
    let changed = Zeroizing::new(match (&there, place) {
        (None, _) => format!("{TITLE}{}", *line),
        (Some((text, _)), Place::First) => before_first_key(text, &line),
        (Some((text, _)), Place::Last) => format!("{}\n{}", text.trim_end(), *line),
    });
    replace(path, &changed)?;
    Ok(id)
}

/// Has a key that is there seal from now on.
///
/// # Errors
/// When the file cannot be read or written, or does not hold the key.
pub fn make_first(path: &Path, id: &KeyId) -> Result<(), String> {
    let (text, keys) = read_both(path)?;
    if !keys.holds(id) {
        return Err(format!("{}: there is no key {id} in it", path.display()));
    }
    let is_its = |line: &str| line.split_ascii_whitespace().next() == Some(id.to_string().as_str());
    let mut rest = Zeroizing::new(String::with_capacity(text.len()));
    let mut own = Zeroizing::new(String::new());
    for line in text.lines() {
        let to = if is_its(line) { &mut own } else { &mut rest };
        to.push_str(line);
        to.push('\n');
    }
    replace(path, &Zeroizing::new(before_first_key(&rest, &own)))
}

/// The text of a key file, and the keys that it holds.
fn read_both(path: &Path) -> Result<(Zeroizing<String>, Keys), String> {
    let text = read_text(path)?;
    let keys = Keys::parse(&text).map_err(|words| format!("{}: {words}", path.display()))?;
    Ok((text, keys))
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, String> {
    let wrong = |words: String| format!("{}: {words}", path.display());
    let file = File::open(path).map_err(|error| {
        wrong(format!(
            "it cannot be read ({error}): make it with `causeway store keys new`, or correct its name"
        ))
    })?;
    let found = file.metadata().map_err(|error| wrong(error.to_string()))?;
    let mode = found.permissions().mode();
    if mode & FORBIDDEN_MODE != 0 {
        let mode = mode & 0o777;
        return Err(wrong(format!(
            "others may read or change it (mode {mode:04o}): chmod it to 0600, or 0640"
        )));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(wrong(format!("it is longer than {MAX_FILE_BYTES} bytes: it is no key file")));
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(found.len()).unwrap_or_default()));
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    Ok(text)
}

/// Behind the comments that the file begins with.
fn before_first_key(text: &str, line: &str) -> String {
    let is_comment = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let at: usize = text.split_inclusive('\n').take_while(is_comment).map(str::len).sum();
    let (comments, rest) = text.split_at_checked(at).unwrap_or(("", text));
    format!("{comments}{line}{rest}")
}

/// Puts a file in place of another, with who owns and may read it; whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: it cannot be written: {error}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        if let Ok(found) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt as _;
            // The node runs as another than whoever adds a key, more often than not.
            std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()))?;
            file.set_permissions(found.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)
    })();
    if let Err(error) = written {
        // Nothing of a key is left behind.
        let _ = fs::remove_file(&part);
        return Err(wrong(error));
    }
    files::sync_folder(folder).map_err(|error| error.to_string())
}

/// `k2026-11`, or `k2026-11.2` and so on where that is taken.
fn free_id(known: &[KeyId], now: Timestamp) -> KeyId {
    let month = format!("k{}", now.strftime("%Y-%m"));
    let names = std::iter::once(month.clone()).chain((2_u32..).map(|number| format!("{month}.{number}")));
    let mut ids = names.filter_map(|name| name.parse().ok());
    ids.find(|id| !known.contains(id)).unwrap_or_else(|| unreachable!("there are fewer keys than numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn ids(path: &Path) -> Vec<String> {
        read(path).unwrap().ids().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_is_made_and_added_to_and_stays_whose_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let first = add(&path, None, Place::First, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(first.to_string(), "k1970-01");
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let second = add(&path, None, Place::First, Timestamp::UNIX_EPOCH).unwrap();
        let third = add(&path, Some("third".parse().unwrap()), Place::Last, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(ids(&path), [second.to_string(), first.to_string(), third.to_string()]);
        assert_eq!(mode(&path), 0o640);
        make_first(&path, &third).unwrap();
        assert_eq!(ids(&path), [third.to_string(), second.to_string(), first.to_string()]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(TITLE), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(
            add(&path, Some(third.clone()), Place::Last, Timestamp::UNIX_EPOCH)
                .unwrap_err()
                .contains("choose another id")
        );
        assert!(make_first(&path, &"none".parse().unwrap()).unwrap_err().contains("no key none"));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        assert!(read(&path).unwrap_err().contains("causeway store keys new"));
        add(&path, None, Place::First, Timestamp::UNIX_EPOCH).unwrap();
        for wrong in [0o644, 0o604, 0o660, 0o601, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wrong)).unwrap();
            let said = read(&path).unwrap_err();
            assert!(said.contains("chmod it to 0600"), "{said}");
            assert_eq!(add(&path, None, Place::First, Timestamp::UNIX_EPOCH).unwrap_err(), said);
        }
        for right in [0o600, 0o640, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(right)).unwrap();
            assert!(read(&path).is_ok());
        }
    }
}
