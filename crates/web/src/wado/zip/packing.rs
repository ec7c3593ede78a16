//! The files of an archive as a stream: while one is being sent, the next few are already being opened. Of each file
//! that has gone there stay its record in the directory and its line in the list of entries, nothing else.

use bytes::Bytes;
use causeway_archive::{Archive, Object, RetrieveError, Wanted};
use causeway_core::Uid;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::dicomdir::{DirectoryError, File, KeyReader, StudyDirectory};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::names::Names;
use super::{Readme, format};
use crate::problem::Problem;
use crate::wado::parts::{PARTS_AHEAD, Parcel};

/// What README.TXT says. Lines end as every system knows them.
const README: &str = "This is a DICOM File-set: medical images and documents of one study, as standard files.\r\n\
\r\n\
To look at them, open the file DICOMDIR, or this whole folder, with a DICOM viewer. The files\r\n\
themselves are in the folder DICOM; their names have no ending, which is as it should be.\r\n\
Unpack the archive first: few viewers open it as it is.\r\n\
\r\n\
These are medical data about a person. Keep them as carefully as a paper record, and pass them\r\n\
on only to those who need them for the treatment.\r\n";
/// Files beside those of the study.
const README_NAME: &str = "README.TXT";
const DIRECTORY_NAME: &str = "DICOMDIR";

/// Why an archive ends before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackingError {
    /// A file cannot be read.
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    /// Its directory cannot be written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<PackingError> for Problem {
    fn from(error: PackingError) -> Self {
        match error {
            PackingError::Retrieve(error) => error.into(),
            PackingError::Directory(error) => {
                Self::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
        }
    }
}

/// A file that is being sent.
struct Going {
    parcel: Parcel,
    object: Object,
    keys: KeyReader,
    name: [String; 5],
}

/// What is left to pack.
pub(super) struct Packing {
    files: BoxStream<'static, Result<(Parcel, Object), RetrieveError>>,
    going: Option<Going>,
    names: Names,
    /// Nothing when all has been packed.
    packed: Option<Packed>,
    readme: Readme,
}

/// What was packed.
struct Packed {
    archive: format::Archive,
    directory: StudyDirectory,
}

impl Packing {
    /// Of `parcels`, whose digest also names the File-set, so that the same files are the same archive.
    pub(super) fn new(archive: Archive, parcels: Vec<Parcel>, readme: Readme, digest: [u8; 32]) -> Self {
        let open = move |parcel| open(archive.clone(), parcel);
        let directory = StudyDirectory::new(name_of(digest));
        Self {
            files: stream::iter(parcels).map(open).buffered(PARTS_AHEAD).boxed(),
            going: None,
            names: Names::default(),
            packed: Some(Packed { archive: format::Archive::default(), directory }),
            readme,
        }
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, PackingError> {
        let Some(packed) = &mut self.packed else { return Ok(None) };
        let mut out = Vec::new();
        if self.readme == Readme::With {
            self.readme = Readme::Without;
            put_whole(&mut packed.archive, README_NAME, README.as_bytes(), &mut out);
        }
        if self.going.is_none()
            && let Some((parcel, object)) = self.files.next().await.transpose()?
        {
            let name = self.names.next(&parcel.instance.ids);
            packed.archive.begin(name.join("/"), object.file_bytes(), &mut out);
            packed.archive.data(&object.file_meta, &mut out);
            let keys = KeyReader::new(Layout::of(&object.transfer_syntax));
            self.going = Some(Going { parcel, object, keys, name });
        }
        let Some(going) = &mut self.going else { return self.close(out) };
        match going.object.chunk().await? {
            Some(chunk) => {
                going.keys.feed(&chunk);
                packed.archive.data(&chunk, &mut out);
            }
            None => {
                packed.archive.end(&mut out);
                if let Some(going) = self.going.take() {
                    list(&mut packed.directory, going);
                }
            }
        }
        Ok(Some(Bytes::from(out)))
    }

    /// What stands behind the files of the study.
    fn close(&mut self, mut out: Vec<u8>) -> Result<Option<Bytes>, PackingError> {
        let Some(Packed { mut archive, directory }) = self.packed.take() else { return Ok(None) };
        put_whole(&mut archive, DIRECTORY_NAME, &directory.finish()?, &mut out);
        archive.finish(&mut out);
        Ok(Some(Bytes::from(out)))
    }
}

/// A name for the File-set, made of a digest as a UUID of version 8 (RFC 9562 §5.8).
fn name_of(digest: [u8; 32]) -> Uid {
    let bits = u128::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 16]));
    let (version, variant) = (0xF_u128 << 76, 0b11_u128 << 62);
    Uid::of_uuid(bits & !version & !variant | 8 << 76 | 0b10 << 62)
}

fn put_whole(archive: &mut format::Archive, name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    archive.begin(name.to_owned(), Some(bytes.len() as u64), out);
    archive.data(bytes, out);
    archive.end(out);
}

fn list(directory: &mut StudyDirectory, going: Going) {
    let Going { parcel: Parcel { instance, transfer_syntax, .. }, keys, name, .. } = going;
    let file = File {
        ids: &instance.ids,
        sop_class: &instance.sop_class,
        transfer_syntax: &transfer_syntax,
        file_id: &name,
    };
    directory.add(&file, &keys.finish());
}

async fn open(archive: Archive, parcel: Parcel) -> Result<(Parcel, Object), RetrieveError> {
    let wanted = Wanted::OneOf(vec![parcel.transfer_syntax.clone()]);
    let object = archive.open_instance(&parcel.instance, &wanted).await?;
    Ok((parcel, object))
}
